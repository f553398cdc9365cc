"""`apoyo quarantine` as people give it: what it says, what it does, and its exit status."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from apoyo import __main__ as comando
from apoyo import cuarentena
from apoyo.instalacion import Instalacion
from apoyo.sistema import crear_topics
from kernel.stream import Message, Stream, connect

TOPIC = "registro_recibido"
ORIGEN = f"{TOPIC}/0/0"
APARTADO = {
    "ce_time": "2026-11-22T20:05:00Z",
    "cuarentena_motivo": "cuerpo_invalido",
    "cuarentena_detalle": "nombre",
    "cuarentena_origen": ORIGEN,
    "cuarentena_grupo": "descifrado",
}
R = TypeVar("R")
Pedir = Callable[..., Result]


class Bitacora:
    """A log in a file, that every command opens anew."""

    def __init__(self, root: Path) -> None:
        self.url = f"embedded://{root / 'log.db'}"

    @asynccontextmanager
    async def abierta(self, _: Instalacion | None = None) -> AsyncIterator[Stream]:
        """Connected."""
        stream = connect(self.url, "prueba")
        await stream.start()
        try:
            yield stream
        finally:
            await stream.stop()

    def hacer(self, algo: Callable[[Stream], Awaitable[R]]) -> R:
        """Do something with it."""

        async def hecho() -> R:
            async with self.abierta() as stream:
                return await algo(stream)

        return asyncio.run(hecho())

    def hay(self, topic: str) -> list[Message]:
        """What a topic holds."""

        async def leer(stream: Stream) -> list[Message]:
            return [Message(r.topic, r.key, r.value, r.headers) async for r in stream.read(topic)]

        return self.hacer(leer)


@pytest.fixture
def bitacora(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bitacora:
    """With one event in quarantine."""
    bitacora = Bitacora(tmp_path)
    bitacora.hacer(crear_topics)
    bitacora.hacer(lambda s: s.publish(Message(f"{TOPIC}.cuarentena", "k", b'{"nombre": "EVA"}', APARTADO)))
    monkeypatch.setattr(cuarentena, "bitacora", bitacora.abierta)
    return bitacora


@pytest.fixture
def pedir(monkeypatch: pytest.MonkeyPatch) -> Pedir:
    def pedir(*argumentos: str) -> Result:
        # Typer's runner takes what is printed from then on.
        monkeypatch.setattr(comando, "consola", Console(width=200))
        return CliRunner().invoke(comando.app, ["quarantine", *argumentos])

    return pedir


def test_list_cuenta_lo_apartado_y_cada_uno_lo_nombra(bitacora: Bitacora, pedir: Pedir) -> None:
    cuenta = pedir("list")
    assert cuenta.exit_code == 0
    for visible in (TOPIC, "cuerpo_invalido", "descifrado", "Pendientes", ORIGEN):
        assert visible in cuenta.output
    uno_por_uno = pedir("list", "--cada-uno")
    assert uno_por_uno.exit_code == 0
    assert ORIGEN in uno_por_uno.output
    assert "uno por uno" in uno_por_uno.output
    assert "EVA" not in cuenta.output + uno_por_uno.output
    nada = pedir("list", "--grupo", "resultados")
    assert (nada.exit_code, nada.output.strip()) == (0, "No hay nada en cuarentena.")


def test_show_muestra_la_forma_y_solo_completo_los_bytes(bitacora: Bitacora, pedir: Pedir) -> None:
    forma = pedir("show", ORIGEN)
    assert forma.exit_code == 0
    assert "nombre: texto de 3 caracteres" in forma.output
    assert "EVA" not in forma.output
    assert "EVA" in pedir("show", ORIGEN, "--completo").output
    ausente = pedir("show", f"{TOPIC}/9/9")
    assert ausente.exit_code == 1
    assert "No hay nada en cuarentena con origen" in ausente.output


def test_redrive_sin_si_solo_dice_y_con_si_reenvia_una_vez(bitacora: Bitacora, pedir: Pedir) -> None:
    dicho = pedir("redrive")
    assert dicho.exit_code == 0
    assert ORIGEN in dicho.output
    assert "Nada se ha reenviado" in dicho.output
    assert bitacora.hay(TOPIC) == []
    hecho = pedir("redrive", "--origen", ORIGEN, "--si")
    assert hecho.exit_code == 0
    assert "Reenviados: 1" in hecho.output
    assert [(m.value, m.headers) for m in bitacora.hay(TOPIC)] == [
        (b'{"nombre": "EVA"}', {"ce_time": APARTADO["ce_time"]})
    ]
    otra_vez = pedir("redrive", "--si")
    assert (otra_vez.exit_code, otra_vez.output.strip()) == (0, "No hay nada pendiente que reenviar.")
    assert len(bitacora.hay(TOPIC)) == 1


def test_accept_sin_si_solo_dice_y_con_si_lo_deja_apartado_en_definitiva(bitacora: Bitacora, pedir: Pedir) -> None:
    assert "Nada se ha aceptado" in pedir("accept").output
    assert len(bitacora.hay(f"{TOPIC}.cuarentena")) == 1
    hecho = pedir("accept", "--grupo", "descifrado", "--si")
    assert hecho.exit_code == 0
    assert "Aceptados: 1" in hecho.output
    assert bitacora.hay(TOPIC) == []
    assert "No hay nada pendiente" in pedir("accept", "--si").output
    assert "No hay nada pendiente" in pedir("redrive", "--si").output


def test_sin_instalacion_una_linea_clara_y_estado_1(pedir: Pedir, tmp_path: Path) -> None:
    dicho = pedir("list", "--root", str(tmp_path / "nada"))
    assert dicho.exit_code == 1
    assert "No hay una instalación en esa carpeta." in dicho.output
