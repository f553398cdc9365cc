"""The terms of a process: every date that follows from its period, its profile and its calendar (SPEC 2). Pure.

What hangs on a notice that nobody has given yet is shown for the latest that the terms before it allow (`supuesto`).
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from schemas.eventos import ProcesoRegistrado
from schemas.hora import CENTRO
from schemas.perfil import PerfilReglas, Plazo
from schemas.plazos import restar, sumar, vence

ANTELACION_DEL_INE = Plazo(dias=2, habiles=True)
"""Before the start, INE has registered the process with the OPL's data (D 1.2)."""
HORAS_DE_ENLACES = 48
HORAS_TRAS_EL_FIN = 48
"""After the end, when the term of the single delivery begins (D 13.7)."""
DIAS_DE_CONVENIO = 60


@dataclass(frozen=True, slots=True)
class Termino:
    """One term. `cuando`: an instant, or a day that ends it; None when it hangs on something else. `regla`: in words."""

    nombre: str
    cuando: datetime | date | None
    regla: str
    numeral: str
    supuesto: bool = False


def en_palabras(plazo: Plazo) -> str:
    """`10 días hábiles`, `1 día natural`."""
    clase = (
        ("hábil" if plazo.dias == 1 else "hábiles") if plazo.habiles else "natural" if plazo.dias == 1 else "naturales"
    )
    return f"{plazo.dias} {'día' if plazo.dias == 1 else 'días'} {clase}"


def terminos(proceso: ProcesoRegistrado, perfil: PerfilReglas, festivos: Collection[date]) -> list[Termino]:
    """Every term, in the order of time."""
    found = [*_antes(proceso, perfil, festivos), *_periodo(proceso, perfil), *_despues(proceso, perfil, festivos)]
    keys: list[datetime] = []
    for t in found:
        # What hangs on a notice stays after what comes before it.
        keys.append(_instante(t.cuando) if t.cuando is not None else keys[-1] if keys else proceso.inicio)
    return [t for _, t in sorted(zip(keys, found, strict=True), key=lambda pair: pair[0])]


def _dia(momento: datetime) -> date:
    return momento.astimezone(CENTRO).date()


def _antes(proceso: ProcesoRegistrado, perfil: PerfilReglas, festivos: Collection[date]) -> list[Termino]:
    inicio = _dia(proceso.inicio)
    found: list[Termino] = []
    if proceso.convenio_hasta is not None:
        hasta = date.fromisoformat(proceso.convenio_hasta)
        found.append(
            Termino(
                "Avisar que el convenio está por terminar",
                hasta - timedelta(days=DIAS_DE_CONVENIO),
                f"{DIAS_DE_CONVENIO} días naturales antes del término del convenio",
                "D, cláusula 9",
            )
        )
        found.append(Termino("Término de la vigencia del convenio", hasta, "lo fija el convenio", "D, cláusula 9"))
    if perfil.llave_opl_dias_antes is not None:
        antes = Plazo(dias=perfil.llave_opl_dias_antes, habiles=False)
        found.append(
            Termino(
                "Entregar la llave pública del OPL",
                restar(inicio, antes),
                f"{en_palabras(antes)} antes del inicio",
                "P 15.1",
            )
        )
    else:
        found.append(Termino("Entregar la llave pública del OPL", None, "antes de la entrega de resultados", "D 13.6"))
    if perfil.registra == "ine":
        found.append(
            Termino(
                "Registrar el proceso y sus solicitudes",
                restar(inicio, ANTELACION_DEL_INE, festivos),
                f"{en_palabras(ANTELACION_DEL_INE)} antes del inicio",
                "D 1.2",
            )
        )
    found.append(
        Termino(
            "Registrar a los enlaces",
            proceso.inicio - timedelta(hours=HORAS_DE_ENLACES),
            f"{HORAS_DE_ENLACES} horas antes del inicio",
            "P 13.2",
        )
    )
    return found


