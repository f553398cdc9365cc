"""Claiming and deciding in Mesa de Control: how many a second and how long each, with fifty people and a million pending.

The handlers of the service on the documents engine and the embedded log, in one process as in production; what is not HTTP. Beside
it, in the same run, the floor: one bare write (compare-and-set of a document of that size) of the same engine by as many writers.
What is measured of the page stands beside it (`bench/pagina.py`).
"""

import asyncio
import base64
import itertools
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from apoyo.engines import mongo
from apoyo.engines.procs import Supervisor
from bench.carga import Contar
from kernel import documents, hpke
from kernel.clock import Clock, SystemClock
from kernel.documents import Document, Documents, Kind, MemoryDocuments, MongoDocuments, copied
from kernel.objects import MemoryObjects
from kernel.outbox import INDEXES, Outbox
from kernel.sealing import KeyRing, derive, seal
from kernel.stream import Stream, TopicSpec, connect
from kernel.together import Together
from schemas.actores import Actores
from schemas.ciclo_de_vida import Hecho
from schemas.eventos import (
    AccesoRegistrado,
    Fase,
    LlaveProceso,
    PerfilRegistrado,
    ProcesoRegistrado,
    ReferenciaPerfil,
    RegistroClasificado,
    RegistroCompulsado,
    RegistroDescifrado,
    RegistroRecibido,
    SituacionRegistral,
)
from schemas.expediente import DATOS, contexto, id_de_llave
from schemas.paquete import DatosRegistro, Lecturas, Modalidad
from schemas.perfil import PERFIL_P, TipoProceso
from schemas.tipos import componer_folio
from services.mesa_control.acceso.handlers import Accesos
from services.mesa_control.bootstrap import INDICES
from services.mesa_control.domain import Orden
from services.mesa_control.handlers import MesaDeControl, Proyector
from services.mesa_control.lecturas import LecturasJuntas
from services.mesa_control.reparto.domain import LIBRE, Repartos, cubeta, de_busqueda, turno
from services.mesa_control.reparto.fila import Fila
from services.mesa_control.reparto.presencia import Presencia

PROCESO, SOLICITUD = "CI26", "CI26-0001"
PERSONAS = 50
PARES = 1_000
"""Records claimed and decided in a measurement."""
POCOS = 5_000
_AT_ONCE = 1_000
_DIAS = 10
ASIGNACION = timedelta(minutes=10)


def folio(n: int) -> str:
    """Of record `n`; its id looks as random as a device's."""
    return componer_folio(SOLICITUD, "A0001", "3f9c2a1b77d0", f"{n * 0x9E3779B97F4A7C15 % 2**64:016x}{n % 2**16:04x}")


def actores(inicio: datetime) -> Actores:
    """One process."""
    known = Actores()
    known.aplicar(PerfilRegistrado(version=1, perfil=PERFIL_P), 0)
    proceso = ProcesoRegistrado(
        version=1,
        proceso=PROCESO,
        denominacion="Proceso del banco",
        activo=True,
        tipo=TipoProceso.CANDIDATURA_INDEPENDIENTE,
        inicio=inicio,
        fin=inicio + timedelta(days=60),
        perfil=ReferenciaPerfil(id=PERFIL_P.id, version=1),
        entidad=None,
        llaves=[LlaveProceso(id="ci26-1", suite="ninguna", publica=base64.b64encode(bytes(32)).decode())],
    )
    known.aplicar(proceso, 1)
    return known


