"""Topic `actores`, folded: who may do what, as every service sees it. Pure; every process reads the topic to its end first."""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from schemas.autorizacion import Accion, Lugar, Rol, alcanza, permite
from schemas.envelope import Evento, keep_newest
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
    Geo,
    LlaveProceso,
    PerfilRegistrado,
    ProcesoRegistrado,
    SituacionRegistral,
    SolicitudRegistrada,
)
from schemas.perfil import InconsistenciaPropia, PerfilReglas
from schemas.tipos import Modelo, descomponer_folio, proceso_de


class DatosAuxiliar(Modelo):
    """Personal data of an auxiliar, sealed in `AuxiliarRegistrado.datos_sellados` (P 7.3, D 3). `emisor`: of the login."""

    nombre: str
    correo: str
    paterno: str = ""
    materno: str = ""
    nacimiento: str = ""
    telefono: str = ""
    clave_elector: str = ""
    curp: str = ""
    emisor: str = ""
    referencia: str = ""


class DetalleBaja(Modelo):
    """What the author of a dismissal says besides its reason, sealed in `AuxiliarDadoDeBaja.detalle_sellado`."""

    detalle: str


class DatosCuenta(Modelo):
    """Personal data of an account (P 5.2, D 9), sealed in `CuentaRegistrada.datos_sellados`."""

    nombre: str
    puesto: str
    correo: str
    telefono: str
    emisor: str


class Enlace(Modelo):
    """A liaison officer (P 13.2)."""

    nombre: str
    puesto: str
    correo: str
    telefono: str


class DatosEnlaces(Modelo):
    """Liaison officers of a process, sealed in `ProcesoRegistrado.enlaces_sellados`."""

    enlaces: list[Enlace]


class DatosSolicitante(Modelo):
    """Personal data of an aspirante or promovente (P 6.1 B-D, D 1.2), sealed in `SolicitudRegistrada.datos_sellados`.

    `representante`: legal representative of an organisation. `observaciones`: free text, hence sealed with the rest.
    """

    nombre: str
    paterno: str
    materno: str
    nacimiento: str
    lugar_nacimiento: str
    telefonos: list[str]
    correo: str
    emisor: str
    clave_elector: str
    ocr_o_cic: str
    entidad: str
    municipio: str
    seccion: str
    representante: str = ""
    observaciones: str = ""


class DatosConsulta(Modelo):
    """What compulsa is asked about, sealed in `ConsultaSolicitada.datos_sellados`. What is not known is empty."""

    clave_elector: str
    numero_emision: str = ""
    cic: str = ""
    ocr: str = ""


class RespuestaConsulta(Modelo):
    """What the roll says, sealed in `ConsultaRespondida.respuesta_sellada`."""

    situacion: SituacionRegistral
    causa_baja: str | None
    geo: Geo | None


CONSULTA = "consulta"
"""Label of the subkey under which lookups are sealed: all that compulsa gets of an actor's key."""
DATOS = "datos"
"""Label of the subkey of an actor's personal data."""
CON_DERECHO_A_AUXILIAR = {"portal": None, "notificaciones": DATOS, "compulsa": CONSULTA}
"""Who gets what of an auxiliar's key: None: the whole of it, or the subkey of a label (`kernel.sealing`)."""


def contexto_de_cuenta(cuenta: str) -> str:
    """What a sealed `DatosCuenta` is bound to."""
    return f"{cuenta}|datos"


def contexto_de_enlaces(proceso: str) -> str:
    """What a sealed `DatosEnlaces` is bound to."""
    return f"{proceso}|enlaces"


def contexto_de_solicitante(solicitud: str) -> str:
    """What a sealed `DatosSolicitante` is bound to."""
    return f"{solicitud}|datos"


def contexto_de_auxiliar(solicitud: str, auxiliar: str) -> str:
    """What a sealed `DatosAuxiliar` is bound to."""
    return f"{solicitud}/{auxiliar}|datos"