def _periodo(proceso: ProcesoRegistrado, perfil: PerfilReglas) -> list[Termino]:
    return [
        Termino("Inicio de la captación", proceso.inicio, "lo fija el proceso", "P 6.1, D 1.2"),
        Termino("Término de la captación", proceso.fin, "lo fija el proceso", "P 6.1, D 1.2"),
        Termino(
            "Última recepción de lo capturado a tiempo",
            proceso.fin + timedelta(hours=perfil.gracia_horas),
            f"{perfil.gracia_horas} horas después del término",
            "P 9.16, D 6.6",
        ),
    ]


def _despues(proceso: ProcesoRegistrado, perfil: PerfilReglas, festivos: Collection[date]) -> list[Termino]:
    ultima = proceso.fin + timedelta(hours=perfil.gracia_horas)
    revision = vence(ultima, perfil.plazo_de_revision, festivos)
    fin_de_revision = _dia(revision - timedelta(microseconds=1))
    found = [
        Termino(
            "Terminar la revisión en Mesa de Control",
            fin_de_revision,
            f"{en_palabras(perfil.plazo_de_revision)} desde la recepción de cada registro; aquí, del último",
            "P 13.9, D 10.2",
        )
    ]
    if perfil.audiencia_aviso_horas:
        found.append(
            Termino(
                "Avisar al INE de cada audiencia",
                None,
                f"{perfil.audiencia_aviso_horas} horas antes de la audiencia",
                "D 11.3",
            )
        )
    found.append(
        Termino(
            "Notificar los resultados de cada audiencia",
            None,
            f"{perfil.audiencia_resultados_horas} horas después de la audiencia",
            "D 11.9",
        )
    )
    if perfil.entrega_preliminar is not None:
        found.append(
            Termino(
                "Entrega preliminar",
                sumar(fin_de_revision, perfil.entrega_preliminar, festivos),
                f"{en_palabras(perfil.entrega_preliminar)} desde el aviso de que terminó la revisión",
                "D 13.2",
                supuesto=True,
            )
        )
    final = _entrega_unica(proceso, perfil, festivos)
    if perfil.entrega_final is not None:
        found.append(
            Termino(
                "Entrega final",
                None,
                f"{en_palabras(perfil.entrega_final)} desde el aviso de que terminaron las audiencias",
                "D 13.4",
            )
        )
    else:
        found.append(Termino("Entrega final", None, "después de la revisión y la conciliación", "P 15.2"))
    if perfil.entrega_unica is not None:
        found.append(
            Termino(
                "Entrega única, en lugar de las dos anteriores",
                final,
                f"{en_palabras(perfil.entrega_unica)} contados desde {HORAS_TRAS_EL_FIN} horas después del término",
                "D 13.7",
            )
        )
    if perfil.portal_cierra is not None:
        found.append(
            Termino(
                "Cierre del portal para la persona promovente",
                sumar(final, perfil.portal_cierra, festivos) if final else None,
                f"{en_palabras(perfil.portal_cierra)} después de la entrega final",
                "D 13.8",
                supuesto=final is not None,
            )
        )
    return found


def cierre_del_portal(proceso: ProcesoRegistrado, perfil: PerfilReglas, festivos: Collection[date]) -> datetime:
    """Until when a promovente's account is given: the portal's closing where the profile fixes it, else a year after the end."""
    final = _entrega_unica(proceso, perfil, festivos)
    if perfil.portal_cierra is None or final is None:
        return proceso.fin + timedelta(days=365)
    return datetime.combine(sumar(final, perfil.portal_cierra, festivos) + timedelta(days=1), time.min, CENTRO)


def _entrega_unica(proceso: ProcesoRegistrado, perfil: PerfilReglas, festivos: Collection[date]) -> date | None:
    """Last day of the single delivery, the only one whose term the period fixes (D 13.7)."""
    if perfil.entrega_unica is None:
        return None
    return sumar(_dia(proceso.fin + timedelta(hours=HORAS_TRAS_EL_FIN)), perfil.entrega_unica, festivos)


def _instante(cuando: datetime | date) -> datetime:
    return cuando if isinstance(cuando, datetime) else datetime.combine(cuando, time.max, CENTRO)
