"""What every run shares, made once a process: the process and its people, sealed packages, keys; and what one seed takes of it."""

import base64
import io
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from PIL import Image

from apoyo import actores
from apoyo.escenario import CENTRO, PROCESO, SOLICITUDES, Escenario, preparar
from dispositivo.kit import Captura as CapturaSellable
from dispositivo.kit import PaqueteSellado
from dispositivo.poblacion.padron import escribir_padron
from dispositivo.poblacion.plan import Captura, Clase, Cuarentena
from kernel.documents import MemoryDocuments
from kernel.hpke import X25519, Private, Public
from kernel.sealing import KeyRing, derive, seal, unseal
from kernel.stream import Message, TopicSpec
from schemas.actores import DATOS, DatosAuxiliar, DatosSolicitante, contexto_de_auxiliar, contexto_de_solicitante
from schemas.envelope import Evento, ensobrar
from schemas.eventos import (
    AuxiliarRegistrado,
    CedulaConfirmada,
    CompulsaOrdenada,
    DispositivoRegistrado,
    LlaveProceso,
    PerfilRegistrado,
    SolicitudRegistrada,
)
from schemas.paquete import IMAGENES, Parte, Suite
from schemas.perfil import PERFIL_P, PerfilReglas
from schemas.tipos import Modelo
from tests.simulation.bucle import nuevo_bucle
from tests.simulation.motores import Azar, Bitacora, Corriente, Documentos, Proceso, ahora
from tests.support.consultas import Pregunta

EPOCA = datetime(2026, 11, 30, 23, 59, 30, tzinfo=CENTRO)
"""When a run begins, but for some seconds: what is received soon after midnight needs another cut of the roll."""
CORTES = ("2026-10-31", "2026-11-30")
NUEVA = f"{PROCESO}-0009"
"""A solicitud that is registered during the run; its key has the same name."""
SOLICITANTE = "solicitante@solicitantes.invalid"
POLITICAS = ("primero_recibido", "todos", "ninguno")
_SEMILLA = 20261130
_CAPTURAS = 180


@dataclass(frozen=True)
class Comun:
    """What runs share. `actores`: topic `actores`, profile left out; `auxiliares`: those in it; `envolturas`: the wraps of its
    sealed data."""

    escenario: Escenario
    llave_de_proceso: Private
    privadas: dict[str, Private]
    publicas: dict[str, Public]
    actores: tuple[Message, ...]
    auxiliares: tuple[AuxiliarRegistrado, ...]
    envolturas: MemoryDocuments
    imagen: bytes


@cache
def comun() -> Comun:
    """Made at the first use."""
    escenario = preparar(_SEMILLA, _CAPTURAS, EPOCA - timedelta(hours=1))
    llave_de_proceso = Private.generate(X25519)
    privadas = {
        name: Private.generate(X25519)
        for name in ("descifrado", "compulsa", "mesa_control", "notificaciones", "resultados", "portal")
    }
    envolturas = MemoryDocuments()
    bucle = nuevo_bucle()
    azar = Azar(0, bucle, EPOCA)
    portal = Proceso(azar, "portal", lambda _: None, lambda _, __: None)
    bitacora = Bitacora(azar)
    bitacora.crear([TopicSpec("actores", 1)])
    publicas = {name: private.public() for name, private in privadas.items()}
    llavero = KeyRing(Documentos(portal, "llaves", envolturas), "portal", privadas["portal"], publicas)
    llave = _llave(llave_de_proceso.public())
    bucle.correr(actores.cargar(escenario.archivo(), [llave], Corriente(portal, bitacora), llavero, portal))
    perfil = PerfilRegistrado.ce_type()
    mensajes = tuple(
        Message(r.topic, r.key, r.value, r.headers)
        for r in bitacora.registros("actores")
        if r.headers["ce_type"] != perfil
    )
    auxiliares = tuple(
        AuxiliarRegistrado.model_validate_json(m.value)
        for m in mensajes
        if m.headers["ce_type"] == AuxiliarRegistrado.ce_type()
    )
    image = io.BytesIO()
    Image.new("RGB", (8, 8), "gray").save(image, "JPEG")
    return Comun(escenario, llave_de_proceso, privadas, publicas, mensajes, auxiliares, envolturas, image.getvalue())


