"""A mail sink: an SMTP server that keeps every message as a file, for one machine.

A message is on disk before it is acknowledged. The same message twice makes two files, so that repetitions can be counted.
"""

import asyncio
import email
import email.policy
import sys
from email.message import EmailMessage
from pathlib import Path

from apoyo.engines.ports import free_port
from apoyo.engines.procs import Command, Supervisor


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

    argv = [sys.executable, "-m", "apoyo.engines.sink", "--port", str(chosen), "--dir", str(inbox)]
    await supervisor.run(Command("smtp", argv, logs / "smtp.log", ready=ready, timeout=60))
    return chosen


def read_inbox(inbox: Path) -> list[EmailMessage]:
    """Every message kept, in the order of arrival, which their names tell."""
    paths = sorted(inbox.glob("*.eml"))
    return [email.message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in paths]
