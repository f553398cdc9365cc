"""Solicitudes: list, register, change, the cédula de confirmación, the emblem (SPEC 3; P 6.1 B-F, D 1.2)."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from credencial.entidades import POR_NUMERO, nombre_de
from kernel.forms import Form, blank
from schemas.actores import DatosSolicitante
from schemas.autorizacion import VE_DATOS_PERSONALES, Accion, alcanza
from schemas.envelope import Evento
from schemas.eventos import CedulaConfirmada, ProcesoRegistrado, SolicitudRegistrada
from schemas.hora import fecha, hora_centro
from schemas.tipos import proceso_de
from services.portal import cedula
from services.portal.domain import procesos, solicitudes
from services.portal.domain.fichas import Hechos
from services.portal.domain.rechazo import Codigo, Rechazo
from services.portal.handlers.escritura import Orden
from services.portal.handlers.portal import Portal
from services.portal.imagenes import NOMBRE, TipoMedio
from services.portal.paginas import POR_PAGINA, Miga, Paginas, Quien
from services.portal.presentacion import historia
from services.portal.rutas.procesos import PROCESOS

MAX_FORMA = 2 * solicitudes.MAXIMO_EMBLEMA
LUGARES = [(n, POR_NUMERO[n].nombre) for n in solicitudes.LUGARES]


def rutas(portal: Portal, paginas: Paginas) -> APIRouter:
    """The router."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    require = paginas.access.require
    Ve = Annotated[Quien, Depends(require(Accion.VER_SOLICITUD))]
    Registra = Annotated[Quien, Depends(require(Accion.REGISTRAR_SOLICITUD))]

    def de_proceso(proceso: str) -> ProcesoRegistrado:
        return portal.procesos.conocido(portal.vista.actores, proceso)

    def encontrar(solicitud: str) -> SolicitudRegistrada:
        return portal.solicitudes.conocida(portal.vista.actores, solicitud)

    def migas(solicitud: str, *mas: str) -> list[Miga]:
        return [*migas_de_proceso(proceso_de(solicitud)), Miga(solicitud, f"/solicitudes/{solicitud}"), *map(Miga, mas)]

    def registra(quien: Quien, proceso: str) -> bool:
        organo = procesos.ORGANO.get(quien.account.rol)
        return organo is not None and organo == portal.vista.actores.perfil_de(proceso).registra

    @router.get("/procesos/{proceso}/solicitudes")
    async def lista(request: Request, quien: Ve, proceso: str, desde: str = "") -> Response:
        registrado = de_proceso(proceso)
        actores = portal.vista.actores
        consulta: dict[str, Any] = {"clase": "solicitud", "proceso": proceso, "_id": {"$gt": desde}}
        if quien.account.solicitud is not None:
            consulta["_id"] = f"solicitud/{quien.account.solicitud}"
        fichas = await portal.fichas.find(consulta, sort="_id", limit=POR_PAGINA + 1)
        filas = []
        for ficha in fichas[:POR_PAGINA]:
            hechos = Hechos(ficha)
            solicitud = hechos.vigente(SolicitudRegistrada)
            if solicitud is not None and alcanza(quien.account, actores.lugar(solicitud=solicitud.solicitud)):
                filas.append((solicitud, hechos.vigente(CedulaConfirmada), _referencia(solicitud)))
        return paginas.pagina(
            request,
            quien,
            "solicitudes.html",
            migas_de_proceso(proceso),
            proceso=registrado,
            filas=filas,
            siguiente=fichas[POR_PAGINA - 1]["_id"] if len(fichas) > POR_PAGINA else None,
            desde=desde,
            registra=registra(quien, proceso),
        )

    # Register and change -----------------------------------------------------------------------------------------------

    def forma_de_solicitud(
        request: Request,
        quien: Quien,
        forma: Form,
        proceso: ProcesoRegistrado,
        actual: SolicitudRegistrada | None = None,
    ) -> HTMLResponse:
        tipos: list[TipoMedio] = portal.vista.actores.perfil_de(proceso.proceso).emblema_tipos
        return paginas.pagina(
            request,
            quien,
            "solicitud_forma.html",
            migas(actual.solicitud, "Cambiar") if actual else [*migas_de_proceso(proceso.proceso), Miga("Registrar")],
            f=forma,
            proceso=proceso,
            actual=actual,
            cargos=[(c.clave, c.nombre) for c in solicitudes.cargos_de(proceso)],
            es_candidatura=bool(set(solicitudes.cargos_de(proceso)) & set(solicitudes.CARGOS)),
            emisores=sorted(portal.solicitudes.emisores.items()),
            lugares=LUGARES,
            acepta=",".join(tipos),
            tipos=" o ".join(NOMBRE[t] for t in tipos),
        )

    @router.get("/procesos/{proceso}/solicitudes/nueva")
    async def nueva(request: Request, quien: Registra, proceso: str) -> Response:
        registrado = portal.procesos.actual(portal.vista.actores, proceso, quien.account.rol)
        return forma_de_solicitud(request, quien, blank(tipo_solicitante="persona"), registrado)

    @router.post("/procesos/{proceso}/solicitudes/nueva")
    async def registrar(request: Request, quien: Registra, proceso: str) -> Response:
        registrado = de_proceso(proceso)

        async def hacer(forma: Form, orden: Orden) -> tuple[Evento, str]:
            emblema = forma.files.get("emblema")
            evento = await portal.solicitudes.registrar(orden, quien.account.rol, proceso, forma.values, emblema)
            return evento, f"/solicitudes/{evento.solicitud}"

        return await paginas.forma(
            request,
            quien,
            hacer,
            lambda forma: forma_de_solicitud(request, quien, forma, registrado),
            max_bytes=MAX_FORMA,
        )

    @router.get("/solicitudes/{solicitud}")
    async def ver(request: Request, quien: Ve, solicitud: str) -> Response:
        actores = portal.vista.actores
        registrada = encontrar(solicitud)
        ficha = await portal.fichas.get(registrada.asunto)
        ve_datos = quien.account.rol in VE_DATOS_PERSONALES
        datos = await portal.solicitudes.datos(quien.id, registrada) if ve_datos else None
        return paginas.pagina(
            request,
            quien,
            "solicitud.html",
            migas(solicitud),
            solicitud=registrada,
            proceso=actores.procesos[registrada.proceso],
            referencia=_referencia(registrada),
            datos=datos,
            emisor=portal.solicitudes.emisores.get(datos.emisor, datos.emisor) if datos else "",
            cedula=actores.cedulas.get(solicitud),
            cuenta=actores.cuentas.get(solicitudes.cuenta_de(solicitud)),
            confirmacion=actores.perfil_de(registrada.proceso).confirmacion,
            registra=registra(quien, registrada.proceso),
            historia=historia(Hechos(ficha)) if ficha else [],
        )

    @router.get("/solicitudes/{solicitud}/cambiar")
    async def cambiar_forma(request: Request, quien: Registra, solicitud: str) -> Response:
        actual = encontrar(solicitud)
        registrado = portal.procesos.actual(portal.vista.actores, actual.proceso, quien.account.rol)
        datos = await portal.solicitudes.datos(quien.id, actual)
        return forma_de_solicitud(request, quien, _llena(actual, datos, registrado), registrado, actual)

    @router.post("/solicitudes/{solicitud}/cambiar")
    async def cambiar(request: Request, quien: Registra, solicitud: str) -> Response:
        actual = encontrar(solicitud)
        registrado = de_proceso(actual.proceso)

        async def hacer(forma: Form, orden: Orden) -> tuple[Evento, str]:
            evento = await portal.solicitudes.cambiar(
                orden,
                quien.account.rol,
                solicitud,
                paginas.version(forma),
                forma.values,
                forma.files.get("emblema"),
            )
            return evento, f"/solicitudes/{solicitud}"

        return await paginas.forma(
            request,
            quien,
            hacer,
            lambda forma: forma_de_solicitud(request, quien, forma, registrado, actual),
            hecho="cambiado",
            max_bytes=MAX_FORMA,
        )

    @router.get("/solicitudes/{solicitud}/emblema")
    async def emblema(quien: Ve, solicitud: str) -> Response:
        suyo = encontrar(solicitud).emblema
        if suyo is None:
            raise Rechazo(Codigo.NO_EXISTE)
        try:
            contenido = await portal.solicitudes.emblemas.get(suyo.objeto)
        except LookupError as error:
            raise Rechazo(Codigo.NO_EXISTE) from error
        return Response(contenido, media_type=suyo.tipo_medio)

    # The cédula de confirmación ----------------------------------------------------------------------------------------

    @router.get("/solicitudes/{solicitud}/cedula.pdf")
    async def cedula_pdf(quien: Ve, solicitud: str) -> Response:
        registrada = encontrar(solicitud)
        datos = await portal.solicitudes.datos(quien.id, registrada)
        if datos is None or quien.account.rol not in VE_DATOS_PERSONALES:
            raise Rechazo(Codigo.NO_EXISTE)
        imagen = None
        if registrada.emblema is not None:
            imagen = await portal.solicitudes.emblemas.get(registrada.emblema.objeto)
        proceso = portal.vista.actores.procesos[registrada.proceso]
        documento = cedula.componer(_cedula(registrada, proceso, datos, portal.solicitudes.emisores, imagen, portal))
        return Response(
            documento,
            media_type="application/pdf",
            headers={"Content-Disposition": f'inline; filename="cedula-{solicitud}.pdf"'},
        )

    def forma_de_cedula(request: Request, quien: Quien, forma: Form, actual: SolicitudRegistrada) -> HTMLResponse:
        return paginas.pagina(
            request, quien, "cedula_forma.html", migas(actual.solicitud, "Cédula firmada"), f=forma, solicitud=actual
        )

    @router.get("/solicitudes/{solicitud}/cedula")
    async def cedula_forma(request: Request, quien: Registra, solicitud: str) -> Response:
        actual = encontrar(solicitud)
        portal.procesos.actual(portal.vista.actores, actual.proceso, quien.account.rol)
        anterior = portal.vista.actores.cedulas.get(solicitud)
        version = str(anterior.version if anterior else 0)
        return forma_de_cedula(request, quien, blank(version=version), actual)

    @router.post("/solicitudes/{solicitud}/cedula")
    async def confirmar(request: Request, quien: Registra, solicitud: str) -> Response:
        actual = encontrar(solicitud)

        async def hacer(forma: Form, orden: Orden) -> tuple[Evento, str]:
            version = paginas.version(forma)
            evento = await portal.solicitudes.confirmar(orden, quien.account.rol, solicitud, version, forma.values)
            return evento, f"/solicitudes/{solicitud}"

        return await paginas.forma(request, quien, hacer, lambda forma: forma_de_cedula(request, quien, forma, actual))

    return router


