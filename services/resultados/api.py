"""HTTP edge: the API, the pages and the live totals. Read only."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import structlog
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse, StreamingResponse

from kernel.documents import Document
from kernel.errors import Unavailable
from kernel.identity import Access, Identity
from kernel.web import Health, Problem, create_app, mount_static, templates
from schemas.autorizacion import Accion
from schemas.eventos import CuentaRegistrada
from services.resultados import metrics
from services.resultados.domain import Cuenta, Totales
from services.resultados.handlers import Consultas
from services.resultados.presentacion import NOMBRE, Ficha, embudo, ficha, frase, porcentaje, totales_json

log = structlog.get_logger()

LATIDO_S = 15.0
"""Longest silence of the live totals; each beat carries the moment that they hold for."""

AQUI = Path(__file__).parent


Quien = Identity[CuentaRegistrada]
Puerta = Access[CuentaRegistrada]


def build_app(consultas: Consultas, access: Puerta, health: Health) -> FastAPI:
    """The application."""
    app = create_app("Apoyo: resultados", health, description="Estado de cada folio y totales que cuadran.")
    mount_static(app, AQUI / "estatico")
    access.mount(app)
    app.include_router(_api(consultas, access))
    app.include_router(_paginas(consultas, access))
    return app


def _api(consultas: Consultas, access: Puerta) -> APIRouter:
    router = APIRouter(prefix="/api")
    VeTotales = Annotated[Quien, Depends(access.require(Accion.VER_TOTALES))]
    VeFolio = Annotated[Quien, Depends(access.require(Accion.VER_FOLIO))]
    sigue_viendo = access.require(Accion.VER_TOTALES, background=True)

    @router.get("/folios/{folio}", summary="Estado de un folio, con sus motivos y los hechos de los que se sigue")
    async def folio(quien: VeFolio, folio: str) -> dict[str, Any]:
        found = await consultas.folio(folio)
        if found is None:
            raise Problem(
                404, "folio_no_recibido", "No se ha recibido un registro con ese folio", "Revise que esté completo."
            )
        return _ficha(consultas, access, quien, found).json()

    @router.get("/procesos/{proceso}/totales", summary="Totales por estado y por solicitud; suman lo recibido")
    async def totales(quien: VeTotales, proceso: str) -> dict[str, Any]:
        return _totales_json(consultas, await _totales(consultas, quien, proceso))

    @router.get("/procesos/{proceso}/eventos", summary="Los totales cada vez que cambian (server-sent events)")
    async def eventos(request: Request, quien: Annotated[Quien, Depends(sigue_viendo)], proceso: str) -> Response:
        await _totales(consultas, quien, proceso)

        async def quien_sigue() -> Quien:
            return await sigue_viendo(request)

        return StreamingResponse(_en_vivo(consultas, quien_sigue, proceso), media_type="text/event-stream")

    return router


async def _en_vivo(
    consultas: Consultas, quien_sigue: Callable[[], Awaitable[Quien]], proceso: str
) -> AsyncIterator[str]:
    """Until the reader goes away, or may no longer see them. `quien_sigue`: who reads, asked before anything is sent.

    When the engines do not answer it ends, and the browser comes back by itself.
    """
    enviado: tuple[Cuenta, float] | None = None
    metrics.ESPECTADORES.inc()
    try:
        quien = await quien_sigue()
        while True:
            totales = await _totales(consultas, quien, proceso)
            now = time.monotonic()
            if enviado is None or enviado[0] != totales.cuenta or now - enviado[1] >= LATIDO_S:
                quien = await quien_sigue()
                enviado = (totales.cuenta, now)
                cuerpo = json.dumps(_totales_json(consultas, totales), ensure_ascii=False)
                yield f"event: totales\ndata: {cuerpo}\n\n"
            await asyncio.sleep(1)
    except Unavailable as error:
        log.warning("live_totals_ended", proceso=proceso, error=str(error))
    except Problem as refusal:
        log.info("live_totals_refused", proceso=proceso, code=refusal.code)
    finally:
        metrics.ESPECTADORES.dec()


def _paginas(consultas: Consultas, access: Puerta) -> APIRouter:
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    env = templates(AQUI / "pagina")
    env.globals.update(NOMBRE=NOMBRE, porcentaje=porcentaje)
    VeTotales = Annotated[Quien, Depends(access.require(Accion.VER_TOTALES))]
    VeTotalesEnVivo = Annotated[Quien, Depends(access.require(Accion.VER_TOTALES, background=True))]
    VeFolio = Annotated[Quien, Depends(access.require(Accion.VER_FOLIO))]

    def pagina(nombre: str, status: int = 200, **datos: Any) -> HTMLResponse:
        return HTMLResponse(env.get_template(nombre).render(**datos), status)

    @router.get("/")
    async def inicio(quien: VeTotales) -> Response:
        actores = consultas.ver_actores()
        procesos = [
            p
            for _, p in sorted(actores.procesos.items())
            if access.allows(quien, Accion.VER_TOTALES, actores.lugar(proceso=p.proceso))
        ]
        if len(procesos) == 1:
            return RedirectResponse(f"/procesos/{procesos[0].proceso}", 303)
        resumen = [(p, frase((await _totales(consultas, quien, p.proceso)).cuenta)) for p in procesos]
        return pagina("inicio.html", quien=quien, procesos=resumen)

    @router.get("/procesos/{proceso}")
    async def proceso(quien: VeTotales, proceso: str) -> Response:
        return await del_proceso(quien, proceso)

    @router.get("/procesos/{proceso}/vivo")
    async def en_vivo(quien: VeTotalesEnVivo, proceso: str) -> Response:
        """The same page, taken by its script."""
        return await del_proceso(quien, proceso)

    async def del_proceso(quien: Quien, proceso: str) -> Response:
        actores = consultas.ver_actores()
        if proceso not in actores.procesos:
            return pagina("no_existe.html", 404, quien=quien, que="ese proceso")
        totales = await _totales(consultas, quien, proceso)
        return pagina(
            "proceso.html",
            quien=quien,
            proceso=actores.procesos[proceso],
            destruccion=actores.destrucciones.get(proceso),
            denominaciones=_denominaciones(consultas, proceso),
            totales=totales,
            frase=frase(totales.cuenta),
            barras=embudo(totales.cuenta),
        )

    @router.get("/folios")
    async def buscar(quien: VeFolio, folio: str = "") -> Response:
        return RedirectResponse(f"/folios/{quote(folio.strip(), safe='') or '-'}", 303)

    @router.get("/folios/{folio}")
    async def folio(quien: VeFolio, folio: str) -> Response:
        found = await consultas.folio(folio)
        if found is None:
            return pagina("folio_no_recibido.html", 404, quien=quien, folio=folio)
        return pagina(
            "folio.html",
            quien=quien,
            ficha=_ficha(consultas, access, quien, found),
            proceso=consultas.ver_actores().procesos.get(found["proceso"]),
        )

    return router


def _ficha(consultas: Consultas, access: Puerta, quien: Quien, documento: Document) -> Ficha:
    """What that person is told of a folio: of another one that they may not see, not even its name."""

    def ve(folio: str) -> bool:
        return access.allows(quien, Accion.VER_FOLIO, access.directory.place_of({"folio": folio}))

    actores = consultas.ver_actores()
    return ficha(documento, ve, actores.propias(), actores.destrucciones.get(documento["proceso"]))


async def _totales(consultas: Consultas, quien: Quien, proceso: str) -> Totales:
    """As far as that account reaches: a promovente's own solicitud alone (SPEC 3)."""
    totales = await consultas.totales(proceso)
    if totales is None:
        raise Problem(404, "proceso_desconocido", "No existe ese proceso")
    propia = quien.account.solicitud
    return totales if propia is None else totales.de(propia)


def _denominaciones(consultas: Consultas, proceso: str) -> dict[str, str]:
    solicitudes = consultas.ver_actores().solicitudes.values()
    return {s.solicitud: s.denominacion for s in solicitudes if s.proceso == proceso}


def _totales_json(consultas: Consultas, totales: Totales) -> dict[str, Any]:
    return totales_json(totales, _denominaciones(consultas, totales.proceso))
