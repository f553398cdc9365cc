"""Catalogue of inconsistencies (SPEC 7), as versioned data. An OPL may add its own (P 13.8): it lives in its own catalogue.

Each entry names its inciso or, for what a rule decides, the word of the rule. Texts are what the operator reads.
"""

from dataclasses import dataclass
from typing import Literal

CATALOGO_VERSION = "spec-7/2"

Modalidad = Literal["auxiliar", "mi_apoyo", "captura_manual"]
Norma = Literal["P", "D"]

_CON_APP: tuple[Modalidad, ...] = ("auxiliar", "mi_apoyo")
_MANUAL: tuple[Modalidad, ...] = ("captura_manual",)
_TODAS: tuple[Modalidad, ...] = (*_CON_APP, *_MANUAL)
_AMBAS: tuple[Norma, ...] = ("P", "D")


@dataclass(frozen=True, slots=True)
class Subtipo:
    """One of the forms that an inconsistency takes. `normas`: which of P and D list it."""

    clave: str
    descripcion: str
    normas: tuple[Norma, ...] = _AMBAS


@dataclass(frozen=True, slots=True)
class Inconsistencia:
    """An entry. `pide_detalle`: the operator must write one (†). `nota`: what stands beside it while deciding.

    `imagen`: the one that it is judged on, whose notes are shown with it. `excepcion`: what makes valid what would be this
    inconsistency; whoever sees it says so, and it is recorded with the decision.
    """

    clave: str
    tipo: str
    descripcion: str
    pide_detalle: bool
    fundamento: str
    modalidades: tuple[Modalidad, ...]
    origen: Literal["revision", "regla"] = "revision"
    subtipos: tuple[Subtipo, ...] = ()
    nota: str = ""
    imagen: Literal["", "foto", "firma"] = ""
    excepcion: str = ""


_FIRMA_SIN_PERITAJE = (
    "La comparación de firmas atiende a su legibilidad y a los caracteres del nombre; no requiere técnica pericial."
)

