"""Invented faces, parametric: the same features on the card and in the live photo, under another light.

A face is drawn on a canvas of 360 x 480 and enlarged afterwards. Coordinates are those of that canvas.
"""

import random
from dataclasses import dataclass, replace
from enum import StrEnum

import cv2
import numpy as np
import numpy.typing as npt

from dispositivo.poblacion.dibujo.lienzo import Color, Imagen, degradado, reducir

ANCHO, ALTO = 360, 480
_SHIFT = 4  # coordinates are given to OpenCV in sixteenths of a pixel
_PIELES: tuple[Color, ...] = (
    (168, 198, 232),
    (150, 184, 224),
    (132, 168, 212),
    (116, 152, 200),
    (100, 136, 186),
    (84, 118, 168),
    (70, 102, 150),
    (60, 86, 128),
)
_CABELLOS: tuple[Color, ...] = ((22, 20, 20), (28, 30, 38), (30, 44, 66), (40, 64, 98), (62, 96, 140))
_CANAS: Color = (176, 176, 180)
_OJOS: tuple[Color, ...] = ((24, 32, 48), (30, 48, 76), (44, 74, 96), (70, 96, 72))
_ROPAS: tuple[Color, ...] = (
    (60, 60, 160),
    (150, 90, 40),
    (80, 120, 60),
    (200, 200, 205),
    (70, 70, 75),
    (140, 100, 150),
    (50, 130, 190),
    (110, 60, 60),
)
_PAREDES: tuple[tuple[Color, Color], ...] = (
    ((214, 220, 222), (176, 184, 190)),
    ((190, 206, 196), (150, 168, 156)),
    ((180, 196, 216), (140, 158, 182)),
    ((206, 196, 180), (170, 158, 140)),
    ((160, 176, 190), (120, 134, 150)),
)


class Accesorio(StrEnum):
    """What covers part of the face (P 13.7 i)."""

    CUBREBOCAS = "cubrebocas"
    LENTES_OSCUROS = "lentes_oscuros"
    GORRA = "gorra"


class Peinado(StrEnum):
    """Hair styles."""

    RAPADO = "rapado"
    CORTO = "corto"
    LADO = "lado"
    RIZADO = "rizado"
    MEDIO = "medio"
    LARGO = "largo"
    RECOGIDO = "recogido"
    CALVO = "calvo"


@dataclass(frozen=True, slots=True)
class Rasgos:
    """Features of a face. Lengths in pixels of the canvas, colours in BGR, ratios without unit."""

    piel: Color
    cabello: Color
    ojos: Color
    peinado: Peinado
    ancho: float
    alto: float
    quijada: float
    separacion: float
    ojo: float
    ceja: float
    ceja_inclinada: float
    nariz_ancho: float
    nariz_largo: float
    boca_ancho: float
    labios: float
    bigote: bool
    barba: bool
    lentes: bool
    aretes: bool
    lunar: tuple[float, float] | None
    arrugas: bool


@dataclass(frozen=True, slots=True)
class Toma:
    """How a face was photographed. `giro` in degrees, `escala` about 1, offsets in pixels of the canvas."""

    fondo: tuple[Color, Color]
    ropa: Color
    luz: float
    giro: float
    escala: float
    dx: float
    dy: float
    gesto: float
    cuarto: bool
    calidez: float


