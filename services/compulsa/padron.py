"""The roll as compulsa keeps it: cuts loaded from files, and looked up by the hashes of identifiers.

A cut is used only once its document in `cortes` says `completo`. Loading survives any death: lines are inserted under an id of
their own, then a checkpoint in the cut's document says how far; the next run goes on from there, and what was inserted after
the checkpoint is recognised by its line number.
"""

import asyncio
import csv
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from kernel.documents import Document, Documents
from kernel.errors import Unavailable
from schemas.eventos import Geo, SituacionRegistral
from services.compulsa.domain.padron import (
    COLUMNAS,
    Coincidencia,
    Huellas,
    Renglon,
    RenglonInvalido,
    coinciden,
    dadas,
    emparejar,
    huella,
    leer_renglon,
)

MAX_RECHAZOS = 1000
"""Refused lines that the cut's document keeps with their reason; all are counted."""

Insertar = Callable[[Sequence[Document]], Awaitable[list[int]]]
"""Inserts lines of the roll. Those already there under the same line number are left; returns the line numbers of those whose
`_id` another line has. Raises Unavailable."""


class CargaRechazada(Exception):
    """A cut cannot be loaded like this. `motivo`: constant word; the message says in Spanish what to do."""

    def __init__(self, motivo: str, mensaje: str) -> None:
        super().__init__(mensaje)
        self.motivo = motivo


@dataclass(frozen=True, slots=True)
class Rechazo:
    """A line that was not loaded. `linea`: counted from 1, the header included."""

    linea: int
    motivo: str


@dataclass(frozen=True, slots=True)
class Avance:
    """How far a load is. `cargados` and `rechazados` count lines, those of an interrupted run included."""

    bytes_leidos: int
    bytes_total: int
    cargados: int
    rechazados: int


@dataclass(frozen=True, slots=True)
class Carga:
    """What a cut holds once complete. `rechazos`: the first `MAX_RECHAZOS` refused lines."""

    corte: str
    sha256: str
    cargados: int
    rechazados: int
    rechazos: tuple[Rechazo, ...]


class Padron:
    """The roll, looked up. `llave`: of the hashes."""

    def __init__(self, renglones: Documents, cortes: Documents, llave: bytes) -> None:
        self._lines = renglones
        self._cuts = cortes
        self._key = llave
        self._complete: set[str] = set()

    @property
    def llave(self) -> bytes:
        """Key of the hashes."""
        return self._key

    async def completo(self, corte: str) -> bool:
        """Whether the cut may be used. Raises Unavailable, also when it was loaded under another key."""
        if corte in self._complete:
            return True
        cut = await self._cuts.get(corte)
        if cut is None or cut["estado"] != "completo":
            return False
        if cut["llave"] != _fingerprint(self._key):
            # Under the wrong key everybody would be "not found": stop instead of saying so.
            raise Unavailable(f"padron: the cut {corte} was loaded under another key than padron.key")
        self._complete.add(corte)
        return True

    async def completos(self) -> list[str]:
        """The cuts that may be used. Raises Unavailable."""
        return sorted(cut["_id"] for cut in await self._cuts.find({"estado": "completo"}))

    async def mas_reciente(self) -> str | None:
        """The newest cut that may be used, or None. Raises Unavailable, also when it was loaded under another key."""
        cortes = await self.completos()
        return cortes[-1] if cortes and await self.completo(cortes[-1]) else None

    async def buscar(self, corte: str, formulario: Huellas) -> Coincidencia | None:
        """The person of the form in a complete cut, or None. Raises Unavailable."""
        found: dict[str, Document] = {}
        for field in ("cic", "clave", "ocr"):
            value = getattr(formulario, field)
            if value is None:
                continue
            lines = await self._lines.find({"corte": corte, field: value})
            found |= {line["_id"]: line for line in lines}
            # A line that agrees in everything cannot be outvoted, and its equals were found with it.
            if any(len(coinciden(formulario, _renglon(line).huellas)) == len(dadas(formulario)) for line in lines):
                break
        return emparejar(formulario, map(_renglon, found.values()))


