"""`apoyo retention`: packages that no event names are deleted a grace time after their day (ARCHITECTURE, rule 7; ADR 35).

ingesta stores a package and then claims its folio. If it dies in between and the device never comes back, an encrypted expediente
lies there which is no record's. The packages of records are descifrado's to delete (`services/descifrado/retiro.py`): whatever an
event names is not touched here, in quarantine or not.

Nothing that was or will be received can be lost by it:

- **A name is claimed on its day or never.** It carries the day of reception (`schemas.paquete.objeto_de`), ingesta claims no
  package that took more than an hour to be stored, and a device that comes back later has another object stored. Only names whose
  day ended more than the grace and `MARGEN` ago are looked at: by then it is settled whether an event names them, so it does not
  matter in what order this reads and others write, nor where it dies.
- **Two witnesses.** Neither the topic, read to its end, nor ingesta's outbox, asked for the folio in the package itself, may name
  it: the outbox knows what was not published yet, or not to the log that this reads; the topic what a restored outbox lacks.
- What cannot be read as a package says no folio, so it is kept, and told to whoever runs this.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog
from rich.console import Console

from apoyo.consultas import barra
from apoyo.instalacion import Instalacion, bitacora
from apoyo.verificacion import PAQUETES
from kernel import documents
from kernel.clock import SystemClock
from kernel.documents import Documents, Kind, MongoDocuments
from kernel.objects import Objects, S3Objects
from kernel.stream import Stream
from schemas.envelope import EventoInvalido
from schemas.envelope import leer as leer_sobre
from schemas.eventos import POR_TIPO, RegistroRecibido
from schemas.paquete import PaqueteInvalido, dia_de, leer_paquete
from services.descifrado.settings import Settings as DescifradoSettings

log = structlog.get_logger()

MARGEN = timedelta(days=1)
"""From the end of a package's day, besides the grace: clocks differ, and a request takes its time."""
_A_LA_VISTA = 20
_PASO = 1000


@dataclass(frozen=True, slots=True)
class Fuentes:
    """Where to look. `recepcion`: ingesta's outbox; `gracia`: how long descifrado keeps the package of an opened record.

    All may raise Unavailable.
    """

    stream: Stream
    paquetes: Objects
    recepcion: Documents
    gracia: timedelta


@dataclass(slots=True)
class Cuenta:
    """What was seen. `revisados`: names in the bucket; `sobrantes`: objects that no event names, which go; `sin_dia`: how many more
    release 0.1.0 stored; `ilegibles`: objects that no event names and that are no package."""

    revisados: int = 0
    sobrantes: list[str] = field(default_factory=list)
    sin_dia: int = 0
    ilegibles: list[str] = field(default_factory=list)

    @property
    def estado_de_salida(self) -> int:
        """1: something is there that a person has to look at."""
        return 1 if self.ilegibles else 0


async def retirar(
    fuentes: Fuentes,
    ahora: datetime,
    *,
    si: bool,
    sin_dia: bool = False,
    avanzar: Callable[[int], None] = lambda cuantos: None,
) -> Cuenta:
    """Find the packages that no event names, and with `si` delete them. Raises Unavailable.

    `sin_dia`: those of release 0.1.0 as well, whose names carry no day: only when no ingesta of that release runs. `avanzar`: told
    of names and events as they are read.
    """
    cuenta = Cuenta()
    hasta = (ahora.astimezone(UTC) - fuentes.gracia - MARGEN).date()
    vencidos: set[str] = set()
    async for nombre in fuentes.paquetes.names():
        cuenta.revisados += 1
        if cuenta.revisados % _PASO == 0:
            avanzar(_PASO)
        dia = dia_de(nombre)
        if dia is None or dia < hasta:
            vencidos.add(nombre)
    avanzar(cuenta.revisados % _PASO)
    async for nombre in _nombrados(fuentes.stream, avanzar):
        vencidos.discard(nombre)
    for nombre in sorted(vencidos):
        await _decidir(fuentes, cuenta, nombre, si=si, sin_dia=sin_dia)
    return cuenta


