"""Quarantine over HTTP: the page asks before it retries, and its API does the same."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from schemas.envelope import leer
from schemas.eventos import POR_TIPO, DestruccionOrdenada, ReintentoSolicitado
from tests.support.ejemplos import ejemplo
from tests.support.mesa import PROCESO, Mesa, folio

PAGINA = f"/cuarentena?proceso={PROCESO}"
REINTENTAR = f"/cuarentena/reintentar?proceso={PROCESO}"
API = f"/api/cuarentena/reintentos?proceso={PROCESO}"
LLAVE = {"Idempotency-Key": "llave-0001"}


@pytest.fixture
async def mesa() -> AsyncIterator[Mesa]:
    async with Mesa.en_marcha() as mesa:
        yield mesa


@pytest.fixture
async def http(mesa: Mesa) -> AsyncIterator[httpx.AsyncClient]:
    async with mesa.cliente("supervisor1") as http:
        yield http


async def reintentos(mesa: Mesa) -> dict[str, ReintentoSolicitado]:
    leidos = [leer(POR_TIPO, r.headers, r.value).evento async for r in mesa.stream.read("reintentos")]
    return {e.folio: e for e in leidos if isinstance(e, ReintentoSolicitado)}


async def _tres(mesa: Mesa) -> None:
    await mesa.aparta(1, "llave_desconocida", "ci26-2")
    await mesa.aparta(2, "imagen_invalida", "foto: no es JPEG ni PNG")
    await mesa.aparta(3, "llave_desconocida", "ci26-2")


async def test_la_pagina_dice_cuantos_por_que_y_quien_puede_actuar(mesa: Mesa, http: httpx.AsyncClient) -> None:
    assert "Todo lo recibido se pudo abrir" in (await http.get(PAGINA)).text
    await _tres(mesa)
    texto = (await http.get(PAGINA)).text
    for dicho in ("3 registros no se pudieron abrir", "Falta la llave privada del proceso", "Operación", folio(2)):
        assert dicho in texto
    filtrada = (await http.get(f"{PAGINA}&llave=ci26-2")).text
    assert folio(1) in filtrada
    assert folio(2) not in filtrada


async def test_lo_destruido_por_orden_se_dice_y_no_se_ofrece_reintentarlo(mesa: Mesa, http: httpx.AsyncClient) -> None:
    await _tres(mesa)
    antes = (await http.get(PAGINA)).text
    assert "nada se ha perdido" in antes
    assert 'value="filtro"' in antes
    mesa.actores.aplicar(ejemplo(DestruccionOrdenada, proceso=PROCESO), mesa.actores.offset)
    texto = (await http.get(PAGINA)).text
    assert "por orden del 23 nov 2026" in texto
    assert "nada se ha perdido" not in texto
    assert 'value="filtro"' not in texto


async def test_se_pregunta_antes_de_reintentar_lo_del_filtro_y_luego_se_ve_su_avance(
    mesa: Mesa, http: httpx.AsyncClient
) -> None:
    await _tres(mesa)
    forma = {"llave": "llave-0001", "alcance": "filtro", "motivo": "", "llave_que_falta": "ci26-2"}
    pregunta = await http.post(REINTENTAR, data=forma)
    assert "¿Abrir otra vez 2 registros?" in pregunta.text
    assert await reintentos(mesa) == {}
    hecho = await http.post(REINTENTAR, data=forma | {"confirmado": "si"})
    assert hecho.status_code == 303
    assert set(await reintentos(mesa)) == {folio(1), folio(3)}
    assert {e.por for e in (await reintentos(mesa)).values()} == {"supervisor1"}
    pagina = (await http.get(hecho.headers["location"])).text
    assert "Se pidió abrir otra vez 2 registros." in pagina
    assert "<b data-en_espera>2</b>" in pagina
    assert "data-espera" in pagina


async def test_se_reintenta_solo_lo_marcado(mesa: Mesa, http: httpx.AsyncClient) -> None:
    await _tres(mesa)
    forma = {"llave": "llave-0001", "alcance": "elegidos", "folio": [folio(2), folio(3)], "confirmado": "si"}
    assert (await http.post(REINTENTAR, data=forma)).status_code == 303
    assert set(await reintentos(mesa)) == {folio(2), folio(3)}
    # The same form sent again, for example from the history, retries nothing twice.
    assert (await http.post(REINTENTAR, data=forma)).status_code == 303
    assert len([r async for r in mesa.stream.read("reintentos")]) == 2


async def test_sin_marcar_nada_se_dice_en_una_pagina(mesa: Mesa, http: httpx.AsyncClient) -> None:
    await _tres(mesa)
    answer = await http.post(
        REINTENTAR, data={"llave": "llave-0001", "alcance": "elegidos"}, headers={"Accept": "text/html"}
    )
    assert answer.status_code == 422
    assert "No eligió ningún registro" in answer.text
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("dia", ["2026-02-30", "9999-12-31"])
async def test_una_fecha_que_no_existe_se_dice(mesa: Mesa, http: httpx.AsyncClient, dia: str) -> None:
    answer = await http.get(f"{PAGINA}&hasta={dia}")
    assert (answer.status_code, answer.json()["code"]) == (422, "fecha_invalida")


async def test_el_dia_de_recepcion_es_de_hora_centro_y_el_ultimo_se_incluye(
    mesa: Mesa, http: httpx.AsyncClient
) -> None:
    await _tres(mesa)  # received on 20 November, 12:01 to 12:03 hora Centro
    for dias, cuantos in (("desde=2026-11-20&hasta=2026-11-20", 3), ("desde=2026-11-21", 0), ("hasta=2026-11-19", 0)):
        visto = (await http.get(f"/api/cuarentena?proceso={PROCESO}&{dias}")).json()
        assert len(visto["registros"]) == cuantos, dias


async def test_la_api_lista_muestra_y_reintenta_una_vez_por_llave(mesa: Mesa, http: httpx.AsyncClient) -> None:
    await _tres(mesa)
    visto = (await http.get(f"/api/cuarentena?proceso={PROCESO}&motivo=llave_desconocida")).json()
    assert visto["grupos"][0] | {"que": "", "texto": ""} == {
        "motivo": "llave_desconocida",
        "texto": "",
        "quien": "Operación",
        "que": "",
        "registros": 2,
        "en_espera": 0,
    }
    assert [r["folio"] for r in visto["registros"]] == [folio(1), folio(3)]
    assert visto["por_reintentar"] == 2
    orden: dict[str, Any] = {"motivo": "llave_desconocida"}
    hecho = {"solicitados": 2, "ya_solicitados": 0, "quedan": 0}
    assert (await http.post(API, json=orden, headers=LLAVE)).json() == hecho
    assert (await http.post(API, json=orden, headers=LLAVE)).json() == hecho
    uno = (await http.get(f"/api/cuarentena/{folio(1)}")).json()
    assert (uno["situacion"], uno["reintentos"], uno["reintentado_por"]) == ("en_espera", 1, "supervisor1")
    otra = await http.post(API, json=orden, headers={"Idempotency-Key": "llave-0002"})
    assert (otra.status_code, otra.json()["code"]) == (409, "nada_que_reintentar")
    assert (await http.get(f"/api/cuarentena/{folio(9)}")).json()["code"] == "registro_desconocido"


async def test_reintentar_pide_llave_de_idempotencia_y_el_mismo_origen(mesa: Mesa, http: httpx.AsyncClient) -> None:
    await _tres(mesa)
    assert (await http.post(API, json={})).status_code == 422
    answer = await http.post(API, json={}, headers=LLAVE | {"Origin": "https://otra.invalid"})
    assert answer.status_code == 403
    forma = {"llave": "llave-0001", "alcance": "filtro", "confirmado": "si"}
    assert (await http.post(REINTENTAR, data=forma, headers={"Origin": "https://otra.invalid"})).status_code == 403
    assert await reintentos(mesa) == {}


async def test_quien_audita_ve_y_no_reintenta_y_quien_opera_no_ve(mesa: Mesa, http: httpx.AsyncClient) -> None:
    await _tres(mesa)
    http.cookies.clear()
    http.cookies.update(await mesa.puerta.entra("auditor1"))
    texto = (await http.get(PAGINA)).text
    assert folio(1) in texto
    assert "Reintentar" not in texto
    http.cookies.clear()
    http.cookies.update(await mesa.puerta.entra("operador1"))
    assert (await http.get(PAGINA)).status_code == 403
