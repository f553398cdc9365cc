"""Rebuild projections from their topics, beside the live ones and while traffic flows, then put them in their place.

1. Fold the topics into a collection beside each live one, again and again from where the last round ended, until little is left.
2. Rename it over the live one: at once for every reader and writer, which know the collection by its name alone.
3. Fold what came since the last round into it.

Under its running service (the default) nothing is lost. What the service folds after 2, it folds into the new collection. What it
folded before 2 was in the log before 2, hence 1 or 3 folds it. A write that it had begun on an old document fails and is tried
again on the new one, because their revisions differ: who inserts a document, the service too, begins to count at `first_revision`.
Between 2 and the end of 3 a reader may miss the newest events. It asks that folding be idempotent, in any order across topics, by
compare-and-set, and that what the service does never depends on what only the old documents knew.

A service whose documents decide what it says or sends is rebuilt while it is `stopped`: its group has no member and commits
nothing from the beginning to the end; its events wait in their topics. Refused with InUse otherwise.

Killed before 2, it leaves collections that nobody reads (`<name>_<timestamp>`), to be dropped by hand: another rebuild may be
filling them at this moment. Killed after 2, before it said that it was done: it has to be done again.
"""

import contextlib
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, Self

from kernel.documents import Documents, Keyed
from kernel.errors import BadInput
from kernel.fold import Fold
from kernel.outbox import Outbox
from kernel.stream import Handler, Record, Stream
from kernel.stream.guard import GROUP, ORIGIN, QUARANTINE_SUFFIX, Aside, guarded, origin

_LITTLE = 100
"""Events left to fold that are few enough to switch."""

AT_ONCE = 50_000
"""Events in memory, more or less; what has several of them there is written once."""


class Replaceable(Documents, Protocol):
    """Documents that can take the place of others (`kernel.documents.MongoDocuments`)."""

    async def prepare(self) -> None:
        """Create the indexes. Raises Unavailable."""

    async def take_the_place_of(self, other: Self) -> None:
        """Become that collection, at once for everybody. Raises Unavailable."""

    async def drop(self) -> None:
        """Remove the collection; nothing happens if it is not there. Raises Unavailable."""


