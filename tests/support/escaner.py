"""Looks for the synthetic population's personal data wherever it must not be in clear after a run (SPEC 12)."""

import re
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import httpx

from apoyo.engines.smtp import read_inbox
from apoyo.recorrido import Recorrido
from kernel import documents
from kernel.objects import S3Objects
from kernel.stream import connect
from schemas import topics

_PALABRA = re.compile(rb"[A-Z0-9]{9,32}")
_SIN_CONTENIDO = {".index", ".timeindex", ".snapshot"}
"""Kafka's files beside the records: preallocated, of offsets and times only."""
_PUEDEN = {"padron.csv", ".eml"}
"""What holds personal data by its nature: the roll's file, and receipts (looked at apart)."""


_A_GRANEL = ("file data/", "object ")
"""Large, and looked at record by record as well, or sealed."""


class Escaner:
    """Knows what to look for: identifiers as whole words, names as they are written in the form."""

    def __init__(self, recorrido: Recorrido) -> None:
        self._recorrido = recorrido
        datos = [c.datos for c in recorrido.escenario.capturas]
        self._cic_ocr = {v.encode() for d in datos for v in (d.cic, d.ocr) if v}
        self._identificadores = {v.encode() for d in datos for v in (d.clave_elector, d.curp) if v} | self._cic_ocr
        self._nombres = {
            f"{d.nombre} {d.primer_apellido}".encode() for d in datos if len(d.nombre) + len(d.primer_apellido) > 12
        } | {f"{d.primer_apellido} {d.segundo_apellido}".encode() for d in datos if d.segundo_apellido}
        auxiliares = [a for s in recorrido.escenario.archivo().solicitudes for a in s.auxiliares]
        self._nombres |= {v.encode() for a in auxiliares for v in (a.nombre, a.correo)}
        self._nombre = re.compile(b"|".join(re.escape(n) for n in sorted(self._nombres)))

    def encontrados(self, contenido: bytes, *, nombres: bool = True, permitidos: Iterable[bytes] = ()) -> set[bytes]:
        """Personal data in those bytes. `nombres`: look for names too, which takes its time on large files."""
        found = self._identificadores.intersection(_PALABRA.findall(contenido)) - set(permitidos)
        return found | set(self._nombre.findall(contenido)) if nombres else found

    async def hallazgos(self) -> list[str]:
        """Every place that holds some, with how many; nothing of the data itself."""
        found = []
        async for lugar, contenido in self._lugares():
            if datos := self.encontrados(contenido, nombres=not lugar.startswith(_A_GRANEL)):
                found.append(f"{lugar}: {len(datos)}")
        for mensaje in read_inbox(self._recorrido.sistema.engines.inbox):
            # The norm orders CIC or OCR into the receipt (P 9.14, D 6.4), and it goes to the auxiliar's own address.
            if datos := self.encontrados(mensaje.get_content().encode(), permitidos=self._cic_ocr):
                found.append(f"receipt {mensaje['Message-ID']}: {len(datos)}")
        return found

    def se_buscan_a_si_mismos(self) -> bool:
        """Whether the scanner finds what is there: the roll's file and a receipt hold personal data."""
        roll = (self._recorrido.instalacion.root / "padron.csv").read_bytes()
        mail = b"".join(m.get_content().encode() for m in read_inbox(self._recorrido.sistema.engines.inbox))
        return bool(self.encontrados(roll)) and bool(self.encontrados(mail))

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
        for bucket in ("paquetes", "expedientes"):
            objects = S3Objects(engines.s3_endpoint, engines.s3_access_key, engines.s3_secret_key, bucket)
            for name in await objects.names():
                yield f"object {bucket}/{name}", name.encode() + await objects.get(name)

    async def _metricas(self) -> AsyncIterator[tuple[str, bytes]]:
        async with httpx.AsyncClient() as http:
            for name, port in self._recorrido.sistema.puertos.items():
                yield f"metrics of {name}", (await http.get(f"http://127.0.0.1:{port}/metrics")).content