async def _decidir(fuentes: Fuentes, cuenta: Cuenta, nombre: str, *, si: bool, sin_dia: bool) -> None:
    try:
        folio = leer_paquete(await fuentes.paquetes.get(nombre)).encabezado.folio
    except LookupError:
        return  # deleted meanwhile
    except PaqueteInvalido:
        cuenta.ilegibles.append(nombre)
        return
    escritos = await fuentes.recepcion.find({"subject": folio, "topic": RegistroRecibido.topic})
    if any(RegistroRecibido.model_validate_json(bytes(d["value"]), extra="ignore").objeto == nombre for d in escritos):
        return
    if dia_de(nombre) is None and not sin_dia:
        cuenta.sin_dia += 1
        return
    if si:
        await fuentes.paquetes.delete(nombre)
        log.info("package_without_event_deleted", package=nombre)
    cuenta.sobrantes.append(nombre)


async def _nombrados(stream: Stream, avanzar: Callable[[int], None]) -> AsyncIterator[str]:
    """The objects that `registro_recibido` names. What cannot be read names none; the outbox is asked as well."""
    leidos = 0
    async for record in stream.read(RegistroRecibido.topic):
        leidos += 1
        if leidos % _PASO == 0:
            avanzar(_PASO)
        try:
            evento = leer_sobre(POR_TIPO, record.headers, record.value).evento
        except EventoInvalido:
            continue
        if isinstance(evento, RegistroRecibido):
            yield evento.objeto
    avanzar(leidos % _PASO)


async def correr(instalacion: Instalacion, consola: Console, *, si: bool, sin_dia: bool) -> int:
    """Delete, or show what would be; see `Cuenta.estado_de_salida`. Raises FileNotFoundError, Unavailable."""
    async with _fuentes(instalacion) as fuentes:
        with barra(consola, en="paquetes y eventos") as progress:
            task = progress.add_task("Leer", total=None)
            cuenta = await retirar(
                fuentes,
                SystemClock().now(),
                si=si,
                sin_dia=sin_dia,
                avanzar=lambda cuantos: progress.update(task, advance=cuantos),
            )
    mostrar(cuenta, consola, si=si)
    return cuenta.estado_de_salida


def mostrar(cuenta: Cuenta, consola: Console, *, si: bool) -> None:
    """What was deleted, or would be, and what a person has to look at."""
    vistos = cuenta.sobrantes[:_A_LA_VISTA]
    if not si:
        for nombre in vistos:
            consola.print(f"  {nombre}", markup=False, highlight=False, soft_wrap=True)
        if len(cuenta.sobrantes) > len(vistos):
            consola.print(f"  … y {len(cuenta.sobrantes) - len(vistos):,} más")
    hecho = "borrados" if si else "por borrar (con --si)"
    consola.print(
        f"Paquetes revisados: {cuenta.revisados:,}; que ningún evento nombra y vencidos: {len(cuenta.sobrantes):,} {hecho}.",
        soft_wrap=True,
    )
    if cuenta.sin_dia:
        consola.print(
            f"Además {cuenta.sin_dia:,} de la versión 0.1.0, sin día en su nombre: --sin-dia los incluye"
            " (solo si ya no corre ningún ingesta de esa versión).",
            soft_wrap=True,
        )
    if cuenta.ilegibles:
        consola.print(f"[red]{len(cuenta.ilegibles):,} objetos no son paquetes; se conservan. Revíselos:[/]")
        for nombre in cuenta.ilegibles[:_A_LA_VISTA]:
            consola.print(f"  {nombre}", markup=False, highlight=False, soft_wrap=True)


@asynccontextmanager
async def _fuentes(instalacion: Instalacion) -> AsyncIterator[Fuentes]:
    s = instalacion.settings(DescifradoSettings, "descifrado")
    mongo = documents.connect(s.mongo_uri)
    try:
        async with bitacora(instalacion) as stream:
            yield Fuentes(
                stream,
                S3Objects(s.s3_endpoint, s.s3_access_key, s.s3_secret_key, PAQUETES, secure=s.s3_secure),
                MongoDocuments(mongo["apoyo_ingesta"], "outbox", Kind.OUTBOX),
                s.gracia_paquetes,
            )
    finally:
        await mongo.close()
