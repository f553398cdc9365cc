"""What a picture looks like, in few bits, so that the same one is found again in another record (SPEC 6). Pure.

The real attacks (REGISTRAL.md): one card's picture with many persons' data laid over it, one picture in thousands of records, the
same photo or signature pasted again and again. A new photograph of the same card by an honest person is another picture.

**Signs.** The picture in grey is cut into 8 x 5 tiles; of each tile 20 coefficients of its cosine transform, fading at its ends,
say by their sign how light and dark alternate there. Recompressing, resizing or lighting turn few of them; another placement,
light or person turn a third or more. Of the sides of a card the finer waves count, since all cards of a model share the coarse
ones; of a signature the part that holds the ink is looked at, wherever in its box it was written.

**Bands.** Eight, each of 48 signs of six tiles: whoever shares one exactly is a candidate. A band is looked for as it is, and in
the middle with its two weakest signs (those that a recompression could have turned) the other way round.

**Crops.** What is kept is of the picture as it is. Whoever looks for others looks at it also as it would be had up to a hundredth
been cut off, from all sides alike or from one, and as it would have been before: of each such view by the six bands that it moves
least.

**Likeness.** Of two pictures, the share of tiles that agree (at most one sign differs) among those in which there is something to
see in either; of the views of the one that looks, the likest. So one that was written over in places still agrees in the others.

Where it fails: a side of a card cropped by something between the steps (0.75 %) is found one time in three, and what was cropped
otherwise on each side (0.8 % here, 0.6 % there) seldom, but for photos; what was cropped by more than a hundredth, turned by more
than a two hundredth, or mirrored, is another picture to it; flat pictures and marks that everybody makes alike (a cross, a line)
have no hash at all. docs/performance.md says what was measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import ECB

from schemas.paquete import IMAGENES, Parte

Gris = npt.NDArray[np.uint8]
Signos = npt.NDArray[np.bool_]
Ondas = npt.NDArray[np.float32]
Bandas = npt.NDArray[np.uint64]
"""Each: 8 bits that say of which image, 8 of which band, and its 48 signs."""

COLUMNAS, FILAS = 8, 5
TESELAS = COLUMNAS * FILAS
_ANCHO, _ALTO = 24, 27
"""Pixels of a tile of a signature."""
_PUNTOS_DE_LADO, _PUNTOS_HACIA_ABAJO = 2 * _ANCHO, 2 * _ALTO
"""Points of a tile at which its waves are taken: fewer would mix finer waves into them."""

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


def _bits(contenidos: Sequence[bytes]) -> npt.NDArray[np.uint8]:
    """One row of ones and zeros for each."""
    juntos = np.frombuffer(b"".join(contenidos), np.uint8)
    return np.unpackbits(juntos.reshape(len(contenidos), -1), axis=1)


def _por_tesela(signos: Sequence[bytes]) -> Ondas:
    """Tiles x hashes x signs, 1 or -1."""
    signos_ = _bits(signos).reshape(len(signos), TESELAS, SIGNOS).transpose(1, 0, 2)
    return np.asarray(2 * signos_.astype(np.float32) - 1, dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Huella:
    """A hash: what is kept of it, the bands it is found by, and, had it been cropped, what would be kept of it.

    `buscadas`: those by which others are looked for, each once: its own, those but for the corners with their two weakest signs
    turned, and as cropping would leave them.
    """

    compendio: Compendio
    bandas: Bandas
    buscadas: Bandas
    recortada: tuple[Compendio, ...]

    def parecidos(self, otros: Sequence[Compendio]) -> list[float]:
        """Of each, the share (0-1) of the tiles with something to see in either that agree, cropped as makes them most alike.

        Other bytes may be as like as can be, too.
        """
        vistas = (self.compendio, *self.recortada)
        esta, aquellas = (_por_tesela([c.signos for c in unos]) for unos in (vistas, otros))
        # Of signs that are 1 or -1 the product says how many more are equal than are not.
        iguales = esta @ aquellas.transpose(0, 2, 1) >= SIGNOS - 2 * DISTINTOS
        este, aquel = (_bits([c.con_detalle for c in unos]).T.astype(np.bool_) for unos in (vistas, otros))
        en_ambas, en_alguna = este[:, :, None] & aquel[:, None], este[:, :, None] | aquel[:, None]
        partes = np.count_nonzero(iguales & en_ambas, axis=0) / np.maximum(1, np.count_nonzero(en_alguna, axis=0))
        parecidos: list[float] = partes.max(axis=0).tolist()
        return parecidos


_BANDAS = np.array(
    [
        [(fila + f) * COLUMNAS + columna + c for f in range(3) for c in range(2)]
        for fila in (0, 2)
        for columna in range(0, COLUMNAS, 2)
    ]
)
"""Tiles of each band: two columns of three."""
_ESQUINAS = np.isin(np.arange(len(_BANDAS)), (0, 3, 4, 7))
"""Bands with a corner of the picture: cards of one model share them most, and their own data least."""
_DE_LA_BANDA = np.array([0, 1, 2, 5, 6, 7, 10, 11])
"""Eight coefficients of a tile that its bands are made of: the coarser ones, which a displacement turns last."""
_SIGNOS_DE_BANDA = _BANDAS.shape[1] * len(_DE_LA_BANDA)
Margen = tuple[float, float]
"""Shares of a side that are cut off, from its beginning and from its end; negative: that were."""
_NADA: Margen = (0.0, 0.0)
_PASOS = (0.005, 0.01, -0.005, -0.01)
_DE_UN_LADO: list[Margen] = [margen for c in _PASOS for margen in ((c, 0.0), (0.0, c))]
_DE_AMBOS: list[Margen] = [(c, c) for c in _PASOS]
_RECORTES = [
    (_NADA, _NADA),
    *((_NADA, hacia_abajo) for hacia_abajo in _DE_UN_LADO),
    *((de_lado, _NADA) for de_lado in _DE_UN_LADO),
    *zip(_DE_AMBOS, _DE_AMBOS, strict=True),
]
"""Crops that are looked for, across and down: none, and each, done or undone."""
_QUIETAS = 6
"""Bands by which each crop is looked for: those that it moves least."""


def _por_buscar() -> Signos:
    """Crops x bands: by which each is looked for. All, where there is none."""
    x, y = (_BANDAS % COLUMNAS + 0.5).mean(axis=1) / COLUMNAS, (_BANDAS // COLUMNAS + 0.5).mean(axis=1) / FILAS
    hallables = np.ones((len(_RECORTES), len(_BANDAS)), np.bool_)
    for suyas, ((antes, despues), (arriba, abajo)) in zip(hallables[1:], _RECORTES[1:], strict=True):
        movidas = np.hypot(antes * (1 - x) - despues * x, arriba * (1 - y) - abajo * y)
        suyas[np.argsort(movidas, kind="stable")[_QUIETAS:]] = False
    return hallables


_POR_BUSCAR = _por_buscar()


_Eje = list[tuple[slice, Ondas]]
"""Along one side: of each tile its strip of the picture, and what that is multiplied with, (crops · waves) x pixels."""


class _Bases(NamedTuple):
    """What a picture of one size is multiplied with down and across: as it is, also cropped at one end, cropped at both."""

    filas: _Eje
    columnas: _Eje
    filas_de_un_lado: _Eje
    columnas_de_un_lado: _Eje
    filas_de_ambos: _Eje
    columnas_de_ambos: _Eje


def _base(largo: int, ondas: Sequence[int]) -> Ondas:
    """Cosines of so many half waves over a length, one per row, fading at its ends: what crosses them turns no sign at once."""
    x = (np.arange(largo) + 0.5) / largo
    de_cada_una = np.cos(np.pi * np.outer(ondas, x)) * np.sin(np.pi * x) * np.sqrt(2)
    return np.asarray(de_cada_una - de_cada_una.mean(axis=1, keepdims=True), dtype=np.float32)


@lru_cache(maxsize=16)
def _bases(alto: int, ancho: int, finura: Finura) -> _Bases:
    """For a picture of that size: averaging to 384 x 270 and transforming each tile, in one step."""
    de_lado, hacia_abajo = _base(_PUNTOS_DE_LADO, finura[0]), _base(_PUNTOS_HACIA_ABAJO, finura[1])
    de_lado = de_lado * np.float32(2 / np.sqrt(_PUNTOS_HACIA_ABAJO * _PUNTOS_DE_LADO))
    return _Bases(
        _eje(alto, FILAS, hacia_abajo, [_NADA]),
        _eje(ancho, COLUMNAS, de_lado, [_NADA]),
        _eje(alto, FILAS, hacia_abajo, [_NADA, *_DE_UN_LADO]),
        _eje(ancho, COLUMNAS, de_lado, _DE_UN_LADO),
        _eje(alto, FILAS, hacia_abajo, _DE_AMBOS),
        _eje(ancho, COLUMNAS, de_lado, _DE_AMBOS),
    )


def _eje(largo: int, teselas: int, base: Ondas, margenes: Sequence[Margen]) -> _Eje:
    reducciones = np.stack([_reduccion(largo, teselas * base.shape[1], margen) for margen in margenes])
    eje = []
    for de_la_tesela in np.split(reducciones, teselas, axis=1):
        vistos = np.flatnonzero(de_la_tesela.any(axis=(0, 1)))
        franja = slice(int(vistos[0]), int(vistos[-1]) + 1)
        eje.append((franja, np.vstack([base @ una[:, franja] for una in de_la_tesela]).astype(np.float32)))
    return eje


def _reduccion(de: int, a: int, margen: Margen) -> Ondas:
    """What gives each of `a` pixels its share of `de`, those of the margin left out; where it is negative the edge goes on."""
    antes, despues = margen
    orillas = (antes + (1 - antes - despues) * np.arange(a + 1) / a) * de
    desde, hasta = np.arange(de, dtype=np.float64), np.arange(1.0, de + 1)
    desde[0], hasta[-1] = min(0.0, orillas[0]), max(de, orillas[-1])
    comunes = np.minimum(orillas[1:, None], hasta) - np.maximum(orillas[:-1, None], desde)
    return np.asarray(np.maximum(0, comunes) / (orillas[1] - orillas[0]), dtype=np.float32)


def huella(parte: Parte, gris: Gris, sha256: bytes) -> Huella | None:
    """Of an image (height x width) whose bytes have that SHA-256; None when there is nothing in it that tells it from others."""
    lienzo = _lo_firmado(gris) if parte is Parte.FIRMA else gris
    if lienzo is None:
        return None
    # A signature is looked at where its ink is, whatever was cut off around it.
    ondas = _ondas(lienzo, _FINURA[parte], con_recortes=parte is not Parte.FIRMA)
    detalle = np.einsum("rto,rto->rt", ondas, ondas) >= SIGNOS * _DETALLE**2
    if detalle[0].sum() < _CON_DETALLE:
        return None
    signos, con_detalle = np.packbits((ondas > 0).reshape(len(ondas), -1), axis=1), np.packbits(detalle, axis=1)
    compendio, *recortada = (
        Compendio(suyos.tobytes(), suyo.tobytes(), sha256) for suyos, suyo in zip(signos, con_detalle, strict=True)
    )
    return Huella(compendio, *_bandas(parte, ondas, detalle), tuple(recortada))


def _ondas(gris: Gris, finura: Finura, *, con_recortes: bool) -> Ondas:
    """Coefficients, crops (or the one that is none) x tiles x 20, in levels of grey.

    What is cropped along one side alone is transformed along the other first, once for all: a third of the multiplications, and
    none so large that numpy's library would take every core for it, and spin on them.
    """
    bases, claro = _bases(*gris.shape, finura), gris.astype(np.float32)
    abajo = bases.filas_de_un_lado if con_recortes else bases.filas
    # r: crops; f, c: tiles down and across; w, v: waves down and across.
    partes = [np.einsum("frwcqv->rfcwv", _transformada(claro.T, bases.columnas, abajo, finura[::-1]))]
    if con_recortes:
        de_lado = _transformada(claro, bases.filas, bases.columnas_de_un_lado, finura)
        de_ambos = _transformada(claro, bases.filas_de_ambos, bases.columnas_de_ambos, finura)
        partes += [np.einsum("crvfqw->rfcwv", de_lado), np.einsum("crvfrw->rfcwv", de_ambos)]
    return np.concatenate(partes).reshape(-1, TESELAS, SIGNOS)


def _transformada(imagen: Ondas, primero: _Eje, segundo: _Eje, finura: Finura) -> Ondas:
    """Down and then across, or a turned one across and then down: tiles x crops x waves of the second by those of the first.

    `finura`: waves across and down, of a turned one the other way round.
    """
    una = np.concatenate([ondas @ imagen[franja] for franja, ondas in primero]).T
    otra = np.stack([ondas @ una[franja] for franja, ondas in segundo])
    de_la_segunda, de_la_primera = (len(ondas) for ondas in finura)
    return otra.reshape(
        len(segundo), -1, de_la_segunda, len(primero), una.shape[1] // (len(primero) * de_la_primera), de_la_primera
    )


def _bandas(parte: Parte, ondas: Ondas, detalle: Signos) -> tuple[Bandas, Bandas]:
    """Those in which there is enough to see, and those to look for."""
    visibles = detalle[0, _BANDAS].sum(axis=1) >= _TESELAS_CON_DETALLE
    # Where there is nothing to see chance would decide the signs: they are always negative, and never weak.
    teselas = np.packbits((ondas[:, :, _DE_LA_BANDA] > 0) & detalle[:, :, None]).reshape(detalle.shape)  # a byte each
    bytes_ = np.empty((len(ondas), len(_BANDAS), 8), np.uint8)
    bytes_[:, :, 0] = IMAGENES.index(parte)
    bytes_[:, :, 1] = np.arange(len(_BANDAS))
    bytes_[:, :, 2:] = teselas[:, _BANDAS]
    bandas = bytes_.view(">u8")[:, :, 0].astype(np.uint64)
    dudosas = visibles & ~_ESQUINAS
    fuerza = np.where(detalle[0, :, None], np.abs(ondas[0][:, _DE_LA_BANDA]), np.inf)
    debiles = np.argpartition(fuerza[_BANDAS[dudosas]].reshape(-1, _SIGNOS_DE_BANDA), 2, axis=1)[:, :2]
    una, otra = np.uint64(1) << (_SIGNOS_DE_BANDA - 1 - debiles.T).astype(np.uint64)
    vueltas = (bandas[0, dudosas] ^ una, bandas[0, dudosas] ^ otra, bandas[0, dudosas] ^ una ^ otra)
    return bandas[0, visibles], np.unique(np.concatenate((bandas[_POR_BUSCAR[: len(ondas)] & visibles], *vueltas)))


def _lo_firmado(gris: Gris) -> Gris | None:
    """The window about the ink; None where there is none, or only a mark that everybody makes alike."""
    claro, oscuro = int(gris.max()), int(gris.min())
    if claro - oscuro < _LUZ:
        return None
    tinta = gris < (claro + oscuro + 1) // 2
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


def fichas(llave: bytes, bandas: Bandas) -> list[bytes]:
    """Words of these bands in the index, 8 bytes each: nobody without the key (32 bytes) can tell what one stands for, or make one.

    A block of AES-256 for each, of which no two are alike; all at once, since a record has some hundreds.
    """
    bloques = np.zeros((len(bandas), 2), ">u8")
    bloques[:, 0] = bandas
    cifrador = Cipher(AES256(llave), ECB()).encryptor()  # noqa: S305 — single blocks, as a keyed function of 8 bytes
    cifrados = cifrador.update(bloques.tobytes())
    return [cifrados[inicio : inicio + 8] for inicio in range(0, len(cifrados), 16)]
