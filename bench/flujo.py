"""From device to result: what the whole system does per second, what each process spends, and how soon a device is answered."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from apoyo.engines.procs import Supervisor
from apoyo.escenario import corte_de, preparar
from apoyo.instalacion import Instalacion
from apoyo.recorrido import Recorrido
from apoyo.sistema import Sistema
from bench import cpu
from bench.carga import Carga, Contar, Reloj, llaves_publicas
from dispositivo.poblacion.plan import Captura
from kernel.clock import SystemClock
from schemas.ciclo_de_vida import Estado


@dataclass(frozen=True)
class Banco:
    """A system that runs, and the captures that were not sent yet."""

    recorrido: Recorrido
    carga: Carga
    supervisor: Supervisor
    capturas: list[Captura]

    def tomar(self, cuantas: int) -> list[Captura]:
        """The next captures."""
        tomadas, self.capturas[:] = self.capturas[:cuantas], self.capturas[cuantas:]
        return tomadas


@dataclass(frozen=True, slots=True)
class Medida:
    """One run of `registros`. `cpu_ms`: of each process, per registro. `acuse_ms`: of each PUT."""

    registros: int
    segundos: float
    cpu_ms: dict[str, float]
    acuse_ms: list[float]

    @property
    def por_segundo(self) -> float:
        """Registros per second, from the first PUT to the last final status."""
        return self.registros / self.segundos

    @property
    def cpu_por_registro(self) -> float:
        """Milliseconds of processor per registro, of everything on the machine that works for it."""
        return sum(self.cpu_ms.values())

    def percentil(self, p: int) -> float:
        """Milliseconds that `p` percent of the PUTs did not exceed."""
        return statistics.quantiles(self.acuse_ms, n=100, method="inclusive")[p - 1]


@asynccontextmanager
async def banco(root: Path, *, kafka: bool, native: bool, registros: int, semilla: int) -> AsyncIterator[Banco]:
    """Engines and services started, roll and actors loaded; `registros` captures to send, all of which can be opened."""
    ahora = SystemClock().now()
    async with Supervisor() as supervisor:
        sistema = Sistema(Instalacion(root), supervisor, kafka=kafka, native=native)
        escenario = preparar(semilla, max(150, registros + registros // 20), ahora)
        recorrido = Recorrido(sistema, escenario)
        await recorrido.arrancar(corte_de(ahora))
        abribles = [c for c in escenario.capturas if not c.verdad.cuarentena]
        yield Banco(recorrido, Carga(recorrido, await llaves_publicas(recorrido)), supervisor, abribles[:registros])


async def correr(
    banco: Banco, capturas: Sequence[Captura], reloj: Reloj, al_sellar: Contar, al_decidir: Contar
) -> Medida:
    """Send, review and wait for the last final status. Sealing is done before the clock runs."""
    almacenes = await banco.carga.sellar(capturas, al_sellar)
    finales = await _finales(banco.recorrido)
    antes, empezado = cpu.gastado(banco.supervisor), time.perf_counter()
    async with asyncio.TaskGroup() as group:
        group.create_task(banco.carga.enviar(almacenes, reloj))
        group.create_task(banco.recorrido.revisar(al_decidir, capturas))
    async with asyncio.timeout(_PLAZO_S):
        while await _finales(banco.recorrido) < finales + len(capturas):
            await asyncio.sleep(0.5)
    segundos = time.perf_counter() - empezado
    usado = cpu.diferencia(antes, cpu.gastado(banco.supervisor))
    return Medida(
        len(capturas),
        segundos,
        {nombre: ms / len(capturas) for nombre, ms in usado.items()},
        [1000 * t for t in reloj.tardanzas],
    )


async def _finales(recorrido: Recorrido) -> int:
    """How many registros have a final status, as resultados counts them."""
    async with recorrido.cliente("resultados", "opl1") as http:
        totales = await recorrido.totales(http)
    return totales["recibidos"] - sum(totales[estado] for estado in _EN_CAMINO)


_PLAZO_S = 240
_EN_CAMINO = (Estado.EN_PROCESAMIENTO, Estado.EN_MESA_DE_CONTROL, Estado.PARA_ENVIO_A_COMPULSA)


async def en_reposo(banco: Banco, segundos: float = 5.0) -> dict[str, float]:
    """Percent of a core that each process uses when there is nothing to do."""
    antes = cpu.gastado(banco.supervisor)
    await asyncio.sleep(segundos)
    usado = cpu.diferencia(antes, cpu.gastado(banco.supervisor))
    return {nombre: ms / segundos / 10 for nombre, ms in usado.items()}
