"""Raw packages go a grace time after their record was opened; those in quarantine stay (ARCHITECTURE, rule 7)."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from schemas.eventos import RegistroDescifrado, RegistroEnCuarentena, RegistroRecibido
from schemas.paquete import Suite
from services.descifrado import retiro
from tests.support.muerte import Muerte, Vida
from tests.support.recepcion import DURANTE, Mundo, MundoDescifrado

GRACIA = timedelta(days=10)


@pytest.fixture
async def lado() -> AsyncIterator[MundoDescifrado]:
    mundo = await Mundo(suite=Suite.X25519).start()
    yield MundoDescifrado(mundo)
    await mundo.stop()


async def abierto(lado: MundoDescifrado) -> RegistroRecibido:
    """A record that was received, opened, and whose event is known to be published."""
    paquete = lado.mundo.sellar()
    await lado.mundo.recibir(paquete)
    [recibido] = [s.evento for s in await lado.mundo.eventos("registro_recibido") if s.evento.asunto == paquete.folio]
    assert isinstance(recibido, RegistroRecibido)
    assert isinstance(await lado.abrir(recibido), RegistroDescifrado)
    await lado.descifrado._outbox.relay(older_than_s=0)
    return recibido


async def test_el_paquete_se_borra_cuando_su_plazo_paso_y_no_antes(lado: MundoDescifrado) -> None:
    recibido = await abierto(lado)
    lado.mundo.reloj.ahora = DURANTE + GRACIA - timedelta(seconds=1)
    assert await lado.retiro(GRACIA).vuelta() == 0
    assert [n async for n in lado.mundo.paquetes.names()] == [recibido.objeto]
    lado.mundo.reloj.ahora = DURANTE + GRACIA
    assert await lado.retiro(GRACIA).vuelta() == 1
    assert [n async for n in lado.mundo.paquetes.names()] == []
    assert len([n async for n in lado.expedientes.names()]) == 1
    assert await lado.retiro(GRACIA).vuelta() == 0


async def test_lo_que_esta_en_cuarentena_no_se_borra_nunca(lado: MundoDescifrado) -> None:
    recibido = await lado.mundo.recibir(lado.mundo.sellar())
    lado.llaves_de_proceso.clear()
    assert isinstance(await lado.abrir(recibido), RegistroEnCuarentena)
    await lado.descifrado._outbox.relay(older_than_s=0)
    lado.mundo.reloj.ahora += timedelta(days=3650)
    await lado.retiro(timedelta(0)).vuelta()
    assert [n async for n in lado.mundo.paquetes.names()] == [recibido.objeto]


async def test_lo_abierto_que_despues_se_aparto_se_conserva(lado: MundoDescifrado) -> None:
    recibido = await abierto(lado)
    dicho = recibido.model_dump(include={"folio", "recibido_en", "envio", "codigo_integridad"})
    await lado.descifrado._outbox.emit(
        RegistroEnCuarentena(**dicho, version=2, motivo="objeto_alterado", detalle=""), cause="otra"
    )
    await lado.descifrado._outbox.relay(older_than_s=0)
    await lado.retiro(timedelta(0)).vuelta()
    assert [n async for n in lado.mundo.paquetes.names()] == [recibido.objeto]


async def test_mientras_no_conste_que_se_publico_no_se_borra(lado: MundoDescifrado) -> None:
    recibido = await lado.mundo.recibir(lado.mundo.sellar())
    await lado.abrir(recibido)
    await lado.retiro(timedelta(0)).vuelta()
    assert [n async for n in lado.mundo.paquetes.names()] == [recibido.objeto]
    await lado.instancia()._outbox.relay(older_than_s=0)
    await lado.retiro(timedelta(0)).vuelta()
    assert [n async for n in lado.mundo.paquetes.names()] == []


async def test_con_el_paquete_borrado_el_mismo_envio_recibe_el_mismo_acuse(lado: MundoDescifrado) -> None:
    paquete = lado.mundo.sellar()
    recibido = await lado.mundo.recibir(paquete)
    primero = (await lado.mundo.enviar(paquete)).json()
    await lado.abrir(recibido)
    await lado.descifrado._outbox.relay(older_than_s=0)
    await lado.retiro(timedelta(0)).vuelta()
    assert [n async for n in lado.mundo.paquetes.names()] == []
    lado.mundo.reiniciar()
    respuesta = await lado.mundo.enviar(paquete)
    assert (respuesta.status_code, respuesta.json()) == (200, primero)
    assert [n async for n in lado.mundo.paquetes.names()] == []
    # And what reception said, when it comes again, opens nothing and sets nothing aside.
    lado.descifrado = lado.instancia()
    assert isinstance(await lado.abrir(recibido), RegistroDescifrado)
    assert len(await lado.mundo.eventos("descifrado")) == 1


async def test_dos_instancias_a_la_vez_borran_lo_mismo(lado: MundoDescifrado) -> None:
    for _ in range(3):
        await abierto(lado)
    await asyncio.gather(lado.retiro(timedelta(0)).vuelta(), lado.retiro(timedelta(0)).vuelta())
    assert [n async for n in lado.mundo.paquetes.names()] == []
    assert await lado.retiro(timedelta(0)).vuelta() == 0


async def test_cada_vuelta_borra_unos_cuantos(lado: MundoDescifrado, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retiro, "POR_VUELTA", 2)
    for _ in range(3):
        await abierto(lado)
    assert await lado.retiro(timedelta(0)).vuelta() == 2
    assert len([n async for n in lado.mundo.paquetes.names()]) == 1
    assert retiro.metrics.PACKAGES_OVERDUE._value.get() == 1
    assert await lado.retiro(timedelta(0)).vuelta() == 1
    assert retiro.metrics.PACKAGES_OVERDUE._value.get() == 0


async def test_muere_en_cada_escritura_y_repetido_no_queda_ninguno(lado: MundoDescifrado) -> None:
    for muere_en in itertools.count(1):
        for _ in range(2):
            await abierto(lado)
        vida = Vida(muere_en=muere_en)
        try:
            await lado.retiro(timedelta(0), vida).vuelta()
        except Muerte:
            await lado.retiro(timedelta(0)).vuelta()
            assert [n async for n in lado.mundo.paquetes.names()] == []
            continue
        assert vida.escrituras == muere_en - 1 == 3
        break
