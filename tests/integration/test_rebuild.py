"""A projection can be thrown away: replayed beside the live one it comes out the same, also while traffic flows (SPEC 12)."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from apoyo.sistema import crear_topics
from kernel import documents
from kernel.documents import Document, Documents, Kind, MemoryDocuments, MongoDocuments
from kernel.rebuild import first_revision, rebuild
from kernel.stream import Handler, Message, Record, Stream, connect
from kernel.stream.guard import guarded
from schemas.ciclo_de_vida import TOPICS, Estado
from schemas.envelope import ensobrar
from services.resultados import agent
from services.resultados.adapters import INDEXES, MongoConteo
from services.resultados.handlers import Proyector
from tests.support.resultados import HORA, PROCESO, vida

pytestmark = pytest.mark.timeout(90)


def _handler(coleccion: Documents) -> Handler:
    return agent.build(Proyector(coleccion, first_revision))


class Mundo:
    """A log, and resultados' projection on the documents engine, kept by `instancias` consumers of one group."""

    def __init__(self, stream: Stream, mongo_uri: str) -> None:
        self.stream = stream
        self.client = documents.connect(mongo_uri)
        self.base = self.client[f"rebuild_{os.urandom(4).hex()}"]
        self.registros = self.coleccion("registros")
        self.publicados = 0
        self.numeros = itertools.count(int.from_bytes(os.urandom(6), "big"))

    def coleccion(self, name: str) -> MongoDocuments:
        return MongoDocuments(self.base, name, Kind.PROJECTION, INDEXES)

    async def una_vida(self) -> None:
        """Publish the events of a new folio, which leads to some status."""
        n = next(self.numeros)
        for evento in vida(list(Estado)[n % len(Estado)], n, cuarentena=n % 7 == 0):
            self.publicados += 1
            sobre = ensobrar(evento, fuente="/apoyo/prueba", hora=HORA, causa=f"causa {self.publicados}")
            await self.stream.publish(Message(evento.topic, evento.llave_mensaje, sobre.cuerpo(), sobre.headers()))

    @asynccontextmanager
    async def consumiendo(self) -> AsyncIterator[None]:
        handle = guarded(_handler(self.registros), self.stream.publish, group="resultados")
        consumer = asyncio.create_task(self.stream.consume("resultados", TOPICS, handle))
        try:
            yield
            async with asyncio.timeout(60):
                while not await self._al_dia():
                    await asyncio.sleep(0.05)
        finally:
            consumer.cancel()
            await asyncio.gather(consumer, return_exceptions=True)

    async def _al_dia(self) -> bool:
        for topic in TOPICS:
            committed = await self.stream.committed("resultados", topic)
            if any(committed.get(p, 0) < end for p, end in (await self.stream.ends(topic)).items()):
                return False
        return True

    async def reconstruir(self, handler: Any = _handler) -> None:
        await rebuild(self.stream, TOPICS, self.registros, self.coleccion("registros_nueva"), handler)

    async def documentos(self) -> dict[str, Document]:
        """What the projection holds, but for the revisions, which count writes."""
        return _sin_revision(await self.registros.find({}))

    async def desde_los_topics(self) -> dict[str, Document]:
        """What it must hold: the log folded once, in memory."""
        memoria = MemoryDocuments()
        for topic in TOPICS:
            async for record in self.stream.read(topic):
                await _handler(memoria)(record)
        return _sin_revision(await memoria.find({}))


def _sin_revision(documentos: list[Document]) -> dict[str, Document]:
    return {d["_id"]: {name: value for name, value in d.items() if name != "revision"} for d in documentos}


@pytest.fixture(params=["embebida", pytest.param("kafka", marks=pytest.mark.kafka)])
def bitacora(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"embedded://{tmp_path}/log.db" if request.param == "embebida" else request.getfixturevalue("kafka_url")


@pytest.fixture
async def stream(bitacora: str) -> AsyncIterator[Stream]:
    stream = connect(bitacora, "prueba")
    await stream.start()
    await crear_topics(stream)
    yield stream
    await stream.stop()


@pytest.fixture
async def mundo(stream: Stream, mongo_uri: str) -> AsyncIterator[Mundo]:
    mundo = Mundo(stream, mongo_uri)
    await mundo.registros.prepare()
    yield mundo
    await mundo.client.drop_database(mundo.base.name)
    await mundo.client.close()


async def test_reconstruida_es_igual_documento_por_documento_aunque_la_anterior_se_haya_echado_a_perder(
    mundo: Mundo,
) -> None:
    async with mundo.consumiendo():
        for _ in range(20):
            await mundo.una_vida()
    antes = await mundo.documentos()
    assert len(antes) >= 20
    await mundo.registros.collection.delete_many({"estado": Estado.DUPLICADO.value})
    await mundo.registros.collection.update_many({}, {"$set": {"estado": "baja"}})
    assert await mundo.documentos() != antes
    await mundo.reconstruir()
    despues = await mundo.documentos()
    assert {folio: despues[folio] for folio in antes} == antes
    assert despues == await mundo.desde_los_topics()
    assert await mundo.base.list_collection_names() == ["registros"]
    grupos = await MongoConteo(mundo.registros).grupos(PROCESO)
    assert sum(g.folios for g in grupos) == len(despues)


async def test_se_reconstruye_mientras_llegan_eventos_y_no_se_pierde_ninguno(mundo: Mundo) -> None:
    async def trafico() -> None:
        while True:
            await mundo.una_vida()
            await asyncio.sleep(0.05)

    async with mundo.consumiendo():
        enviando = asyncio.create_task(trafico())
        await asyncio.sleep(0.5)
        for _ in range(2):
            await mundo.reconstruir()
        assert not enviando.done()
        enviando.cancel()
        await asyncio.gather(enviando, return_exceptions=True)
    documentos = await mundo.documentos()
    assert len(documentos) > 10
    assert documentos == await mundo.desde_los_topics()


async def test_si_falla_a_la_mitad_la_que_esta_en_uso_queda_como_estaba(mundo: Mundo) -> None:
    async with mundo.consumiendo():
        for _ in range(3):
            await mundo.una_vida()
    antes = await mundo.documentos()

    class Falla(Exception):
        pass

    def handler(coleccion: Documents) -> Handler:
        async def handle(record: Record) -> None:
            if record.topic == TOPICS[1]:
                raise Falla
            await _handler(coleccion)(record)

        return handle

    with pytest.raises(Falla):
        await mundo.reconstruir(handler)
    assert await mundo.documentos() == antes
    assert await mundo.base.list_collection_names() == ["registros"]
