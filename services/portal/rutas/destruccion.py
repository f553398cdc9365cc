"""What becomes of a process's expedientes: the fact from which they may be destroyed, the order, how far it is (P 16.1, D 13.9)."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from kernel.forms import Form, blank
from schemas.autorizacion import Accion
from schemas.envelope import Evento
from schemas.eventos import ProcesoRegistrado
from services.portal.domain import destruccion as dominio
from services.portal.handlers.escritura import Orden
from services.portal.handlers.portal import Portal
from services.portal.paginas import Miga, Paginas, Quien
from services.portal.rutas.procesos import PROCESOS


def rutas(portal: Portal, paginas: Paginas) -> APIRouter:
    """The router."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    require = paginas.access.require
    Ve = Annotated[Quien, Depends(require(Accion.VER_PROCESO))]
    Asienta = Annotated[Quien, Depends(require(Accion.REGISTRAR_CIERRE))]
    Ordena = Annotated[Quien, Depends(require(Accion.ORDENAR_DESTRUCCION))]
    destrucciones = portal.destrucciones

    def migas(proceso: str, *mas: str) -> list[Miga]:
        base = f"/procesos/{proceso}"
        return [
            PROCESOS,
            Miga(proceso, base),
            Miga("Expedientes", f"{base}/expedientes"),
            *(Miga(m) for m in mas),
        ]

    def norma(proceso: str) -> dominio.Norma:
        return dominio.norma_de(portal.vista.actores.perfil_de(proceso))

    @router.get("/procesos/{proceso}/expedientes")
    async def ver(request: Request, quien: Ve, proceso: str) -> Response:
        actores = portal.vista.actores
        registrado = portal.procesos.conocido(actores, proceso)
        return paginas.pagina(
            request,
            quien,
            "expedientes.html",
            migas(proceso),
            proceso=registrado,
            norma=norma(proceso),
            cierre=actores.cierres.get(proceso),
            orden=actores.destrucciones.get(proceso),
            avance=destrucciones.avances.get(proceso),
            asienta=dominio.asienta(quien.account.rol, registrado),
            impedimento=dominio.impedimento(actores, proceso, quien.id, portal.escritor.clock.now()),
        )

    def forma_de_cierre(request: Request, quien: Quien, forma: Form, actual: ProcesoRegistrado) -> HTMLResponse:
        return paginas.pagina(
            request,
            quien,
            "cierre_forma.html",
            migas(actual.proceso, "Asentar"),
            f=forma,
            proceso=actual,
            norma=norma(actual.proceso),
        )

    @router.get("/procesos/{proceso}/expedientes/cierre")
    async def cierre_forma(request: Request, quien: Asienta, proceso: str) -> Response:
        actores = portal.vista.actores
        actual = destrucciones.por_cerrar(actores, proceso, quien.account.rol)
        cierre = actores.cierres.get(proceso)
        valores = {"fecha": cierre.fecha, "documento": cierre.documento} if cierre else {}
        return forma_de_cierre(request, quien, blank(version=str(cierre.version if cierre else 0), **valores), actual)

    @router.post("/procesos/{proceso}/expedientes/cierre")
    async def cierre(request: Request, quien: Asienta, proceso: str) -> Response:
        actual = portal.procesos.conocido(portal.vista.actores, proceso)

        async def hacer(forma: Form, orden: Orden) -> tuple[Evento, str]:
            version = paginas.version(forma)
            evento = await destrucciones.cerrar(orden, quien.account.rol, proceso, version, forma.values)
            return evento, f"/procesos/{proceso}/expedientes"

        return await paginas.forma(request, quien, hacer, lambda forma: forma_de_cierre(request, quien, forma, actual))

    def forma_de_orden(request: Request, quien: Quien, forma: Form, actual: ProcesoRegistrado) -> HTMLResponse:
        actores, proceso = portal.vista.actores, actual.proceso
        return paginas.pagina(
            request,
            quien,
            "destruccion_forma.html",
            migas(proceso, "Destruir"),
            f=forma,
            proceso=actual,
            norma=norma(proceso),
            cierre=actores.cierres.get(proceso),
            impedimento=dominio.impedimento(actores, proceso, quien.id, portal.escritor.clock.now()),
        )

    @router.get("/procesos/{proceso}/expedientes/destruir")
    async def orden_forma(request: Request, quien: Ordena, proceso: str) -> Response:
        actores = portal.vista.actores
        actual = portal.procesos.cambiable(actores, proceso)
        cierre = actores.cierres.get(proceso)
        return forma_de_orden(request, quien, blank(version=str(cierre.version if cierre else 0)), actual)

    @router.post("/procesos/{proceso}/expedientes/destruir")
    async def ordenar(request: Request, quien: Ordena, proceso: str) -> Response:
        actual = portal.procesos.conocido(portal.vista.actores, proceso)

        async def hacer(forma: Form, orden: Orden) -> tuple[Evento, str]:
            evento = await destrucciones.ordenar(orden, proceso, paginas.version(forma), forma.values)
            return evento, f"/procesos/{proceso}/expedientes"

        return await paginas.forma(request, quien, hacer, lambda forma: forma_de_orden(request, quien, forma, actual))

    return router
