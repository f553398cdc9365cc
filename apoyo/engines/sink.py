"""The mail sink's process: `python -m apoyo.engines.sink --port N --dir D`."""

import argparse
import asyncio
import hashlib
import secrets
import time
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP

from kernel.files import write_whole

_LARGEST = 10 * 1024 * 1024


class _Sink:
    """aiosmtpd's handler."""

    def __init__(self, inbox: Path) -> None:
        self._inbox = inbox

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:
        await asyncio.to_thread(self._keep, envelope.content)
        return "250 OK"

    def _keep(self, content: bytes) -> None:
        name = f"{time.time_ns():020d}-{hashlib.sha256(content).hexdigest()[:12]}-{secrets.token_hex(4)}"
        write_whole(self._inbox / f"{name}.eml", content)


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
