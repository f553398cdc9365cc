"""The gate: sessions that end, accounts that are looked up at every request, places that nobody passes by."""

import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Annotated

import httpx
import pytest
from fastapi import Depends, FastAPI

from kernel.identity import Identity
from kernel.web import Health, create_app
from schemas.actores import Actores
from schemas.autorizacion import Accion, Rol
from schemas.eventos import CuentaRegistrada, ProcesoRegistrado, SolicitudRegistrada
from tests.support.ejemplos import ejemplo
from tests.support.identidad import ABSOLUTE, IDLE, Puerta, cuenta

PAGINA = {"accept": "text/html,application/xhtml+xml"}
Quien = Identity[CuentaRegistrada]


class Reloj:
    def __init__(self) -> None:
        self.ahora = datetime(2026, 11, 23, 18, tzinfo=UTC)

    def now(self) -> datetime:
        return self.ahora


@pytest.fixture
def reloj() -> Reloj:
    return Reloj()


@pytest.fixture
def puerta(reloj: Reloj) -> Puerta:
    actores = Actores()
    for n, proceso in enumerate(("CI26", "RM26")):
        actores.aplicar(ejemplo(ProcesoRegistrado, proceso=proceso, entidad="10"), n)
    actores.aplicar(ejemplo(SolicitudRegistrada, solicitud="CI26-0001", proceso="CI26"), 2)
    puerta = Puerta(actores, reloj)
    puerta.cuenta("opl1", Rol.OPL_ADMIN, procesos=["CI26"])
    puerta.cuenta("prom1", Rol.PROMOVENTE, solicitud="CI26-0001")
    return puerta


@pytest.fixture
def app(puerta: Puerta) -> FastAPI:
    app = create_app("prueba", Health())
    puerta.access.mount(app)
    totales = puerta.access.require(Accion.VER_TOTALES)

    @app.get("/totales/{proceso}")
    async def ver(quien: Annotated[Quien, Depends(totales)]) -> dict[str, str]:
        return {"quien": quien.id, "rol": quien.title, "cuenta": quien.account.cuenta}

    @app.get("/latido/{proceso}")
    async def latido(
        quien: Annotated[Quien, Depends(puerta.access.require(Accion.VER_TOTALES, background=True))],
    ) -> dict[str, str]:
        return {"quien": quien.id}

    @app.get("/cuentas")
    async def cuentas(quien: Annotated[Quien, Depends(puerta.access.require(Accion.REGISTRAR_CUENTA))]) -> None: ...

    @app.post("/totales/{proceso}")
    async def cambiar(quien: Annotated[Quien, Depends(totales)]) -> dict[str, str]:
        return {"quien": quien.id}

    return app


@pytest.fixture
async def http(app: FastAPI, puerta: Puerta) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=puerta.public_url) as client:
        yield client


async def test_quien_tiene_sesion_entra_con_su_cuenta_y_su_rol(http: httpx.AsyncClient, puerta: Puerta) -> None:
    http.cookies.update(await puerta.entra("opl1"))
    assert (await http.get("/totales/CI26")).json() == {
        "quien": "opl1",
        "rol": "administración del OPL",
        "cuenta": "opl1",
    }


async def test_sin_sesion_un_programa_recibe_401_y_una_pagina_va_a_la_entrada(http: httpx.AsyncClient) -> None:
    answer = await http.get("/totales/CI26")
    assert (answer.status_code, answer.json()["code"]) == (401, "identificacion_requerida")
    assert "www-authenticate" in answer.headers
    answer = await http.get("/totales/CI26?n=1&m=2", headers=PAGINA)
    assert (answer.status_code, answer.headers["location"]) == (303, "/entrar?a=/totales/CI26%3Fn%3D1%26m%3D2")


async def test_a_un_formulario_sin_sesion_se_le_dice_y_no_se_le_lleva_a_otra_parte(http: httpx.AsyncClient) -> None:
    answer = await http.post("/totales/CI26", headers=PAGINA)
    assert answer.status_code == 401
    assert "Su sesión terminó" in answer.text


