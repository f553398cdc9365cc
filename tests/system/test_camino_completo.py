"""The whole system, as processes, on both logs: every support ends in the status that the truth says, record by record."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from apoyo import replay, verify
from apoyo.engines.procs import Supervisor
from apoyo.engines.smtp import read_inbox
from apoyo.escenario import PROCESO, SOLICITUDES, Escenario, corte_de, preparar
from apoyo.instalacion import Instalacion, bitacora
from apoyo.recorrido import Recorrido
from apoyo.sistema import Sistema
from apoyo.verificacion import Alcance
from dispositivo.poblacion.plan import MINIMO_CON_TODAS
from kernel.clock import SystemClock
from kernel.dispatch import decode
from kernel.stream import Message, connect
from schemas import topics
from schemas.actores import Actores
from schemas.ciclo_de_vida import Estado, estado
from schemas.eventos import POR_TIPO
from services.mesa_control.bootstrap import HISTORIA
from services.notificaciones.domain import Clase
from tests.support import destruccion
from tests.support.escaner import Escaner

REGISTROS = MINIMO_CON_TODAS
ILEGIBLE, TIPO_RECIBIDO = b"{}", "mx.ine.apoyo.registro_recibido.v1"
BITACORAS = [pytest.param(False, id="embebida"), pytest.param(True, id="kafka", marks=pytest.mark.kafka)]


@asynccontextmanager
async def en_marcha(root: Path, *, kafka: bool, semilla: int) -> AsyncIterator[Recorrido]:
    """Everything started: engines, roll, the seven services, and the process registered in the portal."""
    ahora = SystemClock().now()
    async with Supervisor() as supervisor:
        sistema = Sistema(Instalacion(root), supervisor, kafka=kafka)
        recorrido = Recorrido(sistema, preparar(semilla, REGISTROS, ahora))
        await recorrido.arrancar_por_el_portal(corte_de(ahora))
        yield recorrido


async def _esperar(condition: Callable[[], bool], plazo_s: float = 30) -> None:
    async with asyncio.timeout(plazo_s):
        while not condition():
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("kafka", BITACORAS)
async def test_cada_apoyo_llega_de_dispositivo_a_resultado_y_todo_coincide_con_la_verdad(
    tmp_path: Path, kafka: bool
) -> None:
    """An event that fits no schema lies in the way; who cannot read it sets it aside, and the flow goes on. A key comes late."""
    async with en_marcha(tmp_path, kafka=kafka, semilla=7) as recorrido:
        await _cada_auxiliar_quedo_como_dice_el_padron(recorrido)
        async with bitacora(recorrido.instalacion) as stream:
            await stream.publish(Message("registro_recibido", "x", ILEGIBLE, {"ce_type": TIPO_RECIBIDO, "ce_id": "x"}))
        tardios = await _enviar_con_una_llave_tardia(recorrido)
        await asyncio.gather(recorrido.revisar(), recorrido.esperar_compulsa(plazo_s=240))
        comparacion = await recorrido.comparar()
        assert comparacion.distintos == {}
        assert comparacion.iguales
        assert (await verify.de_instalacion(recorrido.instalacion, Alcance.TODOS)).fallas == []
        assert recorrido.rechazados == {}
        assert all(comparacion.por_estado[e][1] > 0 for e in Estado if e not in _DE_PASO)

        await _esperar(lambda: len(recorrido.correos(Clase.ACUSE)) >= recorrido.envios_cerrados)
        acuses = recorrido.correos(Clase.ACUSE)
        assert len(acuses) == len(set(acuses)) == recorrido.envios_cerrados
        await _cada_quien_supo_de_su_registro_y_de_su_baja(recorrido)

        await _la_vida_de_un_apoyo_se_lee_de_los_topics(recorrido, tardios)
        await _solo_lo_ilegible_quedo_en_cuarentena_y_con_su_motivo(recorrido)
        escaner = Escaner(recorrido)
        assert await escaner.hallazgos() == []
        assert escaner.se_buscan_a_si_mismos()
        if not kafka:  # there with every death: test_muertes.py
            await _lo_que_se_ordena_destruir_no_lo_abre_nadie_y_un_respaldo_no_lo_devuelve(recorrido)


async def _lo_que_se_ordena_destruir_no_lo_abre_nadie_y_un_respaldo_no_lo_devuelve(recorrido: Recorrido) -> None:
    """SPEC 11; P 16.1, D 13.9. Statuses, totals and the log stay, and can be checked as before."""
    supervisor = recorrido.sistema.supervisor
    respaldo = await destruccion.respaldar_llaves(recorrido)
    antes = await destruccion.queda(recorrido)
    assert min(antes.values()) > 0
    await destruccion.ordenar(recorrido)
    dicho = await destruccion.terminada(recorrido)
    assert dicho.registros == dicho.total == len(recorrido.escenario.capturas)
    quedan = await destruccion.queda(recorrido)
    # compulsa destroys its own at its next look.
    assert [que for que, cuantas in quedan.items() if cuantas and que != "llave de compulsa"] == []
    folio = recorrido.escenario.capturas[0].folio
    async with recorrido.cliente("mesa_control", "supervisor1") as mesa:
        assert (await mesa.get(f"/api/registros/{folio}")).json()["code"] == "expedientes_destruidos"
    assert (await recorrido.comparar()).iguales
    for servicio in ("descifrado", "compulsa"):
        await supervisor.kill(servicio)
    await destruccion.restaurar_llaves(recorrido, respaldo)
    assert (await destruccion.queda(recorrido))["llaves"] == antes["llaves"]
    for servicio in ("descifrado", "compulsa"):
        await supervisor.restart(servicio)
    otra_vez = await destruccion.terminada(recorrido, dicho.version)
    assert otra_vez.registros == dicho.registros
    await destruccion.nada_queda(recorrido)
    assert (await verify.de_instalacion(recorrido.instalacion, Alcance.TODOS)).fallas == []


async def _enviar_con_una_llave_tardia(recorrido: Recorrido) -> set[str]:
    """Send everything while descifrado lacks one of the process's keys; once it is there, its records are retried by filter.

    The folios of that key: they wait in quarantine, and from then on go the way of the others.
    """
    instalacion = recorrido.instalacion
    llaves = instalacion.llaves_de_proceso(PROCESO)
    tardia = llaves[0].id
    archivo = instalacion.root / "keys" / "descifrado" / "procesos" / f"{tardia}.json"
    escondida = archivo.rename(instalacion.root / "tardia.json")
    await recorrido.sistema.supervisor.kill("descifrado")
    await recorrido.sistema.supervisor.restart("descifrado")
    capturas = recorrido.escenario.capturas
    await recorrido.enviar(capturas)
    folios = {c.folio for c in capturas if llaves[c.numero % len(llaves)].id == tardia}
    async with recorrido.cliente("mesa_control", "supervisor1") as mesa, asyncio.timeout(120):
        filtro = {"proceso": PROCESO, "llave": tardia}
        while (await mesa.get("/api/cuarentena", params=filtro)).json()["por_reintentar"] < len(folios):
            await asyncio.sleep(0.2)
        escondida.rename(archivo)
        answer = await mesa.post(
            "/api/cuarentena/reintentos",
            params={"proceso": PROCESO},
            json={"llave": tardia},
            headers={"Idempotency-Key": "llave-tardia"},
        )
        assert answer.json() == {"solicitados": len(folios), "ya_solicitados": 0, "quedan": 0}
        while (avance := (await mesa.get("/api/cuarentena", params=filtro)).json()["avance"])["en_espera"]:
            await asyncio.sleep(0.2)
        sin_remedio = sum(c.folio in folios and c.verdad.cuarentena is not None for c in capturas)
        assert avance == {
            "en_espera": 0,
            "abiertos": len(folios) - sin_remedio,
            "otra_vez_en_cuarentena": sin_remedio,
        }
    return folios


async def _cada_auxiliar_quedo_como_dice_el_padron(recorrido: Recorrido) -> None:
    """Who stands in the roll may go on, who does not was dismissed by the rule (P 7.6), and the OPL's dismissals stand (P 7.7)."""
    actores = Actores()
    async with bitacora(recorrido.instalacion) as stream:
        async for record in stream.read("actores"):
            actores.aplicar(decode(POR_TIPO, record).evento, record.offset)
    auxiliares = {(a.solicitud, a.auxiliar): a for a in recorrido.escenario.plan.auxiliares}
    assert actores.auxiliares.keys() == auxiliares.keys()
    resultados = {quien: v.resultado for quien, v in actores.verificaciones.items()}
    assert {quien: r == "procede" for quien, r in resultados.items()} == {q: a.procede for q, a in auxiliares.items()}
    por_opl = {(s.id, a) for s in SOLICITUDES for a in recorrido.escenario.de_baja(s.id)}
    bajas = {quien: baja.por for quien, baja in actores.bajas.items()}
    por_regla = {quien for quien, a in auxiliares.items() if not a.procede}
    assert bajas == dict.fromkeys(por_opl, "opl") | dict.fromkeys(por_regla, "ine")
    assert {d.auxiliar for d in actores.dispositivos.values()} <= {auxiliar for _, auxiliar in auxiliares}


