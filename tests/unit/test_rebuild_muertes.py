"""Each service's rebuild, killed before each of its writes and repeated: it leaves in use the old or the new, then the new."""

import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest

from kernel.documents import Document, MemoryDocuments
from kernel.rebuild import Projection, rebuild
from kernel.stream import Message, Stream, connect
from schemas.envelope import Evento, ensobrar
from schemas.perfil import PERFIL_P
from services.compulsa.bootstrap import proyecciones as proyecciones_de_compulsa
from services.notificaciones import agent as agente_notificaciones
from services.notificaciones.bootstrap import proyecciones as proyecciones_de_notificaciones
from tests.integration.test_rebuild import (
    MESA,
    PORTAL,
    RESULTADOS,
    Base,
    CompulsaEnMongo,
    Mundo,
    Servicio,
    _abierta,
    _registros_de_toda_clase,
    sin,
)
from tests.support.muerte import DocumentosDe, Muerte, Vida
from tests.support.resultados import HORA
from tests.unit import test_notificaciones_entrega as entrega
from tests.unit.test_compulsa_registro import Compulsa

Pares = list[tuple[Any, Any]]


@pytest.fixture
async def stream() -> AsyncIterator[Stream]:
    stream = await _abierta(connect("memory:", "prueba"))
    yield stream
    await stream.stop()


async def _copia(vivas: Sequence[MemoryDocuments]) -> list[MemoryDocuments]:
    copias = [MemoryDocuments() for _ in vivas]
    for viva, copia in zip(vivas, copias, strict=True):
        for documento in await viva.find({}):
            await copia.put_if_absent(documento)
    return copias


async def _todos(vivas: Sequence[MemoryDocuments], campos: Sequence[str] = ()) -> list[dict[str, Document]]:
    return [sin(await viva.find({}), "revision", *campos) for viva in vivas]


async def morir_en_cada_escritura(
    stream: Stream,
    vivas: Sequence[MemoryDocuments],
    proyecciones: Callable[[Pares], Sequence[Projection]],
    *,
    arrendado: Sequence[str] = (),
    **como: Any,
) -> None:
    """Rebuild `vivas`, of which something was lost: once for each write that it takes, killed before it, and then again."""
    buenas = await _todos(vivas, arrendado)
    assert all(buenas)
    estropeadas = await _copia(vivas)
    for estropeada in estropeadas:
        await estropeada.remove(sorted(d["_id"] for d in await estropeada.find({}))[::2])
    malas = await _todos(estropeadas, arrendado)

    async def reconstruir(vida: Vida, en_uso: Sequence[MemoryDocuments]) -> None:
        pares = [(DocumentosDe(vida, viva), DocumentosDe(vida, MemoryDocuments())) for viva in en_uso]
        await rebuild(stream, proyecciones(pares), **como)

    entera = Vida()
    await reconstruir(entera, await _copia(estropeadas))
    assert entera.escrituras >= sum(map(len, buenas)) + len(vivas)  # each document, and each switch
    for numero in range(1, entera.escrituras + 1):
        en_uso = await _copia(estropeadas)
        with pytest.raises(Muerte):
            await reconstruir(Vida(muere_en=numero), en_uso)
        quedan = zip(await _todos(en_uso, arrendado), malas, buenas, strict=True)
        assert all(queda in (mala, buena) for queda, mala, buena in quedan), numero
        await reconstruir(Vida(), en_uso)
        assert await _todos(en_uso, arrendado) == buenas, numero


class MundoEnMemoria(Mundo):
    """The projection of resultados, mesa_control or portal, in memory."""

    def __init__(self, stream: Stream, servicio: Servicio) -> None:
        self.stream, self.servicio, self.publicados = stream, servicio, 0
        self.registros: Any = MemoryDocuments()
        self.numeros = itertools.count()


@pytest.mark.parametrize("servicio", [RESULTADOS, MESA, PORTAL], ids=lambda servicio: servicio.grupo)
async def test_la_de_un_servicio_en_marcha(stream: Stream, servicio: Servicio) -> None:
    mundo = MundoEnMemoria(stream, servicio)
    async with mundo.trabajando():
        for _ in range(9):
            await mundo.una_vida()
    await morir_en_cada_escritura(
        stream,
        [mundo.registros],
        lambda pares: [Projection(*par, servicio.topics, servicio.handler) for par in pares],
        arrendado=servicio.arrendado,
    )


class CompulsaEnMemoria(CompulsaEnMongo):
    """compulsa with its state in memory."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.vivas = [MemoryDocuments() for _ in range(3)]
        self.compulsa = Compulsa(stream, PERFIL_P, *self.vivas)


async def test_la_de_compulsa(stream: Stream) -> None:
    mundo = CompulsaEnMemoria(stream)
    await _registros_de_toda_clase(mundo)
    dichos = await mundo.dichos()
    await morir_en_cada_escritura(
        stream,
        mundo.vivas,
        lambda pares: proyecciones_de_compulsa(*pares),
        stopped="compulsa",
        outbox=mundo.compulsa.outbox,
    )
    assert await mundo.dichos() == dichos


class BaseEnMemoria(Base):
    """A log alone."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream


async def test_la_de_notificaciones(stream: Stream) -> None:
    base = BaseEnMemoria(stream)
    envios, desenlaces = MemoryDocuments(), MemoryDocuments()
    mundo = entrega.Mundo(colecciones={"envios": envios, "desenlaces": desenlaces, "entregas": MemoryDocuments()})
    auxiliar = await mundo.auxiliar()
    mundo.publicar(auxiliar)
    eventos: list[Evento] = [auxiliar, *(entrega.abierto(n) for n in range(3)), entrega.cerrado(3)]
    eventos += [await mundo.descifrado(0), await mundo.descifrado(1), entrega.cuarentena(2)]
    for evento in eventos:
        sobre = ensobrar(evento, fuente="/apoyo/prueba", hora=HORA, causa=str(evento))
        await stream.publish(Message(evento.topic, evento.llave_mensaje, sobre.cuerpo(), sobre.headers()))
    async with base.consumiendo("notificaciones", agente_notificaciones.TOPICS, mundo.instancia("uno").handler):
        pass
    mensajes = len(mundo.buzon.mensajes)
    await morir_en_cada_escritura(
        stream, [envios, desenlaces], lambda pares: proyecciones_de_notificaciones(*pares), stopped="notificaciones"
    )
    assert len(mundo.buzon.mensajes) == mensajes
