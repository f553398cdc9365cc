"""A picture is shown with its very pixels and nothing else: no place, text, script, preview nor anything behind its end."""

import io
import struct
import zlib

import pytest
from PIL import Image, ImageOps

from kernel.images import NotAnImage, jpeg_pieces, marked, png_pieces, shown
from tests.support.imagenes import (
    SECRETO,
    ajenas,
    chunk,
    con_chunks,
    con_segmentos,
    exif,
    jpeg,
    pixeles,
    png,
    progresivo,
    segmento,
)

ZIP = b"PK\x03\x04" + SECRETO + b"PK\x05\x06" + bytes(18)


def vista(contenido: bytes) -> Image.Image:
    """The picture as a browser turns it."""
    imagen = Image.open(io.BytesIO(contenido))
    imagen.load()
    return ImageOps.exif_transpose(imagen)


def iguales(una: bytes, otra: bytes) -> bool:
    a, b = vista(una), vista(otra)
    return (a.mode, a.size, a.tobytes()) == (b.mode, b.size, b.tobytes())


JPEGS = {
    "exif con lugar": con_segmentos(jpeg(), segmento(0xE1, exif())),
    "exif girado": con_segmentos(jpeg(), segmento(0xE1, exif(6))),
    "exif al revés": con_segmentos(jpeg(), segmento(0xE1, exif(8, "<"))),
    "xmp": con_segmentos(jpeg(), segmento(0xE1, b"http://ns.adobe.com/xap/1.0/\x00" + SECRETO)),
    "comentario": con_segmentos(jpeg(), segmento(0xFE, SECRETO)),
    "perfil de color": jpeg(icc_profile=bytes(128) + SECRETO),
    "iptc": con_segmentos(jpeg(), segmento(0xED, b"Photoshop 3.0\x00" + SECRETO)),
    "vista previa en jfxx": con_segmentos(jpeg(), segmento(0xE0, b"JFXX\x00\x10" + SECRETO)),
    "jfif con miniatura": b"\xff\xd8"
    + segmento(0xE0, b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x04\x04" + SECRETO.ljust(48))
    + jpeg()[20:],
    "adobe de más": con_segmentos(jpeg(), segmento(0xEE, b"Adobe\x00d\x00\x00\x00\x00\x01" + SECRETO)),
    "zip detrás": jpeg() + ZIP,
    "html detrás": jpeg() + b"<html>" + SECRETO,
    "otro jpeg detrás": jpeg() + con_segmentos(jpeg(), segmento(0xFE, SECRETO)),
    "relleno entre segmentos": con_segmentos(jpeg(), b"\xff" * 50 + segmento(0xFE, SECRETO)),
    "progresivo": con_segmentos(jpeg(progressive=True), segmento(0xFE, SECRETO)),
    "entre pasadas": progresivo(64, 48, 12).replace(b"\xff\xda", segmento(0xFE, SECRETO) + b"\xff\xda"),
    "con reinicios": con_segmentos(jpeg(restart_marker_blocks=1), segmento(0xFE, SECRETO)),
    "gris": con_segmentos(jpeg(pixeles().convert("L")), segmento(0xFE, SECRETO)),
    "cmyk": con_segmentos(jpeg(pixeles().convert("CMYK")), segmento(0xFE, SECRETO)),
}
PNGS = {
    "texto": con_chunks(png(), chunk(b"tEXt", b"Comment\x00" + SECRETO)),
    "texto comprimido": con_chunks(png(), chunk(b"zTXt", b"Comment\x00\x00" + zlib.compress(SECRETO))),
    "texto internacional": con_chunks(png(), chunk(b"iTXt", b"XML:com.adobe.xmp\x00\x00\x00\x00\x00" + SECRETO)),
    "exif": con_chunks(png(), chunk(b"eXIf", exif()[6:])),
    "perfil de color": con_chunks(png(), chunk(b"iCCP", b"x\x00\x00" + zlib.compress(SECRETO))),
    "chunk propio": con_chunks(png(), chunk(b"prVt", SECRETO)),
    "gama de más": con_chunks(png(), chunk(b"gAMA", struct.pack(">I", 45455) + SECRETO)),
    "zip detrás": png() + ZIP,
    "paleta": con_chunks(png(pixeles().convert("P")), chunk(b"tEXt", b"Comment\x00" + SECRETO)),
    "transparente": con_chunks(png(pixeles().convert("RGBA")), chunk(b"tEXt", b"Comment\x00" + SECRETO)),
}


@pytest.mark.parametrize("caso", [*JPEGS, *(f"png {c}" for c in PNGS)])
def test_lo_que_se_muestra_son_los_mismos_pixeles_y_nada_mas(caso: str) -> None:
    contenido = JPEGS[caso] if caso in JPEGS else PNGS[caso.removeprefix("png ")]
    limpia = shown(contenido)
    assert SECRETO not in limpia
    assert zlib.compress(SECRETO) not in limpia
    assert iguales(limpia, contenido)
    assert len(limpia) <= len(contenido)
    assert shown(limpia) == limpia


@pytest.mark.parametrize("caso", JPEGS)
def test_de_un_jpeg_quedan_los_segmentos_que_hacen_la_imagen(caso: str) -> None:
    codigos = {p.code for p in jpeg_pieces(shown(JPEGS[caso]))}
    assert codigos <= {0xC0, 0xC2, 0xC4, 0xDB, 0xDA, 0xDD, 0xE0, 0xE1, 0xEE}


@pytest.mark.parametrize("orden", [">", "<"])
@pytest.mark.parametrize("orientacion", range(1, 9))
def test_la_imagen_no_se_voltea_al_quitarle_lo_demas(orientacion: int, orden: str) -> None:
    original = con_segmentos(jpeg(), segmento(0xE1, exif(orientacion, orden)))
    limpia = shown(original)
    assert Image.open(io.BytesIO(limpia)).getexif().get(0x0112, 1) == orientacion
    assert dict(Image.open(io.BytesIO(limpia)).getexif()).keys() <= {0x0112}
    assert iguales(limpia, original)


@pytest.mark.parametrize(
    "roto",
    [
        b"Exif\x00\x00",
        b"Exif\x00\x00MM\x00*",
        b"Exif\x00\x00MM\x00*\xff\xff\xff\xff",
        b"Exif\x00\x00II*\x00\x08\x00\x00\x00\xff\xff",
        b"Exif\x00\x00XX*\x00\x08\x00\x00\x00\x01\x00",
        exif(9),
        exif(0),
    ],
)
def test_un_exif_roto_es_como_si_no_lo_hubiera(roto: bytes) -> None:
    assert shown(con_segmentos(jpeg(), segmento(0xE1, roto))) == jpeg()


def test_una_imagen_sin_nada_de_mas_queda_igual_byte_por_byte() -> None:
    for limpia in (jpeg(), jpeg(progressive=True), png(), png(pixeles().convert("RGBA"))):
        assert shown(limpia) == limpia


@pytest.mark.parametrize("caso", [*JPEGS, *(f"png {c}" for c in PNGS)])
def test_la_marca_va_en_el_archivo_y_no_cambia_un_pixel(caso: str) -> None:
    limpia = shown(JPEGS[caso] if caso in JPEGS else PNGS[caso.removeprefix("png ")])
    marcada = marked(limpia, "Apoyo: operador1 2026-11-21T18:00:00Z " + "a" * 32)
    assert iguales(marcada, limpia)
    assert shown(marcada) == limpia
    with Image.open(io.BytesIO(marcada)) as abierta:
        dicho = abierta.info.get("comment", b"").decode() or abierta.info.get("Comment", "")
    assert dicho == "Apoyo: operador1 2026-11-21T18:00:00Z " + "a" * 32


def test_lo_que_no_es_una_imagen_no_se_marca() -> None:
    with pytest.raises(NotAnImage):
        marked(b"<svg/>", "x")


def test_de_un_png_animado_queda_su_primera_imagen() -> None:
    out = io.BytesIO()
    pixeles().save(out, "PNG", save_all=True, append_images=[pixeles().rotate(90), pixeles().rotate(180)])
    limpia = shown(out.getvalue())
    assert getattr(Image.open(io.BytesIO(limpia)), "n_frames", 1) == 1
    assert iguales(limpia, png())
    assert {p.code.to_bytes(4, "big") for p in png_pieces(limpia)} == {b"IHDR", b"IDAT", b"IEND"}


def test_un_jpeg_sin_final_se_muestra_con_el_suyo() -> None:
    assert shown(jpeg()[:-2]) == jpeg()


@pytest.mark.parametrize(
    "roto",
    [
        *ajenas().values(),
        b"\xff\xd8\xff",
        b"\xff\xd8\xff\xe0\x00\x01" + jpeg()[20:],
        b"\xff\xd8\xff\xe0\xff\xff" + jpeg()[20:],
        b"\xff\xd8\xff\xe0\x00\x02" * 9000,
        jpeg()[:300],
        png()[:-12],
        png()[:20],
        con_chunks(png(), b"\xff\xff\xff\xfftEXt" + SECRETO),
        b"\x89PNG\r\n\x1a\n" + chunk(b"IDAT", b"") * 5000,
    ],
)
def test_lo_que_no_es_una_imagen_entera_no_se_muestra(roto: bytes) -> None:
    with pytest.raises(NotAnImage):
        shown(roto)
