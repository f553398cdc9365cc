"""By order, what a process holds is destroyed for good, wherever a death interrupts it, and stays so (SPEC 11; P 16.1, D 13.9)."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable

import cv2
import numpy as np
import pytest

from kernel.dispatch import Context
from kernel.errors import KeyDestroyed
from schemas.envelope import Evento, Sobre
from schemas.eventos import (
    DestruccionOrdenada,
    ExpedientesDestruidos,
    RegistroDescifrado,
    RegistroEnCuarentena,
    RegistroRecibido,
    ReintentoSolicitado,
)
from schemas.expediente import id_de_llave
from schemas.paquete import Parte, Suite
from services.descifrado import destruccion
from services.descifrado.handlers import CON_DERECHO
from tests.support.ejemplos import ejemplo
from tests.support.muerte import Muerte, Vida
from tests.support.recepcion import DURANTE, PROCESO, Mundo, MundoDescifrado, captura

ORDEN = ejemplo(DestruccionOrdenada, proceso=PROCESO)
OTRO = PROCESO + "1"
"""A process whose id begins as that one's."""


@pytest.fixture
async def lado() -> AsyncIterator[MundoDescifrado]:
    mundo = await Mundo(suite=Suite.X25519).start()
    yield MundoDescifrado(mundo)
    await mundo.stop()


