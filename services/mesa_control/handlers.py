"""What happens to the queue, and to what a person asks of it: load, decide, store, publish."""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, Literal

import structlog

from kernel.clock import Clock
from kernel.dispatch import Context
from kernel.documents import Document, Documents, Keyed
from kernel.errors import Conflict, KeyDestroyed
from kernel.hpke import CannotOpen
from kernel.images import NotAnImage, marked, shown
from kernel.objects import Objects
from kernel.outbox import Outbox
from kernel.sealing import CannotUnseal, KeyRing, derive, unseal
from schemas.actores import VerActores
from schemas.ciclo_de_vida import Ciclo, a_documento, aplicar, de_documento
from schemas.eventos import (
    Alerta,
    ParteSellada,
    RegistroClasificado,
    RegistroCompulsado,
    RegistroCorregido,
    RegistroDescifrado,
    RegistroEnCuarentena,
    RegistroRecibido,
    ReintentoSolicitado,
)
from schemas.expediente import DATOS, IMAGENES, contexto, contexto_de_correccion
from schemas.hora import CENTRO
from schemas.paquete import IMAGENES as PARTES_IMAGEN
from schemas.paquete import DatosRegistro, Parte
from schemas.tipos import descomponer_folio
from services.mesa_control import metrics
from services.mesa_control.acceso.domain import marca
from services.mesa_control.acceso.handlers import Accesos
from services.mesa_control.correccion.domain import alertas_vigentes
from services.mesa_control.domain import (
    DECIDIDO,
    ESPERANDO,
    PENDIENTE,
    Asignacion,
    Contexto,
    Orden,
    Rechazo,
    cola,
    con_las_de_otros,
    decidir,
    en_cola,
    es_respuesta_a,
    ya_decidido,
)
from services.mesa_control.lecturas import LecturasJuntas, Tomador
from services.mesa_control.reparto.domain import LIBRE, atributos, cubeta, de_busqueda, turno
from services.mesa_control.reparto.fila import CANDIDATOS, NUNCA, Fila

log = structlog.get_logger()

OFFSET_PROVISIONAL = 2**53
"""Offset of an own decision until it comes back on the topic with its own, which is lower and therefore wins."""

RESOLUCION = timedelta(milliseconds=1)
"""Instants that an engine has kept are the same when they differ by less."""

INTENTOS = 10
"""Rounds against others who write the same record before giving up with Conflict."""

Hecho = RegistroRecibido | RegistroDescifrado | RegistroEnCuarentena | RegistroCompulsado | RegistroClasificado


@dataclass(frozen=True, slots=True)
class Registro:
    """A record opened for a person. `asignado_hasta`: when its assignment ends; `vigencia_s`: seconds until then.

    `alertas`: its own, and those of later records that name it; `acceso`: what covers showing its images. `formularios`: the form
    as it came and as each of `correcciones` left it; `datos`: the one in force.
    """

    folio: str
    ciclo: Ciclo
    descifrado: RegistroDescifrado
    compulsado: RegistroCompulsado
    recibido: RegistroRecibido
    datos: DatosRegistro
    formularios: Sequence[DatosRegistro]
    correcciones: Sequence[RegistroCorregido]
    alertas: Sequence[Alerta]
    acceso: str
    asignado_a: str | None
    asignado_hasta: datetime | None
    vigencia_s: float


@dataclass(frozen=True, slots=True)
class Imagen:
    """An image in clear, in memory alone."""

    tipo_medio: str
    contenido: bytes


@dataclass(frozen=True, slots=True)
class Progreso:
    """What is on the way, and how a person's day goes."""

    en_camino: int
    decididos_hoy: int


