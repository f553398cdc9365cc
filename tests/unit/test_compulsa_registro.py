"""One record through compulsa: lookup, decision, verdict, outcome (SPEC 8, D 10.3-10.7)."""

import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kernel.clock import Clock
from kernel.documents import Documents, MemoryDocuments
from kernel.errors import BadInput, KeyDestroyed, Unavailable
from kernel.hpke import X25519, Private
from kernel.outbox import UNIQUE, Outbox
from kernel.sealing import KeyRing, derive, seal
from kernel.stream import Handler, Message, Record, Stream, TopicSpec, connect
from schemas.actores import CONSULTA, Actores, DatosConsulta, contexto_de_consulta
from schemas.ciclo_de_vida import Ciclo, Estado, aplicar, estado
from schemas.envelope import Evento, ensobrar, leer
from schemas.eventos import (
    POR_TIPO,
    CompulsaOrdenada,
    ConsultaRespondida,
    ConsultaSolicitada,
    DestruccionOrdenada,
    Fase,
    Inconsistencia,
    MiembroDePersona,
    PerfilRegistrado,
    ProcesoRegistrado,
    ReferenciaPerfil,
    RegistroClasificado,
    RegistroCompulsado,
    RegistroDescifrado,
    RegistroEnCuarentena,
    RegistroRecibido,
    SituacionRegistral,
    SolicitudRegistrada,
    Veredicto,
)
from schemas.paquete import DatosRegistro, Lecturas
from schemas.perfil import PERFIL_D, PERFIL_P, PerfilReglas
from schemas.tipos import componer_folio, descomponer_folio
from services.compulsa.agent import TOPICS, agente
from services.compulsa.domain.padron import huella, leer_renglon
from services.compulsa.handlers import Consultas, Estados, FinDeProcesos, Folios, Personas, Reexamen, Respuestas
from services.compulsa.padron import Padron, _documento
from tests.support.ejemplos import ejemplo
from tests.unit.test_compulsa_padron import FILA, OTRA

LLAVE = bytes(32)
PRIVADAS = {name: Private.generate(X25519) for name in ("descifrado", "compulsa", "portal")}
CORTE = "2026-10-31"
RECIBIDO = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
SUCIO = [Inconsistencia(clave="e", origen="revision")]
DATOS = DatosRegistro(
    modelo="G",
    clave_elector=FILA["clave_elector"],
    numero_emision="01",
    cic=FILA["cic"],
    ocr=FILA["ocr"],
    nombre=FILA["nombre"],
    primer_apellido=FILA["paterno"],
    lecturas=Lecturas(),
    original_mostrado=True,
    solicitante_mostrado="Solicitante",
    manifestacion="Apoyo",
)


def folio(number: int, solicitud: int = 1) -> str:
    return componer_folio(f"CI26-{solicitud:04d}", "A0001", "abcdefabcdef", f"{number:020x}")


class _Reloj(Clock):
    def __init__(self) -> None:
        self.ahora = RECIBIDO

    def now(self) -> datetime:
        return self.ahora


