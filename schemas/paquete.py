"""The package: what a device sends for one apoyo (ARCHITECTURE, "The package"; docs/paquete.md).

    magic "APYO" | format (1 byte) = 1 | header length (4 bytes, big endian) | header (JSON, UTF-8)
    | signature length (2 bytes) | signature (ECDSA P-256 with SHA-256, DER, over `FIRMA` + header bytes)
    | body (HPKE base mode, RFC 9180: encapsulated key, then ciphertext; `info` = `info_hpke(folio)`)

The body decrypts to:

    index length (4 bytes, big endian) | index (JSON: name, media type, size and salt of each part) | the parts, in that order

The header holds the SHA-256 of the body and, for each part, SHA-256(salt ‖ part). **Integrity code = SHA-256 of the header's
bytes as received** (D 6.4): whoever later holds a part and its salt can check it against the receipt.

This module frames and unframes bytes; it neither signs nor encrypts, and it never serialises again what it received.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, ValidationError

from schemas.tipos import Base64, Folio, IdAuxiliar, IdDispositivo, IdProceso, IdSolicitud, Modelo, Momento, Sha256

MAGIC = b"APYO"
FORMATO = 1
FIRMA = b"mx.ine.apoyo.paquete.v1\x00"
"""Domain separation: a signature over a header is good for nothing else."""

TIPO_MEDIO = "application/vnd.mx.ine.apoyo.paquete"
MAX_ENCABEZADO = 16 * 1024
MAX_PAQUETE = 4 * 1024 * 1024
MAX_INDICE = 16 * 1024


class PaqueteInvalido(ValueError):
    """The bytes are not a package, or not a whole one. `motivo` is a constant word."""

    def __init__(self, motivo: str, detalle: str = "") -> None:
        super().__init__(f"{motivo}: {detalle}" if detalle else motivo)
        self.motivo = motivo
        self.detalle = detalle


class Suite(StrEnum):
    """HPKE suites (KEM, KDF, AEAD). The first is the kit's default: it withstands a quantum computer too."""

    HIBRIDA = "MLKEM768-X25519+HKDF-SHA256+AES-256-GCM"
    X25519 = "X25519+HKDF-SHA256+AES-256-GCM"


class Parte(StrEnum):
    """Parts of an expediente electrónico (SPEC 4)."""

    ANVERSO = "anverso"
    REVERSO = "reverso"
    FOTO = "foto"
    FIRMA = "firma"
    DATOS = "datos"


IMAGENES = (Parte.ANVERSO, Parte.REVERSO, Parte.FOTO, Parte.FIRMA)


class Modalidad(StrEnum):
    """How the support was captured (SPEC 4)."""

    AUXILIAR = "auxiliar"
    MI_APOYO = "mi_apoyo"
    CAPTURA_MANUAL = "captura_manual"


class Lecturas(Modelo):
    """Texts that the device read from the card by itself; the auxiliar cannot edit them (D 5.6)."""

    qr: str | None = None
    codigo_barras: str | None = None
    mrz: str | None = None
    ocr: str | None = None


class Ubicacion(Modelo):
    """Where the support was given (P 8.1, 10.3, D 4.4). Degrees (WGS 84) and metres."""

    latitud: Annotated[float, Field(ge=-90, le=90)]
    longitud: Annotated[float, Field(ge=-180, le=180)]
    precision_m: Annotated[float, Field(ge=0)]


Texto = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class DatosRegistro(Modelo):
    """The form of one apoyo (SPEC 4): personal data, in clear only inside the encrypted body and in memory."""

    modelo: Annotated[str, StringConstraints(min_length=1, max_length=8)]
    clave_elector: Annotated[str, StringConstraints(min_length=1, max_length=32)]
    numero_emision: Annotated[str, StringConstraints(pattern=r"^[0-9]{2}$")] | None = None
    cic: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,12}$")] | None = None
    ocr: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,16}$")] | None = None
    nombre: Texto
    primer_apellido: Texto
    segundo_apellido: Texto | None = None
    curp: Annotated[str, StringConstraints(max_length=32)] | None = None
    lecturas: Lecturas = Lecturas()
    original_mostrado: bool
    solicitante_mostrado: Texto
    manifestacion: Annotated[str, StringConstraints(min_length=1, max_length=2000)]
    ubicacion: Ubicacion | None = None


