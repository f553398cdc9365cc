"""What a rebalance finds fetched but not delivered, on real Kafka; the interleaving is forced, so that it shows every time."""

import asyncio
import os
from collections.abc import Mapping
from typing import Any

import pytest

from kernel.stream import Message, Record, TopicSpec
from kernel.stream import kafka as engine
from kernel.stream.kafka import KafkaStream

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(60)]

MESSAGES = 8


@pytest.mark.parametrize("partitions", [1, 4])
async def test_what_a_group_has_fetched_before_its_first_commit_is_not_skipped(
    kafka_url: str, monkeypatch: pytest.MonkeyPatch, partitions: int
) -> None:
    """Faust drops it, and goes back to the committed offsets: a new group has none."""
    dropped: list[int] = []
    handled: set[bytes] = set()
    everything = asyncio.Event()
    fetch = engine._Consumer._getmany

    async def fetch_and_meet_a_rebalance(consumer: Any, *args: Any, **kwargs: Any) -> Mapping[Any, list[Any]]:
        fetched: Mapping[Any, list[Any]] = await fetch(consumer, *args, **kwargs)
        if fetched and not dropped:
            dropped.append(sum(map(len, fetched.values())))
            consumer.stop_flow()
            asyncio.get_running_loop().call_later(0.5, consumer.resume_flow)
        return fetched

    async def handle(record: Record) -> None:
        handled.add(record.value)
        if len(handled) == MESSAGES:
            everything.set()

    monkeypatch.setattr(engine._Consumer, "_getmany", fetch_and_meet_a_rebalance)
    stream = KafkaStream(kafka_url.removeprefix("kafka://"), "test")
    await stream.start()
    try:
        topic = f"rebalance-{os.urandom(4).hex()}"
        await stream.create_topics([TopicSpec(topic, partitions)])
        for number in range(MESSAGES):
            await stream.publish(Message(topic, str(number), str(number).encode()))
        consuming = asyncio.create_task(stream.consume(f"{topic}-group", [topic], handle))
        async with asyncio.timeout(20):
            await asyncio.wait({asyncio.ensure_future(everything.wait()), consuming}, return_when="FIRST_COMPLETED")
    finally:
        await stream.stop()
    assert dropped[0] > 0
    assert handled == {str(number).encode() for number in range(MESSAGES)}
