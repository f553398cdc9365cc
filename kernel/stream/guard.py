"""What stands between an engine and a handler: quarantine for bad input, patience with the infrastructure, death for the rest."""

import asyncio
import itertools
import random
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping

import structlog

from kernel import metrics
from kernel.errors import BadInput, Conflict, Unavailable
from kernel.stream.port import Handler, Message, Position, Record, Stream

QUARANTINE_SUFFIX = ".cuarentena"
REASON, DETAIL, ORIGIN, GROUP = "cuarentena_motivo", "cuarentena_detalle", "cuarentena_origen", "cuarentena_grupo"
"""Headers that the guard adds to what it sets aside."""
SENT_AGAIN, ACCEPTED = "cuarentena_reenviado", "cuarentena_aceptado"
"""Headers of a mark: the origin for which an operator has answered, by sending it again or by leaving it aside for good."""
ANSWERS = (SENT_AGAIN, ACCEPTED)
_FOREIGN = re.compile(r"(?:ajeno_)*cuarentena_")

_WHAT_TO_DO = (
    "apoyo quarantine list --grupo <group> shows them. Ours: correct the service, start it, then apoyo quarantine redrive. Theirs: "
    "apoyo quarantine accept leaves them aside for good, and the service goes on when it is started."
)

_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 5.0

_log = structlog.get_logger(__name__)


class TooMuchBadInput(Exception):
    """So many events in a row cannot be read that the fault is likely ours: an operator must look before more is set aside."""


class Aside:
    """Origins of what a group has set aside without a good event in between; `limit`: how many at most.

    `known`: all that need not be set aside when they come again (whoever did so died before it committed), and whether they count:
    those for which an operator has answered do not.
    """

    def __init__(self, group: str, limit: int) -> None:
        self.group = group
        self.limit = limit
        self.origins: set[str] = set()
        self.known: dict[str, bool] = {}
        self._show()

    @property
    def full(self) -> bool:
        """Whether the next bad event stops the consumer."""
        return len(self.origins) >= self.limit

    def add(self, where: str) -> None:
        """One more, or one of those known."""
        if self.known.setdefault(where, True):
            self.origins.add(where)
            self._show()

    def clear(self) -> None:
        """A good event."""
        if self.origins:
            self.origins.clear()
            self._show()

    def _show(self) -> None:
        metrics.QUARANTINED_IN_A_ROW.labels(self.group).set(len(self.origins))


async def set_aside_before(stream: Stream, group: str, topics: Iterable[str], limit: int) -> Aside:
    """What earlier processes of the group left: of each partition, the origins that no good event follows. Raises Unavailable.

    Those for which an operator has answered (`apoyo quarantine redrive`, `accept`) count as good.
    """
    aside = Aside(group, limit)
    for topic in topics:
        committed = await stream.committed(group, topic)
        found: dict[int, set[int]] = {}
        answered: set[str] = set()
        async for record in stream.read(topic + QUARANTINE_SUFFIX):
            answered |= {record.headers[mark] for mark in ANSWERS if mark in record.headers}
            if record.headers.get(GROUP) == group and (place := place_of(record.headers.get(ORIGIN, ""), topic)):
                found.setdefault(place[0], set()).add(place[1])
        for partition, offsets in found.items():
            done = committed.get(partition, 0)
            places = {offset: f"{topic}/{partition}/{offset}" for offset in offsets}
            aside.known |= {where: where not in answered for offset, where in places.items() if offset >= done}
            last = max(offsets)
            if last + 1 < done:
                continue
            for offset in itertools.takewhile(offsets.__contains__, itertools.count(last, -1)):
                if places[offset] in answered:
                    break
                aside.add(places[offset])
    if aside.full:
        _log.error("quarantine_full", group=group, in_a_row=len(aside.origins), limit=limit, what_to_do=_WHAT_TO_DO)
    return aside


def guarded(
    handle: Handler,
    publish: Callable[[Message], Awaitable[Position]],
    *,
    aside: Aside,
    budget_s: float = 30.0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    jitter: Callable[[], float] = random.random,
) -> Handler:
    """`handle` for `consume`, with every error given to who must act.

    BadInput: the original bytes go to `<topic>.cuarentena`, and the event counts as handled; once `aside` is full without a
    good one in between, TooMuchBadInput. Unavailable and Conflict, of `handle` and of that publish: again, with growing
    pauses, until `budget_s` seconds have passed, then raised. Anything else: raised at once. What is raised ends the process
    before the offset is committed.

    `clock` in seconds; `jitter` from 0 to 1 shortens each pause, to half of it at most.
    """
    group = aside.group
    one_by_one = asyncio.Lock()

    async def set_aside(record: Record, bad: BadInput) -> None:
        where = origin(record)
        if where in aside.known:
            aside.add(where)
            return
        if aside.full:
            said = {"group": group, "limit": aside.limit, "origin": where, "reason": bad.reason}
            _log.critical("quarantine_limit_reached", **said, what_to_do=_WHAT_TO_DO)
            raise TooMuchBadInput(f"{aside.limit} in a row, then {where}: {bad.reason}") from bad
        await publish(_quarantined(record, bad, group))
        aside.add(where)
        metrics.EVENTS_QUARANTINED.labels(record.topic).inc()
        _log.warning("event_quarantined", origin=where, reason=bad.reason, group=group)

    async def attempt(record: Record) -> None:
        try:
            await handle(record)
        except BadInput as bad:
            async with one_by_one:  # of events handled at once (`PerKey`), no more than the limit
                await set_aside(record, bad)
        else:
            aside.clear()

    async def guard(record: Record) -> None:
        deadline = clock() + budget_s
        pause = _FIRST_PAUSE_S
        while True:
            try:
                return await attempt(record)
            except (Unavailable, Conflict) as error:
                wait = pause * (1 - jitter() / 2)
                if clock() + wait > deadline:
                    raise
                _log.info("event_retried", origin=origin(record), error=str(error), wait_s=round(wait, 3), group=group)
                await sleep(wait)
                pause = min(pause * 2, _LONGEST_PAUSE_S)

    return guard


def _quarantined(record: Record, bad: BadInput, group: str) -> Message:
    """The same origin for the same record: who reads the quarantine tells repetitions by it."""
    return Message(
        topic=record.topic + QUARANTINE_SUFFIX,
        key=record.key,
        value=record.value,
        headers={
            # Ours say what came of the event: those of others that look like them get a name of their own.
            **{f"ajeno_{name}" if _FOREIGN.match(name) else name: value for name, value in record.headers.items()},
            REASON: bad.reason,
            DETAIL: bad.detail,
            ORIGIN: origin(record),
            GROUP: group,
        },
    )


def origin(record: Record) -> str:
    """Where a record lies, in words: what its copy in quarantine names."""
    return f"{record.topic}/{record.partition}/{record.offset}"


def original_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers of the original of what was set aside."""
    return {
        name.removeprefix("ajeno_") if _FOREIGN.match(name) else name: value
        for name, value in headers.items()
        if name not in (REASON, DETAIL, ORIGIN, GROUP)
    }


def place_of(origin: str, topic: str) -> tuple[int, int] | None:
    """Partition and offset of an origin of that topic; None when it is no such thing."""
    found = re.fullmatch(re.escape(topic) + r"/([0-9]{1,9})/([0-9]{1,18})", origin)
    return (int(found[1]), int(found[2])) if found else None
