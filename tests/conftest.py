"""Engines for the suites that need them: started once a session, on free ports, each session in a folder of its own.

A test whose engine cannot be had fails; it does not skip.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from apoyo import engines as local
from apoyo.engines import Engines, mongo
from apoyo.engines.procs import Supervisor
from tests.support.kafka import kafka_url as kafka_url


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    """Embedded log, documents, objects and mail."""
    root: Path = tmp_path_factory.mktemp("engines")
    supervisor = Supervisor()
    loop = asyncio.new_event_loop()
    try:
        yield loop.run_until_complete(local.up(root, kafka=False, supervisor=supervisor))
    finally:
        loop.run_until_complete(supervisor.stop())
        loop.close()


@pytest.fixture(scope="session")
def mongo_uri(engines: Engines) -> str:
    """Address of the documents engine."""
    return engines.mongo_uri


@pytest.fixture(scope="session")
def native_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the compiled documents server."""
    root: Path = tmp_path_factory.mktemp("native")
    supervisor = Supervisor()
    loop = asyncio.new_event_loop()
    try:
        yield loop.run_until_complete(mongo.start(supervisor, root / "data", root / "logs", port=0, native=True))
    finally:
        loop.run_until_complete(supervisor.stop())
        loop.close()
