"""Looks for the synthetic population's personal data wherever it must not be in clear after a run (SPEC 12)."""

import binascii
import functools
import re
import unicodedata
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from pathlib import Path

import httpx

from apoyo.cuentas import PERSONAS
from apoyo.engines.smtp import read_inbox
from apoyo.escenario import Escenario
from apoyo.recorrido import Recorrido
from credencial.entidades import ENTIDADES
from kernel import documents
from kernel.objects import S3Objects
from kernel.stream import connect
from schemas import topics
from schemas.paquete import DatosRegistro, Ubicacion

_FICHA = re.compile(r"-?\d+\.\d+|\w{2,}")
"""A word, or a number with decimals."""
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{12,}")
_ESCAPE = re.compile(r"\\+u([0-9a-fA-F]{4})")
_BYTES = re.compile(r"(?:\\+x[0-9a-fA-F]{2})+")
_DE_URL = re.compile(r"(?:%[0-9a-fA-F]{2})+")
_COMUN = bytes.maketrans(b"-_", b"+/")
_VISIBLES = bytes(range(32, 127))
_TEXTO = re.compile(rb"(?:[\x20-\x7e]|\xc3[\x80-\xbf]){6,}")
_TRAMO = 1 << 16
_JUNTOS = 6
"""Words within which two that belong together are taken for one datum: field names, quotes and tags may stand between."""
_SOLO_DESDE = 8
"""Letters from which a name by itself tells of a person."""
_DECIMALES = 4
_CAMPOS = {
    "nombre": ("NOMBRE", "NOMBRES"),
    "apellido": ("PRIMER_APELLIDO", "SEGUNDO_APELLIDO", "APELLIDO", "APELLIDOS", "PATERNO", "MATERNO"),
    "latitud": ("LATITUD", "LATITUDE", "LAT"),
    "longitud": ("LONGITUD", "LONGITUDE", "LON", "LNG"),
}
"""How a field is called that holds one: then what it holds needs nothing else to tell."""

_SIN_CONTENIDO = {".index", ".timeindex", ".snapshot"}
"""Kafka's files beside the records: preallocated, of offsets and times only."""
_PUEDEN = {"padron.csv", "personas.json", "people.json", ".eml", ".dat"}
"""Looked at apart: the roll's file, receipts and the local issuer's people, which hold personal data by their nature, and stored
objects, one by one."""


class Buscados:
    """What to look for, in whatever dress it comes: any case, JSON and its escapes, Python, URL, base64, without accents."""

    def __init__(self, datos: Iterable[DatosRegistro] = (), textos: Iterable[str] = ()) -> None:
        """`textos`: other personal data, found as the words that they are made of, one after the other."""
        self._solas: set[str] = set()
        self._juntas: dict[str, set[str]] = {}
        self._seguidas: dict[str, set[tuple[str, ...]]] = {}
        for d in datos:
            self._agregar(d)
        for texto in textos:
            self._seguir(tuple(_fichas(texto)))

    def encontrados(self, contenido: bytes, *, permitidos: Iterable[str] = ()) -> set[str]:
        """Personal data in those bytes, as the words that tell."""
        found = set().union(*(self._en(tramo, 2) for tramo in _tramos(contenido)))
        return found - {_doblado(v) for v in permitidos}

    def _agregar(self, d: DatosRegistro) -> None:
        lecturas = [v for v in (d.lecturas.qr, d.lecturas.mrz, d.lecturas.codigo_barras) if v]
        digitos = {t for v in lecturas for t in re.findall(r"\w{9,}", v) if sum(map(str.isdigit, t)) >= 9}
        self._solas |= {_doblado(v) for v in (d.clave_elector, d.curp, d.cic, d.ocr, *digitos) if v}
        nombre, *apellidos = [_propia(v) for v in (d.nombre, d.primer_apellido, d.segundo_apellido) if v is not None]
        self._solas |= {v for v in (nombre, *apellidos) if len(v) >= _SOLO_DESDE and v not in _LUGARES}
        for campo, valores in (("nombre", [nombre]), ("apellido", apellidos)):
            for valor in valores:
                self._juntar(_CAMPOS[campo], [valor])
        for uno, otro in ((nombre, apellidos[0]), (apellidos[0], apellidos[-1])):
            if uno != otro and len(uno + otro) >= _SOLO_DESDE + 2:
                self._juntar([uno, otro], [uno, otro])
            else:
                self._seguir((uno, otro))
                self._seguir((otro, uno))
        if d.ubicacion is not None:
            latitud, longitud = _grados(d.ubicacion)
            self._juntar(_CAMPOS["latitud"], [latitud])
            self._juntar(_CAMPOS["longitud"], [longitud])
            self._juntar([latitud, longitud], [latitud, longitud])

    def _juntar(self, unas: Iterable[str], otras: Iterable[str]) -> None:
        for una in unas:
            self._juntas.setdefault(una, set()).update(otra for otra in otras if otra != una)

    def _seguir(self, fichas: tuple[str, ...]) -> None:
        self._seguidas.setdefault(fichas[0], set()).add(fichas)

    def _en(self, contenido: bytes, hondo: int) -> set[str]:
        fichas = _fichas(_sin_escapes(contenido.decode("utf-8", "replace")))
        found = self._solas.intersection(fichas)
        if not (self._juntas.keys().isdisjoint(fichas) and self._seguidas.keys().isdisjoint(fichas)):
            found |= self._de_varias(fichas)
        if hondo:
            for dentro in _de_base64(contenido):
                found |= self._en(dentro, hondo - 1)
        return found

    def _de_varias(self, fichas: Sequence[str]) -> set[str]:
        """What is told by several words."""
        found = set()
        for i, ficha in enumerate(fichas):
            if otras := self._juntas.get(ficha):
                cerca = otras.intersection(fichas[i + 1 : i + 1 + _JUNTOS])
                found |= {f"{ficha} {otra}" for otra in cerca}
            for seguidas in self._seguidas.get(ficha, ()):
                if tuple(fichas[i : i + len(seguidas)]) == seguidas:
                    found.add(" ".join(seguidas))
        return found


