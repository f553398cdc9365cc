"""Events of the stream, one class each; `topics.yaml` says who writes and who reads them.

No personal data in clear: what only some may read travels sealed (`Sellado`), a person is a hash keyed per process, and an
object is named by its own hash.
"""

from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from schemas.autorizacion import Rol
from schemas.envelope import Evento
from schemas.paquete import Modalidad, Parte
from schemas.perfil import PerfilReglas, TipoProceso
from schemas.tipos import (
    Base64,
    Entidad,
    Folio,
    IdAcceso,
    IdAuxiliar,
    IdConsulta,
    IdCuenta,
    IdDispositivo,
    IdEnvio,
    IdProceso,
    IdSolicitud,
    Modelo,
    Momento,
    Sellado,
    Sha256,
)

Palabra = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Texto = Annotated[str, StringConstraints(max_length=500)]
Corte = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
"""Date of a cut of the roll."""
Llave = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
"""Id of a key; the key itself is never in an event."""
Offset = Annotated[int, Field(ge=0)]
Fecha = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
"""A day, hora Centro."""
Numero = Annotated[str, StringConstraints(max_length=60)]
"""Number of an official document."""
Url = Annotated[str, StringConstraints(pattern=r"^https://[^\s]+$", max_length=500)]
ClaveGeo = Annotated[str, StringConstraints(min_length=1, max_length=8)]
"""A geo-electoral key as the roll has it (`Geo`)."""


class ReferenciaPerfil(Modelo):
    """The rule profile that decided."""

    id: Palabra
    version: Annotated[int, Field(ge=1)]


# registro_recibido -----------------------------------------------------------------------------------------------------


class RegistroRecibido(Evento):
    """Accepted and durable (SPEC 5). `reglas`: inconsistencies by rule that reception saw (SPEC 7, last row)."""

    nombre: ClassVar[str] = "registro_recibido"
    topic: ClassVar[str] = "registro_recibido"

    folio: Folio
    proceso: IdProceso
    solicitud: IdSolicitud
    auxiliar: IdAuxiliar
    dispositivo: IdDispositivo
    envio: IdEnvio
    modalidad: Modalidad
    codigo_integridad: Sha256
    paquete_sha256: Sha256
    objeto: Annotated[str, StringConstraints(max_length=200)]
    tamano: Annotated[int, Field(ge=1)]
    capturado_en: Momento
    recibido_en: Momento
    reglas: list[Palabra]
    perfil: ReferenciaPerfil
    actores_offset: Offset

    @property
    def asunto(self) -> str:
        return self.folio


# descifrado ------------------------------------------------------------------------------------------------------------


MAX_FOLIOS_DE_ALERTA = 10
"""Other records that an alert names, at most."""


class Alerta(Modelo):
    """What a machine saw; it helps the reviewer and never decides (SPEC 6). `folios`: other records that it is about, or some."""

    codigo: Palabra
    inciso: Annotated[str, StringConstraints(max_length=40)]
    parte: Parte
    medida: float
    umbral: float
    severidad: Literal["alerta", "advertencia"]
    detalle: Texto = ""
    folios: list[Folio] = Field(default_factory=list, max_length=MAX_FOLIOS_DE_ALERTA)


class ParteSellada(Modelo):
    """Where one part lies inside the expediente's object, and what ties it to the signed header."""

    nombre: Parte
    tipo_medio: Annotated[str, StringConstraints(max_length=64)]
    desde: Offset
    tamano: Annotated[int, Field(ge=1)]
    compendio: Sha256


class RegistroDescifrado(Evento):
    """Opened, checked and sealed again under a key of this record alone (SPEC 6)."""

    nombre: ClassVar[str] = "registro_descifrado"
    topic: ClassVar[str] = "descifrado"

    folio: Folio
    recibido_en: Momento
    envio: IdEnvio
    codigo_integridad: Sha256
    reglas: list[Palabra]
    llave: Llave
    objeto: Annotated[str, StringConstraints(max_length=200)]
    partes: list[ParteSellada]
    datos_sellados: Sellado
    acuse_sellado: Sellado
    alertas: list[Alerta]

    @property
    def asunto(self) -> str:
        return self.folio


