"""Builds the service from its settings, and rebuilds its projection: the only place that knows every adapter."""

from collections.abc import Callable

from kernel import identity
from kernel.documents import Kind
from kernel.engines import Engines
from kernel.fold import Fold
from kernel.follow import Follower
from kernel.rebuild import Projection, Rebuilt, first_revision, rebuild
from kernel.service import Service
from kernel.web import Health
from schemas.actores import Actores
from schemas.directorio import Directorio
from schemas.eventos import POR_TIPO
from services.resultados import agent
from services.resultados.adapters import INDEXES, MongoConteo
from services.resultados.api import build_app
from services.resultados.handlers import SERVICIO, Consultas, Proyector
from services.resultados.settings import Settings


def build(settings: Settings) -> Service:
    """The service, not started."""
    engines = Engines(settings, SERVICIO)
    actores = Actores()
    registros = engines.collection("registros", Kind.PROJECTION, INDEXES)
    consultas = Consultas(registros, MongoConteo(registros), engines.stream, lambda: actores, engines.clock)
    directorio = Directorio(lambda: actores, settings.identity_key, engines.clock.now)
    health = Health("engines", "actores")
    return Service(
        name=SERVICIO,
        settings=settings,
        stream=engines.stream,
        app=build_app(consultas, identity.build(engines, settings, directorio), health),
        health=health,
        topics=agent.TOPICS,
        fold=Fold(registros, lambda documentos: agent.build(Proyector(documentos, first_revision))),
        prepare=engines.prepare,
        tasks=[consultas.medir],
        followers=[Follower(engines.stream, "actores", POR_TIPO, actores.aplicar)],
    )


async def reconstruir(settings: Settings, progreso: Callable[[int], None] = lambda eventos: None) -> Rebuilt:
    """Rebuild the projection from the topics while the service works. `progreso`: events folded. Raises Unavailable."""
    engines = Engines(settings, SERVICIO)
    registros = Projection(
        *engines.beside("registros", INDEXES),
        agent.TOPICS,
        lambda coleccion: agent.build(Proyector(coleccion, first_revision)),
    )
    async with engines.connected():
        return await rebuild(engines.stream, [registros], progreso)
