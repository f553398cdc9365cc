"""Events of different keys are handled beside one another, those of one key in order; nothing is settled before it is done."""

import asyncio

import pytest

from kernel.errors import BadInput, Unavailable
from kernel.per_key import Batch, PerKey
from kernel.stream import Handler, Message, Position, Record
from kernel.stream.guard import Aside, TooMuchBadInput, guarded


class Banco:
    """Handles by appending to `hechos`, after a while. `en_mano`: the most at once; what a value says can go wrong."""

    def __init__(self, at_most: int = 10) -> None:
        self.hechos: list[tuple[str, str]] = []
        self.cuarentena: list[str] = []
        self.en_mano = 0
        self._ahora = 0
        self._vistos: set[bytes] = set()

        async def publish(message: Message) -> Position:
            await asyncio.sleep(0.001)
            self.cuarentena.append(message.value.decode())
            return Position(message.topic, 0, 0)

        async def sleep(_: float) -> None:
            await asyncio.sleep(0)

        def guard(handle: Handler) -> Handler:
            return guarded(handle, publish, aside=Aside("g", limit=3), budget_s=0.2, sleep=sleep)

        self.batch: Batch = PerKey(self._manejar, at_most).under(guard)

    async def _manejar(self, record: Record) -> None:
        self._ahora += 1
        self.en_mano = max(self.en_mano, self._ahora)
        try:
            await asyncio.sleep(0.001 * (5 - record.offset % 5))
            primera = record.value not in self._vistos
            self._vistos.add(record.value)
            if record.value == b"malo":
                raise BadInput("malo")
            if record.value == b"nunca" or (record.value == b"luego" and primera):
                raise Unavailable("not now")
            self.hechos.append((record.key, record.value.decode()))
        finally:
            self._ahora -= 1

    async def recibir(self, *registros: tuple[str, str]) -> None:
        for offset, (key, value) in enumerate(registros):
            await self.batch.handle(Record("t", 0, offset, key, value.encode(), {}))


async def test_cada_llave_en_su_orden_y_ninguna_espera_a_otra() -> None:
    banco = Banco()
    await banco.recibir(("a", "1"), ("b", "1"), ("a", "2"), ("c", "1"), ("b", "2"), ("a", "3"))
    assert banco.hechos == []
    await banco.batch.settle()
    assert {k: [v for key, v in banco.hechos if key == k] for k in "abc"} == {
        "a": ["1", "2", "3"],
        "b": ["1", "2"],
        "c": ["1"],
    }
    assert banco.en_mano == 3
    await banco.batch.settle()
    assert len(banco.hechos) == 6


async def test_nunca_hay_mas_en_mano_de_lo_que_se_dijo() -> None:
    banco = Banco(at_most=2)
    await banco.recibir(*((str(n), "1") for n in range(9)))
    await banco.batch.settle()
    assert len(banco.hechos) == 9
    assert banco.en_mano == 2


async def test_lo_que_falla_se_intenta_de_nuevo_y_lo_ilegible_va_a_cuarentena_sin_detener_a_los_demas() -> None:
    banco = Banco()
    await banco.recibir(("a", "luego"), ("a", "2"), ("b", "malo"), ("b", "2"), ("c", "1"))
    await banco.batch.settle()
    assert sorted(banco.hechos) == [("a", "2"), ("a", "luego"), ("b", "2"), ("c", "1")]
    assert [v for k, v in banco.hechos if k == "a"] == ["luego", "2"]
    assert banco.cuarentena == ["malo"]


async def test_lo_que_no_tiene_remedio_sale_tal_cual_y_termina_el_proceso() -> None:
    banco = Banco()
    await banco.recibir(("a", "nunca"), ("b", "1"))
    with pytest.raises(Unavailable):
        await banco.batch.settle()


async def test_tampoco_a_la_vez_va_mas_a_cuarentena_que_el_limite() -> None:
    banco = Banco()
    await banco.recibir(*((str(n), "malo") for n in range(9)))
    with pytest.raises(TooMuchBadInput):
        await banco.batch.settle()
    assert banco.cuarentena == ["malo"] * 3
