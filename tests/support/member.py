"""A process of a group, for tests that kill it: `python -m tests.support.member URL GROUP TOPIC PAUSE_S [POISON [SETTLE_S]]`.

It takes PAUSE_S for each record and then says `handled PARTITION OFFSET`. A record whose value is POISON makes it raise.
With SETTLE_S it says so only when it settles, for which it takes that long.
"""

import asyncio
import sys
from pathlib import Path

from kernel.stream import Die, Record, Stream, connect, die

LEASE_S = 1.0
SESSION_S = 4.0
"""On Kafka, after how long these processes are taken for dead; ten seconds, as in the product, would be most of a test."""


def stream_at(url: str, client_id: str, die: Die = die) -> Stream:
    """The stream at the URL; the embedded log with a lease so short that tests need not wait for it."""
    if url.startswith("embedded://"):
        from kernel.stream.embedded import EmbeddedLog

        return EmbeddedLog(Path(url.removeprefix("embedded://")), lease_s=LEASE_S, die=die)
    return connect(url, client_id, die)


def soon_taken_for_dead(url: str) -> None:
    """This whole process, if it dies."""
    if url.startswith("kafka://"):
        from kernel.stream import kafka

        kafka._SESSION_S = SESSION_S


async def main(url: str, group: str, topic: str, pause_s: str, poison: str = "", settle_s: str = "") -> None:
    soon_taken_for_dead(url)
    stream = stream_at(url, "member")
    kept: list[Record] = []

    async def handle(record: Record) -> None:
        if poison and record.value == poison.encode():
            raise RuntimeError("poison")
        await asyncio.sleep(float(pause_s))
        kept.append(record)
        if not settle_s:
            say()

    async def settle() -> None:
        await asyncio.sleep(float(settle_s))
        say()

    def say() -> None:
        for record in kept:
            print("handled", record.partition, record.offset, flush=True)
        kept.clear()

    await stream.start()
    await stream.consume(group, [topic], handle, settle if settle_s else None)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
