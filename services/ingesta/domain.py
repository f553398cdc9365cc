"""Decisions of reception. Pure: facts and the server's time in, a decision or a `Rechazo` out.

- Who signs: a known process, its solicitud, its auxiliar, and a device bound to both (P 8.3-8.7, D 4.4-4.6).
- A package is sealed to a key of its process, in that key's suite (P 9.13).
- `MA` is Mi Apoyo and `CM` manual capture, and nobody else is (P 9.14).
- Received from the start of the period to its end plus the grace, by the server's clock (P 9.16, D 6.6).
- Captured outside the period by the device's clock: received, inconsistent (SPEC 5).
- Auxiliar dismissed before the reception: received inconsistent or not received, by profile (P 7.7, D 3.4, 4.10).
- Device not authorised: the same, by profile (P 8.11, D 4.9).
- A record belongs to an open envío of its own device (P 9.14).
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from schemas.actores import Actores
from schemas.eventos import DispositivoRegistrado, EnvioAbierto, EnvioCerrado, ProcesoRegistrado, ReferenciaPerfil
from schemas.paquete import Encabezado, Modalidad


class Codigo(StrEnum):
    """Why something was not received. README.md tells each to people; `problemas.py` to devices."""

    # What arrived
    TIPO_DE_CONTENIDO = "tipo_de_contenido"
    CUERPO_EXCESIVO = "cuerpo_excesivo"
    CUERPO_CORTADO = "cuerpo_cortado"
    LECTURA_LENTA = "lectura_lenta"
    ENVIO_AUSENTE = "envio_ausente"
    ENVIO_INVALIDO = "envio_invalido"
    # The package; the first six are the words of schemas.paquete.PaqueteInvalido
    NO_ES_UN_PAQUETE = "no_es_un_paquete"
    FORMATO_DESCONOCIDO = "formato_desconocido"
    PAQUETE_INCOMPLETO = "paquete_incompleto"
    ENCABEZADO_INVALIDO = "encabezado_invalido"
    FOLIO_INCONGRUENTE = "folio_incongruente"
    CUERPO_ALTERADO = "cuerpo_alterado"
    FOLIO_DISTINTO = "folio_distinto"
    MODALIDAD_INCONGRUENTE = "modalidad_incongruente"
    LLAVE_DESCONOCIDA = "llave_desconocida"
    SUITE_DISTINTA = "suite_distinta"
    # Who sends
    PROCESO_DESCONOCIDO = "proceso_desconocido"
    SOLICITUD_DESCONOCIDA = "solicitud_desconocida"
    AUXILIAR_DESCONOCIDO = "auxiliar_desconocido"
    DISPOSITIVO_DESCONOCIDO = "dispositivo_desconocido"
    DISPOSITIVO_AJENO = "dispositivo_ajeno"
    FIRMA_INVALIDA = "firma_invalida"
    # Whether it may
    PROCESO_INACTIVO = "proceso_inactivo"
    PROCESO_NO_INICIADO = "proceso_no_iniciado"
    FUERA_DE_PLAZO = "fuera_de_plazo"
    AUXILIAR_DADO_DE_BAJA = "auxiliar_dado_de_baja"
    DISPOSITIVO_NO_AUTORIZADO = "dispositivo_no_autorizado"
    # What came before
    FOLIO_EN_CONFLICTO = "folio_en_conflicto"
    ENVIO_DESCONOCIDO = "envio_desconocido"
    ENVIO_CERRADO = "envio_cerrado"
    ENVIO_AJENO = "envio_ajeno"
    ENVIO_EN_CONFLICTO = "envio_en_conflicto"


class Regla(StrEnum):
    """Inconsistencies by rule that reception sees (SPEC 7, last row)."""

    AUXILIAR_DADO_DE_BAJA = "auxiliar_dado_de_baja"
    DISPOSITIVO_NO_AUTORIZADO = "dispositivo_no_autorizado"
    FUERA_DE_PERIODO = "fuera_de_periodo"


class Rechazo(Exception):
    """Not received, and why. `detalle`: names of fields at most, never their values."""

    def __init__(self, codigo: Codigo, detalle: str = "") -> None:
        super().__init__(f"{codigo}: {detalle}" if detalle else codigo)
        self.codigo = codigo
        self.detalle = detalle


class Remitente(Protocol):
    """Who says to send: a package's header, or the body of an envío."""

    @property
    def proceso(self) -> str: ...

    @property
    def solicitud(self) -> str: ...

    @property
    def auxiliar(self) -> str: ...

    @property
    def dispositivo(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Admision:
    """Received, with the inconsistencies by rule, the profile that decided and the facts that it saw."""

    reglas: list[Regla]
    perfil: ReferenciaPerfil
    actores_offset: int


def proceso_conocido(proceso: str, actores: Actores) -> ProcesoRegistrado:
    """The process. Raises Rechazo."""
    registrado = actores.procesos.get(proceso)
    if registrado is None:
        raise Rechazo(Codigo.PROCESO_DESCONOCIDO)
    return registrado


def quien_firma(remitente: Remitente, actores: Actores) -> DispositivoRegistrado:
    """The device whose key must have signed. Raises Rechazo when it, or whom it sends for, is not known."""
    proceso_conocido(remitente.proceso, actores)
    solicitud = actores.solicitudes.get(remitente.solicitud)
    if solicitud is None or solicitud.proceso != remitente.proceso:
        raise Rechazo(Codigo.SOLICITUD_DESCONOCIDA)
    if (remitente.solicitud, remitente.auxiliar) not in actores.auxiliares:
        raise Rechazo(Codigo.AUXILIAR_DESCONOCIDO)
    dispositivo = actores.dispositivos.get(remitente.dispositivo)
    if dispositivo is None:
        raise Rechazo(Codigo.DISPOSITIVO_DESCONOCIDO)
    if (dispositivo.solicitud, dispositivo.auxiliar) != (remitente.solicitud, remitente.auxiliar):
        raise Rechazo(Codigo.DISPOSITIVO_AJENO)
    return dispositivo


def admitir(encabezado: Encabezado, actores: Actores, ahora: datetime) -> Admision:
    """Whether a package of a known, verified device is received at `ahora`, the server's time. Raises Rechazo."""
    _congruente(encabezado, actores)
    proceso = actores.procesos[encabezado.proceso]
    perfil = actores.perfil_de(encabezado.proceso)
    if not proceso.activo:
        raise Rechazo(Codigo.PROCESO_INACTIVO)
    if ahora < proceso.inicio:
        raise Rechazo(Codigo.PROCESO_NO_INICIADO)
    if ahora > actores.limite_de_recepcion(encabezado.proceso):
        raise Rechazo(Codigo.FUERA_DE_PLAZO)
    reglas: list[Regla] = []
    baja = actores.bajas.get((encabezado.solicitud, encabezado.auxiliar))
    if baja is not None and ahora >= baja.desde:
        recepcion = perfil.tras_baja_por_ine if baja.por == "ine" else perfil.tras_baja_de_auxiliar
        if recepcion == "no_recibir":
            raise Rechazo(Codigo.AUXILIAR_DADO_DE_BAJA)
        reglas.append(Regla.AUXILIAR_DADO_DE_BAJA)
    if not actores.dispositivos[encabezado.dispositivo].autorizado:
        if perfil.dispositivo_no_autorizado == "no_recibir":
            raise Rechazo(Codigo.DISPOSITIVO_NO_AUTORIZADO)
        reglas.append(Regla.DISPOSITIVO_NO_AUTORIZADO)
    if not proceso.inicio <= encabezado.capturado_en <= proceso.fin:
        reglas.append(Regla.FUERA_DE_PERIODO)
    return Admision(reglas, proceso.perfil, actores.offset)


def comprobar_envio(remitente: Remitente, abierto: EnvioAbierto | None, cerrado: EnvioCerrado | None) -> EnvioAbierto:
    """The open envío that a record of `remitente` may belong to. Raises Rechazo."""
    if abierto is None:
        raise Rechazo(Codigo.ENVIO_DESCONOCIDO)
    if not mismo_remitente(remitente, abierto):
        raise Rechazo(Codigo.ENVIO_AJENO)
    if cerrado is not None:
        raise Rechazo(Codigo.ENVIO_CERRADO)
    return abierto


def mismo_remitente(uno: Remitente, otro: Remitente) -> bool:
    """Whether both are of the same process, solicitud, auxiliar and device."""
    return (uno.proceso, uno.solicitud, uno.auxiliar, uno.dispositivo) == (
        otro.proceso,
        otro.solicitud,
        otro.auxiliar,
        otro.dispositivo,
    )


_RESERVADOS = {"MA": Modalidad.MI_APOYO, "CM": Modalidad.CAPTURA_MANUAL}


def _congruente(encabezado: Encabezado, actores: Actores) -> None:
    if encabezado.modalidad is not _RESERVADOS.get(encabezado.auxiliar, Modalidad.AUXILIAR):
        raise Rechazo(Codigo.MODALIDAD_INCONGRUENTE)
    # Not those in force alone: a device that has not synced since they were replaced has captures that must not be lost (ADR 20).
    llave = actores.llaves.get((encabezado.proceso, encabezado.llave))
    if llave is None:
        raise Rechazo(Codigo.LLAVE_DESCONOCIDA)
    if llave.suite != encabezado.suite:
        raise Rechazo(Codigo.SUITE_DISTINTA)
