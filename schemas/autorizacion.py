"""Who may do what, where: role × action × own or other process, as data (SPEC 1, 3, 7, 11).

The services ask `permite`; `docs/security/autorizacion.md` is rendered from here; a test goes through every cell over HTTP.
What else a rule profile says (who registers a process, who may dismiss) is decided by the domain on top of it.

Rules:

- A role that the table does not name for an action may not do it.
- `propio`: only where the account reaches: its OPL's entidad, its processes, and for a promovente its own solicitud.
- `todos`: anywhere.
- A promovente never takes part in the review (P 13.6); `auditor` and `soporte` see no personal data (SPEC 1).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from schemas.tipos import proceso_de


class Rol(StrEnum):
    """Roles (SPEC 1)."""

    INE_ADMIN = "ine_admin"
    OPL_ADMIN = "opl_admin"
    SUPERVISOR = "supervisor"
    OPERADOR = "operador"
    PROMOVENTE = "promovente"
    SOPORTE = "soporte"
    AUDITOR = "auditor"


NOMBRE_DE_ROL: dict[Rol, str] = {
    Rol.INE_ADMIN: "administración del INE",
    Rol.OPL_ADMIN: "administración del OPL",
    Rol.SUPERVISOR: "supervisión",
    Rol.OPERADOR: "operación",
    Rol.PROMOVENTE: "aspirante o promovente",
    Rol.SOPORTE: "soporte",
    Rol.AUDITOR: "auditoría",
}
"""What each role is called, for people: a duty, whoever holds it."""


class Alcance(StrEnum):
    """How far a role's permission for an action reaches."""

    PROPIO = "propio"
    TODOS = "todos"


class Accion(StrEnum):
    """What somebody asks a service to do."""

    VER_CUENTAS = "ver_cuentas"
    REGISTRAR_CUENTA = "registrar_cuenta"
    REGISTRAR_DECLARACION = "registrar_declaracion"
    VER_PROCESO = "ver_proceso"
    REGISTRAR_PROCESO = "registrar_proceso"
    REGISTRAR_CALENDARIO = "registrar_calendario"
    CAMBIAR_REGLAS = "cambiar_reglas"
    REGISTRAR_CIERRE = "registrar_cierre"
    ORDENAR_DESTRUCCION = "ordenar_destruccion"
    VER_SOLICITUD = "ver_solicitud"
    REGISTRAR_SOLICITUD = "registrar_solicitud"
    VER_AUXILIARES = "ver_auxiliares"
    REGISTRAR_AUXILIAR = "registrar_auxiliar"
    DAR_DE_BAJA_AUXILIAR = "dar_de_baja_auxiliar"
    REGISTRAR_FURA = "registrar_fura"
    CAMBIAR_CORREO = "cambiar_correo"
    REVISAR_REGISTRO = "revisar_registro"
    VER_REGISTRO_EN_MESA = "ver_registro_en_mesa"
    VER_HISTORIA = "ver_historia"
    VER_CUARENTENA = "ver_cuarentena"
    REINTENTAR_APERTURA = "reintentar_apertura"
    VER_CARGA = "ver_carga"
    ORDENAR_REPARTO = "ordenar_reparto"
    VER_TOTALES = "ver_totales"
    VER_FOLIO = "ver_folio"


