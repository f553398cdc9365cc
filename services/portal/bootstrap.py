"""Builds the service from its settings, and rebuilds its projection: the only place that knows every adapter."""

from collections.abc import Callable

from pymongo import IndexModel

from kernel import identity
from kernel.documents import Kind
from kernel.engines import Engines
from kernel.fold import Fold
from kernel.follow import Follower
from kernel.rebuild import Projection, Rebuilt, first_revision, rebuild
from kernel.service import Service
from kernel.web import Health
from schemas.directorio import Directorio
from schemas.eventos import POR_TIPO
from services.portal import agent
from services.portal.adapters import LlavesEnCarpeta
from services.portal.api import build_app
from services.portal.handlers.calendarios import Calendarios
from services.portal.handlers.cuentas import Cuentas
from services.portal.handlers.escritura import Escritor, Vista
from services.portal.handlers.personas import Personas
from services.portal.handlers.portal import Portal
from services.portal.handlers.procesos import Procesos
from services.portal.handlers.proyeccion import Proyector
from services.portal.handlers.solicitudes import Solicitudes
from services.portal.settings import Settings

SERVICIO = "portal"
INDICES = [
    IndexModel([("clase", 1), ("_id", 1)], name="clase"),
    IndexModel([("clase", 1), ("proceso", 1), ("_id", 1)], name="proceso"),
    IndexModel([("clase", 1), ("solicitud", 1), ("_id", 1)], name="solicitud"),
]
"""Of `fichas`."""


def build(settings: Settings) -> Service:
    """The service, not started."""
    engines = Engines(settings, SERVICIO)
    vista = Vista()
    outbox = engines.outbox()
    fichas = engines.collection("fichas", Kind.PROJECTION, INDICES)
    escritor = Escritor(outbox, engines.stream, vista, fichas, engines.clock)
    personas = Personas(
        engines.keyring(),
        engines.collection("accesos", Kind.PRIMARY, [IndexModel([("llaves", 1), ("cuando", 1)], name="llaves")]),
        engines.clock,
    )
    cuentas = Cuentas(escritor, personas, {}, settings.identity_key)
    procesos = Procesos(escritor, personas, LlavesEnCarpeta(settings.process_keys_dir))
    solicitudes = Solicitudes(escritor, personas, procesos, engines.bucket("emblemas"), {}, settings.identity_key)
    portal = Portal(vista, fichas, escritor, cuentas, Calendarios(escritor), procesos, solicitudes)
    directorio = Directorio(lambda: vista.actores, settings.identity_key, engines.clock.now)
    health = Health("engines", "actores")
    return Service(
        name=SERVICIO,
        settings=settings,
        stream=engines.stream,
        app=build_app(portal, identity.build(engines, settings, directorio), health),
        health=health,
        topics=agent.TOPICS,
        fold=Fold(fichas, lambda documentos: agent.build(Proyector(documentos, first_revision))),
        prepare=engines.prepare,
        followers=[Follower(engines.stream, "actores", POR_TIPO, vista.aplicar)],
        tasks=[outbox.relay_forever],
    )


async def reconstruir(settings: Settings, progreso: Callable[[int], None] = lambda eventos: None) -> Rebuilt:
    """Rebuild the projection from the topics while the service works. `progreso`: events folded. Raises Unavailable."""
    engines = Engines(settings, SERVICIO)
    fichas = Projection(
        *engines.beside("fichas", INDICES),
        agent.TOPICS,
        lambda coleccion: agent.build(Proyector(coleccion, first_revision)),
    )
    async with engines.connected():
        return await rebuild(engines.stream, [fichas], progreso)
