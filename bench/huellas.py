"""How well the same picture is found in other records, among how many, and what it costs.

Captures are drawn, and altered copies of them; what is found among all is counted. A million hashes with the same frequency of each
sign (each drawn apart) stand for the others of a process, and an engine with so many documents for its index.
"""

import asyncio
import hashlib
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from pymongo import AsyncMongoClient

from apoyo.engines import mongo
from apoyo.engines.procs import Supervisor
from bench import cpu
from bench.carga import Contar
from dispositivo.poblacion import Captura, Defecto, Solicitud, equipos_sinteticos, planear
from dispositivo.poblacion.dibujo import cpv, dibujar, escena
from dispositivo.poblacion.dibujo.lienzo import jpeg
from kernel import hpke
from kernel.documents import Document, Kind, MemoryDocuments, MongoDocuments
from kernel.sealing import OVERHEAD, KeyRing, derive, seal, unseal
from schemas.eventos import Alerta
from schemas.expediente import contexto
from schemas.paquete import IMAGENES, Parte
from services.descifrado.adapters import INDICES_DE_HUELLAS
from services.descifrado.huellas import Bandas, Compendio, Huella, huella
from services.descifrado.imagenes import dimensiones
from services.descifrado.semejanzas import Semejanzas, umbral_de
from services.descifrado.settings import IMAGEN_REPETIDA
from services.descifrado.vistas import decodificar

SEMILLA, SEMILLA_DE_AJUSTE = 202, 101
"""Of the figures that are reported, and of those on which tiles, waves, bands and threshold were chosen."""
CAPTURAS, ALTERADAS, PLANTILLAS = 240, 30, 5
MILLON = 1_000_000
TAMANOS = (1_000, 4_000, 16_000, 64_000, 256_000)
"""Documents in the engine when a lookup's cost is measured, before all of them are in it."""
DOCUMENTOS = 16_000
POR_AZAR = 136
"""Others that share a word with a record by chance, among a million (docs/performance.md)."""
_BUSQUEDAS = 30
_PROCESO, _FRENTES, _DE_UNA_VEZ = "CI26", 32, 250
_POR_BANDA = 48
_LOS_SIGNOS = np.uint64(2**_POR_BANDA - 1)

ALTERACIONES: Mapping[str, Mapping[str, float]] = {
    "calidad 60": {"calidad": 60},
    "calidad 90": {"calidad": 90},
    "mitad de tamaño": {"escala": 0.5},
    "nueve décimos": {"escala": 0.9},
    "más clara": {"luz": 1.15},
    "más oscura": {"luz": 0.85},
    "recorte de 0.5 %": {"recorte": 0.005},
    "recorte de 0.75 %": {"recorte": 0.0075},
    "recorte de 1 %": {"recorte": 0.01},
    **{f"1 % menos {lado}": {lado: 0.01} for lado in ("izquierda", "derecha", "arriba", "abajo")},
    "0.5 % menos izquierda": {"izquierda": 0.005},
    "0.7 % menos derecha": {"derecha": 0.007},
    "dos lados, 0.8 y 0.6 %": {"izquierda": 0.008, "arriba": 0.006},
}


@dataclass(frozen=True, slots=True)
class Dibujada:
    """A capture with its images and their hashes."""

    captura: Captura
    imagenes: Mapping[Parte, bytes]
    huellas: Mapping[Parte, Huella]


def dibujadas(semilla: int, cuantas: int, contar: Contar) -> list[Dibujada]:
    """Captures that open, honest duplicates among them, without drawings that are one picture by design."""
    solicitudes = (Solicitud("CI26-0001", None, "A"), Solicitud("CI26-0002", None, "B"))
    inicio, fin = datetime(2026, 11, 1, 6, tzinfo=UTC), datetime(2026, 12, 1, 6, tzinfo=UTC)
    plan = planear(semilla, 2 * cuantas, solicitudes, equipos_sinteticos(semilla, solicitudes), inicio, fin)
    iguales = (Defecto.SIMULACION, Defecto.OBJETO, Defecto.IMAGEN_NO_CPV)
    hechas: list[Dibujada] = []
    for captura in plan.capturas:
        if captura.verdad.cuarentena is None and captura.defecto not in iguales and len(hechas) < cuantas:
            imagenes = dibujar(captura)
            por_parte = {parte: getattr(imagenes, parte.value) for parte in IMAGENES}
            hechas.append(Dibujada(captura, por_parte, huellas_de(por_parte)))
            contar(len(hechas))
    return hechas


