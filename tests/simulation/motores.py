"""The engines of a simulation: a log, documents, objects and mail, reached by processes that may die, stall and be refused.

An operation travels, takes effect, and its answer travels back, each for a random while. A process may die before the effect or
after it, the engine may refuse it, or do it and its answer be lost; what was on its way when the process died arrives, or does not.
"""

import asyncio
import hashlib
import random
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeVar

from kernel.documents import Document, MemoryDocuments, Swap, Write, copied
from kernel.errors import Conflict, Unavailable
from kernel.objects import MemoryObjects
from kernel.stream import CAUGHT_UP, Handler, Message, Position, Record, Settle, TopicSpec
from kernel.stream.murmur import partition_of
from kernel.stream.port import SETTLE_AT_MOST, Mark
from services.ingesta.domain import Rechazo as RechazoIngesta
from services.mesa_control.domain import Rechazo as RechazoMesa
from services.notificaciones.handlers.entregas import Mensaje
from tests.simulation.bucle import Bucle

T = TypeVar("T")
Lugar = tuple[str, int]
"""Topic and partition."""

PARTICIONES = 3
ULTIMOS_PASOS = 80
_RECHAZOS = (RechazoIngesta, RechazoMesa)
"""What a service answers to who asked, and nobody else's affair."""


@dataclass(frozen=True, slots=True)
class Fallas:
    """Chance of each fault: `muerte` per write; `negativa` and `lentitud` per operation; `repeticion` per publish; `impaciencia`
    per request (who asked gives up soon, and the service goes on); `vaiven` per second (members join and leave, partitions change
    hands, records come again)."""

    muerte: float = 0.0
    negativa: float = 0.0
    lentitud: float = 0.0
    repeticion: float = 0.0
    impaciencia: float = 0.0
    vaiven: float = 0.0


SIN_FALLAS = Fallas()


class Azar:
    """Time, chance and the trace of one run. Everything that is decided by chance is decided here, from the seed.

    `vistos`: what kinds of things happened.
    """

    def __init__(self, semilla: int, bucle: Bucle, epoca: datetime) -> None:
        self.rng = random.Random(semilla)
        self.bucle = bucle
        self.fallas = SIN_FALLAS
        self.pasos: deque[str] = deque(maxlen=ULTIMOS_PASOS)
        self.muertes = 0
        self.vistos: set[str] = set()
        self._escrituras: set[str] = set()
        self._epoca = epoca
        self._huella = hashlib.sha256()

    @property
    def huella(self) -> str:
        """SHA-256 of every step so far."""
        return self._huella.hexdigest()

    def anotar(self, quien: str, que: str) -> None:
        """One step of the schedule. Only stable words: nothing that differs between two runs of one seed."""
        paso = f"{self.bucle.time():10.4f} {quien:18} {que}"
        self._huella.update(paso.encode())
        self.pasos.append(paso)

    def ocurre(self, chance: float) -> bool:
        """Whether something of that chance happens."""
        return chance > 0 and self.rng.random() < chance

    def riesgo(self, escritura: str) -> float:
        """Chance of death at a write. The first of its kind in a run is riskier: some kinds have no second one."""
        kind = escritura.split()[0]
        if kind in self._escrituras:
            return self.fallas.muerte
        self._escrituras.add(kind)
        return min(0.5, 5 * self.fallas.muerte)

    def demora(self) -> float:
        """How long a message travels, in seconds."""
        if self.ocurre(self.fallas.lentitud):
            return self.rng.uniform(0.5, 12)
        return self.rng.expovariate(100)

    def hora(self, desfase: float = 0.0) -> datetime:
        """The moment, to the millisecond, by a clock that is `desfase` seconds ahead."""
        moment = self._epoca + timedelta(seconds=self.bucle.time() + desfase)
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000).astimezone(UTC)


