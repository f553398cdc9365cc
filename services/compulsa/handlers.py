"""Load, decide, store, publish; what each step leaves behind when the process dies there is in README.md."""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import structlog

from kernel.clock import Clock
from kernel.dispatch import Context
from kernel.documents import Document, Documents, Keyed
from kernel.errors import BadInput, Conflict, KeyDestroyed, Unavailable
from kernel.outbox import Outbox
from kernel.sealing import CannotUnseal, KeyRing, seal, unseal
from schemas.actores import (
    DatosConsulta,
    RespuestaConsulta,
    VerActores,
    contexto_de_consulta,
    contexto_de_respuesta,
)
from schemas.envelope import Evento
from schemas.eventos import (
    POR_TIPO,
    ConsultaRespondida,
    ConsultaSolicitada,
    Fase,
    MiembroDePersona,
    RegistroClasificado,
    RegistroCompulsado,
    RegistroCorregido,
    RegistroDescifrado,
    SituacionRegistral,
    Veredicto,
)
from schemas.expediente import DATOS, contexto, contexto_de_correccion
from schemas.paquete import DatosRegistro
from schemas.tipos import Modelo, descomponer_folio, proceso_de
from services.compulsa import metrics
from services.compulsa.domain import consulta as consultas
from services.compulsa.domain import folio as folios
from services.compulsa.domain import persona as personas
from services.compulsa.domain.folio import Consulta, Corregido, Descifrado, EstadoFolio, Reglas
from services.compulsa.domain.padron import corte_para, dadas, huellas, persona, situacion
from services.compulsa.padron import Padron

log = structlog.get_logger()

M = TypeVar("M", bound=Modelo)

Consultar = Callable[[str, Descifrado, Corregido | None], Awaitable[Consulta]]
"""Looks a record up by its folio, what was opened, and its newest correction."""

HechoDeFolio = RegistroDescifrado | RegistroCorregido | RegistroClasificado | Veredicto
"""What the stage of the records reads."""

EventoDeFolio = HechoDeFolio | RegistroCompulsado | MiembroDePersona
"""What a record's state is folded from: what is read of it, and what was said of it."""

EventoDeConsulta = ConsultaSolicitada | ConsultaRespondida
"""What a lookup's state is folded from: what was asked, and what was answered."""

_REPAIR_AFTER_S = 10.0
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Paso:
    """A decision: the state from now on, what is to be said, and what else the subject waits for."""

    estado: Document
    eventos: Sequence[Evento] = ()
    espera: str | None = None


