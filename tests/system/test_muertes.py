"""SIGKILL on real Kafka: nothing acknowledged is lost, nothing counts twice, and each e-mail arrives."""

import asyncio
import base64
import os
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

import pytest

from apoyo import verify
from apoyo.cuentas import cuentas_de
from apoyo.engines.procs import Supervisor
from apoyo.escenario import PROCESO, corte_de, preparar
from apoyo.instalacion import SERVICIOS, Instalacion, bitacora
from apoyo.recorrido import Recorrido
from apoyo.sistema import Sistema, llavero_del_portal, motores_del_portal
from apoyo.verificacion import Alcance
from dispositivo.poblacion.plan import Captura
from kernel import documents
from kernel.clock import SystemClock
from kernel.errors import KeyDestroyed
from kernel.stream import Message, connect
from schemas.ciclo_de_vida import Estado
from schemas.envelope import ensobrar
from services.compulsa.bootstrap import cargar_padron
from services.compulsa.padron import Avance
from services.compulsa.settings import CompulsaSettings
from services.descifrado.adapters import LlavesDeProceso
from services.notificaciones.domain import Clase
from tests.support import destruccion, failpoints
from tests.support.consultas import comprobar, preguntar
from tests.support.resultados import HORA, vida

REGISTROS = 100
PLAZO_S = 600
BITACORAS = [pytest.param(False, id="embebida"), pytest.param(True, id="kafka", marks=pytest.mark.kafka)]

CARGA = "load-padron"

ILEGIBLES = ("registro_recibido", "descifrado", "consulta_padron")
"""Topics in which something lies that is no event."""

ZOMBI = "descifrado.2"
"""An instance that freezes between looking whether a record was opened and saying that it opened it."""

DEL_ZOMBI = "expedientes.delete after"
"""Where only that instance can die: it takes away the object that another made superfluous."""

ESCRITURAS = {
    CARGA: [
        "padron.prepare",
        "cortes.put_if_absent",
        "padron.insertar",
        "cortes.replace",
    ],
    "ingesta": [
        "outbox.prepare",
        "paquetes.prepare",
        "paquetes.put",
        "outbox.write",
        "envios publish",
        "registro_recibido publish",
        "outbox.unset",
    ],
    "descifrado": [
        "outbox.prepare",
        "paquetes.prepare",
        "expedientes.prepare",
        "huellas.prepare",
        "llaves.write",
        "expedientes.put",
        "llaves_de_proceso.write",
        "huellas.write",
        "outbox.write",
        "descifrado publish",
        "outbox.unset",
        "expedientes.delete",
        "paquetes.delete",
        "llaves.unset",
        "llaves_de_proceso.unset",
        "huellas.remove",
        "destruido publish",
        "registro_recibido.cuarentena publish",
        "commit",
    ],
    "compulsa": [
        "outbox.prepare",
        "padron.prepare",
        "folios.prepare",
        "consultas.prepare",
        "llaves_de_proceso.write",
        "llaves_de_proceso.unset",
        "folios.write",
        "personas.write",
        "consultas.write",
        "outbox.write",
        "compulsado publish",
        "compulsa_personas publish",
        "compulsa_veredictos publish",
        "respuesta_padron publish",
        "outbox.unset",
        "descifrado.cuarentena publish",
        "consulta_padron.cuarentena publish",
        "commit",
    ],
    "mesa_control": [
        "registros.prepare",
        "outbox.prepare",
        "expedientes.prepare",
        "sesiones.prepare",
        "sesiones.put_if_absent",
        "sesiones.replace",
        "registros.write",
        "historias.write",
        "outbox.write",
        "acceso publish",
        "clasificado publish",
        "correcciones publish",
        "outbox.unset",
        "registro_recibido.cuarentena publish",
        "descifrado.cuarentena publish",
        "commit",
    ],
    "notificaciones": [
        "envios.prepare",
        "desenlaces.prepare",
        "envios.put_if_absent",
        "envios.replace",
        "desenlaces.put_if_absent",
        "entregas.put_if_absent",
        "correo",
        "entregas.replace",
        "descifrado.cuarentena publish",
        "actores.cuarentena publish",
        "commit",
    ],
    "portal": [
        "outbox.prepare",
        "fichas.prepare",
        "accesos.prepare",
        "emblemas.prepare",
        "lotes.prepare",
        "lotes_paginas.prepare",
        "sesiones.prepare",
        # What published the accounts of this run did not mark: the relay publishes and marks it.
        "actores publish",
        "outbox.unset",
        "fichas.write",
        "actores.cuarentena publish",
        "respuesta_padron.cuarentena publish",
        "commit",
    ],
    "resultados": [
        "registros.prepare",
        "sesiones.prepare",
        "sesiones.put_if_absent",
        "sesiones.replace",
        "registros.write",
        "registro_recibido.cuarentena publish",
        "descifrado.cuarentena publish",
        "commit",
    ],
}
"""Every write of each process that a run reaches. Not in it: `repartos publish` of mesa_control, since nobody orders a
reparto here (`tests/unit/test_mesa_control_reparto.py` dies there), its `reintentos publish` and `desenlaces.replace` of
notificaciones, since nobody retries a quarantine here (`tests/unit/test_reintento_muertes.py` dies at the first, and the simulation
plays both), and `sesiones.remove`, since nobody leaves. Giving a load up, and rebuilding, have tests of their own below."""


