"""Who asks, and whether they may: sessions, the gate, and the way in (ADR 13). Knows no role and no kind of place."""

from datetime import timedelta
from typing import TypeVar

from kernel.documents import Kind
from kernel.engines import Engines
from kernel.identity.access import (
    Access,
    AnotherAccount,
    Directory,
    Forbidden,
    Identity,
    NotAuthenticated,
    NotInForce,
)
from kernel.identity.issuers import Audience
from kernel.identity.login import Login
from kernel.identity.sessions import INDEXES, Sessions
from kernel.identity.settings import PageSettings

A = TypeVar("A")

SESSIONS_DATABASE = "apoyo_sesiones"
"""Database of the sessions: the services with pages share them."""

__all__ = [
    "SESSIONS_DATABASE",
    "Access",
    "AnotherAccount",
    "Audience",
    "Directory",
    "Forbidden",
    "Identity",
    "Login",
    "NotAuthenticated",
    "NotInForce",
    "PageSettings",
    "Sessions",
    "build",
]


def build(engines: Engines, settings: PageSettings, directory: Directory[A]) -> Access[A]:
    """The gate of a service with pages, for its bootstrap."""
    sessions = Sessions(
        engines.shared(SESSIONS_DATABASE, "sesiones", Kind.LEASE, INDEXES),
        engines.clock,
        idle=timedelta(seconds=settings.session_idle_s),
        absolute=timedelta(seconds=settings.session_absolute_s),
    )
    login = Login(settings.issuers, settings.identity_key, settings.public_url)
    return Access(directory, sessions, login, public_url=settings.public_url)
