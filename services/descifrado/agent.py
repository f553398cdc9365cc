"""The stream edge of descifrado."""

from kernel.dispatch import dispatcher
from kernel.stream import Handler
from schemas.eventos import POR_TIPO, RegistroRecibido, ReintentoSolicitado
from services.descifrado.handlers import Descifrado

TOPICS = (RegistroRecibido.topic, ReintentoSolicitado.topic)


def build_handler(descifrado: Descifrado) -> Handler:
    """Handles `TOPICS`."""
    return dispatcher(
        POR_TIPO,
        {
            RegistroRecibido: descifrado.registro_recibido,
            ReintentoSolicitado: descifrado.reintento_solicitado,
        },
    )
