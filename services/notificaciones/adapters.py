"""SMTP, by aiosmtplib."""

import asyncio
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime

import aiosmtplib

from kernel.errors import Unavailable
from services.notificaciones.handlers.entregas import Mensaje, Rechazado
from services.notificaciones.settings import Settings

LIMITE_S = 15.0
"""Time for one message, connection included; shorter than the lease (`handlers.entregas.PLAZO`)."""

_PERMANENTE = 500


class Smtp:
    """`Correo` over SMTP: one connection per message, since e-mails are few beside records."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def enviar(self, mensaje: Mensaje) -> None:
        """Hand it to the mail server. Raises Rechazado when it refuses this message for good, else Unavailable."""
        settings = self._settings
        try:
            correo = _mime(mensaje, settings.mail_from)
        except ValueError as error:
            raise Rechazado(553) from error  # an address that cannot even be written (RFC 5321, 4.2.2)
        try:
            async with asyncio.timeout(LIMITE_S):
                await aiosmtplib.send(
                    correo,
                    sender=settings.mail_from,
                    recipients=[mensaje.para],
                    hostname=settings.smtp_host,
                    port=settings.smtp_port,
                    username=settings.smtp_user,
                    password=settings.smtp_password,
                    start_tls=settings.smtp_starttls,
                    timeout=LIMITE_S,
                )
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _refused(error.recipients[0].code) from error
        except aiosmtplib.SMTPDataError as error:
            raise _refused(error.code) from error
        except aiosmtplib.SMTPNotSupported as error:
            if not mensaje.para.isascii():
                raise Rechazado(553) from error  # the server does not take international addresses (RFC 6531)
            raise Unavailable(f"mail: {error.message}") from error
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise Unavailable(f"mail: {type(error).__name__}") from error


def _refused(code: int) -> Rechazado | Unavailable:
    return Rechazado(code) if code >= _PERMANENTE else Unavailable(f"mail: {code}")


def _mime(mensaje: Mensaje, mail_from: str) -> EmailMessage:
    correo = EmailMessage()
    correo["From"] = mail_from
    correo["To"] = mensaje.para
    correo["Subject"] = mensaje.asunto
    correo["Message-ID"] = mensaje.id
    correo["Date"] = format_datetime(datetime.now(UTC))
    correo["Auto-Submitted"] = "auto-generated"
    correo["Content-Language"] = "es-MX"
    correo.set_content(mensaje.cuerpo, cte="quoted-printable")
    return correo
