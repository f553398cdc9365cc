"""Documents over MongoDB's protocol: SecantusDB as a local process, or the MongoDB that `APOYO_MONGO_URI` names."""

import os
import sys
from pathlib import Path

from pymongo import AsyncMongoClient

from apoyo.engines.ports import free_port
from apoyo.engines.procs import Command, Supervisor

_CACHE = "128M"


async def start(supervisor: Supervisor, data: Path, logs: Path, *, port: int = 27117) -> str:
    """Run it and return its URI once it answers. Raises ProcessFailed.

    `--standalone`: announced as a replica set it writes twenty times slower. `--sync-on-commit`: acknowledged is durable.
    """
    if uri := os.environ.get("APOYO_MONGO_URI"):
        return uri
    data.mkdir(parents=True, exist_ok=True)
    chosen = free_port(port)
    uri = f"mongodb://127.0.0.1:{chosen}/"

    async def ready() -> bool:
        client: AsyncMongoClient[dict[str, object]] = AsyncMongoClient(uri, serverSelectionTimeoutMS=1000)
        try:
            return bool((await client.admin.command("ping"))["ok"])
        finally:
            await client.close()

    argv = [sys.executable, "-m", "secantus", "--host", "127.0.0.1", "--port", str(chosen), "--storage-path", str(data)]
    argv += ["--standalone", "--sync-on-commit", "--cache-size", _CACHE, "--log-level", "WARNING"]
    await supervisor.run(Command("mongo", argv, logs / "mongo.log", ready=ready, timeout=60, cwd=data))
    return uri
