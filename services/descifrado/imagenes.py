"""What an image says of itself before anything decodes it. Pure.

A few bytes can claim billions of pixels, make a decoder go over them thousands of times, or inflate to gigabytes behind a small
picture, so type, size, number of scans and length of the data are read from the bytes and bounded first. The type comes from the
content, never from what the device declared.
"""

import zlib
from dataclasses import dataclass

from kernel import images
from kernel.images import NotAnImage, Piece
from services.descifrado.domain import Ilegible, Motivo

MAX_PIXELES = 25_000_000
MAX_LADO = 12_000
MAX_BYTES = 4 * MAX_PIXELES
"""Of the pixels in memory, as the file has them: 8 bits of four channels each."""
MAX_PASADAS = 32
"""Scans of a progressive JPEG. Cameras and kits write ten or so; each is a pass over all pixels."""

_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # start of frame; the three are tables, reserved, arithmetic
_IDAT, _TRNS = (int.from_bytes(tipo, "big") for tipo in (b"IDAT", b"tRNS"))
_DE_UNA_VEZ = 256 * 1024
"""Bytes inflated at once: what they say is not kept."""
_CANALES_PNG = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Colour type → channels."""
_CON_ALFA = frozenset({4, 6})


@dataclass(frozen=True, slots=True)
class Dimensiones:
    """Media type, pixels, bytes of a pixel, and whether what is behind it may show through."""

    tipo_medio: str
    ancho: int
    alto: int
    bytes_por_pixel: float = 1.0
    transparente: bool = False


def dimensiones(contenido: bytes) -> Dimensiones:
    """Of a JPEG or PNG within the bounds. Raises Ilegible: `imagen_invalida`, `imagen_excesiva`."""
    try:
        if contenido.startswith(images.PNG):
            medidas = _png(contenido)
        elif contenido.startswith(images.JPEG):
            medidas = _jpeg(contenido)
        else:
            raise Ilegible(Motivo.IMAGEN_INVALIDA, "no es JPEG ni PNG")
    except NotAnImage as error:
        raise Ilegible(Motivo.IMAGEN_INVALIDA, "sus partes no encajan") from error
    if not medidas.ancho or not medidas.alto:
        raise Ilegible(Motivo.IMAGEN_INVALIDA, "sin dimensiones")
    pixeles = medidas.ancho * medidas.alto
    if max(medidas.ancho, medidas.alto) > MAX_LADO or pixeles > MAX_PIXELES:
        raise Ilegible(Motivo.IMAGEN_EXCESIVA, f"{medidas.ancho}×{medidas.alto}")
    if pixeles * medidas.bytes_por_pixel > MAX_BYTES:
        raise Ilegible(Motivo.IMAGEN_EXCESIVA, f"{medidas.ancho}×{medidas.alto} de {medidas.bytes_por_pixel:g} bytes")
    return medidas


def _png(contenido: bytes) -> Dimensiones:
    primero, *partes = images.png_pieces(contenido)
    cabecera = contenido[primero.body : primero.end - 4]
    if primero.code != int.from_bytes(b"IHDR", "big") or len(cabecera) != 13:
        raise NotAnImage("no IHDR")
    canales = _CANALES_PNG.get(cabecera[9], 4)
    medidas = Dimensiones(
        "image/png",
        int.from_bytes(cabecera[:4], "big"),
        int.from_bytes(cabecera[4:8], "big"),
        canales * cabecera[8] / 8,
        cabecera[9] in _CON_ALFA or any(parte.code == _TRNS for parte in partes),
    )
    # A row has a byte of its own; seven passes of an interlaced one have twice as many rows, and some bits to fill up.
    renglon = 2 + medidas.ancho * medidas.bytes_por_pixel
    maximo = min(MAX_BYTES, medidas.alto * renglon) * (1 if cabecera[12] == 0 else 2) + MAX_LADO
    _comprobar_largo(contenido, [p for p in partes if p.code == _IDAT], int(maximo))
    return medidas


def _comprobar_largo(contenido: bytes, partes: list[Piece], maximo: int) -> None:
    """A decoder reads compressed data to its end, however long: more than the pixels need is refused. Raises Ilegible."""
    inflado = zlib.decompressobj()
    largo = 0
    try:
        for parte in partes:
            pendiente = contenido[parte.body : parte.end - 4]
            while pendiente and not inflado.eof:
                largo += len(inflado.decompress(pendiente, _DE_UNA_VEZ))
                pendiente = inflado.unconsumed_tail
                if largo > maximo:
                    raise Ilegible(Motivo.IMAGEN_EXCESIVA, "más datos que pixeles")
    except zlib.error as error:
        raise NotAnImage("compressed data") from error


def _jpeg(contenido: bytes) -> Dimensiones:
    medidas: Dimensiones | None = None
    pasadas = 0
    for parte in images.jpeg_pieces(contenido):
        if parte.code in _SOF and parte.end - parte.body >= 6:
            if medidas is not None:
                raise NotAnImage("two frames")
            cuerpo = contenido[parte.body : parte.body + 6]
            medidas = Dimensiones(
                "image/jpeg",
                int.from_bytes(cuerpo[3:5], "big"),
                int.from_bytes(cuerpo[1:3], "big"),
                cuerpo[5] * (1 if cuerpo[0] == 8 else 2),
            )
        pasadas += parte.code == images.SOS
    if medidas is None or not pasadas:
        raise Ilegible(Motivo.IMAGEN_INVALIDA, "JPEG sin dimensiones")
    if pasadas > MAX_PASADAS:
        raise Ilegible(Motivo.IMAGEN_EXCESIVA, f"{pasadas} pasadas")
    return medidas
