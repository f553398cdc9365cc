"""Fifty people on many records, some of whom leave in the middle: none is decided twice, and none is left (SPEC 7; P 13).

On the in-memory engine, which passes the contract suite of the real one: several processes of the service on one collection, each
with its own view of the queue. `tests/integration/test_operadores_a_la_vez.py` does the same with fewer on the real engine.
"""

import pytest

from kernel.documents import Document, MemoryDocuments
from kernel.outbox import UNIQUE
from tests.support.jornada import Jornada

pytestmark = pytest.mark.timeout(900)


async def test_con_cincuenta_personas_ningun_registro_se_decide_dos_veces_ni_queda_sin_decidir() -> None:
    jornada = Jornada(
        MemoryDocuments(indexed=("turno", "operador", "parecido_a")),
        MemoryDocuments(unique=UNIQUE),
        personas=50,
        cuantos=10_000,
        semilla=50,
    )
    await jornada.empieza()
    await jornada.trabaja()
    await jornada.comprueba()
    assert jornada.se_fueron > 0
    assert jornada.tarde > 0


class SinComparar(MemoryDocuments):
    """An engine whose compare-and-set does not compare."""

    async def replace(self, document: Document, revision: int) -> bool:
        current = await self.get(document["_id"])
        return current is not None and await super().replace(document, current["revision"])


async def test_un_motor_que_no_compara_lo_descubre_esta_prueba() -> None:
    registros = SinComparar(indexed=("turno", "operador", "parecido_a"))
    jornada = Jornada(registros, MemoryDocuments(), personas=20, cuantos=400, semilla=7)
    await jornada.empieza()
    await jornada.trabaja()
    with pytest.raises(AssertionError):
        await jornada.comprueba()
