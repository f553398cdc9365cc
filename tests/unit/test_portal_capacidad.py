"""The capacity plan (O; P 13.3, 13.9, D 10.2): the fewest operators with whom nothing is late."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.eventos import ProcesoRegistrado
from schemas.hora import CENTRO
from schemas.perfil import PERFIL_D, PERFIL_P, PerfilReglas, Plazo
from services.portal.domain.capacidad import POR_DIA, Ritmo, almacenamiento, planear
from services.portal.domain.terminos import cierre_del_portal, en_palabras, terminos
from tests.support.ejemplos import ejemplo

INICIO = datetime(2026, 12, 1, 0, 0, tzinfo=CENTRO)


def _proceso(dias: int) -> ProcesoRegistrado:
    fin = INICIO + timedelta(days=dias) - timedelta(minutes=1)
    return ejemplo(ProcesoRegistrado, inicio=INICIO.astimezone(UTC), fin=fin.astimezone(UTC))


@settings(deadline=None, max_examples=60)
@given(
    dias=st.integers(1, 90),
    apoyos=st.integers(0, 200_000),
    ritmo=st.sampled_from(Ritmo),
    plazo=st.builds(Plazo, dias=st.integers(4, 20), habiles=st.booleans()),
    festivos=st.sets(st.dates(date(2026, 12, 1), date(2027, 3, 1)), max_size=2),
)
def test_con_el_plan_nada_se_revisa_tarde_y_con_una_persona_menos_si(
    dias: int, apoyos: int, ritmo: Ritmo, plazo: Plazo, festivos: set[date]
) -> None:
    perfil = PERFIL_P.model_copy(update={"plazo_de_revision": plazo})
    plan = planear(_proceso(dias), perfil, festivos, ritmo, apoyos)
    assert sum(d.llegan for d in plan.dias) == sum(d.revisan for d in plan.dias) == apoyos
    assert plan.dias[-1].pendientes == 0
    assert all(d.revisan <= plan.operadores * POR_DIA for d in plan.dias)
    assert all(d.revisan == 0 for d in plan.dias if d.dia.weekday() >= 5 or d.dia in festivos)
    assert _tarde(plan.operadores, plan.dias, perfil, festivos) == 0
    if plan.operadores > 1:
        assert _tarde(plan.operadores - 1, plan.dias, perfil, festivos) > 0


def _tarde(operadores: int, dias: object, perfil: PerfilReglas, festivos: set[date]) -> int:
    """Records reviewed late, each by itself: an independent way to count."""
    from schemas.plazos import es_habil, sumar

    cola: list[tuple[date, int]] = []
    tarde = 0
    dia = INICIO.date()
    llegan = {d.dia: d.llegan for d in dias}  # type: ignore[attr-defined]
    while dia <= max(llegan) or cola:
        quedan = operadores * POR_DIA if es_habil(dia, festivos) else 0
        while quedan and cola:
            llego, cuantos = cola.pop(0)
            hechos = min(quedan, cuantos)
            quedan -= hechos
            if dia > sumar(llego, perfil.plazo_de_revision, festivos):
                tarde += hechos
            if cuantos > hechos:
                cola.insert(0, (llego, cuantos - hechos))
        if llegan.get(dia):
            cola.append((dia, llegan[dia]))
        dia += timedelta(days=1)
        if dia > max(llegan) + timedelta(days=3000):
            break
    return tarde


def test_lo_que_llega_al_final_pide_mas_personas() -> None:
    parejo, final = (planear(_proceso(46), PERFIL_P, (), r, 120_000) for r in Ritmo)
    assert (parejo.operadores, final.operadores) == (8, 13)


def test_sin_apoyos_no_hace_falta_nadie() -> None:
    plan = planear(_proceso(10), PERFIL_P, (), Ritmo.PAREJO, 0)
    assert (plan.operadores, plan.maximo_pendiente, plan.dias_de_revision) == (0, 0, 0)


def test_el_almacenamiento_dice_de_que_es() -> None:
    a = almacenamiento(1000)
    assert a.total == a.expedientes + a.paquetes + a.eventos
    assert a.expedientes == 620_000_000


def test_los_plazos_en_palabras() -> None:
    assert [en_palabras(Plazo(dias=d, habiles=h)) for d in (1, 2) for h in (True, False)] == [
        "1 día hábil",
        "1 día natural",
        "2 días hábiles",
        "2 días naturales",
    ]


@pytest.mark.parametrize("perfil", [PERFIL_P, PERFIL_D])
def test_todo_termino_dice_de_donde_se_sigue_y_su_numeral(perfil: PerfilReglas) -> None:
    for t in terminos(_proceso(46), perfil, ()):
        assert t.nombre
        assert t.regla
        assert t.numeral[0] in "PD"


def test_la_llave_del_opl_se_entrega_diez_dias_antes_en_candidaturas() -> None:
    (llave,) = [t for t in terminos(_proceso(46), PERFIL_P, ()) if "llave" in t.nombre]
    assert (llave.cuando, llave.numeral) == (date(2026, 11, 21), "P 15.1")


def test_la_cuenta_del_promovente_dura_hasta_el_cierre_del_portal_o_un_anio() -> None:
    proceso = _proceso(46)
    assert cierre_del_portal(proceso, PERFIL_P, ()) == proceso.fin + timedelta(days=365)
    assert cierre_del_portal(proceso, PERFIL_D, ()) == datetime(2027, 3, 8, tzinfo=CENTRO)
