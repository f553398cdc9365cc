"""Events into the documents of a projection, many at once: one read and one write for all that came together.

Everything happens when the log settles. The documents of the records' keys are read at once, the service's handler folds each
record into memory, and what has changed is written at once, by compare-and-set. Where somebody else wrote first, or nothing was
answered, the records concerned are folded again one by one, directly: a fold is idempotent.
"""

import contextlib
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from kernel import metrics
from kernel.documents import Document, Documents, Keyed, Write
from kernel.errors import Unavailable
from kernel.stream import Handler, Record

REMEMBERED = 2000
"""Documents kept in memory, so that the next event of the same one needs no read."""


@dataclass(frozen=True, slots=True)
class Fold:
    """How a service folds: `handler` makes its handler over a collection, `documents` is the real one.

    The handler must build new documents, never change those that it is given; write nowhere else, and nothing but what follows
    from its events. `remember`: documents kept from one batch to the next; 0 where others write them often.
    """

    documents: Documents
    handler: Callable[[Keyed], Handler]
    remember: int = REMEMBERED

    def under(self, guard: Callable[[Handler], Handler]) -> "Batch":
        """What the log calls. `guard`: `kernel.stream.guard` of this process, around every single fold."""
        memory = _Memory(self.documents, self.remember)
        return Batch(memory, guard(self.handler(memory)), guard(self.handler(self.documents)))


class Batch:
    """Records between two settlements."""

    def __init__(self, memory: "_Memory", into_memory: Handler, directly: Handler) -> None:
        self._memory = memory
        self._into_memory = into_memory
        self._directly = directly
        self._records: list[Record] = []

    async def handle(self, record: Record) -> None:
        """Take it along."""
        self._records.append(record)

    async def settle(self) -> None:
        """Fold what was taken along. Raises what the guard raises: then the process has to end."""
        records, self._records = self._records, []
        await self._memory.read({record.key for record in records})
        folded: list[tuple[Record, set[str]]] = []
        for record in records:
            await self._into_memory(record)
            folded.append((record, self._memory.take_changed()))
        doubtful = await self._memory.write()
        for record, changed in folded:
            if changed & doubtful:
                metrics.FOLDED_AGAIN.labels(record.topic).inc()
                await self._directly(record)


class _Memory:
    """Documents as the collection will hold them after the next `write`."""

    def __init__(self, documents: Documents, remember: int) -> None:
        self._documents = documents
        self._remember = remember
        self._known: OrderedDict[str, Document | None] = OrderedDict()
        self._writes: dict[str, Write] = {}
        self._changed: set[str] = set()

    async def read(self, ids: Iterable[str]) -> None:
        """Get ready for those ids. What cannot be read now is read when it is asked for."""
        missing = sorted(set(ids) - self._known.keys())
        with contextlib.suppress(Unavailable):
            found = await self._documents.find({"_id": {"$in": missing}}) if missing else []
            self._known |= dict.fromkeys(missing, None)
            self._known |= {document["_id"]: document for document in found}

    async def get(self, id_: str) -> Document | None:
        """See `Keyed`."""
        if id_ not in self._known:
            self._known[id_] = await self._documents.get(id_)
        self._known.move_to_end(id_)
        return self._known[id_]

    async def put_if_absent(self, document: Document) -> bool:
        """See `Keyed`."""
        if await self.get(document["_id"]) is not None:
            return False
        self._change(document, None)
        return True

    async def replace(self, document: Document, revision: int) -> bool:
        """See `Keyed`."""
        current = await self.get(document["_id"])
        if current is None or current["revision"] != revision:
            return False
        self._change(document, revision)
        return True

    def take_changed(self) -> set[str]:
        """Ids that changed since the last call."""
        changed, self._changed = self._changed, set()
        return changed

    async def write(self) -> set[str]:
        """Write what changed; the ids of which it is not sure that they were written, and which it has forgotten."""
        writes, self._writes = self._writes, {}
        try:
            doubtful = await self._documents.write(list(writes.values())) if writes else set()
        except Unavailable:
            doubtful = set(writes)
        for id_ in doubtful:
            del self._known[id_]
        while len(self._known) > self._remember:
            self._known.popitem(last=False)
        return doubtful

    def _change(self, document: Document, revision: int | None) -> None:
        id_ = document["_id"]
        self._known[id_] = document
        stored = self._writes[id_].revision if id_ in self._writes else revision
        self._writes[id_] = Write(document, stored)
        self._changed.add(id_)
