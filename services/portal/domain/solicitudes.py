"""Solicitudes of aspirantes and promoventes: what their form says, and the folio they get (SPEC 2, 3; P 6.1 B-F, D 1.2). Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from credencial.claves import ClaveInvalida, leer_clave, prefijos
from credencial.codigos import es_cic
from credencial.entidades import ENTIDADES, POR_NUMERO
from schemas.actores import Actores, DatosSolicitante
from schemas.eventos import ExpedienteSolicitud, ProcesoRegistrado
from schemas.hora import CENTRO
from schemas.perfil import TipoProceso
from services.portal.domain.captura import Captura

MAYORIA_DE_EDAD = 18
MAXIMO_EMBLEMA = 512_000
"""Bytes of an emblem: 500 KB (P 6.1 E, D 1.2)."""
NUMEROS = [e.numero for e in ENTIDADES]
LUGARES = [*NUMEROS, "87"]
"""Where somebody may be born, by the numbers of the clave de elector; 87 and 88: abroad."""
Referencia = Literal["nacional", "entidad", "distrito_federal", "distrito_local", "municipio"]
CORREO_REPETIDO = "Ese correo ya es de otra solicitud de este proceso: cada una usa el suyo (D 1.2)."
CORREO_DEL_PERSONAL = "Ese correo ya es de una cuenta del personal: quien revisa no puede ser quien solicita (P 13.6)."


@dataclass(frozen=True, slots=True)
class Cargo:
    """What is asked for, and the electoral reference that decides who may support it (P 9.3, 10.9)."""

    clave: str
    nombre: str
    referencia: Referencia
    federal: bool


CARGOS = (
    Cargo("presidencia", "Presidencia de la República", "nacional", True),
    Cargo("senaduria", "Senaduría", "entidad", True),
    Cargo("diputacion_federal", "Diputación federal", "distrito_federal", True),
    Cargo("gubernatura", "Gubernatura o jefatura de gobierno", "entidad", False),
    Cargo("diputacion_local", "Diputación local", "distrito_local", False),
    Cargo("ayuntamiento", "Presidencia municipal, ayuntamiento o alcaldía", "municipio", False),
)
SIN_CARGO = (
    Cargo("todo", "Todo el ámbito del proceso", "nacional", True),
    Cargo("entidad", "Una entidad", "entidad", True),
)
"""Of participación ciudadana: there is no office, only who may support it."""
CLAVE_GEO: dict[Referencia, tuple[str, int]] = {
    "distrito_federal": ("el distrito federal", 2),
    "distrito_local": ("el distrito local", 2),
    "municipio": ("el municipio", 3),
}
"""Name and digits of the keys within an entidad, as the roll writes them."""


def cargos_de(proceso: ProcesoRegistrado) -> tuple[Cargo, ...]:
    """What may be asked for in a process; in one of an entidad, only what belongs to an entidad."""
    if proceso.tipo is not TipoProceso.CANDIDATURA_INDEPENDIENTE:
        return SIN_CARGO[:1] if proceso.entidad else SIN_CARGO
    return tuple(cargo for cargo in CARGOS if proceso.entidad is None or not cargo.federal)


@dataclass(frozen=True, slots=True)
class Alcance:
    """Who may support: the keys of `SolicitudRegistrada`, and the office where there is one."""

    cargo: str | None
    entidad: str | None
    distrito_federal: str | None = None
    distrito_local: str | None = None
    municipio: str | None = None


@dataclass(frozen=True, slots=True)
class SolicitudCapturada:
    """What the form of a solicitud says, but for the emblem. `sin_emblema`: take away the one there is."""

    denominacion: str
    nombre_mostrado: str
    tipo_solicitante: Literal["persona", "organizacion"]
    alcance: Alcance
    estimado_apoyos: int | None
    datos: DatosSolicitante
    expediente: ExpedienteSolicitud
    aviso_simplificado: str
    aviso_integral: str
    sin_emblema: bool


def leer(
    valores: Mapping[str, Sequence[str]],
    proceso: ProcesoRegistrado,
    *,
    emisores: Collection[str],
    hoy: date,
    errores: Mapping[str, str],
) -> SolicitudCapturada:
    """Read the form, in its order. `errores`: what is wrong with the emblem, already looked at. Raises Invalida."""
    c = Captura(valores)
    denominacion = c.texto("denominacion", maximo=479)
    mostrado = c.texto("nombre_mostrado", maximo=200)
    es_organizacion = c.opcion("tipo_solicitante", ("persona", "organizacion")) == "organizacion"
    alcance = _alcance(c, proceso)
    estimado = c.entero("estimado_apoyos", 0, 100_000_000, opcional=True)
    datos = _persona(c, emisores, hoy, es_organizacion)
    expediente = _expediente(c, hoy)
    for campo, mensaje in errores.items():
        c.error(campo, mensaje)
    simplificado, integral = c.url("aviso_simplificado"), c.url("aviso_integral")
    c.terminar()
    return SolicitudCapturada(
        denominacion,
        mostrado,
        "organizacion" if es_organizacion else "persona",
        alcance,
        estimado,
        datos,
        ExpedienteSolicitud(**expediente),
        simplificado or "",
        integral or "",
        c.casilla("sin_emblema"),
    )


def _alcance(c: Captura, proceso: ProcesoRegistrado) -> Alcance:
    posibles = {cargo.clave: cargo for cargo in cargos_de(proceso)}
    elegido = posibles.get(c.opcion("cargo", posibles))
    entidad = proceso.entidad
    if elegido is None:
        return Alcance(None, entidad)
    referencia = elegido.referencia
    if entidad is None:
        entidad = c.opcion("entidad", NUMEROS, opcional=True) or None
        if referencia != "nacional" and entidad is None:
            c.error("entidad", "Para ese cargo se necesita la entidad.")
        elif referencia == "nacional" and entidad is not None:
            c.error("entidad", "Es de todo el país: deje la entidad vacía.")
    claves: dict[str, str] = {}
    for campo, (nombre, digitos) in CLAVE_GEO.items():
        if campo == referencia:
            clave = c.patron(campo, rf"[0-9]{{1,{digitos}}}", f"Escriba {nombre} con sus {digitos} dígitos.")
            claves[campo] = clave.zfill(digitos)
        elif c.crudo(campo):
            c.error(campo, f"Ese cargo no lleva {nombre}: déjelo vacío.")
    con_cargo = proceso.tipo is TipoProceso.CANDIDATURA_INDEPENDIENTE
    return Alcance(elegido.nombre if con_cargo else None, entidad, **claves)


def _persona(c: Captura, emisores: Collection[str], hoy: date, es_organizacion: bool) -> DatosSolicitante:
    representante = c.texto("representante", maximo=200, opcional=not es_organizacion)
    if representante and not es_organizacion:
        c.error("representante", "Solo las organizaciones llevan representante: déjelo vacío.")
    nombre = c.texto("nombre", maximo=80)
    paterno = c.texto("paterno", maximo=80, opcional=True)
    materno = c.texto("materno", maximo=80, opcional=True)
    if not paterno and not materno:
        c.error("paterno", "Escriba al menos un apellido.")
    nacimiento = c.dia("nacimiento")
    if nacimiento and nacimiento > hoy:
        c.error("nacimiento", "La fecha de nacimiento está en el futuro.")
    elif nacimiento and _edad(nacimiento, hoy) < MAYORIA_DE_EDAD:
        c.error("nacimiento", f"Debe tener {MAYORIA_DE_EDAD} años cumplidos.")
    lugar = c.opcion("lugar_nacimiento", LUGARES)
    telefonos = [c.telefono("telefono"), c.telefono("otro_telefono", opcional=True)]
    correo = c.correo("correo")
    emisor = c.opcion("emisor", emisores)
    clave = _clave(c, nombre, paterno, materno, nacimiento, lugar)
    ocr_o_cic = c.patron(
        "ocr_o_cic",
        r"[0-9]{9}|[0-9]{13}",
        "Escriba los 9 dígitos del CIC o los 13 del OCR, al reverso de la credencial.",
    )
    return DatosSolicitante(
        nombre=nombre,
        paterno=paterno,
        materno=materno,
        nacimiento=nacimiento.isoformat() if nacimiento else "",
        lugar_nacimiento=POR_NUMERO[lugar].nombre if lugar in POR_NUMERO else "",
        telefonos=[t for t in telefonos if t],
        correo=correo,
        emisor=emisor,
        clave_elector=clave,
        ocr_o_cic=ocr_o_cic,
        entidad=c.opcion("cpv_entidad", NUMEROS),
        municipio=c.patron("cpv_municipio", r"[0-9]{1,3}", "Escriba el número del municipio, de la credencial.").zfill(
            3
        ),
        seccion=c.patron("cpv_seccion", r"[0-9]{1,4}", "Escriba los 4 dígitos de la sección, de la credencial.").zfill(
            4
        ),
        representante=representante,
        observaciones=c.texto("observaciones", maximo=2000, opcional=True, renglones=True),
    )


def _clave(c: Captura, nombre: str, paterno: str, materno: str, nacimiento: date | None, lugar: str) -> str:
    clave = c.crudo("clave_elector").replace(" ", "").upper()
    if not clave:
        c.texto("clave_elector", maximo=18)
        return clave
    try:
        leida = leer_clave(clave)
    except ClaveInvalida:
        c.error(
            "clave_elector",
            "No tiene la forma de una clave de elector: 6 letras, 8 dígitos, H o M y 3 dígitos (18 caracteres).",
        )
        return clave
    if nacimiento and leida.nacimiento != f"{nacimiento:%y%m%d}":
        c.error("clave_elector", "Su fecha (lugares 7 a 12) no es la de nacimiento: revise ambas.")
    elif not c.casilla("confirma_clave"):
        if (paterno or materno) and leida.letras not in prefijos(nombre, paterno, materno):
            c.error(
                "clave_elector",
                "Sus letras no corresponden al nombre. Revise ambos; si así está en la credencial, márquelo abajo.",
            )
        elif lugar in LUGARES and _nacio_en(leida.entidad) != lugar:
            c.error(
                "clave_elector",
                "Su entidad (lugares 13 y 14) no es la de nacimiento. Revise ambas; si así está en la credencial, márquelo abajo.",
            )
    return clave


def _nacio_en(entidad: str) -> str:
    return entidad if entidad in NUMEROS else "87"


def _expediente(c: Captura, hoy: date) -> dict[str, Any]:
    """Fields of `ExpedienteSolicitud`, which is made once all are right."""
    leido: dict[str, Any] = {}
    for papel in ("aviso", "oficio"):
        leido[f"{papel}_numero"] = c.texto(f"{papel}_numero", maximo=60, opcional=True)
        dia = c.dia(f"{papel}_fecha", opcional=True)
        if dia and dia > hoy:
            c.error(f"{papel}_fecha", "No puede ser posterior al día de hoy.")
        leido[f"{papel}_fecha"] = dia.isoformat() if dia else None
    leido["folio_interno"] = c.texto("folio_interno", maximo=60, opcional=True)
    return leido


def leer_cedula(valores: Mapping[str, Sequence[str]], registrada_en: datetime, hoy: date) -> date:
    """The day on which the cédula de confirmación was signed (P 6.1 F). Raises Invalida."""
    c = Captura(valores)
    dia = c.dia("firmada_en")
    if dia and dia > hoy:
        c.error("firmada_en", "No puede ser posterior al día de hoy.")
    elif dia and dia < registrada_en.astimezone(CENTRO).date():
        c.error("firmada_en", "No puede ser anterior al registro de la solicitud.")
    c.terminar()
    return dia or hoy


def siguiente(actores: Actores, proceso: str, despues_de: int = 0) -> int:
    """Number of the next solicitud of a process: they go in order (`CI26-0001`)."""
    numeros = [int(s.solicitud.rsplit("-", 1)[1]) for s in actores.solicitudes.values() if s.proceso == proceso]
    return max([*numeros, despues_de]) + 1


def componer(proceso: str, numero: int) -> str:
    """Folio of a solicitud: Id Proceso and Id Solicitante."""
    return f"{proceso}-{numero:04d}"


def cuenta_de(solicitud: str) -> str:
    """Id of the account of its promovente: there is one, and it says nothing about the person."""
    return f"promovente-{solicitud.lower()}"


def es_ocr(texto: str) -> bool:
    """Whether `ocr_o_cic` is an OCR; otherwise it is a CIC."""
    return not es_cic(texto)


def _edad(nacimiento: date, hoy: date) -> int:
    return hoy.year - nacimiento.year - ((hoy.month, hoy.day) < (nacimiento.month, nacimiento.day))
