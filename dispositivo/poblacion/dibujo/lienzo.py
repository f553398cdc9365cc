"""Text, codes, noise and light on numpy images (height x width x 3, BGR, uint8); what can be shared is drawn once.

Pillow's bundled font has no accented letters: the sign is drawn over the plain letter.
"""

import unicodedata
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import zxingcpp
from PIL import Image, ImageDraw, ImageFont

Imagen = npt.NDArray[np.uint8]
Color = tuple[int, int, int]

_ACENTO, _TILDE, _DIERESIS = "\u0301", "\u0303", "\u0308"
_RUIDO_ALTO, _RUIDO_ANCHO, _RUIDO_MEDIO = 1100, 1600, 24


@lru_cache(maxsize=64)
def _fuente(size: int) -> Any:
    return ImageFont.load_default(size=size)


@lru_cache(maxsize=4096)
def _glifo(char: str, size: int, bold: bool) -> Imagen:
    """Mask (0-255) of one character; its width is the advance, its height that of the line."""
    decomposed = unicodedata.normalize("NFD", char)
    if len(decomposed) == 1:
        return _dibujar_glifo(char, "", size, bold)
    large = _dibujar_glifo(decomposed[0], decomposed[1:], size * 4, bold)
    plain = _glifo(decomposed[0], size, bold)
    return np.asarray(cv2.resize(large, plain.shape[1::-1], interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _dibujar_glifo(base: str, signs: str, size: int, bold: bool) -> Imagen:
    font = _fuente(size)
    ascent, descent = font.getmetrics()
    margin = size // 4
    stroke = (size // 34 if signs else 1) if bold else 0
    width = max(round(font.getlength(base)) + stroke, 1)
    image = Image.new("L", (width, margin + ascent + descent), 0)
    draw = ImageDraw.Draw(image)
    draw.text((0, margin), base, font=font, fill=255, stroke_width=stroke)
    top = margin + font.getbbox(base)[1]
    thick = size // 13 + stroke
    middle = width / 2
    for sign in signs:
        if sign == _ACENTO:
            ends = (middle - size * 0.03, top - size * 0.06, middle + size * 0.12, top - size * 0.19)
            draw.line(ends, fill=255, width=thick)
        elif sign == _TILDE:
            xs = np.linspace(-0.17, 0.17, 25)
            wave = [(middle + x * size, top - size * (0.12 + 0.035 * np.sin(x * 18.5))) for x in xs]
            draw.line(wave, fill=255, width=thick, joint="curve")
        elif sign == _DIERESIS:
            for x in (middle - size * 0.12, middle + size * 0.12):
                draw.ellipse((x - thick, top - size * 0.12 - thick, x + thick, top - size * 0.12 + thick), fill=255)
    return np.asarray(image)


def mascara(text: str, size: int, *, bold: bool = False) -> Imagen:
    """Mask (0-255) of a line of text, `size` in pixels."""
    return np.hstack([_glifo(c, size, bold) for c in text])


def escribir(
    ink: Imagen, text: str, x: int, y: int, size: int, *, bold: bool = False, width: int | None = None, force: int = 215
) -> None:
    """Write on a layer of ink (height x width), top left at (x, y); squeezed when it is wider than `width`."""
    mask = mascara(text, size, bold=bold)
    if width is not None and mask.shape[1] > width:
        mask = np.asarray(cv2.resize(mask, (width, mask.shape[0]), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    estampar(ink, mask, x, y - size // 4, force)


def escribir_a_paso(ink: Imagen, text: str, x: int, y: int, size: int, pitch: int) -> None:
    """Write each character in a cell of `pitch` pixels, as machines like to read."""
    estampar(ink, np.hstack([_celda(c, size, pitch) for c in text]), x, y - size // 4, 235)


@lru_cache(maxsize=256)
def _celda(char: str, size: int, pitch: int) -> Imagen:
    """Mask of a character in the middle of a cell; what does not fit the cell is cut."""
    glyph = _glifo(char, size, True)[:, :pitch]
    left = (pitch - glyph.shape[1]) // 2
    return np.pad(glyph, ((0, 0), (left, pitch - glyph.shape[1] - left)))


def estampar(ink: Imagen, mask: Imagen, x: int, y: int, force: int) -> None:
    """Lay a mask on a layer of ink, the darker winning; what falls outside is cut."""
    left, top = max(-x, 0), max(-y, 0)
    x, y = max(x, 0), max(y, 0)
    part = mask[top : top + max(ink.shape[0] - y, 0), left : left + max(ink.shape[1] - x, 0)]
    if part.size:
        place = ink[y : y + part.shape[0], x : x + part.shape[1]]
        if force < 255:
            part = np.asarray(cv2.convertScaleAbs(part, alpha=force / 255), dtype=np.uint8)
        cv2.max(place, part, dst=place)


def entintar(image: Imagen, ink: Imagen) -> None:
    """Darken an image, in place, by its layer of ink."""
    cv2.subtract(image, cv2.cvtColor(ink, cv2.COLOR_GRAY2BGR), dst=image)


def reducir(image: Imagen, width: int, height: int) -> Imagen:
    """A smaller copy: by halves, which is cheap, then to size."""
    while image.shape[1] >= 2 * width and image.shape[0] >= 2 * height:
        half = image.shape[1] // 2, image.shape[0] // 2
        image = np.asarray(cv2.resize(image, half, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def codigo(text: str, kind: str, module: int, height: int | None = None) -> Imagen:
    """A code in black on white with its quiet zone (grey image). `module`: pixels; `height`: of a 1-D code, in pixels.

    `kind`: a name of zxingcpp.BarcodeFormat.
    """
    barcode = zxingcpp.create_barcode(text, getattr(zxingcpp.BarcodeFormat, kind))
    image = np.array(barcode.to_image(), dtype=np.uint8)
    if height is not None:
        image = image[image.shape[0] // 2 :][:1]
    size = image.shape[1] * module, height or image.shape[0] * module
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_NEAREST), dtype=np.uint8)


def pegar_gris(image: Imagen, grey: Imagen, x: int, y: int) -> None:
    """Put a grey image on a colour one, top left at (x, y)."""
    image[y : y + grey.shape[0], x : x + grey.shape[1]] = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)


@lru_cache(maxsize=1)
def _ruido() -> Imagen:
    rng = np.random.default_rng(20)
    grain = rng.normal(_RUIDO_MEDIO, 1, (_RUIDO_ALTO, _RUIDO_ANCHO, 1)) + rng.normal(
        0, 4.6, (_RUIDO_ALTO, _RUIDO_ANCHO, 1)
    )
    colour = rng.normal(0, 1.3, (_RUIDO_ALTO, _RUIDO_ANCHO, 3))
    return np.clip(grain + colour, 0, 2 * _RUIDO_MEDIO).astype(np.uint8)


def ruido(image: Imagen, rng: np.random.Generator) -> None:
    """Sensor grain, in place; a different piece of the same tile each time."""
    height, width = image.shape[:2]
    y, x = int(rng.integers(0, _RUIDO_ALTO - height + 1)), int(rng.integers(0, _RUIDO_ANCHO - width + 1))
    tile = _ruido()[y : y + height, x : x + width]
    cv2.add(image, tile, dst=image)
    cv2.subtract(image, np.full(4, float(_RUIDO_MEDIO)), dst=image)


@lru_cache(maxsize=64)
def _luz(height: int, width: int, kind: int) -> Imagen:
    """Smooth light over an image (0-255, 255 leaves it as it is); `kind` 0-7 says where it comes from."""
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
    angle = kind * np.pi / 4
    ramp = (xs / width - 0.5) * np.cos(angle) + (ys / height - 0.5) * np.sin(angle)
    corner = ((xs / width - 0.5) ** 2 + (ys / height - 0.5) ** 2) * 0.25
    light = 0.99 + 0.16 * ramp - corner
    return np.repeat((np.clip(light, 0, 1) * 255).astype(np.uint8)[:, :, None], 3, axis=2)


def iluminar(image: Imagen, kind: int) -> None:
    """Uneven light, in place; `kind` 0-7."""
    cv2.multiply(image, _luz(image.shape[0], image.shape[1], kind), dst=image, scale=1 / 255)


def desenfocar(image: Imagen, factor: int) -> Imagen:
    """Strong blur, cheaply: by way of an image `factor` times smaller."""
    height, width = image.shape[:2]
    small = cv2.resize(image, (max(width // factor, 2), max(height // factor, 2)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (5, 5), 0)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def degradado(height: int, width: int, top: Color, bottom: Color) -> Imagen:
    """Vertical gradient between two colours (BGR)."""
    return _degradado(height, width, top, bottom).copy()


@lru_cache(maxsize=16)
def _degradado(height: int, width: int, top: Color, bottom: Color) -> Imagen:
    column = np.linspace(np.array(top), np.array(bottom), height).astype(np.uint8)
    return np.repeat(column[:, None, :], width, axis=1)


def jpeg(image: Imagen, quality: int) -> bytes:
    """The image as JPEG."""
    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError("la imagen no se pudo codificar")
    return data.tobytes()
