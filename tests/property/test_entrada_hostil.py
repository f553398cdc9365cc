"""Whatever bytes or text come, the readers answer or refuse in their own way, and never otherwise."""

import contextlib

from hypothesis import example, given
from hypothesis import strategies as st

from credencial.claves import ClaveInvalida, leer_clave
from credencial.codigos import CodigoInvalido, identificadores_en, leer_ocr, leer_qr
from credencial.curp import CurpInvalida, leer_curp
from credencial.mrz import MrzInvalida, leer_mrz
from kernel.images import PNG, NotAnImage, shown
from schemas.paquete import PaqueteInvalido, leer_cuerpo, leer_paquete
from services.descifrado.domain import Ilegible, leer_datos
from services.descifrado.imagenes import MAX_BYTES, MAX_LADO, MAX_PIXELES, dimensiones
from tests.support.imagenes import chunk, con_chunks, con_segmentos, exif, jpeg, pixeles, png, progresivo, segmento
from tests.support.recepcion import SOLICITUD, Mundo, datos

SEMILLAS = (
    jpeg(pixeles(16, 16)),
    jpeg(pixeles(16, 16), progressive=True),
    progresivo(16, 16, 12),
    con_segmentos(jpeg(pixeles(16, 16)), segmento(0xE1, exif(6)), segmento(0xFE, b"x")),
    png(pixeles(16, 16)),
    con_chunks(png(pixeles(16, 16)), chunk(b"tEXt", b"a\x00b"), chunk(b"eXIf", exif()[6:])),
)


TRAS_UN_BARRIDO = jpeg(pixeles(16, 16))[:-2] + segmento(0xFE, b"x") + segmento(0x00, b"\xff\x02") + b"\xff\xd9"
"""What is dropped stood between the data of a scan and bytes that look like more of it."""


@st.composite
def alterados(draw: st.DrawFn, semillas: tuple[bytes, ...]) -> bytes:
    """One of them, with pieces taken out, repeated, or other bytes in their place."""
    contenido = bytearray(draw(st.sampled_from(semillas)))
    for _ in range(draw(st.integers(1, 6))):
        desde = draw(st.integers(0, len(contenido)))
        largo = draw(st.integers(0, 40))
        contenido[desde : desde + largo] = draw(st.binary(max_size=40))
    return bytes(contenido)


@given(st.binary(max_size=200) | alterados(SEMILLAS))
@example(PNG + chunk(b"IEND", b"x"))
@example(TRAS_UN_BARRIDO)
def test_una_imagen_se_muestra_o_se_rechaza(contenido: bytes) -> None:
    try:
        limpia = shown(contenido)
    except NotAnImage:
        return
    assert len(limpia) <= len(contenido) + 40
    assert shown(limpia) == limpia


@given(st.binary(max_size=200) | alterados(SEMILLAS))
def test_las_dimensiones_se_acotan_o_se_rechazan(contenido: bytes) -> None:
    try:
        medidas = dimensiones(contenido)
    except Ilegible:
        return
    assert 0 < medidas.ancho <= MAX_LADO
    assert 0 < medidas.alto <= MAX_LADO
    assert medidas.ancho * medidas.alto <= MAX_PIXELES
    assert medidas.ancho * medidas.alto * medidas.bytes_por_pixel <= MAX_BYTES
    # What was let through can be shown.
    shown(contenido)


_MUNDO = Mundo()
PAQUETE = _MUNDO.sellar().contenido
CUERPO = b"\x00\x00\x00\x02{}"
FORMULARIO = datos().model_dump_json().encode()


@given(st.binary(max_size=300) | alterados((PAQUETE,)))
def test_un_paquete_se_lee_o_se_rechaza(contenido: bytes) -> None:
    try:
        paquete = leer_paquete(contenido)
    except PaqueteInvalido:
        return
    assert paquete.encabezado.solicitud == SOLICITUD


@given(st.binary(max_size=300) | alterados((CUERPO,)))
@example(b"\xff\xff\xff\xff{}")
@example(b"\x00\x00\x00\x00")
def test_un_cuerpo_se_lee_o_se_rechaza(contenido: bytes) -> None:
    try:
        partes = leer_cuerpo(contenido)
    except PaqueteInvalido:
        return
    assert sum(len(p.contenido) for p in partes) < len(contenido)


@given(st.binary(max_size=300) | alterados((FORMULARIO,)))
@example(b"[" * 100_000)
@example(b'{"nombre": "\\ud800"}')
def test_un_formulario_se_lee_o_se_rechaza(contenido: bytes) -> None:
    with contextlib.suppress(Ilegible):
        leer_datos(contenido)


CODIGOS = (
    b"GMLPAN90010109H100",
    b"0001000000001",
    b"IDMEX1234567890<<0001000000001\n9001010H2912310MEX<00<<12345<0\nGOMEZ<LOPEZ<<ANA<<<<<<<<<<<<<<",
    b"https://qr.ine.mx/000100000000100123456789/20190304/A/123456",
)
_CODIGOS = st.text("0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ<>/:.?-\n ", max_size=120) | st.text(max_size=120)


@given(_CODIGOS)
@example("٠" * 13)
@example("GMLPAN90010109H١٠٠")
@example(f"IDMEX{'٠' * 9}0<<{'0' * 13}{'0' * 7}H{'0' * 7}MEX<00<<00000<0A{'<' * 29}")
def test_los_codigos_de_la_credencial_se_leen_o_se_rechazan(texto: str) -> None:
    for leer, rechazo in (
        (leer_mrz, MrzInvalida),
        (leer_curp, CurpInvalida),
        (leer_clave, ClaveInvalida),
        (leer_ocr, CodigoInvalido),
    ):
        with contextlib.suppress(rechazo):
            leido = leer(texto)
            assert texto.isascii()
            assert getattr(leido, "fecha_posible", None) in (None, True, False)
    leer_qr(texto)
    identificadores_en(texto)
