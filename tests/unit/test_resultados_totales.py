"""Totals add up to what was received, always (SPEC 8)."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from kernel.errors import Conflict, Unavailable
from schemas.ciclo_de_vida import Ciclo, Estado, aplicar, de_documento, estado
from schemas.eventos import RegistroClasificado, RegistroDescifrado
from services.resultados import agent
from services.resultados.adapters import MemoryConteo
from services.resultados.domain import Cuenta, Grupo, sin_sellados, totalizar
from services.resultados.handlers import Proyector
from services.resultados.metrics import RECIBIDOS
from services.resultados.presentacion import embudo, ficha, frase
from tests.support.ejemplos import ejemplo
from tests.support.resultados import PROCESO, Resultados, folio, vida

AHORA = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
async def resultados() -> Resultados:
    resultados = Resultados()
    await resultados.start()
    return resultados


async def _cuenta(resultados: Resultados) -> Cuenta:
    resultados.consultas._vigentes.clear()
    totales = await resultados.consultas.totales(PROCESO)
    assert totales is not None
    assert totales.cuadra
    return totales.cuenta


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(Estado), st.booleans()), max_size=4), st.data())
def test_en_cualquier_orden_y_en_todo_momento_los_estados_suman_lo_recibido(
    registros: list[tuple[Estado, bool]], data: st.DataObject
) -> None:
    async def escenario() -> None:
        resultados = Resultados()
        await resultados.start()
        vidas = [vida(estado, n, cuarentena=cuarentena) for n, (estado, cuarentena) in enumerate(registros)]
        en_orden = [resultados.registro(evento) for suya in vidas for evento in suya]
        repetidos = data.draw(st.lists(st.sampled_from(en_orden), max_size=4)) if en_orden else []
        handle = agent.build(resultados.proyector)
        vistos: set[str] = set()
        for record in data.draw(st.permutations(en_orden + repetidos)):
            await handle(record)
            vistos |= {record.key} if record.topic == "registro_recibido" else set()
            cuenta = await _cuenta(resultados)
            assert cuenta.recibidos == len(vistos)
            assert sum(cuenta.estados.values()) == len(vistos)
        final = await _cuenta(resultados)
        esperados = [Estado.EN_PROCESAMIENTO if cuarentena else estado for estado, cuarentena in registros]
        assert final.estados == {estado: esperados.count(estado) for estado in Estado}
        assert final.en_cuarentena == sum(cuarentena for _, cuarentena in registros)

    asyncio.run(escenario())


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(Estado), st.data())
def test_la_proyeccion_de_un_folio_es_la_misma_en_cualquier_orden(final: Estado, data: st.DataObject) -> None:
    async def proyectar(records: list) -> object:  # type: ignore[type-arg]
        otro = Resultados()
        handle = agent.build(otro.proyector)
        for record in records:
            await handle(record)
        documento = await otro.registros.get(folio(1))
        assert documento is not None
        return {campo: valor for campo, valor in documento.items() if campo != "revision"}

    resultados = Resultados()
    en_orden = [resultados.registro(evento) for evento in vida(final, 1)]
    otro_orden = data.draw(st.permutations(en_orden + en_orden[:2]))
    assert asyncio.run(proyectar(en_orden)) == asyncio.run(proyectar(otro_orden))


@pytest.mark.parametrize("estado", Estado)
async def test_cada_estado_se_cuenta_en_su_renglon(resultados: Resultados, estado: Estado) -> None:
    await resultados.recibir(vida(estado, 1))
    cuenta = await _cuenta(resultados)
    assert {e: n for e, n in cuenta.estados.items() if n} == {estado: 1}


async def test_lo_que_aun_no_se_sabe_recibido_no_cuenta_ni_se_muestra(resultados: Resultados) -> None:
    await resultados.recibir(vida(Estado.EN_LISTA_NOMINAL, 1)[1:])
    assert (await _cuenta(resultados)).recibidos == 0
    assert await resultados.consultas.folio(folio(1)) is None


async def test_lo_recibido_es_lo_abierto_mas_lo_apartado_mas_lo_pendiente_tambien_en_las_metricas(
    resultados: Resultados,
) -> None:
    await resultados.recibir(vida(Estado.BAJA, 1))
    await resultados.recibir(vida(Estado.EN_PROCESAMIENTO, 2))
    for n in (3, 4):
        await resultados.recibir(vida(Estado.EN_PROCESAMIENTO, n, cuarentena=True))
    await resultados.recibir([ejemplo(RegistroDescifrado, folio=folio(4), version=2)])
    await resultados.recibir(vida(Estado.BAJA, 5)[1:])  # its reception is not known yet
    cuenta = await _cuenta(resultados)
    assert (cuenta.recibidos, cuenta.abiertos, cuenta.en_cuarentena, cuenta.pendientes) == (4, 2, 1, 1)
    assert cuenta.cuadra
    assert not replace(cuenta, pendientes=0).cuadra
    medidos = {
        apertura: REGISTRY.get_sample_value("apoyo_resultados_paquetes", {"proceso": PROCESO, "apertura": apertura})
        for apertura in ("abierto", "en_cuarentena", "pendiente")
    }
    assert medidos == {"abierto": 2, "en_cuarentena": 1, "pendiente": 1}
    assert REGISTRY.get_sample_value("apoyo_resultados_recibidos", {"proceso": PROCESO}) == 4


async def test_se_mide_aunque_nadie_pregunte_y_sigue_cuando_el_motor_no_responde(
    resultados: Resultados, monkeypatch: pytest.MonkeyPatch
) -> None:
    await resultados.recibir(vida(Estado.BAJA, 1))
    veces = 0
    grupos = MemoryConteo.grupos

    async def a_veces(conteo: MemoryConteo, proceso: str) -> list[Grupo]:
        nonlocal veces
        veces += 1
        if veces == 1:
            raise Unavailable("documents")
        return await grupos(conteo, proceso)

    monkeypatch.setattr(MemoryConteo, "grupos", a_veces)
    RECIBIDOS.labels(PROCESO).set(-1)
    task = asyncio.create_task(resultados.consultas.medir(cada_s=0.0))
    while REGISTRY.get_sample_value("apoyo_resultados_recibidos", {"proceso": PROCESO}) != 1:
        assert not task.done()
        await asyncio.sleep(0)
    task.cancel()


async def test_una_solicitud_sin_registros_cuenta_cero(resultados: Resultados) -> None:
    await resultados.recibir(vida(Estado.BAJA, 1))
    totales = await resultados.consultas.totales(PROCESO)
    assert totales is not None
    assert {s: c.recibidos for s, c in totales.por_solicitud.items()} == {"CI26-0001": 1, "CI26-0002": 0}


async def test_un_proceso_que_no_existe_no_tiene_totales(resultados: Resultados) -> None:
    assert await resultados.consultas.totales("XX99") is None


async def test_los_totales_dicen_hasta_que_posicion_valen(resultados: Resultados) -> None:
    totales = await resultados.consultas.totales(PROCESO)
    assert totales is not None
    assert set(totales.posiciones) == {"registro_recibido", "descifrado", "compulsado", "clasificado"}


def test_si_no_suman_se_dice() -> None:
    grupos = [Grupo("CI26-0001", "baja", cuarentena=False, abierto=True, folios=2, recibidos=1)]
    assert not totalizar(PROCESO, [], grupos, AHORA, {}).cuadra
    perdido = [Grupo("CI26-0001", None, cuarentena=False, abierto=True, folios=1, recibidos=1)]
    assert not totalizar(PROCESO, [], perdido, AHORA, {}).cuadra


async def test_si_otra_instancia_escribio_antes_es_conflicto_y_se_reintenta(resultados: Resultados) -> None:
    class Adelantado(Proyector):
        async def _guardar(self, nuevo: dict, actual: dict | None) -> None:  # type: ignore[type-arg]
            await resultados.recibir(vida(Estado.EN_PROCESAMIENTO, 1))
            await super()._guardar(nuevo, actual)

    record = resultados.registro(vida(Estado.BAJA, 1)[1])
    with pytest.raises(Conflict):
        await agent.build(Adelantado(resultados.registros))(record)
    await agent.build(resultados.proyector)(record)
    documento = await resultados.consultas.folio(folio(1))
    assert documento is not None
    assert set(documento["hechos"]) == {"registro_recibido", "descifrado"}


async def test_no_se_guarda_nada_sellado_y_aun_asi_se_distinguen_dos_contenidos(resultados: Resultados) -> None:
    uno = ejemplo(RegistroDescifrado, folio=folio(1))
    otro = uno.model_copy(update={"datos_sellados": "b3Rybw=="})
    await resultados.recibir([*vida(Estado.EN_PROCESAMIENTO, 1), uno, uno])
    documento = await resultados.registros.get(folio(1))
    assert documento is not None
    assert uno.datos_sellados not in str(documento)
    assert uno.acuse_sellado not in str(documento)
    assert documento["divergentes"] == []
    await resultados.recibir([otro])
    documento = await resultados.registros.get(folio(1))
    assert documento is not None
    assert documento["divergentes"] == ["descifrado"]
    assert de_documento(documento).descifrado == sin_sellados(uno)


async def test_el_estado_guardado_es_el_del_ciclo_de_vida(resultados: Resultados) -> None:
    eventos = [*vida(Estado.EN_LISTA_NOMINAL, 1), ejemplo(RegistroClasificado, folio=folio(1), version=2)]
    await resultados.recibir(eventos)
    ciclo = Ciclo()
    for offset, evento in enumerate(eventos):
        ciclo = aplicar(ciclo, evento, offset)
    documento = await resultados.registros.get(folio(1))
    assert documento is not None
    assert documento["estado"] == estado(ciclo)


def _cuenta_de(**estados: int) -> Cuenta:
    completos = {e: estados.get(e.value, 0) for e in Estado}
    return Cuenta(sum(completos.values()), completos, en_cuarentena=0, abiertos=sum(completos.values()), pendientes=0)


@pytest.mark.parametrize(
    ("cuenta", "dice"),
    [
        (_cuenta_de(), "Todavía no se recibe ningún registro."),
        (_cuenta_de(baja=1), "Se recibió 1 registro: 1 tiene otro resultado."),
        (
            _cuenta_de(en_mesa_de_control=37, en_lista_nominal=1370, duplicado=1, no_encontrado=2, baja=2),
            "Se recibieron 1\u202f412 registros: 37 esperan revisión, 1\u202f370 están en lista nominal "
            "y 5 tienen otro resultado.",
        ),
    ],
)
def test_los_totales_se_dicen_en_una_frase(cuenta: Cuenta, dice: str) -> None:
    assert frase(cuenta) == dice


def test_las_barras_van_una_tras_otra_y_suman_el_total() -> None:
    barras = embudo(_cuenta_de(en_procesamiento=1, en_lista_nominal=2, baja=1))
    assert [(b.desde, b.ancho) for b in barras if b.registros] == [(0, 25), (25, 50), (75, 25)]
    assert barras[-1].desde + barras[-1].ancho == 100


async def test_la_ficha_cuenta_la_historia_en_palabras(resultados: Resultados) -> None:
    await resultados.recibir(vida(Estado.BAJA, 1))
    documento = await resultados.consultas.folio(folio(1))
    assert documento is not None
    baja = ficha(documento)
    assert {p.que for p in baja.historia} == {"Se recibió", "Se abrió y se examinó", "Se revisó", "Compulsa definitiva"}
    assert baja.situacion == "Baja del padrón: defunción"
    assert baja.historia[-1].detalle