class Encabezado(Modelo):
    """The signed header: everything that is not personal and that reception decides on."""

    formato: Literal["apoyo-paquete/1"]
    proceso: IdProceso
    solicitud: IdSolicitud
    auxiliar: IdAuxiliar
    dispositivo: IdDispositivo
    folio: Folio
    modalidad: Modalidad
    capturado_en: Momento
    suite: Suite
    llave: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    cuerpo_sha256: Sha256
    partes: dict[Parte, Sha256]


class EntradaIndice(Modelo):
    """One part inside the body. `sal`: 32 random bytes."""

    nombre: Parte
    tipo_medio: Annotated[str, StringConstraints(max_length=64)]
    tamano: Annotated[int, Field(ge=0, le=MAX_PAQUETE)]
    sal: Annotated[Base64, StringConstraints(min_length=44, max_length=44)]


class Indice(Modelo):
    """Index of the body."""

    partes: Annotated[list[EntradaIndice], Field(min_length=1, max_length=16)]


@dataclass(frozen=True, slots=True)
class Paquete:
    """A package as received. `encabezado_bytes` are what was signed and what is hashed, never a re-serialisation."""

    encabezado: Encabezado
    encabezado_bytes: bytes
    firma: bytes
    cuerpo: bytes

    @property
    def codigo_integridad(self) -> str:
        """SHA-256 of the signed header, hexadecimal."""
        return codigo_integridad(self.encabezado_bytes)

    @property
    def firmado(self) -> bytes:
        """The bytes that the device's signature covers."""
        return FIRMA + self.encabezado_bytes


@dataclass(frozen=True, slots=True)
class ParteAbierta:
    """One part of an opened body."""

    nombre: Parte
    tipo_medio: str
    sal: bytes
    contenido: bytes


def codigo_integridad(encabezado: bytes) -> str:
    """SHA-256 of the header's bytes, hexadecimal."""
    return hashlib.sha256(encabezado).hexdigest()


def compendio(sal: bytes, contenido: bytes) -> str:
    """Salted digest of a part: SHA-256(salt ‖ part), hexadecimal."""
    hash_ = hashlib.sha256(sal)
    hash_.update(contenido)
    return hash_.hexdigest()


def info_hpke(folio: str) -> bytes:
    """HPKE `info`: binds a body to its folio, so that it cannot be put behind another header."""
    return b"mx.ine.apoyo.cuerpo.v1\x00" + folio.encode()


def escribir_cuerpo(partes: Mapping[Parte, tuple[str, bytes, bytes]]) -> bytes:
    """The body in clear, of parts name → (media type, salt of 32 bytes, content)."""
    indice = Indice(
        partes=[
            EntradaIndice(nombre=n, tipo_medio=m, tamano=len(c), sal=base64.b64encode(s).decode())
            for n, (m, s, c) in partes.items()
        ]
    )
    encoded = indice.model_dump_json().encode()
    return b"".join([len(encoded).to_bytes(4, "big"), encoded, *(c for _, _, c in partes.values())])


def leer_cuerpo(claro: bytes) -> list[ParteAbierta]:
    """The parts of an opened body. Raises PaqueteInvalido (`cuerpo_malformado`)."""
    if len(claro) < 4:
        raise PaqueteInvalido("cuerpo_malformado", "sin índice")
    end = 4 + int.from_bytes(claro[:4], "big")
    if end - 4 > MAX_INDICE or end > len(claro):
        raise PaqueteInvalido("cuerpo_malformado", "índice fuera de límites")
    try:
        indice = Indice.model_validate_json(claro[4:end], extra="ignore")
    except ValidationError as error:
        raise PaqueteInvalido("cuerpo_malformado", "índice ilegible") from error
    partes: list[ParteAbierta] = []
    at = end
    for entrada in indice.partes:
        partes.append(
            ParteAbierta(
                entrada.nombre, entrada.tipo_medio, base64.b64decode(entrada.sal), claro[at : at + entrada.tamano]
            )
        )
        at += entrada.tamano
    if at != len(claro):
        raise PaqueteInvalido("cuerpo_malformado", "los tamaños no suman el cuerpo")
    if len({p.nombre for p in partes}) != len(partes):
        raise PaqueteInvalido("cuerpo_malformado", "parte repetida")
    return partes