@dataclass(frozen=True, slots=True)
class Proyector:
    """Folds every fact of a folio into its document. `primera_revision`: of a new one; `kernel.rebuild` says why not 1.

    `lista`: in which list of the queue a pending one stands.
    """

    registros: Keyed
    primera_revision: Callable[[], int] = lambda: 1
    lista: Callable[[Document], str] = lambda documento: LIBRE

    async def hecho(self, evento: Hecho, context: Context) -> None:
        """Fold one fact in. Raises Conflict when another process wrote the record meanwhile."""
        await self.doblar(evento, context.offset, await self.registros.get(evento.folio))

    async def reintento(self, evento: ReintentoSolicitado, context: Context) -> None:
        """Fold a retry in. Raises Conflict as above."""
        await self.doblar_reintento(evento, await self.registros.get(evento.folio))

    async def doblar_reintento(self, evento: ReintentoSolicitado, actual: Document | None) -> None:
        """Fold a retry into a document that was read; only the newest stays. Raises Conflict."""
        pedido = {"version": evento.version, "por": evento.por}
        anterior = actual["reintento"] if actual else None
        if anterior is not None and anterior["version"] >= evento.version:
            return
        base = _documento(evento.folio, _ciclo(actual), actual)
        await self._guardar(
            {
                **base,
                "reintento": pedido,
                "reintentado_en": evento.solicitado_en,
                "reintentando": _reintentando(_ciclo(actual), pedido),
            },
            actual,
        )

    async def correccion(self, evento: RegistroCorregido, context: Context) -> None:
        """Fold a correction in. Raises Conflict as above."""
        await self.doblar_correccion(evento, await self.registros.get(evento.folio), {})

    async def doblar_correccion(
        self, evento: RegistroCorregido, actual: Document | None, lease: Mapping[str, Any]
    ) -> None:
        """Fold a correction into a document that was read; every version stays. `lease`: whose the record is from then on, if
        somebody's. Raises Conflict."""
        previas = {c["version"]: c for c in _correcciones(actual)}
        if evento.version in previas:
            return
        todas = previas | {evento.version: evento.model_dump(mode="json")}
        correcciones = [hecho for _, hecho in sorted(todas.items())]
        base = _documento(evento.folio, _ciclo(actual), actual, correcciones)
        await self._guardar({**base, **(lease if base["decidido_en"] is None else {})}, actual)

    async def doblar(self, evento: Hecho, offset: int, actual: Document | None) -> None:
        """Fold a fact into a document that was read, as if it lay at that offset. Raises Conflict."""
        ciclo = aplicar(_ciclo(actual), evento, offset)
        if actual is None or a_documento(ciclo) != a_documento(_ciclo(actual)):
            await self._guardar(_documento(evento.folio, ciclo, actual), actual)

    async def _guardar(self, nuevo: Document, actual: Document | None) -> None:
        nuevo["revision"] = actual["revision"] + 1 if actual else self.primera_revision()
        if nuevo["cola"] == en_cola(nuevo["proceso"], PENDIENTE):
            nuevo["turno"] = turno(nuevo["proceso"], self.lista(nuevo), nuevo["recibido_en"])
        stored = await (
            self.registros.replace(nuevo, actual["revision"]) if actual else self.registros.put_if_absent(nuevo)
        )
        if not stored:
            raise Conflict(f"{nuevo['_id']} was written meanwhile")