class RegistroEnCuarentena(Evento):
    """Could not be opened; visible and retriable, never lost (SPEC 6). Counted within `en_procesamiento`."""

    nombre: ClassVar[str] = "registro_en_cuarentena"
    topic: ClassVar[str] = "descifrado"

    folio: Folio
    recibido_en: Momento
    envio: IdEnvio
    codigo_integridad: Sha256
    motivo: Palabra
    detalle: Texto = ""

    @property
    def asunto(self) -> str:
        return self.folio


# reintentos ------------------------------------------------------------------------------------------------------------


class ReintentoSolicitado(Evento):
    """Somebody asks that a record in quarantine be opened again (SPEC 6), after a fix or once a late key is there.

    `version`: of the quarantine that it answers. So a quarantine is retried once, whoever asks and however often, and what comes of
    it is the next version in topic `descifrado`. All that opening needs is here, as reception said it.
    """

    nombre: ClassVar[str] = "reintento_solicitado"
    topic: ClassVar[str] = "reintentos"

    folio: Folio
    proceso: IdProceso
    envio: IdEnvio
    codigo_integridad: Sha256
    paquete_sha256: Sha256
    objeto: Annotated[str, StringConstraints(max_length=200)]
    recibido_en: Momento
    reglas: list[Palabra]
    por: IdCuenta
    solicitado_en: Momento

    @property
    def asunto(self) -> str:
        return self.folio


# acceso ----------------------------------------------------------------------------------------------------------------


class AccesoRegistrado(Evento):
    """Somebody was given what a record holds (SPEC 7, 12): written before anything of it is opened.

    `partes`: what they may see from `desde` on, and until `hasta` without another event; None: that once. An image that is entitled
    may never be asked for, and what is delivered ahead may never be looked at: this says who could see, not who looked.
    `via`: how it was asked for: the next record of the queue, a folio, one image by itself; `anterior`: from before this topic,
    when that was not written down. Each access is a subject of its own, so that many of one record wait for nobody.
    """

    nombre: ClassVar[str] = "acceso_registrado"
    topic: ClassVar[str] = "acceso"

    acceso: IdAcceso
    folio: Folio
    quien: IdCuenta
    partes: Annotated[list[Parte], Field(min_length=1)]
    via: Literal["asignacion", "folio", "imagen", "anterior"]
    desde: Momento
    hasta: Momento | None

    @property
    def asunto(self) -> str:
        return f"{self.folio}/{self.acceso}"

    @property
    def llave_mensaje(self) -> str:
        return self.folio


# correcciones ----------------------------------------------------------------------------------------------------------


CampoCorregible = Literal[
    "modelo", "clave_elector", "numero_emision", "cic", "ocr", "nombre", "primer_apellido", "segundo_apellido", "curp"
]
"""What a person may correct of a form, from the image; what a machine read of the card is never edited (D 5.6)."""


class RegistroCorregido(Evento):
    """Somebody corrected the form from the image, since nobody was found by it or it came without CIC and OCR (D 5.8, 10.3).

    `campos`: which fields changed, never what they say. `datos_sellados`: the whole form (`DatosRegistro`) as it stands from now
    on, under the label `DATOS` of `llave`, bound to `schemas.expediente.contexto_de_correccion`. What it said before is in the
    version before, or in `descifrado`. `compulsado_version`: the lookup that it answers.
    """

    nombre: ClassVar[str] = "registro_corregido"
    topic: ClassVar[str] = "correcciones"

    folio: Folio
    campos: Annotated[list[CampoCorregible], Field(min_length=1)]
    llave: Llave
    datos_sellados: Sellado
    operador: IdCuenta
    corregido_en: Momento
    compulsado_version: Annotated[int, Field(ge=1)]
    perfil: ReferenciaPerfil
    actores_offset: Offset

    @property
    def asunto(self) -> str:
        return self.folio


