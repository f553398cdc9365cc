"""The local engines: log, documents, objects, mail and the issuer of identity, each a supervised child process on 127.0.0.1."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from apoyo.engines import kafka as broker
from apoyo.engines import mongo, oidc, s3, smtp
from apoyo.engines.procs import Supervisor


@dataclass(frozen=True, slots=True)
class Engines:
    """Where the engines of one installation listen. `inbox`: folder of the mail that was sent; `oidc_url`: of the issuer."""

    stream_url: str
    mongo_uri: str
    s3_endpoint: str
    s3_access_key: str
    s3_secret_key: str
    smtp_host: str
    smtp_port: int
    inbox: Path
    oidc_url: str


async def up(root: Path, *, kafka: bool, supervisor: Supervisor, native: bool = False) -> Engines:
    """Start them all at once over the data in `root`. When one cannot start, the others are not left half started.

    `native`: documents in SecantusDB's server in Rust, over a folder of its own, instead of the one in Python.
    Raises KafkaUnavailable, and ProcessFailed, also when another process runs its engines over the same data.
    """
    root = root.resolve()
    data, logs, inbox = root / "data", root / "logs", root / "inbox"
    data.mkdir(parents=True, exist_ok=True)
    supervisor.claim(data)
    try:
        async with asyncio.TaskGroup() as group:
            log = group.create_task(_log(supervisor, data, logs, kafka_wanted=kafka))
            documents = group.create_task(_documents(supervisor, data, logs, native=native))
            objects = group.create_task(s3.start(supervisor, data / "s3", logs))
            mail = group.create_task(smtp.start(supervisor, inbox, logs))
            issuer = group.create_task(oidc.start(supervisor, root / "secrets" / "oidc", logs))
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    store = objects.result()
    return Engines(
        stream_url=log.result(),
        mongo_uri=documents.result(),
        s3_endpoint=store.endpoint,
        s3_access_key=store.access_key,
        s3_secret_key=store.secret_key,
        smtp_host="127.0.0.1",
        smtp_port=mail.result(),
        inbox=inbox,
        oidc_url=issuer.result(),
    )


async def _log(supervisor: Supervisor, data: Path, logs: Path, *, kafka_wanted: bool) -> str:
    if kafka_wanted:
        return await broker.start(supervisor, data / "kafka", logs)
    return f"embedded://{data / 'log.db'}"


async def _documents(supervisor: Supervisor, data: Path, logs: Path, *, native: bool) -> str:
    return await mongo.start(supervisor, data / ("mongo-native" if native else "mongo"), logs, native=native)
