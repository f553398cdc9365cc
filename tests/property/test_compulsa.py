"""Whatever the order, repetition, deaths and instances, compulsa ends by saying what a naive oracle says.

The real handlers run on documents in memory, over a log that delivers in any order. Every write is a point where the scheduler may
go on with another handler, in the same or another instance, or kill the one that was about to write or has just written.
"""

import random
from collections.abc import AsyncIterator, Awaitable, Coroutine, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.dispatch import Context
from kernel.documents import Document, Documents, MemoryDocuments
from kernel.errors import Conflict
from kernel.outbox import UNIQUE, Outbox
from kernel.stream import Message, Position, Record, TopicSpec
from schemas.actores import Actores
from schemas.envelope import Evento, Sobre, ensobrar, leer
from schemas.eventos import (
    POR_TIPO,
    CompulsaOrdenada,
    Fase,
    Inconsistencia,
    MiembroDePersona,
    PerfilRegistrado,
    ProcesoRegistrado,
    ReferenciaPerfil,
    RegistroClasificado,
    RegistroCompulsado,
    RegistroCorregido,
    RegistroDescifrado,
    SituacionRegistral,
)
from schemas.perfil import PERFIL_P
from schemas.tipos import componer_folio
from services.compulsa.domain.folio import Consulta, Corregido, Descifrado
from services.compulsa.domain.padron import huella
from services.compulsa.domain.persona import veredictos
from services.compulsa.handlers import Estados, EventoDeFolio, Folios, HechoDeFolio, Personas, Pliegue, Reexamen
from services.compulsa.padron import Padron
from tests.support.ejemplos import ejemplo

INICIO = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
CORTE = "2026-10-31"
PERSONAS = tuple(f"{n:064x}" for n in range(2))
SUCIO = [Inconsistencia(clave="e", origen="revision")]


class _Punto(Awaitable[None]):
    """A point where the scheduler decides who goes on."""

    def __await__(self) -> Generator[None, None, None]:
        yield


@dataclass(frozen=True)
class Apoyo:
    """One record: whom the roll takes it for each time it is opened (None: not found), its decisions (True: clean), and whom
    the roll takes it for by each corrected form."""

    folio: str
    recibido_en: datetime
    personas: tuple[str | None, ...]
    decisiones: tuple[bool, ...]
    correcciones: tuple[str | None, ...] = ()

    @property
    def persona(self) -> str | None:
        """Whom the form in force is of."""
        return (self.correcciones or self.personas)[-1]


@dataclass(frozen=True)
class Mundo:
    """What happens in a process, whatever the order."""

    apoyos: tuple[Apoyo, ...]
    al_final: bool
    ordenada: bool
    politica: str


_UNA, _OTRA = PERSONAS
_PERSONAS_DE_UN_APOYO = (
    (_UNA,),
    (_UNA,),
    (_UNA,),
    (_OTRA,),
    (None,),
    (_UNA, _OTRA),
    (_OTRA, _UNA),
    (None, _UNA),
    (_UNA, None),
)
_CORRECCIONES_DE_UN_APOYO: tuple[tuple[str | None, ...], ...] = (
    (),
    (),
    (),
    (_UNA,),
    (_OTRA,),
    (None,),
    (None, _UNA),
    (_OTRA, _UNA),
    (_UNA, _OTRA, _UNA),
)
_DECISIONES_DE_UN_APOYO = (
    (),
    (True,),
    (True,),
    (False,),
    (True, False),
    (True, False),
    (False, True),
    (True, False, True),
)
"""Weighted to what makes records of one person meet, and decisions change."""


@st.composite
def mundos(draw: st.DrawFn) -> Mundo:
    apoyos = tuple(
        Apoyo(
            componer_folio(f"CI26-000{draw(st.integers(1, 2))}", "A0001", "0123456789ab", f"{n:020x}"),
            INICIO + timedelta(minutes=draw(st.integers(0, 2))),
            draw(st.sampled_from(_PERSONAS_DE_UN_APOYO)),
            draw(st.sampled_from(_DECISIONES_DE_UN_APOYO)),
            draw(st.sampled_from(_CORRECCIONES_DE_UN_APOYO)),
        )
        for n in range(draw(st.sampled_from([1, 2, 2, 3, 3, 4])))
    )
    return Mundo(
        apoyos,
        draw(st.booleans()),
        draw(st.booleans()),
        draw(st.sampled_from(["primero_recibido", "todos", "ninguno"])),
    )


# ---- the oracle


