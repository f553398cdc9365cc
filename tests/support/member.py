"""A process of a group, for tests that kill it: `python -m tests.support.member URL GROUP TOPIC PAUSE_S [POISON]`.

It takes PAUSE_S for each record and then says `handled PARTITION OFFSET`. A record whose value is POISON makes it raise.
"""

import asyncio
import sys
from pathlib import Path

from kernel.stream import Die, Record, Stream, connect, die

LEASE_S = 1.0


def stream_at(url: str, client_id: str, die: Die = die) -> Stream:
    """The stream at the URL; the embedded log with a lease so short that tests need not wait for it."""
    if url.startswith("embedded://"):
        from kernel.stream.embedded import EmbeddedLog

        return EmbeddedLog(Path(url.removeprefix("embedded://")), lease_s=LEASE_S, die=die)
    return connect(url, client_id, die)


async def main(url: str, group: str, topic: str, pause_s: str, poison: str = "") -> None:
    stream = stream_at(url, "member")

    async def handle(record: Record) -> None:
        if poison and record.value == poison.encode():
            raise RuntimeError("poison")
        await asyncio.sleep(float(pause_s))
        print("handled", record.partition, record.offset, flush=True)

    await stream.start()
    await stream.consume(group, [topic], handle)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