@pytest.mark.kafka
async def test_ninguna_muerte_antes_ni_despues_de_una_escritura_pierde_ni_duplica_nada(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every process dies once before and once after each of its writes, while supports flow, their packages are deleted, and
    at the end everything is destroyed by order."""
    monkeypatch.setenv("APOYO_GRACIA_PAQUETES_H", "0")

    def argv(nombre: str) -> list[str]:
        servicio = nombre.partition(".")[0]
        zombi = ("outbox.write before", DEL_ZOMBI) if nombre == ZOMBI else None
        return failpoints.argv(tmp_path / servicio, f"services.{servicio}", zombi=zombi)

    async with Supervisor() as supervisor:
        sistema = Sistema(Instalacion(tmp_path / "apoyo"), supervisor, kafka=True, argv=argv)
        recorrido = Recorrido(sistema, preparar(19, REGISTROS, SystemClock().now()), paciencia_s=PLAZO_S)
        await sistema.arrancar_motores()
        await recorrido.cargar_actores()
        await _cargar_padron(recorrido, tmp_path / CARGA)
        await sistema.arrancar_servicios()
        portal = llavero_del_portal(sistema.engines.mongo_uri, recorrido.instalacion.root)

        async def enviar() -> list[str]:
            unas, *otras = _partes(recorrido.escenario.capturas, 5)
            await recorrido.enviar(unas)
            ilegibles = [await _publicar_ilegible(recorrido, topic) for topic in (*ILEGIBLES, "actores")]
            await sistema.arrancar_servicio(ZOMBI)
            for parte in otras:
                await _con_dos_instancias(recorrido)
                await recorrido.enviar(parte)
                # It dies there once it has been taken for dead twice: each time it needs records of its own in hand.
                await _mientras_no_muera(tmp_path / "descifrado", DEL_ZOMBI)
            return ilegibles

        preguntas = await preguntar(
            sistema.engines.stream_url, portal, [c.persona for c in recorrido.escenario.capturas[:20]]
        )
        ilegibles = await _recorrer(recorrido, enviar())
        await _que_marque_otra_vez(sistema, tmp_path / "portal")
        await comprobar(sistema.engines.stream_url, portal, preguntas)
        # The portal asked nothing: answers about nobody that it knows are set aside.
        ilegibles += await _lugares(recorrido, "respuesta_padron")
        await _nada_se_pierde_ni_se_duplica(recorrido, ilegibles)
        assert DEL_ZOMBI in failpoints.ocurridas(tmp_path / "descifrado")
        await destruccion.ordenar(recorrido)
        await destruccion.terminada(recorrido)
        await destruccion.nada_queda(recorrido)
        informe = await verify.de_instalacion(recorrido.instalacion, Alcance.TODOS)
        assert informe.fallas == []
        faltan, sobran = [], []
        for proceso, escrituras in ESCRITURAS.items():
            esperadas = {f"{escritura} {cuando}" for escritura in escrituras for cuando in ("before", "after")}
            ocurridas = failpoints.ocurridas(tmp_path / proceso)
            assert len(ocurridas) == len(set(ocurridas)), proceso
            faltan += [f"{proceso}: {muerte}" for muerte in sorted(esperadas - set(ocurridas))]
            sobran += [f"{proceso}: {muerte}" for muerte in sorted(set(ocurridas) - esperadas)]
        assert (faltan, sobran) == ([], [])


@pytest.mark.parametrize("kafka", BITACORAS)
async def test_cada_servicio_muere_solo_y_con_una_segunda_instancia_sin_perder_ni_duplicar_nada(
    tmp_path: Path, kafka: bool
) -> None:
    ahora = SystemClock().now()
    async with Supervisor() as supervisor:
        sistema = Sistema(Instalacion(tmp_path), supervisor, kafka=kafka)
        recorrido = Recorrido(sistema, preparar(13, 4 * 2 * len(SERVICIOS), ahora), paciencia_s=PLAZO_S)
        await recorrido.arrancar(corte_de(ahora))
        partes = iter(_partes(recorrido.escenario.capturas, 2 * len(SERVICIOS)))

        async def enviar_matando(nombre: str) -> None:
            envio = asyncio.create_task(recorrido.enviar(next(partes)))
            await asyncio.sleep(0.5)
            await supervisor.kill(nombre)
            await asyncio.gather(envio, supervisor.restart(nombre))

        async def enviar() -> list[str]:
            for servicio in SERVICIOS:
                await enviar_matando(servicio)
            await asyncio.gather(*(sistema.arrancar_servicio(f"{servicio}.2") for servicio in SERVICIOS))
            for turno, servicio in enumerate(SERVICIOS):
                await enviar_matando(servicio if turno % 2 else f"{servicio}.2")
            return []

        await _nada_se_pierde_ni_se_duplica(recorrido, await _recorrer(recorrido, enviar()))


async def _recorrer(recorrido: Recorrido, enviar: Coroutine[Any, Any, list[str]]) -> list[str]:
    """The whole way while `enviar` sends; its result."""
    try:
        async with asyncio.timeout(PLAZO_S):
            hecho, _ = await asyncio.gather(enviar, recorrido.revisar(capturas=recorrido.escenario.capturas))
            await recorrido.esperar_compulsa(plazo_s=PLAZO_S)
            return hecho
    except TimeoutError as error:
        supervisor = recorrido.sistema.supervisor
        muertos = [nombre for nombre in supervisor.names() if not supervisor.alive(nombre)]
        raise AssertionError(f"no terminó en {PLAZO_S} s; muertos: {muertos}") from error


async def _nada_se_pierde_ni_se_duplica(recorrido: Recorrido, ilegibles: Sequence[str]) -> None:
    """`ilegibles`: places of the events that are no events; nothing else is wrong."""
    comparacion = await recorrido.comparar()
    assert comparacion.distintos == {}
    assert comparacion.iguales
    assert set(recorrido.acuses) == {captura.folio for captura in recorrido.escenario.capturas}
    informe = await verify.de_instalacion(recorrido.instalacion, Alcance.TODOS)
    assert informe.fallas == []
    [apartados] = [c for c in informe.comprobaciones if c.clave == "apartados"]
    assert {h.donde for h in apartados.hallazgos} == set(ilegibles)
    async with asyncio.timeout(60):
        while len(_correos(recorrido, Clase.ACUSE)) < recorrido.envios_cerrados:
            await asyncio.sleep(0.1)
    assert len(_correos(recorrido, Clase.ACUSE)) == recorrido.envios_cerrados
    auxiliares = [a for s in recorrido.escenario.archivo().solicitudes for a in s.auxiliares]
    assert len(_correos(recorrido, Clase.ALTA)) == len(auxiliares)
    assert len(_correos(recorrido, Clase.BAJA)) == sum(a.baja is not None for a in auxiliares)


def _correos(recorrido: Recorrido, clase: Clase) -> set[str]:
    """E-mails that arrived, each once: after a death one may come twice, with the same Message-ID."""
    return set(recorrido.correos(clase))


async def _con_dos_instancias(recorrido: Recorrido) -> None:
    """Give descifrado time to be two again: who is not back in the group gets no records of its own."""
    async with bitacora(recorrido.instalacion) as stream:
        for _ in range(100):
            if await stream.members("descifrado") == 2:
                return
            await asyncio.sleep(0.2)


async def _mientras_no_muera(muertes: Path, punto: str) -> None:
    """Give a process time to die there; it need not."""
    for _ in range(round(3 * failpoints.ZOMBIE_S / 0.1)):
        if punto in failpoints.ocurridas(muertes):
            return
        await asyncio.sleep(0.1)


async def _que_marque_otra_vez(sistema: Sistema, muertes: Path) -> None:
    """The portal marks once, at its start. If it died of something else meanwhile, one event is left as if it had died before."""
    client = documents.connect(sistema.engines.mongo_uri)
    async with asyncio.timeout(PLAZO_S):
        while "outbox.unset after" not in failpoints.ocurridas(muertes):
            await client["apoyo_portal"]["outbox"].update_one({"topic": "actores"}, {"$set": {"pending": 1.0}})
            await asyncio.sleep(failpoints.ESPERA_S)
    await client.close()


async def _lugares(recorrido: Recorrido, topic: str) -> list[str]:
    async with bitacora(recorrido.instalacion) as stream:
        return [f"{r.topic}/{r.partition}/{r.offset}" async for r in stream.read(topic)]


def _partes(capturas: Sequence[Captura], cuantas: int) -> list[Sequence[Captura]]:
    return [capturas[i::cuantas] for i in range(cuantas)]


async def _cargar_padron(recorrido: Recorrido, muertes: Path) -> None:
    """The cut of the roll, by the command that loads it, which dies at its writes and is given again."""
    instalacion = recorrido.instalacion
    padron = instalacion.root / "padron.csv"
    recorrido.escenario.escribir_padron(padron)
    corte = recorrido.escenario.corte.isoformat()
    await _comando_de_compulsa(instalacion, muertes, "load-padron", str(padron), "--corte", corte)


async def _comando_de_compulsa(instalacion: Instalacion, muertes: Path, *argumentos: str) -> None:
    """A command of the roll, given again whenever it dies."""
    proceso = await asyncio.create_subprocess_exec(
        *failpoints.argv(muertes, "services.compulsa", *argumentos),
        env=os.environ | instalacion.entorno("compulsa", port=1),
        stderr=asyncio.subprocess.PIPE,
    )
    _, stderr = await proceso.communicate()
    assert proceso.returncode == 0, stderr.decode()


async def test_una_carga_del_padron_que_se_descarta_muere_en_cada_escritura_y_se_puede_cargar_de_nuevo(
    tmp_path: Path,
) -> None:
    class Interrumpida(Exception):
        pass

    def interrumpir(avance: Avance) -> None:
        raise Interrumpida

    escenario = preparar(23, 150, SystemClock().now())
    corte = escenario.corte.isoformat()
    async with Supervisor() as supervisor:
        sistema = Sistema(Instalacion(tmp_path / "apoyo"), supervisor, kafka=False)
        await sistema.arrancar_motores()
        padron = tmp_path / "padron.csv"
        renglones = escenario.escribir_padron(padron)
        settings = sistema.instalacion.settings(CompulsaSettings)
        with pytest.raises(Interrumpida):
            await cargar_padron(settings, padron, corte, interrumpir)
        await _comando_de_compulsa(sistema.instalacion, tmp_path / "muertes", "discard-padron", "--corte", corte)
        assert sorted(failpoints.ocurridas(tmp_path / "muertes")) == [
            f"{escritura} {cuando}"
            for escritura in ("cortes.replace", "padron.borrar")
            for cuando in ("after", "before")
        ]
        assert (await cargar_padron(settings, padron, corte)).cargados == renglones


async def test_una_reconstruccion_muere_en_cada_escritura_y_repetida_da_los_mismos_documentos(tmp_path: Path) -> None:
    async with Supervisor() as supervisor:
        sistema = Sistema(Instalacion(tmp_path / "apoyo"), supervisor, kafka=False)
        await sistema.arrancar_motores()
        stream = connect(sistema.engines.stream_url, client_id="prueba")
        await stream.start()
        for n, estado in enumerate(Estado):
            for evento in vida(estado, n):
                sobre = ensobrar(evento, fuente="/apoyo/prueba", hora=HORA, causa=f"causa {n}")
                await stream.publish(Message(evento.topic, evento.llave_mensaje, sobre.cuerpo(), sobre.headers()))
        await stream.stop()
        muertes = tmp_path / "muertes"
        argumentos = ("rebuild", "resultados", "--root", str(sistema.instalacion.root))
        proceso = await asyncio.create_subprocess_exec(*failpoints.argv(muertes, "apoyo", *argumentos))
        assert await proceso.wait() == 0
        assert set(failpoints.ocurridas(muertes)) == {
            f"registros_al_lado.{escritura} {cuando}"
            for escritura in ("prepare", "write", "take_the_place_of")
            for cuando in ("before", "after")
        }
        client = documents.connect(sistema.engines.mongo_uri)
        guardados = {d["_id"]: d["estado"] async for d in client["apoyo_resultados"]["registros"].find({})}
        await client.close()
        assert sorted(guardados.values()) == sorted(e.value for e in Estado)


async def test_una_rotacion_de_llaves_muere_en_cada_escritura_y_repetida_todo_se_abre(tmp_path: Path) -> None:
    async with Supervisor() as supervisor:
        sistema = Sistema(Instalacion(tmp_path / "apoyo"), supervisor, kafka=False)
        await sistema.arrancar_motores()
        root = sistema.instalacion.root
        en_marcha = llavero_del_portal(sistema.engines.mongo_uri, root)
        llaves = dict(
            zip("abc", await en_marcha.create_many("abc", {"portal": None, "compulsa": "consulta"}), strict=True)
        )
        await en_marcha.destroy("b")
        muertes = tmp_path / "muertes"
        for orden in ("rotar", "retirar"):
            argumentos = ("llaves", orden, "portal", "--root", str(root))
            proceso = await asyncio.create_subprocess_exec(*failpoints.argv(muertes, "apoyo", *argumentos))
            assert await proceso.wait() == 0
        assert set(failpoints.ocurridas(muertes)) == {"llaves.swap before", "llaves.swap after"}
        assert list((root / "keys" / "portal" / "previous").glob("*")) == []
        for llavero in (en_marcha, llavero_del_portal(sistema.engines.mongo_uri, root)):
            assert {id_: await llavero.open(id_) for id_ in "ac"} == {id_: llaves[id_] for id_ in "ac"}
            with pytest.raises(KeyDestroyed):
                await llavero.open("b")


async def test_una_rotacion_de_llaves_de_proceso_muere_en_cada_escritura_y_ninguna_publicada_queda_sin_privada(
    tmp_path: Path,
) -> None:
    async with Supervisor() as supervisor:
        sistema = Sistema(Instalacion(tmp_path / "apoyo"), supervisor, kafka=False)
        await sistema.arrancar_motores()
        recorrido = Recorrido(sistema, preparar(29, 150, SystemClock().now()))
        await recorrido.cargar_actores()
        muertes, root = tmp_path / "muertes", sistema.instalacion.root
        argumentos = ("llaves", "rotar-proceso", PROCESO, "--root", str(root))
        proceso = await asyncio.create_subprocess_exec(*failpoints.argv(muertes, "apoyo", *argumentos))
        assert await proceso.wait() == 0
        ocurridas = {punto for punto in failpoints.ocurridas(muertes) if ".prepare " not in punto}
        assert ocurridas == {"outbox.write before", "outbox.write after"}
        portal = motores_del_portal(sistema.instalacion)
        async with portal.connected():
            actores = await cuentas_de(portal)
        en_vigor = actores.procesos[PROCESO]
        assert (en_vigor.version, en_vigor.llaves) == (2, sistema.instalacion.publicas_de(PROCESO))
        assert [id_ for _, id_ in actores.llaves] == ["ci26-1", "ci26-2", "ci26-3", "ci26-4"]
        privadas = LlavesDeProceso(root / "keys" / "descifrado" / "procesos")
        for llave in actores.llaves.values():
            privada = privadas(llave.id)
            assert privada is not None
            assert base64.b64encode(privada.public().raw).decode() == llave.publica


async def _publicar_ilegible(recorrido: Recorrido, topic: str) -> str:
    """Publish what is no event; its place."""
    stream = connect(recorrido.sistema.engines.stream_url, client_id="prueba")
    await stream.start()
    try:
        lugar = await stream.publish(Message(topic, "x", b"{}", {"ce_id": "x"}))
    finally:
        await stream.stop()
    return f"{lugar.topic}/{lugar.partition}/{lugar.offset}"
