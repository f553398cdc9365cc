"""Search by folio and supervision over HTTP: pages for people, and the same for programs."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi import Path as PathParam
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import Field

from credencial.situaciones import TEXTO_SITUACION, Situacion
from kernel.forms import Form, blank, read_form
from kernel.web import templates
from schemas.actores import VerActores
from schemas.autorizacion import Accion
from schemas.eventos import ProcesoRegistrado, RepartoOrdenado, SituacionRegistral
from schemas.hora import CENTRO, fecha
from schemas.paquete import Modalidad
from schemas.tipos import Folio, IdCuenta, IdProceso, IdSolicitud
from services.mesa_control.contrato import Entrada, LlaveIdempotencia, Puerta, Quien, Salida
from services.mesa_control.domain import Rechazo
from services.mesa_control.problemas import RECHAZOS
from services.mesa_control.procesos import al_alcance, elegido, pagina_para_elegir
from services.mesa_control.reparto.domain import FINES, Pedido
from services.mesa_control.reparto.handlers import OrdenEnCurso, Supervision

Ver = Callable[[str, str], Awaitable[Any]]
"""A record by its folio, opened for somebody, as the API shows it."""

IdReparto = Annotated[str, PathParam(pattern=r"^[0-9a-f]{12}$")]
Dia = Annotated[str, Field(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$")]
TERMINADAS = 20
"""Orders that ended which the page shows."""

MODALIDAD: dict[Modalidad, str] = {
    Modalidad.AUXILIAR: "Auxiliar",
    Modalidad.MI_APOYO: "Mi Apoyo",
    Modalidad.CAPTURA_MANUAL: "Captura manual",
}
SITUACION: dict[str, str] = {
    **{s.value: TEXTO_SITUACION[s] for s in Situacion},
    SituacionRegistral.PENDIENTE.value: "Falta cargar el corte del padrón",
}
EN_COLA = {
    "pendiente": "Espera revisión",
    "decidido": "Decidido",
    "esperando": "En procesamiento",
    "cuarentena": "No se pudo abrir",
}
HECHO = {
    "ordenado": "La orden quedó en vigor. Los registros que le tocan se apartan en segundo plano; ya se entregan según ella.",
    "reasignado": "La orden cambió de manos.",
    "retirado": "La orden terminó; lo que quedaba vuelve a la cola.",
}


class HalladoSalida(Salida):
    """Un registro que se buscó. `cola`: `esperando`, `cuarentena`, `pendiente` o `decidido`; `vence_en`: mientras espera."""

    folio: str
    cola: str
    recibido_en: datetime | None
    vence_en: datetime | None
    decidido_por: str | None
    decidido_en: datetime | None


class BusquedaSalida(Salida):
    """Los primeros veinte."""

    registros: list[HalladoSalida]


class PlazosSalida(Salida):
    """Los pendientes, por su plazo de revisión. `vence_primero`: el del más antiguo."""

    pendientes: int
    en_riesgo: int
    vencidos: int
    mas_antiguo: datetime | None
    vence_primero: datetime | None


class PersonaSalida(Salida):
    """Carga y ritmo de una cuenta. `segundos`: por registro, en los últimos quince minutos; `tomados`: los que tiene ahora."""

    cuenta: str
    en_vigor: bool
    decididos_hoy: int
    segundos: float | None
    tomados: int
    ultima: datetime | None


class ParteSalida(Salida):
    """Una parte de una orden: la recibe la primera de sus cuentas que la pida. `ausente`: nadie está, y la reciben los demás."""

    cuentas: list[str]
    porcentaje: int
    pendientes: int
    ausente: bool


class RepartoSalida(Salida):
    """Una orden de reparto. `version`: la que debe nombrar quien la cambie; lo que sea nulo no restringe."""

    reparto: str
    version: int
    solicitud: str | None
    modalidad: Modalidad | None
    con_alertas: bool | None
    situacion: SituacionRegistral | None
    recibido_antes_de: datetime | None
    partes: list[ParteSalida]
    exclusivo: bool
    ordenado_en: datetime
    por: str
    cambiado_en: datetime
    fin: str | None


class SupervisionSalida(Salida):
    """Cómo va la Mesa de Control de un proceso."""

    plazos: PlazosSalida
    en_camino: int
    en_cuarentena: int
    decididos_hoy: int
    personas: list[PersonaSalida]
    repartos: list[RepartoSalida]


class ParteEntrada(Entrada):
    """Quiénes revisan una parte, y qué porcentaje del total es."""

    cuentas: Annotated[list[IdCuenta], Field(min_length=1, max_length=50)]
    porcentaje: Annotated[int, Field(ge=1, le=100)]


class RepartoEntrada(Entrada):
    """Quién revisa qué. Lo que no se diga no restringe; `recibido_antes_de`: día, hora Centro, no incluido."""

    partes: Annotated[list[ParteEntrada], Field(min_length=1, max_length=100)]
    exclusivo: bool = True
    solicitud: IdSolicitud | None = None
    modalidad: Literal["auxiliar", "mi_apoyo", "captura_manual"] | None = None
    con_alertas: bool | None = None
    situacion: Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")] | None = None
    recibido_antes_de: Dia = ""


class ReasignacionEntrada(Entrada):
    """Nuevas manos para las partes de una orden, en su orden y con sus porcentajes."""

    version: Annotated[int, Field(ge=1)]
    partes: Annotated[list[ParteEntrada], Field(min_length=1, max_length=100)]
    exclusivo: bool


class RetiroEntrada(Entrada):
    """Por qué termina una orden."""

    version: Annotated[int, Field(ge=1)]
    fin: Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]


def montar(
    app: FastAPI,
    supervision: Supervision,
    access: Puerta,
    ver_actores: VerActores,
    ver: Ver,
    aqui: Path,
    meta_diaria: int,
) -> None:
    """Put the routes on the application. `aqui`: the service's folder."""
    _api(app, supervision, access)
    _paginas(app, supervision, access, ver_actores, ver, aqui, meta_diaria)


