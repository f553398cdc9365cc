"""Card models: what each carries and what it is looked up by. A model that is not known expects nothing and breaks nothing.

Secondary sources. Which models a process admits is its rule profile's business, not this table's.
"""

from dataclasses import dataclass
from enum import StrEnum


class Codigo(StrEnum):
    """Machine readable marks on the back."""

    OCR = "ocr"
    MRZ = "mrz"
    BARRAS = "barras"
    PDF417 = "pdf417"
    QR_SERVICIOS = "qr_servicios"
    QR_ALTA_DENSIDAD = "qr_alta_densidad"


@dataclass(frozen=True, slots=True)
class ModeloCpv:
    """A card model. `hasta`: last year of issue, None while it is issued. `busqueda`: fields that look it up together."""

    clave: str
    desde: int
    hasta: int | None
    extranjero: bool
    busqueda: tuple[str, ...]
    codigos: frozenset[Codigo]
    conocido: bool = True


_E = frozenset({Codigo.MRZ, Codigo.PDF417, Codigo.QR_SERVICIOS})
_G = frozenset({Codigo.MRZ, Codigo.BARRAS, Codigo.QR_SERVICIOS, Codigo.QR_ALTA_DENSIDAD})
_CIC_Y_CIUDADANO = ("cic", "identificador")

MODELOS: dict[str, ModeloCpv] = {
    m.clave: m
    for m in (
        ModeloCpv(
            "C",
            2008,
            2013,
            False,
            ("clave_elector", "numero_emision", "ocr"),
            frozenset({Codigo.OCR, Codigo.BARRAS}),
        ),
        ModeloCpv("D", 2013, 2014, False, ("cic", "ocr"), frozenset({Codigo.MRZ, Codigo.BARRAS, Codigo.PDF417})),
        ModeloCpv("E", 2014, 2019, False, _CIC_Y_CIUDADANO, _E),
        ModeloCpv("F", 2014, 2019, True, _CIC_Y_CIUDADANO, _E),
        ModeloCpv("G", 2019, None, False, _CIC_Y_CIUDADANO, _G),
        ModeloCpv("H", 2019, None, True, _CIC_Y_CIUDADANO, _G),
    )
}

VIGENCIA_ANIOS = 10
"""A card is valid ten years, to 31 December."""


def modelo(clave: str) -> ModeloCpv:
    """The model by its letter; for any other text, one that is not `conocido` and of which nothing is expected."""
    return MODELOS.get(clave) or ModeloCpv(clave, 0, None, False, (), frozenset(), conocido=False)
