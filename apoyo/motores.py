"""The local engines by command: fetch what they need, run them until Ctrl-C."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from apoyo.engines import kafka, minio, secantusd
from apoyo.engines.procs import ProcessFailed, Supervisor
from apoyo.instalacion import SERVICIOS, Instalacion
from apoyo.sistema import Sistema


class Interrupted(Exception):
    """Somebody pressed Ctrl-C, or the terminal went away."""


async def supervised(work: Callable[[Supervisor], Awaitable[int]]) -> int:
    """Run something with child processes. Ctrl-C and SIGTERM end it, and whatever happens no child is left behind.

    Raises ProcessFailed, Interrupted.
    """
    loop = asyncio.get_running_loop()
    async with Supervisor() as supervisor:
        task = asyncio.ensure_future(work(supervisor))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, task.cancel)
        try:
            return await task
        except asyncio.CancelledError as error:
            raise Interrupted from error


def correr(work: Callable[[Supervisor], Awaitable[int]], consola: Console) -> int:
    """As `supervised`, for a command: failures become a clear line and an exit status."""
    try:
        return asyncio.run(supervised(work))
    except (Interrupted, KeyboardInterrupt):
        consola.print("\nInterrumpido: todo quedó detenido.")
        return 130
    except (ProcessFailed, kafka.KafkaUnavailable) as error:
        consola.print(f"[red]No se pudo arrancar:[/] {escape(str(error))}", highlight=False)
        return 1


def arrancar(root: Path, *, real: bool, servicios: bool, consola: Console) -> int:
    """Engines and topics, until Ctrl-C. `real`: Kafka, and the compiled documents server; `servicios`: the services, too."""

    async def work(supervisor: Supervisor) -> int:
        sistema = Sistema(Instalacion(root), supervisor, kafka=real, native=real)
        with consola.status("Arrancando motores…"):
            await sistema.arrancar_motores()
        if servicios:
            with consola.status("Arrancando servicios…"):
                await sistema.arrancar_servicios()
        engines = sistema.engines
        consola.print(f"Bitácora     {engines.stream_url}\nDocumentos   {engines.mongo_uri}")
        consola.print(
            f"Objetos      {engines.s3_endpoint}\nCorreo       {engines.smtp_host}:{engines.smtp_port} → {engines.inbox}"
        )
        for servicio in SERVICIOS if servicios else ():
            consola.print(f"{servicio:<14} http://127.0.0.1:{sistema.puertos[servicio]}")
        consola.print("En marcha. Ctrl-C detiene todo; los datos quedan en la carpeta.")
        raise await supervisor.failure()

    return correr(work, consola)


def traer(consola: Console, *, native: bool, con_minio: bool) -> int:
    """Kafka's jars into the cache; `native`: the documents server too, compiled; `con_minio`: that server."""
    try:
        with consola.status("Trayendo Apache Kafka…"):
            jars = asyncio.run(kafka.artifacts())
        consola.print(
            f"Apache Kafka {kafka.VERSION}: {len(jars)} archivos comprobados en {jars[0].parent}", soft_wrap=True
        )
        if native:
            with consola.status("Compilando el servidor de documentos (unos minutos, solo la primera vez)…"):
                server = asyncio.run(secantusd.binary())
            consola.print(f"SecantusDB en Rust {secantusd.VERSION}: {server}", soft_wrap=True)
        if con_minio:
            with consola.status("Compilando MinIO (unos minutos, solo la primera vez)…"):
                server = asyncio.run(minio.binary())
            consola.print(f"MinIO {minio.VERSION}: {server}", soft_wrap=True)
    except (ProcessFailed, kafka.KafkaUnavailable) as error:
        consola.print(f"[red]No se pudo traer:[/] {escape(str(error))}", highlight=False)
        return 1
    return 0
