"""An order to destroy what a process holds is carried out, page by page, and stays carried out (SPEC 11, ADR 37).

How far it is stands in the topic `destruido`, of which each process knows the newest version before it works: whoever dies leaves
the order at its last page, and the next one goes on from there. Every step may be done twice, and two instances may do it at once.

What was destroyed may come back: from a backup, or from a process that was frozen while it opened a record. So an order is never
done with: at each start, and every so often, it is looked whether anything of its process is there; if so all is destroyed again.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable

import structlog

from kernel.clock import Clock
from kernel.documents import Documents
from kernel.errors import Conflict, Unavailable
from kernel.objects import Objects
from kernel.outbox import Outbox
from kernel.sealing import KeyRing
from schemas import expediente
from schemas.envelope import Evento, keep_newest
from schemas.eventos import DestruccionOrdenada, ExpedientesDestruidos, RegistroDescifrado
from services.descifrado import metrics

log = structlog.get_logger()

POR_PAGINA = 1000
A_LA_VEZ = 8
CADA_S = 60.0

TOPIC = RegistroDescifrado.topic
"""Of what this service said of each record."""


class Destrucciones:
    """Carries orders out. `llaves`: of expedientes; `procesos`: this service's own of processes, by which `huellas` are kept.

    `olvidar`: a process's key, out of this process's memory.
    """

    def __init__(
        self,
        outbox: Outbox,
        paquetes: Objects,
        expedientes: Objects,
        llaves: KeyRing,
        procesos: KeyRing,
        huellas: Documents,
        clock: Clock,
        olvidar: Callable[[str], None],
    ) -> None:
        self._outbox = outbox
        self._paquetes = paquetes
        self._expedientes = expedientes
        self._llaves = llaves
        self._procesos = procesos
        self._huellas = huellas
        self._clock = clock
        self._olvidar = olvidar
        self._ordenes: dict[str, DestruccionOrdenada] = {}
        self._avances: dict[str, ExpedientesDestruidos] = {}
        self._llego = asyncio.Event()

    def ordenada(self, proceso: str) -> bool:
        """Whether what that process holds is to be destroyed: nothing of it is opened any more."""
        return proceso in self._ordenes

    def aplicar(self, evento: Evento, offset: int) -> None:
        """Fold an event of `actores` or `destruido` in. Others than the two that it knows are passed over."""
        match evento:
            case DestruccionOrdenada():
                self._ordenes[evento.proceso] = evento
                self._olvidar(evento.proceso)
                self._llego.set()
            case ExpedientesDestruidos():
                keep_newest(self._avances, evento.proceso, evento)
            case _:
                pass

    async def siempre(self) -> None:
        """Carry orders out, and see to it that they stay so, until cancelled. Engines that do not answer are asked again later."""
        while True:
            self._llego.clear()
            try:
                while await self.vuelta():
                    pass
            except (Unavailable, Conflict) as error:
                log.warning("destruction_postponed", error=str(error))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CADA_S):
                    await self._llego.wait()

    async def vuelta(self) -> bool:
        """One page of each order that is not carried out; whether there was any. Raises Conflict, Unavailable."""
        pasos = [await self._paso(proceso) for proceso in sorted(self._ordenes)]
        metrics.DESTRUCTIONS_PENDING.set(len(self._ordenes) - sum(a.terminada for a in self._avances.values()))
        return any(pasos)

    async def _paso(self, proceso: str) -> bool:
        previo = self._avances.get(proceso)
        if previo is None:
            return await self._empezar(proceso, None)
        if previo.terminada:
            if not (queda := await self._queda(previo)):
                return False
            return await self._otra_vez(previo, queda)
        escritos = await self._outbox.about(TOPIC, f"{proceso}-", previo.hasta or "", POR_PAGINA)
        if not escritos:
            await self._lo_demas(proceso)
            return await self._seguir(previo, previo.registros, previo.hasta, terminada=True)
        folios = list(dict.fromkeys(d["subject"] for d in escritos))
        await self._llaves.destroy_many([expediente.id_de_llave(folio) for folio in folios])
        await self._huellas.remove(folios)
        abiertos = (d for d in escritos if d["headers"]["ce_type"] == RegistroDescifrado.ce_type())
        objetos = {RegistroDescifrado.model_validate_json(bytes(d["value"]), extra="ignore").objeto for d in abiertos}
        await self._borrar(self._expedientes, objetos)
        return await self._seguir(previo, previo.registros + len(folios), folios[-1])

    async def _lo_demas(self, proceso: str) -> None:
        """What no event names, and what is not of one record: packages, orphans and their keys, hashes, the process's key."""
        await self._procesos.destroy_many([proceso])
        while sueltas := await self._huellas.find(_de(proceso), limit=POR_PAGINA):
            await self._huellas.remove([d["_id"] for d in sueltas])
        for cubo in (self._paquetes, self._expedientes):
            pagina: list[str] = []
            async for nombre in cubo.names(f"{proceso}/"):
                pagina.append(nombre)
                if len(pagina) == POR_PAGINA:
                    await self._sueltos(cubo, pagina)
                    pagina = []
            await self._sueltos(cubo, pagina)

    async def _sueltos(self, cubo: Objects, nombres: list[str]) -> None:
        if nombres and cubo is self._expedientes:
            await self._llaves.destroy_many(sorted({nombre.split("/")[1] for nombre in nombres}))
        await self._borrar(cubo, nombres)

    async def _borrar(self, cubo: Objects, nombres: Iterable[str]) -> None:
        turno = asyncio.Semaphore(A_LA_VEZ)

        async def uno(nombre: str) -> None:
            async with turno:
                await cubo.delete(nombre)

        await asyncio.gather(*map(uno, sorted(nombres)))

    async def _queda(self, dicho: ExpedientesDestruidos) -> str:
        """What is there of a process whose order was carried out; empty when nothing is. Raises Unavailable."""
        proceso = dicho.proceso

        async def hay_objetos(cubo: Objects) -> bool:
            async for _ in cubo.names(f"{proceso}/"):
                return True
            return False

        hay = {
            "wraps": not await self._llaves.is_destroyed(_marca(dicho)),
            "process key": not await self._procesos.is_destroyed(proceso),
            "hashes": bool(await self._huellas.find(_de(proceso), limit=1)),
            "packages": await hay_objetos(self._paquetes),
            "expedientes": await hay_objetos(self._expedientes),
        }
        return ", ".join(que for que, esta in hay.items() if esta)

    async def _otra_vez(self, previo: ExpedientesDestruidos, que: str) -> bool:
        log.error("destroyed_came_back", process=previo.proceso, what=que)
        return await self._empezar(previo.proceso, previo)

    async def _empezar(self, proceso: str, previo: ExpedientesDestruidos | None) -> bool:
        """Said before anything is gone: who misses an object can know why."""
        total = await self._outbox.count_about(TOPIC, f"{proceso}-")
        avance = self._avance(proceso, previo, 0, total, None)
        await self._llaves.destroy_many([_marca(avance)])
        return await self._decir(avance)

    async def _seguir(
        self, previo: ExpedientesDestruidos, registros: int, hasta: str | None, *, terminada: bool = False
    ) -> bool:
        """Say that so many are gone, up to that one; or that it begins again, if their wraps came back meanwhile."""
        total = max(previo.total, registros)
        avance = self._avance(previo.proceso, previo, registros, total, hasta, terminada=terminada)
        # First this mark and then a look at the one before: a backup that took the place of the wraps lacks one of them.
        await self._llaves.destroy_many([_marca(avance)])
        if not await self._llaves.is_destroyed(_marca(previo)):
            return await self._otra_vez(previo, "wraps")
        return await self._decir(avance)

    def _avance(
        self,
        proceso: str,
        previo: ExpedientesDestruidos | None,
        registros: int,
        total: int,
        hasta: str | None,
        *,
        terminada: bool = False,
    ) -> ExpedientesDestruidos:
        return ExpedientesDestruidos(
            version=previo.version + 1 if previo else 1,
            proceso=proceso,
            registros=registros,
            total=total,
            hasta=hasta,
            terminada=terminada,
            al=self._clock.now(),
        )

    async def _decir(self, avance: ExpedientesDestruidos) -> bool:
        cause = f"{avance.proceso}/{self._ordenes[avance.proceso].version}/{avance.version}"
        emitted = await self._outbox.emit_or_taken(avance, cause=cause)
        # Another instance may have been first: how far it was is how far it is.
        dicho = ExpedientesDestruidos.model_validate_json(bytes(emitted.stored["value"]), extra="ignore")
        self.aplicar(dicho, 0)
        log.info(
            "destruction_advanced",
            process=dicho.proceso,
            records=dicho.registros,
            of=dicho.total,
            done=dicho.terminada,
        )
        return True


def _de(proceso: str) -> dict[str, dict[str, str]]:
    return {"_id": {"$gt": f"{proceso}-", "$lt": f"{proceso}."}}


def _marca(dicho: ExpedientesDestruidos) -> str:
    """Id of a key that nobody has, destroyed once what is said is true: a backup of the wraps that has it has none of those gone by
    then. Of each try its own: two instances may say the same version, and one of them be late."""
    return f"destruccion-{dicho.proceso}-{dicho.version}-{dicho.al:%Y%m%dT%H%M%S.%f}"
