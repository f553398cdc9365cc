"""A lookup that the portal asks for: one answer, from the newest complete cut, for the portal alone (P 7.6, D 4.5)."""

import asyncio
import base64
import contextlib
import random
from collections.abc import AsyncIterator

import pytest

from kernel.documents import MemoryDocuments
from kernel.errors import BadInput, Conflict
from kernel.sealing import CannotUnseal, derive, unseal
from kernel.stream import Record, Stream, TopicSpec, connect
from schemas.actores import CONSULTA, RespuestaConsulta, contexto_de_consulta, contexto_de_respuesta
from schemas.eventos import ConsultaRespondida, ConsultaSolicitada, RegistroCompulsado, SituacionRegistral
from schemas.perfil import PERFIL_P
from services.compulsa.agent import TOPICS
from tests.unit.test_compulsa_padron import FILA, OTRA
from tests.unit.test_compulsa_registro import CORTE, Compulsa, folio
from tests.unit.test_notificaciones_entrega import ConPausas

UNA, DOS = "1" * 32, "2" * 32
SIGUIENTE = "2026-11-30"
CLAVE, CIC, OCR = FILA["clave_elector"], FILA["cic"], FILA["ocr"]


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


async def _respuestas(compulsa: Compulsa) -> list[tuple[ConsultaRespondida, RespuestaConsulta]]:
    """What was answered, as the portal opens it; each once."""
    found = {}
    for evento in await compulsa.dichos(ConsultaRespondida):
        llave = derive(await compulsa.portal.open(evento.llave), CONSULTA)
        sellada = base64.b64decode(evento.respuesta_sellada)
        abierta = unseal(llave, sellada, contexto_de_respuesta(evento.consulta))
        found[evento.model_dump_json()] = (evento, RespuestaConsulta.model_validate_json(abierta))
    return list(found.values())


@pytest.mark.parametrize(
    "datos",
    [
        {"clave_elector": CLAVE, "numero_emision": "01"},
        {"clave_elector": CLAVE},
        {"clave_elector": CLAVE.lower(), "numero_emision": "1"},
        {"cic": CIC},
        {"ocr": OCR},
        {"clave_elector": CLAVE, "numero_emision": "01", "cic": OTRA["cic"], "ocr": OCR},
    ],
)
async def test_se_encuentra_por_clave_con_su_emision_por_cic_o_por_ocr(
    compulsa: Compulsa, datos: dict[str, str]
) -> None:
    await compulsa.cargar(FILA, OTRA)
    pedida = await compulsa.preguntar(UNA, **datos)
    await compulsa.correr()
    ((evento, respuesta),) = await _respuestas(compulsa)
    assert (evento.version, evento.consulta, evento.sujeto, evento.corte) == (1, UNA, pedida.sujeto, CORTE)
    assert respuesta.situacion is SituacionRegistral.EN_LISTA_NOMINAL
    assert respuesta.geo is not None
    assert (respuesta.geo.entidad, respuesta.geo.seccion) == (FILA["entidad"], FILA["seccion"])


async def test_quien_no_esta_en_el_padron_se_dice_y_de_una_baja_su_causa(compulsa: Compulsa) -> None:
    await compulsa.cargar(FILA | {"situacion": "baja", "causa_baja": "defuncion"})
    await compulsa.preguntar(UNA, clave_elector=OTRA["clave_elector"], cic=OTRA["cic"])
    await compulsa.preguntar(DOS, clave_elector=CLAVE)
    await compulsa.correr()
    por_consulta = {evento.consulta: respuesta for evento, respuesta in await _respuestas(compulsa)}
    assert por_consulta[UNA] == RespuestaConsulta(situacion=SituacionRegistral.NO_ENCONTRADO, causa_baja=None, geo=None)
    assert (por_consulta[DOS].situacion, por_consulta[DOS].causa_baja) == (SituacionRegistral.BAJA, "defuncion")


async def test_se_responde_con_el_corte_completo_mas_reciente_y_el_que_llega_despues_no_cambia_la_respuesta(
    compulsa: Compulsa,
) -> None:
    await compulsa.cargar(FILA)
    await compulsa.cargar(FILA | {"situacion": "baja", "causa_baja": "defuncion"}, corte=SIGUIENTE)
    await compulsa.cortes.put_if_absent({"_id": "2026-12-31", "revision": 1, "estado": "cargando"})
    await compulsa.preguntar(UNA, clave_elector=CLAVE)
    await compulsa.correr()
    await compulsa.cargar(corte="2027-01-31")
    await compulsa.reexamen_de_consultas.una_vez()
    await compulsa.repetir_todo()
    ((evento, respuesta),) = await _respuestas(compulsa)
    assert (evento.corte, respuesta.situacion) == (SIGUIENTE, SituacionRegistral.BAJA)


