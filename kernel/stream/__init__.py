"""The log: one port, two engines (Kafka, and a small one in SQLite), and the guard around every handler.

Importing this package loads no engine: `connect` does, so that a process on the embedded log never pays for Faust.
"""

from pathlib import Path

from kernel.stream.crash import Die, die
from kernel.stream.port import (
    CAUGHT_UP,
    Handler,
    Mark,
    Message,
    Position,
    Record,
    Settle,
    Stream,
    TopicSpec,
)

__all__ = [
    "CAUGHT_UP",
    "Die",
    "Handler",
    "Mark",
    "Message",
    "Position",
    "Record",
    "Settle",
    "Stream",
    "TopicSpec",
    "connect",
    "die",
]


def connect(url: str, client_id: str, die: Die = die, tls: Path | None = None) -> Stream:
    """The engine that `url` names, not started: `embedded:///path/log.db`, `memory:` or `kafka://host:port[,host:port]`.

    `client_id` names this process to Kafka; `tls`: the folder of its certificate there (`KafkaStream`). Raises ValueError for any
    other URL.
    """
    scheme, _, place = url.partition("://")
    if scheme == "kafka" and place:
        from kernel.stream.kafka import KafkaStream

        return KafkaStream(place, client_id, die=die, tls=tls)
    if scheme == "embedded" and place.startswith("/"):
        from kernel.stream.embedded import EmbeddedLog

        return EmbeddedLog(Path(place), die=die)
    if url == "memory:":
        from kernel.stream.embedded import EmbeddedLog

        return EmbeddedLog(None, die=die)
    raise ValueError(f"not the URL of a log: {url}")
