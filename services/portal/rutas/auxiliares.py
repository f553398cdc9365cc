"""Auxiliares of a solicitud: list, register, dismiss, FURA, change of e-mail (P 7.3-7.7, 9.17; D 3, 6.7)."""

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from kernel.forms import Form, blank
from schemas.autorizacion import VE_DATOS_PERSONALES, Accion
from schemas.envelope import Evento
from schemas.eventos import AuxiliarRegistrado
from schemas.tipos import proceso_de
from services.portal.domain import auxiliares as dominio
from services.portal.domain.fichas import Hechos
from services.portal.domain.nomina import situacion_de
from services.portal.domain.rechazo import Codigo, Rechazo
from services.portal.handlers.escritura import Orden
from services.portal.handlers.portal import Portal
from services.portal.paginas import POR_PAGINA, Miga, Paginas, Quien
from services.portal.presentacion import historia

SIN_FURA = "sin_fura"
FILTROS = [*((e.value, texto) for e, texto in dominio.TEXTO_ESTADO.items()), (SIN_FURA, "Sin FURA")]


def migas(solicitud: str, *mas: Miga) -> list[Miga]:
    """Where the pages of its auxiliares are."""
    return [
        Miga("Procesos", "/procesos"),
        Miga(proceso_de(solicitud), f"/procesos/{proceso_de(solicitud)}"),
        Miga(solicitud, f"/solicitudes/{solicitud}"),
        Miga("Auxiliares", f"/solicitudes/{solicitud}/auxiliares"),
        *mas,
    ]