def migas_de_proceso(proceso: str) -> list[Miga]:
    """Where the solicitudes of a process are."""
    return [PROCESOS, Miga(proceso, f"/procesos/{proceso}"), Miga("Solicitudes", f"/procesos/{proceso}/solicitudes")]


def _referencia(s: SolicitudRegistrada) -> str:
    """Who may support it, in words."""
    claves = (
        ("distrito federal", s.distrito_federal),
        ("distrito local", s.distrito_local),
        ("municipio", s.municipio),
    )
    partes = [
        nombre_de(s.entidad) if s.entidad else "todo el país",
        *(f"{que} {clave}" for que, clave in claves if clave),
    ]
    return ", ".join(partes)


def _llena(actual: SolicitudRegistrada, datos: DatosSolicitante | None, proceso: ProcesoRegistrado) -> Form:
    """The form of a solicitud with what it says."""
    valores: dict[str, Any] = {}
    if datos is not None:
        valores = datos.model_dump(exclude={"telefonos", "entidad", "municipio", "seccion", "lugar_nacimiento"})
        lugares = {nombre: numero for numero, nombre in LUGARES}
        valores |= {
            "telefono": datos.telefonos[0] if datos.telefonos else "",
            "otro_telefono": datos.telefonos[1] if len(datos.telefonos) > 1 else "",
            "lugar_nacimiento": lugares.get(datos.lugar_nacimiento, ""),
            "cpv_entidad": datos.entidad,
            "cpv_municipio": datos.municipio,
            "cpv_seccion": datos.seccion,
            "confirma_clave": "si",
        }
    if actual.expediente is not None:
        valores |= actual.expediente.model_dump()
    return blank(
        **valores,
        version=str(actual.version),
        denominacion=actual.denominacion,
        nombre_mostrado=actual.nombre_mostrado,
        tipo_solicitante=actual.tipo_solicitante,
        cargo=_clave_de_cargo(actual, proceso),
        entidad=actual.entidad,
        distrito_federal=actual.distrito_federal,
        distrito_local=actual.distrito_local,
        municipio=actual.municipio,
        estimado_apoyos=None if actual.estimado_apoyos is None else str(actual.estimado_apoyos),
        aviso_simplificado=actual.aviso_simplificado,
        aviso_integral=actual.aviso_integral,
    )


