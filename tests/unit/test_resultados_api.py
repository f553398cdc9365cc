"""The HTTP edge: roles, answers, live totals, pages."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from schemas.ciclo_de_vida import VERSION, Estado
from schemas.eventos import DestruccionOrdenada
from services.resultados import metrics
from tests.support.ejemplos import ejemplo
from tests.support.resultados import PROCESO, Resultados, folio, vida
from tests.support.servidor import servir

RUTAS = (
    f"/api/procesos/{PROCESO}/totales",
    f"/api/folios/{folio(1)}",
    f"/procesos/{PROCESO}",
    f"/folios/{folio(1)}",
)


@pytest.fixture
async def resultados() -> Resultados:
    resultados = Resultados()
    await resultados.start()
    for n, estado in enumerate(Estado):
        await resultados.recibir(vida(estado, 10 * n + 1))
    return resultados


@pytest.fixture
async def cliente(resultados: Resultados) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(resultados.app())
    async with httpx.AsyncClient(transport=transport, base_url=resultados.puerta.public_url) as client:
        client.cookies.update(await resultados.puerta.entra("auditor"))
        yield client


@pytest.fixture
async def promovente(resultados: Resultados) -> AsyncIterator[httpx.AsyncClient]:
    """Of solicitud CI26-0001."""
    transport = httpx.ASGITransport(resultados.app())
    async with httpx.AsyncClient(transport=transport, base_url=resultados.puerta.public_url) as client:
        client.cookies.update(await resultados.puerta.entra("promovente"))
        yield client


async def test_un_promovente_ve_los_totales_de_su_solicitud_y_de_ninguna_otra(
    resultados: Resultados, promovente: httpx.AsyncClient
) -> None:
    for n in (1, 2, 3):
        await resultados.recibir(vida(Estado.EN_LISTA_NOMINAL, 900 + n, "CI26-0002"))
    totales = (await promovente.get(RUTAS[0])).json()
    assert totales["recibidos"] == sum(totales["estados"].values()) == 10
    assert [s["solicitud"] for s in totales["por_solicitud"]] == ["CI26-0001"]
    pagina = (await promovente.get(RUTAS[2])).text
    assert "Se recibieron 10 registros" in pagina
    assert "CI26-0002" not in pagina
    assert "Voces del Valle" not in pagina
    ajeno = folio(901, "CI26-0002")
    assert (await promovente.get(f"/api/folios/{ajeno}")).status_code == 403
    assert (await promovente.get(f"/folios/{ajeno}")).status_code == 403


async def test_a_un_promovente_no_se_le_dice_que_folio_de_otro_es_de_la_misma_persona(
    resultados: Resultados, promovente: httpx.AsyncClient, cliente: httpx.AsyncClient
) -> None:
    *antes, compulsado = vida(Estado.DUPLICADO, 950)
    ajeno = folio(951, "CI26-0002")
    await resultados.recibir([*antes, compulsado.model_copy(update={"duplicado_de": ajeno})])
    for ruta in (f"/api/folios/{folio(950)}", f"/folios/{folio(950)}"):
        propio = await promovente.get(ruta)
        assert ajeno not in propio.text
        assert "Ya había un registro de la misma persona" in propio.text
        assert ajeno in (await cliente.get(ruta)).text


async def test_destruidos_los_datos_se_dice_por_que_orden_y_los_totales_se_quedan(
    resultados: Resultados, cliente: httpx.AsyncClient
) -> None:
    await resultados.recibir(vida(Estado.EN_PROCESAMIENTO, 990, cuarentena=True))
    antes = [(await cliente.get(ruta)).json() for ruta in RUTAS[:2]]
    assert antes[1]["datos_destruidos"] is None
    assert "se destruyeron" not in (await cliente.get(RUTAS[3])).text
    resultados.actores.aplicar(ejemplo(DestruccionOrdenada, proceso=PROCESO), 10**6)
    resultados.consultas._vigentes.clear()
    totales, ficha = [(await cliente.get(ruta)).json() for ruta in RUTAS[:2]]
    assert (totales["estados"], totales["cuadra"]) == (antes[0]["estados"], True)
    assert ficha["estado"] == antes[1]["estado"]
    assert (ficha["datos_destruidos"]["numeral"], ficha["datos_destruidos"]["documento"]) == (
        "P 16.1",
        "INE/DERFE/0412/2026",
    )
    en_cuarentena = [metrics.PAQUETES.labels(PROCESO, que)._value.get() for que in ("en_cuarentena", "destruido")]
    assert en_cuarentena == [0, totales["en_cuarentena"]] == [0, 1]
    assert "nunca se pudo abrir" in (await cliente.get(f"/folios/{folio(990)}")).text
    for ruta in RUTAS[2:]:
        assert "se destruyeron por orden del 23 nov 2026" in (await cliente.get(ruta)).text


async def test_los_totales_traen_los_diez_estados_y_cuadran(cliente: httpx.AsyncClient) -> None:
    totales = (await cliente.get(RUTAS[0])).json()
    assert totales["estados"] == {estado.value: 1 for estado in Estado}
    assert totales["recibidos"] == sum(totales["estados"].values()) == 10
    assert totales["cuadra"]
    assert totales["regla_version"] == VERSION
    assert [s["solicitud"] for s in totales["por_solicitud"]] == ["CI26-0001", "CI26-0002"]
    assert totales["al"].endswith("+00:00")
    assert set(totales["posiciones"]) == {"registro_recibido", "descifrado", "compulsado", "clasificado"}


async def test_un_folio_dice_su_estado_sus_motivos_y_sus_hechos(promovente: httpx.AsyncClient) -> None:
    n = list(Estado).index(Estado.CON_INCONSISTENCIA)
    ficha = (await promovente.get(f"/api/folios/{folio(10 * n + 1)}")).json()
    assert ficha["estado"] == "con_inconsistencia"
    assert [(m["clave"], m["detalle"]) for m in ficha["motivos"]] == [("i", "Cubrebocas"), ("fuera_de_periodo", None)]
    assert all(m["descripcion"] for m in ficha["motivos"])
    assert {h["topic"]: h["version"] for h in ficha["hechos"]} == {
        "registro_recibido": 1,
        "descifrado": 1,
        "compulsado": 1,
        "clasificado": 1,
    }
    assert ficha["corte"] == "2026-10-31"


async def test_un_folio_no_dice_quien_lo_reviso_ni_datos_sellados(promovente: httpx.AsyncClient) -> None:
    respuesta = await promovente.get(f"/api/folios/{folio(61)}")
    for oculto in ("operador1", "sellado", '"persona"', '"objeto"', '"geo"'):
        assert oculto not in respuesta.text


@pytest.mark.parametrize("ruta", ["/api/folios/X", "/api/procesos/XX99/totales", "/api/procesos/XX99/eventos"])
async def test_lo_que_no_existe_es_404_en_espanol(cliente: httpx.AsyncClient, ruta: str) -> None:
    respuesta = await cliente.get(ruta)
    assert respuesta.status_code == 404
    assert respuesta.headers["content-type"] == "application/problem+json"


async def test_la_busqueda_de_un_folio_lleva_a_su_pagina(cliente: httpx.AsyncClient) -> None:
    hallado = await cliente.get("/folios", params={"folio": f" {folio(1)} "})
    assert (hallado.status_code, hallado.headers["location"]) == (303, f"/folios/{folio(1)}")
    perdido = await cliente.get("/folios", params={"folio": "<script>"}, follow_redirects=True)
    assert perdido.status_code == 404
    assert "<script>" not in perdido.text


async def test_con_un_solo_proceso_la_portada_lleva_a_el_y_con_varios_los_lista(
    cliente: httpx.AsyncClient, resultados: Resultados
) -> None:
    assert (await cliente.get("/")).headers["location"] == f"/procesos/{PROCESO}"
    proceso = resultados.actores.procesos[PROCESO]
    resultados.actores.aplicar(proceso.model_copy(update={"proceso": "RM27"}), 9)
    portada = await cliente.get("/")
    assert portada.text.count("Todavía no se recibe ningún registro.") == 1
    resultados.actores.procesos.clear()
    assert "Todavía no hay procesos" in (await cliente.get("/")).text
    assert (await cliente.get(f"/procesos/{PROCESO}")).status_code == 404


async def test_las_paginas_no_llevan_estilos_ni_programas_en_linea(cliente: httpx.AsyncClient) -> None:
    for ruta in RUTAS[2:]:
        pagina = (await cliente.get(ruta)).text
        assert "style=" not in pagina
        assert "<style" not in pagina
        assert "<script>" not in pagina
        assert "onclick" not in pagina


async def _siguiente(lineas: AsyncIterator[str]) -> dict[str, object]:
    async for linea in lineas:
        if linea.startswith("data: "):
            return dict(json.loads(linea.removeprefix("data: ")))
    raise AssertionError("the stream ended")


async def test_los_totales_en_vivo_llegan_al_cambiar_y_terminan_cuando_el_lector_se_va(resultados: Resultados) -> None:
    cookies = await resultados.puerta.entra("auditor")
    async with servir(resultados.app()) as url, httpx.AsyncClient(base_url=url, cookies=cookies) as client:
        async with client.stream("GET", f"/api/procesos/{PROCESO}/eventos") as respuesta:
            assert respuesta.headers["content-type"].startswith("text/event-stream")
            lineas = respuesta.aiter_lines()
            assert (await _siguiente(lineas))["recibidos"] == 10
            await resultados.recibir(vida(Estado.EN_PROCESAMIENTO, 999))
            assert (await asyncio.wait_for(_siguiente(lineas), 5))["recibidos"] == 11
            assert metrics.ESPECTADORES._value.get() == 1
        async with asyncio.timeout(5):
            while metrics.ESPECTADORES._value.get():
                await asyncio.sleep(0.05)


async def test_los_totales_en_vivo_terminan_con_la_sesion(resultados: Resultados) -> None:
    """Nothing is sent to who may no longer see it: here, because the account is dismissed meanwhile."""
    cookies = await resultados.puerta.entra("auditor")
    async with (
        servir(resultados.app()) as url,
        httpx.AsyncClient(base_url=url, cookies=cookies) as client,
        client.stream("GET", f"/api/procesos/{PROCESO}/eventos") as respuesta,
    ):
        lineas = respuesta.aiter_lines()
        assert (await _siguiente(lineas))["recibidos"] == 10
        cuenta = resultados.actores.cuentas["auditor"]
        resultados.puerta.registra(cuenta.model_copy(update={"version": 2, "activa": False}))
        await resultados.recibir(vida(Estado.EN_PROCESAMIENTO, 999))
        with pytest.raises(AssertionError, match="the stream ended"):
            await asyncio.wait_for(_siguiente(lineas), 10)
