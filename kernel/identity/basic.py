"""Who asks: people identify with HTTP Basic and a random access key until OpenID Connect takes its place (SPEC 1).

The file of users is JSON: id → {"sha256": SHA-256 of the access key in hexadecimal, "roles": [...]}. Access keys are
random, of 96 bits or more, so a plain hash does; nobody chooses one.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Request
from pydantic import BaseModel, ConfigDict, StringConstraints, TypeAdapter

from kernel.identity.access import Identity
from kernel.web import Problem

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_NOBODY = "0" * 64


class _User(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    roles: list[str]


_USERS = TypeAdapter(dict[Annotated[str, StringConstraints(pattern=r"^[a-z0-9._-]{1,64}$")], _User])


class NotAuthenticated(Problem):
    """Nobody, or not who they say: the browser asks for id and access key."""

    def __init__(self) -> None:
        super().__init__(
            401, "identificacion_requerida", "Identifíquese", "Se necesitan su usuario y su llave de acceso."
        )
        self.headers["WWW-Authenticate"] = 'Basic realm="Apoyo", charset="UTF-8"'


class Users:
    """The people who may enter, read once at start."""

    def __init__(self, users: Mapping[str, _User]) -> None:
        self._users = users

    @staticmethod
    def load(path: Path) -> "Users":
        """Read the file of users. Raises OSError, pydantic.ValidationError."""
        return Users.parse(path.read_bytes())

    @staticmethod
    def parse(content: bytes) -> "Users":
        """The users of a file's content. Raises pydantic.ValidationError."""
        return Users(_USERS.validate_json(content))

    def identify(self, authorization: str | None) -> Identity[None] | None:
        """Who an `Authorization` header names; None when it names nobody. Takes as long for an unknown id."""
        scheme, _, encoded = (authorization or "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            id_, _, access_key = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        user = self._users.get(id_)
        expected = user.sha256 if user else _NOBODY
        same = hmac.compare_digest(hashlib.sha256(access_key.encode()).hexdigest(), expected)
        return Identity(id_, frozenset(user.roles), ", ".join(sorted(user.roles)), None) if user and same else None

    def require(self, *roles: str) -> Callable[[Request], Awaitable[Identity[None]]]:
        """FastAPI dependency: the person who asks, who must hold one of `roles`.

        Answers 401 to nobody and 403 to another role. What changes state must come from our own pages, or from no page at all: 403
        when `Origin` names another host.
        """

        async def identity(request: Request) -> Identity[None]:
            found = self.identify(request.headers.get("authorization"))
            if found is None:
                raise NotAuthenticated
            if found.roles.isdisjoint(roles):
                raise Problem(
                    403, "sin_permiso", "Su cuenta no tiene permiso para esto", f"Se necesita: {', '.join(roles)}."
                )
            origin = request.headers.get("origin")
            if (
                request.method not in SAFE_METHODS
                and origin is not None
                and urlsplit(origin).netloc != request.headers.get("host")
            ):
                raise Problem(403, "otro_origen", "La solicitud viene de otro sitio", "Nada se modificó.")
            return found

        return identity
