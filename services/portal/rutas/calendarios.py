"""Holiday calendars, kept by INE (SPEC 2)."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from kernel.forms import Form, blank
from schemas.autorizacion import Accion
from schemas.envelope import Evento
from schemas.eventos import CalendarioRegistrado
from services.portal.domain.fichas import Hechos
from services.portal.domain.rechazo import Codigo, Rechazo
from services.portal.handlers.escritura import Orden
from services.portal.handlers.portal import Portal
from services.portal.paginas import Miga, Paginas, Quien
from services.portal.presentacion import historia

CALENDARIOS = Miga("Días inhábiles", "/calendarios")


def rutas(portal: Portal, paginas: Paginas) -> APIRouter:
    """The router."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    Registra = Annotated[Quien, Depends(paginas.access.require(Accion.REGISTRAR_CALENDARIO))]
    calendarios = portal.calendarios

    def encontrar(calendario: str) -> CalendarioRegistrado:
        found = portal.vista.actores.calendarios.get(calendario)
        if found is None:
            raise Rechazo(Codigo.NO_EXISTE)
        return found

    def forma_de(
        request: Request, quien: Quien, forma: Form, actual: CalendarioRegistrado | None = None
    ) -> HTMLResponse:
        migas = [CALENDARIOS, Miga(f"Cambiar {actual.calendario}" if actual else "Registrar")]
        return paginas.pagina(request, quien, "calendario_forma.html", migas, f=forma, actual=actual)

    @router.get("/calendarios")
    async def lista(request: Request, quien: Registra) -> Response:
        actores = portal.vista.actores
        usos = {c: [p.proceso for p in actores.procesos.values() if p.calendario == c] for c in actores.calendarios}
        filas = [(c, usos[c.calendario]) for _, c in sorted(actores.calendarios.items())]
        return paginas.pagina(request, quien, "calendarios.html", [CALENDARIOS], filas=filas)

    @router.get("/calendarios/nuevo")
    async def nuevo(request: Request, quien: Registra) -> Response:
        return forma_de(request, quien, blank())

    @router.post("/calendarios/nuevo")
    async def registrar(request: Request, quien: Registra) -> Response:
        async def hacer(forma: Form, orden: Orden) -> tuple[Evento, str]:
            evento = await calendarios.registrar(orden, forma.values)
            return evento, f"/calendarios/{evento.calendario}"

        return await paginas.forma(request, quien, hacer, lambda forma: forma_de(request, quien, forma))

    @router.get("/calendarios/{calendario}")
    async def ver(request: Request, quien: Registra, calendario: str) -> Response:
        registrado = encontrar(calendario)
        ficha = await portal.fichas.get(registrado.asunto)
        anios: dict[int, list[date]] = {}
        for dia in map(date.fromisoformat, registrado.festivos):
            anios.setdefault(dia.year, []).append(dia)
        return paginas.pagina(
            request,
            quien,
            "calendario.html",
            [CALENDARIOS, Miga(calendario)],
            calendario=registrado,
            anios=anios,
            historia=historia(Hechos(ficha)) if ficha else [],
        )

    @router.get("/calendarios/{calendario}/cambiar")
    async def cambiar_forma(request: Request, quien: Registra, calendario: str) -> Response:
        actual = encontrar(calendario)
        forma = blank(version=str(actual.version), festivos="\n".join(actual.festivos))
        return forma_de(request, quien, forma, actual)

    @router.post("/calendarios/{calendario}/cambiar")
    async def cambiar(request: Request, quien: Registra, calendario: str) -> Response:
        actual = encontrar(calendario)

        async def hacer(forma: Form, orden: Orden) -> tuple[Evento, str]:
            evento = await calendarios.cambiar(orden, calendario, paginas.version(forma), forma.values)
            return evento, f"/calendarios/{calendario}"

        return await paginas.forma(
            request, quien, hacer, lambda forma: forma_de(request, quien, forma, actual), hecho="cambiado"
        )

    return router
