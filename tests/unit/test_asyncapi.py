"""`asyncapi.yaml`: valid AsyncAPI 3.0, whole, and nothing in it that subscribers should not see."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

import tests.support
from schemas import generate, topics
from schemas.eventos import EVENTOS

PUBLISHED_BY_ASYNCAPI = Path(tests.support.__file__).parent / "asyncapi" / "asyncapi-3.0.0.json.gz"
"""The specification's own JSON Schema; its README says where it comes from."""


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((generate.HERE / "asyncapi.yaml").read_text(encoding="utf-8"))
    return content


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)


def _at(document: dict[str, Any], reference: str) -> Any:
    found: Any = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def test_cumple_el_esquema_de_asyncapi_3(document: dict[str, Any]) -> None:
    schema = json.loads(gzip.decompress(PUBLISHED_BY_ASYNCAPI.read_bytes()))
    validator = jsonschema.validators.validator_for(schema)(schema)
    assert [e.message for e in validator.iter_errors(document)] == []
    assert list(validator.iter_errors(document | {"channels": {"x": {"address": 1}}})), "the schema refuses nothing"


def test_cada_referencia_lleva_a_algo(document: dict[str, Any]) -> None:
    references = set(_references(document))
    assert references
    for reference in references:
        assert _at(document, reference)


def test_una_operacion_solo_lleva_mensajes_de_su_canal(document: dict[str, Any]) -> None:
    for operation in document["operations"].values():
        for message in operation["messages"]:
            assert message["$ref"].startswith(operation["channel"]["$ref"] + "/messages/")


def test_cada_topic_publico_tiene_un_escritor_y_sus_lectores(document: dict[str, Any]) -> None:
    for name, topic in topics.load().items():
        here = {"$ref": f"#/channels/{name}"}
        told = [(o["action"], o["tags"][0]["name"]) for o in document["operations"].values() if o["channel"] == here]
        wanted = [] if topic.internal else [("send", topic.writer), *(("receive", reader) for reader in topic.readers)]
        assert told == wanted


def test_lo_interno_y_lo_puesto_en_cuarentena_no_lo_ven_los_suscriptores(document: dict[str, Any]) -> None:
    internal = {name for name, topic in topics.load().items() if topic.internal}
    assert internal == {"compulsa_personas", "compulsa_veredictos"}
    assert set(document["channels"]) == set(topics.load()) - internal
    told = set(document["components"]["messages"])
    assert told == {f"{e.nombre}.v{e.mayor}" for e in EVENTOS if e.topic not in internal}
    text = json.dumps(document)
    assert "MiembroDePersona" not in text
    assert "Veredicto" not in text
    assert topics.CUARENTENA not in text


def test_cada_ejemplo_cumple_su_sobre_y_su_esquema_y_un_campo_de_mas_no_estorba(document: dict[str, Any]) -> None:
    resource = Resource.from_contents(document, default_specification=DRAFT202012)
    registry: Registry[Any] = Registry().with_resource("urn:doc", resource)
    checked = 0
    for id_, message in document["components"]["messages"].items():
        for example in message["examples"]:
            for part in ("headers", "payload"):
                place = {"$ref": f"urn:doc#/components/messages/{id_}/{part}"}
                validator = jsonschema.Draft202012Validator(place, registry=registry)
                validator.validate(example[part] | {"campo_nuevo": 1})
                with pytest.raises(jsonschema.ValidationError):
                    validator.validate({})
                checked += 1
    assert checked >= 2 * len(document["components"]["messages"])


def test_el_documento_para_suscriptores_dice_cada_topic_su_llave_y_sus_eventos() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "subscribers.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| `")]
    told = {(topic, writer, key, events) for topic, writer, key, events, *_ in (row for row in rows if len(row) == 5)}
    assert told == {
        (f"`{name}`", topic.writer, topic.key, ", ".join(f"`{event}`" for event in topic.events))
        for name, topic in topics.load().items()
        if not topic.internal
    }
