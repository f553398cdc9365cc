"""No write of a service lies outside the failpoints at which the system tests kill it (`tests/support/failpoints.py`)."""

import ast
import inspect
from pathlib import Path

import pytest

from kernel.documents import MongoDocuments
from kernel.objects import S3Objects
from kernel.stream.kafka import KafkaStream
from tests.support.failpoints import ESCRITURAS, dueno_y_metodo

ROOT = Path(__file__).resolve().parents[2]

SOLO_LEEN = {
    MongoDocuments: {"get", "find", "count"},
    S3Objects: {"get", "names"},
    # What `consume` writes are commits.
    KafkaStream: {"start", "stop", "ends", "read", "tail", "consume", "committed", "members"},
}
PUERTOS = ("kernel/documents.py", "kernel/objects.py", "kernel/stream/kafka.py")
DE_LOS_MOTORES = {
    *(
        "insert_one",
        "insert_many",
        "replace_one",
        "update_one",
        "update_many",
        "delete_one",
        "delete_many",
        "bulk_write",
    ),
    *("find_one_and_replace", "find_one_and_update", "find_one_and_delete", "create_index", "create_indexes"),
    *("put_object", "fput_object", "copy_object", "compose_object", "remove_object", "remove_objects", "make_bucket"),
    *("send_and_wait", "send_batch", "send", "sendmail", "send_message"),
}
"""Methods by which the clients of the engines write."""


@pytest.mark.parametrize("puerto", SOLO_LEEN)
def test_todo_lo_que_escribe_en_un_motor_tiene_failpoint(puerto: type) -> None:
    asincronos = {
        nombre
        for nombre, metodo in inspect.getmembers(puerto, inspect.isfunction)
        if not nombre.startswith("_") and (inspect.iscoroutinefunction(metodo) or inspect.isasyncgenfunction(metodo))
    }
    con_failpoint = {
        metodo for dueno, metodo in map(dueno_y_metodo, ESCRITURAS) if dueno is puerto and not metodo.startswith("_")
    }
    assert asincronos - SOLO_LEEN[puerto] == con_failpoint


def test_ningun_servicio_escribe_por_otro_camino() -> None:
    con_failpoint = {lugar.replace(":", ".") for lugar in ESCRITURAS}
    vistos = set()
    for path in [*(ROOT / "kernel").rglob("*.py"), *(ROOT / "services").rglob("*.py"), *(ROOT / "apoyo").rglob("*.py")]:
        lugar = path.relative_to(ROOT)
        if str(lugar) in PUERTOS:
            continue
        modulo = ".".join(lugar.with_suffix("").parts)
        for clase in ast.parse(path.read_text(encoding="utf-8")).body:
            for parte in getattr(clase, "body", [clase]):
                for nodo in ast.walk(parte):
                    if isinstance(nodo, ast.Attribute) and nodo.attr in DE_LOS_MOTORES:
                        vistos.add(".".join([modulo, getattr(clase, "name", ""), getattr(parte, "name", "")]))
    assert vistos
    assert vistos <= con_failpoint
