"""Engines for the suites that need them: started once a session, on free ports, each session in a folder of its own.

A test whose engine cannot be had fails; it does not skip.
"""

import asyncio
import gc
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import jinja2
import pytest
import structlog

from apoyo import engines as local
from apoyo.engines import Engines, minio, mongo
from apoyo.engines.procs import Supervisor
from apoyo.engines.s3 import ObjectStore
from tests.support.kafka import kafka_url as kafka_url

T = TypeVar("T")


def pytest_collection_finish() -> None:
    """All modules are in: looking through them for garbage again and again is a tenth of the time of what follows."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)


@pytest.fixture(scope="session", autouse=True)
def logs_without_drawings() -> None:
    """An expected error's traceback in plain text: structlog's default draws it with every local variable, for seconds."""
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[structlog.processors.add_log_level, plain])


@pytest.fixture(scope="session", autouse=True)
def templates_compiled_once() -> Iterator[None]:
    """Hundreds of tests build an app each; what a template compiles to is the same in all of them."""
    compile_, compiled = jinja2.Environment.compile, dict[tuple[Any, ...], Any]()

    def once(self: jinja2.Environment, source: Any, name: Any = None, filename: Any = None, **how: Any) -> Any:
        key = (source, name, filename, *how.items())
        if key not in compiled:
            compiled[key] = compile_(self, source, name, filename, **how)
        return compiled[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jinja2.Environment, "compile", once)
        yield


def _en_marcha(arrancar: Callable[[Supervisor], Coroutine[Any, Any, T]]) -> Iterator[T]:
    """What is started, until the tests that use it are done."""
    supervisor = Supervisor()
    loop = asyncio.new_event_loop()
    try:
        yield loop.run_until_complete(arrancar(supervisor))
    finally:
        loop.run_until_complete(supervisor.stop())
        loop.close()


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    """Embedded log, documents, objects and mail."""
    root: Path = tmp_path_factory.mktemp("engines")
    yield from _en_marcha(lambda supervisor: local.up(root, kafka=False, supervisor=supervisor))


@pytest.fixture(scope="session")
def mongo_uri(engines: Engines) -> str:
    """Address of the documents engine."""
    return engines.mongo_uri


@pytest.fixture(scope="session")
def native_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the compiled documents server."""
    root: Path = tmp_path_factory.mktemp("native")
    yield from _en_marcha(lambda supervisor: mongo.start(supervisor, root / "data", root / "logs", port=0, native=True))


@pytest.fixture(scope="session")
def s3_store(engines: Engines) -> ObjectStore:
    """The objects engine."""
    return ObjectStore(engines.s3_endpoint, engines.s3_access_key, engines.s3_secret_key)


@pytest.fixture(scope="session")
def minio_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """MinIO, compiled."""
    root: Path = tmp_path_factory.mktemp("minio")
    yield from _en_marcha(lambda supervisor: minio.start(supervisor, root / "data", root / "logs"))
