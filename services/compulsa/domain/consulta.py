"""One lookup that the portal asked for: what is known of it (SPEC 3, P 7.6, D 4.5). Pure.

What is known is a fold of two topics, `consulta_padron` and compulsa's own `respuesta_padron`. A lookup has one answer, ever: from
the newest cut that was complete when it was answered, whatever cuts come later. Until then it waits for a cut.
"""

from schemas.envelope import is_newer
from schemas.eventos import ConsultaRespondida, ConsultaSolicitada
from schemas.tipos import IdConsulta, Modelo

CORTE = "corte"
"""What a lookup waits for while there is no complete cut: any."""
LLAVE_DESTRUIDA = "llave_destruida"
"""Said of one that waited, and whose person's key no longer exists: it can be neither read nor answered, and waits no more."""


class EstadoConsulta(Modelo):
    """What compulsa knows of one lookup; its data as they came, sealed."""

    consulta: IdConsulta
    solicitada: ConsultaSolicitada | None
    respondida: ConsultaRespondida | None

    @property
    def por_responder(self) -> ConsultaSolicitada | None:
        """What there is to answer, if there is."""
        return self.solicitada if self.respondida is None else None


def nueva(consulta: str) -> EstadoConsulta:
    """What is known of a lookup before its first event."""
    return EstadoConsulta(consulta=consulta, solicitada=None, respondida=None)


def aplicar(estado: EstadoConsulta, evento: ConsultaSolicitada | ConsultaRespondida) -> EstadoConsulta:
    """Fold one event in. An older version, or the same again, changes nothing."""
    match evento:
        case ConsultaSolicitada() if is_newer(evento, estado.solicitada):
            return estado.model_copy(update={"solicitada": evento})
        case ConsultaRespondida() if is_newer(evento, estado.respondida):
            return estado.model_copy(update={"respondida": evento})
        case _:
            return estado


def espera_posible(estado: EstadoConsulta) -> str | None:
    """What the lookup may wait for, from the facts alone: who waits in vain is looked at again, and waits no more."""
    return CORTE if estado.por_responder is not None else None
