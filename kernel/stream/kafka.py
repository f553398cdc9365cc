"""The log in Kafka: aiokafka to publish and to read, Faust to consume.

Faust by itself acknowledges an event in a `finally`, also when its body raised, and what is acknowledged gets committed: so
acknowledging is taken from it, and done here once an event has been settled. Always in the order in which events came, and never
after their generation: Faust would commit what lies before an acknowledged event, too. When partitions are taken away or the app
stops, Faust waits until everything that it has given out is acknowledged: who stops handling must take the rest off that list.
"""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import faust
import faust.streams
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from faust.tables.manager import TableManager
from faust.transport.drivers import aiokafka as driver

from kernel.errors import Unavailable
from kernel.stream.crash import Die, die
from kernel.stream.port import CAUGHT_UP, SETTLE_AT_MOST, Handler, Mark, Message, Position, Record, Settle, TopicSpec

T = TypeVar("T")

_SESSION_S = 10.0  # a member that was silent for so long is taken for dead
_REBALANCE_S = 15.0
_HEARTBEAT_S = 1.0  # also how soon a member hears of a rebalance
_COMMIT_S = 1.0
_SETTLE_S = 3.0
_METADATA_S = 10.0  # how soon a topic created later is seen
_GATHER_S = 0.25  # how long a record waits for those that will be settled with it
_BUFFER = 16  # records in memory beside the one in flight, for each stream
_POLL_MS = 500
_ERRORS = "surrogateescape"


class _NoTables(TableManager):
    """Faust gives tables a second to be declared before it starts. There are none."""

    async def on_start(self) -> None:
        if not self.should_stop:
            await self._update_channels()
            await self.recovery.start()


class _Consumer(driver.Consumer):
    """In a rebalance Faust drops what it has fetched and goes back to the committed offsets; where a partition has none yet,
    it stays where it is, and skips what it dropped."""

    async def perform_seek(self) -> None:
        await super().perform_seek()
        await self.seek_wait({place: 0 for place in self.assignment() if not self._read_offset[place]})


class _Transport(driver.Transport):
    Consumer = _Consumer


class _App(faust.App):
    """Faust with the consumer above, and without the folders that it makes for tables in the working directory."""

    def _new_transport(self) -> Any:
        return _Transport(self.conf.broker_consumer, self)

    def _create_directories(self) -> None:
        pass