def rasgos_de(semilla: int, sexo: str, edad: int) -> Rasgos:
    """The features that a seed, a sex (H or M) and an age in years give."""
    rng = random.Random(semilla)
    woman = sexo == "M"
    styles: tuple[Peinado, ...]
    weights: tuple[float, ...]
    if woman:
        styles, weights = (Peinado.LARGO, Peinado.MEDIO, Peinado.RECOGIDO, Peinado.CORTO), (0.4, 0.28, 0.22, 0.1)
    else:
        styles = (Peinado.CORTO, Peinado.LADO, Peinado.RAPADO, Peinado.RIZADO, Peinado.CALVO)
        weights = (0.35, 0.29, 0.17, 0.12, 0.07)
    (hair,) = rng.choices(_CABELLOS, (0.3, 0.3, 0.2, 0.14, 0.06))
    grey = min(max((edad - 42 + rng.gauss(0, 8)) / 35, 0.0), 0.95)
    return Rasgos(
        piel=rng.choices(_PIELES, (0.06, 0.12, 0.18, 0.2, 0.18, 0.13, 0.08, 0.05))[0],
        cabello=_mezcla(hair, _CANAS, grey),
        ojos=rng.choices(_OJOS, (0.5, 0.3, 0.14, 0.06))[0],
        peinado=rng.choices(styles, weights)[0],
        ancho=rng.uniform(88, 106) - 4 * woman,
        alto=rng.uniform(120, 138),
        quijada=rng.uniform(0.1, 0.34) + 0.06 * woman,
        separacion=rng.uniform(38, 47),
        ojo=rng.uniform(14.5, 19) + woman,
        ceja=rng.uniform(4, 8.5) - 1.5 * woman,
        ceja_inclinada=rng.uniform(-4, 6),
        nariz_ancho=rng.uniform(17, 28) - 2 * woman,
        nariz_largo=rng.uniform(50, 66),
        boca_ancho=rng.uniform(32, 46),
        labios=rng.uniform(6, 11) + 1.5 * woman,
        bigote=not woman and rng.random() < 0.28,
        barba=not woman and rng.random() < 0.16,
        lentes=rng.random() < 0.2,
        aretes=woman and rng.random() < 0.5,
        lunar=(rng.choice((-1, 1)) * rng.uniform(30, 56), rng.uniform(8, 60)) if rng.random() < 0.2 else None,
        arrugas=edad > 52,
    )


def rasgos_distintos(r: Rasgos, semilla: int, sexo: str, edad: int) -> Rasgos:
    """Features that nobody would take for `r`: other skin and other hair style, at least."""
    tone = _PIELES.index(r.piel)
    for attempt in range(semilla, semilla + 50):
        other = rasgos_de(attempt, sexo, edad)
        if abs(_PIELES.index(other.piel) - tone) > 1 and other.peinado is not r.peinado:
            return other
    return replace(r, piel=_PIELES[(tone + 4) % len(_PIELES)], peinado=Peinado.RIZADO, lentes=not r.lentes)


def toma_de_credencial(semilla: int) -> Toma:
    """The portrait on a card: frontal, plain background."""
    rng = np.random.default_rng([semilla, 1])
    return Toma(
        fondo=((236, 236, 238), (222, 224, 228)),
        ropa=_ROPAS[int(rng.integers(len(_ROPAS)))],
        luz=float(rng.uniform(-0.05, 0.05)),
        giro=float(rng.uniform(-1, 1)),
        escala=float(rng.uniform(0.97, 1.03)),
        dx=0.0,
        dy=float(rng.uniform(-4, 4)),
        gesto=0.0,
        cuarto=False,
        calidez=0.0,
    )


def toma_viva(rng: np.random.Generator) -> Toma:
    """A photo by telephone: other light, background, clothes, distance and gesture."""
    return Toma(
        fondo=_PAREDES[int(rng.integers(len(_PAREDES)))],
        ropa=_ROPAS[int(rng.integers(len(_ROPAS)))],
        luz=float(rng.choice((-1, 1)) * rng.uniform(0.12, 0.3)),
        giro=float(rng.uniform(-5, 5)),
        escala=float(rng.uniform(0.84, 1.06)),
        dx=float(rng.uniform(-18, 18)),
        dy=float(rng.uniform(-14, 18)),
        gesto=float(rng.uniform(-1, 5)),
        cuarto=True,
        calidez=float(rng.uniform(-1, 1)),
    )


def dibujar_rostro(r: Rasgos, toma: Toma, accesorio: Accesorio | None = None) -> Imagen:
    """Head and shoulders, 480 x 360 x 3."""
    image = degradado(ALTO, ANCHO, *toma.fondo)
    if toma.cuarto:
        _cuarto(image, toma)
    pen = _Pluma(image, toma)
    relief = _Pluma(np.full((ALTO, ANCHO), 128, np.uint8), toma)
    _pelo_de_atras(pen, r)
    _cuerpo(pen, r, toma)
    _cabeza(pen, r)
    _relieve(relief, r)
    _facciones(pen, r, toma)
    if accesorio is not Accesorio.GORRA or r.peinado in (Peinado.LARGO, Peinado.MEDIO):
        _pelo_de_adelante(pen, r)
    if r.lentes and accesorio is not Accesorio.LENTES_OSCUROS:
        _lentes(pen, r, dark=False)
    if accesorio is Accesorio.LENTES_OSCUROS:
        _lentes(pen, r, dark=True)
    elif accesorio is Accesorio.CUBREBOCAS:
        _cubrebocas(pen, r)
    elif accesorio is Accesorio.GORRA:
        _gorra(pen, r, toma)
    return _luz(image, relief.image, toma)


