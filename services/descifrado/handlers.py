"""Opening one record: load → open → seal → look for its pictures elsewhere → store → publish.

Everything until the outbox insert may be done twice: sealing is random, so a repetition writes another object under the same
key; the one that no event names is removed. The insert is unique on (folio, version) and decides.

What reception says of a record gives version 1. A retry gives the version after the quarantine that it answers, and nothing when
that quarantine is no longer the newest.
"""

import base64
import contextlib
import hashlib
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import structlog

from kernel.dispatch import Context
from kernel.errors import KeyDestroyed
from kernel.hpke import CannotOpen, Private
from kernel.objects import Objects
from kernel.outbox import Outbox, VersionTaken
from kernel.sealing import KeyRing, derive, seal
from schemas import expediente
from schemas.eventos import (
    Alerta,
    ParteSellada,
    RegistroDescifrado,
    RegistroEnCuarentena,
    RegistroRecibido,
    ReintentoSolicitado,
)
from schemas.paquete import (
    IMAGENES,
    DatosRegistro,
    PaqueteInvalido,
    Parte,
    ParteAbierta,
    info_hpke,
    leer_cuerpo,
    leer_paquete,
)
from services.descifrado import domain, metrics
from services.descifrado.domain import Expediente, Ilegible, Motivo
from services.descifrado.examen import sin_fallar
from services.descifrado.hilos import EnHilo, juntos
from services.descifrado.huellas import Huella, huella
from services.descifrado.imagenes import Dimensiones, dimensiones
from services.descifrado.semejanzas import Semejanzas
from services.descifrado.vistas import Vista

log = structlog.get_logger()

CON_DERECHO: dict[str, str | None] = {
    "descifrado": None,
    "mesa_control": None,
    "resultados": None,
    "compulsa": expediente.DATOS,
    "notificaciones": expediente.ACUSE,
}
"""Who may open an expediente: service → the label of its part, or None for the whole (ARCHITECTURE, rule 7)."""

PorAbrir = RegistroRecibido | ReintentoSolicitado
"""Each says all that opening needs."""


class _Leido(NamedTuple):
    """The expediente, what its data and its images give to look at, and the hashes of these."""

    abierto: Expediente
    alertas: list[Alerta]
    huellas: dict[Parte, Huella]


