"""A small world around reception: a process, an auxiliar, a device, and ingesta and descifrado on engines in memory."""

import base64
import hashlib
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from dispositivo.cliente import Cliente, Reintentos
from dispositivo.kit import Captura, Dispositivo, PaqueteSellado
from kernel.dispatch import Context
from kernel.documents import MemoryDocuments
from kernel.hpke import Private
from kernel.objects import MemoryObjects
from kernel.outbox import UNIQUE, Outbox
from kernel.sealing import KeyRing
from kernel.stream import Stream, TopicSpec, connect
from kernel.web import Health
from schemas.actores import Actores
from schemas.envelope import Evento, Sobre, leer
from schemas.eventos import (
    POR_TIPO,
    AuxiliarDadoDeBaja,
    AuxiliarRegistrado,
    DestruccionOrdenada,
    DispositivoRegistrado,
    LlaveProceso,
    PerfilRegistrado,
    ProcesoRegistrado,
    ReferenciaPerfil,
    RegistroRecibido,
    SolicitudRegistrada,
)
from schemas.paquete import IMAGENES, DatosRegistro, Modalidad, Suite, Ubicacion, objeto_de
from schemas.perfil import PERFIL_P, PerfilReglas, TipoProceso
from services.descifrado.destruccion import Destrucciones
from services.descifrado.examen import Examen
from services.descifrado.handlers import CON_DERECHO, Descifrado
from services.descifrado.hilos import EnHilo, UnHilo
from services.descifrado.retiro import Retiro
from services.descifrado.semejanzas import Semejanzas
from services.descifrado.settings import IMAGEN_REPETIDA, Umbrales
from services.descifrado.vistas import decodificar
from services.ingesta.adapters import verificar
from services.ingesta.api import build_app
from services.ingesta.handlers import Ingesta
from tests.support.muerte import DocumentosDe, ObjetosDe, Vida

PROCESO = "CI2026"
SOLICITUD = "CI2026-0001"
AUXILIAR = "A0001"
INICIO = datetime(2026, 1, 10, 6, tzinfo=UTC)
FIN = datetime(2026, 2, 10, 6, tzinfo=UTC)
DURANTE = datetime(2026, 1, 20, 18, 30, tzinfo=UTC)
ENVIO = "0" * 31 + "1"


class Reloj:
    """A clock that a test sets."""

    def __init__(self, ahora: datetime = DURANTE) -> None:
        self.ahora = ahora

    def now(self) -> datetime:
        return self.ahora