def escribir_encabezado(encabezado: Encabezado) -> bytes:
    """The header's bytes, to be signed once and never written again."""
    return json.dumps(
        encabezado.model_dump(mode="json"), ensure_ascii=False, separators=(",", ":"), sort_keys=True
    ).encode()


def escribir_paquete(encabezado: bytes, firma: bytes, cuerpo: bytes) -> bytes:
    """The whole package."""
    return b"".join(
        [
            MAGIC,
            bytes([FORMATO]),
            len(encabezado).to_bytes(4, "big"),
            encabezado,
            len(firma).to_bytes(2, "big"),
            firma,
            cuerpo,
        ]
    )


def leer_paquete(datos: bytes, *, recibido: bool = False) -> Paquete:
    """Unframe a package and check what needs no key: structure, header, folio, SHA-256 of the body.

    `recibido`: these very bytes were checked when they were received, so the body is not hashed again.
    Raises PaqueteInvalido: `no_es_un_paquete`, `formato_desconocido`, `paquete_incompleto`, `encabezado_invalido`,
    `folio_incongruente` or `cuerpo_alterado`.
    """
    if datos[:4] != MAGIC:
        raise PaqueteInvalido("no_es_un_paquete")
    if len(datos) < 9:
        raise PaqueteInvalido("paquete_incompleto")
    if datos[4] != FORMATO:
        raise PaqueteInvalido("formato_desconocido", str(datos[4]))
    header_end = 9 + int.from_bytes(datos[5:9], "big")
    if header_end - 9 > MAX_ENCABEZADO:
        raise PaqueteInvalido("encabezado_invalido", "excede el tamaño permitido")
    if len(datos) < header_end + 2:
        raise PaqueteInvalido("paquete_incompleto")
    header_bytes = bytes(datos[9:header_end])
    signature_end = header_end + 2 + int.from_bytes(datos[header_end : header_end + 2], "big")
    if len(datos) <= signature_end:
        raise PaqueteInvalido("paquete_incompleto")
    try:
        encabezado = Encabezado.model_validate_json(header_bytes, extra="ignore")
    except ValidationError as error:
        campos = ", ".join(".".join(str(part) for part in e["loc"]) for e in error.errors(include_input=False))
        raise PaqueteInvalido("encabezado_invalido", campos) from error
    esperado = (encabezado.proceso, encabezado.solicitud, encabezado.auxiliar, encabezado.dispositivo)
    partes = encabezado.folio.rsplit("-", 3)
    if esperado != (partes[0].split("-", 1)[0], *partes[:3]):
        raise PaqueteInvalido("folio_incongruente")
    cuerpo = bytes(datos[signature_end:])
    if not recibido and hashlib.sha256(cuerpo).hexdigest() != encabezado.cuerpo_sha256:
        raise PaqueteInvalido("cuerpo_alterado")
    return Paquete(encabezado, header_bytes, bytes(datos[header_end + 2 : signature_end]), cuerpo)


_OBJETO = re.compile(r"[A-Z0-9]{2,12}/([0-9]{4}-[0-9]{2}-[0-9]{2})/[0-9a-f]{64}")


def objeto_de(proceso: str, recibido_en: datetime, sha256: str) -> str:
    """The name of a received package in its bucket: `<proceso>/<day of reception, UTC>/<its SHA-256>`.

    The same bytes received on another day are another object, so a name is claimed around its day or never (ADR 35).
    """
    return f"{proceso}/{recibido_en.astimezone(UTC):%Y-%m-%d}/{sha256}"


def dia_de(objeto: str) -> date | None:
    """The day in the name of a package; None when there is none: release 0.1.0 named them `<proceso>/<sha256>`."""
    hallado = _OBJETO.fullmatch(objeto)
    try:
        return date.fromisoformat(hallado[1]) if hallado else None
    except ValueError:
        return None
