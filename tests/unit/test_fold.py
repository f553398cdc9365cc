"""Folding many events at once gives what folding each by itself gives, whoever else writes and whatever the engine answers."""

from collections.abc import Sequence
from typing import Any

import pytest

from kernel.documents import Document, Keyed, MemoryDocuments, Write
from kernel.errors import BadInput, Conflict, Unavailable
from kernel.fold import Batch, Fold
from kernel.stream import Handler, Message, Position, Record
from kernel.stream.guard import Aside, TooMuchBadInput, guarded


def sumar(documentos: Keyed) -> Handler:
    """A fold: which numbers came under each key."""

    async def handle(record: Record) -> None:
        if not record.value.isdigit():
            raise BadInput("no_es_numero")
        actual = await documentos.get(record.key)
        numeros = sorted({*(actual["numeros"] if actual else []), int(record.value)})
        if actual is not None and numeros == actual["numeros"]:
            return
        revision = actual["revision"] if actual else 0
        nuevo = {"_id": record.key, "revision": revision + 1, "numeros": numeros}
        if not await (documentos.replace(nuevo, revision) if actual else documentos.put_if_absent(nuevo)):
            raise Conflict(record.key)

    return handle


class Motor(MemoryDocuments):
    """Counts its operations. Those of these numbers are not answered; a bulk write carries out its first write all the same."""

    def __init__(self) -> None:
        super().__init__()
        self.operaciones: list[str] = []
        self.fallan: Sequence[int] = ()

    async def get(self, id_: str) -> Document | None:
        self._operacion("get")
        return await super().get(id_)

    async def find(self, query: Any, *, sort: str | None = None, limit: int = 0) -> list[Document]:
        self._operacion("find")
        return await super().find(query, sort=sort, limit=limit)

    async def write(self, writes: Sequence[Write]) -> set[str]:
        """Its parts are no operations of their own."""
        if len(self.operaciones) in self.fallan:
            await self._todas(writes[:1])
        self._operacion("write")
        return await self._todas(writes)

    async def _todas(self, writes: Sequence[Write]) -> set[str]:
        numero, fallan, self.fallan = len(self.operaciones), self.fallan, ()
        try:
            return await super().write(writes)
        finally:
            del self.operaciones[numero:]
            self.fallan = fallan

    def _operacion(self, nombre: str) -> None:
        self.operaciones.append(nombre)
        if len(self.operaciones) - 1 in self.fallan:
            raise Unavailable("no answer")

    async def replace(self, document: Document, revision: int) -> bool:
        self._operacion("replace")
        return await super().replace(document, revision)

    @property
    def numeros(self) -> dict[str, list[int]]:
        return {id_: document["numeros"] for id_, document in self._documents.items()}


class Banco:
    """A batch over a collection, and what went into quarantine."""

    def __init__(self, *, remember: int = 100) -> None:
        self.motor = Motor()
        self.cuarentena: list[Message] = []
        self._offset = 0

        async def publish(message: Message) -> Position:
            self.cuarentena.append(message)
            return Position(message.topic, 0, 0)

        async def sleep(_: float) -> None:
            pass

        aside = Aside("g", 3)

        def guard(handle: Handler) -> Handler:
            return guarded(handle, publish, aside=aside, budget_s=5.0, sleep=sleep)

        self.batch: Batch = Fold(self.motor, sumar, remember).under(guard)

    async def recibir(self, *registros: tuple[str, str]) -> list[str]:
        """Handle and settle those keys and values; what the engine was asked meanwhile."""
        for key, value in registros:
            await self.batch.handle(Record("t", 0, self._offset, key, value.encode(), {}))
            self._offset += 1
        self.motor.operaciones.clear()
        await self.batch.settle()
        return list(self.motor.operaciones)

    async def otro(self, key: str, value: str) -> None:
        """Another process folds that."""
        await sumar(self.motor)(Record("t", 1, 0, key, value.encode(), {}))


async def test_lo_que_llego_junto_se_lee_y_se_escribe_de_una_vez() -> None:
    banco = Banco()
    assert await banco.recibir(("a", "1"), ("b", "1"), ("a", "2"), ("a", "3")) == ["find", "write"]
    assert banco.motor.numeros == {"a": [1, 2, 3], "b": [1]}


async def test_nada_se_escribe_antes_de_asentar() -> None:
    banco = Banco()
    await banco.batch.handle(Record("t", 0, 0, "a", b"1", {}))
    assert banco.motor.numeros == {}


async def test_lo_reciente_no_se_lee_otra_vez_y_lo_que_no_cambia_no_se_escribe() -> None:
    banco = Banco()
    await banco.recibir(("a", "1"))
    assert await banco.recibir(("a", "2")) == ["write"]
    assert await banco.recibir(("a", "2")) == []
    assert banco.motor.numeros == {"a": [1, 2]}


async def test_solo_se_recuerda_lo_mas_reciente() -> None:
    banco = Banco(remember=1)
    await banco.recibir(("a", "1"), ("b", "1"))
    assert await banco.recibir(("b", "2")) == ["write"]
    assert await banco.recibir(("a", "2")) == ["find", "write"]
    assert await Banco(remember=0).recibir(("a", "1"), ("a", "2")) == ["find", "write"]


async def test_si_otro_escribio_antes_nada_se_pierde() -> None:
    banco = Banco()
    await banco.recibir(("a", "1"), ("b", "1"))
    await banco.otro("a", "7")
    await banco.otro("c", "7")
    await banco.recibir(("a", "2"), ("b", "2"), ("c", "2"))
    assert await banco.recibir(("a", "3"), ("c", "3")) == ["find", "write"]
    assert banco.motor.numeros == {"a": [1, 2, 3, 7], "b": [1, 2], "c": [2, 3, 7]}


@pytest.mark.parametrize("veces", [1, 2])
@pytest.mark.parametrize("primera", range(8))
async def test_si_el_motor_no_responde_se_insiste_y_nada_se_pierde(primera: int, veces: int) -> None:
    banco = Banco()
    await banco.recibir(("a", "1"), ("c", "1"))
    await banco.otro("a", "7")
    banco.motor.fallan = range(primera, primera + veces)
    await banco.recibir(("c", "2"), ("a", "2"), ("b", "1"))
    banco.motor.fallan = ()
    assert banco.motor.numeros == {"a": [1, 2, 7], "b": [1], "c": [1, 2]}


async def test_si_el_motor_sigue_sin_responder_termina_el_proceso() -> None:
    banco = Banco()
    banco.motor.fallan = range(10**9)
    reloj = iter(range(10**9))
    batch = Fold(banco.motor, sumar).under(
        lambda handle: guarded(
            handle, None, aside=Aside("g", 3), budget_s=30, clock=lambda: float(next(reloj)), sleep=_nada
        )  # type: ignore[arg-type]
    )
    await batch.handle(Record("t", 0, 0, "a", b"1", {}))
    with pytest.raises(Unavailable):
        await batch.settle()


async def test_lo_ilegible_va_a_cuarentena_uno_por_uno_y_lo_demas_sigue() -> None:
    banco = Banco()
    malos = [("a", "x"), ("b", "x"), ("c", "x")]
    await banco.recibir(("a", "1"), *malos, ("a", "2"), *malos)
    assert [m.headers["cuarentena_origen"] for m in banco.cuarentena] == [f"t/0/{n}" for n in (1, 2, 3, 5, 6, 7)]
    assert banco.motor.numeros == {"a": [1, 2]}
    with pytest.raises(TooMuchBadInput):
        await banco.recibir(("d", "x"))


async def _nada(_: float) -> None:
    pass
