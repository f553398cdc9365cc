"""Settings of a service with pages."""

from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from kernel.identity.issuers import Issuer, is_safe, load
from kernel.settings import ServiceSettings

KEY_BYTES = 32


class PageSettings(ServiceSettings):
    """Where people find it, and how they enter."""

    public_url: str = Field(
        description="address of the pages as browsers know it, without a path; https but on this machine"
    )
    identity_key_file: Path = Field(description="32 secret bytes that the services with pages share")
    issuers_file: Path = Field(
        description="JSON file of the issuers through which people enter (kernel.identity.issuers)"
    )
    session_idle_s: float = Field(default=1800.0, description="seconds without activity that end a session", ge=60)
    session_absolute_s: float = Field(default=43200.0, description="seconds after which a session ends anyway", ge=60)

    @field_validator("public_url")
    @classmethod
    def _origin(cls, value: str) -> str:
        parts = urlsplit(value)
        value = value.removesuffix("/")
        if f"{parts.scheme}://{parts.netloc}" != value or not parts.hostname or parts.username is not None:
            raise ValueError("an origin: scheme, host and port")
        if not is_safe(value):
            raise ValueError("https, unless the host is this machine")
        return value

    @property
    def identity_key(self) -> bytes:
        """The shared key, read when asked for. Raises ValueError when it has another length."""
        key = self.identity_key_file.read_bytes()
        if len(key) != KEY_BYTES:
            raise ValueError(f"{self.identity_key_file}: {KEY_BYTES} bytes expected")
        return key

    @property
    def issuers(self) -> list[Issuer]:
        """The issuers, read when asked for. Raises OSError, ValueError."""
        return load(self.issuers_file)
