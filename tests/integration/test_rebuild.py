"""Projections rebuilt on the documents engine, on both logs: equal document by document, also while events keep coming."""

import asyncio
import io
import itertools
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

import pytest
from pymongo import IndexModel
from rich.console import Console

from apoyo import rebuild as orden
from apoyo.engines import Engines
from apoyo.instalacion import Direcciones, Instalacion
from apoyo.sistema import crear_topics
from kernel import documents
from kernel.documents import Document, Documents, Kind, MemoryDocuments, MongoDocuments
from kernel.outbox import Outbox
from kernel.rebuild import InUse, Projection, Rebuilt, first_revision, rebuild
from kernel.stream import Handler, Mark, Message, Position, Record, Stream, TopicSpec, connect
from kernel.stream.embedded import EmbeddedLog
from kernel.stream.guard import QUARANTINE_SUFFIX, Aside, guarded
from schemas.ciclo_de_vida import TOPICS, Estado
from schemas.envelope import Evento, ensobrar
from schemas.eventos import (
    POR_TIPO,
    AuxiliarDadoDeBaja,
    AuxiliarRegistrado,
    AuxiliarVerificado,
    CompulsaOrdenada,
    ConsultaRespondida,
    ConsultaSolicitada,
    EnvioAbierto,
    EnvioCerrado,
    MiembroDePersona,
    RegistroCompulsado,
    RegistroDescifrado,
    Veredicto,
)
from schemas.perfil import PERFIL_D, PERFIL_P, PerfilReglas
from services.compulsa import agent as agente_compulsa
from services.compulsa.adapters import INDICES_DE_ESPERA
from services.compulsa.bootstrap import proyecciones
from services.mesa_control import agent as agente_mesa
from services.mesa_control.bootstrap import INDICES as INDICES_MESA
from services.mesa_control.handlers import Proyector as ProyectorDeMesa
from services.notificaciones import agent as agente_notificaciones
from services.notificaciones.bootstrap import proyecciones as proyecciones_de_notificaciones
from services.portal import agent as agente_portal
from services.portal.bootstrap import INDICES as INDICES_PORTAL
from services.portal.handlers.proyeccion import Proyector as ProyectorDelPortal
from services.resultados import agent
from services.resultados.adapters import INDEXES, MongoConteo
from services.resultados.handlers import Proyector
from tests.support.ejemplos import ejemplo
from tests.support.resultados import HORA, PROCESO, vida
from tests.unit import test_notificaciones_entrega as entrega
from tests.unit.test_compulsa_padron import FILA, OTRA
from tests.unit.test_compulsa_registro import Compulsa, folio

pytestmark = pytest.mark.timeout(90)


@dataclass(frozen=True)
class Servicio:
    """A service that is rebuilt while it works. `arrendado`: fields that a rebuild may lose."""

    grupo: str
    indices: Sequence[IndexModel]
    handler: Any
    topics: Sequence[str] = TOPICS
    arrendado: tuple[str, ...] = ()


RESULTADOS = Servicio("resultados", INDEXES, lambda c: agent.build(Proyector(c, first_revision)))
MESA = Servicio(
    "mesa_control",
    INDICES_MESA,
    lambda c: agente_mesa.build(ProyectorDeMesa(c, first_revision)),
    arrendado=("operador", "asignado_hasta"),
)
PORTAL = Servicio(
    "portal", INDICES_PORTAL, lambda c: agente_portal.build(ProyectorDelPortal(c, first_revision)), agente_portal.TOPICS
)


