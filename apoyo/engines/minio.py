"""The MinIO server, built from its Go module: the second S3 server that the contract of objects is held to.

Its repository is archived and its binaries are gone, so Go downloads and compiles it once into a cache outside the tree. The sum
below is that of the module, which carries its own `go.sum` with the sum of every module it needs; Go checks those, this module the
first one.
"""

import asyncio
import json
import secrets
import shutil
import tempfile
from pathlib import Path

from apoyo.engines import cache
from apoyo.engines.ports import free_port
from apoyo.engines.procs import Command, ProcessFailed, Supervisor, answers, run_once
from apoyo.engines.s3 import ACCESS_KEY, ObjectStore

VERSION = "v0.0.0-20260212201848-7aac2a2c5b7c"
"""Its last commit."""

_MODULE = "github.com/minio/minio"
_SUM = "h1:/qdoYujxF5MBLDMVLeiYJ/7fBa1HikX39Dvzb9Ji8pA="


async def start(supervisor: Supervisor, data: Path, logs: Path, *, port: int = 0) -> ObjectStore:
    """Run it and return it once it answers; it is compiled if it is not here. Its secret is new each time. Raises ProcessFailed."""
    data.mkdir(parents=True, exist_ok=True)
    server, chosen, secret = await binary(), free_port(port), secrets.token_urlsafe(24)

    ready = answers(f"http://127.0.0.1:{chosen}/minio/health/ready")
    argv = [str(server), "server", str(data), "--address", f"127.0.0.1:{chosen}"]
    env = {"MINIO_ROOT_USER": ACCESS_KEY, "MINIO_ROOT_PASSWORD": secret, "MINIO_BROWSER": "off", "MINIO_UPDATE": "off"}
    await supervisor.run(Command("minio", argv, logs / "minio.log", env, ready, timeout=60))
    return ObjectStore(f"127.0.0.1:{chosen}", ACCESS_KEY, secret)


async def binary() -> Path:
    """The server, built if it is not here: some minutes. Raises ProcessFailed when that is impossible."""
    server = cache.folder(f"minio-{VERSION}") / "minio"
    if not server.exists():
        await _build(server.parent)
    return server


async def _build(target: Path) -> None:
    """Into a temporary folder next to `target`, then renamed: `target` is whole or not there."""
    if shutil.which("go") is None:
        raise ProcessFailed(
            "MinIO is compiled with Go 1.21 or later, which is missing (Debian 13: apt-get install golang-go)"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as work:
        source = await _source(Path(work))
        built, log = Path(work) / "root", target.parent / "go.log"
        # In the module's own folder its own go.sum counts, not the newest versions that satisfy its go.mod.
        argv = [
            "go",
            "build",
            "-C",
            str(source),
            "-mod=readonly",
            "-trimpath",
            "-ldflags=-s -w",
            "-o",
            f"{built}/minio",
            ".",
        ]
        await run_once("go", ("env", "CGO_ENABLED=0", *argv), log, timeout=3600)
        if not target.exists():  # unless another process has just put it there
            built.rename(target)


async def _source(work: Path) -> Path:
    """Folder of the downloaded module. Raises ProcessFailed unless it is the pinned one."""
    told = work / "module.json"
    await run_once("go", ("go", "mod", "download", "-json", f"{_MODULE}@{VERSION}"), told, timeout=900)
    text = await asyncio.to_thread(told.read_text, encoding="utf-8")
    module = json.loads(text[text.index("{") :])  # a newer toolchain that it downloads first is told before
    if module["Sum"] != _SUM:
        raise ProcessFailed(f"{_MODULE} {VERSION} was downloaded but differs from the pinned sum")
    return Path(module["Dir"])
