"""Which process a page is about: the one that was asked for, or the only one that the account reaches; else a page to choose."""

import jinja2

from schemas.actores import Actores
from schemas.autorizacion import Accion
from schemas.eventos import ProcesoRegistrado
from services.mesa_control.contrato import Puerta, Quien


def al_alcance(access: Puerta, quien: Quien, accion: Accion, actores: Actores) -> list[ProcesoRegistrado]:
    """The processes in which the account may do it, in order."""
    return [
        p for _, p in sorted(actores.procesos.items()) if access.allows(quien, accion, actores.lugar(proceso=p.proceso))
    ]


def elegido(proceso: str | None, procesos: list[ProcesoRegistrado], actores: Actores) -> ProcesoRegistrado | None:
    """The one that the page is about; None: it has to be chosen."""
    if proceso is None:
        return procesos[0] if len(procesos) == 1 else None
    return actores.procesos.get(proceso)


def pagina_para_elegir(
    pages: jinja2.Environment,
    quien: Quien,
    procesos: list[ProcesoRegistrado],
    *,
    ruta: str,
    pregunta: str,
    donde: str = "",
    tema: str = "",
) -> str:
    """The page to choose one. `ruta`: of the page that it leads to; `donde`: what that page is called."""
    return pages.get_template("procesos.html").render(
        quien=quien, procesos=procesos, ruta=ruta, pregunta=pregunta, donde=donde, tema=tema
    )