def rutas(portal: Portal, paginas: Paginas) -> APIRouter:
    """The router."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    require = paginas.access.require
    Ve = Annotated[Quien, Depends(require(Accion.VER_AUXILIARES))]
    Registra = Annotated[Quien, Depends(require(Accion.REGISTRAR_AUXILIAR))]
    DaDeBaja = Annotated[Quien, Depends(require(Accion.DAR_DE_BAJA_AUXILIAR))]
    AsientaFura = Annotated[Quien, Depends(require(Accion.REGISTRAR_FURA))]
    CambiaCorreo = Annotated[Quien, Depends(require(Accion.CAMBIAR_CORREO))]
    auxiliares, vista = portal.auxiliares, portal.vista

    def estado(a: AuxiliarRegistrado) -> dominio.Estado:
        return dominio.estado(situacion_de(vista.actores, a.solicitud, a.auxiliar), auxiliares.perfil(a.solicitud))

    def sin_fura(a: AuxiliarRegistrado, suyo: dominio.Estado) -> bool:
        return suyo is not dominio.Estado.DE_BAJA and (a.solicitud, a.auxiliar) not in vista.actores.furas

    def base(solicitud: str, auxiliar: str = "") -> str:
        return f"/solicitudes/{solicitud}/auxiliares" + (f"/{auxiliar}" if auxiliar else "")

    def contexto(solicitud: str) -> dict[str, Any]:
        actores = vista.actores
        return {
            "solicitud": actores.solicitudes[solicitud],
            "proceso": actores.procesos[proceso_de(solicitud)],
            "perfil": auxiliares.perfil(solicitud),
            "TEXTO_ESTADO": dominio.TEXTO_ESTADO,
        }

    @router.get("/solicitudes/{solicitud}/auxiliares")
    async def lista(
        request: Request, quien: Ve, solicitud: str, id_: str = "", estado_: str = "", pagina: int = 1
    ) -> Response:
        auxiliares.perfil(solicitud)
        buscado = id_.strip().upper()
        if (solicitud, buscado) in vista.actores.auxiliares:
            return RedirectResponse(base(solicitud, buscado), 303)
        todos = [(a, estado(a)) for a in vista.nomina.de(solicitud, vista.actores)]
        cuentas = Counter(suyo.value for _, suyo in todos)
        cuentas[SIN_FURA] = sum(sin_fura(a, suyo) for a, suyo in todos)
        elegidos = [
            (a, suyo)
            for a, suyo in todos
            if buscado in a.auxiliar and (not estado_ or estado_ == suyo or (estado_ == SIN_FURA and sin_fura(a, suyo)))
        ]
        paginas_ = max(1, -(-len(elegidos) // POR_PAGINA))
        pagina = min(max(pagina, 1), paginas_)
        filas = elegidos[(pagina - 1) * POR_PAGINA : pagina * POR_PAGINA]
        ve_datos = quien.account.rol in VE_DATOS_PERSONALES
        nombres = await auxiliares.datos(quien.id, [a for a, _ in filas]) if ve_datos else {}
        return paginas.pagina(
            request,
            quien,
            "auxiliares.html",
            migas(solicitud),
            **contexto(solicitud),
            filas=[(a, suyo, nombres.get(a.auxiliar), sin_fura(a, suyo)) for a, suyo in filas],
            total=len(todos),
            elegidos=len(elegidos),
            cuentas=cuentas,
            filtros=FILTROS,
            f=blank(id_=id_, estado_=estado_),
            pagina=pagina,
            paginas=paginas_,
            ve_datos=ve_datos,
        )

    # One by one --------------------------------------------------------------------------------------------------------

    def forma_de_registro(request: Request, quien: Quien, forma: Form, solicitud: str) -> HTMLResponse:
        return paginas.pagina(
            request,
            quien,
            "auxiliar_forma.html",
            migas(solicitud, Miga("Registrar")),
            **contexto(solicitud),
            f=forma,
            campos=[(c, dominio.requerido(c, auxiliares.perfil(solicitud))) for c in dominio.CAMPOS],
            emisores=list(auxiliares.emisores.items()),
        )

    @router.get("/solicitudes/{solicitud}/auxiliares/nuevo")
    async def nuevo(request: Request, quien: Registra, solicitud: str) -> Response:
        auxiliares.perfil(solicitud)
        return forma_de_registro(request, quien, blank(), solicitud)

    @router.post("/solicitudes/{solicitud}/auxiliares/nuevo")
    async def registrar(request: Request, quien: Registra, solicitud: str) -> Response:
        auxiliares.perfil(solicitud)

        async def hacer(forma: Form, orden: Orden) -> tuple[Evento, str]:
            evento = await auxiliares.registrar(orden, solicitud, forma.values)
            return evento, base(solicitud, evento.auxiliar)

        return await paginas.forma(
            request, quien, hacer, lambda forma: forma_de_registro(request, quien, forma, solicitud)
        )

    # One of them -------------------------------------------------------------------------------------------------------

    def pagina_de_uno(
        request: Request, quien: Quien, plantilla: str, uno: AuxiliarRegistrado, *mas: Miga, **datos: Any
    ) -> HTMLResponse:
        suyo = Miga(uno.auxiliar, base(uno.solicitud, uno.auxiliar))
        return paginas.pagina(
            request,
            quien,
            plantilla,
            migas(uno.solicitud, suyo, *mas),
            **contexto(uno.solicitud),
            uno=uno,
            estado=estado(uno),
            **datos,
        )

    @router.get("/solicitudes/{solicitud}/auxiliares/{auxiliar}")
    async def ver(request: Request, quien: Ve, solicitud: str, auxiliar: str) -> Response:
        uno = auxiliares.uno(solicitud, auxiliar)
        situacion = situacion_de(vista.actores, solicitud, auxiliar)
        ve_datos = quien.account.rol in VE_DATOS_PERSONALES
        datos = (await auxiliares.datos(quien.id, [uno])).get(auxiliar) if ve_datos else None
        detalle = await auxiliares.detalle_de_baja(quien.id, uno, situacion.baja) if ve_datos and situacion.baja else ""
        ficha = await portal.fichas.get(uno.asunto)
        return pagina_de_uno(
            request,
            quien,
            "auxiliar.html",
            uno,
            situacion=situacion,
            datos=datos,
            detalle=detalle,
            ve_datos=ve_datos,
            emisor=auxiliares.emisores.get(datos.emisor, datos.emisor) if datos else "",
            dispositivos=[
                d for d in vista.actores.dispositivos.values() if (d.solicitud, d.auxiliar) == (solicitud, auxiliar)
            ],
            da_de_baja=dominio.quien_da_de_baja(quien.account.rol, auxiliares.perfil(solicitud)) is not None,
            historia=historia(Hechos(ficha)) if ficha else [],
            TEXTO_RESULTADO=dominio.TEXTO_RESULTADO,
        )

    async def responder(
        request: Request,
        quien: Quien,
        uno: AuxiliarRegistrado,
        cambio: Callable[[Orden, Form], Awaitable[Evento]],
        mostrar: Callable[[Form], Response],
    ) -> Response:
        async def hacer(forma: Form, orden: Orden) -> tuple[Evento, str]:
            return await cambio(orden, forma), base(uno.solicitud, uno.auxiliar)

        return await paginas.forma(request, quien, hacer, mostrar, hecho="cambiado")

    def forma_de_baja(request: Request, quien: Quien, forma: Form, uno: AuxiliarRegistrado) -> HTMLResponse:
        perfil = auxiliares.perfil(uno.solicitud)
        como = dominio.quien_da_de_baja(quien.account.rol, perfil)
        if como is None:
            raise Rechazo(Codigo.NO_DA_DE_BAJA)
        return pagina_de_uno(
            request,
            quien,
            "auxiliar_baja.html",
            uno,
            Miga("Dar de baja"),
            f=forma,
            motivos=[(m.clave, m.texto) for m in dominio.motivos_de(como)],
            que_sigue=dominio.que_sigue(como, perfil),
        )

    @router.get("/solicitudes/{solicitud}/auxiliares/{auxiliar}/baja")
    async def baja_forma(request: Request, quien: DaDeBaja, solicitud: str, auxiliar: str) -> Response:
        uno = auxiliares.uno(solicitud, auxiliar)
        if (solicitud, auxiliar) in vista.actores.bajas:
            raise Rechazo(Codigo.AUXILIAR_DE_BAJA)
        return forma_de_baja(request, quien, blank(), uno)

    @router.post("/solicitudes/{solicitud}/auxiliares/{auxiliar}/baja")
    async def baja(request: Request, quien: DaDeBaja, solicitud: str, auxiliar: str) -> Response:
        uno = auxiliares.uno(solicitud, auxiliar)

        async def cambio(orden: Orden, forma: Form) -> Evento:
            return await auxiliares.dar_de_baja(orden, quien.account.rol, solicitud, auxiliar, forma.values)

        return await responder(request, quien, uno, cambio, lambda forma: forma_de_baja(request, quien, forma, uno))

    def forma_de_fura(request: Request, quien: Quien, forma: Form, uno: AuxiliarRegistrado) -> HTMLResponse:
        return pagina_de_uno(request, quien, "auxiliar_fura.html", uno, Miga("FURA"), f=forma)

    @router.get("/solicitudes/{solicitud}/auxiliares/{auxiliar}/fura")
    async def fura_forma(request: Request, quien: AsientaFura, solicitud: str, auxiliar: str) -> Response:
        uno = auxiliares.uno(solicitud, auxiliar)
        actual = vista.actores.furas.get((solicitud, auxiliar))
        forma = blank(version=str(actual.version if actual else 0), firmada_en=actual.firmada_en if actual else None)
        return forma_de_fura(request, quien, forma, uno)

    @router.post("/solicitudes/{solicitud}/auxiliares/{auxiliar}/fura")
    async def fura(request: Request, quien: AsientaFura, solicitud: str, auxiliar: str) -> Response:
        uno = auxiliares.uno(solicitud, auxiliar)

        async def cambio(orden: Orden, forma: Form) -> Evento:
            return await auxiliares.asentar_fura(orden, solicitud, auxiliar, paginas.version(forma), forma.values)

        return await responder(request, quien, uno, cambio, lambda forma: forma_de_fura(request, quien, forma, uno))

    def forma_de_correo(request: Request, quien: Quien, forma: Form, uno: AuxiliarRegistrado) -> HTMLResponse:
        emisores = list(auxiliares.emisores.items())
        return pagina_de_uno(
            request, quien, "auxiliar_correo.html", uno, Miga("Cambiar el correo"), f=forma, emisores=emisores
        )

    @router.get("/solicitudes/{solicitud}/auxiliares/{auxiliar}/correo")
    async def correo_forma(request: Request, quien: CambiaCorreo, solicitud: str, auxiliar: str) -> Response:
        uno = auxiliares.uno(solicitud, auxiliar)
        if (solicitud, auxiliar) in vista.actores.bajas:
            raise Rechazo(Codigo.AUXILIAR_DE_BAJA)
        datos = (await auxiliares.datos(quien.id, [uno])).get(auxiliar)
        forma = blank(
            version=str(uno.version), correo=datos.correo if datos else "", emisor=datos.emisor if datos else ""
        )
        return forma_de_correo(request, quien, forma, uno)

    @router.post("/solicitudes/{solicitud}/auxiliares/{auxiliar}/correo")
    async def correo(request: Request, quien: CambiaCorreo, solicitud: str, auxiliar: str) -> Response:
        uno = auxiliares.uno(solicitud, auxiliar)

        async def cambio(orden: Orden, forma: Form) -> Evento:
            return await auxiliares.cambiar_correo(orden, solicitud, auxiliar, paginas.version(forma), forma.values)

        return await responder(request, quien, uno, cambio, lambda forma: forma_de_correo(request, quien, forma, uno))

    return router
