"""What an image says of itself before anything decodes it. Pure.

A few bytes can claim billions of pixels, so type and size are read from the header and bounded first. The type comes from the
content, never from what the device declared.
"""

from dataclasses import dataclass

from services.descifrado.domain import Ilegible, Motivo

MAX_PIXELES = 25_000_000
MAX_LADO = 12_000
_MAX_SEGMENTOS = 1000

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # start of frame; the three are tables, reserved, arithmetic
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD8)})


@dataclass(frozen=True, slots=True)
class Dimensiones:
    """Media type and pixels."""

    tipo_medio: str
    ancho: int
    alto: int


def dimensiones(contenido: bytes) -> Dimensiones:
    """Of a JPEG or PNG within the bounds. Raises Ilegible: `imagen_invalida`, `imagen_excesiva`."""
    if contenido.startswith(_PNG) and contenido[12:16] == b"IHDR" and len(contenido) >= 24:
        medidas = Dimensiones(
            "image/png", int.from_bytes(contenido[16:20], "big"), int.from_bytes(contenido[20:24], "big")
        )
    elif contenido.startswith(_JPEG):
        medidas = _jpeg(contenido)
    else:
        raise Ilegible(Motivo.IMAGEN_INVALIDA, "no es JPEG ni PNG")
    if not medidas.ancho or not medidas.alto:
        raise Ilegible(Motivo.IMAGEN_INVALIDA, "sin dimensiones")
    if max(medidas.ancho, medidas.alto) > MAX_LADO or medidas.ancho * medidas.alto > MAX_PIXELES:
        raise Ilegible(Motivo.IMAGEN_EXCESIVA, f"{medidas.ancho}×{medidas.alto}")
    return medidas


def _jpeg(contenido: bytes) -> Dimensiones:
    at = 2
    for _ in range(_MAX_SEGMENTOS):
        marker = contenido[at + 1 : at + 2]
        if contenido[at : at + 1] != b"\xff" or not marker:
            break
        code = marker[0]
        if code == 0xFF:  # filler
            at += 1
            continue
        if code in _WITHOUT_LENGTH:
            at += 2
            continue
        if code in _SOF and len(contenido) >= at + 9:
            return Dimensiones(
                "image/jpeg",
                int.from_bytes(contenido[at + 7 : at + 9], "big"),
                int.from_bytes(contenido[at + 5 : at + 7], "big"),
            )
        length = int.from_bytes(contenido[at + 2 : at + 4], "big")
        if code == 0xDA or length < 2:
            break
        at += 2 + length
    raise Ilegible(Motivo.IMAGEN_INVALIDA, "JPEG sin dimensiones")
