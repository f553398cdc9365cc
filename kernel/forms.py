"""Forms of pages: read within bounds, shown again with what was typed and what is wrong at its field, sent at most once.

A form carries a hidden random key (`KEY`), the idempotency key of what it asks for. `web_templates/formas.html` draws it.
"""

import re
import secrets
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser

from kernel.web import Problem

KEY = "llave"
"""Hidden field of the idempotency key."""
_KEY = re.compile(r"[A-Za-z0-9._-]{8,100}")
MAX_BYTES = 64 * 1024
_MAX_FIELDS = 400


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came with a form, in memory. `name`: as its sender calls it."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Form:
    """A form as it is shown or as it came. `errors`: field → message for people, in the order of the form.

    `labels`: field → what it is called on the page, noted as it is drawn, for the summary of what is wrong.
    """

    key: str
    values: Mapping[str, Sequence[str]] = field(default_factory=dict)
    files: Mapping[str, Upload] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict, compare=False)

    def value(self, name: str) -> str:
        """What a field holds; empty when nothing."""
        return next(iter(self.values.get(name, ())), "")

    def has(self, name: str, value: str) -> bool:
        """Whether a field of several values holds that one."""
        return value in self.values.get(name, ())

    def error(self, name: str) -> str:
        """What is wrong with a field; empty when nothing."""
        return self.errors.get(name, "")

    def is_first_error(self, name: str) -> bool:
        """Whether the focus belongs there."""
        return name == next(iter(self.errors), None)

    def with_errors(self, errors: Mapping[str, str]) -> "Form":
        """The same form, to be shown again. What it asked for did not happen, so its key stays."""
        return replace(self, errors=dict(errors))


def blank(**values: Any) -> Form:
    """A form to be filled in, with a new key. A value is text, a sequence of texts, or None for nothing."""
    filled = {
        name: (value,) if isinstance(value, str) else tuple(value)
        for name, value in values.items()
        if value is not None
    }
    return Form(secrets.token_hex(16), filled)


async def read_form(request: Request, *, max_bytes: int = MAX_BYTES) -> Form:
    """The form of a request, urlencoded or multipart, wholly in memory.

    Raises Problem: 413 when it is larger than `max_bytes`, 400 when it is no form, or one without its key.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    stream = _bounded(request, max_bytes)
    try:
        if kind == "multipart/form-data":
            parser = MultiPartParser(
                request.headers, stream, max_files=4, max_fields=_MAX_FIELDS, max_part_size=max_bytes
            )
            parser.spool_max_size = max_bytes
            parsed = await parser.parse()
        elif kind == "application/x-www-form-urlencoded":
            parsed = await FormParser(request.headers, stream, max_fields=_MAX_FIELDS, max_part_size=max_bytes).parse()
        else:
            raise _not_a_form()
    except (MultiPartException, KeyError, UnicodeDecodeError) as error:
        raise _not_a_form() from error
    values: dict[str, list[str]] = {}
    files: dict[str, Upload] = {}
    for name, value in parsed.multi_items():
        if isinstance(value, UploadFile):
            if value.filename:
                files[name] = Upload(value.filename, await value.read())
        else:
            values.setdefault(name, []).append(value)
    key = next(iter(values.pop(KEY, [])), "")
    if _KEY.fullmatch(key) is None:
        raise _not_a_form()
    return Form(key, values, files)


async def _bounded(request: Request, max_bytes: int) -> AsyncGenerator[bytes, None]:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > max_bytes:
            raise Problem(
                413,
                "cuerpo_excesivo",
                "Lo que envió es demasiado grande",
                f"El límite es de {max_bytes // 1024} KB. Nada se modificó: vuelva atrás y elija un archivo menor.",
            )
        yield chunk


def _not_a_form() -> Problem:
    return Problem(
        400,
        "forma_invalida",
        "El formulario no llegó completo",
        "Nada se modificó. Abra de nuevo la página y repítalo.",
    )
