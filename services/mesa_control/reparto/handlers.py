"""Orders of who reviews what, how the queue stands, search by folio: load, decide, store, publish."""

import asyncio
import hashlib
import itertools
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any

import structlog

from kernel.clock import Clock
from kernel.documents import Document, Documents, Write
from kernel.errors import Unavailable
from kernel.outbox import Outbox
from schemas.actores import VerActores
from schemas.autorizacion import Accion, Rol
from schemas.eventos import RepartoOrdenado
from schemas.hora import CENTRO
from services.mesa_control import metrics
from services.mesa_control.domain import CUARENTENA, ESPERANDO, PENDIENTE, Rechazo, en_cola
from services.mesa_control.reparto.domain import (
    FINAL,
    LIBRE,
    Pedido,
    Repartos,
    consulta,
    en_lista,
    listas_de,
    mudado,
    ordenar,
    rangos,
    reasignar,
    retirar,
    turno,
)
from services.mesa_control.reparto.plazos import Termino, termino_de
from services.mesa_control.reparto.presencia import Presencia

log = structlog.get_logger()

_REGISTRO = re.compile(r"[0-9a-f]{4,20}")
HALLADOS = 20
"""Records that a search shows."""
_A_LA_VEZ = 500
"""Records moved from a list to another with one write."""
CADA_S = 2.0
"""How often somebody looks whether orders changed."""
REPASO = timedelta(minutes=1)
"""How often what stands in a list that ended is looked for although nothing changed."""
MEDICION_S = 30.0
"""How often the figures for alarms are counted."""
RITMO = timedelta(minutes=15)
"""Over how much time somebody's pace is measured."""
PAUSA = timedelta(minutes=2)
"""Who decided nothing for so long was not at it: it is no part of the pace."""


# Progress ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plazos:
    """How the queue of a process stands: the three add up to `pendientes`. `vence_primero`: of the oldest."""

    pendientes: int
    en_riesgo: int
    vencidos: int
    mas_antiguo: datetime | None
    vence_primero: datetime | None


@dataclass(frozen=True, slots=True)
class Persona:
    """Load and pace of somebody. `segundos`: per record, of the last `RITMO`; None: too few to say."""

    cuenta: str
    en_vigor: bool
    decididos_hoy: int
    segundos: float | None
    tomados: int
    ultima: datetime | None


@dataclass(frozen=True, slots=True)
class ParteEnCurso:
    """A part of an order, and how many of its records wait. `ausente`: nobody of it is there, and others get them."""

    cuentas: Sequence[str]
    porcentaje: int
    pendientes: int
    ausente: bool


@dataclass(frozen=True, slots=True)
class OrdenEnCurso:
    """An order in force."""

    orden: RepartoOrdenado
    ordenado_en: datetime
    partes: Sequence[ParteEnCurso]


@dataclass(frozen=True, slots=True)
class Tablero:
    """What a supervisor sees."""

    plazos: Plazos
    en_camino: int
    en_cuarentena: int
    decididos_hoy: int
    personas: Sequence[Persona]
    ordenes: Sequence[OrdenEnCurso]


@dataclass(frozen=True, slots=True)
class Hallado:
    """A record that a search found. `cola`: where it stands; `vence_en`: while it waits."""

    folio: str
    cola: str
    recibido_en: datetime | None
    vence_en: datetime | None
    decidido_por: str | None
    decidido_en: datetime | None


@dataclass
class Recuerdo:
    """Counts that took long are good for ten times as long; `una`: one asks the engine, the others wait."""

    una: asyncio.Lock = field(default_factory=asyncio.Lock)
    hasta: float = 0.0
    valor: Any = None

    async def dar(self, contar: Callable[[], Awaitable[Any]]) -> Any:
        """What `contar` gives, or gave a moment ago."""
        async with self.una:
            loop = asyncio.get_running_loop()
            if (empezado := loop.time()) >= self.hasta:
                self.valor = await contar()
                self.hasta = loop.time() + 10 * (loop.time() - empezado)
            return self.valor


