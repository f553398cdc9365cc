"""The HTTP edge of Mesa de Control: who may ask, what is answered, and who opened what."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from kernel.images import shown
from schemas.eventos import DestruccionOrdenada
from schemas.paquete import IMAGENES, Parte
from tests.support.ejemplos import ejemplo
from tests.support.imagenes import SECRETO, con_segmentos, exif, jpeg, segmento
from tests.support.mesa import PROCESO, Mesa, folio, imagen

SIGUIENTE = f"/api/siguiente?proceso={PROCESO}"
LIMPIA: dict[str, Any] = {"inconsistencias": [], "compulsado_version": 1}


@pytest.fixture
async def mesa() -> AsyncIterator[Mesa]:
    async with Mesa.en_marcha() as mesa:
        yield mesa


@pytest.fixture
async def http(mesa: Mesa) -> AsyncIterator[httpx.AsyncClient]:
    async with mesa.cliente("operador1") as http:
        yield http


async def _decide(http: httpx.AsyncClient, n: int, orden: dict[str, Any], **headers: str) -> httpx.Response:
    return await http.post(
        f"/api/registros/{folio(n)}/decision", json=orden, headers={"Idempotency-Key": "llave-0001", **headers}
    )


async def test_sin_identificarse_no_se_ve_nada(http: httpx.AsyncClient) -> None:
    http.cookies.clear()
    answer = await http.get(SIGUIENTE)
    assert (answer.status_code, answer.json()["code"]) == (401, "identificacion_requerida")


async def test_cada_operador_ve_solo_los_procesos_que_alcanza(mesa: Mesa, http: httpx.AsyncClient) -> None:
    otro = mesa.actores.procesos[PROCESO].model_copy(update={"proceso": "RM26", "denominacion": "Otro proceso"})
    mesa.actores.aplicar(otro, 90)
    assert "Otro proceso" in (await http.get("/")).text
    mesa.puerta.registra(mesa.actores.cuentas["operador1"].model_copy(update={"version": 2, "procesos": [PROCESO]}))
    page = await http.get("/")
    assert "Otro proceso" not in page.text
    assert f'data-proceso="{PROCESO}"' in page.text


async def test_la_pagina_de_una_persona_no_decide_en_nombre_de_otra(mesa: Mesa, http: httpx.AsyncClient) -> None:
    await mesa.llega(1)
    http.cookies.clear()
    http.cookies.update(await mesa.puerta.entra("operador2"))
    answer = await _decide(http, 1, LIMPIA, **{"Apoyo-Cuenta": "operador1"})
    assert (answer.status_code, answer.json()["code"]) == (409, "otra_cuenta")
    assert (await _decide(http, 1, LIMPIA, **{"Apoyo-Cuenta": "operador2"})).json()["operador"] == "operador2"


async def test_el_siguiente_trae_lo_necesario_para_decidir(mesa: Mesa, http: httpx.AsyncClient) -> None:
    await mesa.llega(1, reglas=["fuera_de_periodo"], situacion="baja")
    record = (await http.get(SIGUIENTE)).json()
    assert record["folio"] == folio(1)
    assert record["solicitud"] == {"folio": "CI26-0001", "denominacion": "Aspirante de Prueba"}
    assert record["situacion"]["situacion"] == "baja"
    assert record["reglas"][0]["clave"] == "fuera_de_periodo"
    assert [i["parte"] for i in record["imagenes"]] == ["anverso", "reverso", "foto", "firma"]
    assert record["asignado_a"] == "operador1"
    assert record["vigencia_s"] == 600
    assert next(c for c in record["campos"] if c["clave"] == "cic")["enviado"] == "123456001"


async def test_la_cola_vacia_responde_204(http: httpx.AsyncClient) -> None:
    assert (await http.get(SIGUIENTE)).status_code == 204


async def test_la_imagen_sale_abierta_y_no_se_guarda_en_ninguna_parte(mesa: Mesa, http: httpx.AsyncClient) -> None:
    await mesa.llega(1)
    answer = await http.get(f"/api/registros/{folio(1)}/imagenes/reverso")
    assert shown(answer.content) == imagen("reverso", 1)
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "no-store"
    assert (await http.get(f"/api/registros/{folio(1)}/imagenes/datos")).json()["code"] == "imagen_desconocida"


async def test_de_una_imagen_se_piden_sus_bytes_y_no_el_expediente_entero(
    mesa: Mesa, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    pedidos: list[tuple[int, int | None, int]] = []
    leer = mesa.expedientes.get

    async def anotando(name: str, start: int = 0, length: int | None = None) -> bytes:
        leido = await leer(name, start, length)
        pedidos.append((start, length, len(leido)))
        return leido

    monkeypatch.setattr(mesa.expedientes, "get", anotando)
    await mesa.llega(1)
    await http.get(f"/api/registros/{folio(1)}/imagenes/reverso")
    [(start, length, leidos)] = pedidos
    assert start > 0
    assert length == leidos
    [nombre] = [n async for n in mesa.expedientes.names()]
    assert leidos < len(await leer(nombre))


async def test_la_imagen_se_muestra_sin_lo_que_su_archivo_trae_de_mas(
    mesa: Mesa, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    sucia = con_segmentos(jpeg(), segmento(0xE1, exif(6)), segmento(0xFE, SECRETO)) + b"PK\x03\x04" + SECRETO
    monkeypatch.setattr("tests.support.mesa.imagen", lambda parte, n: sucia)
    await mesa.llega(1)
    answer = await http.get(f"/api/registros/{folio(1)}/imagenes/foto")
    assert shown(answer.content) == shown(sucia)
    assert SECRETO not in answer.content
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'self'" in answer.headers["content-security-policy"]


async def test_lo_que_no_es_una_imagen_no_se_muestra(
    mesa: Mesa, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.support.mesa.imagen", lambda parte, n: b"<svg><script>alert(1)</script></svg>")
    await mesa.llega(1)
    answer = await http.get(f"/api/registros/{folio(1)}/imagenes/foto")
    assert answer.json()["code"] == "expediente_ilegible"


async def test_toda_apertura_queda_registrada_con_quien_que_y_cuando(mesa: Mesa, http: httpx.AsyncClient) -> None:
    await mesa.llega(1)
    await http.get(SIGUIENTE)
    await http.get(f"/api/registros/{folio(1)}/imagenes/foto")
    dados = [(a.quien, a.partes, a.folio, a.via, a.desde) for a in await mesa.accedidos()]
    assert dados == [
        ("operador1", [Parte.DATOS, *IMAGENES], folio(1), "asignacion", mesa.reloj.now()),
        ("operador1", [Parte.FOTO], folio(1), "imagen", mesa.reloj.now()),
    ]


async def test_la_llave_destruida_se_dice_y_los_bytes_alterados_tambien(mesa: Mesa, http: httpx.AsyncClient) -> None:
    await mesa.llega(1)
    name = await anext(mesa.expedientes.names())
    await mesa.expedientes.put(name, b"x" * 500_000)
    assert (await http.get(f"/api/registros/{folio(1)}/imagenes/foto")).json()["code"] == "expediente_ilegible"
    await mesa.expedientes.delete(name)
    assert (await http.get(f"/api/registros/{folio(1)}/imagenes/foto")).json()["code"] == "expediente_ilegible"
    wraps = mesa.llaves._documents
    key = (await wraps.find({}))[0]
    key |= {"destroyed": True, "wraps": {}, "revision": 1}
    wraps._documents[key["_id"]] = key  # type: ignore[attr-defined]
    assert (await http.get(f"/api/registros/{folio(1)}")).status_code == 410


async def test_ordenada_la_destruccion_nadie_abre_nada_aunque_la_llave_siga_ahi(
    mesa: Mesa, http: httpx.AsyncClient
) -> None:
    """A backup may have brought it back, and descifrado may not have come to it yet."""
    await mesa.llega(1)
    assert (await http.get(f"/api/registros/{folio(1)}")).status_code == 200
    mesa.actores.aplicar(ejemplo(DestruccionOrdenada), mesa.actores.offset)
    accedidos = len(await mesa.accedidos())
    for ruta in (SIGUIENTE, f"/api/registros/{folio(1)}", f"/api/registros/{folio(1)}/imagenes/foto"):
        problema = await http.get(ruta)
        assert (problema.status_code, problema.json()["code"]) == (410, "expedientes_destruidos")
        assert (problema.json()["numeral"], problema.json()["documento"]) == ("P 16.1", "INE/DERFE/0412/2026")
    assert (await _decide(http, 1, LIMPIA)).status_code == 410
    assert len(await mesa.accedidos()) == accedidos


async def test_decidir_responde_la_decision_y_repetir_lo_mismo(mesa: Mesa, http: httpx.AsyncClient) -> None:
    await mesa.llega(1)
    orden = {"inconsistencias": [{"clave": "f", "detalle": "Ilegible: OCR"}], "compulsado_version": 1}
    first = await _decide(http, 1, orden)
    assert first.status_code == 200
    assert first.json()["inconsistencias"] == [{"clave": "f", "detalle": "Ilegible: OCR", "origen": "revision"}]
    assert (await _decide(http, 1, orden)).json() == first.json()
    assert (await http.get(f"/api/registros/{folio(1)}")).json()["estado"] == "con_inconsistencia"


async def test_una_excepcion_se_envia_con_la_decision_y_queda_en_ella(mesa: Mesa, http: httpx.AsyncClient) -> None:
    await mesa.llega(1)
    answer = await _decide(http, 1, {**LIMPIA, "excepciones": ["j"]})
    assert (answer.status_code, answer.json()["excepciones"]) == (200, ["j"])


async def test_decidir_pide_llave_de_idempotencia_y_el_mismo_origen(mesa: Mesa, http: httpx.AsyncClient) -> None:
    await mesa.llega(1)
    without = await http.post(f"/api/registros/{folio(1)}/decision", json=LIMPIA)
    assert without.json()["errores"][0]["campo"] == "header.Idempotency-Key"
    assert (await _decide(http, 1, LIMPIA, Origin="http://otro.test")).json()["code"] == "otro_origen"
    assert (await _decide(http, 1, LIMPIA, Origin="null")).json()["code"] == "otro_origen"
    assert (await _decide(http, 1, LIMPIA, Origin="http://127.0.0.1")).status_code == 200


@pytest.mark.parametrize(
    "orden",
    [
        {},
        {"inconsistencias": [], "compulsado_version": 0},
        {"inconsistencias": [], "compulsado_version": "1"},
        {"inconsistencias": [{"clave": "A"}], "compulsado_version": 1},
        {"inconsistencias": [{"clave": "a", "detalle": "x" * 501}], "compulsado_version": 1},
        {"inconsistencias": [], "compulsado_version": 1, "operador": "otro"},
    ],
)
async def test_una_orden_mal_formada_se_rechaza_con_sus_campos(
    mesa: Mesa, http: httpx.AsyncClient, orden: dict[str, Any]
) -> None:
    await mesa.llega(1)
    answer = await _decide(http, 1, orden)
    assert answer.status_code == 422
    assert answer.json()["errores"]


async def test_el_catalogo_es_el_de_la_norma_del_proceso(http: httpx.AsyncClient) -> None:
    catalogo = (await http.get(f"/api/catalogo?proceso={PROCESO}")).json()
    app = {e["clave"]: e for e in catalogo["modalidades"]["auxiliar"]}
    assert list(app) == list("abcdefghijklmn")
    assert "otra" in [s["clave"] for s in app["f"]["subtipos"]]
    assert "tipo_de_letra" not in [s["clave"] for s in app["l"]["subtipos"]]
    assert catalogo["modalidades"]["captura_manual"][0]["clave"] == "manual_en_copia"
    assert (await http.get("/api/catalogo?proceso=NADA")).json()["code"] == "proceso_desconocido"


async def test_la_pagina_no_lleva_nada_en_linea_ni_de_fuera(http: httpx.AsyncClient) -> None:
    page = await http.get("/")
    assert page.status_code == 200
    assert "operador1 <small>(operación)</small>" in page.text
    assert "style=" not in page.text
    assert "onclick" not in page.text
    assert "http://" not in page.text.replace("http://www.w3.org", "")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    for path in ("apoyo.css", "apoyo.js", "favicon.svg", "mesa.css", "mesa.js", "teclas.js"):
        answer = await http.get(f"/estatico/{path}")
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-cache"


DEVOLVER = f"/api/devolver?proceso={PROCESO}"


def _asignacion(registro: dict[str, Any]) -> dict[str, str]:
    return {"folio": registro["folio"], "asignado_hasta": registro["asignado_hasta"]}


async def test_lo_que_devuelve_la_pagina_que_se_cierra_lo_toma_otra_persona_de_inmediato(
    mesa: Mesa, http: httpx.AsyncClient
) -> None:
    await mesa.llega(1)
    tomado = (await http.get(SIGUIENTE)).json()
    async with mesa.cliente("operador2") as otra:
        assert (await otra.get(SIGUIENTE)).status_code == 204
        for _ in range(2):
            answer = await http.post(DEVOLVER, json={"asignaciones": [_asignacion(tomado)]})
            assert answer.status_code == 204
        assert (await otra.get(SIGUIENTE)).json()["folio"] == folio(1)


async def test_nadie_devuelve_lo_de_otra_persona_ni_lo_que_se_tomo_de_nuevo(
    mesa: Mesa, http: httpx.AsyncClient
) -> None:
    await mesa.llega(1)
    anterior = (await http.get(SIGUIENTE)).json()
    async with mesa.cliente("operador2") as otra:
        assert (await otra.post(DEVOLVER, json={"asignaciones": [_asignacion(anterior)]})).status_code == 204
        mesa.reloj.avanza(seconds=5)
        tomado = (await http.get(SIGUIENTE)).json()
        assert (await http.post(DEVOLVER, json={"asignaciones": [_asignacion(anterior)]})).status_code == 204
        assert (await otra.get(SIGUIENTE)).status_code == 204
        assert (await http.get(f"/api/registros/{folio(1)}")).json()["asignado_hasta"] == tomado["asignado_hasta"]


async def test_la_decision_dice_cuanto_tiempo_se_puede_deshacer(mesa: Mesa, http: httpx.AsyncClient) -> None:
    await mesa.llega(1)
    assert (await _decide(http, 1, LIMPIA)).json()["reemplazable_s"] == 900
    mesa.reloj.avanza(minutes=10)
    assert (await http.get(f"/api/registros/{folio(1)}")).json()["decision"]["reemplazable_s"] == 300
    mesa.reloj.avanza(minutes=10)
    assert (await http.get(f"/api/registros/{folio(1)}")).json()["decision"]["reemplazable_s"] == 0
