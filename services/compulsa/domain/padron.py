"""What a cut of the roll says of a person. Pure.

Rules:

1. A record needs the cut of the last day of the month before its reception, in Mexico City (SPEC 8, D 10.4): `corte_para`.
2. The roll is kept as keyed hashes of its identifiers, never in clear (ARCHITECTURE, rule 4): `huellas`.
3. Looked up by clave de elector (with its número de emisión), CIC and OCR (REGISTRAL, "Card models"): `emparejar`.
   - Every line of the roll with any of the three is a candidate; the one with the most of them is the person. One wrong digit of
     a CIC often is another person's CIC, so one identifier alone never outvotes two that agree.
   - Equal in number: clave with its emission precedes CIC, CIC precedes OCR, and these precede a clave whose emission is
     another or unknown (SPEC 8 names them in that order). Then a line in force precedes a baja, and at last the lowest id, so
     that the answer never depends on the order in which lines are found.
   - What the form gives and the person's line has otherwise is a discrepancy, also when it is somebody else's. The emission is
     compared only under the same clave: a card since replaced is found, and the discrepancy says so.
   - The form's clave alone is enough to be found, and so are CIC and OCR. No candidate: not found, all that was given disagrees.
4. The situation (SPEC 8, REGISTRAL): a baja stays a baja wherever the person lives; a person in the roll who lives outside the
   electoral reference of the solicitud is `fuera_de_ambito` (P 9.3, 10.9), else what the roll says. Nothing about who is not
   found. Districts and municipios are numbered within an entidad: the person's line must have every key that the solicitud names.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from schemas.eventos import Geo, SituacionRegistral, SolicitudRegistrada

CENTRO = ZoneInfo("America/Mexico_City")

COLUMNAS = (
    "id_registro",
    "clave_elector",
    "numero_emision",
    "cic",
    "ocr",
    "nombre",
    "paterno",
    "materno",
    "entidad",
    "distrito_federal",
    "distrito_local",
    "municipio",
    "seccion",
    "situacion",
    "causa_baja",
)
"""Header of a cut's file. `id_registro`: opaque, stable across cuts. Names are not kept: nothing is looked up by them."""

EN_EL_PADRON = (
    SituacionRegistral.EN_LISTA_NOMINAL,
    SituacionRegistral.EN_PADRON_NO_LISTA_NOMINAL,
    SituacionRegistral.BAJA,
)
"""Situations that a line of the roll may have, those in force first."""

_HUELLA = 16
"""Bytes kept of each hash: two of 10⁸ persons share one with probability below 10⁻²²."""

Palabra = Literal["clave_elector", "numero_emision", "cic", "ocr"]


def corte_para(recibido_en: datetime) -> str:
    """Date (AAAA-MM-DD) of the cut that a record received then needs (rule 1)."""
    return (recibido_en.astimezone(CENTRO).date().replace(day=1) - timedelta(days=1)).isoformat()


@dataclass(frozen=True, slots=True)
class Huellas:
    """Keyed hashes of identifiers; None: not given. `clave_emision`: of the clave together with the número de emisión."""

    clave: bytes
    clave_emision: bytes | None
    cic: bytes | None
    ocr: bytes | None


@dataclass(frozen=True, slots=True)
class Renglon:
    """A line of the roll as it is kept. `registro`: keyed hash of its id."""

    registro: bytes
    huellas: Huellas
    situacion: SituacionRegistral
    causa_baja: str | None
    geo: Geo


@dataclass(frozen=True, slots=True)
class Coincidencia:
    """The person found, which identifiers agree with their line, and which of those given do not."""

    renglon: Renglon
    coincidencia: list[Palabra]
    discrepancias: list[Palabra]


class RenglonInvalido(Exception):
    """A line of a cut's file that cannot be loaded. `motivo`: constant word; the line's data are never repeated."""

    def __init__(self, motivo: str) -> None:
        super().__init__(motivo)
        self.motivo = motivo


def huella(llave: bytes, campo: str, valor: str) -> bytes:
    """Keyed hash of one value of one field."""
    return hmac.digest(llave, f"{campo}|{valor}".encode(), hashlib.sha256)[:_HUELLA]


def huellas(llave: bytes, clave: str, emision: str | None, cic: str | None, ocr: str | None) -> Huellas:
    """Hashes of what a card gives, written as the roll writes it: capitals, leading zeros count (REGISTRAL)."""
    clave = clave.strip().upper()
    return Huellas(
        clave=huella(llave, "clave", clave),
        clave_emision=huella(llave, "clave_emision", f"{clave}|{emision.zfill(2)}") if emision else None,
        cic=huella(llave, "cic", cic.zfill(9)) if cic else None,
        ocr=huella(llave, "ocr", ocr.zfill(13)) if ocr else None,
    )


def dadas(huellas: Huellas) -> list[Palabra]:
    """Names of the identifiers that are given."""
    given: list[tuple[Palabra, bytes | None]] = [
        ("clave_elector", huellas.clave),
        ("numero_emision", huellas.clave_emision),
        ("cic", huellas.cic),
        ("ocr", huellas.ocr),
    ]
    return [name for name, value in given if value is not None]