_DE_PASO = {Estado.EN_MESA_DE_CONTROL, Estado.PARA_ENVIO_A_COMPULSA}


async def _cada_quien_supo_de_su_registro_y_de_su_baja(recorrido: Recorrido) -> None:
    """Solicitantes after their signed cédula (P 6.1 F), auxiliares at their registration and their dismissal (P 7.4, 7.7)."""
    auxiliares = {f"{a.solicitud}.{a.auxiliar}": a for a in recorrido.escenario.plan.auxiliares}
    de_baja = [f"{s.id}.{a}" for s in SOLICITUDES for a in recorrido.escenario.de_baja(s.id)]
    de_baja += [quien for quien, a in auxiliares.items() if not a.procede]
    await _esperar(lambda: len(recorrido.correos(Clase.BAJA)) >= len(de_baja))
    assert sorted(recorrido.correos(Clase.ALTA)) == sorted(f"<alta.{quien}@apoyo.invalid>" for quien in auxiliares)
    assert sorted(recorrido.correos(Clase.BAJA)) == sorted(f"<baja.{quien}.1@apoyo.invalid>" for quien in de_baja)
    assert len(recorrido.correos(Clase.CONFIRMACION)) == len(SOLICITUDES)
    para = {m["Message-ID"]: m["To"] for m in read_inbox(recorrido.sistema.engines.inbox)}
    assert all(para[f"<alta.{quien}@apoyo.invalid>"] == a.correo for quien, a in auxiliares.items())


