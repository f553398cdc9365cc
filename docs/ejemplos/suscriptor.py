#!/usr/bin/env python3
"""A sample subscriber: follows the life of every apoyo on Kafka and keeps the facts in force in SQLite.

It needs kafka-python (`pip install "kafka-python>=3,<4"`) and the standard library alone, and imports nothing of the system.
docs/subscribers.md explains each rule that it keeps.

    python suscriptor.py --servidores broker1:9092,broker2:9092 --grupo mi-sistema --base apoyos.sqlite

At the end, or at Ctrl-C, it writes a summary as JSON. Running it again, killing it, or starting over with another group changes no
fact. One database belongs to one process; several processes may share a group, each with a database of its own.
"""

import argparse
import contextlib
import json
import signal
import sqlite3
import sys
import threading
from collections import Counter
from pathlib import Path

from kafka import KafkaConsumer
from kafka.errors import CommitFailedError

TOPICS = ("registro_recibido", "descifrado", "compulsado", "clasificado")

# Type of event → the fact of the apoyo that it states. What is not here is ignored: tomorrow there may be new types.
FACTS = {
    "mx.ine.apoyo.registro_recibido.v1": "recibido",
    "mx.ine.apoyo.registro_descifrado.v1": "descifrado",
    "mx.ine.apoyo.registro_en_cuarentena.v1": "descifrado",
    "mx.ine.apoyo.registro_compulsado.v1": "compulsado",
    "mx.ine.apoyo.registro_clasificado.v1": "clasificado",
}
OPENED = "mx.ine.apoyo.registro_descifrado.v1"

TABLES = """
CREATE TABLE IF NOT EXISTS seen (ce_id TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS facts (
    fact TEXT, subject TEXT, version INTEGER, place INTEGER, ce_type TEXT, ce_time TEXT, body TEXT,
    PRIMARY KEY (fact, subject)
);
CREATE TABLE IF NOT EXISTS unreadable (
    topic TEXT, "partition" INTEGER, place INTEGER, reason TEXT, PRIMARY KEY (topic, "partition", place)
);
"""


class Unreadable(Exception):
    """A message does not fit what was published. It is noted down, and the next one follows."""


def read(message):
    """(ce_id, ce_type, ce_subject, ce_time, version, body) of a message in CloudEvents binary mode; None for a type of no interest.

    Raises Unreadable.
    """
    try:
        headers = {name: value.decode() for name, value in message.headers if name.startswith("ce_")}
        if headers["ce_type"] not in FACTS:
            return None
        body = json.loads(message.value)
        version = body["version"]
        if type(version) is not int or version < 1:
            raise Unreadable("version")
        # Fields are used by their names; those that we do not know are kept and not looked at.
        return headers["ce_id"], headers["ce_type"], headers["ce_subject"], headers["ce_time"], version, body
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Unreadable(type(error).__name__) from error


def apply(base, message):
    """Take a message in, once for each `ce_id`. Returns what became of it, in a word."""
    try:
        found = read(message)
    except Unreadable as error:
        place = (message.topic, message.partition, message.offset)
        base.execute("INSERT OR IGNORE INTO unreadable VALUES (?, ?, ?, ?)", (*place, str(error)))
        return "ilegibles"
    if found is None:
        return "de_otro_tipo"
    ce_id, ce_type, subject, ce_time, version, body = found
    if base.execute("INSERT OR IGNORE INTO seen VALUES (?)", (ce_id,)).rowcount == 0:
        return "repetidos"
    # The highest version is in force; of two with the same version, the first of the topic.
    written = base.execute(
        """
        INSERT INTO facts VALUES (?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (fact, subject) DO UPDATE
        SET version = excluded.version, place = excluded.place, ce_type = excluded.ce_type,
            ce_time = excluded.ce_time, body = excluded.body
        WHERE excluded.version > facts.version OR (excluded.version = facts.version AND excluded.place < facts.place)
        """,
        (FACTS[ce_type], subject, version, message.offset, ce_type, ce_time, json.dumps(body)),
    )
    return "hechos_nuevos" if written.rowcount else "superados"


