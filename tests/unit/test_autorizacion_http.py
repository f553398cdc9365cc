"""Every cell of `schemas.autorizacion.TABLA`, asked over HTTP: each role, in an own place and in others, at each route.

To cover a service: its application in `tests.support.rutas.APPS`, its actions in `ACCIONES`, its data in a fixture like `mesa`, and
a `Pedido` for each of its routes in `PEDIDOS`. What is left out fails.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from schemas.actores import Actores
from schemas.autorizacion import TABLA, Accion, Alcance, Rol, documento, permite
from schemas.ciclo_de_vida import Estado
from schemas.eventos import ProcesoRegistrado, SolicitudRegistrada
from tests.support.ejemplos import ejemplo
from tests.support.identidad import Puerta
from tests.support.mesa import Mesa
from tests.support.resultados import Resultados, vida
from tests.support.rutas import APPS, cerradas

ACCIONES: dict[str, frozenset[Accion]] = {
    "mesa_control": frozenset({Accion.REVISAR_REGISTRO, Accion.VER_REGISTRO_EN_MESA}),
    "resultados": frozenset({Accion.VER_TOTALES, Accion.VER_FOLIO}),
}
"""Which actions each service carries out."""

REGISTRO = "A0001-3f9c2a1b77d0-00000000000000000001"


@dataclass(frozen=True)
class Lugar:
    """A place: own or not, for the account of `alcances`; and for a promovente of solicitud CI26-0001."""

    proceso: str
    solicitud: str
    propio: bool
    de_promovente: bool

    @property
    def nombres(self) -> dict[str, str]:
        return {"proceso": self.proceso, "solicitud": self.solicitud, "folio": f"{self.solicitud}-{REGISTRO}"}


LUGARES = {
    "el suyo": Lugar("CI26", "CI26-0001", propio=True, de_promovente=True),
    "otra solicitud": Lugar("CI26", "CI26-0002", propio=True, de_promovente=False),
    "otro proceso": Lugar("RM26", "RM26-0001", propio=False, de_promovente=False),
}

ALCANCES: dict[str, dict[str, Any]] = {"por proceso": {"procesos": ["CI26"]}, "por entidad": {"entidad": "10"}}
"""How an account is confined to process CI26: it names it, or its entidad is that of the process."""


@dataclass(frozen=True)
class Pedido:
    """A request of a route. `nombra`: what its address names: `proceso`, `solicitud`, `folio`, or nothing."""

    metodo: str
    camino: str
    accion: Accion
    nombra: str | None
    consulta: Mapping[str, str] = field(default_factory=dict)
    envia: Mapping[str, Any] = field(default_factory=dict)

    def permitido(self, rol: Rol, lugar: Lugar) -> bool:
        """What the table says."""
        if self.nombra is None:
            return permite(rol, self.accion, propio=True)
        # The process of another solicitud is a promovente's own; what it shows there is restricted to its own.
        ajeno = rol is Rol.PROMOVENTE and self.nombra != "proceso" and not lugar.de_promovente
        return permite(rol, self.accion, propio=lugar.propio and not ajeno)


DECISION = {
    "json": {"inconsistencias": [], "compulsado_version": 1},
    "headers": {"Idempotency-Key": "llave-de-prueba"},
}
PROCESO = {"proceso": "{proceso}"}
PEDIDOS: dict[str, list[Pedido]] = {
    "mesa_control": [
        Pedido("GET", "/", Accion.REVISAR_REGISTRO, None),
        Pedido("GET", "/", Accion.REVISAR_REGISTRO, "proceso", consulta=PROCESO),
        Pedido("GET", "/api/siguiente", Accion.REVISAR_REGISTRO, "proceso", consulta=PROCESO),
        Pedido("POST", "/api/registros/{folio}/decision", Accion.REVISAR_REGISTRO, "folio", envia=DECISION),
        Pedido("GET", "/api/registros/{folio}", Accion.VER_REGISTRO_EN_MESA, "folio"),
        Pedido("GET", "/api/registros/{folio}/imagenes/{parte}", Accion.VER_REGISTRO_EN_MESA, "folio"),
        Pedido("GET", "/api/catalogo", Accion.VER_REGISTRO_EN_MESA, "proceso", consulta=PROCESO),
        Pedido("GET", "/api/progreso", Accion.VER_REGISTRO_EN_MESA, "proceso", consulta=PROCESO),
    ],
    "resultados": [
        Pedido("GET", "/", Accion.VER_TOTALES, None),
        Pedido("GET", "/procesos/{proceso}", Accion.VER_TOTALES, "proceso"),
        Pedido("GET", "/procesos/{proceso}/vivo", Accion.VER_TOTALES, "proceso"),
        Pedido("GET", "/api/procesos/{proceso}/totales", Accion.VER_TOTALES, "proceso"),
        Pedido("GET", "/api/procesos/{proceso}/eventos", Accion.VER_TOTALES, "proceso"),
        Pedido("GET", "/folios", Accion.VER_FOLIO, "folio", consulta={"folio": "{folio}"}),
        Pedido("GET", "/folios/{folio}", Accion.VER_FOLIO, "folio"),
        Pedido("GET", "/api/folios/{folio}", Accion.VER_FOLIO, "folio"),
    ],
}


def _actores(actores: Actores) -> None:
    """Two processes of two entidades; three solicitudes."""
    for n, (proceso, entidad) in enumerate((("CI26", "10"), ("RM26", "26"))):
        actores.aplicar(ejemplo(ProcesoRegistrado, proceso=proceso, entidad=entidad, version=7), n)
    for n, solicitud in enumerate(("CI26-0001", "CI26-0002", "RM26-0001"), 2):
        proceso = solicitud.partition("-")[0]
        actores.aplicar(ejemplo(SolicitudRegistrada, solicitud=solicitud, proceso=proceso, version=7), n)


@asynccontextmanager
async def mesa() -> AsyncIterator[tuple[FastAPI, Puerta]]:
    mesa = Mesa()
    await mesa.empieza()
    _actores(mesa.actores)
    yield mesa.app(), mesa.puerta
    await mesa.stream.stop()


@asynccontextmanager
async def resultados() -> AsyncIterator[tuple[FastAPI, Puerta]]:
    resultados = Resultados()
    await resultados.start()
    _actores(resultados.actores)
    for lugar in LUGARES.values():
        await resultados.recibir(vida(Estado.EN_LISTA_NOMINAL, 1, lugar.solicitud))
    yield resultados.app(), resultados.puerta


SERVICIOS = {"mesa_control": mesa, "resultados": resultados}
CELDAS = [
    pytest.param(servicio, pedido, rol, id=f"{servicio}-{pedido.metodo}-{pedido.camino}-{pedido.nombra}-{rol.value}")
    for servicio, pedidos in PEDIDOS.items()
    for pedido in pedidos
    for rol in Rol
]


@pytest.mark.parametrize(("servicio", "pedido", "rol"), CELDAS)
async def test_cada_celda_de_la_tabla_se_cumple_en_cada_ruta(servicio: str, pedido: Pedido, rol: Rol) -> None:
    async with SERVICIOS[servicio]() as (app, puerta):
        for alcance in [{"solicitud": "CI26-0001"}] if rol is Rol.PROMOVENTE else ALCANCES.values():
            puerta.cuenta("quien", rol, version=len(puerta.actores.cuentas) + puerta.actores.offset, **alcance)
            for nombre, lugar in LUGARES.items():
                status = await _status(app, puerta, pedido, lugar)
                que = f"{rol.value} {alcance} {pedido.metodo} {pedido.camino} en {nombre}: {status}"
                if pedido.permitido(rol, lugar):
                    assert status in {200, 204, 303, 404}, que
                else:
                    assert status == 403, que


async def _status(app: FastAPI, puerta: Puerta, pedido: Pedido, lugar: Lugar) -> int:
    camino = pedido.camino.format(**lugar.nombres, parte="foto")
    consulta = {nombre: valor.format(**lugar.nombres) for nombre, valor in pedido.consulta.items()}
    transport = httpx.ASGITransport(_sin_esperar(app))
    async with httpx.AsyncClient(transport=transport, base_url=puerta.public_url) as http:
        http.cookies.update(await puerta.entra("quien"))
        return (await http.request(pedido.metodo, camino, params=consulta, **pedido.envia)).status_code


def _sin_esperar(app: FastAPI) -> Any:
    """The application, whose reader leaves as soon as something of a stream has come."""

    async def leida(scope: Any, receive: Any, send: Any) -> None:
        llego = asyncio.Event()
        entero = sigue = False

        async def recibir() -> Any:
            nonlocal entero
            if entero:
                await llego.wait()
                return {"type": "http.disconnect"}
            mensaje = await receive()
            entero = not mensaje.get("more_body")
            return mensaje

        async def enviar(mensaje: Any) -> None:
            nonlocal sigue
            if mensaje["type"] == "http.response.body":
                sigue = mensaje.get("more_body", False)
                llego.set()
            await send(mensaje)

        await app(scope, recibir, enviar)
        if sigue:
            await send({"type": "http.response.body"})

    return leida


@pytest.mark.parametrize("servicio", ACCIONES)
def test_cada_accion_tiene_una_ruta_en_su_servicio(servicio: str) -> None:
    declaradas = frozenset().union(*(ruta.acciones for ruta in cerradas(APPS[servicio]())))
    assert declaradas == ACCIONES[servicio]


@pytest.mark.parametrize("servicio", ACCIONES)
def test_cada_ruta_se_pide_en_estas_pruebas_por_su_accion(servicio: str) -> None:
    pedidas = {(p.metodo, p.camino, frozenset({p.accion})) for p in PEDIDOS[servicio]}
    assert pedidas == {(r.metodo, r.camino, r.acciones) for r in cerradas(APPS[servicio]())}


def test_la_tabla_nombra_toda_accion_y_ninguna_es_de_nadie() -> None:
    assert set(TABLA) == set(Accion)
    assert all(TABLA.values())


def test_quien_promueve_no_toma_parte_en_la_revision_ni_alcanza_mas_que_lo_suyo() -> None:
    """P 13.6."""
    suyas = {accion: alcances[Rol.PROMOVENTE] for accion, alcances in TABLA.items() if Rol.PROMOVENTE in alcances}
    assert not {Accion.REVISAR_REGISTRO, Accion.VER_REGISTRO_EN_MESA} & set(suyas)
    assert set(suyas.values()) == {Alcance.PROPIO}


def test_el_documento_dice_lo_que_la_tabla() -> None:
    renglones = documento().splitlines()
    assert sum("**" not in r and r.startswith("| ") for r in renglones) == len(Accion) + 1
