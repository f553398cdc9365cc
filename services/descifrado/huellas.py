"""What a picture looks like, in few bits, so that the same one is found again in another record (SPEC 6). Pure.

The real attacks (REGISTRAL.md): one card's picture with many persons' data laid over it, one picture in thousands of records, the
same photo or signature pasted again and again. A new photograph of the same card by an honest person is another picture.

**Signs.** The picture in grey is reduced to 192 x 135 and cut into 8 x 5 tiles; of each tile 20 coefficients of its cosine
transform say by their sign how light and dark alternate there. Recompressing, resizing or lighting turn few of them; another
placement, light or person turn a third or more. Of the sides of a card the finer waves count, since all cards of a model share the
coarse ones; of a signature the part that holds the ink is looked at, wherever in its box it was written.

**Bands.** Eight, each of 48 signs of six tiles: whoever shares one exactly is a candidate. A band is looked for as it is, and with
its two weakest signs (those that a recompression could have turned) the other way round.

**Likeness.** Of two pictures, the share of tiles that agree (at most one sign differs) among those in which there is something to
see in either. So one that was written over in places still agrees in the others.

Where it fails: what was cropped or turned by more than a two hundredth, or mirrored, is another picture to it; flat pictures and
marks that everybody makes alike (a cross, a line) have no hash at all. docs/performance.md says what was measured.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import cv2
import numpy as np
import numpy.typing as npt

from schemas.paquete import Parte

Gris = npt.NDArray[np.uint8]
Signos = npt.NDArray[np.bool_]
Ondas = npt.NDArray[np.float32]

COLUMNAS, FILAS = 8, 5
TESELAS = COLUMNAS * FILAS
_ANCHO, _ALTO = 24, 27
"""Pixels of a tile."""

Finura = tuple[range, range]
_FINAS = range(4, 9), range(4, 8)
_MEDIAS = range(2, 7), range(2, 6)
_GRUESAS = range(1, 6), range(1, 5)
_FINURA: dict[Parte, Finura] = {
    Parte.ANVERSO: _FINAS,
    Parte.REVERSO: _FINAS,
    Parte.FOTO: _GRUESAS,
    Parte.FIRMA: _MEDIAS,
}
"""Half waves across and down a tile that count of each image."""

SIGNOS = 20
"""Per tile."""

DISTINTOS = 1
"""Signs of a tile that may differ, and it still agrees."""

_DETALLE = 1.0
"""What there is to see in a tile: root mean square of its coefficients, in levels of grey."""
_CON_DETALLE = 10
"""Tiles with something to see, without which there is no hash."""

_TESELAS_CON_DETALLE = 4
"""Tiles of a band with something to see, without which it is left out."""

_TRAZO = 2.1
"""Least length of a signature's strokes, in half perimeters of its box: a line has 1, an X 1.85, the plainest rubric 2.4."""
_LUZ = 40
"""Least difference between ink and paper, levels of grey."""
_ANCHO_DE_TRAZO = 2.2
"""Half of the window about a signature, in standard deviations of its ink."""


@dataclass(frozen=True, slots=True)
class Compendio:
    """What is kept of a hash, sealed: the signs of each tile, which tiles have something to see, and the SHA-256 of the image."""

    signos: bytes
    con_detalle: bytes
    sha256: bytes

    LARGO: ClassVar[int] = TESELAS * SIGNOS // 8 + TESELAS // 8 + 32

    def __bytes__(self) -> bytes:
        return self.signos + self.con_detalle + self.sha256

    @classmethod
    def de(cls, contenido: bytes) -> "Compendio":
        """The hash whose bytes these are."""
        signos, detalle = TESELAS * SIGNOS // 8, TESELAS // 8
        return cls(contenido[:signos], contenido[signos : signos + detalle], contenido[signos + detalle :])

    def parecidos(self, otros: Sequence["Compendio"]) -> list[float]:
        """Of each, the share (0-1) of the tiles with something to see in either that agree.

        Other bytes may be as like as can be, too.
        """
        distintos = _bits([self.signos]) ^ _bits([otro.signos for otro in otros])
        iguales = distintos.reshape(-1, TESELAS, SIGNOS).sum(axis=2, dtype=np.uint8) <= DISTINTOS
        esta, aquellas = _bits([self.con_detalle]), _bits([otro.con_detalle for otro in otros])
        coinciden = np.count_nonzero(iguales & (esta & aquellas).view(np.bool_), axis=1)
        parecidos: list[float] = (coinciden / np.count_nonzero(esta | aquellas, axis=1)).tolist()
        return parecidos


