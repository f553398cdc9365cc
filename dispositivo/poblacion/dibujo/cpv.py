"""The two sides of an invented card, 757 x 1200, clearly a specimen: its layout only reminds of a voter card.

Backgrounds and labels are drawn once per model; what is personal is laid over them.
"""

import random
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from credencial.entidades import nombre_de
from dispositivo.poblacion.dibujo.firma import firma_de
from dispositivo.poblacion.dibujo.lienzo import (
    Color,
    Imagen,
    codigo,
    entintar,
    escribir,
    escribir_a_paso,
    estampar,
    mascara,
    pegar_gris,
    reducir,
)
from dispositivo.poblacion.dibujo.rostro import dibujar_rostro, rasgos_de, toma_de_credencial
from dispositivo.poblacion.personas import Persona
from dispositivo.poblacion.tarjeta import textos_reverso

ANCHO, ALTO = 1200, 757
_RETRATO = (276, 368)
"""Width and height of the portrait, pixels."""
_MRZ_PASO, _MRZ_TAMANO, _MRZ_ALTURAS = 37, 46, (550, 612, 674)


@dataclass(frozen=True, slots=True)
class _Estilo:
    """Look of a model. `retrato_x`, `texto_x`: left edge of the portrait and of the text; colours in BGR."""

    claro: Color
    fondo: Color
    banda: Color
    retrato_x: int
    texto_x: int


_ESTILOS: dict[str, _Estilo] = {
    "C": _Estilo((226, 240, 232), (196, 222, 206), (92, 122, 62), 868, 56),
    "D": _Estilo((228, 238, 240), (200, 220, 226), (70, 110, 130), 868, 56),
    "E": _Estilo((240, 232, 240), (222, 204, 226), (120, 70, 140), 56, 372),
    "F": _Estilo((242, 236, 226), (228, 212, 192), (140, 100, 50), 56, 372),
    "G": _Estilo((240, 236, 246), (214, 206, 234), (110, 60, 150), 56, 372),
    "H": _Estilo((246, 238, 230), (232, 216, 198), (150, 90, 40), 56, 372),
}


@lru_cache(maxsize=16)
def _fondo(model: str, back: bool) -> Imagen:
    """Background of a side: bands of fine waves between two pale colours."""
    style = _ESTILOS[model]
    ys, xs = np.mgrid[0:ALTO, 0:ANCHO].astype(np.float32)
    phase = 90 * np.sin(xs / 170 + (1.1 if back else 0)) + 40 * np.sin(xs / 61 + ys / 240)
    waves = 0.5 + 0.5 * np.sin((ys + phase) / 3.2)
    rings = 0.5 + 0.5 * np.sin(np.hypot(xs - 820, ys - 330) / 4.1)
    share = np.clip(0.25 + 0.4 * waves + 0.2 * rings + 0.15 * (xs / ANCHO), 0, 1)[:, :, None]
    light, dark = np.array(style.claro, np.float32), np.array(style.fondo, np.float32)
    image = np.asarray(light + (dark - light) * share, dtype=np.uint8)
    if not back:
        image[0:112] = (image[0:112].astype(np.float32) * 0.35 + np.array(style.banda, np.float32) * 0.65).astype(
            np.uint8
        )
        emblem = mascara("ESPECIMEN", 56, bold=True)
        _en_blanco(image, emblem, 56, 16)
        _en_blanco(image, mascara("CREDENCIAL PARA VOTAR · MUESTRA SIN VALIDEZ", 29), 420, 30)
        _en_blanco(image, mascara(f"MODELO {model}", 26), 420, 66)
    image[ALTO - 10 :] = style.banda
    return image


@lru_cache(maxsize=16)
def _tinta_fija(model: str, back: bool) -> Imagen:
    """Ink of the labels and of the diagonal mark."""
    ink = np.zeros((ALTO, ANCHO), np.uint8)
    _marca(ink, back)
    if back:
        escribir(ink, "MUESTRA SINTÉTICA SIN VALIDEZ. NO IDENTIFICA A NADIE.", 60, 16, 22)
        return ink
    x, style = _ESTILOS[model].texto_x, _ESTILOS[model]
    for label, at, y in (
        ("NOMBRE", x, 136),
        ("DOMICILIO", x, 304),
        ("CLAVE DE ELECTOR", x, 452),
        ("CURP", x, 508),
        ("AÑO DE REGISTRO", x + 440, 508),
        ("FECHA DE NACIMIENTO", x, 586),
        ("SECCIÓN", x + 300, 586),
        ("VIGENCIA", x + 480, 586),
        ("SEXO", x + 650, 586),
        ("FIRMA", style.retrato_x, 560),
    ):
        escribir(ink, label, at, y, 18, force=170)
    return ink


