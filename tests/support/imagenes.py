"""Images as nobody's camera writes them: written by hand, piece by piece."""

import io
import struct
import zlib
from collections.abc import Mapping
from functools import cache

import numpy as np
from PIL import Image

SECRETO = b"19.4326,-99.1332 <script>alert(1)</script>"
"""What must not reach a screen."""


def chunk(kind: bytes, content: bytes) -> bytes:
    """A PNG chunk."""
    return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")


def segmento(code: int, content: bytes) -> bytes:
    """A JPEG marker segment."""
    return bytes([0xFF, code]) + (len(content) + 2).to_bytes(2, "big") + content


def pixeles(ancho: int = 96, alto: int = 64) -> Image.Image:
    """Colour noise over a gradient: any pixel out of place shows."""
    grid = np.random.default_rng(7).integers(0, 60, (alto, ancho, 3), np.uint8)
    grid += np.linspace(0, 190, ancho, dtype=np.uint8)[None, :, None]
    return Image.fromarray(grid)


def jpeg(imagen: Image.Image | None = None, **opciones: object) -> bytes:
    """A JPEG of Pillow's."""
    out = io.BytesIO()
    (imagen or pixeles()).save(out, "JPEG", **opciones)
    return out.getvalue()


def png(imagen: Image.Image | None = None, **opciones: object) -> bytes:
    """A PNG of Pillow's."""
    out = io.BytesIO()
    (imagen or pixeles()).save(out, "PNG", **opciones)
    return out.getvalue()


def exif(orientacion: int = 1, orden: str = ">") -> bytes:
    """An EXIF block with an orientation, a text, and a place in a directory of its own."""
    texto = b"GPS " + SECRETO + b"\x00"
    entradas = [
        struct.pack(f"{orden}HHII", 0x010E, 2, len(texto), 100),
        struct.pack(f"{orden}HHIHH", 0x0112, 3, 1, orientacion, 0),
        struct.pack(f"{orden}HHII", 0x8825, 4, 1, 60),
    ]
    marca = {">": b"MM", "<": b"II"}[orden]
    tiff = marca + struct.pack(f"{orden}HIH", 42, 8, len(entradas)) + b"".join(entradas) + struct.pack(f"{orden}I", 0)
    return b"Exif\x00\x00" + tiff.ljust(100, b"\x00") + texto


def con_segmentos(base: bytes, *segmentos: bytes) -> bytes:
    """A JPEG with segments after its first one."""
    corte = 4 + int.from_bytes(base[4:6], "big")
    return base[:corte] + b"".join(segmentos) + base[corte:]


def con_chunks(base: bytes, *chunks: bytes) -> bytes:
    """A PNG with chunks after its IHDR."""
    return base[:33] + b"".join(chunks) + base[33:]


def png_crudo(ancho: int, alto: int, tipo: int, bits: int, datos: bytes, *, entrelazado: bool = False) -> bytes:
    """A PNG of that header, with those bytes as its compressed data."""
    cabecera = struct.pack(">IIBBBBB", ancho, alto, bits, tipo, 0, 0, int(entrelazado))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", cabecera) + chunk(b"IDAT", datos) + chunk(b"IEND", b"")


@cache
def ceros(cuantos: int) -> bytes:
    """That many zeros as zlib writes them, a deflated megabyte over and over: nobody deflates them all."""
    sin_marco = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    mega = sin_marco.compress(bytes(1 << 20)) + sin_marco.flush(zlib.Z_FULL_FLUSH)
    resto = sin_marco.compress(bytes(cuantos % (1 << 20))) + sin_marco.flush()
    suma = (cuantos % 65521) << 16 | 1  # Adler-32 of zeros
    return b"\x78\x9c" + mega * (cuantos >> 20) + resto + struct.pack(">I", suma)


def progresivo(ancho: int, alto: int, pasadas: int) -> bytes:
    """A progressive JPEG with more scans than it needs: its last one over and over."""
    base = jpeg(Image.new("RGB", (ancho, alto), (120, 90, 60)), progressive=True)
    ultima = base.rindex(b"\xff\xda")
    faltan = pasadas - base.count(b"\xff\xda")
    return base[:-2] + base[ultima:-2] * faltan + b"\xff\xd9"


def con_medidas(base: bytes, ancho: int, alto: int) -> bytes:
    """A JPEG whose frame says another size."""
    imagen = bytearray(base)
    sof = min(at for at in (imagen.find(b"\xff\xc0"), imagen.find(b"\xff\xc2")) if at >= 0)
    imagen[sof + 5 : sof + 9] = struct.pack(">HH", alto, ancho)
    return bytes(imagen)


def ajenas() -> Mapping[str, bytes]:
    """What is no JPEG nor PNG, whatever its name says."""
    gif, webp, tiff, bmp = (io.BytesIO() for _ in range(4))
    for out, formato in ((gif, "GIF"), (webp, "WEBP"), (tiff, "TIFF"), (bmp, "BMP")):
        pixeles().save(out, formato)
    return {
        "gif": gif.getvalue(),
        "webp": webp.getvalue(),
        "tiff": tiff.getvalue(),
        "bmp": bmp.getvalue(),
        "heic": b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(400),
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        "pdf": b"%PDF-1.7\n" + bytes(100),
        "zip": b"PK\x03\x04" + bytes(100),
        "html": b"<!doctype html><script>alert(1)</script>",
        "nada": b"",
        "un byte": b"\xff",
    }
