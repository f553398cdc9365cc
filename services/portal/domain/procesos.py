"""Processes: what their form says, who registers them, what follows (SPEC 2; P 6.1 A, D 1.2). Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from credencial.entidades import ENTIDADES
from schemas.actores import Actores, DatosEnlaces, Enlace
from schemas.autorizacion import Rol
from schemas.eventos import ProcesoRegistrado
from schemas.hora import CENTRO
from schemas.perfil import BASE, Dueno, PerfilReglas, Plazo, TipoProceso
from services.portal.domain.captura import Captura

NOMBRE_DE_TIPO = {
    TipoProceso.CANDIDATURA_INDEPENDIENTE: "Candidatura independiente",
    TipoProceso.REVOCACION_DE_MANDATO: "Revocación de mandato",
    TipoProceso.CONSULTA_POPULAR: "Consulta popular",
    TipoProceso.INICIATIVA_CIUDADANA: "Iniciativa ciudadana",
}
ORGANO: dict[Rol, Dueno] = {Rol.INE_ADMIN: "ine", Rol.OPL_ADMIN: "opl"}
"""For whom a role registers and changes rules."""
NUMEROS = [e.numero for e in ENTIDADES]
MAXIMO_ENLACES = 3
SIN_LLAVES = "El INE aún no pone las llaves públicas de este Id Proceso: pídalas antes de registrarlo."

Ambito = Literal["federal", "local"]


def tipos_de(rol: Rol) -> list[TipoProceso]:
    """Types of process that a role registers: INE all (D 1.2; P 6.1 where there is no OPL), the OPL its own (P 6.1)."""
    organo = ORGANO.get(rol)
    return [tipo for tipo, base in BASE.items() if organo == "ine" or base.registra == organo]


@dataclass(frozen=True, slots=True)
class ProcesoCapturado:
    """What the form of a process says."""

    tipo: TipoProceso
    proceso: str
    denominacion: str
    ambito: Ambito | None
    entidad: str | None
    inicio: datetime
    fin: datetime
    activo: bool
    mi_apoyo: bool
    regimen_de_excepcion: bool
    convenio_hasta: date | None
    calendario: str | None
    estimado_solicitantes: int | None
    estimado_apoyos: int | None


def leer(
    valores: Mapping[str, Sequence[str]],
    actores: Actores,
    *,
    rol: Rol,
    ahora: datetime,
    actual: ProcesoRegistrado | None = None,
) -> ProcesoCapturado:
    """Read the form, in its order. `actual`: what is changed; its type, id and place stay. Raises Invalida."""
    c = Captura(valores)
    tipo, proceso, denominacion, ambito, entidad = _identidad(c, actores, rol, actual)
    inicio, fin = _periodo(c, ahora, actual)
    activo, mi_apoyo, regimen = (c.casilla(campo) for campo in ("activo", "mi_apoyo", "regimen_de_excepcion"))
    convenio_hasta = c.dia("convenio_hasta", opcional=True)
    calendario = c.opcion("calendario", actores.calendarios, opcional=True) or None
    solicitantes = c.entero("estimado_solicitantes", 0, 100_000, opcional=True)
    apoyos = c.entero("estimado_apoyos", 0, 100_000_000, opcional=True)
    c.terminar()
    return ProcesoCapturado(
        tipo,
        proceso,
        denominacion,
        ambito,
        entidad,
        inicio,
        fin,
        activo,
        mi_apoyo,
        regimen,
        convenio_hasta,
        calendario,
        solicitantes,
        apoyos,
    )


def _identidad(
    c: Captura, actores: Actores, rol: Rol, actual: ProcesoRegistrado | None
) -> tuple[TipoProceso, str, str, Ambito | None, str | None]:
    if actual is not None:
        denominacion = c.texto("denominacion", maximo=479)
        return actual.tipo, actual.proceso, denominacion, actual.ambito, actual.entidad
    tipos = tipos_de(rol)
    elegido = c.opcion("tipo", tipos)
    tipo = TipoProceso(elegido) if elegido in tipos else TipoProceso.CANDIDATURA_INDEPENDIENTE
    proceso = c.patron(
        "proceso", r"[A-Z0-9]{2,12}", "Use de 2 a 12 letras mayúsculas y números, sin espacios.", mayusculas=True
    )
    if proceso in actores.procesos:
        c.error("proceso", "Ya hay un proceso con ese Id Proceso: use otro.")
    denominacion = c.texto("denominacion", maximo=479)
    ambito: Ambito = "local" if c.opcion("ambito", ("federal", "local")) == "local" else "federal"
    entidad = c.opcion("entidad", NUMEROS, opcional=True) or None
    if (ambito == "federal") != (ORGANO.get(rol) == "ine") and BASE[tipo].registra == "opl":
        # P 6.1 speaks of the OPL; a federal candidatura has none.
        c.error(
            "ambito",
            "Un proceso federal lo registra el INE: elija local."
            if ambito == "federal"
            else "Una candidatura local la registra su OPL (P 6.1): elija federal.",
        )
    elif ambito == "local" and entidad is None:
        c.error("entidad", "Un proceso local es de una entidad: elíjala.")
    elif ambito == "federal" and entidad is not None:
        c.error("entidad", "Un proceso federal es de todo el país: deje la entidad vacía.")
    return tipo, proceso, denominacion, ambito, entidad


def _periodo(c: Captura, ahora: datetime, actual: ProcesoRegistrado | None) -> tuple[datetime, datetime]:
    inicio, fin = c.momento("inicio"), c.momento("fin")
    if inicio and fin and fin <= inicio:
        c.error("fin", "El término debe ser posterior al inicio.")
    elif actual and fin and fin != actual.fin and fin < ahora:
        c.error("fin", "El término no puede moverse al pasado: lo que se recibió hasta ahora vale.")
    if actual and inicio and inicio != actual.inicio and actual.inicio <= ahora:
        c.error("inicio", "El proceso ya inició: su inicio no puede cambiar.")
    return inicio or ahora, fin or ahora


def id_de_perfil(tipo: TipoProceso, proceso: str) -> str:
    """Id of the profile of a process: its own copy of the base profile of its type."""
    return f"{BASE[tipo].id}_{proceso.lower()}"


def leer_enlaces(valores: Mapping[str, Sequence[str]]) -> DatosEnlaces:
    """The liaison officers (P 13.2): one at least, up to `MAXIMO_ENLACES`. Raises Invalida."""
    c = Captura(valores)
    enlaces: list[Enlace] = []
    for n in range(1, MAXIMO_ENLACES + 1):
        campos = [f"{campo}_{n}" for campo in ("nombre", "puesto", "correo", "telefono")]
        if n > 1 and not any(map(c.crudo, campos)):
            continue
        enlaces.append(
            Enlace(
                nombre=c.texto(campos[0], maximo=200),
                puesto=c.texto(campos[1], maximo=200),
                correo=c.correo(campos[2]),
                telefono=c.telefono(campos[3]),
            )
        )
    c.terminar()
    return DatosEnlaces(enlaces=enlaces)


def estado(proceso: ProcesoRegistrado, perfil: PerfilReglas, ahora: datetime) -> tuple[str, str]:
    """Where a process stands: word for programs, words for people."""
    if not proceso.activo:
        return "inactivo", "Inactivo"
    if ahora < proceso.inicio:
        return "por_iniciar", "Aún no inicia"
    if ahora <= proceso.fin:
        return "en_curso", "En curso"
    if ahora <= proceso.fin + timedelta(hours=perfil.gracia_horas):
        return "en_gracia", "Terminó; aún se recibe lo capturado a tiempo"
    return "terminado", "Terminado"


@dataclass(frozen=True, slots=True)
class Aviso:
    """Something that somebody has to do about a process, in words. `grave`: its time is over."""

    texto: str
    grave: bool = False


def avisos(proceso: ProcesoRegistrado, perfil: PerfilReglas, ahora: datetime) -> list[Aviso]:
    """What is missing or about to end (P 13.2, D cl. 9, O)."""
    found: list[Aviso] = []
    limite = proceso.inicio - timedelta(hours=48)
    if proceso.enlaces_sellados is None and ahora >= limite:
        found.append(Aviso("Faltan los enlaces: se registran a más tardar 48 horas antes del inicio (P 13.2).", True))
    if proceso.convenio_hasta is not None:
        hasta = date.fromisoformat(proceso.convenio_hasta)
        quedan = (hasta - ahora.astimezone(CENTRO).date()).days
        if quedan < 0:
            found.append(Aviso("La vigencia del convenio terminó (D, cláusula 9).", True))
        elif quedan <= 60:
            dias = "hoy" if quedan == 0 else f"en {quedan} {'día' if quedan == 1 else 'días'}"
            found.append(Aviso(f"La vigencia del convenio termina {dias}: gestione su renovación (D, cláusula 9)."))
    if proceso.estimado_apoyos is None and ahora < proceso.fin:
        found.append(Aviso("Falta la estimación de apoyos: sin ella no hay plan de capacidad."))
    if any(p.habiles for p in _plazos(perfil)) and proceso.calendario is None:
        found.append(
            Aviso("Sin calendario de días inhábiles, los plazos en días hábiles solo descuentan sábados y domingos.")
        )
    return found


def _plazos(perfil: PerfilReglas) -> list[Plazo]:
    return [valor for _, valor in perfil if isinstance(valor, Plazo)]
