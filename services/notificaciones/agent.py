"""From the stream to the handlers."""

from collections.abc import Awaitable, Callable
from typing import Any

from kernel.dispatch import Context, EventHandler, dispatcher
from kernel.documents import Keyed
from kernel.stream import Handler
from schemas.eventos import POR_TIPO, EnvioAbierto, EnvioCerrado, RegistroDescifrado, RegistroEnCuarentena
from services.notificaciones.handlers import Notificaciones, doblar_desenlace, doblar_envio

TOPICS = (EnvioAbierto.topic, RegistroDescifrado.topic)


def build(notificaciones: Notificaciones) -> Handler:
    """The stream handler."""
    return dispatcher(
        POR_TIPO,
        {
            EnvioAbierto: notificaciones.envio_abierto,
            EnvioCerrado: notificaciones.envio_cerrado,
            RegistroDescifrado: notificaciones.desenlace,
            RegistroEnCuarentena: notificaciones.desenlace,
        },
    )


def solo_envios(envios: Keyed) -> Handler:
    """Folds `envios` and sends nothing: for a rebuild."""
    return dispatcher(POR_TIPO, dict.fromkeys((EnvioAbierto, EnvioCerrado), _solo(doblar_envio, envios)))


def solo_desenlaces(desenlaces: Keyed) -> Handler:
    """Folds the outcomes and sends nothing: for a rebuild."""
    doblar = _solo(doblar_desenlace, desenlaces)
    return dispatcher(POR_TIPO, dict.fromkeys((RegistroDescifrado, RegistroEnCuarentena), doblar))


def _solo(doblar: Callable[[Keyed, Any], Awaitable[None]], documentos: Keyed) -> EventHandler:
    async def handler(evento: Any, context: Context) -> None:
        await doblar(documentos, evento)

    return handler
