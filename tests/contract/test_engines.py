"""What the local engines promise: acknowledged is durable, a taken port leads to another, and no child outlives its parent."""

import asyncio
import os
import signal
import smtplib
import socket
import subprocess
import sys
import textwrap
import time
from email.message import EmailMessage
from pathlib import Path

import pytest

from apoyo.engines import kafka, mongo, s3, smtp
from apoyo.engines.ports import free_port
from apoyo.engines.procs import ProcessFailed, Supervisor
from kernel import documents
from kernel.documents import Kind, MongoDocuments
from kernel.errors import Unavailable
from kernel.objects import S3Objects
from kernel.stream import Message, TopicSpec, connect


@pytest.mark.parametrize("native", [False, pytest.param(True, marks=pytest.mark.native)])
async def test_un_documento_acusado_sobrevive_a_la_muerte_subita_del_motor(tmp_path: Path, native: bool) -> None:
    async with Supervisor() as supervisor:
        uri = await mongo.start(supervisor, tmp_path / "mongo", tmp_path / "logs", port=0, native=native)
        client = documents.connect(uri)
        store = MongoDocuments(client["prueba"], "c", Kind.PROJECTION)
        for n in range(50):
            assert await store.put_if_absent({"_id": str(n), "revision": 1})
        await supervisor.kill("mongo")
        await supervisor.restart("mongo")
        assert await store.count({"revision": 1}) == 50
        await client.close()


async def test_un_objeto_acusado_sobrevive_a_la_muerte_subita_del_motor(tmp_path: Path) -> None:
    async with Supervisor() as supervisor:
        store = await s3.start(supervisor, tmp_path / "s3", tmp_path / "logs", port=0)
        bucket = S3Objects(store.endpoint, store.access_key, store.secret_key, "prueba")
        await bucket.prepare()
        contents = {f"o/{n}": os.urandom(50_000) for n in range(20)}
        for name, content in contents.items():
            await bucket.put(name, content)
        await supervisor.kill("s3")
        await supervisor.restart("s3")
        assert {name: await _cuando_responda(bucket, name) for name in contents} == contents


async def _cuando_responda(bucket: S3Objects, name: str) -> bytes:
    """What a consumer does with an engine that has just started: it asks again. What is lost stays a LookupError."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await bucket.get(name)
            except Unavailable:
                await asyncio.sleep(0.2)


async def test_el_buzon_guarda_cada_mensaje_tambien_los_repetidos(tmp_path: Path) -> None:
    async with Supervisor() as supervisor:
        port = await smtp.start(supervisor, tmp_path / "inbox", tmp_path / "logs", port=0)
        message = EmailMessage()
        message["From"], message["To"], message["Message-ID"] = "a@x.invalid", "b@x.invalid", "<uno@x.invalid>"
        message["Subject"] = "Acuse de envío"
        message.set_content("Código de integridad…")

        def send() -> None:
            with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
                client.send_message(message)

        for _ in range(2):
            await asyncio.to_thread(send)
        kept = smtp.read_inbox(tmp_path / "inbox")
    assert [m["Message-ID"] for m in kept] == ["<uno@x.invalid>"] * 2
    assert kept[0]["Subject"] == "Acuse de envío"


@pytest.mark.kafka
async def test_kafka_conserva_sus_topics_entre_un_arranque_y_otro(tmp_path: Path) -> None:
    for arranque in (1, 2):
        async with Supervisor() as supervisor:
            url = await kafka.start(supervisor, tmp_path / "kafka", tmp_path / "logs", port=0)
            stream = connect(url, client_id="prueba")
            await stream.start()
            if arranque == 1:
                await stream.create_topics([TopicSpec("prueba", 2)])
            position = await stream.publish(Message("prueba", "llave", b"valor"))
            assert position.offset == arranque - 1
            await stream.stop()


async def test_dos_no_usan_los_mismos_datos_a_la_vez(tmp_path: Path) -> None:
    async with Supervisor() as first:
        first.claim(tmp_path)
        with pytest.raises(ProcessFailed, match="is in use"):
            Supervisor().claim(tmp_path)
    Supervisor().claim(tmp_path)


def test_un_puerto_ocupado_lleva_a_otro() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        assert free_port(number) != number


def test_dos_procesos_que_buscan_a_la_vez_no_reciben_el_mismo_puerto() -> None:
    """Neither listens yet."""
    elegido = free_port()
    pide = f"from apoyo.engines.ports import free_port; print(free_port({elegido}))"
    otro = subprocess.run([sys.executable, "-c", pide], check=True, capture_output=True, text=True)
    assert int(otro.stdout) != elegido
    assert free_port(elegido) == elegido


async def test_un_proceso_que_muere_al_arrancar_lo_dice_con_el_final_de_su_bitacora(tmp_path: Path) -> None:
    async with Supervisor() as supervisor:
        script = "import sys; print('falta la llave'); sys.exit(3)"
        with pytest.raises(ProcessFailed, match="falta la llave"):
            await supervisor.start(
                "x", [sys.executable, "-c", script], {}, tmp_path / "x.log", ready=lambda: asyncio.sleep(0, False)
            )


def test_ningun_hijo_sobrevive_a_la_muerte_subita_de_su_padre(tmp_path: Path) -> None:
    script = textwrap.dedent(
        """
        import asyncio, sys
        from pathlib import Path
        from apoyo.engines.procs import Supervisor

        async def main():
            supervisor = Supervisor()
            await supervisor.start("hijo", [sys.executable, "-c", "import time; time.sleep(600)"], {}, Path(sys.argv[1]))
            print(supervisor.pid("hijo"), flush=True)
            await asyncio.sleep(600)

        asyncio.run(main())
        """
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "hijo.log")], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        os.kill(child, 0)
        time.sleep(0.3)  # the launcher arms the tie before it becomes the child's program
        parent.send_signal(signal.SIGKILL)
        parent.wait(10)
    deadline = time.monotonic() + 5
    while _lives(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _lives(child)


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
