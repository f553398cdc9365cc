"""Load → decide → store → send. Every handler is idempotent and takes its events in any order, in any number of instances.

Whoever writes the last missing piece sees all others, because each handler writes first and looks afterwards: so some handler
finds the envío complete, and a lease lets one instance alone send.
"""

import base64
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

import structlog

from kernel.clock import Clock
from kernel.dispatch import Context
from kernel.documents import Document, Documents, Keyed
from kernel.errors import BadInput, Conflict, KeyDestroyed, Unavailable
from kernel.sealing import CannotUnseal, unseal
from schemas.actores import DatosAuxiliar, VerActores, contexto_de_auxiliar
from schemas.eventos import EnvioAbierto, EnvioCerrado, RegistroDescifrado, RegistroEnCuarentena
from schemas.expediente import ACUSE, DatosAcuse, contexto
from services.notificaciones import metrics
from services.notificaciones.domain import Renglon, Sin, id_de_mensaje, lo_que_espera, redactar

log = structlog.get_logger()

Desenlace = RegistroDescifrado | RegistroEnCuarentena

PLAZO = timedelta(seconds=20)
"""How long one instance alone may be sending: longer than the SMTP adapter's limit, shorter than the retries of the guard."""


class Entrega(StrEnum):
    """State of an envío's receipt. All but the first are final."""

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


class Llavero(Protocol):
    """Keys that this service is entitled to."""

    async def open(self, key_id: str) -> bytes:
        """An auxiliar's root key, or a record's subkey `acuse`. Raises KeyDestroyed, Unavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Notificaciones:
    """The handlers with what they depend on.

    `envios`: one document per envío. `desenlaces`: one per folio. `entregas`: what was sent; it is not derived from topics.
    `instancia`: word that tells this process from another.
    """

    envios: Documents
    desenlaces: Documents
    entregas: Documents
    llavero: Llavero
    ver_actores: VerActores
    correo: Correo
    clock: Clock
    instancia: str
    dominio: str

    async def envio_abierto(self, evento: EnvioAbierto, context: Context) -> None:
        """Note that the envío exists: the receipts of later ones count it."""
        await doblar_envio(self.envios, evento)

    async def envio_cerrado(self, evento: EnvioCerrado, context: Context) -> None:
        """Note the closing; send the receipt if nothing is missing."""
        await doblar_envio(self.envios, evento)
        await self._notificar(evento.envio)

    async def desenlace(self, evento: Desenlace, context: Context) -> None:
        """Note what became of a record; send the receipt of its envío if nothing is missing."""
        await doblar_desenlace(self.desenlaces, evento)
        await self._notificar(evento.envio)

    async def _notificar(self, envio: str) -> None:
        documento = await self.envios.get(envio)
        if documento is None or documento["cierre"] is None:
            return
        cierre = EnvioCerrado.model_validate(documento["cierre"], strict=False)
        for esperados in lo_que_espera(cierre):
            if await self.desenlaces.count(esperados) < cierre.recibidos:
                return
        entrega = await self.entregas.get(envio)
        if entrega is not None and entrega["estado"] != Entrega.ENVIANDO:
            return
        para = await self._correo_de(cierre)
        acuse = redactar(cierre, await self._numero_de_envios(documento), await self._renglones(envio))
        mensaje = Mensaje(id_de_mensaje(envio, self.dominio), para or "", acuse.asunto, acuse.cuerpo)
        reservada = await self._reservar(envio, entrega)
        if para is None:
            await self._asentar(reservada, Entrega.SIN_DESTINATARIO)
            return
        try:
            await self.correo.enviar(mensaje)
        except Rechazado as error:
            await self._asentar(reservada, Entrega.RECHAZADO, codigo=error.codigo)
            return
        await self._asentar(reservada, Entrega.ENVIADO)
        metrics.DEMORA.observe((self.clock.now() - cierre.cerrado_en).total_seconds())

    async def _reservar(self, envio: str, actual: Document | None) -> Document:
        """Take the lease. Raises Conflict while another instance is sending."""
        now = self.clock.now()
        mia: Document = {
            "_id": envio,
            "revision": 1,
            "estado": Entrega.ENVIANDO.value,
            "por": self.instancia,
            "hasta": now + PLAZO,
        }
        if actual is None:
            if not await self.entregas.put_if_absent(mia):
                raise Conflict("entrega")
            return mia
        if actual["por"] != self.instancia and actual["hasta"] > now:
            raise Conflict("entrega: otra instancia la está enviando")
        await _reemplazar(self.entregas, mia, actual["revision"])
        return mia

    async def _asentar(self, reservada: Document, estado: Entrega, codigo: int | None = None) -> None:
        """Record the outcome: from here on nothing sends it again."""
        final: Document = {"_id": reservada["_id"], "estado": estado.value, "en": self.clock.now(), "codigo": codigo}
        await _reemplazar(self.entregas, final, reservada["revision"])
        metrics.ACUSES.labels(estado.value).inc()
        if estado is not Entrega.ENVIADO:
            log.warning("receipt_not_delivered", envio=reservada["_id"], outcome=estado.value, smtp_code=codigo)

    async def _numero_de_envios(self, documento: Document) -> int:
        quien = {campo: documento[campo] for campo in ("solicitud", "auxiliar")}
        return await self.envios.count({**quien, "abierto_en": {"$lte": documento["abierto_en"]}})

    async def _correo_de(self, cierre: EnvioCerrado) -> str | None:
        """The auxiliar's e-mail; None when it can never be read again. Raises BadInput, Unavailable."""
        auxiliar = self.ver_actores().auxiliares.get((cierre.solicitud, cierre.auxiliar))
        if auxiliar is None:
            # ingesta saw this auxiliar before it opened the envío: it is this process that lags behind.
            raise Unavailable("actores: the auxiliar is not known yet")
        try:
            llave = await self.llavero.open(auxiliar.llave)
        except KeyDestroyed:
            return None
        context = contexto_de_auxiliar(cierre.solicitud, cierre.auxiliar)
        try:
            datos = unseal(llave, base64.b64decode(auxiliar.datos_sellados), context)
        except CannotUnseal as error:
            raise BadInput("auxiliar_no_abre", f"{cierre.solicitud}/{cierre.auxiliar}") from error
        return DatosAuxiliar.model_validate_json(datos).correo

    async def _renglones(self, envio: str) -> list[Renglon]:
        return [
            Renglon(
                documento["_id"],
                documento["recibido_en"],
                documento["codigo_integridad"],
                await self._identificadores(documento),
            )
            for documento in await self.desenlaces.find({"envio": envio})
        ]

    async def _identificadores(self, documento: Document) -> DatosAcuse | Sin:
        if documento["llave"] is None:
            return "cuarentena"
        folio = documento["_id"]
        try:
            llave = await self.llavero.open(documento["llave"])
            sellado = base64.b64decode(documento["acuse_sellado"])
            abierto = DatosAcuse.model_validate_json(unseal(llave, sellado, contexto(folio, ACUSE)))
        except KeyDestroyed:
            metrics.SIN_ABRIR.labels("llave_destruida").inc()
            return "no_disponible"
        except CannotUnseal:
            # One record that does not open must not cost the others their receipt.
            metrics.SIN_ABRIR.labels("no_abre").inc()
            log.error("receipt_cannot_unseal", folio=folio)
            return "no_disponible"
        return abierto


