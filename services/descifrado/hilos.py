"""Compute away from the event loop, so that health and heartbeats live while pictures are looked at."""

from collections.abc import Awaitable, Callable
from typing import ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class EnHilo(Protocol):
    """Runs compute in a thread: `asyncio.to_thread`, or in place under the simulation's scheduler."""

    def __call__(self, func: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]: ...