def _fichas(texto: str) -> list[str]:
    """Its words, folded; a number with decimals cut to those that a place is told by."""
    return [_cortado(t) if "." in t else _doblado(t) for t in _FICHA.findall(texto)]


def _cortado(numero: str) -> str:
    entero, _, decimales = numero.partition(".")
    return f"{entero}.{decimales[:_DECIMALES]}"


def _grados(ubicacion: Ubicacion) -> tuple[str, str]:
    latitud, longitud = (_cortado(f"{g:.{_DECIMALES + 2}f}") for g in (ubicacion.latitud, ubicacion.longitud))
    return latitud, longitud


@functools.cache
def _plano(palabra: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", palabra) if not unicodedata.combining(c)).upper()


def _doblado(palabra: str) -> str:
    return palabra.upper() if palabra.isascii() else _plano(palabra)


def _propia(nombre: str) -> str:
    """The word of a name that tells most."""
    return max(_fichas(nombre), key=len, default="")


_LUGARES = {palabra for entidad in ENTIDADES for palabra in _fichas(entidad.nombre)} | {
    "SANTIAGO",
    "VICTORIA",
    "SALVADOR",
}
"""Names that are also those of places, which anybody may write."""


def _sin_escapes(texto: str) -> str:
    if "\\" in texto:
        texto = _ESCAPE.sub(lambda m: chr(int(m[1], 16)), texto)
        texto = _BYTES.sub(_de_hexadecimal, texto)
    return _DE_URL.sub(_de_hexadecimal, texto) if "%" in texto else texto


def _de_hexadecimal(escapado: re.Match[str]) -> str:
    return bytes.fromhex(re.sub(r"\\+x|%", "", escapado[0])).decode("utf-8", "replace")


def _de_base64(contenido: bytes) -> Iterator[bytes]:
    """What each run of base64 holds, if it is text. Its beginning is not known where a binary frame precedes it: four are tried."""
    for run in _BASE64.findall(contenido):
        plain = run.translate(_COMUN)
        for start in range(4):
            piece = plain[start:]
            inside = binascii.a2b_base64(piece[: len(piece) - (len(piece) % 4 == 1)] + b"==")
            if len(inside.translate(None, _VISIBLES)) < len(inside) * 0.4:
                yield inside


def _tramos(contenido: bytes) -> Iterator[bytes]:
    """Large contents, piece by piece, each with some of the next; of what looks sealed, only what in it looks like text."""
    for start in range(0, max(len(contenido), 1), _TRAMO):
        tramo = contenido[start : start + _TRAMO + 4096]
        sellado = len(tramo.translate(None, _VISIBLES)) > len(tramo) * 0.55 and tramo.count(0) < len(tramo) * 0.02
        yield b"\n".join(_TEXTO.findall(tramo)) if sellado and len(tramo) > 4096 else tramo


def _de_actores(escenario: Escenario) -> Iterator[str]:
    """Personal data of who asks for support, who collects it and who works with it."""
    for persona in (*escenario.solicitantes, *(a.persona for a in escenario.plan.auxiliares)):
        yield from (persona.nombre_completo, persona.clave_elector, persona.curp)
    for auxiliar in escenario.plan.auxiliares:
        yield from (auxiliar.correo, auxiliar.telefono)
    for del_personal in PERSONAS:
        yield from (del_personal.correo, f"Persona de ejemplo {del_personal.cuenta}")


class Escaner:
    """Looks at every place of a run."""

    def __init__(self, recorrido: Recorrido) -> None:
        self._recorrido = recorrido
        datos = [c.datos for c in recorrido.escenario.capturas]
        self._cic_ocr = {v for d in datos for v in (d.cic, d.ocr) if v}
        self._buscados = Buscados(datos, _de_actores(recorrido.escenario))

    async def hallazgos(self) -> list[str]:
        """Every place that holds some, with how many; nothing of the data itself."""
        found = []
        async for lugar, contenido in self._lugares():
            if datos := self._buscados.encontrados(contenido):
                found.append(f"{lugar}: {len(datos)}")
        for mensaje in read_inbox(self._recorrido.sistema.engines.inbox):
            # The norm orders CIC or OCR into the receipt (P 9.14, D 6.4), and it goes to the auxiliar's own address.
            if datos := self._buscados.encontrados(mensaje.get_content().encode(), permitidos=self._cic_ocr):
                found.append(f"receipt {mensaje['Message-ID']}: {len(datos)}")
        return found

    def se_buscan_a_si_mismos(self) -> bool:
        """Whether the scanner finds what is there: the roll's file and a receipt hold personal data."""
        roll = (self._recorrido.instalacion.root / "padron.csv").read_bytes()
        mail = b"".join(m.get_content().encode() for m in read_inbox(self._recorrido.sistema.engines.inbox))
        return bool(self._buscados.encontrados(roll)) and bool(self._buscados.encontrados(mail))

    async def _lugares(self) -> AsyncIterator[tuple[str, bytes]]:
        for place in (self._archivos(), self._procesos()):
            for item in place:
                yield item
        for stream in (self._topics(), self._documentos(), self._objetos(), self._metricas()):
            async for item in stream:
                yield item

    def _archivos(self) -> Iterable[tuple[str, bytes]]:
        """Names and contents of every file of the installation: the log, the services' logs, the engines' data."""
        root = self._recorrido.instalacion.root
        for path in root.rglob("*"):
            yield f"name of {path.relative_to(root)}", str(path.relative_to(root)).encode()
            if path.is_file() and path.suffix not in _SIN_CONTENIDO and not _PUEDEN & {path.name, path.suffix}:
                yield f"file {path.relative_to(root)}", path.read_bytes()

    def _procesos(self) -> Iterable[tuple[str, bytes]]:
        """Arguments and environment of every process of the system."""
        supervisor = self._recorrido.sistema.supervisor
        for name in supervisor.names():
            for what in ("cmdline", "environ"):
                yield f"{what} of {name}", Path(f"/proc/{supervisor.pid(name)}/{what}").read_bytes()

    async def _topics(self) -> AsyncIterator[tuple[str, bytes]]:
        stream = connect(self._recorrido.sistema.engines.stream_url, client_id="prueba")
        await stream.start()
        try:
            for name in topics.partitions():
                async for r in stream.read(name):
                    yield f"{name}/{r.partition}/{r.offset}", r.value + r.key.encode() + repr(dict(r.headers)).encode()
        finally:
            await stream.stop()

    async def _documentos(self) -> AsyncIterator[tuple[str, bytes]]:
        """Every document of every service: projections, outboxes, leases, and the roll's hashes."""
        client = documents.connect(self._recorrido.sistema.engines.mongo_uri)
        try:
            for database in await client.list_database_names():
                for collection in await client[database].list_collection_names():
                    async for document in client[database][collection].find():
                        yield f"{database}.{collection}", repr(document).encode()
        finally:
            await client.close()

    async def _objetos(self) -> AsyncIterator[tuple[str, bytes]]:
        engines = self._recorrido.sistema.engines
        for bucket in ("paquetes", "expedientes", "emblemas"):
            objects = S3Objects(engines.s3_endpoint, engines.s3_access_key, engines.s3_secret_key, bucket)
            for name in [n async for n in objects.names()]:
                yield f"object {bucket}/{name}", name.encode() + await objects.get(name)

    async def _metricas(self) -> AsyncIterator[tuple[str, bytes]]:
        async with httpx.AsyncClient() as http:
            for name, port in self._recorrido.sistema.puertos.items():
                yield f"metrics of {name}", (await http.get(f"http://127.0.0.1:{port}/metrics")).content
