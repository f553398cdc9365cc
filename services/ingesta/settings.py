"""Settings of ingesta."""

from pydantic import Field

from kernel.settings import ObjectSettings


class IngestaSettings(ObjectSettings):
    """What ingesta needs besides."""

    body_timeout_s: float = Field(default=120.0, description="seconds that a device has to send one body", gt=0)