def _clave_de_cargo(s: SolicitudRegistrada, proceso: ProcesoRegistrado) -> str:
    posibles = solicitudes.cargos_de(proceso)
    por_nombre = [c.clave for c in posibles if c.nombre == s.cargo]
    por_referencia = [c.clave for c in posibles if (c.referencia == "entidad") == (s.entidad is not None)]
    return next(iter([*por_nombre, *por_referencia, *(c.clave for c in posibles)]))


def _cedula(
    s: SolicitudRegistrada,
    proceso: ProcesoRegistrado,
    datos: DatosSolicitante,
    emisores: Any,
    emblema: bytes | None,
    portal: Portal,
) -> cedula.Cedula:
    expediente = s.expediente
    nombre = " ".join(filter(None, (datos.nombre, datos.paterno, datos.materno)))
    identificador = "OCR" if solicitudes.es_ocr(datos.ocr_o_cic) else "CIC"

    def dia(iso: str | None) -> str:
        return fecha(date.fromisoformat(iso)) if iso else ""

    return cedula.Cedula(
        folio=s.solicitud,
        proceso=f"{proceso.denominacion} ({procesos.NOMBRE_DE_TIPO[proceso.tipo]})",
        secciones=[
            cedula.Seccion(
                "Solicitud",
                [
                    ("Id Proceso", s.proceso),
                    ("Id Solicitante", s.solicitud.rsplit("-", 1)[1]),
                    ("Denominación", s.denominacion),
                    ("Nombre que se muestra", s.nombre_mostrado or ""),
                    ("Cargo", s.cargo or ""),
                    ("Quién puede apoyar", _referencia(s)),
                    ("Periodo", f"del {hora_centro(proceso.inicio)} al {hora_centro(proceso.fin)}"),
                    ("Aviso de privacidad simplificado", s.aviso_simplificado or ""),
                    ("Aviso de privacidad integral", s.aviso_integral or ""),
                ],
            ),
            cedula.Seccion(
                "Datos personales",
                [
                    ("Representante legal", datos.representante),
                    ("Nombre", nombre),
                    ("Fecha de nacimiento", dia(datos.nacimiento)),
                    ("Lugar de nacimiento", datos.lugar_nacimiento),
                    ("Teléfonos", ", ".join(datos.telefonos)),
                    ("Correo electrónico", datos.correo),
                    ("Entra con", emisores.get(datos.emisor, datos.emisor)),
                ],
            ),
            cedula.Seccion(
                "Credencial para votar",
                [
                    ("Clave de elector", datos.clave_elector),
                    (identificador, datos.ocr_o_cic),
                    ("Entidad", nombre_de(datos.entidad)),
                    ("Municipio", datos.municipio),
                    ("Sección", datos.seccion),
                ],
            ),
            cedula.Seccion(
                "Expediente",
                [
                    (
                        "Aviso de intención",
                        _papel(expediente.aviso_numero, dia(expediente.aviso_fecha)) if expediente else "",
                    ),
                    ("Oficio", _papel(expediente.oficio_numero, dia(expediente.oficio_fecha)) if expediente else ""),
                    ("Folio interno", expediente.folio_interno if expediente else ""),
                    ("Observaciones", datos.observaciones),
                ],
            ),
        ],
        manifestacion="Manifiesto que los datos de esta cédula son correctos y que conozco los avisos de privacidad.",
        firmas=[
            f"{datos.representante or nombre}\nNombre y firma",
            "Por la autoridad que registra\nNombre, cargo y firma",
        ],
        emblema=emblema,
        elaborada=portal.escritor.clock.now(),
    )


def _papel(numero: str, dia: str) -> str:
    return ", ".join(filter(None, (numero, dia)))
