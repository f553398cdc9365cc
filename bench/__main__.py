"""`python -m bench`: measures and prints. Every figure stands in `build/bench.json`; compare ratios of one run, not runs."""

import asyncio
import json
import logging
import os
import shutil
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer
from pymongo import AsyncMongoClient
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from apoyo.instalacion import SERVICIOS
from bench import estado, etapa, examen, huellas, mesa, pagina, piso
from bench.carga import Contar, Reloj
from bench.dibujo import barras
from bench.flujo import Banco, Medida, banco, correr, en_reposo
from bench.tablas import LOGS, tablas
from kernel import documents
from kernel.documents import Document
from kernel.stream import Stream, connect
from services.resultados.bootstrap import reconstruir
from services.resultados.settings import Settings as ResultadosSettings

CALENTAMIENTO = 24
"""Registros that run before anything is measured; copies of state are made after them."""

Avance = Callable[[str, int], Contar]
"""What is being done, and of how many → the counter of what is done."""


class Seccion(StrEnum):
    """What can be measured alone."""

    EMBEBIDA = "embebida"
    KAFKA = "kafka"
    RECONSTRUCCION = "reconstruccion"
    DESCIFRADO = "descifrado"
    CRECIMIENTO = "crecimiento"
    EXAMEN = "examen"
    HUELLAS = "huellas"
    PAGINA = "pagina"
    MESA = "mesa"


_APARTE = (Seccion.DESCIFRADO, Seccion.EXAMEN, Seccion.HUELLAS, Seccion.PAGINA, Seccion.MESA)
DE_SIEMPRE = tuple(seccion for seccion in Seccion if seccion not in _APARTE)
"""What is measured when nothing is chosen: it fills the ten minutes."""


@dataclass
class Corrida:
    """One run of the bench. `cifras` are written down after each section: an interrupted run keeps what it has."""

    registros: int
    estados: tuple[int, ...]
    eventos: int
    native: bool
    archivo: Path
    avance: Avance
    cifras: dict[str, Any]
    pendientes: int = 1_000_000
    documentos: int = huellas.DOCUMENTOS

    def anotar(self, nombre: str, cifras: Any) -> None:
        """Keep the figures of a section."""
        self.cifras[nombre] = cifras
        self.archivo.parent.mkdir(parents=True, exist_ok=True)
        self.archivo.write_text(json.dumps(self.cifras, indent=2) + "\n", encoding="utf-8")

    @asynccontextmanager
    async def banco(self, *, kafka: bool, registros: int) -> AsyncIterator[Banco]:
        """A system that has done its first registros."""
        root = self.archivo.parent / "bench"
        shutil.rmtree(root, ignore_errors=True)
        total = CALENTAMIENTO + registros
        async with banco(root, kafka=kafka, native=self.native, registros=total, semilla=total) as system:
            await self.correr(system, CALENTAMIENTO, Reloj(), "Calentar")
            yield system
        shutil.rmtree(root, ignore_errors=True)

    async def correr(self, system: Banco, registros: int, reloj: Reloj, que: str) -> Medida:
        """So many registros through the whole system."""
        sellar, decidir = self.avance(f"{que}: sellar", registros), self.avance(f"{que}: de punta a punta", registros)
        return await correr(system, system.tomar(registros), reloj, sellar, decidir)


async def flujo(corrida: Corrida, *, kafka: bool) -> None:
    """End to end, the floor beside it, and the time to a receipt at half the load."""
    nombre = "Kafka" if kafka else "Bitácora embebida"
    async with corrida.banco(kafka=kafka, registros=2 * corrida.registros + 40) as system:
        entero = await corrida.correr(system, corrida.registros, Reloj(), nombre)
        reposo = await en_reposo(system)
        paquetes = await _paquetes(corrida, system, nombre)
        suelo = await piso.medir(system.recorrido.instalacion, system.supervisor, paquetes, vueltas=4)
        medio = await corrida.correr(
            system, corrida.registros, Reloj(entero.por_segundo / 2), f"{nombre}, a media carga"
        )
    corrida.anotar(
        "kafka" if kafka else "embebida",
        {
            "end_to_end": {
                "registros_per_s": entero.por_segundo,
                "ratio_to_floor": entero.por_segundo / suelo.por_segundo,
                "cpu_ms_per_registro": entero.cpu_por_registro,
                "cpu_ms": entero.cpu_ms,
            },
            "floor": {"registros_per_s": suelo.por_segundo, "step_ms": suelo.pasos_ms, "cpu_ms": suelo.cpu_ms},
            "ack": {"p50_ms": medio.percentil(50), "p99_ms": medio.percentil(99)},
            "idle_percent": reposo,
        },
    )


