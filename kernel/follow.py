"""Follow a topic whole, without a group: every process folds all of it, and is ready once it has reached the end."""

import asyncio
from collections.abc import Callable, Mapping

import structlog

from kernel import metrics
from kernel.dispatch import decode
from kernel.errors import BadInput
from kernel.stream import CAUGHT_UP, Stream
from schemas.envelope import Evento

log = structlog.get_logger()


class Follower:
    """Feeds `apply(event, offset)` with every event of a topic, from its beginning. `caught_up` is set at the first end."""

    def __init__(
        self, stream: Stream, topic: str, types: Mapping[str, type[Evento]], apply: Callable[[Evento, int], None]
    ) -> None:
        self._stream = stream
        self._topic = topic
        self._types = types
        self._apply = apply
        self.caught_up = asyncio.Event()

    async def run(self) -> None:
        """Follow until cancelled. An event that does not fit its schema is logged and counted, and the topic goes on."""
        async for item in self._stream.tail(self._topic):
            if item is CAUGHT_UP:
                self.caught_up.set()
                continue
            try:
                envelope = decode(self._types, item)
            except BadInput as error:
                metrics.FOLLOW_REFUSED.labels(self._topic).inc()
                log.error(
                    "follow_refused", topic=self._topic, offset=item.offset, reason=error.reason, detail=error.detail
                )
                continue
            self._apply(envelope.evento, item.offset)
