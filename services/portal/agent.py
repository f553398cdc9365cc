"""From the stream to the handlers."""

from kernel.dispatch import dispatcher
from kernel.stream import Handler
from schemas.eventos import EVENTOS, POR_TIPO, EventoDeActores
from services.portal.handlers.proyeccion import Proyector

TOPICS = ("actores",)


def build(proyector: Proyector) -> Handler:
    """The stream handler of the projection."""
    return dispatcher(POR_TIPO, {tipo: proyector.hecho for tipo in EVENTOS if issubclass(tipo, EventoDeActores)})
