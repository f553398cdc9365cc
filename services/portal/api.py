"""HTTP edge: the pages. Decode, call the handler, answer."""

from pathlib import Path

from fastapi import FastAPI, Request, Response

from kernel.identity import Access
from kernel.web import Health, create_app, mount_static
from schemas.eventos import CuentaRegistrada
from services.portal import metrics
from services.portal.domain.rechazo import Rechazo
from services.portal.handlers.portal import Portal
from services.portal.paginas import Paginas
from services.portal.problemas import problema
from services.portal.rutas import auxiliares, calendarios, cuentas, destruccion, inicio, lotes, procesos, solicitudes

DESCRIPCION = "Cuentas, procesos, solicitudes y auxiliares."


def build_app(portal: Portal, access: Access[CuentaRegistrada], health: Health) -> FastAPI:
    """The application."""
    app = create_app("Apoyo: portal", health, description=DESCRIPCION)
    mount_static(app, Path(__file__).parent / "estatico")
    access.mount(app)
    paginas = Paginas(access, portal.escritor)
    for rutas in (inicio, procesos, destruccion, solicitudes, cuentas, calendarios, auxiliares, lotes):
        app.include_router(rutas.rutas(portal, paginas))

    @app.exception_handler(Rechazo)
    async def on_refused(request: Request, error: Rechazo) -> Response:
        metrics.RECHAZOS.labels(error.codigo.value).inc()
        return problema(error.codigo).answer(request)

    return app