def _marca(ink: Imagen, back: bool) -> None:
    """ESPECIMEN across the card, faint, over everything."""
    text = mascara("ESPECIMEN", 150, bold=True)
    layer = np.zeros_like(ink)
    matrix = np.array(((0.95, 0.38, 170), (-0.38, 0.95, 430 if not back else 470)), dtype=np.float64)
    cv2.warpAffine(text, matrix, (ANCHO, ALTO), dst=layer)
    estampar(ink, layer, 0, 0, 26)


def _en_blanco(image: Imagen, mask: Imagen, x: int, y: int) -> None:
    """White text on the band."""
    place = image[y : y + mask.shape[0], x : x + mask.shape[1]]
    cv2.max(place, cv2.cvtColor(mask, cv2.COLOR_GRAY2BGR), dst=place)


def retrato(persona: Persona) -> Imagen:
    """The portrait on a person's card, 480 x 360."""
    age = persona.emitida - persona.nacimiento.year
    return dibujar_rostro(rasgos_de(persona.semilla, persona.sexo, age), toma_de_credencial(persona.semilla))


def anverso(persona: Persona) -> Imagen:
    """Front of a card."""
    model = persona.modelo
    style = _ESTILOS[model]
    image, ink = _fondo(model, False).copy(), _tinta_fija(model, False).copy()
    width, height = _RETRATO
    face = reducir(retrato(persona), width, height)
    image[140 : 140 + height, style.retrato_x : style.retrato_x + width] = face
    ghost_x = style.texto_x + 680
    small = reducir(face, 96, 128)
    spot = image[300:428, ghost_x : ghost_x + 96]
    cv2.addWeighted(spot, 0.62, small, 0.38, 0, dst=spot)
    signature = reducir(firma_de(persona), width - 20, 104)
    estampar(ink, signature, style.retrato_x + 10, 584, 210)
    if not signature.any():
        escribir(ink, "SIN FIRMA", style.retrato_x + 54, 626, 34, bold=True)
    _datos_del_anverso(ink, persona, style.texto_x)
    entintar(image, ink)
    return image


def _datos_del_anverso(ink: Imagen, p: Persona, x: int) -> None:
    for row, text in enumerate(t for t in (p.paterno, p.materno, p.nombre) if t):
        escribir(ink, text, x, 160 + row * 44, 37, bold=True, width=760)
    d = p.demarcacion
    where = f"MUNICIPIO {d.municipio}, {nombre_de(d.entidad).upper()}"
    for row, text in enumerate((*p.domicilio, where)):
        escribir(ink, text, x, 328 + row * 37, 29, width=660)
    escribir(ink, p.clave_elector, x + 196, 442, 35, bold=True)
    escribir(ink, p.curp, x, 530, 33)
    escribir(ink, f"{p.emitida} {p.numero_emision}", x + 440, 530, 33)
    escribir(ink, f"{p.nacimiento:%d/%m/%Y}", x, 608, 33)
    escribir(ink, d.seccion, x + 300, 608, 33)
    escribir(ink, f"{p.emitida}-{p.vigencia}", x + 480, 608, 33, width=160)
    escribir(ink, p.sexo, x + 660, 608, 33)
    escribir(ink, f"ENTIDAD {d.entidad}   DISTRITO {d.distrito_federal}   EMISIÓN {p.emitida}", x, 680, 24)


def reverso(persona: Persona) -> Imagen:
    """Back of a card, with the codes of its model (REGISTRAL.md)."""
    model = persona.modelo
    image, ink = _fondo(model, True).copy(), _tinta_fija(model, True).copy()
    texts = textos_reverso(persona)
    if texts.qr_servicios:
        pegar_gris(image, codigo(texts.qr_servicios, "QRCode", 6), *((52, 60) if texts.alta_densidad else (880, 70)))
    if texts.alta_densidad:
        rng = random.Random(persona.semilla)
        for x in (440, 810):
            secret = f"{rng.getrandbits(800):0200X}"
            pegar_gris(image, codigo(secret, "QRCode", 5), x, 48)
    if texts.barras:
        place = (60, 396, 88) if texts.alta_densidad else (60, 70, 120)
        pegar_gris(image, codigo(texts.barras, "Code128", 4, place[2]), place[0], place[1])
    if texts.pdf417:
        pegar_gris(image, codigo(texts.pdf417, "PDF417", 4), 60, 220)
    if texts.ocr:
        escribir_a_paso(ink, texts.ocr, 60, 460, 56, 46)
    for line, y in zip(texts.mrz or (), _MRZ_ALTURAS, strict=False):
        escribir_a_paso(ink, line, (ANCHO - 30 * _MRZ_PASO) // 2, y, _MRZ_TAMANO, _MRZ_PASO)
    entintar(image, ink)
    return image
