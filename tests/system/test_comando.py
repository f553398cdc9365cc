"""The `apoyo` command as a newcomer uses it: the demonstration left running, looked at, interrupted."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from apoyo.demo import POR_PROBAR
from apoyo.instalacion import SERVICIOS
from schemas.ciclo_de_vida import Estado

RECIBIDOS = 150 + POR_PROBAR
APOYO = [sys.executable, "-m", "apoyo"]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Demo"]:
    """`apoyo demo --keep`, once it says that it is running."""
    root = tmp_path_factory.mktemp("demo") / "raiz"
    running = Demo(root)
    try:
        running.esperar("En marcha", plazo_s=240)
        yield running
    finally:
        running.proceso.kill()
        running.proceso.wait(10)


class Demo:
    """The process and what it has printed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.salida = ""
        self.proceso = subprocess.Popen(
            [*APOYO, "demo", "--registros", "150", "--keep", "--root", str(root)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._leer, daemon=True).start()

    def _leer(self) -> None:
        assert self.proceso.stdout is not None
        for line in self.proceso.stdout:
            self.salida += line

    def esperar(self, texto: str, plazo_s: float) -> None:
        """Wait until it has printed that."""
        deadline = time.monotonic() + plazo_s
        while texto not in self.salida:
            assert self.proceso.poll() is None, self.salida
            assert time.monotonic() < deadline, self.salida
            time.sleep(0.1)

    def comando(self, *argumentos: str) -> subprocess.CompletedProcess[str]:
        """Another command on the same installation."""
        return subprocess.run(
            [*APOYO, *argumentos, "--root", str(self.root)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "COLUMNS": "160"},
        )


def test_la_demostracion_termina_con_la_tabla_de_estados_igual_a_la_verdad(demo: Demo) -> None:
    for estado in Estado:
        assert re.search(rf"{estado.value}\s+│\s+(\d+) │\s+\1 │ = ", demo.salida), demo.salida
    assert "Todo coincide con la verdad conocida" in demo.salida


def test_status_muestra_los_servicios_y_los_totales(demo: Demo) -> None:
    result = demo.comando("status")
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("listo") == len(SERVICIOS)
    assert re.search(rf"recibidos\s+│\s+{RECIBIDOS}", result.stdout)


def test_topics_muestra_que_nada_esta_en_cuarentena(demo: Demo) -> None:
    result = demo.comando("topics")
    assert result.returncode == 0
    assert re.search(rf"registro_recibido\s+│ ingesta\s+│ .*│\s+8 │\s+{RECIBIDOS} │\s+0 │", result.stdout), (
        result.stdout
    )


def test_replay_cuenta_la_vida_de_un_apoyo_en_orden(demo: Demo) -> None:
    found = re.search(r"--folio (\S+)", demo.salida)
    assert found
    result = demo.comando("replay", "--folio", found[1])
    assert result.returncode == 0
    pasos = ["recibido", "descifrado", "consulta preliminar", "clasificado", "compulsa definitiva"]
    places = [result.stdout.index(f"│ {paso}") for paso in pasos]
    assert places == sorted(places)
    assert "Estado: en_lista_nominal" in result.stdout


def test_replay_de_un_folio_que_no_existe_lo_dice(demo: Demo) -> None:
    result = demo.comando("replay", "--folio", "CI26-0001-A0001-000000000000-00000000000000000000")
    assert result.returncode == 1
    assert "No hay ningún evento" in result.stdout


def test_otra_demostracion_en_la_misma_carpeta_no_toca_la_que_esta_en_marcha(demo: Demo) -> None:
    result = demo.comando("demo", "--registros", "150")
    assert result.returncode == 1
    assert "in use" in result.stdout
    assert demo.comando("status").returncode == 0


def test_una_carpeta_ajena_no_se_borra(tmp_path: Path) -> None:
    (tmp_path / "tesis.txt").write_text("años de trabajo", encoding="utf-8")
    result = subprocess.run(
        [*APOYO, "demo", "--root", str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode != 0
    assert (tmp_path / "tesis.txt").exists()


def test_sin_instalacion_los_comandos_dicen_como_arrancar_una(tmp_path: Path) -> None:
    result = subprocess.run(
        [*APOYO, "status", "--root", str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 1
    assert "make demo KEEP=1" in result.stdout


def test_al_final_ctrl_c_no_deja_ningun_proceso_y_la_bitacora_embebida_se_sigue_leyendo(demo: Demo) -> None:
    assert len(_procesos_de(demo.root)) >= 9
    demo.proceso.send_signal(signal.SIGINT)
    assert demo.proceso.wait(60) == 130
    assert _procesos_de(demo.root) == []
    found = re.search(r"--folio (\S+)", demo.salida)
    assert found
    assert demo.comando("replay", "--folio", found[1]).returncode == 0


def _procesos_de(root: Path) -> list[int]:
    """Processes that name the installation's folder in their arguments or environment, but for the demonstration itself."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal() or int(folder.name) == os.getpid():
            continue
        try:
            words = (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes()
        except OSError:
            continue
        if any(str(root).encode() in word for word in words) and b"demo" not in words[0].split(b"\0"):
            found.append(int(folder.name))
    return found
