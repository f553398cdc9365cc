"""What every engine of the log promises (kernel/stream/port.py), held on each of them."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest

from apoyo.engines.ports import free_port
from kernel.clock import SystemClock
from kernel.documents import MemoryDocuments
from kernel.errors import BadInput, Unavailable
from kernel.outbox import UNIQUE, Outbox
from kernel.service import EXIT_FATAL
from kernel.stream import CAUGHT_UP, Handler, Message, Position, Record, Settle, Stream, TopicSpec, connect
from kernel.stream.crash import EXIT_CODE
from kernel.stream.embedded import EmbeddedLog
from kernel.stream.guard import QUARANTINE_SUFFIX, TooMuchBadInput, guarded, set_aside_before
from kernel.stream.port import SETTLE_AT_MOST
from schemas.envelope import Evento
from tests.support.member import LEASE_S, stream_at

pytestmark = pytest.mark.timeout(90)

KAFKA = pytest.param("kafka", marks=pytest.mark.kafka)
EVERY_ENGINE = pytest.mark.parametrize("made", ["file", "memory", KAFKA], indirect=True)
ENGINES_FOR_MANY_PROCESSES = pytest.mark.parametrize("made", ["file", KAFKA], indirect=True)

PARTITIONS = 4
GRACE_S = 40.0  # Kafka takes a silent member for dead after ten seconds, those of tests.support.member after four


@dataclass
class Engine:
    """One engine under test. In memory there is one log for all who connect; it stands in for their processes too."""

    url: str
    memory: EmbeddedLog | None
    open: list[Stream] = field(default_factory=list)
    members: list["Member"] = field(default_factory=list)
    consumers: list[asyncio.Task[None]] = field(default_factory=list)
    fences_at_once: bool = True  # after what it has in hand; on Kafka a member first hears from the broker
    deaths: list[BaseException] = field(default_factory=list)

    async def connect(self) -> Stream:
        stream = self.memory or stream_at(self.url, "test", self.deaths.append)
        await stream.start()
        self.open.append(stream)
        return stream

    async def topic(self, partitions: int = PARTITIONS) -> str:
        """A new topic."""
        stream = await self.connect()
        name = self.name("topic")
        await stream.create_topics([TopicSpec(name, partitions)])
        return name

    def name(self, of: str) -> str:
        return f"{of}-{os.urandom(4).hex()}"

    def consume(
        self, stream: Stream, group: str, topics: Sequence[str], handle: Handler, settle: Settle | None = None
    ) -> asyncio.Task[None]:
        task = asyncio.create_task(stream.consume(group, topics, handle, settle))
        self.consumers.append(task)
        return task

    async def member(
        self, group: str, topic: str, *, pause_s: float = 0.0, poison: str = "", settle_s: str = ""
    ) -> "Member":
        """A process of the group."""
        return await self._process("tests.support.member", group, topic, str(pause_s), poison, settle_s)

    async def service(self, group: str, topic: str, kind: str) -> "Member":
        """A whole service whose documents never answer (`tests.support.servicio`)."""
        return await self._process("tests.support.servicio", group, topic, str(free_port()), kind)

    async def _process(self, module: str, *arguments: str) -> "Member":
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", module, self.url, *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        member = Member(process)
        self.members.append(member)
        return member

    async def close(self) -> None:
        for member in self.members:
            await member.kill()
        for task in self.consumers:
            await leave(task)
        for stream in self.open:
            await stream.stop()


class Member:
    """A process of a group, and what it said that it handled, and asked its documents for: partition and offset."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.handled: list[tuple[int, int]] = []
        self.asked: list[tuple[int, int]] = []
        self._listener = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            match line.decode().split():
                case ["handled", partition, offset]:
                    self.handled.append((int(partition), int(offset)))
                case ["asked", partition, offset]:
                    self.asked.append((int(partition), int(offset)))

    async def died(self) -> int:
        """Its exit code, once it has ended by itself."""
        async with asyncio.timeout(GRACE_S):
            code = await self.process.wait()
            await self._listener
        return code

    async def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()
        await self._listener


@dataclass
class Handled:
    """A handler that remembers, and raises on the values it is told to."""

    poison: bytes | None = None
    pause_s: float = 0.0
    records: list[Record] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    async def __call__(self, record: Record) -> None:
        if record.value == self.poison:
            raise ValueError("poison")
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(self.pause_s)
        self.at_once -= 1
        self.records.append(record)

    @property
    def values(self) -> list[bytes]:
        return [record.value for record in self.records]

    @property
    def partitions(self) -> set[int]:
        return {record.partition for record in self.records}


@dataclass
class Settled(Handled):
    """A handler that keeps records in memory until they are settled; `batches`: how many at once. `broken`: settling raises."""

    settle_s: float = 0.0
    broken: bool = False
    settling: bool = False
    settled: list[Record] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)

    async def __call__(self, record: Record) -> None:
        assert not self.settling
        await super().__call__(record)

    async def settle(self) -> None:
        self.settling = True
        await asyncio.sleep(self.settle_s)
        if self.broken:
            raise ValueError("broken")
        self.settling = False
        self.batches.append(len(self.records))
        self.settled += self.records
        self.records.clear()


