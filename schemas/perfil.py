"""Rule profiles (SPEC 2): the norms differ, so what differs is a field here, versioned and named in what it decided."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.tipos import Modelo


class TipoProceso(StrEnum):
    """Types of process (SPEC 2)."""

    CANDIDATURA_INDEPENDIENTE = "candidatura_independiente"
    REVOCACION_DE_MANDATO = "revocacion_de_mandato"
    CONSULTA_POPULAR = "consulta_popular"
    INICIATIVA_CIUDADANA = "iniciativa_ciudadana"


Recepcion = Literal["recibir_inconsistente", "no_recibir"]
"""What reception does: take the record and mark it by rule, or refuse it."""


class PerfilReglas(Modelo):
    """A version of a profile. Only rules that something decides on are fields; each names its numeral."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
    version: Annotated[int, Field(ge=1)]
    gracia_horas: Annotated[int, Field(ge=0)]
    """Time to send after the end (P 9.16, D 6.6)."""
    tras_baja_de_auxiliar: Recepcion
    """Received after the dismissal of the auxiliar (P 7.7, D 3.4)."""
    tras_baja_por_ine: Recepcion
    """The same, when INE dismissed for devices (D 4.10)."""
    dispositivo_no_autorizado: Recepcion
    """From a device not authorised (P 8.11, D 4.9)."""
    compulsa: Literal["continua", "al_final"]
    """When the final compulsa runs (D 10.7 b)."""
    misma_persona: Literal["primero_recibido", "todos", "ninguno"]
    """Same person, two aspirantes or promoventes: the OPL decides (P 15.3)."""


PERFIL_P = PerfilReglas(
    id="candidatura_independiente",
    version=1,
    gracia_horas=24,
    tras_baja_de_auxiliar="recibir_inconsistente",
    tras_baja_por_ine="recibir_inconsistente",
    dispositivo_no_autorizado="recibir_inconsistente",
    compulsa="continua",
    misma_persona="primero_recibido",
)
"""Candidatura independiente (P)."""

PERFIL_D = PerfilReglas(
    id="participacion_ciudadana",
    version=1,
    gracia_horas=24,
    tras_baja_de_auxiliar="no_recibir",
    tras_baja_por_ine="recibir_inconsistente",
    dispositivo_no_autorizado="no_recibir",
    compulsa="al_final",
    misma_persona="primero_recibido",
)
"""Revocación de mandato, consulta popular, iniciativa ciudadana (D)."""