def huellas_de(imagenes: Mapping[Parte, bytes]) -> dict[Parte, Huella]:
    """As descifrado makes them."""
    hechas = {}
    for parte, contenido in imagenes.items():
        vista = decodificar(parte, contenido, dimensiones(contenido))
        if una := huella(parte, vista.chica, hashlib.sha256(contenido).digest()):
            hechas[parte] = una
    return hechas


def alterada(
    contenido: bytes,
    *,
    calidad: float = 80,
    escala: float = 1.0,
    luz: float = 1.0,
    recorte: float = 0.0,
    izquierda: float = 0.0,
    derecha: float = 0.0,
    arriba: float = 0.0,
    abajo: float = 0.0,
) -> bytes:
    """The same picture, saved again otherwise; `recorte` is cut off from each side, besides what is from one."""
    imagen = np.asarray(cv2.imdecode(np.frombuffer(contenido, np.uint8), cv2.IMREAD_COLOR), dtype=np.uint8)
    alto, ancho = imagen.shape[:2]
    y, x = (
        slice(round(n * (recorte + antes)), n - round(n * (recorte + despues)))
        for n, antes, despues in ((alto, arriba, abajo), (ancho, izquierda, derecha))
    )
    imagen = np.asarray(imagen[y, x], dtype=np.uint8)
    chica = cv2.resize(imagen, None, fx=escala, fy=escala, interpolation=cv2.INTER_LINEAR)
    return jpeg(np.asarray(cv2.convertScaleAbs(chica, alpha=luz, beta=0), dtype=np.uint8), round(calidad))


def _comparten(una: Huella, otra: Huella) -> bool:
    """Whether one is a candidate for the other."""
    return bool(np.isin(una.buscadas, otra.bandas).any())


def entre_registros(todas: Sequence[Dibujada]) -> dict[str, Any]:
    """Of two records of different persons, and of the same one: how often one is a candidate, and how often there is an alert."""
    cuenta = dict.fromkeys(("pares", "candidatos", "alertas", "pares_honestos", "alertas_honestas"), 0)
    for n, una in enumerate(todas):
        for otra in todas[:n]:
            misma = una.captura.persona.id_registro == otra.captura.persona.id_registro
            cercanas = [
                parte
                for parte, suya in una.huellas.items()
                if parte in otra.huellas and _comparten(suya, otra.huellas[parte])
            ]
            alerta = any(_hallada(p, una.huellas[p], otra.huellas[p]) for p in cercanas)
            cuenta["pares_honestos" if misma else "pares"] += 1
            cuenta["alertas_honestas" if misma else "alertas"] += alerta
            cuenta["candidatos"] += bool(cercanas) and not misma
    return cuenta | {"candidatos_entre_un_millon": MILLON * cuenta["candidatos"] / max(1, cuenta["pares"])}


def _hallada(parte: Parte, una: Huella | None, otra: Huella | None) -> bool:
    if una is None or otra is None or not _comparten(una, otra):
        return False
    return una.parecidos([otra.compendio])[0] >= umbral_de(parte, IMAGEN_REPETIDA)


