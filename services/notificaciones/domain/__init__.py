"""What goes out by e-mail, as text, and what each e-mail is known by. Pure: events and what could be opened in, text out.

Rules for all:

- There is one e-mail for each `Encargo`, ever; its Message-ID follows from the `Encargo` alone, so that a repetition is recognised
  as such (ARCHITECTURE, rule 2).
- No personal data but what the norm orders: neither names nor the solicitud's denomination, which may be a name.
- Dates are in hora Centro (SPEC 5).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

PIE = "Mensaje automático: no responda a este correo."


class Clase(StrEnum):
    """What an e-mail is for."""

    ACUSE = "acuse"
    CONFIRMACION = "confirmacion"
    ALTA = "alta"
    CAMBIO_DE_CORREO = "cambio_de_correo"
    BAJA = "baja"
    CRITERIOS = "criterios"


@dataclass(frozen=True, slots=True)
class Encargo:
    """An e-mail that is due. `asunto`: what it is about, in the characters of a Message-ID."""

    clase: Clase
    asunto: str

    @property
    def id(self) -> str:
        """Under which its delivery is recorded. A receipt's is its envío alone."""
        return self.asunto if self.clase is Clase.ACUSE else f"{self.clase}/{self.asunto}"

    def id_de_mensaje(self, dominio: str) -> str:
        """Its Message-ID: the same however often it is composed."""
        return f"<{self.clase}.{self.asunto}@{dominio}>"


@dataclass(frozen=True, slots=True)
class Texto:
    """An e-mail, ready to be addressed."""

    asunto: str
    cuerpo: str


def componer(partes: Sequence[str]) -> str:
    """The paragraphs of a body."""
    return "\n\n".join(partes) + "\n"


def ficha(*campos: tuple[str, str]) -> str:
    """Names and values, one a line, in two columns."""
    return "\n".join(f"{nombre + ':':<24}{valor}" for nombre, valor in campos)
