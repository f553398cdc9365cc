"""The Kafka of a test session: the one that APOYO_TEST_KAFKA names (host:port), or one of its own."""

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def kafka_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a running Kafka."""
    if bootstrap := os.environ.get("APOYO_TEST_KAFKA"):
        yield f"kafka://{bootstrap}"
        return
    from tests.support.engines import kafka_server

    with kafka_server(tmp_path_factory.mktemp("kafka")) as url:
        yield url
