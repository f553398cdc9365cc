"""From the stream to the handlers."""

from kernel.dispatch import dispatcher
from kernel.stream import Handler
from schemas.eventos import POR_TIPO, EnvioAbierto, EnvioCerrado, RegistroDescifrado, RegistroEnCuarentena
from services.notificaciones.handlers import Notificaciones

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
