"""The lifecycle of an apoyo: facts in force, and the one status that follows from them (SPEC 8, D 10.7).

Pure. The **fold** keeps, of each of the four topics, the fact with the highest version (equal versions: the one with the lowest
offset, and it remembers that they diverged). The **status** is a function of those four facts alone, so neither the interleaving of
topics nor repetition can matter.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from schemas.envelope import Evento
from schemas.eventos import (
    POR_TIPO,
    Fase,
    RegistroClasificado,
    RegistroCompulsado,
    RegistroDescifrado,
    RegistroEnCuarentena,
    RegistroRecibido,
    SituacionRegistral,
)

VERSION = 1
"""Version of these rules; totals name it."""


class Estado(StrEnum):
    """Every received record is in exactly one; when several apply, the earliest of this list wins (SPEC 8)."""

    EN_PROCESAMIENTO = "en_procesamiento"
    EN_MESA_DE_CONTROL = "en_mesa_de_control"
    CON_INCONSISTENCIA = "con_inconsistencia"
    DUPLICADO = "duplicado"
    PARA_ENVIO_A_COMPULSA = "para_envio_a_compulsa"
    EN_LISTA_NOMINAL = "en_lista_nominal"
    EN_PADRON_NO_LISTA_NOMINAL = "en_padron_no_lista_nominal"
    BAJA = "baja"
    NO_ENCONTRADO = "no_encontrado"
    FUERA_DE_AMBITO = "fuera_de_ambito"


@dataclass(frozen=True, slots=True)
class Hecho:
    """A fact in force: the event, and where it lies in its topic (partition, offset)."""

    evento: Evento
    offset: int


@dataclass(frozen=True, slots=True)
class Ciclo:
    """The four facts of one folio. `divergentes`: topics whose version in force was seen with two different contents."""

    hechos: Mapping[str, Hecho] = field(default_factory=dict)
    divergentes: frozenset[str] = frozenset()

    @property
    def recibido(self) -> RegistroRecibido | None:
        """Fact of `registro_recibido`."""
        evento = self._evento(RegistroRecibido.topic)
        return evento if isinstance(evento, RegistroRecibido) else None

    @property
    def descifrado(self) -> RegistroDescifrado | RegistroEnCuarentena | None:
        """Fact of `descifrado`."""
        evento = self._evento(RegistroDescifrado.topic)
        return evento if isinstance(evento, RegistroDescifrado | RegistroEnCuarentena) else None

    @property
    def compulsado(self) -> RegistroCompulsado | None:
        """Fact of `compulsado`."""
        evento = self._evento(RegistroCompulsado.topic)
        return evento if isinstance(evento, RegistroCompulsado) else None

    @property
    def clasificado(self) -> RegistroClasificado | None:
        """Fact of `clasificado`."""
        evento = self._evento(RegistroClasificado.topic)
        return evento if isinstance(evento, RegistroClasificado) else None

    def _evento(self, topic: str) -> Evento | None:
        hecho = self.hechos.get(topic)
        return hecho.evento if hecho else None


TOPICS = (RegistroRecibido.topic, RegistroDescifrado.topic, RegistroCompulsado.topic, RegistroClasificado.topic)
"""The topics that a lifecycle is folded from."""


def aplicar(ciclo: Ciclo, evento: Evento, offset: int) -> Ciclo:
    """Fold one event of one of `TOPICS` in. All events of a folio in a topic lie in one partition: offsets compare."""
    topic = evento.topic
    actual = ciclo.hechos.get(topic)
    if actual is not None and evento.version < actual.evento.version:
        return ciclo
    nuevo = {**ciclo.hechos, topic: Hecho(evento, offset)}
    if actual is None or evento.version > actual.evento.version:
        return Ciclo(nuevo, ciclo.divergentes - {topic})
    divergentes = ciclo.divergentes if evento == actual.evento else ciclo.divergentes | {topic}
    return Ciclo(nuevo if offset < actual.offset else ciclo.hechos, divergentes)


def a_documento(ciclo: Ciclo) -> dict[str, Any]:
    """The facts as plain JSON values, for a projection."""
    return {
        "hechos": {
            topic: {"tipo": h.evento.ce_type(), "offset": h.offset, "hecho": h.evento.model_dump(mode="json")}
            for topic, h in sorted(ciclo.hechos.items())
        },
        "divergentes": sorted(ciclo.divergentes),
    }


def de_documento(documento: Mapping[str, Any]) -> Ciclo:
    """The facts that `a_documento` wrote."""
    hechos = {
        topic: Hecho(POR_TIPO[h["tipo"]].model_validate(h["hecho"], strict=False), h["offset"])
        for topic, h in documento["hechos"].items()
    }
    return Ciclo(hechos, frozenset(documento["divergentes"]))


def estado(ciclo: Ciclo) -> Estado | None:
    """The status; None while the reception itself is not known (the record does not count yet)."""
    if ciclo.recibido is None:
        return None
    if not isinstance(ciclo.descifrado, RegistroDescifrado) or ciclo.compulsado is None:
        return Estado.EN_PROCESAMIENTO
    clasificado, compulsado = ciclo.clasificado, ciclo.compulsado
    if clasificado is None:
        return Estado.EN_MESA_DE_CONTROL
    if not clasificado.sin_inconsistencia:
        return Estado.CON_INCONSISTENCIA
    if compulsado.clasificado_version != clasificado.version:
        return Estado.PARA_ENVIO_A_COMPULSA
    if compulsado.duplicado_de is not None:
        return Estado.DUPLICADO
    if compulsado.fase is not Fase.DEFINITIVA or compulsado.situacion is SituacionRegistral.PENDIENTE:
        return Estado.PARA_ENVIO_A_COMPULSA
    return Estado(compulsado.situacion.value)


def en_cuarentena(ciclo: Ciclo) -> bool:
    """Whether the record could not be opened (counted apart within `en_procesamiento`)."""
    return isinstance(ciclo.descifrado, RegistroEnCuarentena)
