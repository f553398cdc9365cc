"""Which handler each event goes to."""

from kernel.dispatch import dispatcher
from kernel.stream import Handler
from schemas.eventos import (
    POR_TIPO,
    ConsultaRespondida,
    ConsultaSolicitada,
    MiembroDePersona,
    RegistroClasificado,
    RegistroCompulsado,
    RegistroCorregido,
    RegistroDescifrado,
    Veredicto,
)
from services.compulsa.handlers import Folios, Personas, Pliegue, Respuestas

_DE_REGISTROS = (
    RegistroDescifrado.topic,
    RegistroCorregido.topic,
    RegistroClasificado.topic,
    MiembroDePersona.topic,
    Veredicto.topic,
)

TOPICS = (*_DE_REGISTROS, ConsultaSolicitada.topic)
"""What compulsa consumes, in one group. Those of records share a partition count."""

TOPICS_DE_FOLIOS = (*_DE_REGISTROS, RegistroCompulsado.topic)
"""What the state of the records is folded from."""

TOPICS_DE_PERSONAS = (MiembroDePersona.topic,)
"""What the state of the persons is folded from."""

TOPICS_DE_CONSULTAS = (ConsultaSolicitada.topic, ConsultaRespondida.topic)
"""What the state of the portal's lookups is folded from."""


def agente(folios: Folios, personas: Personas, respuestas: Respuestas) -> Handler:
    """The stream handler. A record in quarantine (`RegistroEnCuarentena`) is passed over: there is nothing to look up."""
    return dispatcher(
        POR_TIPO,
        {
            RegistroDescifrado: folios.en_evento,
            RegistroCorregido: folios.en_evento,
            RegistroClasificado: folios.en_evento,
            Veredicto: folios.en_evento,
            MiembroDePersona: personas.en_miembro,
            ConsultaSolicitada: respuestas.en_consulta,
        },
    )


def solo_folios(pliegue: Pliegue) -> Handler:
    """Folds `TOPICS_DE_FOLIOS` and says nothing: for a rebuild."""
    facts = (
        RegistroDescifrado,
        RegistroCorregido,
        RegistroClasificado,
        Veredicto,
        RegistroCompulsado,
        MiembroDePersona,
    )
    return dispatcher(POR_TIPO, dict.fromkeys(facts, pliegue.en_folio))


def solo_personas(pliegue: Pliegue) -> Handler:
    """Folds `TOPICS_DE_PERSONAS` and says nothing: for a rebuild."""
    return dispatcher(POR_TIPO, {MiembroDePersona: pliegue.en_persona})


def solo_consultas(pliegue: Pliegue) -> Handler:
    """Folds `TOPICS_DE_CONSULTAS` and says nothing: for a rebuild."""
    return dispatcher(POR_TIPO, dict.fromkeys((ConsultaSolicitada, ConsultaRespondida), pliegue.en_consulta))
