"""Escrow of an installation's keys: sealed copies that one private key opens, kept away from the installation (ADR 20).

An escrow is a pair of keys. Its public half lies in `keys/resguardo/<id>.json`; its private half is written once, where one says,
and belongs in a safe. `resguardo/<id>/<path in keys/>.<number>.<SHA-256 of the content, 16 digits>` is a sealed copy of that file:
a file that changed gets the next number. Copies are never removed, and need no secrecy: they go with the backups.
"""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from kernel import hpke
from kernel.files import write_whole
from kernel.hpke import CannotOpen, Private, Public

_PUBLICAS = "resguardo"
_COPIA = re.compile(r"(?P<ruta>.+)\.(?P<numero>[0-9]{4})\.(?P<sha256>[0-9a-f]{16})")


class ResguardoRechazado(Exception):
    """What was asked for would harm or cannot be done; in Spanish, for whoever asked."""


def crear(root: Path, archivo: Path) -> str:
    """A new escrow, beside those there are: its private half in `archivo`, outside the installation; its id.

    Raises ResguardoRechazado.
    """
    if archivo.exists():
        raise ResguardoRechazado(f"{archivo.name} ya existe: indique un archivo nuevo.")
    if archivo.resolve().is_relative_to(root.resolve()):
        raise ResguardoRechazado("La llave privada del resguardo no puede quedar dentro de la instalación.")
    private = Private.generate()
    hpke.save(private, archivo)
    hpke.save(private.public(), root / "keys" / _PUBLICAS / f"{private.public().id}.json")
    return private.public().id


def destinatarios(root: Path) -> dict[str, Public]:
    """The escrows of an installation, by id."""
    return {path.stem: hpke.load_public(path) for path in sorted((root / "keys" / _PUBLICAS).glob("*.json"))}


def resguardar(root: Path) -> int:
    """Put every file of `keys/` that is not there yet into each escrow; how many sealed copies that made."""
    hechas = 0
    for id_, public in destinatarios(root).items():
        copias = _copias(root, id_)
        for ruta, contenido in _archivos(root):
            sha256 = hashlib.sha256(contenido).hexdigest()[:16]
            numero, ultima = copias.get(ruta, (0, None))
            if ultima is None or not ultima.name.endswith(sha256):
                nombre = f"{ruta}.{numero + 1:04d}.{sha256}"
                write_whole(root / _PUBLICAS / id_ / nombre, public.seal(contenido, _info(ruta)))
                hechas += 1
    return hechas


def restaurar(root: Path, archivo: Path) -> list[str]:
    """Write the newest copy of each file that `keys/` lacks, with the escrow's private half; the files that it wrote.

    What is there stays. Raises ResguardoRechazado: then nothing was written.
    """
    try:
        private = hpke.load_private(archivo)
    except (OSError, ValueError, KeyError) as error:
        raise ResguardoRechazado(f"{archivo.name} no es la llave privada de un resguardo.") from error
    copias = _copias(root, private.public().id)
    if not copias:
        raise ResguardoRechazado("Esta instalación no tiene copias selladas para esa llave.")
    abiertas: dict[str, bytes] = {}
    for ruta, (_, copia) in sorted(copias.items()):
        if not (root / "keys" / ruta).exists():
            try:
                abiertas[ruta] = private.open(copia.read_bytes(), _info(ruta))
            except CannotOpen as error:
                raise ResguardoRechazado(f"La copia {copia.name} está alterada.") from error
    for ruta, contenido in abiertas.items():
        write_whole(root / "keys" / ruta, contenido)
    return list(abiertas)


def _archivos(root: Path) -> Iterator[tuple[str, bytes]]:
    """Path in `keys/` and content of each file that an escrow keeps."""
    keys = root / "keys"
    for path in sorted(keys.rglob("*")):
        if path.is_file() and not path.name.startswith(".") and path.parent != keys / _PUBLICAS:
            yield path.relative_to(keys).as_posix(), path.read_bytes()


def _copias(root: Path, id_: str) -> dict[str, tuple[int, Path]]:
    """Path in `keys/` → number and file of its newest copy."""
    carpeta = root / _PUBLICAS / id_
    found: dict[str, tuple[int, Path]] = {}
    for path in sorted(carpeta.rglob("*")):
        nombre = _COPIA.fullmatch(path.relative_to(carpeta).as_posix())
        if nombre and not path.name.startswith(".") and path.is_file():
            found[nombre["ruta"]] = max(found.get(nombre["ruta"], (0, path)), (int(nombre["numero"]), path))
    return found


def _info(ruta: str) -> bytes:
    return f"mx.ine.apoyo.resguardo.v1|{ruta}".encode()