class Semilla:
    """Pending records as the fold leaves them, each with its folio and moment; all under one key, and without images."""

    def __init__(self, root: bytes, molde: Document, inicio: datetime, cada: timedelta) -> None:
        self._root = root
        self._molde = molde
        self._inicio = inicio
        self._cada = cada

    @classmethod
    async def nueva(cls, llavero: KeyRing, inicio: datetime, cada: timedelta) -> "Semilla":
        """Makes the key, and folds the first record."""
        llave = id_de_llave(folio(0))
        root = await llavero.create(llave, {"mesa_control": None})
        base = MemoryDocuments()
        proyector = Proyector(base)
        comunes: dict[str, Any] = {"version": 1, "folio": folio(0), "recibido_en": inicio, "reglas": []}
        perfil = ReferenciaPerfil(id=PERFIL_P.id, version=1)
        for evento in (
            RegistroRecibido(
                **comunes,
                proceso=PROCESO,
                solicitud=SOLICITUD,
                auxiliar="A0001",
                dispositivo="3f9c2a1b77d0",
                envio="0" * 32,
                modalidad=Modalidad.AUXILIAR,
                codigo_integridad="0" * 64,
                paquete_sha256="0" * 64,
                objeto="ninguno",
                tamano=1,
                capturado_en=inicio,
                perfil=perfil,
                actores_offset=1,
            ),
            RegistroDescifrado(
                **comunes,
                envio="0" * 32,
                codigo_integridad="0" * 64,
                llave=llave,
                objeto="ninguno",
                partes=[],
                datos_sellados=base64.b64encode(bytes(700)).decode(),
                acuse_sellado=base64.b64encode(bytes(120)).decode(),
                alertas=[],
            ),
            RegistroCompulsado(
                version=1,
                folio=folio(0),
                fase=Fase.PRELIMINAR,
                situacion=SituacionRegistral.EN_LISTA_NOMINAL,
                corte="2026-10-31",
                coincidencia=["cic"],
                discrepancias=[],
                clasificado_version=0,
                descifrado_version=1,
            ),
        ):
            await proyector.doblar(evento, 0, await base.get(folio(0)))
        molde = await base.get(folio(0))
        assert molde is not None  # noqa: S101 - it was just written
        return cls(root, molde, inicio, cada)

    def documentos(self, cuantos: int, *, que_se_abren: int) -> Iterator[Document]:
        """The first so many; of these, those that somebody will open have their data sealed."""
        for n in range(cuantos):
            yield self._documento(n, abierto=n < que_se_abren)

    def _documento(self, n: int, *, abierto: bool) -> Document:
        este, recibido_en = folio(n), self._inicio + n * self._cada
        documento: Document = {
            **self._molde,
            "_id": este,
            **de_busqueda(este),
            "cubeta": cubeta(este),
            "recibido_en": recibido_en,
            "turno": turno(PROCESO, LIBRE, recibido_en),
        }
        if abierto:
            documento = copied(documento)
            momento = recibido_en.isoformat().replace("+00:00", "Z")
            for topic, hecho in documento["hechos"].items():
                hecho["hecho"]["folio"] = este
                if topic != RegistroCompulsado.topic:
                    hecho["hecho"]["recibido_en"] = momento
                Hecho.de_documento(hecho)
            sellados = seal(derive(self._root, DATOS), _FORMULARIO, contexto(este, DATOS))
            documento["hechos"][RegistroDescifrado.topic]["hecho"]["datos_sellados"] = base64.b64encode(
                sellados
            ).decode()
        return documento


_FORMULARIO = (
    DatosRegistro(
        modelo="G",
        clave_elector="ZJFCXC85031410M100",
        numero_emision="02",
        cic="123456001",
        ocr="0421000000001",
        nombre="XOCHITL",
        primer_apellido="ZZEJEMPLO",
        segundo_apellido="FICTICIA",
        lecturas=Lecturas(),
        original_mostrado=True,
        solicitante_mostrado="Aspirante de Prueba",
        manifestacion="Manifiesto mi apoyo.",
    )
    .model_dump_json()
    .encode()
)


def servicio(
    registros: Documents,
    salida: Documents,
    stream: Stream,
    llavero: KeyRing,
    conocidos: Actores,
    clock: Clock,
    repartos: Repartos | None = None,
) -> MesaDeControl:
    """One process of the service."""
    outbox = Outbox(salida, stream, clock, "/apoyo/mesa_control")
    presencia = Presencia(registros, lambda: conocidos, ASIGNACION, timedelta(hours=2))
    return MesaDeControl(
        registros=registros,
        accesos=Accesos(outbox, clock, lambda: uuid.uuid4().hex, ASIGNACION),
        outbox=outbox,
        llavero=llavero,
        expedientes=MemoryObjects(),
        ver_actores=lambda: conocidos,
        clock=clock,
        asignacion=ASIGNACION,
        deshacer=timedelta(minutes=15),
        fila=Fila(registros, lambda: conocidos, repartos or Repartos(), presencia),
        lecturas=LecturasJuntas(registros),
    )


