"""Objects over S3: SeaweedFS (`weed mini`) as a local process.

An acknowledged object survives the death of the process, not that of the machine: SeaweedFS leaves the flush to the
system. Behind its S3 gateway run a master, a volume server and a filer, each with ports of its own on 127.0.0.1; the
filer and the volume server ask for a token that only this process's own parts can make, so that S3 with its key is the
way in.
"""

import json
import os
import secrets
import shutil
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from apoyo.engines.ports import free_port, free_port_pair
from apoyo.engines.procs import Command, ProcessFailed, Supervisor, answers

ACCESS_KEY = "apoyo"

_FIXED = (
    "-ip=127.0.0.1",
    "-ip.bind=127.0.0.1",
    "-s3.port.iceberg=0",
    "-s3.port.lance=0",
    "-s3.iam=false",
    "-webdav=false",
    "-admin.ui=false",
    "-master.telemetry=false",
    # Each bucket has volumes of its own: many of them, and no byte of the disk before it is used.
    "-master.volumeSizeLimitMB=1024",
    "-master.volumePreallocate=false",
    "-volume.max=1000",
    "-volume.preStopSeconds=0",
)
_TOKENS = ("JWT_SIGNING_KEY", "JWT_SIGNING_READ_KEY", "JWT_FILER_SIGNING_KEY", "JWT_FILER_SIGNING_READ_KEY")


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """A running store. `endpoint`: host:port."""

    endpoint: str
    access_key: str
    secret_key: str


async def start(supervisor: Supervisor, data: Path, logs: Path, *, port: int = 8433) -> ObjectStore:
    """Run it and return it once it answers. The secret is random and stays with the data. Raises ProcessFailed."""
    data.mkdir(parents=True, exist_ok=True)
    config = data / "s3.json"
    secret = identity(config)
    s3 = free_port(port)
    # The admin server cannot be switched off, and its worker looks for it 10 000 above its port, whatever the flag says.
    admin, admin_grpc = free_port_pair(10_000)
    argv = [_weed(), "-logtostderr=true", "mini", f"-dir={data}", f"-s3.config={config}", *_FIXED, f"-s3.port={s3}"]
    argv += [f"-admin.port={admin}", f"-admin.port.grpc={admin_grpc}", f"-s3.port.grpc={free_port()}"]
    for part in ("master", "volume", "filer"):
        argv += [f"-{part}.port={free_port()}", f"-{part}.port.grpc={free_port()}"]

    ready = answers(f"http://127.0.0.1:{s3}/healthz")
    env = {f"WEED_{name}": secrets.token_hex(32) for name in _TOKENS}
    # Its admin server hangs at the end until a worker of the same process lets go; acknowledged objects are kept anyhow.
    await supervisor.run(Command("s3", argv, logs / "s3.log", env, ready, timeout=60, cwd=data, stop_timeout=1.0))
    return ObjectStore(f"127.0.0.1:{s3}", ACCESS_KEY, secret)


def identity(config: Path) -> str:
    """The secret key in SeaweedFS's list of identities; both are made if they are not there."""
    if not config.exists():
        credentials = [{"accessKey": ACCESS_KEY, "secretKey": secrets.token_urlsafe(24)}]
        identity = {"name": ACCESS_KEY, "credentials": credentials, "actions": ["Admin", "Read", "Write", "List"]}
        partial = config.with_suffix(".new")
        partial.unlink(missing_ok=True)
        partial.touch(mode=0o600)
        partial.write_text(json.dumps({"identities": [identity]}), encoding="utf-8")
        partial.rename(config)
    secret: str = json.loads(config.read_text(encoding="utf-8"))["identities"][0]["credentials"][0]["secretKey"]
    return secret


def _weed() -> str:
    found = shutil.which("weed", path=os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")]))
    if found is None:
        raise ProcessFailed("SeaweedFS (`weed`) is not installed: pip install -r requirements.txt")
    return found