@pytest.mark.parametrize("ficha", ["", "x", "A" * 43, "é" * 43, "../" + "A" * 40])
async def test_una_ficha_inventada_no_abre_nada(http: httpx.AsyncClient, ficha: str) -> None:
    assert (await http.get("/totales/CI26", headers={"cookie": f"apoyo={ficha}".encode()})).status_code == 401


async def test_lo_guardado_no_es_la_ficha_ni_dice_quien_es(puerta: Puerta) -> None:
    (ficha,) = (await puerta.entra("opl1")).values()
    (guardada,) = await puerta.sesiones.find({})
    assert guardada["_id"] == hashlib.sha256(ficha.encode()).hexdigest()
    assert ficha not in str(guardada)
    assert "@" not in str(guardada)


async def test_quien_no_puede_recibe_403_que_dice_que_y_como_quien(http: httpx.AsyncClient, puerta: Puerta) -> None:
    http.cookies.update(await puerta.entra("opl1"))
    answer = await http.get("/cuentas")
    assert (answer.status_code, answer.json()["code"], answer.json()["cuenta"]) == (403, "sin_permiso", "opl1")
    assert "Registrar y modificar cuentas" in answer.json()["detail"]
    page = await http.get("/cuentas", headers=PAGINA)
    assert page.status_code == 403
    assert "opl1" in page.text
    assert "administración del OPL" in page.text
    assert (await http.get("/totales/RM26")).json()["code"] == "fuera_de_alcance"


@pytest.mark.parametrize(
    "ruta",
    [
        "/totales/RM26?proceso=CI26",
        "/totales/RM26?solicitud=CI26-0001",
        "/totales/RM26?folio=CI26-0001-A0001-3f9c2a1b77d0-00000000000000000001",
        "/totales/CI26?proceso=CI26&proceso=RM26",
        "/totales/CI26?solicitud=RM26-0001",
    ],
)
async def test_lo_que_nombra_la_consulta_no_suple_a_lo_que_nombra_la_ruta(
    http: httpx.AsyncClient, puerta: Puerta, ruta: str
) -> None:
    http.cookies.update(await puerta.entra("opl1"))
    assert (await http.get(ruta)).status_code == 403


async def test_un_promovente_no_alcanza_otro_proceso_que_el_de_su_solicitud(
    http: httpx.AsyncClient, puerta: Puerta
) -> None:
    http.cookies.update(await puerta.entra("prom1"))
    assert (await http.get("/totales/CI26")).status_code == 200
    assert (await http.get("/totales/RM26")).status_code == 403


async def test_sin_actividad_la_sesion_termina(http: httpx.AsyncClient, puerta: Puerta, reloj: Reloj) -> None:
    http.cookies.update(await puerta.entra("opl1"))
    for _ in range(3):
        reloj.ahora += IDLE - timedelta(seconds=1)
        assert (await http.get("/totales/CI26")).status_code == 200
    reloj.ahora += IDLE
    assert (await http.get("/totales/CI26")).status_code == 401


async def test_lo_que_una_pagina_pide_sola_no_es_actividad(
    http: httpx.AsyncClient, puerta: Puerta, reloj: Reloj
) -> None:
    http.cookies.update(await puerta.entra("opl1"))
    for _ in range(2):
        reloj.ahora += IDLE / 2 - timedelta(seconds=1)
        assert (await http.get("/latido/CI26")).status_code == 200
    reloj.ahora += timedelta(seconds=2)
    assert (await http.get("/latido/CI26")).status_code == 401


async def test_aun_con_actividad_la_sesion_termina_a_su_hora(
    http: httpx.AsyncClient, puerta: Puerta, reloj: Reloj
) -> None:
    http.cookies.update(await puerta.entra("opl1"))
    fin = reloj.ahora + ABSOLUTE
    while reloj.ahora + IDLE / 2 < fin:
        reloj.ahora += IDLE / 2
        assert (await http.get("/totales/CI26")).status_code == 200
    reloj.ahora = fin
    assert (await http.get("/totales/CI26")).status_code == 401


