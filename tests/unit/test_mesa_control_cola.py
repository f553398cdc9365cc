"""The queue: a record is one person's at a time, the oldest first, and nothing waits for a person who left (SPEC 7)."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from kernel.documents import Document, MemoryDocuments
from kernel.errors import Conflict
from schemas.ciclo_de_vida import a_documento, de_documento
from schemas.eventos import Alerta, RegistroClasificado, RegistroCompulsado, RegistroEnCuarentena, SituacionRegistral
from schemas.paquete import Parte
from services.mesa_control.domain import DECIDIDO, PENDIENTE, Eleccion, Orden
from services.mesa_control.handlers import OFFSET_PROVISIONAL, Registro
from services.mesa_control.reparto.fila import CANDIDATOS
from tests.support.ejemplos import ejemplo
from tests.support.mesa import PROCESO, Mesa, folio

LIMPIO = Orden((), compulsado_version=1)


@pytest.fixture
async def mesa() -> AsyncIterator[Mesa]:
    mesa = Mesa()
    await mesa.empieza()
    yield mesa
    await mesa.stream.stop()


async def _toma(mesa: Mesa, operador: str, *excepto: str) -> str | None:
    registro = await mesa.servicio.siguiente(operador, PROCESO, excepto)
    return registro.folio if isinstance(registro, Registro) else None


async def test_el_registro_recibido_primero_se_entrega_primero(mesa: Mesa) -> None:
    for n in (3, 1, 2):
        await mesa.llega(n)
    assert await _toma(mesa, "operador1") == folio(1)


async def test_dos_personas_nunca_reciben_el_mismo_registro(mesa: Mesa) -> None:
    for n in range(1, 11):
        await mesa.llega(n)
    taken = await asyncio.gather(*(_toma(mesa, f"operador{i}") for i in range(1, 13)))
    given = [t for t in taken if t]
    assert len(given) == 10
    assert len(set(given)) == 10


async def test_quien_pide_otra_vez_recibe_el_mismo_mientras_dure_su_asignacion(mesa: Mesa) -> None:
    await mesa.llega(1)
    await mesa.llega(2)
    assert await _toma(mesa, "operador1") == folio(1)
    mesa.reloj.avanza(minutes=9)
    assert await _toma(mesa, "operador1") == folio(1)
    mesa.reloj.avanza(minutes=9)
    assert await _toma(mesa, "operador2") == folio(2)


async def test_la_asignacion_vencida_devuelve_el_registro_a_la_cola(mesa: Mesa) -> None:
    await mesa.llega(1)
    assert await _toma(mesa, "operador1") == folio(1)
    assert await _toma(mesa, "operador2") is None
    mesa.reloj.avanza(minutes=10, seconds=1)
    assert await _toma(mesa, "operador2") == folio(1)
    assert await _toma(mesa, "operador1") is None


async def test_el_siguiente_se_carga_por_adelantado_sin_soltar_el_de_la_pantalla(mesa: Mesa) -> None:
    for n in (1, 2, 3):
        await mesa.llega(n)
    assert await _toma(mesa, "operador1") == folio(1)
    assert await _toma(mesa, "operador1", folio(1)) == folio(2)
    assert await _toma(mesa, "operador1", folio(1)) == folio(2)
    assert await _toma(mesa, "operador2") == folio(3)


async def test_solo_se_entregan_registros_del_proceso_pedido(mesa: Mesa) -> None:
    await mesa.llega(1)
    assert await mesa.servicio.siguiente("operador1", "OTRO", ()) is None


async def test_lo_que_no_se_puede_abrir_se_pasa_y_no_detiene_la_cola(mesa: Mesa) -> None:
    recibido, descifrado, compulsado = await mesa.eventos(1)
    for evento in (recibido, descifrado.model_copy(update={"datos_sellados": "AAAA"}), compulsado):
        await mesa.recibe(evento)
    await mesa.llega(2)
    assert await _toma(mesa, "operador1") == folio(2)


async def test_cualquier_orden_y_repeticion_de_los_hechos_deja_la_misma_cola() -> None:
    reference = None
    for order in itertools.permutations(range(3)):
        mesa = Mesa()
        facts = await mesa.eventos(1)
        for i in (*order, *order):
            await mesa.recibe(facts[i])
        document = await mesa.registros.get(folio(1))
        assert document is not None
        assert document["cola"] == f"{PROCESO}/{PENDIENTE}"
        shape = {k: v for k, v in document.items() if k not in {"revision", "hechos"}}
        reference = reference or shape
        assert shape == reference


async def test_un_registro_en_cuarentena_no_llega_a_la_cola_y_si_se_abre_despues_llega(mesa: Mesa) -> None:
    recibido, descifrado, compulsado = await mesa.eventos(1)
    await mesa.recibe(recibido)
    await mesa.recibe(ejemplo(RegistroEnCuarentena, folio=folio(1), version=1), 5)
    await mesa.recibe(compulsado)
    assert await _toma(mesa, "operador1") is None
    await mesa.recibe(descifrado.model_copy(update={"version": 2}), 9)
    assert await _toma(mesa, "operador1") == folio(1)


async def test_una_consulta_nueva_no_quita_el_registro_a_quien_lo_tiene(mesa: Mesa) -> None:
    await mesa.llega(1)
    await _toma(mesa, "operador1")
    await mesa.recibe(
        ejemplo(
            RegistroCompulsado,
            version=2,
            folio=folio(1),
            situacion=SituacionRegistral.NO_ENCONTRADO,
            clasificado_version=0,
        ),
        7,
    )
    assert await _toma(mesa, "operador2") is None
    registro = await mesa.servicio.siguiente("operador1", PROCESO)
    assert registro is not None
    assert registro.compulsado.version == 2


async def test_la_decision_propia_al_volver_por_su_topic_toma_su_lugar_en_el(mesa: Mesa) -> None:
    await mesa.llega(1)
    decision = await mesa.servicio.decidir(folio(1), "operador1", LIMPIO, "llave-0001")
    before = await mesa.registros.get(folio(1))
    assert before is not None
    assert before["cola"] == f"{PROCESO}/{DECIDIDO}"
    assert before["hechos"]["clasificado"]["offset"] == OFFSET_PROVISIONAL
    await mesa.recibe(decision, 12)
    after = await mesa.registros.get(folio(1))
    assert after is not None
    assert after["hechos"]["clasificado"]["offset"] == 12
    assert after["divergentes"] == []


async def test_la_proyeccion_se_reconstruye_igual_de_los_cuatro_topics(mesa: Mesa) -> None:
    otra = Mesa()
    facts = await mesa.eventos(1)
    for evento in facts:
        await mesa.recibe(evento)
    await mesa.servicio.siguiente("operador1", PROCESO)
    decision = await mesa.servicio.decidir(
        folio(1), "operador1", Orden((Eleccion("a"),), compulsado_version=1), "llave-0001"
    )
    await mesa.recibe(decision)
    for evento in (decision, *reversed(facts)):
        await otra.recibe(evento)
    one, two = await mesa.registros.get(folio(1)), await otra.registros.get(folio(1))
    assert one is not None
    assert two is not None
    assert {k: v for k, v in one.items() if k != "revision"} == {k: v for k, v in two.items() if k != "revision"}
    assert a_documento(de_documento(one)) == a_documento(de_documento(two))


async def test_quien_pierde_la_carrera_por_escribir_vuelve_a_cargar(mesa: Mesa) -> None:
    recibido, descifrado, _ = await mesa.eventos(1)
    await mesa.recibe(recibido)
    real = mesa.registros.replace

    async def late(document: dict[str, object], revision: int) -> bool:
        return await real(document, revision - 1)

    mesa.registros.replace = late  # type: ignore[method-assign,assignment]
    with pytest.raises(Conflict):
        await mesa.recibe(descifrado)


async def test_el_progreso_cuenta_el_dia_en_hora_centro(mesa: Mesa) -> None:
    for n in (1, 2, 3):
        await mesa.llega(n)
    recibido, _, _ = await mesa.eventos(4)
    await mesa.recibe(recibido)
    await mesa.servicio.decidir(folio(1), "operador1", LIMPIO, "llave-0001")
    await mesa.servicio.decidir(folio(2), "operador2", LIMPIO, "llave-0002")
    progreso, plazos = await mesa.servicio.progreso("operador1", PROCESO), await mesa.panorama.plazos(PROCESO)
    assert (plazos.pendientes, progreso.en_camino, progreso.decididos_hoy) == (1, 1, 1)
    assert plazos.mas_antiguo == (await mesa.eventos(3))[0].recibido_en
    mesa.reloj.avanza(hours=12)  # past midnight in hora Centro
    assert (await mesa.servicio.progreso("operador1", PROCESO)).decididos_hoy == 0


async def test_publica_la_decision_en_su_topic_antes_de_responder(mesa: Mesa) -> None:
    await mesa.llega(1)
    await mesa.servicio.decidir(folio(1), "operador1", LIMPIO, "llave-0001")
    published = [record async for record in mesa.stream.read("clasificado")]
    assert [RegistroClasificado.model_validate_json(r.value).folio for r in published] == [folio(1)]
    assert published[0].headers["ce_causa"] == "llave-0001"


async def test_lo_visto_hace_un_momento_se_ofrece_a_los_siguientes_sin_buscar_otra_vez(
    mesa: Mesa, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(2, 8):
        await mesa.llega(n)
    busquedas = []
    find = MemoryDocuments.find

    async def contar(self: MemoryDocuments, query: Any, *, sort: str | None = None, limit: int = 0) -> list[Document]:
        busquedas.append(limit)
        return await find(self, query, sort=sort, limit=limit)

    monkeypatch.setattr(MemoryDocuments, "find", contar)
    assert await _toma(mesa, "operador1") == folio(2)
    primera = busquedas.count(CANDIDATOS)
    assert [await _toma(mesa, f"operador{n}") for n in range(2, 5)] == [folio(n) for n in range(3, 6)]
    assert busquedas.count(CANDIDATOS) == primera
    await mesa.llega(1)
    mesa.reloj.avanza(seconds=1)
    assert await _toma(mesa, "operador5") == folio(1)
    assert busquedas.count(CANDIDATOS) > primera


async def test_lo_que_alguien_esta_tomando_no_se_ofrece_a_nadie_mas(
    mesa: Mesa, monkeypatch: pytest.MonkeyPatch
) -> None:
    registros, personas = 2 * CANDIDATOS, 2 * CANDIDATOS + 1
    for n in range(1, registros + 1):
        await mesa.llega(n)
    replace_now, rechazadas = MemoryDocuments.replace, []

    async def con_demora(self: MemoryDocuments, document: Document, revision: int) -> bool:
        for _ in range(20):
            await asyncio.sleep(0)
        hecha = await replace_now(self, document, revision)
        if not hecha:
            rechazadas.append(document["_id"])
        return hecha

    monkeypatch.setattr(MemoryDocuments, "replace", con_demora)
    tomados = await asyncio.gather(*(_toma(mesa, f"operador{i}") for i in range(personas)))
    assert sorted(filter(None, tomados)) == sorted(folio(n) for n in range(1, registros + 1))
    assert rechazadas == []
    assert mesa.servicio.fila.en_mano == set()


async def test_lo_que_otra_instancia_tomo_despues_de_verlo_se_pasa_por_alto(mesa: Mesa) -> None:
    for n in (1, 2, 3):
        await mesa.llega(n)
    otra = replace(mesa.servicio, fila=replace(mesa.servicio.fila, vistas={}, en_mano=set()))
    assert await _toma(mesa, "operador1") == folio(1)
    registro = await otra.siguiente("operador2", PROCESO)
    assert registro is not None
    assert registro.folio == folio(2)
    assert await _toma(mesa, "operador3") == folio(3)
    assert await _toma(mesa, "operador4") is None


def _misma_imagen(*folios: str, parte: Parte = Parte.REVERSO, medida: float = 0.8) -> Alerta:
    return Alerta(
        codigo="imagen_repetida",
        inciso="n",
        parte=parte,
        medida=medida,
        umbral=0.5,
        severidad="alerta",
        detalle="en 1 registro más",
        folios=list(folios),
    )


@pytest.mark.parametrize("primero", [1, 2])
async def test_quien_revisa_el_registro_anterior_tambien_sabe_en_cual_esta_la_misma_imagen(
    mesa: Mesa, primero: int
) -> None:
    alertas = {1: [], 2: [_misma_imagen(folio(1))]}
    for n in (primero, 3 - primero):
        await mesa.llega(n, alertas=alertas[n])
    await mesa.llega(3, alertas=[_misma_imagen(folio(1), medida=0.9), _misma_imagen(folio(2), parte=Parte.FOTO)])
    vistas = {n: (await mesa.servicio.registro(folio(n), "operador1")).alertas for n in (1, 2, 3)}
    assert [(a.parte, a.medida, a.folios) for a in vistas[1]] == [(Parte.REVERSO, 0.9, [folio(2), folio(3)])]
    assert [(a.parte, a.folios) for a in vistas[2]] == [(Parte.REVERSO, [folio(1)]), (Parte.FOTO, [folio(3)])]
    assert [(a.parte, a.folios) for a in vistas[3]] == [(Parte.REVERSO, [folio(1)]), (Parte.FOTO, [folio(2)])]


async def test_dos_registros_que_se_vieron_a_la_vez_se_nombran_una_sola_vez(mesa: Mesa) -> None:
    await mesa.llega(1, alertas=[_misma_imagen(folio(2))])
    await mesa.llega(2, alertas=[_misma_imagen(folio(1))])
    assert (await mesa.servicio.registro(folio(1), "operador1")).alertas == [_misma_imagen(folio(2))]


async def test_de_los_registros_que_tienen_la_misma_imagen_se_muestran_diez(mesa: Mesa) -> None:
    await mesa.llega(1)
    for n in range(2, 20):
        await mesa.llega(n, alertas=[_misma_imagen(folio(1))])
    (alerta,) = (await mesa.servicio.registro(folio(1), "operador1")).alertas
    assert len(alerta.folios) == 10
    assert alerta.detalle == "en al menos 10 registros más"