@dataclass(frozen=True, slots=True)
class MesaDeControl:
    """The service. `registros`: projection and queue; `accesos`: who is given what; `fila`: what is free, in its order."""

    registros: Documents
    accesos: Accesos
    outbox: Outbox
    llavero: KeyRing
    expedientes: Objects
    ver_actores: VerActores
    clock: Clock
    asignacion: timedelta
    deshacer: timedelta
    fila: Fila
    lecturas: LecturasJuntas
    primera_revision: Callable[[], int] = lambda: 1

    @property
    def proyector(self) -> Proyector:
        """Straight into the projection."""
        return Proyector(self.registros, self.primera_revision, self.fila.repartos.lista)

    # The queue -----------------------------------------------------------------------------------------------------------

    async def siguiente(self, operador: str, proceso: str, excepto: Sequence[str] = ()) -> Registro | None:
        """The record to review next: one that this person has already and is not in `excepto`, else the oldest free for them.

        It is this person's alone until its time runs out; so a person has at most one more than those in `excepto`. What cannot
        be opened is passed over, logged and counted. None when nothing is free.
        Raises Rechazo (`expedientes_destruidos`), Conflict, Unavailable.
        """
        self._sin_destruir(proceso)
        skip = list(excepto)
        while (documento := await self._tomar(operador, proceso, skip)) is not None:
            try:
                return await self._abrir(documento, operador, "asignacion")
            except (KeyDestroyed, CannotUnseal) as error:
                metrics.ILEGIBLES.inc()
                log.error("expediente_ilegible", folio=documento["_id"], error=repr(error))
                skip.append(documento["_id"])
        return None

    async def _tomar(self, operador: str, proceso: str, excepto: Sequence[str]) -> Document | None:
        ahora = self.clock.now()
        for documento in await self.lecturas.tomados(Tomador(operador, proceso, ahora)):
            if documento["_id"] not in excepto and (taken := await self._asignar(documento, operador, ahora)):
                metrics.ASIGNACIONES.labels("renovada").inc()
                return taken
        for _ in range(INTENTOS * CANDIDATOS):
            free = await self.fila.siguiente(operador, proceso, ahora)
            if free is None:
                return None
            try:
                taken = await self._asignar(free, operador, ahora)
            finally:
                self.fila.resuelto(free["_id"])
            if taken:
                metrics.ASIGNACIONES.labels("nueva").inc()
                return taken
        raise Conflict("others took every record looked at")

    async def _asignar(self, documento: Document, operador: str, ahora: datetime) -> Document | None:
        taken = {
            **documento,
            "operador": operador,
            "asignado_hasta": ahora + self.asignacion,
            "revision": documento["revision"] + 1,
        }
        return taken if await self.registros.replace(taken, documento["revision"]) else None

    async def devolver(self, operador: str, asignaciones: Mapping[str, datetime]) -> None:
        """Give back to the queue what a page that is left had claimed: each folio with the end of that assignment.

        What was claimed anew meanwhile (another end) stays, as does what is another's or decided. Raises Unavailable.
        """
        for folio, hasta in asignaciones.items():
            documento = await self.registros.get(folio)
            if documento is None or documento["operador"] != operador:
                continue
            if abs(documento["asignado_hasta"] - hasta) < RESOLUCION and _ciclo(documento).clasificado is None:
                libre = {**documento, "operador": None, "asignado_hasta": NUNCA, "revision": documento["revision"] + 1}
                await self.registros.replace(libre, documento["revision"])

    def reemplazable(self, decision: RegistroClasificado) -> timedelta:
        """How long whoever made the decision may still replace it; zero when the time is over."""
        return max(timedelta(), decision.decidido_en + self.deshacer - self.clock.now())

    async def progreso(self, operador: str, proceso: str) -> Progreso:
        """What is on the way to the queue, and this person's day in hora Centro."""
        local = self.clock.now().astimezone(CENTRO)
        midnight = datetime.combine(local.date(), time.min, CENTRO).astimezone(UTC)
        return Progreso(
            en_camino=await self.registros.count({"cola": en_cola(proceso, ESPERANDO)}),
            decididos_hoy=await self.registros.count({"decidido_por": operador, "decidido_en": {"$gte": midnight}}),
        )

    # Opening what is sealed ------------------------------------------------------------------------------------------------

    async def registro(self, folio: str, quien: str, acceso: str | None = None) -> Registro:
        """A record by its folio. `acceso`: the one that its data were given under; without one that covers them, it is written.

        Raises Rechazo (`registro_desconocido`, `registro_no_listo`, `expedientes_destruidos`), KeyDestroyed, Unavailable.
        """
        return await self._abrir(await self._leer(folio), quien, "folio", acceso)

    async def imagen(self, folio: str, parte: str, quien: str, acceso: str | None = None) -> Imagen:
        """One image, without what its file carries besides the pixels, marked with whom it was given to (ADR 26); the sealed bytes
        stay as they are.

        `acceso`: the one that it was offered with; without one that covers it, it is written by itself.
        Raises Rechazo (also `imagen_desconocida`), KeyDestroyed, CannotUnseal, Unavailable.
        """
        descifrado = _ciclo(await self._leer(folio)).descifrado
        if not isinstance(descifrado, RegistroDescifrado):
            raise Rechazo("registro_no_listo")
        sellada = _parte(descifrado, parte)
        dado = await self.accesos.imagen(folio, quien, sellada.nombre, acceso)
        root = await self.raiz(descifrado)
        try:
            sealed = await self.expedientes.get(descifrado.objeto, sellada.desde, sellada.tamano)
        except LookupError as error:
            raise CannotUnseal(f"no object of {folio}") from error
        clear = unseal(derive(root, IMAGENES), sealed, contexto(folio, sellada.nombre.value))
        try:
            return Imagen(sellada.tipo_medio, marked(shown(clear), marca(dado)))
        except NotAnImage as error:
            raise CannotUnseal(f"{sellada.nombre.value} of {folio} is no picture") from error

    async def _abrir(
        self, documento: Document, quien: str, via: Literal["asignacion", "folio"], dado: str | None = None
    ) -> Registro:
        folio = documento["_id"]
        ciclo = _ciclo(documento)
        correcciones = [_corregido(c) for c in _correcciones(documento)]
        descifrado, compulsado, recibido = ciclo.descifrado, ciclo.compulsado, ciclo.recibido
        if recibido is None or compulsado is None or not isinstance(descifrado, RegistroDescifrado):
            raise Rechazo("registro_no_listo")
        partes = [Parte.DATOS, *(p.nombre for p in descifrado.partes if p.nombre in PARTES_IMAGEN)]
        acceso = await self.accesos.amparo(folio, quien, Parte.DATOS, dado)
        if acceso is None:
            acceso = await self.accesos.anotar(folio, quien, partes, via, documento["asignado_hasta"])
        root = await self.raiz(descifrado)
        sellados = [(descifrado.datos_sellados, contexto(folio, DATOS))]
        sellados += [(c.datos_sellados, contexto_de_correccion(folio, c.version)) for c in correcciones]
        formularios = [_formulario(derive(root, DATOS), *sellado) for sellado in sellados]
        propias = alertas_vigentes(descifrado.alertas, formularios[-1]) if correcciones else descifrado.alertas
        otros = await self.lecturas.parecidos(folio)
        otras = [(o["_id"], d.alertas) for o in otros if isinstance(d := _ciclo(o).descifrado, RegistroDescifrado)]
        remaining = (documento["asignado_hasta"] - self.clock.now()).total_seconds()
        return Registro(
            folio=folio,
            ciclo=ciclo,
            descifrado=descifrado,
            compulsado=compulsado,
            recibido=recibido,
            datos=formularios[-1],
            formularios=formularios,
            correcciones=correcciones,
            alertas=con_las_de_otros(propias, folio, otras),
            acceso=acceso.acceso,
            asignado_a=documento["operador"] if remaining > 0 else None,
            asignado_hasta=documento["asignado_hasta"] if remaining > 0 else None,
            vigencia_s=max(0.0, remaining),
        )

    async def raiz(self, descifrado: RegistroDescifrado) -> bytes:
        """Key of the expediente. Raises KeyDestroyed, CannotUnseal when there is none that this service can open."""
        try:
            return await self.llavero.open(descifrado.llave)
        except (LookupError, CannotOpen) as error:
            raise CannotUnseal(f"no key of {descifrado.folio}") from error

    # Deciding --------------------------------------------------------------------------------------------------------------

    async def decidir(self, folio: str, operador: str, orden: Orden, causa: str) -> RegistroClasificado:
        """Carry out the order, whose idempotency key is `causa`: again with the same key, the same answer.

        Raises Rechazo (see `domain.decidir`, and `llave_reutilizada`), Conflict, Unavailable.
        """
        documento = await self._leer(folio)
        correcciones = _correcciones(documento)
        try:
            evento = decidir(
                _ciclo(documento),
                _asignacion(documento),
                operador,
                orden,
                self._contexto(documento["proceso"]),
                _corregido(correcciones[-1]) if correcciones else None,
            )
            cause = causa
        except Rechazo:
            # Perhaps this very decision was taken before; what was written down says so.
            taken_before = await self.outbox.get(RegistroClasificado.topic, folio, orden.version)
            if taken_before is None:
                raise
            evento, cause = _evento(taken_before), taken_before["headers"]["ce_causa"]
        emitted = await self.outbox.emit_or_taken(evento, cause=cause)
        written = emitted.stored
        decision = _evento(written)
        await self._registrar(decision, documento)
        if written["headers"]["ce_causa"] != causa or decision.operador != operador:
            raise ya_decidido(decision)
        if not es_respuesta_a(decision, orden):
            raise Rechazo("llave_reutilizada")
        if emitted.new:
            metrics.DECISIONES.labels(
                "sin_inconsistencia" if decision.sin_inconsistencia else "con_inconsistencia"
            ).inc()
        if emitted.new and decision.version == 1:
            metrics.ESPERA.observe((decision.decidido_en - documento["recibido_en"]).total_seconds())
        return decision

    async def _registrar(self, decision: RegistroClasificado, documento: Document | None) -> None:
        """Fold an own decision in at once, so that nobody is given the record again before it comes back on the topic."""
        for _ in range(INTENTOS):
            try:
                await self.proyector.doblar(decision, OFFSET_PROVISIONAL, documento)
            except Conflict:
                documento = await self.registros.get(decision.folio)
                continue
            return
        raise Conflict(f"{decision.folio} keeps being written")

    def _contexto(self, proceso: str) -> Contexto:
        actores = self.ver_actores()
        if proceso not in actores.procesos:
            raise Rechazo("proceso_desconocido")
        perfil, reglas = actores.procesos[proceso].perfil, actores.perfil_de(proceso)
        return Contexto(self.clock.now(), perfil, actores.offset, self.deshacer, reglas)

    async def _leer(self, folio: str) -> Document:
        documento = await self.registros.get(folio)
        if documento is None:
            raise Rechazo("registro_desconocido")
        self._sin_destruir(documento["proceso"])
        return documento

    def _sin_destruir(self, proceso: str) -> None:
        """From the order on, whatever is still stored, or came back from a backup. Raises Rechazo (`expedientes_destruidos`)."""
        orden = self.ver_actores().destrucciones.get(proceso)
        if orden is not None:
            dicho = orden.model_dump(mode="json", include={"ordenada_en", "numeral", "documento"})
            raise Rechazo("expedientes_destruidos", **dicho)


