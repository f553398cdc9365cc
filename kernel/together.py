"""Calls that wait together are made together: one call to an engine costs hardly more for twenty documents than for one.

While a call is under way, those that come wait; what waits then goes as one. Whoever calls alone waits for nobody. Each caller
gets the answer to its own question, and an error of its own: what fails together is asked again one by one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import bson
from bson.codec_options import CodecOptions

from kernel.documents import Document, Documents, Swap, Write, copied
from kernel.errors import Unavailable

A = TypeVar("A")
R = TypeVar("R")

AT_MOST = 100
"""Questions in one call."""

_AWARE: CodecOptions[Document] = CodecOptions(tz_aware=True)


class Gathered(Generic[A, R]):
    """One question at a time for its caller. `ask`: several questions → their answers, in order."""

    def __init__(self, ask: Callable[[Sequence[A]], Awaitable[Sequence[R]]]) -> None:
        self._ask = ask
        self._waiting: list[tuple[A, asyncio.Future[R]]] = []
        self._asking: asyncio.Task[None] | None = None

    async def __call__(self, question: A) -> R:
        """Its answer. Raises what `ask` raises for it."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, future))
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask_what_waits())
        return await future

    async def _ask_what_waits(self) -> None:
        batch: list[tuple[A, asyncio.Future[R]]] = []
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:AT_MOST], self._waiting[AT_MOST:]
                await self._answer(batch)
                await asyncio.sleep(0)  # whoever got an answer may have the next question at once
        finally:
            left, self._waiting, self._asking = self._waiting, [], None
            for _, future in [*batch, *left]:
                if (
                    not future.done()
                ):  # not cancelled: who asked has to fail, and not to end as if nothing had been to do
                    future.set_exception(Unavailable("nobody asks any more"))

    async def _answer(self, batch: Sequence[tuple[A, asyncio.Future[R]]]) -> None:
        try:
            answers = await self._ask([question for question, _ in batch])
        except Exception as error:
            if len(batch) > 1:
                await asyncio.gather(*(self._answer([one]) for one in batch))
            elif not batch[0][1].done():
                batch[0][1].set_exception(error)
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(answer)


class Together:
    """`Documents` of which `get`, `put_if_absent` and `replace` go together; the rest passes through.

    When a replacement was refused, engines do not say which of those that went together: each is looked up, and done when what is
    stored is what was sent. So a writer that is told no may have been first all the same, and somebody else second: as after any
    answer that got lost, it has to look again.
    """

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._get = Gathered(self._get_all)
        self._put = Gathered(self._put_all)

    async def get(self, id_: str) -> Document | None:
        """See `Documents`."""
        return await self._get(id_)

    async def put_if_absent(self, document: Document) -> bool:
        """See `Documents`."""
        return await self._put(Write(document, None))

    async def replace(self, document: Document, revision: int) -> bool:
        """See `Documents`."""
        return await self._put(Write(document, revision))

    async def write(self, writes: Sequence[Write]) -> set[str]:
        """See `Documents`."""
        return await self._documents.write(writes)

    async def swap(self, field: str, swaps: Sequence[Swap]) -> None:
        """See `Documents`."""
        await self._documents.swap(field, swaps)

    async def unset(self, ids: Sequence[str], field: str) -> None:
        """See `Documents`."""
        await self._documents.unset(ids, field)

    async def remove(self, ids: Sequence[str]) -> None:
        """See `Documents`."""
        await self._documents.remove(ids)

    async def find(self, query: Mapping[str, Any], *, sort: str | None = None, limit: int = 0) -> list[Document]:
        """See `Documents`."""
        return await self._documents.find(query, sort=sort, limit=limit)

    async def count(self, query: Mapping[str, Any]) -> int:
        """See `Documents`."""
        return await self._documents.count(query)

    async def _get_all(self, ids: Sequence[str]) -> list[Document | None]:
        if len(ids) == 1:
            return [await self._documents.get(ids[0])]
        found = {d["_id"]: d for d in await self._documents.find({"_id": {"$in": sorted(set(ids))}})}
        return [copied(found.get(id_)) if ids.count(id_) > 1 else found.get(id_) for id_ in ids]

    async def _put_all(self, writes: Sequence[Write]) -> list[bool]:
        done: dict[int, bool] = {}
        while len(done) < len(writes):
            turn: dict[str, int] = {}  # of each document one write at a time
            for number, write in enumerate(writes):
                if number not in done:
                    turn.setdefault(write.document["_id"], number)
            doubtful = await self._documents.write([writes[number] for number in turn.values()])
            written = await self._look_up({id_: writes[turn[id_]] for id_ in sorted(doubtful)}, len(turn))
            done |= {number: id_ not in doubtful or id_ in written for id_, number in turn.items()}
        return [done[number] for number in range(len(writes))]

    async def _look_up(self, doubtful: Mapping[str, Write], sent: int) -> set[str]:
        """Which of those were written all the same, of so many that went together."""
        replaced = [id_ for id_, write in doubtful.items() if write.revision is not None]
        if not replaced or sent == 1:
            return set()
        stored = await self._get_all(replaced)
        return {d["_id"] for d in stored if d and _as_stored(d) == _as_stored(doubtful[d["_id"]].document)}


def _as_stored(document: Document) -> Document:
    """What an engine gives back of a document: times, for example, to the millisecond."""
    return bson.decode(bson.encode(document), _AWARE)