async def cargar(
    archivo: Path,
    corte: str,
    *,
    cortes: Documents,
    insertar: Insertar,
    llave: bytes,
    progreso: Callable[[Avance], None] = lambda avance: None,
    lote: int = 5000,
) -> Carga:
    """Load a cut from a CSV file (UTF-8, header `COLUMNAS`, one line a row); may be repeated and resumed.

    `corte`: AAAA-MM-DD. Raises CargaRechazada (`corte_invalido`, `archivo_ilegible`, `encabezado_invalido`, `otro_archivo`,
    `otra_llave`, `otra_carga_en_curso`, `descarte_en_curso`, `archivo_cambio`) and Unavailable.
    """
    try:
        date.fromisoformat(corte)
    except ValueError as error:
        raise CargaRechazada("corte_invalido", "El corte se escribe AAAA-MM-DD.") from error
    try:
        total = archivo.stat().st_size
        digest = await asyncio.to_thread(_sha256, archivo)
        file = archivo.open("rb")
    except OSError as error:
        raise CargaRechazada("archivo_ilegible", f"No se puede leer el archivo: {error.strerror}.") from error
    with file:
        await asyncio.to_thread(_read_header, file)
        cut = await _open_cut(cortes, corte, digest, _fingerprint(llave))
        if cut["estado"] == "completo":
            return _carga(cut)
        reader = await asyncio.to_thread(_Reader, file, llave, corte, start=cut["linea"])
        upcoming = asyncio.create_task(asyncio.to_thread(reader.batch, lote))
        try:
            while not (batch := await upcoming).end:
                upcoming = asyncio.create_task(asyncio.to_thread(reader.batch, lote))
                repeated = await insertar(batch.documents) if batch.documents else []
                refused = [*batch.refused, *(Rechazo(line, "id_registro_repetido") for line in repeated)]
                cut = await _checkpoint(cortes, cut, batch.line, len(batch.documents) - len(repeated), refused)
                progreso(Avance(batch.position, total, cut["cargados"], cut["rechazados"]))
        finally:
            upcoming.cancel()
        if reader.digest != digest:
            raise CargaRechazada("archivo_cambio", "El archivo cambió mientras se cargaba; descarte la carga y repita.")
        cut = await _replace(cortes, cut | {"estado": "completo"})
    return _carga(cut)


async def descartar(corte: str, *, cortes: Documents, borrar: Callable[[str], Awaitable[None]]) -> None:
    """Discard an interrupted load, so that another file can be loaded. `borrar`: deletes the lines of a cut.

    Raises CargaRechazada (`corte_completo`, `otra_carga_en_curso`) and Unavailable.
    """
    cut = await cortes.get(corte)
    if cut is None:
        return
    if cut["estado"] == "completo":
        raise CargaRechazada("corte_completo", "El corte ya está completo: hay compulsas que se apoyan en él.")
    # First, so that a load still running fails at its next checkpoint.
    cut = await _replace(cortes, cut | {"estado": "descartando"})
    await borrar(corte)
    await _replace(cortes, cut | {"estado": "descartado"})


@dataclass(frozen=True, slots=True)
class _Batch:
    """Lines read: those to insert, those refused, the last line's number and where it ends. `end`: there were none."""

    documents: list[Document]
    refused: list[Rechazo]
    line: int
    position: int
    end: bool


class _Reader:
    """Reads a cut's file in batches, from after line `start`. Each line is parsed by itself: a stray quote costs one row."""

    def __init__(self, file: BinaryIO, llave: bytes, corte: str, *, start: int) -> None:
        self._file = file
        self._key = llave
        self._cut = corte
        self._hash = hashlib.sha256()
        file.seek(0)
        self._line = 0
        while self._line < start:
            self._line += len(self._lines(min(50_000, start - self._line)))

    @property
    def digest(self) -> str:
        """SHA-256 of what was read."""
        return self._hash.hexdigest()

    def batch(self, size: int) -> _Batch:
        """The next lines."""
        documents: list[Document] = []
        refused: list[Rechazo] = []
        lines = self._lines(size)
        for raw in lines:
            self._line += 1
            try:
                fields = _fields(raw.decode("utf-8", "replace"))
                if fields is None or len(fields) != len(COLUMNAS):
                    raise RenglonInvalido("columnas_invalidas")
                line = leer_renglon(self._key, dict(zip(COLUMNAS, fields, strict=True)))
            except RenglonInvalido as error:
                refused.append(Rechazo(self._line, error.motivo))
            else:
                documents.append(_documento(line, self._cut, self._line))
        return _Batch(documents, refused, self._line, self._file.tell(), not lines)

    def _lines(self, count: int) -> list[bytes]:
        lines = list(islice(iter(self._file.readline, b""), count))
        for raw in lines:
            self._hash.update(raw)
        return lines


