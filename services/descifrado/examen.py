"""The automatic examination of images: one function per alert, a measure each (SPEC 6). Alerts help the reviewer and never decide.

Every measure grows with what is wrong, and the alert is given when it reaches its threshold.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import cv2
import numpy as np
import structlog

from schemas.eventos import Alerta
from schemas.paquete import Parte
from services.descifrado import metrics
from services.descifrado.settings import Umbrales
from services.descifrado.vistas import Imagen, Vista

log = structlog.get_logger()

T = TypeVar("T")

# ---- any image


def uniforme(vista: Vista) -> float:
    """Share (0-1) of the picture within 12 levels of its median: a covered lens, a wall, a blank sheet.

    Fails on a card that fills little of a plain table, and on a pattern that is not a card.
    """
    mediana = vista.tono(0.5)
    por_debajo = vista.tonos[mediana - 13] if mediana > 12 else 0.0
    return float(vista.tonos[min(255, mediana + 12)] - por_debajo)


def oscura(vista: Vista) -> float:
    """How far (0-1) its brightest tenth is from white. Fails when a lamp or a window is in an otherwise dark picture."""
    return 1 - vista.tono(0.9) / 255


def borrosa(vista: Vista) -> float:
    """Share (0-1) of the edges in its middle that outlives another blur: what is sharp loses most of it, what is blurred little.

    Contrast does not move it. Fails when only a part is blurred, when grain hides a blur, and in the dark.
    """
    alto, ancho = vista.gris.shape
    medio = vista.gris[alto // 4 : alto - alto // 4, ancho // 4 : ancho - ancho // 4]
    antes = _bordes(medio)
    return _bordes(np.asarray(cv2.blur(medio, (7, 7)), dtype=np.uint8)) / antes if antes else 0.0


# ---- sides of the card


def sin_codigos(vista: Vista) -> float:
    """1 when no QR, PDF417 or barcode is read on the back, else 0: every model carries at least one (REGISTRAL.md).

    Fails on worn or glossy codes, on what is too far or turned, and on other things with a code.
    """
    return float(not vista.qr and not vista.barras)


def lados_iguales(vista: Vista, anverso: Vista) -> float:
    """Likeness (-1 to 1) of back and front, wherever the card lies: two pictures of one side. Fails when one is turned or blank."""
    uno, otro = (np.asarray(cv2.cvtColor(v.miniatura, cv2.COLOR_BGR2GRAY), dtype=np.uint8) for v in (anverso, vista))
    if np.ptp(uno) < _SIN_DIBUJO or np.ptp(otro) < _SIN_DIBUJO:
        return 0.0
    return float(cv2.matchTemplate(uno, otro[7:43, 10:70], cv2.TM_CCOEFF_NORMED).max())


def pantalla(vista: Vista) -> float:
    """Strength, in levels, of fine stripes of colour in its middle: what the grid of a screen leaves in a photograph of it (moiré).

    Fails on a screen so fine or so blurred that no stripe is left, and on clothes or tables with fine coloured stripes.
    """
    alto, ancho = vista.color.shape[:2]
    medio = vista.color[alto // 4 : alto - alto // 4, ancho // 4 : ancho - ancho // 4]
    azul, rojo = cv2.extractChannel(medio, 0), cv2.extractChannel(medio, 2)
    de_azul, de_rojo = (_CLARO / max(1.0, cv2.mean(canal)[0]) for canal in (azul, rojo))
    tinte = cv2.addWeighted(azul, de_azul, rojo, -de_rojo, 128)  # about the middle of 8 bits: half of what 16 cost
    return float(cv2.norm(cv2.blur(tinte, (3, 3)), cv2.blur(tinte, (9, 9)), cv2.NORM_L1) / max(1, tinte.size))


def sin_color(vista: Vista) -> float:
    """1 less the spread of tint in its middle, whatever the lamp: the mean tint is taken for white, and grain is averaged away.

    Fails on a copy on paper of several colours, and on a card with little colour of its own (model C).
    """
    medio = vista.miniatura[8:42, 13:67].astype(np.float32)
    azul, verde, rojo = cv2.split(medio * np.float32(_CLARO / np.maximum(cv2.mean(medio)[:3], 1)))
    luz = (azul + verde + rojo) / 3 + 20
    return 1 - float(np.hypot(np.std((azul - rojo) / luz), np.std((verde - rojo) / luz)))


def papel_alrededor(vista: Vista) -> float:
    """Share (0-1) of the picture's edge that is white: the sheet of a copy. Fails on a card that lies on a white table."""
    orilla = np.ones(vista.miniatura.shape[:2], np.bool_)
    orilla[3:-3, 4:-4] = False
    return float(np.mean(vista.miniatura[orilla].min(axis=1) >= _BLANCO))


