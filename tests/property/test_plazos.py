"""Terms in calendar and working days (SPEC 2; P 13.9, D 1.2, 10.2, 13): the same as counting day by day on a paper calendar."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from schemas.hora import CENTRO
from schemas.perfil import Plazo
from schemas.plazos import es_habil, restar, sumar, vence

DIAS = st.dates(date(2020, 1, 1), date(2035, 12, 31))
PLAZOS = st.builds(Plazo, dias=st.integers(0, 60), habiles=st.booleans())


@st.composite
def calendarios(draw: st.DrawFn) -> tuple[date, Plazo, frozenset[date]]:
    """A day, a term, and holidays near them."""
    dia = draw(DIAS)
    cerca = st.integers(-120, 120).map(lambda n: dia + timedelta(days=n))
    return dia, draw(PLAZOS), frozenset(draw(st.sets(cerca, max_size=12)))


def _cuentan(desde: date, hasta: date, plazo: Plazo, festivos: frozenset[date]) -> int:
    """Days after `desde`, up to `hasta`, that count."""
    dias = (desde + timedelta(days=n) for n in range(1, (hasta - desde).days + 1))
    return sum(1 for d in dias if not plazo.habiles or (d.weekday() < 5 and d not in festivos))


@given(calendarios())
def test_el_ultimo_dia_es_aquel_en_que_ya_se_contaron_todos_y_ninguno_de_mas(
    caso: tuple[date, Plazo, frozenset[date]],
) -> None:
    dia, plazo, festivos = caso
    ultimo = sumar(dia, plazo, festivos)
    assert _cuentan(dia, ultimo, plazo, festivos) == plazo.dias
    if plazo.dias:
        assert _cuentan(dia, ultimo - timedelta(days=1), plazo, festivos) == plazo.dias - 1
        assert not plazo.habiles or es_habil(ultimo, festivos)


@given(calendarios())
def test_hacia_atras_se_cuenta_lo_mismo(caso: tuple[date, Plazo, frozenset[date]]) -> None:
    dia, plazo, festivos = caso
    primero = restar(dia, plazo, festivos)
    dias = [primero + timedelta(days=n) for n in range((dia - primero).days)]
    assert sum(1 for d in dias if not plazo.habiles or es_habil(d, festivos)) == plazo.dias
    if plazo.dias and plazo.habiles:
        assert es_habil(primero, festivos)


@given(calendarios(), st.integers(0, 86_399))
def test_vence_a_la_medianoche_del_centro_que_sigue_al_ultimo_dia(
    caso: tuple[date, Plazo, frozenset[date]], segundo: int
) -> None:
    dia, plazo, festivos = caso
    desde = datetime.combine(dia, datetime.min.time(), CENTRO) + timedelta(seconds=segundo)
    limite = vence(desde.astimezone(UTC), plazo, festivos)
    assert (limite - timedelta(microseconds=1)).astimezone(CENTRO).date() == sumar(
        desde.astimezone(CENTRO).date(), plazo, festivos
    )
    assert (limite.hour, limite.minute) == (0, 0)


@given(calendarios(), st.integers(0, 30))
def test_un_plazo_mas_largo_nunca_vence_antes(caso: tuple[date, Plazo, frozenset[date]], mas: int) -> None:
    dia, plazo, festivos = caso
    largo = Plazo(dias=plazo.dias + mas, habiles=plazo.habiles)
    assert sumar(dia, largo, festivos) >= sumar(dia, plazo, festivos)


@given(calendarios())
def test_un_dia_inhabil_mas_nunca_lo_acorta(caso: tuple[date, Plazo, frozenset[date]]) -> None:
    dia, plazo, festivos = caso
    assert sumar(dia, plazo, festivos) >= sumar(dia, plazo)
