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
from services.mesa_control.handlers import MesaDeControl

__all__ = ["TOPICS", "build"]


def build(mesa: MesaDeControl) -> Handler:
    """The stream handler."""
    facts = (RegistroRecibido, RegistroDescifrado, RegistroEnCuarentena, RegistroCompulsado, RegistroClasificado)
    return dispatcher(POR_TIPO, dict.fromkeys(facts, mesa.hecho))
