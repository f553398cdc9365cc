"""Counting over the projection: on MongoDB, and in memory for tests and simulation."""

from collections import Counter

from pymongo import IndexModel

from kernel.documents import Documents, MongoDocuments, mongo_errors
from services.resultados.domain import Grupo

INDEXES = [IndexModel([("proceso", 1)], name="proceso")]
"""Alone on a field that never changes: a scan of an index over `estado` could meet a folio twice, or never, while it moves."""


class MongoConteo:
    """`Conteo` by one aggregation."""

    def __init__(self, registros: MongoDocuments) -> None:
        self._collection = registros.collection

    async def grupos(self, proceso: str) -> list[Grupo]:
        """See `Conteo`."""
        with mongo_errors():
            cursor = await self._collection.aggregate(
                [
                    {"$match": {"proceso": proceso}},
                    {
                        "$group": {
                            "_id": {
                                "solicitud": "$solicitud",
                                "estado": "$estado",
                                "cuarentena": "$cuarentena",
                                "abierto": "$abierto",
                            },
                            "folios": {"$sum": 1},
                            "recibidos": {"$sum": {"$cond": ["$recibido", 1, 0]}},
                        }
                    },
                ],
                hint="proceso",
            )
            return [Grupo(**g["_id"], folios=g["folios"], recibidos=g["recibidos"]) for g in await cursor.to_list()]


class MemoryConteo:
    """`Conteo` over documents in memory."""

    def __init__(self, registros: Documents) -> None:
        self._registros = registros

    async def grupos(self, proceso: str) -> list[Grupo]:
        """See `Conteo`."""
        folios: Counter[tuple[str, str | None, bool, bool]] = Counter()
        recibidos: Counter[tuple[str, str | None, bool, bool]] = Counter()
        for d in await self._registros.find({"proceso": proceso}):
            grupo = (d["solicitud"], d["estado"], d["cuarentena"], d["abierto"])
            folios[grupo] += 1
            recibidos[grupo] += d["recibido"]
        return [Grupo(*grupo, folios=n, recibidos=recibidos[grupo]) for grupo, n in folios.items()]