class Compulsa:
    """The service on a log, its state in memory unless given; `correr` delivers until nothing is left."""

    def __init__(
        self,
        stream: Stream,
        perfil: PerfilReglas,
        documentos: Documents | None = None,
        personas: Documents | None = None,
        consultas: Documents | None = None,
    ) -> None:
        self.stream = stream
        self.reloj = _Reloj()
        self.actores = Actores()
        referencia = ReferenciaPerfil(id=perfil.id, version=perfil.version)
        for offset, evento in enumerate(
            [
                PerfilRegistrado(version=1, perfil=perfil),
                ejemplo(ProcesoRegistrado, proceso="CI26", perfil=referencia),
                ejemplo(SolicitudRegistrada, proceso="CI26", solicitud="CI26-0001", entidad=None),
                ejemplo(SolicitudRegistrada, proceso="CI26", solicitud="CI26-0002", entidad="10"),
                ejemplo(SolicitudRegistrada, proceso="CI26", solicitud="CI26-0003", entidad="26"),
                ejemplo(SolicitudRegistrada, proceso="CI26", solicitud="CI26-0004", entidad="10", municipio="005"),
                ejemplo(SolicitudRegistrada, proceso="CI26", solicitud="CI26-0005", entidad="10", municipio="006"),
            ]
        ):
            self.actores.aplicar(evento, offset)
        private, publics = PRIVADAS, {name: key.public() for name, key in PRIVADAS.items()}
        self.llaves = MemoryDocuments()
        self.descifrado = KeyRing(self.llaves, "descifrado", private["descifrado"], publics)
        self.renglones, self.cortes = MemoryDocuments(), MemoryDocuments()
        self.documentos = documentos or MemoryDocuments()
        self.consultas = consultas or MemoryDocuments()
        padron = Padron(self.renglones, self.cortes, LLAVE)
        self.procesos = MemoryDocuments()
        buscador = Consultas(
            padron,
            KeyRing(self.llaves, "compulsa", private["compulsa"], publics),
            KeyRing(self.procesos, "compulsa", private["compulsa"], publics),
            lambda: self.actores,
        )
        self.outbox = Outbox(MemoryDocuments(UNIQUE), stream, self.reloj, "/apoyo/compulsa")
        estados = Estados(self.documentos, self.outbox, self.reloj)
        self.folios = Folios(estados, buscador.consultar, padron, lambda: self.actores)
        grupos = Estados(personas or MemoryDocuments(), self.outbox, self.reloj)
        respuestas = Respuestas(
            Estados(self.consultas, self.outbox, self.reloj), buscador.responder, padron, self.reloj
        )
        self.handle: Handler = agente(self.folios, Personas(grupos), respuestas)
        self.reexamen = Reexamen(self.folios, list.reverse)
        self.reexamen_de_consultas = Reexamen(respuestas, list.reverse)
        self.portal = KeyRing(self.llaves, "portal", private["portal"], publics)
        self._next: dict[str, dict[int, int]] = {topic: {} for topic in TOPICS}
        self._numero = 0

    async def cargar(self, *filas: dict[str, str], corte: str = CORTE) -> None:
        for number, fila in enumerate(filas):
            assert await self.renglones.put_if_absent(_documento(leer_renglon(LLAVE, fila), corte, number))
        llave = huella(LLAVE, "huella_de_llave", "")
        await self.cortes.put_if_absent({"_id": corte, "revision": 1, "estado": "completo", "llave": llave})

    async def escribir(self, evento: Evento) -> None:
        """As another service would."""
        self._numero += 1
        sobre = ensobrar(evento, fuente="/apoyo/otro", hora=RECIBIDO, causa=f"{self._numero}")
        await self.stream.publish(Message(evento.topic, evento.llave_mensaje, sobre.cuerpo(), sobre.headers()))

    async def descifrar(
        self, folio: str, *, version: int = 1, minutos: int = 0, recibido_en: datetime | None = None, **cambios: Any
    ) -> None:
        datos = DATOS.model_copy(update=cambios)
        key_id = f"llave-{folio[-4:]}"
        root = await self.descifrado.create(key_id, {"descifrado": None, "compulsa": "datos"})
        sealed = seal(derive(root, "datos"), datos.model_dump_json().encode(), f"{folio}|datos")
        await self.escribir(
            ejemplo(
                RegistroDescifrado,
                version=version,
                folio=folio,
                recibido_en=recibido_en or RECIBIDO + timedelta(minutes=minutos),
                llave=key_id,
                datos_sellados=base64.b64encode(sealed).decode(),
            )
        )

    async def preguntar(self, consulta: str, *, llave: str = "auxiliar", **datos: str) -> ConsultaSolicitada:
        """As the portal would: a lookup about a person, by what is known of them."""
        root = await self.portal.create(llave, {"portal": None, "compulsa": CONSULTA})
        plano = DatosConsulta(**{"clave_elector": "", **datos}).model_dump_json().encode()
        sealed = seal(derive(root, CONSULTA), plano, contexto_de_consulta(consulta))
        evento = ejemplo(
            ConsultaSolicitada, consulta=consulta, llave=llave, datos_sellados=base64.b64encode(sealed).decode()
        )
        await self.escribir(evento)
        return evento

    async def clasificar(self, folio: str, limpio: bool = True, version: int = 1) -> None:
        inconsistencias = [] if limpio else SUCIO
        await self.escribir(ejemplo(RegistroClasificado, version=version, folio=folio, inconsistencias=inconsistencias))

    async def correr(self) -> None:
        moved = True
        while moved:
            moved = False
            for topic in TOPICS:
                async for record in self.stream.read(topic, self._next[topic]):
                    await self.handle(record)
                    self._next[topic][record.partition] = record.offset + 1
                    moved = True

    async def repetir_todo(self) -> None:
        self._next = {topic: {} for topic in TOPICS}
        await self.correr()

    async def dichos(self, tipo: type[Evento] = RegistroCompulsado) -> list[Any]:
        return [leer(POR_TIPO, r.headers, r.value).evento async for r in self.stream.read(tipo.topic)]

    async def ultimo(self, topic: str) -> Record:
        """The newest record of a topic where one folio alone is written about."""
        return [record async for record in self.stream.read(topic)][-1]

    async def dicho(self, folio: str) -> RegistroCompulsado:
        """The outcome in force."""
        found: list[RegistroCompulsado] = [e for e in await self.dichos() if e.folio == folio]
        return max(found, key=lambda e: e.version)

    async def estado(self, folio: str) -> Estado | None:
        """The status that everybody computes from the topics."""
        ciclo = aplicar(Ciclo(), ejemplo(RegistroRecibido, folio=folio), 0)
        for topic in (RegistroDescifrado.topic, RegistroClasificado.topic, RegistroCompulsado.topic):
            async for record in self.stream.read(topic):
                evento = leer(POR_TIPO, record.headers, record.value).evento
                if evento.asunto == folio:
                    ciclo = aplicar(ciclo, evento, record.offset)
        return estado(ciclo)


