"""Signatures: a seeded scrawl, a name written by hand, a symbol, or nothing. In ink (255) on an empty layer (0)."""

from enum import StrEnum

import cv2
import numpy as np
import numpy.typing as npt

from dispositivo.poblacion.dibujo.lienzo import Imagen, mascara
from dispositivo.poblacion.personas import Persona, TipoFirma

ANCHO, ALTO = 800, 300
_SHIFT = 4


class Simbolo(StrEnum):
    """Marks that are no signature (P 13.7 j)."""

    PUNTO = "punto"
    LINEA = "linea"
    CRUZ = "cruz"
    EQUIS = "equis"


def firma_de(persona: Persona, rng: np.random.Generator | None = None) -> Imagen:
    """How the person signs, 300 x 800. `rng`: of the small differences between two times; None for the one on the card."""
    match persona.tipo_firma:
        case TipoFirma.RUBRICA:
            return rubrica(persona.semilla, rng)
        case TipoFirma.NOMBRE:
            return nombre_a_mano(f"{persona.nombre.split()[0]} {persona.paterno}", persona.semilla, rng)
        case TipoFirma.SIMBOLO:
            return simbolo(Simbolo.EQUIS)
        case TipoFirma.SIN_FIRMA:
            return np.zeros((ALTO, ANCHO), np.uint8)


def rubrica(semilla: int, rng: np.random.Generator | None = None) -> Imagen:
    """A scrawl: letters-like loops from left to right, and a flourish under them."""
    own = np.random.default_rng([semilla, 2])
    count = int(own.integers(7, 12))
    xs = np.linspace(90, 640, count) + own.normal(0, 26, count)
    ys = 140 + own.choice((-1, 1), count) * own.uniform(20, 85, count)
    ys[0] = own.uniform(40, 90)
    loops = own.uniform(30, 95, (count, 2)) * own.choice((-1, 1), (count, 2))
    flourish = own.uniform(-1, 1, 6)
    thick = int(own.integers(4, 8))
    if rng is not None:
        xs, ys, loops = (v + rng.normal(0, 4, v.shape) for v in (xs, ys, loops))
    ink = np.zeros((ALTO, ANCHO), np.uint8)
    anchors = np.stack((xs, ys), axis=1)
    _trazo(ink, _suave(anchors, loops), thick)
    tail = np.array(
        (anchors[-1], (700, 190 + 50 * flourish[0]), (150 + 80 * flourish[1], 225 + 30 * flourish[2]), (690, 245))
    )
    _trazo(ink, _suave(tail, np.array(((60, 30), (-90, 40), (-60, 20), (80, -20))) * (1 + 0.4 * flourish[3])), thick)
    return ink


def nombre_a_mano(text: str, semilla: int, rng: np.random.Generator | None = None) -> Imagen:
    """A name in slanted, uneven letters."""
    own = np.random.default_rng([semilla, 3])
    jitter = own if rng is None else rng
    size = 84
    word = text.title()
    offsets = own.normal(0, 5, len(word)) + (0 if rng is None else jitter.normal(0, 2, len(word)))
    letters = [mascara(c, size) for c in word]
    line = np.zeros((letters[0].shape[0] + 60, sum(m.shape[1] for m in letters) + 10), np.uint8)
    x = 0
    for mask, offset in zip(letters, offsets, strict=True):
        y = 30 + round(float(np.clip(offset, -28, 28)))
        line[y : y + mask.shape[0], x : x + mask.shape[1]] |= mask
        x += mask.shape[1]
    slant = float(own.uniform(0.18, 0.4))
    scale = min(680 / line.shape[1], 1.3)
    matrix = np.array(((scale, -slant * scale, 60 + slant * 80), (-0.03, scale, 70)), dtype=np.float64)
    return np.asarray(cv2.warpAffine(line, matrix, (ANCHO, ALTO)), dtype=np.uint8)


def simbolo(kind: Simbolo) -> Imagen:
    """A mark in the middle."""
    ink = np.zeros((ALTO, ANCHO), np.uint8)
    match kind:
        case Simbolo.PUNTO:
            cv2.circle(ink, (410, 160), 7, 255, -1, cv2.LINE_AA)
        case Simbolo.LINEA:
            cv2.line(ink, (220, 175), (590, 150), 255, 6, cv2.LINE_AA)
        case Simbolo.CRUZ:
            cv2.line(ink, (400, 70), (405, 240), 255, 6, cv2.LINE_AA)
            cv2.line(ink, (310, 150), (500, 156), 255, 6, cv2.LINE_AA)
        case Simbolo.EQUIS:
            cv2.line(ink, (320, 70), (480, 235), 255, 6, cv2.LINE_AA)
            cv2.line(ink, (486, 78), (316, 230), 255, 6, cv2.LINE_AA)
    return ink


def _suave(anchors: npt.NDArray[np.float64], handles: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Points of the cubic Bezier curves through `anchors` (n x 2), each with its handle (n x 2)."""
    t = np.linspace(0, 1, 24)[:, None, None]
    p0, p3 = anchors[:-1], anchors[1:]
    p1, p2 = p0 + handles[:-1], p3 - handles[1:]
    curve = (1 - t) ** 3 * p0 + 3 * (1 - t) ** 2 * t * p1 + 3 * (1 - t) * t**2 * p2 + t**3 * p3
    points: npt.NDArray[np.float64] = np.swapaxes(curve, 0, 1).reshape(-1, 2)
    return points


def _trazo(ink: Imagen, points: npt.NDArray[np.float64], thick: int) -> None:
    inside = np.clip(points, (20, 20), (ANCHO - 20, ALTO - 20))
    fixed = np.round(inside * (1 << _SHIFT)).astype(np.int32)
    cv2.polylines(ink, [fixed], False, 255, thick, cv2.LINE_AA, _SHIFT)


def tachada(ink: Imagen, rng: np.random.Generator) -> Imagen:
    """A signature under heavy strokes: nobody can tell what it says."""
    xs = np.linspace(80, 720, 46)
    ys = 150 + np.where(np.arange(46) % 2, 1, -1) * rng.uniform(60, 120, 46)
    result = ink.copy()
    _trazo(result, np.stack((xs, ys), axis=1), 16)
    return result
