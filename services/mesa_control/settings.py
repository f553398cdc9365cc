"""Settings of mesa_control."""

from pydantic import Field

from kernel.identity import PageSettings
from kernel.settings import ObjectSettings


class Settings(PageSettings, ObjectSettings):
    """What mesa_control needs besides."""

    asignacion_s: float = Field(default=600.0, description="seconds that a record is kept for who asked for it", ge=30)
    deshacer_s: float = Field(default=900.0, description="seconds in which a person may replace an own decision", ge=0)
    ausencia_s: float = Field(
        default=7200.0,
        description="seconds without activity after which others get the records kept for somebody",
        ge=60,
    )
    riesgo_dias: float = Field(
        default=3.0, description="days before its end at which a term of review is at risk", ge=0
    )
    meta_diaria: int = Field(default=400, description="records a person is expected to review in a day (P 13.3)", ge=1)
