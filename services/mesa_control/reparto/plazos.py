"""The term of review: when each record's ends, and which are at risk or expired. Pure (P 13.9, D 10.2).

It is counted from reception, which is never later than reception in Mesa, under the profile in force. So within a process who was
received first expires first: the order of the queue is that of the terms, and nothing has to be written again when a term or
a calendar of holidays changes (ADR 23).
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from schemas.actores import Actores
from schemas.hora import CENTRO
from schemas.perfil import Plazo
from schemas.plazos import sumar, vence


@dataclass(frozen=True, slots=True)
class Termino:
    """The term of a process."""

    plazo: Plazo
    festivos: frozenset[date]

    def vence(self, recibido_en: datetime) -> datetime:
        """First instant after the term of a record received then."""
        return vence(recibido_en, self.plazo, self.festivos)

    def recibido_antes_de(self, momento: datetime) -> datetime:
        """What was received before this has expired at that moment; nothing else has."""
        hoy = momento.astimezone(CENTRO).date()
        dia = hoy
        while sumar(dia, self.plazo, self.festivos) >= hoy:
            dia -= timedelta(days=1)
        return datetime.combine(dia + timedelta(days=1), time.min, CENTRO)


def termino_de(actores: Actores, proceso: str) -> Termino | None:
    """Under the profile and the calendar in force; None for a process that is not known."""
    registrado = actores.procesos.get(proceso)
    if registrado is None:
        return None
    calendario = actores.calendarios.get(registrado.calendario) if registrado.calendario else None
    return Termino(actores.perfil_de(proceso).plazo_de_revision, _dias(calendario.festivos if calendario else ()))


def _dias(festivos: Collection[str]) -> frozenset[date]:
    return frozenset(date.fromisoformat(dia) for dia in festivos)
