"""What every route of the service shares: who asks, what comes in and goes out, the key of an order."""

from typing import Annotated

from fastapi import Header
from pydantic import BaseModel, ConfigDict

from kernel.identity import Access, Identity
from schemas.eventos import CuentaRegistrada

Quien = Identity[CuentaRegistrada]
Puerta = Access[CuentaRegistrada]
LlaveIdempotencia = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[A-Za-z0-9._-]{8,100}$",
        description="Al azar, una por orden: repetirla da la misma respuesta.",
    ),
]


class Salida(BaseModel):
    """What goes out; it may be made from anything with the same attributes."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class Entrada(BaseModel):
    """What comes in: nothing else than it says."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
