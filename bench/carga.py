"""The load: packages sealed beforehand, sent as devices do, and reviewed as people do, over HTTP."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import httpx

from apoyo.escenario import PROCESO
from apoyo.recorrido import Recorrido, capturar
from dispositivo.almacen import AlmacenEnMemoria
from dispositivo.cliente import Cliente, Reintentos
from dispositivo.poblacion.plan import Captura
from schemas.eventos import LlaveProceso

Contar = Callable[[int], None]


class Carga:
    """What the devices of a run hold: `pendientes`, by device, sealed."""

    def __init__(self, recorrido: Recorrido, llaves: Sequence[LlaveProceso]) -> None:
        self._recorrido = recorrido
        self._llaves = llaves

    async def sellar(self, capturas: Sequence[Captura], contar: Contar) -> dict[str, AlmacenEnMemoria]:
        """Draw and seal: what each device has to send. `contar`: captures done.

        Each has images of its own: among repeated ones every record would find dozens of others, which none does in a real process.
        """
        por_dispositivo: dict[str, AlmacenEnMemoria] = {}
        with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
            loop = asyncio.get_running_loop()
            dibujos = [loop.run_in_executor(pool, capturar, captura) for captura in capturas]
            for numero, (captura, dibujo) in enumerate(zip(capturas, dibujos, strict=True)):
                dispositivo = self._recorrido.escenario.dispositivos[captura.dispositivo]
                sellable, llave = await dibujo, self._llaves[numero % len(self._llaves)]
                almacen = por_dispositivo.setdefault(captura.dispositivo, AlmacenEnMemoria())
                almacen.guardar(await asyncio.to_thread(dispositivo.sellar, sellable, llave, registro=captura.registro))
                contar(numero + 1)
        return por_dispositivo

    async def enviar(self, almacenes: dict[str, AlmacenEnMemoria], reloj: "Reloj") -> None:
        """Each device sends what it holds in one envío. Raises RuntimeError when something was not received."""
        base = self._recorrido.instalacion.direcciones().url("ingesta")
        async with httpx.AsyncClient(base_url=base, timeout=60, transport=reloj) as http:
            cliente = Cliente(http, concurrencia=1, reintentos=Reintentos(plazo_s=60))

            async def uno(dispositivo: str, almacen: AlmacenEnMemoria) -> None:
                resultado = await cliente.enviar(self._recorrido.escenario.dispositivos[dispositivo], almacen)
                if resultado.problema is not None or almacen.pendientes() or almacen.rechazados():
                    raise RuntimeError(f"{dispositivo}: {resultado.problema} {almacen.rechazados()}")
                self._recorrido.acuses |= {folio: acuse.recibido_en for folio, acuse in almacen.acuses.items()}
                self._recorrido.envios_cerrados += 1

            async with asyncio.TaskGroup() as group:
                for dispositivo, almacen in almacenes.items():
                    group.create_task(uno(dispositivo, almacen))


class Reloj(httpx.AsyncHTTPTransport):
    """Measures each record's PUT and, given a rate, spaces them: `tardanzas` in seconds, from when each was due.

    Counting from the moment it was due, and not from when it could begin, a slow answer does not hide those behind it.
    `simultaneos`: how many are under way at most when there is no rate.
    """

    def __init__(self, por_segundo: float | None = None, simultaneos: int = 8) -> None:
        super().__init__()
        self.tardanzas: list[float] = []
        self._por_segundo = por_segundo
        self._turno = asyncio.Semaphore(simultaneos)
        self._inicio = 0.0
        self._numero = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if "/registros/" not in request.url.path:
            return await super().handle_async_request(request)
        if self._por_segundo is None:
            async with self._turno:
                return await self._medir(request, time.perf_counter())
        if not self._numero:
            self._inicio = time.perf_counter()
        debido = self._inicio + self._numero / self._por_segundo
        self._numero += 1
        await asyncio.sleep(max(0.0, debido - time.perf_counter()))
        return await self._medir(request, debido)

    async def _medir(self, request: httpx.Request, debido: float) -> httpx.Response:
        response = await super().handle_async_request(request)
        await response.aread()
        self.tardanzas.append(time.perf_counter() - debido)
        return response


async def llaves_publicas(recorrido: Recorrido) -> Sequence[LlaveProceso]:
    """The process's keys, as ingesta tells them to a device."""
    base = recorrido.instalacion.direcciones().url("ingesta")
    async with httpx.AsyncClient(base_url=base, timeout=30) as http:
        return (await Cliente(http).proceso(PROCESO)).llaves
