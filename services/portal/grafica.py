"""The drawing of a capacity plan: bars of what waits each day, as numbers for SVG. No decisions."""

from dataclasses import dataclass
from datetime import date

from services.portal.domain.capacidad import Plan

ANCHO, ALTO = 720, 180


@dataclass(frozen=True, slots=True)
class Barra:
    """One day, or several where there are many: `x`, `y`, `ancho`, `alto` in the drawing's units."""

    dia: date
    pendientes: int
    x: float
    y: float
    ancho: float
    alto: float


@dataclass(frozen=True, slots=True)
class Grafica:
    """The bars, and the days and figures of the axes."""

    barras: tuple[Barra, ...]
    maximo: int
    primero: date
    ultimo: date


def de_plan(plan: Plan) -> Grafica:
    """Bars from zero; the highest fills the height."""
    maximo = max(plan.maximo_pendiente, 1)
    paso = ANCHO / len(plan.dias)
    barras = tuple(
        Barra(
            d.dia,
            d.pendientes,
            round(n * paso, 2),
            round(ALTO - ALTO * d.pendientes / maximo, 2),
            round(max(paso - min(2.0, paso / 4), 0.5), 2),
            round(ALTO * d.pendientes / maximo, 2),
        )
        for n, d in enumerate(plan.dias)
    )
    return Grafica(barras, plan.maximo_pendiente, plan.dias[0].dia, plan.dias[-1].dia)
