"""Every cell of `schemas.autorizacion.TABLA`, asked over HTTP: each role, in an own place and in others, at each route.

To cover a service: its application in `tests.support.rutas.APPS`, its actions in `ACCIONES`, its data in a fixture like `mesa`, and
a `Pedido` for each of its routes in `PEDIDOS`. What is left out fails.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from schemas.actores import Actores
from schemas.autorizacion import TABLA, Accion, Alcance, Rol, documento, permite
from schemas.ciclo_de_vida import Estado
from schemas.eventos import PerfilRegistrado, ProcesoRegistrado, SolicitudRegistrada
from schemas.perfil import PERFIL_P
from tests.support.ejemplos import ejemplo
from tests.support.identidad import Puerta
from tests.support.mesa import Mesa
from tests.support.portal import portal
from tests.support.resultados import Resultados, vida
from tests.support.rutas import APPS, cerradas

ACCIONES: dict[str, frozenset[Accion]] = {
    "mesa_control": frozenset(
        {
            *(Accion.REVISAR_REGISTRO, Accion.VER_REGISTRO_EN_MESA),
            *(Accion.VER_CUARENTENA, Accion.REINTENTAR_APERTURA, Accion.VER_HISTORIA),
            *(Accion.VER_CARGA, Accion.ORDENAR_REPARTO),
        }
    ),
    "resultados": frozenset({Accion.VER_TOTALES, Accion.VER_FOLIO}),
    "portal": frozenset(
        {
            *(Accion.VER_CUENTAS, Accion.REGISTRAR_CUENTA, Accion.REGISTRAR_DECLARACION, Accion.VER_PROCESO),
            *(Accion.REGISTRAR_PROCESO, Accion.REGISTRAR_CALENDARIO, Accion.CAMBIAR_REGLAS, Accion.VER_SOLICITUD),
            *(Accion.REGISTRAR_SOLICITUD, Accion.VER_AUXILIARES, Accion.REGISTRAR_AUXILIAR),
            *(Accion.DAR_DE_BAJA_AUXILIAR, Accion.REGISTRAR_FURA, Accion.CAMBIAR_CORREO),
            *(Accion.REGISTRAR_CIERRE, Accion.ORDENAR_DESTRUCCION),
        }
    ),
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
CORRECCION = {
    "json": {"datos": {"cic": "123456789"}, "compulsado_version": 1},
    "headers": {"Idempotency-Key": "llave-de-prueba"},
}
FORMULARIO = {"json": {"datos": {"cic": "123456789"}}}
PROCESO = {"proceso": "{proceso}"}
DEVOLUCION = {
    "json": {
        "asignaciones": [
            {"folio": "CI26-0001-A0001-3f9c2a1b77d0-00000000000000000001", "asignado_hasta": "2026-11-21T18:10:00Z"}
        ]
    }
}
REINTENTO = {"json": {}, "headers": {"Idempotency-Key": "llave-de-prueba"}}
REPARTO = {
    "json": {"partes": [{"cuentas": ["nadie"], "porcentaje": 100}]},
    "headers": {"Idempotency-Key": "llave-de-prueba"},
}
VER, FORMA = ("GET",), ("GET", "POST")
_P, _S, _A = "/procesos/{proceso}", "/solicitudes/{solicitud}", "/solicitudes/{solicitud}/auxiliares"
DEL_PORTAL: dict[Accion, dict[str, tuple[str, ...]]] = {
    Accion.VER_PROCESO: dict.fromkeys(("/", "/procesos", _P, f"{_P}/reglas", f"{_P}/plazos", f"{_P}/capacidad"), VER)
    | {f"{_P}/expedientes": VER},
    Accion.REGISTRAR_PROCESO: dict.fromkeys(("/procesos/nuevo", f"{_P}/cambiar", f"{_P}/enlaces"), FORMA),
    Accion.CAMBIAR_REGLAS: {f"{_P}/reglas/cambiar": FORMA},
    Accion.REGISTRAR_CIERRE: {f"{_P}/expedientes/cierre": FORMA},
    Accion.ORDENAR_DESTRUCCION: {f"{_P}/expedientes/destruir": FORMA},
    Accion.VER_SOLICITUD: dict.fromkeys((f"{_P}/solicitudes", _S, f"{_S}/emblema", f"{_S}/cedula.pdf"), VER),
    Accion.REGISTRAR_SOLICITUD: dict.fromkeys((f"{_P}/solicitudes/nueva", f"{_S}/cambiar", f"{_S}/cedula"), FORMA),
    Accion.VER_CUENTAS: dict.fromkeys(("/cuentas", "/cuentas/{cuenta}"), VER),
    Accion.REGISTRAR_CUENTA: dict.fromkeys(
        ("/cuentas/nueva", "/cuentas/{cuenta}/cambiar", "/cuentas/{cuenta}/baja"), FORMA
    ),
    Accion.REGISTRAR_DECLARACION: {"/cuentas/{cuenta}/declaracion": FORMA},
    Accion.REGISTRAR_CALENDARIO: {
        "/calendarios": VER,
        "/calendarios/{calendario}": VER,
        "/calendarios/nuevo": FORMA,
        "/calendarios/{calendario}/cambiar": FORMA,
    },
    Accion.VER_AUXILIARES: dict.fromkeys((_A, f"{_A}/{{auxiliar}}"), VER),
    Accion.DAR_DE_BAJA_AUXILIAR: {f"{_A}/{{auxiliar}}/baja": FORMA},
    Accion.REGISTRAR_FURA: {f"{_A}/{{auxiliar}}/fura": FORMA},
    Accion.CAMBIAR_CORREO: {f"{_A}/{{auxiliar}}/correo": FORMA},
    Accion.REGISTRAR_AUXILIAR: {
        f"{_A}/nuevo": FORMA,
        f"{_S}/lotes": FORMA,
        f"{_S}/plantilla.csv": VER,
        f"{_S}/plantilla.xlsx": VER,
        f"{_S}/lotes/{{lote}}": VER,
        f"{_S}/lotes/{{lote}}/avance": VER,
        f"{_S}/lotes/{{lote}}/resultado.csv": VER,
        f"{_S}/lotes/{{lote}}/confirmar": ("POST",),
        f"{_S}/lotes/{{lote}}/abandonar": ("POST",),
    },
}
"""Routes of the portal by their action; what a form says is checked by its own tests, so here they come without one."""


def _nombra(camino: str) -> str | None:
    return next((que for que in ("solicitud", "proceso") if f"{{{que}}}" in camino), None)


PEDIDOS: dict[str, list[Pedido]] = {
    "mesa_control": [
        Pedido("GET", "/", Accion.VER_REGISTRO_EN_MESA, None),
        Pedido("GET", "/", Accion.VER_REGISTRO_EN_MESA, "proceso", consulta=PROCESO),
        Pedido("GET", "/api/siguiente", Accion.REVISAR_REGISTRO, "proceso", consulta=PROCESO),
        Pedido("POST", "/api/devolver", Accion.REVISAR_REGISTRO, "proceso", consulta=PROCESO, envia=DEVOLUCION),
        Pedido("POST", "/api/registros/{folio}/decision", Accion.REVISAR_REGISTRO, "folio", envia=DECISION),
        Pedido("POST", "/api/registros/{folio}/correccion", Accion.REVISAR_REGISTRO, "folio", envia=CORRECCION),
        Pedido(
            "POST", "/api/registros/{folio}/correccion/revision", Accion.REVISAR_REGISTRO, "folio", envia=FORMULARIO
        ),
        Pedido("GET", "/api/registros/{folio}", Accion.VER_REGISTRO_EN_MESA, "folio"),
        Pedido("GET", "/api/registros/{folio}/imagenes/{parte}", Accion.VER_REGISTRO_EN_MESA, "folio"),
        Pedido("GET", "/api/catalogo", Accion.VER_REGISTRO_EN_MESA, "proceso", consulta=PROCESO),
        Pedido("GET", "/api/progreso", Accion.VER_REGISTRO_EN_MESA, "proceso", consulta=PROCESO),
        Pedido("GET", "/api/registros/{folio}/historia", Accion.VER_HISTORIA, "folio"),
        Pedido("GET", "/registros/{folio}/imagenes/{parte}", Accion.VER_REGISTRO_EN_MESA, "folio"),
        Pedido("GET", "/registros", Accion.VER_HISTORIA, "folio", consulta={"folio": "{folio}"}),
        Pedido("GET", "/registros/{folio}", Accion.VER_HISTORIA, "folio"),
        Pedido(
            "GET", "/api/registros", Accion.VER_REGISTRO_EN_MESA, "proceso", consulta={**PROCESO, "texto": "CI26-0001"}
        ),
        Pedido("GET", "/supervision", Accion.VER_CARGA, None),
        Pedido("GET", "/supervision", Accion.VER_CARGA, "proceso", consulta=PROCESO),
        Pedido("GET", "/supervision/repartos/{reparto}", Accion.VER_CARGA, "proceso", consulta=PROCESO),
        Pedido("GET", "/supervision/registros/{folio}", Accion.VER_REGISTRO_EN_MESA, "folio"),
        *(
            Pedido("POST", f"/supervision/repartos{hacer}", Accion.ORDENAR_REPARTO, "proceso", consulta=PROCESO)
            for hacer in ("", "/{reparto}/reasignar", "/{reparto}/retirar")
        ),
        Pedido("GET", "/api/supervision", Accion.VER_CARGA, "proceso", consulta=PROCESO),
        Pedido("GET", "/api/repartos/{reparto}", Accion.VER_CARGA, "proceso", consulta=PROCESO),
        *(
            Pedido("POST", f"/api/repartos{hacer}", Accion.ORDENAR_REPARTO, "proceso", consulta=PROCESO, envia=REPARTO)
            for hacer in ("", "/{reparto}/reasignacion", "/{reparto}/retiro")
        ),
        Pedido("GET", "/cuarentena", Accion.VER_CUARENTENA, None),
        Pedido("GET", "/cuarentena", Accion.VER_CUARENTENA, "proceso", consulta=PROCESO),
        Pedido("GET", "/api/cuarentena", Accion.VER_CUARENTENA, "proceso", consulta=PROCESO),
        Pedido("GET", "/api/cuarentena/{folio}", Accion.VER_CUARENTENA, "folio"),
        Pedido(
            "POST",
            "/api/cuarentena/reintentos",
            Accion.REINTENTAR_APERTURA,
            "proceso",
            consulta=PROCESO,
            envia=REINTENTO,
        ),
        Pedido("POST", "/cuarentena/reintentar", Accion.REINTENTAR_APERTURA, "proceso", consulta=PROCESO),
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
    "portal": [
        Pedido(metodo, camino, accion, _nombra(camino))
        for accion, rutas in DEL_PORTAL.items()
        for camino, metodos in rutas.items()
        for metodo in metodos
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


@asynccontextmanager
async def el_portal() -> AsyncIterator[tuple[FastAPI, Puerta]]:
    p = await portal()
    p.vista.actores.aplicar(PerfilRegistrado(version=1, perfil=PERFIL_P), 0)
    _actores(p.vista.actores)
    yield p.app(), p.puerta
    await p.stream.stop()


SERVICIOS = {"mesa_control": mesa, "resultados": resultados, "portal": el_portal}
RUTAS = [
    pytest.param(servicio, pedido, id=f"{servicio}-{pedido.metodo}-{pedido.camino}-{pedido.nombra}")
    for servicio, pedidos in PEDIDOS.items()
    for pedido in pedidos
]


@pytest.mark.parametrize(("servicio", "pedido"), RUTAS)
async def test_cada_celda_de_la_tabla_se_cumple_en_cada_ruta(servicio: str, pedido: Pedido) -> None:
    async with SERVICIOS[servicio]() as (app, puerta):
        for rol, alcance in _personas():
            puerta.cuenta("quien", rol, version=len(puerta.actores.cuentas) + puerta.actores.offset, **alcance)
            for nombre, lugar in LUGARES.items():
                status, code = await _respuesta(app, puerta, pedido, lugar)
                que = f"{rol.value} {alcance} {pedido.metodo} {pedido.camino} en {nombre}: {status} {code}"
                if pedido.permitido(rol, lugar):
                    # What the profile gives to somebody else, the domain refuses on top of the table.
                    assert status in {200, 204, 303, 400, 404, 422} or code in DEL_DOMINIO, que
                else:
                    assert (status, code) in DE_LA_PUERTA, que


def _personas() -> Iterator[tuple[Rol, Mapping[str, Any]]]:
    """Every role with every scope that it may have."""
    for rol in Rol:
        for alcance in [{"solicitud": "CI26-0001"}] if rol is Rol.PROMOVENTE else ALCANCES.values():
            yield rol, alcance


DE_LA_PUERTA = {(403, "sin_permiso"), (403, "fuera_de_alcance")}
DEL_DOMINIO = {"lo_registra_el_ine", "lo_registra_el_opl", "lo_asienta_otro", "nada_que_reintentar"}
NOMBRES = {
    "parte": "foto",
    "cuenta": "quien",
    "calendario": "c2026",
    "auxiliar": "A0001",
    "lote": "0" * 32,
    "reparto": "0" * 12,
}


async def _respuesta(app: FastAPI, puerta: Puerta, pedido: Pedido, lugar: Lugar) -> tuple[int, str]:
    """Status, and the code of its problem."""
    camino = pedido.camino.format(**lugar.nombres, **NOMBRES)
    consulta = {nombre: valor.format(**lugar.nombres) for nombre, valor in pedido.consulta.items()}
    transport = httpx.ASGITransport(_sin_esperar(app))
    async with httpx.AsyncClient(transport=transport, base_url=puerta.public_url) as http:
        http.cookies.update(await puerta.entra("quien"))
        answer = await http.request(pedido.metodo, camino, params=consulta, **pedido.envia)
        es_problema = answer.headers.get("content-type") == "application/problem+json"
        return answer.status_code, answer.json()["code"] if es_problema else ""


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
