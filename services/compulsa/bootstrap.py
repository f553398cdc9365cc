"""Builds compulsa, rebuilds its state, and loads a cut. The only place that builds its adapters."""

import random
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from pymongo import IndexModel

from kernel.documents import Kind, MongoDocuments
from kernel.engines import Engines
from kernel.follow import Follower
from kernel.per_key import PerKey
from kernel.rebuild import Projection, Rebuilt, Replaceable, first_revision, rebuild
from kernel.service import Service
from kernel.together import Together
from kernel.web import Health, create_app
from schemas.actores import Actores
from schemas.eventos import POR_TIPO
from services.compulsa import adapters
from services.compulsa.agent import (
    TOPICS,
    TOPICS_DE_CONSULTAS,
    TOPICS_DE_FOLIOS,
    TOPICS_DE_PERSONAS,
    agente,
    solo_consultas,
    solo_folios,
    solo_personas,
)
from services.compulsa.handlers import (
    Consultas,
    Estados,
    FinDeProcesos,
    Folios,
    Personas,
    Pliegue,
    Reexamen,
    Respuestas,
)
from services.compulsa.padron import Avance, Carga, Padron, cargar, descartar
from services.compulsa.settings import CompulsaSettings

NAME = "compulsa"
LLAVES_DE_PROCESO = "llaves_de_proceso"
"""Collection of the keys by which it hashes persons, one for each process."""

A_LA_VEZ = 64
"""Records and persons in hand at once; each takes some kilobytes."""


def build(settings: CompulsaSettings) -> Service:
    """The service, not connected yet. Its HTTP surface is health and metrics alone."""
    engines = Engines(settings, NAME)
    outbox = engines.outbox()
    actores = Actores()
    padron = Padron(*_roll(engines), adapters.llave_del_padron(settings.keys_dir))
    procesos = engines.ring(engines.collection(LLAVES_DE_PROCESO, Kind.PRIMARY))

    def estados(name: str, indexes: Sequence[IndexModel] = ()) -> Estados:
        return Estados(Together(engines.collection(name, Kind.PROJECTION, indexes)), outbox, engines.clock)

    consultas = Consultas(padron, engines.keyring(), procesos, lambda: actores)
    folios = Folios(estados("folios", adapters.INDICES_DE_ESPERA), consultas.consultar, padron, lambda: actores)
    respuestas = Respuestas(
        estados("consultas", adapters.INDICES_DE_ESPERA), consultas.responder, padron, engines.clock
    )
    reexamenes = [Reexamen(etapa, random.shuffle) for etapa in (folios, respuestas)]
    health = Health("engines", "actores")
    return Service(
        name=NAME,
        settings=settings,
        stream=engines.stream,
        app=create_app("Apoyo: compulsa", health),
        health=health,
        topics=TOPICS,
        fold=PerKey(agente(folios, Personas(estados("personas")), respuestas), A_LA_VEZ),
        prepare=engines.prepare,
        followers=[Follower(engines.stream, "actores", POR_TIPO, actores.aplicar)],
        tasks=[
            outbox.relay_forever,
            *(partial(r.siempre, settings.reexamen_s) for r in reexamenes),
            FinDeProcesos(procesos, lambda: actores).siempre,
        ],
    )


async def reconstruir(settings: CompulsaSettings, progreso: Callable[[int], None] = lambda eventos: None) -> Rebuilt:
    """Rebuild the state of records, persons and lookups from the topics while the service is stopped. `progreso`: events folded.

    The README says what is folded how far, and why. Raises InUse, Unavailable.
    """
    engines = Engines(settings, NAME)
    pares = (
        engines.beside("folios", adapters.INDICES_DE_ESPERA),
        engines.beside("personas"),
        engines.beside("consultas", adapters.INDICES_DE_ESPERA),
    )
    async with engines.connected():
        return await rebuild(engines.stream, proyecciones(*pares), progreso, stopped=NAME, outbox=engines.outbox())


def proyecciones(
    folios: tuple[Replaceable, Replaceable],
    personas: tuple[Replaceable, Replaceable],
    consultas: tuple[Replaceable, Replaceable],
    primera_revision: Callable[[], int] = first_revision,
) -> tuple[Projection, Projection, Projection]:
    """The three states, each with the collection to rebuild it in."""
    return (
        Projection(
            *folios,
            TOPICS_DE_FOLIOS,
            lambda documentos: solo_folios(Pliegue(documentos, primera_revision)),
            skip_set_aside=True,
        ),
        Projection(
            *personas,
            TOPICS_DE_PERSONAS,
            lambda documentos: solo_personas(Pliegue(documentos, primera_revision)),
            skip_set_aside=True,
            only_committed=True,
        ),
        Projection(
            *consultas,
            TOPICS_DE_CONSULTAS,
            lambda documentos: solo_consultas(Pliegue(documentos, primera_revision)),
            skip_set_aside=True,
        ),
    )


async def cargar_padron(
    settings: CompulsaSettings, archivo: Path, corte: str, progreso: Callable[[Avance], None] = lambda avance: None
) -> Carga:
    """Load a cut of the roll, while the service runs or not. Raises padron.CargaRechazada and Unavailable."""
    engines = Engines(settings, NAME)
    renglones, cortes = _roll(engines)
    try:
        for prepare in engines.prepare:
            await prepare()
        return await cargar(
            archivo,
            corte,
            cortes=cortes,
            insertar=adapters.RenglonesMongo(renglones).insertar,
            llave=adapters.llave_del_padron(settings.keys_dir),
            progreso=progreso,
        )
    finally:
        await engines.mongo.close()


async def descartar_padron(settings: CompulsaSettings, corte: str) -> None:
    """Discard an interrupted load of a cut. Raises padron.CargaRechazada and Unavailable."""
    engines = Engines(settings, NAME)
    renglones, cortes = _roll(engines)
    try:
        await descartar(corte, cortes=cortes, borrar=adapters.RenglonesMongo(renglones).borrar)
    finally:
        await engines.mongo.close()


def _roll(engines: Engines) -> tuple[MongoDocuments, MongoDocuments]:
    """The collections of the roll: its lines, and its cuts."""
    return (
        engines.collection("padron", Kind.PRIMARY, adapters.INDICES_PADRON),
        engines.collection("cortes", Kind.PRIMARY),
    )
