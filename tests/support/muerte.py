"""A process that is killed before one of its writes, over documents and a log that outlive it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from kernel.documents import Document, MemoryDocuments, Swap, Write
from kernel.objects import MemoryObjects
from kernel.stream import Message, Position, Stream

T = TypeVar("T")


class Muerte(BaseException):
    """The process is killed here."""


@dataclass
class Vida:
    """A process. `muere_en`: the number of the write before which it is killed; `escrituras`: how many it has begun.

    After its death nothing that it still asks for happens: no `finally` can clean up after a SIGKILL.
    """

    muere_en: int = 0
    escrituras: int = 0
    muerta: bool = False

    def respirar(self) -> None:
        """Raises Muerte when it is dead."""
        if self.muerta:
            raise Muerte

    async def escribir(self, write: Callable[[], Awaitable[T]]) -> T:
        """Carry a write out, or die."""
        self.respirar()
        self.escrituras += 1
        self.muerta = self.escrituras == self.muere_en
        self.respirar()
        return await write()


class DocumentosDe:
    """`Documents` as that process sees them: many at once may be written in part."""

    def __init__(self, vida: Vida, documentos: MemoryDocuments) -> None:
        self.vida = vida
        self.documentos = documentos

    async def prepare(self) -> None:
        """Nothing to create."""

    async def take_the_place_of(self, other: "DocumentosDe") -> None:
        """See `MemoryDocuments`."""
        await self.vida.escribir(lambda: self.documentos.take_the_place_of(other.documentos))

    async def drop(self) -> None:
        """See `MemoryDocuments`."""
        await self.vida.escribir(self.documentos.drop)

    async def get(self, id_: str) -> Document | None:
        self.vida.respirar()
        return await self.documentos.get(id_)

    async def find(self, query: Mapping[str, Any], *, sort: str | None = None, limit: int = 0) -> list[Document]:
        self.vida.respirar()
        return await self.documentos.find(query, sort=sort, limit=limit)

    async def count(self, query: Mapping[str, Any]) -> int:
        self.vida.respirar()
        return await self.documentos.count(query)

    async def put_if_absent(self, document: Document) -> bool:
        return await self.vida.escribir(lambda: self.documentos.put_if_absent(document))

    async def replace(self, document: Document, revision: int) -> bool:
        return await self.vida.escribir(lambda: self.documentos.replace(document, revision))

    async def write(self, writes: Sequence[Write]) -> set[str]:
        doubtful: set[str] = set()
        for each in writes:
            doubtful |= await self.vida.escribir(lambda one=each: self.documentos.write([one]))  # type: ignore[misc]
        return doubtful

    async def swap(self, field: str, swaps: Sequence[Swap]) -> None:
        for each in swaps:
            await self.vida.escribir(lambda one=each: self.documentos.swap(field, [one]))  # type: ignore[misc]

    async def unset(self, ids: Sequence[str], field: str) -> None:
        await self.vida.escribir(lambda: self.documentos.unset(ids, field))

    async def remove(self, ids: Sequence[str]) -> None:
        await self.vida.escribir(lambda: self.documentos.remove(ids))


class ObjetosDe:
    """`Objects` as that process sees them."""

    def __init__(self, vida: Vida, objetos: MemoryObjects) -> None:
        self._vida = vida
        self._objetos = objetos

    async def put(self, name: str, content: bytes) -> None:
        await self._vida.escribir(lambda: self._objetos.put(name, content))

    async def get(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        self._vida.respirar()
        return await self._objetos.get(name, start, length)

    async def delete(self, name: str) -> None:
        await self._vida.escribir(lambda: self._objetos.delete(name))

    async def names(self, prefix: str = "") -> AsyncIterator[str]:
        async for name in self._objetos.names(prefix):
            self._vida.respirar()
            yield name


class BitacoraDe:
    """A `Stream` as that process sees it."""

    def __init__(self, vida: Vida, stream: Stream) -> None:
        self._vida = vida
        self._stream = stream

    async def publish(self, message: Message) -> Position:
        """See `Stream`."""
        return await self._vida.escribir(lambda: self._stream.publish(message))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