def coinciden(formulario: Huellas, renglon: Huellas) -> list[Palabra]:
    """Names of the identifiers of the form that a line has too."""
    found: list[tuple[Palabra, bool]] = [
        ("clave_elector", formulario.clave == renglon.clave),
        ("numero_emision", _iguales(formulario.clave_emision, renglon.clave_emision)),
        ("cic", _iguales(formulario.cic, renglon.cic)),
        ("ocr", _iguales(formulario.ocr, renglon.ocr)),
    ]
    return [name for name, agrees in found if agrees]


def emparejar(formulario: Huellas, candidatos: Iterable[Renglon]) -> Coincidencia | None:
    """The person of the form among lines of one cut, or None (rule 3)."""
    pairs = [(line, coinciden(formulario, line.huellas)) for line in candidatos]
    pairs = [(line, agreed) for line, agreed in pairs if agreed]
    if not pairs:
        return None
    line, agreed = min(pairs, key=lambda pair: _orden(*pair))
    disagreed = [
        name
        for name in dadas(formulario)
        if name not in agreed and not (name == "numero_emision" and "clave_elector" not in agreed)
    ]
    return Coincidencia(line, agreed, disagreed)


def situacion(renglon: Renglon, solicitud: SolicitudRegistrada) -> SituacionRegistral:
    """Registral situation for that solicitud (rule 4)."""
    if renglon.situacion is SituacionRegistral.BAJA or _en_su_ambito(renglon.geo, solicitud):
        return renglon.situacion
    return SituacionRegistral.FUERA_DE_AMBITO


def _en_su_ambito(geo: Geo, solicitud: SolicitudRegistrada) -> bool:
    keys = (
        (solicitud.entidad, geo.entidad),
        (solicitud.distrito_federal, geo.distrito_federal),
        (solicitud.distrito_local, geo.distrito_local),
        (solicitud.municipio, geo.municipio),
    )
    return all(named in (None, lives) for named, lives in keys)


def persona(llave_de_proceso: bytes, renglon: Renglon) -> str:
    """The person as a hash keyed per process: two processes cannot be joined by it, and it dies with its key."""
    return hmac.digest(llave_de_proceso, renglon.registro, hashlib.sha256).hex()


_CLAVE = re.compile(r"[A-Z0-9]{18}")
_EMISION = re.compile(r"[0-9]{1,2}")
_CIC = re.compile(r"[0-9]{1,9}")
_OCR = re.compile(r"[0-9]{1,13}")
_ENTIDAD = re.compile(r"0[1-9]|[12][0-9]|3[0-2]|87|88")
_DEMARCACION = re.compile(r"[0-9A-Z]{1,8}")
_CAUSA = re.compile(r"[a-z][a-z0-9_]{0,63}")


def leer_renglon(llave: bytes, campos: Mapping[str, str]) -> Renglon:
    """A line of a cut's file, by column. Raises RenglonInvalido."""
    if not campos["id_registro"]:
        raise RenglonInvalido("sin_id_registro")
    clave = _campo(campos, "clave_elector", _CLAVE)
    emision = _campo(campos, "numero_emision", _EMISION, optional=True)
    cic = _campo(campos, "cic", _CIC, optional=True)
    ocr = _campo(campos, "ocr", _OCR, optional=True)
    if campos["situacion"] not in EN_EL_PADRON:
        raise RenglonInvalido("situacion_invalida")
    state = SituacionRegistral(campos["situacion"])
    causa = _campo(campos, "causa_baja", _CAUSA, optional=True)
    if (state is SituacionRegistral.BAJA) != bool(causa):
        raise RenglonInvalido("causa_baja_incongruente")
    # Checked field by field above and below, so the model need not check it again: this runs a hundred million times.
    geo = Geo.model_construct(
        entidad=_campo(campos, "entidad", _ENTIDAD),
        distrito_federal=_campo(campos, "distrito_federal", _DEMARCACION),
        distrito_local=_campo(campos, "distrito_local", _DEMARCACION),
        municipio=_campo(campos, "municipio", _DEMARCACION),
        seccion=_campo(campos, "seccion", _DEMARCACION),
    )
    return Renglon(
        huella(llave, "id_registro", campos["id_registro"]),
        huellas(llave, clave, emision, cic, ocr),
        state,
        causa or None,
        geo,
    )


def _campo(campos: Mapping[str, str], name: str, pattern: re.Pattern[str], *, optional: bool = False) -> str:
    value = campos[name]
    if (optional and not value) or pattern.fullmatch(value):
        return value
    raise RenglonInvalido(f"{name}_invalido")


def _iguales(one: bytes | None, other: bytes | None) -> bool:
    return one is not None and one == other


def _orden(renglon: Renglon, agreed: list[Palabra]) -> tuple[object, ...]:
    """Sorts first the line that is the person (rule 3)."""
    return (
        -sum(name != "numero_emision" for name in agreed),
        "numero_emision" not in agreed,
        "cic" not in agreed,
        "ocr" not in agreed,
        EN_EL_PADRON.index(renglon.situacion),
        renglon.registro,
    )