async def test_la_baja_de_una_cuenta_vale_en_la_solicitud_siguiente_y_cierra_sus_sesiones(
    http: httpx.AsyncClient, puerta: Puerta
) -> None:
    http.cookies.update(await puerta.entra("opl1"))
    vigente = puerta.actores.cuentas["opl1"]
    puerta.registra(vigente.model_copy(update={"version": 2, "activa": False}))
    answer = await http.get("/totales/CI26")
    assert (answer.status_code, answer.json()["code"]) == (403, "cuenta_inactiva")
    puerta.registra(vigente.model_copy(update={"version": 3}))
    assert (await http.get("/totales/CI26")).status_code == 401


async def test_la_vigencia_que_termina_durante_la_sesion_vale_en_el_acto(
    http: httpx.AsyncClient, puerta: Puerta, reloj: Reloj
) -> None:
    breve = cuenta("breve", Rol.AUDITOR, hasta=reloj.ahora + timedelta(minutes=5))
    puerta.cuenta("breve", Rol.AUDITOR)
    puerta.registra(breve.model_copy(update={"version": 2}))
    http.cookies.update(await puerta.entra("breve"))
    assert (await http.get("/totales/CI26")).status_code == 200
    reloj.ahora += timedelta(minutes=5)
    page = await http.get("/totales/CI26", headers=PAGINA)
    assert page.status_code == 403
    assert "La vigencia de su cuenta terminó" in page.text


async def test_cambiar_el_correo_de_una_cuenta_cierra_lo_abierto_con_el_anterior(
    http: httpx.AsyncClient, puerta: Puerta
) -> None:
    http.cookies.update(await puerta.entra("opl1"))
    puerta.registra(puerta.actores.cuentas["opl1"].model_copy(update={"version": 2, "acceso": "0" * 64}))
    assert (await http.get("/totales/CI26")).status_code == 401


async def test_un_cambio_de_rol_vale_en_la_solicitud_siguiente(http: httpx.AsyncClient, puerta: Puerta) -> None:
    http.cookies.update(await puerta.entra("opl1"))
    puerta.registra(puerta.actores.cuentas["opl1"].model_copy(update={"version": 2, "rol": Rol.OPERADOR}))
    assert (await http.get("/totales/CI26")).json()["code"] == "sin_permiso"


async def test_salir_cierra_todas_las_sesiones_de_la_cuenta_y_ninguna_otra(
    http: httpx.AsyncClient, puerta: Puerta
) -> None:
    otra, ajena = await puerta.entra("opl1"), await puerta.entra("prom1")
    http.cookies.update(await puerta.entra("opl1"))
    assert (await http.get("/salir")).status_code == 200
    assert (await http.get("/totales/CI26")).status_code == 200
    salida = await http.post("/salir")
    assert "Su sesión terminó" in salida.text
    assert 'apoyo="";' in salida.headers["set-cookie"]
    for cookies, status in ((otra, 401), (ajena, 200)):
        http.cookies.clear()
        http.cookies.update(cookies)
        assert (await http.get("/totales/CI26")).status_code == status


@pytest.mark.parametrize(
    ("cabeceras", "status"),
    [
        ({}, 200),
        ({"origin": "http://127.0.0.1"}, 200),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({"origin": "https://otro.invalid"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:9999"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": "http://127.0.0.1"}, 403),
    ],
)
async def test_lo_que_cambia_algo_debe_venir_de_nuestras_paginas(
    http: httpx.AsyncClient, puerta: Puerta, cabeceras: dict[str, str], status: int
) -> None:
    http.cookies.update(await puerta.entra("opl1"))
    assert (await http.post("/totales/CI26", headers=cabeceras)).status_code == status
    assert (await http.get("/totales/CI26", headers=cabeceras)).status_code == 200