@pytest.fixture
async def stream() -> AsyncIterator[Stream]:
    log = connect("memory:", "compulsa")
    await log.start()
    salidas = (RegistroCompulsado.topic, ConsultaRespondida.topic)
    await log.create_topics([TopicSpec(topic, 2) for topic in (*TOPICS, *salidas)])
    yield log
    await log.stop()


@pytest.fixture
def compulsa(stream: Stream) -> Compulsa:
    return Compulsa(stream, PERFIL_P)


@pytest.fixture
def al_final(stream: Stream) -> Compulsa:
    return Compulsa(stream, PERFIL_D)


# ---- lookups


async def test_al_descifrarse_se_consulta_y_se_publica_la_situacion_preliminar(compulsa: Compulsa) -> None:
    await compulsa.cargar(FILA)
    await compulsa.descifrar(folio(1))
    await compulsa.correr()
    fact = await compulsa.dicho(folio(1))
    assert (fact.version, fact.fase, fact.situacion) == (1, Fase.PRELIMINAR, SituacionRegistral.EN_LISTA_NOMINAL)
    assert (fact.corte, fact.clasificado_version, fact.duplicado_de) == (CORTE, 0, None)
    assert fact.coincidencia == ["clave_elector", "numero_emision", "cic", "ocr"]
    assert fact.geo is not None
    assert fact.geo.seccion == "0421"
    assert await compulsa.estado(folio(1)) is Estado.EN_MESA_DE_CONTROL


async def test_nada_personal_queda_en_claro_en_topics_ni_en_documentos(compulsa: Compulsa) -> None:
    await compulsa.cargar(FILA)
    await compulsa.descifrar(folio(1))
    await compulsa.clasificar(folio(1))
    await compulsa.correr()
    written = repr(await compulsa.documentos.find({}))
    for topic in (*TOPICS, RegistroCompulsado.topic):
        async for record in compulsa.stream.read(topic):
            written += repr(record)
    for value in (DATOS.clave_elector, str(DATOS.cic), str(DATOS.ocr), DATOS.primer_apellido, FILA["id_registro"]):
        assert value not in written