def _bits(contenidos: Sequence[bytes]) -> npt.NDArray[np.uint8]:
    """One row of ones and zeros for each."""
    juntos = np.frombuffer(b"".join(contenidos), np.uint8)
    return np.unpackbits(juntos.reshape(len(contenidos), -1), axis=1)


@dataclass(frozen=True, slots=True)
class Banda:
    """One of the bands of a hash: its number, and its bits, first as they are, then with its two weakest signs turned."""

    numero: int
    variantes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Huella:
    """A hash: what is kept of it, and what it is found by."""

    compendio: Compendio
    bandas: tuple[Banda, ...]


_BANDAS = np.array(
    [
        [(fila + f) * COLUMNAS + columna + c for f in range(3) for c in range(2)]
        for fila in (0, 2)
        for columna in range(0, COLUMNAS, 2)
    ]
)
"""Tiles of each band: two columns of three."""
_DE_LA_BANDA = np.array([0, 2, 4, 6, 8, 10, 12, 14])
"""Coefficients of a tile that its bands are made of."""


def _base(largo: int, ondas: Sequence[int]) -> Ondas:
    """Cosines of so many half waves over a length, one per row."""
    x = (np.arange(largo) + 0.5) / largo
    return np.stack([np.cos(np.pi * k * x) for k in ondas]).astype(np.float32)


