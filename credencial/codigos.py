"""CIC, OCR and the services QR of the card."""

import re
from dataclasses import dataclass

_CIC = re.compile(r"[0-9]{9}", re.ASCII)
_OCR = re.compile(r"([0-9]{4})([0-9]{9})", re.ASCII)
_QR = re.compile(
    r"https://qr\.ine\.mx/(?P<ocr>[0-9]{13})(?P<emision>[0-9]{2})(?P<cic>[0-9]{9})/(?P<fecha>[0-9]{8})/(?P<letra>[A-Z])/(?P<numero>[0-9]{6})",
    re.ASCII,
)
_DIGITOS_SUELTOS = re.compile(r"(?<![0-9])(?:[0-9]{13}|[0-9]{9})(?![0-9])", re.ASCII)


class CodigoInvalido(ValueError):
    """The text is not the code it should be. The message never repeats it."""


@dataclass(frozen=True, slots=True)
class Ocr:
    """The 13 digits called OCR: sección (4) and identificador del ciudadano (9)."""

    seccion: str
    identificador: str


@dataclass(frozen=True, slots=True)
class QrServicios:
    """The long form of the services QR. `numero_emision` is probable, not confirmed; `fecha` is AAAAMMDD."""

    ocr: str
    numero_emision: str
    cic: str
    fecha: str
    letra: str
    numero: str


def es_cic(texto: str) -> bool:
    """Whether the text is a CIC: 9 digits, leading zeros included."""
    return _CIC.fullmatch(texto) is not None


def leer_ocr(texto: str) -> Ocr:
    """Parts of an OCR. Raises CodigoInvalido when it is not 13 digits."""
    match = _OCR.fullmatch(texto)
    if match is None:
        raise CodigoInvalido("se esperaban 13 dígitos")
    return Ocr(*match.groups())


def componer_ocr(seccion: str, identificador: str) -> str:
    """An OCR from its parts. Raises CodigoInvalido when they do not make one."""
    leer_ocr(seccion + identificador)
    return seccion + identificador


def componer_qr(ocr: str, numero_emision: str, cic: str, fecha: str, letra: str, numero: str) -> str:
    """URL of the services QR, long form. Raises CodigoInvalido when the parts do not make one."""
    url = f"https://qr.ine.mx/{ocr}{numero_emision}{cic}/{fecha}/{letra}/{numero}"
    if leer_qr(url) is None:
        raise CodigoInvalido("las partes no componen el QR de servicios")
    return url


def leer_qr(texto: str) -> QrServicios | None:
    """What the long form says; None for the short and generic forms and for any other text, which say nothing."""
    match = _QR.fullmatch(texto.strip())
    if match is None:
        return None
    return QrServicios(match["ocr"], match["emision"], match["cic"], match["fecha"], match["letra"], match["numero"])


def identificadores_en(texto: str) -> tuple[frozenset[str], frozenset[str]]:
    """CIC (9 digits) and OCR (13 digits) that stand alone in a barcode's text. What it carries is not confirmed."""
    found = _DIGITOS_SUELTOS.findall(texto)
    return frozenset(t for t in found if len(t) == 9), frozenset(t for t in found if len(t) == 13)