def png(ancho: int = 8, alto: int = 8, declarado: tuple[int, int] | None = None) -> bytes:
    """A grey PNG; `declarado`: the size that its header claims instead."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")

    width, height = declarado or (ancho, alto)
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 0, 0, 0, 0])
    rows = (b"\x00" + b"\x80" * ancho) * alto
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def datos(**changes: Any) -> DatosRegistro:
    """A synthetic form."""
    base = DatosRegistro(
        modelo="G",
        clave_elector="GMLPAN90010109H100",
        numero_emision="01",
        cic="000000017",
        ocr="0001000000017",
        nombre="ANA",
        primer_apellido="GOMEZ",
        segundo_apellido="LOPEZ",
        original_mostrado=True,
        solicitante_mostrado="Solicitante de prueba",
        manifestacion="Manifiesto mi apoyo.",
        ubicacion=Ubicacion(latitud=19.4, longitud=-99.1, precision_m=10.0),
    )
    return base.model_copy(update=changes)


def captura(**changes: Any) -> Captura:
    """A capture with four images."""
    values: dict[str, Any] = {
        "datos": datos(),
        "imagenes": {parte: (png(8 + i), "image/png") for i, parte in enumerate(IMAGENES)},
        "capturado_en": DURANTE - timedelta(hours=1),
        "modalidad": Modalidad.AUXILIAR,
    }
    return Captura(**(values | changes))


class Mundo:
    """Everything, with `perfil` in force. Call `start` first."""

    def __init__(self, perfil: PerfilReglas = PERFIL_P, suite: Suite = Suite.HIBRIDA) -> None:
        self.reloj = Reloj()
        self.privada = Private.generate(suite)
        self.llave = LlaveProceso(id="k-2026", suite=suite, publica=_b64(self.privada.public().raw))
        self.dispositivo = Dispositivo.nuevo(SOLICITUD, AUXILIAR)
        self.actores = Actores()
        self.stream: Stream = connect("memory:", "prueba")
        self.documentos = MemoryDocuments(UNIQUE)
        self.paquetes = MemoryObjects()
        self.health = Health("engines", "actores")
        self.health.set("engines")
        self.health.set("actores")
        self.reiniciar()
        self.decidir(PerfilRegistrado(version=1, perfil=perfil))
        self.proceso(perfil=ReferenciaPerfil(id=perfil.id, version=perfil.version))
        self.decidir(
            SolicitudRegistrada(version=1, solicitud=SOLICITUD, proceso=PROCESO, denominacion="X", entidad=None),
            AuxiliarRegistrado(version=1, solicitud=SOLICITUD, auxiliar=AUXILIAR, llave="l", datos_sellados=""),
        )
        self.enrolar(self.dispositivo)

    def reiniciar(self) -> None:
        """Another process in the place of the one before: what that one knew is gone."""
        self.outbox = Outbox(self.documentos, self.stream, self.reloj, "/apoyo/ingesta")
        self.ingesta = Ingesta(lambda: self.actores, self.outbox, self.paquetes, self.reloj, verificar)
        self.app = build_app(self.ingesta, self.health, body_timeout_s=0.3)
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://ingesta")

    async def start(self) -> "Mundo":
        await self.stream.start()
        await self.stream.create_topics(
            [TopicSpec(t, 2) for t in ("registro_recibido", "envios", "descifrado", "destruido")]
        )
        return self

    async def stop(self) -> None:
        await self.http.aclose()
        await self.stream.stop()

    # ---- actores

    def decidir(self, *eventos: Evento) -> None:
        """Fold events of `actores` in."""
        for evento in eventos:
            self.actores.aplicar(evento, self.actores.offset)

    def proceso(self, **changes: Any) -> None:
        """The process's next version."""
        actual = self.actores.procesos.get(PROCESO)
        base: dict[str, Any] = (
            dict(actual)
            if actual
            else {
                "version": 0,
                "proceso": PROCESO,
                "tipo": TipoProceso.CANDIDATURA_INDEPENDIENTE,
                "denominacion": "Proceso de prueba",
                "entidad": None,
                "inicio": INICIO,
                "fin": FIN,
                "activo": True,
                "llaves": [self.llave],
            }
        )
        self.decidir(ProcesoRegistrado(**(base | changes | {"version": base["version"] + 1})))

    def enrolar(self, dispositivo: Dispositivo, *, autorizado: bool = True, version: int = 1) -> None:
        """Register a device."""
        self.decidir(
            DispositivoRegistrado(
                version=version,
                dispositivo=dispositivo.id,
                solicitud=dispositivo.solicitud,
                auxiliar=dispositivo.auxiliar,
                publica=dispositivo.publica,
                autorizado=autorizado,
                registrado_en=INICIO,
            )
        )

    def baja(self, por: str, desde: datetime) -> None:
        """Dismiss the auxiliar."""
        self.decidir(
            AuxiliarDadoDeBaja.model_validate(
                {
                    "version": 1,
                    "solicitud": SOLICITUD,
                    "auxiliar": AUXILIAR,
                    "desde": desde,
                    "por": por,
                    "motivo": "renuncia",
                }
            )
        )

    # ---- device

    def sellar(self, **changes: Any) -> PaqueteSellado:
        """A package of the device."""
        return self.dispositivo.sellar(captura(**changes), self.llave)

    def cliente(self, **options: Any) -> Cliente:
        """The kit's client, which never waits long."""
        reintentos = Reintentos(inicial_s=0.001, maxima_s=0.005, plazo_s=0.2)
        return Cliente(self.http, **({"reintentos": reintentos} | options))

    async def abrir(self, envio: str = ENVIO, dispositivo: Dispositivo | None = None, **changes: Any) -> httpx.Response:
        """Open an envío."""
        return await self.firmada(f"/v1/envios/{envio}", {"por_enviar": 1} | changes, dispositivo)

    async def cerrar(self, envio: str = ENVIO, **changes: Any) -> httpx.Response:
        """Close an envío."""
        return await self.firmada(f"/v1/envios/{envio}/cierre", {"pendientes": 0} | changes)

    async def firmada(
        self, ruta: str, contenido: dict[str, Any], dispositivo: Dispositivo | None = None
    ) -> httpx.Response:
        """A signed request about an envío."""
        firmante = dispositivo or self.dispositivo
        quien = {
            "proceso": firmante.proceso,
            "solicitud": firmante.solicitud,
            "auxiliar": firmante.auxiliar,
            "dispositivo": firmante.id,
        }
        cuerpo = json.dumps(quien | contenido).encode()
        firma = firmante.firmar(b"mx.ine.apoyo.envio.v1\x00" + f"PUT {ruta}\x00".encode() + cuerpo)
        return await self.http.put(ruta, content=cuerpo, headers={"Apoyo-Firma": _b64(firma)})

    async def enviar(
        self, paquete: PaqueteSellado | bytes, *, folio: str = "", envio: str = ENVIO, **headers: str
    ) -> httpx.Response:
        """PUT a package, or bytes in its place."""
        contenido = paquete if isinstance(paquete, bytes) else paquete.contenido
        folio = folio or (paquete.folio if isinstance(paquete, PaqueteSellado) else "")
        base = {"Content-Type": "application/vnd.mx.ine.apoyo.paquete", "Apoyo-Envio": envio}
        return await self.http.put(f"/v1/registros/{folio}", content=contenido, headers=base | headers)

    async def recibir(self, paquete: PaqueteSellado) -> RegistroRecibido:
        """Open the envío, PUT the package, and give what the topic says."""
        assert (await self.abrir()).status_code == 200
        response = await self.enviar(paquete)
        assert response.status_code == 201, response.text
        eventos = [sobre.evento for sobre in await self.eventos("registro_recibido")]
        return next(e for e in eventos if isinstance(e, RegistroRecibido) and e.folio == paquete.folio)

    async def eventos(self, topic: str) -> list[Sobre]:
        """What a topic says."""
        return [leer(POR_TIPO, r.headers, r.value) async for r in self.stream.read(topic)]


