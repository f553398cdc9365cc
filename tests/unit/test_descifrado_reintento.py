"""A record in quarantine is retried: after a fix or once a late key is there it opens, and counts once (SPEC 6)."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator

import pytest

from kernel.dispatch import Context
from kernel.errors import KeyDestroyed
from kernel.stream import Record
from schemas.envelope import Evento, ensobrar
from schemas.eventos import RegistroDescifrado, RegistroEnCuarentena, RegistroRecibido, ReintentoSolicitado
from schemas.paquete import Suite
from services.descifrado.agent import build_handler
from services.mesa_control.cuarentena.domain import reintento
from tests.support.recepcion import DURANTE, Mundo, MundoDescifrado


@pytest.fixture
async def lado() -> AsyncIterator[MundoDescifrado]:
    mundo = await Mundo(suite=Suite.X25519).start()
    yield MundoDescifrado(mundo)
    await mundo.stop()


async def sin_llave(lado: MundoDescifrado) -> tuple[RegistroRecibido, ReintentoSolicitado]:
    """A record that waits for its key, which has come since; and its retry."""
    recibido = await lado.mundo.recibir(lado.mundo.sellar())
    lado.llaves_de_proceso.clear()
    apartado = await lado.abrir(recibido)
    assert isinstance(apartado, RegistroEnCuarentena)
    assert (apartado.version, apartado.motivo, apartado.detalle) == (1, "llave_desconocida", lado.mundo.llave.id)
    llega_la_llave(lado)
    return recibido, reintento(recibido, apartado, "super.01", DURANTE)


def llega_la_llave(lado: MundoDescifrado) -> None:
    lado.llaves_de_proceso[lado.mundo.llave.id] = lado.mundo.privada


async def reintentar(lado: MundoDescifrado, pedido: ReintentoSolicitado, causa: str = "llave-1") -> list[Evento]:
    """Handle the retry, and give all that the topic says."""
    sobre = ensobrar(pedido, fuente="/apoyo/mesa_control", hora=DURANTE, causa=causa)
    await lado.descifrado.reintento_solicitado(pedido, Context(sobre, 0))
    return [s.evento for s in await lado.mundo.eventos("descifrado")]


async def test_con_la_llave_tardia_el_reintento_lo_abre_como_version_2(lado: MundoDescifrado) -> None:
    recibido, pedido = await sin_llave(lado)
    _, abierto = await reintentar(lado, pedido)
    assert isinstance(abierto, RegistroDescifrado)
    assert abierto.version == 2
    assert (abierto.folio, abierto.envio, abierto.recibido_en) == (recibido.folio, recibido.envio, recibido.recibido_en)
    assert abierto.codigo_integridad == recibido.codigo_integridad
    assert abierto.reglas == recibido.reglas
    assert [n async for n in lado.expedientes.names()] == [abierto.objeto]
    sobre = (await lado.mundo.eventos("descifrado"))[-1]
    assert sobre.causa == ensobrar(pedido, fuente="x", hora=DURANTE, causa="llave-1").id


async def test_lo_que_sigue_sin_abrir_vuelve_a_cuarentena_con_su_version_y_se_puede_reintentar(
    lado: MundoDescifrado,
) -> None:
    recibido, pedido = await sin_llave(lado)
    lado.llaves_de_proceso.clear()
    _, otra = await reintentar(lado, pedido)
    assert isinstance(otra, RegistroEnCuarentena)
    assert (otra.version, otra.motivo) == (2, "llave_desconocida")
    llega_la_llave(lado)
    eventos = await reintentar(lado, reintento(recibido, otra, "super.01", DURANTE), "llave-2")
    assert [(type(e), e.version) for e in eventos[2:]] == [(RegistroDescifrado, 3)]


async def test_el_mismo_reintento_otra_vez_no_cambia_nada(lado: MundoDescifrado) -> None:
    recibido, pedido = await sin_llave(lado)
    una = await reintentar(lado, pedido)
    lado.descifrado = lado.instancia()
    assert await reintentar(lado, pedido) == una
    await lado.abrir(recibido)
    assert [s.evento for s in await lado.mundo.eventos("descifrado")] == una
    assert len([n async for n in lado.expedientes.names()]) == 1


async def test_lo_que_se_abrio_sin_cuarentena_no_se_abre_otra_vez(lado: MundoDescifrado) -> None:
    _, pedido = await sin_llave(lado)
    abierto = await lado.mundo.recibir(lado.mundo.sellar())
    await lado.abrir(abierto)
    antes = await lado.mundo.eventos("descifrado")
    cambios = {c: getattr(abierto, c) for c in ("folio", "objeto", "paquete_sha256", "codigo_integridad")}
    await reintentar(lado, pedido.model_copy(update=cambios))
    assert await lado.mundo.eventos("descifrado") == antes


async def test_un_reintento_de_lo_que_nunca_se_recibio_no_hace_nada(lado: MundoDescifrado) -> None:
    _, pedido = await sin_llave(lado)
    antes = await lado.mundo.eventos("descifrado")
    otro = pedido.folio[:-1] + ("e" if pedido.folio.endswith("f") else "f")
    await reintentar(lado, pedido.model_copy(update={"folio": otro}))
    assert await lado.mundo.eventos("descifrado") == antes


async def test_dos_instancias_que_no_ven_lo_mismo_dejan_una_version_2_y_ningun_objeto_de_mas(
    lado: MundoDescifrado,
) -> None:
    """One has the key already, the other does not yet."""
    _, pedido = await sin_llave(lado)
    otra = dataclasses.replace(lado, llaves_de_proceso={"otra": lado.mundo.privada})
    otra.llaves = lado.llaves
    otra.llaves_de_proceso.clear()
    otra.descifrado = otra.instancia()
    await asyncio.gather(reintentar(lado, pedido), reintentar(otra, pedido))
    eventos = [s.evento for s in await lado.mundo.eventos("descifrado")]
    assert {e.version for e in eventos} == {1, 2}
    [segunda] = {e.model_dump_json(): e for e in eventos if e.version == 2}.values()
    esperados = [segunda.objeto] if isinstance(segunda, RegistroDescifrado) else []
    assert [n async for n in lado.expedientes.names()] == esperados


@pytest.mark.parametrize("llega_antes", [True, False])
async def test_si_otra_instancia_publico_la_version_mientras_se_abria_vale_la_suya(
    lado: MundoDescifrado, monkeypatch: pytest.MonkeyPatch, llega_antes: bool
) -> None:
    recibido, pedido = await sin_llave(lado)
    guardar = lado.expedientes.put

    async def guardar_tarde(nombre: str, contenido: bytes) -> None:
        await guardar(nombre, contenido)
        if llega_antes:
            monkeypatch.undo()
            lado.llaves_de_proceso.clear()
            await reintentar(lado, pedido)

    monkeypatch.setattr(lado.expedientes, "put", guardar_tarde)
    eventos = await reintentar(lado, pedido)
    assert [(type(e), e.version) for e in eventos[1:]] == [
        (RegistroEnCuarentena if llega_antes else RegistroDescifrado, 2)
    ]
    assert len([n async for n in lado.expedientes.names()]) == (0 if llega_antes else 1)
    assert recibido.folio == eventos[1].asunto


async def test_una_llave_destruida_no_se_abre_por_mas_que_se_reintente(
    lado: MundoDescifrado, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, pedido = await sin_llave(lado)

    async def destruida(*_: object) -> bytes:
        raise KeyDestroyed("destruida")

    monkeypatch.setattr(lado.llaves["descifrado"], "create", destruida)
    otra = (await reintentar(lado, pedido))[-1]
    assert isinstance(otra, RegistroEnCuarentena)
    assert (otra.version, otra.motivo) == (2, "llave_destruida")


async def test_el_reintento_llega_por_su_topic(lado: MundoDescifrado) -> None:
    _, pedido = await sin_llave(lado)
    sobre = ensobrar(pedido, fuente="/apoyo/mesa_control", hora=DURANTE, causa="llave-1")
    await build_handler(lado.descifrado)(
        Record(pedido.topic, 0, 0, pedido.llave_mensaje, sobre.cuerpo(), sobre.headers())
    )
    assert (await lado.mundo.eventos("descifrado"))[-1].evento.version == 2
