"""How an opened expediente is sealed at rest: its key, labels, contexts, and the proof that ties it to the receipt.

The object is the sealed parts one after the other; `RegistroDescifrado.partes` says where each lies. Images are sealed under the
label `IMAGENES` with the context `contexto(folio, parte)`. The part `datos` is a sealed `Constancia`, under the label `DATOS`
with the context `contexto(folio, "constancia")`.
"""

import uuid

from schemas.paquete import Parte
from schemas.tipos import Base64, Modelo

DATOS = "datos"
IMAGENES = "imagenes"
ACUSE = "acuse"
CONSTANCIA = "constancia"

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "expediente.apoyo.ine.mx")


def id_de_llave(folio: str) -> str:
    """Id of the key of one expediente: UUIDv5 of its folio."""
    return str(uuid.uuid5(_NAMESPACE, folio))


def contexto(folio: str, parte: str) -> str:
    """What a sealed part is bound to."""
    return f"{folio}|{parte}"


def contexto_de_correccion(folio: str, version: int) -> str:
    """What a corrected form is bound to: neither another record's nor another correction's can take its place."""
    return contexto(folio, f"correccion-{version}")


class Constancia(Modelo):
    """What must outlive the package, all in base64 and exactly as received.

    With it, whoever holds an image can check it against the receipt: SHA-256(salt ‖ image) is in the header, the header is signed,
    and its SHA-256 is the integrity code (D 6.4).
    """

    encabezado: Base64
    firma: Base64
    datos: Base64
    sales: dict[Parte, Base64]


class DatosAcuse(Modelo):
    """The one personal datum that the norm orders into the e-mail receipt (P 9.14, D 6.4), sealed in `acuse_sellado`."""

    cic: str | None
    ocr: str | None
