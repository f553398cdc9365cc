"""Auxiliares of a solicitud: what may be registered, how they stand, and who may dismiss them. Pure.

Rules:

1. Names, birth date, clave de elector, e-mail and its issuer are required; CURP and reference are not; the phone by the profile
   (P 7.3, D 3). One surname may be missing, both may not.
2. Of age on the day of registration (P 7.3): who was born on 29 February is so on 1 March.
3. The identifiers are checked as `credencial` is sure of its rules: a format, a check digit, or a birth date or sex that disagree
   are errors at their field; letters or a state that disagree are a warning, which whoever registers may confirm.
4. Id Auxiliar goes in order, `A0001`, `A0002`…; `MA` and `CM` are never given (P 9.14).
5. Who is not found in the roll, or holds no valid card, does not go on. With `automatica` they are dismissed by INE's rule
   (P 7.6); with `por_ine` INE decides (D 4.5). A valid card is what the lista nominal says.
6. Who may dismiss is the profile's (P 7.6, 7.7, 8.6; D 3.4, 3.8, 4.5, 4.10), with a reason of the catalogue.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Literal

from credencial.claves import ClaveInvalida, leer_clave
from credencial.cruces import DatosCredencial, revisar_datos
from credencial.curp import CurpInvalida, leer_curp
from schemas.actores import DatosAuxiliar
from schemas.autorizacion import Rol
from schemas.eventos import AuxiliarDadoDeBaja, AuxiliarVerificado, FuraRegistrada, SituacionRegistral
from schemas.perfil import PerfilReglas, QuienDaDeBaja
from services.portal.domain.captura import VACIO
from services.portal.domain.rechazo import Invalida

MAYORIA_DE_EDAD = 18
_EDAD_MAXIMA = 120

Valores = Mapping[str, str]
"""What was written in each field."""


@dataclass(frozen=True, slots=True)
class Campo:
    """A field of the registration. `encabezado`: of its column in a file; `largo`: characters at most."""

    id: str
    etiqueta: str
    encabezado: str
    ayuda: str
    largo: int
    requerido: bool = True


CAMPOS: tuple[Campo, ...] = (
    Campo("nombre", "Nombre o nombres", "NOMBRE", "Como aparece en la credencial para votar.", 80),
    Campo("paterno", "Apellido paterno", "APELLIDO PATERNO", "Si tiene uno solo, escríbalo aquí.", 80, requerido=False),
    Campo("materno", "Apellido materno", "APELLIDO MATERNO", "En blanco si no tiene.", 80, requerido=False),
    Campo("nacimiento", "Fecha de nacimiento", "FECHA DE NACIMIENTO", "Día, mes y año: 31/12/1990.", 10),
    Campo("telefono", "Teléfono", "TELEFONO", "Diez dígitos.", 20, requerido=False),
    Campo(
        "clave_elector", "Clave de elector", "CLAVE DE ELECTOR", "Dieciocho caracteres, al frente de la credencial.", 24
    ),
    Campo("curp", "CURP", "CURP", "Opcional. Dieciocho caracteres.", 24, requerido=False),
    Campo(
        "correo", "Correo electrónico", "CORREO", "Con el que entrará a la aplicación; uno distinto por auxiliar.", 254
    ),
    Campo("emisor", "Quién emite el correo", "EMISOR", "Con qué cuenta entrará.", 60),
    Campo(
        "referencia",
        "Referencia",
        "REFERENCIA",
        "Opcional. Un dato suyo para ubicar a la persona.",
        100,
        requerido=False,
    ),
)
"""In the order of the form and of the file (P 7.3, D 3)."""
CAMPO: dict[str, Campo] = {campo.id: campo for campo in CAMPOS}


@dataclass(frozen=True, slots=True)
class Observacion:
    """What is wrong in a field, and what to do. `grave`: it must be mended; otherwise it may be confirmed as it is."""

    campo: str
    texto: str
    grave: bool = True


@dataclass(frozen=True, slots=True)
class Revision:
    """What was written, looked at. `datos`: None when something must be mended."""

    datos: DatosAuxiliar | None
    observaciones: tuple[Observacion, ...]

    @property
    def por_confirmar(self) -> bool:
        """Whether it may be registered only if somebody confirms what looks odd."""
        return self.datos is not None and bool(self.observaciones)


def requerido(campo: Campo, perfil: PerfilReglas) -> bool:
    """Whether the field must be filled in."""
    return campo.requerido or (campo.id == "telefono" and perfil.telefono_de_auxiliar == "requerido")


def revisar(valores: Valores, perfil: PerfilReglas, hoy: date, emisores: Mapping[str, str]) -> Revision:
    """Look at what was written for one auxiliar. `hoy`: hora Centro; `emisores`: id of each issuer → its name."""
    escrito = {campo.id: " ".join(unicodedata.normalize("NFC", valores.get(campo.id, "")).split()) for campo in CAMPOS}
    leido: dict[str, str] = {}
    malas: dict[str, str] = {}
    for campo in CAMPOS:
        texto = escrito[campo.id]
        try:
            leido[campo.id] = _leer(campo, texto, hoy, emisores) if texto else _vacio(campo, perfil)
        except CampoInvalido as error:
            malas[campo.id] = str(error)
    if not escrito["paterno"] and not escrito["materno"]:
        malas["paterno"] = "Escriba al menos un apellido."
    cruces = list(_cruces(leido))
    for cruce in cruces:
        if cruce.grave:
            malas.setdefault(cruce.campo, cruce.texto)
    avisos = {c.campo: c.texto for c in reversed(cruces) if not c.grave and c.campo not in malas}
    observaciones = tuple(
        Observacion(campo.id, malas.get(campo.id) or avisos[campo.id], campo.id in malas)
        for campo in CAMPOS
        if campo.id in malas or campo.id in avisos
    )
    return Revision(None if malas else DatosAuxiliar(**leido), observaciones)


class CampoInvalido(ValueError):
    """A field cannot be read; the message says in Spanish what to do, and never repeats it."""


def leer_correo(texto: str, emisor: str, emisores: Mapping[str, str]) -> tuple[str, str]:
    """An e-mail and the id of its issuer, of a change (P 9.17, D 6.7). Raises Invalida."""
    malas: dict[str, str] = {}
    leido: dict[str, str] = {}
    for id_, escrito in (("correo", texto.strip()), ("emisor", emisor.strip())):
        try:
            leido[id_] = _leer(CAMPO[id_], escrito, date.min, emisores) if escrito else ""
        except CampoInvalido as error:
            malas[id_] = str(error)
        if not escrito:
            malas[id_] = VACIO
    if malas:
        raise Invalida(malas)
    return leido["correo"], leido["emisor"]


def _vacio(campo: Campo, perfil: PerfilReglas) -> str:
    if requerido(campo, perfil):
        raise CampoInvalido(VACIO)
    return ""


def _leer(campo: Campo, texto: str, hoy: date, emisores: Mapping[str, str]) -> str:
    if len(texto) > campo.largo:
        raise CampoInvalido(f"Use a lo más {campo.largo} caracteres.")
    if not texto.isprintable():
        raise CampoInvalido("Contiene caracteres que no se ven; escríbalo de nuevo.")
    match campo.id:
        case "nombre" | "paterno" | "materno":
            return _leer_nombre(texto)
        case "nacimiento":
            return _leer_nacimiento(texto, hoy)
        case "telefono":
            return _leer_telefono(texto)
        case "clave_elector":
            return _leer_clave(texto)
        case "curp":
            return _leer_curp(texto)
        case "correo":
            return _leer_correo(texto)
        case "emisor":
            return _leer_emisor(texto, emisores)
        case _:
            return texto


def _leer_nombre(texto: str) -> str:
    if not all(c.isalpha() or unicodedata.combining(c) or c in " .'’-" for c in texto):
        raise CampoInvalido("Use letras, espacios, punto, guion o apóstrofo.")
    if not any(c.isalpha() for c in texto):
        raise CampoInvalido("Escriba el nombre con letras.")
    return texto


_AAAA_MM_DD = re.compile(r"(?P<a>[0-9]{4})-(?P<m>[0-9]{1,2})-(?P<d>[0-9]{1,2})")
_DD_MM_AAAA = re.compile(r"(?P<d>[0-9]{1,2})(?P<s>[/.-])(?P<m>[0-9]{1,2})(?P=s)(?P<a>[0-9]{4})")
_ANIO_CORTO = re.compile(r"[0-9]{1,2}[/.-][0-9]{1,2}[/.-][0-9]{2}")


def leer_fecha(texto: str) -> date:
    """A date: `AAAA-MM-DD` as programs write it, or `DD/MM/AAAA` as people do. Raises CampoInvalido."""
    match = _AAAA_MM_DD.fullmatch(texto) or _DD_MM_AAAA.fullmatch(texto)
    if match is None:
        if _ANIO_CORTO.fullmatch(texto):
            raise CampoInvalido("Escriba el año con cuatro dígitos: 31/12/1990.")
        raise CampoInvalido("Escriba la fecha como día/mes/año: 31/12/1990.")
    anio, mes, dia = (int(match[part]) for part in "amd")
    if not 1 <= mes <= 12 and 1 <= dia <= 12:
        raise CampoInvalido("Escriba primero el día y después el mes: 31/12/1990.")
    try:
        return date(anio, mes, dia)
    except ValueError as error:
        raise CampoInvalido("Esa fecha no existe en el calendario.") from error


def edad(nacimiento: date, hoy: date) -> int:
    """Years completed on a day."""
    return hoy.year - nacimiento.year - ((hoy.month, hoy.day) < (nacimiento.month, nacimiento.day))


def _leer_nacimiento(texto: str, hoy: date) -> str:
    nacimiento = leer_fecha(texto)
    anios = edad(nacimiento, hoy)
    if anios < 0:
        raise CampoInvalido("La fecha de nacimiento está en el futuro.")
    if anios < MAYORIA_DE_EDAD:
        raise CampoInvalido(f"Debe tener {MAYORIA_DE_EDAD} años cumplidos el día del registro.")
    if anios > _EDAD_MAXIMA:
        raise CampoInvalido("Revise el año de nacimiento.")
    return nacimiento.isoformat()


def _leer_telefono(texto: str) -> str:
    if not re.fullmatch(r"\+?[0-9\s().-]+", texto):
        raise CampoInvalido("Escriba el teléfono con diez dígitos.")
    digitos = re.sub(r"[^0-9]", "", texto)
    if texto.startswith("+") and digitos.startswith("52"):
        digitos = digitos[2:]
    if len(digitos) != 10:
        raise CampoInvalido(
            f"El teléfono tiene diez dígitos, con su clave de larga distancia; aquí hay {len(digitos)}."
        )
    return digitos


def _leer_clave(texto: str) -> str:
    clave = texto.replace(" ", "").replace("-", "").upper()
    try:
        leida = leer_clave(clave)
    except ClaveInvalida as error:
        largo = "" if len(clave) == 18 else f"; aquí hay {len(clave)}"
        raise CampoInvalido(
            f"No tiene la forma de una clave de elector: 6 letras, 8 dígitos, H o M y 3 dígitos (18 caracteres{largo})."
        ) from error
    if not leida.fecha_posible:
        raise CampoInvalido("La fecha dentro de la clave de elector (lugares 7 a 12) no existe en el calendario.")
    return clave


def _leer_curp(texto: str) -> str:
    curp = texto.replace(" ", "").replace("-", "").upper()
    try:
        leida = leer_curp(curp)
    except CurpInvalida as error:
        largo = "" if len(curp) == 18 else f" Tiene 18 caracteres; aquí hay {len(curp)}."
        raise CampoInvalido(f"No tiene la forma de una CURP.{largo}") from error
    if not leida.digito_correcto:
        raise CampoInvalido("Su último dígito no corresponde a los demás caracteres: revise la CURP completa.")
    return curp


_CORREO = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z0-9-]{2,}"
)


def _leer_correo(texto: str) -> str:
    if not texto.isascii():
        raise CampoInvalido("Escriba el correo sin acentos ni eñes.")
    local = texto.partition("@")[0]
    if not _CORREO.fullmatch(texto) or local.startswith(".") or local.endswith(".") or ".." in local:
        raise CampoInvalido("Escriba un solo correo completo: nombre@dominio.mx.")
    return texto


def _leer_emisor(texto: str, emisores: Mapping[str, str]) -> str:
    for id_, nombre in emisores.items():
        if texto.casefold() in (id_.casefold(), nombre.casefold()):
            return id_
    raise CampoInvalido(f"Elija uno de estos: {', '.join(emisores.values())}.")


_CRUCES: dict[str, tuple[str, str]] = {
    "clave_nombre": (
        "clave_elector",
        "Las seis letras de la clave no corresponden al nombre y los apellidos. Si así está en la credencial, confírmelo.",
    ),
    "curp_nombre": (
        "curp",
        "Las cuatro letras de la CURP no corresponden al nombre y los apellidos. Si así está en el documento, confírmelo.",
    ),
    "curp_fecha": ("curp", "La fecha dentro de la CURP (lugares 5 a 10) no existe en el calendario."),
    "curp_clave_fecha": ("curp", "La CURP y la clave de elector dicen fechas de nacimiento distintas."),
    "curp_clave_sexo": ("curp", "La CURP y la clave de elector dicen sexos distintos."),
    "curp_clave_entidad": (
        "curp",
        "La CURP y la clave de elector dicen entidades de nacimiento distintas. Si así están en los documentos, confírmelo.",
    ),
    "curp_clave_letras": (
        "curp",
        "Las letras de la CURP y las de la clave de elector no se corresponden. Si así están en los documentos, confírmelo.",
    ),
}
"""Where each disagreement that `credencial.cruces` may still find is shown, and how it is said."""


def _cruces(leido: Valores) -> Iterable[Observacion]:
    nacimiento, clave, curp = (leido.get(name, "") for name in ("nacimiento", "clave_elector", "curp"))
    if nacimiento and curp and _nacimiento_de(curp) != nacimiento:
        yield Observacion("curp", "La CURP dice otra fecha de nacimiento: revise ambas.")
    if not clave:
        return
    if nacimiento and leer_clave(clave).nacimiento != nacimiento[2:].replace("-", ""):
        yield Observacion(
            "clave_elector", "La clave de elector dice otra fecha de nacimiento (lugares 7 a 12): revise ambas."
        )
    datos = DatosCredencial(
        modelo="",
        clave_elector=clave,
        nombre=leido.get("nombre", ""),
        primer_apellido=leido.get("paterno", ""),
        segundo_apellido=leido.get("materno") or None,
        curp=curp or None,
    )
    sin_nombre = not {"nombre", "paterno", "materno"} <= leido.keys()
    for hallazgo in revisar_datos(datos):
        if sin_nombre and hallazgo.codigo in ("clave_nombre", "curp_nombre"):
            continue  # of a name that could not be read, nothing can be said
        if hallazgo.codigo not in _CRUCES:
            continue  # a format, which its field was read by
        campo, texto = _CRUCES[hallazgo.codigo]
        yield Observacion(campo, texto, grave=hallazgo.severidad == "alerta")


def _nacimiento_de(curp: str) -> str:
    leida = leer_curp(curp)
    return f"{leida.anio:04d}-{leida.nacimiento[2:4]}-{leida.nacimiento[4:]}"


# Id Auxiliar -----------------------------------------------------------------------------------------------------------


def id_auxiliar(numero: int) -> str:
    """The id of the auxiliar number 1, 2, 3… of a solicitud."""
    return f"A{numero:04d}"


def numero_de(auxiliar: str) -> int:
    """The number of an id; 0 for one that the portal does not give (`MA`, `CM`)."""
    digitos = auxiliar[1:]
    return int(digitos) if auxiliar.startswith("A") and digitos.isdecimal() else 0


def id_de_consulta(solicitud: str, auxiliar: str) -> str:
    """The id of the lookup about an auxiliar: one for each, however often it is asked for."""
    return hashlib.sha256(f"consulta|auxiliar/{solicitud}/{auxiliar}".encode()).hexdigest()[:32]


# What the roll says ----------------------------------------------------------------------------------------------------

Resultado = Literal["procede", "no_encontrado", "sin_vigencia"]

_RESULTADO: dict[SituacionRegistral, Resultado] = {
    SituacionRegistral.EN_LISTA_NOMINAL: "procede",
    SituacionRegistral.FUERA_DE_AMBITO: "procede",
    SituacionRegistral.EN_PADRON_NO_LISTA_NOMINAL: "sin_vigencia",
    SituacionRegistral.BAJA: "sin_vigencia",
    SituacionRegistral.NO_ENCONTRADO: "no_encontrado",
}


def resultado_de(situacion: SituacionRegistral) -> Resultado | None:
    """What follows from the roll's answer (rule 5); None while the roll cannot answer. Where an auxiliar lives does not matter."""
    return _RESULTADO.get(situacion)