CATALOGO: tuple[Inconsistencia, ...] = (
    Inconsistencia(
        "a", "Credencial no válida", "La imagen es distinta a una credencial para votar", False, "P 13.7 a", _CON_APP
    ),
    Inconsistencia(
        "b",
        "Credencial no válida",
        "Dos anversos o dos reversos de la misma credencial",
        False,
        "P 13.7 b",
        _CON_APP,
        subtipos=(Subtipo("dos_anversos", "Dos anversos"), Subtipo("dos_reversos", "Dos reversos")),
    ),
    Inconsistencia(
        "c", "Credencial no válida", "Anverso y reverso de credenciales distintas", False, "P 13.7 c", _CON_APP
    ),
    Inconsistencia(
        "d",
        "Credencial no válida",
        "Imagen tomada de una pantalla, un monitor u otro medio",
        False,
        "P 13.7 d",
        _CON_APP,
        subtipos=(Subtipo("pantalla", "Pantalla"), Subtipo("monitor", "Monitor"), Subtipo("otro", "Otro medio")),
    ),
    Inconsistencia(
        "e",
        "Fotocopia de la credencial",
        "Fotocopia en blanco y negro o a color",
        False,
        "P 13.7 e",
        _CON_APP,
        subtipos=(Subtipo("blanco_y_negro", "Blanco y negro"), Subtipo("a_color", "A color")),
    ),
    Inconsistencia(
        "f",
        "Otra",
        "Algún elemento es ilegible, u otra causa",
        True,
        "P 13.7 f",
        _CON_APP,
        subtipos=(
            Subtipo("ilegible_clave_elector", "Ilegible: clave de elector"),
            Subtipo("ilegible_ocr", "Ilegible: OCR"),
            Subtipo("ilegible_emision_o_cic", "Ilegible: número de emisión o CIC"),
            Subtipo("ilegible_foto", "Ilegible: foto viva"),
            Subtipo("ilegible_firma", "Ilegible: firma"),
            Subtipo("otra", "Otra", ("P",)),
        ),
    ),
    Inconsistencia(
        "g",
        "Foto no válida",
        "La persona de la foto es distinta a la de la credencial",
        False,
        "P 13.7 g",
        _CON_APP,
        imagen="foto",
        nota=(
            "La identidad o expresión de género de la persona no es, por sí misma, motivo para considerar que se trata "
            "de alguien distinto: compare rasgos permanentes."
        ),
    ),
    Inconsistencia(
        "h",
        "Foto no válida",
        "Se fotografió un objeto, o la foto no se tomó directamente de la persona",
        True,
        "P 13.7 h",
        _CON_APP,
        subtipos=(
            Subtipo("objeto", "Objeto fotografiado"),
            Subtipo("no_directa", "Foto no tomada directamente de la persona"),
        ),
    ),
    Inconsistencia(
        "i",
        "Foto no válida",
        "Algo impide el pleno reconocimiento de la persona",
        True,
        "P 13.7 i",
        _CON_APP,
        subtipos=(
            Subtipo("cubrebocas", "Cubrebocas"),
            Subtipo("lentes", "Lentes oscuros"),
            Subtipo("gorra", "Gorra"),
            Subtipo("otro", "Otro"),
        ),
    ),
    Inconsistencia(
        "j",
        "Firma no válida",
        "Símbolo distinto a la firma de la credencial",
        True,
        "P 13.7 j",
        _CON_APP,
        nota=f"Es válida cuando es la que aparece en la credencial. {_FIRMA_SIN_PERITAJE}",
        imagen="firma",
        excepcion="Válida: es la que aparece en la credencial",
    ),
    Inconsistencia(
        "k",
        "Firma no válida",
        "Nombre distinto al de la credencial",
        False,
        "P 13.7 k",
        _CON_APP,
        nota=f"Es válida cuando es la que aparece en la credencial. {_FIRMA_SIN_PERITAJE}",
        imagen="firma",
        excepcion="Válida: es la que aparece en la credencial",
    ),
    Inconsistencia(
        "l",
        "Firma no válida",
        "Firma manuscrita distinta a la de la credencial",
        False,
        "P 13.7 l",
        _CON_APP,
        subtipos=(
            Subtipo("firma_distinta", "Firma manuscrita distinta"),
            Subtipo("tipo_de_letra", "Diferente tipo de letra", ("D",)),
        ),
        nota=_FIRMA_SIN_PERITAJE,
        imagen="firma",
    ),
    Inconsistencia(
        "m",
        "Sin firma",
        "El apoyo no tiene firma",
        False,
        "P 13.7 m",
        _CON_APP,
        nota="Es válido cuando la propia credencial indica «sin firma».",
        imagen="firma",
        excepcion="Válida: la propia credencial indica «sin firma»",
    ),
    Inconsistencia(
        "n",
        "Simulación",
        "La información está sobrepuesta o no coincide",
        True,
        "P 13.7 n",
        _CON_APP,
        subtipos=(
            Subtipo("sobrepuesta", "Información sobrepuesta"),
            Subtipo("no_coincide", "La información no coincide"),
        ),
    ),
    Inconsistencia("manual_en_copia", "Captura manual", "Cédula en copia", False, "P 11.5, D 8.5", _MANUAL),
    Inconsistencia(
        "manual_sin_copia_cpv", "Captura manual", "Sin copia de la credencial", False, "P 11.5, D 8.5", _MANUAL
    ),
    Inconsistencia("manual_sin_leyenda", "Captura manual", "Cédula sin la leyenda", False, "P 11.5, D 8.5", _MANUAL),
    Inconsistencia("manual_sin_firma", "Captura manual", "Cédula sin firma", False, "P 11.5, D 8.5", _MANUAL),
    Inconsistencia("manual_otra", "Captura manual", "Otra", True, "P 11.5, D 8.5", _MANUAL),
    Inconsistencia(
        "dispositivo_no_autorizado",
        "Por regla",
        "El dispositivo no estaba autorizado",
        False,
        "P 8.11, D 4.9",
        _CON_APP,
        origen="regla",
    ),
    Inconsistencia(
        "auxiliar_dado_de_baja",
        "Por regla",
        "Se recibió después de la baja de la persona auxiliar",
        False,
        "P 7.7, D 4.10",
        ("auxiliar",),
        origen="regla",
    ),
    Inconsistencia(
        "fuera_de_periodo",
        "Por regla",
        "La captura se hizo fuera del periodo",
        False,
        "P 6.1 A, D 1.2",
        _TODAS,
        origen="regla",
    ),
)

POR_CLAVE: dict[str, Inconsistencia] = {i.clave: i for i in CATALOGO}


def de_revision(modalidad: Modalidad) -> tuple[Inconsistencia, ...]:
    """What an operator can choose from for a record of that modality."""
    return tuple(i for i in CATALOGO if i.origen == "revision" and modalidad in i.modalidades)
