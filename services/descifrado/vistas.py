"""Images decoded once, at the smallest size that serves every measure and hash (SPEC 6)."""

import threading
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

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
        """`gris` at half its size: what is told from tones alone."""
        alto, ancho = self.gris.shape
        medidas = max(1, ancho // 2), max(1, alto // 2)
        return np.asarray(cv2.resize(self.gris, medidas, interpolation=cv2.INTER_AREA), dtype=np.uint8)

    @cached_property
    def rostros(self) -> int:
        """How many frontal faces at least a fifth of the height wide. The dearest of all: it is asked for once for all alerts."""
        if (cascada := getattr(_hilo, "cascada", None)) is None:
            cascada = _hilo.cascada = cv2.CascadeClassifier(str(_CASCADA))
        gris = cv2.equalizeHist(self.chica)
        menor = max(20, gris.shape[0] // 5)
        return len(cascada.detectMultiScale(gris, 1.15, 4, minSize=(menor, menor)))


_CASCADA = Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_alt2.xml"
_hilo = threading.local()
"""A cascade keeps state while it works: each thread has its own."""


def decodificar(parte: Parte, contenido: bytes, medidas: Dimensiones) -> Vista:
    """The image, read to its end. Call it only with what `imagenes.dimensiones` has bounded. Raises Ilegible: `imagen_invalida`."""
    menor, mayor = sorted((medidas.ancho, medidas.alto))
    lado = LADO[parte]
    reducciones = (modo for entre, modo in _REDUCCIONES if mayor >= entre * lado and menor >= entre)
    modo = next(reducciones, cv2.IMREAD_COLOR)
    try:
        imagen = cv2.imdecode(np.frombuffer(contenido, np.uint8), modo)
    except cv2.error:
        imagen = None
    if imagen is None or not imagen.size:
        raise Ilegible(Motivo.IMAGEN_INVALIDA, "no se puede leer completa")
    alto, ancho = imagen.shape[:2]
    if (escala := lado / max(alto, ancho)) < 1:
        a_la_medida = max(1, round(ancho * escala)), max(1, round(alto * escala))
        imagen = cv2.resize(imagen, a_la_medida, interpolation=cv2.INTER_AREA)
    return Vista(np.asarray(imagen, dtype=np.uint8))
