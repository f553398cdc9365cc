"""What the portal reads besides its engines. No decisions."""

from pathlib import Path

from pydantic import TypeAdapter

from schemas.eventos import LlaveProceso

_LLAVES = TypeAdapter(list[LlaveProceso])


class LlavesEnCarpeta:
    """Public keys of processes, a file for each, which INE puts into a folder."""

    def __init__(self, carpeta: Path) -> None:
        self._carpeta = carpeta

    def __call__(self, proceso: str) -> list[LlaveProceso]:
        """See `handlers.procesos.LlavesDe`. `proceso`: an Id Proceso. Raises ValueError when the file is no list of keys."""
        archivo = self._carpeta / f"{proceso}.json"
        return _LLAVES.validate_json(archivo.read_bytes()) if archivo.is_file() else []