# ---- live photo


def sin_rostro(vista: Vista) -> float:
    """1 when no frontal face is found, else 0. Fails on profiles, and on faces covered or very dark."""
    return float(not vista.rostros)


def varios_rostros(vista: Vista) -> float:
    """How many frontal faces are found. Fails on a portrait on the wall, and on patterns that look like a face."""
    return float(len(vista.rostros))


def rostro_chico(vista: Vista) -> float:
    """Share (0-1) of the picture's width that its only face leaves free: it was taken of a portrait on a card, or from afar.

    Measures 0 without one single face; fails on a portrait taken close by, and on who steps back (alert without cause).
    """
    if len(vista.rostros) != 1:
        return 0.0
    return float(1 - vista.rostros[0][2] / vista.chica.shape[1])


def lentes_oscuros(vista: Vista) -> float:
    """How much darker (0-1) the eyes are than the nose. Measures 0 without one single face; fails on eyes in deep shade."""
    if vista.cara is None:
        return 0.0
    luz = vista.cara[:, :, 0]
    ojos = np.median(np.hstack((luz[20:32, 10:28], luz[20:32, 36:54])))
    return max(0.0, 1 - float(ojos / max(1.0, np.median(luz[34:44, 26:38]))))


def cubrebocas(vista: Vista) -> float:
    """Share (0-1) of the nose without the warm tint of skin: a mask. Measures 0 without one single face.

    Fails on cloth with the tint of skin, under cold light, and on photos without colour.
    """
    return _sin_piel(vista, slice(36, 48), slice(22, 42))


def frente_cubierta(vista: Vista) -> float:
    """Share (0-1) of the forehead without the warm tint of skin: a cap. Fails on hair over the forehead, and as `cubrebocas`."""
    return _sin_piel(vista, slice(3, 13), slice(18, 46))


# ---- signature


def sin_tinta(vista: Vista) -> float:
    """Share (0-1) of the box that carries no ink. Fails on a smudge, on ruled paper, and on ink as pale as its paper."""
    return 1 - float(np.mean(_tinta(vista)))