def oraculo(mundo: Mundo) -> dict[str, RegistroCompulsado]:
    """What must stand for each record in the end, from the world alone."""
    clean = {a.folio: a for a in mundo.apoyos if a.decisiones and a.decisiones[-1]}

    def first(among: list[Apoyo]) -> Apoyo:
        return min(among, key=lambda a: (a.recibido_en, a.folio))

    def duplicado_de(apoyo: Apoyo) -> str | None:
        same = [a for a in clean.values() if a.persona == apoyo.persona]
        by_solicitud: dict[str, list[Apoyo]] = {}
        for a in same:
            by_solicitud.setdefault(a.folio[:9], []).append(a)
        own = first(by_solicitud.pop(apoyo.folio[:9]))
        if own is not apoyo:
            return own.folio
        rivals = [first(others) for others in by_solicitud.values()]
        if mundo.politica == "todos" or not rivals:
            return None
        if mundo.politica == "ninguno" or first([*rivals, apoyo]) is not apoyo:
            return first(rivals).folio
        return None

    outcome = {}
    for apoyo in mundo.apoyos:
        fact = _consulta(apoyo, len(apoyo.personas), len(apoyo.correcciones))
        if apoyo.folio in clean:
            duplicate = duplicado_de(apoyo) if apoyo.persona else None
            final = not mundo.al_final or mundo.ordenada
            if final or duplicate:
                fact = fact.model_copy(
                    update={
                        "fase": Fase.DEFINITIVA if final else Fase.PRELIMINAR,
                        "clasificado_version": len(apoyo.decisiones),
                        "duplicado_de": duplicate,
                    }
                )
        outcome[apoyo.folio] = fact
    return outcome


def _consulta(apoyo: Apoyo, descifrado_version: int, correccion_version: int) -> Consulta:
    persona = (
        apoyo.correcciones[correccion_version - 1] if correccion_version else apoyo.personas[descifrado_version - 1]
    )
    return ejemplo(
        RegistroCompulsado,
        version=1,
        folio=apoyo.folio,
        fase=Fase.PRELIMINAR,
        situacion=SituacionRegistral.EN_LISTA_NOMINAL if persona else SituacionRegistral.NO_ENCONTRADO,
        corte=CORTE,
        persona=persona,
        geo=None,
        duplicado_de=None,
        clasificado_version=0,
        descifrado_version=descifrado_version,
        correccion_version=correccion_version,
    )


# ---- the world under test


class _Documentos:
    """Documents in memory; before and after each operation, a point."""

    def __init__(self, inner: Documents) -> None:
        self._inner = inner

    async def get(self, id_: str) -> Document | None:
        await _Punto()
        return await self._inner.get(id_)

    async def put_if_absent(self, document: Document) -> bool:
        await _Punto()
        done = await self._inner.put_if_absent(document)
        await _Punto()
        return done

    async def replace(self, document: Document, revision: int) -> bool:
        await _Punto()
        done = await self._inner.replace(document, revision)
        await _Punto()
        return done

    async def find(self, query: Mapping[str, Any], *, sort: str | None = None, limit: int = 0) -> list[Document]:
        await _Punto()
        return await self._inner.find(query, sort=sort, limit=limit)

    async def count(self, query: Mapping[str, Any]) -> int:
        return await self._inner.count(query)


@dataclass
class _Log:
    """Takes what is published and owes its delivery; also to be delivered: what other services wrote."""

    publicados: list[Sobre] = field(default_factory=list)
    por_entregar: list[Sobre] = field(default_factory=list)

    async def publish(self, message: Message) -> Position:
        await _Punto()
        sobre = leer(POR_TIPO, message.headers, message.value)
        self.publicados.append(sobre)
        if not isinstance(sobre.evento, RegistroCompulsado):
            self.por_entregar.append(sobre)
        await _Punto()
        return Position(message.topic, 0, len(self.publicados))

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def create_topics(self, specs: Sequence[TopicSpec]) -> None: ...
    async def ends(self, topic: str) -> dict[int, int]:
        raise NotImplementedError

    def read(self, topic: str, start: Mapping[int, int] | None = None) -> AsyncIterator[Record]:
        raise NotImplementedError

    def tail(self, topic: str) -> AsyncIterator[Any]:
        raise NotImplementedError

    async def consume(self, group: str, topics: Sequence[str], handle: Any) -> None:
        raise NotImplementedError

    async def committed(self, group: str, topic: str) -> dict[int, int]:
        raise NotImplementedError

    async def members(self, group: str) -> int:
        raise NotImplementedError


class _Reloj:
    def __init__(self) -> None:
        self.ahora = INICIO

    def now(self) -> datetime:
        return self.ahora


