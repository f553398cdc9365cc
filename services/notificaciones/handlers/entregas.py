"""E-mails that are due, each sent once: never none, and a repetition only after a death, with the same Message-ID."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

import structlog

from kernel.clock import Clock
from kernel.documents import Document, Documents, Keyed
from kernel.errors import Conflict
from services.notificaciones import metrics
from services.notificaciones.domain import Encargo, Texto

log = structlog.get_logger()

PLAZO = timedelta(seconds=20)
"""How long one instance alone may be sending: longer than the SMTP adapter's limit, shorter than the retries of the guard."""


class Entrega(StrEnum):
    """State of an e-mail that is due. All but the first are final."""

    ENVIANDO = "enviando"
    ENVIADO = "enviado"
    RECHAZADO = "rechazado"
    SIN_DESTINATARIO = "sin_destinatario"


class Rechazado(Exception):
    """The mail server refused this address for good. `codigo`: its SMTP reply (5xx)."""

    def __init__(self, codigo: int) -> None:
        super().__init__(f"refused for good: {codigo}")
        self.codigo = codigo


@dataclass(frozen=True, slots=True)
class Mensaje:
    """An e-mail to send. `id`: its Message-ID."""

    id: str
    para: str
    asunto: str
    cuerpo: str


class Correo(Protocol):
    """The way out."""

    async def enviar(self, mensaje: Mensaje) -> None:
        """Hand it to the mail server. Raises Rechazado, Unavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Carta:
    """What is to be said, and where; `para` is None when nobody can be reached."""

    para: str | None
    texto: Texto


@dataclass(frozen=True, slots=True)
class Entregas:
    """What was sent; it is not derived from topics. `instancia`: word that tells this process from another."""

    documentos: Documents
    correo: Correo
    clock: Clock
    instancia: str
    dominio: str

    async def entregar(self, encargo: Encargo, escribir: Callable[[], Awaitable[Carta]]) -> Entrega | None:
        """Write an e-mail and send it, unless that was settled before (None). A lease lets one instance alone send.

        Raises Conflict while another instance is sending; Unavailable; and what `escribir` raises.
        """
        entrega = await self.documentos.get(encargo.id)
        if entrega is not None and entrega["estado"] != Entrega.ENVIANDO:
            return None
        carta = await escribir()
        reservada = await self._reservar(encargo.id, entrega)
        if carta.para is None:
            return await self._asentar(encargo, reservada, Entrega.SIN_DESTINATARIO)
        texto = carta.texto
        try:
            await self.correo.enviar(
                Mensaje(encargo.id_de_mensaje(self.dominio), carta.para, texto.asunto, texto.cuerpo)
            )
        except Rechazado as error:
            return await self._asentar(encargo, reservada, Entrega.RECHAZADO, codigo=error.codigo)
        return await self._asentar(encargo, reservada, Entrega.ENVIADO)

    async def _reservar(self, id_: str, actual: Document | None) -> Document:
        """Take the lease. Raises Conflict while another instance is sending."""
        now = self.clock.now()
        mia: Document = {
            "_id": id_,
            "revision": 1,
            "estado": Entrega.ENVIANDO.value,
            "por": self.instancia,
            "hasta": now + PLAZO,
        }
        if actual is None:
            if not await self.documentos.put_if_absent(mia):
                raise Conflict("entrega")
            return mia
        if actual["por"] != self.instancia and actual["hasta"] > now:
            raise Conflict("entrega: otra instancia la está enviando")
        await reemplazar(self.documentos, mia, actual["revision"])
        return mia

    async def _asentar(
        self, encargo: Encargo, reservada: Document, estado: Entrega, codigo: int | None = None
    ) -> Entrega:
        """Record the outcome: from here on nothing sends it again."""
        final: Document = {"_id": encargo.id, "estado": estado.value, "en": self.clock.now(), "codigo": codigo}
        await reemplazar(self.documentos, final, reservada["revision"])
        metrics.CORREOS.labels(encargo.clase.value, estado.value).inc()
        if estado is not Entrega.ENVIADO:
            log.warning("mail_not_delivered", mail=encargo.id, outcome=estado.value, smtp_code=codigo)
        return estado


async def reemplazar(documentos: Keyed, documento: Document, revision: int) -> None:
    """Compare and set; sets the next revision. Raises Conflict."""
    documento["revision"] = revision + 1
    if not await documentos.replace(documento, revision):
        raise Conflict(documento["_id"])
