"""The first page: the processes that one's account reaches."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from schemas.autorizacion import Accion, alcanza
from services.portal.handlers.portal import Portal
from services.portal.paginas import Miga, Paginas, Quien


def rutas(portal: Portal, paginas: Paginas) -> APIRouter:
    """The router."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    VeProcesos = Annotated[Quien, Depends(paginas.access.require(Accion.VER_PROCESO))]

    @router.get("/")
    async def inicio(quien: VeProcesos) -> Response:
        return RedirectResponse("/procesos", 303)

    @router.get("/procesos")
    async def procesos(request: Request, quien: VeProcesos) -> Response:
        actores = portal.vista.actores
        suyos = [
            p for _, p in sorted(actores.procesos.items()) if alcanza(quien.account, actores.lugar(proceso=p.proceso))
        ]
        return paginas.pagina(request, quien, "procesos.html", [Miga("Procesos")], procesos=suyos)

    return router
