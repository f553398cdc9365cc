"""The published examples, as events, and how to vary them."""

from pathlib import Path
from typing import Any, TypeVar

import schemas
from schemas.envelope import Evento

EJEMPLOS = Path(schemas.__file__).with_name("ejemplos")
E = TypeVar("E", bound=Evento)


def ejemplo(evento: type[E], **changes: Any) -> E:
    """The valid example of an event, with some fields changed."""
    text = (EJEMPLOS / evento.nombre / "valido.json").read_text(encoding="utf-8")
    valid = evento.model_validate_json(text)
    return evento.model_validate({**dict(valid), **changes}) if changes else valid