@cache
def paquete(captura: Captura, vez: int) -> PaqueteSellado:
    """The capture, sealed; another `vez`, the same folio in other bytes."""
    publica = comun().llave_de_proceso.public()
    if captura.verdad.cuarentena is Cuarentena.PAQUETE_NO_ABRE:
        publica = Private.generate(X25519).public()
    imagenes = dict.fromkeys(IMAGENES, (comun().imagen, "image/jpeg"))
    if captura.verdad.cuarentena is Cuarentena.NO_ES_IMAGEN:
        imagenes[Parte.FOTO] = (b"no es una imagen", "image/jpeg")
    return (
        comun()
        .escenario.dispositivos[captura.dispositivo]
        .sellar(
            CapturaSellable(captura.datos, imagenes, captura.capturado_en), _llave(publica), registro=captura.registro
        )
    )


@dataclass(frozen=True, slots=True)
class Envio:
    """A session of sending."""

    id: str
    dispositivo: str
    capturas: tuple[Captura, ...]


@dataclass(frozen=True)
class Tirada:
    """What one seed plays: captures, how they are sent, lookups of the portal, and the process's rules.

    `llave_tardia`: descifrado gets the process's private key only some time after the first records came.

    What the portal registers besides: `con_cedula`, whether the new solicitud gets its cédula; `correos`, of which solicitudes the
    first auxiliar gets a new version, and the e-mail in it; None: as before.
    """

    capturas: tuple[Captura, ...]
    envios: tuple[Envio, ...]
    preguntas: tuple[Pregunta, ...]
    perfil: PerfilReglas
    llave_tardia: bool
    con_cedula: bool
    correos: tuple[tuple[str, str | None], ...]

    def perfil_registrado(self, hora: datetime) -> Message:
        """The profile, for topic `actores`."""
        return mensaje_del_portal(PerfilRegistrado(version=1, perfil=self.perfil), hora)

    def actores(self) -> Iterator[Message]:
        """The rest of topic `actores`, without the devices that send nothing: every process reads all of it at each start."""
        usados = {f"dispositivo/{envio.dispositivo}" for envio in self.envios}
        for mensaje in comun().actores:
            if mensaje.headers["ce_type"] != DispositivoRegistrado.ce_type() or mensaje.headers["ce_subject"] in usados:
                yield mensaje

    def registros(self, portal: KeyRing) -> Iterator[Evento]:
        """A solicitud, corrected, its cédula, and new versions of auxiliares."""
        vacios = dict.fromkeys(DatosSolicitante.model_fields, "")
        datos = DatosSolicitante.model_validate({**vacios, "telefonos": [], "correo": SOLICITANTE})
        raiz = ahora(portal.create(NUEVA, {"portal": None, "notificaciones": DATOS}))
        for version in (1, 2):
            yield SolicitudRegistrada(
                version=version,
                solicitud=NUEVA,
                proceso=PROCESO,
                denominacion=f"Solicitud de la simulación, versión {version}",
                entidad=None,
                llave=NUEVA,
                datos_sellados=_sellar(raiz, datos, contexto_de_solicitante(NUEVA)),
            )
        if self.con_cedula:
            yield CedulaConfirmada(
                version=1, solicitud=NUEVA, firmada_en="2026-11-30", por="opl.10", registrada_en=EPOCA
            )
        for solicitud, correo in self.correos:
            primera = next(a for a in comun().auxiliares if a.solicitud == solicitud)
            contexto = contexto_de_auxiliar(solicitud, primera.auxiliar)
            raiz = ahora(portal.open(primera.llave))
            viejos = unseal(derive(raiz, DATOS), base64.b64decode(primera.datos_sellados), contexto)
            datos_nuevos = DatosAuxiliar.model_validate_json(viejos)
            if correo is not None:
                datos_nuevos = datos_nuevos.model_copy(update={"correo": correo})
            sellados = _sellar(raiz, datos_nuevos, contexto)
            yield primera.model_copy(update={"version": 2, "datos_sellados": sellados})

    def escribir_padron(self, path: Path) -> None:
        """The roll: everybody in it who has to do with a capture."""
        wanted = {p.id_registro for c in self.capturas for p in (c.persona, c.otra) if p is not None}
        escribir_padron(path, [p for p in comun().escenario.plan.en_padron if p.id_registro in wanted])


