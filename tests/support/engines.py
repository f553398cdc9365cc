"""Running engines for tests that need them; one for a whole session, because a start takes seconds."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from apoyo.engines import kafka
from apoyo.engines.procs import Supervisor


@contextmanager
def kafka_server(root: Path) -> Iterator[str]:
    """A Kafka of the tests' own on a free port, its data under `root`; yields its `kafka://` URL, and stops it at the end.

    Synchronous, so that a session's fixture can hold it whatever event loop each test runs in:

        @pytest.fixture(scope="session")
        def kafka_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
            with kafka_server(tmp_path_factory.mktemp("kafka")) as url:
                yield url

    Raises kafka.KafkaUnavailable where Java, Maven or the artifacts are missing.
    """
    supervisor = Supervisor()
    # A loop of its own that does not become the thread's current one, which belongs to pytest-asyncio.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        try:
            yield runner.run(kafka.start(supervisor, root / "data", root / "logs", port=0))
        finally:
            runner.run(supervisor.stop())
