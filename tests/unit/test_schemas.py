"""The published language: every event has its schema, its place in topics.yaml and its examples; nothing is an orphan."""

import json
from pathlib import Path

import jsonschema
import pytest
from pydantic import ValidationError

from schemas import generate, topics
from schemas.envelope import Evento, EventoInvalido, ensobrar, leer
from schemas.eventos import EVENTOS, POR_TIPO, RegistroRecibido
from schemas.paquete import DatosRegistro
from tests.support.ejemplos import EJEMPLOS, ejemplo
from tests.support.recepcion import datos

VALIDOS = sorted(EJEMPLOS.glob("*/valido*.json"))
INVALIDOS = sorted(EJEMPLOS.glob("*/invalido*.json"))
POR_NOMBRE = {evento.nombre: evento for evento in EVENTOS}


def _id(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def _schema(evento: type[Evento]) -> dict[str, object]:
    path = generate.FOLDER / f"{evento.nombre}.v{evento.mayor}.json"
    content: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))
    return content


def test_regenerar_los_esquemas_no_cambia_nada() -> None:
    assert generate.differing() == []


def test_cada_evento_tiene_ejemplos_y_ningun_ejemplo_sobra() -> None:
    assert {path.name for path in EJEMPLOS.iterdir()} == set(POR_NOMBRE)
    assert {path.parent.name for path in VALIDOS} == set(POR_NOMBRE)
    assert {path.parent.name for path in INVALIDOS} == set(POR_NOMBRE)


@pytest.mark.parametrize("path", VALIDOS, ids=_id)
def test_un_ejemplo_valido_se_lee_y_se_vuelve_a_escribir_igual(path: Path) -> None:
    evento = POR_NOMBRE[path.parent.name]
    content = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.validate(content, _schema(evento))
    assert json.loads(evento.model_validate_json(json.dumps(content)).model_dump_json()) == content


@pytest.mark.parametrize("path", INVALIDOS, ids=_id)
def test_un_ejemplo_invalido_se_rechaza_por_el_modelo_y_por_el_esquema(path: Path) -> None:
    evento = POR_NOMBRE[path.parent.name]
    text = path.read_text(encoding="utf-8")
    with pytest.raises(ValidationError):
        evento.model_validate_json(text)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(text), _schema(evento))


@pytest.mark.parametrize("digitos", ["٠١", "०१", "０１"])
def test_un_digito_es_del_0_al_9_y_ningun_esquema_deja_que_cada_motor_entienda_el_suyo(digitos: str) -> None:
    assert DatosRegistro.model_validate(datos().model_dump() | {"numero_emision": "01"})
    with pytest.raises(ValidationError):
        DatosRegistro.model_validate(datos().model_dump() | {"numero_emision": digitos})
    assert [name for name, text in generate.schemas().items() if r"\\d" in text] == []


def test_topics_yaml_nombra_cada_evento_una_vez_en_el_topic_que_el_evento_dice() -> None:
    named = [(name, event) for name, topic in topics.load().items() for event in topic.events]
    assert sorted(named) == sorted((e.topic, e.nombre) for e in EVENTOS)


def test_los_topics_que_comparten_llave_comparten_particiones() -> None:
    by_key: dict[str, set[str]] = {}
    for topic in topics.load().values():
        by_key.setdefault(topic.key, set()).add(topic.partitions)
    assert {key: len(classes) for key, classes in by_key.items()} == dict.fromkeys(by_key, 1)


def test_cada_topic_tiene_su_cuarentena() -> None:
    names = topics.partitions()
    assert {n for n in names if not n.endswith(topics.CUARENTENA)} == set(topics.load())
    assert all(n + topics.CUARENTENA in names for n in topics.load())


@pytest.mark.parametrize("evento", EVENTOS, ids=lambda e: e.nombre)
def test_un_evento_viaja_en_su_sobre_y_se_lee_igual(evento: type[Evento]) -> None:
    original = ejemplo(evento)
    sobre = ensobrar(original, fuente="/apoyo/prueba", hora=ejemplo(RegistroRecibido).recibido_en, causa="c1")
    assert leer(POR_TIPO, sobre.headers(), sobre.cuerpo()) == sobre
    assert sobre.headers()["ce_type"] == f"mx.ine.apoyo.{evento.nombre}.v1"


def test_la_misma_causa_da_el_mismo_id_y_otra_causa_da_otro() -> None:
    evento = ejemplo(RegistroRecibido)
    hora = evento.recibido_en
    ids = [ensobrar(evento, fuente="/apoyo/prueba", hora=hora, causa=causa).id for causa in ("a", "a", "b")]
    assert ids[0] == ids[1] != ids[2]


def test_quien_lee_ignora_los_campos_que_no_conoce() -> None:
    evento = ejemplo(RegistroRecibido)
    sobre = ensobrar(evento, fuente="/apoyo/prueba", hora=evento.recibido_en, causa="c")
    body = json.dumps(json.loads(sobre.cuerpo()) | {"campo_nuevo": 1}).encode()
    assert leer(POR_TIPO, sobre.headers(), body).evento == evento


@pytest.mark.parametrize(
    ("change", "body", "reason"),
    [
        ({"ce_type": "mx.ine.apoyo.otro.v1"}, None, "tipo_desconocido"),
        ({"ce_time": "ayer"}, None, "sobre_incompleto"),
        ({"ce_time": "2026-11-20T18:05:09"}, None, "sobre_incompleto"),
        ({"ce_subject": "otro"}, None, "sobre_incompleto"),
        ({}, b"{", "cuerpo_invalido"),
        ({}, b'{"version": "1"}', "cuerpo_invalido"),
    ],
)
def test_un_mensaje_que_no_cumple_su_esquema_da_su_motivo(
    change: dict[str, str], body: bytes | None, reason: str
) -> None:
    evento = ejemplo(RegistroRecibido)
    sobre = ensobrar(evento, fuente="/apoyo/prueba", hora=evento.recibido_en, causa="c")
    with pytest.raises(EventoInvalido) as caught:
        leer(POR_TIPO, sobre.headers() | change, sobre.cuerpo() if body is None else body)
    assert caught.value.motivo == reason


def test_el_motivo_nombra_campos_y_nunca_valores() -> None:
    evento = ejemplo(RegistroRecibido)
    sobre = ensobrar(evento, fuente="/apoyo/prueba", hora=evento.recibido_en, causa="c")
    body = json.dumps(json.loads(sobre.cuerpo()) | {"folio": "GARCIA LOPEZ MARIA"}).encode()
    with pytest.raises(EventoInvalido) as caught:
        leer(POR_TIPO, sobre.headers(), body)
    assert "folio" in str(caught.value)
    assert "GARCIA" not in str(caught.value)


def test_un_error_de_validacion_no_muestra_los_datos_que_lo_causaron() -> None:
    with pytest.raises(ValidationError) as caught:
        DatosRegistro.model_validate_json('{"nombre": 7, "primer_apellido": "GARCIA", "clave_elector": 12345}')
    assert "nombre" in str(caught.value)
    assert "GARCIA" not in str(caught.value)
    assert "12345" not in str(caught.value)
