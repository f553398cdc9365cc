"""Which handler each event goes to."""

from kernel.dispatch import dispatcher
from kernel.stream import Handler
from schemas.eventos import (
    POR_TIPO,
    MiembroDePersona,
    RegistroClasificado,
    RegistroCompulsado,
    RegistroDescifrado,
    Veredicto,
)
from services.compulsa.handlers import Folios, Personas, Pliegue

TOPICS = (RegistroDescifrado.topic, RegistroClasificado.topic, MiembroDePersona.topic, Veredicto.topic)
"""What compulsa consumes, in one group; they share a partition count."""

TOPICS_DE_FOLIOS = (*TOPICS, RegistroCompulsado.topic)
"""What the state of the records is folded from."""

TOPICS_DE_PERSONAS = (MiembroDePersona.topic,)
"""What the state of the persons is folded from."""


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


def solo_folios(pliegue: Pliegue) -> Handler:
    """Folds `TOPICS_DE_FOLIOS` and says nothing: for a rebuild."""
    facts = (RegistroDescifrado, RegistroClasificado, Veredicto, RegistroCompulsado, MiembroDePersona)
    return dispatcher(POR_TIPO, dict.fromkeys(facts, pliegue.en_folio))


def solo_personas(pliegue: Pliegue) -> Handler:
    """Folds `TOPICS_DE_PERSONAS` and says nothing: for a rebuild."""
    return dispatcher(POR_TIPO, {MiembroDePersona: pliegue.en_persona})