async def test_limpio_y_encontrado_llega_a_definitiva_de_esa_decision(compulsa: Compulsa) -> None:
    await compulsa.cargar(FILA)
    await compulsa.descifrar(folio(1))
    await compulsa.clasificar(folio(1))
    await compulsa.correr()
    fact = await compulsa.dicho(folio(1))
    assert (fact.version, fact.fase, fact.clasificado_version) == (2, Fase.DEFINITIVA, 1)
    assert await compulsa.estado(folio(1)) is Estado.EN_LISTA_NOMINAL


@pytest.mark.parametrize(
    ("solicitud", "fila", "esperado"),
    [
        (1, {}, Estado.EN_LISTA_NOMINAL),
        (2, {}, Estado.EN_LISTA_NOMINAL),
        (3, {}, Estado.FUERA_DE_AMBITO),
        (3, {"situacion": "baja", "causa_baja": "defuncion"}, Estado.BAJA),
        (4, {}, Estado.EN_LISTA_NOMINAL),
        (5, {}, Estado.FUERA_DE_AMBITO),
        (1, {"situacion": "en_padron_no_lista_nominal"}, Estado.EN_PADRON_NO_LISTA_NOMINAL),
    ],
)
async def test_cada_situacion_registral_llega_a_su_estado(
    compulsa: Compulsa, solicitud: int, fila: dict[str, str], esperado: Estado
) -> None:
    await compulsa.cargar(FILA | fila)
    await compulsa.descifrar(folio(1, solicitud))
    await compulsa.clasificar(folio(1, solicitud))
    await compulsa.correr()
    assert await compulsa.estado(folio(1, solicitud)) is esperado
    assert (await compulsa.dicho(folio(1, solicitud))).causa_baja == (fila.get("causa_baja") or None)


async def test_quien_no_se_encuentra_nunca_es_duplicado(compulsa: Compulsa) -> None:
    await compulsa.cargar(OTRA)
    for number in (1, 2):
        await compulsa.descifrar(folio(number))
        await compulsa.clasificar(folio(number))
    await compulsa.correr()
    for number in (1, 2):
        fact = await compulsa.dicho(folio(number))
        assert (fact.fase, fact.persona, fact.duplicado_de) == (Fase.DEFINITIVA, None, None)
        assert fact.discrepancias == ["clave_elector", "numero_emision", "cic", "ocr"]
    assert await compulsa.dichos(MiembroDePersona) == []


async def test_lo_que_esta_en_cuarentena_no_se_consulta(compulsa: Compulsa) -> None:
    await compulsa.escribir(ejemplo(RegistroEnCuarentena, folio=folio(1)))
    await compulsa.correr()
    assert await compulsa.dichos() == []


# ---- pending cut


async def test_sin_su_corte_queda_pendiente_y_nunca_se_usa_otro(compulsa: Compulsa) -> None:
    await compulsa.cargar(FILA, corte="2026-09-30")
    await compulsa.descifrar(folio(1))
    await compulsa.clasificar(folio(1))
    await compulsa.correr()
    await compulsa.reexamen.una_vez()
    fact = await compulsa.dicho(folio(1))
    assert (fact.situacion, fact.corte, fact.fase) == (SituacionRegistral.PENDIENTE, CORTE, Fase.PRELIMINAR)
    assert await compulsa.estado(folio(1)) is Estado.PARA_ENVIO_A_COMPULSA
    assert await compulsa.documentos.count({"espera": f"corte/{CORTE}"}) == 1


async def test_al_llegar_el_corte_lo_pendiente_se_consulta_y_se_resuelve(compulsa: Compulsa) -> None:
    await compulsa.descifrar(folio(1))
    await compulsa.clasificar(folio(1))
    await compulsa.correr()
    await compulsa.cargar(FILA)
    await compulsa.reexamen.una_vez()
    await compulsa.correr()
    assert await compulsa.estado(folio(1)) is Estado.EN_LISTA_NOMINAL
    assert await compulsa.documentos.count({"espera": f"corte/{CORTE}"}) == 0
    assert [e.version for e in await compulsa.dichos()] == [1, 2, 3]


