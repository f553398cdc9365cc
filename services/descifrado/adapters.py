"""OpenCV, and the private keys of the processes on disk."""

from pathlib import Path

import cv2
import numpy as np

from kernel import hpke

cv2.setNumThreads(1)  # scale by processes


def decodificable(contenido: bytes) -> bool:
    """Whether the whole image can be decoded. Call it only with what `imagenes.dimensiones` has bounded.

    A quarter of the size is enough to know: a JPEG's data is read to its end all the same, at a fraction of the memory.
    """
    try:
        imagen = cv2.imdecode(np.frombuffer(contenido, np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_4)
    except cv2.error:
        return False
    return imagen is not None and imagen.size > 0


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
