"""Processes: list, register, change, liaison officers, rules, terms, capacity plan (SPEC 2)."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from kernel.forms import Form, blank
from schemas.autorizacion import VE_DATOS_PERSONALES, Accion, Lugar, alcanza
from schemas.envelope import Evento
from schemas.eventos import ProcesoRegistrado
from schemas.hora import CENTRO
from services.portal import grafica
from services.portal.domain import capacidad, procesos, reglas
from services.portal.domain.calendarios import festivos
from services.portal.domain.fichas import Hechos
from services.portal.domain.terminos import terminos
from services.portal.handlers.escritura import Orden
from services.portal.handlers.portal import Portal
from services.portal.paginas import Miga, Paginas, Quien
from services.portal.presentacion import historia, versiones_de_reglas

PROCESOS = Miga("Procesos", "/procesos")
AMBITOS = [("local", "Local, de una entidad", ""), ("federal", "Federal, de todo el país", "")]


def rutas(portal: Portal, paginas: Paginas) -> APIRouter:
    """The router."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    require = paginas.access.require
    Ve = Annotated[Quien, Depends(require(Accion.VER_PROCESO))]
    Registra = Annotated[Quien, Depends(require(Accion.REGISTRAR_PROCESO))]
    CambiaReglas = Annotated[Quien, Depends(require(Accion.CAMBIAR_REGLAS))]

    def encontrar(proceso: str) -> ProcesoRegistrado:
        return portal.procesos.conocido(portal.vista.actores, proceso)

    def migas(proceso: str, *mas: str) -> list[Miga]:
        return [PROCESOS, Miga(proceso, f"/procesos/{proceso}"), *(Miga(m) for m in mas)]

    @router.get("/procesos")
    async def lista(request: Request, quien: Ve) -> Response:
        actores, ahora = portal.vista.actores, portal.escritor.clock.now()
        filas = [
            (p, procesos.estado(p, actores.perfil_de(p.proceso), ahora))
            for _, p in sorted(actores.procesos.items())
            if alcanza(quien.account, actores.lugar(proceso=p.proceso))
        ]
        return paginas.pagina(
            request,
            quien,
            "procesos.html",
            [PROCESOS],
            filas=filas,
            registra=bool(procesos.tipos_de(quien.account.rol)),
            NOMBRE_DE_TIPO=procesos.NOMBRE_DE_TIPO,
        )

    # Register and change -----------------------------------------------------------------------------------------------

    def forma_de_proceso(
        request: Request, quien: Quien, forma: Form, actual: ProcesoRegistrado | None = None
    ) -> HTMLResponse:
        return paginas.pagina(
            request,
            quien,
            "proceso_forma.html",
            migas(actual.proceso, "Cambiar") if actual else [PROCESOS, Miga("Registrar")],
            f=forma,
            actual=actual,
            tipos=[(t.value, procesos.NOMBRE_DE_TIPO[t], "") for t in procesos.tipos_de(quien.account.rol)],
            ambitos=AMBITOS,
            calendarios=[(c, c) for c in sorted(portal.vista.actores.calendarios)],
            NOMBRE_DE_TIPO=procesos.NOMBRE_DE_TIPO,
        )

    @router.get("/procesos/nuevo")
    async def nuevo(request: Request, quien: Registra) -> Response:
        entidad = quien.account.entidad
        return forma_de_proceso(
            request, quien, blank(activo="si", entidad=entidad, ambito="local" if entidad else None)
        )

    @router.post("/procesos/nuevo")
    async def registrar(request: Request, quien: Registra) -> Response:
        def suyo(entidad: str | None, proceso: str) -> bool:
            return paginas.access.allows(quien, Accion.REGISTRAR_PROCESO, Lugar(entidad, proceso))

        async def hacer(forma: Form, orden: Orden) -> tuple[Evento, str]:
            evento = await portal.procesos.registrar(orden, quien.account.rol, forma.values, alcanza=suyo)
            return evento, f"/procesos/{evento.proceso}"

        return await paginas.forma(request, quien, hacer, lambda forma: forma_de_proceso(request, quien, forma))

    @router.get("/procesos/{proceso}")
    async def ver(request: Request, quien: Ve, proceso: str) -> Response:
        actores, ahora = portal.vista.actores, portal.escritor.clock.now()
        registrado = encontrar(proceso)
        perfil = actores.perfil_de(proceso)
        ficha = await portal.fichas.get(registrado.asunto)
        return paginas.pagina(
            request,
            quien,
            "proceso.html",
            migas(proceso),
            proceso=registrado,
            estado=procesos.estado(registrado, perfil, ahora),
            avisos=procesos.avisos(registrado, perfil, ahora),
            registra=procesos.ORGANO.get(quien.account.rol) == perfil.registra,
            solicitudes=sum(1 for s in actores.solicitudes.values() if s.proceso == proceso),
            limite=actores.limite_de_recepcion(proceso),
            destruccion=actores.destrucciones.get(proceso),
            historia=historia(Hechos(ficha)) if ficha else [],
            NOMBRE_DE_TIPO=procesos.NOMBRE_DE_TIPO,
        )

    @router.get("/procesos/{proceso}/cambiar")
    async def cambiar_forma(request: Request, quien: Registra, proceso: str) -> Response:
        actual = portal.procesos.actual(portal.vista.actores, proceso, quien.account.rol)
        return forma_de_proceso(request, quien, _llena(actual), actual)

    @router.post("/procesos/{proceso}/cambiar")
    async def cambiar(request: Request, quien: Registra, proceso: str) -> Response:
        actual = encontrar(proceso)

        async def hacer(forma: Form, orden: Orden) -> tuple[Evento, str]:
            version = paginas.version(forma)
            evento = await portal.procesos.cambiar(orden, quien.account.rol, proceso, version, forma.values)
            await portal.solicitudes.prorrogar(orden, evento)
            return evento, f"/procesos/{proceso}"

        return await paginas.forma(
            request, quien, hacer, lambda forma: forma_de_proceso(request, quien, forma, actual), hecho="cambiado"
        )

    # Liaison officers --------------------------------------------------------------------------------------------------

    def forma_de_enlaces(request: Request, quien: Quien, forma: Form, actual: ProcesoRegistrado) -> HTMLResponse:
        return paginas.pagina(
            request,
            quien,
            "enlaces_forma.html",
            migas(actual.proceso, "Enlaces"),
            f=forma,
            proceso=actual,
            numeros=range(1, procesos.MAXIMO_ENLACES + 1),
        )

    @router.get("/procesos/{proceso}/enlaces")
    async def enlaces_forma(request: Request, quien: Registra, proceso: str) -> Response:
        actual = encontrar(proceso)
        valores = {"version": str(actual.version)}
        if quien.account.rol in VE_DATOS_PERSONALES:
            datos = await portal.procesos.enlaces(quien.id, actual)
            for n, enlace in enumerate(datos.enlaces if datos else [], start=1):
                valores |= {f"{campo}_{n}": valor for campo, valor in enlace.model_dump().items()}
        return forma_de_enlaces(request, quien, blank(**valores), actual)

    @router.post("/procesos/{proceso}/enlaces")
    async def enlaces(request: Request, quien: Registra, proceso: str) -> Response:
        actual = encontrar(proceso)

        async def hacer(forma: Form, orden: Orden) -> tuple[Evento, str]:
            version = paginas.version(forma)
            evento = await portal.procesos.registrar_enlaces(orden, proceso, version, forma.values)
            return evento, f"/procesos/{proceso}"

        return await paginas.forma(
            request, quien, hacer, lambda forma: forma_de_enlaces(request, quien, forma, actual), hecho="cambiado"
        )

    # Rules -------------------------------------------------------------------------------------------------------------

    @router.get("/procesos/{proceso}/reglas")
    async def ver_reglas(request: Request, quien: Ve, proceso: str) -> Response:
        registrado = encontrar(proceso)
        perfil = portal.vista.actores.perfil_de(proceso)
        fichas = [await portal.fichas.get(asunto) for asunto in (f"perfil/{perfil.id}", registrado.asunto)]
        return paginas.pagina(
            request,
            quien,
            "reglas.html",
            migas(proceso, "Reglas"),
            proceso=registrado,
            perfil=perfil,
            filas=[(regla, reglas.decir(regla, perfil)) for regla in reglas.REGLAS],
            versiones=versiones_de_reglas(*(Hechos(f) if f else None for f in fichas)),
            cambia=procesos.ORGANO.get(quien.account.rol),
        )

    def forma_de_reglas(request: Request, quien: Quien, forma: Form, actual: ProcesoRegistrado) -> HTMLResponse:
        organo = procesos.ORGANO[quien.account.rol]
        return paginas.pagina(
            request,
            quien,
            "reglas_forma.html",
            [*migas(actual.proceso), Miga("Reglas", f"/procesos/{actual.proceso}/reglas"), Miga("Cambiar")],
            f=forma,
            proceso=actual,
            organo=organo,
            propias=reglas.propias_por_mostrar({campo: forma.value(campo) for campo in forma.values}),
            MODALIDADES=reglas.MODALIDADES,
            reglas=[(regla, type(regla.valor).__name__) for regla in reglas.REGLAS if regla.dueno == organo],
        )

    @router.get("/procesos/{proceso}/reglas/cambiar")
    async def reglas_forma(request: Request, quien: CambiaReglas, proceso: str) -> Response:
        actual = encontrar(proceso)
        valores: dict[str, Any] = {"version": str(actual.version)}
        for regla in reglas.REGLAS:
            valores |= reglas.llenar(regla, portal.vista.actores.perfil_de(proceso))
        return forma_de_reglas(request, quien, blank(**valores), actual)

    @router.post("/procesos/{proceso}/reglas/cambiar")
    async def cambiar_reglas(request: Request, quien: CambiaReglas, proceso: str) -> Response:
        actual = encontrar(proceso)

        async def hacer(forma: Form, orden: Orden) -> tuple[Evento, str]:
            version = paginas.version(forma)
            evento = await portal.procesos.cambiar_reglas(orden, quien.account.rol, proceso, version, forma.values)
            await portal.solicitudes.prorrogar(orden, evento)
            return evento, f"/procesos/{proceso}/reglas"

        return await paginas.forma(
            request, quien, hacer, lambda forma: forma_de_reglas(request, quien, forma, actual), hecho="cambiado"
        )

    # What follows ------------------------------------------------------------------------------------------------------

    @router.get("/procesos/{proceso}/plazos")
    async def plazos(request: Request, quien: Ve, proceso: str) -> Response:
        actores = portal.vista.actores
        registrado = encontrar(proceso)
        dias = festivos(actores, registrado.calendario)
        return paginas.pagina(
            request,
            quien,
            "plazos.html",
            migas(proceso, "Plazos"),
            proceso=registrado,
            terminos=terminos(registrado, actores.perfil_de(proceso), dias),
            hoy=portal.escritor.clock.now().astimezone(CENTRO).date(),
            festivos=len(dias),
        )

    @router.get("/procesos/{proceso}/capacidad")
    async def plan(
        request: Request, quien: Ve, proceso: str, ritmo: capacidad.Ritmo = capacidad.Ritmo.AL_FINAL
    ) -> Response:
        actores = portal.vista.actores
        registrado = encontrar(proceso)
        apoyos = registrado.estimado_apoyos
        datos: dict[str, Any] = {}
        if apoyos:
            dias = festivos(actores, registrado.calendario)
            planes = {
                r: capacidad.planear(registrado, actores.perfil_de(proceso), dias, r, apoyos) for r in capacidad.Ritmo
            }
            datos = {
                "planes": planes,
                "plan": planes[ritmo],
                "grafica": grafica.de_plan(planes[ritmo]),
                "almacenamiento": capacidad.almacenamiento(apoyos),
            }
        return paginas.pagina(
            request,
            quien,
            "capacidad.html",
            migas(proceso, "Plan de capacidad"),
            proceso=registrado,
            perfil=actores.perfil_de(proceso),
            capacidad=capacidad,
            **datos,
        )

    return router


def _llena(actual: ProcesoRegistrado) -> Form:
    """The form of a process with what it says."""

    def si(valor: bool) -> str | None:
        return "si" if valor else None

    def numero(valor: int | None) -> str | None:
        return None if valor is None else str(valor)

    return blank(
        version=str(actual.version),
        denominacion=actual.denominacion,
        inicio=f"{actual.inicio.astimezone(CENTRO):%Y-%m-%dT%H:%M}",
        fin=f"{actual.fin.astimezone(CENTRO):%Y-%m-%dT%H:%M}",
        activo=si(actual.activo),
        mi_apoyo=si(actual.mi_apoyo),
        regimen_de_excepcion=si(actual.regimen_de_excepcion),
        convenio_hasta=actual.convenio_hasta,
        calendario=actual.calendario,
        estimado_solicitantes=numero(actual.estimado_solicitantes),
        estimado_apoyos=numero(actual.estimado_apoyos),
    )
