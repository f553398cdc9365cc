"""One contract for the counting of resultados, on MongoDB's protocol and in memory."""

import uuid
from collections.abc import AsyncIterator

import pytest

from kernel import documents
from kernel.documents import Documents, Kind, MemoryDocuments, MongoDocuments
from schemas.ciclo_de_vida import Estado
from services.resultados import agent
from services.resultados.adapters import INDEXES, MemoryConteo, MongoConteo
from services.resultados.domain import Grupo
from services.resultados.handlers import Conteo, Proyector
from tests.support.resultados import PROCESO, Resultados, vida


@pytest.fixture(params=["memory", "mongo", pytest.param("native", marks=pytest.mark.native)])
def uri(request: pytest.FixtureRequest) -> str | None:
    """Address of the documents engine; None: in memory. Not asynchronous, because the engine starts a loop of its own."""
    return None if request.param == "memory" else request.getfixturevalue(f"{request.param}_uri")


@pytest.fixture
async def proyeccion(uri: str | None) -> AsyncIterator[tuple[Documents, Conteo]]:
    """An empty projection and its counting."""
    if uri is None:
        memory = MemoryDocuments()
        yield memory, MemoryConteo(memory)
        return
    client = documents.connect(uri)
    name = f"prueba_{uuid.uuid4().hex[:12]}"
    registros = MongoDocuments(client[name], "registros", Kind.PROJECTION, INDEXES)
    await registros.prepare()
    yield registros, MongoConteo(registros)
    await client.drop_database(name)
    await client.close()


async def test_cada_folio_esta_en_un_grupo_y_lo_no_recibido_se_distingue(
    proyeccion: tuple[Documents, Conteo],
) -> None:
    registros, conteo = proyeccion
    assert await conteo.grupos(PROCESO) == []
    fabrica = Resultados()
    handle = agent.build(Proyector(registros))
    vidas = [
        vida(Estado.BAJA, 1),
        vida(Estado.BAJA, 2),
        vida(Estado.BAJA, 3, "CI26-0002"),
        vida(Estado.BAJA, 4, cuarentena=True),
        vida(Estado.EN_PROCESAMIENTO, 5),
        vida(Estado.BAJA, 6)[1:],  # its reception is not known yet
    ]
    for evento in (evento for suya in vidas for evento in suya):
        await handle(fabrica.registro(evento))
    grupos = await conteo.grupos(PROCESO)
    assert sorted(grupos, key=str) == sorted(
        [
            Grupo("CI26-0001", "baja", cuarentena=False, abierto=True, folios=2, recibidos=2),
            Grupo("CI26-0002", "baja", cuarentena=False, abierto=True, folios=1, recibidos=1),
            Grupo("CI26-0001", "en_procesamiento", cuarentena=True, abierto=False, folios=1, recibidos=1),
            Grupo("CI26-0001", "en_procesamiento", cuarentena=False, abierto=False, folios=1, recibidos=1),
            Grupo("CI26-0001", None, cuarentena=False, abierto=True, folios=1, recibidos=0),
        ],
        key=str,
    )
    assert await conteo.grupos("XX99") == []