# Dismissals ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Motivo:
    """A reason to dismiss. `de`: who may give it; `de_regla`: given by the rule of P 7.6."""

    clave: str
    texto: str
    de: frozenset[QuienDaDeBaja]
    de_regla: bool = False


_PROMOVENTE: QuienDaDeBaja = "promovente"
_OPL: QuienDaDeBaja = "opl"
_INE: QuienDaDeBaja = "ine"

MOTIVOS: tuple[Motivo, ...] = (
    Motivo("renuncia", "Renuncia de la persona auxiliar", frozenset({_PROMOVENTE})),
    Motivo("ya_no_colabora", "Ya no colabora con la persona solicitante", frozenset({_PROMOVENTE})),
    Motivo("datos_incorrectos", "Se registró con datos incorrectos", frozenset({_PROMOVENTE, _OPL})),
    Motivo("fallecimiento", "Fallecimiento", frozenset({_PROMOVENTE, _OPL, _INE})),
    Motivo("cedula_no_valida", "La cédula de registro de auxiliar presenta inconsistencias", frozenset({_OPL})),
    Motivo("sin_fura", "No se entregó el Formato Único de Registro de Auxiliar firmado", frozenset({_OPL})),
    Motivo("no_encontrado", "No se encontró en el padrón electoral", frozenset({_INE}), de_regla=True),
    Motivo("sin_vigencia", "No cuenta con credencial para votar vigente", frozenset({_INE}), de_regla=True),
    Motivo("uso_de_dispositivos", "Uso indebido de dispositivos", frozenset({_INE})),
    Motivo("resolucion", "Resolución de autoridad", frozenset({_OPL, _INE})),
    Motivo("otro", "Otro motivo", frozenset({_PROMOVENTE, _OPL, _INE})),
)
"""The catalogue (P 7.6, 7.7, 8.6, 8.11; D 3.4, 3.8, 4.5, 4.10). What more there is to say is sealed with the person's data."""

