"""Settings of this service beyond the common ones."""

from pathlib import Path

from pydantic import Field

from kernel.identity import PageSettings
from kernel.settings import ObjectSettings


class Settings(PageSettings, ObjectSettings):
    """Where people find the pages, and where INE puts what the portal only publishes."""

    process_keys_dir: Path = Field(
        description="folder with the public keys of each process, `<PROCESO>.json` (set by INE)"
    )
