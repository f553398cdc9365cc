"""An order to retry, and the opening that follows, killed before each of their writes and repeated: each record once (ADR 21)."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from kernel.dispatch import Context
from kernel.outbox import Outbox
from schemas.envelope import ensobrar, leer
from schemas.eventos import POR_TIPO, RegistroDescifrado, RegistroEnCuarentena
from schemas.paquete import Suite
from services.mesa_control.cuarentena.domain import Filtro, reintento
from services.mesa_control.cuarentena.handlers import Cuarentena
from services.mesa_control.domain import Rechazo
from services.mesa_control.handlers import Proyector
from tests.support.mesa import PROCESO, Mesa, folio
from tests.support.muerte import BitacoraDe, DocumentosDe, Muerte, ObjetosDe, Vida
from tests.support.recepcion import DURANTE, Mundo, MundoDescifrado


async def _hasta_que_viva(hacer: Callable[[Vida], Awaitable[None]], muere_en: int) -> int:
    """Do it in a process that dies before that write, and again in the next one; how many writes it would have made."""
    vida = Vida(muere_en)
    try:
        await hacer(vida)
    except (Muerte, BaseExceptionGroup):
        await hacer(Vida())
    return vida.escrituras


@pytest.fixture
async def mesa() -> AsyncIterator[Mesa]:
    mesa = Mesa()
    await mesa.empieza()
    yield mesa
    await mesa.stream.stop()


@pytest.mark.parametrize("muere_en", range(1, 15))
async def test_una_orden_que_muere_y_se_repite_reintenta_cada_registro_una_vez(mesa: Mesa, muere_en: int) -> None:
    for n in (1, 2, 3):
        await mesa.aparta(n, "llave_desconocida")

    async def pedir(vida: Vida) -> None:
        registros: Any = DocumentosDe(vida, mesa.registros)
        salida: Any = DocumentosDe(vida, mesa.salida)
        stream: Any = BitacoraDe(vida, mesa.stream)
        outbox = Outbox(salida, stream, mesa.reloj, "/apoyo/mesa_control")
        cuarentena = Cuarentena(registros, outbox, mesa.reloj, Proyector(registros))
        hecho = await cuarentena.reintentar(PROCESO, Filtro(), "supervisor1", "llave-1")
        assert hecho.solicitados == 3
        await outbox.relay(older_than_s=0.0)

    escrituras = await _hasta_que_viva(pedir, muere_en)
    assert escrituras == min(muere_en, 10)  # three events written, published and folded, and all of them marked
    leidos = [leer(POR_TIPO, r.headers, r.value) async for r in mesa.stream.read("reintentos")]
    assert sorted({s.evento.asunto for s in leidos}) == [folio(1), folio(2), folio(3)]
    assert len({s.id for s in leidos}) == 3
    assert all(d["reintentando"] for d in await mesa.registros.find({}))
    with pytest.raises(Rechazo, match="nada_que_reintentar"):
        await _pedir_otra(mesa)


async def _pedir_otra(mesa: Mesa) -> None:
    s = mesa.servicio
    await Cuarentena(s.registros, s.outbox, s.clock, s.proyector).reintentar(PROCESO, Filtro(), "otra", "llave-2")


@pytest.mark.parametrize("muere_en", range(1, 7))
async def test_una_apertura_que_muere_al_reintentar_y_vuelve_deja_una_version_2(muere_en: int) -> None:
    mundo = await Mundo(suite=Suite.X25519).start()
    lado = MundoDescifrado(mundo)
    recibido = await mundo.recibir(mundo.sellar())
    lado.llaves_de_proceso.clear()
    apartado = await lado.abrir(recibido)
    assert isinstance(apartado, RegistroEnCuarentena)
    await lado.descifrado._outbox.relay(older_than_s=0.0)
    lado.llaves_de_proceso[mundo.llave.id] = mundo.privada
    pedido = reintento(recibido, apartado, "supervisor1", DURANTE)
    sobre = ensobrar(pedido, fuente="/apoyo/mesa_control", hora=DURANTE, causa="llave-1")

    async def reintentar(vida: Vida) -> None:
        instancia: Any = lado.instancia()
        instancia._expedientes = ObjetosDe(vida, lado.expedientes)
        salida: Any = DocumentosDe(vida, lado.documentos)
        stream: Any = BitacoraDe(vida, mundo.stream)
        instancia._outbox = Outbox(salida, stream, mundo.reloj, "/apoyo/descifrado")
        await instancia.reintento_solicitado(pedido, Context(sobre, 0))
        await instancia._outbox.relay(older_than_s=0.0)

    assert await _hasta_que_viva(reintentar, muere_en) == min(muere_en, 4)  # stored, written, published, marked
    eventos = [s.evento for s in await mundo.eventos("descifrado")]
    assert {e.version for e in eventos} == {1, 2}
    segundas = {e.model_dump_json(): e for e in eventos if e.version == 2}
    [segunda] = segundas.values()
    assert isinstance(segunda, RegistroDescifrado)
    # An object that a death left unnamed may be there besides: under the same key, and `verify` tells of it.
    assert segunda.objeto in [n async for n in lado.expedientes.names()]
    assert len([n async for n in lado.expedientes.names()]) <= 2
    await mundo.stop()
