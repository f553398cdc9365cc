"""Clave de elector, 18 characters: 6 letters of the name, birth AAMMDD, state of birth, sex, 3 opaque digits.

The composition comes from secondary sources, so a disagreement with the name is only a warning.
"""

import re
from dataclasses import dataclass
from datetime import date

from credencial.nombres import consonante_interna, inicial, palabra_principal

PATRON = re.compile(r"([A-Z]{6})([0-9]{6})(0[1-9]|[12][0-9]|3[0-2]|87|88)([HM])([0-9]{3})", re.ASCII)


class ClaveInvalida(ValueError):
    """The text is not a clave de elector. The message never repeats it."""


@dataclass(frozen=True, slots=True)
class ClaveElector:
    """Parts of a clave. `nacimiento`: AAMMDD. `entidad`: number of the state of birth. `sexo`: H or M (mujer)."""

    letras: str
    nacimiento: str
    entidad: str
    sexo: str
    homonimia: str

    @property
    def fecha_posible(self) -> bool:
        """Whether the six digits are a date in either century."""
        return fecha_posible(self.nacimiento)


def leer_clave(texto: str) -> ClaveElector:
    """Parts of a clave de elector. Raises ClaveInvalida when the format is another."""
    match = PATRON.fullmatch(texto)
    if match is None:
        raise ClaveInvalida("formato de clave de elector")
    return ClaveElector(*match.groups())


def es_clave(texto: str) -> bool:
    """Whether the text has the format of a clave de elector."""
    return PATRON.fullmatch(texto) is not None


def prefijos(nombre: str, paterno: str | None, materno: str | None) -> tuple[str, ...]:
    """The sets of six letters that a name may give, the usual one first.

    José or María before another name may or may not have been skipped, and particles dropped or not: all are accepted.
    """
    found: dict[str, None] = {}
    for quitar in (True, False):
        apellidos = "".join(_par(palabra_principal(p, quitar_particulas=quitar)) for p in (paterno, materno))
        for omitir in (True, False):
            palabra = palabra_principal(nombre, omitir_comun=omitir, quitar_particulas=quitar)
            found[apellidos + _par(palabra)] = None
    return tuple(found)


def _par(palabra: str) -> str:
    return inicial(palabra) + consonante_interna(palabra)


def componer_clave(letras: str, nacimiento: date, entidad: str, sexo: str, homonimia: str) -> str:
    """A clave from its parts (`letras` from `prefijos`). Raises ClaveInvalida when they do not make one."""
    clave = f"{letras}{nacimiento:%y%m%d}{entidad}{sexo}{homonimia}"
    leer_clave(clave)
    return clave


def fecha_posible(aammdd: str) -> bool:
    """Whether AAMMDD is a date of the 20th or the 21st century."""
    for siglo in (1900, 2000):
        try:
            date(siglo + int(aammdd[:2]), int(aammdd[2:4]), int(aammdd[4:6]))
        except ValueError:
            continue
        return True
    return False
