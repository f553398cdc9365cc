"""A rebuild, moment by moment: what happens just before its switch, across it, and after it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from kernel.documents import Document, Keyed, MemoryDocuments
from kernel.errors import Conflict
from kernel.rebuild import InUse, Projection, Rebuilt, first_revision, rebuild
from kernel.stream import Handler, Message, Record, Stream, TopicSpec, connect

TOPIC, GRUPO = "numeros", "sumas"


def sumar(documentos: Keyed) -> Handler:
    """A fold, as a service that is rebuilt while it works has to be: which numbers came under each key."""

    async def handle(record: Record) -> None:
        actual = await documentos.get(record.key)
        if not await guardar(documentos, record.key, actual, int(record.value)):
            raise Conflict(record.key)

    return handle


async def guardar(documentos: Keyed, key: str, actual: Document | None, numero: int) -> bool:
    """Write what follows from what was read; False when somebody else wrote first."""
    if actual is None:
        return await documentos.put_if_absent({"_id": key, "revision": first_revision(), "numeros": [numero]})
    numeros = sorted({*actual["numeros"], numero})
    nuevo = {"_id": key, "revision": actual["revision"] + 1, "numeros": numeros}
    return numeros == actual["numeros"] or await documentos.replace(nuevo, actual["revision"])


async def _nada() -> None:
    return


@dataclass
class AlLado(MemoryDocuments):
    """The new collection. What happens when it is made, and right before and after it takes the place of the other."""

    al_preparar: Callable[[], Awaitable[None]] = _nada
    antes: Callable[[], Awaitable[None]] = _nada
    despues: Callable[[], Awaitable[None]] = _nada

    def __post_init__(self) -> None:
        super().__init__()

    async def prepare(self) -> None:
        await self.al_preparar()

    async def take_the_place_of(self, other: MemoryDocuments) -> None:
        await self.antes()
        await super().take_the_place_of(other)
        await self.despues()


@dataclass
class Banco:
    """A log, a projection of it, and the service that folds it."""

    stream: Stream
    viva: MemoryDocuments = field(default_factory=MemoryDocuments)
    al_lado: AlLado = field(default_factory=AlLado)

    async def publicar(self, *numeros: int) -> None:
        for numero in numeros:
            await self.stream.publish(Message(TOPIC, "k", str(numero).encode()))

    async def plegar(self, *numeros: int) -> None:
        """The numbers are published, and the service folds them at once."""
        await self.publicar(*numeros)
        for numero in numeros:
            assert await guardar(self.viva, "k", await self.viva.get("k"), numero)

    async def trabajar(self, *, se_va: bool = True) -> None:
        """The service starts and handles what there is; `se_va`: and stops."""
        servicio = asyncio.create_task(self.stream.consume(GRUPO, [TOPIC], sumar(self.viva)))
        async with asyncio.timeout(10):
            while await self.stream.committed(GRUPO, TOPIC) != await self.stream.ends(TOPIC):
                await asyncio.sleep(0.001)
        if se_va:
            servicio.cancel()
            await asyncio.gather(servicio, return_exceptions=True)

    async def reconstruir(self, *, detenido: str | None = None) -> Rebuilt:
        proyeccion = Projection(self.viva, self.al_lado, [TOPIC], sumar)  # type: ignore[arg-type]  # of one kind
        return await rebuild(self.stream, [proyeccion], stopped=detenido)

    async def numeros(self) -> list[int]:
        documento = await self.viva.get("k")
        assert documento is not None
        return list(documento["numeros"])


@pytest.fixture
async def banco() -> AsyncIterator[Banco]:
    stream = connect("memory:", "prueba")
    await stream.start()
    await stream.create_topics([TopicSpec(name, 1) for name in (TOPIC, f"{TOPIC}.cuarentena")])
    yield Banco(stream)
    await stream.stop()


async def test_lo_que_el_servicio_plego_en_la_anterior_justo_antes_del_cambio_no_se_pierde(banco: Banco) -> None:
    await banco.plegar(1, 2)

    async def antes() -> None:
        await banco.plegar(3)

    banco.al_lado.antes = antes
    assert await banco.reconstruir() == Rebuilt(before=2, after=1)
    assert await banco.numeros() == [1, 2, 3]


async def test_lo_que_el_servicio_pliega_justo_despues_del_cambio_queda_en_la_nueva(banco: Banco) -> None:
    await banco.plegar(1, 2)

    async def despues() -> None:
        await banco.plegar(3)

    banco.al_lado.despues = despues
    assert await banco.reconstruir() == Rebuilt(before=2, after=1)
    assert await banco.numeros() == [1, 2, 3]


async def test_una_escritura_empezada_sobre_la_anterior_no_pasa_en_la_nueva(banco: Banco) -> None:
    """Or it would put what was wrong with the old document, the reason for rebuilding it, into the new one."""
    await banco.plegar(1)
    sano = await banco.viva.get("k")
    assert sano is not None
    await banco.viva.replace(sano | {"numeros": []}, sano["revision"])
    leido = await banco.viva.get("k")
    await banco.reconstruir()
    await banco.publicar(2)
    assert not await guardar(banco.viva, "k", leido, 2)
    assert await guardar(banco.viva, "k", await banco.viva.get("k"), 2)  # again, on the new one
    assert await banco.numeros() == [1, 2]


def test_ninguna_cuenta_de_revisiones_empieza_donde_otra() -> None:
    primeras = {first_revision() for _ in range(1000)}
    assert len(primeras) == 1000
    assert min(primeras) >= 1


@pytest.mark.parametrize("cuando", ["antes", "despues"])
@pytest.mark.parametrize("se_va", [True, False], ids=["ya_se_fue", "sigue_ahi"])
async def test_si_el_servicio_que_debia_estar_detenido_trabaja_junto_al_cambio_hay_que_repetir(
    banco: Banco, cuando: str, se_va: bool
) -> None:
    await banco.publicar(1, 2)
    await banco.trabajar()

    async def trabajar() -> None:
        await banco.publicar(*[3] * se_va)
        await banco.trabajar(se_va=se_va)

    setattr(banco.al_lado, cuando, trabajar)
    with pytest.raises(InUse):
        await banco.reconstruir(detenido=GRUPO)


@pytest.mark.parametrize("se_va", [True, False], ids=["ya_se_fue", "sigue_ahi"])
async def test_si_trabaja_antes_del_cambio_nada_se_cambia(banco: Banco, se_va: bool) -> None:
    await banco.publicar(1, 2)
    await banco.trabajar()
    antes = await banco.viva.find({})

    async def trabajar() -> None:
        await banco.publicar(*[3] * se_va)
        await banco.trabajar(se_va=se_va)

    banco.al_lado.al_preparar = trabajar
    with pytest.raises(InUse):
        await banco.reconstruir(detenido=GRUPO)
    assert [d["revision"] for d in await banco.viva.find({})] == [antes[0]["revision"] + se_va]  # it is the old one
    assert await banco.al_lado.find({}) == []


async def test_detenido_de_verdad_se_reconstruye(banco: Banco) -> None:
    await banco.publicar(1, 2)
    await banco.trabajar()
    await banco.publicar(3)
    assert await banco.reconstruir(detenido=GRUPO) == Rebuilt(before=3, after=0)
    assert await banco.numeros() == [1, 2, 3]