class Estados:
    """State documents that carry the events they decided until these are out, so that one write decides both.

    Whoever opens a document first says what it still carries: a death between deciding and saying is repaired by the next
    event of the subject, the same one redelivered included. Fields: `estado`; `por_emitir` (events with their cause) and
    `por_emitir_desde` (Unix time) while there are any; `espera` while the subject waits for something.
    """

    def __init__(self, documents: Documents, outbox: Outbox, clock: Clock) -> None:
        self._documents = documents
        self._outbox = outbox
        self._clock = clock

    async def avanzar(self, id_: str, causa: str, decidir: Callable[[Document | None], Awaitable[Paso]]) -> None:
        """Decide on a subject's state, store the decision, and say it. Raises Conflict, Unavailable and what `decidir` raises.

        The cause of an event is `causa` and the version that it gave: one cause may make a subject speak twice, in time.
        """
        document = await self._documents.get(id_)
        if document is not None and "por_emitir" in document:
            document = await self._emitir(document)
        paso = await decidir(document["estado"] if document else None)
        revision = document["revision"] if document else 0
        nuevo: Document = {"_id": id_, "revision": revision + 1, "estado": paso.estado}
        if paso.espera is not None:
            nuevo["espera"] = paso.espera
        if document is not None and not paso.eventos and nuevo == document | {"revision": revision + 1}:
            return
        if paso.eventos:
            nuevo["por_emitir"] = [_salida(evento, causa) for evento in paso.eventos]
            nuevo["por_emitir_desde"] = self._clock.now().timestamp()
        saved = await (
            self._documents.replace(nuevo, revision) if document else self._documents.put_if_absent(dict(nuevo))
        )
        if not saved:
            raise Conflict(f"compulsa: {id_} changed meanwhile")
        if paso.eventos:
            await self._emitir(nuevo)

    async def reparar(self) -> None:
        """Say what a death left unsaid some time ago. Raises Unavailable."""
        horizon = self._clock.now().timestamp() - _REPAIR_AFTER_S
        for document in await self._documents.find({"por_emitir_desde": {"$lt": horizon}}):
            try:
                await self._emitir(document)
            except Conflict:
                continue

    async def en_espera(self, esperas: Sequence[str], despues_de: str) -> list[Document]:
        """Some documents that wait for any of these, by `_id`, after one. Raises Unavailable."""
        query = {"espera": {"$in": list(esperas)}, "_id": {"$gt": despues_de}}
        return await self._documents.find(query, sort="_id", limit=_PAGE)

    async def contar(self, prefijo: str) -> int:
        """How many wait for something that begins so. Raises Unavailable."""
        return await self._documents.count({"espera": {"$gte": prefijo, "$lt": prefijo + "\uffff"}})

    async def _emitir(self, document: Document) -> Document:
        for salida in document["por_emitir"]:
            evento = POR_TIPO[salida["tipo"]].model_validate(salida["hecho"], strict=False)
            await self._outbox.emit(evento, cause=salida["causa"])
        said = {k: v for k, v in document.items() if k not in ("por_emitir", "por_emitir_desde")}
        said["revision"] += 1
        if not await self._documents.replace(said, document["revision"]):
            raise Conflict(f"compulsa: {document['_id']} changed meanwhile")
        return said


@dataclass(frozen=True, slots=True)
class Respuesta:
    """What a cut says of the person of a lookup. `sellada`: as in `ConsultaRespondida`."""

    corte: str
    sellada: str


Responder = Callable[[ConsultaSolicitada], Awaitable[Respuesta | None]]
"""Looks the person of a lookup up; None while there is no complete cut."""