class Descifrado:
    """Opens records.

    `llave_de_proceso`: private key by id, or None. `decodificar`: an image whose size is bounded, read to its end; raises
    Ilegible. `examinar`: what is seen in a record's images; never raises. `semejanzas`: where the same images are. `por_destruir`:
    whether the destruction of what a process holds is ordered.
    """

    def __init__(
        self,
        outbox: Outbox,
        paquetes: Objects,
        expedientes: Objects,
        llaves: KeyRing,
        llave_de_proceso: Callable[[str], Private | None],
        decodificar: Callable[[Parte, bytes, Dimensiones], Vista],
        examinar: Callable[[Mapping[Parte, Vista]], list[Alerta]],
        semejanzas: Semejanzas,
        en_hilo: EnHilo,
        por_destruir: Callable[[str], bool],
    ) -> None:
        self._outbox = outbox
        self._paquetes = paquetes
        self._expedientes = expedientes
        self._llaves = llaves
        self._llave_de_proceso = llave_de_proceso
        self._decodificar = decodificar
        self._examinar = examinar
        self._semejanzas = semejanzas
        self._por_destruir = por_destruir
        self._leer = juntos(en_hilo, self._leer_uno)
        self._sellar = juntos(en_hilo, _sellar)

    async def registro_recibido(self, evento: RegistroRecibido, context: Context) -> None:
        """Open the record, or record why it cannot be. Raises Unavailable."""
        if await self._outbox.written([evento.folio]):
            return  # decided before; if a crash left it unpublished, the relay publishes it
        await self._resolver(evento, 1, context.cause)

    async def reintento_solicitado(self, evento: ReintentoSolicitado, context: Context) -> None:
        """Try again what is still in the quarantine that the retry answers. Raises Unavailable."""
        written = await self._outbox.written([evento.folio])
        vigente = max(written, key=lambda d: int(d["version"]), default=None)
        if vigente is None or vigente["version"] != evento.version:
            return  # answered before
        if vigente["headers"]["ce_type"] == RegistroEnCuarentena.ce_type():
            await self._resolver(evento, evento.version + 1, context.cause)

    async def _resolver(self, evento: PorAbrir, version: int, cause: str) -> None:
        try:
            await self._abrir(evento, version, cause)
        except Ilegible as error:
            with contextlib.suppress(VersionTaken):
                await self._cuarentena(evento, version, error, cause)
        except VersionTaken:
            # Another instance came to the contrary at the same moment (it had the key, or had not yet): what it said stands.
            pass

    async def _abrir(self, evento: PorAbrir, version: int, cause: str) -> None:
        if self._por_destruir(evento.proceso):
            # A death may have left its key, with nothing sealed under it that an event names.
            await self._llaves.destroy_many([expediente.id_de_llave(evento.folio)])
            raise Ilegible(Motivo.LLAVE_DESTRUIDA, "se ordenó destruir los expedientes del proceso")
        try:
            datos = await self._paquetes.get(evento.objeto)
        except LookupError as error:
            raise Ilegible(Motivo.OBJETO_FALTANTE) from error
        leido = await self._leer((datos, evento.paquete_sha256))
        if isinstance(leido, Ilegible):
            raise leido
        abierto, alertas, huellas = leido
        llave = expediente.id_de_llave(evento.folio)
        try:
            root = await self._llaves.create(llave, CON_DERECHO)
        except KeyDestroyed as error:
            raise Ilegible(Motivo.LLAVE_DESTRUIDA) from error
        objeto, sha256, partes = await self._sellar((abierto, root))
        nombre = f"{evento.proceso}/{llave}/{sha256}"
        # What was read together is still together here; after the objects, which take longer or shorter, it no longer is.
        alertas += await self._semejanzas.buscar(evento.proceso, evento.folio, huellas)
        await self._expedientes.put(nombre, objeto)
        try:
            emitted = await self._outbox.emit(
                RegistroDescifrado(
                    version=version,
                    folio=evento.folio,
                    recibido_en=evento.recibido_en,
                    envio=evento.envio,
                    codigo_integridad=evento.codigo_integridad,
                    reglas=evento.reglas,
                    llave=llave,
                    objeto=nombre,
                    partes=partes,
                    datos_sellados=_sellado(
                        root, expediente.DATOS, abierto.datos.model_dump_json().encode(), evento.folio, expediente.DATOS
                    ),
                    acuse_sellado=_sellado(root, expediente.ACUSE, abierto.acuse, evento.folio, expediente.ACUSE),
                    alertas=alertas,
                ),
                cause=cause,
                later=evento.objeto,  # `retiro` deletes it a grace time after this
            )
        except VersionTaken:
            await self._expedientes.delete(nombre)
            raise
        if not emitted.new and RegistroDescifrado.model_validate_json(bytes(emitted.stored["value"])).objeto != nombre:
            await self._expedientes.delete(nombre)  # another instance was first with its own
        metrics.RECORDS.labels("abierto").inc()
        for alerta in alertas:
            metrics.ALERTS.labels(alerta.codigo).inc()

    async def _cuarentena(self, evento: PorAbrir, version: int, error: Ilegible, cause: str) -> None:
        await self._outbox.emit(
            RegistroEnCuarentena(
                version=version,
                folio=evento.folio,
                recibido_en=evento.recibido_en,
                envio=evento.envio,
                codigo_integridad=evento.codigo_integridad,
                motivo=error.motivo,
                detalle=error.detalle,
            ),
            cause=cause,
        )
        metrics.RECORDS.labels(error.motivo).inc()
        log.warning("record_quarantined", folio=evento.folio, reason=error.motivo, detail=error.detalle)

    def _leer_uno(self, datos: bytes, sha256: str) -> _Leido | Ilegible:
        started = time.perf_counter()
        try:
            return self._leido(datos, sha256)
        except Ilegible as error:
            return error
        finally:
            metrics.OPEN_SECONDS.observe(time.perf_counter() - started)

    def _leido(self, datos: bytes, sha256: str) -> _Leido:
        """Raises Ilegible."""
        if hashlib.sha256(datos).hexdigest() != sha256:
            raise Ilegible(Motivo.OBJETO_ALTERADO)
        try:
            paquete = leer_paquete(datos, recibido=True)
        except PaqueteInvalido as error:
            raise Ilegible(Motivo.PAQUETE_INVALIDO, error.motivo) from error
        encabezado = paquete.encabezado
        llave = self._llave_de_proceso(encabezado.llave)
        if llave is None or llave.suite != encabezado.suite:
            raise Ilegible(Motivo.LLAVE_DESCONOCIDA, encabezado.llave)
        try:
            partes = leer_cuerpo(llave.open(paquete.cuerpo, info_hpke(encabezado.folio)))
        except CannotOpen as error:
            raise Ilegible(Motivo.CUERPO_ILEGIBLE) from error
        except PaqueteInvalido as error:
            raise Ilegible(Motivo.CUERPO_MALFORMADO, error.detalle) from error
        por_nombre = domain.revisar_partes(encabezado, partes)
        tipos, vistas = self._ver(por_nombre)
        formulario = domain.leer_datos(por_nombre[Parte.DATOS].contenido)
        alertas = [*_cruces(formulario, vistas.get(Parte.REVERSO)), *self._examinar(vistas)]
        return _Leido(Expediente(paquete, por_nombre, formulario, tipos), alertas, _huellas(por_nombre, vistas))

    def _ver(self, partes: Mapping[Parte, ParteAbierta]) -> tuple[dict[Parte, str], dict[Parte, Vista]]:
        """Media type and view of each image, in the order of `IMAGENES`; each is decoded this once. Raises Ilegible."""
        tipos: dict[Parte, str] = {}
        vistas: dict[Parte, Vista] = {}
        for nombre in (parte for parte in IMAGENES if parte in partes):
            contenido = partes[nombre].contenido
            try:
                medidas = dimensiones(contenido)
                vistas[nombre] = self._decodificar(nombre, contenido, medidas)
            except Ilegible as error:
                raise Ilegible(error.motivo, f"{nombre}: {error.detalle}") from error
            tipos[nombre] = medidas.tipo_medio
        return tipos, vistas