class Base:
    """A database of this test, and a log."""

    def __init__(self, stream: Stream, mongo_uri: str) -> None:
        self.stream = stream
        self.client = documents.connect(mongo_uri)
        self.base = self.client[f"rebuild_{os.urandom(4).hex()}"]

    def par(self, name: str, indices: Sequence[IndexModel] = ()) -> tuple[MongoDocuments, MongoDocuments]:
        """A collection, and one to rebuild it in."""
        live, beside = (MongoDocuments(self.base, n, Kind.PROJECTION, indices) for n in (name, f"{name}_nueva"))
        return live, beside

    async def cerrar(self) -> None:
        await self.client.drop_database(self.base.name)
        await self.client.close()

    @asynccontextmanager
    async def consumiendo(self, grupo: str, topics: Sequence[str], handler: Handler) -> AsyncIterator[None]:
        """A process of the group; at the end it has committed everything, and leaves. Raises what kills the process."""
        handle = guarded(handler, self.stream.publish, aside=Aside(grupo, 100))
        consumer = asyncio.create_task(self.stream.consume(grupo, topics, handle))
        try:
            yield
            async with asyncio.timeout(60):
                while not await self._al_dia(grupo, topics):
                    if consumer.done():
                        await consumer
                    await asyncio.sleep(0.05)
        finally:
            consumer.cancel()
            await asyncio.gather(consumer, return_exceptions=True)
            await self.detenido(grupo)

    async def _al_dia(self, grupo: str, topics: Sequence[str]) -> bool:
        for topic in topics:
            committed = await self.stream.committed(grupo, topic)
            if any(committed.get(p, 0) < end for p, end in (await self.stream.ends(topic)).items()):
                return False
        return True

    async def empezado(self, grupo: str) -> None:
        """Wait until the group has a member."""
        async with asyncio.timeout(30):
            while not await self.stream.members(grupo):
                await asyncio.sleep(0.05)

    async def detenido(self, grupo: str) -> None:
        """Wait until the group has none."""
        async with asyncio.timeout(30):
            while await self.stream.members(grupo):
                await asyncio.sleep(0.05)


class Mundo(Base):
    """The projection of resultados, mesa_control or portal, and lives of folios or of auxiliares to fold."""

    def __init__(self, stream: Stream, mongo_uri: str, servicio: Servicio) -> None:
        super().__init__(stream, mongo_uri)
        self.servicio = servicio
        self.registros, self.al_lado = self.par("registros", servicio.indices)
        self.publicados = 0
        self.numeros = itertools.count(int.from_bytes(os.urandom(6), "big"))

    async def una_vida(self) -> None:
        """Publish the events of a new folio, which leads to some status."""
        n = next(self.numeros)
        for evento in self._eventos(n):
            self.publicados += 1
            sobre = ensobrar(evento, fuente="/apoyo/prueba", hora=HORA, causa=f"causa {self.publicados}")
            await self.stream.publish(Message(evento.topic, evento.llave_mensaje, sobre.cuerpo(), sobre.headers()))

    def _eventos(self, n: int) -> Sequence[Evento]:
        if self.servicio is not PORTAL:
            return vida(list(Estado)[n % len(Estado)], n, cuarentena=n % 7 == 0)
        auxiliar = {"auxiliar": f"A{n % 10_000_000}"}
        return (
            ejemplo(AuxiliarRegistrado, **auxiliar, version=1),
            ejemplo(AuxiliarVerificado, **auxiliar, version=1),
            ejemplo(AuxiliarRegistrado, **auxiliar, version=2),
            ejemplo(AuxiliarDadoDeBaja, **auxiliar, version=1),
        )

    def trabajando(self) -> Any:
        return self.consumiendo(self.servicio.grupo, self.servicio.topics, self.servicio.handler(self.registros))

    async def reconstruir(self, handler: Any = None) -> None:
        registros = Projection(self.registros, self.al_lado, self.servicio.topics, handler or self.servicio.handler)
        await rebuild(self.stream, [registros])

    async def documentos(self) -> dict[str, Document]:
        """What the projection holds, but for the revisions, which count writes, and what may be lost."""
        return sin(await self.registros.find({}), "revision", *self.servicio.arrendado)

    async def desde_los_topics(self) -> dict[str, Document]:
        """What it must hold: the log folded once, in memory."""
        memoria = MemoryDocuments()
        for topic in self.servicio.topics:
            async for record in self.stream.read(topic):
                await self.servicio.handler(memoria)(record)
        return sin(await memoria.find({}), "revision", *self.servicio.arrendado)