class Consultas:
    """Lookups in the roll: the only place where a person's data are in clear, and only in memory.

    `llavero`: keys of records and of actors, of which it opens the part that it is entitled to; `procesos`: its own.
    """

    def __init__(self, padron: Padron, llavero: KeyRing, procesos: KeyRing, actores: VerActores) -> None:
        self._padron = padron
        self._llavero = llavero
        self._procesos = procesos
        self._actores = actores

    async def consultar(self, folio: str, descifrado: Descifrado, corregido: Corregido | None) -> Consulta:
        """Look a record up in its cut, by its form as last corrected. Raises BadInput (KeyDestroyed included) and Unavailable."""
        if proceso_de(folio) in self._actores().destrucciones:
            raise KeyDestroyed(folio)
        corte = corte_para(descifrado.recibido_en)
        consulta = Consulta(
            version=1,
            folio=folio,
            fase=Fase.PRELIMINAR,
            situacion=SituacionRegistral.PENDIENTE,
            corte=corte,
            coincidencia=[],
            discrepancias=[],
            clasificado_version=0,
            descifrado_version=descifrado.version,
            correccion_version=corregido.version if corregido else 0,
        )
        if await self._padron.completo(corte):
            formulario = corregido or descifrado
            donde = contexto_de_correccion(folio, corregido.version) if corregido else contexto(folio, DATOS)
            _, datos = await self._abrir(formulario.llave, formulario.datos_sellados, donde, DatosRegistro)
            consulta = await self._en_corte(consulta, datos)
        metrics.LOOKUPS.labels(consulta.situacion.value).inc()
        for identificador in consulta.discrepancias:
            metrics.LOOKUP_DISCREPANCIES.labels(identificador).inc()
        return consulta

    async def responder(self, solicitada: ConsultaSolicitada) -> Respuesta | None:
        """What the newest complete cut says of the person asked about. Raises BadInput (KeyDestroyed included) and Unavailable."""
        sellados, donde = solicitada.datos_sellados, contexto_de_consulta(solicitada.consulta)
        # Opened before there is a cut, too: what cannot be read is set aside now, and not when nobody looks any more.
        llave, datos = await self._abrir(solicitada.llave, sellados, donde, DatosConsulta)
        corte = await self._padron.mas_reciente()
        if corte is None:
            return None
        formulario = huellas(
            self._padron.llave, datos.clave_elector, datos.numero_emision or None, datos.cic or None, datos.ocr or None
        )
        found = await self._padron.buscar(corte, formulario)
        if found is None:
            respuesta = RespuestaConsulta(situacion=SituacionRegistral.NO_ENCONTRADO, causa_baja=None, geo=None)
        else:
            line = found.renglon
            respuesta = RespuestaConsulta(situacion=line.situacion, causa_baja=line.causa_baja, geo=line.geo)
        metrics.PORTAL_LOOKUPS.labels(respuesta.situacion.value).inc()
        sellada = seal(llave, respuesta.model_dump_json().encode(), contexto_de_respuesta(solicitada.consulta))
        return Respuesta(corte, base64.b64encode(sellada).decode())

    async def _en_corte(self, consulta: Consulta, datos: DatosRegistro) -> Consulta:
        partes = descomponer_folio(consulta.folio)
        solicitud = self._actores().solicitudes.get(partes.solicitud)
        if solicitud is None:
            raise Unavailable(f"actores: {partes.solicitud} not seen yet")
        formulario = huellas(self._padron.llave, datos.clave_elector, datos.numero_emision, datos.cic, datos.ocr)
        found = await self._padron.buscar(consulta.corte, formulario)
        if found is None:
            changes: dict[str, Any] = {
                "situacion": SituacionRegistral.NO_ENCONTRADO,
                "discrepancias": list(dadas(formulario)),
            }
        else:
            llave = await self._llave_de(partes.proceso)
            changes = {
                "situacion": situacion(found.renglon, solicitud),
                "causa_baja": found.renglon.causa_baja,
                "persona": persona(llave, found.renglon),
                "geo": found.renglon.geo,
                "coincidencia": list(found.coincidencia),
                "discrepancias": list(found.discrepancias),
            }
        return consulta.model_copy(update=changes)

    async def _llave_de(self, proceso: str) -> bytes:
        """The process's key, made at its first record."""
        try:
            return await self._procesos.open(proceso)
        except LookupError:
            return await self._procesos.create(proceso, {"compulsa": None})

    async def _abrir(self, llave: str, sellados: str, donde: str, modelo: type[M]) -> tuple[bytes, M]:
        """The subkey that this service gets of a key, and what is sealed under it."""
        try:
            abierta = await self._llavero.open(llave)
            datos = unseal(abierta, base64.b64decode(sellados), donde)
            return abierta, modelo.model_validate_json(datos, extra="ignore")
        except LookupError as error:
            raise BadInput("llave_ausente", donde) from error
        except (CannotUnseal, ValueError) as error:
            # Without its cause: a ValidationError repeats what it could not read.
            raise BadInput("datos_ilegibles", f"{donde}: {type(error).__name__}") from None


FIN_CADA_S = 60.0


