"""What `tests/unit/test_cincuenta_operadores.py` shows in memory with ten thousand, with fewer on the real documents engine."""

import os

import pytest

from kernel import documents
from kernel.documents import Kind, MongoDocuments
from kernel.outbox import INDEXES
from services.mesa_control.bootstrap import INDICES
from tests.support.jornada import Jornada

pytestmark = pytest.mark.timeout(180)


async def test_diez_personas_en_el_motor_real_no_deciden_dos_veces_ni_dejan_nada(mongo_uri: str) -> None:
    client = documents.connect(mongo_uri)
    base = client[f"jornada_{os.urandom(4).hex()}"]
    registros = MongoDocuments(base, "registros", Kind.PROJECTION, INDICES)
    salida = MongoDocuments(base, "outbox", Kind.OUTBOX, INDEXES)
    await registros.prepare()
    await salida.prepare()
    jornada = Jornada(registros, salida, personas=10, cuantos=60, semilla=20)
    await jornada.empieza()
    await jornada.trabaja()
    await jornada.comprueba()
    await client.drop_database(base.name)
    await client.close()