# compulsado ------------------------------------------------------------------------------------------------------------


class Fase(StrEnum):
    """Of a lookup (SPEC 8)."""

    PRELIMINAR = "preliminar"
    DEFINITIVA = "definitiva"


class SituacionRegistral(StrEnum):
    """REGISTRAL.md, "Registral situations"; `pendiente`: the cut that the record needs is not loaded."""

    EN_LISTA_NOMINAL = "en_lista_nominal"
    EN_PADRON_NO_LISTA_NOMINAL = "en_padron_no_lista_nominal"
    BAJA = "baja"
    NO_ENCONTRADO = "no_encontrado"
    FUERA_DE_AMBITO = "fuera_de_ambito"
    PENDIENTE = "pendiente"


class Geo(Modelo):
    """Geo-electoral keys, as the roll has them."""

    entidad: Entidad
    distrito_federal: Annotated[str, StringConstraints(max_length=8)]
    distrito_local: Annotated[str, StringConstraints(max_length=8)]
    municipio: Annotated[str, StringConstraints(max_length=8)]
    seccion: Annotated[str, StringConstraints(max_length=8)]


class RegistroCompulsado(Evento):
    """What the roll's cut says of the person (SPEC 8).

    `clasificado_version`: the decision that the lookup looked at; 0 before there is one. `persona`: hash keyed per process.
    `coincidencia`: identifiers that agreed with the roll; `discrepancias`: those that did not. `correccion_version`: the corrected
    form that was looked up (`RegistroCorregido`); 0: the form as it came.
    """

    nombre: ClassVar[str] = "registro_compulsado"
    topic: ClassVar[str] = "compulsado"

    folio: Folio
    fase: Fase
    situacion: SituacionRegistral
    causa_baja: Palabra | None = None
    corte: Corte
    persona: Sha256 | None = None
    geo: Geo | None = None
    coincidencia: list[Palabra]
    discrepancias: list[Palabra]
    duplicado_de: Folio | None = None
    clasificado_version: Offset
    descifrado_version: Annotated[int, Field(ge=1)]
    correccion_version: Offset = 0

    @property
    def asunto(self) -> str:
        return self.folio


class MiembroDePersona(Evento):
    """Internal to compulsa: how one record stands among those of its person. `limpio`: decided without inconsistency.

    `version`: that of the folio's state inside compulsa. The key is the person: one worker at a time decides who is first.
    """

    nombre: ClassVar[str] = "miembro_de_persona"
    topic: ClassVar[str] = "compulsa_personas"

    persona: Sha256
    folio: Folio
    recibido_en: Momento
    limpio: bool
    clasificado_version: Offset
    politica: Literal["primero_recibido", "todos", "ninguno"]

    @property
    def asunto(self) -> str:
        return self.folio

    @property
    def llave_mensaje(self) -> str:
        return self.persona


class Veredicto(Evento):
    """Internal to compulsa: the outcome for one record among those of its person. `version`: of the person's group.

    The subject names the person too: the groups of two persons count their versions apart.
    """

    nombre: ClassVar[str] = "veredicto"
    topic: ClassVar[str] = "compulsa_veredictos"

    folio: Folio
    persona: Sha256
    clasificado_version: Annotated[int, Field(ge=1)]
    duplicado_de: Folio | None

    @property
    def asunto(self) -> str:
        return f"{self.folio}/{self.persona}"

    @property
    def llave_mensaje(self) -> str:
        return self.folio


# clasificado -----------------------------------------------------------------------------------------------------------


class Inconsistencia(Modelo):
    """One reason of SPEC 7's catalogue. `clave`: its inciso, or the word of a rule."""

    clave: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
    detalle: Texto | None = None
    origen: Literal["revision", "regla"]