def tirar(rng: random.Random) -> Tirada:
    """Draw what a seed plays: a person or two who appear several times, one of each rarer kind, and some more."""
    todas = comun().escenario.capturas
    por_persona: dict[str, list[Captura]] = {}
    for c in todas:
        if c.verdad.persona_id:
            por_persona.setdefault(c.verdad.persona_id, []).append(c)
    repetidas = [group for _, group in sorted(por_persona.items()) if len(group) > 1]
    elegidas = [c for group in rng.sample(repetidas, rng.randint(1, 2)) for c in group]
    elegidas += rng.sample([c for c in todas if c.verdad.cuarentena], rng.randint(0, 1))
    elegidas += rng.sample([c for c in todas if c.verdad.reglas], rng.randint(0, 1))
    elegidas += rng.sample([c for c in todas if c.clase in _RARAS], rng.randint(0, 2))
    elegidas += rng.sample([c for c in todas if c.corregido is not None], rng.randint(0, 1))
    elegidas += rng.sample(todas, rng.randint(1, 3))
    capturas = tuple(sorted(set(elegidas), key=lambda c: c.numero))
    perfil = PERFIL_P.model_copy(
        update={
            "compulsa": rng.choice(("continua", "continua", "al_final")),
            "misma_persona": rng.choice(POLITICAS),
            "confirmacion": rng.choice(("inmediata", "tras_cedula_firmada")),
        }
    )
    correos = [(s.id, rng.choice((None, f"nuevo.{s.id.lower()}@auxiliares.invalid"))) for s in SOLICITUDES]
    return Tirada(
        capturas,
        tuple(_envios(rng, capturas)),
        tuple(_preguntas(rng, capturas)),
        perfil,
        rng.random() < 0.3,
        rng.random() < 0.7,
        tuple(rng.sample(correos, rng.randint(0, len(correos)))),
    )


_RARAS = {Clase.BAJA, Clase.NO_ENCONTRADO, Clase.FUERA_DE_AMBITO, Clase.OTRA_REGISTRAL}


def _envios(rng: random.Random, capturas: tuple[Captura, ...]) -> Iterator[Envio]:
    """Each device sends what it has in one session or two."""
    por_dispositivo: dict[str, list[Captura]] = {}
    for c in capturas:
        por_dispositivo.setdefault(c.dispositivo, []).append(c)
    for dispositivo, suyas in sorted(por_dispositivo.items()):
        corte = rng.randint(0, len(suyas) - 1)
        for parte in (suyas[:corte], suyas[corte:]):
            if parte:
                yield Envio(rng.randbytes(16).hex(), dispositivo, tuple(parte))


_IDENTIFICADORES = (("clave_elector", "numero_emision"), ("cic",), ("ocr",), ("clave_elector", "cic", "ocr"))


def _preguntas(rng: random.Random, capturas: tuple[Captura, ...]) -> Iterator[Pregunta]:
    """Some lookups about people who appear in captures, whether the roll has them or not."""
    for _ in range(rng.randint(1, 3)):
        yield Pregunta(rng.randbytes(16).hex(), rng.choice(capturas).persona, rng.choice(_IDENTIFICADORES))


def orden_de_compulsa(hora: datetime) -> Message:
    """The OPL's order of the final compulsa."""
    return mensaje_del_portal(CompulsaOrdenada(version=1, proceso=PROCESO, ordenada_en=hora), hora)


def _sellar(raiz: bytes, datos: Modelo, contexto: str) -> str:
    return base64.b64encode(seal(derive(raiz, DATOS), datos.model_dump_json().encode(), contexto)).decode()


def mensaje_del_portal(evento: Evento, hora: datetime) -> Message:
    """An event of `actores`, as it goes out."""
    sobre = ensobrar(evento, fuente="/apoyo/portal", hora=hora, causa=f"simulacion {evento.version}")
    return Message(evento.topic, evento.llave_mensaje, sobre.cuerpo(), sobre.headers())


def _llave(publica: Public) -> LlaveProceso:
    return LlaveProceso(id="ci26-1", suite=Suite.X25519, publica=base64.b64encode(publica.raw).decode())
