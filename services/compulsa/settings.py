"""Settings of compulsa."""

from pydantic import Field

from kernel.settings import ServiceSettings


class CompulsaSettings(ServiceSettings):
    """What compulsa needs besides."""

    reexamen_s: float = Field(
        default=2.0, description="seconds between looks at the records that wait for a cut or an order", gt=0
    )