class _Instancia:
    """One process: its own view of `actores`, over the shared documents and log."""

    def __init__(self, mundo: Mundo, documentos: Mapping[str, Documents], log: _Log, reloj: _Reloj) -> None:
        self.actores = Actores()
        perfil = PERFIL_P.model_copy(
            update={"misma_persona": mundo.politica, "compulsa": "al_final" if mundo.al_final else "continua"}
        )
        self.actores.aplicar(PerfilRegistrado(version=1, perfil=perfil), 0)
        referencia = ReferenciaPerfil(id=perfil.id, version=1)
        self.actores.aplicar(ejemplo(ProcesoRegistrado, proceso="CI26", perfil=referencia), 1)
        self.padron = Padron(MemoryDocuments(), documentos["cortes"], bytes(32))
        self._apoyos = {a.folio: a for a in mundo.apoyos}
        outbox = Outbox(documentos["outbox"], log, reloj, "/apoyo/compulsa")
        estados = Estados(documentos["folios"], outbox, reloj)
        self.folios = Folios(estados, self._consultar, self.padron, lambda: self.actores)
        self.personas = Personas(Estados(documentos["personas"], outbox, reloj))
        self.reexamen = Reexamen(self.folios, list.reverse)

    async def _consultar(self, folio: str, descifrado: Descifrado, corregido: Corregido | None) -> Consulta:
        consulta = _consulta(self._apoyos[folio], descifrado.version, corregido.version if corregido else 0)
        if await self.padron.completo(CORTE):
            return consulta
        return consulta.model_copy(update={"situacion": SituacionRegistral.PENDIENTE, "persona": None})

    def manejar(self, sobre: Sobre) -> Coroutine[Any, Any, None]:
        context = Context(sobre, 0)
        if isinstance(sobre.evento, MiembroDePersona):
            return self.personas.en_miembro(sobre.evento, context)
        assert isinstance(sobre.evento, HechoDeFolio)
        return self.folios.en_evento(sobre.evento, context)


@dataclass
class _Corrida:
    """A handler under way. `sobre`: what it must handle; None: a round of the re-examination."""

    coroutine: Coroutine[Any, Any, Any]
    sobre: Sobre | None


class Sistema:
    """Two instances of compulsa, and a scheduler driven by numbers."""

    def __init__(self, mundo: Mundo) -> None:
        self.mundo = mundo
        self.log = _Log()
        self.reloj = _Reloj()
        self.cortes = MemoryDocuments()
        inner = {
            "folios": MemoryDocuments(),
            "personas": MemoryDocuments(),
            "outbox": MemoryDocuments(UNIQUE),
            "cortes": self.cortes,
        }
        self.estados = inner["folios"]
        documentos = {name: _Documentos(store) for name, store in inner.items()}
        self.instancias = [_Instancia(mundo, documentos, self.log, self.reloj) for _ in range(2)]
        self.corridas: list[_Corrida] = []
        self.log.por_entregar = [ensobrar(e, fuente="/apoyo/x", hora=INICIO, causa=f"{n}") for n, e in _entradas(mundo)]
        self.entradas = list(self.log.por_entregar)

    def paso(self, number: int) -> None:
        """Do one of the things that may happen now."""
        kind, number = number % 16, number // 16
        instancia = self.instancias[number % 2]
        number //= 2
        if kind < 9 and self.corridas:
            self._avanzar(self.corridas[number % len(self.corridas)])
        elif kind == 9 and self.corridas:
            self._matar(self.corridas[number % len(self.corridas)])
        elif kind == 10:
            self.reloj.ahora += timedelta(seconds=20)
            self.corridas.append(_Corrida(instancia.reexamen.una_vez(), None))
        elif kind == 11 and number % 6 == 0:
            self.cargar_corte()
        elif kind == 11 and number % 6 == 1:
            self.ordenar(instancia)
        elif kind == 12:
            repeated = self.repetibles()
            sobre = repeated[number % len(repeated)]
            self.corridas.append(_Corrida(instancia.manejar(sobre), sobre))
        elif self.log.por_entregar and len(self.corridas) < 4:
            sobre = self.log.por_entregar.pop(number % len(self.log.por_entregar))
            self.corridas.append(_Corrida(instancia.manejar(sobre), sobre))

    def repetibles(self) -> list[Sobre]:
        """All that compulsa may be given again."""
        return self.entradas + [s for s in self.log.publicados if not isinstance(s.evento, RegistroCompulsado)]

    def hasta_vaciar(self, muerte: int | None = None) -> None:
        """Deliver all that is owed, one after another; die once, after so many steps."""
        while self.log.por_entregar or self.corridas:
            if not self.corridas:
                sobre = self.log.por_entregar.pop(0)
                self.corridas.append(_Corrida(self.instancias[0].manejar(sobre), sobre))
            muerte = self._avanzar_o_matar(muerte)

    def reexaminar(self, muerte: int | None = None) -> None:
        """A round of the re-examination, long after what came before; die in it after so many steps."""
        self.reloj.ahora += timedelta(seconds=60)
        self.corridas.append(_Corrida(self.instancias[1].reexamen.una_vez(), None))
        while self.corridas:
            muerte = self._avanzar_o_matar(muerte)

    def terminar(self) -> None:
        """Let everything come to rest."""
        self.cargar_corte()
        for instancia in self.instancias:
            self.ordenar(instancia)
        for _ in range(100):
            self.hasta_vaciar()
            before = len(self.log.publicados)
            self.reexaminar()
            if len(self.log.publicados) == before and not self.log.por_entregar:
                return
        raise AssertionError("it never comes to rest")

    def cargar_corte(self) -> None:
        fingerprint = huella(bytes(32), "huella_de_llave", "")
        _ahora(self.cortes.put_if_absent({"_id": CORTE, "revision": 1, "estado": "completo", "llave": fingerprint}))

    def ordenar(self, instancia: _Instancia) -> None:
        if self.mundo.ordenada:
            instancia.actores.aplicar(ejemplo(CompulsaOrdenada, proceso="CI26"), 2)

    def _avanzar_o_matar(self, muerte: int | None) -> int | None:
        if muerte == 0:
            self._matar(self.corridas[0])
        else:
            self._avanzar(self.corridas[0])
        return None if not muerte else muerte - 1

    def _avanzar(self, corrida: _Corrida) -> None:
        try:
            corrida.coroutine.send(None)
        except StopIteration:
            self.corridas.remove(corrida)
        except Conflict:
            self._devolver(corrida)

    def _matar(self, corrida: _Corrida) -> None:
        corrida.coroutine.close()
        self._devolver(corrida)

    def _devolver(self, corrida: _Corrida) -> None:
        """Its offset was not committed: it comes again."""
        self.corridas.remove(corrida)
        if corrida.sobre is not None:
            self.log.por_entregar.append(corrida.sobre)