@dataclass(frozen=True, slots=True)
class Panorama:
    """How the queue stands and who is at it. `riesgo`: how long before its end a term is at risk."""

    registros: Documents
    ver_actores: VerActores
    clock: Clock
    repartos: Repartos
    presencia: Presencia
    riesgo: timedelta
    recuerdos: dict[tuple[str, str], Recuerdo] = field(default_factory=dict)

    def termino(self, proceso: str) -> Termino | None:
        """The term of review in force."""
        return termino_de(self.ver_actores(), proceso)

    async def plazos(self, proceso: str) -> Plazos:
        """Pending, at risk and expired. Raises Unavailable."""
        plazos: Plazos = await self._recordado(proceso, "plazos", lambda: self._plazos(proceso))
        return plazos

    async def _plazos(self, proceso: str) -> Plazos:
        ahora, termino = self.clock.now(), self.termino(proceso)
        pendiente = {"cola": en_cola(proceso, PENDIENTE)}
        oldest = await self.registros.find(pendiente, sort="recibido_en", limit=1)
        mas_antiguo = oldest[0]["recibido_en"] if oldest else None
        vencidos = por_vencer = 0
        if termino is not None:
            por_vencer = await self._antes(pendiente, termino.recibido_antes_de(ahora + self.riesgo))
            vencidos = await self._antes(pendiente, termino.recibido_antes_de(ahora)) if por_vencer else 0
        return Plazos(
            pendientes=await self.registros.count(pendiente),
            en_riesgo=por_vencer - vencidos,
            vencidos=vencidos,
            mas_antiguo=mas_antiguo,
            vence_primero=termino.vence(mas_antiguo) if termino and mas_antiguo else None,
        )

    async def _antes(self, pendiente: Mapping[str, Any], momento: datetime) -> int:
        return await self.registros.count({**pendiente, "recibido_en": {"$lt": momento}})

    async def tablero(self, proceso: str) -> Tablero:
        """All that a supervisor sees of a process. Raises Unavailable."""
        tablero: Tablero = await self._recordado(proceso, "tablero", lambda: self._tablero(proceso))
        return tablero

    async def _tablero(self, proceso: str) -> Tablero:
        ahora = self.clock.now()
        vigentes = self.repartos.vigentes(proceso)
        ausentes = await self.presencia.ausentes("", vigentes, ahora)
        ordenes = []
        for orden in vigentes:
            partes = [
                ParteEnCurso(
                    cuentas=parte.cuentas,
                    porcentaje=parte.porcentaje,
                    pendientes=await self.registros.count({"turno": en_lista(proceso, lista)}),
                    ausente=orden.exclusivo and ausentes.issuperset(parte.cuentas),
                )
                for lista, parte in zip(listas_de(orden), orden.partes, strict=True)
            ]
            ordenes.append(OrdenEnCurso(orden, self.repartos.ordenado_en(orden), partes))
        personas = [await self._persona(cuenta, proceso, ahora) for cuenta in self._cuentas(proceso)]
        return Tablero(
            plazos=await self.plazos(proceso),
            en_camino=await self.registros.count({"cola": en_cola(proceso, ESPERANDO)}),
            en_cuarentena=await self.registros.count({"cola": en_cola(proceso, CUARENTENA)}),
            decididos_hoy=sum(persona.decididos_hoy for persona in personas),
            personas=[p for p in personas if p.en_vigor or p.decididos_hoy or p.tomados],
            ordenes=ordenes,
        )

    def operadores(self, proceso: str) -> list[str]:
        """Accounts that may review records of the process now."""
        ahora = self.clock.now()
        return [c for c in self._cuentas(proceso) if self.presencia.puede_revisar(c, proceso, ahora)]

    def _cuentas(self, proceso: str) -> list[str]:
        """Of operators who may review in the process, or might while their account was in force."""
        actores = self.ver_actores()
        lugar = actores.lugar(proceso=proceso)
        return sorted(
            cuenta.cuenta
            for cuenta in actores.cuentas.values()
            if cuenta.rol is Rol.OPERADOR and actores.puede(cuenta, Accion.REVISAR_REGISTRO, lugar)
        )

    async def _persona(self, cuenta: str, proceso: str, ahora: datetime) -> Persona:
        local = ahora.astimezone(CENTRO)
        midnight = datetime.combine(local.date(), time.min, CENTRO).astimezone(UTC)
        suyos = {"decidido_por": cuenta, "proceso": proceso}
        recientes = await self.registros.find({**suyos, "decidido_en": {"$gt": ahora - RITMO}}, sort="decidido_en")
        tomados = {"operador": cuenta, "cola": en_cola(proceso, PENDIENTE), "asignado_hasta": {"$gt": ahora}}
        return Persona(
            cuenta=cuenta,
            en_vigor=self.presencia.puede_revisar(cuenta, proceso, ahora),
            decididos_hoy=await self.registros.count({**suyos, "decidido_en": {"$gte": midnight}}),
            segundos=_segundos([d["decidido_en"] for d in recientes]),
            tomados=await self.registros.count(tomados),
            ultima=recientes[-1]["decidido_en"] if recientes else None,
        )

    async def _recordado(self, proceso: str, que: str, contar: Callable[[], Awaitable[Any]]) -> Any:
        return await self.recuerdos.setdefault((proceso, que), Recuerdo()).dar(contar)

    async def medir_siempre(self) -> None:
        """Keep the figures for alarms (`metrics.PENDIENTES`, `metrics.VENCE_PRIMERO`), until cancelled."""
        while True:
            try:
                await self.medir()
            except Unavailable as error:
                log.warning("plazos_not_counted", error=str(error))
            await asyncio.sleep(MEDICION_S)

    async def medir(self) -> None:
        """Count the queue of every process in which somebody can still review. Raises Unavailable."""
        actores = self.ver_actores()
        plazos = [await self.plazos(proceso) for proceso in sorted(actores.procesos.keys() - actores.destrucciones)]
        vencidos, en_riesgo = sum(p.vencidos for p in plazos), sum(p.en_riesgo for p in plazos)
        metrics.PENDIENTES.labels("vencido").set(vencidos)
        metrics.PENDIENTES.labels("en_riesgo").set(en_riesgo)
        metrics.PENDIENTES.labels("en_plazo").set(sum(p.pendientes for p in plazos) - vencidos - en_riesgo)


