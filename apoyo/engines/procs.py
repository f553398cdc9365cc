"""Supervised child processes: the local engines and, in a demonstration, the services.

A child never outlives its supervisor: `launch.py` has the kernel kill it when the supervisor's process dies, however it
dies. A child is a session of its own, so that Ctrl-C in the terminal reaches the supervisor alone, which then stops the
children in the reverse order of their start.
"""

import asyncio
import contextlib
import fcntl
import os
import signal
import ssl
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import httpx

from apoyo.engines import launch

Probe = Callable[[], Awaitable[bool]]
"""Whether the child already serves. What it raises counts as "not yet", and is told if the time runs out."""

_NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Nothing on this machine speaks TLS, and to read the system's authorities takes 30 ms of processor, at each probe."""

_TAIL_LINES = 12


class ProcessFailed(Exception):
    """A child died early or did not become ready. One line says which and why, and names its log; its last lines follow."""


def answers(url: str) -> Probe:
    """The probe of a child over HTTP: whether it answers 200 there."""

    async def probe() -> bool:
        async with httpx.AsyncClient(timeout=2, trust_env=False, verify=_NO_AUTHORITIES) as client:
            return (await client.get(url)).status_code == httpx.codes.OK

    return probe


@dataclass(frozen=True, slots=True)
class Command:
    """What to run, and how to know that it serves. `env` is added to this process's own environment."""

    name: str
    argv: Sequence[str]
    log_path: Path
    env: Mapping[str, str] = field(default_factory=dict)
    ready: Probe | None = None
    timeout: float = 30.0
    cwd: Path | None = None
    stop_timeout: float = 10.0
    """Seconds from SIGTERM to SIGKILL."""


@dataclass(slots=True)
class _Child:
    command: Command
    process: asyncio.subprocess.Process
    log_start: int
    """Where in the log this run begins."""
    ended: asyncio.Task[int]
    """Done, with the exit code, when it has died and nothing of its group is left."""

    @property
    def ending(self) -> str:
        code = self.process.returncode or 0
        return f"ended with {signal.Signals(-code).name if code < 0 else f'exit code {code}'}"

    def failure(self, what: str) -> ProcessFailed:
        """The error, with the end of what the child wrote in this run."""
        with self.command.log_path.open("rb") as log:
            log.seek(self.log_start)
            lines = log.read().decode(errors="replace").strip().splitlines()[-_TAIL_LINES:]
        return ProcessFailed("\n  ".join([f"{self.command.name} {what}; its log: {self.command.log_path}", *lines]))

    def signal(self, sig: signal.Signals) -> None:
        """To its whole group, while it lives; afterwards the number may be somebody else's."""
        if self.process.returncode is None:
            _signal_group(self.process.pid, sig)


