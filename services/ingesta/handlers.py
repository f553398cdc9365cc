"""Reception of a record and of envíos: load → decide → store → publish.

The outbox is the only state. Inserting a `registro_recibido` **is** the claim of its folio: unique on (folio, version 1), it fixes
hash and reception time; the event's cause is the package's SHA-256, so the same bytes are the same event. An envío is its events:
`envio_abierto` is version 1 of the subject, `envio_cerrado` version 2.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import structlog
from pydantic import ValidationError

from kernel.clock import Clock
from kernel.documents import Document
from kernel.errors import Unavailable
from kernel.objects import Objects
from kernel.outbox import Outbox, VersionTaken
from schemas.actores import VerActores
from schemas.envelope import Evento
from schemas.eventos import MAX_FOLIOS, EnvioAbierto, EnvioCerrado, RegistroRecibido
from schemas.paquete import Paquete, PaqueteInvalido, leer_paquete, objeto_de
from schemas.recepcion import AperturaEnvio, CierreEnvio, DatosProceso, firmado, ruta_apertura, ruta_cierre
from schemas.tipos import Modelo
from services.ingesta import domain
from services.ingesta.domain import Codigo, Rechazo, Remitente

log = structlog.get_logger()

E = TypeVar("E", bound=Evento)
M = TypeVar("M", bound=Modelo)

Verificar = Callable[[str, bytes, bytes], bool]
"""Public key as registered, signature, signed bytes → whether the signature is that key's."""

RECLAMO = timedelta(hours=1)
"""A package that took longer to be stored is claimed by none: the device sends it again. So it is settled soon after a package's
day whether an event names it, and `apoyo retention` deletes nothing that is being received (ADR 35)."""

ABIERTO, CERRADO = 1, 2
"""Versions of an envío's events."""


@dataclass(frozen=True, slots=True)
class Recepcion:
    """What is in force for a folio, and whether this call received it."""

    registro: RegistroRecibido
    nuevo: bool


