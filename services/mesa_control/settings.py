"""Settings of mesa_control."""

from pathlib import Path

from pydantic import Field

from kernel.settings import ServiceSettings


class Settings(ServiceSettings):
    """What mesa_control needs besides."""

    users_file: Path = Field(description="JSON file of who may use the page and the API (kernel.identity)")
    asignacion_s: float = Field(default=600.0, description="seconds that a record is kept for who asked for it", ge=30)
    deshacer_s: float = Field(default=900.0, description="seconds in which a person may replace an own decision", ge=0)
    meta_diaria: int = Field(default=400, description="records a person is expected to review in a day (P 13.3)", ge=1)