TEXTO: dict[Accion, str] = {
    Accion.VER_CUENTAS: "Ver las cuentas del personal",
    Accion.REGISTRAR_CUENTA: "Registrar y modificar cuentas (P 5.2, D 9)",
    Accion.REGISTRAR_DECLARACION: "Asentar la Declaración de Confidencialidad (P 5.4, D 9)",
    Accion.VER_PROCESO: "Ver un proceso, sus reglas, plazos y plan de capacidad",
    Accion.REGISTRAR_PROCESO: "Registrar y modificar un proceso (P 6.1, D 1.2)",
    Accion.REGISTRAR_CALENDARIO: "Registrar días inhábiles",
    Accion.CAMBIAR_REGLAS: "Cambiar reglas de un proceso, cada quien las suyas (P 13.4, 13.8)",
    Accion.REGISTRAR_CIERRE: "Asentar el resultado final, o que los resultados se pudieron abrir (P 16.1, D 13.9)",
    Accion.ORDENAR_DESTRUCCION: "Ordenar que se destruyan los expedientes de un proceso (P 16.1, D 13.9)",
    Accion.VER_SOLICITUD: "Ver una solicitud y su cédula de confirmación",
    Accion.REGISTRAR_SOLICITUD: "Registrar y modificar una solicitud (P 6.1 B-F, D 1.2)",
    Accion.VER_AUXILIARES: "Ver los auxiliares de una solicitud",
    Accion.REGISTRAR_AUXILIAR: "Registrar auxiliares, uno por uno o en archivo (P 7.3, D 3)",
    Accion.DAR_DE_BAJA_AUXILIAR: "Dar de baja a un auxiliar (P 7.6, 7.7, 8.6; D 3.4, 3.8, 4.5)",
    Accion.REGISTRAR_FURA: "Asentar la FURA de un auxiliar (P 7.5)",
    Accion.CAMBIAR_CORREO: "Cambiar el correo o el emisor de un auxiliar (P 9.17, D 6.7)",
    Accion.REVISAR_REGISTRO: "Revisar registros en Mesa de Control (P 13)",
    Accion.VER_REGISTRO_EN_MESA: "Ver un registro y sus imágenes en Mesa de Control",
    Accion.VER_HISTORIA: "Ver la historia de un registro: quién lo abrió, lo decidió y cuándo",
    Accion.VER_CUARENTENA: "Ver los registros que no se pudieron abrir y por qué",
    Accion.REINTENTAR_APERTURA: "Pedir que se abra otra vez un registro en cuarentena",
    Accion.VER_CARGA: "Ver la carga, los plazos y el reparto de Mesa de Control (P 13.3)",
    Accion.ORDENAR_REPARTO: "Ordenar quién revisa qué (P 13.3, 13.4)",
    Accion.VER_TOTALES: "Ver totales y avance (P 7.12, D 2.1)",
    Accion.VER_FOLIO: "Ver el estado de un folio y sus motivos (P 7.12, D 2.2)",
}
"""What each action is, for people."""

_P, _T = Alcance.PROPIO, Alcance.TODOS
_INE, _OPL, _SUP, _OPE, _PRO, _SOP, _AUD = Rol

TABLA: dict[Accion, dict[Rol, Alcance]] = {
    Accion.VER_CUENTAS: {_INE: _T, _OPL: _P, _AUD: _T},
    Accion.REGISTRAR_CUENTA: {_INE: _T},
    Accion.REGISTRAR_DECLARACION: {_INE: _T},
    Accion.VER_PROCESO: {_INE: _T, _OPL: _P, _SUP: _P, _OPE: _P, _PRO: _P, _SOP: _T, _AUD: _T},
    Accion.REGISTRAR_PROCESO: {_INE: _T, _OPL: _P},
    Accion.REGISTRAR_CALENDARIO: {_INE: _T},
    Accion.CAMBIAR_REGLAS: {_INE: _T, _OPL: _P},
    Accion.REGISTRAR_CIERRE: {_INE: _T, _OPL: _P},
    Accion.ORDENAR_DESTRUCCION: {_INE: _T},
    Accion.VER_SOLICITUD: {_INE: _T, _OPL: _P, _PRO: _P},
    Accion.REGISTRAR_SOLICITUD: {_INE: _T, _OPL: _P},
    Accion.VER_AUXILIARES: {_INE: _T, _OPL: _P, _PRO: _P, _SOP: _T, _AUD: _T},
    Accion.REGISTRAR_AUXILIAR: {_PRO: _P},
    Accion.DAR_DE_BAJA_AUXILIAR: {_INE: _T, _OPL: _P, _PRO: _P},
    Accion.REGISTRAR_FURA: {_OPL: _P, _PRO: _P},
    Accion.CAMBIAR_CORREO: {_OPL: _P, _PRO: _P},
    Accion.REVISAR_REGISTRO: {_OPE: _P},
    Accion.VER_REGISTRO_EN_MESA: {_OPE: _P, _SUP: _P},
    Accion.VER_HISTORIA: {_INE: _T, _OPL: _P, _SUP: _P, _SOP: _T, _AUD: _T},
    Accion.VER_CUARENTENA: {_INE: _T, _OPL: _P, _SUP: _P, _SOP: _T, _AUD: _T},
    Accion.REINTENTAR_APERTURA: {_INE: _T, _SUP: _P},
    Accion.VER_CARGA: {_INE: _T, _OPL: _P, _SUP: _P, _AUD: _T},
    Accion.ORDENAR_REPARTO: {_SUP: _P},
    Accion.VER_TOTALES: {_INE: _T, _OPL: _P, _SUP: _P, _PRO: _P, _SOP: _T, _AUD: _T},
    Accion.VER_FOLIO: {_INE: _T, _OPL: _P, _SUP: _P, _PRO: _P, _SOP: _T, _AUD: _T},
}
"""The table. Whom the portal shows personal data of solicitantes and auxiliares besides: `VE_DATOS_PERSONALES`."""