@pytest.fixture(autouse=True)
def pagina_corta(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(destruccion, "POR_PAGINA", 2)


_RNG = np.random.default_rng(7)


def fotos() -> dict[Parte, tuple[bytes, str]]:
    """Pictures of which one has enough to see that it has a hash."""
    _, foto = cv2.imencode(".png", cv2.resize(_RNG.integers(0, 255, (24, 24), np.uint8), (240, 240)))
    return {**captura().imagenes, Parte.FOTO: (foto.tobytes(), "image/png")}


async def recibir(lado: MundoDescifrado, cuantos: int) -> list[RegistroRecibido]:
    return [await lado.mundo.recibir(lado.mundo.sellar(imagenes=fotos())) for _ in range(cuantos)]


async def dicho_de(lado: MundoDescifrado, folio: str) -> Evento:
    """The newest version about a record."""
    suyos = [s.evento for s in await lado.mundo.eventos("descifrado") if s.evento.asunto == folio]
    return max(suyos, key=lambda e: e.version)


async def abiertos(lado: MundoDescifrado, cuantos: int) -> list[RegistroRecibido]:
    recibidos = await recibir(lado, cuantos)
    for recibido in recibidos:
        await lado.abrir(recibido)
        assert isinstance(await dicho_de(lado, recibido.folio), RegistroDescifrado)
    return recibidos


async def en_cuarentena(lado: MundoDescifrado) -> RegistroRecibido:
    [recibido] = await recibir(lado, 1)
    privadas = dict(lado.llaves_de_proceso)
    lado.llaves_de_proceso.clear()
    await lado.abrir(recibido)
    assert isinstance(await dicho_de(lado, recibido.folio), RegistroEnCuarentena)
    lado.llaves_de_proceso.update(privadas)
    return recibido


async def cumplir(lado: MundoDescifrado, vida: Vida | None = None) -> None:
    destrucciones = await lado.destrucciones(ORDEN, vida=vida)
    while await destrucciones.vuelta():
        pass


async def avances(lado: MundoDescifrado) -> list[ExpedientesDestruidos]:
    return [s.evento for s in await lado.mundo.eventos("destruido") if isinstance(s.evento, ExpedientesDestruidos)]


async def hay(lado: MundoDescifrado) -> set[str]:
    """What is there of the process."""
    llaves = [d["_id"] for d in await lado.wraps.find({}) if "wraps" in d and not d["_id"].startswith("de-otro")]
    que = {
        "llaves": llaves,
        "llave del proceso": [d for d in await lado.wraps_de_procesos.find({"_id": PROCESO}) if "wraps" in d],
        "huellas": await lado.huellas.find({"_id": {"$gt": f"{PROCESO}-", "$lt": f"{PROCESO}."}}),
        "paquetes": [n async for n in lado.mundo.paquetes.names(f"{PROCESO}/")],
        "expedientes": [n async for n in lado.expedientes.names(f"{PROCESO}/")],
    }
    return {nombre for nombre, cosas in que.items() if cosas}


TODO = {"llaves", "llave del proceso", "huellas", "paquetes", "expedientes"}


async def test_lo_que_se_ordena_destruir_no_lo_abre_nadie_y_los_eventos_se_quedan(lado: MundoDescifrado) -> None:
    recibidos = await abiertos(lado, 3)
    recibidos.append(await en_cuarentena(lado))
    antes = await lado.mundo.eventos("descifrado")
    assert await hay(lado) == TODO
    await cumplir(lado)
    assert await hay(lado) == set()
    for recibido, servicio in itertools.product(recibidos, CON_DERECHO):
        with pytest.raises(KeyDestroyed):
            await lado.llaves[servicio].open(id_de_llave(recibido.folio))
    assert await lado.mundo.eventos("descifrado") == antes


async def test_sin_orden_no_se_destruye_nada(lado: MundoDescifrado) -> None:
    await abiertos(lado, 1)
    assert await (await lado.destrucciones()).vuelta() is False
    assert await hay(lado) == TODO
    assert await avances(lado) == []


async def test_dice_cuanto_lleva_pagina_por_pagina_y_cuando_termino(lado: MundoDescifrado) -> None:
    folios = sorted(r.folio for r in await abiertos(lado, 5))
    await cumplir(lado)
    assert [(a.version, a.registros, a.total, a.hasta, a.terminada) for a in await avances(lado)] == [
        (1, 0, 5, None, False),
        (2, 2, 5, folios[1], False),
        (3, 4, 5, folios[3], False),
        (4, 5, 5, folios[4], False),
        (5, 5, 5, folios[4], True),
    ]


async def test_de_los_registros_que_dice_destruidos_ya_no_queda_nada_antes_de_terminar(lado: MundoDescifrado) -> None:
    folios = sorted(recibido.folio for recibido in await abiertos(lado, 3))
    destrucciones = await lado.destrucciones(ORDEN)
    while not (dicho := await avances(lado)) or dicho[-1].registros == 0:
        await destrucciones.vuelta()
    assert (dicho[-1].registros, dicho[-1].terminada) == (2, False)
    assert [d["_id"] for d in await lado.huellas.find({"_id": {"$in": folios}})] == folios[2:]
    con_llave = [f for f in folios if "wraps" in (await lado.wraps.get(id_de_llave(f)) or {})]
    assert con_llave == folios[2:]


async def test_un_proceso_sin_registros_termina_en_cero(lado: MundoDescifrado) -> None:
    await cumplir(lado)
    assert [(a.registros, a.terminada) for a in await avances(lado)] == [(0, False), (0, True)]


async def test_lo_de_otro_proceso_se_queda_como_esta(lado: MundoDescifrado) -> None:
    await abiertos(lado, 1)
    raiz = await lado.llaves["descifrado"].create("de-otro", CON_DERECHO)
    await lado.procesos.create(OTRO, {"descifrado": None})
    await lado.huellas.put_if_absent({"_id": f"{OTRO}-0001-A0001"})
    for cubo in (lado.mundo.paquetes, lado.expedientes):
        await cubo.put(f"{OTRO}/de-otro/x", b"x")
    await cumplir(lado)
    assert await hay(lado) == set()
    assert await lado.llaves["mesa_control"].open("de-otro") == raiz
    assert await lado.procesos.open(OTRO)
    assert [d["_id"] for d in await lado.huellas.find({})] == [f"{OTRO}-0001-A0001"]
    for cubo in (lado.mundo.paquetes, lado.expedientes):
        assert [n async for n in cubo.names()] == [f"{OTRO}/de-otro/x"]


async def test_muera_donde_muera_otra_instancia_sigue_y_nada_queda_ni_se_cuenta_dos_veces() -> None:
    for muere_en in itertools.count(1):
        otro = MundoDescifrado(await Mundo(suite=Suite.X25519).start())
        await abiertos(otro, 2)
        await en_cuarentena(otro)
        vida = Vida(muere_en=muere_en)
        try:
            await cumplir(otro, vida)
        except Muerte:
            # What the outbox has and the log does not, the relay publishes at the next start.
            await otro.instancia()._outbox.relay(older_than_s=0)
            await cumplir(otro)
        assert await hay(otro) == set(), muere_en
        # The same event may be published twice; no version says two things.
        dichos = sorted({(a.version, a.registros, a.total, a.terminada) for a in await avances(otro)})
        assert dichos == [(1, 0, 3, False), (2, 2, 3, False), (3, 3, 3, False), (4, 3, 3, True)], muere_en
        await otro.mundo.stop()
        if not vida.muerta:
            assert vida.escrituras == muere_en - 1 > 15
            break


async def test_dos_instancias_a_la_vez_destruyen_lo_mismo_y_cuentan_una_vez(lado: MundoDescifrado) -> None:
    await abiertos(lado, 5)
    await asyncio.gather(cumplir(lado), cumplir(lado))
    await cumplir(lado)
    assert await hay(lado) == set()
    dichos = {a.version: a for a in await avances(lado)}
    assert (dichos[5].registros, dichos[5].terminada, max(dichos)) == (5, True, 5)


async def en_descifrado(lado: MundoDescifrado, evento: Evento) -> RegistroEnCuarentena:
    sabe = lado.instancia(lambda proceso: proceso == PROCESO)
    contexto = Context(Sobre("otra causa", "/apoyo/x", DURANTE, "x", evento), 0)
    if isinstance(evento, ReintentoSolicitado):
        await sabe.reintento_solicitado(evento, contexto)
    else:
        assert isinstance(evento, RegistroRecibido)
        await sabe.registro_recibido(evento, contexto)
    dicho = await dicho_de(lado, evento.asunto)
    assert isinstance(dicho, RegistroEnCuarentena)
    return dicho


async def test_lo_que_llega_despues_de_la_orden_consta_como_llave_destruida(lado: MundoDescifrado) -> None:
    apartado, [tarde] = await en_cuarentena(lado), await recibir(lado, 1)
    await cumplir(lado)
    pedido = ejemplo(
        ReintentoSolicitado,
        **apartado.model_dump(include=set(ReintentoSolicitado.model_fields) - {"version"}),
        version=1,
    )
    for evento, version in ((pedido, 2), (tarde, 1)):
        dicho = await en_descifrado(lado, evento)
        assert (dicho.folio, dicho.motivo, dicho.version) == (evento.asunto, "llave_destruida", version)
        with pytest.raises(KeyDestroyed):
            await lado.llaves["descifrado"].create(id_de_llave(evento.asunto), CON_DERECHO)
    assert await hay(lado) == set()


async def test_lo_que_abrio_quien_aun_no_sabia_de_la_orden_se_destruye_tambien(lado: MundoDescifrado) -> None:
    """An instance that was frozen, or whose fold of `actores` is behind."""
    [tarde] = await recibir(lado, 1)
    await lado.mundo.paquetes.put("aparte", await lado.mundo.paquetes.get(tarde.objeto))
    await cumplir(lado)
    await lado.abrir(tarde.model_copy(update={"objeto": "aparte"}))
    assert "expedientes" in await hay(lado)
    await cumplir(lado)
    assert await hay(lado) == set()
    assert [(a.registros, a.terminada) for a in await avances(lado)][-1] == (1, True)


async def test_la_llave_del_proceso_se_olvida_tambien_en_memoria(lado: MundoDescifrado) -> None:
    await abiertos(lado, 1)
    semejanzas = lado.descifrado._semejanzas
    assert PROCESO in semejanzas._llaves
    destrucciones = await lado.destrucciones()
    destrucciones._olvidar = semejanzas.olvidar
    destrucciones.aplicar(ORDEN, 0)
    assert semejanzas._llaves == {}
    assert destrucciones.ordenada(PROCESO)
    assert not destrucciones.ordenada(OTRO)


async def _vuelve(lado: MundoDescifrado, que: str) -> Callable[[], Awaitable[None]]:
    """A backup of a store, taken now; what puts it back."""
    cubos = {"paquetes": lado.mundo.paquetes, "expedientes": lado.expedientes}
    documentos = {"llaves": lado.wraps, "huellas": lado.huellas, "llave del proceso": lado.wraps_de_procesos}

    async def objetos(guardados: dict[str, bytes]) -> None:
        for nombre, contenido in guardados.items():
            await cubos[que].put(nombre, contenido)

    async def coleccion(guardados: list[dict[str, object]]) -> None:
        await documentos[que].drop()
        for documento in guardados:
            await documentos[que].put_if_absent(documento)

    if que in cubos:
        copia = {n: await cubos[que].get(n) async for n in cubos[que].names()}
        return lambda: objetos(copia)
    copiados = await documentos[que].find({})
    return lambda: coleccion(copiados)


@pytest.mark.parametrize("que", sorted(TODO))
async def test_lo_que_vuelve_de_un_respaldo_se_destruye_otra_vez_al_arrancar(lado: MundoDescifrado, que: str) -> None:
    await abiertos(lado, 3)
    restaurar = await _vuelve(lado, que)
    await cumplir(lado)
    terminada = (await avances(lado))[-1]
    await cumplir(lado)
    assert (await avances(lado))[-1] == terminada
    await restaurar()
    assert await hay(lado) == {que}
    await cumplir(lado)
    assert await hay(lado) == set()
    ultima = (await avances(lado))[-1]
    assert (ultima.registros, ultima.terminada, ultima.version > terminada.version) == (3, True, True)


async def test_un_respaldo_a_media_destruccion_no_esconde_lo_que_faltaba(lado: MundoDescifrado) -> None:
    """The mark that stands beside the wraps is put there last."""
    await abiertos(lado, 5)
    destrucciones = await lado.destrucciones(ORDEN)
    for _ in range(2):
        await destrucciones.vuelta()
    restaurar = await _vuelve(lado, "llaves")
    await cumplir(lado)
    await restaurar()
    assert await hay(lado) == {"llaves"}
    await cumplir(lado)
    assert await hay(lado) == set()


async def test_un_respaldo_puesto_a_media_destruccion_se_destruye_tambien() -> None:
    """Whatever page it had come to, and also between the last one and the end."""
    for pasos in itertools.count(1):
        lado = MundoDescifrado(await Mundo(suite=Suite.X25519).start())
        await abiertos(lado, 3)
        await en_cuarentena(lado)
        restaurar = await _vuelve(lado, "llaves")
        destrucciones = await lado.destrucciones(ORDEN)
        for _ in range(pasos):
            await destrucciones.vuelta()
        terminada = (await avances(lado))[-1].terminada
        await restaurar()
        while await destrucciones.vuelta():
            pass
        assert await hay(lado) == set(), pasos
        ultima = (await avances(lado))[-1]
        assert (ultima.registros, ultima.total, ultima.terminada) == (4, 4, True)
        await lado.mundo.stop()
        if terminada:
            assert pasos == 4
            break


async def test_un_respaldo_puesto_mientras_se_borra_lo_demas_se_destruye_tambien(
    lado: MundoDescifrado, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That may take an hour, and everything was said but the end."""
    await abiertos(lado, 1)
    restaurar = [await _vuelve(lado, "llaves")]
    lo_demas = destruccion.Destrucciones._lo_demas

    async def y_entonces(self: destruccion.Destrucciones, proceso: str) -> None:
        await lo_demas(self, proceso)
        while restaurar:
            await restaurar.pop()()

    monkeypatch.setattr(destruccion.Destrucciones, "_lo_demas", y_entonces)
    await cumplir(lado)
    assert await hay(lado) == set()
    assert [a.registros for a in await avances(lado)] == [0, 1, 0, 1, 1]


async def test_quien_llega_segundo_sigue_donde_dijo_el_primero(lado: MundoDescifrado) -> None:
    await abiertos(lado, 1)
    primera, segunda = await lado.destrucciones(ORDEN), await lado.destrucciones(ORDEN)
    await primera.vuelta()
    await abiertos(lado, 1)  # by an instance that does not know of the order: now there are two
    await segunda.vuelta()
    assert segunda._avances == primera._avances == {PROCESO: (await avances(lado))[0]}
    await cumplir(lado)
    dichos = {(a.version, a.registros, a.total) for a in await avances(lado)}
    assert sorted(dichos) == [(1, 0, 1), (2, 2, 2), (3, 2, 2)]


async def test_una_bandeja_de_salida_restaurada_no_repite_versiones_del_topic(lado: MundoDescifrado) -> None:
    await abiertos(lado, 1)
    bandeja, llaves = await lado.documentos.find({}), await _vuelve(lado, "llaves")
    await cumplir(lado)
    await lado.documentos.drop()
    for documento in bandeja:
        await lado.documentos.put_if_absent(documento)
    await llaves()
    await cumplir(lado)
    versiones = [a.version for a in await avances(lado)]
    assert versiones == list(range(1, len(versiones) + 1))
    assert await hay(lado) == set()
