"""From the stream to the handlers."""

from kernel.dispatch import dispatcher
from kernel.stream import Handler
from schemas import ciclo_de_vida
from schemas.eventos import (
    POR_TIPO,
    RegistroClasificado,
    RegistroCompulsado,
    RegistroCorregido,
    RegistroDescifrado,
    RegistroEnCuarentena,
    RegistroRecibido,
    ReintentoSolicitado,
)
from services.mesa_control.acceso.domain import RELATOS
from services.mesa_control.acceso.handlers import ProyectorDeHistoria
from services.mesa_control.handlers import Proyector

TOPICS = (*ciclo_de_vida.TOPICS, ReintentoSolicitado.topic, RegistroCorregido.topic)
"""What the projection is folded from: all of a folio, in any order."""

TOPICS_DE_HISTORIA = tuple(dict.fromkeys(tipo.topic for tipo in RELATOS))
"""What the histories are folded from."""


def build(proyector: Proyector) -> Handler:
    """The stream handler."""
    facts = (RegistroRecibido, RegistroDescifrado, RegistroEnCuarentena, RegistroCompulsado, RegistroClasificado)
    return dispatcher(
        POR_TIPO,
        {
            **dict.fromkeys(facts, proyector.hecho),
            ReintentoSolicitado: proyector.reintento,
            RegistroCorregido: proyector.correccion,
        },
    )


def historia(proyector: ProyectorDeHistoria) -> Handler:
    """The stream handler of the histories."""
    return dispatcher(POR_TIPO, dict.fromkeys(RELATOS, proyector.hecho))
