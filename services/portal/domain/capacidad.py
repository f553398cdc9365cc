"""The capacity plan: from the estimates, the operators, days and storage that a process asks for (O; P 13.3, 13.9, D 10.2). Pure.

The supports of a day are reviewed from the next working day on, oldest first, each within its term. The plan is the smallest number
of operators, each at `POR_DIA` a working day, with whom nothing is late, for two ways in which supports may arrive.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from schemas.eventos import ProcesoRegistrado
from schemas.hora import CENTRO
from schemas.perfil import PerfilReglas
from schemas.plazos import es_habil, vence

POR_DIA = 400
"""Records that an operator reviews a day (P 13.3)."""
BYTES_DE_EXPEDIENTE = 620_000
"""Of one support at rest: four JPEG images of 150 KB and its data, sealed."""
BYTES_DE_PAQUETE = 620_000
"""Of one package as the device sent it."""
BYTES_DE_EVENTOS = 36_000
"""Of one support in the topics and in the documents of all services (measured: 7 KB and 26 KB)."""
FINAL = 5
"""The last fifth of the days, which brings half of the supports where they come late."""


class Ritmo(StrEnum):
    """How supports may arrive."""

    PAREJO = "parejo"
    AL_FINAL = "al_final"


@dataclass(frozen=True, slots=True)
class Dia:
    """One day of the plan. `pendientes`: waiting when it ends."""

    dia: date
    llegan: int
    revisan: int
    pendientes: int


@dataclass(frozen=True, slots=True)
class Plan:
    """`operadores`: the fewest that do; `dias`: from the first arrival to the last review; `ultimo_limite`: of the last support."""

    ritmo: Ritmo
    operadores: int
    dias: tuple[Dia, ...]
    dias_de_revision: int
    maximo_pendiente: int
    ultimo_limite: date


@dataclass(frozen=True, slots=True)
class Almacenamiento:
    """Bytes that a process fills at most, by what they are."""

    expedientes: int
    paquetes: int
    eventos: int

    @property
    def total(self) -> int:
        """All of it, once."""
        return self.expedientes + self.paquetes + self.eventos


def planear(
    proceso: ProcesoRegistrado, perfil: PerfilReglas, festivos: Collection[date], ritmo: Ritmo, apoyos: int
) -> Plan:
    """The plan for so many supports."""
    primero, ultimo = (momento.astimezone(CENTRO).date() for momento in (proceso.inicio, proceso.fin))
    llegan = _llegadas(primero, ultimo, ritmo, apoyos)
    limites = {dia: _limite(dia, perfil, festivos) for dia in llegan}
    bajo, alto = 0, max(1, -(-apoyos // POR_DIA))
    while bajo < alto:
        medio = (bajo + alto) // 2
        if _alcanza(medio, llegan, limites, festivos):
            alto = medio
        else:
            bajo = medio + 1
    dias = _simular(alto, llegan, festivos)
    return Plan(
        ritmo,
        alto,
        dias,
        sum(1 for d in dias if d.revisan),
        max((d.pendientes for d in dias), default=0),
        max(limites.values()),
    )


def _llegadas(primero: date, ultimo: date, ritmo: Ritmo, apoyos: int) -> dict[date, int]:
    """Supports of each day; together exactly `apoyos`."""
    dias = [primero + timedelta(days=n) for n in range((ultimo - primero).days + 1)]
    if ritmo is Ritmo.PAREJO or len(dias) < 2:
        return _repartir(dias, apoyos)
    corte = len(dias) - max(1, len(dias) // FINAL)
    return _repartir(dias[:corte], apoyos - apoyos // 2) | _repartir(dias[corte:], apoyos // 2)


def _repartir(dias: list[date], apoyos: int) -> dict[date, int]:
    return {dia: apoyos * (n + 1) // len(dias) - apoyos * n // len(dias) for n, dia in enumerate(dias)}


def _limite(dia: date, perfil: PerfilReglas, festivos: Collection[date]) -> date:
    """Last day to review what arrived on `dia`."""
    mediodia = datetime(dia.year, dia.month, dia.day, 12, tzinfo=CENTRO)
    return vence(mediodia, perfil.plazo_de_revision, festivos).date() - timedelta(days=1)


def _simular(operadores: int, llegan: dict[date, int], festivos: Collection[date]) -> tuple[Dia, ...]:
    """Day by day until nothing waits; what arrives on a day is reviewed from the next one on."""
    found: list[Dia] = []
    dia, ultimo, pendientes = min(llegan), max(llegan), 0
    while dia <= ultimo or pendientes:
        revisan = min(pendientes, operadores * POR_DIA) if es_habil(dia, festivos) else 0
        pendientes += llegan.get(dia, 0) - revisan
        found.append(Dia(dia, llegan.get(dia, 0), revisan, pendientes))
        dia += timedelta(days=1)
        if not operadores and dia > ultimo:
            break
    return tuple(found)


def _alcanza(operadores: int, llegan: dict[date, int], limites: dict[date, date], festivos: Collection[date]) -> bool:
    """Whether with so many operators nothing is reviewed after its last day: the oldest first, so it is enough to count."""
    if not operadores:
        return not any(llegan.values())
    revisados: dict[date, int] = {}
    total = 0
    for d in _simular(operadores, llegan, festivos):
        total += d.revisan
        revisados[d.dia] = total
    fin = max(revisados)
    llegados = 0
    for dia in sorted(llegan):
        llegados += llegan[dia]
        if revisados[min(limites[dia], fin)] < llegados:
            return False
    return True


def almacenamiento(apoyos: int) -> Almacenamiento:
    """What so many supports fill."""
    return Almacenamiento(apoyos * BYTES_DE_EXPEDIENTE, apoyos * BYTES_DE_PAQUETE, apoyos * BYTES_DE_EVENTOS)