class FinDeProcesos:
    """Destroys the key by which a process's persons are hashed, once its destruction is ordered (SPEC 11, ADR 37).

    At each start and every so often, since a backup may bring a key back. Any number of instances do the same.
    """

    def __init__(self, procesos: KeyRing, actores: VerActores) -> None:
        self._procesos = procesos
        self._actores = actores

    async def siempre(self) -> None:
        """Until cancelled. Engines that do not answer are asked again later."""
        while True:
            try:
                await self.una_vez()
            except Unavailable as error:
                log.warning("process_keys_not_destroyed", error=str(error))
            await asyncio.sleep(FIN_CADA_S)

    async def una_vez(self) -> None:
        """Destroy the keys that are there. Raises Unavailable."""
        for proceso in sorted(self._actores().destrucciones):
            if not await self._procesos.is_destroyed(proceso):
                await self._procesos.destroy_many([proceso])
                log.warning("process_key_destroyed", process=proceso)


class Folios:
    """The stage keyed by folio: lookups, announcements to persons, outcomes."""

    nombre = "folios"

    def __init__(self, estados: Estados, consultar: Consultar, padron: Padron, actores: VerActores) -> None:
        self.estados = estados
        self._consultar = consultar
        self._padron = padron
        self._actores = actores

    async def en_evento(self, evento: HechoDeFolio, context: Context) -> None:
        """Take a fact about a record in. Raises BadInput, Conflict, Unavailable."""
        await self._avanzar(evento.folio, context.cause, evento)

    async def reexaminar(self, asunto: str, causa: str) -> None:
        """Decide again on a record that waited. Raises BadInput, Conflict, Unavailable."""
        await self._avanzar(asunto, causa, None)

    async def cumplidas(self) -> list[str]:
        """Cuts that are complete, and orders that were given. Raises Unavailable."""
        cortes = [folios.espera_corte(corte) for corte in await self._padron.completos()]
        return cortes + [folios.espera_orden(proceso) for proceso in self._actores().compulsas_ordenadas]

    async def medir(self) -> int:
        """Count the records that wait for their cut. Raises Unavailable."""
        pending = await self.estados.contar("corte/")
        metrics.PENDING.set(pending)
        return pending

    async def _avanzar(self, folio: str, causa: str, evento: Evento | None) -> None:
        async def decidir(document: Document | None) -> Paso:
            estado = EstadoFolio.model_validate(document, strict=False) if document else folios.nuevo(folio)
            if evento is not None:
                estado = folios.aplicar(estado, evento)
            if estado.descifrado is None:
                return Paso(estado.model_dump(mode="json"))
            reglas = self._reglas(proceso_de(folio))
            consulta = folios.consulta_vigente(estado) or await self._consultar(
                folio, estado.descifrado, estado.corregido
            )
            eventos = folios.decidir(estado, consulta, reglas)
            espera = folios.espera(estado, consulta, reglas)
            for said in eventos:
                estado = folios.aplicar(estado, said)
            return Paso(estado.model_dump(mode="json"), eventos, espera)

        await self.estados.avanzar(folio, causa, decidir)

    def _reglas(self, proceso: str) -> Reglas:
        actores = self._actores()
        try:
            perfil = actores.perfil_de(proceso)
        except KeyError as error:
            raise Unavailable(f"actores: {proceso} not seen yet") from error
        ordered = perfil.compulsa == "continua" or proceso in actores.compulsas_ordenadas
        return Reglas(ordered, perfil.misma_persona)


class Personas:
    """The stage keyed by person: which of a person's records counts."""

    def __init__(self, estados: Estados) -> None:
        self._estados = estados

    async def en_miembro(self, miembro: MiembroDePersona, context: Context) -> None:
        """Take an announcement in, and say the verdicts that changed by it. Raises Conflict, Unavailable."""

        async def decidir(document: Document | None) -> Paso:
            grupo = personas.Grupo.model_validate(document, strict=False) if document else personas.nuevo()
            nuevo, veredictos = personas.anunciar(grupo, miembro)
            if document is None:
                metrics.PERSONS.inc()
            for veredicto in veredictos:
                metrics.VERDICTS.labels("no" if veredicto.duplicado_de is None else "si").inc()
            return Paso(nuevo.model_dump(mode="json"), veredictos)

        await self._estados.avanzar(miembro.persona, context.cause, decidir)


