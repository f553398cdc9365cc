"""Load, decide, store, publish; what each step leaves behind when the process dies there is in README.md."""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from pydantic import ValidationError

from kernel.clock import Clock
from kernel.dispatch import Context
from kernel.documents import Document, Documents, Keyed
from kernel.errors import BadInput, Conflict, Unavailable
from kernel.outbox import Outbox
from kernel.sealing import CannotUnseal, KeyRing, unseal
from schemas.actores import VerActores
from schemas.envelope import Evento
from schemas.eventos import (
    POR_TIPO,
    Fase,
    MiembroDePersona,
    RegistroClasificado,
    RegistroCompulsado,
    RegistroDescifrado,
    SituacionRegistral,
    Veredicto,
)
from schemas.paquete import DatosRegistro
from schemas.tipos import descomponer_folio, proceso_de
from services.compulsa import metrics
from services.compulsa.domain import folio as folios
from services.compulsa.domain import persona as personas
from services.compulsa.domain.folio import Consulta, Descifrado, EstadoFolio, Reglas
from services.compulsa.domain.padron import corte_para, dadas, huellas, persona, situacion
from services.compulsa.padron import Padron

log = structlog.get_logger()

Consultar = Callable[[str, Descifrado], Awaitable[Consulta]]
"""Looks a record up by its folio and what was opened."""

EventoDeFolio = RegistroDescifrado | RegistroClasificado | Veredicto | RegistroCompulsado | MiembroDePersona
"""What a record's state is folded from: what is read of it, and what was said of it."""

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


class Consultas:
    """Lookups in the roll: the only place where a record's data are in clear, and only in memory."""

    def __init__(self, padron: Padron, expedientes: KeyRing, procesos: KeyRing, actores: VerActores) -> None:
        self._padron = padron
        self._expedientes = expedientes
        self._procesos = procesos
        self._actores = actores

    async def consultar(self, folio: str, descifrado: Descifrado) -> Consulta:
        """Look a record up in its cut. Raises BadInput (KeyDestroyed included) and Unavailable."""
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
        )
        if await self._padron.completo(corte):
            consulta = await self._en_corte(consulta, await self._abrir(folio, descifrado))
        metrics.LOOKUPS.labels(consulta.situacion.value).inc()
        for identificador in consulta.discrepancias:
            metrics.LOOKUP_DISCREPANCIES.labels(identificador).inc()
        return consulta

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

    async def _abrir(self, folio: str, descifrado: Descifrado) -> DatosRegistro:
        try:
            llave = await self._expedientes.open(descifrado.llave)
            datos = unseal(llave, base64.b64decode(descifrado.datos_sellados), f"{folio}|datos")
            return DatosRegistro.model_validate_json(datos, extra="ignore")
        except LookupError as error:
            raise BadInput("llave_ausente", folio) from error
        except (CannotUnseal, ValidationError) as error:
            # Without its cause: a ValidationError repeats what it could not read.
            raise BadInput("datos_ilegibles", f"{folio}: {type(error).__name__}") from None


class Folios:
    """The stage keyed by folio: lookups, announcements to persons, outcomes."""

    def __init__(self, estados: Estados, consultar: Consultar, actores: VerActores) -> None:
        self._estados = estados
        self._consultar = consultar
        self._actores = actores

    async def en_evento(self, evento: RegistroDescifrado | RegistroClasificado | Veredicto, context: Context) -> None:
        """Take a fact about a record in. Raises BadInput, Conflict, Unavailable."""
        await self._avanzar(evento.folio, context.cause, evento)

    async def reexaminar(self, folio: str, causa: str) -> None:
        """Decide again on a record that waited. Raises BadInput, Conflict, Unavailable."""
        await self._avanzar(folio, causa, None)

    async def _avanzar(self, folio: str, causa: str, evento: Evento | None) -> None:
        async def decidir(document: Document | None) -> Paso:
            estado = EstadoFolio.model_validate(document, strict=False) if document else folios.nuevo(folio)
            if evento is not None:
                estado = folios.aplicar(estado, evento)
            if estado.descifrado is None:
                return Paso(estado.model_dump(mode="json"))
            reglas = self._reglas(proceso_de(folio))
            consulta = folios.consulta_vigente(estado) or await self._consultar(folio, estado.descifrado)
            eventos = folios.decidir(estado, consulta, reglas)
            espera = folios.espera(estado, consulta, reglas)
            for said in eventos:
                estado = folios.aplicar(estado, said)
            return Paso(estado.model_dump(mode="json"), eventos, espera)

        await self._estados.avanzar(folio, causa, decidir)

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