def _api(app: FastAPI, supervision: Supervision, access: Puerta) -> None:
    ve = Annotated[Quien, Depends(access.require(Accion.VER_REGISTRO_EN_MESA))]
    mira = Annotated[Quien, Depends(access.require(Accion.VER_CARGA, background=True))]
    ordena = Annotated[Quien, Depends(access.require(Accion.ORDENAR_REPARTO))]
    en = Annotated[IdProceso, Query()]
    reparto_de = supervision.reparto

    @app.get("/api/registros")
    async def buscar(
        quien: ve,
        proceso: en,
        texto: Annotated[str, Query(min_length=4, max_length=120, description="Un folio, su principio o su final.")],
    ) -> BusquedaSalida:
        """Busca registros del proceso por su folio; no abre ninguno."""
        hallados = await supervision.busqueda.por_folio(proceso, texto)
        return BusquedaSalida(registros=[HalladoSalida.model_validate(h) for h in hallados])

    @app.get("/api/supervision")
    async def tablero(quien: mira, proceso: en) -> SupervisionSalida:
        """Pendientes y plazos, carga y ritmo por persona, órdenes en vigor."""
        visto = await supervision.panorama.tablero(proceso)
        return SupervisionSalida(
            plazos=PlazosSalida.model_validate(visto.plazos),
            en_camino=visto.en_camino,
            en_cuarentena=visto.en_cuarentena,
            decididos_hoy=visto.decididos_hoy,
            personas=[PersonaSalida.model_validate(p) for p in visto.personas],
            repartos=[_en_curso(o) for o in visto.ordenes],
        )

    @app.get("/api/repartos/{reparto}")
    async def historia(quien: mira, proceso: en, reparto: IdReparto) -> list[RepartoSalida]:
        """Todas las versiones de una orden: quién la dio, quién la cambió, por qué terminó."""
        return [_reparto(v, supervision.reparto.desde(v)) for v in reparto_de.historia(proceso, reparto)]

    @app.post("/api/repartos")
    async def ordenar(entrada: RepartoEntrada, quien: ordena, proceso: en, llave: LlaveIdempotencia) -> RepartoSalida:
        """Ordena quién revisa qué."""
        orden = await reparto_de.ordenar(proceso, _pedido(entrada), quien.id, llave)
        return _reparto(orden, orden.ordenado_en)

    @app.post("/api/repartos/{reparto}/reasignacion")
    async def reasignar(
        entrada: ReasignacionEntrada, quien: ordena, proceso: en, reparto: IdReparto, llave: LlaveIdempotencia
    ) -> RepartoSalida:
        """Pasa una orden a otras manos."""
        pedido = Pedido(tuple((tuple(p.cuentas), p.porcentaje) for p in entrada.partes), entrada.exclusivo)
        orden = await reparto_de.reasignar(proceso, reparto, entrada.version, pedido, quien.id, llave)
        return _reparto(orden, reparto_de.desde(orden))

    @app.post("/api/repartos/{reparto}/retiro")
    async def retirar(
        entrada: RetiroEntrada, quien: ordena, proceso: en, reparto: IdReparto, llave: LlaveIdempotencia
    ) -> RepartoSalida:
        """Termina una orden; lo que quedaba vuelve a la cola."""
        orden = await reparto_de.retirar(proceso, reparto, entrada.version, entrada.fin, quien.id, llave)
        return _reparto(orden, reparto_de.desde(orden))


