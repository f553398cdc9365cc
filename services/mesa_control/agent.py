"""From the stream to the handlers."""

from kernel.dispatch import dispatcher
from kernel.stream import Handler
from schemas.ciclo_de_vida import TOPICS
from schemas.eventos import (
    POR_TIPO,
    RegistroClasificado,
    RegistroCompulsado,
    RegistroDescifrado,
    RegistroEnCuarentena,
    RegistroRecibido,
)
from services.mesa_control.handlers import Proyector

__all__ = ["TOPICS", "build"]


def build(proyector: Proyector) -> Handler:
    """The stream handler."""
    facts = (RegistroRecibido, RegistroDescifrado, RegistroEnCuarentena, RegistroCompulsado, RegistroClasificado)
    return dispatcher(POR_TIPO, dict.fromkeys(facts, proyector.hecho))
