"""The portal on memory: its handlers over a real log in memory, its projection folded as its process does."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from kernel.documents import MemoryDocuments
from kernel.fold import Fold
from kernel.follow import Follower
from kernel.outbox import UNIQUE, Outbox
from kernel.stream import Stream, TopicSpec, connect
from kernel.stream.guard import guarded
from schemas.envelope import Evento
from schemas.eventos import POR_TIPO
from services.portal import agent
from services.portal.handlers.escritura import Escritor, Orden, Vista
from services.portal.handlers.proyeccion import Proyector

EPOCA = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)


@dataclass
class Reloj:
    """A clock that moves when told to."""

    ahora: datetime = EPOCA

    def now(self) -> datetime:
        return self.ahora

    def avanza(self, **tiempo: float) -> None:
        self.ahora += timedelta(**tiempo)


@dataclass
class Portal:
    """One process of the portal. `otra_instancia` is a second one over the same engines."""

    stream: Stream = field(default_factory=lambda: connect("memory:", "portal"))
    salida: MemoryDocuments = field(default_factory=lambda: MemoryDocuments(UNIQUE))
    fichas: MemoryDocuments = field(default_factory=MemoryDocuments)
    reloj: Reloj = field(default_factory=Reloj)
    paciencia_s: float = 2.0
    _numeros: "itertools.count[int]" = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.vista = Vista()
        self.outbox = Outbox(self.salida, self.stream, self.reloj, "/apoyo/portal")
        self.escritor = Escritor(
            self.outbox, self.stream, self.vista, self.fichas, self.reloj, paciencia_s=self.paciencia_s
        )

    def orden(self, por: str = "ine1", causa: str | None = None) -> Orden:
        """An order of somebody; each its own."""
        return Orden(por, causa or f"causa-{next(self._numeros)}")

    def otra_instancia(self) -> "Portal":
        """A second process over the same engines."""
        return Portal(self.stream, self.salida, self.fichas, self.reloj, self.paciencia_s, self._numeros)

    @asynccontextmanager
    async def en_marcha(self, *, proyecta: bool = True) -> AsyncIterator["Portal"]:
        """Following `actores`, and folding it into the fichas."""
        follower = Follower(self.stream, "actores", POR_TIPO, self.vista.aplicar)
        tasks = [asyncio.create_task(follower.run())]
        await follower.caught_up.wait()
        if proyecta:
            fold = Fold(self.fichas, lambda documentos: agent.build(Proyector(documentos)))
            batch = fold.under(lambda handle: guarded(handle, self.stream.publish, group="portal"))
            tasks.append(asyncio.create_task(self.stream.consume("portal", agent.TOPICS, batch.handle, batch.settle)))
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def dichos(self) -> list[Evento]:
        """Every event of `actores`, in order."""
        return [POR_TIPO[r.headers["ce_type"]].model_validate_json(r.value) async for r in self.stream.read("actores")]


async def portal() -> Portal:
    """A portal with its topics."""
    portal = Portal()
    await portal.stream.start()
    await portal.stream.create_topics([TopicSpec(t, 1) for t in ("actores", "actores.cuarentena")])
    return portal
