"""Builds the service from its settings, and rebuilds its projections: the only place that knows every adapter."""

import uuid
from collections.abc import Callable

from pymongo import IndexModel

from kernel.documents import Kind
from kernel.engines import Engines
from kernel.follow import Follower
from kernel.rebuild import Projection, Rebuilt, Replaceable, rebuild
from kernel.service import Service
from kernel.web import Health, create_app
from schemas.eventos import POR_TIPO, EnvioAbierto, RegistroDescifrado
from services.notificaciones import agent
from services.notificaciones.adapters import Smtp
from services.notificaciones.domain.historia import Historia
from services.notificaciones.handlers.acuses import Acuses
from services.notificaciones.handlers.avisos import Avisos
from services.notificaciones.handlers.direcciones import Direcciones
from services.notificaciones.handlers.entregas import Entregas
from services.notificaciones.settings import Settings

NAME = "notificaciones"

INDICES_ENVIOS = [IndexModel([("solicitud", 1), ("auxiliar", 1), ("abierto_en", 1)])]
INDICES_DESENLACES = [IndexModel([("envio", 1)])]


def build(settings: Settings) -> Service:
    """The service, not started."""
    engines = Engines(settings, NAME)
    historia = Historia()
    llavero = engines.keyring()
    direcciones = Direcciones(llavero)
    entregas = Entregas(
        documentos=engines.collection("entregas", Kind.PRIMARY),
        correo=Smtp(settings),
        clock=engines.clock,
        instancia=str(uuid.uuid4()),
        dominio=settings.mail_from.partition("@")[2],
    )
    acuses = Acuses(
        envios=engines.collection("envios", Kind.PROJECTION, INDICES_ENVIOS),
        desenlaces=engines.collection("desenlaces", Kind.PROJECTION, INDICES_DESENLACES),
        llavero=llavero,
        direcciones=direcciones,
        entregas=entregas,
        ver_actores=lambda: historia,
    )
    avisos = Avisos(direcciones, entregas, lambda: historia, settings.portal_url, settings.correo_derfe)
    health = Health("engines", "actores")
    return Service(
        name=NAME,
        settings=settings,
        stream=engines.stream,
        app=create_app("Apoyo: notificaciones", health),
        health=health,
        topics=agent.TOPICS,
        handle=agent.build(acuses, avisos),
        prepare=engines.prepare,
        followers=[Follower(engines.stream, "actores", POR_TIPO, historia.aplicar)],
    )


async def reconstruir(settings: Settings, progreso: Callable[[int], None] = lambda eventos: None) -> Rebuilt:
    """Rebuild the projections from the topics while the service is stopped. `progreso`: events folded.

    They are folded beyond what the service acknowledged: that comes again, and it looks at the whole state each time.
    Raises InUse, Unavailable.
    """
    engines = Engines(settings, NAME)
    envios, desenlaces = engines.beside("envios", INDICES_ENVIOS), engines.beside("desenlaces", INDICES_DESENLACES)
    async with engines.connected():
        return await rebuild(engines.stream, proyecciones(envios, desenlaces), progreso, stopped=NAME)


def proyecciones(
    envios: tuple[Replaceable, Replaceable], desenlaces: tuple[Replaceable, Replaceable]
) -> tuple[Projection, Projection]:
    """Both projections, each with the collection to rebuild it in."""
    return (
        Projection(*envios, (EnvioAbierto.topic,), agent.solo_envios),
        Projection(*desenlaces, (RegistroDescifrado.topic,), agent.solo_desenlaces),
    )