async def test_cada_registro_usa_el_corte_de_su_recepcion(compulsa: Compulsa) -> None:
    await compulsa.cargar(FILA)
    await compulsa.cargar(FILA | {"situacion": "baja", "causa_baja": "defuncion"}, corte="2026-11-30")
    await compulsa.descifrar(folio(1), recibido_en=datetime(2026, 12, 1, 5, 59, tzinfo=UTC))
    await compulsa.descifrar(folio(2), recibido_en=datetime(2026, 12, 1, 6, 0, tzinfo=UTC))
    await compulsa.correr()
    first, second = await compulsa.dicho(folio(1)), await compulsa.dicho(folio(2))
    assert (first.situacion, second.situacion) == (SituacionRegistral.EN_LISTA_NOMINAL, SituacionRegistral.BAJA)
    assert first.persona == second.persona


# ---- duplicates


async def _todos(compulsa: Compulsa, *folios: str) -> list[Estado | None]:
    return [await compulsa.estado(each) for each in folios]


async def test_de_la_misma_persona_cuenta_el_recibido_primero_aunque_se_revise_al_final(compulsa: Compulsa) -> None:
    await compulsa.cargar(FILA)
    await compulsa.descifrar(folio(1), minutos=5)
    await compulsa.descifrar(folio(2), minutos=0)
    await compulsa.clasificar(folio(1))
    await compulsa.correr()
    assert await compulsa.estado(folio(1)) is Estado.EN_LISTA_NOMINAL
    await compulsa.clasificar(folio(2))
    await compulsa.correr()
    assert await _todos(compulsa, folio(1), folio(2)) == [Estado.DUPLICADO, Estado.EN_LISTA_NOMINAL]
    assert (await compulsa.dicho(folio(1))).duplicado_de == folio(2)


async def test_una_inconsistente_no_desplaza_a_una_limpia(compulsa: Compulsa) -> None:
    await compulsa.cargar(FILA)
    await compulsa.descifrar(folio(1), minutos=0)
    await compulsa.descifrar(folio(2), minutos=5)
    await compulsa.clasificar(folio(1), limpio=False)
    await compulsa.clasificar(folio(2))
    await compulsa.correr()
    assert await _todos(compulsa, folio(1), folio(2)) == [Estado.CON_INCONSISTENCIA, Estado.EN_LISTA_NOMINAL]
    assert [m.folio for m in await compulsa.dichos(MiembroDePersona)] == [folio(2)]


async def test_si_la_primera_pasa_a_inconsistente_la_siguiente_toma_su_lugar(compulsa: Compulsa) -> None:
    await compulsa.cargar(FILA)
    for number in (1, 2, 3):
        await compulsa.descifrar(folio(number), minutos=number)
        await compulsa.clasificar(folio(number))
    await compulsa.correr()
    assert await _todos(compulsa, *map(folio, (1, 2, 3))) == [
        Estado.EN_LISTA_NOMINAL,
        Estado.DUPLICADO,
        Estado.DUPLICADO,
    ]
    await compulsa.clasificar(folio(1), limpio=False, version=2)
    await compulsa.correr()
    assert await _todos(compulsa, *map(folio, (1, 2, 3))) == [
        Estado.CON_INCONSISTENCIA,
        Estado.EN_LISTA_NOMINAL,
        Estado.DUPLICADO,
    ]
    assert (await compulsa.dicho(folio(3))).duplicado_de == folio(2)
    assert (await compulsa.dicho(folio(1))).clasificado_version == 0
    await compulsa.clasificar(folio(1), version=3)
    await compulsa.correr()
    assert await compulsa.estado(folio(2)) is Estado.DUPLICADO


