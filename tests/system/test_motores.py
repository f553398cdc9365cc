"""`apoyo engines up` as the installation of one machine: what was written to each engine is there after a stop and a start."""

import asyncio
import os
import signal
import smtplib
import subprocess
import sys
import threading
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest

from apoyo.engines import smtp
from apoyo.instalacion import SERVICIOS, Direcciones, Instalacion
from kernel import documents
from kernel.documents import Kind, MongoDocuments
from kernel.objects import S3Objects
from kernel.stream import Message, TopicSpec, connect

APOYO = [sys.executable, "-m", "apoyo"]
CONTENIDO = os.urandom(300_000)


class EnMarcha:
    """`apoyo engines up` over a folder, from when it says that it runs until Ctrl-C."""

    def __init__(self, root: Path, *opciones: str) -> None:
        self.salida = ""
        self._listo = threading.Event()
        self._proceso = subprocess.Popen(
            [*APOYO, "engines", "up", *opciones, "--root", str(root)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._lector = threading.Thread(target=self._leer, daemon=True)

    def _leer(self) -> None:
        assert self._proceso.stdout is not None
        for line in self._proceso.stdout:
            self.salida += line
            if "En marcha" in line:
                self._listo.set()
        self._listo.set()

    def __enter__(self) -> "EnMarcha":
        self._lector.start()
        if not self._listo.wait(300) or "En marcha" not in self.salida:
            self._proceso.kill()
            raise AssertionError(self.salida)
        return self

    def __exit__(self, *_: object) -> None:
        self._proceso.send_signal(signal.SIGINT)
        assert self._proceso.wait(120) == 130, self.salida
        self._lector.join(10)


def _cubo(direcciones: Direcciones, root: Path) -> S3Objects:
    secreto = (root / "secrets" / "s3").read_text(encoding="utf-8")
    return S3Objects(direcciones.s3_endpoint, direcciones.s3_access_key, secreto, "prueba")


def _documentos(client: Any) -> MongoDocuments:
    return MongoDocuments(client["prueba"], "c", Kind.PRIMARY)


async def _escribir(root: Path) -> None:
    direcciones = Instalacion(root).direcciones()
    stream = connect(direcciones.stream_url, client_id="prueba")
    await stream.start()
    await stream.create_topics([TopicSpec("prueba", 2)])
    for n in range(20):
        await stream.publish(Message("prueba", f"llave-{n}", f"valor {n}".encode()))
    await stream.stop()
    client = documents.connect(direcciones.mongo_uri)
    assert await _documentos(client).put_if_absent({"_id": "uno", "revision": 1})
    await client.close()
    await _cubo(direcciones, root).prepare()
    await _cubo(direcciones, root).put("CI26/abc", CONTENIDO)
    mensaje = EmailMessage()
    mensaje["From"], mensaje["To"], mensaje["Message-ID"] = "a@x.invalid", "b@x.invalid", "<uno@x.invalid>"
    with smtplib.SMTP(direcciones.smtp_host, direcciones.smtp_port, timeout=60) as correo:
        correo.send_message(mensaje)


async def _leer(root: Path) -> dict[str, object]:
    direcciones = Instalacion(root).direcciones()
    stream = connect(direcciones.stream_url, client_id="prueba")
    await stream.start()
    eventos = [record.value async for record in stream.read("prueba")]
    await stream.stop()
    client = documents.connect(direcciones.mongo_uri)
    documento = await _documentos(client).get("uno")
    await client.close()
    async with httpx.AsyncClient(timeout=60, trust_env=False) as http:
        llaves_del_emisor = (await http.get(f"{direcciones.oidc_url}/institucional/jwks")).json()
    return {
        "bitácora": sorted(eventos),
        "documentos": documento,
        "objetos": await _cubo(direcciones, root).get("CI26/abc"),
        "correo": [m["Message-ID"] for m in smtp.read_inbox(Path(direcciones.inbox))],
        "emisor": llaves_del_emisor,
        "personas": Instalacion(root).accesos(),
    }


@pytest.mark.parametrize(
    "real", [False, pytest.param(True, marks=[pytest.mark.native, pytest.mark.kafka])], ids=["embebida", "real"]
)
def test_lo_escrito_en_cada_motor_sigue_ahi_al_arrancarlos_otra_vez_y_los_servicios_trabajan_sobre_ello(
    tmp_path: Path, real: bool
) -> None:
    motores = ["--real"] if real else []
    with EnMarcha(tmp_path, *motores):
        asyncio.run(_escribir(tmp_path))
        antes = asyncio.run(_leer(tmp_path))
    assert antes["objetos"] == CONTENIDO
    assert antes["bitácora"] == sorted(f"valor {n}".encode() for n in range(20))
    with EnMarcha(tmp_path, *motores, "--servicios") as segunda:
        assert asyncio.run(_leer(tmp_path)) == antes
        direcciones = Instalacion(tmp_path).direcciones()
        for servicio in SERVICIOS:
            assert direcciones.url(servicio) in segunda.salida
            assert (
                httpx.get(f"{direcciones.url(servicio)}/readyz", timeout=60, trust_env=False).status_code
                == httpx.codes.OK
            )