async def descifrado(corrida: Corrida) -> None:
    """The stage of descifrado alone, on every core, with the floor of the same primitives beside it."""
    registros = 2 * corrida.registros
    async with corrida.banco(kafka=False, registros=registros + 40) as system:
        paquetes = await _paquetes(corrida, system, "Descifrado")
        etapa_ = await etapa.medir(
            system,
            registros,
            corrida.avance("Descifrado: sellar", registros),
            corrida.avance("Descifrado: abrir y examinar", registros),
        )
        for instancia in etapa.INSTANCIAS:
            await system.supervisor.stop(instancia)
        suelo = await piso.medir(system.recorrido.instalacion, system.supervisor, paquetes, vueltas=4)
    corrida.anotar(
        "descifrado",
        {
            "registros_per_s": etapa_.por_segundo,
            "times_floor": suelo.por_segundo / etapa_.por_segundo,
            "cpu_ms": etapa_.cpu_ms,
            "floor": {"registros_per_s": suelo.por_segundo, "step_ms": suelo.pasos_ms, "cpu_ms": suelo.cpu_ms},
        },
    )


async def _paquetes(corrida: Corrida, system: Banco, nombre: str) -> list[bytes]:
    """Sealed packages for the floor; they are not sent."""
    almacenes = await system.carga.sellar(system.tomar(40), corrida.avance(f"{nombre}: piso", 40))
    return [almacen.leer(folio).contenido for almacen in almacenes.values() for folio in almacen.pendientes()]


async def reconstruccion(corrida: Corrida) -> None:
    """Events per second that `apoyo rebuild resultados` folds."""
    async with corrida.banco(kafka=False, registros=0) as system, _motores(system) as (client, stream):
        modelos = await estado.moldes(client, stream, list(system.recorrido.acuses))
        for servicio in SERVICIOS:
            await system.supervisor.stop(servicio)
        vidas = corrida.eventos // 5
        await estado.publicar(stream, modelos, vidas, corrida.avance("Publicar vidas para reconstruir", vidas))
        contar = corrida.avance("Reconstruir resultados", corrida.eventos)
        hechos = 0

        def progreso(eventos: int) -> None:
            nonlocal hechos
            hechos += eventos
            contar(hechos)

        empezado = time.perf_counter()
        settings = system.recorrido.instalacion.settings(ResultadosSettings, "resultados")
        doblado = await reconstruir(settings, progreso)
        segundos = time.perf_counter() - empezado
    eventos = doblado.before + doblado.after
    corrida.anotar("rebuild", {"events": eventos, "events_per_s": eventos / segundos})


