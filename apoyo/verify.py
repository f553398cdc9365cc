"""`apoyo verify`: reads what `apoyo/verificacion.py` checks, and shows what came of it."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from apoyo import cuarentena, sesion
from apoyo.instalacion import Instalacion, bitacora
from apoyo.verificacion import (
    CUBOS,
    DE_OBJETOS,
    LEIDOS,
    PAQUETES,
    TITULOS,
    Alcance,
    Comprobacion,
    Cuenta,
    Dictamen,
    Hechos,
    Objeto,
    Posiciones,
    Proyectado,
    Revision,
    alcanza,
    de_los_objetos,
    de_los_topics,
    posiciones_de,
    proyeccion,
    totales_publicados,
)
from kernel import documents
from kernel.clock import SystemClock
from kernel.documents import Documents, Kind, MongoDocuments
from kernel.errors import Unavailable
from kernel.objects import Objects, S3Objects
from kernel.stream import Stream
from schemas.ciclo_de_vida import TOPICS, VERSION
from schemas.eventos import DestruccionOrdenada
from schemas.tipos import proceso_de
from services.descifrado.settings import Settings as DescifradoSettings

R = TypeVar("R")

MUESTRA = 50
"""Objects of each bucket that a sample reads."""
MARGEN = timedelta(hours=6)
"""How much longer than its grace a package may stay before it is found: descifrado may have been down."""
_PAGINA = 500
_A_LA_VEZ = 8
_PAUSA_S = 0.25
_A_LA_VISTA = 5


@dataclass(frozen=True, slots=True)
class Fuentes:
    """Where to read from. `objetos`: by bucket; `registros`: projection of resultados; `totales`: its answer for a process.
    `gracia`: how long descifrado keeps the package of a record that it opened.

    All but the log may raise Unavailable: then the checks that need them are not made.
    """

    stream: Stream
    objetos: Mapping[str, Objects]
    registros: Documents
    totales: Callable[[str], Awaitable[Mapping[str, Any]]]
    gracia: timedelta


@dataclass(frozen=True, slots=True)
class Informe:
    """What came of every check. `fines`: the positions that it holds for; `totales`: as recomputed."""

    comprobaciones: tuple[Comprobacion, ...]
    eventos: int
    fines: Posiciones
    totales: Mapping[str, Cuenta]

    @property
    def correcto(self) -> bool:
        """Whether no check found anything wrong."""
        return all(c.dictamen is not Dictamen.MAL for c in self.comprobaciones)

    @property
    def completo(self) -> bool:
        """Whether every check that was wanted was made."""
        return all(c.dictamen is not Dictamen.NO_HECHA for c in self.comprobaciones if c.pedida)

    @property
    def estado_de_salida(self) -> int:
        """0: all was checked and is well; 1: something is wrong; 2: nothing is, of what could be checked."""
        return 1 if not self.correcto else 0 if self.completo else 2

    @property
    def fallas(self) -> list[str]:
        """What is wrong and what was not checked, a line each: empty when all is well for sure."""
        malas = [f"{c.clave}: {h.donde}: {h.que}" for c in self._con(Dictamen.MAL) for h in c.hallazgos]
        return malas + [f"{c.clave}: {c.impedimento}" for c in self._con(Dictamen.NO_HECHA)]

    def json(self) -> dict[str, Any]:
        """As plain JSON values, every finding included."""
        return {
            "correcto": self.correcto,
            "completo": self.completo,
            "regla_version": VERSION,
            "eventos": self.eventos,
            "posiciones": self.fines,
            "totales": {grupo: asdict(cuenta) for grupo, cuenta in self.totales.items()},
            "comprobaciones": [
                {"titulo": TITULOS[c.clave], "dictamen": c.dictamen.value, **asdict(c)} for c in self.comprobaciones
            ],
        }

    def _con(self, dictamen: Dictamen) -> list[Comprobacion]:
        return [c for c in self.comprobaciones if c.dictamen is dictamen]


async def verificar(
    fuentes: Fuentes,
    alcance: Alcance = Alcance.MUESTRA,
    *,
    espera_s: float = 20.0,
    elegir: Callable[[list[Objeto], int], list[Objeto]] = random.sample,
) -> Informe:
    """Make every check that can be made, also while traffic flows. `espera_s`: how long resultados may take to catch up.

    Raises Unavailable when the log cannot be read.
    """
    nombres = await _nombres(fuentes, alcance)  # before the events: an object is stored before its event is published
    hechos = await leer(fuentes.stream)
    comprobaciones = [
        *de_los_topics(hechos, await _apartados(fuentes.stream)),
        *await _objetos(fuentes, hechos, nombres, alcance, elegir),
        *await _resultados(fuentes, hechos, espera_s),
    ]
    return Informe(tuple(comprobaciones), hechos.eventos, hechos.fines, hechos.totales())


async def leer(stream: Stream) -> Hechos:
    """The topics, folded: what follows before what it follows from, so that no event is seen without its cause."""
    fines = {topic: await stream.ends(topic) for topic in reversed(LEIDOS)}
    hechos = Hechos(fines)
    for topic in fines:
        async for record in stream.read(topic):
            hechos.leer(record)
    async for record in stream.read(DestruccionOrdenada.topic):
        hechos.ordenar(record)
    return hechos


async def _apartados(stream: Stream) -> dict[str, bool]:
    """Place of each event in quarantine, and whether it waits for an answer."""
    return {a.origen: a.pendiente for a in await cuarentena.leer(stream)}


async def de_instalacion(instalacion: Instalacion, alcance: Alcance = Alcance.MUESTRA) -> Informe:
    """Verify an installation. Raises FileNotFoundError, Unavailable."""
    async with _fuentes(instalacion) as fuentes:
        return await verificar(fuentes, alcance)


async def correr(instalacion: Instalacion, alcance: Alcance, archivo: Path | None, consola: Console) -> int:
    """Verify, show, and write the report to `archivo`; see `Informe.estado_de_salida`."""
    with consola.status("Leyendo los topics…"):
        informe = await de_instalacion(instalacion, alcance)
    mostrar(informe, consola)
    if archivo is not None:
        archivo.write_text(json.dumps(informe.json(), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return informe.estado_de_salida


def mostrar(informe: Informe, consola: Console) -> None:
    """A row per check, the first findings of each, and the verdict."""
    table = Table(
        title="Verificación desde los topics", caption=f"{informe.eventos:,} eventos, reglas versión {VERSION}"
    )
    for name in ("Comprobación", "Dictamen", "Revisados", "Hallazgos", "Detalle"):
        table.add_column(name, justify="right" if name in {"Revisados", "Hallazgos"} else "left")
    for c in informe.comprobaciones:
        hallazgos = "" if c.impedimento else f"{len(c.hallazgos):,}"
        revisados = "" if c.impedimento else f"{c.revisados:,}"
        table.add_row(TITULOS[c.clave], _DICTAMEN[c.dictamen], revisados, hallazgos, escape(c.impedimento or c.nota))
    consola.print(table)
    for c in informe.comprobaciones:
        for h in c.hallazgos[:_A_LA_VISTA]:
            consola.print(f"  {c.clave}: {h.donde}: {h.que}", markup=False, highlight=False, soft_wrap=True)
        if len(c.hallazgos) > _A_LA_VISTA:
            consola.print(f"  {c.clave}: … y {len(c.hallazgos) - _A_LA_VISTA:,} más (--json los da todos)")
    if not informe.correcto:
        consola.print("[red bold]Hay fallas.[/]")
    elif informe.completo:
        consola.print("[green bold]Todo se sostiene: nada perdido, nada duplicado.[/]")
    else:
        consola.print("[yellow bold]Nada está mal en lo que se pudo comprobar, pero no se comprobó todo.[/]")


_DICTAMEN = {
    Dictamen.BIEN: "[green]bien[/]",
    Dictamen.AVISO: "[yellow]aviso[/]",
    Dictamen.MAL: "[red]mal[/]",
    Dictamen.NO_HECHA: "[yellow]no se hizo[/]",
}


# Objects ---------------------------------------------------------------------------------------------------------------


async def _nombres(fuentes: Fuentes, alcance: Alcance) -> dict[str, set[str]] | Unavailable | None:
    """The names in each bucket; why they cannot be had; None when they are not wanted."""
    if alcance is Alcance.NINGUNO:
        return None
    try:
        return {cubo: {n async for n in fuentes.objetos[cubo].names()} for cubo in CUBOS}
    except Unavailable as error:
        return error


async def _objetos(
    fuentes: Fuentes,
    hechos: Hechos,
    nombres: dict[str, set[str]] | Unavailable | None,
    alcance: Alcance,
    elegir: Callable[[list[Objeto], int], list[Objeto]],
) -> list[Comprobacion]:
    if nombres is None:
        return [
            Comprobacion(clave, impedimento="no se pidió (--objetos ninguno)", pedida=False) for clave in DE_OBJETOS
        ]
    if isinstance(nombres, Unavailable):
        return [Comprobacion(clave, impedimento=f"no se pueden leer los objetos ({nombres})") for clave in DE_OBJETOS]
    revision = Revision(nombres)
    turno = asyncio.Semaphore(_A_LA_VEZ)
    hasta = SystemClock().now() - fuentes.gracia
    guardados = (o for o in hechos.objetos.values() if o.nombre in nombres[PAQUETES])
    vencidos = (o for o in guardados if proceso_de(o.folio) not in hechos.destruidos)
    revision.vencidos += [o for o in vencidos if hechos.retirado(o, hasta - MARGEN)]

    def retirado(objeto: Objeto) -> bool:
        si = hechos.retirado(objeto, hasta)
        revision.retirados += si
        return si

    async def revisar(objeto: Objeto) -> None:
        async with turno:
            try:
                revision.leer(objeto, await fuentes.objetos[objeto.cubo].get(objeto.nombre))
            except LookupError:
                if not retirado(objeto):
                    revision.leer(objeto, None)

    # What the listing lacks may have been stored after it: it is asked for by its name.
    faltan = {o for o in hechos.objetos.values() if o.nombre not in nombres[o.cubo]}
    por_leer = {o for o in faltan if not retirado(o)}
    for cubo in CUBOS:
        suyos = [o for o in hechos.objetos.values() if o.cubo == cubo and o not in faltan]
        por_leer |= set(suyos if alcance is Alcance.TODOS else elegir(suyos, min(MUESTRA, len(suyos))))
    try:
        await asyncio.gather(*(revisar(objeto) for objeto in sorted(por_leer)))
        # Listed again: what was there before may be gone by the time that it is said to be.
        for proceso in sorted(p for p, dicho in hechos.destruidos.items() if dicho.terminada):
            for cubo in CUBOS:
                guardado_aun = fuentes.objetos[cubo].names(f"{proceso}/")
                revision.resucitados += [f"{cubo}/{nombre}" async for nombre in guardado_aun]
    except Unavailable as error:
        return [Comprobacion(clave, impedimento=f"no se pueden leer los objetos ({error})") for clave in DE_OBJETOS]
    return de_los_objetos(hechos, revision)


# resultados ------------------------------------------------------------------------------------------------------------


async def _resultados(fuentes: Fuentes, hechos: Hechos, espera_s: float) -> list[Comprobacion]:
    if not await _alcanzado(fuentes.stream, hechos.fines_de_vida, espera_s):
        atraso = f"resultados no alcanzó en {espera_s:g} s lo que se leyó de los topics"
        return [Comprobacion(clave, impedimento=atraso) for clave in ("totales", "proyeccion")]
    return [await _totales(fuentes, hechos, espera_s), await _proyeccion(fuentes, hechos)]


async def _alcanzado(stream: Stream, fines: Posiciones, espera_s: float) -> bool:
    async def posiciones() -> Posiciones:
        return {topic: await stream.committed("resultados", topic) for topic in TOPICS}

    return await _pronto(posiciones, lambda p: alcanza(p, fines), espera_s) is not None


async def _totales(fuentes: Fuentes, hechos: Hechos, espera_s: float) -> Comprobacion:
    publicados = []
    try:
        for proceso in sorted({proceso_de(folio) for folio in hechos.ciclos}):
            # The answer may be some seconds old: it is asked again until it holds for what was read.
            publicado = await _pronto(
                partial(fuentes.totales, proceso), lambda p: alcanza(posiciones_de(p), hechos.fines_de_vida), espera_s
            )
            if publicado is None:
                return Comprobacion("totales", impedimento="resultados responde con totales anteriores a lo leído")
            publicados.append(publicado)
    except Unavailable as error:
        return Comprobacion("totales", impedimento=f"resultados no responde ({error})")
    if {topic: await fuentes.stream.ends(topic) for topic in TOPICS} != hechos.fines_de_vida:
        return Comprobacion(
            "totales", impedimento="llegaron eventos mientras se contaba: repita cuando no haya tráfico"
        )
    return totales_publicados(hechos, publicados)


async def _proyeccion(fuentes: Fuentes, hechos: Hechos) -> Comprobacion:
    try:
        return proyeccion(hechos, [p async for p in _proyectados(fuentes.registros)])
    except Unavailable as error:
        return Comprobacion("proyeccion", impedimento=f"no se puede leer la proyección ({error})")


async def _proyectados(registros: Documents) -> AsyncIterator[Proyectado]:
    ultimo = ""
    while pagina := await registros.find({"_id": {"$gt": ultimo}}, sort="_id", limit=_PAGINA):
        for d in pagina:
            offsets = {topic: hecho["offset"] for topic, hecho in d["hechos"].items()}
            yield Proyectado(d["_id"], d["estado"], d["cuarentena"], offsets)
        ultimo = pagina[-1]["_id"]


async def _pronto(preguntar: Callable[[], Awaitable[R]], basta: Callable[[R], bool], espera_s: float) -> R | None:
    """Ask until the answer will do; None when it does not in time."""
    loop = asyncio.get_running_loop()
    hasta = loop.time() + espera_s
    while not basta(respuesta := await preguntar()):
        if loop.time() >= hasta:
            return None
        await asyncio.sleep(_PAUSA_S)
    return respuesta


@asynccontextmanager
async def _fuentes(instalacion: Instalacion) -> AsyncIterator[Fuentes]:
    direcciones = instalacion.direcciones()
    s = instalacion.settings(DescifradoSettings, "descifrado")
    mongo = documents.connect(direcciones.mongo_uri)
    async with bitacora(instalacion) as stream, httpx.AsyncClient(timeout=30) as http:

        async def totales(proceso: str) -> Mapping[str, Any]:
            try:
                if not http.cookies:
                    http.cookies.update(await sesion.de(instalacion, "resultados", "auditor1"))
                answer = await http.get(f"{direcciones.url('resultados')}/api/procesos/{proceso}/totales")
                answer.raise_for_status()
                content: dict[str, Any] = answer.json()
            except (httpx.HTTPError, OSError, ValueError, KeyError, sesion.EntradaRechazada) as error:
                raise Unavailable(f"http: {type(error).__name__}") from error
            return content

        try:
            yield Fuentes(
                stream,
                {
                    cubo: S3Objects(s.s3_endpoint, s.s3_access_key, s.s3_secret_key, cubo, secure=s.s3_secure)
                    for cubo in CUBOS
                },
                MongoDocuments(mongo["apoyo_resultados"], "registros", Kind.PROJECTION),
                totales,
                s.gracia_paquetes,
            )
        finally:
            await mongo.close()
