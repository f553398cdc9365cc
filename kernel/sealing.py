"""Sealing: one data key per subject, wrapped apart for each service entitled to it (ARCHITECTURE, rule 7).

A subject's root key is random. From it follows one subkey per label (HKDF-SHA256). A service entitled to the whole subject gets
the root wrapped to its public key; one entitled to a part gets that label's subkey only. Destroying a subject's wraps makes
everything sealed under it unreadable, whatever log or store still holds the bytes.
"""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kernel.documents import Document, Documents, Swap, Write
from kernel.errors import KeyDestroyed
from kernel.hpke import ID_BYTES, CannotOpen, Private, Public

NONCE = 12
OVERHEAD = NONCE + 16
"""Bytes that sealing adds."""


class CannotUnseal(Exception):
    """Wrong key, other context, or altered bytes."""


def seal(key: bytes, plaintext: bytes, context: str) -> bytes:
    """AES-256-GCM with a random nonce: nonce, ciphertext, tag. `context` is authenticated: subject and part."""
    nonce = os.urandom(NONCE)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, context.encode())


def unseal(key: bytes, sealed: bytes, context: str) -> bytes:
    """The plaintext. Raises CannotUnseal."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE], sealed[NONCE:], context.encode())
    except (InvalidTag, ValueError) as error:
        raise CannotUnseal(context) from error


@lru_cache(maxsize=1024)
def derive(root: bytes, label: str) -> bytes:
    """Subkey of a root for one label (32 bytes)."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"apoyo/" + label.encode()).derive(root)


class Rewrapped(NamedTuple):
    """What `KeyRing.rewrap` did.

    `last`: id of the last subject it looked at, None at the end; `seen`: how many; `changed`: how many it wrapped again; `lost`:
    those whose wrap it cannot open, and left alone.
    """

    last: str | None
    seen: int
    changed: int
    lost: list[str]