_POR_ROL: dict[Rol, QuienDaDeBaja] = {Rol.PROMOVENTE: _PROMOVENTE, Rol.OPL_ADMIN: _OPL, Rol.INE_ADMIN: _INE}


def quien_da_de_baja(rol: Rol, perfil: PerfilReglas) -> QuienDaDeBaja | None:
    """As whom a role dismisses under the profile; None when it may not (rule 6)."""
    quien = _POR_ROL.get(rol)
    return quien if quien in perfil.bajas_de_auxiliar else None


def motivos_de(quien: QuienDaDeBaja) -> list[Motivo]:
    """The reasons that one may give."""
    return [m for m in MOTIVOS if quien in m.de]


def motivo_de_regla(resultado: Resultado, perfil: PerfilReglas) -> Motivo | None:
    """The reason of the dismissal that follows from a lookup by itself; None when none does."""
    if perfil.baja_por_consulta != "automatica":
        return None
    return next((m for m in MOTIVOS if m.de_regla and m.clave == resultado), None)


def que_sigue(quien: QuienDaDeBaja, perfil: PerfilReglas) -> str:
    """What becomes of records received after the dismissal, for who is about to dismiss (P 7.7, D 3.4, 4.10)."""
    recepcion = perfil.tras_baja_por_ine if quien == _INE else perfil.tras_baja_de_auxiliar
    if recepcion == "no_recibir":
        return "Lo que envíe después de la baja no se recibirá."
    return "Lo que envíe después de la baja se recibirá con inconsistencia."


