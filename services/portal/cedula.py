"""The cédula de confirmación as PDF, for signature (P 6.1 F): built when it is asked for, kept nowhere."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO

from fpdf import FPDF
from fpdf.enums import XPos, YPos

from schemas.hora import hora_centro

_MARGEN = 18
_ETIQUETA = 58
_RENGLON = 5.4


@dataclass(frozen=True, slots=True)
class Seccion:
    """A part of the cédula: pairs of what and its value; what has none is left out."""

    titulo: str
    datos: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Cedula:
    """What it says. `firmas`: who signs; `emblema`: an image, or None."""

    folio: str
    proceso: str
    secciones: Sequence[Seccion]
    manifestacion: str
    firmas: Sequence[str]
    emblema: bytes | None
    elaborada: datetime


class _Hoja(FPDF):
    def __init__(self, cedula: Cedula) -> None:
        super().__init__(format="letter")
        self._cedula = cedula

    def footer(self) -> None:
        self.set_y(-15)
        self.set_font("helvetica", size=8)
        self.set_text_color(80)
        pie = f"{self._cedula.folio} · elaborada el {hora_centro(self._cedula.elaborada)}"
        self.cell(0, 5, _latino(pie))
        self.cell(0, 5, _latino(f"Página {self.page_no()} de {{nb}}"), align="R")
        self.set_text_color(0)


def componer(cedula: Cedula) -> bytes:
    """The PDF: letter size, with title and language, pages numbered, text that can be read aloud and searched."""
    hoja = _Hoja(cedula)
    hoja.set_margins(_MARGEN, _MARGEN, _MARGEN)
    hoja.set_auto_page_break(True, margin=22)
    hoja.set_title(_latino(f"Cédula de confirmación {cedula.folio}"))
    hoja.set_lang("es-MX")
    hoja.set_author("Apoyo")
    hoja.set_creation_date(cedula.elaborada)
    hoja.add_page()
    _encabezado(hoja, cedula)
    for seccion in cedula.secciones:
        _seccion(hoja, seccion)
    _firmas(hoja, cedula)
    return bytes(hoja.output())


def _encabezado(hoja: _Hoja, cedula: Cedula) -> None:
    arriba = hoja.get_y()
    ancho = hoja.epw
    if cedula.emblema is not None:
        hoja.image(
            BytesIO(cedula.emblema),
            x=hoja.w - _MARGEN - 28,
            y=arriba,
            w=28,
            h=28,
            keep_aspect_ratio=True,
            alt_text="Emblema de la solicitud",
        )
        ancho -= 34
    hoja.set_font("helvetica", "B", 16)
    _parrafo(hoja, "Cédula de confirmación", ancho, 8)
    hoja.set_font("helvetica", size=10)
    _parrafo(hoja, cedula.proceso, ancho, 5)
    hoja.set_font("courier", "B", 12)
    _parrafo(hoja, f"Folio {cedula.folio}", ancho, 7)
    if cedula.emblema is not None:
        hoja.set_y(max(hoja.get_y(), arriba + 30))


def _seccion(hoja: _Hoja, seccion: Seccion) -> None:
    datos = [(que, valor) for que, valor in seccion.datos if valor]
    if not datos:
        return
    hoja.ln(2)
    if hoja.will_page_break(3 * _RENGLON):
        hoja.add_page()
    hoja.set_font("helvetica", "B", 11)
    _parrafo(hoja, seccion.titulo, hoja.epw, 7)
    hoja.set_draw_color(150)
    hoja.line(_MARGEN, hoja.get_y(), hoja.w - _MARGEN, hoja.get_y())
    hoja.ln(1)
    for que, valor in datos:
        if hoja.will_page_break(_RENGLON):
            hoja.add_page()
        arriba = hoja.get_y()
        hoja.set_font("helvetica", size=9)
        hoja.set_text_color(80)
        hoja.multi_cell(_ETIQUETA, _RENGLON, _latino(que), new_x=XPos.RIGHT, new_y=YPos.TOP, align="L")
        hoja.set_text_color(0)
        hoja.set_font("helvetica", size=10)
        hoja.set_xy(_MARGEN + _ETIQUETA, arriba)
        _parrafo(hoja, valor, hoja.epw - _ETIQUETA, _RENGLON)


def _firmas(hoja: _Hoja, cedula: Cedula) -> None:
    alto = 62
    hoja.ln(4)
    if hoja.will_page_break(alto):
        hoja.add_page()
    hoja.set_font("helvetica", size=10)
    _parrafo(hoja, cedula.manifestacion, hoja.epw, _RENGLON)
    _parrafo(hoja, "Lugar y fecha: ______________________________________________", hoja.epw, 12)
    hoja.ln(16)
    ancho = (hoja.epw - 12) / len(cedula.firmas)
    arriba = hoja.get_y()
    for n, firma in enumerate(cedula.firmas):
        izquierda = _MARGEN + n * (ancho + 12)
        hoja.line(izquierda, arriba, izquierda + ancho - 6, arriba)
        hoja.set_xy(izquierda, arriba + 1)
        hoja.multi_cell(ancho - 6, 4.6, _latino(firma), align="C")


def _parrafo(hoja: _Hoja, texto: str, ancho: float, renglon: float) -> None:
    hoja.multi_cell(ancho, renglon, _latino(texto), new_x=XPos.LMARGIN, new_y=YPos.NEXT, align="L")


def _latino(texto: str) -> str:
    """With the letters that every reader of PDF has: those of Spanish stay; any other loses its accents, or becomes `?`."""
    return "".join(c if _cabe(c) else _sin_acento(c) for c in unicodedata.normalize("NFC", texto))


def _cabe(c: str) -> bool:
    return ord(c) < 256


_PARECIDOS = {"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "...", "\u202f": " ", "•": "·"}


def _sin_acento(c: str) -> str:
    plano = _PARECIDOS.get(c) or "".join(b for b in unicodedata.normalize("NFKD", c) if _cabe(b))
    return plano or "?"