def _paginas(
    app: FastAPI,
    supervision: Supervision,
    access: Puerta,
    ver_actores: VerActores,
    ver: Ver,
    aqui: Path,
    meta_diaria: int,
) -> None:
    pages = templates(aqui / "pagina")
    ve = Annotated[Quien, Depends(access.require(Accion.VER_REGISTRO_EN_MESA))]
    mira = Annotated[Quien, Depends(access.require(Accion.VER_CARGA))]
    ordena = Annotated[Quien, Depends(access.require(Accion.ORDENAR_REPARTO))]
    en = Annotated[IdProceso, Query()]
    estaticos = {"estilos": ["/estatico/supervision.css"], "modulos": ["/estatico/supervision.js"]}

    async def principal(quien: Quien, proceso: ProcesoRegistrado, f: Form, **mas: Any) -> str:
        actores = ver_actores()
        lugar = actores.lugar(proceso=proceso.proceso)
        return pages.get_template("supervision.html").render(
            quien=quien,
            proceso=proceso,
            t=await supervision.panorama.tablero(proceso.proceso),
            operadores=supervision.panorama.operadores(proceso.proceso),
            terminadas=supervision.reparto.terminados(proceso.proceso)[:TERMINADAS],
            solicitudes=[
                (s.solicitud, f"{s.solicitud} · {s.denominacion}")
                for s in sorted(actores.solicitudes.values(), key=lambda s: s.solicitud)
                if s.proceso == proceso.proceso
            ],
            puede=access.allows(quien, Accion.ORDENAR_REPARTO, lugar),
            abre=access.allows(quien, Accion.VER_REGISTRO_EN_MESA, lugar),
            meta_diaria=meta_diaria,
            f=f,
            **_TEXTOS,
            **estaticos,
            **mas,
        )

    @app.get("/supervision", include_in_schema=False, response_class=HTMLResponse)
    async def page(
        quien: mira,
        proceso: Annotated[IdProceso | None, Query()] = None,
        texto: Annotated[str, Query(max_length=120)] = "",
        hecho: Annotated[str, Query(max_length=20)] = "",
    ) -> str:
        actores = ver_actores()
        procesos = al_alcance(access, quien, Accion.VER_CARGA, actores)
        este = elegido(proceso, procesos, actores)
        if este is None:
            return pagina_para_elegir(
                pages, quien, procesos, ruta="/supervision", pregunta="¿De qué proceso?", donde="Supervisión"
            )
        lugar = actores.lugar(proceso=este.proceso)
        busca = bool(texto.strip()) and access.allows(quien, Accion.VER_REGISTRO_EN_MESA, lugar)
        hallados = await supervision.busqueda.por_folio(este.proceso, texto) if busca else None
        return await principal(
            quien, este, blank(exclusivo="si"), hallados=hallados, texto=texto, hecho=HECHO.get(hecho, "")
        )

    @app.post("/supervision/repartos", include_in_schema=False, response_class=HTMLResponse)
    async def ordenar(request: Request, quien: ordena, proceso: en) -> Response:
        forma = await read_form(request)
        este = _proceso(proceso)
        errores, pedido = _de_la_forma(forma)
        if pedido is not None:
            try:
                await supervision.reparto.ordenar(proceso, pedido, quien.id, forma.key)
                return _a(proceso, "ordenado")
            except Rechazo as error:
                errores = _en_su_campo(error)
        return HTMLResponse(await principal(quien, este, forma.with_errors(errores)), 422)

    async def una(quien: Quien, proceso: str, reparto: str, f: Form) -> str:
        historia = supervision.reparto.historia(proceso, reparto)
        return pages.get_template("reparto.html").render(
            quien=quien,
            proceso=_proceso(proceso),
            orden=historia[-1],
            historia=historia,
            operadores=supervision.panorama.operadores(proceso),
            puede=access.allows(quien, Accion.ORDENAR_REPARTO, ver_actores().lugar(proceso=proceso)),
            f=f,
            **_TEXTOS,
            **estaticos,
        )

    @app.get("/supervision/repartos/{reparto}", include_in_schema=False, response_class=HTMLResponse)
    async def orden(quien: mira, proceso: en, reparto: IdReparto) -> str:
        vista = supervision.reparto.historia(proceso, reparto)[-1]
        partes = {f"parte-{n}": parte.cuentas for n, parte in enumerate(vista.partes)}
        return await una(
            quien,
            proceso,
            reparto,
            blank(version=str(vista.version), exclusivo="si" if vista.exclusivo else None, **partes),
        )

    @app.post("/supervision/repartos/{reparto}/reasignar", include_in_schema=False, response_class=HTMLResponse)
    async def reasignar(request: Request, quien: ordena, proceso: en, reparto: IdReparto) -> Response:
        forma = await read_form(request)
        vista = supervision.reparto.historia(proceso, reparto)[-1]
        partes = tuple(
            (tuple(forma.values.get(f"parte-{n}", ())), parte.porcentaje) for n, parte in enumerate(vista.partes)
        )
        pedido = Pedido(partes, exclusivo=forma.has("exclusivo", "si"))
        try:
            await supervision.reparto.reasignar(proceso, reparto, _version(forma), pedido, quien.id, forma.key)
        except Rechazo as error:
            vacias = {f"parte-{n}": RECHAZOS["sin_personas"][2] for n, (cuentas, _) in enumerate(partes) if not cuentas}
            errores = vacias or _en_su_campo(error, "parte-0")
            return HTMLResponse(await una(quien, proceso, reparto, forma.with_errors(errores)), 422)
        return _a(proceso, "reasignado")

    @app.post("/supervision/repartos/{reparto}/retirar", include_in_schema=False, response_class=HTMLResponse)
    async def retirar(request: Request, quien: ordena, proceso: en, reparto: IdReparto) -> Response:
        forma = await read_form(request)
        try:
            await supervision.reparto.retirar(
                proceso, reparto, _version(forma), forma.value("fin"), quien.id, forma.key
            )
        except Rechazo as error:
            errores = _en_su_campo(error, "fin")
            return HTMLResponse(await una(quien, proceso, reparto, forma.with_errors(errores)), 422)
        return _a(proceso, "retirado")

    @app.get("/supervision/registros/{folio}", include_in_schema=False, response_class=HTMLResponse)
    async def registro(quien: ve, folio: Annotated[Folio, PathParam()]) -> str:
        return pages.get_template("registro.html").render(
            quien=quien,
            r=await ver(folio, quien.id),
            estilos=[*estaticos["estilos"], "/estatico/marca.css"],
            modulos=[*estaticos["modulos"], "/estatico/imagen.js"],
        )

    def _proceso(proceso: str) -> ProcesoRegistrado:
        if (registrado := ver_actores().procesos.get(proceso)) is None:
            raise Rechazo("proceso_desconocido")
        return registrado


