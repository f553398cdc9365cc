"""Records that could not be opened: seen by reason, retried one by one or by filter, each once (SPEC 6, ADR 21)."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from kernel.documents import MemoryDocuments
from schemas.envelope import Sobre, ensobrar, leer
from schemas.eventos import (
    POR_TIPO,
    RegistroCompulsado,
    ReintentoSolicitado,
)
from services.descifrado.domain import Motivo
from services.mesa_control import agent
from services.mesa_control.cuarentena.domain import MOTIVOS, Filtro
from services.mesa_control.cuarentena.handlers import POR_ORDEN, Avance, Cuarentena, Grupo, Hecho
from services.mesa_control.domain import Rechazo
from services.mesa_control.handlers import Proyector
from tests.support.mesa import EPOCA, PROCESO, Mesa, folio

TODO = Filtro()
TARDIA = Filtro(llave="ci26-2")


@pytest.fixture
async def mesa() -> AsyncIterator[Mesa]:
    mesa = Mesa()
    await mesa.empieza()
    yield mesa
    await mesa.stream.stop()


def cuarentena(mesa: Mesa) -> Cuarentena:
    servicio = mesa.servicio
    return Cuarentena(servicio.registros, servicio.outbox, servicio.clock, servicio.proyector)


async def reintentos(mesa: Mesa) -> list[Sobre]:
    return [leer(POR_TIPO, r.headers, r.value) async for r in mesa.stream.read("reintentos")]


async def test_el_registro_en_cuarentena_no_espera_en_la_cola_y_al_abrirse_entra_una_vez(mesa: Mesa) -> None:
    recibido, _, compulsado = await mesa.eventos(1)
    for evento in (recibido, mesa.apartado(1)):
        await mesa.recibe(evento)
    assert (await mesa.servicio.progreso("operador1", PROCESO)).en_camino == 0
    assert await mesa.servicio.siguiente("operador1", PROCESO) is None
    await cuarentena(mesa).reintentar(PROCESO, TODO, "supervisor1", "llave-1")
    await mesa.recibe(await mesa.abierto(1, version=2), 1)
    await mesa.recibe(compulsado)
    abierto = await mesa.servicio.siguiente("operador1", PROCESO)
    assert abierto is not None
    assert abierto.folio == folio(1)
    assert (await mesa.panorama.plazos(PROCESO)).pendientes == 1
    assert await cuarentena(mesa).grupos(PROCESO, TODO) == []


async def test_se_cuentan_por_motivo_los_mas_primero_y_los_que_se_estan_reintentando(mesa: Mesa) -> None:
    for n, motivo in enumerate(("imagen_invalida", "llave_desconocida", "llave_desconocida"), 1):
        await mesa.aparta(n, motivo)
    await cuarentena(mesa).reintentar(PROCESO, Filtro(folios=(folio(2),)), "supervisor1", "llave-1")
    assert await cuarentena(mesa).grupos(PROCESO, TODO) == [
        Grupo("llave_desconocida", 2, 1),
        Grupo("imagen_invalida", 1, 0),
    ]


@pytest.mark.parametrize(
    ("filtro", "folios"),
    [
        (TODO, {1, 2, 3, 4}),
        (Filtro(motivo="imagen_invalida"), {3}),
        (Filtro(motivo="llave_desconocida"), {1, 2, 4}),
        (TARDIA, {2, 4}),
        (Filtro(desde=EPOCA + timedelta(minutes=2), hasta=EPOCA + timedelta(minutes=4)), {2, 3}),
        (Filtro(llave="ci26-2", desde=EPOCA + timedelta(minutes=3)), {4}),
        (Filtro(folios=(folio(1), folio(9))), {1}),
    ],
    ids=["todo", "motivo", "llaves", "una llave", "fechas", "llave y fecha", "folios"],
)
async def test_el_filtro_ve_y_reintenta_lo_mismo(mesa: Mesa, filtro: Filtro, folios: set[int]) -> None:
    await mesa.aparta(1, "llave_desconocida", "ci26-1")
    await mesa.aparta(2, "llave_desconocida", "ci26-2")
    await mesa.aparta(3, "imagen_invalida", "foto")
    await mesa.aparta(4, "llave_desconocida", "ci26-2")
    esperados = {folio(n) for n in folios}
    assert {a.folio for a in await cuarentena(mesa).lista(PROCESO, filtro)} == esperados
    assert await cuarentena(mesa).contar(PROCESO, filtro) == len(folios)
    hecho = await cuarentena(mesa).reintentar(PROCESO, filtro, "supervisor1", "llave-1")
    assert hecho == Hecho(len(folios), 0, 0)
    assert {s.evento.asunto for s in await reintentos(mesa)} == esperados


async def test_el_reintento_dice_todo_lo_que_hace_falta_para_abrir_quien_y_cuando(mesa: Mesa) -> None:
    recibido = await mesa.aparta(1, "llave_desconocida")
    await cuarentena(mesa).reintentar(PROCESO, TODO, "supervisor1", "llave-1")
    [sobre] = await reintentos(mesa)
    assert sobre.causa == "llave-1"
    assert isinstance(sobre.evento, ReintentoSolicitado)
    comunes = sobre.evento.model_dump(exclude={"version", "por", "solicitado_en"})
    assert comunes == recibido.model_dump(include=set(comunes))
    assert (sobre.evento.version, sobre.evento.por, sobre.evento.solicitado_en) == (1, "supervisor1", mesa.reloj.now())


async def test_la_misma_orden_otra_vez_y_otra_persona_a_la_vez_dejan_un_reintento_por_registro(mesa: Mesa) -> None:
    for n in (1, 2, 3):
        await mesa.aparta(n, "llave_desconocida")
    ordenes = (("supervisor1", "llave-1"), ("supervisor1", "llave-1"), ("otra", "llave-2"))
    hechos = await asyncio.gather(*(cuarentena(mesa).reintentar(PROCESO, TODO, *orden) for orden in ordenes))
    assert sum(h.solicitados for h in hechos[1:]) == 3
    assert len({s.id for s in await reintentos(mesa)}) == 3
    assert (await cuarentena(mesa).reintentar(PROCESO, TODO, "supervisor1", "llave-1")).solicitados == 3
    with pytest.raises(Rechazo, match="nada_que_reintentar"):
        await cuarentena(mesa).reintentar(PROCESO, TODO, "supervisor1", "llave-3")


async def test_la_orden_repetida_no_reintenta_lo_que_volvio_a_cuarentena_y_una_nueva_si(mesa: Mesa) -> None:
    await mesa.aparta(1, "llave_desconocida")
    await cuarentena(mesa).reintentar(PROCESO, TODO, "supervisor1", "llave-1")
    await mesa.recibe(mesa.apartado(1, "llave_desconocida", version=2), 1)
    await cuarentena(mesa).reintentar(PROCESO, TODO, "supervisor1", "llave-1")
    assert len(await reintentos(mesa)) == 1
    await cuarentena(mesa).reintentar(PROCESO, TODO, "supervisor1", "llave-2")
    assert [s.evento.version for s in await reintentos(mesa)] == [1, 2]
    [visto] = await cuarentena(mesa).lista(PROCESO, TODO)
    assert (visto.version, visto.reintentos, visto.situacion) == (2, 2, "en_espera")


async def test_lo_que_se_destruyo_no_se_reintenta_y_se_sigue_viendo(mesa: Mesa) -> None:
    await mesa.aparta(1, "llave_destruida")
    for filtro in (TODO, Filtro(motivo="llave_destruida"), Filtro(folios=(folio(1),))):
        assert await cuarentena(mesa).contar(PROCESO, filtro) == 0
        with pytest.raises(Rechazo, match="nada_que_reintentar"):
            await cuarentena(mesa).reintentar(PROCESO, filtro, "supervisor1", "llave-1")
    assert [a.folio for a in await cuarentena(mesa).lista(PROCESO, TODO)] == [folio(1)]


async def test_lo_de_otro_proceso_no_se_ve_ni_se_reintenta(mesa: Mesa) -> None:
    await mesa.aparta(1, "llave_desconocida")
    assert await cuarentena(mesa).lista("RM26", TODO) == []
    with pytest.raises(Rechazo, match="nada_que_reintentar"):
        await cuarentena(mesa).reintentar("RM26", Filtro(folios=(folio(1),)), "supervisor1", "llave-1")


async def test_una_orden_reintenta_hasta_su_limite_y_dice_cuantos_quedan(
    mesa: Mesa, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert POR_ORDEN >= 100
    monkeypatch.setattr("services.mesa_control.cuarentena.handlers.POR_ORDEN", 2)
    for n in (3, 1, 2):
        await mesa.aparta(n, "llave_desconocida")
    assert await cuarentena(mesa).reintentar(PROCESO, TODO, "supervisor1", "llave-1") == Hecho(2, 0, 1)
    assert {s.evento.asunto for s in await reintentos(mesa)} == {folio(1), folio(2)}
    # The same order again, after an answer that was lost, goes on where it was.
    assert await cuarentena(mesa).reintentar(PROCESO, TODO, "supervisor1", "llave-1") == Hecho(3, 0, 0)


async def test_el_avance_dice_que_fue_de_cada_registro_reintentado(mesa: Mesa) -> None:
    for n in (1, 2, 3):
        await mesa.aparta(n, "llave_desconocida")
    await mesa.aparta(4, "imagen_invalida")
    assert await cuarentena(mesa).avance(PROCESO) == Avance(0, 0, 0)
    await cuarentena(mesa).reintentar(PROCESO, Filtro(motivo="llave_desconocida"), "supervisor1", "llave-1")
    assert await cuarentena(mesa).avance(PROCESO) == Avance(3, 0, 0)
    await mesa.recibe(await mesa.abierto(1, version=2), 1)
    await mesa.recibe(mesa.apartado(2, "cuerpo_ilegible", version=2), 1)
    assert await cuarentena(mesa).avance(PROCESO) == Avance(1, 1, 1)
    assert (await cuarentena(mesa).ver(folio(1))).situacion == "abierto"
    assert (await cuarentena(mesa).ver(folio(2))).situacion == "en_cuarentena"
    assert (await cuarentena(mesa).ver(folio(3))).situacion == "en_espera"
    mesa.reloj.avanza(hours=25)
    assert await cuarentena(mesa).avance(PROCESO) == Avance(0, 0, 0)


async def test_un_registro_que_nunca_estuvo_en_cuarentena_no_se_ve_aqui(mesa: Mesa) -> None:
    await mesa.llega(1)
    with pytest.raises(Rechazo, match="sin_cuarentena"):
        await cuarentena(mesa).ver(folio(1))
    with pytest.raises(Rechazo, match="registro_desconocido"):
        await cuarentena(mesa).ver(folio(2))


async def test_en_cualquier_orden_y_repetidos_los_hechos_dejan_el_mismo_documento(mesa: Mesa) -> None:
    recibido = await mesa.aparta(1, "llave_desconocida")
    await cuarentena(mesa).reintentar(PROCESO, TODO, "supervisor1", "llave-1")
    [reintento] = [s.evento for s in await reintentos(mesa)]
    compulsado: RegistroCompulsado = (await mesa.eventos(1))[2]
    hechos = [recibido, mesa.apartado(1, "llave_desconocida"), reintento, await mesa.abierto(1, version=2), compulsado]
    documentos = []
    for orden in itertools.permutations(range(5)):
        coleccion = MemoryDocuments()
        handle = agent.build(Proyector(coleccion))
        for n in (*orden, *orden):
            evento: Any = hechos[n]
            sobre = ensobrar(evento, fuente="/apoyo/prueba", hora=mesa.reloj.now(), causa="prueba")
            await handle(mesa.registro(sobre, offset=n))
        [documento] = await coleccion.find({})
        documentos.append(documento | {"revision": 0})
    assert all(d == documentos[0] for d in documentos)
    assert documentos[0]["cola"] == f"{PROCESO}/pendiente"
    assert documentos[0]["reintento"] == {"version": 1, "por": "supervisor1"}


def test_cada_motivo_de_descifrado_tiene_su_texto_y_quien_puede_actuar() -> None:
    assert set(MOTIVOS) == set(Motivo)
    assert [clave for clave, m in MOTIVOS.items() if m.definitivo] == ["llave_destruida"]
