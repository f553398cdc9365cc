"""Auxiliares as persons of the population, and the file in which a solicitud registers them at once (P 7.3, D 3)."""

import csv
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path

from credencial.situaciones import CausaBaja, Situacion
from dispositivo.poblacion.personas import Persona, Poblador

COLUMNAS = (
    "NOMBRE",
    "APELLIDO PATERNO",
    "APELLIDO MATERNO",
    "FECHA DE NACIMIENTO",
    "TELEFONO",
    "CLAVE DE ELECTOR",
    "CURP",
    "CORREO",
    "EMISOR",
    "REFERENCIA",
)
"""Header of the file of auxiliares, as the portal's template has it."""

_NO_PROCEDEN = ((Situacion.NO_ENCONTRADO, None), (Situacion.BAJA, CausaBaja.PERDIDA_DE_VIGENCIA))
"""The last ones of each solicitud: the roll's answer dismisses them (P 7.6)."""


@dataclass(frozen=True, slots=True)
class Auxiliar:
    """An auxiliar and the person they are. `auxiliar`: the id that the portal gives when a solicitud registers them in order."""

    solicitud: str
    auxiliar: str
    persona: Persona
    correo: str
    telefono: str

    @property
    def procede(self) -> bool:
        """Whether the roll says that they may go on (P 7.6): found, and with a valid card."""
        return self.persona.situacion is Situacion.EN_LISTA_NOMINAL


def auxiliares_sinteticos(
    semilla: int, ids: Iterable[tuple[str, str | None, int]], referencia: date, evitar: Iterable[Persona] = ()
) -> tuple[Auxiliar, ...]:
    """Persons for the auxiliares of each solicitud, and after them two who cannot go on: one not found, one struck off.

    `ids`: solicitud, entidad where they live (None: any), how many auxiliares. `referencia`: everyone is of age then.
    """
    rng = random.Random(f"auxiliares-{semilla}")
    poblador = Poblador(f"auxiliares-personas-{semilla}", referencia, evitar)
    found: list[Auxiliar] = []
    for solicitud, entidad, cuantos in ids:
        situaciones = [(Situacion.EN_LISTA_NOMINAL, None)] * cuantos + list(_NO_PROCEDEN)
        for numero, (situacion, causa) in enumerate(situaciones, 1):
            auxiliar = f"A{numero:04d}"
            persona = poblador.persona(entidad, situacion=situacion, causa_baja=causa)
            correo = f"{auxiliar}.{solicitud}@auxiliares.invalid".lower()
            found.append(Auxiliar(solicitud, auxiliar, persona, correo, f"55{rng.randrange(10**8):08d}"))
    return tuple(found)


def escribir_auxiliares(path: Path, auxiliares: Sequence[Auxiliar], emisor: str) -> int:
    """Write the file with which one solicitud registers its auxiliares, in order; number of rows.

    `emisor`: of everybody's e-mail, by its id or its name. Raises ValueError for auxiliares of several solicitudes.
    """
    if len(list(groupby(auxiliares, lambda a: a.solicitud))) > 1:
        raise ValueError("un archivo es de una sola solicitud")
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNAS)
        for a in auxiliares:
            p = a.persona
            writer.writerow(
                (
                    p.nombre,
                    p.paterno,
                    p.materno or "",
                    f"{p.nacimiento:%d/%m/%Y}",
                    a.telefono,
                    p.clave_elector,
                    p.curp,
                    a.correo,
                    emisor,
                    "",
                )
            )
    return len(auxiliares)
