"""What a card carries for machines to read: the same text for the drawing and for the readings of the device.

What barcodes and PDF417 hold is not confirmed; here they hold the OCR, or the CIC and the OCR.
"""

import random
from dataclasses import dataclass

from credencial.codigos import componer_qr
from credencial.modelos import Codigo, modelo
from credencial.mrz import componer_mrz
from dispositivo.poblacion.personas import Persona


@dataclass(frozen=True, slots=True)
class TextosReverso:
    """Texts of the codes on the back; None for those that the card's model does not carry. `mrz`: three lines."""

    ocr: str | None
    mrz: tuple[str, str, str] | None
    barras: str | None
    pdf417: str | None
    qr_servicios: str | None
    alta_densidad: bool


def textos_reverso(persona: Persona) -> TextosReverso:
    """The texts on the back of a person's card."""
    codes = modelo(persona.modelo).codigos
    return TextosReverso(
        ocr=persona.ocr if Codigo.OCR in codes else None,
        mrz=mrz_de(persona) if Codigo.MRZ in codes else None,
        barras=persona.ocr if Codigo.BARRAS in codes else None,
        pdf417=f"{persona.cic}<<{persona.ocr}" if Codigo.PDF417 in codes else None,
        qr_servicios=qr_de(persona) if Codigo.QR_SERVICIOS in codes else None,
        alta_densidad=Codigo.QR_ALTA_DENSIDAD in codes,
    )


def mrz_de(persona: Persona) -> tuple[str, str, str]:
    """The three lines of the MRZ."""
    return componer_mrz(
        cic=persona.cic,
        ocr=persona.ocr,
        nacimiento=f"{persona.nacimiento:%y%m%d}",
        sexo=persona.sexo,
        vencimiento=f"{persona.vigencia % 100:02d}1231",
        numero_emision=persona.numero_emision,
        consecutivo=persona.consecutivo,
        nombre=persona.nombre,
        paterno=persona.paterno,
        materno=persona.materno,
    )


def qr_de(persona: Persona) -> str:
    """URL of the services QR."""
    rng = random.Random(persona.semilla)
    issued = f"{persona.emitida}{rng.randint(1, 12):02d}{rng.randint(1, 28):02d}"
    letter = rng.choice("ABCDEFGHJK")
    return componer_qr(persona.ocr, persona.numero_emision, persona.cic, issued, letter, f"{rng.randrange(10**6):06d}")
