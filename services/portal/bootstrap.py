"""Builds the service from its settings, and rebuilds its projection: the only place that knows every adapter."""

import uuid
from collections.abc import Callable

from pymongo import IndexModel

from kernel import identity
from kernel.documents import Kind
from kernel.engines import Engines
from kernel.fold import Fold
from kernel.follow import Follower
from kernel.identity import Audience
from kernel.per_key import PerKey
from kernel.rebuild import Projection, Rebuilt, first_revision, rebuild
from kernel.service import Consumer, Service
from kernel.web import Health
from schemas.directorio import Directorio
from schemas.eventos import POR_TIPO, ExpedientesDestruidos
from services.portal import agent
from services.portal.adapters import LlavesEnCarpeta
from services.portal.api import build_app
from services.portal.handlers.auxiliares import Auxiliares
from services.portal.handlers.calendarios import Calendarios
from services.portal.handlers.consultas import Consultas
from services.portal.handlers.cuentas import Cuentas
from services.portal.handlers.destruccion import Destrucciones
from services.portal.handlers.escritura import Escritor, Vista
from services.portal.handlers.lotes import Lotes
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
INDICES_DE_LOTES = [
    IndexModel([("estado", 1), ("cambiado_en", 1)], name="estado"),
    IndexModel([("solicitud", 1)], name="solicitud"),
]
"""Of `lotes`."""


A_LA_VEZ = 64
"""Answers of the roll in hand at once: each is about another auxiliar, and takes some kilobytes."""


def build(settings: Settings) -> Service:
    """The service, not started."""
    engines = Engines(settings, SERVICIO)
    vista = Vista()
    outbox = engines.outbox()
    fichas = engines.collection("fichas", Kind.PROJECTION, INDICES)
    escritor = Escritor(outbox, engines.stream, vista, fichas, engines.clock)
    llavero = engines.keyring()
    personas = Personas(
        llavero,
        engines.collection("accesos", Kind.PRIMARY, [IndexModel([("llaves", 1), ("cuando", 1)], name="llaves")]),
        engines.clock,
    )
    del_personal = {e.id: e.name for e in settings.issuers if Audience.STAFF in e.audience}
    del_publico = {e.id: e.name for e in settings.issuers if Audience.PUBLIC in e.audience}
    cuentas = Cuentas(escritor, personas, del_personal, settings.identity_key)
    procesos = Procesos(escritor, personas, LlavesEnCarpeta(settings.process_keys_dir))
    solicitudes = Solicitudes(
        escritor, personas, procesos, engines.bucket("emblemas"), del_publico, settings.identity_key
    )
    consultas = Consultas(escritor, outbox, personas, vista, engines.clock)
    auxiliares = Auxiliares(escritor, outbox, personas, consultas, vista, del_publico, settings.identity_key)
    lotes = Lotes(
        auxiliares,
        llavero,
        engines.collection("lotes", Kind.PRIMARY, INDICES_DE_LOTES),
        engines.collection("lotes_paginas", Kind.PRIMARY, [IndexModel([("lote", 1)], name="lote")]),
        engines.clock,
        instancia=uuid.uuid4().hex,
    )
    destrucciones = Destrucciones(escritor, procesos)
    portal = Portal(
        vista,
        fichas,
        escritor,
        cuentas,
        Calendarios(escritor),
        procesos,
        destrucciones,
        solicitudes,
        auxiliares,
        lotes,
    )
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
        consumers=[
            Consumer(agent.RESPUESTAS, agent.TOPICS_DE_RESPUESTAS, PerKey(agent.respuestas(consultas), A_LA_VEZ))
        ],
        prepare=engines.prepare,
        followers=[
            Follower(engines.stream, "actores", POR_TIPO, vista.aplicar),
            Follower(engines.stream, ExpedientesDestruidos.topic, POR_TIPO, destrucciones.aplicar),
        ],
        tasks=[outbox.relay_forever, consultas.reparar_siempre, lotes.trabajar_siempre],
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
