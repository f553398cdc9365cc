"""Raw packages are deleted, all versions, a grace time after their record was opened (ARCHITECTURE, rule 7).

That a package was opened, and when, stands in the outbox with the event that says so: nothing more is written for each record
until its package goes. The object is deleted first and that noted afterwards, so a death in between repeats the deletion, which
changes nothing; two instances at once do the same.
"""

import asyncio
from datetime import timedelta

import structlog

from kernel.clock import Clock
from kernel.documents import Document
from kernel.errors import Unavailable
from kernel.objects import Objects
from kernel.outbox import Outbox
from schemas.eventos import RegistroDescifrado
from services.descifrado import metrics

log = structlog.get_logger()

POR_VUELTA = 200
A_LA_VEZ = 4
CADA_S = 60.0


class Retiro:
    """Deletes the packages of opened records. `gracia`: time from the opening to the deletion."""

    def __init__(self, outbox: Outbox, paquetes: Objects, clock: Clock, gracia: timedelta) -> None:
        self._outbox = outbox
        self._paquetes = paquetes
        self._clock = clock
        self._gracia = gracia

    async def siempre(self) -> None:
        """Delete what is due every so often, until cancelled. A store that does not answer is asked again later."""
        while True:
            try:
                while await self.vuelta() == POR_VUELTA:
                    pass
            except Unavailable as error:
                log.warning("packages_not_deleted", error=str(error))
            await asyncio.sleep(CADA_S)

    async def vuelta(self) -> int:
        """Delete the packages that are due, `POR_VUELTA` at most; how many events it settled. Raises Unavailable."""
        hasta = self._clock.now() - self._gracia
        # Whoever reads the topics must be able to learn that a record was opened before its package is gone.
        vencidos = [d for d in await self._outbox.unsettled(hasta, POR_VUELTA) if "pending" not in d]
        if vencidos:
            por_borrar = await self._abiertos(vencidos)
            turno = asyncio.Semaphore(A_LA_VEZ)

            async def borrar(objeto: str) -> None:
                async with turno:
                    await self._paquetes.delete(objeto)

            await asyncio.gather(*map(borrar, por_borrar))
            await self._outbox.settle([d["_id"] for d in vencidos])
            metrics.PACKAGES_DELETED.inc(len(por_borrar))
            log.info("packages_deleted", packages=len(por_borrar))
        metrics.PACKAGES_OVERDUE.set(await self._outbox.count_unsettled(hasta))
        return len(vencidos)

    async def _abiertos(self, vencidos: list[Document]) -> list[str]:
        """The packages of those events that are still the newest word about their record, and say that it was opened.

        If a later version says something else, the package is its concern: deleted with it when it was opened, kept in quarantine.
        """
        vigentes: dict[str, Document] = {}
        for escrito in await self._outbox.written([d["subject"] for d in vencidos]):
            vigente = vigentes.setdefault(escrito["subject"], escrito)
            if escrito["version"] > vigente["version"]:
                vigentes[escrito["subject"]] = escrito
        return [
            d["later"]
            for d in vencidos
            if vigentes[d["subject"]]["_id"] == d["_id"] and d["headers"]["ce_type"] == RegistroDescifrado.ce_type()
        ]
