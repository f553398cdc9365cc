"""SecantusDB's server in Rust, built from its crate: the documents engine of `apoyo engines up --real`.

Cargo downloads and compiles it once into a cache outside the tree. The hash below is that of the crate, which carries its
own lock file with the hash of every crate it needs; Cargo checks those, this module the first one. ADR 11 says why this one.
"""

import asyncio
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from apoyo.engines import cache
from apoyo.engines.procs import ProcessFailed, run_once

VERSION = "0.5.3-beta.196"
_SHA256 = "7f60aa460984d72e5b5dd3faeb1310d98eb594ebaf5f7c76d5ff7d208dd5c02f"
_CRATE = "secantus-mdb"
_NEEDED = {
    "cargo": "Rust 1.95 or later: its rustup, or Debian's cargo-web",
    "cmake": "apt-get install cmake",
    "cc": "a C compiler: apt-get install build-essential",
}


async def binary() -> Path:
    """The server, built if it is not here: some minutes. Raises ProcessFailed when that is impossible."""
    target = cache.folder(f"secantusd-{VERSION}")
    server = target / "bin" / "secantusd-rs"
    if not server.exists():
        await _build(target)
    return server


async def _build(target: Path) -> None:
    """Into a temporary folder next to `target`, then renamed: `target` is whole or not there."""
    for tool, hint in _NEEDED.items():
        if shutil.which(tool) is None:
            raise ProcessFailed(f"the documents server is compiled with {tool}, which is missing ({hint})")
    target.parent.mkdir(parents=True, exist_ok=True)
    log = target.parent / "cargo.log"
    await run_once("cargo", ("cargo", "info", "--quiet", f"{_CRATE}@{VERSION}"), log, timeout=300)
    if (problem := await asyncio.to_thread(_wrong_crate)) is not None:
        raise ProcessFailed(problem)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as work:
        built = Path(work) / "root"
        argv = ["cargo", "install", _CRATE, "--version", f"={VERSION}", "--locked", "--root", str(built)]
        # It asks for a newer Rust than most machines have, and does without.
        argv += ["--ignore-rust-version", "--target-dir", f"{work}/target"]
        await run_once("cargo", argv, log, timeout=1800)
        if not target.exists():  # unless another process has just put it there
            built.rename(target)


def _wrong_crate() -> str | None:
    """What is wrong with the downloaded crate, in one line; None when it is the pinned one."""
    home = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
    found = list((home / "registry" / "cache").glob(f"*/{_CRATE}-{VERSION}.crate"))
    if found and all(hashlib.sha256(crate.read_bytes()).hexdigest() == _SHA256 for crate in found):
        return None
    return f"{_CRATE} {VERSION} was {'downloaded but differs from the pinned hash' if found else 'not downloaded'}"