async def _open_cut(cortes: Documents, corte: str, digest: str, fingerprint: bytes) -> Document:
    """The cut's document for this file, made or reopened if need be."""
    fresh: Document = {
        "_id": corte,
        "revision": 1,
        "estado": "cargando",
        "sha256": digest,
        "llave": fingerprint,
        "linea": 1,
        "cargados": 0,
        "rechazados": 0,
        "rechazos": [],
    }
    if await cortes.put_if_absent(dict(fresh)):
        return fresh
    cut = await cortes.get(corte)
    if cut is None:
        raise Unavailable(f"documents: the cut {corte} was refused, and is not there")
    if cut["estado"] == "descartado":
        return await _replace(cortes, fresh | {"revision": cut["revision"]})
    if cut["estado"] == "descartando":
        raise CargaRechazada("descarte_en_curso", "El descarte de la carga anterior no ha terminado: repítalo.")
    if cut["sha256"] != digest:
        raise CargaRechazada(
            "otro_archivo",
            "Ese corte ya está completo con otro archivo."
            if cut["estado"] == "completo"
            else "Ese corte se empezó a cargar con otro archivo; continúe con aquél, o descarte la carga.",
        )
    if cut["llave"] != fingerprint:
        raise CargaRechazada("otra_llave", "Ese corte se cargó con otra llave; restaure padron.key.")
    return cut


async def _checkpoint(cortes: Documents, cut: Document, line: int, loaded: int, refused: Sequence[Rechazo]) -> Document:
    kept = [*cut["rechazos"], *({"linea": r.linea, "motivo": r.motivo} for r in refused)][:MAX_RECHAZOS]
    return await _replace(
        cortes,
        cut
        | {
            "linea": line,
            "cargados": cut["cargados"] + loaded,
            "rechazados": cut["rechazados"] + len(refused),
            "rechazos": kept,
        },
    )


async def _replace(cortes: Documents, cut: Document) -> Document:
    changed = cut | {"revision": cut["revision"] + 1}
    if not await cortes.replace(changed, cut["revision"]):
        raise CargaRechazada("otra_carga_en_curso", "Otra carga de ese corte está en curso.")
    return changed


def _carga(cut: Document) -> Carga:
    rechazos = tuple(Rechazo(r["linea"], r["motivo"]) for r in cut["rechazos"])
    return Carga(cut["_id"], cut["sha256"], cut["cargados"], cut["rechazados"], rechazos)


def _documento(renglon: Renglon, corte: str, linea: int) -> Document:
    document: Document = {
        "_id": f"{corte}/{renglon.registro.hex()}",
        "corte": corte,
        "linea": linea,
        "situacion": renglon.situacion.value,
        "geo": renglon.geo.__dict__,
    }
    optional = {
        "clave": renglon.huellas.clave,
        "clave_emision": renglon.huellas.clave_emision,
        "cic": renglon.huellas.cic,
        "ocr": renglon.huellas.ocr,
        "causa_baja": renglon.causa_baja,
    }
    return document | {field: value for field, value in optional.items() if value is not None}


def _renglon(document: Document) -> Renglon:
    return Renglon(
        bytes.fromhex(document["_id"].rsplit("/", 1)[1]),
        Huellas(document["clave"], document.get("clave_emision"), document.get("cic"), document.get("ocr")),
        SituacionRegistral(document["situacion"]),
        document.get("causa_baja"),
        Geo(**document["geo"]),
    )


def _fields(line: str) -> list[str] | None:
    """Fields of one line of CSV; None when it is not one."""
    try:
        return next(csv.reader([line.rstrip("\r\n")], strict=True), [])
    except csv.Error:
        return None


def _read_header(file: BinaryIO) -> None:
    if _fields(file.readline().decode("utf-8-sig", "replace")) != list(COLUMNAS):
        raise CargaRechazada("encabezado_invalido", f"El encabezado debe ser: {','.join(COLUMNAS)}.")


def _sha256(archivo: Path) -> str:
    with archivo.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fingerprint(llave: bytes) -> bytes:
    return huella(llave, "huella_de_llave", "")
