"""Emblems: what they are by their content, drawn anew so that nothing else travels in them, within bounds (P 6.1 E, D 1.2)."""

import io
import warnings
from collections.abc import Collection
from typing import Literal

from PIL import Image, ImageOps

from services.portal.domain.solicitudes import MAXIMO_EMBLEMA

TipoMedio = Literal["image/png", "image/jpeg"]
NOMBRE: dict[TipoMedio, str] = {"image/png": "PNG", "image/jpeg": "JPG"}
_POR_FORMATO: dict[str, TipoMedio] = {"PNG": "image/png", "JPEG": "image/jpeg"}
MAXIMO_LADO = 4000
"""Pixels of a side: some 64 MB in memory while it is drawn."""
_CALIDADES = (92, 85, 75, 60)


class EmblemaInvalido(Exception):
    """Not an emblem; the message says in Spanish what to do."""


def preparar(contenido: bytes, tipos: Collection[str]) -> tuple[bytes, TipoMedio]:
    """The emblem drawn anew, without metadata, and what it is. `tipos`: what the profile takes.

    Bounds are looked at before a single pixel is decoded. Raises EmblemaInvalido.
    """
    if len(contenido) > MAXIMO_EMBLEMA:
        raise EmblemaInvalido(f"Pesa {len(contenido) // 1024 + 1} KB y el máximo es 500 KB: reduzca la imagen.")
    formatos = [formato for formato, tipo in _POR_FORMATO.items() if tipo in tipos]
    nombres = " o ".join(NOMBRE[_POR_FORMATO[formato]] for formato in formatos)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            imagen = Image.open(io.BytesIO(contenido), formats=list(_POR_FORMATO))
            tipo = _POR_FORMATO[imagen.format or ""]
            if tipo not in tipos:
                raise EmblemaInvalido(f"Es una imagen {NOMBRE[tipo]} y debe ser {nombres}.")
            if max(imagen.size) > MAXIMO_LADO:
                raise EmblemaInvalido(
                    f"Mide {imagen.width} × {imagen.height} y el máximo por lado es {MAXIMO_LADO} puntos."
                )
            if getattr(imagen, "n_frames", 1) > 1:
                raise EmblemaInvalido("Tiene movimiento: elija una imagen fija.")
            imagen.load()
            dibujada = ImageOps.exif_transpose(imagen)
    except EmblemaInvalido:
        raise
    except Exception as error:
        # Pillow tells of broken images in many ways; none is a failure of ours.
        raise EmblemaInvalido(
            f"No es una imagen {nombres} que se pueda abrir: por su contenido, no por su nombre."
        ) from error
    return _guardar(dibujada, tipo), tipo


def _guardar(imagen: Image.Image, tipo: TipoMedio) -> bytes:
    if tipo == "image/png":
        limpia = imagen.convert("RGBA" if "A" in imagen.getbands() or "transparency" in imagen.info else "RGB")
        opciones: list[dict[str, object]] = [{"optimize": True}]
    else:
        limpia = imagen.convert("RGB")
        opciones = [{"quality": calidad, "optimize": True} for calidad in _CALIDADES]
    limpia.info = {}
    candidatas = [limpia]
    if tipo == "image/png":
        candidatas.append(limpia.quantize(256))
    for candidata in candidatas:
        for opcion in opciones:
            salida = io.BytesIO()
            candidata.save(salida, "PNG" if tipo == "image/png" else "JPEG", **opcion)
            if salida.tell() <= MAXIMO_EMBLEMA:
                return salida.getvalue()
    raise EmblemaInvalido("Dibujada de nuevo pesa más de 500 KB: reduzca sus medidas.")