class RegistroClasificado(Evento):
    """A decision (SPEC 7): without inconsistency when the list is empty, else with each of its reasons.

    `excepciones`: inconsistencies that it would have, were they not valid by their exception (P 13.7 j, k, m): none of its reasons.
    """

    nombre: ClassVar[str] = "registro_clasificado"
    topic: ClassVar[str] = "clasificado"

    folio: Folio
    por: Literal["revision"]
    inconsistencias: list[Inconsistencia]
    excepciones: list[Palabra] = Field(default_factory=list)
    catalogo: Annotated[str, StringConstraints(max_length=40)]
    operador: Annotated[str, StringConstraints(pattern=r"^[a-z0-9._-]{1,64}$")]
    decidido_en: Momento
    compulsado_version: Annotated[int, Field(ge=1)]
    perfil: ReferenciaPerfil
    actores_offset: Offset

    @property
    def asunto(self) -> str:
        return self.folio

    @property
    def sin_inconsistencia(self) -> bool:
        """Whether nothing speaks against the record."""
        return not self.inconsistencias


# repartos --------------------------------------------------------------------------------------------------------------


class ParteDeReparto(Modelo):
    """A part of an order: whoever of `cuentas` asks next gets it. `porcentaje`: of what the order means, by the folio's hash."""

    cuentas: Annotated[list[IdCuenta], Field(min_length=1, max_length=50)]
    porcentaje: Annotated[int, Field(ge=1, le=100)]


class RepartoOrdenado(Evento):
    """A supervisor orders who reviews what (P 13.3, 13.4), or changes that, or ends it; each time in a new version.

    What it means: the pending records of the process that agree in all that is not None, those that arrive later, too.
    `recibido_antes_de`: those that had been waiting at that moment. Only `partes` (who has each, not how much), `exclusivo` (for
    them alone) and `fin` differ between its versions. `fin`: why it ended; None while it is in force.
    """

    nombre: ClassVar[str] = "reparto_ordenado"
    topic: ClassVar[str] = "repartos"

    reparto: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{12}$")]
    proceso: IdProceso
    solicitud: IdSolicitud | None = None
    modalidad: Modalidad | None = None
    con_alertas: bool | None = None
    situacion: SituacionRegistral | None = None
    recibido_antes_de: Momento | None = None
    partes: Annotated[list[ParteDeReparto], Field(min_length=1, max_length=100)]
    exclusivo: bool = True
    fin: Literal["concluido", "cambio_de_carga", "ausencia", "error"] | None = None
    por: IdCuenta
    ordenado_en: Momento

    @property
    def asunto(self) -> str:
        return f"{self.proceso}/{self.reparto}"


# envios ----------------------------------------------------------------------------------------------------------------


MAX_FOLIOS = 5000
"""Folios that a closing names; some 350 kB."""


class EnvioAbierto(Evento):
    """A device began a session of sending (SPEC 5)."""

    nombre: ClassVar[str] = "envio_abierto"
    topic: ClassVar[str] = "envios"

    envio: IdEnvio
    proceso: IdProceso
    solicitud: IdSolicitud
    auxiliar: IdAuxiliar
    dispositivo: IdDispositivo
    abierto_en: Momento
    por_enviar: Annotated[int, Field(ge=0)]

    @property
    def asunto(self) -> str:
        return self.envio


class EnvioCerrado(Evento):
    """The session ended. `recibidos`: what ingesta received in it; `pendientes`: what the device says it still holds.

    `folios`: which records `recibidos` counts, so that a receipt waits for those and for no other; None when there are more
    than `MAX_FOLIOS`, which would not fit a message.
    """

    nombre: ClassVar[str] = "envio_cerrado"
    topic: ClassVar[str] = "envios"

    envio: IdEnvio
    proceso: IdProceso
    solicitud: IdSolicitud
    auxiliar: IdAuxiliar
    dispositivo: IdDispositivo
    abierto_en: Momento
    cerrado_en: Momento
    recibidos: Annotated[int, Field(ge=0)]
    folios: Annotated[list[Folio], Field(max_length=MAX_FOLIOS)] | None = None
    pendientes: Annotated[int, Field(ge=0)]

    @property
    def asunto(self) -> str:
        return self.envio


