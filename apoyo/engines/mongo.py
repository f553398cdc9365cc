"""Documents over MongoDB's protocol: SecantusDB as a local process, in Python or in Rust, or what `APOYO_MONGO_URI` names."""

import os
import sys
from pathlib import Path

from pymongo import AsyncMongoClient

from apoyo.engines import secantusd
from apoyo.engines.ports import free_port
from apoyo.engines.procs import Command, Supervisor

_CACHE = "128M"
_NATIVE_CACHE = "512M"
"""A limit, not what it takes. An index over existing documents is one transaction, which must fit: 100 000 do not in 128M."""


async def start(supervisor: Supervisor, data: Path, logs: Path, *, port: int = 27117, native: bool = False) -> str:
    """Run it and return its URI once it answers. `native`: the server in Rust, compiled if it is not here. Raises ProcessFailed.

    `--standalone`: announced as a replica set it also keeps an oplog, and writes take twice as long or far worse.
    `--sync-on-commit`: acknowledged is on disk (one `fdatasync` for each commit), for a quarter to a third of the writes per
    second. Both servers take the same options.
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

    argv = [str(await secantusd.binary())] if native else [sys.executable, "-m", "apoyo.engines.secantus"]
    argv += ["--host", "127.0.0.1", "--port", str(chosen), "--storage-path", str(data)]
    argv += ["--config", str(config), "--standalone", "--sync-on-commit"]
    argv += ["--cache-size", _NATIVE_CACHE if native else _CACHE, "--log-level", "WARNING"]
    env = {"SECANTUS_FORCE_DURABLE": "1"}  # else SECANTUS_TEST_FAST_STORAGE in the environment would undo the above
    # Each thread of the one in Rust has a heap: of huge pages, an eighth of its processor empties what is never filled.
    env |= {"MIMALLOC_ALLOW_THP": "0"}
    await supervisor.run(Command("mongo", argv, logs / "mongo.log", env, ready, timeout=60, cwd=data))
    return uri