class _Pluma:
    """Draws on an image after turning, scaling and moving the coordinates as the shot says."""

    def __init__(self, image: Imagen, toma: Toma) -> None:
        self.image = image
        angle = np.deg2rad(toma.giro)
        self._scale = toma.escala
        self._angle = toma.giro
        cos, sin = np.cos(angle) * toma.escala, np.sin(angle) * toma.escala
        self._matrix = np.array(((cos, sin), (-sin, cos)))  # points are rows: p @ matrix
        self._offset = np.array((180 + toma.dx, 250 + toma.dy))

    def points(self, points: npt.ArrayLike) -> npt.NDArray[np.int32]:
        """Canvas coordinates (centre of the face at 0, 0) to fixed point pixels."""
        moved = np.asarray(points, dtype=np.float64) @ self._matrix + self._offset
        return np.asarray(np.round(moved * (1 << _SHIFT)), dtype=np.int32)

    def fill(self, points: npt.ArrayLike, color: Color | int) -> None:
        cv2.fillPoly(self.image, [self.points(points)], _tinta(color), cv2.LINE_AA, _SHIFT)

    def line(self, points: npt.ArrayLike, color: Color | int, width: float) -> None:
        thickness = max(round(width * self._scale), 1)
        cv2.polylines(self.image, [self.points(points)], False, _tinta(color), thickness, cv2.LINE_AA, _SHIFT)

    def oval(self, x: float, y: float, a: float, b: float, color: Color | int, width: float = -1) -> None:
        (center,) = self.points([(x, y)])
        axes = tuple(max(round(v * self._scale * (1 << _SHIFT)), 1) for v in (a, b))
        thickness = -1 if width < 0 else max(round(width * self._scale), 1)
        angle = self._angle
        cv2.ellipse(self.image, center.tolist(), axes, angle, 0, 360, _tinta(color), thickness, cv2.LINE_AA, _SHIFT)


def _tinta(color: Color | int) -> tuple[int, ...]:
    return (color,) if isinstance(color, int) else color


def _mezcla(a: Color, b: Color, share: float) -> Color:
    first, second, third = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return first, second, third


def _sombra(color: Color, factor: float) -> Color:
    return _mezcla(color, (20, 16, 24), factor) if factor > 0 else _mezcla(color, (255, 255, 255), -factor)


def _contorno(r: Rasgos, grow: float = 1.0, start: float = 0.0, end: float = 360.0) -> npt.NDArray[np.float64]:
    """Outline of the head: an ellipse whose lower half narrows towards the chin. Angles in degrees, from the right, downwards."""
    t = np.deg2rad(np.linspace(start, end, 40))
    narrow = 1 - r.quijada * np.clip(np.sin(t), 0, None) ** 2
    return np.stack((r.ancho * grow * np.cos(t) * narrow, r.alto * grow * np.sin(t)), axis=1)


def _cuarto(image: Imagen, toma: Toma) -> None:
    """Something behind the person: a frame and a door's edge."""
    wall = toma.fondo[1]
    x = round(40 + abs(toma.dx) * 9) % 300
    cv2.rectangle(image, (x, 20), (x + 84, 118), _sombra(wall, 0.35), -1)
    cv2.rectangle(image, (x + 7, 27), (x + 77, 111), _sombra(wall, -0.45), -1)
    edge = 18 if toma.dx > 0 else 340
    cv2.rectangle(image, (edge, 0), (edge + 9, ALTO), _sombra(wall, 0.2), -1)


def _pelo_de_atras(pen: _Pluma, r: Rasgos) -> None:
    a, b = r.ancho, r.alto
    dark = _sombra(r.cabello, 0.25)
    if r.peinado is Peinado.LARGO:
        side = [(a * 1.14, -10), (a * 1.3, 60), (a * 1.34, 190), (a * 0.6, 215)]
        pen.fill([*side, *[(-x, y) for x, y in reversed(side)]], dark)
        pen.oval(0, -22, a * 1.18, b * 1.04, dark)
    elif r.peinado is Peinado.MEDIO:
        pen.oval(0, 12, a * 1.24, b * 1.06, dark)
    elif r.peinado is Peinado.RECOGIDO:
        pen.oval(0, -b - 24, 36, 30, dark)
        pen.oval(0, -20, a * 1.06, b * 1.02, dark)
    elif r.peinado is Peinado.RIZADO:
        for angle in np.linspace(np.pi * 0.95, np.pi * 2.05, 15):
            pen.oval(a * 1.02 * np.cos(angle), b * 1.0 * np.sin(angle) - 8, 25, 25, dark)


