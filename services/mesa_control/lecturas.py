"""Reads that every claim makes: of people who ask at the same moment, they are made together (`kernel.together`, ADR 12)."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from kernel.documents import Document, Documents
from kernel.together import Gathered
from schemas.eventos import MAX_FOLIOS_DE_ALERTA
from services.mesa_control.domain import PENDIENTE, en_cola


class Tomador(NamedTuple):
    """Who asks for what they have."""

    operador: str
    proceso: str
    ahora: datetime


class LecturasJuntas:
    """Of the projection."""

    def __init__(self, registros: Documents) -> None:
        self._registros = registros
        self.tomados = Gathered(self._tomados)
        """What somebody has, pending and not run out; the oldest first. Raises Unavailable."""
        self.parecidos = Gathered(self._parecidos)
        """Records whose alerts name that folio, `MAX_FOLIOS_DE_ALERTA` at most. Raises Unavailable."""

    async def _tomados(self, tomadores: Sequence[Tomador]) -> list[list[Document]]:
        found = await self._registros.find(
            {
                "operador": {"$in": sorted({t.operador for t in tomadores})},
                "cola": {"$in": sorted({en_cola(t.proceso, PENDIENTE) for t in tomadores})},
                "asignado_hasta": {"$gt": min(t.ahora for t in tomadores)},
            },
            sort="recibido_en",
        )
        return [
            [
                d
                for d in found
                if (d["operador"], d["proceso"]) == (t.operador, t.proceso) and d["asignado_hasta"] > t.ahora
            ]
            for t in tomadores
        ]

    async def _parecidos(self, folios: Sequence[str]) -> list[list[Document]]:
        limite = len(folios) * MAX_FOLIOS_DE_ALERTA
        found = await self._registros.find({"parecido_a": {"$in": sorted(set(folios))}}, limit=limite)
        if len(found) == limite and len(folios) > 1:  # one that many name would leave nothing for the others
            return [(await self._parecidos([folio]))[0] for folio in folios]
        return [[d for d in found if folio in d["parecido_a"]] for folio in folios]