def trazo_simple(vista: Vista) -> float:
    """Size of the mark against the length of its stroke (0-1): 1 for a line or a dot, a half for a cross, less for a signature.

    Fails on a signature of one flat stroke (alert without cause) and on a symbol of many strokes (no alert). A blot measures 0.
    """
    tinta = _tinta(vista)
    if np.mean(tinta) > _BORRON:
        return 0.0
    contornos, _ = cv2.findContours(tinta, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    trazos = [contorno for contorno in contornos if len(contorno) > _MOTA]
    if not trazos:
        return 0.0
    _, _, ancho, alto = cv2.boundingRect(np.vstack(trazos))
    largo = sum(cv2.arcLength(trazo, True) for trazo in trazos) / 2
    return float(min(1.0, np.hypot(ancho, alto) / largo))


_SIN_DIBUJO = 24
"""Levels from the darkest to the brightest, below which there is nothing to compare."""
_BLANCO = 205
_CLARO = 160
_PIEL = 10
"""Levels of red and yellow over neutral, together, from which a tint is that of skin."""
_BORRON, _MOTA = 0.25, 8
"""Share of ink of what is no stroke; points of the outline of a speck."""


def _bordes(gris: Imagen) -> float:
    """Spread of the second derivative, in levels."""
    return float(cv2.meanStdDev(cv2.Laplacian(gris, cv2.CV_16S))[1][0, 0])


def _sin_piel(vista: Vista, filas: slice, columnas: slice) -> float:
    if vista.cara is None:
        return 0.0
    return float(np.mean(vista.cara[filas, columnas, 1:].sum(axis=2) - 256 < _PIEL))


def _tinta(vista: Vista) -> Imagen:
    """1 where it is much darker than its paper, else 0."""
    return np.asarray(vista.gris.astype(np.int16) < vista.tono(0.75) - 60, dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class Criterio:
    """One alert: the inciso that it serves (SPEC 7), the parts that it looks at, and what it measures.

    `medir` takes the view of the part and that of `junto_a`, when there is one; without that view nothing is measured.
    """

    inciso: str
    partes: frozenset[Parte]
    medir: Callable[..., float]
    junto_a: Parte | None = None


_LADOS = frozenset({Parte.ANVERSO, Parte.REVERSO})
_REVERSO = frozenset({Parte.REVERSO})
_FOTO = frozenset({Parte.FOTO})
_FIRMA = frozenset({Parte.FIRMA})

CRITERIOS: dict[str, Criterio] = {
    "imagen_uniforme": Criterio("f", _LADOS | _FOTO, uniforme),
    "imagen_oscura": Criterio("f", _LADOS | _FOTO, oscura),
    "imagen_borrosa": Criterio("f", _LADOS | _FOTO, borrosa),
    "reverso_sin_codigos": Criterio("a", _REVERSO, sin_codigos),
    "lados_iguales": Criterio("b", _REVERSO, lados_iguales, Parte.ANVERSO),
    "pantalla": Criterio("d", _LADOS, pantalla),
    "copia_blanco_y_negro": Criterio("e", _LADOS, sin_color),
    "copia_en_papel": Criterio("e", _LADOS, papel_alrededor),
    "sin_rostro": Criterio("h", _FOTO, sin_rostro),
    "varios_rostros": Criterio("h", _FOTO, varios_rostros),
    "rostro_chico": Criterio("h", _FOTO, rostro_chico),
    "cubrebocas": Criterio("i", _FOTO, cubrebocas),
    "lentes_oscuros": Criterio("i", _FOTO, lentes_oscuros),
    "frente_cubierta": Criterio("i", _FOTO, frente_cubierta),
    "firma_en_blanco": Criterio("m", _FIRMA, sin_tinta),
    "firma_simbolo": Criterio("j", _FIRMA, trazo_simple),
}
"""By code. The codes are the fields of `Umbrales`."""


class Examen:
    """Gives the alerts of a record's images, by the thresholds in force. It never raises: a measure that fails gives no alert."""

    def __init__(self, umbrales: Umbrales) -> None:
        self._activos = {c: u for c in CRITERIOS if (u := getattr(umbrales, c)) is not None}

    def __call__(self, vistas: Mapping[Parte, Vista]) -> list[Alerta]:
        """In the order of the images, then of `CRITERIOS`."""
        return [
            Alerta(
                codigo=codigo,
                inciso=CRITERIOS[codigo].inciso,
                parte=parte,
                medida=medida,
                umbral=umbral,
                severidad="alerta",
            )
            for parte in vistas
            for codigo, umbral in self._activos.items()
            if (medida := sin_fallar(codigo, parte, partial(medir, codigo, parte, vistas))) is not None
            and medida >= umbral
        ]


def medir(codigo: str, parte: Parte, vistas: Mapping[Parte, Vista]) -> float | None:
    """A measure of an image, to four decimals; None when the criterion does not look at it."""
    criterio = CRITERIOS[codigo]
    if parte not in criterio.partes:
        return None
    if criterio.junto_a is None:
        return round(criterio.medir(vistas[parte]), 4)
    if criterio.junto_a not in vistas:
        return None
    return round(criterio.medir(vistas[parte], vistas[criterio.junto_a]), 4)


def sin_fallar(codigo: str, parte: Parte, mirar: Callable[[], T]) -> T | None:
    """What is seen; None when looking fails: that is logged and counted, and the record goes on without it."""
    try:
        return mirar()
    except Exception:
        metrics.FAILED_MEASURES.labels(codigo).inc()
        log.exception("measure_failed", alert=codigo, part=parte)
        return None