@pytest.fixture
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    """Not async, as Kafka's own fixture runs a loop."""
    match request.param:
        case "file":
            return Engine(f"embedded://{tmp_path / 'log.db'}", None)
        case "memory":
            engine = Engine("memory:", None)
            engine.memory = EmbeddedLog(None, lease_s=LEASE_S, die=engine.deaths.append)
            return engine
        case _:
            return Engine(request.getfixturevalue("kafka_url"), None, fences_at_once=False)


@pytest.fixture
async def engine(made: Engine) -> AsyncIterator[Engine]:
    yield made
    await made.close()


async def until(condition: Callable[[], bool], what: str) -> None:
    try:
        async with asyncio.timeout(GRACE_S):
            while not condition():
                await asyncio.sleep(0.01)
    except TimeoutError:
        pytest.fail(f"in vain waited until {what}")


async def until_committed(stream: Stream, group: str, topic: str, total: int) -> None:
    async with asyncio.timeout(GRACE_S):
        while sum((await stream.committed(group, topic)).values()) < total:
            await asyncio.sleep(0.05)


async def until_members(stream: Stream, group: str, number: int) -> None:
    async with asyncio.timeout(GRACE_S):
        while await stream.members(group) != number:
            await asyncio.sleep(0.05)


async def leave(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def publish(stream: Stream, topic: str, numbers: Iterable[int], keys: int = 16) -> None:
    """Values "0", "1"... under keys "k0", "k1"... in turn."""
    for number in numbers:
        await stream.publish(Message(topic, f"k{number % keys}", str(number).encode()))


def in_order(records: Iterable[Record]) -> bool:
    """Whether offsets grow within each partition."""
    offsets = defaultdict(list)
    for record in records:
        offsets[record.partition].append(record.offset)
    return all(seen == sorted(set(seen)) for seen in offsets.values())


def first_times_in_order(handled: Iterable[tuple[int, int]]) -> bool:
    """Whether nothing was skipped: in each partition, what came for the first time came in order, from 0 without a gap."""
    seen: dict[int, int] = defaultdict(int)
    for partition, offset in handled:
        if offset > seen[partition]:
            return False
        seen[partition] = max(seen[partition], offset + 1)
    return True


# ---- publishing and reading


@EVERY_ENGINE
async def test_a_message_lies_where_publish_said_and_comes_back_byte_for_byte(engine: Engine) -> None:
    stream, topic = await engine.connect(), await engine.topic()
    message = Message(topic, "José-Ñ", bytes(range(256)), {"ce_id": "a-1", "ce_subject": "ñandú €", "empty": ""})

    position = await stream.publish(message)

    [record] = [record async for record in stream.read(topic)]
    assert record.position == position
    assert (record.topic, record.key, record.value, record.headers) == (
        message.topic,
        message.key,
        message.value,
        message.headers,
    )


@ENGINES_FOR_MANY_PROCESSES
async def test_what_one_connection_published_another_reads_after_the_first_is_gone(engine: Engine) -> None:
    topic = await engine.topic()
    first = await engine.connect()
    await publish(first, topic, range(3))
    await first.stop()

    second = await engine.connect()
    assert sorted([record.value async for record in second.read(topic)]) == [b"0", b"1", b"2"]


@EVERY_ENGINE
async def test_messages_of_one_key_stay_in_one_partition_in_order(engine: Engine) -> None:
    stream, topic = await engine.connect(), await engine.topic()
    await publish(stream, topic, range(60), keys=6)

    of_key: dict[str, list[Record]] = defaultdict(list)
    async for record in stream.read(topic):
        of_key[record.key].append(record)

    for key, records in of_key.items():
        assert len({record.partition for record in records}) == 1
        assert [int(record.value) for record in records] == list(range(int(key[1:]), 60, 6))
        assert in_order(records)
    assert len(of_key) == 6


# The hashes are from the tests of Kafka's own Java client (UtilsTest.testMurmur2).
MURMUR2 = {
    "21": -973932308,
    "foobar": -790332482,
    "a-little-bit-long-string": -985981536,
    "a-little-bit-longer-string": -1486304829,
    "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    "abc": 479470107,
}


@EVERY_ENGINE
async def test_both_engines_put_a_key_where_kafkas_own_client_does(engine: Engine) -> None:
    stream, topic = await engine.connect(), await engine.topic(partitions=8)
    for key, java_hash in MURMUR2.items():
        position = await stream.publish(Message(topic, key, b""))
        assert position.partition == (java_hash & 0x7FFFFFFF) % 8


@EVERY_ENGINE
async def test_many_publish_at_once_and_each_gets_its_own_position(engine: Engine) -> None:
    stream, topic = await engine.connect(), await engine.topic()
    positions = await asyncio.gather(*(stream.publish(Message(topic, f"k{n}", str(n).encode())) for n in range(200)))

    found = {record.position: record.value async for record in stream.read(topic)}
    assert [found[position] for position in positions] == [str(n).encode() for n in range(200)]


@EVERY_ENGINE
async def test_ends_tell_the_next_offset_of_each_partition(engine: Engine) -> None:
    stream, topic = await engine.connect(), await engine.topic()
    assert await stream.ends(topic) == dict.fromkeys(range(PARTITIONS), 0)
    position = await stream.publish(Message(topic, "k", b""))
    assert await stream.ends(topic) == dict.fromkeys(range(PARTITIONS), 0) | {position.partition: 1}


@EVERY_ENGINE
async def test_reading_from_given_offsets_skips_what_is_before(engine: Engine) -> None:
    stream, topic = await engine.connect(), await engine.topic(partitions=2)
    await publish(stream, topic, range(40))
    everything = [record async for record in stream.read(topic)]

    later = [record async for record in stream.read(topic, {0: 5})]

    assert {record.position for record in later} == {
        record.position for record in everything if record.partition == 1 or record.offset >= 5
    }
    assert in_order(later)
    assert [record async for record in stream.read(topic, await stream.ends(topic))] == []


@EVERY_ENGINE
async def test_reading_finishes_at_the_ends_as_they_were(engine: Engine) -> None:
    stream, topic = await engine.connect(), await engine.topic(partitions=1)
    await publish(stream, topic, range(3))
    values = []
    async for record in stream.read(topic):
        values.append(record.value)
        await publish(stream, topic, [99])
    assert values == [b"0", b"1", b"2"]


@EVERY_ENGINE
async def test_a_tail_gives_what_is_there_then_says_so_once_then_follows(engine: Engine) -> None:
    stream, topic = await engine.connect(), await engine.topic()
    await publish(stream, topic, range(5))
    tail = stream.tail(topic)

    before = [await anext(tail) for _ in range(5)]
    assert {record.value for record in before if isinstance(record, Record)} == {b"0", b"1", b"2", b"3", b"4"}
    assert await anext(tail) is CAUGHT_UP

    for number in (5, 6):
        await publish(stream, topic, [number])
        record = await asyncio.wait_for(anext(tail), GRACE_S)
        assert isinstance(record, Record)
        assert record.value == str(number).encode()
    await tail.aclose()  # type: ignore[attr-defined]  # every engine's is a generator


@EVERY_ENGINE
async def test_the_tail_of_an_empty_topic_is_caught_up_at_once(engine: Engine) -> None:
    stream, topic = await engine.connect(), await engine.topic()
    tail = stream.tail(topic)
    assert await asyncio.wait_for(anext(tail), GRACE_S) is CAUGHT_UP
    await tail.aclose()  # type: ignore[attr-defined]  # every engine's is a generator


@EVERY_ENGINE
async def test_creating_a_topic_again_leaves_it_as_it_is(engine: Engine) -> None:
    stream, topic = await engine.connect(), await engine.topic(partitions=2)
    await publish(stream, topic, range(3))
    await stream.create_topics([TopicSpec(topic, 8)])
    assert len(await stream.ends(topic)) == 2
    assert len([record async for record in stream.read(topic)]) == 3


@EVERY_ENGINE
async def test_a_closed_stream_is_unavailable_and_may_be_closed_again(engine: Engine) -> None:
    topic = await engine.topic()
    stream = await engine.connect()
    await stream.stop()
    await stream.stop()
    with pytest.raises(Unavailable):
        await stream.publish(Message(topic, "k", b""))


# ---- consuming


@EVERY_ENGINE
async def test_a_group_handles_everything_in_order_one_at_a_time_and_commits_it(engine: Engine) -> None:
    stream, topic, group = await engine.connect(), await engine.topic(), engine.name("group")
    handled = Handled(pause_s=0.001)
    await publish(stream, topic, range(50))
    assert await stream.committed(group, topic) == {}

    engine.consume(stream, group, [topic], handled)
    await until(lambda: len(handled.records) == 50, "what was there was handled")
    await publish(stream, topic, range(50, 60))
    await until(lambda: len(handled.records) == 60, "what came was handled")
    await until_committed(stream, group, topic, 60)

    assert in_order(handled.records)
    assert handled.most_at_once == 1
    assert await stream.committed(group, topic) == {p: end for p, end in (await stream.ends(topic)).items() if end}


@EVERY_ENGINE
async def test_a_group_reads_all_its_topics_one_event_at_a_time(engine: Engine) -> None:
    stream, topics = await engine.connect(), [await engine.topic(), await engine.topic(partitions=1)]
    handled = Handled(pause_s=0.001)
    for topic in topics:
        await publish(stream, topic, range(20))
    engine.consume(stream, engine.name("group"), topics, handled)
    await until(lambda: len(handled.records) == 40, "both topics were handled")
    assert {record.topic for record in handled.records} == set(topics)
    assert handled.most_at_once == 1


@EVERY_ENGINE
async def test_an_event_in_hand_is_not_committed_and_comes_again_to_the_next(engine: Engine) -> None:
    stream, topic, group = await engine.connect(), await engine.topic(partitions=1), engine.name("group")
    in_hand = asyncio.Event()

    async def stuck_at_two(record: Record) -> None:
        if record.value == b"2":
            in_hand.set()
            await asyncio.Event().wait()

    await publish(stream, topic, range(5))
    consumer = engine.consume(stream, group, [topic], stuck_at_two)
    await asyncio.wait_for(in_hand.wait(), GRACE_S)
    assert (await stream.committed(group, topic)).get(0, 0) <= 2
    await leave(consumer)
    assert (await stream.committed(group, topic)).get(0, 0) <= 2

    handled = Handled()
    engine.consume(stream, group, [topic], handled)
    await until(lambda: handled.values[-3:] == [b"2", b"3", b"4"], "the next one handled it")


@EVERY_ENGINE
async def test_who_leaves_commits_what_it_handled(engine: Engine) -> None:
    stream, topic, group = await engine.connect(), await engine.topic(), engine.name("group")
    handled = Handled()
    await publish(stream, topic, range(20))
    consumer = engine.consume(stream, group, [topic], handled)
    await until(lambda: len(handled.records) == 20, "all was handled")
    await leave(consumer)
    assert sum((await stream.committed(group, topic)).values()) == 20


@EVERY_ENGINE
async def test_closing_a_stream_leaves_its_groups(engine: Engine) -> None:
    topic, group = await engine.topic(), engine.name("group")
    stream = await engine.connect()
    handled = Handled()
    await publish(stream, topic, range(5))
    consumer = engine.consume(stream, group, [topic], handled)
    await until(lambda: len(handled.records) == 5, "all was handled")
    await stream.stop()
    assert consumer.cancelled()


@EVERY_ENGINE
async def test_who_consumes_is_a_member_until_it_leaves(engine: Engine) -> None:
    topic, group = await engine.topic(), engine.name("group")
    streams = [await engine.connect(), await engine.connect()]
    assert await streams[0].members(group) == 0
    handled = Handled()
    consumers = [engine.consume(streams[0], group, [topic], handled)]
    await publish(streams[0], topic, range(8))
    await until(lambda: len(handled.records) == 8, "it works")
    assert await streams[1].members(group) == 1
    assert await streams[1].members(engine.name("group")) == 0

    consumers.append(engine.consume(streams[1], group, [topic], handled))
    await until_members(streams[0], group, 2)
    for consumer in consumers:
        await leave(consumer)
    await until_members(streams[0], group, 0)


@ENGINES_FOR_MANY_PROCESSES
async def test_a_process_that_was_killed_is_a_member_until_its_session_ends(engine: Engine) -> None:
    stream, topic, group = await engine.connect(), await engine.topic(), engine.name("group")
    await publish(stream, topic, range(8))
    victim = await engine.member(group, topic)
    await until(lambda: len(victim.handled) == 8, "it works")
    await victim.kill()
    assert await stream.members(group) == 1
    await until_members(stream, group, 0)


@EVERY_ENGINE
async def test_groups_do_not_know_of_each_other(engine: Engine) -> None:
    stream, topic = await engine.connect(), await engine.topic()
    await publish(stream, topic, range(10))
    one, other = Handled(), Handled()
    groups = engine.name("group"), engine.name("group")
    engine.consume(stream, groups[0], [topic], one)
    engine.consume(stream, groups[1], [topic], other)
    await until(lambda: len(one.records) == len(other.records) == 10, "both groups handled all")
    await until_committed(stream, groups[0], topic, 10)
    assert await stream.committed(engine.name("group"), topic) == {}


@EVERY_ENGINE
async def test_a_handler_that_raises_kills_before_the_event_is_committed(engine: Engine) -> None:
    stream, topic, group = await engine.connect(), await engine.topic(partitions=1), engine.name("group")
    await publish(stream, topic, range(5))

    with pytest.raises(ValueError, match="poison"):
        await asyncio.wait_for(stream.consume(group, [topic], Handled(poison=b"2")), GRACE_S)

    assert isinstance(engine.deaths[0], ValueError)
    assert (await stream.committed(group, topic)).get(0, 0) <= 2
    handled = Handled()
    engine.consume(stream, group, [topic], handled)
    await until(lambda: handled.values[-3:] == [b"2", b"3", b"4"], "the next one handled it")


# ---- settling


@EVERY_ENGINE
async def test_what_is_handled_is_settled_soon_and_only_then_committed(engine: Engine) -> None:
    stream, topic, group = await engine.connect(), await engine.topic(), engine.name("group")
    handled = Settled(settle_s=0.05)
    await publish(stream, topic, range(10))
    engine.consume(stream, group, [topic], handled, handled.settle)
    await until(lambda: len(handled.settled) == 10, "what was there was settled without anything more coming")
    for number in range(10, 13):
        await publish(stream, topic, [number])
        await until(lambda: handled.settled[-1].value == str(number).encode(), "one alone was settled")  # noqa: B023
    await until_committed(stream, group, topic, 13)
    assert in_order(handled.settled)


@EVERY_ENGINE
async def test_at_most_so_many_are_settled_at_once(engine: Engine) -> None:
    stream, topic = await engine.connect(), await engine.topic(partitions=1)
    handled = Settled()
    await publish(stream, topic, range(3 * SETTLE_AT_MOST))
    engine.consume(stream, engine.name("group"), [topic], handled, handled.settle)
    await until(lambda: len(handled.settled) == 3 * SETTLE_AT_MOST, "all was settled")
    assert max(handled.batches) <= SETTLE_AT_MOST
    assert len(handled.batches) < 30


@EVERY_ENGINE
async def test_what_was_not_settled_is_not_committed_and_comes_again_to_the_next(engine: Engine) -> None:
    stream, topic, group = await engine.connect(), await engine.topic(partitions=1), engine.name("group")
    handled = Settled()
    await publish(stream, topic, range(4))
    consumer = engine.consume(stream, group, [topic], handled, handled.settle)
    await until(lambda: len(handled.settled) == 4, "the first were settled")
    await until_committed(stream, group, topic, 4)
    handled.settle_s = 3600
    await publish(stream, topic, range(4, 8))
    await until(lambda: handled.settling, "it settles the next")
    await asyncio.sleep(1.5)  # longer than an engine waits with a commit
    assert await stream.committed(group, topic) == {0: 4}
    await leave(consumer)
    assert await stream.committed(group, topic) == {0: 4}

    handled = Settled()
    engine.consume(stream, group, [topic], handled, handled.settle)
    await until(lambda: [r.value for r in handled.settled] == [b"4", b"5", b"6", b"7"], "the next one settled them")


@EVERY_ENGINE
async def test_a_settle_that_raises_kills_before_its_events_are_committed(engine: Engine) -> None:
    stream, topic, group = await engine.connect(), await engine.topic(partitions=1), engine.name("group")
    await publish(stream, topic, range(5))
    handled = Settled(broken=True)
    with pytest.raises(ValueError, match="broken"):
        await asyncio.wait_for(stream.consume(group, [topic], handled, handled.settle), GRACE_S)
    assert isinstance(engine.deaths[0], ValueError)
    assert (await stream.committed(group, topic)).get(0, 0) == 0

    handled = Settled()
    engine.consume(stream, group, [topic], handled, handled.settle)
    await until(lambda: len(handled.settled) == 5, "the next one settled them")


# ---- quarantine


LIMIT = 3


@dataclass
class Life:
    """One process of a group after another, behind the guard, as `kernel.service` runs it; it cannot read values that begin so."""

    engine: Engine
    group: str
    topic: str
    bad: str = "x"
    handled: list[bytes] = field(default_factory=list)

    async def handle(self, record: Record) -> None:
        if self.bad and record.value.startswith(self.bad.encode()):
            raise BadInput("unreadable")
        self.handled.append(record.value)

    async def until_it_ends(self, total: int) -> bool:
        """Live until all is handled and committed; whether it died of too much bad input before that."""
        stream = await self.engine.connect()
        aside = await set_aside_before(stream, self.group, [self.topic], LIMIT)
        consumer = self.engine.consume(
            stream, self.group, [self.topic], guarded(self.handle, stream.publish, aside=aside)
        )
        done = asyncio.create_task(until_committed(stream, self.group, self.topic, total))
        await asyncio.wait({consumer, done}, return_when=asyncio.FIRST_COMPLETED)
        died = consumer.done()
        done.cancel()
        await asyncio.gather(done, return_exceptions=True)
        if died:
            assert isinstance(consumer.exception(), TooMuchBadInput)
        await leave(consumer)
        return died

    async def aside(self) -> list[Record]:
        """What lies in quarantine."""
        stream = await self.engine.connect()
        return [record async for record in stream.read(self.topic + QUARANTINE_SUFFIX)]

    async def answer(self, mark: str) -> None:
        """An operator answers for all of it."""
        stream = await self.engine.connect()
        for record in await self.aside():
            if origin := record.headers.get("cuarentena_origen"):
                await stream.publish(Message(record.topic, record.key, b"", {mark: origin}))


async def life_of(engine: Engine, *values: str) -> Life:
    """A group over a topic of one partition with those values."""
    topic = await engine.topic(partitions=1)
    stream = await engine.connect()
    await stream.create_topics([TopicSpec(topic + QUARANTINE_SUFFIX, 1)])
    life = Life(engine, engine.name("group"), topic)
    await give(life, *values)
    return life


async def give(life: Life, *values: str) -> None:
    stream = await life.engine.connect()
    for value in values:
        await stream.publish(Message(life.topic, "k", value.encode(), {"ce_id": value}))


@EVERY_ENGINE
async def test_what_cannot_be_read_goes_to_quarantine_as_it_came_and_the_rest_is_handled(engine: Engine) -> None:
    life = await life_of(engine, "1", "x1", "2", "x2", "x3", "3")
    assert not await life.until_it_ends(6)
    assert life.handled == [b"1", b"2", b"3"]
    assert [
        (r.key, r.value, r.headers["ce_id"], r.headers["cuarentena_origen"], r.headers["cuarentena_grupo"])
        for r in await life.aside()
    ] == [
        ("k", value.encode(), value, f"{life.topic}/0/{offset}", life.group)
        for value, offset in (("x1", 1), ("x2", 3), ("x3", 4))
    ]


@EVERY_ENGINE
async def test_the_limit_holds_across_the_lives_of_a_group(engine: Engine) -> None:
    life = await life_of(engine, "1", *(f"x{n}" for n in range(3 * LIMIT)), "2")
    for _ in range(3):
        assert await life.until_it_ends(3 * LIMIT + 2)
    assert [r.value for r in await life.aside()] == [f"x{n}".encode() for n in range(LIMIT)]

    # Two lives of some bad events each count together.
    other = await life_of(engine, "x1", "x2")
    assert not await other.until_it_ends(2)
    await give(other, "x3", "x4")
    assert await other.until_it_ends(4)
    assert [r.value for r in await other.aside()] == [b"x1", b"x2", b"x3"]


@EVERY_ENGINE
async def test_a_good_event_between_two_lives_begins_the_count_anew(engine: Engine) -> None:
    life = await life_of(engine, "x1", "x2", "1")
    assert not await life.until_it_ends(3)
    await give(life, "x3", "x4", "x5")
    assert not await life.until_it_ends(6)
    assert len(await life.aside()) == 5


@EVERY_ENGINE
@pytest.mark.parametrize("mark", ["cuarentena_reenviado", "cuarentena_aceptado"])
async def test_who_stopped_at_the_limit_goes_on_once_an_operator_has_answered(engine: Engine, mark: str) -> None:
    life = await life_of(engine, *(f"x{n}" for n in range(LIMIT + 2)), "1")
    assert await life.until_it_ends(LIMIT + 3)
    await life.answer(mark)
    assert not await life.until_it_ends(LIMIT + 3)
    assert life.handled == [b"1"]


@EVERY_ENGINE
async def test_who_stopped_at_the_limit_and_was_corrected_goes_on_by_itself(engine: Engine) -> None:
    life = await life_of(engine, *(f"x{n}" for n in range(LIMIT + 2)), "1")
    assert await life.until_it_ends(LIMIT + 3)
    life.bad = ""
    assert not await life.until_it_ends(LIMIT + 3)
    assert set(life.handled) >= {f"x{LIMIT}".encode(), f"x{LIMIT + 1}".encode(), b"1"}
    assert len(await life.aside()) == LIMIT


@EVERY_ENGINE
async def test_what_another_group_set_aside_does_not_count(engine: Engine) -> None:
    life = await life_of(engine, *(f"x{n}" for n in range(LIMIT)))
    assert not await life.until_it_ends(LIMIT)
    other = Life(engine, engine.name("group"), life.topic)
    assert not await other.until_it_ends(LIMIT)
    assert len(await life.aside()) == 2 * LIMIT


# ---- many members


@EVERY_ENGINE
async def test_two_members_share_the_partitions_and_each_partition_has_one(engine: Engine) -> None:
    topic, group = await engine.topic(), engine.name("group")
    streams = [await engine.connect(), await engine.connect()]
    handlers = [Handled(), Handled()]
    for stream, handled in zip(streams, handlers, strict=True):
        engine.consume(stream, group, [topic], handled)

    # Until the group has settled a partition may move; from then on each round stays where it was.
    async def round_of(numbers: range) -> None:
        for handled in handlers:
            handled.records.clear()
        await publish(streams[0], topic, numbers)
        await until(
            lambda: {v for handled in handlers for v in handled.values} >= {str(n).encode() for n in numbers},
            "a round was handled",
        )

    async with asyncio.timeout(GRACE_S):
        start = 0
        while not all(handled.partitions for handled in handlers):
            await round_of(range(start, start + 32))
            start += 32
    await round_of(range(start, start + 64))

    assert not handlers[0].partitions & handlers[1].partitions
    assert handlers[0].partitions | handlers[1].partitions == set(range(PARTITIONS))


@EVERY_ENGINE
@pytest.mark.parametrize("settles", [False, True], ids=["at_once", "settled"])
async def test_nothing_is_skipped_while_members_join_and_leave(engine: Engine, settles: bool) -> None:
    topic, group = await engine.topic(), engine.name("group")
    streams = [await engine.connect(), await engine.connect()]
    log: list[tuple[int, int]] = []
    kept: list[list[tuple[int, int]]] = [[], []]
    counts = [0, 0]
    in_hand: set[int] = set()
    handled_by_both: list[Record] = []

    def handler(of: int) -> Handler:
        async def handle(record: Record) -> None:
            if record.partition in in_hand:
                handled_by_both.append(record)
            in_hand.add(record.partition)
            try:
                await asyncio.sleep(0.002)
            finally:
                in_hand.discard(record.partition)
            kept[of].append((record.partition, record.offset))
            if not settles:
                await settler(of)()

        return handle

    def settler(of: int) -> Settle:
        async def settle() -> None:
            settling, kept[of] = kept[of], []
            await asyncio.sleep(0.01 if settles else 0)
            log.extend(settling)
            counts[of] += len(settling)

        return settle

    async def join(member: int) -> asyncio.Task[None]:
        counts[member], kept[member] = 0, []
        settle = settler(member) if settles else None
        task = engine.consume(streams[member], group, [topic], handler(member), settle)
        await until(lambda: counts[member] > 5, f"{member} works")
        return task

    published = 0

    async def keep_publishing() -> None:
        nonlocal published
        while True:
            await publish(streams[0], topic, range(published, published + 16))
            published += 16
            await asyncio.sleep(0.02)

    publishing = asyncio.create_task(keep_publishing())
    first = await join(0)
    second = await join(1)
    await leave(first)
    counts[1] = 0
    await until(lambda: counts[1] > 5, "the second one goes on alone")
    await join(0)
    await leave(second)
    await leave(publishing)
    total = sum((await streams[0].ends(topic)).values())
    await until(lambda: len(set(log)) == total, "all was handled")

    assert first_times_in_order(log)
    assert handled_by_both == []


@ENGINES_FOR_MANY_PROCESSES
async def test_a_process_whose_handler_raises_dies_and_the_next_one_gets_the_event(engine: Engine) -> None:
    stream, topic, group = await engine.connect(), await engine.topic(partitions=1), engine.name("group")
    await publish(stream, topic, range(6))

    victim = await engine.member(group, topic, poison="3")
    assert await victim.died() == EXIT_CODE
    assert [offset for _, offset in victim.handled] == [0, 1, 2]
    assert (await stream.committed(group, topic)).get(0, 0) <= 3

    handled = Handled()
    engine.consume(stream, group, [topic], handled)
    await until(lambda: handled.values[-3:] == [b"3", b"4", b"5"], "the next one handled it")


@pytest.mark.parametrize(
    ("made", "kind"),
    [
        ("file", "one_by_one"),
        ("file", "per_key"),
        ("file", "fold"),
        pytest.param("kafka", "one_by_one", marks=pytest.mark.kafka),
    ],
    indirect=["made"],
)
async def test_a_service_whose_engine_stays_unavailable_ends_and_the_next_process_gets_the_event(
    engine: Engine, kind: str
) -> None:
    stream, topic, group = await engine.connect(), await engine.topic(partitions=1), engine.name("group")
    await stream.create_topics([TopicSpec(topic + QUARANTINE_SUFFIX, 1)])
    await publish(stream, topic, range(3), keys=1)
    victim = await engine.service(group, topic, kind)
    await until_committed(stream, group, topic, 3)

    await publish(stream, topic, range(3, 6), keys=1)
    assert await victim.died() == EXIT_FATAL
    assert victim.handled == [(0, 0), (0, 1), (0, 2)]
    assert len(victim.asked) > 1  # it did insist
    assert set(victim.asked) == {(0, 3)}
    assert await stream.committed(group, topic) == {0: 3}

    handled = Handled()
    engine.consume(stream, group, [topic], handled)
    await until(lambda: handled.values == [b"3", b"4", b"5"], "the next one handled it")


@ENGINES_FOR_MANY_PROCESSES
@pytest.mark.parametrize("settle_s", ["", "0.02"], ids=["at_once", "settled"])
async def test_when_a_process_is_killed_the_other_takes_over_and_nothing_is_skipped(
    engine: Engine, settle_s: str
) -> None:
    stream, topic, group = await engine.connect(), await engine.topic(), engine.name("group")
    victim, survivor = await asyncio.gather(
        *(engine.member(group, topic, pause_s=0.005, settle_s=settle_s) for _ in range(2))
    )
    published = 0

    async def publish_more() -> None:
        nonlocal published
        await publish(stream, topic, range(published, published + 40))
        published += 40

    await publish_more()
    async with asyncio.timeout(GRACE_S):
        while not (victim.handled and survivor.handled):
            await asyncio.sleep(0.2)
            await publish_more()
    await publish_more()
    await victim.kill()
    await publish_more()

    def handled() -> int:
        return len({*victim.handled, *survivor.handled})

    await until(lambda: handled() == published, "the survivor handled the rest")


@ENGINES_FOR_MANY_PROCESSES
async def test_a_member_taken_for_dead_does_no_harm_when_it_comes_back(engine: Engine) -> None:
    stream, topic, group = await engine.connect(), await engine.topic(partitions=1), engine.name("group")
    await publish(stream, topic, range(50))
    sleeper = await engine.member(group, topic, pause_s=0.02)
    await until(lambda: len(sleeper.handled) > 3, "it works")
    sleeper.process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(0.1)
    before = len(sleeper.handled)
    handled = Handled()
    engine.consume(stream, group, [topic], handled)
    await until(lambda: handled.values[-1:] == [b"49"], "another one took over")
    await until_committed(stream, group, topic, 50)

    sleeper.process.send_signal(signal.SIGCONT)
    for _ in range(3 if engine.fences_at_once else 15):  # long enough for it to try its stale commit
        await asyncio.sleep(0.1)
        assert await stream.committed(group, topic) == {0: 50}
    await publish(stream, topic, range(50, 60))

    def news() -> set[int]:
        return {offset for _, offset in sleeper.handled if offset >= 50} | {
            int(v) for v in handled.values if int(v) >= 50
        }

    await until(lambda: news() == set(range(50, 60)), "what came then was handled")
    await until_committed(stream, group, topic, 60)
    if (
        engine.fences_at_once
    ):  # Kafka may deliver again what a rebalance found in flight: twice is allowed, never is not
        assert len(set(handled.values)) == len(handled.values)
        assert len([offset for _, offset in sleeper.handled[before:] if offset < 50]) <= 1


# ---- the outbox


class Crash(BaseException):
    """The process ends here."""


class DiesBeforePublishing:
    """The log, for a process that ends before it has published."""

    async def publish(self, message: Message) -> Position:
        raise Crash


class DiesBeforeMarking(MemoryDocuments):
    """The documents, for a process that ends between publishing and marking that it did; the next one does not."""

    dying = True

    async def unset(self, ids: Sequence[str], field: str) -> None:
        if self.dying:
            self.dying = False
            raise Crash
        await super().unset(ids, field)


@dataclass
class Writer:
    """A writer of events about a subject, process after process, over one outbox."""

    stream: Stream
    topic: str
    documents: MemoryDocuments

    def process(self, *, dies: bool = False) -> Outbox:
        stream: Any = DiesBeforePublishing() if dies else self.stream
        return Outbox(self.documents, stream, SystemClock(), "/apoyo/test")

    def event(self, subject: str) -> Evento:
        class Said(Evento):
            nombre: ClassVar[str] = "said"
            topic: ClassVar[str] = self.topic
            about: str

            @property
            def asunto(self) -> str:
                return self.about

        return Said(version=1, about=subject)

    async def published(self) -> list[Message]:
        return [Message(self.topic, r.key, r.value, dict(r.headers)) async for r in self.stream.read(self.topic)]

    async def written(self, subject: str) -> Message:
        [d] = await self.documents.find({"subject": subject})
        return Message(d["topic"], d["key"], bytes(d["value"]), dict(d["headers"]))


@EVERY_ENGINE
async def test_the_relay_publishes_what_a_crash_left_in_the_outbox_and_nothing_else(engine: Engine) -> None:
    writer = Writer(await engine.connect(), await engine.topic(), MemoryDocuments(UNIQUE))
    await writer.process().emit(writer.event("said"), cause="a")
    assert await writer.process().relay(older_than_s=0) == 1  # nobody had marked it
    said = [await writer.written("said")] * 2
    assert await writer.published() == said
    with pytest.raises(Crash):
        await writer.process(dies=True).emit(writer.event("left"), cause="b")
    assert await writer.published() == said

    assert await writer.process().relay(older_than_s=60) == 0  # whoever wrote it may be about to publish it
    assert await writer.published() == said
    assert await writer.process().relay(older_than_s=0) == 1
    assert await writer.process().relay(older_than_s=0) == 0
    assert sorted(await writer.published(), key=str) == sorted([*said, await writer.written("left")], key=str)


@EVERY_ENGINE
async def test_what_the_relay_publishes_twice_is_the_same_event(engine: Engine) -> None:
    writer = Writer(await engine.connect(), await engine.topic(), DiesBeforeMarking(UNIQUE))
    with pytest.raises(Crash):
        await writer.process(dies=True).emit(writer.event("left"), cause="b")
    with pytest.raises(Crash):
        await writer.process().relay(older_than_s=0)
    assert await writer.process().relay(older_than_s=0) == 1
    assert await writer.process().relay(older_than_s=0) == 0
    assert await writer.published() == [await writer.written("left")] * 2


# ---- connecting


async def test_a_kafka_that_does_not_answer_is_unavailable() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        from kernel.stream.kafka import KafkaStream

        with pytest.raises(Unavailable):
            await KafkaStream(f"127.0.0.1:{closed.getsockname()[1]}", "test", patience_s=0.5).start()


async def test_a_log_in_a_folder_that_does_not_exist_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        await EmbeddedLog(tmp_path / "missing" / "log.db", patience_s=0.1).start()


async def test_publishing_to_a_topic_that_does_not_exist_is_unavailable() -> None:
    log = EmbeddedLog(None)
    await log.start()
    with pytest.raises(Unavailable, match="no such topic"):
        await log.publish(Message("missing", "k", b""))


@pytest.mark.parametrize("url", ["memory:", "embedded:///tmp/log.db", "kafka://one:9092,two:9092"])
def test_every_engine_has_a_url(url: str) -> None:
    stream: Stream = connect(url, "test")
    assert stream is not None


@pytest.mark.parametrize("url", ["", "memory", "embedded:log.db", "embedded://host/log.db", "kafka:", "amqp://host"])
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="not the URL of a log"):
        connect(url, "test")