def _cuerpo(pen: _Pluma, r: Rasgos, toma: Toma) -> None:
    neck, shade = r.ancho * 0.52, _sombra(r.piel, 0.22)
    y = r.alto * 0.7
    shoulders = [(-neck - 8, y + 62), (-150, y + 108), (-196, y + 190), (-200, 420), (200, 420), (196, y + 190)]
    pen.fill([(-neck, y - 30), (neck, y - 30), (neck + 6, y + 112), (-neck - 6, y + 112)], shade)
    pen.fill([*shoulders, (150, y + 108), (neck + 8, y + 62), (0, y + 104)], toma.ropa)
    collar = [(-neck - 10, y + 60), (0, y + 108), (neck + 10, y + 60)]
    pen.line(collar, _sombra(toma.ropa, 0.35), 5)


def _cabeza(pen: _Pluma, r: Rasgos) -> None:
    ear = _sombra(r.piel, 0.12)
    for side in (-1, 1):
        pen.oval(side * r.ancho * 1.01, 6, 13, 25, ear)
        pen.oval(side * r.ancho * 1.02, 6, 6, 14, _sombra(r.piel, 0.3))
        if r.aretes:
            pen.oval(side * r.ancho * 1.03, 36, 5, 7, (120, 200, 225))
    pen.fill(_contorno(r), r.piel)


def _relieve(pen: _Pluma, r: Rasgos) -> None:
    """Light and shade of the face as a layer: 128 leaves the colour as it is."""
    eye = -r.alto * 0.12
    pen.oval(0, -r.alto * 0.55, r.ancho * 0.62, r.alto * 0.22, 142)
    for side in (-1, 1):
        pen.oval(side * r.separacion, eye - 2, 27, 17, 96)
        pen.oval(side * r.ancho * 0.56, r.alto * 0.2, 24, 26, 144)
        pen.fill(
            [
                (side * r.ancho * 0.8, -60),
                (side * r.ancho * 1.2, -60),
                (side * r.ancho, 70),
                (side * r.ancho * 0.7, 90),
            ],
            116,
        )
    pen.fill([(-8, eye - 18), (8, eye - 18), (10, eye + r.nariz_largo), (-10, eye + r.nariz_largo)], 152)
    for side in (-1, 1):
        inner = side * 11
        pen.fill([(inner, eye), (inner + side * 8, eye), (side * r.nariz_ancho, eye + r.nariz_largo), (inner, 30)], 112)
    pen.oval(0, eye + r.nariz_largo + 9, r.nariz_ancho, 6, 94)
    pen.oval(0, r.alto * 0.72, 26, 7, 104)
    pen.oval(0, r.alto * 0.86, 26, 12, 142)
    pen.oval(0, r.alto * 1.12, r.ancho * 0.6, 18, 92)


def _facciones(pen: _Pluma, r: Rasgos, toma: Toma) -> None:
    eye = -r.alto * 0.12
    lash = (26, 24, 30)
    brow = _sombra(r.cabello, 0.1)
    for side in (-1, 1):
        x, w, h = side * r.separacion, r.ojo, r.ojo * 0.46
        pen.oval(x, eye, w, h, (226, 230, 234))
        pen.oval(x, eye - 0.5, h * 1.02, h * 1.02, r.ojos)
        pen.oval(x, eye - 0.5, h * 0.5, h * 0.5, (8, 8, 10))
        pen.oval(x + 2.2, eye - 2.6, 1.5, 1.5, (250, 250, 250))
        t = np.linspace(np.pi * 1.02, np.pi * 1.98, 12)
        pen.line(np.stack((x + w * 1.04 * np.cos(t), eye + 1 + h * 1.15 * np.sin(t)), axis=1), lash, 3)
        pen.line(np.stack((x + w * np.cos(t), eye - h * np.sin(t)), axis=1), _sombra(r.piel, 0.35), 1)
        start, end = x - side * w * 0.95, x + side * w * 1.25
        high = eye - h - 14
        curve = [
            (start, high + 3 + r.ceja_inclinada),
            ((start + end) / 2, high - 3),
            (end, high + 5 - r.ceja_inclinada / 2),
        ]
        pen.line(curve, brow, r.ceja)
        if r.arrugas:
            pen.line([(x - 14, eye + 17), (x, eye + 20), (x + 14, eye + 17)], _sombra(r.piel, 0.25), 1)
            pen.line([(side * 34, 40), (side * 46, 66)], _sombra(r.piel, 0.28), 2)
    tip = eye + r.nariz_largo
    for side in (-1, 1):
        pen.oval(side * r.nariz_ancho * 0.5, tip + 3, r.nariz_ancho * 0.26, 3.6, _sombra(r.piel, 0.62))
        wing = [
            (side * r.nariz_ancho * 0.86, tip - 9),
            (side * r.nariz_ancho, tip),
            (side * r.nariz_ancho * 0.8, tip + 6),
        ]
        pen.line(wing, _sombra(r.piel, 0.35), 2)
    _boca(pen, r, toma)
    if r.lunar:
        pen.oval(r.lunar[0], r.lunar[1], 3, 3, _sombra(r.piel, 0.65))


