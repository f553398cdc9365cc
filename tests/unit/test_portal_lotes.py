"""Batches of auxiliares: shown before anything is registered, each row once whatever dies, and forgotten (P 7.3, D 3)."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from kernel.documents import Document, Documents, MemoryDocuments, Write
from kernel.errors import KeyDestroyed
from kernel.outbox import UNIQUE
from kernel.stream import Message, Position, Stream, TopicSpec, connect
from schemas.eventos import AuxiliarRegistrado, ConsultaSolicitada
from services.portal.domain import lotes as dominio
from services.portal.domain.lotes import EJEMPLO, EstadoLote, Lote, Suerte
from services.portal.domain.rechazo import Codigo, Invalida, Rechazo
from services.portal.handlers import lotes as modulo
from services.portal.handlers.lotes import CADUCA, PRESTAMO
from tests.support.auxiliares import OTRA, SOLICITUD, archivo, con_procesos, persona
from tests.support.portal import TOPICS, PortalDePrueba, portal

CINCO = [persona(1), persona(2, telefono="1"), persona(3), dict(EJEMPLO), persona(4, paterno="Zamora"), persona(5)]
"""Lines 2 to 7: good, bad, good, the example, to be confirmed, good."""


@pytest.fixture(autouse=True)
def paginas_cortas(monkeypatch: pytest.MonkeyPatch) -> None:
    for donde in (dominio, modulo):
        monkeypatch.setattr(donde, "POR_PAGINA", 2)


@pytest.fixture
async def p() -> AsyncIterator[PortalDePrueba]:
    async with (await portal()).en_marcha() as p:
        await con_procesos(p)
        yield p


async def subir(p: PortalDePrueba, personas: Sequence[Mapping[str, str]] = CINCO, causa: str = "form") -> Lote:
    return await p.lotes.subir(p.orden("promovente1", causa), SOLICITUD, archivo(personas))


async def terminar(p: PortalDePrueba, lote: str) -> Lote:
    """Work until the batch has ended."""
    async with asyncio.timeout(20):
        while (actual := await p.lotes.ver(SOLICITUD, lote)).estado is EstadoLote.EN_CURSO:
            await p.lotes.trabajar()
    return actual


async def registrados(p: PortalDePrueba) -> dict[str, str]:
    """Id Auxiliar → e-mail, of everything ever registered."""
    eventos = [e for e in await p.dichos() if isinstance(e, AuxiliarRegistrado)]
    datos = await p.auxiliares.datos("promovente1", eventos)
    return {e.auxiliar: datos[e.auxiliar].correo for e in eventos}


# Preview ---------------------------------------------------------------------------------------------------------------


async def test_antes_de_confirmar_no_se_registra_nada_y_se_ve_que_esta_mal(p: PortalDePrueba) -> None:
    lote = await subir(p)
    assert (lote.estado, lote.formato, lote.por, lote.paginas) == (EstadoLote.VISTA_PREVIA, "csv", "promovente1", 3)
    assert lote.cuenta.model_dump() == {"buena": 3, "por_confirmar": 1, "mala": 1, "omitida": 1}
    assert not await p.lotes.trabajar()
    assert await registrados(p) == {}
    filas = await p.lotes.filas(lote, cuantas=10)
    assert [(f.numero, f.suerte.value) for f in filas] == [
        (2, "buena"),
        (3, "mala"),
        (4, "buena"),
        (5, "omitida"),
        (6, "por_confirmar"),
        (7, "buena"),
    ]
    assert [n.campo for n in filas[1].notas] == ["telefono"]


async def test_la_vista_previa_se_pagina_y_se_filtra(p: PortalDePrueba) -> None:
    lote = await subir(p)
    assert [f.numero for f in await p.lotes.filas(lote, desde=2, cuantas=2)] == [4, 5]
    assert [f.numero for f in await p.lotes.filas(lote, desde=4, cuantas=2)] == [6, 7]
    assert [f.numero for f in await p.lotes.filas(lote, [Suerte.MALA])] == [3]
    assert [f.numero for f in await p.lotes.filas(lote, [Suerte.BUENA], cuantas=2)] == [2, 4]
    assert [f.numero for f in await p.lotes.filas(lote, [Suerte.BUENA], desde=2)] == [7]


async def test_el_mismo_envio_repetido_es_el_mismo_lote_y_otro_envio_es_otro(p: PortalDePrueba) -> None:
    uno, mismo, otro = await subir(p), await subir(p), await subir(p, causa="otra")
    assert uno == mismo
    assert otro.lote != uno.lote
    assert len(await p.lotes.de(SOLICITUD)) == 2
    assert await p.lotes.de(OTRA) == []


async def test_un_archivo_que_no_se_puede_leer_lo_dice_y_no_deja_nada(p: PortalDePrueba) -> None:
    with pytest.raises(Invalida) as caught:
        await p.lotes.subir(p.orden(), SOLICITUD, b"PK\x03\x04 nada")
    assert "dañado" in caught.value.errores["archivo"]
    assert await p.documentos_de_lotes.count({}) == await p.paginas_de_lotes.count({}) == 0


async def test_solo_sube_y_confirma_quien_puede_registrar_todavia(p: PortalDePrueba) -> None:
    lote = await subir(p)
    with pytest.raises(Rechazo) as caught:
        await p.lotes.confirmar(OTRA, lote.lote, con_avisos=False)
    assert caught.value.codigo is Codigo.NO_EXISTE
    p.reloj.avanza(days=6)
    for intento in (subir(p, causa="tarde"), p.lotes.confirmar(SOLICITUD, lote.lote, con_avisos=False)):
        with pytest.raises(Rechazo) as caught:
            await intento
        assert caught.value.codigo is Codigo.PROCESO_CERRADO


async def test_nada_de_lo_subido_queda_en_claro(p: PortalDePrueba) -> None:
    await subir(p)
    crudo = repr(await p.documentos_de_lotes.find({})) + repr(await p.paginas_de_lotes.find({}))
    for dato in ("Xóchitl", "X\\xc3\\xb3chitl", "persona1", persona(1)["clave_elector"], "6181234567"):
        assert dato not in crudo


# Registering -----------------------------------------------------------------------------------------------------------


async def test_un_lote_que_no_puede_seguir_no_detiene_a_los_demas(p: PortalDePrueba) -> None:
    danado, sano = await subir(p), await subir(p, [persona(n) for n in (11, 12)], causa="otra")
    for lote in (danado, sano):
        await p.lotes.confirmar(SOLICITUD, lote.lote, con_avisos=True)
    paginas = await p.paginas_de_lotes.find({"lote": danado.lote})
    await p.paginas_de_lotes.remove([pagina["_id"] for pagina in paginas])
    while await p.lotes.trabajar():
        pass
    assert (await p.lotes.ver(SOLICITUD, sano.lote)).estado is EstadoLote.TERMINADO
    assert (await p.lotes.ver(SOLICITUD, danado.lote)).estado is EstadoLote.EN_CURSO


async def test_al_confirmar_se_registran_los_buenos_en_orden_y_cada_renglon_dice_en_que_quedo(
    p: PortalDePrueba,
) -> None:
    lote = await subir(p)
    await p.lotes.confirmar(SOLICITUD, lote.lote, con_avisos=False)
    final = await terminar(p, lote.lote)
    assert (final.estado, final.registradas, final.sin_registrar) == (EstadoLote.TERMINADO, 3, 3)
    assert await registrados(p) == {f"A000{n}": persona(k)["correo"] for n, k in ((1, 1), (2, 3), (3, 5))}
    finales = await p.lotes.finales(lote.lote)
    assert [(f.numero, f.auxiliar) for f in finales] == [
        (2, "A0001"),
        (3, None),
        (4, "A0002"),
        (5, None),
        (6, None),
        (7, "A0003"),
    ]
    assert "Teléfono" in finales[1].motivo
    assert "No se confirmó" in finales[4].motivo
    assert len(await p.dichos("consulta_padron")) == 3


async def test_con_los_avisos_confirmados_tambien_se_registran(p: PortalDePrueba) -> None:
    lote = await subir(p)
    await p.lotes.confirmar(SOLICITUD, lote.lote, con_avisos=True)
    assert (await terminar(p, lote.lote)).registradas == 4
    assert list((await registrados(p)).values()) == [persona(n)["correo"] for n in (1, 3, 4, 5)]


async def test_confirmar_dos_veces_no_registra_dos_veces(p: PortalDePrueba) -> None:
    lote = await subir(p)
    await p.lotes.confirmar(SOLICITUD, lote.lote, con_avisos=False)
    await p.lotes.trabajar()
    await p.lotes.confirmar(SOLICITUD, lote.lote, con_avisos=True)
    await terminar(p, lote.lote)
    await p.lotes.confirmar(SOLICITUD, lote.lote, con_avisos=True)
    assert not await p.lotes.trabajar()
    assert len(await registrados(p)) == 3


async def test_quien_se_registro_entre_la_vista_previa_y_la_confirmacion_no_se_registra_dos_veces(
    p: PortalDePrueba,
) -> None:
    lote = await subir(p)
    antes = {k: [v] for k, v in persona(3, emisor="facebook").items()}
    await p.escritor.visible(await p.auxiliares.registrar(p.orden("promovente1"), SOLICITUD, antes))
    await p.lotes.confirmar(SOLICITUD, lote.lote, con_avisos=False)
    await terminar(p, lote.lote)
    assert [f.motivo for f in await p.lotes.finales(lote.lote) if f.numero == 4] == [
        "Ya está registrado en esta solicitud como A0001."
    ]
    assert len(await registrados(p)) == 3


async def test_el_mismo_archivo_otra_vez_no_registra_a_nadie_de_nuevo(p: PortalDePrueba) -> None:
    uno = await subir(p)
    await p.lotes.confirmar(SOLICITUD, uno.lote, con_avisos=False)
    await terminar(p, uno.lote)
    otro = await subir(p, causa="otra")
    assert otro.cuenta.buena == 0
    assert otro.cuenta.mala == 4


async def test_dos_lotes_a_la_vez_avanzan_los_dos(p: PortalDePrueba) -> None:
    lotes = [await subir(p, [persona(10 * k + n) for n in range(4)], f"c{k}") for k in (1, 2)]
    for lote in lotes:
        await p.lotes.confirmar(SOLICITUD, lote.lote, con_avisos=False)
    await p.lotes.trabajar()
    assert [(await p.lotes.ver(SOLICITUD, lote.lote)).hechas for lote in lotes] == [1, 1]
    for lote in lotes:
        assert (await terminar(p, lote.lote)).registradas == 4
    assert sorted(await registrados(p)) == [f"A000{n}" for n in range(1, 9)]


async def test_mientras_una_instancia_trabaja_en_un_lote_la_otra_lo_deja_y_si_muere_lo_toma(p: PortalDePrueba) -> None:
    otra = p.otra_instancia()
    async with otra.en_marcha(proyecta=False):
        lote = await subir(p)
        await p.lotes.confirmar(SOLICITUD, lote.lote, con_avisos=False)
        assert await p.lotes.trabajar()
        assert not await otra.lotes.trabajar()
        p.reloj.avanza(seconds=PRESTAMO.total_seconds() + 1)
        assert await otra.lotes.trabajar()
        assert not await p.lotes.trabajar()
        await terminar(otra, lote.lote)
    assert len(await registrados(p)) == 3


async def test_dos_instancias_en_la_misma_pagina_registran_cada_renglon_una_vez(p: PortalDePrueba) -> None:
    """The lease is only to save work: here both believe that it is theirs."""
    otra = p.otra_instancia()
    otra.lotes.instancia = p.lotes.instancia
    async with otra.en_marcha(proyecta=False):
        lote = await subir(p, [persona(n) for n in range(8)])
        await p.lotes.confirmar(SOLICITUD, lote.lote, con_avisos=False)

        async def trabajar(quien: PortalDePrueba) -> None:
            while (await quien.lotes.ver(SOLICITUD, lote.lote)).estado is EstadoLote.EN_CURSO:
                await quien.lotes.trabajar()
                await asyncio.sleep(0)

        async with asyncio.timeout(20):
            await asyncio.gather(trabajar(p), trabajar(otra))
    assert sorted((await registrados(p)).values()) == [persona(n)["correo"] for n in range(8)]
    finales = await p.lotes.finales(lote.lote)
    assert {f.auxiliar for f in finales} == (await registrados(p)).keys()


# Forgetting ------------------------------------------------------------------------------------------------------------


async def olvidado(p: PortalDePrueba, lote: Lote) -> bool:
    pages = await p.paginas_de_lotes.find({"lote": lote.lote})
    with pytest.raises(KeyDestroyed):
        await p.llavero.open(lote.llave)
    document = await p.documentos_de_lotes.get(lote.lote)
    return bool(pages) and not any("filas" in page for page in pages) and "por_borrar" not in (document or {})


async def test_los_renglones_se_olvidan_pagina_por_pagina_y_al_terminar_tambien_su_llave(p: PortalDePrueba) -> None:
    lote = await subir(p)
    await p.lotes.confirmar(SOLICITUD, lote.lote, con_avisos=False)
    await p.lotes.trabajar()
    con_filas = [page["numero"] for page in await p.paginas_de_lotes.find({}) if "filas" in page]
    assert con_filas == [1, 2]
    await terminar(p, lote.lote)
    assert await olvidado(p, lote)


async def test_lo_abandonado_se_olvida_y_ya_no_se_confirma(p: PortalDePrueba) -> None:
    lote = await subir(p)
    assert (await p.lotes.abandonar(SOLICITUD, lote.lote)).estado is EstadoLote.ABANDONADO
    assert await olvidado(p, lote)
    assert (await p.lotes.abandonar(SOLICITUD, lote.lote)).estado is EstadoLote.ABANDONADO
    with pytest.raises(Rechazo) as caught:
        await p.lotes.confirmar(SOLICITUD, lote.lote, con_avisos=False)
    assert caught.value.codigo is Codigo.LOTE_CERRADO
    assert (await subir(p)).estado is EstadoLote.ABANDONADO


async def test_lo_confirmado_no_se_abandona(p: PortalDePrueba) -> None:
    lote = await subir(p)
    await p.lotes.confirmar(SOLICITUD, lote.lote, con_avisos=False)
    with pytest.raises(Rechazo) as caught:
        await p.lotes.abandonar(SOLICITUD, lote.lote)
    assert caught.value.codigo is Codigo.LOTE_CERRADO
    assert (await terminar(p, lote.lote)).registradas == 3


async def test_lo_que_nadie_confirma_en_un_dia_se_olvida_solo(p: PortalDePrueba) -> None:
    lote = await subir(p)
    p.reloj.avanza(seconds=CADUCA.total_seconds() - 1)
    await p.lotes.trabajar()
    assert (await p.lotes.ver(SOLICITUD, lote.lote)).estado is EstadoLote.VISTA_PREVIA
    p.reloj.avanza(seconds=2)
    await p.lotes.trabajar()
    assert (await p.lotes.ver(SOLICITUD, lote.lote)).estado is EstadoLote.ABANDONADO
    assert await olvidado(p, lote)


# Deaths ----------------------------------------------------------------------------------------------------------------


class Muerte(BaseException):
    """The process is gone."""


@dataclass
class Parca:
    """Kills a process before or after its n-th write, whatever it writes to. `escrituras`: names of those that it passed."""

    cuando: int
    escrituras: list[str] = field(default_factory=list)
    muerto: bool = False

    async def pasar(self, nombre: str, escribir: Callable[[], Awaitable[Any]]) -> Any:
        for antes in (True, False):
            self._punto(nombre, antes=antes)
            if antes:
                hecho = await escribir()
        return hecho

    def _punto(self, nombre: str, *, antes: bool) -> None:
        if self.muerto:
            raise Muerte
        if antes:
            self.escrituras.append(nombre)
        if 2 * len(self.escrituras) - antes == self.cuando:
            self.muerto = True
            raise Muerte


@dataclass
class Mortales:
    """`Documents` that a process writes to while it lives."""

    documentos: Documents
    nombre: str
    parca: Parca

    async def get(self, id_: str) -> Document | None:
        return await self.documentos.get(id_)

    async def find(self, query: Mapping[str, Any], *, sort: str | None = None, limit: int = 0) -> list[Document]:
        return await self.documentos.find(query, sort=sort, limit=limit)

    async def count(self, query: Mapping[str, Any]) -> int:
        return await self.documentos.count(query)

    async def put_if_absent(self, document: Document) -> bool:
        done: bool = await self.parca.pasar(f"{self.nombre}.put", lambda: self.documentos.put_if_absent(document))
        return done

    async def replace(self, document: Document, revision: int) -> bool:
        done: bool = await self.parca.pasar(
            f"{self.nombre}.replace", lambda: self.documentos.replace(document, revision)
        )
        return done

    async def write(self, writes: Sequence[Write]) -> set[str]:
        doubtful: set[str] = await self.parca.pasar(f"{self.nombre}.write", lambda: self.documentos.write(writes))
        return doubtful

    async def unset(self, ids: Sequence[str], field: str) -> None:
        await self.parca.pasar(f"{self.nombre}.unset {field}", lambda: self.documentos.unset(ids, field))


@dataclass
class CorrienteMortal:
    """A log that a process writes to while it lives."""

    stream: Stream
    parca: Parca

    def __getattr__(self, nombre: str) -> Any:
        return getattr(self.stream, nombre)

    async def publish(self, message: Message) -> Position:
        place: Position = await self.parca.pasar(f"{message.topic} publish", lambda: self.stream.publish(message))
        return place


ESCRITURAS = {
    "lotes.put",
    "lotes.replace",
    "lotes.unset por_borrar",
    "paginas.write",
    "paginas.replace",
    "paginas.unset filas",
    "llaves.put",
    "llaves.write",
    "llaves.unset wraps",
    "salida.write",
    "actores publish",
    "consulta_padron publish",
}
"""Every write of taking a batch in and registering it; the outbox is marked later, by itself."""


@dataclass
class Mundo:
    """What outlives a process."""

    stream: Stream = field(default_factory=lambda: connect("memory:", "portal"))
    salida: MemoryDocuments = field(default_factory=lambda: MemoryDocuments(UNIQUE))
    llaves: MemoryDocuments = field(default_factory=MemoryDocuments)
    lotes: MemoryDocuments = field(default_factory=MemoryDocuments)
    paginas: MemoryDocuments = field(default_factory=MemoryDocuments)

    def proceso(self, parca: Parca) -> PortalDePrueba:
        return PortalDePrueba(
            stream=CorrienteMortal(self.stream, parca),  # type: ignore[arg-type]
            salida=Mortales(self.salida, "salida", parca),  # type: ignore[arg-type]
            llaves=Mortales(self.llaves, "llaves", parca),  # type: ignore[arg-type]
            documentos_de_lotes=Mortales(self.lotes, "lotes", parca),  # type: ignore[arg-type]
            paginas_de_lotes=Mortales(self.paginas, "paginas", parca),  # type: ignore[arg-type]
        )


async def _todo(p: PortalDePrueba) -> None:
    """What the promovente and the worker do, from the beginning: what was done already is done once."""
    lote = await subir(p)
    await p.lotes.confirmar(SOLICITUD, lote.lote, con_avisos=True)
    await terminar(p, lote.lote)
    await p.lotes.trabajar()


async def test_muera_donde_muera_nada_se_pierde_ni_se_duplica() -> None:
    """The process dies once before and once after each of its writes; the next one goes on."""
    vistas: set[str] = set()
    for cuando in itertools.count(1):
        mundo, parca = Mundo(), Parca(cuando)
        await mundo.stream.start()
        await mundo.stream.create_topics([TopicSpec(t, 1) for t in TOPICS for t in (t, f"{t}.cuarentena")])
        async with mundo.proceso(Parca(0)).en_marcha() as preparacion:
            await con_procesos(preparacion)
        try:
            async with mundo.proceso(parca).en_marcha(proyecta=False) as p:
                await _todo(p)
        except Muerte:
            async with mundo.proceso(Parca(0)).en_marcha(proyecta=False) as siguiente:
                siguiente.reloj.avanza(seconds=PRESTAMO.total_seconds() + 1)
                await _todo(siguiente)
                await siguiente.outbox.relay(older_than_s=0)
                await _comprobar(siguiente, parca)
        vistas |= set(parca.escrituras)
        if not parca.muerto:
            break
    assert vistas == ESCRITURAS
    assert cuando > 40


async def _comprobar(p: PortalDePrueba, parca: Parca) -> None:
    donde = f"{len(parca.escrituras)}: {parca.escrituras[-1]}"
    (lote,) = await p.lotes.de(SOLICITUD)
    assert (lote.estado, lote.registradas, lote.sin_registrar) == (EstadoLote.TERMINADO, 4, 2), donde
    eventos = {e.asunto: e for e in await p.dichos() if isinstance(e, AuxiliarRegistrado)}
    datos = await p.auxiliares.datos("promovente1", list(eventos.values()))
    assert sorted(d.correo for d in datos.values()) == [persona(n)["correo"] for n in (1, 3, 4, 5)], donde
    finales = await p.lotes.finales(lote.lote)
    assert [f.numero for f in finales] == [2, 3, 4, 5, 6, 7], donde
    assert {f.auxiliar for f in finales if f.auxiliar} == datos.keys(), donde
    sujetos = {c.sujeto for c in await p.dichos("consulta_padron") if isinstance(c, ConsultaSolicitada)}
    assert sujetos == eventos.keys(), donde
    assert await olvidado(p, lote), donde
    assert timedelta(0) <= p.reloj.ahora - lote.subido_en