def _ahora(coroutine: Coroutine[Any, Any, Any]) -> Any:
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waited")


def _entradas(mundo: Mundo) -> list[tuple[int, Evento]]:
    eventos: list[Evento] = []
    for apoyo in mundo.apoyos:
        for version in range(1, len(apoyo.personas) + 1):
            eventos.append(
                ejemplo(RegistroDescifrado, version=version, folio=apoyo.folio, recibido_en=apoyo.recibido_en)
            )
        for version in range(1, len(apoyo.correcciones) + 1):
            eventos.append(ejemplo(RegistroCorregido, version=version, folio=apoyo.folio))
        for version, clean in enumerate(apoyo.decisiones, 1):
            inconsistencias = [] if clean else SUCIO
            eventos.append(
                ejemplo(RegistroClasificado, version=version, folio=apoyo.folio, inconsistencias=inconsistencias)
            )
    return list(enumerate(eventos))


def _en_vigor(log: _Log) -> dict[str, RegistroCompulsado]:
    facts: dict[str, RegistroCompulsado] = {}
    for sobre in log.publicados:
        evento = sobre.evento
        if isinstance(evento, RegistroCompulsado) and (
            evento.folio not in facts or evento.version > facts[evento.folio].version
        ):
            facts[evento.folio] = evento
    return facts


def _comprobar(sistema: Sistema) -> None:
    facts = {folio: fact.model_copy(update={"version": 1}) for folio, fact in _en_vigor(sistema.log).items()}
    assert facts == oraculo(sistema.mundo)
    ids: dict[tuple[str, str, int], str] = {}
    for sobre in sistema.log.publicados:
        evento = sobre.evento
        assert ids.setdefault((evento.topic, evento.asunto, evento.version), sobre.id) == sobre.id
    for topic in (RegistroCompulsado.topic, MiembroDePersona.topic):
        for subject in {s for t, s, _ in ids if t == topic}:
            versions = sorted(v for t, s, v in ids if (t, s) == (topic, subject))
            assert versions == list(range(1, len(versions) + 1))
    assert _sin_revision(sistema.estados) == _sin_revision(_plegado(sistema))


def _plegado(sistema: Sistema) -> MemoryDocuments:
    """The state of the records as a rebuild makes it, from all that was read and said."""
    documentos = MemoryDocuments()
    pliegue = Pliegue(documentos, lambda: 1)
    for sobre in [*sistema.entradas, *sistema.log.publicados]:
        assert isinstance(sobre.evento, EventoDeFolio)
        _ahora(pliegue.en_folio(sobre.evento, Context(sobre, 0)))
    return documentos


