"""How a card or a photo comes to be a picture: table, angle, light, grain; and the ways in which it is not the card itself."""

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from dispositivo.poblacion.dibujo import cpv
from dispositivo.poblacion.dibujo.lienzo import (
    Color,
    Imagen,
    degradado,
    desenfocar,
    entintar,
    escribir,
    iluminar,
    reducir,
    ruido,
)
from dispositivo.poblacion.dibujo.rostro import toma_de_credencial
from dispositivo.poblacion.personas import Persona

ANCHO, ALTO = 1280, 810
FOTO_ANCHO, FOTO_ALTO = 720, 960
_MESAS: tuple[Color, ...] = ((74, 98, 128), (168, 172, 176), (60, 60, 66), (120, 140, 112))


@lru_cache(maxsize=8)
def _mesa(kind: int) -> Imagen:
    """A table with its grain."""
    rng = np.random.default_rng(kind)
    streaks = cv2.GaussianBlur(rng.normal(0, 26, (ALTO, ANCHO)).astype(np.float32), (0, 0), sigmaX=60, sigmaY=1.2)
    fine = cv2.GaussianBlur(rng.normal(0, 8, (ALTO, ANCHO)).astype(np.float32), (0, 0), sigmaX=6, sigmaY=0.8)
    tone = np.array(_MESAS[kind], np.float32) + (streaks * 4 + fine)[:, :, None]
    return np.clip(tone, 0, 255).astype(np.uint8)


@lru_cache(maxsize=1)
def _hoja() -> Imagen:
    """A sheet of paper on a table."""
    image = _mesa(0).copy()
    cv2.fillPoly(
        image, [np.array(((26, 0), (ANCHO, 0), (ANCHO, ALTO - 22), (8, ALTO - 8)))], (238, 240, 241), cv2.LINE_AA
    )
    return image


def fotografiar(card: Imagen, rng: np.random.Generator) -> Imagen:
    """Picture of a card (757 x 1200) lying on a table: 810 x 1280."""
    image = _mesa(int(rng.integers(len(_MESAS)))).copy()
    if rng.random() < 0.25:
        _girar(image, card, float(rng.uniform(-2.2, 2.2)), float(rng.uniform(0.96, 1.0)))
    else:
        x, y = int(rng.integers(14, ANCHO - cpv.ANCHO - 14)), int(rng.integers(10, ALTO - cpv.ALTO - 10))
        image[y : y + cpv.ALTO, x : x + cpv.ANCHO] = card
    _terminar(image, rng)
    return image


