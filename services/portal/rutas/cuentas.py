"""Accounts of the staff: list, register, change, dismiss, record the Declaración (P 5.2-5.4, D 9)."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from kernel.forms import Form, blank
from schemas.actores import DatosCuenta
from schemas.autorizacion import NOMBRE_DE_ROL, VE_DATOS_PERSONALES, Accion
from schemas.envelope import Evento
from schemas.eventos import CuentaRegistrada
from schemas.hora import CENTRO
from services.portal.domain import cuentas as dominio
from services.portal.domain.fichas import Hechos
from services.portal.domain.rechazo import Codigo, Rechazo
from services.portal.handlers.escritura import Orden
from services.portal.handlers.portal import Portal
from services.portal.paginas import Miga, Paginas, Quien
from services.portal.presentacion import historia

CUENTAS = Miga("Cuentas", "/cuentas")
ROLES = [(rol.value, NOMBRE_DE_ROL[rol]) for rol in dominio.DEL_PERSONAL]


def rutas(portal: Portal, paginas: Paginas) -> APIRouter:
    """The router."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    require = paginas.access.require
    VeCuentas = Annotated[Quien, Depends(require(Accion.VER_CUENTAS))]
    Registra = Annotated[Quien, Depends(require(Accion.REGISTRAR_CUENTA))]
    Declara = Annotated[Quien, Depends(require(Accion.REGISTRAR_DECLARACION))]
    cuentas = portal.cuentas

    def estado(cuenta: CuentaRegistrada) -> str | None:
        return portal.vista.actores.por_que_no_entra(cuenta, portal.escritor.clock.now())

    def encontrar(quien: Quien, cuenta: str) -> CuentaRegistrada:
        found = portal.vista.actores.cuentas.get(cuenta)
        if found is None or not dominio.ve(quien.account, found):
            raise Rechazo(Codigo.NO_EXISTE)
        return found

    async def datos(quien: Quien, *de: CuentaRegistrada) -> dict[str, DatosCuenta]:
        if quien.account.rol not in VE_DATOS_PERSONALES:
            return {}
        return await cuentas.datos(quien.id, de)

    def migas(cuenta: CuentaRegistrada, *mas: str) -> list[Miga]:
        return [CUENTAS, Miga(cuenta.cuenta, f"/cuentas/{cuenta.cuenta}"), *(Miga(m) for m in mas)]

    def forma_de_cuenta(
        request: Request, quien: Quien, forma: Form, actual: CuentaRegistrada | None = None
    ) -> HTMLResponse:
        procesos = [(p, f"{p} · {r.denominacion}", "") for p, r in sorted(portal.vista.actores.procesos.items())]
        return paginas.pagina(
            request,
            quien,
            "cuenta_forma.html",
            migas(actual, "Cambiar") if actual else [CUENTAS, Miga("Registrar")],
            f=forma,
            actual=actual,
            roles=ROLES,
            emisores=sorted(cuentas.emisores.items()),
            procesos=procesos,
        )

    @router.get("/cuentas")
    async def lista(request: Request, quien: VeCuentas, rol: str = "", estado_: str = "") -> Response:
        suyas = [
            c
            for c in portal.vista.actores.cuentas.values()
            if dominio.ve(quien.account, c) and c.rol in dominio.DEL_PERSONAL and rol in ("", c.rol)
        ]
        suyas = [c for c in suyas if not estado_ or (estado(c) or "vigente") == estado_]
        nombres = await datos(quien, *suyas)
        filas = sorted(
            ((c, nombres.get(c.cuenta), dominio.ESTADOS[estado(c)], estado(c)) for c in suyas),
            key=lambda fila: (fila[1].nombre.casefold() if fila[1] else "", fila[0].cuenta),
        )
        return paginas.pagina(
            request,
            quien,
            "cuentas.html",
            [CUENTAS],
            filas=filas,
            roles=ROLES,
            estados=[(clave or "vigente", texto) for clave, texto in dominio.ESTADOS.items()],
            f=blank(rol=rol, estado_=estado_),
            filtrada=bool(rol or estado_),
            con_nombres=quien.account.rol in VE_DATOS_PERSONALES,
            NOMBRE_DE_ROL=NOMBRE_DE_ROL,
        )

    @router.get("/cuentas/nueva")
    async def nueva(request: Request, quien: Registra) -> Response:
        hoy = portal.escritor.clock.now().astimezone(CENTRO).date()
        return forma_de_cuenta(request, quien, blank(desde=hoy.isoformat()))

    @router.post("/cuentas/nueva")
    async def registrar(request: Request, quien: Registra) -> Response:
        async def hacer(forma: Form, orden: Orden) -> tuple[Evento, str]:
            evento = await cuentas.registrar(orden, forma.values)
            return evento, f"/cuentas/{evento.cuenta}"

        return await paginas.forma(request, quien, hacer, lambda forma: forma_de_cuenta(request, quien, forma))

    @router.get("/cuentas/{cuenta}")
    async def ver(request: Request, quien: VeCuentas, cuenta: str) -> Response:
        registrada = encontrar(quien, cuenta)
        ficha = await portal.fichas.get(registrada.asunto)
        suyos = await datos(quien, registrada)
        return paginas.pagina(
            request,
            quien,
            "cuenta.html",
            migas(registrada),
            cuenta=registrada,
            datos=suyos.get(cuenta),
            estado=estado(registrada),
            estado_en_palabras=dominio.ESTADOS[estado(registrada)],
            declaracion=portal.vista.actores.declaraciones.get(cuenta),
            ultimo_dia=dominio.ultimo_dia(registrada),
            emisor=cuentas.emisores.get(suyos[cuenta].emisor, suyos[cuenta].emisor) if cuenta in suyos else "",
            historia=historia(Hechos(ficha)) if ficha else [],
            NOMBRE_DE_ROL=NOMBRE_DE_ROL,
        )

    @router.get("/cuentas/{cuenta}/cambiar")
    async def cambiar_forma(request: Request, quien: Registra, cuenta: str) -> Response:
        actual = _del_personal(encontrar(quien, cuenta))
        suyos = (await datos(quien, actual)).get(cuenta)
        return forma_de_cuenta(request, quien, _llena(actual, suyos), actual)

    @router.post("/cuentas/{cuenta}/cambiar")
    async def cambiar(request: Request, quien: Registra, cuenta: str) -> Response:
        actual = _del_personal(encontrar(quien, cuenta))

        async def hacer(forma: Form, orden: Orden) -> tuple[Evento, str]:
            return (
                await cuentas.cambiar(orden, cuenta, paginas.version(forma), forma.values),
                f"/cuentas/{cuenta}",
            )

        return await paginas.forma(
            request, quien, hacer, lambda forma: forma_de_cuenta(request, quien, forma, actual), hecho="cambiado"
        )

    def forma_de_baja(request: Request, quien: Quien, forma: Form, actual: CuentaRegistrada) -> HTMLResponse:
        que = "Dar de baja" if actual.activa else "Reactivar"
        return paginas.pagina(request, quien, "cuenta_baja.html", migas(actual, que), f=forma, cuenta=actual)

    @router.get("/cuentas/{cuenta}/baja")
    async def baja_forma(request: Request, quien: Registra, cuenta: str) -> Response:
        actual = _del_personal(encontrar(quien, cuenta))
        return forma_de_baja(request, quien, blank(version=str(actual.version)), actual)

    @router.post("/cuentas/{cuenta}/baja")
    async def baja(request: Request, quien: Registra, cuenta: str) -> Response:
        actual = _del_personal(encontrar(quien, cuenta))

        async def hacer(forma: Form, orden: Orden) -> tuple[Evento, str]:
            activa = forma.value("activa") == "si"
            version = paginas.version(forma)
            return await cuentas.activar(orden, cuenta, version, forma.values, activa=activa), f"/cuentas/{cuenta}"

        return await paginas.forma(
            request, quien, hacer, lambda forma: forma_de_baja(request, quien, forma, actual), hecho="cambiado"
        )

    def forma_de_declaracion(request: Request, quien: Quien, forma: Form, actual: CuentaRegistrada) -> HTMLResponse:
        return paginas.pagina(
            request, quien, "cuenta_declaracion.html", migas(actual, "Declaración"), f=forma, cuenta=actual
        )

    @router.get("/cuentas/{cuenta}/declaracion")
    async def declaracion_forma(request: Request, quien: Declara, cuenta: str) -> Response:
        actual = _del_personal(encontrar(quien, cuenta))
        anterior = portal.vista.actores.declaraciones.get(cuenta)
        version = str(anterior.version if anterior else 0)
        return forma_de_declaracion(request, quien, blank(version=version), actual)

    @router.post("/cuentas/{cuenta}/declaracion")
    async def declarar(request: Request, quien: Declara, cuenta: str) -> Response:
        actual = _del_personal(encontrar(quien, cuenta))

        async def hacer(forma: Form, orden: Orden) -> tuple[Evento, str]:
            version = paginas.version(forma)
            return await cuentas.declarar(orden, cuenta, version, forma.values), f"/cuentas/{cuenta}"

        return await paginas.forma(
            request, quien, hacer, lambda forma: forma_de_declaracion(request, quien, forma, actual)
        )

    return router


def _del_personal(cuenta: CuentaRegistrada) -> CuentaRegistrada:
    if cuenta.rol not in dominio.DEL_PERSONAL:
        raise Rechazo(Codigo.NO_EXISTE)
    return cuenta


def _llena(actual: CuentaRegistrada, datos: DatosCuenta | None) -> Form:
    """The form of an account with what it says."""
    valores: dict[str, Any] = datos.model_dump() if datos else {}
    return blank(
        **valores,
        version=str(actual.version),
        entidad=actual.entidad,
        procesos=actual.procesos,
        desde=_dia(actual.desde),
        hasta=dominio.ultimo_dia(actual).isoformat(),
        oficio=actual.oficio,
    )


def _dia(momento: datetime) -> str:
    return momento.astimezone(CENTRO).date().isoformat()
