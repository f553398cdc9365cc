"""The envelope: CloudEvents 1.0 in Kafka binary mode, and how an event gets its id.

`ce_id` is derived from the cause (UUIDv5), so that doing the same thing twice writes the same event twice, never two events.
`ce_causa` names the cause: the `ce_id` of another event, or the idempotency key of what a person or device asked for.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar, Protocol, TypeVar

from pydantic import Field, ValidationError

from schemas.tipos import Modelo

PREFIJO = "mx.ine.apoyo."
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "apoyo.ine.mx")


class Evento(Modelo):
    """Base of every event: a full fact about one subject, not a difference.

    `version` counts 1, 2, 3… within one subject and topic; the highest is the fact in force. In `actores`, where a subject is told
    by several kinds of events, it counts within each kind (`serie`).
    """

    nombre: ClassVar[str]
    mayor: ClassVar[int] = 1
    topic: ClassVar[str]

    version: int = Field(ge=1)

    @property
    def asunto(self) -> str:
        """The subject that the event is about (`ce_subject`); `version` counts within it."""
        raise NotImplementedError

    @property
    def serie(self) -> str:
        """What `version` counts within, in its topic: the subject, unless several kinds of events tell of it each by itself."""
        return self.asunto

    @property
    def llave_mensaje(self) -> str:
        """Key of the message: events of one key keep their order."""
        return self.asunto

    @classmethod
    def ce_type(cls) -> str:
        """`mx.ine.apoyo.<event>.v<major>`."""
        return f"{PREFIJO}{cls.nombre}.v{cls.mayor}"


class Versioned(Protocol):
    """An event, or what is kept of one."""

    @property
    def version(self) -> int:
        """Which one of its subject it is."""


def is_newer(evento: Versioned, known: Versioned | None) -> bool:
    """Whether it takes the place of what is known of its subject: an older version, or the same again, changes nothing."""
    return known is None or evento.version > known.version


K = TypeVar("K")
E = TypeVar("E", bound=Evento)


def keep_newest(facts: dict[K, E], key: K, evento: E) -> None:
    """Note an event under its key, unless what is there is as new: the fold of a fact, in any order of its versions."""
    if is_newer(evento, facts.get(key)):
        facts[key] = evento


class EventoInvalido(ValueError):
    """A message does not fit the published schema. `motivo` is a constant word; `detalle` names fields, never values."""

    def __init__(self, motivo: str, detalle: str = "") -> None:
        super().__init__(f"{motivo}: {detalle}" if detalle else motivo)
        self.motivo = motivo
        self.detalle = detalle


@dataclass(frozen=True, slots=True)
class Sobre:
    """An event with its CloudEvents attributes."""

    id: str
    fuente: str
    hora: datetime
    causa: str
    evento: Evento

    def headers(self) -> dict[str, str]:
        """Message headers in Kafka binary mode."""
        return {
            "ce_specversion": "1.0",
            "ce_id": self.id,
            "ce_type": self.evento.ce_type(),
            "ce_source": self.fuente,
            "ce_time": self.hora.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "ce_subject": self.evento.asunto,
            "ce_causa": self.causa,
            "content-type": "application/json",
        }

    def cuerpo(self) -> bytes:
        """Message value."""
        return self.evento.model_dump_json().encode()


def id_derivado(evento: Evento, causa: str) -> str:
    """UUIDv5 of the event's type, subject and cause."""
    return str(uuid.uuid5(_NAMESPACE, f"{evento.ce_type()}|{evento.asunto}|{causa}"))


def ensobrar(evento: Evento, *, fuente: str, hora: datetime, causa: str) -> Sobre:
    """Put an event in its envelope. `fuente`: `/apoyo/<service>`."""
    return Sobre(id_derivado(evento, causa), fuente, hora, causa, evento)


def leer(tipos: Mapping[str, type[Evento]], headers: Mapping[str, str], cuerpo: bytes) -> Sobre:
    """Read a message with the events that the reader knows (`schemas.eventos.POR_TIPO`), ignoring unknown fields.

    Raises EventoInvalido: `tipo_desconocido`, `sobre_incompleto` or `cuerpo_invalido`.
    """
    tipo = tipos.get(headers.get("ce_type", ""))
    if tipo is None:
        raise EventoInvalido("tipo_desconocido", headers.get("ce_type", "")[:80])
    try:
        id_, fuente, hora, causa = (headers[f"ce_{name}"] for name in ("id", "source", "time", "causa"))
        moment = datetime.fromisoformat(hora)
        subject = headers["ce_subject"]
    except (KeyError, ValueError) as error:
        raise EventoInvalido("sobre_incompleto", str(error)[:80]) from error
    try:
        evento = tipo.model_validate_json(cuerpo, extra="ignore")
    except ValidationError as error:
        campos = ", ".join(
            ".".join(str(part) for part in e["loc"]) or "(cuerpo)" for e in error.errors(include_input=False)
        )
        raise EventoInvalido("cuerpo_invalido", campos[:200]) from error
    if subject != evento.asunto or moment.tzinfo is None:
        raise EventoInvalido("sobre_incompleto", "ce_subject o ce_time")
    return Sobre(id_, fuente, moment, causa, evento)
