"""File of a cut of the roll: CSV in UTF-8 with a header, one person a line. Municipio keys are the roll's own."""

import csv
from collections.abc import Iterable
from pathlib import Path

from credencial.situaciones import Situacion
from dispositivo.poblacion.personas import Persona

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
"""`id_registro` is opaque and stable across cuts; a missing `materno` or `causa_baja` is empty."""

_EN_EL_PADRON = (Situacion.EN_LISTA_NOMINAL, Situacion.EN_PADRON_NO_LISTA_NOMINAL, Situacion.BAJA)


def escribir_padron(path: Path, personas: Iterable[Persona]) -> int:
    """Write a cut with those persons and return how many lines of data it has.

    Raises ValueError for a person whose situation the roll cannot say (not found, outside the ámbito).
    """
    rows = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNAS)
        for p in personas:
            if p.situacion not in _EN_EL_PADRON:
                raise ValueError(f"una persona del padrón no puede estar {p.situacion}")
            d = p.demarcacion
            writer.writerow(
                (
                    p.id_registro,
                    p.clave_elector,
                    p.numero_emision,
                    p.cic,
                    p.ocr,
                    p.nombre,
                    p.paterno,
                    p.materno or "",
                    d.entidad,
                    d.distrito_federal,
                    d.distrito_local,
                    d.municipio,
                    d.seccion,
                    p.situacion.value,
                    p.causa_baja.value if p.causa_baja else "",
                )
            )
            rows += 1
    return rows
