"""Calls that go together give each caller what the call alone would have given, and cost one."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from kernel.documents import Document, MemoryDocuments, Write
from kernel.errors import Unavailable
from kernel.together import AT_MOST, Gathered, Together


class Motor(MemoryDocuments):
    """Counts the calls. `fallan`: numbers of those without an answer, whose first write is carried out all the same;
    `dudosos`: ids of which it never says that they were written; `entre`: what others do before each answer."""

    def __init__(self, unique: Sequence[Sequence[str]] = ()) -> None:
        super().__init__(unique)
        self.llamadas: list[tuple[str, int]] = []
        self.fallan: Sequence[int] = ()
        self.dudosos: set[str] = set()
        self.entre: list[Document] = []

    async def get(self, id_: str) -> Document | None:
        await self._llamada("get", 1)
        return await super().get(id_)

    async def find(self, query: Mapping[str, Any], *, sort: str | None = None, limit: int = 0) -> list[Document]:
        await self._llamada("find", len(query["_id"]["$in"]))
        return await super().find(query, sort=sort, limit=limit)

    async def write(self, writes: Sequence[Write]) -> set[str]:
        assert len({w.document["_id"] for w in writes}) == len(writes)
        if len(self.llamadas) in self.fallan:
            await super().write(writes[:1])
        await self._llamada("write", len(writes))
        refused = await super().write(writes)
        for otro in self.entre:
            await MemoryDocuments.replace(self, otro, otro["revision"] - 1)
        return refused | (self.dudosos & {w.document["_id"] for w in writes})

    async def _llamada(self, nombre: str, cuantos: int) -> None:
        self.llamadas.append((nombre, cuantos))
        await asyncio.sleep(0.001)
        if len(self.llamadas) - 1 in self.fallan:
            raise Unavailable("no answer")


def _doc(id_: str, revision: int, **fields: Any) -> Document:
    return {"_id": id_, "revision": revision, **fields}


async def test_lo_que_se_pide_a_la_vez_se_pide_una_vez() -> None:
    motor = Motor()
    juntos = Together(motor)
    ids = [str(n) for n in range(7)]
    assert await asyncio.gather(*(juntos.put_if_absent(_doc(i, 1)) for i in ids)) == [True] * 7
    assert await asyncio.gather(*(juntos.replace(_doc(i, 2, v=i), 1) for i in ids)) == [True] * 7
    assert await asyncio.gather(*(juntos.get(i) for i in [*ids, "falta"])) == [*(_doc(i, 2, v=i) for i in ids), None]
    assert motor.llamadas == [("write", 7), ("write", 7), ("find", 8)]


async def test_quien_pide_solo_no_espera_a_nadie_y_mientras_se_contesta_se_junta_lo_demas() -> None:
    motor = Motor()
    juntos = Together(motor)
    primero = asyncio.create_task(juntos.get("a"))
    await asyncio.sleep(0.0005)
    otros = [asyncio.create_task(juntos.get(i)) for i in ("b", "c")]
    await asyncio.gather(primero, *otros)
    assert motor.llamadas == [("get", 1), ("find", 2)]


async def test_nunca_van_mas_de_cien_en_una_llamada() -> None:
    motor = Motor()
    juntos = Together(motor)
    await asyncio.gather(*(juntos.put_if_absent(_doc(str(n), 1)) for n in range(2 * AT_MOST + 1)))
    assert motor.llamadas == [("write", AT_MOST), ("write", AT_MOST), ("write", 1)]


async def test_de_un_mismo_documento_escribe_uno_y_los_demas_saben_que_no() -> None:
    motor = Motor()
    juntos = Together(motor)
    assert await asyncio.gather(*(juntos.put_if_absent(_doc("a", 1, v=n)) for n in range(3))) == [True, False, False]
    reemplazos = [juntos.replace(_doc("a", 2, v=n), 1) for n in range(3)]
    assert await asyncio.gather(*reemplazos, juntos.replace(_doc("b", 2), 1)) == [True, False, False, False]
    assert (await motor.get("a")) == _doc("a", 2, v=0)


async def test_quien_pide_lo_mismo_recibe_su_propia_copia() -> None:
    motor = Motor()
    await motor.put_if_absent(_doc("a", 1, lista=[1]))
    juntos = Together(motor)
    uno, otro = await asyncio.gather(juntos.get("a"), juntos.get("a"))
    assert uno == otro == _doc("a", 1, lista=[1])
    assert uno is not None
    uno["lista"].append(2)
    assert otro == _doc("a", 1, lista=[1])


async def test_lo_que_rechaza_un_indice_unico_se_dice_a_quien_lo_pidio() -> None:
    juntos = Together(Motor([("x",)]))
    assert await asyncio.gather(
        *(juntos.put_if_absent(_doc(i, 1, x=x)) for i, x in (("a", 1), ("b", 1), ("c", 2)))
    ) == [
        True,
        False,
        True,
    ]


async def test_de_lo_dudoso_se_mira_que_quedo() -> None:
    motor = Motor()
    juntos = Together(motor)
    hora = datetime(2026, 11, 28, 1, 2, 3, 125999, tzinfo=UTC)  # engines keep milliseconds
    for id_ in ("a", "b", "c", "d"):
        await motor.put_if_absent(_doc(id_, 1))
    await motor.replace(_doc("b", 2, hora=hora, v="de otro"), 1)
    motor.dudosos = {"a", "b", "c", "falta"}
    reemplazos = [juntos.replace(_doc(i, 2, hora=hora), 1) for i in ("a", "b", "c", "d", "falta")]
    assert await asyncio.gather(*reemplazos) == [True, False, True, True, False]
    assert motor.llamadas == [("write", 5), ("find", 4)]


async def test_lo_escrito_y_ya_reemplazado_por_otro_cuenta_como_no_escrito() -> None:
    motor = Motor()
    juntos = Together(motor)
    await motor.put_if_absent(_doc("a", 1))
    motor.dudosos, motor.entre = {"a"}, [_doc("a", 3, de="otro")]
    assert not await juntos.replace(_doc("a", 2), 1)
    assert await motor.get("a") == _doc("a", 3, de="otro")


async def test_si_juntos_no_hay_respuesta_se_pide_de_uno_en_uno() -> None:
    motor = Motor()
    juntos = Together(motor)
    motor.fallan = [0]
    assert await asyncio.gather(*(juntos.put_if_absent(_doc(i, 1)) for i in ("a", "b"))) == [False, True]
    assert [n for n in motor.llamadas if n[0] == "write"] == [("write", 2), ("write", 1), ("write", 1)]


async def test_quien_estorba_a_los_demas_falla_solo() -> None:
    async def ask(numeros: Sequence[int]) -> list[int]:
        await asyncio.sleep(0)
        if 3 in numeros:
            raise Unavailable("too large")
        return [10 * n for n in numeros]

    gathered = Gathered(ask)
    answers = await asyncio.gather(*(gathered(n) for n in range(5)), return_exceptions=True)
    assert [a for a in answers if not isinstance(a, Unavailable)] == [0, 10, 20, 40]
    assert isinstance(answers[3], Unavailable)
    assert await gathered(7) == 70


async def test_quien_se_va_no_detiene_a_los_demas() -> None:
    motor = Motor()
    juntos = Together(motor)
    tasks = [asyncio.create_task(juntos.put_if_absent(_doc(i, 1))) for i in ("a", "b", "c")]
    await asyncio.sleep(0.0005)
    tasks[0].cancel()
    assert await asyncio.gather(*tasks[1:]) == [True, True]
    assert await juntos.put_if_absent(_doc("d", 1))


async def test_si_se_detiene_a_quien_pregunta_nadie_queda_esperando() -> None:
    async def nunca(numeros: Sequence[int]) -> list[int]:
        await asyncio.Event().wait()
        return list(numeros)

    gathered = Gathered(nunca)
    task = asyncio.create_task(gathered(1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert gathered._asking is not None
    gathered._asking.cancel()
    with pytest.raises(Unavailable):
        await task


async def test_un_rechazo_solo_no_se_mira_otra_vez() -> None:
    motor = Motor()
    juntos = Together(motor)
    assert not await juntos.replace(_doc("a", 2), 1)
    assert motor.llamadas == [("write", 1)]
