"""Rule profiles (SPEC 2): the norms differ, so what differs is a field here, versioned and named in what it decided."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.paquete import Modalidad
from schemas.tipos import Modelo


class TipoProceso(StrEnum):
    """Types of process (SPEC 2)."""

    CANDIDATURA_INDEPENDIENTE = "candidatura_independiente"
    REVOCACION_DE_MANDATO = "revocacion_de_mandato"
    CONSULTA_POPULAR = "consulta_popular"
    INICIATIVA_CIUDADANA = "iniciativa_ciudadana"


Recepcion = Literal["recibir_inconsistente", "no_recibir"]
"""What reception does: take the record and mark it by rule, or refuse it."""
Dueno = Literal["ine", "opl"]
QuienDaDeBaja = Literal["promovente", "opl", "ine"]
ModeloCPV = Literal["C", "D", "E", "F", "G", "H"]


class Plazo(Modelo):
    """A term. `habiles`: working days of the process's holiday calendar; otherwise calendar days (`schemas.plazos`)."""

    dias: Annotated[int, Field(ge=0, le=366)]
    habiles: bool


class InconsistenciaPropia(Modelo):
    """An inconsistency that an OPL adds to the catalogue (P 13.8). `clave` follows from `descripcion`: it never means another."""

    clave: Annotated[str, StringConstraints(pattern=r"^opl_[0-9a-f]{8}$")]
    tipo: Annotated[str, StringConstraints(min_length=1, max_length=60)]
    descripcion: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    pide_detalle: bool
    fundamento: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    modalidades: Annotated[list[Modalidad], Field(min_length=1)]


MAX_PROPIAS = 12
"""Inconsistencies that an OPL may add to a process."""


class PerfilReglas(Modelo):
    """A version of a profile (SPEC 2, table). Each field names its numeral, and `DUENO` says who may change it."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
    version: Annotated[int, Field(ge=1)]
    gracia_horas: Annotated[int, Field(ge=0)]
    """Time to send after the end (P 9.16, D 6.6)."""
    tras_baja_de_auxiliar: Recepcion
    """Received after the dismissal of the auxiliar (P 7.7, D 3.4)."""
    tras_baja_por_ine: Recepcion
    """The same, when INE dismissed for devices (D 4.10)."""
    dispositivo_no_autorizado: Recepcion
    """From a device not authorised (P 8.11, D 4.9)."""
    compulsa: Literal["continua", "al_final"]
    """When the final compulsa runs (D 10.7 b)."""
    misma_persona: Literal["primero_recibido", "todos", "ninguno"]
    """Same person, two aspirantes or promoventes: the OPL decides (P 15.3)."""
    registra: Dueno = "opl"
    """Who registers the process and its solicitudes (P 6.1, D 1.2)."""
    confirmacion: Literal["tras_cedula_firmada", "inmediata"] = "tras_cedula_firmada"
    """When the confirmation e-mail goes out (P 6.1 F, D 2.3)."""
    emblema_tipos: list[Literal["image/png", "image/jpeg"]] = Field(default=["image/png"])
    """What the emblem may be, by its content (P 6.1 E, D 1.2)."""
    telefono_de_auxiliar: Literal["opcional", "requerido"] = "opcional"
    """An auxiliar's phone (P 7.3, D 3)."""
    consulta_de_auxiliar: Literal["al_registrar", "al_enrolar"] = "al_registrar"
    """When an auxiliar is checked against the roll (P 7.6, D 4.5)."""
    baja_por_consulta: Literal["automatica", "por_ine"] = "automatica"
    """Who is not found is dismissed at once, or INE decides (P 7.6, D 4.5)."""
    bajas_de_auxiliar: list[QuienDaDeBaja] = Field(default=["promovente", "opl", "ine"])
    """Who may dismiss an auxiliar (P 7.6, 7.7, 8.6; D 3.4, 3.8, 4.5, 4.10)."""
    dispositivos_activos: Annotated[int, Field(ge=1, le=10)] = 2
    """Active devices of an auxiliar (P 8.11, D 4.9)."""
    mi_apoyo_modelos: list[ModeloCPV] = Field(default=["D", "E", "F", "G", "H"])
    """Cards that Mi Apoyo takes (P 10.1, D 7.3)."""
    mi_apoyo_consulta: Literal["tras_codigo", "antes_de_codigo"] = "tras_codigo"
    """When Mi Apoyo looks the citizen up (P 10.6-10.8, D 7.7-7.10)."""
    mi_apoyo_un_correo_una_persona: bool = False
    """One e-mail and one device are one person (D 7.25)."""
    plazo_de_revision: Plazo = Plazo(dias=10, habiles=False)
    """Term of review, from reception in Mesa de Control (P 13.9, D 10.2)."""
    audiencia_cubre: list[Literal["con_inconsistencia", "no_encontrado", "baja"]] = Field(
        default=["con_inconsistencia"]
    )
    """What a hearing may look at (P 14.1, D 11.2, 11.4 c)."""
    audiencia_aviso_horas: Annotated[int, Field(ge=0)] = 0
    """Notice to INE before a hearing (D 11.3); 0: none asked for."""
    audiencia_resultados_horas: Annotated[int, Field(ge=0)] = 24
    """Time to notify a hearing's results (D 11.9)."""
    llave_opl_dias_antes: Annotated[int, Field(ge=0)] | None = 10
    """Days before the start at which the OPL's public key is due (P 15.1); None: before the delivery (D 13.6)."""
    entrega_preliminar: Plazo | None = None
    """Preliminary delivery, from the notice that review ended (D 13.2)."""
    entrega_final: Plazo | None = None
    """Final delivery, from the notice that hearings ended (D 13.4); None: after review and conciliation (P 15.2)."""
    entrega_unica: Plazo | None = None
    """One single delivery instead of both, counted from 48 h after the end (D 13.7)."""
    portal_cierra: Plazo | None = None
    """The promovente's portal closes so long after the final delivery (D 13.8)."""
    expedientes: Literal["tres_meses_y_archivo", "al_confirmar_apertura"] = "tres_meses_y_archivo"
    """What becomes of expedientes (P 16.1, D 13.9)."""
    cuentan: Literal["lista_nominal", "padron"] = "lista_nominal"
    """Who counts toward the threshold (REGISTRAL.md)."""
    inconsistencias_propias: Annotated[list[InconsistenciaPropia], Field(max_length=MAX_PROPIAS)] = Field(
        default_factory=list
    )
    """What the OPL adds to the catalogue of inconsistencies (P 13.8)."""


