"""HTTP edge: the pages. Decode, call the handler, answer."""

from fastapi import FastAPI, Request, Response

from kernel.web import Health, create_app, mount_static
from services.portal import metrics
from services.portal.domain.rechazo import Rechazo
from services.portal.problemas import problema

DESCRIPCION = "Cuentas, procesos, solicitudes y auxiliares."


def build_app(health: Health) -> FastAPI:
    """The application."""
    app = create_app("Apoyo: portal", health, description=DESCRIPCION)
    mount_static(app)

    @app.exception_handler(Rechazo)
    async def on_refused(request: Request, error: Rechazo) -> Response:
        metrics.RECHAZOS.labels(error.codigo.value).inc()
        return problema(error.codigo).response()

    return app
