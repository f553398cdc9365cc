"""Rebuild a projection from its topics, beside the live one and while it works, then put it in its place.

1. Fold the topics into a collection beside the live one, again and again from where the last round ended, until little is left.
2. Rename it over the live one: at once for every reader and writer, which know the collection by its name alone.
3. Fold what came since the last round into it, beside the service, which goes on.

Nothing is lost. What the service folds after 2, it folds into the new collection. What it folded before 2 was in the log before 2,
hence 1 or 3 folds it. A write that it had begun on an old document fails and is tried again on the new one, because their revisions
differ: who inserts a document of a projection, the service too, begins to count at `first_revision`.
Between 2 and the end of 3 a reader may miss the newest events. Killed before 2, it leaves a collection that nobody reads.

It asks of the service what holds for every projection: folding is idempotent, in any order across topics, by compare-and-set.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kernel.documents import Documents, MongoDocuments
from kernel.errors import BadInput
from kernel.stream import Handler, Record, Stream
from kernel.stream.guard import guarded

_LITTLE = 100
"""Events left to fold that are few enough to switch."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What was folded: before the switch, and after it."""

    before: int
    after: int


def first_revision() -> int:
    """A number that no document of that id ever came near: random, of 48 bits."""
    return secrets.randbits(48) + 1


async def rebuild(
    stream: Stream,
    topics: Sequence[str],
    live: MongoDocuments,
    beside: MongoDocuments,
    handler: Callable[[Documents], Handler],
    progress: Callable[[int], None] = lambda events: None,
) -> Rebuilt:
    """Rebuild `live`. `handler`: the service's, over a collection; `progress`: events folded so far. Raises Unavailable."""
    positions: dict[str, Mapping[int, int]] = {topic: {} for topic in topics}

    async def fold(handle: Handler) -> int:
        folded = 0
        for topic in topics:
            ends = await stream.ends(topic)
            async for record in stream.read(topic, positions[topic]):
                if record.offset < ends[record.partition]:
                    await handle(record)
                    folded += 1
                    progress(1)
            positions[topic] = ends
        return folded

    try:
        await beside.prepare()
        into_beside = _patient(handler(beside), stream)
        before = 0
        while (folded := await fold(into_beside)) > _LITTLE:
            before += folded
        await beside.take_the_place_of(live)
    except BaseException:
        await beside.drop()
        raise
    return Rebuilt(before + folded, await fold(_patient(handler(live), stream)))


def _patient(handle: Handler, stream: Stream) -> Handler:
    async def readable(record: Record) -> None:
        try:
            await handle(record)
        except BadInput:
            return  # the service set it aside when it met it

    return guarded(readable, stream.publish, group="rebuild")