async def _la_vida_de_un_apoyo_se_lee_de_los_topics(recorrido: Recorrido, tardios: set[str]) -> None:
    en_lista = [f for f, e in recorrido.verdad().items() if e == Estado.EN_LISTA_NOMINAL and f not in tardios]
    erratas = {c.folio for c in recorrido.escenario.capturas if c.corregido is not None}
    stream = connect(recorrido.sistema.engines.stream_url, client_id="prueba")
    await stream.start()
    try:
        pasos = await replay.vida(stream, next(f for f in en_lista if f not in erratas))
        corregidos = [await replay.vida(stream, f) for f in en_lista if f in erratas]
    finally:
        await stream.stop()
    dicho = [replay.que_paso(p.sobre.evento)[0] for p in pasos]
    # Whoever reviews may be given the record more than once.
    assert [que for que in dicho if que != "entregado"][:5] == [
        "recibido",
        "descifrado",
        "consulta preliminar",
        "clasificado",
        "compulsa definitiva",
    ]
    assert estado(replay.ciclo_de(pasos)) is Estado.EN_LISTA_NOMINAL
    assert corregidos
    for vida in corregidos:
        assert "formulario corregido" in [replay.que_paso(p.sobre.evento)[0] for p in vida]
        ciclo = replay.ciclo_de(vida)
        assert ciclo.compulsado is not None
        assert ciclo.compulsado.correccion_version == 1


async def _solo_lo_ilegible_quedo_en_cuarentena_y_con_su_motivo(recorrido: Recorrido) -> None:
    async with bitacora(recorrido.instalacion) as stream:
        apartados = [r for name in topics.load() async for r in stream.read(name + topics.CUARENTENA)]
    assert {r.topic for r in apartados} == {"registro_recibido" + topics.CUARENTENA}
    assert {r.value for r in apartados} == {ILEGIBLE}
    assert {r.headers["cuarentena_motivo"] for r in apartados} == {"sobre_incompleto"}
    grupos = {*topics.load()["registro_recibido"].readers, HISTORIA}
    assert {r.headers["cuarentena_grupo"] for r in apartados} == grupos


def test_el_escenario_es_el_mismo_con_la_misma_semilla() -> None:
    ahora = SystemClock().now()
    uno, otro = (preparar(3, 150, ahora) for _ in range(2))
    assert _folios(uno) == _folios(otro)
    assert all(f.startswith(PROCESO) for f in _folios(uno))


def _folios(escenario: Escenario) -> list[str]:
    return [c.folio for c in escenario.capturas]