def _evento(written: Document) -> RegistroClasificado:
    return RegistroClasificado.model_validate_json(bytes(written["value"]), extra="ignore")


def _ciclo(documento: Document | None) -> Ciclo:
    return Ciclo() if documento is None else de_documento(documento)


def _correcciones(documento: Document | None) -> list[dict[str, Any]]:
    """The corrections of a record, as plain values, by version; most records have none."""
    correcciones: list[dict[str, Any]] = documento.get("correcciones", []) if documento else []
    return correcciones


def _corregido(hecho: Mapping[str, Any]) -> RegistroCorregido:
    return RegistroCorregido.model_validate(hecho, strict=False)


def _formulario(key: bytes, sellados: str, donde: str) -> DatosRegistro:
    return DatosRegistro.model_validate_json(unseal(key, base64.b64decode(sellados), donde), extra="ignore")


def _asignacion(documento: Document) -> Asignacion | None:
    operador = documento["operador"]
    return Asignacion(operador, documento["asignado_hasta"]) if operador else None


def _reintentando(ciclo: Ciclo, reintento: Mapping[str, Any] | None) -> bool:
    """Whether the quarantine in force has been retried, and nothing came of it yet."""
    cuarentena = ciclo.descifrado
    return (
        isinstance(cuarentena, RegistroEnCuarentena)
        and reintento is not None
        and reintento["version"] >= cuarentena.version
    )


