"""What is kept of each folio, and how records add up. Pure.

Rules:

- The status of a folio is `schemas.ciclo_de_vida.estado` of its four facts, and nothing else (SPEC 8, D 10.7).
- `recibidos` counts the records whose reception is known. Every one of them is in exactly one status; what is in quarantine is
  counted apart within `en_procesamiento`. The sum of the statuses is `recibidos`, always (SPEC 8): `Totales.cuadra` says so.
- A folio of which other facts arrived before its reception has no status and is not counted.
- Sealed data is not kept here: its SHA-256 stands in its place, so that the fold still tells two contents of one version apart.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from schemas.ciclo_de_vida import Ciclo, Estado, a_documento, en_cuarentena, estado
from schemas.eventos import (
    RegistroClasificado,
    RegistroCompulsado,
    RegistroDescifrado,
    RegistroEnCuarentena,
    RegistroRecibido,
)
from schemas.tipos import descomponer_folio

Hecho = RegistroRecibido | RegistroDescifrado | RegistroEnCuarentena | RegistroCompulsado | RegistroClasificado


def sin_sellados(evento: Hecho) -> Hecho:
    """The event with the hash of each sealed field in its place."""
    if not isinstance(evento, RegistroDescifrado):
        return evento
    return evento.model_copy(
        update={
            "datos_sellados": _huella(evento.datos_sellados),
            "acuse_sellado": _huella(evento.acuse_sellado),
        }
    )


def _huella(sellado: str) -> str:
    return base64.b64encode(hashlib.sha256(sellado.encode()).digest()).decode()


def documento(folio: str, ciclo: Ciclo, horas: Mapping[str, str]) -> dict[str, Any]:
    """What the projection holds of a folio. `horas`: topic → when its fact in force was written (ISO 8601, UTC)."""
    partes = descomponer_folio(folio)
    actual = estado(ciclo)
    return {
        "_id": folio,
        "proceso": partes.proceso,
        "solicitud": partes.solicitud,
        "auxiliar": partes.auxiliar,
        "recibido": ciclo.es(RegistroRecibido),
        "estado": actual.value if actual else None,
        "cuarentena": en_cuarentena(ciclo),
        "abierto": ciclo.es(RegistroDescifrado),
        "horas": dict(horas),
        **a_documento(ciclo),
    }


@dataclass(frozen=True, slots=True)
class Grupo:
    """How many folios of a solicitud share status, quarantine and being opened, and how many of them are known to be received."""

    solicitud: str
    estado: str | None
    cuarentena: bool
    abierto: bool
    folios: int
    recibidos: int


@dataclass(frozen=True, slots=True)
class Cuenta:
    """Records of a solicitud or of a process: received, in each status, and in quarantine within `en_procesamiento`.

    `abiertos`, `pendientes`: packages opened, and not looked at yet.
    """

    recibidos: int
    estados: Mapping[Estado, int]
    en_cuarentena: int
    abiertos: int
    pendientes: int

    @property
    def cuadra(self) -> bool:
        """Whether the statuses add up to what was received, and so do what was opened, quarantined and neither."""
        return (
            sum(self.estados.values()) == self.abiertos + self.en_cuarentena + self.pendientes == self.recibidos
            and self.en_cuarentena <= self.estados[Estado.EN_PROCESAMIENTO]
        )


@dataclass(frozen=True, slots=True)
class Totales:
    """Totals of a process. `al`: they hold at least for everything before `posiciones` (topic → partition → next offset)."""

    proceso: str
    cuenta: Cuenta
    por_solicitud: Mapping[str, Cuenta]
    al: datetime
    posiciones: Mapping[str, Mapping[int, int]]

    @property
    def cuadra(self) -> bool:
        """Whether everything adds up, each solicitud too."""
        return self.cuenta.cuadra and all(c.cuadra for c in self.por_solicitud.values())

    def de(self, solicitud: str) -> "Totales":
        """Of that solicitud alone, as if there were no other."""
        suya = self.por_solicitud.get(solicitud) or _cuenta(())
        return replace(self, cuenta=suya, por_solicitud={solicitud: suya})


def totalizar(
    proceso: str,
    solicitudes: Iterable[str],
    grupos: Iterable[Grupo],
    al: datetime,
    posiciones: Mapping[str, Mapping[int, int]],
) -> Totales:
    """Add the groups up. `solicitudes`: those registered, which count 0 until something arrives."""
    por_solicitud: dict[str, list[Grupo]] = {solicitud: [] for solicitud in sorted(solicitudes)}
    for grupo in grupos:
        por_solicitud.setdefault(grupo.solicitud, []).append(grupo)
    todos = [grupo for suyos in por_solicitud.values() for grupo in suyos]
    return Totales(proceso, _cuenta(todos), {s: _cuenta(g) for s, g in por_solicitud.items()}, al, posiciones)


def _cuenta(grupos: Iterable[Grupo]) -> Cuenta:
    recibidos = en_cuarentena_ = abiertos = pendientes = 0
    estados = dict.fromkeys(Estado, 0)
    for grupo in grupos:
        recibidos += grupo.recibidos
        if grupo.estado is not None:
            estados[Estado(grupo.estado)] += grupo.folios
            en_cuarentena_ += grupo.folios if grupo.cuarentena else 0
            abiertos += grupo.folios if grupo.abierto else 0
            pendientes += 0 if grupo.cuarentena or grupo.abierto else grupo.folios
    return Cuenta(recibidos, estados, en_cuarentena_, abiertos, pendientes)
