"""Who is given a record, written before anything of it is opened; and what its history tells (SPEC 7, 12)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from io import BytesIO
from typing import Any

import httpx
import pytest
from PIL import Image

from kernel.documents import MemoryDocuments
from kernel.errors import Unavailable
from schemas.autorizacion import Rol
from schemas.eventos import AccesoRegistrado, DestruccionOrdenada, RegistroClasificado
from schemas.paquete import Parte
from services.mesa_control import agent
from services.mesa_control.acceso import domain
from services.mesa_control.acceso.handlers import ProyectorDeHistoria
from services.mesa_control.domain import Eleccion, Orden
from tests.support.ejemplos import ejemplo
from tests.support.mesa import EPOCA, PROCESO, Mesa, folio

ENTERO = {Parte.DATOS, Parte.ANVERSO, Parte.REVERSO, Parte.FOTO, Parte.FIRMA}
SIGUIENTE = f"/api/siguiente?proceso={PROCESO}"


@pytest.fixture
async def mesa() -> AsyncIterator[Mesa]:
    mesa = Mesa()
    await mesa.empieza()
    yield mesa
    await mesa.stream.stop()


@pytest.fixture
async def http(mesa: Mesa) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(mesa.app(), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=mesa.puerta.public_url) as client:
        client.cookies.update(await mesa.puerta.entra("operador1"))
        yield client


async def _urls(http: httpx.AsyncClient) -> dict[str, str]:
    return {i["parte"]: i["url"] for i in (await http.get(SIGUIENTE)).json()["imagenes"]}


# Written first -----------------------------------------------------------------------------------------------------------


async def test_un_registro_con_sus_cuatro_imagenes_es_un_solo_asiento(mesa: Mesa, http: httpx.AsyncClient) -> None:
    await mesa.llega(1)
    for url in (await _urls(http)).values():
        assert (await http.get(url)).status_code == 200
    [acceso] = await mesa.accedidos()
    assert (acceso.quien, set(acceso.partes), acceso.via) == ("operador1", ENTERO, "asignacion")
    assert acceso.hasta == mesa.reloj.now() + timedelta(minutes=10)


async def test_lo_que_no_se_pudo_asentar_no_se_muestra(
    mesa: Mesa, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await mesa.llega(1)
    urls = await _urls(http)
    leidos: list[str] = []
    leer, escribir = mesa.expedientes.get, mesa.salida.write

    async def anotando(name: str, start: int = 0, length: int | None = None) -> bytes:
        leidos.append(name)
        return await leer(name, start, length)

    async def fallando(writes: Any) -> set[str]:
        raise Unavailable("outbox")

    monkeypatch.setattr(mesa.expedientes, "get", anotando)
    monkeypatch.setattr(mesa.salida, "write", fallando)
    for camino in (SIGUIENTE, f"/api/registros/{folio(1)}", f"/api/registros/{folio(1)}/imagenes/foto"):
        assert (await http.get(camino)).status_code == 503
    assert leidos == []
    assert (await http.get(urls["foto"])).status_code == 200  # it was written down before
    monkeypatch.setattr(mesa.salida, "write", escribir)
    assert (await http.get(f"/api/registros/{folio(1)}/imagenes/foto")).status_code == 200


@pytest.mark.parametrize("quien", ["operador2", "supervisor1"])
async def test_el_acceso_de_una_persona_no_ampara_a_otra(mesa: Mesa, http: httpx.AsyncClient, quien: str) -> None:
    await mesa.llega(1)
    url = (await _urls(http))["foto"]
    http.cookies.clear()
    http.cookies.update(await mesa.puerta.entra(quien))
    assert (await http.get(url)).status_code == 200
    assert [(a.quien, a.via) for a in await mesa.accedidos()] == [("operador1", "asignacion"), (quien, "imagen")]


async def test_un_acceso_vencido_inventado_o_de_otro_registro_no_ampara(mesa: Mesa, http: httpx.AsyncClient) -> None:
    await mesa.llega(1)
    await mesa.llega(2)
    url = (await _urls(http))["foto"]
    acceso = url.partition("acceso=")[2]
    ajena, inventado = f"/api/registros/{folio(2)}/imagenes/foto", "f" * 32
    mesa.reloj.avanza(seconds=1)
    assert (await http.get(f"{ajena}?acceso={acceso}")).status_code == 200
    assert (await http.get(url.replace(acceso, inventado))).status_code == 200
    mesa.reloj.avanza(minutes=10)
    assert (await http.get(url)).status_code == 200
    _, de_otro, sin_el, vencido = await mesa.accedidos()
    assert [(a.folio, a.partes, a.via) for a in (de_otro, sin_el, vencido)] == [
        (folio(2), [Parte.FOTO], "imagen"),
        (folio(1), [Parte.FOTO], "imagen"),
        (folio(1), [Parte.FOTO], "imagen"),
    ]
    assert (await http.get(f"{ajena}?acceso=x")).status_code == 422


async def test_otro_proceso_del_servicio_reconoce_el_acceso_que_no_escribio(
    mesa: Mesa, http: httpx.AsyncClient
) -> None:
    await mesa.llega(1)
    url = (await _urls(http))["firma"]
    mesa.accesos._recientes.clear()
    assert (await http.get(url)).status_code == 200
    assert len(await mesa.accedidos()) == 1


async def test_abrir_por_folio_se_asienta_aparte_con_lo_que_se_entrega(mesa: Mesa, http: httpx.AsyncClient) -> None:
    await mesa.llega(1)
    registro = (await http.get(f"/api/registros/{folio(1)}")).json()
    for imagen in registro["imagenes"]:
        await http.get(imagen["url"])
    [acceso] = await mesa.accedidos()
    assert (acceso.via, set(acceso.partes)) == ("folio", ENTERO)


async def test_los_que_se_piden_a_la_vez_se_asientan_juntos_y_cada_uno_por_si_mismo(mesa: Mesa) -> None:
    for n in range(1, 21):
        await mesa.llega(n)
    escrituras = 0
    escribir = mesa.salida.write

    async def contando(writes: Any) -> set[str]:
        nonlocal escrituras
        escrituras += 1
        return await escribir(writes)

    mesa.salida.write = contando  # type: ignore[method-assign]
    await asyncio.gather(*(mesa.servicio.registro(folio(n), "operador1") for n in range(1, 21)))
    assert {a.folio for a in await mesa.accedidos()} == {folio(n) for n in range(1, 21)}
    assert escrituras < 20


async def test_lo_que_se_asentaba_antes_pasa_al_topic_una_sola_vez(mesa: Mesa) -> None:
    antiguos = MemoryDocuments()
    for n, que in enumerate(("datos", "imagen:foto", "imagen:firma")):
        documento = {"_id": f"00000000-0000-4000-8000-{n:012d}", "quien": "operador1", "que": que}
        await antiguos.put_if_absent({**documento, "folio": folio(1), "cuando": EPOCA + timedelta(seconds=n)})
    copia = MemoryDocuments()
    for documento in await antiguos.find({}):
        await copia.put_if_absent(documento)
    await mesa.accesos.heredar(antiguos)
    await mesa.accesos.heredar(copia)  # a process that died before it had removed them
    assert (await antiguos.find({}), await copia.find({})) == ([], [])
    heredados = await mesa.accedidos()
    assert [(a.quien, a.partes, a.via, a.desde, a.hasta) for a in heredados] == [
        ("operador1", [parte], "anterior", EPOCA + timedelta(seconds=n), None)
        for n, parte in enumerate((Parte.DATOS, Parte.FOTO, Parte.FIRMA))
    ]


# The mark ----------------------------------------------------------------------------------------------------------------


async def test_cada_imagen_que_sale_dice_en_su_archivo_a_quien_se_dio_y_bajo_que_acceso(
    mesa: Mesa, http: httpx.AsyncClient
) -> None:
    await mesa.llega(1)
    urls = await _urls(http)
    [acceso] = await mesa.accedidos()
    esperada = f"Apoyo: operador1 2026-11-21T18:00:00Z {acceso.acceso}".encode()
    for url in urls.values():
        with Image.open(BytesIO((await http.get(url)).content)) as abierta:
            assert abierta.info["comment"] == esperada
    http.cookies.clear()
    http.cookies.update(await mesa.puerta.entra("supervisor1"))
    suya = await http.get(urls["firma"])
    assert b"Apoyo: supervisor1 " in suya.content
    assert b"operador1" not in suya.content


async def test_ninguna_direccion_lleva_datos_de_la_persona_ni_se_guarda_lo_que_responde(
    mesa: Mesa, http: httpx.AsyncClient
) -> None:
    await mesa.llega(1)
    answer = await http.get(SIGUIENTE)
    registro = answer.json()
    direcciones = [str(answer.url), *(i["url"] for i in registro["imagenes"])]
    enviado = [c["enviado"] for c in registro["campos"] if c["enviado"]]
    dichos = [dato for dato in enviado if len(dato) > 2]
    assert len(dichos) >= 4
    assert [(d, dato) for d in direcciones for dato in dichos if dato in d] == []
    for direccion in direcciones:
        assert (await http.get(direccion)).headers["cache-control"] == "no-store"


# The history -------------------------------------------------------------------------------------------------------------


async def _vida(mesa: Mesa) -> list[Any]:
    """A record by a rule, quarantined, retried, given, decided twice; what the other services said of it."""
    recibido, _, compulsado = await mesa.eventos(1, reglas=["fuera_de_periodo"])
    apartado = mesa.apartado(1)
    abierto = (await mesa.eventos(1, reglas=["fuera_de_periodo"]))[1].model_copy(update={"version": 2})
    for n, evento in enumerate((recibido, apartado)):
        await mesa.recibe(evento, n)
    return [recibido, apartado, abierto, compulsado]


async def test_la_historia_dice_quien_y_cuando_sin_datos_de_la_persona(mesa: Mesa, http: httpx.AsyncClient) -> None:
    recibido, apartado, abierto, compulsado = await _vida(mesa)
    for n, evento in enumerate((abierto, compulsado), 2):
        await mesa.recibe(evento, n)
    await http.get(SIGUIENTE)
    mesa.reloj.avanza(seconds=9)
    await mesa.servicio.decidir(folio(1), "operador1", Orden((), 1), "llave-1")
    mesa.reloj.avanza(seconds=9)
    orden = Orden((Eleccion("f", "Ilegible: OCR"),), 1, reemplaza=1, excepciones=("j",))
    await mesa.servicio.decidir(folio(1), "operador1", orden, "llave-2")
    await mesa.cuenta_la_historia(recibido, apartado, abierto, compulsado)
    http.cookies.clear()
    http.cookies.update(await mesa.puerta.entra("auditor1"))
    pasos = (await http.get(f"/api/registros/{folio(1)}/historia")).json()["pasos"]
    hechos = {(p["texto"], p["quien"]) for p in pasos}
    assert hechos == {
        ("Recibido", None),
        ("No se pudo abrir: en cuarentena", None),
        ("Abierto y examinado", None),
        ("Consulta preliminar al padrón", None),
        ("Se le asignó para revisarlo y se le entregó", "operador1"),
        ("Decidido: quien revisó no encontró inconsistencia; la hay por regla", "operador1"),
        ("Decidido con inconsistencia", "operador1"),
    }
    [primera, segunda] = [p for p in pasos if p["que"] == "registro_clasificado"]
    assert primera["por_regla"] == segunda["por_regla"] == ["La captura se hizo fuera del periodo"]
    assert "f) Algún elemento es ilegible, u otra causa (Ilegible: OCR)" in segunda["detalle"]
    assert "j) válida por excepción: Válida: es la que aparece en la credencial" in segunda["detalle"]
    pagina = (await http.get(f"/registros/{folio(1)}")).text
    datos = (await mesa.servicio.registro(folio(1), "operador1")).datos
    for dato in (datos.nombre, datos.primer_apellido, datos.clave_elector, datos.cic, datos.ocr):
        assert dato
        assert dato not in pagina
    assert "operador1" in pagina


async def test_la_historia_dice_por_que_orden_se_destruyeron_los_datos(mesa: Mesa, http: httpx.AsyncClient) -> None:
    await mesa.cuenta_la_historia(*await _vida(mesa))
    http.cookies.clear()
    http.cookies.update(await mesa.puerta.entra("auditor1"))
    ruta = f"registros/{folio(1)}"
    assert (await http.get(f"/api/{ruta}/historia")).json()["destruccion"] is None
    assert "se destruyeron" not in (await http.get(f"/{ruta}")).text
    mesa.actores.aplicar(ejemplo(DestruccionOrdenada), mesa.actores.offset)
    destruccion = (await http.get(f"/api/{ruta}/historia")).json()["destruccion"]
    assert (destruccion["por"], destruccion["numeral"], destruccion["documento"]) == (
        "ine1",
        "P 16.1",
        "INE/DERFE/0412/2026",
    )
    assert "se destruyeron por orden de ine1, del 23 nov 2026" in (await http.get(f"/{ruta}")).text


async def test_la_historia_es_la_misma_en_cualquier_orden_y_repetida(mesa: Mesa) -> None:
    await mesa.llega(1)
    await mesa.servicio.siguiente("operador1", PROCESO)
    await mesa.servicio.decidir(folio(1), "operador1", Orden((), 1), "llave-1")
    topics = (AccesoRegistrado.topic, RegistroClasificado.topic)
    registros = [r for topic in topics for r in [x async for x in mesa.stream.read(topic)]]
    dichos = []
    for orden in (registros, registros[::-1] + registros):
        historias = MemoryDocuments()
        contar = agent.historia(ProyectorDeHistoria(historias))
        for record in orden:
            await contar(record)
        [historia] = await historias.find({})
        dichos.append(historia["pasos"])
    assert dichos[0] == dichos[1]
    assert [p["que"] for p in dichos[0]] == ["acceso_registrado", "registro_clasificado"]


async def test_quien_abre_sin_parar_no_borra_lo_demas_de_la_historia(
    mesa: Mesa, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(domain, "ACCESOS_EN_LA_HISTORIA", 3)
    await mesa.llega(1)
    await mesa.servicio.siguiente("operador1", PROCESO)
    await mesa.servicio.decidir(folio(1), "operador1", Orden((), 1), "llave-1")
    for _ in range(5):
        mesa.reloj.avanza(seconds=1)
        await mesa.servicio.imagen(folio(1), "foto", "supervisor1")
    await mesa.cuenta_la_historia()
    [historia] = await mesa.historias.find({})
    assert [p["que"] for p in historia["pasos"]] == ["registro_clasificado", *["acceso_registrado"] * 3]
    assert historia["pasos"][-1]["cuando"] == mesa.reloj.now()


@pytest.mark.parametrize("rol", [Rol.OPERADOR, Rol.PROMOVENTE])
async def test_quien_revisa_o_promueve_no_ve_quien_abrio_que(mesa: Mesa, http: httpx.AsyncClient, rol: Rol) -> None:
    mesa.puerta.cuenta("quien", rol, **({"solicitud": "CI26-0001"} if rol is Rol.PROMOVENTE else {}))
    http.cookies.clear()
    http.cookies.update(await mesa.puerta.entra("quien"))
    for camino in (f"/registros/{folio(1)}", f"/api/registros/{folio(1)}/historia"):
        assert (await http.get(camino)).status_code == 403


async def test_de_un_folio_que_no_consta_se_dice_que_no_existe(mesa: Mesa, http: httpx.AsyncClient) -> None:
    http.cookies.clear()
    http.cookies.update(await mesa.puerta.entra("auditor1"))
    answer = await http.get(f"/api/registros/{folio(7)}/historia")
    assert (answer.status_code, answer.json()["code"]) == (404, "registro_desconocido")
    assert (await http.get("/registros", params={"folio": folio(7)})).headers["location"] == f"/registros/{folio(7)}"
