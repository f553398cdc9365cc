"""`topics.yaml`, read: the topics, their single writer, their readers and the events they carry."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field, TypeAdapter

from schemas.tipos import Modelo

FILE = Path(__file__).with_name("topics.yaml")
CUARENTENA = ".cuarentena"
"""Suffix of the topic that keeps what a consumer could not read."""

LOCAL_PARTITIONS = {"folio": 8, "envio": 8, "consulta": 8, "one": 1}
"""Partitions by co-partitioning class on one machine; production has 48 where this has 8."""


class Topic(Modelo):
    """One topic of `topics.yaml`."""

    says: str
    writer: str
    readers: Annotated[list[str], Field(min_length=1)]
    key: Literal["folio", "envio", "persona", "consulta", "subject"]
    partitions: Literal["folio", "envio", "consulta", "one"]
    internal: bool = False
    """Between workers of its own writer: no part of what subscribers see."""
    events: Annotated[list[str], Field(min_length=1)]


@cache
def load() -> Mapping[str, Topic]:
    """Every topic by name. Raises pydantic.ValidationError when the file does not fit."""
    content = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return TypeAdapter(dict[str, Topic]).validate_python(content)


def partitions(classes: Mapping[str, int] = LOCAL_PARTITIONS) -> dict[str, int]:
    """Partitions of every topic to create, quarantine topics included."""
    counts: dict[str, int] = {}
    for name, topic in load().items():
        counts[name] = classes[topic.partitions]
        counts[name + CUARENTENA] = 1
    return counts