async def crecimiento(corrida: Corrida) -> None:
    """Cost of a registro while the state grows."""
    por_estado = []
    registros = max(40, corrida.registros // 4)
    async with (
        corrida.banco(kafka=False, registros=registros * len(corrida.estados)) as system,
        _motores(system) as (client, stream),
    ):
        modelos = await estado.moldes(client, stream, list(system.recorrido.acuses))
        guardados = CALENTAMIENTO
        for cuantos in sorted(corrida.estados):
            faltan = max(0, cuantos - guardados)
            await estado.sembrar(client, modelos, faltan, corrida.avance(f"Sembrar hasta {cuantos:,}", faltan))
            medida = await corrida.correr(system, registros, Reloj(), f"Con {cuantos:,} guardados")
            guardados = max(guardados, cuantos) + registros
            por_estado.append(
                {
                    "registros": cuantos,
                    "cpu_ms_per_registro": medida.cpu_por_registro,
                    "registros_per_s": medida.por_segundo,
                    "cpu_ms": medida.cpu_ms,
                }
            )
            corrida.anotar("growth", por_estado)


async def alertas(corrida: Corrida) -> None:
    """Precision and recall of each alert of the examination of images, and its cost."""
    contar = corrida.avance(f"Examinar dibujos de la semilla {examen.SEMILLA}", examen.cuantas())
    corrida.anotar("examen", await examen.correr(examen.SEMILLA, contar))


async def imagenes_repetidas(corrida: Corrida) -> None:
    """How well the same picture is found in other records, and what it costs as they grow in number."""
    root = corrida.archivo.parent / "bench"
    shutil.rmtree(root, ignore_errors=True)
    corrida.anotar(
        "huellas",
        await huellas.correr(root, native=corrida.native, documentos=corrida.documentos, avance=corrida.avance),
    )
    shutil.rmtree(root, ignore_errors=True)


async def pagina_de_mesa(corrida: Corrida) -> None:
    """From a key to the next record drawn, in Chromium with a slow network."""
    async with corrida.banco(kafka=False, registros=pagina.REGISTROS) as system:
        cifras = await pagina.medir(
            system,
            corrida.avance("Página: sellar", pagina.REGISTROS),
            corrida.avance("Página: decidir en Chromium", pagina.MEDIDOS),
        )
    corrida.anotar("mesa", corrida.cifras.get("mesa", {}) | cifras)


async def mesa_de_control(corrida: Corrida) -> None:
    """Claiming and deciding with fifty people: with few pending, and with `corrida.pendientes`."""
    root = corrida.archivo.parent / "bench"
    shutil.rmtree(root, ignore_errors=True)
    cifras = await mesa.correr(root, native=corrida.native, pendientes=corrida.pendientes, avance=corrida.avance)
    corrida.anotar("mesa", corrida.cifras.get("mesa", {}) | cifras)
    shutil.rmtree(root, ignore_errors=True)


@asynccontextmanager
async def _motores(system: Banco) -> AsyncIterator[tuple[AsyncMongoClient[Document], Stream]]:
    direcciones = system.recorrido.instalacion.direcciones()
    client = documents.connect(direcciones.mongo_uri)
    stream = connect(direcciones.stream_url, client_id="bench")
    await stream.start()
    try:
        yield client, stream
    finally:
        await stream.stop()
        await client.close()


_SECCIONES: dict[Seccion, Callable[[Corrida], Coroutine[Any, Any, None]]] = {
    Seccion.EMBEBIDA: lambda corrida: flujo(corrida, kafka=False),
    Seccion.KAFKA: lambda corrida: flujo(corrida, kafka=True),
    Seccion.RECONSTRUCCION: reconstruccion,
    Seccion.DESCIFRADO: descifrado,
    Seccion.CRECIMIENTO: crecimiento,
    Seccion.EXAMEN: alertas,
    Seccion.HUELLAS: imagenes_repetidas,
    Seccion.PAGINA: pagina_de_mesa,
    Seccion.MESA: mesa_de_control,
}


async def en_plazo(seccion: Coroutine[Any, Any, None], segundos: float) -> bool:
    """Run a section for so many seconds at most; False when it was cut off. What it had written down stays."""
    try:
        async with asyncio.timeout(max(0.0, segundos)) as plazo:
            await seccion
    except TimeoutError:
        if not plazo.expired():
            raise
        return False
    return True


def main(
    seccion: Annotated[list[Seccion] | None, typer.Option(help="Solo estas secciones (examen, solo así).")] = None,
    registros: Annotated[int, typer.Option(help="Registros de cada corrida.", min=40)] = 240,
    estado_: Annotated[
        list[int] | None,
        typer.Option("--estado", help="Registros guardados al medir el crecimiento; se puede repetir."),
    ] = None,
    eventos: Annotated[int, typer.Option(help="Eventos que se reconstruyen.", min=1000)] = 30_000,
    pendientes: Annotated[
        int, typer.Option(help="Registros pendientes en Mesa de Control (sección mesa).", min=5000)
    ] = 1_000_000,
    documentos: Annotated[
        int, typer.Option(help="Registros con huellas guardadas (sección huellas).", min=1000)
    ] = huellas.DOCUMENTOS,
    minutos: Annotated[float, typer.Option(help="Lo más que dura; lo que no alcanza se dice.", min=0.1)] = 10,
    native: Annotated[bool, typer.Option("--native", help="Con el motor de documentos de `--real`.")] = False,
    archivo: Annotated[Path, typer.Option("--json", dir_okay=False)] = Path("build/bench.json"),
) -> None:
    """Mide el sistema completo junto al piso: lo que cuestan las primitivas solas en esta máquina, en este momento."""
    consola = Console()
    empezado = time.monotonic()
    columnas = (
        TextColumn("{task.description:<44}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columnas, console=consola) as progress:

        def avance(que: str, total: int) -> Contar:
            if not consola.is_terminal:  # where bars show only at the end
                consola.print(f"{time.monotonic() - empezado:4.0f} s  {que} ({total:,})")
            task = progress.add_task(que, total=total)
            return lambda hechos: progress.update(task, completed=hechos)

        cifras: dict[str, Any] = {
            "nucleos": os.cpu_count(),
            "registros": registros,
            "documentos": "nativo" if native else "local",
        }
        estados = tuple(estado_ or (1_000, 10_000, 50_000))
        corrida = Corrida(registros, estados, eventos, native, archivo, avance, cifras, pendientes, documentos)
        cortadas = [
            una
            for una in seccion or DE_SIEMPRE
            if not asyncio.run(en_plazo(_SECCIONES[una](corrida), empezado + 60 * minutos - time.monotonic()))
        ]
    if cortadas:
        consola.print(
            f"No alcanzaron {minutos:g} minutos para: {', '.join(cortadas)}. Mídalas solas con --seccion, o dé --minutos."
        )
    for tabla in tablas(corrida.cifras):
        consola.print(tabla)
    if medidas := [(LOGS[log], cifras[log]["end_to_end"]["cpu_ms"]) for log in LOGS if log in cifras]:
        dibujo = archivo.with_suffix(".svg")
        dibujo.write_text(barras("CPU por registro, de punta a punta", medidas), encoding="utf-8")
        consola.print(f"Dibujo: {dibujo}")
    consola.print(f"Todas las cifras: {archivo} · {time.monotonic() - empezado:.0f} s")


if __name__ == "__main__":
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it tries again by itself is no news
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    typer.run(main)
