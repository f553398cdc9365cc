"""Types shared by every published model, and how a folio is composed (P 9.14)."""

import re
from datetime import UTC, datetime
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, StringConstraints


class Modelo(BaseModel):
    """Base of every published model: strict types, immutable, and no field that the schema does not name.

    Consumers read with `extra="ignore"` (see `schemas.envelope.leer`), so a new field never breaks an old reader. Errors never
    show the input: it may be personal data, and errors end in logs.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", hide_input_in_errors=True)


def _utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


Momento = Annotated[AwareDatetime, AfterValidator(_utc)]
"""An instant. Stored and published in UTC; shown in America/Mexico_City."""

_PROCESO = r"[A-Z0-9]{2,12}"
_SOLICITUD = _PROCESO + r"-[0-9]{4}"
_AUXILIAR = r"[A-Z0-9]{2,8}"
_DISPOSITIVO = r"[0-9a-f]{12}"
_FOLIO = rf"{_SOLICITUD}-{_AUXILIAR}-{_DISPOSITIVO}-[0-9a-f]{{20}}"

IdProceso = Annotated[str, StringConstraints(pattern=rf"^{_PROCESO}$")]
IdSolicitud = Annotated[str, StringConstraints(pattern=rf"^{_SOLICITUD}$")]
"""Folio of a solicitud: Id Proceso and Id Solicitante, joined by a hyphen."""
IdAuxiliar = Annotated[str, StringConstraints(pattern=rf"^{_AUXILIAR}$")]
"""`MA` is reserved for Mi Apoyo, `CM` for manual capture."""
IdDispositivo = Annotated[str, StringConstraints(pattern=rf"^{_DISPOSITIVO}$")]
IdCuenta = Annotated[str, StringConstraints(pattern=r"^[a-z0-9._-]{1,64}$")]
"""An account: a word that says nothing about the person."""
IdAcceso = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
IdConsulta = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
IdEnvio = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Folio = Annotated[str, StringConstraints(pattern=rf"^{_FOLIO}$")]
"""Solicitud, Id Auxiliar, device and random record id (80 bits), joined by hyphens (P 9.14)."""
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Base64 = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]*={0,2}$")]
Sellado = Base64
"""Base64 of bytes encrypted under the subject's own key; readable only by the services entitled to that key."""
Entidad = Annotated[str, StringConstraints(pattern=r"^(0[1-9]|[12][0-9]|3[0-2]|87|88)$")]

_FOLIO_RE = re.compile(
    rf"(?P<solicitud>{_SOLICITUD})-(?P<auxiliar>{_AUXILIAR})-(?P<dispositivo>{_DISPOSITIVO})-[0-9a-f]{{20}}"
)


class PartesDelFolio(NamedTuple):
    """What a folio says by itself."""

    proceso: str
    solicitud: str
    auxiliar: str
    dispositivo: str


def componer_folio(solicitud: str, auxiliar: str, dispositivo: str, registro: str) -> str:
    """Folio of a record (P 9.14). `registro`: 20 random hexadecimal digits, assigned on the device."""
    folio = f"{solicitud}-{auxiliar}-{dispositivo}-{registro}"
    descomponer_folio(folio)
    return folio


def descomponer_folio(folio: str) -> PartesDelFolio:
    """The parts of a folio. Raises ValueError when it is not one."""
    match = _FOLIO_RE.fullmatch(folio)
    if match is None:
        raise ValueError("no es un folio")
    solicitud = match["solicitud"]
    return PartesDelFolio(
        proceso=proceso_de(solicitud), solicitud=solicitud, auxiliar=match["auxiliar"], dispositivo=match["dispositivo"]
    )


def proceso_de(solicitud: str) -> str:
    """Id Proceso of a solicitud, or of a folio."""
    return solicitud.split("-", 1)[0]
