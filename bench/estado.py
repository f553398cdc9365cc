"""State in bulk: what a registro leaves in the log and in every collection, copied under other names.

The copies are whole and consistent (folio, key and person are replaced wherever they stand), but for their images: those stay the
template's, since more of them would only fill the disk.
"""

import asyncio
import contextlib
import re
import secrets
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import bson
from pymongo import AsyncMongoClient
from pymongo.errors import BulkWriteError

from bench.carga import Contar
from kernel.documents import Document
from kernel.stream import Message, Record, Stream
from schemas.ciclo_de_vida import TOPICS
from schemas.eventos import EnvioCerrado
from schemas.expediente import id_de_llave

_AT_ONCE = 2000
_PERSONA = re.compile(rb'"persona":"([0-9a-f]{64})"')
_LARGO_REGISTRO = 20

Sustitucion = dict[bytes, bytes]
"""Bytes → others of the same length."""


@dataclass(frozen=True)
class Molde:
    """What one registro left: `documentos` by (database, collection), each in BSON; `eventos` in the order of their topics."""

    folio: str
    documentos: Mapping[tuple[str, str], Sequence[bytes]]
    eventos: Sequence[Record]

    def sustitucion(self) -> Sustitucion:
        """New names for a copy."""
        nuevo = self.folio[:-_LARGO_REGISTRO] + secrets.token_hex(_LARGO_REGISTRO // 2)
        cambios = {
            self.folio[-_LARGO_REGISTRO:].encode(): nuevo[-_LARGO_REGISTRO:].encode(),
            id_de_llave(self.folio).encode(): id_de_llave(nuevo).encode(),
        }
        for persona in {p for evento in self.eventos for p in _PERSONA.findall(evento.value)}:
            cambios[persona] = secrets.token_hex(32).encode()
        return cambios

    def copia_de_documentos(self) -> Iterator[tuple[tuple[str, str], Document]]:
        """The documents of another registro."""
        cambios = self.sustitucion()
        for lugar, documentos in self.documentos.items():
            for original in documentos:
                documento = bson.decode(_cambiar(original, cambios))
                if documento["_id"] == bson.decode(original)["_id"]:
                    documento["_id"] = str(uuid.uuid4())
                if "fichas" in documento:  # else every copy would have its template's pictures
                    documento["fichas"] = [secrets.randbits(63) for _ in documento["fichas"]]
                yield lugar, documento

    def copia_de_eventos(self) -> Iterator[Message]:
        """The events of another registro."""
        cambios = self.sustitucion()
        for evento in self.eventos:
            headers = {n: _cambiar(v.encode(), cambios).decode() for n, v in evento.headers.items()}
            headers["ce_id"] = str(uuid.uuid4())
            llave = _cambiar(evento.key.encode(), cambios).decode()
            yield Message(evento.topic, llave, _cambiar(evento.value, cambios), headers)


async def moldes(client: AsyncMongoClient[Document], stream: Stream, folios: Sequence[str]) -> list[Molde]:
    """What each of these folios left, once nothing is under way; without those that know of another, as duplicates do."""
    eventos: dict[str, list[Record]] = defaultdict(list)
    for topic in TOPICS:
        async for record in stream.read(topic):
            eventos[record.headers["ce_subject"]].append(record)
    marcas = {folio: (folio[-_LARGO_REGISTRO:].encode(), id_de_llave(folio).encode()) for folio in folios}
    documentos: dict[str, dict[tuple[str, str], list[bytes]]] = {folio: defaultdict(list) for folio in folios}
    enlazados: set[str] = set()
    for base in sorted(n for n in await client.list_database_names() if n.startswith("apoyo_")):
        for nombre in sorted(await client[base].list_collection_names()):
            if nombre in _SIN_REGISTROS:
                continue
            async for documento in client[base][nombre].find({}):
                if documento.get("topic") == EnvioCerrado.topic:
                    continue
                documento.pop("pending", None)  # a copy was published long ago: nobody has to publish it again
                crudo = bson.encode(documento)
                nombrados = [f for f, (registro, llave) in marcas.items() if registro in crudo or llave in crudo]
                for folio in nombrados:
                    documentos[folio][base, nombre].append(crudo)
                if len(nombrados) > 1:
                    enlazados.update(nombrados)
    return [Molde(folio, documentos[folio], eventos[folio]) for folio in folios if folio not in enlazados]


_SIN_REGISTROS = {"padron", "cortes", "envios", "entregas", "llaves_de_proceso"}
"""Collections that do not grow with the registros (nor do the events of the envíos)."""


async def sembrar(client: AsyncMongoClient[Document], modelos: Sequence[Molde], cuantos: int, contar: Contar) -> None:
    """Put the documents of so many more registros."""
    lotes: dict[tuple[str, str], list[Document]] = defaultdict(list)

    async def vaciar(minimo: int) -> None:
        for (base, nombre), lote in lotes.items():
            if len(lote) >= minimo:
                with contextlib.suppress(BulkWriteError):
                    # Under other writes the local engine repeats a batch by itself, and then finds it there.
                    await client[base][nombre].insert_many(lote, ordered=False)
                lote.clear()

    for numero in range(cuantos):
        for lugar, documento in modelos[numero % len(modelos)].copia_de_documentos():
            lotes[lugar].append(documento)
        if numero % 200 == 199:
            await vaciar(_AT_ONCE)
            contar(numero + 1)
    await vaciar(1)
    contar(cuantos)


async def publicar(stream: Stream, modelos: Sequence[Molde], cuantos: int, contar: Contar) -> int:
    """Publish the lives of so many more registros; how many events they have."""
    publicados = 0
    for inicio in range(0, cuantos, 50):
        mensajes = [
            mensaje
            for numero in range(inicio, min(cuantos, inicio + 50))
            for mensaje in modelos[numero % len(modelos)].copia_de_eventos()
        ]
        await asyncio.gather(*map(stream.publish, mensajes))
        publicados += len(mensajes)
        contar(min(cuantos, inicio + 50))
    return publicados


def _cambiar(datos: bytes, cambios: Sustitucion) -> bytes:
    for antes, despues in cambios.items():
        datos = datos.replace(antes, despues)
    return datos
