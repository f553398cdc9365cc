"""Assignment by the supervisor: who reviews what, and nothing waits for a person who left (SPEC 7; P 13.3, 13.4)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kernel.errors import Unavailable
from schemas.autorizacion import Rol
from schemas.eventos import Alerta, RepartoOrdenado, SituacionRegistral
from schemas.paquete import Modalidad, Parte
from services.mesa_control.domain import Orden, Rechazo
from services.mesa_control.reparto.domain import LIBRE, Pedido, Repartos, cubeta, lista_de_turno
from services.mesa_control.reparto.fila import CANDIDATOS
from tests.support.ejemplos import ejemplo
from tests.support.identidad import cuenta
from tests.support.mesa import PROCESO, SOLICITUD, Mesa, folio

UNA_ALERTA = Alerta(
    codigo="imagen_borrosa", inciso="f", parte=Parte.FOTO, medida=0.8, umbral=0.5, severidad="alerta", detalle=""
)
OPERADORES = ("operador1", "operador2", "operador3")


@pytest.fixture
async def mesa() -> AsyncIterator[Mesa]:
    mesa = Mesa()
    mesa.puerta.cuenta("operador3", Rol.OPERADOR)
    await mesa.empieza()
    yield mesa
    await mesa.stream.stop()


async def _toma(mesa: Mesa, operador: str, *excepto: str) -> str | None:
    registro = await mesa.servicio.siguiente(operador, PROCESO, excepto)
    return registro.folio if registro else None


def _para(*cuentas: str, exclusivo: bool = True, **que: Any) -> Pedido:
    return Pedido(((cuentas, 100),), exclusivo=exclusivo, **que)


async def _ordena(mesa: Mesa, pedido: Pedido, llave: str = "orden-0001", por: str = "supervisor1") -> RepartoOrdenado:
    orden = await mesa.reparto.ordenar(PROCESO, pedido, por, llave)
    mesa.reloj.avanza(seconds=1)
    return orden


async def _lista(mesa: Mesa, n: int) -> str:
    documento = await mesa.registros.get(folio(n))
    assert documento is not None
    return lista_de_turno(documento["turno"])


async def test_lo_asignado_a_una_persona_es_solo_suyo_y_lo_demas_de_todos(mesa: Mesa) -> None:
    for n in (1, 2, 3):
        await mesa.llega(n, alertas=[UNA_ALERTA] if n < 3 else [])
    await _ordena(mesa, _para("operador1", con_alertas=True))
    assert await _toma(mesa, "operador2") == folio(3)
    assert await _toma(mesa, "operador3") is None
    assert await _toma(mesa, "operador1") == folio(1)
    assert await _toma(mesa, "operador1", folio(1)) == folio(2)


async def test_quien_termina_lo_suyo_recibe_de_lo_de_todos(mesa: Mesa) -> None:
    await mesa.llega(1)
    await mesa.llega(2, alertas=[UNA_ALERTA])
    await _ordena(mesa, _para("operador1", con_alertas=True))
    await mesa.repartidor.repasar(PROCESO)
    assert await _toma(mesa, "operador1") == folio(2)
    assert await _toma(mesa, "operador1", folio(2)) == folio(1)


async def test_sin_exclusividad_lo_suyo_va_primero_para_su_persona_y_los_demas_tambien_lo_reciben(mesa: Mesa) -> None:
    for n in (1, 2, 3):
        await mesa.llega(n, alertas=[UNA_ALERTA] if n > 1 else [])
    await _ordena(mesa, _para("operador1", con_alertas=True, exclusivo=False))
    await mesa.repartidor.repasar(PROCESO)
    assert await _toma(mesa, "operador1") == folio(2)
    assert await _toma(mesa, "operador2") == folio(1)
    assert await _toma(mesa, "operador2", folio(1)) == folio(3)


async def test_el_reparto_por_porcentajes_es_siempre_el_mismo_y_nada_queda_fuera(mesa: Mesa) -> None:
    for n in range(1, 201):
        await mesa.llega(n)
    await _ordena(mesa, Pedido(((("operador1",), 60), (("operador2",), 40)), exclusivo=True))
    await mesa.repartidor.repasar(PROCESO)
    listas = {n: await _lista(mesa, n) for n in range(1, 201)}
    assert {n: lista.endswith(".0") for n, lista in listas.items()} == {n: cubeta(folio(n)) < 60 for n in listas}
    assert 100 <= sum(lista.endswith(".0") for lista in listas.values()) <= 140
    assert LIBRE not in listas.values()


async def test_lo_que_el_porcentaje_deja_fuera_es_de_todos(mesa: Mesa) -> None:
    for n in range(1, 21):
        await mesa.llega(n)
    await _ordena(mesa, Pedido(((("operador1",), 50),), exclusivo=True))
    suyos = {folio(n) for n in range(1, 21) if cubeta(folio(n)) < 50}
    recibidos: list[str] = []
    while (otro := await _toma(mesa, "operador2", *recibidos)) is not None:
        recibidos.append(otro)
    assert set(recibidos) == {folio(n) for n in range(1, 21)} - suyos


@pytest.mark.parametrize(
    ("que", "cumple"),
    [
        ({"solicitud": SOLICITUD}, True),
        ({"solicitud": "CI26-0002"}, False),
        ({"modalidad": Modalidad.AUXILIAR}, True),
        ({"modalidad": Modalidad.CAPTURA_MANUAL}, False),
        ({"con_alertas": False}, True),
        ({"con_alertas": True}, False),
        ({"situacion": SituacionRegistral.EN_LISTA_NOMINAL}, True),
        ({"situacion": SituacionRegistral.BAJA}, False),
    ],
)
@pytest.mark.parametrize("antes", [True, False])
async def test_cada_condicion_de_una_orden_vale_para_lo_que_ya_espera_y_para_lo_que_llega_despues(
    mesa: Mesa, que: dict[str, Any], cumple: bool, antes: bool
) -> None:
    if antes:
        await mesa.llega(1)
    await _ordena(mesa, _para("operador1", **que))
    if not antes:
        await mesa.llega(1)
    await mesa.repartidor.repasar(PROCESO)
    assert (await _lista(mesa, 1) != LIBRE) == cumple


async def test_lo_recibido_antes_de_un_dia_se_aparta_y_lo_de_despues_no(mesa: Mesa) -> None:
    for n in (1, 60 * 24 * 3):
        await mesa.llega(n)
    limite = (await mesa.eventos(60 * 24))[0].recibido_en
    await _ordena(mesa, _para("operador1", recibido_antes_de=limite))
    await mesa.repartidor.repasar(PROCESO)
    assert await _lista(mesa, 1) != LIBRE
    assert await _lista(mesa, 60 * 24 * 3) == LIBRE


async def test_la_orden_mas_reciente_vale_y_al_retirarla_vuelve_la_anterior(mesa: Mesa) -> None:
    await mesa.llega(1)
    primera = await _ordena(mesa, _para("operador1"), "orden-0001")
    segunda = await _ordena(mesa, _para("operador2"), "orden-0002")
    await mesa.repartidor.repasar(PROCESO)
    assert await _lista(mesa, 1) == f"{segunda.reparto}.0"
    await mesa.reparto.retirar(PROCESO, segunda.reparto, 1, "error", "supervisor1", "retiro-0001")
    await mesa.repartidor.repasar(PROCESO)
    assert await _lista(mesa, 1) == f"{primera.reparto}.0"
    await mesa.reparto.retirar(PROCESO, primera.reparto, 1, "concluido", "supervisor1", "retiro-0002")
    await mesa.repartidor.repasar(PROCESO)
    assert await _lista(mesa, 1) == LIBRE
    assert await _toma(mesa, "operador3") == folio(1)


async def test_reasignar_cambia_de_manos_sin_escribir_ningun_registro(mesa: Mesa) -> None:
    for n in (1, 2):
        await mesa.llega(n)
    orden = await _ordena(mesa, _para("operador1"))
    await mesa.repartidor.repasar(PROCESO)
    antes = await mesa.registros.find({})
    await mesa.reparto.reasignar(PROCESO, orden.reparto, 1, _para("operador2"), "supervisor1", "cambio-0001")
    assert await mesa.repartidor.repasar(PROCESO) == 0
    assert await mesa.registros.find({}) == antes
    assert await _toma(mesa, "operador1") is None
    assert await _toma(mesa, "operador2") == folio(1)


async def test_lo_que_aun_no_se_aparto_tampoco_se_entrega_a_otros(mesa: Mesa) -> None:
    for n in range(1, 2 * CANDIDATOS + 5):
        await mesa.llega(n, alertas=[UNA_ALERTA] if n <= 2 * CANDIDATOS + 2 else [])
    await _ordena(mesa, _para("operador1", con_alertas=True))
    # El repartidor no ha pasado.
    assert await _toma(mesa, "operador2") == folio(2 * CANDIDATOS + 3)


# Nothing waits for a person who left -----------------------------------------------------------------------------------------


async def test_lo_de_quien_ya_no_tiene_cuenta_lo_reciben_los_demas(mesa: Mesa) -> None:
    await mesa.llega(1)
    await _ordena(mesa, _para("operador1"))
    assert await _toma(mesa, "operador2") is None
    mesa.puerta.registra(cuenta("operador1", Rol.OPERADOR, version=2, activa=False))
    assert await _toma(mesa, "operador2") == folio(1)


async def test_lo_de_quien_no_da_senales_lo_reciben_los_demas_y_al_volver_es_suyo_otra_vez(mesa: Mesa) -> None:
    for n in range(1, 6):
        await mesa.llega(n)
    await _ordena(mesa, _para("operador1"))
    mesa.reloj.avanza(hours=1)
    assert await _toma(mesa, "operador2") is None
    assert await _toma(mesa, "operador1") == folio(1)
    await mesa.servicio.decidir(folio(1), "operador1", Orden((), 1), "llave-0001")
    mesa.reloj.avanza(hours=1, minutes=55)
    assert await _toma(mesa, "operador2") is None
    mesa.reloj.avanza(minutes=10)
    assert await _toma(mesa, "operador2") == folio(2)
    assert await _toma(mesa, "operador1") == folio(3)
    mesa.reloj.avanza(minutes=1)
    assert await _toma(mesa, "operador3") is None


async def test_de_una_parte_de_varias_personas_basta_que_una_este(mesa: Mesa) -> None:
    for n in (1, 2):
        await mesa.llega(n)
    await _ordena(mesa, _para("operador1", "operador2"))
    mesa.reloj.avanza(hours=3)
    assert await _toma(mesa, "operador1") == folio(1)
    mesa.reloj.avanza(seconds=31)
    assert await _toma(mesa, "operador3") is None
    assert await _toma(mesa, "operador2") == folio(2)


# Orders are facts ------------------------------------------------------------------------------------------------------------


async def test_dos_supervisores_no_se_pisan_sin_saberlo(mesa: Mesa) -> None:
    orden = await _ordena(mesa, _para("operador1"))
    resultados = await asyncio.gather(
        mesa.reparto.reasignar(PROCESO, orden.reparto, 1, _para("operador2"), "supervisor1", "cambio-0001"),
        mesa.reparto.retirar(PROCESO, orden.reparto, 1, "error", "supervisor2", "retiro-0001"),
        return_exceptions=True,
    )
    assert [type(r) for r in resultados] == [RepartoOrdenado, Rechazo]
    assert isinstance(resultados[1], Rechazo)
    assert (resultados[1].codigo, resultados[1].datos["por"]) == ("reparto_modificado", "supervisor1")
    with pytest.raises(Rechazo, match="reparto_modificado"):
        await mesa.reparto.retirar(PROCESO, orden.reparto, 7, "error", "supervisor2", "retiro-0002")


async def test_la_misma_orden_otra_vez_no_hace_otra(mesa: Mesa) -> None:
    una = await _ordena(mesa, _para("operador1"))
    otra = await _ordena(mesa, _para("operador1"))
    assert una == otra
    with pytest.raises(Rechazo, match="llave_reutilizada"):
        await _ordena(mesa, _para("operador2"))
    fin = await mesa.reparto.retirar(PROCESO, una.reparto, 1, "error", "supervisor1", "retiro-0001")
    assert await mesa.reparto.retirar(PROCESO, una.reparto, 1, "error", "supervisor1", "retiro-0001") == fin
    publicados = [r async for r in mesa.stream.read("repartos")]
    assert [RepartoOrdenado.model_validate_json(r.value).version for r in publicados] == [1, 2]


async def test_la_historia_dice_quien_ordeno_quien_cambio_y_por_que_termino(mesa: Mesa) -> None:
    orden = await _ordena(mesa, _para("operador1"))
    await mesa.reparto.reasignar(PROCESO, orden.reparto, 1, _para("operador2"), "supervisor2", "cambio-0001")
    await mesa.reparto.retirar(PROCESO, orden.reparto, 2, "ausencia", "supervisor1", "retiro-0001")
    historia = mesa.reparto.historia(PROCESO, orden.reparto)
    assert [(v.por, v.partes[0].cuentas, v.fin) for v in historia] == [
        ("supervisor1", ["operador1"], None),
        ("supervisor2", ["operador2"], None),
        ("supervisor1", ["operador2"], "ausencia"),
    ]
    with pytest.raises(Rechazo, match="reparto_terminado"):
        await mesa.reparto.retirar(PROCESO, orden.reparto, 3, "error", "supervisor1", "retiro-0002")


@pytest.mark.parametrize(
    ("pedido", "codigo"),
    [
        (Pedido((), exclusivo=True), "sin_personas"),
        (Pedido((((), 100),), exclusivo=True), "sin_personas"),
        (Pedido(((("operador1",), 70), (("operador2",), 40)), exclusivo=True), "porcentaje_invalido"),
        (Pedido(((("operador1",), 0),), exclusivo=True), "porcentaje_invalido"),
        (Pedido(((("supervisor1",), 100),), exclusivo=True), "persona_no_revisa"),
        (Pedido(((("nadie",), 100),), exclusivo=True), "persona_no_revisa"),
    ],
)
async def test_lo_que_no_se_puede_ordenar_se_rechaza_y_nada_queda(mesa: Mesa, pedido: Pedido, codigo: str) -> None:
    with pytest.raises(Rechazo, match=codigo):
        await _ordena(mesa, pedido)
    assert mesa.repartos.ordenes == {}
    assert [r async for r in mesa.stream.read("repartos")] == []


async def test_muerta_entre_escribir_y_publicar_la_orden_repetida_la_publica_una_vez(
    mesa: Mesa, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def muere(message: object) -> None:
        raise Unavailable("dead")

    with monkeypatch.context() as patch:
        patch.setattr(mesa.stream, "publish", muere)
        with pytest.raises(Unavailable):
            await _ordena(mesa, _para("operador1"))
    assert mesa.repartos.ordenes == {}
    await _ordena(mesa, _para("operador1"))
    assert len([r async for r in mesa.stream.read("repartos")]) == 1
    assert len(mesa.repartos.vigentes(PROCESO)) == 1


async def test_la_proyeccion_se_reconstruye_con_sus_listas_de_los_topics(mesa: Mesa) -> None:
    for n in (1, 2):
        await mesa.llega(n)
    await _ordena(mesa, Pedido(((("operador1",), 50), (("operador2",), 50)), exclusivo=True))
    await mesa.repartidor.repasar(PROCESO)
    otra = Mesa()
    async for record in mesa.stream.read("repartos"):
        otra.repartos.aplicar(RepartoOrdenado.model_validate_json(record.value), record.offset)
    for n in (1, 2):
        for fact in reversed(await mesa.eventos(n)):
            await otra.recibe(fact, n)
    sin = {"revision", "hechos"}
    una, dos = [
        {d["_id"]: {k: v for k, v in d.items() if k not in sin} for d in await m.registros.find({})}
        for m in (mesa, otra)
    ]
    assert una == dos


async def test_lo_que_una_version_anterior_dejo_sin_turno_entra_en_la_cola(mesa: Mesa) -> None:
    await mesa.llega(1)
    await mesa.registros.unset([folio(1)], "turno")
    assert await _toma(mesa, "operador1") is None
    assert await mesa.repartidor.alistar() == 1
    assert await _toma(mesa, "operador1") == folio(1)


def test_una_version_vieja_o_repetida_de_una_orden_no_cambia_nada(mesa: Mesa) -> None:
    repartos = Repartos()
    una, dos = ejemplo(RepartoOrdenado), ejemplo(RepartoOrdenado, version=2, fin="error")
    for orden in (dos, una, dos, una):
        repartos.aplicar(orden, 0)
    assert repartos.vigentes(una.proceso) == []
    assert [v.version for v in repartos.historia[una.proceso][una.reparto]] == [1, 2]
    assert repartos.cambios == 2