class Supervisor:
    """Starts children, knows whether they live, stops them in reverse order. For one event loop.

    The kernel ties a child to the *thread* that started it: use a supervisor only from a thread that lives as long as
    its children should, in practice the main one.
    """

    def __init__(self) -> None:
        self._children: dict[str, _Child] = {}
        self._claims: list[IO[bytes]] = []

    async def __aenter__(self) -> "Supervisor":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def claim(self, folder: Path) -> None:
        """Keep this folder for this supervisor's children until it stops or dies. Raises ProcessFailed if another has it.

        Two engines over the same data would lose it, and not every engine looks for itself.
        """
        lock = (folder / ".lock").open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise ProcessFailed(f"{folder} is in use: another process has its engines running over it") from None
        self._claims.append(lock)

    async def start(
        self,
        name: str,
        argv: Sequence[str],
        env: Mapping[str, str],
        log_path: Path,
        ready: Probe | None = None,
        timeout: float = 30.0,  # noqa: ASYNC109 - it bounds the child's start; when it passes the child is killed
        *,
        cwd: Path | None = None,
    ) -> None:
        """Run it and return once `ready` says so. Raises ProcessFailed, and then nothing of it is left running."""
        await self.run(Command(name, argv, log_path, env, ready, timeout, cwd))

    async def run(self, command: Command) -> None:
        """As `start`."""
        if self.alive(command.name):
            raise ValueError(f"{command.name} is already running")
        child = await _spawn(command)
        self._children.pop(command.name, None)  # a restarted child is the youngest
        self._children[command.name] = child
        try:
            await _until_ready(child)
        except BaseException:
            del self._children[command.name]
            await _kill(child)
            raise

    def pid(self, name: str) -> int:
        """Process id of this child, which is also its process group's. KeyError if it was never started."""
        return self._children[name].process.pid

    def alive(self, name: str) -> bool:
        """Whether this child lives."""
        return name in self._children and self._children[name].process.returncode is None

    def names(self) -> list[str]:
        """Children in the order of their start; also those that died, until they are stopped or restarted."""
        return list(self._children)

    async def failure(self) -> ProcessFailed:
        """Wait until a child ends that nobody stopped; says which and how. For whoever waits while the children serve."""
        while True:
            for child in self._children.values():
                if child.process.returncode is not None:
                    return child.failure(child.ending)
            await asyncio.sleep(0.1)

    async def kill(self, name: str, sig: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to the child's group and, if it is SIGKILL, wait for the end. It stays known: `restart` runs it again."""
        child = self._children[name]
        child.signal(sig)
        if sig is signal.SIGKILL:
            await child.ended

    async def restart(self, name: str) -> None:
        """Stop it, if it lives, and run the same command again."""
        child = self._children[name]
        await self._stop(child)
        await self.run(child.command)

    async def stop(self, name: str | None = None) -> None:
        """Stop this child, or all in the reverse order of their start. It does not raise for what already died."""
        for each in [name] if name is not None else reversed(list(self._children)):
            if (child := self._children.get(each)) is not None:
                await self._stop(child)
                self._children.pop(each, None)
        while name is None and self._claims:
            self._claims.pop().close()

    async def _stop(self, child: _Child) -> None:
        child.signal(signal.SIGTERM)
        await asyncio.wait([child.ended], timeout=child.command.stop_timeout)
        await _kill(child)


async def run_once(name: str, argv: Sequence[str], log_path: Path, *, timeout: float) -> None:  # noqa: ASYNC109 - of the tool's run
    """Run a tool to its end. Raises ProcessFailed if it fails or takes longer; nothing of it is left running."""
    child = await _spawn(Command(name, argv, log_path))
    try:
        done, _ = await asyncio.wait([child.ended], timeout=timeout)
    finally:
        await _kill(child)
    if not done:
        raise child.failure(f"did not end within {timeout:g} s")
    if child.process.returncode != 0:
        raise child.failure(child.ending)


async def _spawn(command: Command) -> _Child:
    command.log_path.parent.mkdir(parents=True, exist_ok=True)
    launcher = (sys.executable, "-I", "-S", launch.__file__, str(os.getpid()))
    with command.log_path.open("ab") as log:
        log_start = log.tell()
        process = await asyncio.create_subprocess_exec(
            *launcher,
            *command.argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **command.env},
            cwd=command.cwd,
            start_new_session=True,
        )
    return _Child(command, process, log_start, asyncio.create_task(_wait_for_end(process)))


async def _wait_for_end(process: asyncio.subprocess.Process) -> int:
    code = await process.wait()
    _signal_group(process.pid, signal.SIGKILL)  # at once: what it left behind serves nobody
    return code


async def _until_ready(child: _Child) -> None:
    command = child.command
    deadline = time.monotonic() + command.timeout
    why = "it did not answer"
    while True:
        if child.process.returncode is not None:
            raise child.failure(f"{child.ending} before it was ready")
        if command.ready is None:
            return
        try:
            async with asyncio.timeout(max(deadline - time.monotonic(), 0.1)):
                ready = await command.ready()
        except Exception as error:
            ready, why = False, f"{type(error).__name__}: {error}".splitlines()[0]
        # Who answered may be another process on the same port, while this child has just died of it.
        if ready and child.process.returncode is None:
            return
        if time.monotonic() > deadline:
            raise child.failure(f"was not ready within {command.timeout:g} s ({why})")
        await asyncio.wait([child.ended], timeout=0.1)


async def _kill(child: _Child) -> None:
    child.signal(signal.SIGKILL)
    await child.ended


def _signal_group(pid: int, sig: signal.Signals) -> None:
    # PermissionError is how macOS says that only a zombie is left in the group.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, sig)
