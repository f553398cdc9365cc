"""Sessions, kept on the server: the browser holds a random token, the store its SHA-256, so that neither a copy of the store nor a
log lets anybody in. A session may be lost at any time (`Kind.LEASE`): whoever had it enters again.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from pymongo import IndexModel

from kernel.clock import Clock
from kernel.documents import Document, Documents

INDEXES = [IndexModel([("account", 1)]), IndexModel([("until", 1)], expireAfterSeconds=0)]
"""Of the collection: whose sessions they are, and the store removes by itself what has ended."""

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_STEPS = 20
"""Activity is written down when a twentieth of the idle time has passed since the last time, not at every request."""


@dataclass(frozen=True, slots=True)
class Session:
    """An open session. `login`: the opaque name under which the person came in; `issuer`: who vouched for it."""

    id: str
    account: str
    login: str
    issuer: str
    started_at: datetime
    seen_at: datetime
    until: datetime
    revision: int


class Sessions:
    """Opens, finds and ends sessions. `idle`: time without activity that ends one; `absolute`: it ends anyway."""

    def __init__(self, documents: Documents, clock: Clock, *, idle: timedelta, absolute: timedelta) -> None:
        self._documents = documents
        self._clock = clock
        self._idle = idle
        self._absolute = absolute

    async def open(self, account: str, *, login: str, issuer: str, since: datetime | None = None) -> str:
        """A new session; its token, which exists nowhere else. `since`: when they proved who they are, if not now.

        Raises Unavailable.
        """
        token = secrets.token_urlsafe(32)
        now = self._clock.now()
        started = since or now
        session = Session(_id(token), account, login, issuer, started, now, self._until(started, now), 1)
        await self._documents.put_if_absent(_document(session))
        return token

    async def find(self, token: str | None) -> Session | None:
        """The session of a token, unless it ended. Raises Unavailable."""
        if token is None or _TOKEN.fullmatch(token) is None:
            return None
        stored = await self._documents.get(_id(token))
        if stored is None:
            return None
        session = _session(stored)
        return session if self._clock.now() < session.until else None

    async def touch(self, session: Session) -> None:
        """The person did something: the idle time begins again. Raises Unavailable."""
        now = self._clock.now()
        if now - session.seen_at < self._idle / _STEPS:
            return
        until = self._until(session.started_at, now)
        seen = {"seen_at": now, "until": until, "revision": session.revision + 1}
        await self._documents.replace(
            _document(session) | seen, session.revision
        )  # another request may have been first

    async def end(self, session: Session) -> None:
        """End this one. Raises Unavailable."""
        await self._documents.remove([session.id])

    async def end_all(self, account: str) -> None:
        """End every session of an account, wherever it was opened. Raises Unavailable."""
        await self._documents.remove([d["_id"] for d in await self._documents.find({"account": account})])

    def _until(self, started_at: datetime, seen_at: datetime) -> datetime:
        return min(seen_at + self._idle, started_at + self._absolute)


def _id(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _document(session: Session) -> Document:
    return {
        "_id": session.id,
        "revision": session.revision,
        "account": session.account,
        "login": session.login,
        "issuer": session.issuer,
        "started_at": session.started_at,
        "seen_at": session.seen_at,
        "until": session.until,
    }


def _session(stored: Document) -> Session:
    return Session(
        stored["_id"],
        stored["account"],
        stored["login"],
        stored["issuer"],
        stored["started_at"],
        stored["seen_at"],
        stored["until"],
        stored["revision"],
    )
