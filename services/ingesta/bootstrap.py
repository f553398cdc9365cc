"""Builds ingesta. The only place that builds its adapters."""

from kernel.engines import Engines
from kernel.follow import Follower
from kernel.service import Service
from kernel.web import Health
from schemas.actores import Actores
from schemas.eventos import POR_TIPO
from services.ingesta.adapters import verificar
from services.ingesta.api import build_app
from services.ingesta.handlers import Ingesta
from services.ingesta.settings import IngestaSettings


def build(settings: IngestaSettings) -> Service:
    """The service, not connected yet."""
    engines = Engines(settings, "ingesta")
    actores = Actores()
    outbox = engines.outbox()
    health = Health("engines", "actores")
    ingesta = Ingesta(lambda: actores, outbox, engines.bucket("paquetes"), engines.clock, verificar)
    return Service(
        name="ingesta",
        settings=settings,
        stream=engines.stream,
        app=build_app(ingesta, health, settings.body_timeout_s),
        health=health,
        prepare=engines.prepare,
        followers=[Follower(engines.stream, "actores", POR_TIPO, actores.aplicar)],
        tasks=[outbox.relay_forever],
    )
