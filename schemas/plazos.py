"""Terms in calendar and in working days, in America/Mexico_City. Pure (SPEC 2; P 13.9, D 1.2, 10.2, 13).

A term of n days that begins on a day ends at the end of the n-th day after it: the day that it begins on does not count.
Working days are Monday to Friday without those of the holiday calendar.
"""

from collections.abc import Collection
from datetime import date, datetime, time, timedelta

from schemas.hora import CENTRO
from schemas.perfil import Plazo

_SABADO = 5


def es_habil(dia: date, festivos: Collection[date]) -> bool:
    """Whether it is a working day."""
    return dia.weekday() < _SABADO and dia not in festivos


def sumar(dia: date, plazo: Plazo, festivos: Collection[date] = ()) -> date:
    """The last day of the term that begins on `dia`."""
    if not plazo.habiles:
        return dia + timedelta(days=plazo.dias)
    quedan = plazo.dias
    while quedan:
        dia += timedelta(days=1)
        quedan -= es_habil(dia, festivos)
    return dia


def restar(dia: date, plazo: Plazo, festivos: Collection[date] = ()) -> date:
    """The day so long before `dia`: of terms that end there ("2 working days before the start", D 1.2)."""
    if not plazo.habiles:
        return dia - timedelta(days=plazo.dias)
    quedan = plazo.dias
    while quedan:
        dia -= timedelta(days=1)
        quedan -= es_habil(dia, festivos)
    return dia


def vence(desde: datetime, plazo: Plazo, festivos: Collection[date] = ()) -> datetime:
    """First instant after the term that begins at `desde`: midnight, hora Centro."""
    ultimo = sumar(desde.astimezone(CENTRO).date(), plazo, festivos)
    return datetime.combine(ultimo + timedelta(days=1), time.min, CENTRO)