def _boca(pen: _Pluma, r: Rasgos, toma: Toma) -> None:
    y, w = r.alto * 0.52, r.boca_ancho
    lip = _mezcla(_sombra(r.piel, 0.12), (88, 84, 176), 0.42)
    smile = toma.gesto
    upper = [(-w, y - smile), (-w * 0.4, y - r.labios * 0.7), (0, y - r.labios * 0.45), (w * 0.4, y - r.labios * 0.7)]
    lower = [(w, y - smile), (w * 0.5, y + r.labios * 0.9), (0, y + r.labios * 1.15), (-w * 0.5, y + r.labios * 0.9)]
    if r.barba:
        beard = _mezcla(r.cabello, r.piel, 0.18)
        jaw = _contorno(r, 1.02, 8, 172)
        inner = [(-r.ancho * 0.72, 34), (-w - 10, y - 16), (0, y - 20), (w + 10, y - 16), (r.ancho * 0.72, 34)]
        pen.fill([*jaw, *inner], beard)
    pen.fill([*upper, *lower], lip)
    pen.line([(-w, y - smile), (-w * 0.4, y + 1), (0, y), (w * 0.4, y + 1), (w, y - smile)], _sombra(lip, 0.6), 2)
    if r.bigote or r.barba:
        top = y - r.labios - 3
        half = [(0, top - 7), (w * 0.6, top - 6), (w * 1.12, top + 11), (w * 0.5, top + 3), (0, top + 2)]
        pen.fill([*half, *[(-x, v) for x, v in reversed(half)]], _mezcla(r.cabello, r.piel, 0.1))


def _pelo_de_adelante(pen: _Pluma, r: Rasgos) -> None:
    a, b, color = r.ancho, r.alto, r.cabello
    if r.peinado is Peinado.CALVO:
        for side in (-1, 1):
            pen.fill(
                [(side * a * 0.94, -58), (side * a * 1.06, -30), (side * a * 1.0, 26), (side * a * 0.92, -4)], color
            )
        return
    if r.peinado is Peinado.RAPADO:
        fringe = [
            (a * 0.9, -b * 0.44),
            (a * 0.55, -b * 0.66),
            (0, -b * 0.7),
            (-a * 0.55, -b * 0.66),
            (-a * 0.9, -b * 0.44),
        ]
        pen.fill([*_contorno(r, 1.0, 200, 340), *fringe], _mezcla(color, r.piel, 0.3))
        return
    fringes: dict[Peinado, list[tuple[float, float]]] = {
        Peinado.CORTO: [(a * 0.93, -20), (a * 0.74, -b * 0.5), (0, -b * 0.62), (-a * 0.74, -b * 0.5), (-a * 0.93, -20)],
        Peinado.LADO: [
            (a * 0.95, -16),
            (a * 0.8, -b * 0.42),
            (-a * 0.3, -b * 0.74),
            (-a * 0.8, -b * 0.5),
            (-a * 0.95, -16),
        ],
        Peinado.RIZADO: [
            (a * 0.95, -24),
            (a * 0.7, -b * 0.48),
            (0, -b * 0.56),
            (-a * 0.7, -b * 0.48),
            (-a * 0.95, -24),
        ],
        Peinado.MEDIO: [
            (a * 0.98, 60),
            (a * 0.86, -b * 0.2),
            (a * 0.3, -b * 0.66),
            (-a * 0.86, -b * 0.3),
            (-a * 0.98, 60),
        ],
        Peinado.LARGO: [(a * 1.0, 70), (a * 0.84, -b * 0.3), (0, -b * 0.82), (-a * 0.84, -b * 0.3), (-a * 1.0, 70)],
        Peinado.RECOGIDO: [
            (a * 0.97, -22),
            (a * 0.7, -b * 0.56),
            (0, -b * 0.68),
            (-a * 0.7, -b * 0.56),
            (-a * 0.97, -22),
        ],
    }
    top = _contorno(r, 1.1, 190 if r.peinado in (Peinado.LARGO, Peinado.MEDIO) else 186, 354)
    pen.fill(
        [(-a * 1.08, fringes[r.peinado][-1][1]), *top, (a * 1.08, fringes[r.peinado][0][1]), *fringes[r.peinado]], color
    )
    for x in (-0.5, -0.15, 0.25, 0.6):
        strand = [(a * x * 1.1, -b * 0.72), (a * x * 0.9, -b * 0.86), (a * x * 0.6, -b * 0.97)]
        pen.line(strand, _sombra(color, -0.16), 2)