# How an auxiliar stands ------------------------------------------------------------------------------------------------


class Estado(StrEnum):
    """Of an auxiliar."""

    ACTIVO = "activo"
    EN_VERIFICACION = "en_verificacion"
    POR_DECIDIR = "por_decidir"
    DE_BAJA = "de_baja"


TEXTO_ESTADO: dict[Estado, str] = {
    Estado.ACTIVO: "Activo",
    Estado.EN_VERIFICACION: "En verificación",
    Estado.POR_DECIDIR: "Por decidir del INE",
    Estado.DE_BAJA: "De baja",
}

TEXTO_RESULTADO: dict[Resultado, str] = {
    "procede": "Se encontró en el padrón, con credencial vigente",
    "no_encontrado": "No se encontró en el padrón electoral",
    "sin_vigencia": "No cuenta con credencial para votar vigente",
}


@dataclass(frozen=True, slots=True)
class Situacion:
    """What is known of an auxiliar besides their registration."""

    verificado: AuxiliarVerificado | None = None
    baja: AuxiliarDadoDeBaja | None = None
    fura: FuraRegistrada | None = None


def estado(situacion: Situacion, perfil: PerfilReglas) -> Estado:
    """How they stand. While the roll has not answered they may already work: only the answer can stop them."""
    if situacion.baja is not None:
        return Estado.DE_BAJA
    if situacion.verificado is None:
        return Estado.EN_VERIFICACION if perfil.consulta_de_auxiliar == "al_registrar" else Estado.ACTIVO
    return Estado.ACTIVO if situacion.verificado.resultado == "procede" else Estado.POR_DECIDIR