def halladas(todas: Sequence[Dibujada], contar: Contar) -> dict[str, dict[str, float]]:
    """Share of altered pictures that are found, by alteration and part; and of fronts with other persons' data over them."""
    veces: dict[str, dict[str, list[bool]]] = {que: {} for que in ALTERACIONES}
    for n, una in enumerate(todas[: 4 * ALTERADAS : 4], start=1):
        for que, como in ALTERACIONES.items():
            for parte, original in una.huellas.items():
                copia = huellas_de({parte: alterada(una.imagenes[parte], **como)}).get(parte)
                veces[que].setdefault(parte.value, []).append(_hallada(parte, copia, original))
        contar(n)
    veces["datos encima"] = {"anverso": [_plantilla(todas, n) for n in range(PLANTILLAS)]}
    return _proporciones(veces)


def _plantilla(todas: Sequence[Dibujada], n: int) -> bool:
    """Whether one photograph of a card, twice with other persons' data over it, is found."""
    plantilla, frentes = todas[n].captura.persona, []
    for otra in todas[20 + 2 * n : 22 + 2 * n]:
        tarjeta = cpv.anverso(plantilla)
        escena.sobreponer(tarjeta, plantilla, otra.captura.persona)
        frentes.append(
            huellas_de({Parte.ANVERSO: jpeg(escena.fotografiar(tarjeta, np.random.default_rng(n)), 80)}).get(
                Parte.ANVERSO
            )
        )
    return _hallada(Parte.ANVERSO, frentes[1], frentes[0])


def entre_un_millon(todas: Sequence[Dibujada], contar: Contar) -> dict[str, float]:
    """Candidates of a lookup among a million hashes drawn sign by sign, each as often positive as in the drawings."""
    rng = np.random.default_rng(SEMILLA)
    candidatos, bandas = 0, 0
    for parte in IMAGENES:
        suyas = [d.huellas[parte] for d in todas if parte in d.huellas]
        for numero in range(8):
            propios = np.concatenate([una.bandas[_numero(una.bandas) == numero] for una in suyas])
            frecuencia = (propios[:, None] >> np.arange(_POR_BANDA, dtype=np.uint64) & np.uint64(1)).mean(axis=0)
            palabras = np.zeros(MILLON, dtype=np.uint64)
            for signo, positivo in enumerate(frecuencia):
                palabras |= (rng.random(MILLON, dtype=np.float32) < positivo).astype(np.uint64) << np.uint64(signo)
            palabras.sort()
            con_ella = [una.buscadas for una in suyas if numero in _numero(una.bandas)]
            for buscadas in con_ella[:_BUSQUEDAS]:
                signos = buscadas[_numero(buscadas) == numero] & _LOS_SIGNOS
                desde, hasta = (np.searchsorted(palabras, signos, side=s) for s in ("left", "right"))
                candidatos += int((hasta - desde).sum())
            bandas += 1
            contar(bandas)
    return {"candidatos_por_busqueda": candidatos / _BUSQUEDAS}


def _numero(bandas: Bandas) -> npt.NDArray[np.uint64]:
    return bandas >> np.uint64(_POR_BANDA) & np.uint64(0xFF)