def contexto_de_baja(solicitud: str, auxiliar: str) -> str:
    """What a sealed `DetalleBaja` is bound to."""
    return f"{solicitud}/{auxiliar}|baja"


def contexto_de_consulta(consulta: str) -> str:
    """What a sealed `DatosConsulta` is bound to."""
    return f"{consulta}|consulta"


def contexto_de_respuesta(consulta: str) -> str:
    """What a sealed `RespuestaConsulta` is bound to."""
    return f"{consulta}|respuesta"


def acceso_de(llave: bytes, emisor: str, correo: str) -> str:
    """Who logs in, as the topic may know them: HMAC-SHA-256 of issuer and e-mail, without case, under `identidad.key`."""
    return hmac.new(llave, f"{emisor}|{correo.strip().casefold()}".encode(), hashlib.sha256).hexdigest()


def acceso_en(llave: bytes, proceso: str, emisor: str, correo: str) -> str:
    """The same within one process: auxiliares and solicitantes of two processes are not linked by it (D 1.2)."""
    return acceso_de(llave, f"{proceso}|{emisor}", correo)


@dataclass
class Actores:
    """Facts in force. `offset`: next offset of the topic, recorded in every decision."""

    offset: int = 0
    perfiles: dict[tuple[str, int], PerfilReglas] = field(default_factory=dict)
    procesos: dict[str, ProcesoRegistrado] = field(default_factory=dict)
    llaves: dict[tuple[str, str], LlaveProceso] = field(default_factory=dict)
    """(process, key id) → each key that was ever published: what was captured with one before its replacement is still received."""
    solicitudes: dict[str, SolicitudRegistrada] = field(default_factory=dict)
    auxiliares: dict[tuple[str, str], AuxiliarRegistrado] = field(default_factory=dict)
    bajas: dict[tuple[str, str], AuxiliarDadoDeBaja] = field(default_factory=dict)
    dispositivos: dict[str, DispositivoRegistrado] = field(default_factory=dict)
    compulsas_ordenadas: dict[str, CompulsaOrdenada] = field(default_factory=dict)
    cierres: dict[str, CierreRegistrado] = field(default_factory=dict)
    destrucciones: dict[str, DestruccionOrdenada] = field(default_factory=dict)
    """Process → the order to destroy what it holds: from then on nobody opens anything of it, whatever is still stored."""
    cuentas: dict[str, CuentaRegistrada] = field(default_factory=dict)
    declaraciones: dict[str, DeclaracionRegistrada] = field(default_factory=dict)
    calendarios: dict[str, CalendarioRegistrado] = field(default_factory=dict)
    cedulas: dict[str, CedulaConfirmada] = field(default_factory=dict)
    verificaciones: dict[tuple[str, str], AuxiliarVerificado] = field(default_factory=dict)
    furas: dict[tuple[str, str], FuraRegistrada] = field(default_factory=dict)

    def aplicar(self, evento: Evento, offset: int) -> None:
        """Fold one event in. An older version of the same subject changes nothing."""
        self.offset = max(self.offset, offset + 1)
        match evento:
            case PerfilRegistrado():
                self.perfiles[(evento.perfil.id, evento.perfil.version)] = evento.perfil
            case ProcesoRegistrado():
                keep_newest(self.procesos, evento.proceso, evento)
                for llave in evento.llaves:
                    self.llaves.setdefault((evento.proceso, llave.id), llave)
            case SolicitudRegistrada():
                keep_newest(self.solicitudes, evento.solicitud, evento)
            case AuxiliarRegistrado():
                keep_newest(self.auxiliares, (evento.solicitud, evento.auxiliar), evento)
            case AuxiliarDadoDeBaja():
                keep_newest(self.bajas, (evento.solicitud, evento.auxiliar), evento)
            case DispositivoRegistrado():
                keep_newest(self.dispositivos, evento.dispositivo, evento)
            case CompulsaOrdenada():
                keep_newest(self.compulsas_ordenadas, evento.proceso, evento)
            case CierreRegistrado():
                keep_newest(self.cierres, evento.proceso, evento)
            case DestruccionOrdenada():
                keep_newest(self.destrucciones, evento.proceso, evento)
            case CuentaRegistrada():
                keep_newest(self.cuentas, evento.cuenta, evento)
            case DeclaracionRegistrada():
                keep_newest(self.declaraciones, evento.cuenta, evento)
            case CalendarioRegistrado():
                keep_newest(self.calendarios, evento.calendario, evento)
            case CedulaConfirmada():
                keep_newest(self.cedulas, evento.solicitud, evento)
            case AuxiliarVerificado():
                keep_newest(self.verificaciones, (evento.solicitud, evento.auxiliar), evento)
            case FuraRegistrada():
                keep_newest(self.furas, (evento.solicitud, evento.auxiliar), evento)
            case _:
                pass

    def perfil_de(self, proceso: str) -> PerfilReglas:
        """The profile in force for a process. Raises KeyError for an unknown process."""
        referencia = self.procesos[proceso].perfil
        return self.perfiles[(referencia.id, referencia.version)]

    def propias(self) -> dict[str, InconsistenciaPropia]:
        """Every inconsistency that an OPL ever added, by its word (P 13.8)."""
        return {i.clave: i for perfil in self.perfiles.values() for i in perfil.inconsistencias_propias}

    def cuentas_de(self, acceso: str) -> list[CuentaRegistrada]:
        """The accounts that such a login enters, in force or not, the newest first: a promovente may be in several processes."""
        found = [c for c in self.cuentas.values() if c.acceso == acceso]
        return sorted(found, key=lambda c: (c.activa, c.registrada_en), reverse=True)

    def por_que_no_entra(self, cuenta: CuentaRegistrada, ahora: datetime) -> str | None:
        """Why an account is not in force: `inactiva`, `sin_declaracion`, `aun_no`, `vencida`; None when it is (P 5.2-5.4, D 9)."""
        if not cuenta.activa:
            return "inactiva"
        if cuenta.rol is not Rol.PROMOVENTE and cuenta.cuenta not in self.declaraciones:
            return "sin_declaracion"
        if ahora < cuenta.desde:
            return "aun_no"
        return "vencida" if ahora >= cuenta.hasta else None

    def lugar(self, *, proceso: str | None = None, solicitud: str | None = None) -> Lugar:
        """Where an action on that process or solicitud falls."""
        if solicitud is not None:
            proceso = proceso_de(solicitud)
        registrado = self.procesos.get(proceso) if proceso is not None else None
        return Lugar(registrado.entidad if registrado else None, proceso, solicitud)

    def lugar_de(self, parametros: Mapping[str, str]) -> Lugar:
        """Where a request falls, by what its path and query name: `folio`, `solicitud` or `proceso`."""
        if "folio" in parametros:
            try:
                return self.lugar(solicitud=descomponer_folio(parametros["folio"]).solicitud)
            except ValueError:
                return Lugar()
        if "solicitud" in parametros:
            return self.lugar(solicitud=parametros["solicitud"])
        return self.lugar(proceso=parametros.get("proceso"))

    def puede(self, cuenta: CuentaRegistrada, accion: Accion, lugar: Lugar) -> bool:
        """Whether the account may do it there (`schemas.autorizacion`)."""
        return permite(cuenta.rol, accion, propio=alcanza(cuenta, lugar))

    def limite_de_recepcion(self, proceso: str) -> datetime:
        """Last instant to receive: the end plus the grace (P 9.16, D 6.6), and none after an order to destroy.

        Raises KeyError for an unknown process.
        """
        limite = self.procesos[proceso].fin + timedelta(hours=self.perfil_de(proceso).gracia_horas)
        orden = self.destrucciones.get(proceso)
        return min(limite, orden.ordenada_en) if orden else limite


VerActores = Callable[[], Actores]
"""How a handler asks for the actors in force now."""
