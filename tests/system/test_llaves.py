"""Keys are replaced on an installation that runs: no process is restarted, and nothing is lost (ADR 19, 20)."""

import asyncio
from pathlib import Path
from typing import get_args

from rich.console import Console

from apoyo import llaves, verify
from apoyo.engines.procs import Supervisor
from apoyo.escenario import PROCESO, corte_de, preparar
from apoyo.instalacion import CON_LLAVE, Instalacion
from apoyo.recorrido import Recorrido
from apoyo.sistema import Sistema
from apoyo.verificacion import Alcance
from kernel.clock import SystemClock

REGISTROS = 60
CONSOLA = Console(quiet=True)
SERVICIOS: tuple[llaves.Servicio, ...] = get_args(llaves.Servicio)


async def test_todas_las_llaves_se_cambian_mientras_fluyen_los_apoyos_sin_reiniciar_nada(tmp_path: Path) -> None:
    ahora = SystemClock().now()
    async with Supervisor() as supervisor:
        sistema = Sistema(Instalacion(tmp_path), supervisor, kafka=False)
        recorrido = Recorrido(sistema, preparar(31, REGISTROS, ahora))
        await recorrido.arrancar(corte_de(ahora))
        capturas = recorrido.escenario.capturas
        antes = _privadas(tmp_path)

        async def enviar() -> None:
            await recorrido.enviar(capturas[0::3])
            envio = asyncio.create_task(recorrido.enviar(capturas[1::3]))
            for servicio in SERVICIOS:
                assert await llaves.rotar(recorrido.instalacion, servicio, CONSOLA) == 0
            assert await llaves.rotar_proceso(recorrido.instalacion, PROCESO, CONSOLA) == 0
            await envio
            for servicio in SERVICIOS:
                assert await llaves.retirar(recorrido.instalacion, servicio, CONSOLA) == 0
            await recorrido.enviar(capturas[2::3])

        async with asyncio.timeout(240):
            await asyncio.gather(enviar(), recorrido.revisar(capturas=capturas))
            await recorrido.esperar_compulsa(plazo_s=120)
        despues = _privadas(tmp_path)
        assert antes.keys() == despues.keys() == set(CON_LLAVE)
        assert all(antes[servicio] != despues[servicio] for servicio in CON_LLAVE)
        assert not list(tmp_path.glob("keys/*/previous/*"))
        assert (await recorrido.comparar()).iguales
        assert (await verify.de_instalacion(recorrido.instalacion, Alcance.TODOS)).fallas == []


def _privadas(root: Path) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in root.glob("keys/*/private.json")}