def _parecido_a(ciclo: Ciclo) -> list[str]:
    """Records that its alerts name, from the plain values: most records name none, and their event need not be parsed."""
    if not ciclo.es(RegistroDescifrado):
        return []
    alertas = ciclo.hechos[RegistroDescifrado.topic].documento["hecho"]["alertas"]
    return sorted({folio for alerta in alertas for folio in alerta.get("folios", ())})


def _documento(
    folio: str, ciclo: Ciclo, actual: Document | None, correcciones: list[dict[str, Any]] | None = None
) -> Document:
    """The projection of a lifecycle, with other corrections than it has if they are given.

    `operador` and `asignado_hasta` are a lease: kept while pending, lost in a rebuild.

    `motivo`, `detalle`: of the quarantine in force; `reintento`, `reintentado_en`: the newest retry, whatever came of it.
    """
    partes = descomponer_folio(folio)
    correcciones = _correcciones(actual) if correcciones is None else correcciones
    estado_cola = cola(ciclo, correcciones[-1]["version"] if correcciones else 0)
    fechado = ciclo.recibido or ciclo.descifrado
    decision = ciclo.clasificado
    lease: dict[str, Any] = {"operador": None, "asignado_hasta": NUNCA}
    if actual is not None and estado_cola != DECIDIDO:
        lease = {name: actual[name] for name in lease}
    cuarentena = ciclo.descifrado if isinstance(ciclo.descifrado, RegistroEnCuarentena) else None
    parecido_a = _parecido_a(ciclo)
    reintento = actual["reintento"] if actual else None
    return {
        "_id": folio,
        **a_documento(ciclo),
        "proceso": partes.proceso,
        "solicitud": partes.solicitud,
        "cola": en_cola(partes.proceso, estado_cola),
        **de_busqueda(folio),
        "cubeta": cubeta(folio),
        **atributos(ciclo),
        "recibido": ciclo.recibido is not None,
        "recibido_en": fechado.recibido_en if fechado else None,
        "decidido_por": decision.operador if decision else None,
        "decidido_en": decision.decidido_en if decision else None,
        "motivo": cuarentena.motivo if cuarentena else None,
        "detalle": cuarentena.detalle if cuarentena else None,
        **({"parecido_a": parecido_a} if parecido_a else {}),
        **({"correcciones": correcciones} if correcciones else {}),
        "reintento": reintento,
        "reintentado_en": actual["reintentado_en"] if actual else None,
        "reintentando": _reintentando(ciclo, reintento),
        **lease,
    }


def _parte(descifrado: RegistroDescifrado, nombre: str) -> ParteSellada:
    for parte in descifrado.partes:
        if parte.nombre.value == nombre and parte.nombre in PARTES_IMAGEN:
            return parte
    raise Rechazo("imagen_desconocida")