class Ingesta:
    """Reception. `paquetes`: bucket of the packages; `ver`: the actors in force now."""

    def __init__(self, ver: VerActores, outbox: Outbox, paquetes: Objects, clock: Clock, verificar: Verificar) -> None:
        self._ver = ver
        self._outbox = outbox
        self._paquetes = paquetes
        self._clock = clock
        self._verificar = verificar

    def proceso(self, proceso: str) -> DatosProceso:
        """What a device needs of its process; nothing personal. Raises Rechazo."""
        actores = self._ver()
        registrado = domain.proceso_conocido(proceso, actores)
        return DatosProceso(
            proceso=proceso,
            tipo=registrado.tipo,
            denominacion=registrado.denominacion,
            inicio=registrado.inicio,
            fin=registrado.fin,
            limite=actores.limite_de_recepcion(proceso),
            activo=registrado.activo,
            llaves=registrado.llaves,
            hora_servidor=self._clock.now(),
        )

    async def recibir(self, folio: str, envio: str, datos: bytes) -> Recepcion:
        """Receive a package: durable and published when it returns. The same bytes again give the same reception, even late.

        Raises Rechazo, Unavailable.
        """
        sha256 = hashlib.sha256(datos).hexdigest()
        escritos = {(d["topic"], d["subject"], d["version"]): d for d in await self._outbox.written([folio, envio])}
        previo = await self._evento(RegistroRecibido, escritos.get((RegistroRecibido.topic, folio, 1)))
        if previo is not None and previo.paquete_sha256 == sha256:
            return Recepcion(previo, nuevo=False)
        paquete = self._leer(folio, datos)
        encabezado = paquete.encabezado
        self._autenticar(encabezado, paquete.firma, paquete.firmado)
        if previo is not None:
            raise Rechazo(Codigo.FOLIO_EN_CONFLICTO)
        ahora = self._clock.now()
        admision = domain.admitir(encabezado, self._ver(), ahora)
        abierto = await self._evento(EnvioAbierto, escritos.get((EnvioAbierto.topic, envio, ABIERTO)))
        cerrado = await self._evento(EnvioCerrado, escritos.get((EnvioCerrado.topic, envio, CERRADO)))
        domain.comprobar_envio(encabezado, abierto, cerrado)
        objeto = objeto_de(encabezado.proceso, ahora, sha256)
        await self._paquetes.put(objeto, datos)
        if self._clock.now() - ahora > RECLAMO:
            raise Unavailable(f"storing the package took more than {RECLAMO}")
        registro = RegistroRecibido(
            version=1,
            folio=folio,
            proceso=encabezado.proceso,
            solicitud=encabezado.solicitud,
            auxiliar=encabezado.auxiliar,
            dispositivo=encabezado.dispositivo,
            envio=envio,
            modalidad=encabezado.modalidad,
            codigo_integridad=paquete.codigo_integridad,
            paquete_sha256=sha256,
            objeto=objeto,
            tamano=len(datos),
            capturado_en=encabezado.capturado_en,
            recibido_en=ahora,
            reglas=[str(regla) for regla in admision.reglas],
            perfil=admision.perfil,
            actores_offset=admision.actores_offset,
        )
        try:
            emitted = await self._outbox.emit(registro, cause=sha256, correlation=envio)
        except VersionTaken as error:
            raise Rechazo(Codigo.FOLIO_EN_CONFLICTO) from error
        return Recepcion(_evento(RegistroRecibido, emitted.stored), emitted.new)

    async def abrir(self, envio: str, cuerpo: bytes, firma: bytes) -> EnvioAbierto:
        """Open an envío. The same again changes nothing. Raises Rechazo, Unavailable."""
        apertura = self._leer_envio(AperturaEnvio, cuerpo)
        self._autenticar(apertura, firma, firmado(ruta_apertura(envio), cuerpo))
        abierto = await self._emitido(EnvioAbierto, envio, ABIERTO)
        if abierto is None:
            abierto = await self._emitir(
                EnvioAbierto(version=ABIERTO, envio=envio, abierto_en=self._clock.now(), **dict(apertura)), cuerpo
            )
        if not domain.mismo_remitente(apertura, abierto) or abierto.por_enviar != apertura.por_enviar:
            raise Rechazo(Codigo.ENVIO_EN_CONFLICTO)
        return abierto

    async def cerrar(self, envio: str, cuerpo: bytes, firma: bytes) -> tuple[EnvioAbierto, EnvioCerrado]:
        """Close an envío, counting what was received in it. The same again changes nothing. Raises Rechazo, Unavailable."""
        cierre = self._leer_envio(CierreEnvio, cuerpo)
        self._autenticar(cierre, firma, firmado(ruta_cierre(envio), cuerpo))
        abierto = domain.comprobar_envio(cierre, await self._emitido(EnvioAbierto, envio, ABIERTO), None)
        cerrado = await self._emitido(EnvioCerrado, envio, CERRADO)
        if cerrado is None:
            folios = await self._outbox.correlated(envio)
            cerrado = await self._emitir(
                EnvioCerrado(
                    version=CERRADO,
                    envio=envio,
                    abierto_en=abierto.abierto_en,
                    cerrado_en=self._clock.now(),
                    recibidos=len(folios),
                    folios=folios if len(folios) <= MAX_FOLIOS else None,
                    **dict(cierre),
                ),
                cuerpo,
            )
        if cerrado.pendientes != cierre.pendientes:
            raise Rechazo(Codigo.ENVIO_EN_CONFLICTO)
        return abierto, cerrado

    def _leer(self, folio: str, datos: bytes) -> Paquete:
        try:
            paquete = leer_paquete(datos)
        except PaqueteInvalido as error:
            raise Rechazo(Codigo(error.motivo), error.detalle) from error
        if paquete.encabezado.folio != folio:
            raise Rechazo(Codigo.FOLIO_DISTINTO)
        return paquete

    def _leer_envio(self, modelo: type[M], cuerpo: bytes) -> M:
        try:
            return modelo.model_validate_json(cuerpo, extra="ignore")
        except ValidationError as error:
            campos = ", ".join(".".join(str(part) for part in e["loc"]) for e in error.errors(include_input=False))
            raise Rechazo(Codigo.ENVIO_INVALIDO, campos) from error

    def _autenticar(self, remitente: Remitente, firma: bytes, mensaje: bytes) -> None:
        dispositivo = domain.quien_firma(remitente, self._ver())
        if not self._verificar(dispositivo.publica, firma, mensaje):
            raise Rechazo(Codigo.FIRMA_INVALIDA)

    async def _emitir(self, evento: E, cuerpo: bytes) -> E:
        """Emit an envío's event, or what another instance wrote as that version first."""
        try:
            emitted = await self._outbox.emit(evento, cause=hashlib.sha256(cuerpo).hexdigest())
        except VersionTaken as error:
            return _evento(type(evento), error.stored)
        return _evento(type(evento), emitted.stored)

    async def _emitido(self, tipo: type[E], asunto: str, version: int) -> E | None:
        return await self._evento(tipo, await self._outbox.get(tipo.topic, asunto, version))

    async def _evento(self, tipo: type[E], stored: Document | None) -> E | None:
        """The event that was written, if it was; published for sure: an answer may rest on it."""
        if stored is None:
            return None
        await self._outbox.ensure_published(stored)
        return _evento(tipo, stored)


def _evento(tipo: type[E], stored: Document) -> E:
    return tipo.model_validate_json(bytes(stored["value"]))
