"""Who vouches for people: issuers of OpenID Connect, and providers of OAuth 2 without it, by configuration."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, model_validator

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

WELL_KNOWN = "/.well-known/openid-configuration"


def is_safe(url: str) -> bool:
    """Whether an address is https, or http of this machine."""
    parts = urlsplit(url)
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK))


def _safe(url: str) -> str:
    if not is_safe(url):
        raise ValueError("https, unless the host is this machine")
    return url


Address = Annotated[str, AfterValidator(_safe)]
Word = Annotated[str, StringConstraints(min_length=1)]


class Audience(StrEnum):
    """Whom an issuer may vouch for."""

    STAFF = "staff"
    PUBLIC = "public"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Endpoints(_Model):
    """Of a provider of OAuth 2 without OpenID Connect. `scope`: what lets it tell the e-mail."""

    authorize_url: Address
    token_url: Address
    userinfo_url: Address
    scope: Word


class Issuer(_Model):
    """One issuer. `name`: as people read it; `for`: whom it may vouch for; `discovery` or `oauth2`: how it is spoken to.

    `email`, `email_verified`: where they stand in what it says of a person, a path with dots. An e-mail counts only when the issuer
    says that it is verified, or when `only_verified` says that it gives no other.
    """

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,32}$")]
    name: Word
    audience: Annotated[frozenset[Audience], Field(alias="for", min_length=1)]
    discovery: Address | None = None
    oauth2: Endpoints | None = None
    client_id: Word
    client_secret_file: Path
    client_auth: Annotated[str, StringConstraints(pattern=r"^client_secret_(basic|post)$")] = "client_secret_basic"
    email: Word = "email"
    email_verified: Word = "email_verified"
    only_verified: bool = False

    @model_validator(mode="after")
    def _spoken_to(self) -> Self:
        if (self.discovery is None) == (self.oauth2 is None):
            raise ValueError("discovery or oauth2: one of them")
        if self.discovery is not None and not self.discovery.endswith(WELL_KNOWN):
            raise ValueError(f"discovery ends in {WELL_KNOWN}")
        return self

    @property
    def client_secret(self) -> str:
        """The secret, read when asked for."""
        return self.client_secret_file.read_text(encoding="utf-8").strip()

    def verified_email(self, claims: dict[str, Any]) -> str | None:
        """The e-mail that these claims prove; None when they prove none."""
        email = _at(claims, self.email)
        verified = self.only_verified or _at(claims, self.email_verified) in (True, "true")
        return email if verified and isinstance(email, str) and "@" in email else None


def _at(claims: Any, path: str) -> Any:
    for step in path.split("."):
        claims = claims.get(step) if isinstance(claims, dict) else None
    return claims


_ISSUERS = TypeAdapter(list[Issuer])


def load(path: Path) -> list[Issuer]:
    """The issuers of a JSON file, in the order in which they are offered. Raises OSError, ValueError."""
    issuers = _ISSUERS.validate_json(path.read_bytes())
    if len({issuer.id for issuer in issuers}) != len(issuers):
        raise ValueError(f"{path}: two issuers with the same id")
    return issuers
