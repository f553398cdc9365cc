"""How a service lives: connect, catch up, become ready, work, and die without committing what it did not finish."""

import asyncio
import contextlib
import gc
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog
import uvicorn
import uvloop
from fastapi import FastAPI

from kernel import GC_AT_WORK, metrics
from kernel.fold import Fold
from kernel.follow import Follower
from kernel.per_key import PerKey
from kernel.settings import ServiceSettings
from kernel.stream import Handler, Stream
from kernel.stream.guard import guarded, set_aside_before
from kernel.web import Health

log = structlog.get_logger()

EXIT_FATAL = 70
"""Exit status of a process that ends so that its events come again (EX_SOFTWARE)."""

Task = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Consumer:
    """Another group of a service: what it handles, one by one or many at once, is committed apart."""

    group: str
    topics: Sequence[str]
    handle: Handler | Fold | PerKey


@dataclass
class Service:
    """Everything that `run` needs, built by a service's `bootstrap`.

    Events go to `handle` one by one, or are folded or handled many at once (`fold`); those of `consumers` besides. `prepare` run
    before anything else (indexes, buckets); `followers` must catch up before the service is ready; `tasks` run beside the consumer
    until the process stops (outbox relay, timers).
    """

    name: str
    settings: ServiceSettings
    stream: Stream
    app: FastAPI
    health: Health
    topics: Sequence[str] = ()
    handle: Handler | None = None
    fold: Fold | PerKey | None = None
    consumers: Sequence[Consumer] = ()
    prepare: Sequence[Task] = ()
    followers: Sequence[Follower] = ()
    tasks: Sequence[Task] = field(default_factory=list)

    async def run(self) -> None:
        """Run until SIGTERM or SIGINT. A failure of a part ends the process with `EXIT_FATAL`, its offset not committed."""
        server = _Server(
            uvicorn.Config(
                self.app,
                host=self.settings.http_host,
                port=self.settings.http_port,
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=5,
            )
        )
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, server.stop)
        serving = asyncio.create_task(server.serve(), name="http")
        working = asyncio.create_task(self._work(), name="work")
        await asyncio.wait({serving, working}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            # The work ends by itself only when it failed: whatever was in flight comes again to the next process.
            error = working.exception()
            log.critical("service_failed", error=repr(error), exc_info=error)
            os._exit(EXIT_FATAL)
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working
        await self.stream.stop()
        log.info("service_stopped")

    async def _work(self) -> None:
        await self.stream.start()
        for prepare in self.prepare:
            await prepare()
        self.health.set("engines")
        async with asyncio.TaskGroup() as group:
            for follower in self.followers:
                group.create_task(follower.run())
            for follower in self.followers:
                await follower.caught_up.wait()
            self.health.set("actores")
            for task in self.tasks:
                group.create_task(_run(task))
            if (handling := self.handle or self.fold) is not None:
                group.create_task(await self._consuming(self.name, self.topics, handling))
            for other in self.consumers:
                group.create_task(await self._consuming(other.group, other.topics, other.handle))
            metrics.READY.set(1)
            log.info("service_ready", port=self.settings.http_port)

    async def _consuming(
        self, group: str, topics: Sequence[str], handling: Handler | Fold | PerKey
    ) -> Coroutine[Any, Any, None]:
        aside = await set_aside_before(self.stream, group, topics, self.settings.quarantine_limit)
        guard = partial(guarded, publish=self.stream.publish, aside=aside, budget_s=self.settings.retry_budget_s)
        if isinstance(handling, Fold | PerKey):
            batch = handling.under(guard)
            return self.stream.consume(group, topics, batch.handle, batch.settle)
        return self.stream.consume(group, topics, guard(handling))


def run(service: Service) -> None:
    """Run a service as this process. uvloop: the same event loop for a tenth less of processor.

    What has been imported and built by now lives as long as the process, and is not looked through for garbage any more.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_AT_WORK)
    uvloop.run(service.run())


async def _run(task: Task) -> None:
    await task()


class _Server(uvicorn.Server):
    """uvicorn beside other tasks of the loop: the service, not uvicorn, owns the signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop(self) -> None:
        """Finish what is being answered, then end."""
        self.should_exit = True
