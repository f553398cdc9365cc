"""What somebody typed into a form, read into typed values; every field that is wrong is told, not only the first. Pure.

Each method notes what is wrong and returns something all the same; `terminar` raises Invalida if anything was, so no such value is
ever used. Fields are read in the order of the form.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime

from schemas.hora import CENTRO
from services.portal.domain.rechazo import Invalida

_CORREO = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")
_TELEFONO = re.compile(r"\+?[0-9]{10,15}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DIA = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENTO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?")

VACIO = "Escriba este dato."
ELIJA = "Elija una opción."


class Captura:
    """Reads the fields of one form. `valores`: what was typed, by field."""

    def __init__(self, valores: Mapping[str, Sequence[str]]) -> None:
        self._valores = valores
        self.errores: dict[str, str] = {}

    def error(self, campo: str, mensaje: str) -> None:
        """Note what is wrong with a field; the first said stays."""
        self.errores.setdefault(campo, mensaje)

    def terminar(self) -> None:
        """Raises Invalida when any field is wrong."""
        if self.errores:
            raise Invalida(self.errores)

    def crudo(self, campo: str) -> str:
        """What was typed, without the spaces around it."""
        return next(iter(self._valores.get(campo, ())), "").strip()

    def texto(self, campo: str, *, maximo: int, opcional: bool = False, renglones: bool = False) -> str:
        """A text of at most so many characters. `renglones`: of several lines."""
        valor = self.crudo(campo)
        if renglones:
            valor = valor.replace("\r\n", "\n")
        if not valor and not opcional:
            self.error(campo, VACIO)
        elif len(valor) > maximo:
            self.error(campo, f"Tiene {len(valor)} caracteres y el máximo es {maximo}: acórtelo.")
        elif _CONTROL.search(valor.replace("\n", "") if renglones else valor):
            self.error(campo, "Tiene caracteres que no se ven: escríbalo de nuevo.")
        return valor

    def patron(self, campo: str, patron: str, mensaje: str, *, opcional: bool = False, mayusculas: bool = False) -> str:
        """A text of that form."""
        valor = self.crudo(campo)
        if mayusculas:
            valor = valor.upper()
        if not valor:
            if not opcional:
                self.error(campo, VACIO)
        elif re.fullmatch(patron, valor) is None:
            self.error(campo, mensaje)
        return valor

    def opcion(self, campo: str, opciones: Collection[str], *, opcional: bool = False) -> str:
        """One of the options; empty only when it is optional."""
        valor = self.crudo(campo)
        if (valor or not opcional) and valor not in opciones:
            self.error(campo, ELIJA)
        return valor

    def varias(self, campo: str, opciones: Collection[str], *, opcional: bool = False) -> list[str]:
        """Several of the options, in their order."""
        elegidas = set(self._valores.get(campo, ()))
        if elegidas - set(opciones) or (not elegidas and not opcional):
            self.error(campo, "Elija al menos una opción.")
        return [opcion for opcion in opciones if opcion in elegidas]

    def casilla(self, campo: str) -> bool:
        """Whether the box is ticked."""
        return self.crudo(campo) == "si"

    def entero(self, campo: str, minimo: int, maximo: int, *, opcional: bool = False) -> int | None:
        """A whole number; thousands may be set apart by spaces, commas or apostrophes."""
        valor = re.sub(r"[\s,'\u202f]", "", self.crudo(campo))
        if not valor:
            if not opcional:
                self.error(campo, VACIO)
            return None
        if re.fullmatch(r"[0-9]{1,12}", valor) is None or not minimo <= int(valor) <= maximo:
            self.error(campo, f"Escriba un número entero entre {minimo:,} y {maximo:,}.".replace(",", " "))
            return None
        return int(valor)

    def dia(self, campo: str, *, opcional: bool = False) -> date | None:
        """A day, as YYYY-MM-DD."""
        valor = self.crudo(campo)
        if not valor:
            if not opcional:
                self.error(campo, VACIO)
            return None
        try:
            if _DIA.fullmatch(valor):
                return date.fromisoformat(valor)
        except ValueError:
            pass
        self.error(campo, "Escriba una fecha que exista, como 2026-11-22.")
        return None

    def momento(self, campo: str) -> datetime | None:
        """An instant, typed as local time of America/Mexico_City: YYYY-MM-DDTHH:MM, without another zone."""
        valor = self.crudo(campo)
        if not valor:
            self.error(campo, VACIO)
            return None
        if _MOMENTO.fullmatch(valor) is None:
            resto = re.sub(_MOMENTO, "", valor, count=1)
            if re.fullmatch(r"(\.[0-9]+)?(Z|[+-][0-9]{2}:?[0-9]{2}|\[.*\]|[A-Z]{3,4})", resto.strip()):
                self.error(campo, "Escriba la hora Centro (Ciudad de México), sin otro huso horario.")
                return None
            self.error(campo, "Escriba día y hora, como 2026-11-22 14:05.")
            return None
        try:
            local = datetime.fromisoformat(valor).replace(tzinfo=CENTRO)
        except ValueError:
            self.error(campo, "Ese día o esa hora no existe en el calendario.")
            return None
        antes, despues = local.replace(fold=0).utcoffset(), local.replace(fold=1).utcoffset()
        if antes != despues:
            self.error(
                campo,
                "Ese día cambió el horario de la Ciudad de México y esa hora no existió, o existió dos veces: elija otra.",
            )
            return None
        return local

    def correo(self, campo: str, *, opcional: bool = False) -> str:
        """An e-mail address."""
        valor = self.crudo(campo)
        if not valor:
            if not opcional:
                self.error(campo, VACIO)
        elif len(valor) > 254 or _CORREO.fullmatch(valor) is None or _CONTROL.search(valor):
            self.error(campo, "Escriba un correo completo, como nombre@ejemplo.mx.")
        return valor

    def telefono(self, campo: str, *, opcional: bool = False) -> str:
        """A phone number, without the spaces and signs between its digits."""
        valor = re.sub(r"[\s().-]", "", self.crudo(campo))
        if not valor:
            if not opcional:
                self.error(campo, VACIO)
        elif _TELEFONO.fullmatch(valor) is None:
            self.error(campo, "Escriba el teléfono con sus 10 dígitos; del extranjero, con + y la clave del país.")
        return valor

    def url(self, campo: str, *, opcional: bool = False) -> str | None:
        """An https address."""
        valor = self.crudo(campo)
        if not valor:
            if not opcional:
                self.error(campo, VACIO)
            return None
        if len(valor) > 500 or re.fullmatch(r"https://[^\s/@]+\.[^\s/@]+(/\S*)?", valor) is None:
            self.error(
                campo, "Escriba la dirección completa; debe empezar con https:// y tener a lo más 500 caracteres."
            )
        return valor