def fotocopia(card: Imagen, rng: np.random.Generator, *, color: bool) -> Imagen:
    """Picture of a sheet with the copy of a card: 810 x 1280."""
    if color:
        copy = np.asarray(cv2.convertScaleAbs(card, alpha=1.12, beta=6), dtype=np.uint8)
        grey = cv2.cvtColor(cv2.cvtColor(copy, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        cv2.addWeighted(copy, 0.6, grey, 0.4, 0, dst=copy)
        cv2.multiply(copy, _trama(), dst=copy, scale=1 / 255)
    else:
        tone = cv2.convertScaleAbs(cv2.subtract(cv2.cvtColor(card, cv2.COLOR_BGR2GRAY), np.full(4, 60.0)), alpha=1.65)
        copy = np.asarray(cv2.cvtColor(tone, cv2.COLOR_GRAY2BGR), dtype=np.uint8)
    image = _hoja().copy()
    _girar(image, copy, float(rng.uniform(-1.5, 1.5)), 0.93)
    for x in rng.integers(60, ANCHO - 60, 3):
        cv2.line(image, (int(x), 0), (int(x) + int(rng.integers(-2, 3)), ALTO - 30), (196, 198, 198), 1, cv2.LINE_AA)
    specks = rng.integers((30, 10), (ANCHO - 10, ALTO - 40), (160, 2))
    image[specks[:, 1], specks[:, 0]] = (70, 70, 70)
    _terminar(image, rng)
    return image


def pantalla(card: Imagen, rng: np.random.Generator) -> Imagen:
    """Picture of a screen that shows a card: frame, title bar, pixel grid, bands and glare. 810 x 1280."""
    image = np.full((ALTO, ANCHO, 3), (22, 20, 20), np.uint8)
    image[26:784, 30:1250] = (84, 66, 52)
    image[26:64, 30:1250] = (214, 210, 208)
    for i, dot in enumerate(((90, 90, 230), (80, 200, 240), (100, 200, 110))):
        cv2.circle(image, (58 + 32 * i, 45), 9, dot, -1, cv2.LINE_AA)
    shown = reducir(card, 1100, 694)
    image[78 : 78 + 694, 90 : 90 + 1100] = shown
    cv2.multiply(image, _moire(int(rng.integers(3))), dst=image, scale=1 / 232)
    glare = np.zeros((ALTO // 8, ANCHO // 8), np.uint8)
    center = int(rng.integers(30, 130)), int(rng.integers(15, 60))
    cv2.ellipse(glare, center, (26, 10), float(rng.uniform(-40, 40)), 0, 360, 150, -1)
    glare = np.asarray(cv2.resize(cv2.GaussianBlur(glare, (0, 0), 6), (ANCHO, ALTO)), dtype=np.uint8)
    cv2.add(image, cv2.cvtColor(glare, cv2.COLOR_GRAY2BGR), dst=image)
    ruido(image, rng)
    return image


def ilegible(picture: Imagen, rng: np.random.Generator) -> None:
    """The clave de elector and what is around it, out of focus and burnt by a reflection, in place."""
    top, left = 470, 40
    part = picture[top:720, left:]
    part[:] = desenfocar(part, 12)
    flash = np.zeros((part.shape[0] // 4, part.shape[1] // 4), np.uint8)
    cv2.ellipse(flash, (int(rng.integers(110, 190)), 30), (110, 22), 0, 0, 360, 190, -1)
    flash = np.asarray(cv2.resize(cv2.GaussianBlur(flash, (0, 0), 8), part.shape[1::-1]), dtype=np.uint8)
    cv2.add(part, cv2.cvtColor(flash, cv2.COLOR_GRAY2BGR), dst=part)


def sobreponer(card: Imagen, template: Persona, persona: Persona) -> None:
    """Another person's data and portrait over a card, in place, as pasted cuttings: they do not fit the card."""
    x = 372 if template.modelo not in ("C", "D") else 56
    portrait_x = 56 if template.modelo not in ("C", "D") else 868
    ink = np.zeros(card.shape[:2], np.uint8)
    for left, top, width, height in ((x - 8, 150, 560, 146), (x + 186, 436, 440, 52), (x - 6, 524, 400, 46)):
        card[top : top + height, left : left + width] = (246, 246, 244)
        cv2.rectangle(card, (left, top), (left + width, top + height), (176, 176, 178), 2)
    for row, text in enumerate(t for t in (persona.paterno, persona.materno, persona.nombre) if t):
        escribir(ink, text, x + 6, 160 + row * 45, 31, width=530)
    escribir(ink, persona.clave_elector, x + 200, 446, 29, width=410)
    escribir(ink, persona.curp, x + 6, 532, 27, width=380)
    entintar(card, ink)
    face = reducir(cpv.retrato(persona), 300, 400)
    matrix = _giro((150, 200), 2.5, 0.98)
    matrix[:, 2] += (portrait_x - 24, 128)
    size = card.shape[1::-1]
    cv2.warpAffine(face, matrix, size, dst=card, borderMode=cv2.BORDER_TRANSPARENT)


def otra_tarjeta(rng: np.random.Generator, *, back: bool) -> Imagen:
    """A card that is not a voter card: a shop's, 757 x 1200."""
    hue: Color = _MESAS[int(rng.integers(len(_MESAS)))]
    image = degradado(cpv.ALTO, cpv.ANCHO, (min(hue[0] + 90, 255), hue[1], 70), (40, hue[1] // 2, 150))
    ink = np.zeros((cpv.ALTO, cpv.ANCHO), np.uint8)
    if back:
        image[80:210] = (30, 28, 28)
        image[300:380, 80:820] = (225, 228, 230)
        escribir(ink, "TARJETA PERSONAL E INTRANSFERIBLE", 80, 420, 34)
    else:
        cv2.circle(image, (980, 200), 120, (60, 190, 240), -1, cv2.LINE_AA)
        escribir(ink, "ABARROTES EL MANANTIAL", 80, 90, 66, bold=True)
        escribir(ink, "CLIENTE FRECUENTE", 80, 190, 54)
        number = "".join(str(d) for d in rng.integers(0, 10, 12))
        escribir(ink, f"{number[:4]} {number[4:8]} {number[8:]}", 80, 520, 72, bold=True)
        escribir(ink, "ACUMULA PUNTOS EN CADA COMPRA", 80, 640, 36)
    entintar(image, ink)
    return image


def foto(face: Imagen, rng: np.random.Generator) -> Imagen:
    """A photo (960 x 720) of what was drawn on a canvas of 480 x 360."""
    image = np.asarray(cv2.resize(face, (FOTO_ANCHO, FOTO_ALTO), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
    _terminar(image, rng)
    return image


def foto_de_credencial(card: Imagen, persona: Persona, rng: np.random.Generator) -> Imagen:
    """The portrait on a card, photographed close by: the card's edge, print and watermark are seen. 960 x 720."""
    left = 56 if persona.modelo not in ("C", "D") else 868
    scale, center = float(rng.uniform(1.85, 2.05)), (left + 138.0, 324.0)
    matrix = _giro(center, float(rng.uniform(-7, 7)), scale)
    matrix[:, 2] += (FOTO_ANCHO / 2 - center[0], FOTO_ALTO / 2 - center[1] - 20)
    image = reducir(_mesa(int(rng.integers(len(_MESAS)))), FOTO_ANCHO, FOTO_ALTO)
    cv2.warpAffine(card, matrix, (FOTO_ANCHO, FOTO_ALTO), dst=image, borderMode=cv2.BORDER_TRANSPARENT)
    cv2.blur(image, (3, 3), dst=image)
    _terminar(image, rng)
    return image


def objeto(rng: np.random.Generator) -> Imagen:
    """A thing where the person should be: a cup, a ball or a plant, on a table. 480 x 360."""
    wall = toma_de_credencial(int(rng.integers(1000))).ropa
    image = degradado(480, 360, (200, 206, 208), (168, 174, 178))
    image[330:] = (70, 98, 132)
    kind = int(rng.integers(3))
    if kind == 0:
        cv2.ellipse(image, (255, 265), (42, 46), 0, 0, 360, wall, 16, cv2.LINE_AA)
        cv2.rectangle(image, (110, 180), (250, 360), wall, -1)
        cv2.ellipse(image, (180, 360), (70, 20), 0, 0, 360, wall, -1, cv2.LINE_AA)
        cv2.ellipse(image, (180, 180), (70, 20), 0, 0, 360, (40, 50, 70), -1, cv2.LINE_AA)
    elif kind == 1:
        cv2.circle(image, (180, 280), 100, wall, -1, cv2.LINE_AA)
        cv2.ellipse(image, (180, 280), (100, 34), 20, 0, 360, (240, 240, 240), 6, cv2.LINE_AA)
        cv2.ellipse(image, (180, 280), (34, 100), 20, 0, 360, (240, 240, 240), 6, cv2.LINE_AA)
    else:
        pot = np.array(((120, 300), (240, 300), (222, 410), (138, 410)))
        for angle in np.linspace(-70, 70, 9):
            tip = 180 + 130 * np.sin(np.deg2rad(angle)), 300 - 190 * np.cos(np.deg2rad(angle))
            cv2.line(image, (180, 300), (round(tip[0]), round(tip[1])), (50, 120, 60), 12, cv2.LINE_AA)
        cv2.fillPoly(image, [pot], (60, 90, 170), cv2.LINE_AA)
    return image


@lru_cache(maxsize=1)
def _trama() -> Imagen:
    """The dots and bands of a colour copier."""
    ys, xs = np.mgrid[0 : cpv.ALTO, 0 : cpv.ANCHO].astype(np.float32)
    dots = np.stack([np.sin((xs * c + ys * s) * 1.7) for c, s in ((0.97, 0.26), (0.26, 0.97), (0.7, 0.7))], axis=2)
    bands = 0.04 * np.sin(ys / 7)[:, :, None]
    return np.asarray(255 * np.clip(0.93 + 0.07 * dots + bands, 0, 1), dtype=np.uint8)


@lru_cache(maxsize=3)
def _moire(kind: int) -> Imagen:
    """What a screen's grid does to a picture of it: fine lines and wide curved bands, other in each colour. 232 is neutral."""
    ys, xs = np.mgrid[0:ALTO, 0:ANCHO].astype(np.float32)
    bend = 14 * np.sin(xs / (210 + 30 * kind)) + 10 * np.cos(ys / 170)
    layers = []
    for channel in range(3):
        fine = np.sin(xs * 2.35 + channel * 2.1) * np.sin(ys * 2.2)
        beat = np.sin((xs * 0.52 + ys * 0.09 + bend) * (1 + 0.03 * channel)) + np.sin(
            (ys * 0.47 - xs * 0.05 + bend) + channel
        )
        layers.append(0.8 + 0.09 * fine + 0.055 * beat)
    cool = np.array((1.04, 1.0, 0.93), np.float32)
    return np.clip(np.stack(layers, axis=2) * cool * 255, 0, 255).astype(np.uint8)


def _giro(center: tuple[float, float], degrees: float, scale: float) -> npt.NDArray[np.float64]:
    """Affine matrix (2 x 3) of a turn about a point."""
    return np.asarray(cv2.getRotationMatrix2D(center, degrees, scale), dtype=np.float64)


def _girar(image: Imagen, card: Imagen, degrees: float, scale: float) -> None:
    """Lay a card on a picture, turned about its middle and scaled, in place."""
    center = cpv.ANCHO / 2, cpv.ALTO / 2
    matrix = _giro(center, degrees, scale)
    matrix[:, 2] += (ANCHO / 2 - center[0], ALTO / 2 - center[1])
    cv2.warpAffine(card, matrix, (ANCHO, ALTO), dst=image, borderMode=cv2.BORDER_TRANSPARENT)


def _terminar(image: Imagen, rng: np.random.Generator) -> None:
    iluminar(image, int(rng.integers(8)))
    ruido(image, rng)