class Sembrador:
    """Fills the index as a million records would leave it, cheaply.

    Words are spread over all there can be, in as many rising rows as a document has words: the index grows at that many places,
    where words at random would touch all of it at each checkpoint. What is looked up has random words, and falls anywhere in it.
    """

    def __init__(self, huellas: MongoDocuments, llave: bytes, cuantos: int, contar: Contar) -> None:
        self._huellas = huellas
        self._llave = llave
        self._rng = np.random.default_rng(SEMILLA)
        self._paso = 2**64 // _FRENTES // cuantos
        self._contar = contar
        self.hechos = self._plantados = 0

    async def hasta(self, cuantos: int) -> None:
        """Until there are so many documents."""
        frentes = np.arange(_FRENTES, dtype=np.uint64) * np.uint64(2**64 // _FRENTES)
        while self.hechos < cuantos:
            ahora = min(_DE_UNA_VEZ, cuantos - self.hechos)
            numeros = np.arange(self.hechos, self.hechos + ahora, dtype=np.uint64)
            al_azar = self._rng.integers(0, self._paso, (ahora, _FRENTES), dtype=np.uint64)
            fichas = frentes + (numeros * np.uint64(self._paso))[:, None] + al_azar
            await self._huellas.collection.insert_many(
                [
                    {"_id": f"{n:012}", "fichas": _palabras(suyas), "huellas": self._rng.bytes(_LARGO)}
                    for n, suyas in zip(numeros.tolist(), fichas, strict=True)
                ],
                ordered=False,
            )
            self.hechos += ahora
            self._contar(self.hechos)

    async def plantar(self, folio: str, otro: str) -> None:
        """Those that share one word with a record by chance, of so many documents: their hashes are another record's."""
        suyo, de_otro = await self._huellas.get(folio), await self._huellas.get(otro)
        if suyo is None or de_otro is None:
            raise LookupError(folio)
        sellos = derive(self._llave, "huellas")
        claro = unseal(sellos, de_otro["huellas"], contexto(otro, "huellas"))
        azar = []
        for cual in self._rng.choice(len(suyo["fichas"]), round(POR_AZAR * self.hechos / MILLON)).tolist():
            nombre = _otro_folio(folio, MILLON + self._plantados)
            al_azar = self._rng.integers(0, 2**64, _FRENTES - 1, dtype=np.uint64)
            fichas = [suyo["fichas"][cual], *_palabras(al_azar)]
            azar.append({"_id": nombre, "fichas": fichas, "huellas": seal(sellos, claro, contexto(nombre, "huellas"))})
            self._plantados += 1
        if azar:
            await self._huellas.collection.insert_many(azar)


def _palabras(numeros: npt.NDArray[np.uint64]) -> list[bytes]:
    return [n.to_bytes(8, "big") for n in numeros.tolist()]


_LARGO = 4 * (Compendio.LARGO + 1) + OVERHEAD
Costo = dict[str, float]
EN_EL_MOTOR: Mapping[str, Mapping[str, float]] = {
    "tal cual": {},
    **{que: ALTERACIONES[que] for que in ("calidad 60", "mitad de tamaño", "más oscura")},
}


@dataclass(frozen=True, slots=True)
class Busqueda:
    """A lookup: what it found, and its milliseconds."""

    alertas: Sequence[Alerta]
    ms: float


@dataclass(frozen=True, slots=True)
class Medidor:
    """Looks records up, one after the other, and says what that cost this process and the engine."""

    semejanzas: Semejanzas
    supervisor: Supervisor

    async def buscar(self, registros: Sequence[tuple[str, Mapping[Parte, Huella]]]) -> tuple[list[Busqueda], Costo]:
        """Keep and look up each of them."""
        hechas: list[Busqueda] = []
        propios, del_motor = time.process_time(), cpu.gastado(self.supervisor)
        for folio, suyas in registros:
            empezado = time.perf_counter()
            alertas = await self.semejanzas.buscar(_PROCESO, folio, suyas)
            hechas.append(Busqueda(alertas, 1000 * (time.perf_counter() - empezado)))
        gastado = cpu.diferencia(del_motor, cpu.gastado(self.supervisor))
        milis = [hecha.ms for hecha in hechas]
        return hechas, {
            "ms": statistics.median(milis),
            "p95_ms": statistics.quantiles(milis, n=20, method="inclusive")[-1],
            "cpu_ms": 1000 * (time.process_time() - propios) / len(registros),
            "cpu_del_motor_ms": sum(ms for nombre, ms in gastado.items() if nombre != cpu.ESTE) / len(registros),
        }


async def en_el_motor(
    root: Path, todas: Sequence[Dibujada], *, native: bool, documentos: int, avance: Callable[[str, int], Contar]
) -> dict[str, Any]:
    """What keeping and looking cost with more and more documents in the engine, and what is found at last."""
    supervisor = Supervisor()
    filas = []
    try:
        uri = await mongo.start(supervisor, root.resolve() / "data", root.resolve() / "logs", port=0, native=native)
        # Waits as long as it takes: among so many a checkpoint may take longer than a service would wait.
        client: AsyncMongoClient[Document] = AsyncMongoClient(uri)
        huellas = MongoDocuments(client["bench"], "huellas", Kind.PRIMARY, INDICES_DE_HUELLAS)
        await huellas.prepare()
        privada = hpke.Private.generate()
        llavero = KeyRing(MemoryDocuments(), "descifrado", privada, {"descifrado": privada.public()})
        llave = await llavero.create(_PROCESO, {"descifrado": None})
        medidor = Medidor(Semejanzas(huellas, llavero, IMAGEN_REPETIDA, asyncio.to_thread), supervisor)
        sembrador = Sembrador(huellas, llave, documentos, avance("Llenar el motor", documentos))
        for vuelta, tamano in enumerate(sorted({*(t for t in TAMANOS if t < documentos), documentos})):
            antes, hechos = cpu.gastado(supervisor), sembrador.hechos
            await sembrador.hasta(tamano)
            usado = sum(ms for que, ms in cpu.diferencia(antes, cpu.gastado(supervisor)).items() if que != cpu.ESTE)
            suyas = todas[vuelta * _BUSQUEDAS : (vuelta + 1) * _BUSQUEDAS]
            _, costo = await medidor.buscar([(una.captura.folio, una.huellas) for una in suyas])
            filas.append({"guardados": tamano, "sembrar_del_motor_ms": usado / (tamano - hechos)} | costo)
        for n, una in enumerate(suyas):
            await sembrador.plantar(una.captura.folio, suyas[n - 1].captura.folio)
        veces: dict[str, dict[str, list[bool]]] = {}
        copias = [(que, una, _copia(una, como)) for que, como in EN_EL_MOTOR.items() for una in suyas]
        hechas, costo = await medidor.buscar(
            [(_otro_folio(una.captura.folio, n), copia) for n, (_, una, copia) in enumerate(copias)]
        )
        for (que, una, _), hecha in zip(copias, hechas, strict=True):
            halladas_ = {a.parte for a in hecha.alertas if una.captura.folio in a.folios}
            for parte in una.huellas:
                veces.setdefault(que, {}).setdefault(parte.value, []).append(parte in halladas_)
        await client.close()
    finally:
        await supervisor.stop()
    return {"por_guardados": filas, "con_candidatos": costo, "halladas": _proporciones(veces)}


def _otro_folio(folio: str, n: int) -> str:
    return f"{folio[:-20]}{n:020x}"


def _copia(una: Dibujada, como: Mapping[str, float]) -> Mapping[Parte, Huella]:
    return huellas_de({parte: alterada(una.imagenes[parte], **como) for parte in una.huellas}) if como else una.huellas


def _proporciones(veces: Mapping[str, Mapping[str, Sequence[bool]]]) -> dict[str, dict[str, float]]:
    return {que: {p: sum(v) / len(v) for p, v in por_parte.items()} for que, por_parte in veces.items()}


async def correr(root: Path, *, native: bool, documentos: int, avance: Callable[[str, int], Contar]) -> dict[str, Any]:
    """Everything, on the seed that is reported."""
    todas = dibujadas(SEMILLA, CAPTURAS, avance(f"Dibujar capturas de la semilla {SEMILLA}", CAPTURAS))
    empezado = time.process_time()
    for una in todas[:60]:
        huellas_de(una.imagenes)
    con_decodificar = time.process_time() - empezado
    empezado = time.process_time()
    vistas = [{p: decodificar(p, c, dimensiones(c)).chica for p, c in una.imagenes.items()} for una in todas[:60]]
    decodificar_ = time.process_time() - empezado
    del vistas
    return {
        "semilla": SEMILLA,
        "umbral": IMAGEN_REPETIDA,
        "registros": len(todas),
        "ms_por_registro": 1000 * (con_decodificar - decodificar_) / 60,
        "entre_registros": entre_registros(todas),
        "halladas": halladas(todas, avance("Alterar y buscar", ALTERADAS)),
        "un_millon": entre_un_millon(todas, avance("Buscar entre un millón", 32)),
        "motor": await en_el_motor(root, todas, native=native, documentos=documentos, avance=avance),
    }
