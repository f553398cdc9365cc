"""Settings of this service beyond the common ones."""

from pathlib import Path

from pydantic import Field

from kernel.settings import ServiceSettings


class Settings(ServiceSettings):
    """Who may look."""

    users_file: Path = Field(description="file of the people who may enter, with their roles (kernel/identity.py)")