def _cruces(datos: DatosRegistro, reverso: Vista | None) -> list[Alerta]:
    """What the data contradict, and what is read on the picture of the back."""
    if reverso is None:
        return domain.alertas(datos)
    qr = sin_fallar("qr_imagen", Parte.REVERSO, lambda: reverso.qr) or []
    barras = [] if datos.lecturas.codigo_barras else sin_fallar("qr_imagen", Parte.REVERSO, lambda: reverso.barras)
    return domain.alertas(datos, qr, barras or [])


def _huellas(partes: Mapping[Parte, ParteAbierta], vistas: Mapping[Parte, Vista]) -> dict[Parte, Huella]:
    """Of each image that has one."""
    huellas: dict[Parte, Huella] = {}
    for parte, vista in vistas.items():
        sha256 = hashlib.sha256(partes[parte].contenido).digest()
        una = sin_fallar("imagen_repetida", parte, partial(_huella, parte, vista, sha256))
        if una is not None:
            huellas[parte] = una
    return huellas


def _huella(parte: Parte, vista: Vista, sha256: bytes) -> Huella | None:
    return huella(parte, vista.chica, sha256)


def _sellar(abierto: Expediente, root: bytes) -> tuple[bytes, str, list[ParteSellada]]:
    """The object of an expediente, its SHA-256, and where each part lies in it."""
    folio = abierto.paquete.encabezado.folio
    imagenes = derive(root, expediente.IMAGENES)
    sellados = [
        (
            parte.nombre,
            abierto.tipos[parte.nombre],
            seal(imagenes, parte.contenido, expediente.contexto(folio, parte.nombre)),
        )
        for parte in abierto.imagenes
    ]
    constancia = seal(
        derive(root, expediente.DATOS), abierto.constancia, expediente.contexto(folio, expediente.CONSTANCIA)
    )
    sellados.append((Parte.DATOS, "application/json", constancia))
    partes: list[ParteSellada] = []
    desde = 0
    for nombre, tipo_medio, sellado in sellados:
        partes.append(
            ParteSellada(
                nombre=nombre,
                tipo_medio=tipo_medio,
                desde=desde,
                tamano=len(sellado),
                compendio=abierto.paquete.encabezado.partes[nombre],
            )
        )
        desde += len(sellado)
    objeto = b"".join(sellado for _, _, sellado in sellados)
    return objeto, hashlib.sha256(objeto).hexdigest(), partes


def _sellado(root: bytes, label: str, claro: bytes, folio: str, parte: str) -> str:
    return base64.b64encode(seal(derive(root, label), claro, expediente.contexto(folio, parte))).decode()
