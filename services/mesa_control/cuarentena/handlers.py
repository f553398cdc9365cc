"""The quarantine as the projection has it, and retries: load, decide, store, publish."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import structlog

from kernel.clock import Clock
from kernel.documents import Document, Documents
from kernel.errors import Conflict
from kernel.outbox import Emitted, Outbox, VersionTaken, Wanted
from schemas.ciclo_de_vida import de_documento
from schemas.eventos import RegistroDescifrado, RegistroEnCuarentena, ReintentoSolicitado
from services.mesa_control import metrics
from services.mesa_control.cuarentena.domain import LLAVE_DESCONOCIDA, MOTIVOS, Filtro, reintento
from services.mesa_control.domain import CUARENTENA, Rechazo, en_cola
from services.mesa_control.handlers import INTENTOS, Proyector

log = structlog.get_logger()

A_LA_VISTA = 200
"""Records that a list shows."""
POR_ORDEN = 500
"""Records that one order retries at most; the rest take another."""
RECIENTE = timedelta(hours=24)
"""For how long what became of a retry is shown."""


@dataclass(frozen=True, slots=True)
class Grupo:
    """Records of one reason. `en_espera`: how many of them have been retried, and nothing came of it yet."""

    motivo: str
    registros: int
    en_espera: int


@dataclass(frozen=True, slots=True)
class Apartado:
    """A record that is or was in quarantine. `version`: of the fact in force; `reintentos`: how often it was retried."""

    folio: str
    proceso: str
    solicitud: str
    motivo: str
    detalle: str
    version: int
    recibido_en: datetime
    reintentos: int
    reintentado_por: str | None
    reintentado_en: datetime | None
    situacion: Literal["en_cuarentena", "en_espera", "abierto"]


@dataclass(frozen=True, slots=True)
class Avance:
    """What came of the retries of the last `RECIENTE`: each record by its newest one."""

    en_espera: int
    abiertos: int
    otra_vez_en_cuarentena: int

    @property
    def total(self) -> int:
        """Records retried."""
        return self.en_espera + self.abiertos + self.otra_vez_en_cuarentena


@dataclass(frozen=True, slots=True)
class Hecho:
    """What an order did. `solicitados`: records that it retries; `ya_solicitados`: somebody else was first; `quedan`: those that
    it meant and that need another order."""

    solicitados: int
    ya_solicitados: int
    quedan: int


@dataclass(frozen=True, slots=True)
class Cuarentena:
    """Of packages. `registros`: the projection of Mesa de Control."""

    registros: Documents
    outbox: Outbox
    clock: Clock
    proyector: Proyector

    async def grupos(self, proceso: str, filtro: Filtro) -> list[Grupo]:
        """How many there are for each reason, most first. The filter's reason does not restrict: the others stay to be chosen."""
        resto = _consulta(proceso, Filtro(llave=filtro.llave, desde=filtro.desde, hasta=filtro.hasta))
        motivos = [LLAVE_DESCONOCIDA] if filtro.llave is not None else [*MOTIVOS]
        contados = await asyncio.gather(
            *(self.registros.count({**resto, "motivo": m}) for m in motivos),
            *(self.registros.count({**resto, "motivo": m, "reintentando": True}) for m in motivos),
        )
        grupos = [Grupo(m, contados[n], contados[len(motivos) + n]) for n, m in enumerate(motivos)]
        return sorted((g for g in grupos if g.registros), key=lambda g: (-g.registros, g.motivo))

    async def lista(self, proceso: str, filtro: Filtro) -> list[Apartado]:
        """The oldest that the filter means, `A_LA_VISTA` at most."""
        found = await self.registros.find(_consulta(proceso, filtro), sort="recibido_en", limit=A_LA_VISTA)
        return [_apartado(documento) for documento in found]

    async def contar(self, proceso: str, filtro: Filtro) -> int:
        """How many an order with that filter would retry, without its limit."""
        return await self.registros.count(_por_reintentar(proceso, filtro))

    async def ver(self, folio: str) -> Apartado:
        """A record that is in quarantine, or was. Raises Rechazo (`registro_desconocido`, `sin_cuarentena`)."""
        documento = await self.registros.get(folio)
        if documento is None:
            raise Rechazo("registro_desconocido")
        if documento["motivo"] is None and documento["reintento"] is None:
            raise Rechazo("sin_cuarentena")
        return _apartado(documento)

    async def avance(self, proceso: str) -> Avance:
        """How the retries of the last `RECIENTE` go."""
        lately = {"proceso": proceso, "reintentado_en": {"$gte": self.clock.now() - RECIENTE}}
        todos, esperan, apartados = await asyncio.gather(
            self.registros.count(lately),
            self.registros.count({**lately, "reintentando": True}),
            self.registros.count({**lately, "reintentando": False, "cola": en_cola(proceso, CUARENTENA)}),
        )
        return Avance(esperan, max(0, todos - esperan - apartados), apartados)

    async def reintentar(self, proceso: str, filtro: Filtro, por: str, causa: str) -> Hecho:
        """Retry what the filter means, `POR_ORDEN` at most, the oldest first. `causa`: the idempotency key of the order.

        The same order again does what is left of it and retries no record twice. Raises Rechazo (`nada_que_reintentar`), Conflict,
        Unavailable.
        """
        found = await self.registros.find(_por_reintentar(proceso, filtro), sort="recibido_en", limit=POR_ORDEN)
        ahora = self.clock.now()
        wanted = [
            Wanted(reintento(recibido, cuarentena, por, ahora), causa, correlation=_de(causa))
            for recibido, cuarentena in ((c.recibido, c.descifrado) for c in map(de_documento, found))
            if recibido is not None and isinstance(cuarentena, RegistroEnCuarentena)
        ]
        emitted = await self.outbox.emit_many(wanted)
        stored = [e.stored for e in emitted if isinstance(e, Emitted | VersionTaken)]
        await asyncio.gather(*map(self._registrar, map(_evento, stored)))
        solicitados = len(await self.outbox.correlated(_de(causa)))
        ajenos = sum(isinstance(e, VersionTaken) for e in emitted)
        if not solicitados and not ajenos:
            raise Rechazo("nada_que_reintentar")
        nuevos = sum(isinstance(e, Emitted) and e.new for e in emitted)
        metrics.REINTENTOS.inc(nuevos)
        log.info("reintentos_solicitados", proceso=proceso, por=por, registros=nuevos)
        return Hecho(solicitados, ajenos, await self.contar(proceso, filtro))

    async def _registrar(self, evento: ReintentoSolicitado) -> None:
        """Fold an own retry in at once, so that the page that asked for it shows it."""
        for _ in range(INTENTOS):
            try:
                await self.proyector.doblar_reintento(evento, await self.registros.get(evento.folio))
            except Conflict:
                continue
            return
        raise Conflict(f"{evento.folio} keeps being written")


