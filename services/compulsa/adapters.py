"""The roll on MongoDB, and the file of its key. No decisions."""

import os
import secrets
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pymongo import IndexModel
from pymongo.errors import BulkWriteError

from kernel.documents import Document, MongoDocuments, mongo_errors
from kernel.errors import Unavailable

INDICES_PADRON = [
    IndexModel([("corte", 1), ("cic", 1)], name="cic"),
    IndexModel([("corte", 1), ("clave", 1)], name="clave"),
    IndexModel([("corte", 1), ("ocr", 1)], name="ocr"),
]
INDICES_DE_ESPERA = [
    IndexModel([("espera", 1)], sparse=True, name="espera"),
    IndexModel([("por_emitir_desde", 1)], sparse=True, name="por_emitir_desde"),
]

_DUPLICATE_KEY = 11000
_DELETE_AT_ONCE = 10_000


class RenglonesMongo:
    """Bulk writes to the roll."""

    def __init__(self, padron: MongoDocuments) -> None:
        self._collection = padron.collection

    async def insertar(self, lines: Sequence[Document]) -> list[int]:
        """Insert lines; the numbers of those whose `_id` another line has (`padron.Insertar`). Raises Unavailable."""
        with mongo_errors():
            try:
                await self._collection.insert_many(lines, ordered=False)
            except BulkWriteError as error:
                return await self._repeated(lines, error)
        return []

    async def borrar(self, corte: str) -> None:
        """Delete the lines of a cut, some at a time: one command over all would outlast any timeout. Raises Unavailable."""
        with mongo_errors():
            while ids := await self._collection.find({"corte": corte}, {"_id": 1}).limit(_DELETE_AT_ONCE).to_list():
                await self._collection.delete_many({"_id": {"$in": [line["_id"] for line in ids]}})

    async def _repeated(self, lines: Sequence[Document], error: BulkWriteError) -> list[int]:
        failures = error.details["writeErrors"]
        if any(failure["code"] != _DUPLICATE_KEY for failure in failures) or error.details.get("writeConcernErrors"):
            raise Unavailable("documents: the roll could not be written") from error
        refused = [lines[failure["index"]] for failure in failures]
        cursor = self._collection.find({"_id": {"$in": [line["_id"] for line in refused]}}, {"linea": 1})
        stored = {line["_id"]: line["linea"] for line in await cursor.to_list()}
        return [line["linea"] for line in refused if stored[line["_id"]] != line["linea"]]


def llave_del_padron(keys_dir: Path) -> bytes:
    """Key of the roll's hashes (`padron.key`, 32 bytes), made if absent; of two that make it at once, one stays."""
    path = keys_dir / "padron.key"
    if not path.exists():
        keys_dir.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=keys_dir)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(secrets.token_bytes(32))
                file.flush()
                os.fsync(file.fileno())
            os.link(name, path)
        except FileExistsError:
            pass
        finally:
            os.unlink(name)
    llave = path.read_bytes()
    if len(llave) != 32:
        raise ValueError("padron.key: 32 bytes expected")
    return llave
