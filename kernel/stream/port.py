"""The stream port: what every engine of the log promises, and all that handlers may know of it.

Promises, held by one contract suite on every engine (tests/contract):

- `publish` returns only when the message is durable (Kafka: `acks=all`; embedded: fsynced commit).
- Messages of one key land in one partition (murmur2 of the key's UTF-8 bytes, as Kafka's own clients do), in order.
- `consume` delivers at least once, in order per partition, ONE `handle` at a time per process, to one member of the group per
  partition. The offset is committed only after `handle` returned. If `handle` raises, the process dies **before** the offset
  is committed (see `die`): the event comes again.
- With a `settle`, a handler may keep what it has to write in memory: `settle` is awaited, never beside `handle`, before any
  offset of what was handled since is committed, a fraction of a second after the first of it at the latest, and after
  `SETTLE_AT_MOST` records. If it raises, the process dies likewise. What was handled and not settled when the process stops
  comes again.
- Instances may join and leave at any time; an event may then be seen twice, never skipped.
- `read` goes from `start` (default: the beginning) to the ends as they were at the call, and finishes.
- `tail` reads one topic from its beginning without a group, yields every record, yields `CAUGHT_UP` once it has reached the
  end as it was at the call, and then keeps following until cancelled.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """What a producer hands over. `headers` are the CloudEvents attributes in Kafka binary mode (`ce_id`, ...)."""

    topic: str
    key: str
    value: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Position:
    """Where a message lies in the log."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Record:
    """What a consumer reads."""

    topic: str
    partition: int
    offset: int
    key: str
    value: bytes
    headers: Mapping[str, str]

    @property
    def position(self) -> Position:
        """Where this record lies."""
        return Position(self.topic, self.partition, self.offset)


class Mark(Enum):
    """A sign in a tail that is not a record."""

    CAUGHT_UP = "caught_up"


CAUGHT_UP: Literal[Mark.CAUGHT_UP] = Mark.CAUGHT_UP

Handler = Callable[[Record], Awaitable[None]]
Settle = Callable[[], Awaitable[None]]

SETTLE_AT_MOST = 64
"""Records that may be handled before they are settled."""


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic to create: partitions, and Kafka's configuration of it (ignored by the embedded log)."""

    name: str
    partitions: int
    config: Mapping[str, str] = field(default_factory=dict)


class Stream(Protocol):
    """The log, as a process sees it. Build it, `start` it, use it, `stop` it."""

    async def start(self) -> None:
        """Connect. Raises Unavailable when the engine does not answer within the bounded time."""

    async def stop(self) -> None:
        """Leave the groups and close. Safe to call twice."""

    async def create_topics(self, specs: Sequence[TopicSpec]) -> None:
        """Create those that do not exist; leave the others as they are."""

    async def publish(self, message: Message) -> Position:
        """Append, durably. Raises Unavailable after the bounded time."""
        ...

    async def ends(self, topic: str) -> dict[int, int]:
        """Next offset of each partition."""
        ...

    def read(self, topic: str, start: Mapping[int, int] | None = None) -> AsyncIterator[Record]:
        """Every record from `start` to the ends as they are now; in order within a partition."""
        ...

    def tail(self, topic: str) -> AsyncIterator[Record | Literal[Mark.CAUGHT_UP]]:
        """Every record from the beginning, then what comes; `CAUGHT_UP` once in between."""
        ...

    async def consume(self, group: str, topics: Sequence[str], handle: Handler, settle: Settle | None = None) -> None:
        """Run until cancelled. The first exception that `handle` or `settle` raises is fatal for the process."""

    async def committed(self, group: str, topic: str) -> dict[int, int]:
        """Next offset to be handled by the group, for each partition that it ever committed."""
        ...

    async def members(self, group: str) -> int:
        """How many processes consume in the group now. One that died without leaving counts until its session ends."""
        ...
