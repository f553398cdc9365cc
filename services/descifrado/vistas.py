"""Images decoded once, at the smallest size that serves every measure and hash (SPEC 6)."""

import threading
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import zxingcpp

from schemas.paquete import Parte
from services.descifrado.domain import Ilegible, Motivo
from services.descifrado.imagenes import Dimensiones

cv2.setNumThreads(1)  # scale by processes

Imagen = npt.NDArray[np.uint8]

LADO = {Parte.ANVERSO: 640, Parte.REVERSO: 640, Parte.FOTO: 480, Parte.FIRMA: 400}
"""Longest side of a view, pixels: thresholds mean the same whatever the camera. What comes smaller stays as it is."""

_REDUCCIONES = (
    (8, cv2.IMREAD_REDUCED_COLOR_8),
    (4, cv2.IMREAD_REDUCED_COLOR_4),
    (2, cv2.IMREAD_REDUCED_COLOR_2),
)
"""A JPEG is decoded at these fractions without ever being whole in memory."""

_RELLENO, _BLOQUE = 128, 8
"""Grey of what has no data, and pixels of a block: a shorter edge may have this grey by chance."""


class Vista:
    """A decoded image, reduced. `color`: height x width x 3, BGR. What is derived from it is made once, when asked for."""

    def __init__(self, color: Imagen) -> None:
        self.color = color

    @cached_property
    def gris(self) -> Imagen:
        """Height x width."""
        return np.asarray(cv2.cvtColor(self.color, cv2.COLOR_BGR2GRAY), dtype=np.uint8)

    @cached_property
    def chica(self) -> Imagen:
        """`gris` at half its size: for what is told from tones alone."""
        alto, ancho = self.gris.shape
        return _a_la_medida(_multiplo(self.gris, 2, 2), max(1, ancho // 2), max(1, alto // 2))

    @cached_property
    def miniatura(self) -> Imagen:
        """`color` in 80 x 50: colours without grain."""
        imagen = _multiplo(self.color, 80, 50)
        # Halving again and again costs half of what one reduction does.
        while (alto := imagen.shape[0]) % 100 == 0 and (ancho := imagen.shape[1]) % 160 == 0:
            imagen = _a_la_medida(imagen, ancho // 2, alto // 2)
        return _a_la_medida(imagen, 80, 50)

    @cached_property
    def tonos(self) -> npt.NDArray[np.float64]:
        """Share (0-1) of `chica` at or below each of the 256 levels."""
        return np.cumsum(cv2.calcHist([self.chica], [0], None, [256], [0, 256])[:, 0]) / self.chica.size

    def tono(self, parte: float) -> int:
        """The level below which so much of the picture (0-1) lies."""
        return min(255, int(np.searchsorted(self.tonos, parte)))

    @cached_property
    def rostros(self) -> list[tuple[int, int, int, int]]:
        """Frontal faces at least a quarter of the height wide, as x, y, width, height in `chica`. The dearest of all."""
        if (cascada := getattr(_hilo, "cascada", None)) is None:
            cascada = _hilo.cascada = cv2.CascadeClassifier(str(_CASCADA))
        gris = cv2.equalizeHist(self.chica)
        menor = max(20, gris.shape[0] // 4)
        for paso in PASOS_DE_ROSTRO:
            hallados = cascada.detectMultiScale(gris, paso, 2, minSize=(menor, menor))
            if len(hallados):
                return [(x, y, w, h) for x, y, w, h in hallados]
        return []

    @cached_property
    def qr(self) -> list[str]:
        """What the QR on it say."""
        return self._leer("QRCode")

    @cached_property
    def barras(self) -> list[str]:
        """What the PDF417 and Code 128 on it say. Dearer than the QR: ask only when these do not do."""
        return self._leer("PDF417,Code128")

    def _leer(self, formatos: str) -> list[str]:
        cuales = zxingcpp.barcode_formats_from_str(formatos)  # kept at the module, it complains when the process ends
        leidos = zxingcpp.read_barcodes(self.gris, cuales, try_rotate=False, try_downscale=False, try_invert=False)
        return [leido.text for leido in leidos]

    @cached_property
    def cara(self) -> npt.NDArray[np.int16] | None:
        """The only face, 64 x 64 x 3, Lab (neutral: 128, 128); None when there is none, or more than one."""
        if len(self.rostros) != 1:
            return None
        x, y, ancho, alto = (2 * v for v in self.rostros[0])
        cara = cv2.resize(self.color[y : y + alto, x : x + ancho], (64, 64), interpolation=cv2.INTER_LINEAR)
        return np.asarray(cv2.cvtColor(cara, cv2.COLOR_BGR2Lab), dtype=np.int16)


PASOS_DE_ROSTRO = (1.3, 1.1)
"""From one size of face to the next: coarse, and fine where none was found, which is seldom."""
_CASCADA = Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_alt2.xml"
_hilo = threading.local()
"""A cascade keeps state while it works: each thread has its own."""


def decodificar(parte: Parte, contenido: bytes, medidas: Dimensiones) -> Vista:
    """The image, read to its end, on white where it is transparent. Raises Ilegible: `imagen_invalida`.

    Call it only with what `imagenes.dimensiones` has bounded.
    """
    menor, mayor = sorted((medidas.ancho, medidas.alto))
    lado = LADO[parte]
    reducciones = (modo for entre, modo in _REDUCCIONES if mayor >= entre * lado and menor >= entre)
    modo = cv2.IMREAD_UNCHANGED if medidas.transparente else next(reducciones, cv2.IMREAD_COLOR)
    try:
        imagen = cv2.imdecode(np.frombuffer(contenido, np.uint8), modo)
    except cv2.error:
        imagen = None
    if imagen is None or not imagen.size or (medidas.tipo_medio == "image/jpeg" and _rellenada(imagen)):
        raise Ilegible(Motivo.IMAGEN_INVALIDA, "no se puede leer completa")
    leida = np.asarray(imagen)
    alto, ancho = leida.shape[:2]
    if (escala := lado / max(alto, ancho)) < 1:
        medida = max(1, round(ancho * escala)), max(1, round(alto * escala))
        leida = np.asarray(cv2.resize(leida, medida, interpolation=cv2.INTER_AREA))
    return Vista(_sobre_blanco(leida) if medidas.transparente else np.asarray(leida, dtype=np.uint8))


def _rellenada(imagen: cv2.typing.MatLike) -> bool:
    """Whether the decoder ran out of data before it ran out of picture: it fills the rest with this very grey, to an edge.

    What is of this grey all over is a flat picture. Not seen: a CMYK one, which is filled otherwise.
    """
    # What fills an edge is in two corners of it, and hardly anything else is: most pictures are told by four pixels.
    if not (imagen[:: max(1, len(imagen) - 1), :: max(1, imagen.shape[1] - 1)] == _RELLENO).any():
        return False
    orillas = (imagen[0], imagen[-1], imagen[:, 0], imagen[:, -1])
    hay_una = any(len(orilla) >= _BLOQUE and (orilla == _RELLENO).all() for orilla in orillas)
    return hay_una and not (imagen == _RELLENO).all()


def _sobre_blanco(imagen: npt.NDArray[Any]) -> Imagen:
    """In colour, 8 bits a channel: BGRA of 8 or 16 bits as it is seen on paper; what has no alpha after all, as it is."""
    de_8 = np.asarray(imagen >> 8 if imagen.dtype == np.uint16 else imagen, dtype=np.uint8)
    if de_8.ndim == 2:
        return np.asarray(cv2.cvtColor(de_8, cv2.COLOR_GRAY2BGR), dtype=np.uint8)
    if de_8.shape[2] == 3:
        return de_8
    color, alfa = de_8[:, :, :3].astype(np.uint16), de_8[:, :, 3:].astype(np.uint16)
    return np.asarray((color * alfa + 255 * (255 - alfa)) // 255, dtype=np.uint8)


def _a_la_medida(imagen: Imagen, ancho: int, alto: int) -> Imagen:
    return np.asarray(cv2.resize(imagen, (ancho, alto), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _multiplo(imagen: Imagen, ancho: int, alto: int) -> Imagen:
    """Without the last rows and columns that are over a multiple: reducing by a whole number is fifteen times cheaper."""
    filas, columnas = imagen.shape[:2]
    return imagen[: filas - filas % alto or filas, : columnas - columnas % ancho or columnas]
