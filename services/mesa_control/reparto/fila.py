"""The queue as people draw from it: the oldest free record of the lists that somebody may be given.

A search costs much more than a claim, which another's refuses: what one found is offered to the next ones for a moment, and
what this process has offered to somebody who is claiming it is not found again. And it never looks at more than it needs: some
engines read all that a query means before they sort it, so it asks only for what was received before a moment, which follows the
head of the list.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from kernel.documents import Document, Documents
from schemas.actores import VerActores
from services.mesa_control.reparto.domain import LIBRE, Repartos, en_lista, lista_de_turno, listas_para, mudado
from services.mesa_control.reparto.presencia import Presencia

NUNCA = datetime.fromtimestamp(0, UTC)

CANDIDATOS = 20
"""Records looked at in one search; somebody else may be taking the first ones at this moment."""
VIGENCIA = timedelta(seconds=1)
"""How long those that nobody took are offered to the next ones."""
PASO, PASO_MAXIMO = timedelta(minutes=1), timedelta(days=4)
"""By how much a search that found too little looks further, twice as much each time. What is nearer than the first step to now
is looked at at once."""


@dataclass
class Vista:
    """What is known of a list. `hasta`: where its search ends, unless too little is found. `una`: one search at a time.

    `agotada`: the last search found all that was free.
    """

    mirada: datetime = NUNCA
    libres: list[Document] = field(default_factory=list)
    hasta: datetime | None = None
    agotada: bool = False
    una: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True, slots=True)
class Fila:
    """Of this process. `vistas`: by process and list; `en_mano`: folios offered to somebody whose claim is not answered yet."""

    registros: Documents
    ver_actores: VerActores
    repartos: Repartos
    presencia: Presencia
    vistas: dict[tuple[str, str], Vista] = field(default_factory=dict)
    en_mano: set[str] = field(default_factory=set)

    async def siguiente(self, operador: str, proceso: str, ahora: datetime) -> Document | None:
        """The next one to claim for this person: of their own lists, else of those that are open to them. None: nothing is free.

        Nobody else gets it from this process until `resuelto` says that its claim was answered. Raises Unavailable.
        """
        vigentes = self.repartos.vigentes(proceso)
        listas = listas_para(operador, vigentes, await self.presencia.ausentes(operador, vigentes, ahora))
        for grupo in (listas.propias, listas.abiertas):
            while (vista := await self._con_la_mas_antigua(proceso, grupo, ahora)) is not None:
                documento = vista.libres.pop(0)
                lista = self.repartos.lista(documento) if vigentes else lista_de_turno(documento["turno"])
                suyo = {**documento, "turno": mudado(documento["turno"], lista)}
                if lista in listas:
                    self.en_mano.add(documento["_id"])
                    return suyo
                # Listed before the order came, and not moved yet.
                await self.registros.replace(
                    {**suyo, "revision": documento["revision"] + 1}, revision=documento["revision"]
                )
        return None

    def resuelto(self, folio: str) -> None:
        """What was offered has been claimed, or was another's: the projection says which."""
        self.en_mano.discard(folio)

    async def _con_la_mas_antigua(self, proceso: str, listas: Sequence[str], ahora: datetime) -> Vista | None:
        vistas = [await self._vista(proceso, lista, ahora) for lista in listas]
        return min(
            (vista for vista in vistas if vista.libres),
            key=lambda vista: str(vista.libres[0]["turno"].rsplit("/", 1)[1]),
            default=None,
        )

    async def _vista(self, proceso: str, lista: str, ahora: datetime) -> Vista:
        vista = self.vistas.setdefault((proceso, lista), Vista())
        async with vista.una:
            vieja = not timedelta() <= ahora - vista.mirada < VIGENCIA
            # Of what is everybody's, the next one is looked for at once; that a list of somebody's is empty is good for the moment.
            if vieja or not (vista.libres or (vista.agotada and lista != LIBRE)):
                vista.libres = await self._buscar(proceso, lista, vista, ahora)
                vista.agotada = len(vista.libres) < CANDIDATOS
                vista.mirada = ahora
        return vista

    async def _buscar(self, proceso: str, lista: str, vista: Vista, ahora: datetime) -> list[Document]:
        registrado = self.ver_actores().procesos.get(proceso)
        hasta, paso = vista.hasta or (registrado.inicio if registrado else ahora), PASO
        # Those whose claim is answered meanwhile, too: this search may still see them free.
        en_mano = frozenset(self.en_mano)
        while True:
            todo = hasta + PASO > ahora
            found = await self.registros.find(
                {
                    "turno": en_lista(proceso, lista, None if todo else hasta),
                    "asignado_hasta": {"$lte": ahora},
                },
                sort="turno",
                limit=CANDIDATOS + len(en_mano),
            )
            libres = [documento for documento in found if documento["_id"] not in en_mano]
            if len(libres) >= CANDIDATOS:
                primero, ultimo = found[0]["recibido_en"], found[-1]["recibido_en"]
                vista.hasta = ultimo + max(ultimo - primero, timedelta(seconds=1))
                return libres
            if todo:
                vista.hasta = ahora
                return libres
            hasta, paso = hasta + paso, min(2 * paso, PASO_MAXIMO)
