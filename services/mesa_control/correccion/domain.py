"""A form corrected from the image (D 5.8, 10.3). Pure.

Rules:

- Only while nobody is found by the form, or while it has neither CIC nor OCR, and only until the record is decided.
- Only what a person wrote: what a machine read of the card is never edited (D 5.6). What the card says stands, whatever the checks
  of `credencial` think of it: they warn. Refused is only what no form may hold.
- Whoever corrects looked at the form and at the lookup in force: they name both. Of two at once, one corrects.
- A correction is the whole form, as it stands from then on; before and after stay.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from credencial.cruces import DatosCredencial, Hallazgo, revisar_datos
from schemas.ciclo_de_vida import Ciclo
from schemas.eventos import Alerta, CampoCorregible, RegistroCorregido, SituacionRegistral
from schemas.paquete import DatosRegistro, Parte
from services.mesa_control.domain import TEXTO_ALERTA, Rechazo, en_consulta, ya_decidido

ETIQUETA: dict[CampoCorregible, str] = {
    "cic": "CIC",
    "ocr": "OCR",
    "clave_elector": "Clave de elector",
    "numero_emision": "Emisión",
    "primer_apellido": "Primer apellido",
    "segundo_apellido": "Segundo apellido",
    "nombre": "Nombre",
    "curp": "CURP",
    "modelo": "Modelo",
}
"""Every field that may be corrected, in the order of the form."""

_OBLIGATORIOS = ("clave_elector", "primer_apellido", "nombre", "modelo")
_FORMA: dict[CampoCorregible, tuple[re.Pattern[str], str]] = {
    "cic": (re.compile(r"[0-9]{1,12}"), "Solo dígitos, 12 a lo más."),
    "ocr": (re.compile(r"[0-9]{1,16}"), "Solo dígitos, 16 a lo más."),
    "numero_emision": (re.compile(r"[0-9]{2}"), "Dos dígitos."),
    "clave_elector": (re.compile(r".{1,32}"), "32 caracteres a lo más."),
    "curp": (re.compile(r".{1,32}"), "32 caracteres a lo más."),
    "modelo": (re.compile(r".{1,8}"), "8 caracteres a lo más."),
    "nombre": (re.compile(r".{1,200}"), "200 caracteres a lo más."),
    "primer_apellido": (re.compile(r".{1,200}"), "200 caracteres a lo más."),
    "segundo_apellido": (re.compile(r".{1,200}"), "200 caracteres a lo más."),
}
_SIN_ESPACIOS = ("cic", "ocr", "numero_emision", "clave_elector", "curp", "modelo")

Motivo = Literal["no_encontrado", "sin_cic_ni_ocr"]


@dataclass(frozen=True, slots=True)
class OrdenDeCorreccion:
    """What a person orders. `cambios`: fields with what the card says, None or empty: nothing.

    `compulsado_version`: the lookup on the screen; `corrige`: the correction that was on it, 0 for the form as it came.
    """

    cambios: Mapping[CampoCorregible, str | None]
    compulsado_version: int
    corrige: int = 0

    @property
    def version(self) -> int:
        """Version of the correction that it makes."""
        return self.corrige + 1


@dataclass(frozen=True, slots=True)
class Aviso:
    """Something about a form that looks wrong. `campos`: which fields it is about, never what they say."""

    codigo: str
    texto: str
    campos: tuple[CampoCorregible, ...]


def procede(ciclo: Ciclo, datos: DatosRegistro) -> Motivo | None:
    """Why the form in force may be corrected, or None."""
    compulsado = ciclo.compulsado
    if ciclo.clasificado is not None or compulsado is None:
        return None
    if compulsado.situacion is SituacionRegistral.NO_ENCONTRADO:
        return "no_encontrado"
    return "sin_cic_ni_ocr" if datos.cic is None and datos.ocr is None else None


def corregir(
    ciclo: Ciclo,
    correcciones: Sequence[RegistroCorregido],
    asignado_a: str | None,
    operador: str,
    orden: OrdenDeCorreccion,
    datos: DatosRegistro,
) -> tuple[DatosRegistro, list[CampoCorregible]]:
    """The form that the order makes of `datos`, and which fields change.

    Raises Rechazo: `registro_no_listo`, `registro_ya_decidido`, `registro_asignado_a_otra_persona`, `registro_ya_corregido`,
    `correccion_desconocida`, `correccion_en_consulta`, `compulsa_desconocida`, `correccion_no_procede`, `datos_invalidos`,
    `sin_cambios`.
    """
    compulsado, ultima = ciclo.compulsado, correcciones[-1] if correcciones else None
    if compulsado is None:
        raise Rechazo("registro_no_listo")
    if ciclo.clasificado is not None:
        raise ya_decidido(ciclo.clasificado)
    if asignado_a not in (None, operador):
        raise Rechazo("registro_asignado_a_otra_persona")
    if orden.corrige > len(correcciones):
        raise Rechazo("correccion_desconocida")
    if ultima is not None and orden.corrige < ultima.version:
        raise ya_corregido(ultima)
    if en_consulta(ciclo, ultima.version if ultima else 0):
        raise Rechazo("correccion_en_consulta")
    if orden.compulsado_version > compulsado.version:
        raise Rechazo("compulsa_desconocida")
    if procede(ciclo, datos) is None:
        raise Rechazo("correccion_no_procede")
    return aplicar(datos, orden.cambios)


def ya_corregido(correccion: RegistroCorregido) -> Rechazo:
    """Somebody was first: who, and when."""
    return Rechazo(
        "registro_ya_corregido", operador=correccion.operador, corregido_en=correccion.corregido_en.isoformat()
    )


def aplicar(
    datos: DatosRegistro, cambios: Mapping[CampoCorregible, str | None]
) -> tuple[DatosRegistro, list[CampoCorregible]]:
    """The form with the changes, and which fields they change. Raises Rechazo: `datos_invalidos` (by field), `sin_cambios`."""
    escritos = {campo: normalizar(campo, valor) for campo, valor in cambios.items()}
    errores = {campo: error for campo, valor in escritos.items() if (error := _error(campo, valor))}
    if errores:
        raise Rechazo("datos_invalidos", errores=errores)
    cambian = [c for c in ETIQUETA if c in escritos and escritos[c] != normalizar(c, getattr(datos, c))]
    if not cambian:
        raise Rechazo("sin_cambios")
    nuevos = DatosRegistro.model_validate({**dict(datos), **{c: escritos[c] for c in cambian}})
    return nuevos, cambian


def errores_de(cambios: Mapping[CampoCorregible, str | None]) -> dict[CampoCorregible, str]:
    """What no form may hold, by field, in words."""
    return {campo: error for campo, valor in cambios.items() if (error := _error(campo, normalizar(campo, valor)))}


def normalizar(campo: CampoCorregible, valor: str | None) -> str | None:
    """As the card has it: capitals, single spaces, none within a code; an emission of one digit with its zero. Empty: None."""
    partes = unicodedata.normalize("NFC", valor or "").upper().split()
    texto = ("" if campo in _SIN_ESPACIOS else " ").join(partes)
    return (texto.zfill(2) if campo == "numero_emision" else texto) if texto else None


def _error(campo: CampoCorregible, valor: str | None) -> str | None:
    if valor is None:
        return "Este dato no puede quedar vacío." if campo in _OBLIGATORIOS else None
    forma, texto = _FORMA[campo]
    if not valor.isprintable():
        return "Tiene un carácter que no se puede escribir."
    return None if forma.fullmatch(valor) else texto


# The form checks itself ---------------------------------------------------------------------------------------------------


def avisos(datos: DatosRegistro) -> list[Aviso]:
    """What `credencial` finds odd about the form, each with the fields that it is about; it warns and refuses nothing."""
    return [
        Aviso(h.codigo, TEXTO_ALERTA.get(h.codigo, h.codigo.replace("_", " ")), campos)
        for h in _hallazgos(datos)
        if (campos := _campos(h))
    ]


def alertas_vigentes(propias: Sequence[Alerta], datos: DatosRegistro) -> list[Alerta]:
    """The alerts of a record whose form was corrected: those that compared the form as it came are made anew.

    What compares it with codes on the picture stays: only descifrado reads pictures.
    """
    otras = [a for a in propias if not _del_formulario(a.codigo, a.parte)]
    nuevas = [
        Alerta(
            codigo=h.codigo,
            inciso=h.inciso,
            parte=parte,
            medida=1.0,
            umbral=1.0,
            severidad=h.severidad,
            detalle=h.detalle,
        )
        for h in _hallazgos(datos)
        if _del_formulario(h.codigo, parte := _parte(h.codigo))
    ]
    return [*nuevas, *otras]


_DE_LA_IMAGEN = ("qr_", "barras_")
_DEL_REVERSO = ("mrz_", "lectura_", *_DE_LA_IMAGEN)


def _parte(codigo: str) -> Parte:
    return Parte.REVERSO if codigo.startswith(_DEL_REVERSO) else Parte.DATOS


def _del_formulario(codigo: str, parte: Parte) -> bool:
    return (parte is Parte.DATOS or codigo.startswith(_DEL_REVERSO)) and not codigo.startswith(_DE_LA_IMAGEN)


def _campos(hallazgo: Hallazgo) -> tuple[CampoCorregible, ...]:
    palabras = set(re.findall(r"[a-z_]+", hallazgo.detalle))
    return tuple(campo for campo in ETIQUETA if campo in palabras)


def _hallazgos(datos: DatosRegistro) -> list[Hallazgo]:
    return revisar_datos(
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
            lectura_qr=datos.lecturas.qr,
            lectura_codigo_barras=datos.lecturas.codigo_barras,
            lectura_mrz=datos.lecturas.mrz,
            lectura_ocr=datos.lecturas.ocr,
        )
    )
