"""What a device and reception say to each other over HTTP besides the package itself (SPEC 5): envíos, receipt, process data.

An envío is opened and closed with a small JSON body that the device signs (`firmado`), so that nobody else can open or close one
in its name; the signature travels in `CABECERA_FIRMA`, in base64.
"""

from typing import Annotated

from pydantic import AwareDatetime, Field

from schemas.eventos import LlaveProceso
from schemas.perfil import TipoProceso
from schemas.tipos import Folio, IdAuxiliar, IdDispositivo, IdEnvio, IdProceso, IdSolicitud, Modelo, Momento, Sha256

CABECERA_ENVIO = "Apoyo-Envio"
"""Header of a package's PUT: the envío that it belongs to."""
CABECERA_FIRMA = "Apoyo-Firma"
"""Header of an envío's PUT: ECDSA P-256 with SHA-256, DER, base64, over `firmado`."""
FIRMA_ENVIO = b"mx.ine.apoyo.envio.v1\x00"
"""Domain separation: a signature over an envío is good for nothing else."""
MAX_ENVIO = 4096
"""Bytes of the body of an envío's PUT."""


def ruta_registro(folio: str) -> str:
    """Where a package is PUT."""
    return f"/v1/registros/{folio}"


def ruta_apertura(envio: str) -> str:
    """Where an envío is opened."""
    return f"/v1/envios/{envio}"


def ruta_cierre(envio: str) -> str:
    """Where an envío is closed."""
    return f"/v1/envios/{envio}/cierre"


def ruta_proceso(proceso: str) -> str:
    """Where a device reads what it needs to capture and seal."""
    return f"/v1/procesos/{proceso}"


def firmado(ruta: str, cuerpo: bytes) -> bytes:
    """The bytes that the device signs to open or close an envío: method and path, then the body as sent."""
    return FIRMA_ENVIO + f"PUT {ruta}\x00".encode() + cuerpo


class _Remitente(Modelo):
    proceso: IdProceso
    solicitud: IdSolicitud
    auxiliar: IdAuxiliar
    dispositivo: IdDispositivo


class AperturaEnvio(_Remitente):
    """Opens an envío. `por_enviar`: records that the device is about to send."""

    por_enviar: Annotated[int, Field(ge=0, le=1_000_000)]


class CierreEnvio(_Remitente):
    """Closes an envío. `pendientes`: records that the device still holds and will send another time."""

    pendientes: Annotated[int, Field(ge=0, le=1_000_000)]


class Acuse(Modelo):
    """Receipt of one record: a promise that it is durable. `recibido_en`: in America/Mexico_City (hora Centro)."""

    folio: Folio
    codigo_integridad: Sha256
    recibido_en: AwareDatetime
    recibido_en_utc: Momento
    envio: IdEnvio


class EstadoEnvio(Modelo):
    """Answer to opening or closing an envío. The last three are None while it is open."""

    envio: IdEnvio
    abierto_en: Momento
    por_enviar: Annotated[int, Field(ge=0)]
    cerrado_en: Momento | None = None
    recibidos: Annotated[int, Field(ge=0)] | None = None
    pendientes: Annotated[int, Field(ge=0)] | None = None


class DatosProceso(Modelo):
    """What a device needs of its process. `hora_servidor`: to measure its own clock's skew; `limite`: end plus grace."""

    proceso: IdProceso
    tipo: TipoProceso
    denominacion: str
    inicio: Momento
    fin: Momento
    limite: Momento
    activo: bool
    llaves: list[LlaveProceso]
    hora_servidor: Momento
