"""When what a process holds may be destroyed, and who says so (SPEC 2, row "expedientes"; P 16.1, D 13.9). Pure.

Whoever records the fact from which it may be (`CierreRegistrado`) is not who orders the destruction: it takes two persons. The fact
is the OPL's to record, or INE's where there is no OPL; the order is INE's.
"""

import calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal

from schemas.actores import Actores
from schemas.autorizacion import Rol
from schemas.eventos import CierreRegistrado, ProcesoRegistrado
from schemas.hora import CENTRO, fecha, hora_centro
from schemas.perfil import PerfilReglas
from services.portal.domain.captura import Captura

MESES = 3
"""So long after the final result expedientes can be consulted (P 16.1)."""

Numeral = Literal["P 16.1", "D 13.9"]
Hecho = Literal["resultado_final", "apertura_confirmada"]


@dataclass(frozen=True, slots=True)
class Norma:
    """What the profile's rule asks for. `hecho`: after which fact; `pide`, `asienta`: the rule and the fact, in words."""

    numeral: Numeral
    hecho: Hecho
    pide: str
    asienta: str


NORMAS: dict[str, Norma] = {
    "tres_meses_y_archivo": Norma(
        "P 16.1",
        "resultado_final",
        "Los expedientes se pueden consultar durante tres meses después del resultado final. Después se destruyen cuando se ordena,"
        " conforme a las reglas de archivo.",
        "el resultado final",
    ),
    "al_confirmar_apertura": Norma(
        "D 13.9",
        "apertura_confirmada",
        "Los expedientes se destruyen una vez entregados, cuando el OPL confirma que los pudo abrir.",
        "que se recibieron los resultados y se pudieron abrir",
    ),
}


def norma_de(perfil: PerfilReglas) -> Norma:
    """By the profile in force."""
    return NORMAS[perfil.expedientes]


def asienta(rol: Rol, proceso: ProcesoRegistrado) -> bool:
    """Whether it is for that role to record the fact: the OPL, or INE where there is none."""
    return rol is (Rol.OPL_ADMIN if proceso.entidad is not None else Rol.INE_ADMIN)


def desde(cierre: CierreRegistrado) -> datetime:
    """From when the order may be given: midnight after the last day of the term, hora Centro; what needs none, from its day on."""
    dia = date.fromisoformat(cierre.fecha)
    if cierre.hecho == "resultado_final":
        dia = mas_meses(dia, MESES) + timedelta(days=1)
    return datetime.combine(dia, time.min, CENTRO)


def mas_meses(dia: date, meses: int) -> date:
    """The same day so many months later; the last of that month where it has no such day."""
    anio, mes = divmod(dia.year * 12 + dia.month - 1 + meses, 12)
    return date(anio, mes + 1, min(dia.day, calendar.monthrange(anio, mes + 1)[1]))


def impedimento(actores: Actores, proceso: str, quien: str, ahora: datetime) -> str | None:
    """Why the destruction may not be ordered now by that account, in words; None when it may."""
    norma, cierre = norma_de(actores.perfil_de(proceso)), actores.cierres.get(proceso)
    if proceso in actores.destrucciones:
        return "La destrucción ya se ordenó."
    limite = actores.limite_de_recepcion(proceso)
    if ahora <= limite:
        return f"Todavía se reciben registros, hasta el {hora_centro(limite)}."
    if cierre is None or cierre.hecho != norma.hecho:
        return f"Falta asentar {norma.asienta} ({norma.numeral})."
    if ahora < (primero := desde(cierre)):
        return f"Los expedientes aún se pueden consultar: se puede ordenar desde el {fecha(primero.date())} ({norma.numeral})."
    if cierre.por == quien:
        return f"Usted asentó {norma.asienta}: la orden la da otra persona."
    return None


@dataclass(frozen=True, slots=True)
class CierreCapturado:
    """What the form of the fact says."""

    fecha: date
    documento: str


def leer_cierre(valores: Mapping[str, Sequence[str]], proceso: ProcesoRegistrado, hoy: date) -> CierreCapturado:
    """Read the form. Raises Invalida."""
    c = Captura(valores)
    dia = c.dia("fecha")
    if dia and dia > hoy:
        c.error("fecha", "No puede ser posterior al día de hoy.")
    elif dia and dia < proceso.fin.astimezone(CENTRO).date():
        c.error("fecha", "No puede ser anterior al término de la captación.")
    documento = c.texto("documento", maximo=60)
    c.terminar()
    return CierreCapturado(dia or hoy, documento)


@dataclass(frozen=True, slots=True)
class OrdenCapturada:
    """What the form of the order says."""

    documento: str
    motivo: str


def leer_orden(valores: Mapping[str, Sequence[str]], proceso: str) -> OrdenCapturada:
    """Read the form; its author types the Id Proceso once more. Raises Invalida."""
    c = Captura(valores)
    documento = c.texto("documento", maximo=60)
    motivo = c.texto("motivo", maximo=500, renglones=True)
    if c.crudo("confirma") != proceso:
        c.error("confirma", f"Escriba {proceso}, tal cual: lo que se destruye no se recupera.")
    c.terminar()
    return OrdenCapturada(documento, motivo)