_TEXTOS: Mapping[str, Any] = {
    "MODALIDADES": [(m.value, texto) for m, texto in MODALIDAD.items()],
    "SITUACIONES": list(SITUACION.items()),
    "ALERTAS": [("con", "Con alertas"), ("sin", "Sin alertas")],
    "FINES": list(FINES.items()),
    "FIN": FINES,
    "EN_COLA": EN_COLA,
    "que": lambda orden: _que(orden),
}


def _que(orden: RepartoOrdenado) -> str:
    """What an order means, in words."""
    dicho = [
        f"solicitud {orden.solicitud}" if orden.solicitud else "",
        MODALIDAD[orden.modalidad].lower() if orden.modalidad else "",
        "" if orden.con_alertas is None else "con alertas" if orden.con_alertas else "sin alertas",
        SITUACION[orden.situacion.value].lower() if orden.situacion else "",
        f"recibidos antes del {fecha(orden.recibido_antes_de.astimezone(CENTRO))}" if orden.recibido_antes_de else "",
    ]
    return ", ".join(filter(None, dicho)) or "todo el proceso"


def _a(proceso: str, hecho: str) -> RedirectResponse:
    return RedirectResponse(f"/supervision?{urlencode({'proceso': proceso, 'hecho': hecho})}", 303)


def _version(forma: Form) -> int:
    texto = forma.value("version")
    return int(texto) if texto.isascii() and texto.isdigit() and len(texto) < 10 else 0