@dataclass(frozen=True, slots=True)
class Pliegue:
    """Folds events into state documents, decides nothing and says nothing: for a rebuild, while the service is stopped.

    `primera_revision`: of a new document; `kernel.rebuild` says why not 1.
    """

    documents: Keyed
    primera_revision: Callable[[], int]

    async def en_folio(self, evento: EventoDeFolio, context: Context) -> None:
        """Fold one of the five topics of a record. Raises Conflict, Unavailable."""
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

    async def _guardar(self, id_: str, actual: Document | None, estado: Document, espera: str | None) -> None:
        revision = actual["revision"] + 1 if actual else self.primera_revision()
        nuevo: Document = {"_id": id_, "revision": revision, "estado": estado}
        if espera is not None:
            nuevo["espera"] = espera
        done = await (self.documents.replace(nuevo, revision - 1) if actual else self.documents.put_if_absent(nuevo))
        if not done:
            raise Conflict(f"compulsa: {id_} changed meanwhile")


class Reexamen:
    """Looks again at the records that wait for something that has come: a cut, or the order of their process.

    Every process does it, over all records: a record that two look at is decided by one of them (compare-and-set). `barajar`
    shuffles each page in place, so that they seldom meet.
    """

    def __init__(
        self,
        folios: Folios,
        estados: Estados,
        padron: Padron,
        actores: VerActores,
        barajar: Callable[[list[Document]], None],
    ) -> None:
        self._folios = folios
        self._estados = estados
        self._padron = padron
        self._actores = actores
        self._barajar = barajar
        self._pending = 0

    async def siempre(self, cada_s: float) -> None:
        """A round every so often, until cancelled. Engines that do not answer are left to the stream's guard."""
        while True:
            try:
                await self.una_vez()
            except Unavailable as error:
                log.warning("reexamen_postponed", error=str(error))
            await asyncio.sleep(cada_s)

    async def una_vez(self) -> int:
        """One round; how many records it looked at. Raises Unavailable."""
        await self._estados.reparar()
        esperas = [folios.espera_corte(corte) for corte in await self._padron.completos()]
        esperas += [folios.espera_orden(proceso) for proceso in self._actores().compulsas_ordenadas]
        seen, last = 0, ""
        while page := await self._estados.en_espera(esperas, last):
            seen += len(page)
            last = page[-1]["_id"]
            self._barajar(page)
            for document in page:
                await self._reexaminar(document["_id"], document["espera"])
        await self._medir()
        return seen

    async def _reexaminar(self, folio: str, espera: str) -> None:
        try:
            await self._folios.reexaminar(folio, espera)
        except Conflict:
            # Somebody else is at this record; if it still waits, the next round finds it.
            pass
        except BadInput as error:
            log.error("reexamen_refused", folio=folio, reason=error.reason, detail=error.detail)

    async def _medir(self) -> None:
        pending = await self._estados.contar("corte/")
        metrics.PENDING.set(pending)
        if pending != self._pending:
            (log.warning if pending else log.info)("records_waiting_for_cut", pending=pending)
            self._pending = pending


def _salida(evento: Evento, causa: str) -> Document:
    return {
        "tipo": evento.ce_type(),
        "causa": f"{causa}|{evento.version}",
        "hecho": evento.model_dump(mode="json"),
    }
