"""What an opened package must be. Pure: bytes in, an expediente or `Ilegible` out.

- Every part agrees with the salted digest that the device signed (SPEC 6), and no part comes that it did not sign.
- Form and four images are there; manual capture needs the form alone (SPEC 4, 10).
- The form fits its schema. Fields of a later kit are ignored.
- What the form, the machine readings, CURP and clave say of one another gives alerts, which never decide (SPEC 6).
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pydantic import ValidationError

from credencial.codigos import leer_qr
from credencial.cruces import DatosCredencial, Hallazgo, revisar_datos
from schemas.eventos import Alerta
from schemas.expediente import Constancia, DatosAcuse
from schemas.paquete import IMAGENES, DatosRegistro, Encabezado, Modalidad, Paquete, Parte, ParteAbierta, compendio


class Motivo(StrEnum):
    """Why a record is in quarantine. README.md says of each who can do something about it."""

    OBJETO_FALTANTE = "objeto_faltante"
    OBJETO_ALTERADO = "objeto_alterado"
    PAQUETE_INVALIDO = "paquete_invalido"
    LLAVE_DESCONOCIDA = "llave_desconocida"
    LLAVE_DESTRUIDA = "llave_destruida"
    CUERPO_ILEGIBLE = "cuerpo_ilegible"
    CUERPO_MALFORMADO = "cuerpo_malformado"
    PARTE_FALTANTE = "parte_faltante"
    PARTE_ALTERADA = "parte_alterada"
    DATOS_INVALIDOS = "datos_invalidos"
    IMAGEN_INVALIDA = "imagen_invalida"
    IMAGEN_EXCESIVA = "imagen_excesiva"


class Ilegible(Exception):
    """The record cannot be opened. `detalle`: part or field names and sizes, never personal data."""

    def __init__(self, motivo: Motivo, detalle: str = "") -> None:
        super().__init__(f"{motivo}: {detalle}" if detalle else motivo)
        self.motivo = motivo
        self.detalle = detalle


@dataclass(frozen=True, slots=True)
class Expediente:
    """A package that was opened and agrees with its header. `tipos`: media type of each image, by its content."""

    paquete: Paquete
    partes: Mapping[Parte, ParteAbierta]
    datos: DatosRegistro
    tipos: Mapping[Parte, str]

    @property
    def imagenes(self) -> list[ParteAbierta]:
        """The images, in the order of `IMAGENES`."""
        return [self.partes[parte] for parte in IMAGENES if parte in self.partes]

    @property
    def constancia(self) -> bytes:
        """What must outlive the package to check an image against the receipt (JSON of `Constancia`)."""
        return (
            Constancia(
                encabezado=_b64(self.paquete.encabezado_bytes),
                firma=_b64(self.paquete.firma),
                datos=_b64(self.partes[Parte.DATOS].contenido),
                sales={parte: _b64(abierta.sal) for parte, abierta in self.partes.items()},
            )
            .model_dump_json()
            .encode()
        )

    @property
    def acuse(self) -> bytes:
        """What notificaciones may read of the record (JSON of `DatosAcuse`)."""
        return DatosAcuse(cic=self.datos.cic, ocr=self.datos.ocr).model_dump_json().encode()


def revisar_partes(encabezado: Encabezado, partes: Iterable[ParteAbierta]) -> dict[Parte, ParteAbierta]:
    """The parts by name, each as the device signed it. Raises Ilegible."""
    abiertas = {parte.nombre: parte for parte in partes}
    for nombre, parte in abiertas.items():
        if encabezado.partes.get(nombre) != compendio(parte.sal, parte.contenido):
            raise Ilegible(Motivo.PARTE_ALTERADA, nombre)
    exigidas = {Parte.DATOS} if encabezado.modalidad is Modalidad.CAPTURA_MANUAL else set(Parte)
    for nombre in Parte:
        if nombre not in abiertas and (nombre in exigidas or nombre in encabezado.partes):
            raise Ilegible(Motivo.PARTE_FALTANTE, nombre)
    return abiertas


def leer_datos(contenido: bytes) -> DatosRegistro:
    """The form. Raises Ilegible."""
    try:
        return DatosRegistro.model_validate_json(contenido, extra="ignore")
    except ValidationError as error:
        campos = ", ".join(".".join(str(part) for part in e["loc"]) for e in error.errors(include_input=False))
        raise Ilegible(Motivo.DATOS_INVALIDOS, campos[:400]) from error


def alertas(datos: DatosRegistro, qr: Sequence[str] = (), barras: Sequence[str] = ()) -> list[Alerta]:
    """What the data contradict. A disagreement is there or not: its measure and threshold are 1.

    `qr`, `barras`: what those on the picture of the back say. They stand in for what the device did not read; a services QR other
    than the one that it says it read is a finding of its own (SPEC 6). The QR of high density are encrypted: nothing is compared
    with them.
    """
    visto = next((texto for texto in qr if leer_qr(texto) is not None), None)
    # A device may also have read a QR of high density, or a short form: neither says anything.
    leido = datos.lecturas.qr if datos.lecturas.qr and leer_qr(datos.lecturas.qr) is not None else None
    hallazgos = revisar_datos(
        DatosCredencial(
            modelo=datos.modelo,
            clave_elector=datos.clave_elector,
            nombre=datos.nombre,
            primer_apellido=datos.primer_apellido,
            segundo_apellido=datos.segundo_apellido,
            numero_emision=datos.numero_emision,
            cic=datos.cic,
            ocr=datos.ocr,
            curp=datos.curp,
            lectura_qr=leido or visto,
            lectura_codigo_barras=datos.lecturas.codigo_barras or " ".join(barras) or None,
            lectura_mrz=datos.lecturas.mrz,
            lectura_ocr=datos.lecturas.ocr,
        )
    )
    if visto and leido and leer_qr(visto) != leer_qr(leido):
        hallazgos.append(Hallazgo("qr_imagen", "alerta", "n", "qr de la imagen, qr leído por el dispositivo"))
    return [
        Alerta(
            codigo=hallazgo.codigo,
            inciso=hallazgo.inciso,
            parte=Parte.REVERSO if hallazgo.codigo.startswith(_DEL_REVERSO) else Parte.DATOS,
            medida=1.0,
            umbral=1.0,
            severidad=hallazgo.severidad,
            detalle=hallazgo.detalle,
        )
        for hallazgo in hallazgos
    ]


_DEL_REVERSO = ("mrz_", "qr_", "barras_", "lectura_")
"""Findings about what a machine read: all of it is printed on the back of the card."""


def _b64(contenido: bytes) -> str:
    return base64.b64encode(contenido).decode()
