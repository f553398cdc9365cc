"""The stage of descifrado alone: how many packages a second two of its processes open, with every alert, those too that are off."""

import asyncio
import os
import time
from dataclasses import dataclass
from unittest.mock import patch

from bench import cpu, examen
from bench.carga import Contar, Reloj
from bench.flujo import Banco
from kernel.stream import connect
from schemas.eventos import RegistroDescifrado

INSTANCIAS = ("descifrado", "descifrado.2")
_ENCENDIDAS = {f"APOYO_UMBRAL_{codigo}".upper(): str(umbral) for codigo, umbral in examen.umbrales_de_prueba().items()}
_DESDE, _HASTA = 0.2, 0.8
"""Shares of the packages between which the clock runs."""


@dataclass(frozen=True, slots=True)
class Etapa:
    """`por_segundo`: of all instances together. `cpu_ms`: of each process, per registro."""

    por_segundo: float
    cpu_ms: dict[str, float]


async def medir(banco: Banco, registros: int, al_sellar: Contar, al_abrir: Contar) -> Etapa:
    """Have so many packages received while nobody opens them, and open them with nothing else running.

    The clock runs while both work: not from the start, when one is ready before the other, nor to the end, when one has no more.
    """
    sistema = banco.recorrido.sistema
    stream = connect(sistema.instalacion.direcciones().stream_url, client_id="bench")
    await stream.start()

    async def abiertos() -> int:
        return sum((await stream.ends(RegistroDescifrado.topic)).values())

    async def hasta(parte: float) -> int:
        while True:
            hechos = await abiertos() - desde
            al_abrir(hechos)
            if hechos >= parte * registros:
                return hechos
            await asyncio.sleep(0.1)

    try:
        almacenes = await banco.carga.sellar(banco.tomar(registros), al_sellar)
        for servicio in set(sistema.puertos) - {"ingesta"}:
            await banco.supervisor.stop(servicio)
        desde = await abiertos()
        await banco.carga.enviar(almacenes, Reloj())
        await banco.supervisor.stop("ingesta")
        with patch.dict(os.environ, _ENCENDIDAS):
            await asyncio.gather(*(sistema.arrancar_servicio(instancia) for instancia in INSTANCIAS))
        primero = await hasta(_DESDE)
        antes, empezado = cpu.gastado(banco.supervisor), time.perf_counter()
        ultimo = await hasta(_HASTA)
        segundos = time.perf_counter() - empezado
        usado = cpu.diferencia(antes, cpu.gastado(banco.supervisor))
        await hasta(1)
    finally:
        await stream.stop()
    medidos = ultimo - primero
    return Etapa(medidos / segundos, {nombre: ms / medidos for nombre, ms in usado.items()})