# actores ---------------------------------------------------------------------------------------------------------------


class EventoDeActores(Evento):
    """Base of what `actores` says: a subject is told by several kinds of events, and each kind counts its own versions."""

    topic: ClassVar[str] = "actores"

    @property
    def serie(self) -> str:
        return f"{self.nombre}/{self.asunto}"


class LlaveProceso(Modelo):
    """A public key that packages may be sealed to."""

    id: Llave
    suite: Annotated[str, StringConstraints(max_length=64)]
    publica: Base64


class PerfilRegistrado(EventoDeActores):
    """A version of a rule profile (SPEC 2)."""

    nombre: ClassVar[str] = "perfil_registrado"

    perfil: PerfilReglas

    @property
    def asunto(self) -> str:
        return f"perfil/{self.perfil.id}"


class CalendarioRegistrado(EventoDeActores):
    """A holiday calendar, whole: the days that are not working days besides Saturdays and Sundays (SPEC 2)."""

    nombre: ClassVar[str] = "calendario_registrado"

    calendario: Palabra
    festivos: list[Fecha]
    por: IdCuenta
    registrado_en: Momento

    @property
    def asunto(self) -> str:
        return f"calendario/{self.calendario}"


class CuentaRegistrada(EventoDeActores):
    """An account, or its new version: one person, one role, where it reaches, and how long (P 5.2-5.4, D 9).

    `entidad`: of the OPL, None where it reaches all; `procesos`: None for all of the entidad; `solicitud`: a promovente's own.
    `acceso`: hash of issuer and e-mail under the key that the services with pages share (`schemas.actores`). `datos_sellados`:
    `DatosCuenta`, under a key of that person. It is in force between `desde` and `hasta`, while `activa`, and for staff only once
    the Declaración de Confidencialidad is recorded.
    """

    nombre: ClassVar[str] = "cuenta_registrada"

    cuenta: IdCuenta
    rol: Rol
    entidad: Entidad | None
    procesos: list[IdProceso] | None
    solicitud: IdSolicitud | None
    acceso: Sha256
    desde: Momento
    hasta: Momento
    activa: bool
    oficio: Numero
    llave: Llave
    datos_sellados: Sellado
    por: IdCuenta
    registrada_en: Momento

    @property
    def asunto(self) -> str:
        return f"cuenta/{self.cuenta}"


class DeclaracionRegistrada(EventoDeActores):
    """The signed Declaración de Confidencialidad of an account is held (P 5.4, D 9)."""

    nombre: ClassVar[str] = "declaracion_registrada"

    cuenta: IdCuenta
    firmada_en: Fecha
    por: IdCuenta
    registrada_en: Momento

    @property
    def asunto(self) -> str:
        return f"cuenta/{self.cuenta}"


class ProcesoRegistrado(EventoDeActores):
    """A process, or its new version (SPEC 2). `entidad`: None when it is national.

    `convenio_hasta`: last day of the convenio (D cl. 9); `calendario`: of holidays; estimates: for the capacity plan (O);
    `enlaces_sellados`: `DatosEnlaces`, the liaison officers (P 13.2), under `llave`.
    """

    nombre: ClassVar[str] = "proceso_registrado"

    proceso: IdProceso
    tipo: TipoProceso
    denominacion: Annotated[str, StringConstraints(min_length=1, max_length=479)]
    entidad: Entidad | None
    inicio: Momento
    fin: Momento
    activo: bool
    perfil: ReferenciaPerfil
    llaves: Annotated[list[LlaveProceso], Field(min_length=1)]
    ambito: Literal["federal", "local"] | None = None
    mi_apoyo: bool = False
    regimen_de_excepcion: bool = False
    convenio_hasta: Fecha | None = None
    calendario: Palabra | None = None
    estimado_solicitantes: Annotated[int, Field(ge=0)] | None = None
    estimado_apoyos: Annotated[int, Field(ge=0)] | None = None
    llave: Llave | None = None
    enlaces_sellados: Sellado | None = None
    enlaces_registrados_en: Momento | None = None
    por: IdCuenta | None = None

    @property
    def asunto(self) -> str:
        return f"proceso/{self.proceso}"