def _en_su_campo(error: Rechazo, campo: str = "") -> dict[str, str]:
    _, titulo, que_hacer = RECHAZOS[error.codigo]
    campos = {"fecha_invalida": "antes", "motivo_desconocido": "fin"}
    return {campos.get(error.codigo, campo or "persona"): f"{titulo}. {que_hacer}".strip()}


def _de_la_forma(forma: Form) -> tuple[dict[str, str], Pedido | None]:
    """What the form of a new order asks for, or what is wrong at its fields."""
    errores: dict[str, str] = {}
    porcentajes = {
        nombre.removeprefix("porcentaje-"): valor[0].strip()
        for nombre, valor in forma.values.items()
        if nombre.startswith("porcentaje-") and valor and valor[0].strip()
    }
    personas = list(dict.fromkeys([*forma.values.get("persona", ()), *porcentajes]))
    if not personas:
        errores["persona"] = "Elija al menos una persona."
    if porcentajes:
        for persona in personas:
            texto = porcentajes.get(persona, "")
            if not (texto.isascii() and texto.isdigit() and 1 <= int(texto[:4]) <= 100):
                errores[f"porcentaje-{persona}"] = "Escriba de 1 a 100, o deje vacíos todos."
    if not errores and porcentajes and sum(map(int, porcentajes.values())) > 100:
        errores["persona"] = "Los porcentajes suman más de 100."
    try:
        antes = _dia(forma.value("antes"))
    except Rechazo as error:
        errores |= _en_su_campo(error)
        antes = None
    modalidad, situacion, alertas = forma.value("modalidad"), forma.value("situacion"), forma.value("alertas")
    if modalidad and modalidad not in set(Modalidad):
        errores["modalidad"] = "Elija una de la lista."
    if situacion and situacion not in SITUACION:
        errores["situacion"] = "Elija una de la lista."
    if errores:
        return errores, None
    partes = [((p,), int(porcentajes[p])) for p in personas] if porcentajes else [(tuple(personas), 100)]
    return {}, Pedido(
        partes=tuple(partes),
        exclusivo=forma.has("exclusivo", "si"),
        solicitud=forma.value("solicitud") or None,
        modalidad=Modalidad(modalidad) if modalidad else None,
        con_alertas={"con": True, "sin": False}.get(alertas),
        situacion=SituacionRegistral(situacion) if situacion else None,
        recibido_antes_de=antes,
    )


def _pedido(entrada: RepartoEntrada) -> Pedido:
    if entrada.situacion is not None and entrada.situacion not in set(SituacionRegistral):
        raise Rechazo("situacion_desconocida")
    return Pedido(
        partes=tuple((tuple(p.cuentas), p.porcentaje) for p in entrada.partes),
        exclusivo=entrada.exclusivo,
        solicitud=entrada.solicitud,
        modalidad=Modalidad(entrada.modalidad) if entrada.modalidad else None,
        con_alertas=entrada.con_alertas,
        situacion=SituacionRegistral(entrada.situacion) if entrada.situacion else None,
        recibido_antes_de=_dia(entrada.recibido_antes_de),
    )


def _dia(texto: str) -> datetime | None:
    """The beginning of a day, hora Centro. Raises Rechazo."""
    if not texto:
        return None
    try:
        return datetime.combine(date.fromisoformat(texto), time.min, CENTRO)
    except ValueError as error:
        raise Rechazo("fecha_invalida") from error


def _en_curso(en_curso: OrdenEnCurso) -> RepartoSalida:
    partes = [ParteSalida.model_validate(p) for p in en_curso.partes]
    return _reparto(en_curso.orden, en_curso.ordenado_en).model_copy(update={"partes": partes})


def _reparto(orden: RepartoOrdenado, ordenado_en: datetime) -> RepartoSalida:
    return RepartoSalida(
        reparto=orden.reparto,
        version=orden.version,
        solicitud=orden.solicitud,
        modalidad=orden.modalidad,
        con_alertas=orden.con_alertas,
        situacion=orden.situacion,
        recibido_antes_de=orden.recibido_antes_de,
        partes=[
            ParteSalida(cuentas=p.cuentas, porcentaje=p.porcentaje, pendientes=0, ausente=False) for p in orden.partes
        ],
        exclusivo=orden.exclusivo,
        ordenado_en=ordenado_en,
        por=orden.por,
        cambiado_en=orden.ordenado_en,
        fin=orden.fin,
    )
