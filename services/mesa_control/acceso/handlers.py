"""Accesses written before anything is opened, and the history of a record as the topics tell it."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import structlog

from kernel.clock import Clock
from kernel.dispatch import Context
from kernel.documents import Document, Documents, Keyed
from kernel.errors import Conflict
from kernel.outbox import Emitted, Outbox, Wanted
from kernel.together import Gathered
from schemas.actores import VerActores
from schemas.eventos import AccesoRegistrado, DestruccionOrdenada
from schemas.paquete import Parte
from schemas.tipos import proceso_de
from services.mesa_control import metrics
from services.mesa_control.acceso.domain import Paso, ampara, con, en_palabras, guardado
from services.mesa_control.domain import Rechazo

log = structlog.get_logger()

Via = Literal["asignacion", "folio", "imagen"]

RECIENTES = 5000
"""Accesses of this process kept in memory, so that the images that they cover need no read."""

A_LA_VEZ = 200
"""Documents of the collection of before that become events in one write."""


class Accesos:
    """Writes who is given what, before it is opened: what could not be written down is not shown (SPEC 7).

    One event for a record with its images; an image names the access that covers it, and only without one is written by itself.
    """

    def __init__(self, outbox: Outbox, clock: Clock, nuevo_id: Callable[[], str], vigencia: timedelta) -> None:
        """`nuevo_id`: 32 hexadecimal digits, never the same; `vigencia`: how long what was opened by its folio may be shown."""
        self._outbox = outbox
        self._clock = clock
        self._nuevo_id = nuevo_id
        self._vigencia = vigencia
        self._recientes: OrderedDict[str, AccesoRegistrado] = OrderedDict()
        self._escribir = Gathered(self._escribir_juntos)

    async def anotar(
        self, folio: str, quien: str, partes: Sequence[Parte], via: Via, hasta: datetime | None = None
    ) -> AccesoRegistrado:
        """Write that somebody is given those parts. `hasta`: of an assignment. Raises Unavailable: then nothing may be shown."""
        ahora = self._clock.now()
        if via == "folio":
            hasta = ahora + self._vigencia
        acceso = AccesoRegistrado(
            version=1,
            acceso=self._nuevo_id(),
            folio=folio,
            quien=quien,
            partes=list(partes),
            via=via,
            desde=ahora,
            hasta=hasta,
        )
        await self._escribir(acceso)
        self._recordar(acceso)
        self._contar(acceso, [p for p in partes if p is Parte.DATOS] or partes)
        return acceso

    async def imagen(self, folio: str, quien: str, parte: Parte, acceso: str | None) -> AccesoRegistrado:
        """An image is about to be shown: what covers it. `acceso`: the one that it was offered with. Raises Unavailable."""
        return await self.amparo(folio, quien, parte, acceso) or await self.anotar(folio, quien, [parte], "imagen")

    async def amparo(self, folio: str, quien: str, parte: Parte, acceso: str | None) -> AccesoRegistrado | None:
        """That access, if showing that part needs no other. Raises Unavailable."""
        dado = await self._buscar(folio, acceso) if acceso else None
        if dado is None or not ampara(dado, folio, parte, quien, self._clock.now()):
            return None
        self._contar(dado, [parte])
        return dado

    async def heredar(self, antiguos: Documents) -> None:
        """Turn what the collection of before held into events, and take it out of there. Raises Unavailable.

        Their ids follow from those of the documents: what a death interrupted is done again, and nothing is there twice.
        """
        heredados = 0
        while documentos := await antiguos.find({}, limit=A_LA_VEZ):
            await self._outbox.emit_many([Wanted(_anterior(d), d["_id"]) for d in documentos])
            await antiguos.remove([d["_id"] for d in documentos])
            heredados += len(documentos)
        if heredados:
            log.info("accesos_heredados", accesos=heredados)

    async def _buscar(self, folio: str, acceso: str) -> AccesoRegistrado | None:
        if (reciente := self._recientes.get(acceso)) is not None:
            return reciente
        stored = await self._outbox.get(AccesoRegistrado.topic, f"{folio}/{acceso}", 1)
        if stored is None:
            return None
        dado = AccesoRegistrado.model_validate_json(bytes(stored["value"]), extra="ignore")
        self._recordar(dado)
        return dado

    def _recordar(self, acceso: AccesoRegistrado) -> None:
        if acceso.hasta is not None:
            self._recientes[acceso.acceso] = acceso
            if len(self._recientes) > RECIENTES:
                self._recientes.popitem(last=False)

    def _contar(self, acceso: AccesoRegistrado, partes: Sequence[Parte]) -> None:
        for parte in partes:
            metrics.ACCESOS.labels(parte.value).inc()
        que = [p.value for p in partes]
        log.info("acceso", quien=acceso.quien, que=que, folio=acceso.folio, via=acceso.via, acceso=acceso.acceso)

    async def _escribir_juntos(self, accesos: Sequence[AccesoRegistrado]) -> list[None]:
        emitted = await self._outbox.emit_many([Wanted(a, a.acceso) for a in accesos])
        for outcome in emitted:
            if not isinstance(outcome, Emitted):
                raise outcome
        return [None] * len(accesos)


def _anterior(documento: Document) -> AccesoRegistrado:
    """An access of before: `que` is `datos` or `imagen:<part>`, `_id` a UUID."""
    return AccesoRegistrado(
        version=1,
        acceso=documento["_id"].replace("-", ""),
        folio=documento["folio"],
        quien=documento["quien"],
        partes=[Parte(documento["que"].removeprefix("imagen:"))],
        via="anterior",
        desde=documento["cuando"],
        hasta=None,
    )


# The history ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ProyectorDeHistoria:
    """Folds every event of a folio into its history. `primera_revision`: `kernel.rebuild` says why not 1."""

    historias: Keyed
    primera_revision: Callable[[], int] = lambda: 1

    async def hecho(self, evento: Any, context: Context) -> None:
        """Fold one event in. Raises Conflict when another process wrote the history meanwhile."""
        folio: str = evento.folio
        actual = await self.historias.get(folio)
        pasos = con(actual["pasos"] if actual else [], guardado(context.envelope))
        if pasos is None:
            return
        nuevo = {
            "_id": folio,
            "proceso": proceso_de(folio),
            "pasos": pasos,
            "revision": actual["revision"] + 1 if actual else self.primera_revision(),
        }
        stored = await (
            self.historias.replace(nuevo, actual["revision"]) if actual else self.historias.put_if_absent(nuevo)
        )
        if not stored:
            raise Conflict(f"the history of {folio} was written meanwhile")


@dataclass(frozen=True, slots=True)
class Historias:
    """Histories, for who asks."""

    historias: Documents
    ver_actores: VerActores

    async def de(self, folio: str) -> list[Paso]:
        """What became of a record, the oldest first; a moment behind the log. Raises Rechazo (`registro_desconocido`)."""
        documento = await self.historias.get(folio)
        if documento is None:
            raise Rechazo("registro_desconocido")
        propias = self.ver_actores().propias()
        return [en_palabras(p, propias) for p in documento["pasos"]]

    def destruccion(self, folio: str) -> DestruccionOrdenada | None:
        """The order by which the data of a record were destroyed."""
        return self.ver_actores().destrucciones.get(proceso_de(folio))
