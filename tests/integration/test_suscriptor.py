"""The sample subscriber of docs/subscribers.md, as a process of its own against a real Kafka: at least once becomes exactly one."""

import ast
import asyncio
import importlib.util
import json
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import closing, suppress
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from kernel.stream import Message, Stream, TopicSpec, connect
from schemas import ciclo_de_vida, compat
from schemas.envelope import Sobre, ensobrar, leer
from schemas.eventos import (
    POR_TIPO,
    Fase,
    Inconsistencia,
    RegistroClasificado,
    RegistroCompulsado,
    RegistroDescifrado,
    RegistroEnCuarentena,
    RegistroRecibido,
    SituacionRegistral,
)
from tests.support.ejemplos import ejemplo

PROGRAM = Path(__file__).resolve().parents[2] / "docs" / "ejemplos" / "suscriptor.py"
GOLDEN = compat.FOLDER / "eventos"

pytestmark = pytest.mark.timeout(120)


def test_el_suscriptor_solo_usa_kafka_python_y_la_biblioteca_estandar() -> None:
    tree = ast.parse(PROGRAM.read_text(encoding="utf-8"))
    imported = {a.name.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    imported |= {(n.module or "").split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert imported - sys.stdlib_module_names == {"kafka"}


class Suscripcion:
    """Topics of this test alone, and the subscriber that reads them into one database."""

    def __init__(self, stream: Stream, bootstrap: str, folder: Path) -> None:
        self._stream = stream
        self._bootstrap = bootstrap
        self._prefix = f"s{os.urandom(4).hex()}-"
        self._base = folder / "apoyos.sqlite"
        self._processes: list[asyncio.subprocess.Process] = []

    async def crear(self) -> None:
        await self._stream.create_topics([TopicSpec(self._prefix + topic, 3) for topic in ciclo_de_vida.TOPICS])

    async def publicar(self, topic: str, key: str, headers: dict[str, str], value: bytes) -> None:
        await self._stream.publish(Message(self._prefix + topic, key, value, headers))

    async def decir(self, sobre: Sobre) -> None:
        evento = sobre.evento
        await self.publicar(evento.topic, evento.llave_mensaje, sobre.headers(), sobre.cuerpo())

    async def arrancar(self, *opciones: str, grupo: str = "sistema-a") -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(PROGRAM),
            *("--servidores", self._bootstrap, "--grupo", self._prefix + grupo, "--base", str(self._base)),
            *("--topics", *(self._prefix + topic for topic in ciclo_de_vida.TOPICS)),
            *opciones,
            stdout=asyncio.subprocess.PIPE,
        )
        self._processes.append(process)
        return process

    async def terminar(self) -> None:
        for process in self._processes:
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def leer(self, grupo: str = "sistema-a") -> dict[str, Any]:
        process = await self.arrancar("--hasta-el-final", grupo=grupo)
        return await self.resumen(process)

    async def resumen(self, process: asyncio.subprocess.Process) -> dict[str, Any]:
        out, _ = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0
        summary: dict[str, Any] = json.loads(out)
        return summary

    def filas(self, query: str) -> list[Any]:
        with closing(sqlite3.connect(self._base)) as base:
            return base.execute(query).fetchall()

    async def esperar_hechos(self, cuantos: int) -> None:
        async with asyncio.timeout(40):
            while True:
                with suppress(sqlite3.OperationalError):  # it has not made its tables yet
                    if self.filas("SELECT count(*) FROM facts") == [(cuantos,)]:
                        return
                await asyncio.sleep(0.2)


def _oro(nombre: str) -> tuple[str, str, dict[str, str], bytes]:
    golden = json.loads((GOLDEN / f"{nombre}.v1.1.json").read_text(encoding="utf-8"))
    return golden["topic"], golden["key"], golden["headers"], golden["value"].encode()


@pytest.fixture
async def suscripcion(kafka_url: str, tmp_path: Path) -> AsyncIterator[Suscripcion]:
    stream = connect(kafka_url, client_id="prueba")
    await stream.start()
    made = Suscripcion(stream, kafka_url.removeprefix("kafka://"), tmp_path)
    try:
        await made.crear()
        yield made
    finally:
        await made.terminar()
        await stream.stop()


@pytest.mark.kafka
async def test_un_sistema_ajeno_lee_lo_publicado_repetido_y_con_campos_nuevos_y_llega_a_los_mismos_hechos(
    suscripcion: Suscripcion,
) -> None:
    nombres = ("registro_recibido", "registro_descifrado", "registro_compulsado")
    for nombre in (*nombres, "registro_recibido"):
        await suscripcion.publicar(*_oro(nombre))
    topic, key, headers, value = _oro("registro_clasificado")
    grown = json.dumps(json.loads(value) | {"campo_de_manana": {"x": [1]}}).encode()
    await suscripcion.publicar(topic, key, headers, grown)
    await suscripcion.publicar(topic, key, headers | {"ce_type": "mx.ine.apoyo.otra_cosa.v1"}, b"{}")
    await suscripcion.publicar(topic, key, {"ce_type": headers["ce_type"]}, b"no es JSON")

    assert await suscripcion.leer() == {
        "leido": {"hechos_nuevos": 4, "repetidos": 1, "de_otro_tipo": 1, "ilegibles": 1},
        "estados": {"con_inconsistencia": 1},
    }
    facts = suscripcion.filas("SELECT * FROM facts ORDER BY fact")
    assert len(facts) == 4

    # The same group goes on where it was; another one reads it all again, and nothing changes.
    assert (await suscripcion.leer())["leido"] == {}
    again = await suscripcion.leer(grupo="sistema-b")
    assert again["leido"] == {"repetidos": 5, "de_otro_tipo": 1, "ilegibles": 1}
    assert suscripcion.filas("SELECT * FROM facts ORDER BY fact") == facts
    assert len(suscripcion.filas("SELECT * FROM unreadable")) == 1

    # A newer version takes the place of an older one; an older one that comes late does not.
    _, _, headers, value = _oro("registro_clasificado")
    old = leer(POR_TIPO, headers, value)
    clean = old.evento.model_copy(update={"version": 3, "inconsistencias": []})
    late = old.evento.model_copy(update={"version": 2})
    await suscripcion.decir(ensobrar(clean, fuente=old.fuente, hora=old.hora, causa="tres"))
    await suscripcion.decir(ensobrar(late, fuente=old.fuente, hora=old.hora, causa="dos"))
    assert await suscripcion.leer() == {
        "leido": {"hechos_nuevos": 1, "superados": 1},
        "estados": {"para_envio_a_compulsa": 1},
    }


@pytest.mark.kafka
async def test_siguiendo_en_vivo_muere_de_golpe_vuelve_y_termina_en_orden(
    suscripcion: Suscripcion, tmp_path: Path
) -> None:
    for nombre in ("registro_recibido", "registro_descifrado"):
        await suscripcion.publicar(*_oro(nombre))
    # So that Kafka soon takes the dead one for dead (45 s by default).
    options = tmp_path / "kafka.json"
    options.write_text('{"session_timeout_ms": 3000, "heartbeat_interval_ms": 500}', encoding="utf-8")
    victim = await suscripcion.arrancar("--opciones", str(options))
    await suscripcion.esperar_hechos(2)
    victim.kill()
    await victim.wait()

    await suscripcion.publicar(*_oro("registro_compulsado"))
    heir = await suscripcion.arrancar("--opciones", str(options))
    await suscripcion.esperar_hechos(3)
    heir.send_signal(signal.SIGINT)
    summary = await suscripcion.resumen(heir)
    assert summary["leido"]["hechos_nuevos"] == 1
    assert summary["estados"] == {"en_mesa_de_control": 1}


def _suscriptor() -> ModuleType:
    spec = importlib.util.spec_from_file_location("suscriptor", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_el_estado_que_calcula_el_suscriptor_es_el_del_ciclo_de_vida() -> None:
    """Every combination of facts that the status looks at."""
    estado = _suscriptor().estado
    otro = ejemplo(RegistroRecibido).folio.replace("0123", "4567")
    descifrados = (None, ejemplo(RegistroDescifrado), ejemplo(RegistroEnCuarentena))
    clasificados = (
        None,
        ejemplo(RegistroClasificado, inconsistencias=[]),
        ejemplo(RegistroClasificado, inconsistencias=[Inconsistencia(clave="a", origen="revision")]),
    )
    compulsados = (
        None,
        *(
            ejemplo(RegistroCompulsado, fase=fase, situacion=situacion, duplicado_de=de, clasificado_version=decision)
            for fase, situacion, de, decision in product(Fase, SituacionRegistral, (None, otro), (0, 1))
        ),
    )
    checked = {
        _coinciden(estado, [ejemplo(RegistroRecibido), *(e for e in eventos if e is not None)])
        for eventos in product(descifrados, clasificados, compulsados)
    }
    assert checked == set(ciclo_de_vida.Estado)


def _coinciden(estado: Callable[..., str | None], eventos: list[Any]) -> ciclo_de_vida.Estado:
    ciclo = ciclo_de_vida.Ciclo()
    facts = {}
    for evento in eventos:
        ciclo = ciclo_de_vida.aplicar(ciclo, evento, 0)
        fact = evento.topic.removeprefix("registro_")
        facts[fact] = (evento.ce_type(), evento.model_dump(mode="json"))
    wanted = ciclo_de_vida.estado(ciclo)
    assert wanted is not None
    assert estado(facts) == wanted.value
    return wanted
