"""Published versions only grow: compares today's schemas with those in `publicados/`, and fails on what breaks a reader.

python -m schemas.compat             exit status 1 and one line per breaking difference
python -m schemas.compat --publish   at a release: records today's schemas, topics and examples, unless something breaks

`publicados/` holds the JSON Schemas as published, `topics.json` (where each event travels), and `eventos/`: golden messages, as
bytes with headers, which every later version must read. A golden message is never changed nor removed: `eventos/SHA256SUMS` has a
line for each, and only grows.

What may change within a version: a new field that is not required, a new word in an enumeration, a wider limit, texts.
What may not:

- a field removed, new and required, no longer required, or required only now;
- another type, alternative, format, pattern, or meaning of an absent field (`default`), also a wider one: no reader was told of it;
- a word removed from an enumeration; a narrower limit;
- an event in another topic; a topic with another key or partition class, gone, or internal from now on;
- any other keyword that differs: nobody has said what it does to a reader.

Everything else takes a new major version of the event, beside the old one.
"""

import hashlib
import json
import operator
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from schemas import asyncapi, generate, topics
from schemas.envelope import PREFIJO, EventoInvalido, Sobre, id_derivado, leer
from schemas.eventos import EVENTOS, POR_TIPO

FOLDER = Path(__file__).with_name("publicados")
SUMS = "SHA256SUMS"
"""Hash and name of every golden message (`sha256sum -c` reads it)."""
_UNLISTED = f"not in {SUMS} (--publish adds it)"

Schema = Mapping[str, Any]
_Seen = frozenset[tuple[str | None, str | None]]
"""Pairs of references that are being compared already: a model may hold itself."""

_TEXTS = {"$schema", "$defs", "title", "description", "examples"}
_UPPER = ("maxLength", "maxItems", "maxProperties", "maximum", "exclusiveMaximum")
_LOWER = ("minLength", "minItems", "minProperties", "minimum", "exclusiveMinimum")
_WORDS = {"enum", "const"}
_STRUCTURE = {"properties", "required", "items", "anyOf", "$ref", "additionalProperties"}
_JUDGED = _TEXTS | set(_UPPER) | set(_LOWER) | _WORDS | _STRUCTURE


def problems(folder: Path = FOLDER) -> list[str]:
    """Every breaking difference between what was published and today's code."""
    today = {name: json.loads(text) for name, text in generate.schemas().items()}
    found = [
        f"{path.name}: {problem}"
        for path in sorted(folder.glob("*.v*.json"))
        for problem in breaking(json.loads(path.read_text(encoding="utf-8")), today.get(path.name))
    ]
    contract_file = folder / "topics.json"
    if contract_file.exists():
        published = json.loads(contract_file.read_text(encoding="utf-8"))
        found += breaking_topics(published, contract())
        found += [f"{name}: nothing left of it in {folder.name}/" for name in _forgotten(published, folder)]
    found += _altered(folder / "eventos")
    for path in sorted((folder / "eventos").glob("*.json")):
        found += [
            f"eventos/{path.name}: {problem}" for problem in unreadable(json.loads(path.read_text(encoding="utf-8")))
        ]
    return found


def breaking(old: Schema, new: Schema | None) -> list[str]:
    """What of a published schema a later one breaks; empty when it only grew. None: it is gone."""
    return ["removed"] if new is None else list(_compare(old, new, old, new, "", frozenset()))


def breaking_topics(old: Schema, new: Schema) -> list[str]:
    """The same for what `contract` says."""
    found = []
    for event, topic in old["events"].items():
        if new["events"].get(event) != topic:
            found.append(f"topics: {event} was in {topic}, is in {new['events'].get(event)}")
    for name, topic in old["topics"].items():
        now = new["topics"].get(name)
        if now is None:
            found.append(f"topics: {name} removed")
            continue
        found += [
            f"topics: {name}: {what} was {topic[what]}, is {now[what]}" for what in topic if now[what] != topic[what]
        ]
    return found


