"""The floor: what the primitives alone cost on this machine at this moment. Nothing can be faster and still do the work.

Of each registro: hash its package, open it (HPKE), decode its images, seal them, and one durable write to each engine. One worker
per core, each with some registros under way, so that waiting for an engine costs nothing.
"""

import asyncio
import hashlib
import os
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path

from apoyo.engines.procs import Supervisor
from apoyo.instalacion import Instalacion
from bench import cpu
from kernel import documents
from kernel.documents import Kind, MongoDocuments
from kernel.objects import S3Objects
from kernel.sealing import derive, seal
from kernel.stream import Message, TopicSpec, connect
from schemas import expediente
from schemas.paquete import Parte, info_hpke, leer_cuerpo, leer_paquete
from services.descifrado.adapters import LlavesDeProceso
from services.descifrado.imagenes import dimensiones
from services.descifrado.vistas import decodificar

PASOS = ("hash", "abrir", "decodificar", "sellar", "objetos", "documentos", "bitacora")
SIMULTANEOS = 4
_TOPIC = "piso"


@dataclass(frozen=True, slots=True)
class Piso:
    """`por_segundo`: registros of all cores together. `pasos_ms`: of each step, alone. `cpu_ms`: of each process, per registro."""

    por_segundo: float
    pasos_ms: dict[str, float]
    cpu_ms: dict[str, float]


async def medir(instalacion: Instalacion, supervisor: Supervisor, paquetes: Sequence[bytes], vueltas: int) -> Piso:
    """Every package `vueltas` times, on every core, with the installation's engines."""
    settings = _Motores.de(instalacion)
    stream = connect(settings.stream_url, client_id="piso")
    await stream.start()
    await stream.create_topics([TopicSpec(_TOPIC, 8)])
    await stream.stop()
    antes = cpu.gastado(supervisor)
    loop = asyncio.get_running_loop()
    nucleos = os.cpu_count() or 1
    with ProcessPoolExecutor(nucleos, mp_context=get_context("spawn")) as pool:
        partes = [list(paquetes) * vueltas for _ in range(nucleos)]
        hechos = await asyncio.gather(*(loop.run_in_executor(pool, _trabajar, settings, parte) for parte in partes))
    usado = cpu.diferencia(antes, cpu.gastado(supervisor))
    total = sum(len(parte) for parte in partes)
    cpu_ms = {nombre: usado[nombre] / total for nombre in _MOTORES if nombre in usado}
    cpu_ms["primitivas"] = sum(hecho.cpu_ms for hecho in hechos) / total
    return Piso(
        por_segundo=sum(len(parte) / hecho.segundos for parte, hecho in zip(partes, hechos, strict=True)),
        pasos_ms={paso: sum(hecho.pasos_ms[paso] for hecho in hechos) / total for paso in PASOS},
        cpu_ms=cpu_ms,
    )


_MOTORES = ("mongo", "s3", "kafka")


@dataclass(frozen=True, slots=True)
class _Motores:
    stream_url: str
    mongo_uri: str
    s3: tuple[str, str, str]
    llaves: Path

    @staticmethod
    def de(instalacion: Instalacion) -> "_Motores":
        direcciones = instalacion.direcciones()
        secreto = (instalacion.root / "secrets" / "s3").read_text(encoding="utf-8")
        llaves = instalacion.root / "keys" / "descifrado" / "procesos"
        s3 = (direcciones.s3_endpoint, direcciones.s3_access_key, secreto)
        return _Motores(direcciones.stream_url, direcciones.mongo_uri, s3, llaves)


@dataclass(frozen=True, slots=True)
class _Hecho:
    segundos: float
    cpu_ms: float
    pasos_ms: dict[str, float]


def _trabajar(motores: _Motores, paquetes: Sequence[bytes]) -> _Hecho:
    return asyncio.run(_trabajo(motores, paquetes))


async def _trabajo(motores: _Motores, paquetes: Sequence[bytes]) -> _Hecho:
    stream = connect(motores.stream_url, client_id="piso")
    client = documents.connect(motores.mongo_uri)
    store = MongoDocuments(client["apoyo_piso"], "documentos", Kind.PROJECTION)
    objects = S3Objects(*motores.s3, "piso", secure=False)
    llaves = LlavesDeProceso(motores.llaves)
    pasos = dict.fromkeys(PASOS, 0.0)
    await stream.start()
    await objects.prepare()

    def calcular(datos: bytes, raiz: bytes) -> str:
        marks = [time.perf_counter()]

        def paso() -> None:
            marks.append(time.perf_counter())

        sha256 = hashlib.sha256(datos).hexdigest()
        paso()
        paquete = leer_paquete(datos)
        encabezado = paquete.encabezado
        llave = llaves(encabezado.llave)
        if llave is None:
            raise LookupError(encabezado.llave)
        partes = {p.nombre: p for p in leer_cuerpo(llave.open(paquete.cuerpo, info_hpke(encabezado.folio)))}
        paso()
        for nombre, parte in partes.items():
            if nombre is not Parte.DATOS:
                decodificar(nombre, parte.contenido, dimensiones(parte.contenido))
        paso()
        for nombre, parte in partes.items():
            seal(derive(raiz, expediente.IMAGENES), parte.contenido, expediente.contexto(encabezado.folio, nombre))
        paso()
        for cual, (desde, hasta) in zip(PASOS, pairwise(marks), strict=False):
            pasos[cual] += 1000 * (hasta - desde)
        return sha256

    async def uno(datos: bytes, turno: asyncio.Semaphore) -> None:
        async with turno:
            id_ = uuid.uuid4().hex
            sha256 = calcular(datos, os.urandom(32))
            mark = time.perf_counter()
            await objects.put(f"{id_}/{sha256}", datos)
            pasos["objetos"] += 1000 * (time.perf_counter() - mark)
            mark = time.perf_counter()
            await store.put_if_absent({"_id": id_, "sha256": sha256, "cuerpo": datos[:1000]})
            pasos["documentos"] += 1000 * (time.perf_counter() - mark)
            mark = time.perf_counter()
            await stream.publish(Message(_TOPIC, id_, datos[:1000]))
            pasos["bitacora"] += 1000 * (time.perf_counter() - mark)

    turno = asyncio.Semaphore(SIMULTANEOS)
    started, cpu_started = time.perf_counter(), time.process_time()
    await asyncio.gather(*(uno(datos, turno) for datos in paquetes))
    hecho = _Hecho(time.perf_counter() - started, 1000 * (time.process_time() - cpu_started), pasos)
    await stream.stop()
    await client.close()
    return hecho
