"""A service whose documents never answer: `python -m tests.support.servicio URL GROUP TOPIC PORT KIND`.

It is built of what every service is built of. A record whose value is `0`, `1` or `2` needs no documents, and is `handled PARTITION
OFFSET`. Any other asks for its document; each time it says `asked PARTITION OFFSET`. KIND: `one_by_one`, `per_key` or `fold`.
"""

import sys
from functools import partial
from pathlib import Path

from pymongo import AsyncMongoClient

from kernel.documents import Document, Keyed, Kind, MongoDocuments
from kernel.fold import Fold
from kernel.per_key import PerKey
from kernel.service import Service, run
from kernel.settings import ServiceSettings
from kernel.stream import Record
from kernel.web import Health, create_app
from tests.support.member import soon_taken_for_dead, stream_at

NEEDS_NOTHING = (b"0", b"1", b"2")


async def handle(record: Record, documents: Keyed) -> None:
    """Handle a record."""
    if record.value not in NEEDS_NOTHING:
        print("asked", record.partition, record.offset, flush=True)
        await documents.get(record.key)
    print("handled", record.partition, record.offset, flush=True)


def build(url: str, group: str, topic: str, port: str, kind: str) -> Service:
    """The service, not started."""
    soon_taken_for_dead(url)
    nobody: AsyncMongoClient[Document] = AsyncMongoClient("mongodb://127.0.0.1:9/", serverSelectionTimeoutMS=50)
    documents = MongoDocuments(nobody["x"], "x", Kind.PROJECTION)
    settings = ServiceSettings(
        stream_url=url,
        mongo_uri="mongodb://127.0.0.1:9/",
        keys_dir=Path("x"),
        public_keys_dir=Path("x"),
        http_port=int(port),
        retry_budget_s=2,  # the driver takes half a second to say that nobody answers
    )
    health = Health("engines", "actores")
    handler = partial(handle, documents=documents)
    return Service(
        name=group,
        settings=settings,
        stream=stream_at(url, "service"),
        app=create_app("prueba", health),
        health=health,
        topics=[topic],
        handle=handler if kind == "one_by_one" else None,
        fold={
            "per_key": PerKey(handler, at_most=1),
            "fold": Fold(documents, lambda known: partial(handle, documents=known)),
        }.get(kind),
    )


if __name__ == "__main__":
    run(build(*sys.argv[1:]))
