"""The private keys of the processes on disk, and the index of the hashes."""

from pathlib import Path

from pymongo import IndexModel

from kernel import hpke

INDICES_DE_HUELLAS = [IndexModel([("fichas", 1)], name="fichas")]


class LlavesDeProceso:
    """Private keys of the processes: `<folder>/<key id>.json`.

    Reads all of them at once, so that a broken file stops the start; a key that arrives later is found when it is asked for.
    Raises ValueError when a file is not a key.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._llaves = {path.stem: hpke.load_private(path) for path in folder.glob("*.json")}

    def __call__(self, id_: str) -> hpke.Private | None:
        """The key, or None if it is not here (yet)."""
        if id_ not in self._llaves:
            path = self._folder / f"{id_}.json"
            if not path.is_file():
                return None
            self._llaves[id_] = hpke.load_private(path)
        return self._llaves[id_]
