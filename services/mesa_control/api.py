"""HTTP edge: the page and the API. Decode, call the handler, answer."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import structlog
from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi import Path as PathParam
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import AwareDatetime, Field, StringConstraints

from credencial.inconsistencias import POR_CLAVE
from kernel.errors import KeyDestroyed
from kernel.sealing import CannotUnseal
from kernel.web import Health, create_app, mount_static, templates
from schemas.actores import VerActores
from schemas.autorizacion import Accion
from schemas.ciclo_de_vida import Estado, estado
from schemas.eventos import Fase, RegistroClasificado, SituacionRegistral
from schemas.paquete import IMAGENES, Modalidad
from schemas.tipos import Folio, IdAcceso, IdProceso
from services.mesa_control import metrics, problemas
from services.mesa_control.acceso import rutas as rutas_de_acceso
from services.mesa_control.acceso.domain import texto_de_situacion
from services.mesa_control.acceso.handlers import Historias
from services.mesa_control.contrato import Entrada, LlaveIdempotencia, Puerta, Quien, Salida
from services.mesa_control.correccion import rutas as rutas_correccion
from services.mesa_control.correccion.handlers import Correcciones
from services.mesa_control.cuarentena import rutas
from services.mesa_control.cuarentena.handlers import Cuarentena
from services.mesa_control.domain import (
    Eleccion,
    Orden,
    Rechazo,
    comparar,
    norma_de,
    ofrecidas,
    reglas_de,
    subtipos_de,
    texto_de_alerta,
    version_de,
)
from services.mesa_control.handlers import MesaDeControl, Registro
from services.mesa_control.procesos import al_alcance, pagina_para_elegir
from services.mesa_control.procesos import elegido as el_elegido
from services.mesa_control.reparto import rutas as reparto
from services.mesa_control.reparto.handlers import Panorama, Supervision

log = structlog.get_logger()

AQUI = Path(__file__).parent
DESCRIPCION = "Revisión de los registros por personas (Protocolo 13, Acuerdo 10)."

MAX_APARTADOS = 24
"""Records that a page may hold at once: on the screen, ahead, set apart, being saved."""

Clave = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


_IMAGEN: dict[str, Any] = {
    "description": "La imagen, sola.",
    "content": {tipo: {"schema": {"type": "string", "format": "binary"}} for tipo in ("image/jpeg", "image/png")},
}


class EleccionEntrada(Entrada):
    """Una inconsistencia elegida."""

    clave: Clave
    detalle: Annotated[str, StringConstraints(max_length=500)] | None = None


class DecisionEntrada(Entrada):
    """Una decisión: sin inconsistencia cuando la lista está vacía. `reemplaza`: versión de la decisión que se deshace.

    `excepciones`: las que serían inconsistencia y son válidas por su excepción (P 13.7 j, k, m); no cuentan como inconsistencia.
    """

    inconsistencias: Annotated[list[EleccionEntrada], Field(max_length=30)]
    excepciones: Annotated[list[Clave], Field(default_factory=list, max_length=30)]
    compulsado_version: Annotated[int, Field(ge=1)]
    reemplaza: Annotated[int, Field(ge=1)] | None = None


class AsignacionEntrada(Entrada):
    """Una asignación que se tiene: la del folio que termina en ese instante."""

    folio: Folio
    asignado_hasta: Annotated[AwareDatetime, Field(strict=False)]


class DevolucionEntrada(Entrada):
    """Lo que una página que se cierra ya no necesita."""

    asignaciones: Annotated[list[AsignacionEntrada], Field(min_length=1, max_length=MAX_APARTADOS)]


class InconsistenciaSalida(Salida):
    """Una inconsistencia de una decisión."""

    clave: str
    detalle: str | None
    origen: Literal["revision", "regla"]


class DecisionSalida(Salida):
    """La decisión en vigor. `reemplazable_s`: segundos en que quien decidió todavía puede reemplazarla."""

    folio: str
    version: int
    operador: str
    decidido_en: datetime
    inconsistencias: list[InconsistenciaSalida]
    excepciones: list[str]
    catalogo: str
    compulsado_version: int
    reemplazable_s: float


class SolicitudSalida(Salida):
    """A quién se da el apoyo."""

    folio: str
    denominacion: str


class SituacionSalida(Salida):
    """Lo que dice el padrón."""

    version: int
    fase: Fase
    situacion: SituacionRegistral
    texto: str
    corte: str
    coincidencia: list[str]
    discrepancias: list[str]
    duplicado_de: str | None


class AlertaSalida(Salida):
    """Lo que vio la revisión automática; ayuda y no decide."""

    codigo: str
    texto: str
    inciso: str
    parte: str
    medida: float
    umbral: float
    severidad: str
    detalle: str
    folios: list[str]


class ReglaSalida(Salida):
    """Inconsistencia por regla: forma parte de toda decisión."""

    clave: str
    descripcion: str


class LecturaSalida(Salida):
    """Lo que dice de un campo una marca de la credencial."""

    fuente: str
    valor: str
    coincide: bool
    nota: str


class CampoSalida(Salida):
    """Un campo del formulario junto a lo que leyó la máquina."""

    clave: str
    etiqueta: str
    enviado: str | None
    lecturas: list[LecturaSalida]


class ImagenSalida(Salida):
    """Dónde pedir una imagen."""

    parte: str
    url: str


class RegistroSalida(Salida):
    """Un registro abierto. `vigencia_s`: segundos que quedan de su asignación a `asignado_a`, que termina en `asignado_hasta`."""

    folio: str
    proceso: str
    solicitud: SolicitudSalida
    modalidad: Modalidad
    capturado_en: datetime
    recibido_en: datetime
    estado: Estado
    situacion: SituacionSalida
    alertas: list[AlertaSalida]
    reglas: list[ReglaSalida]
    campos: list[CampoSalida]
    imagenes: list[ImagenSalida]
    correccion: rutas_correccion.CorregibleSalida
    catalogo: str
    decision: DecisionSalida | None
    asignado_a: str | None
    asignado_hasta: datetime | None
    vigencia_s: float


class SubtipoSalida(Salida):
    """Una forma de la inconsistencia."""

    clave: str
    descripcion: str


class EntradaCatalogo(Salida):
    """Una inconsistencia que se puede elegir."""

    clave: str
    tipo: str
    descripcion: str
    pide_detalle: bool
    fundamento: str
    nota: str
    imagen: str
    excepcion: str
    subtipos: list[SubtipoSalida]


class CatalogoSalida(Salida):
    """El catálogo de un proceso, por modalidad."""

    version: str
    modalidades: dict[Modalidad, list[EntradaCatalogo]]


class ProgresoSalida(Salida):
    """Cómo va la cola, y el día de quien pregunta. `en_riesgo`, `vencidos`: pendientes, por su plazo (P 13.9, D 10.2)."""

    pendientes: int
    en_riesgo: int
    vencidos: int
    en_camino: int
    decididos_hoy: int
    meta_diaria: int
    mas_antiguo: datetime | None
    vence_primero: datetime | None


def create(
    mesa: MesaDeControl,
    cuarentena: Cuarentena,
    historias: Historias,
    supervision: Supervision,
    access: Puerta,
    ver_actores: VerActores,
    health: Health,
    *,
    meta_diaria: int,
) -> FastAPI:
    """The application."""
    app = create_app("Mesa de Control", health, description=DESCRIPCION)
    mount_static(app, AQUI / "estatico")
    access.mount(app)
    _errors(app)
    _api(app, mesa, supervision.panorama, access, ver_actores, meta_diaria)
    _page(app, access, ver_actores)
    rutas.montar(app, cuarentena, access, ver_actores, AQUI)
    rutas_de_acceso.montar(app, historias, access, AQUI)
    rutas_correccion.montar(app, Correcciones(mesa), access)

    async def ver(folio: str, quien: str) -> RegistroSalida:
        return _registro(await mesa.registro(folio, quien), mesa, ver_actores)

    reparto.montar(app, supervision, access, ver_actores, ver, AQUI, meta_diaria)
    return app


def _api(
    app: FastAPI,
    mesa: MesaDeControl,
    panorama: Panorama,
    access: Puerta,
    ver_actores: VerActores,
    meta_diaria: int,
) -> None:
    # The page asks for the next record, images and figures by itself: opening the page, deciding and undoing are what people do.
    revisa = Annotated[Quien, Depends(access.require(Accion.REVISAR_REGISTRO))]
    revisa_sola = Annotated[Quien, Depends(access.require(Accion.REVISAR_REGISTRO, background=True))]
    ve = Annotated[Quien, Depends(access.require(Accion.VER_REGISTRO_EN_MESA))]
    ve_sola = Annotated[Quien, Depends(access.require(Accion.VER_REGISTRO_EN_MESA, background=True))]
    folio_en_ruta = Annotated[Folio, PathParam()]

    @app.get("/api/siguiente", response_model=RegistroSalida, responses={204: {"description": "No hay pendientes"}})
    async def siguiente(
        quien: revisa_sola,
        proceso: Annotated[IdProceso, Query()],
        excepto: Annotated[Sequence[Folio], Query(max_length=MAX_APARTADOS)] = (),
    ) -> Any:
        """El registro que sigue, asignado a quien lo pide; el mismo mientras dure su asignación."""
        registro = await mesa.siguiente(quien.id, proceso, excepto)
        return Response(status_code=204) if registro is None else _registro(registro, mesa, ver_actores)

    @app.post("/api/devolver", status_code=204)
    async def devolver(quien: revisa_sola, proceso: Annotated[IdProceso, Query()], entrada: DevolucionEntrada) -> None:
        """Devuelve a la cola lo asignado a quien lo pide, sin decidirlo. Repetirlo no cambia nada."""
        await mesa.devolver(quien.id, {a.folio: a.asignado_hasta for a in entrada.asignaciones})

    @app.get("/api/registros/{folio}")
    async def registro(folio: folio_en_ruta, quien: ve) -> RegistroSalida:
        """Un registro por su folio."""
        return _registro(await mesa.registro(folio, quien.id), mesa, ver_actores)

    @app.get("/api/registros/{folio}/imagenes/{parte}", response_class=Response, responses={200: _IMAGEN})
    async def imagen(
        folio: folio_en_ruta,
        parte: str,
        quien: ve_sola,
        acceso: Annotated[
            IdAcceso | None, Query(description="El que la ofreció: sin él, queda asentada aparte.")
        ] = None,
    ) -> Response:
        """Una imagen; queda registro de quién la abrió."""
        abierta = await mesa.imagen(folio, parte, quien.id, acceso)
        return Response(abierta.contenido, media_type=abierta.tipo_medio, headers={"Cache-Control": "no-store"})

    @app.post("/api/registros/{folio}/decision")
    async def decision(
        folio: folio_en_ruta,
        entrada: DecisionEntrada,
        quien: revisa,
        llave: LlaveIdempotencia,
    ) -> DecisionSalida:
        """Decide un registro, o reemplaza una decisión propia."""
        orden = Orden(
            tuple(Eleccion(e.clave, e.detalle) for e in entrada.inconsistencias),
            entrada.compulsado_version,
            entrada.reemplaza,
            tuple(entrada.excepciones),
        )
        return _decision(await mesa.decidir(folio, quien.id, orden, llave), mesa)

    @app.get("/api/catalogo")
    async def catalogo(quien: ve_sola, proceso: Annotated[IdProceso, Query()]) -> CatalogoSalida:
        """Inconsistencias que se pueden elegir en un proceso."""
        registrado = ver_actores().procesos.get(proceso)
        if registrado is None:
            raise Rechazo("proceso_desconocido")
        norma, reglas = norma_de(registrado.tipo), ver_actores().perfil_de(proceso)
        return CatalogoSalida(
            version=version_de(reglas),
            modalidades={
                modalidad: [
                    EntradaCatalogo(
                        clave=e.clave,
                        tipo=e.tipo,
                        descripcion=e.descripcion,
                        pide_detalle=e.pide_detalle,
                        fundamento=e.fundamento,
                        nota=e.nota,
                        imagen=e.imagen,
                        excepcion=e.excepcion,
                        subtipos=[
                            SubtipoSalida(clave=s.clave, descripcion=s.descripcion) for s in subtipos_de(e, norma)
                        ],
                    )
                    for e in ofrecidas(modalidad, reglas)
                ]
                for modalidad in Modalidad
            },
        )

    @app.get("/api/progreso")
    async def progreso(quien: ve_sola, proceso: Annotated[IdProceso, Query()]) -> ProgresoSalida:
        """Pendientes, el más antiguo, y lo decidido hoy por quien pregunta."""
        estado_cola = await mesa.progreso(quien.id, proceso)
        plazos = await panorama.plazos(proceso)
        return ProgresoSalida(
            pendientes=plazos.pendientes,
            en_riesgo=plazos.en_riesgo,
            vencidos=plazos.vencidos,
            en_camino=estado_cola.en_camino,
            decididos_hoy=estado_cola.decididos_hoy,
            meta_diaria=meta_diaria,
            mas_antiguo=plazos.mas_antiguo,
            vence_primero=plazos.vence_primero,
        )


def _page(app: FastAPI, access: Puerta, ver_actores: VerActores) -> None:
    pages = templates(AQUI / "pagina")
    # Who reviews, reviews here; whoever supervises has a page of their own.
    ve = Annotated[Quien, Depends(access.require(Accion.VER_REGISTRO_EN_MESA))]

    @app.get("/", include_in_schema=False, response_class=HTMLResponse)
    async def page(quien: ve, proceso: Annotated[IdProceso | None, Query()] = None) -> Any:
        actores = ver_actores()
        if not access.allows(quien, Accion.REVISAR_REGISTRO, actores.lugar(proceso=proceso)):
            return RedirectResponse(f"/supervision?proceso={proceso}" if proceso else "/supervision", 303)
        procesos = al_alcance(access, quien, Accion.REVISAR_REGISTRO, actores)
        elegido = el_elegido(proceso, procesos, actores)
        if elegido is None:
            return pagina_para_elegir(
                pages, quien, procesos, ruta="/", pregunta="¿Qué proceso va a revisar?", tema="oscuro"
            )
        return pages.get_template("mesa.html").render(
            quien=quien,
            proceso=elegido,
            imagenes=[parte.value for parte in IMAGENES],
            tema="oscuro",
            estilos=["/estatico/mesa.css", "/estatico/marca.css"],
            modulos=["/estatico/mesa.js"],
        )


def _errors(app: FastAPI) -> None:
    @app.exception_handler(Rechazo)
    async def on_rechazo(request: Request, error: Rechazo) -> Response:
        metrics.RECHAZOS.labels(error.codigo).inc()
        return problemas.problema(error).answer(request)

    @app.exception_handler(KeyDestroyed)
    async def on_destroyed(request: Request, error: KeyDestroyed) -> Response:
        return problemas.llave_destruida().response()

    @app.exception_handler(CannotUnseal)
    async def on_unreadable(request: Request, error: CannotUnseal) -> Response:
        log.error("expediente_ilegible", path=request.url.path, exc_info=error)
        return problemas.ilegible().response()


def _registro(registro: Registro, mesa: MesaDeControl, ver_actores: VerActores) -> RegistroSalida:
    recibido, compulsado = registro.recibido, registro.compulsado
    solicitud = ver_actores().solicitudes.get(recibido.solicitud)
    decision = registro.ciclo.clasificado
    en_vigor = estado(registro.ciclo)
    if en_vigor is None:
        raise Rechazo("registro_no_listo")
    return RegistroSalida(
        folio=registro.folio,
        proceso=recibido.proceso,
        solicitud=SolicitudSalida(
            folio=recibido.solicitud, denominacion=solicitud.denominacion if solicitud else recibido.solicitud
        ),
        modalidad=recibido.modalidad,
        capturado_en=recibido.capturado_en,
        recibido_en=recibido.recibido_en,
        estado=en_vigor,
        situacion=SituacionSalida(
            version=compulsado.version,
            fase=compulsado.fase,
            situacion=compulsado.situacion,
            texto=texto_de_situacion(compulsado.situacion, compulsado.causa_baja),
            corte=compulsado.corte,
            coincidencia=compulsado.coincidencia,
            discrepancias=compulsado.discrepancias,
            duplicado_de=compulsado.duplicado_de,
        ),
        alertas=[AlertaSalida(texto=texto_de_alerta(a), **a.model_dump(mode="json")) for a in registro.alertas],
        reglas=[
            ReglaSalida(clave=r, descripcion=POR_CLAVE[r].descripcion if r in POR_CLAVE else r)
            for r in reglas_de(registro.ciclo)
        ],
        campos=[
            CampoSalida(
                clave=c.clave,
                etiqueta=c.etiqueta,
                enviado=c.enviado,
                lecturas=[
                    LecturaSalida(fuente=r.fuente, valor=r.valor, coincide=r.coincide, nota=r.nota) for r in c.lecturas
                ],
            )
            for c in comparar(registro.datos)
        ],
        imagenes=[
            ImagenSalida(
                parte=p.nombre.value,
                url=f"/api/registros/{registro.folio}/imagenes/{p.nombre.value}?acceso={registro.acceso}",
            )
            for p in registro.descifrado.partes
            if p.nombre in IMAGENES
        ],
        correccion=rutas_correccion.salida(registro),
        catalogo=version_de(ver_actores().perfil_de(recibido.proceso)),
        decision=_decision(decision, mesa) if decision else None,
        asignado_a=registro.asignado_a,
        asignado_hasta=registro.asignado_hasta,
        vigencia_s=registro.vigencia_s,
    )


def _decision(decision: RegistroClasificado, mesa: MesaDeControl) -> DecisionSalida:
    return DecisionSalida(
        folio=decision.folio,
        version=decision.version,
        operador=decision.operador,
        decidido_en=decision.decidido_en,
        inconsistencias=[
            InconsistenciaSalida(clave=i.clave, detalle=i.detalle, origen=i.origen) for i in decision.inconsistencias
        ],
        excepciones=decision.excepciones,
        catalogo=decision.catalogo,
        compulsado_version=decision.compulsado_version,
        reemplazable_s=mesa.reemplazable(decision).total_seconds(),
    )