def estado(facts):
    """Status of an apoyo (docs/subscribers.md). `facts`: fact → (type, body). None: it is not known yet that it was received."""
    if "recibido" not in facts:
        return None
    ce_type, _ = facts.get("descifrado", ("", {}))
    if ce_type != OPENED or "compulsado" not in facts:
        return "en_procesamiento"
    if "clasificado" not in facts:
        return "en_mesa_de_control"
    clasificado, compulsado = facts["clasificado"][1], facts["compulsado"][1]
    if clasificado["inconsistencias"]:
        return "con_inconsistencia"
    if compulsado["clasificado_version"] != clasificado["version"]:
        return "para_envio_a_compulsa"
    if compulsado.get("duplicado_de"):
        return "duplicado"
    if compulsado["fase"] != "definitiva" or compulsado["situacion"] == "pendiente":
        return "para_envio_a_compulsa"
    return compulsado["situacion"]


def estados(base):
    """How many received apoyos are in each status."""
    by_folio = {}
    for fact, subject, ce_type, body in base.execute("SELECT fact, subject, ce_type, body FROM facts"):
        by_folio.setdefault(subject, {})[fact] = (ce_type, json.loads(body))
    return Counter(estado(facts) for facts in by_folio.values() if "recibido" in facts)


def at_the_end(consumer):
    """Whether all that there is in this process's partitions was read."""
    ends = consumer.end_offsets(consumer.assignment())
    return bool(ends) and all(consumer.position(partition) >= end for partition, end in ends.items())


def follow(consumer, base, tally, until_the_end, stopping):
    """Read until `stopping` says so or, if so asked, to the end. `tally` counts what became of the messages."""
    while not stopping.is_set():
        batches = consumer.poll(timeout_ms=500)
        if batches:
            with base:  # one transaction a batch
                for messages in batches.values():
                    tally.update(apply(base, message) for message in messages)
            # First the database, then the offset: whoever dies in between gets the messages again, and they change nothing.
            with contextlib.suppress(
                CommitFailedError
            ):  # the partitions went to another member, which reads them again
                consumer.commit()
        elif until_the_end and at_the_end(consumer):
            return


def main():
    """Read the arguments, follow the topics, sum up."""
    parser = argparse.ArgumentParser(description="Sigue la vida de cada apoyo y guarda los hechos vigentes.")
    parser.add_argument("--servidores", required=True, help="host:puerto, separados por comas")
    parser.add_argument("--grupo", required=True, help="grupo de consumo: uno por sistema suscriptor")
    parser.add_argument("--base", required=True, help="archivo de SQLite")
    parser.add_argument("--topics", nargs="+", default=TOPICS, help="los cuatro de un apoyo, si no se dice otra cosa")
    parser.add_argument("--hasta-el-final", action="store_true", help="termina al leer todo lo que hay")
    parser.add_argument("--opciones", type=Path, help="JSON con más argumentos de KafkaConsumer: TLS, SASL…")
    asked = parser.parse_args()

    # A word, and no exception: one raised in the middle of kafka-python's own work may never come out of it.
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    base = sqlite3.connect(asked.base)
    base.executescript(TABLES)
    consumer = KafkaConsumer(
        *asked.topics,
        bootstrap_servers=asked.servidores.split(","),
        group_id=asked.grupo,
        auto_offset_reset="earliest",  # a new group reads the whole history
        enable_auto_commit=False,
        **(json.loads(asked.opciones.read_text(encoding="utf-8")) if asked.opciones else {}),
    )
    tally = Counter()
    try:
        follow(consumer, base, tally, asked.hasta_el_final, stopping)
    finally:
        consumer.close(autocommit=False)
    json.dump({"leido": tally, "estados": estados(base)}, sys.stdout, ensure_ascii=False, indent=2, sort_keys=True)
    base.close()


if __name__ == "__main__":
    main()
