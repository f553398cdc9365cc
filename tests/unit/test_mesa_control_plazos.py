"""The term of review, what it puts first, and search by folio (SPEC 7; P 13.9, D 10.2)."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.eventos import CalendarioRegistrado, PerfilRegistrado, ProcesoRegistrado
from schemas.hora import CENTRO
from schemas.perfil import PERFIL_D, Plazo
from services.mesa_control import metrics
from services.mesa_control.domain import Orden
from services.mesa_control.reparto.handlers import Busqueda
from services.mesa_control.reparto.plazos import Termino, termino_de
from tests.support.ejemplos import ejemplo
from tests.support.mesa import EPOCA, PROCESO, Mesa, folio


@pytest.fixture
async def mesa() -> AsyncIterator[Mesa]:
    mesa = Mesa()
    await mesa.empieza()
    yield mesa
    await mesa.stream.stop()


def test_en_candidaturas_el_plazo_es_de_diez_dias_naturales(mesa: Mesa) -> None:
    termino = termino_de(mesa.actores, PROCESO)
    assert termino is not None
    assert termino.vence(datetime(2026, 11, 20, 18, tzinfo=UTC)) == datetime(2026, 12, 1, tzinfo=CENTRO)


def test_en_participacion_ciudadana_el_plazo_es_de_diez_dias_habiles_sin_los_del_calendario(mesa: Mesa) -> None:
    for evento in (
        PerfilRegistrado(version=1, perfil=PERFIL_D),
        ejemplo(CalendarioRegistrado, calendario="nacional", festivos=["2026-11-23"]),
        ejemplo(
            ProcesoRegistrado,
            version=2,
            proceso=PROCESO,
            perfil={"id": PERFIL_D.id, "version": 1},
            calendario="nacional",
        ),
    ):
        mesa.actores.aplicar(evento, 9)
    termino = termino_de(mesa.actores, PROCESO)
    assert termino is not None
    # Viernes 20; el lunes 23 es inhábil: el décimo día hábil es el lunes 7 de diciembre.
    assert termino.vence(datetime(2026, 11, 20, 18, tzinfo=UTC)) == datetime(2026, 12, 8, tzinfo=CENTRO)


@given(
    recibido=st.integers(-500_000, 50_000),
    momento=st.integers(-500_000, 100_000),
    plazo=st.builds(Plazo, dias=st.integers(1, 15), habiles=st.booleans()),
    festivos=st.frozensets(st.dates(date(2026, 1, 1), date(2026, 12, 31)), max_size=20),
)
def test_lo_recibido_antes_de_ese_momento_es_justo_lo_vencido(
    recibido: int, momento: int, plazo: Plazo, festivos: frozenset[date]
) -> None:
    termino = Termino(plazo, festivos)
    cuando, ahora = EPOCA + timedelta(minutes=recibido), EPOCA + timedelta(minutes=momento)
    assert (cuando < termino.recibido_antes_de(ahora)) == (termino.vence(cuando) <= ahora)


async def test_lo_que_esta_en_riesgo_y_lo_vencido_se_cuentan_aparte_y_suman(mesa: Mesa) -> None:
    for n in (1, 2, 60 * 24, 60 * 24 * 5):
        await mesa.llega(n)
    mesa.reloj.ahora = EPOCA + timedelta(days=10, hours=15)
    plazos = await mesa.panorama.plazos(PROCESO)
    assert (plazos.vencidos, plazos.en_riesgo, plazos.pendientes) == (2, 1, 4)
    assert plazos.mas_antiguo == EPOCA + timedelta(minutes=1)
    assert plazos.vence_primero == datetime(2026, 12, 1, tzinfo=CENTRO)


async def test_lo_vencido_se_mide_para_la_alarma(mesa: Mesa) -> None:
    for n in (1, 2, 60 * 24 * 9):
        await mesa.llega(n)
    mesa.reloj.ahora = EPOCA + timedelta(days=11)
    await mesa.panorama.medir()
    medidos = {plazo: metrics.PENDIENTES.labels(plazo)._value.get() for plazo in ("vencido", "en_riesgo", "en_plazo")}
    assert medidos == {"vencido": 2, "en_riesgo": 0, "en_plazo": 1}


async def test_lo_que_estuvo_en_cuarentena_y_vence_antes_se_revisa_primero(mesa: Mesa) -> None:
    facts = await mesa.eventos(1)
    for n in range(2, 40):
        await mesa.llega(n)
    primero = await mesa.servicio.siguiente("operador1", PROCESO)
    assert primero is not None
    assert primero.folio == folio(2)
    for fact in facts:
        await mesa.recibe(fact)
    mesa.reloj.avanza(seconds=1)
    segundo = await mesa.servicio.siguiente("operador2", PROCESO)
    assert segundo is not None
    assert segundo.folio == folio(1)


async def test_lo_recibido_tras_un_hueco_de_dias_tambien_se_entrega(mesa: Mesa) -> None:
    for n in (1, 60 * 24 * 9):
        await mesa.llega(n)
    mesa.reloj.ahora = EPOCA + timedelta(days=10)
    for n in (1, 60 * 24 * 9):
        registro = await mesa.servicio.siguiente("operador1", PROCESO)
        assert registro is not None
        assert registro.folio == folio(n)
        await mesa.servicio.decidir(registro.folio, "operador1", Orden((), 1), f"llave-{n:04}")
    assert await mesa.servicio.siguiente("operador1", PROCESO) is None


async def test_el_reloj_de_quien_recibe_puede_ir_adelantado(mesa: Mesa) -> None:
    mesa.reloj.ahora = EPOCA
    await mesa.llega(5)
    registro = await mesa.servicio.siguiente("operador1", PROCESO)
    assert registro is not None
    assert registro.folio == folio(5)


# Search ------------------------------------------------------------------------------------------------------------------


async def _busca(mesa: Mesa, texto: str, proceso: str = PROCESO) -> list[str]:
    return [h.folio for h in await Busqueda(mesa.registros, mesa.panorama).por_folio(proceso, texto)]


@pytest.mark.parametrize(
    "texto",
    [
        folio(11),
        f"  {folio(11).lower()}\n",
        folio(11)[-6:],
        f"…{folio(11)[-6:]}",
        folio(11).rsplit("-", 1)[1],
        folio(11)[-10:].upper(),
    ],
)
async def test_un_registro_se_encuentra_por_su_folio_entero_o_por_lo_que_se_copia_de_el(mesa: Mesa, texto: str) -> None:
    for n in (10, 11, 12):
        await mesa.llega(n)
    assert await _busca(mesa, texto) == [folio(11)]


async def test_por_su_principio_se_encuentran_todos_y_de_otro_proceso_ninguno(mesa: Mesa) -> None:
    for n in range(1, 30):
        await mesa.llega(n)
    assert await _busca(mesa, "CI26-0001-A0001") == [folio(n) for n in range(1, 21)]
    assert await _busca(mesa, "CI26-0002") == []
    assert await _busca(mesa, folio(1), proceso="OTRO") == []
    assert await _busca(mesa, folio(1)[-6:], proceso="OTRO") == []
    assert await _busca(mesa, ".*") == []


async def test_de_lo_que_espera_se_dice_cuando_vence_y_de_lo_decidido_quien_decidio(mesa: Mesa) -> None:
    for n in (1, 2):
        await mesa.llega(n)
    await mesa.servicio.decidir(folio(2), "operador1", Orden((), 1), "llave-0001")
    uno, dos = await Busqueda(mesa.registros, mesa.panorama).por_folio(PROCESO, "CI26-0001")
    assert (uno.cola, uno.vence_en, uno.decidido_por) == ("pendiente", datetime(2026, 12, 1, tzinfo=CENTRO), None)
    assert (dos.cola, dos.vence_en, dos.decidido_por) == ("decidido", None, "operador1")