def unreadable(golden: Schema) -> list[str]:
    """What of a golden message today's code no longer reads as it was meant; empty when all is well."""
    body = golden["value"].encode()
    try:
        sobre = leer(POR_TIPO, golden["headers"], body)
    except EventoInvalido as error:
        return [f"not readable: {error}"]
    event = sobre.evento
    found = [
        f"{what} was {was}, is {now}"
        for what, was, now in (
            ("topic", golden["topic"], event.topic),
            ("key", golden["key"], event.llave_mensaje),
            ("ce_id", sobre.id, id_derivado(event, sobre.causa)),
        )
        if was != now
    ]
    if not _within(json.loads(body), json.loads(event.model_dump_json())):
        found.append("a value that it carries is not read")
    return found


def contract() -> dict[str, Any]:
    """Where events travel: event type → topic, and of each topic its key, partition class and whether it is internal."""
    return {
        "events": {event.ce_type(): event.topic for event in EVENTOS},
        "topics": {
            name: {"key": topic.key, "partitions": topic.partitions, "internal": topic.internal}
            for name, topic in topics.load().items()
        },
    }


def golden_message(sobre: Sobre) -> dict[str, Any]:
    """A message as it travels; `value` is the text whose UTF-8 bytes are the message's."""
    event = sobre.evento
    return {
        "topic": event.topic,
        "key": event.llave_mensaje,
        "headers": sobre.headers(),
        "value": sobre.cuerpo().decode(),
    }


def publish(folder: Path = FOLDER) -> list[str]:
    """Record today's schemas, topics and examples as published; the breaking differences, in which case nothing is written."""
    if found := [problem for problem in problems(folder) if not problem.endswith(_UNLISTED)]:
        return found
    events = folder / "eventos"
    events.mkdir(parents=True, exist_ok=True)
    for name, text in generate.schemas().items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "topics.json").write_text(_json(contract()), encoding="utf-8")
    for event in EVENTOS:
        stem = f"{event.nombre}.v{event.mayor}"
        known = [path.read_text(encoding="utf-8") for path in sorted(events.glob(f"{stem}.*.json"))]
        for sobre in asyncapi.ejemplos(event).values():
            text = _json(golden_message(sobre))
            if text not in known:
                known.append(text)
                (events / f"{stem}.{len(known)}.json").write_text(text, encoding="utf-8")
    listed = _published(events)
    with (events / SUMS).open("a", encoding="utf-8") as sums:
        sums.writelines(f"{_sha256(p)}  {p.name}\n" for p in sorted(events.glob("*.json")) if p.name not in listed)
    return []


def _altered(events: Path) -> list[str]:
    """Golden messages that are not what was published."""
    published = _published(events)
    present = {path.name: _sha256(path) for path in events.glob("*.json")}
    return [
        f"eventos/{name}: {'removed' if name not in present else 'changed' if name in published else _UNLISTED}"
        for name in sorted(published.keys() | present.keys())
        if published.get(name) != present.get(name)
    ]


def _published(events: Path) -> dict[str, str]:
    """Hash of each golden message by its name."""
    sums = events / SUMS
    lines = sums.read_text(encoding="utf-8").splitlines() if sums.exists() else []
    return {name: sha256 for sha256, name in (line.split("  ") for line in lines)}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _forgotten(published: Schema, folder: Path) -> list[str]:
    """Published events whose schema or golden messages were removed from the folder."""
    stems = [event_type.removeprefix(PREFIJO) for event_type in published["events"]]
    return [
        stem
        for stem in stems
        if not (folder / f"{stem}.json").exists() or not list((folder / "eventos").glob(f"{stem}.*.json"))
    ]