class Respuestas:
    """The stage keyed by lookup: answers what the portal asks, once."""

    nombre = "consultas"

    def __init__(self, estados: Estados, responder: Responder, padron: Padron, clock: Clock) -> None:
        self.estados = estados
        self._responder = responder
        self._padron = padron
        self._clock = clock

    async def en_consulta(self, evento: ConsultaSolicitada, context: Context) -> None:
        """Take a lookup in, and answer it if there is a cut. Raises BadInput, Conflict, Unavailable."""
        await self._avanzar(evento.consulta, context.cause, evento)

    async def reexaminar(self, asunto: str, causa: str) -> None:
        """Answer a lookup that waited. Raises BadInput, Conflict, Unavailable."""
        await self._avanzar(asunto, causa, None)

    async def cumplidas(self) -> list[str]:
        """That there is a complete cut, once there is. Raises Unavailable."""
        return [consultas.CORTE] if await self._padron.mas_reciente() else []

    async def medir(self) -> int:
        """Count the lookups that wait for a cut. Raises Unavailable."""
        pending = await self.estados.contar(consultas.CORTE)
        metrics.PORTAL_PENDING.set(pending)
        return pending

    async def _avanzar(self, consulta: str, causa: str, evento: ConsultaSolicitada | None) -> None:
        async def decidir(document: Document | None) -> Paso:
            estado = (
                consultas.EstadoConsulta.model_validate(document, strict=False)
                if document
                else consultas.nueva(consulta)
            )
            if evento is not None:
                estado = consultas.aplicar(estado, evento)
            if estado.por_responder is None:
                return Paso(estado.model_dump(mode="json"))
            try:
                respuesta = await self._responder(estado.por_responder)
            except KeyDestroyed:
                metrics.PORTAL_LOOKUPS.labels(consultas.LLAVE_DESTRUIDA).inc()
                log.warning("lookup_without_key", consulta=consulta)
                return Paso(estado.model_dump(mode="json"), espera=consultas.LLAVE_DESTRUIDA)
            if respuesta is None:
                return Paso(estado.model_dump(mode="json"), espera=consultas.CORTE)
            respondida = ConsultaRespondida(
                version=1,
                consulta=consulta,
                sujeto=estado.por_responder.sujeto,
                corte=respuesta.corte,
                llave=estado.por_responder.llave,
                respuesta_sellada=respuesta.sellada,
                respondida_en=self._clock.now(),
            )
            return Paso(consultas.aplicar(estado, respondida).model_dump(mode="json"), [respondida])

        await self.estados.avanzar(consulta, causa, decidir)


@dataclass(frozen=True, slots=True)
class Pliegue:
    """Folds events into state documents, decides nothing and says nothing: for a rebuild, while the service is stopped.

    `primera_revision`: of a new document; `kernel.rebuild` says why not 1.
    """

    documents: Keyed
    primera_revision: Callable[[], int]

    async def en_folio(self, evento: EventoDeFolio, context: Context) -> None:
        """Fold one of the six topics of a record. Raises Conflict, Unavailable."""
        document = await self.documents.get(evento.folio)
        antes = EstadoFolio.model_validate(document["estado"], strict=False) if document else None
        nuevo = folios.aplicar(antes or folios.nuevo(evento.folio), evento)
        if nuevo != antes:
            await self._guardar(evento.folio, document, nuevo.model_dump(mode="json"), folios.espera_posible(nuevo))

    async def en_persona(self, miembro: MiembroDePersona, context: Context) -> None:
        """Fold an announcement whose verdicts were said. Raises Conflict, Unavailable."""
        document = await self.documents.get(miembro.persona)
        antes = personas.Grupo.model_validate(document["estado"], strict=False) if document else personas.nuevo()
        nuevo, _ = personas.anunciar(antes, miembro)
        if nuevo != antes:
            await self._guardar(miembro.persona, document, nuevo.model_dump(mode="json"), None)

    async def en_consulta(self, evento: EventoDeConsulta, context: Context) -> None:
        """Fold what was asked or answered. Raises Conflict, Unavailable."""
        document = await self.documents.get(evento.consulta)
        antes = consultas.EstadoConsulta.model_validate(document["estado"], strict=False) if document else None
        nuevo = consultas.aplicar(antes or consultas.nueva(evento.consulta), evento)
        if nuevo != antes:
            espera = consultas.espera_posible(nuevo)
            await self._guardar(evento.consulta, document, nuevo.model_dump(mode="json"), espera)

    async def _guardar(self, id_: str, actual: Document | None, estado: Document, espera: str | None) -> None:
        revision = actual["revision"] + 1 if actual else self.primera_revision()
        nuevo: Document = {"_id": id_, "revision": revision, "estado": estado}
        if espera is not None:
            nuevo["espera"] = espera
        done = await (self.documents.replace(nuevo, revision - 1) if actual else self.documents.put_if_absent(nuevo))
        if not done:
            raise Conflict(f"compulsa: {id_} changed meanwhile")