def _lentes(pen: _Pluma, r: Rasgos, *, dark: bool) -> None:
    eye, frame = -r.alto * 0.12, (30, 28, 34)
    for side in (-1, 1):
        if dark:
            pen.oval(side * r.separacion * 1.03, eye + 3, 35, 27, (18, 16, 18))
            pen.line([(side * r.separacion - 16, eye - 8), (side * r.separacion + 4, eye - 14)], (96, 92, 96), 4)
        pen.oval(side * r.separacion, eye + 1, 30, 21, frame, 3)
        pen.line([(side * (r.separacion + 30), eye - 3), (side * r.ancho, eye - 7)], frame, 3)
    pen.line([(-(r.separacion - 30), eye - 2), (0, eye - 6), (r.separacion - 30, eye - 2)], frame, 3)


def _cubrebocas(pen: _Pluma, r: Rasgos) -> None:
    cloth, edge = (222, 206, 176), (190, 172, 140)
    top = r.alto * 0.1
    chin = _contorno(r, 1.03, 14, 166)
    pen.fill([(-r.ancho * 0.86, top + 12), (0, top - 12), (r.ancho * 0.86, top + 12), *chin], cloth)
    for fold in (0.34, 0.5, 0.66):
        pen.line([(-r.ancho * 0.74, r.alto * fold), (0, r.alto * fold + 7), (r.ancho * 0.74, r.alto * fold)], edge, 2)
    for side in (-1, 1):
        pen.line([(side * r.ancho * 0.86, top + 14), (side * r.ancho * 1.02, -2)], (236, 232, 226), 3)


def _gorra(pen: _Pluma, r: Rasgos, toma: Toma) -> None:
    color = _sombra(_mezcla(toma.ropa, (120, 60, 30), 0.6), 0.15)
    a, b = r.ancho * 1.12, r.alto
    pen.fill([*_contorno(r, 1.15, 186, 354), (a, -b * 0.3), (0, -b * 0.42), (-a, -b * 0.3)], color)
    brim = [
        (-a * 1.04, -b * 0.3),
        (0, -b * 0.5),
        (a * 1.04, -b * 0.3),
        (a * 0.9, -b * 0.12),
        (0, -b * 0.22),
        (-a * 0.9, -b * 0.12),
    ]
    pen.fill(brim, _sombra(color, 0.4))
    pen.oval(0, -b * 0.72, 24, 18, _sombra(color, -0.6))


def _luz(image: Imagen, relief: Imagen, toma: Toma) -> Imagen:
    """Apply the relief and the side light, and soften the edges as a lens does."""
    small = cv2.GaussianBlur(reducir(relief, ANCHO // 4, ALTO // 4), (9, 9), 0)
    side = np.linspace(1 - toma.luz, 1 + toma.luz, ANCHO // 4, dtype=np.float32)
    warm = np.array((1 - 0.05 * toma.calidez, 1.0, 1 + 0.04 * toma.calidez), dtype=np.float32)
    light = (small.astype(np.float32) * side)[:, :, None] * warm
    full = cv2.resize(np.clip(light, 0, 255).astype(np.uint8), (ANCHO, ALTO), interpolation=cv2.INTER_LINEAR)
    cv2.multiply(image, full, dst=image, scale=1 / 128)
    return np.asarray(cv2.blur(image, (3, 3), dst=image), dtype=np.uint8)
