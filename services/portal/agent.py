"""From the stream to the handlers."""

from kernel.dispatch import dispatcher
from kernel.stream import Handler
from schemas.eventos import EVENTOS, POR_TIPO, ConsultaRespondida, EventoDeActores
from services.portal.handlers.consultas import Consultas
from services.portal.handlers.proyeccion import Proyector

TOPICS = ("actores",)
RESPUESTAS = "portal_respuestas"
"""Group that takes the roll's answers in."""
TOPICS_DE_RESPUESTAS = ("respuesta_padron",)


def build(proyector: Proyector) -> Handler:
    """The stream handler of the projection."""
    return dispatcher(POR_TIPO, {tipo: proyector.hecho for tipo in EVENTOS if issubclass(tipo, EventoDeActores)})


def respuestas(consultas: Consultas) -> Handler:
    """The stream handler of the roll's answers."""
    return dispatcher(POR_TIPO, {ConsultaRespondida: consultas.en_respuesta})