@pytest.mark.parametrize(
    ("politica", "esperados"),
    [
        ("primero_recibido", [Estado.EN_LISTA_NOMINAL, Estado.DUPLICADO, Estado.DUPLICADO]),
        ("todos", [Estado.EN_LISTA_NOMINAL, Estado.EN_LISTA_NOMINAL, Estado.DUPLICADO]),
        ("ninguno", [Estado.DUPLICADO, Estado.DUPLICADO, Estado.DUPLICADO]),
    ],
)
async def test_la_misma_persona_en_dos_solicitudes_la_decide_la_politica(
    stream: Stream, politica: str, esperados: list[Estado]
) -> None:
    compulsa = Compulsa(stream, PERFIL_P.model_copy(update={"misma_persona": politica}))
    await compulsa.cargar(FILA)
    folios = [folio(1, 1), folio(2, 2), folio(3, 1)]
    for minutos, each in enumerate(folios):
        await compulsa.descifrar(each, minutos=minutos)
        await compulsa.clasificar(each)
    await compulsa.correr()
    assert await _todos(compulsa, *folios) == esperados


async def test_si_al_volver_a_abrirse_es_otra_persona_deja_su_lugar_en_la_primera(compulsa: Compulsa) -> None:
    await compulsa.cargar(FILA, OTRA)
    for number in (1, 2):
        await compulsa.descifrar(folio(number), minutos=number)
        await compulsa.clasificar(folio(number))
    await compulsa.correr()
    assert await compulsa.estado(folio(2)) is Estado.DUPLICADO
    await compulsa.descifrar(
        folio(1), version=2, minutos=1, clave_elector=OTRA["clave_elector"], cic=OTRA["cic"], ocr=OTRA["ocr"]
    )
    await compulsa.correr()
    assert await _todos(compulsa, folio(1), folio(2)) == [Estado.EN_LISTA_NOMINAL, Estado.EN_LISTA_NOMINAL]
    assert (await compulsa.dicho(folio(1))).descifrado_version == 2


async def test_una_decision_nueva_espera_su_propio_veredicto(compulsa: Compulsa) -> None:
    await compulsa.cargar(FILA)
    await compulsa.descifrar(folio(1))
    await compulsa.clasificar(folio(1))
    await compulsa.correr()
    persona = (await compulsa.dicho(folio(1))).persona
    assert persona is not None
    other = ejemplo(Veredicto, version=9, folio=folio(1), persona="f" * 64, clasificado_version=2)
    await compulsa.escribir(other)
    await compulsa.correr()
    await compulsa.clasificar(folio(1), version=2)
    await compulsa.handle(await compulsa.ultimo(RegistroClasificado.topic))
    assert (await compulsa.dicho(folio(1))).clasificado_version == 1
    await compulsa.correr()
    assert (await compulsa.dicho(folio(1))).clasificado_version == 2


# ---- al_final


async def test_al_final_nada_es_definitivo_hasta_que_se_ordena_salvo_saber_los_duplicados(al_final: Compulsa) -> None:
    await al_final.cargar(FILA)
    for number in (1, 2):
        await al_final.descifrar(folio(number), minutos=number)
        await al_final.clasificar(folio(number))
    await al_final.correr()
    await al_final.reexamen.una_vez()
    assert await _todos(al_final, folio(1), folio(2)) == [Estado.PARA_ENVIO_A_COMPULSA, Estado.DUPLICADO]
    assert (await al_final.dicho(folio(2))).fase is Fase.PRELIMINAR
    al_final.actores.aplicar(ejemplo(CompulsaOrdenada, proceso="CI26"), 9)
    await al_final.reexamen.una_vez()
    assert await _todos(al_final, folio(1), folio(2)) == [Estado.EN_LISTA_NOMINAL, Estado.DUPLICADO]
    assert {(await al_final.dicho(folio(n))).fase for n in (1, 2)} == {Fase.DEFINITIVA}
    assert await al_final.reexamen.una_vez() == 0


async def test_lo_definitivo_no_se_retira_porque_una_instancia_aun_no_vea_la_orden(al_final: Compulsa) -> None:
    await al_final.cargar(FILA)
    al_final.actores.aplicar(ejemplo(CompulsaOrdenada, proceso="CI26"), 9)
    await al_final.descifrar(folio(1))
    await al_final.clasificar(folio(1))
    await al_final.correr()
    al_final.actores.compulsas_ordenadas.clear()
    await al_final.repetir_todo()
    assert (await al_final.dicho(folio(1))).fase is Fase.DEFINITIVA


