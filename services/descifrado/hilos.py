"""Compute away from the event loop, so that health and heartbeats live while pictures are looked at."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, Protocol, TypeVar, TypeVarTuple

from kernel.together import Gathered

P = ParamSpec("P")
T = TypeVar("T")
Ts = TypeVarTuple("Ts")


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


def juntos(en_hilo: EnHilo, func: Callable[[*Ts], T]) -> Gathered[tuple[*Ts], T]:
    """`func` of what waits, in one turn of the thread, so that what is asked of the engines for them afterwards goes together, too
    (ADR 34). What it raises for one it raises for that one alone.
    """

    async def todos(argumentos: Sequence[tuple[*Ts]]) -> list[T]:
        return await en_hilo(lambda: [func(*suyos) for suyos in argumentos])

    return Gathered(todos)