def sin(documentos: list[Document], *campos: str) -> dict[str, Document]:
    return {d["_id"]: {name: value for name, value in d.items() if name not in campos} for d in documentos}


class Apartada(Stream):
    """A log of this test alone on one that others use: its topics and groups have names of their own there."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._sufijo = f"-{os.urandom(4).hex()}"

    async def start(self) -> None:
        await self._stream.start()

    async def stop(self) -> None:
        await self._stream.stop()

    async def create_topics(self, specs: Sequence[TopicSpec]) -> None:
        await self._stream.create_topics([replace(spec, name=spec.name + self._sufijo) for spec in specs])

    async def publish(self, message: Message) -> Position:
        position = await self._stream.publish(replace(message, topic=message.topic + self._sufijo))
        return replace(position, topic=message.topic)

    async def ends(self, topic: str) -> dict[int, int]:
        return await self._stream.ends(topic + self._sufijo)

    async def read(self, topic: str, start: Mapping[int, int] | None = None) -> AsyncIterator[Record]:
        async for record in self._stream.read(topic + self._sufijo, start):
            yield replace(record, topic=topic)

    def tail(self, topic: str) -> AsyncIterator[Record | Literal[Mark.CAUGHT_UP]]:
        raise NotImplementedError

    async def consume(self, group: str, topics: Sequence[str], handle: Handler) -> None:
        async def mine(record: Record) -> None:
            await handle(replace(record, topic=record.topic.removesuffix(self._sufijo)))

        await self._stream.consume(group + self._sufijo, [topic + self._sufijo for topic in topics], mine)

    async def committed(self, group: str, topic: str) -> dict[int, int]:
        return await self._stream.committed(group + self._sufijo, topic + self._sufijo)

    async def members(self, group: str) -> int:
        return await self._stream.members(group + self._sufijo)


DE_COMPULSA = (*agente_compulsa.TOPICS_DE_FOLIOS, *agente_compulsa.TOPICS_DE_CONSULTAS)
TODOS = sorted({*TOPICS, *agente_portal.TOPICS, *DE_COMPULSA, EnvioAbierto.topic})


async def _abierta(stream: Stream) -> Stream:
    apartada = Apartada(stream)
    await apartada.start()
    partitions = {topic: 1 if topic in agente_portal.TOPICS else 2 for topic in TODOS}
    await apartada.create_topics(
        [TopicSpec(name, n) for t, n in partitions.items() for name in (t, t + QUARANTINE_SUFFIX)]
    )
    return apartada


@pytest.fixture(params=["embebida", pytest.param("kafka", marks=pytest.mark.kafka)])
def bitacora(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"embedded://{tmp_path}/log.db" if request.param == "embebida" else request.getfixturevalue("kafka_url")


@pytest.fixture
async def stream(bitacora: str) -> AsyncIterator[Stream]:
    stream = await _abierta(connect(bitacora, "prueba"))
    yield stream
    await stream.stop()


@pytest.fixture(params=[RESULTADOS, MESA, PORTAL], ids=lambda servicio: servicio.grupo)
async def mundo(stream: Stream, mongo_uri: str, request: pytest.FixtureRequest) -> AsyncIterator[Mundo]:
    mundo = Mundo(stream, mongo_uri, request.param)
    await mundo.registros.prepare()
    yield mundo
    await mundo.cerrar()


# ---- while the service works: resultados, mesa_control, portal


async def test_reconstruida_es_igual_documento_por_documento_aunque_la_anterior_se_haya_echado_a_perder(
    mundo: Mundo,
) -> None:
    async with mundo.trabajando():
        for _ in range(20):
            await mundo.una_vida()
    antes = await mundo.documentos()
    assert len(antes) == 20
    await mundo.registros.collection.delete_many({"_id": {"$in": sorted(antes)[:5]}})
    await mundo.registros.collection.update_many(
        {}, {"$set": {"estado": "baja", "cola": "CI26/decidido", "hechos": {}, "versiones": []}}
    )
    assert await mundo.documentos() != antes
    await mundo.reconstruir()
    assert await mundo.documentos() == antes == await mundo.desde_los_topics()
    assert await mundo.base.list_collection_names() == ["registros"]
    if mundo.servicio is RESULTADOS:
        grupos = await MongoConteo(mundo.registros).grupos(PROCESO)
        assert sum(g.folios for g in grupos) == len(antes)


async def test_se_reconstruye_mientras_llegan_eventos_y_no_se_pierde_ninguno(mundo: Mundo) -> None:
    vidas = 0

    async def trafico() -> None:
        nonlocal vidas
        while True:
            await mundo.una_vida()
            vidas += 1
            await asyncio.sleep(0.05)

    async with mundo.trabajando():
        enviando = asyncio.create_task(trafico())
        await asyncio.sleep(0.5)
        rondas = 0
        while rondas < 2 or vidas < 20:
            await mundo.reconstruir()
            rondas += 1
        assert not enviando.done()
        enviando.cancel()
        await asyncio.gather(enviando, return_exceptions=True)
    documentos = await mundo.documentos()
    assert len(documentos) >= vidas
    assert documentos == await mundo.desde_los_topics()


async def test_si_falla_a_la_mitad_la_que_esta_en_uso_queda_como_estaba(mundo: Mundo) -> None:
    async with mundo.trabajando():
        for _ in Estado:  # of each kind one: some say nothing on the last topic
            await mundo.una_vida()
    antes = await mundo.documentos()

    class Falla(Exception):
        pass

    def handler(coleccion: Documents) -> Handler:
        async def handle(record: Record) -> None:
            if record.topic == mundo.servicio.topics[-1]:
                raise Falla
            await mundo.servicio.handler(coleccion)(record)

        return handle

    with pytest.raises(Falla):
        await mundo.reconstruir(handler)
    assert await mundo.documentos() == antes
    assert await mundo.base.list_collection_names() == ["registros"]


# ---- while the service is stopped: compulsa


class CompulsaEnMongo(Base):
    """compulsa with its state on the documents engine; the rest of it in memory."""

    def __init__(self, stream: Stream, mongo_uri: str, perfil: PerfilReglas = PERFIL_P) -> None:
        super().__init__(stream, mongo_uri)
        self.folios, self.personas = self.par("folios", INDICES_DE_ESPERA), self.par("personas")
        self.consultas = self.par("consultas", INDICES_DE_ESPERA)
        self.compulsa = Compulsa(stream, perfil, self.folios[0], self.personas[0], self.consultas[0])

    def trabajando(self) -> Any:
        return self.consumiendo("compulsa", agente_compulsa.TOPICS, self.compulsa.handle)

    async def al_dia(self) -> None:
        """Run the service until nothing is left, and stop it."""
        async with self.trabajando():
            pass

    async def reconstruir(self) -> Rebuilt:
        pares = proyecciones(self.folios, self.personas, self.consultas)
        return await rebuild(self.stream, pares, stopped="compulsa", outbox=self.compulsa.outbox)

    async def documentos(self) -> dict[str, dict[str, Document]]:
        return {
            name: sin(await par[0].find({}), "revision")
            for name, par in (("folios", self.folios), ("personas", self.personas), ("consultas", self.consultas))
        }

    async def dichos(self) -> dict[str, list[tuple[str, int, str]]]:
        """What was said, by topic: subject, version and id, each once."""
        said: dict[str, list[tuple[str, int, str]]] = {}
        for tipo in (RegistroCompulsado, MiembroDePersona, Veredicto, ConsultaRespondida):
            ids = set()
            async for record in self.stream.read(tipo.topic):
                evento = POR_TIPO[record.headers["ce_type"]].model_validate_json(record.value)
                ids.add((evento.asunto, evento.version, record.headers["ce_id"]))
            said[tipo.topic] = sorted(ids)
        return said


def _identificadores(fila: Mapping[str, str]) -> dict[str, str]:
    return {campo: fila[campo] for campo in ("clave_elector", "cic", "ocr")}


async def _registros_de_toda_clase(mundo: CompulsaEnMongo) -> None:
    """Clean, duplicate, inconsistent, corrected, not found, opened again as another person, undecided, pending, unreadable; and
    lookups of the portal: pending, answered, unreadable."""
    compulsa = mundo.compulsa
    await compulsa.preguntar("1" * 32, clave_elector=FILA["clave_elector"])
    await mundo.al_dia()
    await compulsa.cargar(FILA, OTRA)
    await compulsa.preguntar("2" * 32, clave_elector=FILA["clave_elector"])
    await compulsa.escribir(ejemplo(ConsultaSolicitada, consulta="3" * 32, llave="ninguna"))
    nadie = {"clave_elector": "NNNNNN85031410M100", "cic": "999999999", "ocr": "9999999999999"}
    for n, fila in enumerate((FILA, FILA, FILA, nadie, FILA, FILA, OTRA)):
        await compulsa.descifrar(folio(n), minutos=n, **_identificadores(fila))
    await compulsa.descifrar(folio(7), recibido_en=datetime(2026, 10, 20, 12, tzinfo=UTC))
    for n, limpio in ((0, True), (1, True), (2, False), (3, True), (4, True), (5, True), (7, True)):
        await compulsa.clasificar(folio(n), limpio)
    await compulsa.escribir(ejemplo(RegistroDescifrado, folio=folio(8), llave="ninguna", version=1))
    await compulsa.clasificar(folio(8))
    await mundo.al_dia()
    await compulsa.clasificar(folio(0), False, version=2)
    await compulsa.descifrar(folio(5), version=2, minutos=5, **_identificadores(OTRA))
    await mundo.al_dia()
    await compulsa.clasificar(folio(0), True, version=3)
    await mundo.al_dia()


@pytest.mark.parametrize(
    ("bitacora", "perfil"),
    [("embebida", PERFIL_P), ("embebida", PERFIL_D), pytest.param("kafka", PERFIL_D, marks=pytest.mark.kafka)],
    indirect=["bitacora"],
    ids=["embebida-continua", "embebida-al_final", "kafka-al_final"],
)
async def test_compulsa_reconstruida_sabe_lo_mismo_y_sigue_donde_estaba(
    stream: Stream, mongo_uri: str, perfil: PerfilReglas
) -> None:
    mundo = CompulsaEnMongo(stream, mongo_uri, perfil)
    compulsa = mundo.compulsa
    await _registros_de_toda_clase(mundo)
    antes, dichos = await mundo.documentos(), await mundo.dichos()
    orden = {"orden/CI26"} if perfil is PERFIL_D else set()
    assert {d["espera"] for d in antes["folios"].values() if "espera" in d} == {"corte/2026-09-30"} | orden
    assert antes["folios"][folio(8)]["estado"]["descifrado"] is None
    assert {id_: d.get("espera") for id_, d in antes["consultas"].items()} == {"1" * 32: "corte", "2" * 32: None}
    await mundo.folios[0].collection.delete_many({"_id": {"$in": [folio(0), folio(7)]}})
    await mundo.folios[0].collection.update_many({}, {"$unset": {"espera": ""}, "$set": {"estado.veredictos": {}}})
    await mundo.personas[0].collection.delete_many({})
    await mundo.consultas[0].collection.delete_many({})

    await mundo.reconstruir()

    assert await mundo.documentos() == antes
    assert sorted(await mundo.base.list_collection_names()) == ["consultas", "folios", "personas"]
    assert await mundo.dichos() == dichos
    await compulsa.cargar(FILA, corte="2026-09-30")
    compulsa.actores.aplicar(ejemplo(CompulsaOrdenada, proceso="CI26"), 9)
    async with mundo.trabajando():
        await compulsa.reexamen.una_vez()
        assert await compulsa.reexamen_de_consultas.una_vez() == 1
        await compulsa.clasificar(folio(6))
    respondidas = (await mundo.dichos())[ConsultaRespondida.topic]
    assert [(consulta, version) for consulta, version, _ in respondidas] == [("1" * 32, 1), ("2" * 32, 1)]
    assert [await compulsa.estado(folio(n)) for n in range(8)] == [
        Estado.DUPLICADO,
        Estado.DUPLICADO,
        Estado.CON_INCONSISTENCIA,
        Estado.NO_ENCONTRADO,
        Estado.DUPLICADO,
        Estado.EN_LISTA_NOMINAL,
        Estado.DUPLICADO,
        Estado.EN_LISTA_NOMINAL,
    ]
    await mundo.cerrar()


async def test_compulsa_no_se_reconstruye_mientras_alguien_consume_en_su_grupo(stream: Stream, mongo_uri: str) -> None:
    mundo = CompulsaEnMongo(stream, mongo_uri)
    await mundo.compulsa.cargar(FILA)
    await mundo.compulsa.descifrar(folio(1))
    async with mundo.trabajando():
        await mundo.empezado("compulsa")
        with pytest.raises(InUse):
            await mundo.reconstruir()
    antes = await mundo.documentos()
    assert list(antes["folios"]) == [folio(1)]
    assert await mundo.base.list_collection_names() == ["folios"]
    await mundo.reconstruir()
    assert await mundo.documentos() == antes
    await mundo.cerrar()


@pytest.mark.parametrize("se_va", [True, False], ids=["ya_se_fue", "sigue_ahi"])
async def test_si_alguien_trabaja_entre_el_principio_y_el_cambio_nada_se_cambia(
    stream: Stream, mongo_uri: str, se_va: bool
) -> None:
    mundo = CompulsaEnMongo(stream, mongo_uri)
    await mundo.compulsa.cargar(FILA)
    await mundo.compulsa.descifrar(folio(1))
    folios, *otras = proyecciones(mundo.folios, mundo.personas, mundo.consultas)
    trabajo = mundo.trabajando()
    trabajado = False

    def handler(documentos: Documents) -> Handler:
        async def handle(record: Record) -> None:
            nonlocal trabajado
            if not trabajado:
                trabajado = True
                await trabajo.__aenter__()
                await mundo.empezado("compulsa")
                if se_va:
                    await trabajo.__aexit__(None, None, None)
            await folios.handler(documentos)(record)

        return handle

    with pytest.raises(InUse):
        await rebuild(stream, [replace(folios, handler=handler), *otras], stopped="compulsa")
    if not se_va:
        await trabajo.__aexit__(None, None, None)
    assert await mundo.base.list_collection_names() == ["folios"]
    assert [d["revision"] < 9 for d in await mundo.folios[0].find({})] == [True]
    await mundo.cerrar()


# ---- while the service is stopped: notificaciones


async def test_notificaciones_reconstruida_sabe_lo_mismo_no_manda_nada_y_sigue_donde_estaba(
    stream: Stream, mongo_uri: str
) -> None:
    base = Base(stream, mongo_uri)
    envios, desenlaces = base.par("envios"), base.par("desenlaces")
    mundo = entrega.Mundo(colecciones={"envios": envios[0], "desenlaces": desenlaces[0], "entregas": MemoryDocuments()})
    auxiliar = await mundo.auxiliar()
    mundo.publicar(auxiliar)
    servicio = mundo.instancia("uno").handler

    def trabajando() -> Any:
        return base.consumiendo("notificaciones", agente_notificaciones.TOPICS, servicio)

    async def publicar(*eventos: Evento) -> None:
        for evento in eventos:
            sobre = ensobrar(evento, fuente="/apoyo/prueba", hora=HORA, causa=str(evento))
            await stream.publish(Message(evento.topic, evento.llave_mensaje, sobre.cuerpo(), sobre.headers()))

    async def reconstruir() -> None:
        await rebuild(stream, proyecciones_de_notificaciones(envios, desenlaces), stopped="notificaciones")

    async def documentos() -> list[dict[str, Document]]:
        return [sin(await c.find({}), "revision") for c in (envios[0], desenlaces[0])]

    def cierre(n: int, recibidos: int) -> EnvioCerrado:
        return entrega.cerrado(recibidos).model_copy(update={"envio": entrega.envio(n)})

    def recibidos() -> list[str]:
        return sorted(mensaje.id.removesuffix("@apoyo.invalid>") for mensaje in mundo.buzon.mensajes)

    acuses, alta = [f"<acuse.{entrega.envio(n)}" for n in (0, 1)], "<alta.CI26-0001.A0001"
    await publicar(auxiliar, *(entrega.abierto(n) for n in range(3)))
    await publicar(await mundo.descifrado(1), entrega.cuarentena(2), cierre(0, 3))
    await publicar(entrega.cuarentena(3), await mundo.descifrado(3, version=2), cierre(1, 1))
    async with trabajando():
        await base.empezado("notificaciones")
        with pytest.raises(InUse):
            await reconstruir()
    antes = await documentos()
    assert [len(each) for each in antes] == [3, 3]
    assert recibidos() == [acuses[0], alta]
    await envios[0].collection.update_many({}, {"$set": {"cierre": None}})
    await desenlaces[0].collection.delete_many({})

    await reconstruir()

    assert await documentos() == antes
    # What comes while it is stopped is folded by the rebuild, and delivered to the service all the same.
    await publicar(entrega.cuarentena(4).model_copy(update={"envio": entrega.envio(1)}))
    await reconstruir()
    assert recibidos() == [acuses[0], alta]
    async with trabajando():
        pass
    assert recibidos() == [*acuses, alta]
    await base.cerrar()


# ---- killed, rebuilt, started again


class Muerte(Exception):
    """The process is killed here."""


class SalidaMortal(Outbox):
    """An outbox whose process dies at one emission: before its insert, or between that and its publishing."""

    muere_en: tuple[int, str] = (0, "")
    emisiones = 0

    async def emit(self, event: Evento, **como: Any) -> Any:
        self.emisiones += 1
        if self.muere_en == (self.emisiones, "antes"):
            raise Muerte
        return await super().emit(event, **como)

    async def _publish(self, document: Document) -> None:
        if self.muere_en == (self.emisiones, "insertado"):
            self.muere_en = (0, "")
            raise Muerte
        await super()._publish(document)


async def _vida_de_dos(mundo: CompulsaEnMongo, muere_en: tuple[int, str]) -> None:
    """Two clean records of one person, event by event; where the service dies, it is rebuilt and started again."""
    compulsa = mundo.compulsa
    compulsa.outbox.__class__ = SalidaMortal
    compulsa.outbox.muere_en = muere_en  # type: ignore[attr-defined]
    await compulsa.cargar(FILA)
    for n in (1, 2):
        for paso in (compulsa.descifrar(folio(n), minutos=-n), compulsa.clasificar(folio(n))):
            await paso
            try:
                await mundo.al_dia()
            except Muerte:
                await mundo.reconstruir()
                await mundo.al_dia()


@pytest.mark.parametrize("cuando", ["antes", "insertado"])
async def test_compulsa_muerta_entre_decidir_y_decir_y_reconstruida_dice_lo_mismo_con_los_mismos_ids(
    tmp_path: Path, mongo_uri: str, cuando: str
) -> None:
    async def vivir(muere_en: tuple[int, str]) -> tuple[Any, list[Estado | None], int]:
        log = EmbeddedLog(tmp_path / f"{muere_en[0]}.db", lease_s=0.2, die=lambda cause: None)
        mundo = CompulsaEnMongo(await _abierta(log), mongo_uri)
        mundo.compulsa.procesos._documents = llaves_de_proceso
        await _vida_de_dos(mundo, muere_en)
        dichos, outbox = await mundo.dichos(), mundo.compulsa.outbox
        estados = [await mundo.compulsa.estado(folio(n)) for n in (1, 2)]
        await mundo.cerrar()
        await log.stop()
        return dichos, estados, outbox.emisiones  # type: ignore[attr-defined]

    llaves_de_proceso: dict[str, Document] = {}  # the same persons in every life
    dichos, estados, emisiones = await vivir((0, ""))
    assert estados == [Estado.DUPLICADO, Estado.EN_LISTA_NOMINAL]
    assert emisiones == sum(map(len, dichos.values()))
    for numero in range(1, emisiones + 1):
        assert (await vivir((numero, cuando)))[:2] == (dichos, estados), numero


async def test_lo_que_una_muerte_dejo_escrito_y_sin_publicar_conserva_su_version_aunque_otro_decida_antes(
    tmp_path: Path, mongo_uri: str
) -> None:
    log = EmbeddedLog(tmp_path / "log.db", lease_s=0.2, die=lambda cause: None)
    mundo = CompulsaEnMongo(await _abierta(log), mongo_uri, PERFIL_D)
    compulsa = mundo.compulsa
    compulsa.outbox.__class__ = SalidaMortal
    compulsa.outbox.muere_en = (2, "insertado")  # type: ignore[attr-defined]
    compulsa.actores.aplicar(ejemplo(CompulsaOrdenada, proceso="CI26"), 9)
    await compulsa.cargar(FILA)
    await compulsa.descifrar(folio(1))
    await mundo.al_dia()
    await compulsa.clasificar(folio(1))
    with pytest.raises(Muerte):
        await mundo.al_dia()
    await mundo.reconstruir()
    assert await compulsa.reexamen.una_vez() == 1
    await mundo.al_dia()
    assert await compulsa.estado(folio(1)) is Estado.EN_LISTA_NOMINAL
    assert [len(said) for said in (await mundo.dichos()).values()] == [2, 1, 1, 0]
    await mundo.cerrar()
    await log.stop()


# ---- the command


async def test_la_orden_reconstruye_cada_servicio_y_pide_detener_al_que_lo_necesita(
    engines: Engines, tmp_path: Path
) -> None:
    instalacion = Instalacion(tmp_path)
    instalacion.preparar()
    url = f"embedded://{tmp_path}/log.db"
    direcciones = Direcciones(
        url, engines.mongo_uri, engines.s3_endpoint, "x", "127.0.0.1", 25, "", "http://127.0.0.1:1", {}
    )
    instalacion.guardar(direcciones, "x")
    stream = connect(url, "prueba")
    await stream.start()
    await crear_topics(stream)
    salida = Console(file=io.StringIO(), width=300)

    async def ordenar() -> list[int]:
        return [await orden.correr(instalacion, servicio, salida) for servicio in get_args(orden.Servicio)]

    assert await ordenar() == [0, 0, 0, 0, 0]
    en_marcha = [
        asyncio.create_task(stream.consume(grupo, TOPICS, guarded(_nada, stream.publish, aside=Aside(grupo, 100))))
        for grupo in get_args(orden.Servicio)
    ]
    while not all([await stream.members(grupo) for grupo in get_args(orden.Servicio)]):
        await asyncio.sleep(0.05)
    assert await ordenar() == [0, 0, 0, 1, 1]
    assert "compulsa está en marcha" in salida.file.getvalue()  # type: ignore[attr-defined]
    for consumidor in en_marcha:
        consumidor.cancel()
    await asyncio.gather(*en_marcha, return_exceptions=True)
    await stream.stop()


async def _nada(record: Record) -> None:
    return