DUENO: dict[str, Dueno] = {
    "gracia_horas": "ine",
    "tras_baja_de_auxiliar": "ine",
    "tras_baja_por_ine": "ine",
    "dispositivo_no_autorizado": "ine",
    "compulsa": "ine",
    "misma_persona": "opl",
    "registra": "ine",
    "confirmacion": "ine",
    "emblema_tipos": "ine",
    "telefono_de_auxiliar": "ine",
    "consulta_de_auxiliar": "ine",
    "baja_por_consulta": "ine",
    "bajas_de_auxiliar": "ine",
    "dispositivos_activos": "ine",
    "mi_apoyo_modelos": "ine",
    "mi_apoyo_consulta": "ine",
    "mi_apoyo_un_correo_una_persona": "ine",
    "plazo_de_revision": "ine",
    "audiencia_cubre": "opl",
    "audiencia_aviso_horas": "ine",
    "audiencia_resultados_horas": "ine",
    "llave_opl_dias_antes": "ine",
    "entrega_preliminar": "ine",
    "entrega_final": "ine",
    "entrega_unica": "ine",
    "portal_cierra": "ine",
    "expedientes": "ine",
    "cuentan": "opl",
    "inconsistencias_propias": "opl",
}
"""Who may change each rule: devices, grace, models and terms are INE's; criteria are the OPL's, and DERFE is told
(P 13.4, 13.8)."""


PERFIL_P = PerfilReglas(
    id="candidatura_independiente",
    version=1,
    gracia_horas=24,
    tras_baja_de_auxiliar="recibir_inconsistente",
    tras_baja_por_ine="recibir_inconsistente",
    dispositivo_no_autorizado="recibir_inconsistente",
    compulsa="continua",
    misma_persona="primero_recibido",
)
"""Candidatura independiente (P)."""

PERFIL_D = PerfilReglas(
    id="participacion_ciudadana",
    version=1,
    gracia_horas=24,
    tras_baja_de_auxiliar="no_recibir",
    tras_baja_por_ine="recibir_inconsistente",
    dispositivo_no_autorizado="no_recibir",
    compulsa="al_final",
    misma_persona="primero_recibido",
    registra="ine",
    confirmacion="inmediata",
    emblema_tipos=["image/png", "image/jpeg"],
    telefono_de_auxiliar="requerido",
    consulta_de_auxiliar="al_enrolar",
    baja_por_consulta="por_ine",
    mi_apoyo_modelos=["F", "G", "H"],
    mi_apoyo_consulta="antes_de_codigo",
    mi_apoyo_un_correo_una_persona=True,
    plazo_de_revision=Plazo(dias=10, habiles=True),
    audiencia_cubre=["con_inconsistencia", "no_encontrado", "baja"],
    audiencia_aviso_horas=48,
    llave_opl_dias_antes=None,
    entrega_preliminar=Plazo(dias=5, habiles=True),
    entrega_final=Plazo(dias=2, habiles=True),
    entrega_unica=Plazo(dias=15, habiles=True),
    portal_cierra=Plazo(dias=30, habiles=False),
    expedientes="al_confirmar_apertura",
)
"""Revocación de mandato, consulta popular, iniciativa ciudadana (D)."""

BASE: dict[TipoProceso, PerfilReglas] = {
    TipoProceso.CANDIDATURA_INDEPENDIENTE: PERFIL_P,
    TipoProceso.REVOCACION_DE_MANDATO: PERFIL_D,
    TipoProceso.CONSULTA_POPULAR: PERFIL_D,
    TipoProceso.INICIATIVA_CIUDADANA: PERFIL_D,
}
"""The profile that a process of a type begins with."""
