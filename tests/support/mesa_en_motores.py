"""A Mesa de Control on the embedded engines, folding what comes on the topics as its process does; the clock is the test's."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from apoyo.engines import Engines
from apoyo.sistema import crear_topics
from kernel import documents
from kernel.documents import Kind, MongoDocuments
from kernel.fold import Fold
from kernel.objects import S3Objects
from kernel.outbox import INDEXES
from kernel.stream import Message, connect
from schemas.envelope import ensobrar
from services.mesa_control import agent
from services.mesa_control.bootstrap import INDICES
from services.mesa_control.handlers import Proyector
from tests.support.mesa import Mesa


@asynccontextmanager
async def mesa_en_motores(engines: Engines, log: str) -> AsyncIterator[Mesa]:
    """Databases and a bucket of its own; `log`: URL of a log of its own."""
    own = os.urandom(4).hex()
    client = documents.connect(engines.mongo_uri)
    base = client[f"mesa_{own}"]
    bucket = S3Objects(engines.s3_endpoint, engines.s3_access_key, engines.s3_secret_key, f"mesa-{own}", secure=False)
    collections = {
        "registros": MongoDocuments(base, "registros", Kind.PROJECTION, INDICES),
        "historias": MongoDocuments(base, "historias", Kind.PROJECTION),
        "salida": MongoDocuments(base, "outbox", Kind.OUTBOX, INDEXES),
        "envolturas": MongoDocuments(base, "llaves", Kind.PRIMARY),
    }
    for collection in collections.values():
        await collection.prepare()
    await bucket.prepare()
    mesa = Mesa(stream=connect(log, "mesa_control"), expedientes=bucket, **collections)
    await mesa.stream.start()
    await crear_topics(mesa.stream)
    batch = Fold(mesa.registros, lambda known: agent.build(Proyector(known)), remember=0).under(lambda handler: handler)
    folding = asyncio.create_task(mesa.stream.consume("mesa_control", agent.TOPICS, batch.handle, batch.settle))
    try:
        yield mesa
    finally:
        folding.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await folding
        await mesa.stream.stop()
        await client.drop_database(base.name)
        await client.close()


async def publica(mesa: Mesa, n: int, **cambios: object) -> None:
    """The three facts of record `n` on their topics; it waits in the queue once they are folded."""
    for evento in await mesa.eventos(n, **cambios):  # type: ignore[arg-type]
        sobre = ensobrar(evento, fuente="/apoyo/prueba", hora=mesa.reloj.now(), causa=f"prueba-{n}")
        await mesa.stream.publish(Message(evento.topic, evento.llave_mensaje, sobre.cuerpo(), sobre.headers()))
