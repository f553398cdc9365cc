"""What the local issuer knows: people and clients, read again at each use, so that a new one needs no restart."""

import base64
import hashlib
import hmac
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from joserfc.jwk import RSAKey
from pydantic import BaseModel, ConfigDict, TypeAdapter

from kernel.files import write_whole

_SCRYPT = {"n": 2**14, "r": 8, "p": 1}
_NOBODY = b"\0" * 64


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Person(_Model):
    """Somebody with an e-mail at an issuer. `password`: salt and scrypt hash, base64; `verified`: whether the e-mail is."""

    subject: str
    password: str
    verified: bool = True


class Client(_Model):
    """A relying party. Addresses are compared whole."""

    secret_sha256: str
    redirect_uris: list[str]
    post_logout_redirect_uris: list[str]


_PEOPLE = TypeAdapter(dict[str, dict[str, Person]])
_CLIENTS = TypeAdapter(dict[str, Client])


class Store:
    """The issuer's folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def issuers(self) -> frozenset[str]:
        """Names of the issuers."""
        return frozenset(self._people())

    def authenticate(self, issuer: str, email: str, password: str) -> Person | None:
        """Who has that e-mail and password. Takes as long for nobody."""
        person = self._people().get(issuer, {}).get(email.strip().casefold())
        salt, expected = _unpack(person.password) if person else (b"", _NOBODY)
        same = hmac.compare_digest(_hash(password, salt), expected)
        return person if person and same else None

    def client(self, id_: str) -> Client | None:
        """The client of that id."""
        return self._clients().get(id_)

    def authenticate_client(self, id_: str, secret: str) -> Client | None:
        """The client of that id and secret."""
        client = self.client(id_)
        same = hmac.compare_digest(sha256(secret), client.secret_sha256 if client else "0" * 64)
        return client if same else None

    def key(self) -> RSAKey:
        """The key of the signatures, made if absent."""
        path = self._folder / "key.json"
        if not path.exists():
            key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True)
            write_whole(path, json.dumps(key.as_dict(private=True)).encode())
        return RSAKey.import_key(json.loads(path.read_text(encoding="utf-8")))

    def save_people(self, people: Mapping[str, Mapping[str, Person]]) -> None:
        """Replace everybody."""
        content = {issuer: {e.casefold(): p.model_dump() for e, p in those.items()} for issuer, those in people.items()}
        write_whole(self._folder / "people.json", json.dumps(content, indent=2).encode())

    def save_clients(self, clients: Mapping[str, Client]) -> None:
        """Replace the clients."""
        content = {id_: c.model_dump() for id_, c in clients.items()}
        write_whole(self._folder / "clients.json", json.dumps(content, indent=2).encode())

    def _people(self) -> dict[str, dict[str, Person]]:
        return _PEOPLE.validate_json(self._read("people.json"))

    def _clients(self) -> dict[str, Client]:
        return _CLIENTS.validate_json(self._read("clients.json"))

    def _read(self, name: str) -> bytes:
        path = self._folder / name
        return path.read_bytes() if path.exists() else b"{}"


def person(subject: str, password: str, *, verified: bool = True) -> Person:
    """A person with that password."""
    salt = os.urandom(16)
    packed = base64.b64encode(salt + _hash(password, salt)).decode()
    return Person(subject=subject, password=packed, verified=verified)


def client(secret: str, redirect_uris: Sequence[str], post_logout_redirect_uris: Sequence[str]) -> Client:
    """A client with that secret: a long random one, so that a plain hash does."""
    return Client(
        secret_sha256=sha256(secret),
        redirect_uris=list(redirect_uris),
        post_logout_redirect_uris=list(post_logout_redirect_uris),
    )


def sha256(text: str) -> str:
    """In hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def _hash(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, **_SCRYPT)


def _unpack(packed: str) -> tuple[bytes, bytes]:
    raw = base64.b64decode(packed)
    return raw[:16], raw[16:]