class Emblema(Modelo):
    """The emblem: at most 500 KB, PNG or JPG by its content (P 6.1 E, D 1.2)."""

    objeto: Annotated[str, StringConstraints(max_length=200)]
    sha256: Sha256
    tipo_medio: Literal["image/png", "image/jpeg"]
    tamano: Annotated[int, Field(ge=1, le=512_000)]


class ExpedienteSolicitud(Modelo):
    """Papers of a solicitud: the aviso and the oficio, and the OPL's own folio (D 1.2)."""

    aviso_fecha: Fecha | None = None
    aviso_numero: Numero = ""
    oficio_fecha: Fecha | None = None
    oficio_numero: Numero = ""
    folio_interno: Numero = ""


class SolicitudRegistrada(EventoDeActores):
    """A solicitud of an aspirante or promovente, or its new version.

    Who may support it (P 9.3, 10.9): `entidad` and, where the cargo asks for it, one of the three other keys; all None: national.
    `datos_sellados`: `DatosSolicitante`, under a key of that person. `acceso`: as in `CuentaRegistrada`, unique within the
    process (D 1.2). `nombre_mostrado`: apart from the legal representative of an organisation.
    """

    nombre: ClassVar[str] = "solicitud_registrada"

    solicitud: IdSolicitud
    proceso: IdProceso
    denominacion: Annotated[str, StringConstraints(min_length=1, max_length=479)]
    entidad: Entidad | None
    distrito_federal: ClaveGeo | None = None
    distrito_local: ClaveGeo | None = None
    municipio: ClaveGeo | None = None
    cargo: Annotated[str, StringConstraints(max_length=200)] | None = None
    nombre_mostrado: Annotated[str, StringConstraints(max_length=200)] | None = None
    tipo_solicitante: Literal["persona", "organizacion"] | None = None
    expediente: ExpedienteSolicitud | None = None
    emblema: Emblema | None = None
    aviso_simplificado: Url | None = None
    aviso_integral: Url | None = None
    estimado_apoyos: Annotated[int, Field(ge=0)] | None = None
    acceso: Sha256 | None = None
    llave: Llave | None = None
    datos_sellados: Sellado | None = None
    por: IdCuenta | None = None
    registrada_en: Momento | None = None

    @property
    def asunto(self) -> str:
        return f"solicitud/{self.solicitud}"


class CedulaConfirmada(EventoDeActores):
    """The signed cédula de confirmación of a solicitud is held (P 6.1 F)."""

    nombre: ClassVar[str] = "cedula_confirmada"

    solicitud: IdSolicitud
    firmada_en: Fecha
    por: IdCuenta
    registrada_en: Momento

    @property
    def asunto(self) -> str:
        return f"solicitud/{self.solicitud}"


class AuxiliarRegistrado(EventoDeActores):
    """An auxiliar of a solicitud. `datos_sellados`: `DatosAuxiliar`, under a key of that person; `acceso`: as in an account."""

    nombre: ClassVar[str] = "auxiliar_registrado"

    solicitud: IdSolicitud
    auxiliar: IdAuxiliar
    llave: Llave
    datos_sellados: Sellado
    acceso: Sha256 | None = None
    por: IdCuenta | None = None
    registrado_en: Momento | None = None

    @property
    def asunto(self) -> str:
        return f"auxiliar/{self.solicitud}/{self.auxiliar}"


