"""Builds the service from its settings: the only place that knows every adapter."""

import uuid

from pymongo import IndexModel

from kernel.documents import Kind
from kernel.engines import Engines
from kernel.follow import Follower
from kernel.service import Service
from kernel.web import Health, create_app
from schemas.actores import Actores
from schemas.eventos import POR_TIPO
from services.notificaciones import agent
from services.notificaciones.adapters import Smtp
from services.notificaciones.handlers import Notificaciones
from services.notificaciones.settings import Settings


def build(settings: Settings) -> Service:
    """The service, not started."""
    engines = Engines(settings, "notificaciones")
    actores = Actores()
    notificaciones = Notificaciones(
        envios=engines.collection(
            "envios", Kind.PROJECTION, [IndexModel([("solicitud", 1), ("auxiliar", 1), ("abierto_en", 1)])]
        ),
        desenlaces=engines.collection("desenlaces", Kind.PROJECTION, [IndexModel([("envio", 1)])]),
        entregas=engines.collection("entregas", Kind.PRIMARY),
        llavero=engines.keyring(),
        ver_actores=lambda: actores,
        correo=Smtp(settings),
        clock=engines.clock,
        instancia=str(uuid.uuid4()),
        dominio=settings.mail_from.partition("@")[2],
    )
    health = Health("engines", "actores")
    return Service(
        name="notificaciones",
        settings=settings,
        stream=engines.stream,
        app=create_app("Apoyo: notificaciones", health),
        health=health,
        topics=agent.TOPICS,
        handle=agent.build(notificaciones),
        prepare=engines.prepare,
        followers=[Follower(engines.stream, "actores", POR_TIPO, actores.aplicar)],
    )
