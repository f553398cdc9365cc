"""Objects over S3: SeaweedFS (`weed mini`) as a local process."""

import json
import secrets
import shutil
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import httpx

from apoyo.engines.ports import free_port
from apoyo.engines.procs import Command, ProcessFailed, Supervisor

ACCESS_KEY = "apoyo"


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
    if not config.exists():
        config.touch(mode=0o600)
        config.write_text(json.dumps(_identities(secrets.token_urlsafe(24))), encoding="utf-8")
    secret = json.loads(config.read_text(encoding="utf-8"))["identities"][0]["credentials"][0]["secretKey"]
    ports = {name: free_port() for name in ("master", "volume", "filer")}
    ports["admin"] = free_port(23646)  # its worker looks for the grpc port 10 000 above, which must exist
    s3 = free_port(port)
    argv = [
        _weed(),
        "mini",
        f"-dir={data}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-s3.port={s3}",
        f"-s3.config={config}",
    ]
    argv += [f"-{name}.port={number}" for name, number in ports.items()]
    argv += [f"-{name}.port.grpc={free_port()}" for name in ("master", "volume", "filer", "s3")]
    argv += [
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-s3.iam=false",
        "-webdav=false",
        "-admin.ui=false",
        "-master.telemetry=false",
    ]
    # Small volumes, made when needed: a laptop's disk must do.
    argv += ["-master.volumeSizeLimitMB=1024", "-master.volumePreallocate=false", "-volume.max=64"]

    async def ready() -> bool:
        async with httpx.AsyncClient(timeout=2) as client:
            return (await client.get(f"http://127.0.0.1:{s3}/healthz")).status_code == httpx.codes.OK

    await supervisor.run(Command("s3", argv, logs / "s3.log", ready=ready, timeout=60, cwd=data))
    return ObjectStore(f"127.0.0.1:{s3}", ACCESS_KEY, secret)


def _identities(secret: str) -> dict[str, object]:
    credentials = [{"accessKey": ACCESS_KEY, "secretKey": secret}]
    return {
        "identities": [{"name": ACCESS_KEY, "credentials": credentials, "actions": ["Admin", "Read", "Write", "List"]}]
    }


def _weed() -> str:
    found = shutil.which("weed", path=sysconfig.get_path("scripts")) or shutil.which("weed")
    if found is None:
        raise ProcessFailed("SeaweedFS (`weed`) is not installed: run `make demo`, which installs requirements.txt")
    return found