VE_DATOS_PERSONALES = frozenset({Rol.INE_ADMIN, Rol.OPL_ADMIN, Rol.PROMOVENTE})
"""Roles to whom the portal shows names, e-mails and identifiers; the others see ids and states (SPEC 1)."""


@dataclass(frozen=True, slots=True)
class Lugar:
    """Where an action falls. What is None does not restrict: a list falls nowhere, and shows only what the account reaches."""

    entidad: str | None = None
    proceso: str | None = None
    solicitud: str | None = None


class Ambito(Protocol):
    """How far an account reaches (`schemas.eventos.CuentaRegistrada`)."""

    @property
    def entidad(self) -> str | None:
        """Of its OPL; None: all."""
        ...

    @property
    def procesos(self) -> list[str] | None:
        """None: all of the entidad."""
        ...

    @property
    def solicitud(self) -> str | None:
        """Of a promovente's account."""
        ...


def alcanza(ambito: Ambito, lugar: Lugar) -> bool:
    """Whether the place is within the account's reach. A national process is reached by accounts of no entidad, or that name it."""
    if ambito.solicitud is not None:
        mio = lugar.proceso in (None, proceso_de(ambito.solicitud))
        return mio and lugar.solicitud in (None, ambito.solicitud)
    if lugar.proceso is None:
        return True
    if ambito.procesos is not None:
        return lugar.proceso in ambito.procesos
    return ambito.entidad in (None, lugar.entidad)


def permite(rol: Rol, accion: Accion, *, propio: bool) -> bool:
    """Whether the role may do it, in an own place or in another."""
    alcance = TABLA[accion].get(rol)
    return alcance is Alcance.TODOS or (alcance is Alcance.PROPIO and propio)


def documento() -> str:
    """`docs/security/autorizacion.md`, rendered."""
    cabeza = [
        "# Who may do what",
        "",
        "Rendered from `schemas/autorizacion.py` by `make generated`; a test asks every cell over HTTP.",
        "**propio**: only where the account reaches (its OPL's entidad, its processes, its own solicitud); **todos**: anywhere;",
        "empty: never.",
        "",
        f"| acción | {' | '.join(f'`{rol.value}`' for rol in Rol)} |",
        f"|---|{'---|' * len(Rol)}",
    ]
    filas = [
        f"| {TEXTO[accion]} | {' | '.join(TABLA[accion][rol].value if rol in TABLA[accion] else '' for rol in Rol)} |"
        for accion in Accion
    ]
    return "\n".join([*cabeza, *filas, ""])
