"""Compute away from the event loop, so that health and heartbeats live while pictures are looked at."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class EnHilo(Protocol):
    """Runs compute in a thread: `UnHilo`, or in place under the simulation's scheduler."""

    def __call__(self, func: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]: ...


class UnHilo:
    """One thread for all compute of the process: two would take turns at one interpreter. Scale by processes."""

    def __init__(self) -> None:
        self._hilo = ThreadPoolExecutor(1, thread_name_prefix="compute")

    async def __call__(self, func: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """What `func` gives or raises, in its turn."""
        return await asyncio.get_running_loop().run_in_executor(self._hilo, partial(func, *args, **kwargs))
