"""The first page: where each role begins."""

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from schemas.autorizacion import Accion
from services.portal.handlers.portal import Portal
from services.portal.paginas import Paginas, Quien


def rutas(portal: Portal, paginas: Paginas) -> APIRouter:
    """The router."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    VeProcesos = Annotated[Quien, Depends(paginas.access.require(Accion.VER_PROCESO))]

    @router.get("/")
    async def inicio(quien: VeProcesos) -> Response:
        return RedirectResponse("/procesos", 303)

    return router