class Etapa(Protocol):
    """A stage whose subjects may wait for something besides events of their own. `nombre`: for the log."""

    nombre: str
    estados: Estados

    async def cumplidas(self) -> list[str]:
        """What subjects may wait for, and has come. Raises Unavailable."""
        ...

    async def reexaminar(self, asunto: str, causa: str) -> None:
        """Decide again on a subject that waited. Raises BadInput, Conflict, Unavailable."""
        ...

    async def medir(self) -> int:
        """Set the stage's gauge of those that wait for a cut, and say how many. Raises Unavailable."""
        ...


class Reexamen:
    """Looks again at the subjects of a stage that wait for something that has come: a cut, or the order of their process.

    Every process does it, over all subjects: one that two look at is decided by one of them (compare-and-set). `barajar`
    shuffles each page in place, so that they seldom meet.
    """

    def __init__(self, etapa: Etapa, barajar: Callable[[list[Document]], None]) -> None:
        self._etapa = etapa
        self._barajar = barajar
        self._pending = 0

    async def siempre(self, cada_s: float) -> None:
        """A round every so often, until cancelled. Engines that do not answer are left to the stream's guard."""
        while True:
            try:
                await self.una_vez()
            except Unavailable as error:
                log.warning("reexamen_postponed", stage=self._etapa.nombre, error=str(error))
            await asyncio.sleep(cada_s)

    async def una_vez(self) -> int:
        """One round; how many subjects it looked at. Raises Unavailable."""
        estados = self._etapa.estados
        await estados.reparar()
        esperas = await self._etapa.cumplidas()
        seen, last = 0, ""
        while page := await estados.en_espera(esperas, last):
            seen += len(page)
            last = page[-1]["_id"]
            self._barajar(page)
            for document in page:
                await self._reexaminar(document["_id"], document["espera"])
        await self._medir()
        return seen

    async def _reexaminar(self, asunto: str, espera: str) -> None:
        try:
            await self._etapa.reexaminar(asunto, espera)
        except Conflict:
            # Somebody else is at this one; if it still waits, the next round finds it.
            pass
        except BadInput as error:
            log.error(
                "reexamen_refused",
                stage=self._etapa.nombre,
                subject=asunto,
                reason=error.reason,
                detail=error.detail,
            )

    async def _medir(self) -> None:
        pending = await self._etapa.medir()
        if pending != self._pending:
            (log.warning if pending else log.info)("waiting_for_cut", stage=self._etapa.nombre, pending=pending)
            self._pending = pending


def _salida(evento: Evento, causa: str) -> Document:
    return {
        "tipo": evento.ce_type(),
        "causa": f"{causa}|{evento.version}",
        "hecho": evento.model_dump(mode="json"),
    }