class Proceso:
    """One process of a service. `al_morir`: called once, when it dies; `al_fallar`: with what no process may raise."""

    def __init__(
        self,
        azar: Azar,
        nombre: str,
        al_morir: Callable[["Proceso"], None],
        al_fallar: Callable[[str, BaseException], None],
    ) -> None:
        self.azar = azar
        self.nombre = nombre
        self.vivo = True
        self.muerte: asyncio.Future[None] = azar.bucle.create_future()
        self._desfase = azar.rng.uniform(-0.02, 0.02)
        self._al_morir = al_morir
        self._al_fallar = al_fallar
        self._tareas: dict[asyncio.Task[Any], None] = {}  # in the order of their start, which a set would not keep
        self._esperadas: dict[asyncio.Future[Any], None] = {}

    def now(self) -> datetime:
        """Its clock, which is not exactly the others'."""
        return self.azar.hora(self._desfase)

    def lanzar(self, coro: Coroutine[Any, Any, T], *, sirve: bool = False) -> asyncio.Task[T]:
        """Run beside the rest. `sirve`: a request, whose errors are the asker's; of anything else an error ends the process."""
        task: asyncio.Task[T] = self.azar.bucle.create_task(coro)
        self._tareas[task] = None
        task.add_done_callback(lambda done: self._termino(done, sirve))
        return task

    def morir(self, causa: str) -> None:
        """End at once: nothing that it was doing goes on."""
        if not self.vivo:
            return
        self.vivo = False
        self.azar.muertes += 1
        self.azar.vistos.add("muere " + " ".join(causa.split()[:3]).removesuffix(":"))
        self.azar.anotar(self.nombre, f"MUERE {causa}")
        for task in [*self._tareas, *self._esperadas]:
            task.cancel()
        self.muerte.set_result(None)
        self._al_morir(self)

    async def hacer(self, que: str, efecto: Callable[[], T], *, escribe: bool = False, puede_negarse: bool = True) -> T:
        """An operation on an engine. Raises what `efecto` raises, and Unavailable."""
        azar = self.azar
        if not self.vivo:
            raise asyncio.CancelledError
        muerte = azar.riesgo(que) if escribe else 0.0
        antes, despues = azar.ocurre(muerte / 2), azar.ocurre(muerte / 2)
        negada = puede_negarse and azar.ocurre(azar.fallas.negativa)
        respuesta: asyncio.Future[T] = azar.bucle.create_future()
        self._esperadas[respuesta] = None
        respuesta.add_done_callback(self._esperadas.pop)
        if antes:
            self.morir(f"antes de {que}")
        else:
            azar.bucle.call_later(azar.demora(), self._llega, que, efecto, escribe, despues, negada, respuesta)
        return await respuesta

    def _llega(
        self,
        que: str,
        efecto: Callable[[], T],
        escribe: bool,
        despues: bool,
        negada: bool,
        respuesta: asyncio.Future[T],
    ) -> None:
        azar = self.azar
        if not self.vivo and not (escribe and azar.ocurre(0.5)):
            return
        error: Exception | None = None
        result: T | None = None
        if negada and not (escribe and azar.ocurre(0.5)):
            error = Unavailable(f"{que}: refused")
        else:
            try:
                result = efecto()
            except Exception as raised:
                error = raised
            if negada:
                error = Unavailable(f"{que}: done, and its answer lost")
        if escribe:
            azar.anotar(self.nombre, que + (f" ({error})" if error else ""))
        if despues and self.vivo:
            self.morir(f"después de {que}")
        if self.vivo:
            azar.bucle.call_later(azar.demora(), _contesta, respuesta, result, error)

    def _termino(self, task: asyncio.Task[Any], sirve: bool) -> None:
        self._tareas.pop(task, None)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, Unavailable | Conflict):
            if not sirve:
                self.morir(f"se rinde: {error}")
        elif not (sirve and isinstance(error, _RECHAZOS)):
            self._al_fallar(self.nombre, error)
            self.morir("error")


