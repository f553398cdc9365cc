"""Builds the service from its settings, and rebuilds its projection: the only place that knows every adapter."""

import uuid
from collections.abc import Callable
from datetime import timedelta

from pymongo import IndexModel

from kernel import identity
from kernel.dispatch import decode
from kernel.documents import Keyed, Kind
from kernel.engines import Engines
from kernel.fold import Fold
from kernel.follow import Follower
from kernel.rebuild import Projection, Rebuilt, first_revision, rebuild
from kernel.service import Consumer, Service
from kernel.stream import Handler
from kernel.together import Together
from kernel.web import Health
from schemas.actores import Actores
from schemas.directorio import Directorio
from schemas.eventos import POR_TIPO, RepartoOrdenado
from services.mesa_control import agent, api
from services.mesa_control.acceso.handlers import Accesos, Historias, ProyectorDeHistoria
from services.mesa_control.cuarentena.handlers import Cuarentena
from services.mesa_control.handlers import MesaDeControl, Proyector
from services.mesa_control.lecturas import LecturasJuntas
from services.mesa_control.reparto.domain import Repartos
from services.mesa_control.reparto.fila import Fila
from services.mesa_control.reparto.handlers import Busqueda, Panorama, Repartidor, Reparto, Supervision
from services.mesa_control.reparto.presencia import Presencia
from services.mesa_control.settings import Settings

INDICES = [
    IndexModel([("cola", 1), ("recibido_en", 1)]),
    IndexModel([("operador", 1), ("cola", 1)]),
    IndexModel([("decidido_por", 1), ("decidido_en", 1)]),
    IndexModel([("proceso", 1), ("reintentado_en", 1)]),
    IndexModel([("parecido_a", 1)], sparse=True),
    IndexModel([("turno", 1)], sparse=True),
    IndexModel([("registro", 1)]),
    IndexModel([("final", 1)]),
]
"""Of `registros`."""

HISTORIA = "mesa_control_historia"
"""Group that folds the histories, apart from the queue: neither waits for the other."""


def build(settings: Settings) -> Service:
    """The service, not started."""
    engines = Engines(settings, "mesa_control")
    actores = Actores()
    directorio = Directorio(lambda: actores, settings.identity_key, engines.clock.now)
    health = Health("engines", "actores")
    outbox = engines.outbox()
    asignacion = timedelta(seconds=settings.asignacion_s)
    accesos = Accesos(outbox, engines.clock, lambda: uuid.uuid4().hex, asignacion)
    historias = engines.collection("historias", Kind.PROJECTION)
    antiguos = engines.collection("accesos", Kind.PRIMARY)
    repartos = Repartos()
    registros = Together(engines.collection("registros", Kind.PROJECTION, INDICES))
    presencia = Presencia(registros, lambda: actores, asignacion, timedelta(seconds=settings.ausencia_s))
    mesa = MesaDeControl(
        registros=registros,
        accesos=accesos,
        outbox=outbox,
        llavero=engines.keyring(),
        expedientes=engines.bucket("expedientes"),
        ver_actores=lambda: actores,
        clock=engines.clock,
        asignacion=asignacion,
        deshacer=timedelta(seconds=settings.deshacer_s),
        fila=Fila(registros, lambda: actores, repartos, presencia),
        lecturas=LecturasJuntas(registros),
        primera_revision=first_revision,
    )
    riesgo = timedelta(days=settings.riesgo_dias)
    panorama = Panorama(registros, lambda: actores, engines.clock, repartos, presencia, riesgo)
    reparto = Reparto(mesa.outbox, engines.clock, repartos, presencia)
    return Service(
        name="mesa_control",
        settings=settings,
        stream=engines.stream,
        app=api.create(
            mesa,
            Cuarentena(mesa.registros, mesa.outbox, mesa.clock, mesa.proyector),
            Historias(historias, lambda: actores),
            Supervision(panorama, reparto, Busqueda(registros, panorama)),
            identity.build(engines, settings, directorio),
            lambda: actores,
            health,
            meta_diaria=settings.meta_diaria,
        ),
        health=health,
        topics=agent.TOPICS,
        fold=Fold(
            mesa.registros,
            lambda documentos: agent.build(Proyector(documentos, first_revision, repartos.lista)),
            remember=0,
        ),
        consumers=[Consumer(HISTORIA, agent.TOPICS_DE_HISTORIA, Fold(historias, _historia, remember=0))],
        prepare=engines.prepare,
        followers=[
            Follower(engines.stream, "actores", POR_TIPO, actores.aplicar),
            Follower(engines.stream, RepartoOrdenado.topic, POR_TIPO, repartos.aplicar),
        ],
        tasks=[
            outbox.relay_forever,
            lambda: accesos.heredar(antiguos),
            Repartidor(registros, repartos, engines.clock, lambda: actores).siempre,
            panorama.medir_siempre,
        ],
    )


async def reconstruir(settings: Settings, progreso: Callable[[int], None] = lambda eventos: None) -> Rebuilt:
    """Rebuild the projection from the topics while the service works. `progreso`: events folded. Raises Unavailable."""
    engines = Engines(settings, "mesa_control")
    repartos = Repartos()
    registros = Projection(
        *engines.beside("registros", INDICES),
        agent.TOPICS,
        lambda coleccion: agent.build(Proyector(coleccion, first_revision, repartos.lista)),
    )
    historias = Projection(*engines.beside("historias"), agent.TOPICS_DE_HISTORIA, _historia)
    async with engines.connected():
        async for record in engines.stream.read(RepartoOrdenado.topic):
            repartos.aplicar(decode(POR_TIPO, record).evento, record.offset)
        return await rebuild(engines.stream, [registros, historias], progreso)


def _historia(coleccion: Keyed) -> Handler:
    return agent.historia(ProyectorDeHistoria(coleccion, first_revision))