def _sin_revision(documentos: MemoryDocuments) -> dict[str, Document]:
    return {d["_id"]: {k: v for k, v in d.items() if k != "revision"} for d in _ahora(documentos.find({}))}


@settings(max_examples=300, deadline=None)
@given(mundos(), st.booleans(), st.integers(0, 2**32), st.integers(20, 500))
def test_ningun_orden_repeticion_muerte_ni_segunda_instancia_cambia_el_resultado(
    mundo: Mundo, con_corte: bool, semilla: int, pasos: int
) -> None:
    sistema = Sistema(mundo)
    if con_corte:
        sistema.cargar_corte()
    azar = random.Random(semilla)
    for _ in range(pasos):
        sistema.paso(azar.randrange(1 << 20))
    azar.shuffle(sistema.log.por_entregar)
    sistema.terminar()
    _comprobar(sistema)
    sistema.log.por_entregar = sistema.repetibles()
    azar.shuffle(sistema.log.por_entregar)
    sistema.terminar()
    _comprobar(sistema)


@settings(max_examples=150, deadline=None)
@given(mundos(), st.booleans(), st.integers(0, 60), st.integers(0, 200))
def test_morir_en_cualquier_escritura_de_un_evento_o_de_la_reexaminacion_no_cambia_el_resultado(
    mundo: Mundo, con_corte: bool, muerte_en_evento: int, muerte_en_ronda: int
) -> None:
    """All in order but for two deaths; the order, or the cut too, comes late, so that the re-examination has work."""
    sistema = Sistema(mundo)
    if con_corte:
        sistema.cargar_corte()
    sistema.hasta_vaciar(muerte_en_evento)
    sistema.cargar_corte()
    for instancia in sistema.instancias:
        sistema.ordenar(instancia)
    sistema.reexaminar(muerte_en_ronda)
    sistema.terminar()
    _comprobar(sistema)


# ---- verdicts


@st.composite
def miembros(draw: st.DrawFn) -> list[MiembroDePersona]:
    politica = draw(st.sampled_from(["primero_recibido", "todos", "ninguno"]))
    return [
        MiembroDePersona(
            version=1,
            persona=PERSONAS[0],
            folio=componer_folio(f"CI26-000{draw(st.integers(1, 3))}", "A0001", "0123456789ab", f"{n:020x}"),
            recibido_en=INICIO + timedelta(seconds=draw(st.integers(0, 3))),
            limpio=draw(st.booleans()),
            clasificado_version=1,
            politica=politica,
        )
        for n in range(draw(st.integers(0, 7)))
    ]


@settings(deadline=None)
@given(miembros(), st.randoms(use_true_random=False))
def test_los_veredictos_no_dependen_del_orden_y_solo_juzgan_lo_limpio(grupo: list[MiembroDePersona], azar: Any) -> None:
    found = veredictos(grupo)
    shuffled = list(grupo)
    azar.shuffle(shuffled)
    assert veredictos(shuffled) == found
    clean = {m.folio for m in grupo if m.limpio}
    assert set(found) == clean
    assert {duplicate for _, duplicate in found.values() if duplicate} <= clean
    assert veredictos([m for m in grupo if m.limpio]) == found


@settings(deadline=None)
@given(miembros())
def test_cuantos_cuentan_de_una_persona_lo_dice_la_politica(grupo: list[MiembroDePersona]) -> None:
    found = veredictos(grupo)
    count = [folio for folio, (_, duplicate) in found.items() if duplicate is None]
    solicitudes = {folio[:9] for folio in found}
    if not found:
        return
    match grupo[0].politica:
        case "primero_recibido":
            assert count == [min((m.recibido_en, m.folio) for m in grupo if m.limpio)[1]]
        case "todos":
            assert sorted(folio[:9] for folio in count) == sorted(solicitudes)
        case "ninguno":
            assert len(count) == (1 if len(solicitudes) == 1 else 0)


@settings(deadline=None)
@given(miembros())
def test_si_la_primera_pasa_a_inconsistente_la_siguiente_toma_su_lugar(grupo: list[MiembroDePersona]) -> None:
    clean = sorted((m for m in grupo if m.limpio), key=lambda m: (m.recibido_en, m.folio))
    if len(clean) < 2 or clean[0].politica != "primero_recibido":
        return
    rest = [m if m != clean[0] else m.model_copy(update={"limpio": False}) for m in grupo]
    assert veredictos(rest)[clean[1].folio][1] is None