def _contesta(respuesta: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
    if respuesta.done():
        return
    if error is None:
        respuesta.set_result(result)
    else:
        respuesta.set_exception(error)


def ahora(coro: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits (the stores in memory)."""
    try:
        coro.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    raise AssertionError("it waited")


async def nombres(objetos: MemoryObjects, prefix: str = "") -> list[str]:
    """What lies in a bucket."""
    return [nombre async for nombre in objetos.names(prefix)]


class Documentos:
    """`Documents` in memory, as one process reaches them."""

    def __init__(self, proceso: Proceso, nombre: str, memoria: MemoryDocuments) -> None:
        self._proceso = proceso
        self._nombre = nombre
        self._memoria = memoria

    async def get(self, id_: str) -> Document | None:
        return await self._proceso.hacer(f"{self._nombre}.get", lambda: ahora(self._memoria.get(id_)))

    async def put_if_absent(self, document: Document) -> bool:
        sent = copied(document)
        return await self._proceso.hacer(
            f"{self._nombre}.put {_nombre_de(sent)}", lambda: ahora(self._memoria.put_if_absent(sent)), escribe=True
        )

    async def replace(self, document: Document, revision: int) -> bool:
        sent = copied(document)
        return await self._proceso.hacer(
            f"{self._nombre}.replace {_nombre_de(sent)} r{revision}",
            lambda: ahora(self._memoria.replace(sent, revision)),
            escribe=True,
        )

    async def write(self, writes: Sequence[Write]) -> set[str]:
        azar = self._proceso.azar
        sent = [Write(copied(document), revision) for document, revision in writes]

        def escribir() -> set[str]:
            if azar.ocurre(azar.fallas.negativa):
                ahora(self._memoria.write(azar.rng.sample(sent, azar.rng.randrange(len(sent)))))
                raise Unavailable("some were written, and no answer came")
            return ahora(self._memoria.write(sent))

        nombres = " ".join(f"{_nombre_de(w.document)} r{w.revision}" for w in sent)
        return await self._proceso.hacer(f"{self._nombre}.write {nombres}", escribir, escribe=True)

    async def swap(self, field: str, swaps: Sequence[Swap]) -> None:
        await self._proceso.hacer(
            f"{self._nombre}.swap {field} {len(swaps)}", lambda: ahora(self._memoria.swap(field, swaps)), escribe=True
        )

    async def unset(self, ids: Sequence[str], field: str) -> None:
        await self._proceso.hacer(
            f"{self._nombre}.unset {field} {len(ids)}", lambda: ahora(self._memoria.unset(ids, field)), escribe=True
        )

    async def remove(self, ids: Sequence[str]) -> None:
        await self._proceso.hacer(
            f"{self._nombre}.remove {len(ids)}", lambda: ahora(self._memoria.remove(ids)), escribe=True
        )

    async def find(self, query: Mapping[str, Any], *, sort: str | None = None, limit: int = 0) -> list[Document]:
        return await self._proceso.hacer(
            f"{self._nombre}.find", lambda: ahora(self._memoria.find(query, sort=sort, limit=limit))
        )

    async def count(self, query: Mapping[str, Any]) -> int:
        return await self._proceso.hacer(f"{self._nombre}.count", lambda: ahora(self._memoria.count(query)))

    async def prepare(self) -> None:
        """Nothing to create."""

    async def take_the_place_of(self, other: "Documentos") -> None:
        await self._proceso.hacer(
            f"{other._nombre}.rename", lambda: ahora(self._memoria.take_the_place_of(other._memoria)), escribe=True
        )

    async def drop(self) -> None:
        await self._proceso.hacer(f"{self._nombre}.drop", lambda: ahora(self._memoria.drop()), escribe=True)


def _nombre_de(document: Document) -> str:
    """A stable name: the id of an event follows from a package's hash, which no two runs share."""
    if "ce_id" in document.get("headers", {}):
        return f"{document['topic']} {document['subject']} v{document['version']}"
    return str(document["_id"])


class Objetos:
    """`Objects` in memory, as one process reaches them. Names are hashes of random bytes: the trace leaves them out."""

    def __init__(self, proceso: Proceso, nombre: str, memoria: MemoryObjects) -> None:
        self._proceso = proceso
        self._nombre = nombre
        self._memoria = memoria

    async def put(self, name: str, content: bytes) -> None:
        await self._proceso.hacer(f"{self._nombre}.put", lambda: ahora(self._memoria.put(name, content)), escribe=True)

    async def get(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        return await self._proceso.hacer(f"{self._nombre}.get", lambda: ahora(self._memoria.get(name, start, length)))

    async def delete(self, name: str) -> None:
        await self._proceso.hacer(f"{self._nombre}.delete", lambda: ahora(self._memoria.delete(name)), escribe=True)

    async def names(self, prefix: str = "") -> AsyncIterator[str]:
        for name in await self._proceso.hacer(f"{self._nombre}.names", lambda: ahora(nombres(self._memoria, prefix))):
            yield name


class Buzon:
    """The mail server's mailbox: what arrived, in order."""

    def __init__(self) -> None:
        self.mensajes: list[Mensaje] = []


class Correo:
    """`Correo` into a `Buzon`, as one process reaches it."""

    def __init__(self, proceso: Proceso, buzon: Buzon) -> None:
        self._proceso = proceso
        self._buzon = buzon

    async def enviar(self, mensaje: Mensaje) -> None:
        await self._proceso.hacer(f"correo {mensaje.id}", lambda: self._buzon.mensajes.append(mensaje), escribe=True)


# The log ------------------------------------------------------------------------------------------------------------------


@dataclass(eq=False, slots=True)
class Miembro:
    """A process in a group. `generacion`: of the assignment that it was given last."""

    proceso: Proceso
    lugares: tuple[Lugar, ...] = ()
    despertar: asyncio.Future[None] | None = None


@dataclass(slots=True)
class Grupo:
    """A consumer group. `generacion` rises with every change of who owns what: an older owner's commit is refused."""

    topics: tuple[str, ...]
    confirmado: dict[Lugar, int] = field(default_factory=dict)
    miembros: list[Miembro] = field(default_factory=list)
    generacion: int = 0


class Bitacora:
    """The log itself: records by topic and partition, and the groups that read them."""

    def __init__(self, azar: Azar) -> None:
        self.azar = azar
        self.lugares: dict[Lugar, list[Record]] = {}
        self.grupos: dict[str, Grupo] = {}
        self._novedad: dict[str, list[asyncio.Future[None]]] = {}

    def crear(self, specs: Sequence[TopicSpec]) -> None:
        """Make topics."""
        for spec in specs:
            for partition in range(spec.partitions):
                self.lugares.setdefault((spec.name, partition), [])

    def agregar(self, message: Message) -> Position:
        """Append one message."""
        partitions = sum(1 for topic, _ in self.lugares if topic == message.topic)
        if not partitions:
            self.crear([TopicSpec(message.topic, 1)])
        partition = partition_of(message.key, max(1, partitions))
        records = self.lugares[(message.topic, partition)]
        record = Record(message.topic, partition, len(records), message.key, message.value, dict(message.headers))
        records.append(record)
        for grupo in self.grupos.values():
            if message.topic in grupo.topics:
                self._despertar(grupo)
        for future in self._novedad.pop(message.topic, ()):
            if not future.done():
                future.set_result(None)
        return record.position

    def registros(self, topic: str) -> list[Record]:
        """Everything in a topic, partition by partition."""
        return [r for (name, _), records in sorted(self.lugares.items()) if name == topic for r in records]

    def novedad(self, topic: str) -> asyncio.Future[None]:
        """Done at the next append to a topic."""
        future: asyncio.Future[None] = self.azar.bucle.create_future()
        self._novedad.setdefault(topic, []).append(future)
        return future

    def grupo(self, nombre: str, topics: Sequence[str] = ()) -> Grupo:
        """The group, made if need be."""
        grupo = self.grupos.setdefault(nombre, Grupo(tuple(topics)))
        grupo.topics = grupo.topics or tuple(topics)  # who only asked how far it is said nothing of its topics
        return grupo

    def entrar(self, nombre: str, miembro: Miembro) -> None:
        """A member joins."""
        self.grupos[nombre].miembros.append(miembro)
        self.repartir(nombre)

    def salir(self, nombre: str, miembro: Miembro) -> None:
        """A member left, or was found dead."""
        if miembro in self.grupos[nombre].miembros:
            self.grupos[nombre].miembros.remove(miembro)
            self.repartir(nombre)

    def repartir(self, nombre: str) -> None:
        """Give the partitions to the members anew, at random; whoever handles an event goes on with it, and cannot commit it."""
        grupo = self.grupos[nombre]
        grupo.generacion += 1
        lugares = sorted(lugar for lugar in self.lugares if lugar[0] in grupo.topics)
        dueno = {lugar: self.azar.rng.choice(grupo.miembros) for lugar in lugares} if grupo.miembros else {}
        for miembro in grupo.miembros:
            miembro.lugares = tuple(lugar for lugar in lugares if dueno[lugar] is miembro)
        self.azar.anotar("bitacora", f"reparto {nombre} {grupo.generacion}")
        self._despertar(grupo)

    def retroceder(self, nombre: str) -> None:
        """Deliver some of what was handled already once more."""
        grupo = self.grupos[nombre]
        hechos = sorted(lugar for lugar, offset in grupo.confirmado.items() if offset)
        if hechos:
            lugar = self.azar.rng.choice(hechos)
            grupo.confirmado[lugar] = self.azar.rng.randrange(grupo.confirmado[lugar])
            self.repartir(nombre)

    def al_corriente(self) -> bool:
        """Whether every group has handled and committed everything."""
        return all(
            grupo.confirmado.get(lugar, 0) == len(records)
            for grupo in self.grupos.values()
            for lugar, records in self.lugares.items()
            if lugar[0] in grupo.topics
        )

    def _despertar(self, grupo: Grupo) -> None:
        for miembro in grupo.miembros:
            if miembro.despertar is not None and not miembro.despertar.done():
                miembro.despertar.set_result(None)


class Corriente:
    """`Stream` on a `Bitacora`, as one process reaches it."""

    def __init__(self, proceso: Proceso, bitacora: Bitacora) -> None:
        self._proceso = proceso
        self._bitacora = bitacora
        self._azar = proceso.azar

    async def start(self) -> None:
        """Nothing to connect to."""

    async def stop(self) -> None:
        """Nothing to close."""

    async def create_topics(self, specs: Sequence[TopicSpec]) -> None:
        self._bitacora.crear(specs)

    async def publish(self, message: Message) -> Position:
        def append() -> Position:
            if self._azar.ocurre(self._azar.fallas.repeticion):
                self._bitacora.agregar(message)
            return self._bitacora.agregar(message)

        que = f"publica {message.topic} {message.headers.get('ce_subject', message.key)}"
        return await self._proceso.hacer(que, append, escribe=True)

    async def ends(self, topic: str) -> dict[int, int]:
        return await self._proceso.hacer(
            f"ends {topic}", lambda: {p: len(r) for (name, p), r in self._bitacora.lugares.items() if name == topic}
        )

    async def read(self, topic: str, start: Mapping[int, int] | None = None) -> AsyncIterator[Record]:
        for record in await self._proceso.hacer(f"read {topic}", lambda: self._bitacora.registros(topic)):
            if record.offset >= (start or {}).get(record.partition, 0):
                yield record

    async def tail(self, topic: str) -> AsyncIterator[Record | Literal[Mark.CAUGHT_UP]]:
        seen: dict[int, int] = {}
        first = True
        while True:
            news = self._bitacora.novedad(topic)
            await asyncio.sleep(self._azar.demora())
            for record in self._bitacora.registros(topic):
                if record.offset >= seen.get(record.partition, 0):
                    seen[record.partition] = record.offset + 1
                    yield record
            if first:
                first = False
                yield CAUGHT_UP
            await news

    async def consume(self, group: str, topics: Sequence[str], handle: Handler, settle: Settle | None = None) -> None:
        grupo = self._bitacora.grupo(group, topics)
        miembro = Miembro(self._proceso)
        self._proceso.muerte.add_done_callback(
            lambda _: self._azar.bucle.call_later(self._azar.rng.uniform(0.1, 10), self._bitacora.salir, group, miembro)
        )
        self._bitacora.entrar(group, miembro)
        generacion, siguiente, sin_asentar = -1, dict[Lugar, int](), 0
        while True:
            if generacion != grupo.generacion:
                generacion = grupo.generacion
                siguiente = {lugar: grupo.confirmado.get(lugar, 0) for lugar in miembro.lugares}
            listos = [lugar for lugar, offset in siguiente.items() if offset < len(self._bitacora.lugares[lugar])]
            confirma = sin_asentar > 0 and (not listos or self._azar.ocurre(0.5))
            if settle is not None and (confirma or sin_asentar == SETTLE_AT_MOST):
                await settle()
                sin_asentar = 0
            if confirma:
                await self._confirmar(group, grupo, generacion, siguiente)
                sin_asentar = 0
                continue
            if not listos:
                miembro.despertar = self._azar.bucle.create_future()
                await miembro.despertar
                continue
            lugar = self._azar.rng.choice(listos)
            record = self._bitacora.lugares[lugar][siguiente[lugar]]
            await asyncio.sleep(self._azar.demora())
            if generacion != grupo.generacion:
                continue
            self._azar.anotar(
                self._proceso.nombre,
                f"recibe {record.topic}/{record.partition}/{record.offset} {record.headers.get('ce_subject')}",
            )
            await handle(record)
            siguiente[lugar] += 1
            sin_asentar += 1

    async def _confirmar(self, group: str, grupo: Grupo, generacion: int, siguiente: Mapping[Lugar, int]) -> None:
        offsets = dict(siguiente)

        def commit() -> None:
            if generacion == grupo.generacion:
                grupo.confirmado.update(offsets)

        await self._proceso.hacer(f"confirma {group}", commit, escribe=True, puede_negarse=False)

    async def committed(self, group: str, topic: str) -> dict[int, int]:
        return await self._proceso.hacer(
            f"committed {group}",
            lambda: {p: o for (name, p), o in self._bitacora.grupo(group).confirmado.items() if name == topic},
        )

    async def members(self, group: str) -> int:
        return await self._proceso.hacer(f"members {group}", lambda: len(self._bitacora.grupo(group).miembros))