class KeyRing:
    """Creates subjects' keys and opens those that this service is entitled to.

    `documents`: primary store of the wraps, shared by the services; each can open its own wrap alone. `private`: this service's
    key, or while it is being replaced those it has, by the id of their public half. `publics`: the newest of each service.
    `entropy`: n → n random bytes, of which new root keys are made.

    A wrap begins with the id of the public key that it was made with, so that both of a service's keys open while one replaces the
    other (ADR 19).
    """

    def __init__(
        self,
        documents: Documents,
        service: str,
        private: Private | Mapping[str, Private],
        publics: Mapping[str, Public],
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._documents = documents
        self._service = service
        self._privates = {private.public().id: private} if isinstance(private, Private) else private
        self._publics = publics
        self._entropy = entropy

    async def create(self, key_id: str, entitled: Mapping[str, str | None]) -> bytes:
        """Root key of a subject, made if absent. `entitled`: service → label of its part, or None for the whole.

        This service must be entitled to the whole: whoever made the key first, it returns that one.
        Raises KeyDestroyed.
        """
        root = self._entropy(32)
        if await self._documents.put_if_absent(self._wrapped(key_id, root, entitled)):
            return root
        return await self.open(key_id)

    async def create_many(self, key_ids: Sequence[str], entitled: Mapping[str, str | None]) -> list[bytes]:
        """Root keys of several subjects, as `create` gives them, with one write for all. Raises KeyDestroyed, Unavailable."""
        roots = {key_id: self._entropy(32) for key_id in key_ids}
        writes = [Write(self._wrapped(key_id, root, entitled), None) for key_id, root in roots.items()]
        for key_id in await self._documents.write(writes):
            roots[key_id] = await self.open(key_id)
        return [roots[key_id] for key_id in key_ids]

    async def destroy(self, key_id: str) -> None:
        """Destroy a key's wraps, for good and for everybody; nothing happens if there is no such key. Raises Unavailable."""
        await self._documents.unset([key_id], "wraps")

    async def destroy_many(self, key_ids: Sequence[str]) -> None:
        """Destroy several keys for good; those that were never made, too: from then on none can be made. Raises Unavailable."""
        # First what keeps a key from being made: one that is made meanwhile loses its wraps afterwards.
        await self._documents.write([Write({"_id": key_id, "destroyed": True}, None) for key_id in key_ids])
        await self._documents.unset(key_ids, "wraps")

    async def is_destroyed(self, key_id: str) -> bool:
        """Whether that key was destroyed; not if there never was one. Raises Unavailable."""
        stored = await self._documents.get(key_id)
        return stored is not None and _destroyed(stored)

    async def open(self, key_id: str) -> bytes:
        """The root, or the subkey of the label that this service is entitled to.

        Raises KeyDestroyed, and LookupError when there is no such key or this service is not entitled to it.
        """
        stored = await self._documents.get(key_id)
        if stored is None:
            raise LookupError(f"no key {key_id}")
        return self._opened(stored)

    async def open_many(self, key_ids: Collection[str]) -> dict[str, bytes]:
        """As `open`, of several at once; without those that do not exist or were destroyed. Raises LookupError."""
        found = await self._documents.find({"_id": {"$in": sorted(set(key_ids))}})
        return {stored["_id"]: self._opened(stored) for stored in found if not _destroyed(stored)}

    async def rewrap(self, after: str = "", limit: int = 200) -> Rewrapped:
        """Wrap again, for this service's newest key, what it has under another, among so many subjects after that id.

        Each wrap is replaced only if it is still the one that was read: one that was destroyed meanwhile stays destroyed, and two
        at once do no harm. Raises Unavailable: then some may have been replaced.
        """
        newest = self._publics[self._service].id
        found = await self._documents.find({"_id": {"$gt": after}}, sort="_id", limit=limit)
        swaps: list[Swap] = []
        lost: list[str] = []
        for stored in found:
            key_id = stored["_id"]
            wrap = None if _destroyed(stored) else stored["wraps"].get(self._service)
            if wrap is None or _made_with(wrap) == newest:
                continue
            try:
                swaps.append(Swap(key_id, wrap, self._wrap(key_id, self._service, self._unwrap(key_id, wrap))))
            except CannotOpen:
                lost.append(key_id)
        if swaps:
            await self._documents.swap(f"wraps.{self._service}", swaps)
        return Rewrapped(found[-1]["_id"] if found else None, len(found), len(swaps), lost)

    def _opened(self, stored: Document) -> bytes:
        key_id: str = stored["_id"]
        if _destroyed(stored):
            raise KeyDestroyed(key_id)
        wrap = stored["wraps"].get(self._service)
        if wrap is None:
            raise LookupError(f"{self._service} is not entitled to {key_id}")
        return self._unwrap(key_id, wrap)

    def _unwrap(self, key_id: str, wrap: bytes) -> bytes:
        private = self._privates.get(_made_with(wrap))
        if private is None:
            raise CannotOpen(f"{self._service} has no private key {_made_with(wrap)}")
        return private.open(wrap[ID_BYTES:], _info(key_id, self._service))

    def _wrap(self, key_id: str, service: str, key: bytes) -> bytes:
        public = self._publics[service]
        return bytes.fromhex(public.id) + public.seal(key, _info(key_id, service))

    def _wrapped(self, key_id: str, root: bytes, entitled: Mapping[str, str | None]) -> Document:
        wraps = {
            service: self._wrap(key_id, service, root if label is None else derive(root, label))
            for service, label in entitled.items()
        }
        return {"_id": key_id, "wraps": wraps, "destroyed": False}


def _made_with(wrap: bytes) -> str:
    return wrap[:ID_BYTES].hex()


def _destroyed(stored: Document) -> bool:
    return bool(stored["destroyed"]) or "wraps" not in stored


def _info(key_id: str, service: str) -> bytes:
    return f"mx.ine.apoyo.wrap.v1|{key_id}|{service}".encode()
