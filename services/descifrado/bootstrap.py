"""Builds descifrado. The only place that builds its adapters."""

import asyncio

from kernel.engines import Engines
from kernel.service import Service
from kernel.settings import ServiceSettings
from kernel.web import Health, create_app
from services.descifrado.adapters import LlavesDeProceso, decodificable
from services.descifrado.agent import TOPICS, build_handler
from services.descifrado.handlers import Descifrado


def build(settings: ServiceSettings) -> Service:
    """The service, not connected yet. Its HTTP surface is health and metrics alone."""
    engines = Engines(settings, "descifrado")
    outbox = engines.outbox()
    health = Health("engines")
    descifrado = Descifrado(
        outbox,
        engines.bucket("paquetes"),
        engines.bucket("expedientes"),
        engines.keyring(),
        LlavesDeProceso(settings.keys_dir / "procesos"),
        decodificable,
        asyncio.to_thread,
    )
    return Service(
        name="descifrado",
        settings=settings,
        stream=engines.stream,
        app=create_app("Apoyo: descifrado", health),
        health=health,
        topics=TOPICS,
        handle=build_handler(descifrado),
        prepare=engines.prepare,
        tasks=[outbox.relay_forever],
    )