async def doblar_envio(envios: Keyed, evento: EnvioAbierto | EnvioCerrado) -> None:
    """Note the opening or the closing, and no more. Raises Conflict."""
    cierre = evento if isinstance(evento, EnvioCerrado) else None
    documento = _envio(evento, cierre)
    if await envios.put_if_absent(documento) or cierre is None:
        return
    actual = await envios.get(evento.envio)
    if actual is None:
        raise Conflict("envio")
    if actual["cierre"] is None:
        await _reemplazar(envios, documento, actual["revision"])


async def doblar_desenlace(desenlaces: Keyed, evento: Desenlace) -> None:
    """Note what became of a record, and no more. Raises Conflict."""
    documento = _desenlace(evento)
    if await desenlaces.put_if_absent(documento):
        return
    actual = await desenlaces.get(evento.folio)
    if actual is None:
        raise Conflict("desenlace")
    if actual["version"] < evento.version:
        await _reemplazar(desenlaces, documento, actual["revision"])


def _envio(evento: EnvioAbierto | EnvioCerrado, cierre: EnvioCerrado | None) -> Document:
    return {
        "_id": evento.envio,
        "revision": 1,
        "solicitud": evento.solicitud,
        "auxiliar": evento.auxiliar,
        "abierto_en": evento.abierto_en,
        "cierre": cierre.model_dump(mode="json") if cierre else None,
    }


def _desenlace(evento: Desenlace) -> Document:
    abierto = evento if isinstance(evento, RegistroDescifrado) else None
    return {
        "_id": evento.folio,
        "revision": 1,
        "version": evento.version,
        "envio": evento.envio,
        "recibido_en": evento.recibido_en,
        "codigo_integridad": evento.codigo_integridad,
        "llave": abierto.llave if abierto else None,
        "acuse_sellado": abierto.acuse_sellado if abierto else None,
    }


async def _reemplazar(documentos: Keyed, documento: Document, revision: int) -> None:
    """Compare and set; sets the next revision. Raises Conflict."""
    documento["revision"] = revision + 1
    if not await documentos.replace(documento, revision):
        raise Conflict(documento["_id"])
