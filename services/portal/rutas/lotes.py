"""Auxiliares from a file: upload, preview, confirm, progress, outcome (P 7.3, D 3)."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from kernel.forms import Form, blank, read_form
from schemas.autorizacion import Accion
from services.portal import archivos, metrics
from services.portal.domain.auxiliares import CAMPOS
from services.portal.domain.lotes import MAX_RENGLONES, POR_PAGINA, EstadoLote, Lote, Suerte
from services.portal.domain.rechazo import Invalida
from services.portal.handlers.portal import Portal
from services.portal.paginas import Miga, Paginas, Quien
from services.portal.rutas.auxiliares import migas

MAX_FORMA = archivos.MAX_BYTES + 64 * 1024
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
TEXTO: dict[EstadoLote, str] = {
    EstadoLote.SUBIENDO: "No se terminó de recibir",
    EstadoLote.VISTA_PREVIA: "Por confirmar",
    EstadoLote.EN_CURSO: "Registrando",
    EstadoLote.TERMINADO: "Terminado",
    EstadoLote.ABANDONADO: "Descartado",
}
VISTAS: dict[str, tuple[str, tuple[Suerte, ...]]] = {
    "todas": ("Todos", tuple(Suerte)),
    "errores": ("Con errores", (Suerte.MALA,)),
    "avisos": ("Por confirmar", (Suerte.POR_CONFIRMAR,)),
    "buenas": ("Sin errores", (Suerte.BUENA,)),
}


def rutas(portal: Portal, paginas: Paginas) -> APIRouter:
    """The router."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    require = paginas.access.require
    Registra = Annotated[Quien, Depends(require(Accion.REGISTRAR_AUXILIAR))]
    Mira = Annotated[Quien, Depends(require(Accion.REGISTRAR_AUXILIAR, background=True))]
    lotes, auxiliares = portal.lotes, portal.auxiliares

    def base(solicitud: str, lote: str = "") -> str:
        return f"/solicitudes/{solicitud}/lotes" + (f"/{lote}" if lote else "")

    def camino(solicitud: str, *mas: str) -> list[Miga]:
        return migas(solicitud, Miga("Desde un archivo", base(solicitud)), *map(Miga, mas))

    async def forma_de_archivo(request: Request, quien: Quien, forma: Form, solicitud: str) -> HTMLResponse:
        return paginas.pagina(
            request,
            quien,
            "lotes.html",
            camino(solicitud),
            solicitud=portal.vista.actores.solicitudes[solicitud],
            f=forma,
            lotes=await lotes.de(solicitud),
            instrucciones=archivos.instrucciones(auxiliares.emisores),
            TEXTO=TEXTO,
            MAX_RENGLONES=MAX_RENGLONES,
        )

    @router.get("/solicitudes/{solicitud}/lotes")
    async def lista(request: Request, quien: Registra, solicitud: str) -> Response:
        auxiliares.perfil(solicitud)
        return await forma_de_archivo(request, quien, blank(), solicitud)

    @router.post("/solicitudes/{solicitud}/lotes")
    async def subir(request: Request, quien: Registra, solicitud: str) -> Response:
        auxiliares.perfil(solicitud)
        forma = await read_form(request, max_bytes=MAX_FORMA)
        try:
            archivo = forma.files.get("archivo")
            if archivo is None:
                raise Invalida({"archivo": "Elija un archivo CSV o XLSX."})
            lote = await lotes.subir(paginas.orden(request, quien, forma), solicitud, archivo.content)
        except Invalida as error:
            metrics.RECHAZOS.labels("campos").inc()
            response = await forma_de_archivo(request, quien, forma.with_errors(error.errores), solicitud)
            response.status_code = 422
            return response
        return RedirectResponse(base(solicitud, lote.lote), 303)

    @router.get("/solicitudes/{solicitud}/plantilla.csv")
    async def plantilla_csv(quien: Registra, solicitud: str) -> Response:
        return _descarga(archivos.plantilla_csv(auxiliares.emisores), "text/csv; charset=utf-8", "auxiliares.csv")

    @router.get("/solicitudes/{solicitud}/plantilla.xlsx")
    async def plantilla_xlsx(quien: Registra, solicitud: str) -> Response:
        return _descarga(archivos.plantilla_xlsx(auxiliares.emisores), XLSX, "auxiliares.xlsx")

    @router.get("/solicitudes/{solicitud}/lotes/{lote}")
    async def ver(
        request: Request, quien: Registra, solicitud: str, lote: str, ver: str = "todas", pagina: int = 1
    ) -> Response:
        actual = await lotes.ver(solicitud, lote)
        datos: dict[str, Any] = {}
        if actual.estado is EstadoLote.VISTA_PREVIA:
            if ver not in VISTAS:
                ver = "todas"
            suertes = VISTAS[ver][1]
            cuantas = sum(getattr(actual.cuenta, suerte.value) for suerte in suertes)
            paginas_ = max(1, -(-cuantas // POR_PAGINA))
            pagina = min(max(pagina, 1), paginas_)
            datos = {
                "filas": await lotes.filas(actual, suertes, desde=(pagina - 1) * POR_PAGINA),
                "vistas": [
                    (clave, texto, sum(getattr(actual.cuenta, s.value) for s in de))
                    for clave, (texto, de) in VISTAS.items()
                ],
                "vista": ver,
                "pagina": pagina,
                "paginas": paginas_,
                "campos": CAMPOS,
                "f": blank(),
            }
        elif actual.estado in (EstadoLote.EN_CURSO, EstadoLote.TERMINADO):
            finales = await lotes.finales(lote)
            sin = [f for f in finales if f.auxiliar is None]
            datos = {"sin_registrar": sin[:POR_PAGINA], "cuantos_sin": len(sin)}
        return paginas.pagina(
            request,
            quien,
            "lote.html",
            camino(solicitud, "Archivo"),
            solicitud=portal.vista.actores.solicitudes[solicitud],
            lote=actual,
            base=base(solicitud, lote),
            TEXTO=TEXTO,
            modulos=["/estatico/portal.js"],
            **datos,
        )

    @router.post("/solicitudes/{solicitud}/lotes/{lote}/confirmar")
    async def confirmar(request: Request, quien: Registra, solicitud: str, lote: str) -> Response:
        forma = await read_form(request)
        await lotes.confirmar(solicitud, lote, con_avisos=forma.has("con_avisos", "si"))
        return RedirectResponse(base(solicitud, lote), 303)

    @router.post("/solicitudes/{solicitud}/lotes/{lote}/abandonar")
    async def abandonar(request: Request, quien: Registra, solicitud: str, lote: str) -> Response:
        await read_form(request)
        await lotes.abandonar(solicitud, lote)
        return RedirectResponse(base(solicitud, lote), 303)

    @router.get("/solicitudes/{solicitud}/lotes/{lote}/avance")
    async def avance(quien: Mira, solicitud: str, lote: str) -> Response:
        return JSONResponse(_avance(await lotes.ver(solicitud, lote)))

    @router.get("/solicitudes/{solicitud}/lotes/{lote}/resultado.csv")
    async def resultado(quien: Registra, solicitud: str, lote: str) -> Response:
        await lotes.ver(solicitud, lote)
        contenido = archivos.resultado_csv(await lotes.finales(lote))
        return _descarga(contenido, "text/csv; charset=utf-8", f"resultado-{solicitud}-{lote[:8]}.csv")

    return router


def _avance(lote: Lote) -> dict[str, Any]:
    return {
        "estado": lote.estado.value,
        "vistas": lote.vistas,
        "todas": lote.cuenta.todas,
        "registradas": lote.registradas,
        "sin_registrar": lote.sin_registrar,
    }


def _descarga(contenido: bytes, tipo: str, nombre: str) -> Response:
    return Response(contenido, media_type=tipo, headers={"Content-Disposition": f'attachment; filename="{nombre}"'})
