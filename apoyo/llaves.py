"""`apoyo llaves`: keys of services and of processes replaced while everything runs, and their escrow (ADR 19, 20).

A subject's key is wrapped to the public key of each service entitled to it. `rotar` gives the service a new pair beside the old one
and wraps again what lies under the old one; `retirar` makes sure that nothing does any more, and only then removes it. Both may be
interrupted at any write and repeated. `rotar_proceso` gives a process new keys and publishes them as the portal would.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.markup import escape

from apoyo import resguardo
from apoyo.consultas import advertir, barra
from apoyo.cuentas import cuentas_de
from apoyo.instalacion import Instalacion
from apoyo.sistema import motores_del_portal
from kernel.documents import Documents, Kind
from kernel.engines import KEYS_DATABASE, Engines
from kernel.outbox import VersionTaken
from kernel.sealing import KeyRing
from kernel.settings import ServiceSettings
from schemas.eventos import LlaveProceso
from services.compulsa.bootstrap import LLAVES_DE_PROCESO

Servicio = Literal["descifrado", "compulsa", "mesa_control", "notificaciones", "resultados", "portal"]
"""Services that open sealed data."""

CON_LLAVES_PROPIAS = ("compulsa", "descifrado")
"""Services that keep keys besides, which they alone open, in a collection `LLAVES_DE_PROCESO` of their own."""

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


async def rotar_proceso(instalacion: Instalacion, proceso: str, consola: Console) -> int:
    """Publish new keys of a process; those that were made before and never published, if there are any. 1: no such process.

    Raises Unavailable.
    """
    portal = motores_del_portal(instalacion)
    async with portal.connected():
        for prepare in portal.prepare:
            await prepare()
        nuevas: list[LlaveProceso] | None = None
        while True:
            actores = await cuentas_de(portal)
            actual = actores.procesos.get(proceso)
            if actual is None:
                consola.print(
                    f"[red]No hay ningún proceso {escape(proceso)}.[/] Las primeras llaves: apoyo llaves-de-proceso."
                )
                return 1
            if nuevas is None:
                nuevas = instalacion.publicas_de(proceso)
                if not nuevas or nuevas == actual.llaves:
                    usadas = [id_ for de, id_ in actores.llaves if de == proceso]
                    nuevas = instalacion.renovar_llaves_de_proceso(proceso, usadas)
            evento = actual.model_copy(update={"version": actual.version + 1, "llaves": nuevas, "por": None})
            try:
                await portal.outbox().emit(evento, cause=f"llaves|{proceso}|{nuevas[0].id}|{evento.version}")
            except VersionTaken:
                continue  # somebody changed the process meanwhile: theirs stays, and the keys go with the next
            break
    consola.print(
        f"{proceso}: {', '.join(llave.id for llave in nuevas)}. Cada dispositivo las toma al sincronizar;"
        " lo que se capturó con las anteriores se sigue recibiendo y abriendo."
    )
    advertir(instalacion, consola)
    return 0


def crear_resguardo(instalacion: Instalacion, archivo: Path, consola: Console) -> int:
    """A new escrow with everything in it; 1 when the file will not do."""
    try:
        id_ = resguardo.crear(instalacion.root, archivo)
    except resguardo.ResguardoRechazado as error:
        consola.print(f"[red]{escape(str(error))}[/]")
        return 1
    consola.print(f"Resguardo {id_}: llaves resguardadas: {instalacion.resguardar()}.")
    consola.print(
        f"Lleve {escape(archivo.name)} fuera de este equipo: quien lo tenga abre todas las llaves, y sin él no se restauran."
    )
    return 0


def resguardar(instalacion: Instalacion, consola: Console) -> int:
    """Put what is missing into each escrow; 1 when there is none."""
    if not instalacion.con_resguardo:
        advertir(instalacion, consola)
        return 1
    consola.print(f"Llaves resguardadas ahora: {instalacion.resguardar()}.")
    return 0


def restaurar(instalacion: Instalacion, archivo: Path, consola: Console) -> int:
    """Bring back the keys that are missing; 1 when that cannot be done."""
    try:
        rutas = resguardo.restaurar(instalacion.root, archivo)
    except resguardo.ResguardoRechazado as error:
        consola.print(f"[red]{escape(str(error))}[/]")
        return 1
    consola.print(f"Llaves restauradas: {len(rutas)}. Las que ya estaban no cambian.")
    for ruta in rutas:
        consola.print(f"  {ruta}", markup=False, highlight=False)
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
            cuantas, sin_abrir = await reenvolver(llavero, partial(progress.advance, task))
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
