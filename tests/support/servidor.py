"""An application on a real socket, for what httpx's ASGI transport cannot show: streams, and browsers."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import uvicorn


@contextlib.asynccontextmanager
async def servir(app: Any) -> AsyncIterator[str]:
    """Serve an ASGI application in this event loop on a free port; the base URL."""
    async with servir_en(lambda _: app) as url:
        yield url


@contextlib.asynccontextmanager
async def servir_en(hacer: Callable[[str], Any]) -> AsyncIterator[str]:
    """As `servir`, for an application that must know the URL at which it is served."""
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(hacer(url), log_config=None, access_log=False, timeout_graceful_shutdown=1))
    serving = asyncio.create_task(server.serve([listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield url
    finally:
        server.should_exit = True
        await serving
