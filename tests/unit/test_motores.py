"""What a command says when its processes cannot start, or when somebody interrupts it."""

import io

import pytest
from rich.console import Console

from apoyo.engines.procs import ProcessFailed, Supervisor
from apoyo.motores import Interrupted, correr


@pytest.mark.parametrize(
    ("error", "status", "dice"),
    [
        (ProcessFailed("kafka died\n  [Error 6] [/var/log] NotLeader"), 1, "[Error 6] [/var/log] NotLeader"),
        (Interrupted(), 130, "todo quedó detenido"),
    ],
)
def test_una_falla_se_dice_tal_cual_y_da_su_estado_de_salida(error: Exception, status: int, dice: str) -> None:
    async def work(supervisor: Supervisor) -> int:
        raise error

    salida = io.StringIO()
    assert correr(work, Console(file=salida, width=200)) == status
    assert dice in salida.getvalue()
