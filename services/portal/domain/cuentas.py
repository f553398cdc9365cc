"""Accounts: one person, one role, where it reaches and how long (P 5.2-5.4, D 9). Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from credencial.entidades import ENTIDADES
from schemas.actores import Actores, DatosCuenta
from schemas.autorizacion import Ambito, Rol
from schemas.eventos import CuentaRegistrada
from schemas.hora import CENTRO
from services.portal.domain.captura import Captura

DEL_OPL = (Rol.OPL_ADMIN, Rol.SUPERVISOR, Rol.OPERADOR)
DEL_INE = (Rol.INE_ADMIN, Rol.SOPORTE, Rol.AUDITOR)
DEL_PERSONAL = (*DEL_OPL, *DEL_INE)
"""Roles that INE gives on an oficio; a promovente's account comes with the solicitud."""
NUMEROS = [e.numero for e in ENTIDADES]
ESTADOS = {
    None: "Vigente",
    "inactiva": "Dada de baja",
    "sin_declaracion": "Falta la Declaración de Confidencialidad",
    "aun_no": "Aún no inicia su vigencia",
    "vencida": "Terminó su vigencia",
}
"""State of an account in words, by `Actores.por_que_no_entra`."""

CORREO_REPETIDO = "Ese correo ya es de otra cuenta con el mismo emisor. Cada persona tiene una sola cuenta."


@dataclass(frozen=True, slots=True)
class CuentaCapturada:
    """What the form of an account says. `hasta`: first instant after its last day."""

    datos: DatosCuenta
    rol: Rol
    entidad: str | None
    procesos: list[str] | None
    desde: datetime
    hasta: datetime
    oficio: str


def leer(
    valores: Mapping[str, Sequence[str]],
    actores: Actores,
    *,
    emisores: Collection[str],
    ahora: datetime,
    actual: CuentaRegistrada | None = None,
) -> CuentaCapturada:
    """Read the form. `emisores`: issuers that vouch for staff; `actual`: what is changed, whose role stays. Raises Invalida."""
    c = Captura(valores)
    nombre = c.texto("nombre", maximo=200)
    puesto = c.texto("puesto", maximo=200)
    correo = c.correo("correo")
    emisor = c.opcion("emisor", emisores)
    telefono = c.telefono("telefono")
    rol = actual.rol if actual else _rol(c)
    entidad, procesos = _alcance(c, rol, actores)
    oficio = c.texto("oficio", maximo=60)
    desde, hasta = _vigencia(c, ahora.astimezone(CENTRO).date(), nueva=actual is None)
    c.terminar()
    return CuentaCapturada(
        DatosCuenta(nombre=nombre, puesto=puesto, correo=correo, telefono=telefono, emisor=emisor),
        rol,
        entidad,
        procesos,
        desde,
        hasta,
        oficio,
    )


def _rol(c: Captura) -> Rol:
    elegido = c.opcion("rol", DEL_PERSONAL)
    return Rol(elegido) if elegido in DEL_PERSONAL else Rol.OPERADOR


def _alcance(c: Captura, rol: Rol, actores: Actores) -> tuple[str | None, list[str] | None]:
    if rol in DEL_INE:
        for campo in ("entidad", "procesos"):
            if c.crudo(campo):
                c.error(campo, "Las cuentas del INE alcanzan todo: deje este dato vacío.")
        return None, None
    entidad = c.opcion("entidad", NUMEROS, opcional=True) or None
    procesos = c.varias("procesos", sorted(actores.procesos), opcional=True)
    if entidad is None and not procesos:
        c.error("entidad", "Elija la entidad del OPL o, si es de un proceso nacional, elija el proceso.")
    ajenos = [p for p in procesos if actores.procesos[p].entidad not in (None, entidad)]
    if ajenos:
        c.error("procesos", f"No son de la entidad de la cuenta: {', '.join(ajenos)}.")
    return entidad, procesos or None


def _vigencia(c: Captura, hoy: date, *, nueva: bool) -> tuple[datetime, datetime]:
    desde, ultimo = c.dia("desde"), c.dia("hasta")
    if desde and ultimo and ultimo < desde:
        c.error("hasta", "La vigencia no puede terminar antes de empezar.")
    elif nueva and ultimo and ultimo < hoy:
        c.error("hasta", "Ese día ya pasó: la cuenta nunca estaría vigente.")
    return _medianoche(desde or hoy), _medianoche((ultimo or hoy) + timedelta(days=1))


def _medianoche(dia: date) -> datetime:
    return datetime.combine(dia, time.min, CENTRO)


def ultimo_dia(cuenta: CuentaRegistrada) -> date:
    """Last day of its validity, hora Centro."""
    return (cuenta.hasta - timedelta(microseconds=1)).astimezone(CENTRO).date()


def correo_ocupado(actores: Actores, acceso: str, *, salvo: str | None = None) -> bool:
    """Whether another account that is not dismissed enters with it, so that nobody could tell which one."""
    return any(c.activa and c.acceso == acceso and c.cuenta != salvo for c in actores.cuentas.values())


def leer_declaracion(valores: Mapping[str, Sequence[str]], hoy: date) -> date:
    """The day on which the Declaración was signed (P 5.4, D 9). Raises Invalida."""
    c = Captura(valores)
    dia = c.dia("firmada_en")
    if dia and dia > hoy:
        c.error("firmada_en", "No puede ser posterior al día de hoy.")
    c.terminar()
    return dia or hoy


def leer_oficio(valores: Mapping[str, Sequence[str]]) -> str:
    """Number of the oficio that asks for a dismissal or a return. Raises Invalida."""
    c = Captura(valores)
    oficio = c.texto("oficio", maximo=60)
    c.terminar()
    return oficio


def ve(quien: Ambito, cuenta: CuentaRegistrada) -> bool:
    """Whether that account is within the reach of who looks: of the same entidad, or of one of the same processes."""
    if quien.entidad is None and quien.procesos is None:
        return True
    if quien.entidad is not None and cuenta.entidad == quien.entidad:
        return quien.procesos is None or cuenta.procesos is None or bool({*quien.procesos} & {*cuenta.procesos})
    return bool({*(quien.procesos or ())} & {*(cuenta.procesos or ())})
