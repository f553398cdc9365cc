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

    `--standalone`: announced as a replica set it also keeps an oplog, and writes take twice as long or far worse.
    `--sync-on-commit`: acknowledged is on disk, for a quarter to a third of the writes per second.
    """
    if uri := os.environ.get("APOYO_MONGO_URI"):
        return uri
    data.mkdir(parents=True, exist_ok=True)
    config = data / "secantusd.toml"
    config.touch()  # empty, and named: else one in the user's home would be read
    chosen = free_port(port)
    uri = f"mongodb://127.0.0.1:{chosen}/"

    async def ready() -> bool:
        client: AsyncMongoClient[dict[str, object]] = AsyncMongoClient(uri, serverSelectionTimeoutMS=1000)
        try:
            return bool((await client.admin.command("ping"))["ok"])
        finally:
            await client.close()

    argv = [sys.executable, "-m", "secantus", "--host", "127.0.0.1", "--port", str(chosen), "--storage-path", str(data)]
    argv += ["--config", str(config), "--standalone", "--sync-on-commit"]
    argv += ["--cache-size", _CACHE, "--log-level", "WARNING"]
    env = {"SECANTUS_FORCE_DURABLE": "1"}  # else SECANTUS_TEST_FAST_STORAGE in the environment would undo the above
    await supervisor.run(Command("mongo", argv, logs / "mongo.log", env, ready, timeout=60, cwd=data))
    return uri
