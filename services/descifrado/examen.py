"""The automatic examination of images: one function per alert, a measure each (SPEC 6). Alerts help the reviewer and never decide.

Every measure grows with what is wrong, and the alert is given when it reaches its threshold.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import structlog

from schemas.eventos import Alerta
from schemas.paquete import Parte
from services.descifrado import metrics
from services.descifrado.settings import Umbrales
from services.descifrado.vistas import Imagen, Vista

log = structlog.get_logger()


def uniforme(vista: Vista) -> float:
    """Share (0-1) of the picture within 12 levels of its median: a covered lens, a wall, a blank sheet.

    Fails on a card that fills little of a plain table, and on a pattern that is not a card.
    """
    gris = vista.chica
    mediana = int(np.median(gris))
    return float(np.mean(cv2.absdiff(gris, np.full_like(gris, mediana)) <= 12))


def oscura(vista: Vista) -> float:
    """How far (0-1) its brightest tenth is from white. Fails when a lamp or a window is in an otherwise dark picture."""
    return 1 - float(np.percentile(vista.chica, 90)) / 255


def borrosa(vista: Vista) -> float:
    """Share (0-1) of its edges that outlives another blur: what is sharp loses most of it, what is blurred little.

    Contrast does not move it. Fails when only a part is blurred, when grain hides a blur, and in the dark.
    """
    antes = _bordes(vista.gris)
    return _bordes(np.asarray(cv2.GaussianBlur(vista.gris, (7, 7), 1.5), dtype=np.uint8)) / antes if antes else 0.0


def sin_rostro(vista: Vista) -> float:
    """1 when no frontal face is found, else 0. Fails on profiles, and on faces covered or very dark."""
    return float(vista.rostros == 0)


def varios_rostros(vista: Vista) -> float:
    """How many frontal faces are found. Fails on a portrait on the wall, and on patterns that look like a face."""
    return float(vista.rostros)


def sin_tinta(vista: Vista) -> float:
    """Share (0-1) of the box that carries no ink. Fails on a smudge, on ruled paper, and on ink as pale as its paper."""
    return 1 - float(np.mean(_tinta(vista.gris)))


def _bordes(gris: Imagen) -> float:
    """Spread of the second derivative, in levels."""
    return float(cv2.meanStdDev(cv2.Laplacian(gris, cv2.CV_16S))[1][0, 0])


def _tinta(gris: Imagen) -> Imagen:
    """1 where it is much darker than its paper, else 0."""
    papel = float(np.percentile(gris, 75))
    return np.asarray(gris < papel - 60, dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class Criterio:
    """One alert: the inciso that it serves (SPEC 7), the parts that it looks at, and what it measures."""

    inciso: str
    partes: frozenset[Parte]
    medir: Callable[[Vista], float]


_LADOS = frozenset({Parte.ANVERSO, Parte.REVERSO})
_FOTO = frozenset({Parte.FOTO})
_FIRMA = frozenset({Parte.FIRMA})

CRITERIOS: dict[str, Criterio] = {
    "imagen_uniforme": Criterio("f", _LADOS | _FOTO, uniforme),
    "imagen_oscura": Criterio("f", _LADOS | _FOTO, oscura),
    "imagen_borrosa": Criterio("f", _LADOS | _FOTO, borrosa),
    "sin_rostro": Criterio("h", _FOTO, sin_rostro),
    "varios_rostros": Criterio("h", _FOTO, varios_rostros),
    "firma_en_blanco": Criterio("m", _FIRMA, sin_tinta),
}
"""By code. The codes are the fields of `Umbrales`."""


class Examen:
    """Gives the alerts of a record's images, by the thresholds in force. It never raises: a measure that fails gives no alert."""

    def __init__(self, umbrales: Umbrales) -> None:
        self._activos = [
            (codigo, criterio, umbral)
            for codigo, criterio in CRITERIOS.items()
            if (umbral := getattr(umbrales, codigo)) is not None
        ]

    def __call__(self, vistas: Mapping[Parte, Vista]) -> list[Alerta]:
        """In the order of the images, then of `CRITERIOS`."""
        return [
            Alerta(codigo=codigo, inciso=c.inciso, parte=parte, medida=medida, umbral=umbral, severidad="alerta")
            for parte, vista in vistas.items()
            for codigo, c, umbral in self._activos
            if parte in c.partes and (medida := _medida(codigo, c, parte, vista)) is not None and medida >= umbral
        ]


def _medida(codigo: str, criterio: Criterio, parte: Parte, vista: Vista) -> float | None:
    """To four decimals, or None when it fails: the record goes on without it."""
    try:
        return round(criterio.medir(vista), 4)
    except Exception:
        metrics.FAILED_MEASURES.labels(codigo).inc()
        log.exception("measure_failed", alert=codigo, part=parte)
        return None
