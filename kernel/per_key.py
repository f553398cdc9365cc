"""Events handled many at once: those of one key one after the other, in their order; different keys beside one another.

For a consumer whose events of different keys have nothing to do with each other, as partitions of a topic have not: for it, this is
what more processes would be, but that what they ask of an engine goes together (`kernel.together`).
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kernel.stream import Handler, Record


@dataclass(frozen=True, slots=True)
class PerKey:
    """A handler, and how many keys it may have in hand `at_most`: what one event takes of memory, as many times."""

    handler: Handler
    at_most: int

    def under(self, guard: Callable[[Handler], Handler]) -> "Batch":
        """What the log calls. `guard`: `kernel.stream.guard` of this process, around every event."""
        return Batch(guard(self.handler), self.at_most)


class Batch:
    """Records between two settlements."""

    def __init__(self, handler: Handler, at_most: int) -> None:
        self._handler = handler
        self._turn = asyncio.Semaphore(at_most)
        self._records: defaultdict[str, list[Record]] = defaultdict(list)

    async def handle(self, record: Record) -> None:
        """Take it along."""
        self._records[record.key].append(record)

    async def settle(self) -> None:
        """Handle what was taken along. Raises the first thing that the guard raises: then the process has to end."""
        by_key = list(self._records.values())
        self._records.clear()
        try:
            async with asyncio.TaskGroup() as group:
                for records in by_key:
                    group.create_task(self._in_order(records))
        except ExceptionGroup as errors:
            raise _first(errors) from None

    async def _in_order(self, records: Sequence[Record]) -> None:
        async with self._turn:
            for record in records:
                await self._handler(record)


def _first(errors: ExceptionGroup[Exception]) -> Exception:
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, ExceptionGroup) else first