@dataclass(frozen=True, slots=True)
class Tiempos:
    """Of so many at once. In milliseconds."""

    por_segundo: float
    p50_ms: float
    p95_ms: float

    @classmethod
    def de(cls, tiempos: list[float], segundos: float) -> "Tiempos":
        """From the time that each took."""
        orden = sorted(tiempos)
        return cls(
            len(orden) / segundos,
            1000 * orden[len(orden) // 2],
            1000 * orden[min(len(orden) - 1, len(orden) * 95 // 100)],
        )


async def a_la_vez(hacer: Callable[[int], Any], cuantos: int) -> Tiempos:
    """`cuantos` calls by `PERSONAS` at once; `hacer(persona)` does one."""
    tiempos: list[float] = []
    quedan = itertools.count()

    async def persona(numero: int) -> None:
        while next(quedan) < cuantos:
            empezado = time.perf_counter()
            await hacer(numero)
            tiempos.append(time.perf_counter() - empezado)

    empezado = time.perf_counter()
    await asyncio.gather(*map(persona, range(PERSONAS)))
    return Tiempos.de(tiempos, time.perf_counter() - empezado)


async def reclamar_y_decidir(mesa: MesaDeControl, cuantos: int) -> tuple[Tiempos, Tiempos]:
    """So many records claimed and decided: both together, and the claim alone."""
    reclamos: list[float] = []

    async def uno(persona: int) -> None:
        operador = f"operador{persona}"
        empezado = time.perf_counter()
        registro = await mesa.siguiente(operador, PROCESO)
        reclamos.append(time.perf_counter() - empezado)
        if registro is None:
            raise RuntimeError("the queue ran out")
        await mesa.decidir(registro.folio, operador, Orden((), 1), uuid.uuid4().hex)

    empezado = time.perf_counter()
    pares = await a_la_vez(uno, cuantos)
    return pares, Tiempos.de(reclamos, time.perf_counter() - empezado)


@asynccontextmanager
async def motor(root: Path, *, native: bool) -> AsyncIterator[Callable[[str, list[Any]], MongoDocuments]]:
    """A documents engine of this run: collections by name."""
    supervisor = Supervisor()
    try:
        uri = await mongo.start(supervisor, root.resolve() / "data", root.resolve() / "logs", port=0, native=native)
        client = documents.connect(uri)
        try:
            yield lambda name, indexes: MongoDocuments(client["bench"], name, Kind.PROJECTION, indexes)
        finally:
            await client.close()
    finally:
        await supervisor.stop()


async def piso(registros: MongoDocuments, molde: Document, cuantos: int) -> Tiempos:
    """Bare writes: each of `PERSONAS` replaces a document of its own, again and again."""
    revisiones = dict.fromkeys(range(PERSONAS), 1)
    propios = [{**molde, "_id": f"piso-{n}", "revision": 1} for n in range(PERSONAS)]
    for documento in propios:
        await registros.put_if_absent(documento)

    async def escribir(persona: int) -> None:
        revision = revisiones[persona]
        revisiones[persona] += 1
        await registros.replace({**propios[persona], "revision": revision + 1}, revision)

    return await a_la_vez(escribir, cuantos)


async def correr(root: Path, *, native: bool, pendientes: int, avance: Callable[[str, int], Contar]) -> dict[str, Any]:
    """With few pending, and with `pendientes`."""
    root.mkdir(parents=True, exist_ok=True)
    ahora = datetime.now(UTC)
    inicio = ahora - timedelta(days=_DIAS)
    tamanos = sorted({min(POCOS, pendientes), pendientes})
    filas = []
    for tamano in tamanos:
        filas.append(await _con(root / str(tamano), native, tamano, inicio, avance))
    return {"personas": PERSONAS, "por_pendientes": filas, "claim_times_floor": filas[-1]["times_floor"]}


async def _con(
    root: Path, native: bool, tamano: int, inicio: datetime, avance: Callable[[str, int], Contar]
) -> Mapping[str, Any]:
    root.mkdir(parents=True, exist_ok=True)
    stream = connect(f"embedded://{root.resolve() / 'bitacora.db'}", "bench")
    await stream.start()
    await stream.create_topics([TopicSpec(tipo.topic, 8) for tipo in (RegistroClasificado, AccesoRegistrado)])
    async with motor(root, native=native) as coleccion:
        registros, salida = coleccion("registros", INDICES), coleccion("outbox", INDEXES)
        await registros.prepare()
        await salida.prepare()
        private = hpke.Private.generate()
        llavero = KeyRing(MemoryDocuments(), "mesa_control", private, {"mesa_control": private.public()})
        semilla = await Semilla.nueva(llavero, inicio, timedelta(days=_DIAS) / tamano)
        contar = avance(f"Sembrar {tamano:,} pendientes", tamano)
        for n, grupo in enumerate(_grupos(semilla.documentos(tamano, que_se_abren=4 * PARES)), 1):
            await registros.collection.insert_many(grupo, ordered=False)
            contar(min(n * _AT_ONCE, tamano))
        mesa = servicio(Together(registros), Together(salida), stream, llavero, actores(inicio), SystemClock())
        pares = avance(f"Reclamar y decidir, {tamano:,} pendientes", 2)
        await reclamar_y_decidir(mesa, 2 * PERSONAS)  # finds the head of the queue, once in a process's life
        pares(1)
        molde = next(semilla.documentos(1, que_se_abren=0))
        antes = await piso(coleccion("piso", INDICES), molde, PARES)
        juntos, reclamo = await reclamar_y_decidir(mesa, PARES)
        despues = await piso(coleccion("piso2", INDICES), molde, PARES)
        pares(2)
    await stream.stop()
    escrituras = (antes.por_segundo + despues.por_segundo) / 2
    return {
        "pendientes": tamano,
        "pares_por_s": juntos.por_segundo,
        "p50_ms": juntos.p50_ms,
        "p95_ms": juntos.p95_ms,
        "claim_p95_ms": reclamo.p95_ms,
        "escrituras_por_s": escrituras,
        "escritura_p95_ms": (antes.p95_ms + despues.p95_ms) / 2,
        "times_floor": escrituras / juntos.por_segundo,
    }


def _grupos(documentos: Iterator[Document]) -> Iterator[list[Document]]:
    while grupo := list(itertools.islice(documentos, _AT_ONCE)):
        yield grupo
