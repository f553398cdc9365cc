"""CURP, 18 characters: 4 letters of the name, birth AAMMDD, sex, state, 3 consonants, homonymy, check digit.

The check digit catches a changed character only where the weight times the difference is not a multiple of ten: the
ninth position, whose weight is 10, is not covered at all.
"""

import re
from dataclasses import dataclass
from datetime import date

from credencial.entidades import LETRAS
from credencial.nombres import consonante_interna, inicial, palabra_principal, vocal_interna

ALFABETO = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"
PATRON = re.compile(
    rf"([A-Z][AEIOUX][A-Z]{{2}})([0-9]{{6}})([HM])({'|'.join(sorted(LETRAS))})([B-DF-HJ-NP-TV-Z]{{3}})([0-9A-Z])([0-9])",
    re.ASCII,
)
_VALOR = {c: i for i, c in enumerate(ALFABETO)}
_PRIMER_ANIO_CON_LETRA = 2000

_ALTISONANTES = """
    BACA BAKA BUEI BUEY CACA CACO CAGA CAGO CAKA CAKO COGE COGI COJA COJE COJI COJO COLA CULO FALO FETO GETA GUEI GUEY
    JETA JOTO KACA KACO KAGA KAGO KAKA KAKO KOGE KOGI KOJA KOJE KOJI KOJO KOLA KULO LILO LOCA LOCO LOKA LOKO MAME MAMO
    MEAR MEAS MEON MIAR MION MOCO MOKO MULA MULO NACA NACO PEDA PEDO PENE PIPI PITO POPO PUTA PUTO QULO RATA ROBA ROBE
    ROBO RUIN SENO TETA VACA VAGA VAGO VAKA VUEI VUEY WUEI WUEY
"""
PALABRAS_ALTISONANTES = frozenset(_ALTISONANTES.split())
"""Four letters that the CURP avoids by an X in the second place."""


class CurpInvalida(ValueError):
    """The text is not a CURP. The message never repeats it."""


@dataclass(frozen=True, slots=True)
class Curp:
    """Parts of a CURP. `nacimiento`: AAMMDD. `entidad`: letters of the state. `digito_correcto`: of the check digit."""

    letras: str
    nacimiento: str
    sexo: str
    entidad: str
    consonantes: str
    homonimia: str
    digito: str
    digito_correcto: bool

    @property
    def anio(self) -> int:
        """Year of birth: a digit of homonymy means 1999 or before, a letter 2000 or after."""
        return (1900 if self.homonimia.isdigit() else _PRIMER_ANIO_CON_LETRA) + int(self.nacimiento[:2])

    @property
    def fecha_posible(self) -> bool:
        """Whether the date of birth is one, in the century that the homonymy tells."""
        try:
            date(self.anio, int(self.nacimiento[2:4]), int(self.nacimiento[4:6]))
        except ValueError:
            return False
        return True


def digito_verificador(primeros: str) -> str:
    """Check digit of the first 17 characters. Raises CurpInvalida when one is outside the alphabet."""
    if len(primeros) != 17 or any(c not in _VALOR for c in primeros):
        raise CurpInvalida("se esperaban 17 caracteres del alfabeto")
    return str(-sum(_VALOR[c] * (18 - i) for i, c in enumerate(primeros)) % 10)


def leer_curp(texto: str) -> Curp:
    """Parts of a CURP; a wrong check digit is told, not raised. Raises CurpInvalida when the format is another."""
    match = PATRON.fullmatch(texto)
    if match is None:
        raise CurpInvalida("formato de CURP")
    letras, nacimiento, sexo, entidad, consonantes_, homonimia, digito = match.groups()
    return Curp(
        letras,
        nacimiento,
        sexo,
        entidad,
        consonantes_,
        homonimia,
        digito,
        digito_correcto=digito_verificador(texto[:17]) == digito,
    )


def es_curp(texto: str) -> bool:
    """Whether the text has the format of a CURP and its check digit is right."""
    try:
        return leer_curp(texto).digito_correcto
    except CurpInvalida:
        return False


def letras_iniciales(nombre: str, paterno: str | None, materno: str | None) -> str:
    """Characters 1-4, with an X in the second place where they would read as an offensive word."""
    first = palabra_principal(paterno)
    letras = (
        inicial(first)
        + vocal_interna(first)
        + inicial(palabra_principal(materno))
        + inicial(palabra_principal(nombre, omitir_comun=True))
    )
    return f"{letras[0]}X{letras[2:]}" if letras in PALABRAS_ALTISONANTES else letras


def consonantes(nombre: str, paterno: str | None, materno: str | None) -> str:
    """Characters 14-16: first internal consonants of both surnames and the given name."""
    words = palabra_principal(paterno), palabra_principal(materno), palabra_principal(nombre, omitir_comun=True)
    return "".join(map(consonante_interna, words))


def componer_curp(
    nombre: str,
    paterno: str | None,
    materno: str | None,
    nacimiento: date,
    sexo: str,
    entidad: str,
    homonimia: str | None = None,
) -> str:
    """A CURP. `entidad`: its letters. `homonimia`: by default 0, or A for who was born in 2000 or after.

    Raises CurpInvalida when the parts do not make one.
    """
    if homonimia is None:
        homonimia = "0" if nacimiento.year < _PRIMER_ANIO_CON_LETRA else "A"
    primeros = (
        f"{letras_iniciales(nombre, paterno, materno)}{nacimiento:%y%m%d}{sexo}{entidad}"
        f"{consonantes(nombre, paterno, materno)}{homonimia}"
    )
    curp = primeros + digito_verificador(primeros)
    if homonimia.isdigit() != (nacimiento.year < _PRIMER_ANIO_CON_LETRA):
        raise CurpInvalida("la homonimia no corresponde al siglo")
    leer_curp(curp)
    return curp
