"""What stands between an engine and a handler: quarantine for bad input, patience with the infrastructure, death for the rest."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

import structlog

from kernel.errors import BadInput, Conflict, Unavailable
from kernel.stream.port import Handler, Message, Position, Record

QUARANTINE_SUFFIX = ".cuarentena"

_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 5.0

_log = structlog.get_logger(__name__)


class TooMuchBadInput(Exception):
    """So many events in a row cannot be read that the fault is likely ours: an operator must look before more is set aside."""


def guarded(
    handle: Handler,
    publish: Callable[[Message], Awaitable[Position]],
    *,
    group: str,
    budget_s: float = 30.0,
    limit: int = 100,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    jitter: Callable[[], float] = random.random,
) -> Handler:
    """`handle` for `consume`, with every error given to who must act.

    BadInput: the original bytes go to `<topic>.cuarentena`, and the event counts as handled; after `limit` of them without a
    good one in between, TooMuchBadInput. Unavailable and Conflict, of `handle` and of that publish: again, with growing
    pauses, until `budget_s` seconds have passed, then raised. Anything else: raised at once. What is raised ends the process
    before the offset is committed.

    `clock` in seconds; `jitter` from 0 to 1 shortens each pause, to half of it at most.
    """
    bad_in_a_row = 0

    async def attempt(record: Record) -> None:
        nonlocal bad_in_a_row
        try:
            await handle(record)
        except BadInput as bad:
            if bad_in_a_row >= limit:
                raise TooMuchBadInput(f"{limit} in a row, then {origin(record)}: {bad.reason}") from bad
            await publish(_quarantined(record, bad, group))
            bad_in_a_row += 1
            _log.warning("event_quarantined", origin=origin(record), reason=bad.reason, group=group)
        else:
            bad_in_a_row = 0

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
            **record.headers,
            "cuarentena_motivo": bad.reason,
            "cuarentena_detalle": bad.detail,
            "cuarentena_origen": origin(record),
            "cuarentena_grupo": group,
        },
    )


def origin(record: Record) -> str:
    """Where a record lies, in words: what its copy in quarantine names."""
    return f"{record.topic}/{record.partition}/{record.offset}"
