"""How the portal writes: once, on what is in force, and seen in the answer (ARCHITECTURE, rules 1, 2 and 10)."""

import asyncio

import pytest

from kernel.errors import Unavailable
from kernel.outbox import ClaimTaken
from schemas.eventos import AuxiliarDadoDeBaja, AuxiliarRegistrado, CalendarioRegistrado
from services.portal.domain.fichas import Hechos, aplicar
from services.portal.domain.rechazo import Codigo, Rechazo
from services.portal.handlers.escritura import causa_de
from tests.support.ejemplos import ejemplo
from tests.support.portal import EPOCA, portal

CALENDARIO = ejemplo(CalendarioRegistrado, calendario="c2026", version=1)


def test_la_misma_forma_enviada_dos_veces_es_la_misma_orden_y_corregida_es_otra() -> None:
    campos = {"nombre": ["Una"], "dias": ["1", "2"]}
    causa = causa_de("ine1", "llave", "/procesos", campos)
    assert causa == causa_de("ine1", "llave", "/procesos", dict(reversed(campos.items())))
    assert causa != causa_de("ine1", "llave", "/procesos", campos | {"nombre": ["Otra"]})
    assert causa != causa_de("ine1", "otra", "/procesos", campos)
    assert causa != causa_de("opl1", "llave", "/procesos", campos)
    assert causa != causa_de("ine1", "llave", "/cuentas", campos)


async def test_una_orden_repetida_no_escribe_otra_vez_y_encuentra_lo_que_escribio() -> None:
    async with (await portal()).en_marcha() as p:
        orden = p.orden()
        assert await p.escritor.escritos(orden) == []
        primero = await p.escritor.emitir(CALENDARIO, orden)
        repetido = await p.escritor.emitir(CALENDARIO.model_copy(update={"festivos": []}), orden)
        assert repetido == primero == CALENDARIO
        assert await p.escritor.escritos(orden) == [CALENDARIO]
        assert await p.dichos() == [CALENDARIO]


async def test_lo_que_otra_persona_cambio_entretanto_no_se_pisa() -> None:
    async with (await portal()).en_marcha() as p:
        await p.escritor.emitir(CALENDARIO, p.orden())
        with pytest.raises(Rechazo) as caught:
            await p.escritor.emitir(CALENDARIO.model_copy(update={"festivos": []}), p.orden("opl1"))
        assert caught.value.codigo is Codigo.CAMBIADO
        assert await p.dichos() == [CALENDARIO]


async def test_lo_reclamado_por_otro_asunto_no_se_escribe() -> None:
    async with (await portal()).en_marcha() as p:
        await p.escritor.emitir(CALENDARIO, p.orden(), reclamo="algo")
        with pytest.raises(ClaimTaken):
            await p.escritor.emitir(CALENDARIO.model_copy(update={"calendario": "otro"}), p.orden(), reclamo="algo")
        assert await p.dichos() == [CALENDARIO]


async def test_se_decide_sobre_lo_que_otra_instancia_ya_dijo() -> None:
    p = await portal()
    otra = p.otra_instancia()
    async with p.en_marcha(), otra.en_marcha(proyecta=False):
        for version in range(1, 21):
            evento = CALENDARIO.model_copy(update={"version": version})
            await p.escritor.emitir(evento, p.orden())
            assert (await otra.escritor.al_dia()).calendarios["c2026"].version == version


async def test_quien_no_alcanza_lo_dicho_no_decide() -> None:
    p = await portal()
    p.paciencia_s = 0.1
    sorda = p.otra_instancia()
    async with p.en_marcha():
        await p.escritor.emitir(CALENDARIO, p.orden())
        with pytest.raises(Unavailable):
            await sorda.escritor.al_dia()


async def test_la_respuesta_espera_a_que_su_efecto_se_vea() -> None:
    async with (await portal()).en_marcha() as p:
        await p.escritor.emitir(CALENDARIO, p.orden())
        assert await p.escritor.visible(CALENDARIO)
        ficha = await p.fichas.get(CALENDARIO.asunto)
        assert ficha is not None
        assert Hechos(ficha).vigente(CalendarioRegistrado) == CALENDARIO


async def test_si_tarda_en_verse_se_responde_y_se_dice() -> None:
    p = await portal()
    p.paciencia_s = 0.1
    lenta = p.otra_instancia()
    async with lenta.en_marcha(proyecta=False):
        await lenta.escritor.emitir(CALENDARIO, p.orden())
        assert not await lenta.escritor.visible(CALENDARIO)


AUXILIAR = {"solicitud": "CI26-0001", "auxiliar": "A1"}
VIDA = (
    ejemplo(AuxiliarRegistrado, **AUXILIAR, version=1),
    ejemplo(AuxiliarDadoDeBaja, **AUXILIAR, version=1),
    ejemplo(AuxiliarRegistrado, **AUXILIAR, version=2),
    ejemplo(AuxiliarRegistrado, **AUXILIAR, version=2, llave="otra"),
)


@pytest.mark.parametrize("orden", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 0, 1, 2), (1, 3, 3, 2, 0)])
def test_una_ficha_es_la_misma_en_cualquier_orden_y_con_repeticiones(orden: tuple[int, ...]) -> None:
    ficha = None
    for offset in orden:
        hecho = aplicar(ficha, VIDA[offset], offset=offset, hora=EPOCA, causa=f"c{offset}")
        ficha = ficha if hecho is None else hecho
    assert ficha is not None
    assert [v["offset"] for v in ficha["versiones"]] == [0, 1, 2]
    assert (ficha["clase"], ficha["proceso"], ficha["solicitud"]) == ("auxiliar", "CI26", "CI26-0001")
    hechos = Hechos(ficha)
    assert hechos.vigente(AuxiliarRegistrado) == VIDA[2]
    assert hechos.vigente(AuxiliarDadoDeBaja) == VIDA[1]
    assert [a.evento for a in hechos.historia()] == list(VIDA[:3])


async def test_dos_instancias_con_la_misma_orden_escriben_una_vez() -> None:
    p = await portal()
    otra = p.otra_instancia()
    async with p.en_marcha(), otra.en_marcha(proyecta=False):
        orden = p.orden()
        hechos = await asyncio.gather(
            *(instancia.escritor.emitir(CALENDARIO, orden) for instancia in (p, otra, p, otra))
        )
        assert hechos == [CALENDARIO] * 4
        assert len({e.model_dump_json() for e in await p.dichos()}) == 1
