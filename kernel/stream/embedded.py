"""The log in one SQLite file, shared by the processes of one machine; or in memory, for one process and the simulation.

Durability: records are committed with `synchronous=FULL`, one fsync for all that a process publishes at the same time.
Offsets and leases are committed without their own fsync: losing the newest of them in a power failure costs a redelivery.

Groups: a member is a row with a heartbeat; each partition of a group has at most one owner. Whatever changes who should own
what raises the group's generation; a member that sees it change commits what it handled, gives back what it should no longer
have, and takes what is free. A commit is accepted only from the owner, so that a member taken for dead can do no harm: its
commit is refused, it drops the records it had fetched, and joins again.
"""

import asyncio
import contextlib
import json
import queue
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

from kernel.errors import Unavailable
from kernel.stream.crash import Die, die
from kernel.stream.murmur import partition_of
from kernel.stream.port import CAUGHT_UP, SETTLE_AT_MOST, Handler, Mark, Message, Position, Record, Settle, TopicSpec

T = TypeVar("T")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS partitions (
    id INTEGER PRIMARY KEY, topic TEXT NOT NULL, partition INTEGER NOT NULL, next INTEGER NOT NULL DEFAULT 0,
    UNIQUE (topic, partition));
CREATE TABLE IF NOT EXISTS records (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, value BLOB NOT NULL, headers TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS generations (grp TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS members (
    id INTEGER PRIMARY KEY AUTOINCREMENT, grp TEXT NOT NULL, topics TEXT NOT NULL, beat REAL NOT NULL);
CREATE TABLE IF NOT EXISTS positions (
    grp TEXT NOT NULL, partition_id INTEGER NOT NULL, next INTEGER, owner INTEGER,
    PRIMARY KEY (grp, partition_id)) WITHOUT ROWID;
"""

# A record's id is its partition's id and its offset, so that a partition is contiguous in the file without a second index.
_OFFSETS = 1 << 40

# How often a process looks whether another one wrote: often after news, then less and less, so that idling costs nothing.
_POLL_S = (0.005, 0.05)
_POLL_GROWTH = 1.1
_COMMIT_S = 0.1  # how long handled offsets may wait for the rest of their batch
_GATHER_S = 0.25  # pause between settlements, so that what comes meanwhile is settled together
_BATCH = 256  # records fetched at once

_Transaction = Callable[[sqlite3.Connection], T]


class _Mode(IntEnum):
    """What a transaction needs; of several that run as one, the highest."""

    READ = 0
    OFFSETS = 1  # a write that nobody waits for
    WRITE = 2
    FSYNC = 3


@dataclass(slots=True)
class _Job:
    """A piece of a transaction, and what came of it."""

    run: _Transaction[Any]
    mode: _Mode
    future: asyncio.Future[None] | None = None
    result: Any = None
    error: Exception | None = None


@dataclass(eq=False, slots=True)
class _Waiter:
    """Who waits for records of these topics, or for a change in that group. `news`: set when there may be some."""

    topics: frozenset[str]
    group: str | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)


_SUMS = """
SELECT 'topic', topic, sum(next) FROM partitions WHERE topic IN (SELECT value FROM json_each(?)) GROUP BY topic
UNION ALL SELECT 'group', grp, number FROM generations WHERE grp IN (SELECT value FROM json_each(?))
"""


class _Database:
    """The connection. Only one thread may use it."""

    def __init__(self, path: Path | None, patience_s: float) -> None:
        self._patience_s = patience_s
        self._connection = sqlite3.connect(
            ":memory:" if path is None else path, timeout=1.0, isolation_level=None, check_same_thread=False
        )
        self._version = 0
        self._seen: set[tuple[str, str, int]] = set()
        # Two processes that create the file at once: SQLite does not wait for the lock here by itself.
        self._patiently(lambda: self._connection.executescript(f"PRAGMA journal_mode=WAL; {_SCHEMA}"))

    def close(self) -> None:
        self._connection.close()

    def execute(self, jobs: Sequence[_Job]) -> None:
        """Run the jobs as one transaction. A job that raises undoes itself alone."""
        try:
            self._patiently(lambda: self._transact(jobs))
        except sqlite3.Error as error:
            for job in jobs:
                job.error = Unavailable(f"embedded log: {error}")

    def news(self, waiters: Sequence[_Waiter], *, wrote: bool) -> list[_Waiter]:
        """Those for whom something may have come since it last said so. `wrote`: this connection itself may have."""
        try:
            # Tells of other connections' commits only, and much more cheaply than a query.
            (version,) = self._connection.execute("PRAGMA data_version").fetchone()
            if version == self._version and not wrote:
                return []
            topics = sorted({topic for waiter in waiters for topic in waiter.topics})
            groups = [waiter.group for waiter in waiters if waiter.group is not None]
            seen = set(self._connection.execute(_SUMS, (json.dumps(topics), json.dumps(groups))).fetchall())
        except sqlite3.OperationalError:
            return []
        changed = {(kind, name) for kind, name, _ in seen - self._seen}
        self._version, self._seen = version, seen
        return [
            waiter
            for waiter in waiters
            if any(name in waiter.topics if kind == "topic" else name == waiter.group for kind, name in changed)
        ]

    def _transact(self, jobs: Sequence[_Job]) -> None:
        connection = self._connection
        mode = max(job.mode for job in jobs)
        if mode is not _Mode.READ:
            connection.execute(f"PRAGMA synchronous={'FULL' if mode is _Mode.FSYNC else 'NORMAL'}")
        connection.execute("BEGIN" if mode is _Mode.READ else "BEGIN IMMEDIATE")
        try:
            for job in jobs:
                connection.execute("SAVEPOINT job")
                job.error = None
                try:
                    job.result = job.run(connection)
                except sqlite3.OperationalError:
                    raise
                except Exception as error:
                    job.error = error
                    connection.execute("ROLLBACK TO job")
                connection.execute("RELEASE job")
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise

    def _patiently(self, action: Callable[[], object]) -> None:
        deadline = time.monotonic() + self._patience_s
        while True:
            try:
                action()
                return
            except sqlite3.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)


class _Span(NamedTuple):
    """A stretch of a partition, from offset `start` to before `end`."""

    identifier: int
    topic: str
    partition: int
    start: int
    end: int


@dataclass(slots=True)
class _Membership:
    """What a member knows of itself. By partition id: next to fetch of those it owns; settled and not yet committed."""

    group: str
    topics: tuple[str, ...]
    id: int = 0
    generation: int = -1
    positions: dict[int, int] = field(default_factory=dict)
    settled: dict[int, int] = field(default_factory=dict)


class EmbeddedLog:
    """A `Stream` in the SQLite file `path`, made if missing (its folder must exist); in memory if `path` is None.

    `lease_s`: a member whose heartbeat is older is taken for dead. `patience_s`: how long a locked or failing file is tried
    before Unavailable. `clock`: seconds, the same for all processes of the file; the simulation gives its own. In memory
    everything runs inside the caller's loop, without threads, so that a seeded scheduler decides all that happens; `stop`
    forgets the records.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        lease_s: float = 6.0,
        patience_s: float = 10.0,
        clock: Callable[[], float] = time.time,
        die: Die = die,
    ) -> None:
        self._path = path
        self._lease_s = lease_s
        self._patience_s = patience_s
        self._clock = clock
        self._die = die
        self._database: _Database | None = None
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._waiters: tuple[_Waiter, ...] = ()  # replaced, never changed: the thread reads it too
        self._consumers: set[asyncio.Task[Any] | None] = set()

    # ---- Stream

    async def start(self) -> None:
        """Open the file. Raises Unavailable if it cannot be opened, or stays locked for `patience_s`."""
        if self._database is not None:
            return
        try:
            self._database = await asyncio.to_thread(_Database, self._path, self._patience_s)
        except sqlite3.Error as error:
            raise Unavailable(f"embedded log: {error}") from error
        if self._path is not None:
            self._thread = threading.Thread(
                target=self._work, args=(self._database, asyncio.get_running_loop()), name="embedded-log", daemon=True
            )
            self._thread.start()

    async def stop(self) -> None:
        """Cancel the tasks that are in `consume`, wait until they have left their groups, and close."""
        consumers = [task for task in self._consumers if task is not None and task is not asyncio.current_task()]
        for task in consumers:
            task.cancel()
        await asyncio.gather(*consumers, return_exceptions=True)
        database, self._database = self._database, None
        if database is None:
            return
        if self._thread is not None:
            self._jobs.put(None)
            await asyncio.to_thread(self._thread.join)
            self._thread = None
        database.close()

    async def create_topics(self, specs: Sequence[TopicSpec]) -> None:
        """Create those that do not exist; groups that wait for one of them begin to read it."""

        def create(connection: sqlite3.Connection) -> None:
            made = 0
            for spec in specs:
                if connection.execute("SELECT 1 FROM partitions WHERE topic = ?", (spec.name,)).fetchone() is None:
                    made += connection.executemany(
                        "INSERT INTO partitions (topic, partition) VALUES (?, ?)",
                        [(spec.name, partition) for partition in range(spec.partitions)],
                    ).rowcount
            if made:
                connection.execute("UPDATE generations SET number = number + 1")

        await self._run(create, _Mode.FSYNC)

    async def publish(self, message: Message) -> Position:
        """Append and fsync. Raises Unavailable if the topic does not exist, or after `patience_s`."""
        headers = json.dumps(dict(message.headers))

        def append(connection: sqlite3.Connection) -> Position:
            partitions = _partitions(connection, message.topic)
            partition = partition_of(message.key, len(partitions))
            identifier, offset = partitions[partition]
            connection.execute("UPDATE partitions SET next = next + 1 WHERE id = ?", (identifier,))
            connection.execute(
                "INSERT INTO records VALUES (?, ?, ?, ?)",
                (identifier * _OFFSETS + offset, message.key, message.value, headers),
            )
            return Position(message.topic, partition, offset)

        return await self._run(append, _Mode.FSYNC)

    async def ends(self, topic: str) -> dict[int, int]:
        """Next offset of each partition. Raises Unavailable if the topic does not exist."""
        partitions = await self._run(partial(_partitions, topic=topic), _Mode.READ)
        return {partition: end for partition, (_, end) in partitions.items()}

    async def read(self, topic: str, start: Mapping[int, int] | None = None) -> AsyncIterator[Record]:
        """Every record from `start` (a partition not in it: from 0) to the ends as they are now, partition by partition."""
        partitions = await self._run(partial(_partitions, topic=topic), _Mode.READ)
        for partition, (identifier, end) in partitions.items():
            for first in range((start or {}).get(partition, 0), end, _BATCH):
                span = _Span(identifier, topic, partition, first, min(end, first + _BATCH))
                for _, record in await self._run(partial(_records, span=span), _Mode.READ):
                    yield record

    async def tail(self, topic: str) -> AsyncIterator[Record | Literal[Mark.CAUGHT_UP]]:
        """Every record from the beginning, `CAUGHT_UP` once at the end as it was, then what comes, until cancelled."""
        ends = await self.ends(topic)
        positions = dict.fromkeys(ends, 0)

        def fetch(connection: sqlite3.Connection) -> list[tuple[int, Record]]:
            return [
                found
                for partition, (identifier, end) in _partitions(connection, topic).items()
                for found in _records(
                    connection,
                    _Span(identifier, topic, partition, positions[partition], min(end, positions[partition] + _BATCH)),
                )
            ]

        caught_up = False
        with self._waiting(_Waiter(frozenset({topic}))) as waiter:
            while True:
                if not caught_up and all(positions[partition] >= end for partition, end in ends.items()):
                    caught_up = True
                    yield CAUGHT_UP
                waiter.news.clear()
                batch = await self._run(fetch, _Mode.READ)
                for _, record in batch:
                    positions[record.partition] = record.offset + 1
                    yield record
                if not batch:
                    await waiter.news.wait()

    async def consume(self, group: str, topics: Sequence[str], handle: Handler, settle: Settle | None = None) -> None:
        """Run until cancelled. If `handle` or `settle` raises, or the file fails for longer than `patience_s`: `die`, then raise.

        After a failure nothing is committed and the group is not left, as if the process had been killed: with a `die` that
        returns, the event comes again once the lease has run out.
        """
        task = asyncio.current_task()
        self._consumers.add(task)
        member = _Membership(group, tuple(topics))
        heart = asyncio.create_task(self._beat(member))
        try:
            with self._waiting(_Waiter(frozenset(topics), group)) as waiter:
                await self._serve(member, handle, settle, waiter)
        except asyncio.CancelledError:
            with contextlib.suppress(Unavailable):
                await self._run(partial(self._leave, member=member), _Mode.WRITE)
            raise
        except BaseException as cause:
            self._die(cause)
            raise
        finally:
            heart.cancel()
            self._consumers.discard(task)

    async def committed(self, group: str, topic: str) -> dict[int, int]:
        """Next offset to be handled by the group, for each partition that it ever committed."""

        def select(connection: sqlite3.Connection) -> dict[int, int]:
            return dict(
                connection.execute(
                    "SELECT partition, positions.next FROM positions JOIN partitions ON partitions.id = partition_id"
                    " WHERE grp = ? AND topic = ? AND positions.next IS NOT NULL ORDER BY partition",
                    (group, topic),
                ).fetchall()
            )

        return await self._run(select, _Mode.READ)

    async def members(self, group: str) -> int:
        """How many processes consume in the group now: those whose lease has not run out."""

        def count(connection: sqlite3.Connection) -> int:
            (number,) = connection.execute(
                "SELECT count(*) FROM members WHERE grp = ? AND beat >= ?", (group, self._clock() - self._lease_s)
            ).fetchone()
            return int(number)

        return await self._run(count, _Mode.READ)

    # ---- groups

    async def _serve(self, member: _Membership, handle: Handler, settle: Settle | None, waiter: _Waiter) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            waiter.news.clear()
            batch = await self._run(partial(_fetch, member=member), _Mode.READ)
            if batch is None:
                await self._run(partial(self._join, member=member), _Mode.WRITE)
                continue
            due = clock() + _COMMIT_S
            unsettled = 0
            for number, (identifier, record) in enumerate(batch, 1):
                await handle(record)
                member.positions[identifier] = record.offset + 1
                unsettled += 1
                late = clock() >= due
                if settle is None or late or unsettled == SETTLE_AT_MOST or number == len(batch):
                    if settle is not None:
                        await settle()
                    member.settled |= {of: member.positions[of] for of, _ in batch[number - unsettled : number]}
                    unsettled = 0
                if late:
                    if not await self._commit(member):
                        break
                    due = clock() + _COMMIT_S
            if member.settled:
                await self._commit(member)
            if not batch:
                await waiter.news.wait()
            elif settle is not None and len(batch) < SETTLE_AT_MOST:
                await asyncio.sleep(_GATHER_S)

    async def _commit(self, member: _Membership) -> bool:
        unchanged = await self._run(partial(_commit, member=member), _Mode.OFFSETS)
        member.settled.clear()
        return unchanged

    async def _beat(self, member: _Membership) -> None:
        while True:
            await asyncio.sleep(self._lease_s / 4)
            # A heartbeat that could not be written is a heartbeat missed: the lease decides.
            with contextlib.suppress(Unavailable):
                await self._run(partial(self._renew, member=member), _Mode.WRITE)

    def _renew(self, connection: sqlite3.Connection, member: _Membership) -> None:
        connection.execute("UPDATE members SET beat = ? WHERE id = ?", (self._clock(), member.id))
        self._bury(connection, member.group)

    def _bury(self, connection: sqlite3.Connection, group: str) -> None:
        """Remove from the group those whose lease has run out."""
        dead = connection.execute(
            "DELETE FROM members WHERE grp = ? AND beat < ? RETURNING id", (group, self._clock() - self._lease_s)
        ).fetchall()
        for (identifier,) in dead:
            connection.execute("UPDATE positions SET owner = NULL WHERE grp = ? AND owner = ?", (group, identifier))
        if dead:
            _next_generation(connection, group)

    def _leave(self, connection: sqlite3.Connection, member: _Membership) -> None:
        _commit(connection, member)
        connection.execute("DELETE FROM members WHERE id = ?", (member.id,))
        connection.execute("UPDATE positions SET owner = NULL WHERE grp = ? AND owner = ?", (member.group, member.id))
        _next_generation(connection, member.group)

    def _join(self, connection: sqlite3.Connection, member: _Membership) -> None:
        """Be in the group, give back what is no longer ours, take what is ours and free."""
        self._bury(connection, member.group)
        if connection.execute("SELECT 1 FROM members WHERE id = ?", (member.id,)).fetchone() is None:
            (member.id,) = connection.execute(
                "INSERT INTO members (grp, topics, beat) VALUES (?, ?, ?) RETURNING id",
                (member.group, json.dumps(member.topics), self._clock()),
            ).fetchone()
            _next_generation(connection, member.group)
        mine = _assignment(connection, member)
        owned = {
            identifier
            for (identifier,) in connection.execute(
                "SELECT partition_id FROM positions WHERE grp = ? AND owner = ?", (member.group, member.id)
            )
        }
        for identifier in owned - mine:
            connection.execute(
                "UPDATE positions SET owner = NULL WHERE grp = ? AND partition_id = ?", (member.group, identifier)
            )
        if owned - mine:
            _next_generation(connection, member.group)  # wakes who waits for them
        connection.executemany(
            "INSERT INTO positions (grp, partition_id, owner) VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET owner = excluded.owner WHERE owner IS NULL",
            [(member.group, identifier, member.id) for identifier in mine],
        )
        member.positions = dict(
            connection.execute(
                "SELECT partition_id, coalesce(next, 0) FROM positions WHERE grp = ? AND owner = ?",
                (member.group, member.id),
            ).fetchall()
        )
        member.generation = _generation(connection, member.group)

    # ---- running jobs

    async def _run(self, job: _Transaction[T], mode: _Mode) -> T:
        """Run `job` in a transaction. It may run more than once. Raises what it raises, or Unavailable."""
        if self._database is None:
            raise Unavailable("embedded log: not started")
        work = _Job(job, mode)
        if self._thread is None:
            await asyncio.sleep(0)  # a point where others may run, as with any engine
            self._database.execute([work])
            if mode > _Mode.OFFSETS:
                _wake(self._database.news(self._waiters, wrote=True))
        else:
            work.future = asyncio.get_running_loop().create_future()
            self._jobs.put(work)
            await work.future
        if work.error is not None:
            raise work.error
        result: T = work.result
        return result

    @contextlib.contextmanager
    def _waiting(self, waiter: _Waiter) -> Iterator[_Waiter]:
        self._waiters = (*self._waiters, waiter)
        try:
            yield waiter
        finally:
            self._waiters = tuple(other for other in self._waiters if other is not waiter)

    def _work(self, database: _Database, loop: asyncio.AbstractEventLoop) -> None:
        """The thread: all jobs that wait become one transaction; in between, look for what other processes wrote."""
        look_at = 0.0
        pause, longest = _POLL_S
        stopping = False
        while not stopping:
            jobs = self._collect(pause)
            stopping = None in jobs
            work = [job for job in jobs if job is not None]
            if work:
                database.execute(work)
                loop.call_soon_threadsafe(_resolve, work)
            wrote = any(job.mode > _Mode.OFFSETS for job in work)
            if wrote or time.monotonic() >= look_at:
                if woken := database.news(self._waiters, wrote=wrote):
                    pause = _POLL_S[0]
                    loop.call_soon_threadsafe(_wake, woken)
                else:
                    pause = min(longest, pause * _POLL_GROWTH)
                look_at = time.monotonic() + pause

    def _collect(self, wait_s: float) -> list[_Job | None]:
        """The jobs that wait; the first is waited for."""
        jobs: list[_Job | None] = []
        with contextlib.suppress(queue.Empty):
            jobs.append(self._jobs.get(timeout=wait_s))
            while len(jobs) < _BATCH:
                jobs.append(self._jobs.get_nowait())
        return jobs


def _resolve(jobs: Iterable[_Job]) -> None:
    for job in jobs:
        if job.future is not None and not job.future.done():
            job.future.set_result(None)


def _wake(waiters: Iterable[_Waiter]) -> None:
    for waiter in waiters:
        waiter.news.set()


# ---- pieces of transactions


def _partitions(connection: sqlite3.Connection, topic: str) -> dict[int, tuple[int, int]]:
    """Id and next offset of each partition of the topic. Raises Unavailable if it does not exist."""
    rows = connection.execute(
        "SELECT partition, id, next FROM partitions WHERE topic = ? ORDER BY 1", (topic,)
    ).fetchall()
    if not rows:
        raise Unavailable(f"no such topic: {topic}")
    return {partition: (identifier, end) for partition, identifier, end in rows}


def _records(connection: sqlite3.Connection, span: _Span) -> list[tuple[int, Record]]:
    """The records of the span, each with its partition's id."""
    base = span.identifier * _OFFSETS
    rows = connection.execute(
        "SELECT id, key, value, headers FROM records WHERE id >= ? AND id < ? ORDER BY id",
        (base + span.start, base + span.end),
    )
    return [
        (span.identifier, Record(span.topic, span.partition, identifier - base, key, value, json.loads(headers)))
        for identifier, key, value, headers in rows
    ]


def _fetch(connection: sqlite3.Connection, member: _Membership) -> list[tuple[int, Record]] | None:
    """What the member may handle next, some of each partition; None if the group changed."""
    if _generation(connection, member.group) != member.generation:
        return None
    rows = connection.execute("SELECT id, topic, partition, next FROM partitions").fetchall()
    waiting = [row for row in rows if row[3] > member.positions.get(row[0], row[3])]
    share = max(1, _BATCH // max(1, len(waiting)))
    batch: list[tuple[int, Record]] = []
    for identifier, topic, partition, end in waiting:
        start = member.positions[identifier]
        batch += _records(connection, _Span(identifier, topic, partition, start, min(end, start + share)))
    return batch


def _commit(connection: sqlite3.Connection, member: _Membership) -> bool:
    """Commit what the member settled, where it is still the owner. False if the group changed."""
    connection.executemany(
        "UPDATE positions SET next = ? WHERE grp = ? AND partition_id = ? AND owner = ?",
        [(position, member.group, identifier, member.id) for identifier, position in member.settled.items()],
    )
    return _generation(connection, member.group) == member.generation


def _generation(connection: sqlite3.Connection, group: str) -> int:
    row = connection.execute("SELECT number FROM generations WHERE grp = ?", (group,)).fetchone()
    return 0 if row is None else int(row[0])


def _next_generation(connection: sqlite3.Connection, group: str) -> None:
    connection.execute("INSERT INTO generations VALUES (?, 1) ON CONFLICT DO UPDATE SET number = number + 1", (group,))


def _assignment(connection: sqlite3.Connection, member: _Membership) -> set[int]:
    """Ids of the partitions that should be the member's: dealt in turn, members and partitions in order."""
    members = [
        (identifier, set(json.loads(topics)))
        for identifier, topics in connection.execute(
            "SELECT id, topics FROM members WHERE grp = ? ORDER BY id", (member.group,)
        )
    ]
    mine: set[int] = set()
    for turn, (identifier, topic) in enumerate(
        connection.execute("SELECT id, topic FROM partitions ORDER BY topic, partition").fetchall()
    ):
        readers = [reader for reader, topics in members if topic in topics]
        if readers and readers[turn % len(readers)] == member.id:
            mine.add(identifier)
    return mine