def _compare(old: Schema, new: Schema, old_root: Schema, new_root: Schema, at: str, seen: _Seen) -> Iterator[str]:
    refs = (old.get("$ref"), new.get("$ref"))
    if refs in seen:
        return
    if any(refs):
        seen |= {refs}
    old, new = _resolved(old, old_root), _resolved(new, new_root)
    where = at or "(root)"

    for keyword in sorted((old.keys() | new.keys()) - _JUDGED):
        same = (keyword == "type" and _same_words(old, new)) or (keyword == "pattern" and _same_pattern(old, new))
        if old.get(keyword) != new.get(keyword) and not same:
            yield f"{where}: {keyword} was {old.get(keyword)}, is {new.get(keyword)}"
    yield from _words_and_limits(old, new, where)

    fields, now = old.get("properties", {}), new.get("properties", {})
    required, required_now = set(old.get("required", ())), set(new.get("required", ()))
    for name in sorted(fields.keys() | now.keys()):
        place = f"{at}.{name}" if at else name
        if name not in now:
            yield f"{place}: removed"
        elif name not in fields:
            if name in required_now:
                yield f"{place}: new and required"
        else:
            if (name in required) != (name in required_now):
                yield f"{place}: {'no longer' if name in required else 'now'} required"
            yield from _compare(fields[name], now[name], old_root, new_root, place, seen)

    yield from _nested(old, new, old_root, new_root, at, seen)


def _nested(old: Schema, new: Schema, old_root: Schema, new_root: Schema, at: str, seen: _Seen) -> Iterator[str]:
    where = at or "(root)"
    for keyword, place in (("items", f"{at}[]"), ("additionalProperties", f"{at}{{}}")):
        was, now = old.get(keyword), new.get(keyword)
        if isinstance(was, Mapping) and isinstance(now, Mapping):
            yield from _compare(was, now, old_root, new_root, place, seen)
        elif was != now:
            yield f"{where}: {keyword} was {was}, is {now}"
    was_any, now_any = old.get("anyOf", []), new.get("anyOf", [])
    if len(was_any) != len(now_any):
        yield f"{where}: {len(was_any)} alternatives, now {len(now_any)}"
    else:
        for number, (was, now) in enumerate(zip(was_any, now_any, strict=True)):
            yield from _compare(was, now, old_root, new_root, f"{at}|{number}", seen)


def _words_and_limits(old: Schema, new: Schema, where: str) -> Iterator[str]:
    words, words_now = _words(old), _words(new)
    if (words is None) != (words_now is None):
        yield f"{where}: {'no longer' if words_now is None else 'now'} an enumeration"
    elif words is not None and words_now is not None and (gone := [w for w in words if w not in words_now]):
        yield f"{where}: words removed: {', '.join(map(str, gone))}"
    for keywords, narrower in ((_UPPER, operator.lt), (_LOWER, operator.gt)):
        for keyword in keywords:
            was, now = old.get(keyword), new.get(keyword)
            if now is not None and (was is None or narrower(now, was)):
                yield f"{where}: {keyword} was {was}, is {now}"


def _words(schema: Schema) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    words: list[Any] | None = schema.get("enum")
    return words


def _same_words(old: Schema, new: Schema) -> bool:
    """Whether both are enumerations: then the words say their type."""
    return _words(old) is not None and _words(new) is not None


def _same_pattern(old: Schema, new: Schema) -> bool:
    """Whether they accept the same: in JSON Schema (ECMA 262) `\\d` is a digit from 0 to 9, which other engines must be told."""
    was, now = (str(schema.get("pattern")).replace(r"\d", "[0-9]") for schema in (old, new))
    return was == now


def _resolved(schema: Schema, root: Schema) -> Schema:
    """The schema with what it refers to put in its place."""
    ref = schema.get("$ref")
    if ref is None:
        return schema
    target: Schema = root["$defs"][ref.rsplit("/", 1)[-1]]
    return {**_resolved(target, root), **{k: v for k, v in schema.items() if k != "$ref"}}


def _within(old: Any, new: Any) -> bool:
    """Whether all of `old` is in `new`: objects may have more."""
    if isinstance(old, dict):
        return isinstance(new, dict) and all(k in new and _within(v, new[k]) for k, v in old.items())
    if isinstance(old, list):
        return isinstance(new, list) and len(old) == len(new) and all(map(_within, old, new))
    return bool(old == new)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    failures = publish() if "--publish" in sys.argv[1:] else problems()
    if failures:
        sys.exit("published versions only grow:\n" + "\n".join(f"  {failure}" for failure in failures))
