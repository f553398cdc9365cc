"""What pages say of facts, in words. No decisions."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from schemas.envelope import Evento
from schemas.eventos import (
    AuxiliarDadoDeBaja,
    AuxiliarRegistrado,
    AuxiliarVerificado,
    CalendarioRegistrado,
    CedulaConfirmada,
    CierreRegistrado,
    CompulsaOrdenada,
    CuentaRegistrada,
    DeclaracionRegistrada,
    DestruccionOrdenada,
    DispositivoRegistrado,
    FuraRegistrada,
    PerfilRegistrado,
    ProcesoRegistrado,
    SolicitudRegistrada,
)
from schemas.hora import fecha
from schemas.perfil import PerfilReglas
from services.portal.domain.auxiliares import TEXTO_RESULTADO
from services.portal.domain.fichas import Hechos
from services.portal.domain.reglas import diferencias

_NO_SE_DICEN = {"version", "por", "llave", "acceso", "registrada_en", "registrado_en", "enlaces_registrados_en"}
_CAMPOS = {
    "rol": "función",
    "entidad": "entidad",
    "procesos": "procesos",
    "desde": "inicio de la vigencia",
    "hasta": "fin de la vigencia",
    "activa": "alta o baja",
    "oficio": "oficio",
    "datos_sellados": "datos personales",
    "denominacion": "nombre",
    "ambito": "ámbito",
    "inicio": "inicio",
    "fin": "término",
    "activo": "activo o inactivo",
    "perfil": "reglas",
    "llaves": "llaves públicas",
    "mi_apoyo": "Mi Apoyo",
    "regimen_de_excepcion": "régimen de excepción",
    "convenio_hasta": "vigencia del convenio",
    "calendario": "calendario de días inhábiles",
    "estimado_solicitantes": "estimación de solicitudes",
    "estimado_apoyos": "estimación de apoyos",
    "enlaces_sellados": "enlaces",
    "festivos": "días inhábiles",
    "distrito_federal": "distrito federal",
    "distrito_local": "distrito local",
    "municipio": "municipio",
    "cargo": "cargo",
    "nombre_mostrado": "nombre que se muestra",
    "tipo_solicitante": "persona u organización",
    "expediente": "expediente",
    "emblema": "emblema",
    "aviso_simplificado": "aviso de privacidad simplificado",
    "aviso_integral": "aviso de privacidad integral",
    "fecha": "fecha",
    "documento": "documento",
    "hecho": "hecho que se asentó",
}
"""Fields of events, as people call them."""

_CIERRE = {"resultado_final": "el resultado final", "apertura_confirmada": "que los resultados se pudieron abrir"}
_QUE: dict[type[Evento], Callable[[Any], str]] = {
    CuentaRegistrada: lambda e: "Se registró la cuenta",
    DeclaracionRegistrada: lambda e: f"Se asentó la Declaración firmada el {_dia(e.firmada_en)}",
    ProcesoRegistrado: lambda e: "Se registró el proceso",
    PerfilRegistrado: lambda e: "Se registraron las reglas",
    CalendarioRegistrado: lambda e: f"Se registró con {len(e.festivos)} días",
    SolicitudRegistrada: lambda e: "Se registró la solicitud",
    CedulaConfirmada: lambda e: f"Se asentó la cédula firmada el {_dia(e.firmada_en)}",
    AuxiliarRegistrado: lambda e: "Se registró al auxiliar",
    AuxiliarVerificado: lambda e: f"Consulta al padrón: {TEXTO_RESULTADO[e.resultado]}",
    FuraRegistrada: lambda e: f"Se asentó la FURA firmada el {_dia(e.firmada_en)}",
    AuxiliarDadoDeBaja: lambda e: f"Se dio de baja: {e.motivo}",
    DispositivoRegistrado: lambda e: "Se registró el dispositivo",
    CompulsaOrdenada: lambda e: "Se ordenó la compulsa",
    CierreRegistrado: lambda e: f"Se asentó {_CIERRE[e.hecho]} el {_dia(e.fecha)} ({e.documento})",
    DestruccionOrdenada: lambda e: f"Se ordenó destruir los expedientes ({e.numeral}, {e.documento}): {e.motivo}",
}


@dataclass(frozen=True, slots=True)
class Paso:
    """One line of a history: when, who (account; empty when a rule or nobody in particular), and what."""

    cuando: datetime
    quien: str
    que: str
    version: int


def historia(hechos: Hechos) -> list[Paso]:
    """Everything that happened to a subject, the newest first."""
    pasos: list[Paso] = []
    antes: dict[str, Evento] = {}
    for asiento in hechos.historia():
        evento = asiento.evento
        anterior = antes.get(evento.nombre)
        if anterior is None:
            que = _QUE[type(evento)](evento)
        elif isinstance(evento, AuxiliarRegistrado):
            que = "Cambió el correo o quien lo emite"  # nothing else of theirs can be changed (P 9.17)
        else:
            que = f"Cambió: {cambios(anterior, evento)}"
        antes[evento.nombre] = evento
        autor = evento.cuenta if isinstance(evento, AuxiliarDadoDeBaja) else getattr(evento, "por", None)
        pasos.append(Paso(asiento.hora, autor or "", que, evento.version))
    return pasos[::-1]


@dataclass(frozen=True, slots=True)
class VersionDeReglas:
    """One version of a profile: who made it (empty when unknown), and what it changed, in words."""

    version: int
    cuando: datetime
    quien: str
    cambios: list[str]


def versiones_de_reglas(perfil: Hechos | None, proceso: Hechos | None) -> list[VersionDeReglas]:
    """Every version of a process's profile, the newest first. Who made one is who registered the process that first named it."""
    autores: dict[int, str] = {}
    for asiento in proceso.historia() if proceso else ():
        if isinstance(asiento.evento, ProcesoRegistrado):
            autores.setdefault(asiento.evento.perfil.version, asiento.evento.por or "")
    found: list[VersionDeReglas] = []
    antes: PerfilReglas | None = None
    for asiento in perfil.historia() if perfil else ():
        if isinstance(asiento.evento, PerfilRegistrado):
            reglas = asiento.evento.perfil
            distintas = diferencias(antes, reglas) if antes else []
            found.append(VersionDeReglas(reglas.version, asiento.hora, autores.get(reglas.version, ""), distintas))
            antes = reglas
    return found[::-1]


def cambios(antes: Evento, despues: Evento) -> str:
    """Which fields differ, as people call them."""
    distintos = [
        _CAMPOS.get(campo, campo)
        for campo, valor in despues
        if campo not in _NO_SE_DICEN and valor != getattr(antes, campo)
    ]
    return ", ".join(distintos) or "nada"


def _dia(iso: str) -> str:
    return fecha(date.fromisoformat(iso))
