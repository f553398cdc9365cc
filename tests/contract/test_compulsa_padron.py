"""One contract for what inserts lines of the roll: on MongoDB's protocol, and in the memory that the unit tests load cuts into."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from kernel import documents
from kernel.documents import Document, Documents, Kind, MongoDocuments
from services.compulsa.adapters import INDICES_PADRON, RenglonesMongo
from services.compulsa.padron import Insertar
from tests.unit.test_compulsa_padron import Tienda

Roll = tuple[Insertar, Documents]


@asynccontextmanager
async def _empty(uri: str) -> AsyncIterator[MongoDocuments]:
    """An empty roll on MongoDB's protocol."""
    client = documents.connect(uri)
    name = f"prueba_{uuid.uuid4().hex[:12]}"
    lines = MongoDocuments(client[name], "padron", Kind.PRIMARY, INDICES_PADRON)
    await lines.prepare()
    yield lines
    await client.drop_database(name)
    await client.close()


@pytest.fixture(params=["memory", "mongo", pytest.param("native", marks=pytest.mark.native)])
def uri(request: pytest.FixtureRequest) -> str | None:
    """Address of the engine under test; None: in memory."""
    return None if request.param == "memory" else request.getfixturevalue(f"{request.param}_uri")


@pytest.fixture
async def roll(uri: str | None) -> AsyncIterator[Roll]:
    """What inserts, and the documents that it inserts into."""
    if uri is None:
        tienda = Tienda()
        yield tienda.insertar, tienda.renglones
        return
    async with _empty(uri) as lines:
        yield RenglonesMongo(lines).insertar, lines


def _line(number: int, id_: str) -> Document:
    return {"_id": id_, "corte": "2026-10-31", "linea": number, "cic": id_.encode()}


async def test_los_renglones_insertados_se_encuentran_por_sus_huellas(roll: Roll) -> None:
    insertar, lines = roll
    assert await insertar([_line(2, "a"), _line(3, "b")]) == []
    assert await lines.find({"corte": "2026-10-31", "cic": b"b"}) == [_line(3, "b")]


async def test_repetir_los_mismos_renglones_no_rechaza_ninguno_ni_pierde_los_nuevos(roll: Roll) -> None:
    insertar, lines = roll
    await insertar([_line(2, "a"), _line(3, "b")])
    assert await insertar([_line(2, "a"), _line(3, "b"), _line(4, "c")]) == []
    assert await lines.count({"corte": "2026-10-31"}) == 3


async def test_otro_renglon_con_el_mismo_id_se_rechaza_por_su_linea_y_queda_el_primero(roll: Roll) -> None:
    insertar, lines = roll
    await insertar([_line(2, "a")])
    assert await insertar([_line(3, "b"), _line(4, "a"), _line(5, "c"), _line(6, "c")]) == [4, 6]
    assert await lines.get("a") == _line(2, "a")
    assert await lines.count({"corte": "2026-10-31"}) == 3


async def test_borrar_un_corte_deja_los_otros(mongo_uri: str) -> None:
    async with _empty(mongo_uri) as lines:
        roll = RenglonesMongo(lines)
        await roll.insertar([_line(n, f"{n}") for n in range(2, 40)])
        await roll.insertar([_line(2, "other") | {"corte": "2026-09-30"}])
        await roll.borrar("2026-10-31")
        assert await lines.count({}) == 1
