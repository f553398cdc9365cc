"""The readers of what comes from outside, fed with bytes that are chosen by the code they reach."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("atheris", reason="atheris has no wheel for this Python")

VECES = 20_000


def _alimentar(lector: str, carpeta: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.support.fuzz", lector, str(VECES), str(carpeta)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("lector", ["mostrar", "dimensiones", "paquete", "cuerpo", "formulario", "codigos"])
def test_ningun_lector_cae_con_lo_que_le_llega(lector: str, tmp_path: Path) -> None:
    done = _alimentar(lector, tmp_path)
    repeat = f"Repítase con: python -m tests.support.fuzz {lector} {VECES} CARPETA"
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-3000:]}\n{repeat}"
    assert f"Done {VECES} runs" in done.stderr


def test_un_lector_roto_se_descubre_y_se_dice_con_que(tmp_path: Path) -> None:
    done = _alimentar("roto", tmp_path)
    assert done.returncode != 0
    assert f"roto: {b'INE'.hex()}" in done.stdout
