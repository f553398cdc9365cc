"""HTTP edge: the API, the pages and the live totals. Read only."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, FastAPI, Response
from fastapi.responses import HTMLResponse, RedirectResponse, StreamingResponse

from kernel.errors import Unavailable
from kernel.identity import Identity, Users
from kernel.web import Health, Problem, create_app, mount_static, templates
from services.resultados import metrics
from services.resultados.domain import Cuenta, Totales
from services.resultados.handlers import Consultas
from services.resultados.presentacion import NOMBRE, embudo, ficha, frase, porcentaje, totales_json

log = structlog.get_logger()

ROLES = ("opl_admin", "supervisor", "promovente", "auditor", "soporte")
"""Who may see figures and statuses; none of it is personal data (SPEC 1)."""

LATIDO_S = 15.0
"""Longest silence of the live totals; each beat carries the moment that they hold for."""

AQUI = Path(__file__).parent


def build_app(consultas: Consultas, users: Users, health: Health) -> FastAPI:
    """The application."""
    app = create_app("Apoyo: resultados", health, description="Estado de cada folio y totales que cuadran.")
    mount_static(app, AQUI / "estatico")
    app.include_router(_api(consultas, users))
    app.include_router(_paginas(consultas, users))
    return app


def _api(consultas: Consultas, users: Users) -> APIRouter:
    router = APIRouter(prefix="/api", dependencies=[Depends(users.require(*ROLES))])

    @router.get("/folios/{folio}", summary="Estado de un folio, con sus motivos y los hechos de los que se sigue")
    async def folio(folio: str) -> dict[str, Any]:
        found = await consultas.folio(folio)
        if found is None:
            raise Problem(
                404, "folio_no_recibido", "No se ha recibido un registro con ese folio", "Revise que esté completo."
            )
        return ficha(found).json()

    @router.get("/procesos/{proceso}/totales", summary="Totales por estado y por solicitud; suman lo recibido")
    async def totales(proceso: str) -> dict[str, Any]:
        return _totales_json(consultas, await _totales(consultas, proceso))

    @router.get("/procesos/{proceso}/eventos", summary="Los totales cada vez que cambian (server-sent events)")
    async def eventos(proceso: str) -> Response:
        await _totales(consultas, proceso)
        return StreamingResponse(_en_vivo(consultas, proceso), media_type="text/event-stream")

    return router


async def _en_vivo(consultas: Consultas, proceso: str) -> AsyncIterator[str]:
    """Until the reader goes away. When the engines do not answer it ends, and the browser comes back by itself."""
    enviado: tuple[Cuenta, float] | None = None
    metrics.ESPECTADORES.inc()
    try:
        while True:
            totales = await _totales(consultas, proceso)
            now = time.monotonic()
            if enviado is None or enviado[0] != totales.cuenta or now - enviado[1] >= LATIDO_S:
                enviado = (totales.cuenta, now)
                cuerpo = json.dumps(_totales_json(consultas, totales), ensure_ascii=False)
                yield f"event: totales\ndata: {cuerpo}\n\n"
            await asyncio.sleep(1)
    except Unavailable as error:
        log.warning("live_totals_ended", proceso=proceso, error=str(error))
    finally:
        metrics.ESPECTADORES.dec()


def _paginas(consultas: Consultas, users: Users) -> APIRouter:
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    env = templates(AQUI / "pagina")
    env.globals.update(NOMBRE=NOMBRE, porcentaje=porcentaje)
    Quien = Annotated[Identity[None], Depends(users.require(*ROLES))]

    def pagina(nombre: str, status: int = 200, **datos: Any) -> HTMLResponse:
        return HTMLResponse(env.get_template(nombre).render(**datos), status)

    @router.get("/")
    async def inicio(quien: Quien) -> Response:
        procesos = consultas.ver_actores().procesos
        if len(procesos) == 1:
            return RedirectResponse(f"/procesos/{next(iter(procesos))}", 303)
        resumen = [(p, frase((await _totales(consultas, p.proceso)).cuenta)) for _, p in sorted(procesos.items())]
        return pagina("inicio.html", quien=quien, procesos=resumen)

    @router.get("/procesos/{proceso}")
    async def proceso(quien: Quien, proceso: str) -> Response:
        actores = consultas.ver_actores()
        if proceso not in actores.procesos:
            return pagina("no_existe.html", 404, quien=quien, que="ese proceso")
        totales = await _totales(consultas, proceso)
        return pagina(
            "proceso.html",
            quien=quien,
            proceso=actores.procesos[proceso],
            denominaciones=_denominaciones(consultas, proceso),
            totales=totales,
            frase=frase(totales.cuenta),
            barras=embudo(totales.cuenta),
        )

    @router.get("/folios")
    async def buscar(quien: Quien, folio: str = "") -> Response:
        folio = folio.strip()
        if await consultas.folio(folio) is None:
            return pagina("folio_no_recibido.html", 404, quien=quien, folio=folio)
        return RedirectResponse(f"/folios/{folio}", 303)

    @router.get("/folios/{folio}")
    async def folio(quien: Quien, folio: str) -> Response:
        found = await consultas.folio(folio)
        if found is None:
            return pagina("folio_no_recibido.html", 404, quien=quien, folio=folio)
        return pagina(
            "folio.html",
            quien=quien,
            ficha=ficha(found),
            proceso=consultas.ver_actores().procesos.get(found["proceso"]),
        )

    return router


async def _totales(consultas: Consultas, proceso: str) -> Totales:
    totales = await consultas.totales(proceso)
    if totales is None:
        raise Problem(404, "proceso_desconocido", "No existe ese proceso")
    return totales


def _denominaciones(consultas: Consultas, proceso: str) -> dict[str, str]:
    solicitudes = consultas.ver_actores().solicitudes.values()
    return {s.solicitud: s.denominacion for s in solicitudes if s.proceso == proceso}


def _totales_json(consultas: Consultas, totales: Totales) -> dict[str, Any]:
    return totales_json(totales, _denominaciones(consultas, totales.proceso))
