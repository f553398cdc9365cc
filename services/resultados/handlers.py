"""Load → decide → store; and the questions that pages and programs ask. Idempotent, in any order, in any number of instances."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from typing import Protocol

import structlog

from kernel.clock import Clock
from kernel.dispatch import Context
from kernel.documents import Document, Documents, Keyed
from kernel.errors import Conflict, Unavailable
from kernel.stream import Stream
from schemas.actores import VerActores
from schemas.ciclo_de_vida import TOPICS, Ciclo, aplicar, de_documento
from services.resultados import metrics
from services.resultados.domain import Grupo, Hecho, Totales, documento, sin_sellados, totalizar

log = structlog.get_logger()

SERVICIO = "resultados"


class Conteo(Protocol):
    """Counting over the projection, which a document store does better than its reader."""

    async def grupos(self, proceso: str) -> list[Grupo]:
        """Every folio of the process in exactly one group, in one pass. Raises Unavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Proyector:
    """Folds every event of a folio into its document. `primera_revision`: of a new one; `kernel.rebuild` says why not 1."""

    registros: Keyed
    primera_revision: Callable[[], int] = lambda: 1

    async def hecho(self, evento: Hecho, context: Context) -> None:
        """Fold one event in. Raises Conflict when another instance wrote the folio first."""
        evento = sin_sellados(evento)
        actual = await self.registros.get(evento.folio)
        ciclo = de_documento(actual) if actual else Ciclo()
        nuevo = aplicar(ciclo, evento, context.offset)
        if actual and nuevo == ciclo:
            return
        horas = dict(actual["horas"]) if actual else {}
        if nuevo.hechos[evento.topic].offset == context.offset:
            horas[evento.topic] = context.envelope.hora.astimezone(UTC).isoformat()
        await self._guardar(documento(evento.folio, nuevo, horas), actual)
        if evento.topic in nuevo.divergentes - ciclo.divergentes:
            metrics.DIVERGENTES.labels(evento.topic).inc()
            log.error("divergent_version", topic=evento.topic, folio=evento.folio, version=evento.version)

    async def _guardar(self, nuevo: Document, actual: Document | None) -> None:
        revision = actual["revision"] if actual else self.primera_revision() - 1
        nuevo["revision"] = revision + 1
        done = await (self.registros.replace(nuevo, revision) if actual else self.registros.put_if_absent(nuevo))
        if not done:
            raise Conflict(nuevo["_id"])


class Consultas:
    """What is asked of the projection. Totals are computed for everybody at once, at most once a second."""

    def __init__(
        self,
        registros: Documents,
        conteo: Conteo,
        stream: Stream,
        ver_actores: VerActores,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._registros = registros
        self._conteo = conteo
        self._stream = stream
        self.ver_actores = ver_actores
        self._clock = clock
        self._monotonic = monotonic
        self._vigentes: dict[str, tuple[float, Totales]] = {}
        self._turno = asyncio.Lock()

    async def folio(self, folio: str) -> Document | None:
        """The document of a received folio."""
        found = await self._registros.get(folio)
        return found if found and found["recibido"] else None

    async def totales(self, proceso: str) -> Totales | None:
        """Totals of a process, a second old at most (more only when computing them takes longer); None for an unknown one.

        Raises Unavailable.
        """
        actores = self.ver_actores()
        if proceso not in actores.procesos:
            return None
        async with self._turno:
            hasta, totales = self._vigentes.get(proceso, (0.0, None))
            empezado = self._monotonic()
            if totales is None or empezado >= hasta:
                totales = await self._calcular(
                    proceso, [s.solicitud for s in actores.solicitudes.values() if s.proceso == proceso]
                )
                tardanza = self._monotonic() - empezado
                metrics.TOTALES_SEGUNDOS.observe(tardanza)
                # A store that takes long to count must not be busy with nothing else.
                self._vigentes[proceso] = (empezado + tardanza + max(1.0, 4 * tardanza), totales)
            return totales

    async def _calcular(self, proceso: str, solicitudes: list[str]) -> Totales:
        al = self._clock.now()
        # Positions first: whatever lies before them is in the projection by the time it is counted.
        posiciones = {topic: await self._stream.committed(SERVICIO, topic) for topic in TOPICS}
        totales = totalizar(proceso, solicitudes, await self._conteo.grupos(proceso), al, posiciones)
        if not totales.cuadra:
            metrics.DESCUADRES.labels(proceso).inc()
            log.error("totals_do_not_add_up", proceso=proceso, received=totales.cuenta.recibidos)
        metrics.RECIBIDOS.labels(proceso).set(totales.cuenta.recibidos)
        metrics.PAQUETES.labels(proceso, "abierto").set(totales.cuenta.abiertos)
        # Of what is destroyed by order nobody has to do anything about a quarantine any more.
        destruido = proceso in self.ver_actores().destrucciones
        metrics.PAQUETES.labels(proceso, "en_cuarentena").set(0 if destruido else totales.cuenta.en_cuarentena)
        metrics.PAQUETES.labels(proceso, "destruido").set(totales.cuenta.en_cuarentena if destruido else 0)
        metrics.PAQUETES.labels(proceso, "pendiente").set(totales.cuenta.pendientes)
        return totales

    async def medir(self, *, cada_s: float = 30.0) -> None:
        """Count every process every so often, for the metrics, whether anybody asks or not; until cancelled."""
        while True:
            for proceso in sorted(self.ver_actores().procesos):
                try:
                    await self.totales(proceso)
                except Unavailable as error:
                    log.warning("totals_not_measured", proceso=proceso, error=str(error))
            await asyncio.sleep(cada_s)