@dataclass
class MundoDescifrado:
    """descifrado beside a `Mundo`, with the key rings of all who may open an expediente."""

    mundo: Mundo
    llaves_de_proceso: dict[str, Private] = field(default_factory=dict)
    expedientes: MemoryObjects = field(default_factory=MemoryObjects)
    wraps: MemoryDocuments = field(default_factory=MemoryDocuments)
    documentos: MemoryDocuments = field(default_factory=lambda: MemoryDocuments(UNIQUE))
    huellas: MemoryDocuments = field(default_factory=MemoryDocuments)
    wraps_de_procesos: MemoryDocuments = field(default_factory=MemoryDocuments)
    en_hilo: Callable[[], EnHilo] = UnHilo

    def __post_init__(self) -> None:
        self.llaves_de_proceso[self.mundo.llave.id] = self.mundo.privada
        privates = {service: Private.generate() for service in CON_DERECHO}
        publics = {service: private.public() for service, private in privates.items()}
        self.llaves = {s: KeyRing(self.wraps, s, private, publics) for s, private in privates.items()}
        self.llavero = lambda documentos: KeyRing(documentos, "descifrado", privates["descifrado"], publics)
        self.procesos = self.llavero(self.wraps_de_procesos)
        self.descifrado = self.instancia()

    def instancia(self, por_destruir: Callable[[str], bool] = lambda proceso: False) -> Descifrado:
        """Another process of the service, on the same stores. `por_destruir`: what it knows of orders to destroy."""
        outbox = Outbox(self.documentos, self.mundo.stream, self.mundo.reloj, "/apoyo/descifrado")
        en_hilo = self.en_hilo()
        return Descifrado(
            outbox,
            self.mundo.paquetes,
            self.expedientes,
            self.llaves["descifrado"],
            self.llaves_de_proceso.get,
            decodificar,
            Examen(Umbrales()),
            Semejanzas(self.huellas, self.procesos, IMAGEN_REPETIDA, en_hilo),
            en_hilo,
            por_destruir,
        )

    async def destrucciones(self, *ordenes: DestruccionOrdenada, vida: Vida | None = None) -> Destrucciones:
        """What carries orders out, in another process of the service that has read both topics to their end."""
        vida = vida or Vida()
        destrucciones = Destrucciones(
            Outbox(DocumentosDe(vida, self.documentos), self.mundo.stream, self.mundo.reloj, "/apoyo/descifrado"),
            ObjetosDe(vida, self.mundo.paquetes),
            ObjetosDe(vida, self.expedientes),
            self.llavero(DocumentosDe(vida, self.wraps)),
            self.llavero(DocumentosDe(vida, self.wraps_de_procesos)),
            DocumentosDe(vida, self.huellas),
            self.mundo.reloj,
            lambda proceso: None,
        )
        dichos = [sobre.evento for sobre in await self.mundo.eventos("destruido")]
        for evento in (*ordenes, *dichos):
            destrucciones.aplicar(evento, 0)
        return destrucciones

    async def recibido(self, capturado: Captura) -> RegistroRecibido:
        """Put the package where reception would, without asking reception whether it would take it."""
        return await self.recibido_en_bytes(self.mundo.dispositivo.sellar(capturado, self.mundo.llave))

    async def recibido_en_bytes(self, sellado: PaqueteSellado) -> RegistroRecibido:
        """The same, of a package that was sealed already."""
        plantilla = await self.mundo.recibir(self.mundo.sellar())
        sha256 = hashlib.sha256(sellado.contenido).hexdigest()
        objeto = objeto_de(plantilla.proceso, plantilla.recibido_en, sha256)
        await self.mundo.paquetes.put(objeto, sellado.contenido)
        return plantilla.model_copy(
            update={
                "folio": sellado.folio,
                "codigo_integridad": sellado.codigo_integridad,
                "paquete_sha256": sha256,
                "objeto": objeto,
            }
        )

    def retiro(self, gracia: timedelta, vida: Vida | None = None) -> Retiro:
        """What deletes packages, in another process of the service."""
        vida = vida or Vida()
        documentos = DocumentosDe(vida, self.documentos)
        outbox = Outbox(documentos, self.mundo.stream, self.mundo.reloj, "/apoyo/descifrado")
        return Retiro(outbox, ObjetosDe(vida, self.mundo.paquetes), self.mundo.reloj, gracia)

    async def abrir(self, evento: RegistroRecibido, causa: str = "causa") -> Evento:
        """Handle the event, and give what the topic says."""
        await self.descifrado.registro_recibido(
            evento, Context(Sobre(causa, "/apoyo/ingesta", DURANTE, "x", evento), 0)
        )
        return (await self.mundo.eventos("descifrado"))[-1].evento


def _b64(contenido: bytes) -> str:
    return base64.b64encode(contenido).decode()
