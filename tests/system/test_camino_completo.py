"""The whole system, as processes, on both logs: every support ends in the status that the truth says, record by record."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from apoyo import replay, verify
from apoyo.engines.procs import Supervisor
from apoyo.engines.smtp import read_inbox
from apoyo.escenario import PROCESO, Escenario, corte_de, preparar
from apoyo.instalacion import Instalacion
from apoyo.recorrido import Recorrido
from apoyo.sistema import Sistema, llavero_del_portal
from apoyo.verificacion import Alcance
from kernel.clock import SystemClock
from kernel.stream import connect
from schemas import topics
from schemas.ciclo_de_vida import Estado, estado
from services.notificaciones.domain import Clase
from tests.support.consultas import comprobar, preguntar
from tests.support.escaner import Escaner

REGISTROS = 160
BITACORAS = [pytest.param(False, id="embebida"), pytest.param(True, id="kafka", marks=pytest.mark.kafka)]


@asynccontextmanager
async def en_marcha(root: Path, *, kafka: bool, semilla: int) -> AsyncIterator[Recorrido]:
    """Everything started: engines, roll, actors and the six services."""
    ahora = SystemClock().now()
    async with Supervisor() as supervisor:
        sistema = Sistema(Instalacion(root), supervisor, kafka=kafka)
        recorrido = Recorrido(sistema, preparar(semilla, REGISTROS, ahora))
        await recorrido.arrancar(corte_de(ahora))
        yield recorrido


async def _esperar(condition: Callable[[], bool], plazo_s: float = 30) -> None:
    async with asyncio.timeout(plazo_s):
        while not condition():
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("kafka", BITACORAS)
async def test_cada_apoyo_llega_de_dispositivo_a_resultado_y_todo_coincide_con_la_verdad(
    tmp_path: Path, kafka: bool
) -> None:
    async with en_marcha(tmp_path, kafka=kafka, semilla=7) as recorrido:
        portal = llavero_del_portal(recorrido.sistema.engines.mongo_uri, recorrido.instalacion.root)
        bitacora = recorrido.sistema.engines.stream_url
        preguntas = await preguntar(bitacora, portal, [c.persona for c in recorrido.escenario.capturas[:20]])
        await recorrido.enviar(recorrido.escenario.capturas)
        await asyncio.gather(recorrido.revisar(), recorrido.esperar_compulsa(plazo_s=240))
        await comprobar(bitacora, portal, preguntas)
        comparacion = await recorrido.comparar()
        assert comparacion.distintos == {}
        assert comparacion.iguales
        assert (await verify.de_instalacion(recorrido.instalacion, Alcance.TODOS)).fallas == []
        assert recorrido.rechazados == {}
        assert all(comparacion.por_estado[e][1] > 0 for e in Estado if e not in _DE_PASO)

        await _esperar(lambda: len(recorrido.correos(Clase.ACUSE)) >= recorrido.envios_cerrados)
        acuses = recorrido.correos(Clase.ACUSE)
        assert len(acuses) == len(set(acuses)) == recorrido.envios_cerrados
        await _cada_auxiliar_supo_de_su_registro_y_de_su_baja(recorrido)

        await _la_vida_de_un_apoyo_se_lee_de_los_topics(recorrido)
        await _nada_quedo_en_cuarentena_de_topics(recorrido)
        escaner = Escaner(recorrido)
        assert await escaner.hallazgos() == []
        assert escaner.se_buscan_a_si_mismos()


_DE_PASO = {Estado.EN_MESA_DE_CONTROL, Estado.PARA_ENVIO_A_COMPULSA}


async def _cada_auxiliar_supo_de_su_registro_y_de_su_baja(recorrido: Recorrido) -> None:
    auxiliares = {
        f"{s.solicitud}.{a.auxiliar}": a for s in recorrido.escenario.archivo().solicitudes for a in s.auxiliares
    }
    de_baja = [quien for quien, auxiliar in auxiliares.items() if auxiliar.baja is not None]
    await _esperar(lambda: len(recorrido.correos(Clase.BAJA)) >= len(de_baja))
    assert sorted(recorrido.correos(Clase.ALTA)) == sorted(f"<alta.{quien}@apoyo.invalid>" for quien in auxiliares)
    assert sorted(recorrido.correos(Clase.BAJA)) == sorted(f"<baja.{quien}.1@apoyo.invalid>" for quien in de_baja)
    para = {m["Message-ID"]: m["To"] for m in read_inbox(recorrido.sistema.engines.inbox)}
    assert all(para[f"<alta.{quien}@apoyo.invalid>"] == a.correo for quien, a in auxiliares.items())


async def _la_vida_de_un_apoyo_se_lee_de_los_topics(recorrido: Recorrido) -> None:
    folio = next(f for f, e in recorrido.verdad().items() if e == Estado.EN_LISTA_NOMINAL)
    stream = connect(recorrido.sistema.engines.stream_url, client_id="prueba")
    await stream.start()
    try:
        pasos = await replay.vida(stream, folio)
    finally:
        await stream.stop()
    assert [replay.que_paso(p.sobre.evento)[0] for p in pasos][:5] == [
        "recibido",
        "descifrado",
        "consulta preliminar",
        "clasificado",
        "compulsa definitiva",
    ]
    assert estado(replay.ciclo_de(pasos)) is Estado.EN_LISTA_NOMINAL


async def _nada_quedo_en_cuarentena_de_topics(recorrido: Recorrido) -> None:
    stream = connect(recorrido.sistema.engines.stream_url, client_id="prueba")
    await stream.start()
    try:
        for name in topics.load():
            assert sum((await stream.ends(name + topics.CUARENTENA)).values()) == 0, name
    finally:
        await stream.stop()


async def test_un_evento_que_no_cumple_su_esquema_va_a_cuarentena_con_su_motivo_y_el_flujo_sigue(
    tmp_path: Path,
) -> None:
    async with en_marcha(tmp_path, kafka=False, semilla=17) as recorrido:
        stream = connect(recorrido.sistema.engines.stream_url, client_id="prueba")
        await stream.start()
        try:
            from kernel.stream import Message

            headers = {"ce_type": "mx.ine.apoyo.registro_recibido.v1", "ce_id": "x"}
            await stream.publish(Message("registro_recibido", "x", b"{}", headers))
            await recorrido.enviar(recorrido.escenario.capturas)
            await asyncio.gather(recorrido.revisar(), recorrido.esperar_compulsa(plazo_s=240))
            quarantined = [r async for r in stream.read("registro_recibido" + topics.CUARENTENA)]
        finally:
            await stream.stop()
        assert {r.value for r in quarantined} == {b"{}"}
        assert {r.headers["cuarentena_motivo"] for r in quarantined} == {"sobre_incompleto"}
        readers = set(topics.load()["registro_recibido"].readers)
        assert {r.headers["cuarentena_grupo"] for r in quarantined} == readers
        assert (await recorrido.comparar()).iguales


def test_el_escenario_es_el_mismo_con_la_misma_semilla() -> None:
    ahora = SystemClock().now()
    uno, otro = (preparar(3, 150, ahora) for _ in range(2))
    assert _folios(uno) == _folios(otro)
    assert all(f.startswith(PROCESO) for f in _folios(uno))


def _folios(escenario: Escenario) -> list[str]:
    return [c.folio for c in escenario.capturas]
