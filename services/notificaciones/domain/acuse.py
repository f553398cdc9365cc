"""The receipt of an envío (SPEC 5; A 27, P 9.14, 12.3, D 6.4).

- It says the number of envíos, the records received, the folio, CIC/OCR, date and integrity code of each, and the records
  still to send (SPEC 5; A 27, P 9.14, 12.3, D 6.4).
- The one personal datum that the norm orders into it is the CIC/OCR.
- What is quarantined is listed without CIC/OCR (SPEC 5), and so is what was opened but whose key no longer exists (SPEC 11).
- It goes out when the envío is closed and every record that it received has an outcome: opened, or quarantined.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from schemas.eventos import EnvioCerrado
from schemas.expediente import DatosAcuse
from schemas.hora import hora_centro
from services.notificaciones.domain import PIE, Clase, Encargo, Texto, componer, ficha

Sin = Literal["cuarentena", "no_disponible"]


@dataclass(frozen=True, slots=True)
class Renglon:
    """One record of the receipt; its identifiers, or why they are not there."""

    folio: str
    recibido_en: datetime
    codigo_integridad: str
    identificadores: DatosAcuse | Sin


def lo_que_espera(cierre: EnvioCerrado) -> list[dict[str, Any]]:
    """Queries over outcomes, the cheap one first: the envío is complete when each finds `recibidos` of them.

    A record may come into the envío after the closing counted; it must not take the place of one that was counted.
    """
    consultas: list[dict[str, Any]] = [{"envio": cierre.envio}]
    if cierre.folios is not None:
        consultas.append({"_id": {"$in": cierre.folios}})
    return consultas


def encargo(envio: str) -> Encargo:
    """The receipt of an envío, as something due."""
    return Encargo(Clase.ACUSE, envio)


def redactar(cierre: EnvioCerrado, numero_de_envios: int, renglones: Sequence[Renglon]) -> Texto:
    """The receipt. `numero_de_envios`: envíos of this auxiliar up to this one, itself included."""
    ordenados = sorted(renglones, key=lambda r: (r.recibido_en, r.folio))
    partes = [
        "ACUSE DE RECEPCIÓN DE APOYOS",
        ficha(
            ("Solicitud", cierre.solicitud),
            ("Id Auxiliar", cierre.auxiliar),
            ("Dispositivo", cierre.dispositivo),
            ("Envío", cierre.envio),
            ("Inicio del envío", hora_centro(cierre.abierto_en)),
            ("Cierre del envío", hora_centro(cierre.cerrado_en)),
        ),
        ficha(
            ("Número de envíos", _miles(numero_de_envios)),
            ("Registros recibidos", _miles(len(ordenados))),
            ("Registros por enviar", _miles(cierre.pendientes)),
        ),
    ]
    if cierre.pendientes:
        partes.append(
            "Su dispositivo todavía tiene registros por enviar. Conéctelo y envíelos antes de que termine el plazo."
        )
    if ordenados:
        partes.append("REGISTROS RECIBIDOS")
        partes += [_renglon(numero, renglon) for numero, renglon in enumerate(ordenados, start=1)]
    partes.append(
        "Conserve este acuse. El código de integridad permite comprobar después que el registro es el mismo que se recibió.\n"
        + PIE
    )
    return Texto(f"Acuse de recepción: {_registros(len(ordenados))} ({cierre.solicitud})", componer(partes))


def _renglon(numero: int, renglon: Renglon) -> str:
    return "\n".join(
        (
            f"{numero}. Folio: {renglon.folio}",
            *(f"   {linea}" for linea in _identificadores(renglon.identificadores)),
            f"   Recibido: {hora_centro(renglon.recibido_en)}",
            "   Código de integridad:",
            f"   {renglon.codigo_integridad}",
        )
    )


def _identificadores(identificadores: DatosAcuse | Sin) -> Sequence[str]:
    match identificadores:
        case "cuarentena":
            return (
                "CIC/OCR: no disponible. El registro está recibido y en revisión técnica;",
                "no lo envíe de nuevo.",
            )
        case "no_disponible":
            return ("CIC/OCR: ya no está disponible.",)
        case DatosAcuse(cic=None, ocr=None):
            return ("CIC/OCR: no se leyó en el dispositivo.",)
        case DatosAcuse(cic=cic, ocr=ocr):
            return tuple(f"{nombre}: {valor}" for nombre, valor in (("CIC", cic), ("OCR", ocr)) if valor)


def _registros(cuantos: int) -> str:
    return "1 registro recibido" if cuantos == 1 else f"{_miles(cuantos)} registros recibidos"


def _miles(numero: int) -> str:
    return f"{numero:,}"
