"""Holiday calendars: the days that are not working days besides Saturdays and Sundays (SPEC 2). Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from schemas.actores import Actores
from services.portal.domain.captura import Captura

MAXIMO = 400
"""Days that a calendar names at most; ten years of holidays."""


@dataclass(frozen=True, slots=True)
class CalendarioCapturado:
    """What the form of a calendar says; the days in order, each once."""

    calendario: str
    festivos: list[str]


def leer(valores: Mapping[str, Sequence[str]], *, actual: str | None = None) -> CalendarioCapturado:
    """Read the form. `actual`: id of the calendar that is changed. Raises Invalida."""
    c = Captura(valores)
    id_ = actual or c.patron(
        "calendario",
        r"[a-z][a-z0-9_]{0,63}",
        "Use minúsculas, números y guion bajo, y empiece con letra; por ejemplo: durango_2027.",
    )
    texto = c.texto("festivos", maximo=12 * MAXIMO, renglones=True)
    dias: set[date] = set()
    malos: list[str] = []
    for parte in re.split(r"[\s,;]+", texto):
        if not parte:
            continue
        try:
            if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", parte):
                raise ValueError
            dias.add(date.fromisoformat(parte))
        except ValueError:
            malos.append(parte[:12])
    if malos:
        c.error("festivos", f"No son fechas, o no existen: {', '.join(malos[:5])}. Escríbalas como 2026-12-25.")
    elif len(dias) > MAXIMO:
        c.error("festivos", f"Son {len(dias)} días y el máximo es {MAXIMO}.")
    c.terminar()
    return CalendarioCapturado(id_, [dia.isoformat() for dia in sorted(dias)])


def festivos(actores: Actores, calendario: str | None) -> frozenset[date]:
    """The days of a calendar; none where there is no calendar."""
    registrado = actores.calendarios.get(calendario) if calendario else None
    return frozenset(map(date.fromisoformat, registrado.festivos)) if registrado else frozenset()