# ---- repetition and bad input


async def test_repetir_todos_los_eventos_no_publica_nada_nuevo(compulsa: Compulsa) -> None:
    await compulsa.cargar(FILA)
    for number in (1, 2):
        await compulsa.descifrar(folio(number), minutos=number)
        await compulsa.clasificar(folio(number))
    await compulsa.correr()
    before = [await compulsa.dichos(tipo) for tipo in (RegistroCompulsado, MiembroDePersona, Veredicto)]
    await compulsa.repetir_todo()
    assert [await compulsa.dichos(tipo) for tipo in (RegistroCompulsado, MiembroDePersona, Veredicto)] == before


async def test_una_llave_destruida_o_ausente_y_unos_datos_ilegibles_son_entrada_mala(compulsa: Compulsa) -> None:
    await compulsa.cargar(FILA)
    await compulsa.descifrar(folio(1))
    (stored,) = await compulsa.llaves.find({})
    record = await compulsa.ultimo(RegistroDescifrado.topic)
    key_id = stored["_id"]
    compulsa.llaves._documents[key_id] = stored | {"destroyed": True}
    with pytest.raises(KeyDestroyed):
        await compulsa.handle(record)
    del compulsa.llaves._documents[key_id]
    with pytest.raises(BadInput) as absent:
        await compulsa.handle(record)
    assert absent.value.reason == "llave_ausente"
    await compulsa.descifrado.create(key_id, {"descifrado": None, "compulsa": "datos"})
    with pytest.raises(BadInput) as unreadable:
        await compulsa.handle(record)
    assert unreadable.value.reason == "datos_ilegibles"
    assert await compulsa.documentos.get(folio(1)) is None


async def test_ordenada_la_destruccion_no_se_abre_nada_y_la_llave_de_las_personas_se_destruye(
    compulsa: Compulsa,
) -> None:
    """That key lives in compulsa alone; a backup may bring it back."""
    await compulsa.cargar(FILA)
    await compulsa.descifrar(folio(1))
    await compulsa.correr()
    [respaldo] = await compulsa.procesos.find({})
    private = Private.generate()
    llavero = KeyRing(compulsa.procesos, "compulsa", private, {"compulsa": private.public()})
    fin = FinDeProcesos(llavero, lambda: compulsa.actores)
    await fin.una_vez()
    assert await compulsa.procesos.find({}) == [respaldo]
    compulsa.actores.aplicar(ejemplo(DestruccionOrdenada, proceso=respaldo["_id"]), 10**6)
    for _ in range(2):
        await fin.una_vez()
        with pytest.raises(KeyDestroyed):
            await llavero.create(respaldo["_id"], {"compulsa": None})
        compulsa.procesos._documents[respaldo["_id"]] = respaldo
    await compulsa.descifrar(folio(2))
    with pytest.raises(KeyDestroyed):
        await compulsa.handle(await compulsa.ultimo(RegistroDescifrado.topic))


async def test_una_solicitud_o_un_proceso_aun_no_vistos_se_reintentan(compulsa: Compulsa) -> None:
    await compulsa.cargar(FILA)
    await compulsa.descifrar(folio(1, 9))
    with pytest.raises(Unavailable):
        await compulsa.correr()
    compulsa.actores.procesos.clear()
    with pytest.raises(Unavailable):
        await compulsa.correr()


async def test_la_llave_de_un_proceso_se_crea_una_vez_y_solo_compulsa_la_abre(compulsa: Compulsa) -> None:
    await compulsa.cargar(FILA, OTRA)
    await compulsa.descifrar(folio(1))
    await compulsa.descifrar(folio(2), clave_elector=OTRA["clave_elector"], cic=OTRA["cic"], ocr=OTRA["ocr"])
    await compulsa.correr()
    (stored,) = await compulsa.procesos.find({})
    assert stored["_id"] == descomponer_folio(folio(1)).proceso
    assert list(stored["wraps"]) == ["compulsa"]
    assert (await compulsa.dicho(folio(1))).persona != (await compulsa.dicho(folio(2))).persona
