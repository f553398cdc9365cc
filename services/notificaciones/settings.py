"""Settings of this service beyond the common ones."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints

from kernel.settings import ServiceSettings


class Settings(ServiceSettings):
    """Where the mail goes out. The server is a relay that queues by itself: a refusal for now (4xx) stops this service."""

    smtp_host: str = Field(description="SMTP server (submission or relay)")
    smtp_port: int = Field(description="its port", ge=1, le=65535)
    smtp_starttls: bool = Field(default=False, description="require STARTTLS, with a verified certificate")
    smtp_user: str | None = Field(default=None, description="user of the SMTP server, if it asks for one")
    smtp_password_file: Path | None = Field(default=None, description="file with that user's password")
    portal_url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+$")] = Field(
        description="address of the portal as people know it, told when a solicitud is confirmed"
    )
    mail_from: Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$")] = Field(
        description="address of the sender; its domain ends the Message-ID"
    )

    correo_derfe: Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$")] | None = Field(
        default=None,
        description="where DERFE is notified of changed criteria (P 13.8); without it, it is not",
    )

    @property
    def smtp_password(self) -> str | None:
        """The password, read when asked for."""
        return self.smtp_password_file.read_text(encoding="utf-8").strip() if self.smtp_password_file else None