def _segundos(decididos: Sequence[datetime]) -> float | None:
    """The median time from one decision to the next, without pauses; None when there are fewer than two."""
    tiempos = sorted(
        (despues - antes).total_seconds() for antes, despues in itertools.pairwise(decididos) if despues - antes < PAUSA
    )
    return tiempos[len(tiempos) // 2] if tiempos else None


# Search ------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Busqueda:
    """Of records by folio."""

    registros: Documents
    panorama: Panorama

    async def por_folio(self, proceso: str, texto: str) -> list[Hallado]:
        """Records of the process whose folio begins with that text, or whose last part begins or ends with it; `HALLADOS` at most.

        Nothing is opened. Raises Unavailable.
        """
        buscado = _folio("".join(texto.replace("…", "").split()))
        if buscado.startswith(f"{proceso}-"):
            found = await self._que_empieza("_id", proceso, buscado)
        elif _REGISTRO.fullmatch(buscado.lower()):
            registro = buscado.lower()
            final = {"proceso": proceso, "final": registro[-FINAL:]}
            found = [
                *await self._que_empieza("registro", proceso, registro),
                *(d for d in await self.registros.find(final, limit=HALLADOS) if d["_id"].endswith(registro)),
            ]
        else:
            found = []
        return [self._hallado(documento) for documento in {d["_id"]: d for d in found}.values()][:HALLADOS]

    async def _que_empieza(self, campo: str, proceso: str, con: str) -> list[Document]:
        # "~" is after every character of a folio.
        entre = {campo: {"$gte": con, "$lt": f"{con}~"}, "proceso": proceso}
        return await self.registros.find(entre, sort=campo, limit=HALLADOS)

    def _hallado(self, documento: Document) -> Hallado:
        termino = self.panorama.termino(documento["proceso"])
        cola = documento["cola"].split("/", 1)[1]
        recibido_en = documento["recibido_en"]
        espera = cola != "decidido" and termino is not None and recibido_en is not None
        return Hallado(
            folio=documento["_id"],
            cola=cola,
            recibido_en=recibido_en,
            vence_en=termino.vence(recibido_en) if termino and espera else None,
            decidido_por=documento["decidido_por"],
            decidido_en=documento["decidido_en"],
        )


def _folio(texto: str) -> str:
    """A folio as it is written: process, solicitud and auxiliar in capitals, device and record in small letters."""
    partes = texto.split("-")
    return "-".join([*(parte.upper() for parte in partes[:3]), *(parte.lower() for parte in partes[3:])])


# Orders ------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reparto:
    """Orders, as supervisors make, change and end them."""

    outbox: Outbox
    clock: Clock
    repartos: Repartos
    presencia: Presencia

    async def ordenar(self, proceso: str, pedido: Pedido, por: str, causa: str) -> RepartoOrdenado:
        """Make an order. `causa`: its idempotency key, from which it has its id.

        Raises Rechazo (`sin_personas`, `persona_no_revisa`, `porcentaje_invalido`, `llave_reutilizada`), Conflict, Unavailable.
        """
        reparto = hashlib.sha256(causa.encode()).hexdigest()[:12]
        return await self._emitir(ordenar(proceso, reparto, pedido, por, self._ahora(proceso, pedido.cuentas)), causa)

    async def reasignar(
        self, proceso: str, reparto: str, version: int, pedido: Pedido, por: str, causa: str
    ) -> RepartoOrdenado:
        """Give the parts of an order to others. `version`: what was on the screen.

        Raises Rechazo (those of `ordenar`, and `reparto_desconocido`, `reparto_modificado`, `reparto_terminado`).
        """
        orden = self._ver(proceso, reparto)
        ahora = self._ahora(proceso, pedido.cuentas)
        return await self._emitir(reasignar(orden, version, pedido, por, ahora), causa)

    async def retirar(
        self, proceso: str, reparto: str, version: int, fin: str, por: str, causa: str
    ) -> RepartoOrdenado:
        """End an order: what is left of it goes back to the queue. Raises Rechazo, as above."""
        return await self._emitir(retirar(self._ver(proceso, reparto), version, fin, por, self.clock.now()), causa)

    def historia(self, proceso: str, reparto: str) -> list[RepartoOrdenado]:
        """Every version of an order. Raises Rechazo (`reparto_desconocido`)."""
        self._ver(proceso, reparto)
        return list(self.repartos.historia[proceso][reparto])

    def desde(self, orden: RepartoOrdenado) -> datetime:
        """When an order was first given."""
        return self.repartos.ordenado_en(orden)

    def terminados(self, proceso: str) -> list[RepartoOrdenado]:
        """Orders that ended, the newest end first."""
        return self.repartos.terminados(proceso)

    def _ver(self, proceso: str, reparto: str) -> RepartoOrdenado:
        if (orden := self.repartos.de(proceso, reparto)) is None:
            raise Rechazo("reparto_desconocido")
        return orden

    def _ahora(self, proceso: str, cuentas: Sequence[str]) -> datetime:
        ahora = self.clock.now()
        for cuenta in cuentas:
            if not self.presencia.puede_revisar(cuenta, proceso, ahora):
                raise Rechazo("persona_no_revisa", cuenta=cuenta)
        return ahora

    async def _emitir(self, evento: RepartoOrdenado, causa: str) -> RepartoOrdenado:
        stored = (await self.outbox.emit_or_taken(evento, cause=causa)).stored
        escrito = RepartoOrdenado.model_validate_json(bytes(stored["value"]), extra="ignore")
        self.repartos.aplicar(escrito, 0)
        if stored["headers"]["ce_causa"] != causa:
            raise Rechazo("reparto_modificado", por=escrito.por, ordenado_en=escrito.ordenado_en.isoformat())
        if escrito != evento.model_copy(update={"ordenado_en": escrito.ordenado_en}):
            raise Rechazo("llave_reutilizada")
        log.info(
            "reparto_ordenado", proceso=evento.proceso, reparto=evento.reparto, version=evento.version, por=evento.por
        )
        return escrito


@dataclass(frozen=True, slots=True)
class Supervision:
    """What the pages and the API of this part ask."""

    panorama: Panorama
    reparto: Reparto
    busqueda: Busqueda


@dataclass(frozen=True, slots=True)
class Repartidor:
    """Moves pending records to the list in which the orders in force put them, behind whoever claims them meanwhile.

    What was not moved yet is told when it is claimed (`Fila`): this only saves others from meeting it.
    """

    registros: Documents
    repartos: Repartos
    clock: Clock
    ver_actores: VerActores

    async def siempre(self) -> None:
        """Move what changed orders mean, until cancelled."""
        visto, repasado = -1, None
        while True:
            cambios, ahora = self.repartos.cambios, self.clock.now()
            try:
                if visto == -1:
                    await self.alistar()
                if cambios != visto or repasado is None or ahora - repasado >= REPASO:
                    for proceso in sorted(self.repartos.ordenes):
                        await self.repasar(proceso, enteras=cambios != visto)
                    visto, repasado = cambios, ahora
            except Unavailable as error:
                log.warning("reparto_not_moved", error=str(error))
            await asyncio.sleep(CADA_S)

    async def alistar(self) -> int:
        """Put into the queue what an earlier release left pending without a turn; how many."""
        puestos = 0
        for proceso in sorted(self.ver_actores().procesos):
            puestos += await self._mover({"cola": en_cola(proceso, PENDIENTE), "turno": None})
        return puestos

    async def repasar(self, proceso: str, *, enteras: bool = True) -> int:
        """Move what stands in the list of an order that ended; `enteras`: and what newer orders mean; how many."""
        movidos = 0
        for orden in self.repartos.terminados(proceso):
            for lista in listas_de(orden):
                movidos += await self._mover({"turno": en_lista(proceso, lista)})
        vigentes = self.repartos.vigentes(proceso) if enteras else []
        for n, orden in enumerate(vigentes):
            menores = [LIBRE, *(lista for otra in vigentes[n + 1 :] for lista in listas_de(otra))]
            for desde, hasta in rangos(orden):
                for menor in menores:
                    movidos += await self._mover(
                        {
                            **consulta(orden),
                            "turno": en_lista(proceso, menor),
                            "cubeta": {"$gte": desde, "$lt": hasta},
                        }
                    )
        return movidos

    async def _mover(self, query: Mapping[str, Any]) -> int:
        movidos = 0
        while found := await self.registros.find(query, limit=_A_LA_VEZ):
            writes = []
            for documento in found:
                lista = self.repartos.lista(documento)
                en_turno = (
                    mudado(documento["turno"], lista)
                    if documento.get("turno")
                    else turno(documento["proceso"], lista, documento["recibido_en"])
                )
                if en_turno != documento.get("turno"):
                    writes.append(
                        Write(
                            {**documento, "turno": en_turno, "revision": documento["revision"] + 1},
                            documento["revision"],
                        )
                    )
            # Whoever changed one meanwhile is left alone; the next round finds it, if it still stands there.
            escritos = len(writes) - len(await self.registros.write(writes)) if writes else 0
            movidos += escritos
            if not escritos:
                break
        return movidos
