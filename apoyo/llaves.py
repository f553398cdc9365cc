"""`apoyo llaves`: a service's pair of keys replaced while everything runs (ADR 19).

A subject's key is wrapped to the public key of each service entitled to it. `rotar` gives the service a new pair beside the old one
and wraps again what lies under the old one; `retirar` makes sure that nothing does any more, and only then removes it. Both may be
interrupted at any write and repeated.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Literal

from rich.console import Console

from apoyo.consultas import barra
from apoyo.instalacion import Instalacion
from kernel.documents import Documents, Kind
from kernel.engines import KEYS_DATABASE, Engines
from kernel.sealing import KeyRing
from kernel.settings import ServiceSettings
from services.compulsa.bootstrap import LLAVES_DE_PROCESO

Servicio = Literal["descifrado", "compulsa", "mesa_control", "notificaciones", "resultados", "portal"]
"""Services that open sealed data."""

Llavero = tuple[KeyRing, Documents]
"""The keys of a service in a collection of wraps, and that collection."""


async def rotar(instalacion: Instalacion, servicio: Servicio, consola: Console) -> int:
    """Begin the replacement, or go on with one; 1 when something stays under the old key. Raises Unavailable."""
    nueva = instalacion.renovar_llave(servicio)
    consola.print(f"{servicio}: {'llave nueva' if nueva else 'continúa la rotación que ya había empezado'}.")
    async with _llaveros(instalacion, servicio) as llaveros:
        if not await _todas(llaveros, servicio, consola):
            return 1
    consola.print(
        "No queda ninguna envoltura con la llave anterior, que aún se conserva."
        f" Para quitarla, más tarde: [bold]apoyo llaves retirar {servicio}[/]."
    )
    return 0


async def retirar(instalacion: Instalacion, servicio: Servicio, consola: Console) -> int:
    """Remove the old key once nothing is wrapped to it; 1 when something is that cannot be wrapped again. Raises Unavailable."""
    async with _llaveros(instalacion, servicio) as llaveros:
        if not await _todas(llaveros, servicio, consola):
            return 1
    consola.print(f"{servicio}: llaves anteriores quitadas: {instalacion.retirar_llaves(servicio)}.")
    return 0


async def reenvolver(llavero: KeyRing, avanzar: Callable[[int], None], limite: int = 200) -> tuple[int, Sequence[str]]:
    """Wrap everything again that is not under the newest key; how many, and the subjects whose wrap the service cannot open.

    What others create meanwhile may lie behind, so it goes over all until there is nothing more to do. `avanzar`: subjects looked
    at, in the first pass. Raises Unavailable.
    """
    total = 0
    while True:
        ultimo, cambiadas = "", 0
        perdidas: list[str] = []
        while True:
            hecho = await llavero.rewrap(ultimo, limite)
            avanzar(hecho.seen)
            cambiadas += hecho.changed
            perdidas += hecho.lost
            if hecho.last is None:
                break
            ultimo = hecho.last
        total += cambiadas
        if not cambiadas:
            return total, perdidas


async def _todas(llaveros: Sequence[Llavero], servicio: str, consola: Console) -> bool:
    cambiadas, perdidas = 0, 0
    with barra(consola, en="llaves") as progress:
        for llavero, documentos in llaveros:
            task = progress.add_task(f"Envolver para {servicio}", total=await documentos.count({}))
            cuantas, sin_abrir = await reenvolver(llavero, lambda vistas, t=task: progress.update(t, advance=vistas))  # type: ignore[misc]
            cambiadas, perdidas = cambiadas + cuantas, perdidas + len(sin_abrir)
    consola.print(f"Envueltas de nuevo: {cambiadas:,}. Quedan con otra llave: {perdidas:,}.")
    if perdidas:
        consola.print(
            "[red]Esas no se pueden abrir: falta la llave privada con que se hicieron.[/]"
            f" Póngala en keys/{servicio}/previous y repita la orden."
        )
    return not perdidas


@asynccontextmanager
async def _llaveros(instalacion: Instalacion, servicio: str) -> AsyncIterator[list[Llavero]]:
    """Every collection in which something is wrapped to that service."""
    engines = Engines(instalacion.settings(ServiceSettings, servicio), servicio)
    colecciones = [engines.shared(KEYS_DATABASE, "llaves", Kind.PRIMARY)]
    if servicio in ("compulsa", "descifrado"):  # each in a database of its own
        colecciones.append(engines.collection(LLAVES_DE_PROCESO, Kind.PRIMARY))
    try:
        yield [(engines.ring(coleccion), coleccion) for coleccion in colecciones]
    finally:
        await engines.mongo.close()