@lru_cache(maxsize=64)
def _bases(alto: int, ancho: int, finura: Finura) -> tuple[list[tuple[slice, Ondas]], Ondas]:
    """What a picture of that size is multiplied with to get the coefficients of its tiles.

    From the left, for each row of tiles, its strip of the picture and what that is multiplied with; and from the right. It gives
    what averaging to 192 x 135 and then transforming each tile would, in one step.
    """
    de_lado, hacia_abajo = _base(_ANCHO, finura[0]), _base(_ALTO, finura[1])
    filas = []
    for fila, reduccion in enumerate(_reduccion(alto, FILAS * _ALTO).reshape(FILAS, _ALTO, alto)):
        franja = slice(alto * fila // FILAS, -(-alto * (fila + 1) // FILAS))
        filas.append((franja, np.asarray(hacia_abajo @ reduccion[:, franja], dtype=np.float32)))
    columnas = np.kron(np.eye(COLUMNAS), de_lado) @ _reduccion(ancho, COLUMNAS * _ANCHO)
    return filas, np.asarray(columnas.T * (2 / np.sqrt(_ALTO * _ANCHO)), dtype=np.float32)


def _reduccion(de: int, a: int) -> Ondas:
    """What gives each of `a` pixels its share of `de`."""
    orillas = np.arange(a + 1) * (de / a)
    pixel = np.arange(de)
    desde, hasta = np.maximum(orillas[:-1, None], pixel), np.minimum(orillas[1:, None], pixel + 1)
    return np.asarray(np.maximum(0, hasta - desde) * (a / de), dtype=np.float32)


def huella(parte: Parte, gris: Gris, sha256: bytes) -> Huella | None:
    """Of an image (height x width) whose bytes have that SHA-256; None when there is nothing in it that tells it from others."""
    lienzo = _lo_firmado(gris) if parte is Parte.FIRMA else gris
    if lienzo is None:
        return None
    ondas = _ondas(lienzo, _FINURA[parte])
    detalle = (ondas**2).mean(axis=1) >= _DETALLE**2
    if detalle.sum() < _CON_DETALLE:
        return None
    compendio = Compendio(np.packbits(ondas > 0).tobytes(), np.packbits(detalle).tobytes(), sha256)
    return Huella(compendio, _bandas(ondas, detalle))


def _ondas(gris: Gris, finura: Finura) -> Ondas:
    """Coefficients, tiles x 20, in levels of grey."""
    filas, columnas = _bases(*gris.shape, finura)
    # One row of tiles at a time: for larger products numpy's library takes every core, and spins on them.
    claro = gris.astype(np.float32)
    altos = np.vstack([de_la_fila @ claro[franja] for franja, de_la_fila in filas])
    ondas = (altos @ columnas).reshape(FILAS, len(finura[1]), COLUMNAS, len(finura[0]))
    return np.ascontiguousarray(ondas.transpose(0, 2, 1, 3)).reshape(TESELAS, SIGNOS)


def _bandas(ondas: Ondas, detalle: Signos) -> tuple[Banda, ...]:
    """Those in which there is enough to see."""
    numeros = np.flatnonzero(detalle[_BANDAS].sum(axis=1) >= _TESELAS_CON_DETALLE)
    # Where there is nothing to see chance would decide the signs: they are always negative, and never weak.
    ciertas = np.where(detalle[:, None], ondas[:, _DE_LA_BANDA], -np.inf)
    largo = _BANDAS.shape[1] * len(_DE_LA_BANDA)
    de_cada_una = ciertas[_BANDAS[numeros]].reshape(len(numeros), largo)
    debiles = np.argpartition(np.abs(de_cada_una), 2, axis=1)[:, :2]
    bandas = []
    for numero, fila, (una, otra) in zip(
        numeros.tolist(), np.packbits(de_cada_una > 0, axis=1), debiles.tolist(), strict=True
    ):
        bits, una, otra = int.from_bytes(fila.tobytes(), "big"), 1 << (largo - 1 - una), 1 << (largo - 1 - otra)
        bandas.append(Banda(numero, (bits, bits ^ una, bits ^ otra, bits ^ una ^ otra)))
    return tuple(bandas)


def _lo_firmado(gris: Gris) -> Gris | None:
    """The window about the ink; None where there is none, or only a mark that everybody makes alike."""
    claro, oscuro = int(gris.max()), int(gris.min())
    if claro - oscuro < _LUZ:
        return None
    tinta = gris < (claro + oscuro) / 2
    columnas, filas = np.flatnonzero(tinta.any(axis=0)), np.flatnonzero(tinta.any(axis=1))
    orillas = np.count_nonzero(tinta[:, 1:] != tinta[:, :-1]) + np.count_nonzero(tinta[1:] != tinta[:-1])
    caja = (columnas[-1] - columnas[0] + 1) + (filas[-1] - filas[0] + 1)
    if orillas / 2 < _TRAZO * caja:
        return None
    # By where the ink lies on the whole, not by its outermost pixel, which any recompression moves.
    peso = (claro - gris).astype(np.float32)
    peso[peso < (claro - oscuro) / 4] = 0
    x, ancho = _centro(peso.sum(axis=0))
    y, alto = _centro(peso.sum(axis=1))
    ancho, alto = max(ancho, 4.0) * _ANCHO_DE_TRAZO, max(alto, 4.0) * _ANCHO_DE_TRAZO
    escala = np.array(
        ((2 * ancho / (COLUMNAS * _ANCHO), 0, x - ancho), (0, 2 * alto / (FILAS * _ALTO), y - alto)), dtype=np.float32
    )
    ventana = cv2.warpAffine(
        gris,
        escala,
        (COLUMNAS * _ANCHO, FILAS * _ALTO),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=claro,
    )
    return np.asarray(ventana, dtype=np.uint8)


def _centro(peso: npt.NDArray[np.float32]) -> tuple[float, float]:
    """Mean and standard deviation of where the weight lies, pixels."""
    donde = np.arange(peso.size, dtype=np.float64)
    total = float(peso.sum(dtype=np.float64))
    medio = float(donde @ peso) / total
    return medio, float(np.sqrt(max(float((donde - medio) ** 2 @ peso) / total, 0.0)))


def ficha(llave: bytes, parte: Parte, banda: int, bits: int) -> int:
    """A band's word in the index, 64 bits with sign: nobody without the key can tell what it stands for, or make one."""
    palabra = hmac.digest(llave, f"{parte.value}|{banda}|{bits}".encode(), "sha256")
    return int.from_bytes(palabra[:8], "big", signed=True)