def _consulta(proceso: str, filtro: Filtro) -> dict[str, Any]:
    consulta: dict[str, Any] = {"cola": en_cola(proceso, CUARENTENA)}
    if filtro.motivo is not None:
        consulta["motivo"] = filtro.motivo
    if filtro.llave is not None:
        consulta |= {"motivo": LLAVE_DESCONOCIDA, "detalle": filtro.llave}
    recibido: Mapping[str, datetime | None] = {"$gte": filtro.desde, "$lt": filtro.hasta}
    if limites := {operador: momento for operador, momento in recibido.items() if momento is not None}:
        consulta["recibido_en"] = limites
    if filtro.folios is not None:
        consulta["_id"] = {"$in": list(filtro.folios)}
    return consulta


def _por_reintentar(proceso: str, filtro: Filtro) -> dict[str, Any]:
    consulta = _consulta(proceso, filtro) | {"reintentando": False, "recibido": True}
    if filtro.motivo is None and filtro.llave is None:
        consulta["motivo"] = {"$in": [clave for clave, m in MOTIVOS.items() if not m.definitivo]}
    elif (m := MOTIVOS.get(consulta["motivo"])) is not None and m.definitivo:
        consulta["motivo"] = {"$in": []}
    return consulta


def _apartado(documento: Document) -> Apartado:
    fact = de_documento(documento).descifrado
    abierto = isinstance(fact, RegistroDescifrado)
    return Apartado(
        folio=documento["_id"],
        proceso=documento["proceso"],
        solicitud=documento["solicitud"],
        motivo=documento["motivo"] or "",
        detalle=documento["detalle"] or "",
        version=fact.version if fact else 1,
        recibido_en=documento["recibido_en"],
        reintentos=documento["reintento"]["version"] if documento["reintento"] else 0,
        reintentado_por=documento["reintento"]["por"] if documento["reintento"] else None,
        reintentado_en=documento["reintentado_en"],
        situacion="en_espera" if documento["reintentando"] else "abierto" if abierto else "en_cuarentena",
    )


def _de(causa: str) -> str:
    return f"reintento {causa}"


def _evento(stored: Document) -> ReintentoSolicitado:
    return ReintentoSolicitado.model_validate_json(bytes(stored["value"]), extra="ignore")
