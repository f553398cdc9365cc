"""The history of a record over HTTP, its page and the same for programs; and the page of one image by itself."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI, Query, Response
from fastapi import Path as PathParam
from fastapi.responses import HTMLResponse, RedirectResponse

from kernel.web import templates
from schemas.autorizacion import Accion
from schemas.paquete import IMAGENES, Parte
from schemas.tipos import Folio, proceso_de
from services.mesa_control.acceso.domain import NOMBRE_DE_PARTE, Paso
from services.mesa_control.acceso.handlers import Historias
from services.mesa_control.contrato import Puerta, Quien, Salida
from services.mesa_control.domain import Rechazo


class PasoSalida(Salida):
    """Algo que le pasó al registro. `quien`: la cuenta que actuó; nulo si fue una máquina. `por_regla`: lo que una regla vio."""

    que: str
    texto: str
    detalle: str
    quien: str | None
    cuando: datetime
    version: int
    por_regla: list[str]


class DestruccionSalida(Salida):
    """La orden por la que se destruyeron los datos y las imágenes."""

    ordenada_en: datetime
    por: str
    numeral: str
    documento: str
    motivo: str


class HistoriaSalida(Salida):
    """La historia de un registro, lo más antiguo primero. `destruccion`: nula mientras nadie la ordene."""

    folio: str
    destruccion: DestruccionSalida | None
    pasos: list[PasoSalida]


def montar(app: FastAPI, historias: Historias, access: Puerta, aqui: Path) -> None:
    """Put the routes on the application. `aqui`: the service's folder."""
    pages = templates(aqui / "pagina")
    ve = Annotated[Quien, Depends(access.require(Accion.VER_HISTORIA))]

    @app.get("/api/registros/{folio}/historia")
    async def historia(folio: Annotated[Folio, PathParam()], quien: ve) -> HistoriaSalida:
        """Quién recibió, examinó, consultó, abrió, decidió y pidió reintentar el registro, y cuándo."""
        orden = historias.destruccion(folio)
        return HistoriaSalida(
            folio=folio,
            destruccion=DestruccionSalida(**orden.model_dump(include=set(DestruccionSalida.model_fields)))
            if orden
            else None,
            pasos=[_paso(p) for p in await historias.de(folio)],
        )

    @app.get("/registros", include_in_schema=False, response_class=HTMLResponse)
    async def buscar(quien: ve, folio: Annotated[Folio | None, Query()] = None) -> Response:
        if folio is not None:
            return RedirectResponse(f"/registros/{folio}", 303)
        return HTMLResponse(pages.get_template("historia_buscar.html").render(quien=quien))

    @app.get("/registros/{folio}", include_in_schema=False, response_class=HTMLResponse)
    async def page(folio: Annotated[Folio, PathParam()], quien: ve) -> str:
        pasos = await historias.de(folio)
        return pages.get_template("historia.html").render(
            quien=quien,
            folio=folio,
            pasos=pasos,
            destruccion=historias.destruccion(folio),
            estilos=["/estatico/historia.css"],
        )

    ve_registro = Annotated[Quien, Depends(access.require(Accion.VER_REGISTRO_EN_MESA))]

    @app.get("/registros/{folio}/imagenes/{parte}", include_in_schema=False, response_class=HTMLResponse)
    async def imagen(folio: Annotated[Folio, PathParam()], parte: Parte, quien: ve_registro) -> str:
        if parte not in IMAGENES:
            raise Rechazo("imagen_desconocida")
        return pages.get_template("imagen.html").render(
            quien=quien,
            folio=folio,
            parte=parte.value,
            nombre=NOMBRE_DE_PARTE[parte].capitalize(),
            proceso=proceso_de(folio),
            tema="oscuro",
            estilos=["/estatico/mesa.css", "/estatico/marca.css"],
            modulos=["/estatico/imagen.js"],
        )


def _paso(paso: Paso) -> PasoSalida:
    return PasoSalida(
        que=paso.que,
        texto=paso.texto,
        detalle=paso.detalle,
        quien=paso.quien,
        cuando=paso.cuando,
        version=paso.version,
        por_regla=list(paso.por_regla),
    )