async def test_sin_ningun_corte_espera_a_la_vista_sin_detener_a_nadie_y_se_responde_cuando_hay_uno(
    compulsa: Compulsa,
) -> None:
    await compulsa.preguntar(UNA, clave_elector=CLAVE)
    await compulsa.descifrar(folio(1))
    await compulsa.correr()
    assert (await compulsa.dicho(folio(1))).situacion is SituacionRegistral.PENDIENTE
    assert await compulsa.reexamen_de_consultas.una_vez() == 0
    assert await _respuestas(compulsa) == []
    assert await compulsa.consultas.count({"espera": "corte"}) == 1
    await compulsa.cargar(FILA)
    assert await compulsa.reexamen_de_consultas.una_vez() == 1
    ((evento, respuesta),) = await _respuestas(compulsa)
    assert (evento.corte, respuesta.situacion) == (CORTE, SituacionRegistral.EN_LISTA_NOMINAL)
    assert await compulsa.reexamen_de_consultas.una_vez() == 0


@pytest.mark.parametrize("semilla", range(10))
async def test_pedida_dos_veces_a_la_vez_tiene_una_sola_respuesta(stream: Stream, semilla: int) -> None:
    compulsa = Compulsa(stream, PERFIL_P, consultas=ConPausas(MemoryDocuments(), random.Random(semilla)))
    await compulsa.cargar(FILA)
    await compulsa.preguntar(UNA, clave_elector=CLAVE)
    record = await _registro(compulsa, UNA)
    await asyncio.gather(_con_reintentos(compulsa, record), _con_reintentos(compulsa, record))
    assert len(await _respuestas(compulsa)) == 1


async def _con_reintentos(compulsa: Compulsa, record: Record) -> None:
    """As the guard does."""
    while True:
        with contextlib.suppress(Conflict):
            return await compulsa.handle(record)


async def test_solo_quien_tiene_la_llave_de_la_persona_lee_la_respuesta_y_de_esa_consulta(compulsa: Compulsa) -> None:
    await compulsa.cargar(FILA)
    pedida = await compulsa.preguntar(UNA, clave_elector=CLAVE)
    await compulsa.correr()
    ((evento, _),) = await _respuestas(compulsa)
    raiz = await compulsa.portal.open(evento.llave)
    sellada = base64.b64decode(evento.respuesta_sellada)
    for llave, contexto in (
        (raiz, contexto_de_respuesta(UNA)),
        (derive(raiz, "datos"), contexto_de_respuesta(UNA)),
        (derive(raiz, CONSULTA), contexto_de_respuesta(DOS)),
        (derive(raiz, CONSULTA), contexto_de_consulta(UNA)),
    ):
        with pytest.raises(CannotUnseal):
            unseal(llave, sellada, contexto)
    escrito = repr(await compulsa.consultas.find({})) + repr(pedida) + repr(evento)
    for valor in (CLAVE, CIC, FILA["seccion"], "en_lista_nominal"):
        assert valor not in escrito


async def test_lo_que_no_se_puede_abrir_va_a_cuarentena_haya_corte_o_no(compulsa: Compulsa) -> None:
    pedida = await compulsa.preguntar(UNA, clave_elector=CLAVE)
    ajena = pedida.model_copy(update={"consulta": DOS})
    await compulsa.escribir(ajena)
    with pytest.raises(BadInput) as error:
        await compulsa.handle(await _registro(compulsa, DOS))
    assert error.value.reason == "datos_ilegibles"
    await compulsa.escribir(pedida.model_copy(update={"llave": "ninguna", "consulta": DOS}))
    with pytest.raises(BadInput) as ausente:
        await compulsa.handle(await _registro(compulsa, DOS))
    assert ausente.value.reason == "llave_ausente"
    assert await compulsa.consultas.find({}) == []


@pytest.mark.parametrize("ya_esperaba", [False, True])
async def test_con_la_llave_destruida_no_hay_respuesta_y_deja_de_esperar(compulsa: Compulsa, ya_esperaba: bool) -> None:
    await compulsa.preguntar(UNA, clave_elector=CLAVE)
    if ya_esperaba:
        await compulsa.correr()
    await compulsa.cargar(FILA)
    await compulsa.portal.destroy("auxiliar")
    await compulsa.correr()
    await compulsa.reexamen_de_consultas.una_vez()
    (documento,) = await compulsa.consultas.find({})
    assert documento["espera"] == "llave_destruida"
    assert await compulsa.reexamen_de_consultas.una_vez() == 0
    assert await compulsa.dichos(ConsultaRespondida) == []


async def _registro(compulsa: Compulsa, consulta: str) -> Record:
    """The newest message about a lookup."""
    return [r async for r in compulsa.stream.read(ConsultaSolicitada.topic) if r.key == consulta][-1]
