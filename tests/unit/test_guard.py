"""The guard gives every error of a handler to who must act."""

import dataclasses
from collections.abc import Awaitable, Callable

import pytest
import structlog
from prometheus_client import REGISTRY

from kernel.errors import BadInput, Conflict, Unavailable
from kernel.stream import Message, Position, Record
from kernel.stream.guard import Aside, TooMuchBadInput, guarded, original_headers

RECORD = Record("facts", 3, 42, "key", b"\x00not json", {"ce_id": "1"})


def at(offset: int) -> Record:
    """A record at that offset."""
    return dataclasses.replace(RECORD, offset=offset)


class World:
    """A clock that moves when slept, and a log that remembers what was published."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []
        self.published: list[Message] = []
        self.failures_of_publish: list[Exception] = []
        self.aside = Aside("readers", 100)

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    async def publish(self, message: Message) -> Position:
        if self.failures_of_publish:
            raise self.failures_of_publish.pop(0)
        self.published.append(message)
        return Position(message.topic, 0, len(self.published) - 1)

    def guard(
        self, handle: Callable[[Record], Awaitable[None]], *, limit: int = 100, jitter: float = 0.0
    ) -> Callable[[Record], Awaitable[None]]:
        self.aside.limit = limit
        return guarded(
            handle,
            self.publish,
            aside=self.aside,
            budget_s=30,
            clock=lambda: self.now,
            sleep=self.sleep,
            jitter=lambda: jitter,
        )


class Handler:
    """Raises what it is told to, one after the other, then succeeds."""

    def __init__(self, *outcomes: Exception | None, forever: Exception | None = None) -> None:
        self.outcomes = list(outcomes)
        self.forever = forever
        self.calls = 0

    async def __call__(self, record: Record) -> None:
        self.calls += 1
        outcome = self.outcomes.pop(0) if self.outcomes else self.forever
        if outcome is not None:
            raise outcome


@pytest.fixture
def world() -> World:
    return World()


async def test_a_good_event_is_handled_once(world: World) -> None:
    handler = Handler()
    await world.guard(handler)(RECORD)
    assert (handler.calls, world.published, world.pauses) == (1, [], [])


async def test_bad_input_goes_to_quarantine_as_it_came_with_its_reason(world: World) -> None:
    await world.guard(Handler(BadInput("json_invalido", "line 1")))(RECORD)
    assert world.published == [
        Message(
            "facts.cuarentena",
            "key",
            b"\x00not json",
            {
                "ce_id": "1",
                "cuarentena_motivo": "json_invalido",
                "cuarentena_detalle": "line 1",
                "cuarentena_origen": "facts/3/42",
                "cuarentena_grupo": "readers",
            },
        )
    ]


async def test_a_record_quarantined_in_two_lives_has_the_same_origin_and_in_one_life_it_is_once(world: World) -> None:
    for _ in range(2):
        world.aside = Aside("readers", 100)
        guard = world.guard(Handler(forever=BadInput("x")))
        await guard(RECORD)
        await guard(RECORD)
    one, other = world.published
    assert one == other


async def test_headers_that_look_like_ours_get_another_name_and_get_theirs_back(world: World) -> None:
    theirs = {
        "cuarentena_reenviado": "facts/0/0",
        "cuarentena_origen": "x",
        "ajeno_cuarentena_grupo": "y",
        "ajeno": "z",
        "cuarentena_nuevo": "w",
    }
    await world.guard(Handler(BadInput("x")))(dataclasses.replace(RECORD, headers=theirs))
    [message] = world.published
    assert {name for name in message.headers if name.startswith("cuarentena_")} == {
        f"cuarentena_{name}" for name in ("motivo", "detalle", "origen", "grupo")
    }
    assert message.headers["cuarentena_origen"] == "facts/3/42"
    assert original_headers(message.headers) == theirs


@pytest.mark.parametrize("error", [Unavailable("mongo"), Conflict("version")])
async def test_infrastructure_and_conflicts_are_tried_again(world: World, error: Exception) -> None:
    handler = Handler(error, error)
    await world.guard(handler)(RECORD)
    assert handler.calls == 3
    assert world.pauses == [0.05, 0.1]


async def test_pauses_grow_to_five_seconds_and_end_within_the_budget_with_the_error_raised(world: World) -> None:
    with pytest.raises(Unavailable, match="mongo"):
        await world.guard(Handler(forever=Unavailable("mongo")))(RECORD)
    assert max(world.pauses) == 5.0
    assert 20 < world.now <= 30
    assert world.published == []


async def test_jitter_shortens_a_pause_to_half_at_most(world: World) -> None:
    await world.guard(Handler(Unavailable("mongo")), jitter=1.0)(RECORD)
    assert world.pauses == [0.025]


async def test_any_other_error_is_raised_at_once(world: World) -> None:
    handler = Handler(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        await world.guard(handler)(RECORD)
    assert (handler.calls, world.pauses, world.published) == (1, [], [])


async def test_a_quarantine_that_cannot_be_written_is_tried_again(world: World) -> None:
    world.failures_of_publish = [Unavailable("log")]
    await world.guard(Handler(forever=BadInput("x")))(RECORD)
    assert len(world.published) == 1
    assert world.pauses == [0.05]


async def test_a_quarantine_that_fails_otherwise_is_raised(world: World) -> None:
    world.failures_of_publish = [ZeroDivisionError()]
    with pytest.raises(ZeroDivisionError):
        await world.guard(Handler(BadInput("x")))(RECORD)


async def test_too_much_bad_input_in_a_row_stops_the_consumer_before_it_sets_everything_aside(world: World) -> None:
    guard = world.guard(Handler(forever=BadInput("x")), limit=3)
    for n in range(3):
        await guard(at(n))
    with pytest.raises(TooMuchBadInput):
        await guard(at(3))
    assert len(world.published) == 3


async def test_what_came_before_its_limit_and_comes_again_does_not_stop_the_consumer(world: World) -> None:
    guard = world.guard(Handler(forever=BadInput("x")), limit=3)
    for n in (0, 1, 2, 0, 1, 2):
        await guard(at(n))
    assert len(world.published) == 3


async def test_at_the_limit_the_log_says_what_the_operator_must_do_and_a_metric_shows_it(world: World) -> None:
    guard = world.guard(Handler(forever=BadInput("x")), limit=2)
    await guard(at(0))
    await guard(at(1))
    with structlog.testing.capture_logs() as said, pytest.raises(TooMuchBadInput):
        await guard(at(2))
    assert said[-1]["event"] == "quarantine_limit_reached"
    for command in ("list", "redrive", "accept"):
        assert f"apoyo quarantine {command}" in said[-1]["what_to_do"]
    assert REGISTRY.get_sample_value("apoyo_quarantined_in_a_row", {"group": "readers"}) == 2


async def test_one_good_event_begins_the_count_anew(world: World) -> None:
    bad = BadInput("x")
    guard = world.guard(Handler(bad, bad, None, bad, bad), limit=2)
    for n in range(5):
        await guard(at(n))
    assert len(world.published) == 4
    assert REGISTRY.get_sample_value("apoyo_quarantined_in_a_row", {"group": "readers"}) == 2
