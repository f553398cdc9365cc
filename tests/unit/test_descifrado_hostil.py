"""Hostile packages: whatever comes, descifrado says what it is, within bounds of memory and processor that the system enforces."""

import io
import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path

import pytest
from PIL import Image

from schemas.paquete import MAX_PAQUETE
from services.descifrado.imagenes import MAX_BYTES, MAX_PASADAS, MAX_PIXELES
from tests.support.hostil import MEMORIA, PROCESADOR_S
from tests.support.imagenes import (
    SECRETO,
    ajenas,
    ceros,
    chunk,
    con_chunks,
    con_medidas,
    con_segmentos,
    exif,
    jpeg,
    pixeles,
    png,
    png_crudo,
    progresivo,
    segmento,
)

MUCHO = 600 << 20
"""Zeros that fit a package when they are deflated."""
ABIERTO, INVALIDA, EXCESIVA = "abierto", "imagen_invalida", "imagen_excesiva"
MAS_MIB = 400
"""Memory that a package may take beyond what a small one does: a picture of 100 MB decoded, reduced, and the package's copies."""


def _png(ancho: int, alto: int, tipo: int, bits: int, por_pixel: float, *, entrelazado: bool = False) -> bytes:
    return png_crudo(
        ancho, alto, tipo, bits, ceros(int(ancho * por_pixel + 1 + entrelazado) * alto), entrelazado=entrelazado
    )


def _animado() -> bytes:
    out = io.BytesIO()
    cuadros = [pixeles().rotate(n) for n in range(90)]
    pixeles().save(out, "PNG", save_all=True, append_images=cuadros)
    return out.getvalue()


def _mitad(imagen: bytes) -> bytes:
    return imagen[: len(imagen) // 2]


def _cmyk() -> bytes:
    return jpeg(pixeles().convert("CMYK"))


IMAGENES: dict[str, tuple[Callable[[], bytes], str]] = {
    "una de verdad": (lambda: jpeg(), ABIERTO),
    # As large as is allowed: it opens, and within bounds.
    "25 megapixeles jpeg": (lambda: jpeg(Image.new("RGB", (5000, 5000), (90, 90, 90))), ABIERTO),
    "25 megapixeles png gris": (lambda: _png(5000, 5000, 0, 8, 1), ABIERTO),
    "25 megapixeles png con transparencia": (lambda: _png(5000, 5000, 6, 8, 4), ABIERTO),
    "12 megapixeles de 16 bits": (lambda: _png(4000, 3000, 6, 16, 8), ABIERTO),
    "todas las pasadas permitidas": (lambda: progresivo(5000, 4000, MAX_PASADAS), ABIERTO),
    "12000 de lado": (lambda: _png(12_000, 2, 2, 8, 3), ABIERTO),
    # Beyond.
    "100 megapixeles": (lambda: jpeg(Image.new("L", (10_000, 10_000))), EXCESIVA),
    "100 megapixeles png": (lambda: _png(10_000, 10_000, 0, 1, 1 / 8), EXCESIVA),
    "25 megapixeles de 16 bits": (lambda: _png(5000, 5000, 6, 16, 8), EXCESIVA),
    "una pasada de más": (lambda: progresivo(64, 48, MAX_PASADAS + 1), EXCESIVA),
    "miles de pasadas": (lambda: progresivo(800, 600, 3900), EXCESIVA),
    "más pasadas que segmentos": (lambda: progresivo(64, 48, 9000), INVALIDA),
    # Headers that lie.
    "marco de 1x1 con una grande": (lambda: con_medidas(jpeg(Image.new("RGB", (1600, 1200))), 1, 1), ABIERTO),
    # The decoder would fill up what is missing with grey.
    "marco grande con una chica": (lambda: con_medidas(jpeg(), 5000, 5000), INVALIDA),
    "marco algo más alto": (lambda: con_medidas(jpeg(), 96, 96), INVALIDA),
    "marco más alto y girado": (
        lambda: con_segmentos(con_medidas(jpeg(), 96, 96), segmento(0xE1, exif(6))),
        INVALIDA,
    ),
    "marco más alto de varias pasadas": (lambda: con_medidas(jpeg(progressive=True), 96, 96), INVALIDA),
    "dos marcos": (lambda: jpeg()[:-2] + jpeg(Image.new("RGB", (60_000, 60)))[20:], INVALIDA),
    "png de 10x10 con lo de muchos": (lambda: png_crudo(10, 10, 0, 8, ceros(MUCHO)), EXCESIVA),
    "png de 25 megapixeles con lo de muchos": (lambda: png_crudo(5000, 5000, 0, 8, ceros(MUCHO)), EXCESIVA),
    "png grande con nada": (lambda: png_crudo(5000, 5000, 6, 8, zlib.compress(b"")), INVALIDA),
    "png sin colores posibles": (lambda: png_crudo(5000, 5000, 5, 8, ceros(5000)), INVALIDA),
    "png de 3 bits": (lambda: png_crudo(8, 8, 0, 3, ceros(100)), INVALIDA),
    # Compressed text, profiles and frames that nobody asked for.
    "texto que se expande": (lambda: con_chunks(png(), chunk(b"zTXt", b"a\x00\x00" + ceros(MUCHO))), ABIERTO),
    "texto internacional que se expande": (
        lambda: con_chunks(png(), chunk(b"iTXt", b"a\x00\x01\x00\x00\x00" + ceros(MUCHO))),
        ABIERTO,
    ),
    "perfil que se expande": (lambda: con_chunks(png(), chunk(b"iCCP", b"a\x00\x00" + ceros(MUCHO))), ABIERTO),
    "miles de textos": (lambda: con_chunks(png(), *[chunk(b"tEXt", b"a\x00b")] * 3900), ABIERTO),
    "más chunks de los que hay": (lambda: con_chunks(png(), *[chunk(b"tEXt", b"a\x00b")] * 9000), INVALIDA),
    "entrelazada": (lambda: _png(3000, 3000, 2, 8, 3, entrelazado=True), ABIERTO),
    "animada": (lambda: _animado(), ABIERTO),
    "animada de millones de cuadros": (
        lambda: con_chunks(png(), chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))),
        ABIERTO,
    ),
    "cmyk": (lambda: _cmyk(), ABIERTO),
    "exif con lugar y programa": (lambda: con_segmentos(jpeg(), segmento(0xE1, exif(6))), ABIERTO),
    "exif que apunta a sí mismo": (
        lambda: con_segmentos(jpeg(), segmento(0xE1, b"Exif\x00\x00II*\x00\x08\x00\x00\x00" + b"\xff\xff" * 2000)),
        ABIERTO,
    ),
    # Two things at once.
    "jpeg y zip": (lambda: jpeg() + b"PK\x03\x04" + SECRETO, ABIERTO),
    "jpeg y html": (lambda: con_segmentos(jpeg(), segmento(0xFE, b"--><html><script>" + SECRETO)), ABIERTO),
    "png y zip": (lambda: png() + b"PK\x03\x04" + SECRETO, ABIERTO),
    "zip y jpeg": (lambda: b"PK\x03\x04" + jpeg(), INVALIDA),
    # Cut, and swollen.
    "cortada": (lambda: jpeg(Image.new("RGB", (1600, 1200)))[:2000], INVALIDA),
    "cortada a la mitad": (lambda: _mitad(jpeg(pixeles(1000, 750))), INVALIDA),
    "png cortado": (lambda: _mitad(png(pixeles(1000, 750))), INVALIDA),
    "puro relleno": (lambda: b"\xff\xd8\xff" + b"\xff" * 900_000, INVALIDA),
    "puros reinicios": (lambda: jpeg()[:-2] + b"\xff\xd0" * 450_000 + b"\xff\xd9", ABIERTO),
    "puros bytes rellenados": (lambda: jpeg()[:-2] + b"\xff\x00" * 450_000 + b"\xff\xd9", ABIERTO),
    **{nombre: (partial(bytes, contenido), INVALIDA) for nombre, contenido in ajenas().items()},
}
CUERPOS: dict[str, tuple[bytes, str]] = {
    "de un byte": (b"\x00", "cuerpo_ilegible"),
    "más corto que la llave": (b"\x00" * 31, "cuerpo_ilegible"),
    "la llave sola": (b"\x00" * 32, "cuerpo_ilegible"),
    "llave y etiqueta": (b"\x09" + b"\x00" * 47, "cuerpo_ilegible"),
    "llave de orden bajo": (b"\x01" + b"\x00" * 63, "cuerpo_ilegible"),
    "ruido": (bytes(range(256)) * 40, "cuerpo_ilegible"),
    "del mayor tamaño": (b"\xff" * (MAX_PAQUETE - 8192), "cuerpo_ilegible"),
}


