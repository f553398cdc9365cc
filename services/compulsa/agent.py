"""Which handler each event goes to."""

from kernel.dispatch import dispatcher
from kernel.stream import Handler
from schemas.eventos import POR_TIPO, MiembroDePersona, RegistroClasificado, RegistroDescifrado, Veredicto
from services.compulsa.handlers import Folios, Personas

TOPICS = (RegistroDescifrado.topic, RegistroClasificado.topic, MiembroDePersona.topic, Veredicto.topic)
"""What compulsa consumes, in one group; they share a partition count."""


def agente(folios: Folios, personas: Personas) -> Handler:
    """The stream handler. A record in quarantine (`RegistroEnCuarentena`) is passed over: there is nothing to look up."""
    return dispatcher(
        POR_TIPO,
        {
            RegistroDescifrado: folios.en_evento,
            RegistroClasificado: folios.en_evento,
            Veredicto: folios.en_evento,
            MiembroDePersona: personas.en_miembro,
        },
    )
