"""A mail sink: an SMTP server that keeps every message as a file, for one machine. `python -m apoyo.engines.smtp --port N --dir D`.

A message is on disk before it is acknowledged. The same message twice makes two files, so that repetitions can be counted.
"""

import argparse
import asyncio
import email
import email.policy
import hashlib
import os
import secrets
import sys
import time
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP

from apoyo.engines.ports import free_port
from apoyo.engines.procs import Command, Supervisor

_LARGEST = 10 * 1024 * 1024


async def start(supervisor: Supervisor, inbox: Path, logs: Path, *, port: int = 8125) -> int:
    """Run it and return its port. Raises ProcessFailed."""
    inbox.mkdir(parents=True, exist_ok=True)
    chosen = free_port(port)

    async def ready() -> bool:
        reader, writer = await asyncio.open_connection("127.0.0.1", chosen)
        try:
            return (await reader.readline()).startswith(b"220")
        finally:
            writer.close()

    argv = [sys.executable, "-m", "apoyo.engines.smtp", "--port", str(chosen), "--dir", str(inbox)]
    await supervisor.run(Command("smtp", argv, logs / "smtp.log", ready=ready))
    return chosen


def read_inbox(inbox: Path) -> list[EmailMessage]:
    """Every message kept, in the order of arrival, which their names tell."""
    paths = sorted(inbox.glob("*.eml"))
    return [email.message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in paths]


class _Sink:
    """aiosmtpd's handler."""

    def __init__(self, inbox: Path) -> None:
        self._inbox = inbox

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:
        await asyncio.to_thread(self._keep, envelope.content)
        return "250 OK"

    def _keep(self, content: bytes) -> None:
        name = f"{time.time_ns():020d}-{hashlib.sha256(content).hexdigest()[:12]}-{secrets.token_hex(4)}"
        partial, whole = self._inbox / f"{name}.parcial", self._inbox / f"{name}.eml"
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(whole)
        folder = os.open(self._inbox, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


async def _serve(port: int, inbox: Path) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(_Sink(inbox), data_size_limit=_LARGEST, enable_SMTPUTF8=True, loop=loop), "127.0.0.1", port
    )
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--dir", type=Path, required=True)
    arguments = parser.parse_args()
    asyncio.run(_serve(arguments.port, arguments.dir))