class AuxiliarVerificado(EventoDeActores):
    """What follows from the roll's answer about an auxiliar (P 7.6, D 4.5). `resultado`: no more than whether it may go on."""

    nombre: ClassVar[str] = "auxiliar_verificado"

    solicitud: IdSolicitud
    auxiliar: IdAuxiliar
    consulta: IdConsulta
    corte: Corte
    resultado: Literal["procede", "no_encontrado", "sin_vigencia"]
    verificado_en: Momento

    @property
    def asunto(self) -> str:
        return f"auxiliar/{self.solicitud}/{self.auxiliar}"


class FuraRegistrada(EventoDeActores):
    """The signed Formato Único de Registro de Auxiliar is held: who recorded it, and when (P 7.5)."""

    nombre: ClassVar[str] = "fura_registrada"

    solicitud: IdSolicitud
    auxiliar: IdAuxiliar
    firmada_en: Fecha
    por: IdCuenta
    registrada_en: Momento

    @property
    def asunto(self) -> str:
        return f"auxiliar/{self.solicitud}/{self.auxiliar}"


class AuxiliarDadoDeBaja(EventoDeActores):
    """A dismissal: takes effect by the server's reception time; what was received earlier stands (SPEC 3).

    `motivo`: a text of the catalogue, never of the person; what more there is to say is sealed, `DetalleBaja` under the auxiliar's
    key. `cuenta`: its author; None when a rule dismissed (P 7.6).
    """

    nombre: ClassVar[str] = "auxiliar_dado_de_baja"

    solicitud: IdSolicitud
    auxiliar: IdAuxiliar
    desde: Momento
    por: Literal["promovente", "opl", "ine"]
    motivo: Texto
    cuenta: IdCuenta | None = None
    detalle_sellado: Sellado | None = None

    @property
    def asunto(self) -> str:
        return f"auxiliar/{self.solicitud}/{self.auxiliar}"


class DispositivoRegistrado(EventoDeActores):
    """A device and its public key (P 8.3-8.7, D 4.4-4.6).

    `publica`: P-256, SubjectPublicKeyInfo in DER. Whether it is authorised follows from the profile's number of active devices.
    """

    nombre: ClassVar[str] = "dispositivo_registrado"

    dispositivo: IdDispositivo
    solicitud: IdSolicitud
    auxiliar: IdAuxiliar
    publica: Base64
    autorizado: bool
    registrado_en: Momento

    @property
    def asunto(self) -> str:
        return f"dispositivo/{self.dispositivo}"


class CompulsaOrdenada(EventoDeActores):
    """The OPL orders the final compulsa of a process whose profile runs it `al_final` (D 10.7 b)."""

    nombre: ClassVar[str] = "compulsa_ordenada"

    proceso: IdProceso
    ordenada_en: Momento

    @property
    def asunto(self) -> str:
        return f"compulsa/{self.proceso}"


class CierreRegistrado(EventoDeActores):
    """The fact from which the expedientes of a process need no longer be kept (SPEC 2), or its correction.

    `hecho`: the final result (P 16.1), or that who received the results confirms that they could be opened (D 13.9). `fecha`: the
    day of it; `documento`: the paper that says so.
    """

    nombre: ClassVar[str] = "cierre_registrado"

    proceso: IdProceso
    hecho: Literal["resultado_final", "apertura_confirmada"]
    fecha: Fecha
    documento: Annotated[Numero, StringConstraints(min_length=1)]
    por: IdCuenta
    registrado_en: Momento

    @property
    def asunto(self) -> str:
        return f"proceso/{self.proceso}"


