"""Machine readable zone of the back of models D to H: three lines of 30 characters, `<` as filler.

    1  IDMEX, CIC (9), check, <<, OCR (13)
    2  birth AAMMDD, check, sex (H, M or X), expiry AAMMDD, check, MEX, <, emission (2), <<, 5 digits, <, composite check
    3  PATERNO<MATERNO<<NOMBRE<NOMBRE, Ñ as N, cut at 30

A check digit catches any digit taken for another; of letters, not those whose values are equal modulo ten. What the
composite covers is not confirmed, so its failure is only a warning (see `credencial.cruces`).
"""

import re
from dataclasses import dataclass
from itertools import cycle
from operator import mul

from credencial.nombres import normalizar

LARGO = 30
_LINEA_1 = re.compile(r"IDMEX([0-9]{9})([0-9])<<([0-9]{13})", re.ASCII)
_LINEA_2 = re.compile(r"([0-9]{6})([0-9])([HMX])([0-9]{6})([0-9])MEX<([0-9]{2})<<([0-9]{5})<([0-9])", re.ASCII)
_LINEA_3 = re.compile(r"[A-Z][A-Z<]{29}")
_VALOR = {c: i for i, c in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")} | {"<": 0}
_PESOS = (7, 3, 1)


class MrzInvalida(ValueError):
    """The text is not an MRZ of a voter card. `linea`: 1 to 3, or 0 when there are not three lines of 30."""

    def __init__(self, linea: int) -> None:
        super().__init__(f"línea {linea} de la MRZ" if linea else "la MRZ no tiene tres líneas de 30")
        self.linea = linea


@dataclass(frozen=True, slots=True)
class Mrz:
    """What an MRZ says. Dates are AAMMDD; `nombres_linea` is the third line as it stands.

    `digitos_incorrectos`: check digits that fail, of `cic`, `nacimiento`, `vencimiento`, `compuesto`.
    """

    cic: str
    ocr: str
    nacimiento: str
    sexo: str
    vencimiento: str
    numero_emision: str
    consecutivo: str
    nombres_linea: str
    digitos_incorrectos: tuple[str, ...] = ()


def digito(texto: str) -> str:
    """Check digit: weights 7, 3, 1 repeating, modulo 10. Raises KeyError outside `0-9A-Z<`."""
    return str(sum(map(mul, map(_VALOR.__getitem__, texto), cycle(_PESOS))) % 10)


def linea_de_nombres(nombre: str, paterno: str | None, materno: str | None) -> str:
    """The third line."""
    apellidos = "<".join(_letras(p) for p in (paterno, materno) if p)
    return f"{apellidos}<<{_letras(nombre)}"[:LARGO].ljust(LARGO, "<")


def componer_mrz(
    *,
    cic: str,
    ocr: str,
    nacimiento: str,
    sexo: str,
    vencimiento: str,
    numero_emision: str,
    consecutivo: str,
    nombre: str,
    paterno: str | None,
    materno: str | None,
) -> tuple[str, str, str]:
    """The three lines. Dates are AAMMDD. Raises MrzInvalida when a part has another length or alphabet."""
    first = f"IDMEX{cic}{digito(cic)}<<{ocr}"
    second = (
        f"{nacimiento}{digito(nacimiento)}{sexo}{vencimiento}{digito(vencimiento)}MEX<{numero_emision}<<{consecutivo}<"
    )
    lines = first, second + _compuesto(first, second), linea_de_nombres(nombre, paterno, materno)
    _estructura(lines)
    return lines


def leer_mrz(texto: str) -> Mrz:
    """Read three lines (with line breaks, or 90 characters on end). Raises MrzInvalida when the layout is another.

    A wrong check digit is told in `digitos_incorrectos`, not raised.
    """
    plain = "".join(texto.split())
    if len(plain) != 3 * LARGO:
        raise MrzInvalida(0)
    lines = plain[:LARGO], plain[LARGO : 2 * LARGO], plain[2 * LARGO :]
    first, second = _estructura(lines)
    cic, cic_digit, ocr = first.groups()
    birth, birth_digit, sexo, expiry, expiry_digit, emission, consecutivo, composite = second.groups()
    checks = {
        "cic": digito(cic) == cic_digit,
        "nacimiento": digito(birth) == birth_digit,
        "vencimiento": digito(expiry) == expiry_digit,
        "compuesto": _compuesto(lines[0], lines[1]) == composite,
    }
    return Mrz(
        cic=cic,
        ocr=ocr,
        nacimiento=birth,
        sexo=sexo,
        vencimiento=expiry,
        numero_emision=emission,
        consecutivo=consecutivo,
        nombres_linea=lines[2],
        digitos_incorrectos=tuple(name for name, right in checks.items() if not right),
    )


def _estructura(lines: tuple[str, str, str]) -> tuple[re.Match[str], re.Match[str]]:
    """The first two lines matched; raises MrzInvalida for the first line that is not as it should be."""
    first, second = _LINEA_1.fullmatch(lines[0]), _LINEA_2.fullmatch(lines[1])
    if first is None:
        raise MrzInvalida(1)
    if second is None:
        raise MrzInvalida(2)
    if _LINEA_3.fullmatch(lines[2]) is None:
        raise MrzInvalida(3)
    return first, second


def _compuesto(first: str, second: str) -> str:
    return digito(first[5:30] + second[0:7] + second[8:15] + second[18:29])


def _letras(texto: str) -> str:
    """Letters of a name, words joined by the filler."""
    return "<".join(re.sub(r"[^A-Z ]", "", normalizar(texto).replace("Ñ", "N").replace("-", " ")).split())
