"""What a consumer could not read is kept as it came, seen without its values, and sent again once it can be read."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from apoyo.cuarentena import Apartado, Filtro, aceptar, ficha, leer, reenviar
from apoyo.sistema import crear_topics
from kernel.clock import SystemClock
from kernel.documents import MemoryDocuments
from kernel.errors import BadInput
from kernel.stream import Message, Record, Stream, connect
from kernel.stream.guard import Aside, guarded
from schemas.envelope import ensobrar
from schemas.eventos import RegistroRecibido
from services.resultados import agent as resultados
from services.resultados.handlers import Proyector
from tests.support.ejemplos import ejemplo
from tests.support.muerte import BitacoraDe, Muerte, Vida
from tests.support.resultados import folio

TOPIC = "registro_recibido"
AHORA = SystemClock().now()
CUERPO = b'{"folio": "CI26", "nombre": "MARIA PEREZ", "partes": [1, 2], "Jos\\u00e9 L\\u00f3pez": {"a": 1}}'
MENSAJE = Message(TOPIC, "CI26-1", CUERPO, {"ce_id": "1", "ce_time": "2026-11-22T20:05:00Z", "ce_type": "t\x1b[2J"})
Handler = Callable[[Record], Awaitable[None]]


@pytest.fixture
async def stream() -> AsyncIterator[Stream]:
    stream = connect("memory:", "prueba")
    await stream.start()
    await crear_topics(stream)
    yield stream
    await stream.stop()


class Servicio:
    """A group behind the guard. While `roto`, it cannot read what has `de` in its body."""

    def __init__(self, stream: Stream, grupo: str, *, roto: bool = True, atender: Handler | None = None) -> None:
        self.stream = stream
        self.grupo = grupo
        self.roto = roto
        self.atender = atender
        self.atendidos: list[bytes] = []

    async def _atender(self, record: Record) -> None:
        if self.roto:
            raise BadInput("cuerpo_invalido", "nombre")
        if self.atender is not None:
            await self.atender(record)
        self.atendidos.append(record.value)

    async def consumir(self) -> None:
        """Handle everything that the topic holds now."""
        handle = guarded(self._atender, self.stream.publish, aside=Aside(self.grupo, 100))
        consumer = asyncio.create_task(self.stream.consume(self.grupo, [TOPIC], handle))
        async with asyncio.timeout(10):
            while not await self._al_dia():
                await asyncio.sleep(0.01)
        consumer.cancel()
        await asyncio.gather(consumer, return_exceptions=True)

    async def _al_dia(self) -> bool:
        committed = await self.stream.committed(self.grupo, TOPIC)
        return all(committed.get(p, 0) >= end for p, end in (await self.stream.ends(TOPIC)).items())


async def _en(stream: Stream, topic: str) -> list[Record]:
    return [record async for record in stream.read(topic)]


async def test_lo_que_no_se_pudo_leer_se_atiende_al_reenviarlo_una_vez_corregido(stream: Stream) -> None:
    servicio = Servicio(stream, "descifrado")
    await stream.publish(MENSAJE)
    await servicio.consumir()
    assert servicio.atendidos == []
    servicio.roto = False
    assert await reenviar(stream, await leer(stream), AHORA) == 1
    await servicio.consumir()
    assert servicio.atendidos == [CUERPO]
    original, reenviado = await _en(stream, TOPIC)
    assert (reenviado.key, reenviado.value, reenviado.headers) == (original.key, original.value, original.headers)
    assert [a.reenviado_en for a in await leer(stream)] == [AHORA]


async def test_reenviar_dos_veces_es_reenviar_una(stream: Stream) -> None:
    await stream.publish(MENSAJE)
    await Servicio(stream, "descifrado").consumir()
    assert await reenviar(stream, await leer(stream), AHORA) == 1
    assert await reenviar(stream, await leer(stream), AHORA) == 0
    assert len(await _en(stream, TOPIC)) == 2


@pytest.mark.parametrize("escritura", [1, 2, 3, 4], ids=["publica_uno", "marca_uno", "publica_otro", "marca_otro"])
async def test_una_muerte_antes_de_cada_escritura_y_repetir_es_reenviar_una_vez(stream: Stream, escritura: int) -> None:
    """What was published and not marked goes again; who handles it finds nothing new in it."""
    for n in (1, 2):
        evento = ejemplo(RegistroRecibido, folio=folio(n))
        sobre = ensobrar(evento, fuente="/apoyo/prueba", hora=AHORA, causa=str(n))
        await stream.publish(Message(TOPIC, evento.llave_mensaje, sobre.cuerpo(), sobre.headers()))
    documentos = MemoryDocuments()
    servicio = Servicio(stream, "resultados", atender=resultados.build(Proyector(documentos)))
    await servicio.consumir()
    assert len(await leer(stream)) == 2
    servicio.roto = False
    mortal: Any = BitacoraDe(Vida(muere_en=escritura), stream)

    with pytest.raises(Muerte):
        await reenviar(mortal, await leer(stream), AHORA)
    pendientes = sum(a.pendiente for a in await leer(stream))
    assert pendientes == 2 - (escritura - 1) // 2
    assert await reenviar(stream, await leer(stream), AHORA) == pendientes

    assert [a.pendiente for a in await leer(stream)] == [False, False]
    assert await reenviar(stream, await leer(stream), AHORA) == 0
    await servicio.consumir()
    assert sorted((d["_id"], d["revision"]) for d in await documentos.find({})) == [(folio(1), 1), (folio(2), 1)]
    assert len(await leer(stream)) == 2


async def test_lo_apartado_por_varios_servicios_se_reenvia_una_sola_vez(stream: Stream) -> None:
    await stream.publish(MENSAJE)
    for grupo in ("descifrado", "resultados"):
        await Servicio(stream, grupo).consumir()
    assert [a.grupo for a in await leer(stream)] == ["descifrado", "resultados"]
    assert await reenviar(stream, await leer(stream), AHORA) == 1
    assert all(a.reenviado_en for a in await leer(stream))


async def test_lo_que_sigue_sin_poderse_leer_vuelve_a_la_cuarentena_desde_su_nuevo_lugar(stream: Stream) -> None:
    servicio = Servicio(stream, "descifrado")
    await stream.publish(MENSAJE)
    await servicio.consumir()
    await reenviar(stream, await leer(stream), AHORA)
    await servicio.consumir()
    uno, otro = await leer(stream)
    assert uno.origen != otro.origen
    assert (uno.reenviado_en, otro.reenviado_en) == (AHORA, None)
    assert otro.original == MENSAJE


async def test_lo_aceptado_ya_no_espera_y_no_se_reenvia(stream: Stream) -> None:
    await stream.publish(MENSAJE)
    await Servicio(stream, "descifrado").consumir()
    assert await aceptar(stream, await leer(stream), AHORA) == 1
    [apartado] = await leer(stream)
    assert (apartado.aceptado_en, apartado.reenviado_en, apartado.pendiente) == (AHORA, None, False)
    assert await reenviar(stream, await leer(stream), AHORA) == 0
    assert await aceptar(stream, await leer(stream), AHORA) == 0
    assert len(await _en(stream, TOPIC)) == 1


async def test_un_mensaje_con_encabezados_de_la_cuarentena_no_se_hace_pasar_por_su_respuesta(stream: Stream) -> None:
    falsos = {"cuarentena_reenviado": f"{TOPIC}/0/0", "cuarentena_origen": "x", "cuarentena_hora": "ayer"}
    mensaje = Message(TOPIC, "CI26-1", b"x", falsos)
    lugar = await stream.publish(mensaje)
    await Servicio(stream, "descifrado").consumir()
    [apartado] = await leer(stream)
    assert apartado.origen == f"{TOPIC}/{lugar.partition}/{lugar.offset}"
    assert apartado.pendiente
    assert apartado.original == mensaje


MALFORMADOS = [
    {},
    {"cuarentena_origen": "x"},
    {"cuarentena_origen": f"{TOPIC}/uno/2", "cuarentena_grupo": "g"},
    {"cuarentena_origen": "otro/0/0"},
    {"cuarentena_origen": "descifrado/0/0"},
    {"cuarentena_origen": f"{TOPIC}/0/{'9' * 40}"},
]


@pytest.mark.parametrize("headers", MALFORMADOS)
async def test_lo_que_no_dice_bien_su_origen_se_muestra_desde_donde_esta_y_nada_se_oculta(
    stream: Stream, headers: dict[str, str]
) -> None:
    await stream.publish(Message(f"{TOPIC}.cuarentena", "k", b"x", headers))
    await stream.publish(MENSAJE)
    await Servicio(stream, "descifrado").consumir()
    propio, ajeno = await leer(stream)
    assert (ajeno.topic, ajeno.origen) == (TOPIC, f"{TOPIC}.cuarentena/0/0")
    assert propio.original == MENSAJE
    assert await reenviar(stream, [ajeno], AHORA) == 1
    assert [a.pendiente for a in await leer(stream)] == [True, False]
    assert (await _en(stream, "descifrado")) == []


@pytest.mark.parametrize("hora", [None, "", "ayer", "2026-11-22T20:05:00"])
async def test_una_marca_sin_su_hora_no_responde_por_nada(stream: Stream, hora: str | None) -> None:
    await stream.publish(MENSAJE)
    await Servicio(stream, "descifrado").consumir()
    [apartado] = await leer(stream)
    marca = {"cuarentena_reenviado": apartado.origen} | ({} if hora is None else {"cuarentena_hora": hora})
    await stream.publish(Message(f"{TOPIC}.cuarentena", "k", b"", marca))
    assert [a.pendiente for a in await leer(stream)] == [True]


async def test_la_misma_entrega_apartada_dos_veces_se_cuenta_una(stream: Stream) -> None:
    await stream.publish(MENSAJE)
    await Servicio(stream, "descifrado").consumir()
    [repetida] = await _en(stream, f"{TOPIC}.cuarentena")
    await stream.publish(Message(repetida.topic, repetida.key, repetida.value, repetida.headers))
    assert len(await leer(stream)) == 1


async def test_se_elige_por_topic_motivo_servicio_u_origen(stream: Stream) -> None:
    await stream.publish(MENSAJE)
    await stream.publish(Message(TOPIC, "CI26-2", b"otro", {}))
    for grupo in ("descifrado", "resultados"):
        await Servicio(stream, grupo).consumir()
    todos = await leer(stream)
    assert len(todos) == 4
    assert len(await leer(stream, Filtro(grupo="resultados"))) == 2
    assert len(await leer(stream, Filtro(origen=todos[0].origen))) == 2
    assert len(await leer(stream, Filtro(topic=TOPIC, motivo="cuerpo_invalido"))) == 4
    assert await leer(stream, Filtro(topic="descifrado")) == []
    assert await leer(stream, Filtro(motivo="otro")) == []
    assert await reenviar(stream, await leer(stream, Filtro(origen=todos[0].origen)), AHORA) == 1
    assert len([a for a in await leer(stream) if a.reenviado_en is None]) == 2


async def _apartado(stream: Stream) -> list[Apartado]:
    await stream.publish(MENSAJE)
    await Servicio(stream, "descifrado").consumir()
    return await leer(stream)


async def test_se_muestra_la_forma_del_cuerpo_y_ningun_valor(stream: Stream) -> None:
    texto = "\n".join(ficha(await _apartado(stream), completo=False))
    assert "cuerpo_invalido nombre" in texto
    assert "nombre: texto de 11 caracteres" in texto
    assert "partes: lista de 2" in texto
    assert "«nombre de 10 caracteres».a: número" in texto
    assert "MARIA" not in texto
    assert "José" not in texto


async def test_ningun_byte_ajeno_llega_a_la_terminal_sin_escapar(stream: Stream) -> None:
    completo = "\n".join(ficha(await _apartado(stream), completo=True))
    assert "MARIA PEREZ" in completo
    assert "t\\x1b[2J" in completo
    assert "\x1b" not in completo