@dataclass(frozen=True, slots=True)
class Projection:
    """A collection to rebuild in `beside`. `handler`: folds the events of `topics` into the documents that it is given, no more.

    Of a stopped service: `skip_set_aside` leaves out what it put into quarantine before it wrote; `only_committed` leaves out
    what its group has not committed, because the service must meet that without knowing it.
    """

    live: Replaceable
    beside: Replaceable
    topics: Sequence[str]
    handler: Callable[[Keyed], Handler]
    skip_set_aside: bool = False
    only_committed: bool = False


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What was folded: before the switch, and after it."""

    before: int
    after: int


class InUse(Exception):
    """The service was at work during a rebuild that needs it stopped: stop it, and rebuild again. `group`: its group."""

    def __init__(self, group: str) -> None:
        super().__init__(f"{group} is not stopped")
        self.group = group


def first_revision() -> int:
    """A number that no document of that id ever came near: random, of 48 bits."""
    return secrets.randbits(48) + 1


async def rebuild(
    stream: Stream,
    projections: Sequence[Projection],
    progress: Callable[[int], None] = lambda events: None,
    *,
    stopped: str | None = None,
    outbox: Outbox | None = None,
    guard: Callable[..., Handler] = guarded,
) -> Rebuilt:
    """Rebuild the projections of one service. `progress`: events folded so far.

    `stopped`: group of a service that must not work meanwhile; `outbox`: where its projections are folded from what it said,
    too: what a death left in there is published first; `guard`: `guarded`, with a clock and chance of one's own.

    Raises Unavailable, and InUse: before the switch nothing has changed; after it, what the service did in that moment may be
    missing, and the rebuild has to be done again.
    """
    rest = _Rest(stream, stopped, projections)
    await rest.begin()
    if outbox is not None:
        await outbox.relay(older_than_s=0.0)
    folds = [_Fold(stream, projection, rest, guard, progress) for projection in projections]
    try:
        for projection in projections:
            await projection.beside.prepare()
        before = 0
        while (folded := sum([await fold.into(fold.projection.beside) for fold in folds])) > _LITTLE:
            before += folded
        await rest.check()
        for projection in projections:
            await projection.beside.take_the_place_of(projection.live)
    except BaseException:
        for projection in projections:
            await projection.beside.drop()
        raise
    after = sum([await fold.into(fold.projection.live) for fold in folds])
    await rest.check()
    return Rebuilt(before + folded, after)


@dataclass
class _Rest:
    """That a service is at rest, if it must be. As it was at the beginning: `committed` by topic, `aside` by origin."""

    stream: Stream
    group: str | None
    projections: Sequence[Projection]
    committed: dict[str, dict[int, int]] = field(default_factory=dict)
    aside: set[str] = field(default_factory=set)

    async def begin(self) -> None:
        """Raises InUse, Unavailable."""
        if self.group is None:
            return
        self.committed = await self._look(self.group)
        for topic in sorted({topic for p in self.projections if p.skip_set_aside for topic in p.topics}):
            async for record in self.stream.read(topic + QUARANTINE_SUFFIX):
                if record.headers.get(GROUP) == self.group:
                    self.aside.add(record.headers.get(ORIGIN, ""))

    async def check(self) -> None:
        """Raises InUse when the service has worked since the beginning, or does; Unavailable."""
        if self.group is not None and await self._look(self.group) != self.committed:
            raise InUse(self.group)

    async def _look(self, group: str) -> dict[str, dict[int, int]]:
        if await self.stream.members(group):
            raise InUse(group)
        topics = {topic for projection in self.projections for topic in projection.topics}
        return {topic: await self.stream.committed(group, topic) for topic in sorted(topics)}


class _Fold:
    """How far a projection has been folded."""

    def __init__(
        self,
        stream: Stream,
        projection: Projection,
        rest: _Rest,
        guard: Callable[..., Handler],
        progress: Callable[[int], None],
    ) -> None:
        self.projection = projection
        self._stream = stream
        self._rest = rest
        self._guard = guard
        self._progress = progress
        self._positions: dict[str, Mapping[int, int]] = {topic: {} for topic in projection.topics}

    async def into(self, documents: Documents) -> int:
        """Fold from where the last round ended to the ends as they are now; the number of events."""
        topics = self.projection.topics
        ends = {topic: await self._ends(topic) for topic in topics}
        folded = 0
        for partitions in _shares(self._positions, ends):
            batch = Fold(documents, self._counting, remember=0).under(self._patient)
            waiting = 0
            for topic in topics:
                start = {
                    p: self._positions[topic].get(p, 0) if p in partitions else end for p, end in ends[topic].items()
                }
                async for record in self._stream.read(topic, start):
                    if record.offset < ends[topic].get(record.partition, 0) and self._wanted(record, partitions):
                        await batch.handle(record)
                        waiting += 1
                        folded += 1
                    if waiting >= AT_ONCE:
                        await batch.settle()
                        waiting = 0
            await batch.settle()
        self._positions |= ends
        return folded

    async def _ends(self, topic: str) -> Mapping[int, int]:
        return self._rest.committed[topic] if self.projection.only_committed else await self._stream.ends(topic)

    def _wanted(self, record: Record, partitions: Collection[int]) -> bool:
        aside = self._rest.aside if self.projection.skip_set_aside else ()
        return record.partition in partitions and origin(record) not in aside

    def _patient(self, handle: Handler) -> Handler:
        return self._guard(handle, self._stream.publish, aside=Aside("rebuild", 1))

    def _counting(self, documents: Keyed) -> Handler:
        handle = self.projection.handler(documents)

        async def counted(record: Record) -> None:
            # What cannot be read, the service set aside when it met it.
            with contextlib.suppress(BadInput):
                await handle(record)
            self._progress(1)

        return counted


def _shares(
    positions: Mapping[str, Mapping[int, int]], ends: Mapping[str, Mapping[int, int]]
) -> Iterator[frozenset[int]]:
    """Partitions to fold together. All events of a key lie in the same partition of their topics: folded together, a document is
    written once."""
    share: set[int] = set()
    events = 0
    for partition in sorted({p for by_partition in ends.values() for p in by_partition}):
        waiting = sum(end.get(partition, 0) - positions[topic].get(partition, 0) for topic, end in ends.items())
        if share and events + waiting > AT_ONCE:
            yield frozenset(share)
            share, events = set(), 0
        share.add(partition)
        events += waiting
    if share:
        yield frozenset(share)
