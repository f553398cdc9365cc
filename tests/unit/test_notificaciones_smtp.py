"""The SMTP adapter against a real SMTP server."""

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from kernel.errors import Unavailable
from services.notificaciones.adapters import Smtp
from services.notificaciones.handlers.entregas import Mensaje, Rechazado
from services.notificaciones.settings import Settings

MENSAJE = Mensaje("<acuse.ff@apoyo.invalid>", "auxiliar@example.com", "Acuse de recepción: 1", "Número de envíos: 1\n")


class Servidor:
    """Keeps what it gets; refuses what it was told to."""

    def __init__(self) -> None:
        self.recibidos: list[Envelope] = []
        self.rcpt = "250 OK"
        self.data = "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: object
    ) -> str:
        if self.rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.recibidos.append(envelope)
        return self.data


@pytest.fixture
async def servidor() -> AsyncIterator[tuple[Servidor, Smtp]]:
    handler = Servidor()
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(handler), "127.0.0.1", 0)
    yield handler, smtp(server.sockets[0].getsockname()[1])
    server.close()


def smtp(port: int) -> Smtp:
    return Smtp(
        Settings(
            stream_url="memory:",
            mongo_uri="mongodb://127.0.0.1/",
            keys_dir=Path("x"),
            public_keys_dir=Path("x"),
            http_port=1,
            smtp_host="127.0.0.1",
            portal_url="https://portal.example.com",
            smtp_port=port,
            mail_from="acuses@apoyo.invalid",
        )
    )


async def test_el_correo_llega_entero_con_su_message_id(servidor: tuple[Servidor, Smtp]) -> None:
    handler, correo = servidor
    await correo.enviar(MENSAJE)
    [recibido] = handler.recibidos
    assert recibido.rcpt_tos == [MENSAJE.para]
    assert isinstance(recibido.content, bytes)
    leido = email.message_from_bytes(recibido.content, policy=email.policy.default)
    assert leido["Message-ID"] == MENSAJE.id
    assert leido["Subject"] == MENSAJE.asunto
    assert leido.get_content_type() == "text/plain"
    assert leido.get_content().replace("\r\n", "\n") == MENSAJE.cuerpo


@pytest.mark.parametrize("donde", ["rcpt", "data"])
@pytest.mark.parametrize(("respuesta", "error"), [("550 no such user", Rechazado), ("451 try later", Unavailable)])
async def test_solo_un_5xx_del_destinatario_o_del_mensaje_es_definitivo(
    servidor: tuple[Servidor, Smtp], donde: str, respuesta: str, error: type[Exception]
) -> None:
    handler, correo = servidor
    setattr(handler, donde, respuesta)
    with pytest.raises(error):
        await correo.enviar(MENSAJE)


@pytest.mark.parametrize("para", ["a@example.com\r\nBcc: b@example.com", "ñandú@example.com"])
async def test_una_direccion_que_no_se_puede_escribir_es_un_rechazo_definitivo(
    servidor: tuple[Servidor, Smtp], para: str
) -> None:
    handler, correo = servidor
    with pytest.raises(Rechazado):
        await correo.enviar(Mensaje("<a@b>", para, "a", "b"))
    assert handler.recibidos == []


async def test_un_servidor_que_no_esta_es_unavailable() -> None:
    with pytest.raises(Unavailable):
        await smtp(9).enviar(MENSAJE)
