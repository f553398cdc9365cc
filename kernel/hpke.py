"""HPKE (RFC 9180) with the two suites in use, and how their keys are written as bytes.

A key travels as `Public` or `Private`: the suite's name and raw bytes. Hybrid suite (ML-KEM-768 with X25519): the ML-KEM part first
(public: 1 184 bytes; private: seed of 64 bytes), then 32 bytes of X25519.
"""

import base64
import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, MLKEM768X25519PublicKey, Suite

from kernel.files import write_whole

HYBRID = "MLKEM768-X25519+HKDF-SHA256+AES-256-GCM"
X25519 = "X25519+HKDF-SHA256+AES-256-GCM"

_SUITES = {
    HYBRID: Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM),
    X25519: Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM),
}


class CannotOpen(Exception):
    """Wrong key, altered ciphertext or a ciphertext too short: HPKE does not tell which."""


@dataclass(frozen=True, slots=True)
class Public:
    """A public key: suite and raw bytes. Raises ValueError when they do not fit each other."""

    suite: str
    raw: bytes

    @property
    def id(self) -> str:
        """What names the key, and follows from it: 16 hexadecimal digits."""
        return _id(self.suite, self.raw)

    def seal(self, plaintext: bytes, info: bytes) -> bytes:
        """Encapsulated key, then ciphertext."""
        return _SUITES[self.suite].encrypt(plaintext, _public(self.suite, self.raw), info)


@dataclass(frozen=True, slots=True)
class Private:
    """A private key: suite and raw bytes. Its representation never shows them."""

    suite: str
    raw: bytes

    def __repr__(self) -> str:
        return f"Private(suite={self.suite!r})"

    @staticmethod
    def generate(suite: str = HYBRID) -> "Private":
        """A new key."""
        if suite == X25519:
            return Private(suite, X25519PrivateKey.generate().private_bytes_raw())
        raw = MLKEM768PrivateKey.generate().private_bytes_raw() + X25519PrivateKey.generate().private_bytes_raw()
        return Private(suite, raw)

    def public(self) -> Public:
        """Its public half."""
        if self.suite == X25519:
            return Public(self.suite, X25519PrivateKey.from_private_bytes(self.raw).public_key().public_bytes_raw())
        mlkem, x25519 = _parts(self.raw)
        return Public(self.suite, mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw())

    def open(self, sealed: bytes, info: bytes) -> bytes:
        """The plaintext. Raises CannotOpen."""
        try:
            return _SUITES[self.suite].decrypt(sealed, _private(self.suite, self.raw), info)
        except (InvalidTag, ValueError) as error:
            raise CannotOpen from error


@lru_cache(maxsize=64)
def _public(suite: str, raw: bytes) -> X25519PublicKey | MLKEM768X25519PublicKey:
    """Reading a key costs more than using it: a process has few and uses them for every record."""
    if suite == X25519:
        return X25519PublicKey.from_public_bytes(raw)
    return MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(raw[:-32]), X25519PublicKey.from_public_bytes(raw[-32:])
    )


@lru_cache(maxsize=64)
def _private(suite: str, raw: bytes) -> X25519PrivateKey | MLKEM768X25519PrivateKey:
    if suite == X25519:
        return X25519PrivateKey.from_private_bytes(raw)
    return MLKEM768X25519PrivateKey(*_parts(raw))


def _parts(raw: bytes) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    return MLKEM768PrivateKey.from_seed_bytes(raw[:-32]), X25519PrivateKey.from_private_bytes(raw[-32:])


ID_BYTES = 8
PREVIOUS = "previous"
"""Folder, beside a service's private key, of those that it replaces."""


@lru_cache(maxsize=64)
def _id(suite: str, raw: bytes) -> str:
    return hashlib.sha256(suite.encode() + b"|" + raw).hexdigest()[: 2 * ID_BYTES]


class PrivateFolder(Mapping[str, Private]):
    """The private keys of one service by their public half's id: `private.json`, and those before it in `previous/<id>.json`.

    A key that arrives later is found when it is asked for. Raises ValueError when a file is not a key, OSError without the newest.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._keys: dict[str, Private] = {}
        self._load()

    def __getitem__(self, id_: str) -> Private:
        if id_ not in self._keys:
            self._load()
        return self._keys[id_]

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def _load(self) -> None:
        self._add(self._folder / "private.json")
        for path in (self._folder / PREVIOUS).glob("*.json"):
            with contextlib.suppress(FileNotFoundError):  # it was just taken away
                self._add(path)

    def _add(self, path: Path) -> None:
        key = load_private(path)
        self._keys[key.public().id] = key


class PublicFolder(Mapping[str, Public]):
    """The newest public key of each service: `<service>.json`. A file that was replaced is read again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, tuple[tuple[int, int], Public]] = {}
        for name in self:
            self[name]

    def __getitem__(self, name: str) -> Public:
        path = f"{self._folder}/{name}.json"  # for each wrap of each record: pathlib's own way costs twice as much
        try:
            stat = os.stat(path)
        except FileNotFoundError as error:
            raise KeyError(name) from error
        version = (stat.st_ino, stat.st_mtime_ns)
        if name not in self._read or self._read[name][0] != version:
            self._read[name] = (version, load_public(Path(path)))
        return self._read[name][1]

    def __iter__(self) -> Iterator[str]:
        return (path.stem for path in sorted(self._folder.glob("*.json")))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def load_private(path: Path) -> Private:
    """Read a key file. Raises ValueError when it is not one."""
    suite, raw = _load(path)
    return Private(suite, raw)


def load_public(path: Path) -> Public:
    """Read a key file. Raises ValueError when it is not one."""
    suite, raw = _load(path)
    return Public(suite, raw)


def save(key: Public | Private, path: Path) -> None:
    """Write a key file (`write_whole`)."""
    content = {"suite": key.suite, "raw": base64.b64encode(key.raw).decode()}
    write_whole(path, json.dumps(content).encode())


def _load(path: Path) -> tuple[str, bytes]:
    content = json.loads(path.read_text(encoding="utf-8"))
    if content.get("suite") not in _SUITES:
        raise ValueError(f"{path.name}: unknown suite")
    return content["suite"], base64.b64decode(content["raw"])