class KafkaStream:
    """A `Stream` on the Kafka at `bootstrap` (host:port, several with commas).

    `patience_s`: how long Kafka may fail to answer before Unavailable. Messages that were sent when that happens may still
    arrive: sending them again makes a duplicate. `tls`: folder with `ca.crt`, `user.crt` and `user.key`; None: no TLS. Raises
    OSError and ssl.SSLError when what is in it cannot be used.
    """

    def __init__(
        self, bootstrap: str, client_id: str, *, patience_s: float = 10.0, die: Die = die, tls: Path | None = None
    ) -> None:
        self._bootstrap = bootstrap
        self._client_id = client_id
        self._patience_s = patience_s
        self._die = die
        self._tls = None if tls is None else _mutual(tls)
        self._security = {} if self._tls is None else {"security_protocol": "SSL", "ssl_context": self._tls}
        self._producer: AIOKafkaProducer | None = None
        self._consumers: set[asyncio.Task[Any] | None] = set()

    # ---- Stream

    async def start(self) -> None:
        """Connect. Raises Unavailable if Kafka does not answer for `patience_s`."""
        if self._producer is None:
            self._producer = await self._patiently(self._connect)

    async def stop(self) -> None:
        """Cancel the tasks that are in `consume`, wait until they have left their groups, send what is under way, close."""
        consumers = [task for task in self._consumers if task is not None and task is not asyncio.current_task()]
        for task in consumers:
            task.cancel()
        await asyncio.gather(*consumers, return_exceptions=True)
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def create_topics(self, specs: Sequence[TopicSpec]) -> None:
        """Create those that do not exist, replicated as the brokers are configured to."""
        topics = [
            # No assignments: the broker's own `default.replication.factor`.
            NewTopic(spec.name, spec.partitions, -1, replica_assignments={}, topic_configs=dict(spec.config))
            for spec in specs
        ]

        async def create() -> None:
            async with self._admin() as admin:
                response = await admin.create_topics(topics)
            for name, code, *message in response.topic_errors:
                if code not in (0, TopicAlreadyExistsError.errno):
                    raise for_code(code)(f"{name}: {message}")

        await self._patiently(create)

    async def publish(self, message: Message) -> Position:
        """Send, and wait for all replicas in sync. Raises Unavailable after `patience_s`, also for an unknown topic."""
        try:
            async with asyncio.timeout(self._patience_s):
                sent = await self._started().send_and_wait(
                    message.topic,
                    message.value,
                    key=message.key.encode(errors=_ERRORS),
                    headers=[(name, value.encode(errors=_ERRORS)) for name, value in message.headers.items()],
                )
        except (KafkaError, TimeoutError) as error:
            raise Unavailable(f"kafka: {error!r}") from error
        return Position(sent.topic, sent.partition, sent.offset)

    async def ends(self, topic: str) -> dict[int, int]:
        """Next offset of each partition. Raises Unavailable after `patience_s`, also for an unknown topic."""
        async with self._reader(topic) as (_, ends):
            return {place.partition: end for place, end in ends.items()}

    async def read(self, topic: str, start: Mapping[int, int] | None = None) -> AsyncIterator[Record]:
        """Every record from `start` (a partition not in it: from the beginning) to the ends as they are now.

        Raises Unavailable if nothing comes for `patience_s`.
        """
        async with self._reader(topic) as (consumer, ends):
            for place in ends:
                if place.partition in (start or {}):
                    consumer.seek(place, (start or {})[place.partition])
            waiting = set(ends)
            news_at = time.monotonic()
            while True:
                for place in list(waiting):
                    if await consumer.position(place) >= ends[place]:
                        consumer.pause(place)
                        waiting.discard(place)
                if not waiting:
                    return
                batch = await consumer.getmany(timeout_ms=_POLL_MS)
                for place, records in batch.items():
                    for record in records:
                        if record.offset < ends[place]:
                            yield _record(record)
                if batch:
                    news_at = time.monotonic()
                elif time.monotonic() - news_at > self._patience_s:
                    raise Unavailable(f"kafka: nothing of {topic} for {self._patience_s} s")

    async def tail(self, topic: str) -> AsyncIterator[Record | Literal[Mark.CAUGHT_UP]]:
        """Every record from the beginning, `CAUGHT_UP` once at the end as it was, then what comes, until cancelled."""
        async with self._reader(topic) as (consumer, ends):
            caught_up = False
            while True:
                if not caught_up and all([await consumer.position(place) >= end for place, end in ends.items()]):
                    caught_up = True
                    yield CAUGHT_UP
                for records in (await consumer.getmany(timeout_ms=_POLL_MS)).values():
                    for record in records:
                        yield _record(record)

    async def consume(self, group: str, topics: Sequence[str], handle: Handler, settle: Settle | None = None) -> None:
        """Run until cancelled. If `handle` or `settle` raises, or Faust ends by itself: `die`, then raise."""
        task = asyncio.current_task()
        self._consumers.add(task)
        try:
            await self._serve(group, topics, handle, settle)
        except asyncio.CancelledError:
            raise
        except BaseException as cause:
            self._die(cause)
            raise
        finally:
            self._consumers.discard(task)

    async def committed(self, group: str, topic: str) -> dict[int, int]:
        """Next offset to be handled by the group, for each partition that it ever committed."""

        async def ask() -> dict[int, int]:
            async with self._admin() as admin:
                offsets = await admin.list_consumer_group_offsets(group)
            return {
                place.partition: found.offset
                for place, found in offsets.items()
                if place.topic == topic and found.offset >= 0
            }

        return await self._patiently(ask)

    async def members(self, group: str) -> int:
        """How many processes consume in the group now; one that died counts until its session ends (`_SESSION_S`)."""

        async def ask() -> int:
            async with self._admin() as admin:
                [response] = await admin.describe_consumer_groups([group])
            [(code, _, _, _, _, members, *_)] = response.groups
            if code != 0:
                raise for_code(code)(group)
            return len(members)

        return await self._patiently(ask)

    # ---- Faust

    async def _serve(self, group: str, topics: Sequence[str], handle: Handler, settle: Settle | None) -> None:
        app = self._app(group)
        topic = app.topic(*topics, key_serializer="raw", value_serializer="raw")
        body = asyncio.create_task(self._run(app, app.stream(topic, enable_acks=False), handle, settle))
        service = asyncio.create_task(_keep_up(app))
        try:
            ended, _ = await asyncio.wait([body, service], return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()
            raise Unavailable("kafka: Faust stopped delivering") from app.crash_reason
        finally:
            body.cancel()
            await asyncio.gather(body, return_exceptions=True)
            await _until_settled(app)
            await app.stop()
            service.cancel()
            await asyncio.gather(service, return_exceptions=True)

    async def _run(self, app: faust.App, stream: Any, handle: Handler, settle: Settle | None) -> None:
        events = aiter(stream.events())
        unsettled: list[Any] = []
        ahead: asyncio.Task[Any] | None = None
        due = 0.0

        async def settled() -> None:
            if settle is not None:
                await settle()
            for event in unsettled:
                if event.message.generation_id == app.consumer_generation_id:
                    event.ack()
                else:
                    app.consumer.unacked.discard(event.message)
            unsettled.clear()

        try:
            while True:
                ahead = asyncio.ensure_future(_next(events))
                if unsettled:
                    await asyncio.wait({ahead}, timeout=max(0.0, due - time.monotonic()))
                    if not ahead.done():
                        await settled()
                event = await ahead
                if event is None:
                    return
                if not unsettled:
                    due = time.monotonic() + _GATHER_S
                await handle(_record(event.message))
                unsettled.append(event)
                if settle is None or len(unsettled) == SETTLE_AT_MOST or time.monotonic() >= due:
                    await settled()
        except asyncio.CancelledError:
            raise
        except BaseException as cause:
            self._die(cause)
            raise
        finally:
            if ahead is not None:
                ahead.cancel()
                await asyncio.gather(ahead, return_exceptions=True)
            app.consumer.unacked.clear()

    def _app(self, group: str) -> faust.App:
        if faust.streams._CStreamIterator is None:  # type: ignore[attr-defined] # private to Faust
            # The one in pure Python acknowledges what it skips during a rebalance, unhandled.
            raise RuntimeError("Faust lacks its compiled stream iterator: it would lose events")
        return _App(
            group,
            env={},
            broker=[f"kafka://{server}" for server in self._bootstrap.split(",")],
            broker_client_id=self._client_id,
            broker_credentials=None if self._tls is None else faust.SSLCredentials(self._tls),
            broker_commit_interval=_COMMIT_S,
            broker_heartbeat_interval=_HEARTBEAT_S,
            broker_session_timeout=_SESSION_S,
            broker_rebalance_timeout=_REBALANCE_S,
            consumer_auto_offset_reset="earliest",
            consumer_metadata_max_age_ms=int(_METADATA_S * 1000),
            processing_guarantee="at_least_once",
            stream_buffer_maxsize=_BUFFER,
            topic_allow_declare=False,
            topic_disable_leader=True,
            web_enabled=False,
            TableManager=_NoTables,
        )

    # ---- aiokafka

    async def _connect(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            client_id=self._client_id,
            acks="all",
            enable_idempotence=True,
            **self._security,
        )
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        return producer

    def _started(self) -> AIOKafkaProducer:
        if self._producer is None:
            raise Unavailable("kafka: not started")
        return self._producer

    @contextlib.asynccontextmanager
    async def _admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap, client_id=self._client_id, **self._security)
        try:
            await admin.start()
            yield admin
        finally:
            await admin.close()

    @contextlib.asynccontextmanager
    async def _reader(self, topic: str) -> AsyncIterator[tuple[AIOKafkaConsumer, dict[TopicPartition, int]]]:
        """A consumer without a group at the beginning of the topic, and the topic's ends."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            client_id=self._client_id,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            **self._security,
        )
        try:
            try:
                async with asyncio.timeout(self._patience_s):
                    await consumer.start()
                    partitions = await self._started().partitions_for(topic)
                    places = [TopicPartition(topic, partition) for partition in sorted(partitions)]
                    consumer.assign(places)
                    found = await consumer.end_offsets(places)
            except (KafkaError, TimeoutError) as error:
                raise Unavailable(f"kafka: {topic}: {error!r}") from error
            yield consumer, {place: found[place] for place in places}
        finally:
            await consumer.stop()

    async def _patiently(self, action: Callable[[], Awaitable[T]]) -> T:
        deadline = time.monotonic() + self._patience_s
        while True:
            try:
                async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                    return await action()
            except (KafkaError, TimeoutError) as error:
                if time.monotonic() + 0.2 > deadline:
                    raise Unavailable(f"kafka: {error!r}") from error
                await asyncio.sleep(0.2)


def _mutual(folder: Path) -> ssl.SSLContext:
    """Only brokers that this authority knows, and only as the user of this certificate."""
    context = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    context.load_cert_chain(folder / "user.crt", folder / "user.key")
    return context


async def _keep_up(app: faust.App) -> None:
    """Start the app, and fail when it fails."""
    await app.start()
    await app.wait_until_stopped()
    raise Unavailable(f"kafka: Faust crashed: {app.crash_reason!r}") from app.crash_reason


async def _next(events: AsyncIterator[Any]) -> Any:
    return await anext(events, None)


async def _until_settled(app: faust.App) -> None:
    """Wait a moment for a rebalance to end: who stops while it joins stays in the group, as a ghost, for `_SESSION_S`."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_SETTLE_S):
            while app.rebalancing and not app.should_stop:  # noqa: ASYNC110 - Faust offers no event for it
                await asyncio.sleep(0.02)


def _record(raw: Any) -> Record:
    """From aiokafka's record or Faust's message. Foreign bytes that are not UTF-8 survive a round trip through the text."""
    headers: Iterable[tuple[str, bytes]] = raw.headers or ()
    return Record(
        raw.topic,
        raw.partition,
        raw.offset,
        (raw.key or b"").decode(errors=_ERRORS),
        raw.value or b"",
        {name: value.decode(errors=_ERRORS) for name, value in headers},
    )