class DestruccionOrdenada(EventoDeActores):
    """INE orders that what was sealed of a process's records be destroyed for good (SPEC 11; P 16.1, D 13.9). Nothing ends it.

    `numeral`: the rule by which it was due; `cierre_version`: of the fact that it rests on (`CierreRegistrado`); `documento`: the
    paper that orders it; `motivo`: why, never about a person.
    """

    nombre: ClassVar[str] = "destruccion_ordenada"

    proceso: IdProceso
    numeral: Literal["P 16.1", "D 13.9"]
    cierre_version: Annotated[int, Field(ge=1)]
    documento: Annotated[Numero, StringConstraints(min_length=1)]
    motivo: Annotated[Texto, StringConstraints(min_length=1)]
    perfil: ReferenciaPerfil
    por: IdCuenta
    ordenada_en: Momento

    @property
    def asunto(self) -> str:
        return f"proceso/{self.proceso}"


# destruido -------------------------------------------------------------------------------------------------------------


class ExpedientesDestruidos(Evento):
    """How far an order to destroy is carried out (`DestruccionOrdenada`): each page of records, and its end, in the next version.

    `registros`: whose keys, hashes and objects are gone, of `total` that were opened or set aside; `hasta`: the last of them, in
    the order of their folios. `terminada`: nothing of the process can be opened any more, and nothing of it is stored. A version
    after that says that something had come back, from a backup or a process that was frozen, and is being destroyed again.
    """

    nombre: ClassVar[str] = "expedientes_destruidos"
    topic: ClassVar[str] = "destruido"

    proceso: IdProceso
    registros: Annotated[int, Field(ge=0)]
    total: Annotated[int, Field(ge=0)]
    hasta: Folio | None
    terminada: bool
    al: Momento

    @property
    def asunto(self) -> str:
        return f"destruccion/{self.proceso}"


# consulta_padron, respuesta_padron -------------------------------------------------------------------------------------


class ConsultaSolicitada(Evento):
    """Is this person in the roll? (P 7.6, D 4.5). `datos_sellados`: `DatosConsulta`, under the subkey `consulta` of `llave`."""

    nombre: ClassVar[str] = "consulta_solicitada"
    topic: ClassVar[str] = "consulta_padron"

    consulta: IdConsulta
    proceso: IdProceso
    sujeto: Annotated[str, StringConstraints(max_length=80)]
    llave: Llave
    datos_sellados: Sellado
    solicitada_en: Momento

    @property
    def asunto(self) -> str:
        return self.consulta


class ConsultaRespondida(Evento):
    """What the newest complete cut says. `respuesta_sellada`: `RespuestaConsulta`, under the subkey `consulta` of `llave`.

    `sujeto`: of the request, the event's subject on `actores`.
    """

    nombre: ClassVar[str] = "consulta_respondida"
    topic: ClassVar[str] = "respuesta_padron"

    consulta: IdConsulta
    sujeto: Annotated[str, StringConstraints(max_length=80)]
    corte: Corte
    llave: Llave
    respuesta_sellada: Sellado
    respondida_en: Momento

    @property
    def asunto(self) -> str:
        return self.consulta


EVENTOS: tuple[type[Evento], ...] = (
    RegistroRecibido,
    RegistroDescifrado,
    RegistroEnCuarentena,
    ReintentoSolicitado,
    AccesoRegistrado,
    RegistroCorregido,
    RegistroCompulsado,
    MiembroDePersona,
    Veredicto,
    RegistroClasificado,
    RepartoOrdenado,
    EnvioAbierto,
    EnvioCerrado,
    CuentaRegistrada,
    DeclaracionRegistrada,
    CalendarioRegistrado,
    PerfilRegistrado,
    ProcesoRegistrado,
    SolicitudRegistrada,
    CedulaConfirmada,
    AuxiliarRegistrado,
    AuxiliarVerificado,
    FuraRegistrada,
    AuxiliarDadoDeBaja,
    DispositivoRegistrado,
    CompulsaOrdenada,
    CierreRegistrado,
    DestruccionOrdenada,
    ExpedientesDestruidos,
    ConsultaSolicitada,
    ConsultaRespondida,
)

POR_TIPO: dict[str, type[Evento]] = {evento.ce_type(): evento for evento in EVENTOS}
