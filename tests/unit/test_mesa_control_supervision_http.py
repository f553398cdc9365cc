"""Supervision over HTTP: orders made, changed and ended by programs and by forms, what is wrong told at its field."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest

from schemas.eventos import AccesoRegistrado
from services.mesa_control.domain import Orden
from tests.support.mesa import PROCESO, Mesa, folio

CON_LLAVE = {"Idempotency-Key": "llave-0001"}
UNA = {"partes": [{"cuentas": ["operador1"], "porcentaje": 60}, {"cuentas": ["operador2"], "porcentaje": 40}]}


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
        client.cookies.update(await mesa.puerta.entra("supervisor1"))
        client.headers["Origin"] = mesa.puerta.public_url
        yield client


async def _forma(http: httpx.AsyncClient, ruta: str, **datos: str | list[str]) -> httpx.Response:
    return await http.post(ruta, data={"llave": "forma-0001", **datos})


async def test_una_orden_se_da_se_cambia_y_termina_y_queda_su_historia(http: httpx.AsyncClient) -> None:
    orden = (await http.post(f"/api/repartos?proceso={PROCESO}", json=UNA, headers=CON_LLAVE)).json()
    assert (orden["version"], orden["por"], orden["fin"]) == (1, "supervisor1", None)
    otra_vez = await http.post(f"/api/repartos?proceso={PROCESO}", json=UNA, headers=CON_LLAVE)
    assert otra_vez.json() == orden
    ruta = f"/api/repartos/{orden['reparto']}"
    cambio = {"version": 1, "exclusivo": False, "partes": [{**p, "cuentas": ["operador2"]} for p in UNA["partes"]]}
    cambiada = await http.post(
        f"{ruta}/reasignacion?proceso={PROCESO}", json=cambio, headers={"Idempotency-Key": "llave-0002"}
    )
    assert cambiada.json()["version"] == 2
    tarde = await http.post(
        f"{ruta}/retiro?proceso={PROCESO}",
        json={"version": 1, "fin": "error"},
        headers={"Idempotency-Key": "llave-0003"},
    )
    assert (tarde.status_code, tarde.json()["code"], tarde.json()["por"]) == (409, "reparto_modificado", "supervisor1")
    fin = await http.post(
        f"{ruta}/retiro?proceso={PROCESO}",
        json={"version": 2, "fin": "cambio_de_carga"},
        headers={"Idempotency-Key": "llave-0004"},
    )
    assert fin.json()["fin"] == "cambio_de_carga"
    historia = (await http.get(f"{ruta}?proceso={PROCESO}")).json()
    assert [(v["version"], v["fin"]) for v in historia] == [(1, None), (2, None), (3, "cambio_de_carga")]


async def test_el_tablero_dice_la_carga_y_el_ritmo_de_cada_persona(http: httpx.AsyncClient, mesa: Mesa) -> None:
    for n in range(1, 8):
        await mesa.llega(n)
    for n in range(1, 5):
        mesa.reloj.avanza(seconds=10)
        await mesa.servicio.decidir(folio(n), "operador1", Orden((), 1), f"llave-{n:04}")
    await mesa.servicio.siguiente("operador2", PROCESO)
    visto = (await http.get(f"/api/supervision?proceso={PROCESO}")).json()
    personas = {p["cuenta"]: (p["decididos_hoy"], p["segundos"], p["tomados"]) for p in visto["personas"]}
    assert personas == {"operador1": (4, 10.0, 0), "operador2": (0, None, 1)}
    assert (visto["plazos"]["pendientes"], visto["decididos_hoy"]) == (3, 4)


async def test_quien_supervisa_llega_a_su_pagina_desde_el_inicio(http: httpx.AsyncClient) -> None:
    answer = await http.get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/supervision")
    assert "Nueva orden" in (await http.get("/supervision")).text


async def test_la_forma_ordena_y_dice_en_su_campo_lo_que_esta_mal(http: httpx.AsyncClient, mesa: Mesa) -> None:
    ruta = f"/supervision/repartos?proceso={PROCESO}"
    vacia = await _forma(http, ruta)
    assert vacia.status_code == 422
    assert "Elija al menos una persona" in vacia.text
    a_medias = await _forma(http, ruta, persona=["operador1", "operador2"], **{"porcentaje-operador1": "60"})
    assert a_medias.status_code == 422
    assert 'id="porcentaje-operador2-error"' in a_medias.text
    de_mas = await _forma(http, ruta, **{"porcentaje-operador1": "60", "porcentaje-operador2": "41"})
    assert "suman más de 100" in de_mas.text
    assert "Esa fecha no existe" in (await _forma(http, ruta, persona="operador1", antes="2026-02-31")).text
    assert mesa.repartos.ordenes == {}
    bien = await _forma(http, ruta, **{"porcentaje-operador1": "60", "porcentaje-operador2": "40"}, alertas="con")
    assert bien.status_code == 303
    (orden,) = mesa.repartos.vigentes(PROCESO)
    assert [(p.cuentas, p.porcentaje) for p in orden.partes] == [(["operador1"], 60), (["operador2"], 40)]
    assert (orden.con_alertas, orden.exclusivo) == (True, False)


async def test_la_forma_pasa_una_orden_a_otras_manos_y_la_retira(http: httpx.AsyncClient, mesa: Mesa) -> None:
    await _forma(http, f"/supervision/repartos?proceso={PROCESO}", persona="operador1", exclusivo="si")
    (orden,) = mesa.repartos.vigentes(PROCESO)
    ruta = f"/supervision/repartos/{orden.reparto}"
    pagina = (await http.get(f"{ruta}?proceso={PROCESO}")).text
    assert re.search(r'name="version" value="1"', pagina)
    sin_nadie = await http.post(f"{ruta}/reasignar?proceso={PROCESO}", data={"llave": "forma-0002", "version": "1"})
    assert sin_nadie.status_code == 422
    assert (
        await http.post(
            f"{ruta}/reasignar?proceso={PROCESO}",
            data={"llave": "forma-0003", "version": "1", "parte-0": "operador2", "exclusivo": "si"},
        )
    ).status_code == 303
    tarde = await http.post(
        f"{ruta}/retirar?proceso={PROCESO}", data={"llave": "forma-0004", "version": "0", "fin": "error"}
    )
    assert tarde.status_code == 422
    assert "Otra persona cambió esta orden" in tarde.text
    assert (
        await http.post(
            f"{ruta}/retirar?proceso={PROCESO}", data={"llave": "forma-0005", "version": "2", "fin": "ausencia"}
        )
    ).status_code == 303
    assert mesa.repartos.vigentes(PROCESO) == []
    assert "La persona no está" in (await http.get(f"/supervision?proceso={PROCESO}")).text


async def test_quien_supervisa_busca_un_folio_y_lo_abre_y_queda_anotado(http: httpx.AsyncClient, mesa: Mesa) -> None:
    await mesa.llega(1)
    pagina = (await http.get(f"/supervision?proceso={PROCESO}&texto={folio(1)[-6:]}")).text
    assert f'href="/supervision/registros/{folio(1)}"' in pagina
    abierta = await http.get(f"/supervision/registros/{folio(1)}")
    assert abierta.status_code == 200
    assert f"/api/registros/{folio(1)}/imagenes/anverso" in abierta.text
    accesos = [AccesoRegistrado.model_validate_json(r.value) async for r in mesa.stream.read("acceso")]
    assert [(a.quien, a.folio, a.via) for a in accesos] == [("supervisor1", folio(1), "folio")]


async def test_quien_audita_ve_la_carga_y_no_abre_ni_ordena(http: httpx.AsyncClient, mesa: Mesa) -> None:
    await mesa.llega(1)
    http.cookies.clear()
    http.cookies.update(await mesa.puerta.entra("auditor1"))
    pagina = (await http.get(f"/supervision?proceso={PROCESO}&texto={folio(1)}")).text
    assert "Nueva orden" not in pagina
    assert folio(1) not in pagina
    assert (await http.get(f"/supervision/registros/{folio(1)}")).status_code == 403