@cache
def medidas(carpeta: Path) -> Mapping[str, dict[str, object]]:
    """Every case, opened in a process of its own."""
    for nombre, (componer, _) in IMAGENES.items():
        imagen = componer()
        assert len(imagen) < MAX_PAQUETE, nombre
        (carpeta / f"{nombre}.imagen").write_bytes(imagen)
    for nombre, (contenido, _) in CUERPOS.items():
        (carpeta / f"{nombre}.cuerpo").write_bytes(contenido)
    salida = carpeta.with_suffix(".jsonl")
    subprocess.run([sys.executable, "-m", "tests.support.hostil", str(carpeta), str(salida)], check=True)
    return {m["caso"]: m for m in map(json.loads, salida.read_text(encoding="utf-8").splitlines())}


@pytest.fixture(scope="module")
def carpeta(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostiles")


@pytest.mark.parametrize(
    ("caso", "esperado"),
    [
        *((f"{nombre}.imagen", que) for nombre, (_, que) in IMAGENES.items()),
        *((f"{nombre}.cuerpo", que) for nombre, (_, que) in CUERPOS.items()),
    ],
)
def test_cada_paquete_hostil_se_dice_lo_que_es_sin_pasarse_de_memoria_ni_de_procesador(
    carpeta: Path, caso: str, esperado: str
) -> None:
    todas = medidas(carpeta)
    medida, de_base = todas[caso], todas["una de verdad.imagen"]
    assert medida["que"] == esperado, medida
    assert int(str(medida["mib"])) - int(str(de_base["mib"])) < MAS_MIB, medida


def test_los_limites_se_cumplen_de_veras(tmp_path: Path) -> None:
    """Who asks for more than its memory, or goes on for longer, does not come back with an answer."""
    programa = (
        "from pathlib import Path; import tests.support.hostil as h\n"
        "async def come(caso): return str(len(bytearray(h.MEMORIA + (64 << 20))))\n"
        "async def gira(caso):\n while True: pass\n"
        "h.PROCESADOR_S = 1\n"
        "for h.abrir in (come, gira): print(h.medir(Path('x'))['que'])\n"
    )
    salida = subprocess.run([sys.executable, "-c", programa], check=True, capture_output=True, text=True).stdout
    assert salida.splitlines() == ["MemoryError()", "murió: -9"]
    assert (MEMORIA, PROCESADOR_S, MAX_BYTES) == (1 << 30, 15, 4 * MAX_PIXELES)
