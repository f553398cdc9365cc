"""From bytes to a handler: decode the event, then call what the service does with its type."""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kernel import metrics
from kernel.errors import BadInput
from kernel.stream import Handler, Record
from schemas.envelope import Evento, EventoInvalido, Sobre, leer


@dataclass(frozen=True, slots=True)
class Context:
    """What a handler may want besides the event: its envelope, and where it lies in its topic."""

    envelope: Sobre
    offset: int

    @property
    def cause(self) -> str:
        """The event's id: the cause of what the handler emits."""
        return self.envelope.id


EventHandler = Callable[[Any, Context], Awaitable[None]]


def decode(types: Mapping[str, type[Evento]], record: Record) -> Sobre:
    """Read an event. Raises BadInput when it does not fit its schema."""
    try:
        return leer(types, record.headers, record.value)
    except EventoInvalido as error:
        raise BadInput(error.motivo, error.detalle) from error


def dispatcher(types: Mapping[str, type[Evento]], handlers: Mapping[type[Evento], EventHandler]) -> Handler:
    """A stream handler that decodes and calls the event's handler. Types without one are passed over.

    An event that does not fit its schema raises BadInput: the guard quarantines it.
    """

    async def handle(record: Record) -> None:
        started = time.perf_counter()
        envelope = decode(types, record)
        handler = handlers.get(type(envelope.evento))
        if handler is None:
            return
        await handler(envelope.evento, Context(envelope, record.offset))
        metrics.EVENT_SECONDS.labels(record.topic).observe(time.perf_counter() - started)
        metrics.EVENTS_HANDLED.labels(record.topic, envelope.evento.nombre).inc()

    return handle
