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


class Hecho:
    """A fact in force: the event, and its offset in its partition.

    It is an event, or the plain JSON values that `a_documento` made of one, or both: each is made when it is first asked for, since
    most folds look at one fact of four.
    """

    __slots__ = ("_documento", "_evento")

    def __init__(self, evento: Evento, offset: int) -> None:
        self._evento: Evento | None = evento
        self._documento: dict[str, Any] = {"tipo": evento.ce_type(), "offset": offset}

    @classmethod
    def de_documento(cls, documento: dict[str, Any]) -> "Hecho":
        """The fact whose `documento` this is."""
        hecho = cls.__new__(cls)
        hecho._evento, hecho._documento = None, documento
        return hecho

    @property
    def offset(self) -> int:
        """Where the event lies in its partition."""
        offset: int = self._documento["offset"]
        return offset

    @property
    def tipo(self) -> str:
        """Its `ce_type`."""
        tipo: str = self._documento["tipo"]
        return tipo

    @property
    def version(self) -> int:
        """Its version."""
        version: int = self._evento.version if self._evento is not None else self._documento["hecho"]["version"]
        return version

    @property
    def evento(self) -> Evento:
        """The event."""
        if self._evento is None:
            self._evento = POR_TIPO[self.tipo].model_validate(self._documento["hecho"], strict=False)
        return self._evento

    @property
    def documento(self) -> dict[str, Any]:
        """Plain JSON values: `tipo`, `offset`, `hecho`. Not to be changed."""
        if "hecho" not in self._documento:
            self._documento = {**self._documento, "hecho": self.evento.model_dump(mode="json")}
        return self._documento

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Hecho) and self.documento == other.documento

    def __repr__(self) -> str:
        return f"Hecho({self.tipo} v{self.version}, offset {self.offset})"


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

    def es(self, tipo: type[Evento]) -> bool:
        """Whether the fact of that type's topic is of that type."""
        hecho = self.hechos.get(tipo.topic)
        return hecho is not None and hecho.tipo == tipo.ce_type()

    def _evento(self, topic: str) -> Evento | None:
        hecho = self.hechos.get(topic)
        return hecho.evento if hecho else None


TOPICS = (RegistroRecibido.topic, RegistroDescifrado.topic, RegistroCompulsado.topic, RegistroClasificado.topic)
"""The topics that a lifecycle is folded from."""


def aplicar(ciclo: Ciclo, evento: Evento, offset: int) -> Ciclo:
    """Fold one event of one of `TOPICS` in. All events of a folio in a topic lie in one partition: offsets compare."""
    topic = evento.topic
    actual = ciclo.hechos.get(topic)
    if actual is not None and evento.version < actual.version:
        return ciclo
    nuevo = {**ciclo.hechos, topic: Hecho(evento, offset)}
    if actual is None or evento.version > actual.version:
        return Ciclo(nuevo, ciclo.divergentes - {topic})
    divergentes = ciclo.divergentes if evento == actual.evento else ciclo.divergentes | {topic}
    return Ciclo(nuevo if offset < actual.offset else ciclo.hechos, divergentes)


def a_documento(ciclo: Ciclo) -> dict[str, Any]:
    """The facts as plain JSON values, for a projection."""
    return {
        "hechos": {topic: hecho.documento for topic, hecho in sorted(ciclo.hechos.items())},
        "divergentes": sorted(ciclo.divergentes),
    }


def de_documento(documento: Mapping[str, Any]) -> Ciclo:
    """The facts that `a_documento` wrote."""
    hechos = {topic: Hecho.de_documento(hecho) for topic, hecho in documento["hechos"].items()}
    return Ciclo(hechos, frozenset(documento["divergentes"]))


def estado(ciclo: Ciclo) -> Estado | None:
    """The status; None while the reception itself is not known (the record does not count yet)."""
    if not ciclo.es(RegistroRecibido):
        return None
    if not ciclo.es(RegistroDescifrado) or not ciclo.es(RegistroCompulsado):
        return Estado.EN_PROCESAMIENTO
    clasificado, compulsado = ciclo.clasificado, ciclo.compulsado
    if clasificado is None or compulsado is None:
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
    return ciclo.es(RegistroEnCuarentena)
