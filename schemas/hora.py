"""How dates and instants are shown to people: instants always in hora Centro, and saying so (SPEC 2, 5)."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

CENTRO = ZoneInfo("America/Mexico_City")
_MESES = ("ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic")


def fecha(dia: date) -> str:
    """`22 nov 2026`."""
    return f"{dia.day} {_MESES[dia.month - 1]} {dia.year}"


def hora_centro(momento: datetime) -> str:
    """`22 nov 2026, 14:05 (hora Centro)`. `momento`: aware."""
    local = momento.astimezone(CENTRO)
    return f"{fecha(local)}, {local:%H:%M} (hora Centro)"
