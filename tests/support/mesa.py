"""A Mesa de Control on memory, and records that arrive in it: events, sealed data and images as descifrado leaves them."""

import base64
import hashlib
import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from io import BytesIO

import httpx
from fastapi import FastAPI
from PIL import Image, ImageDraw

from credencial.codigos import componer_qr
from credencial.mrz import componer_mrz
from kernel.dispatch import Context
from kernel.documents import Documents, MemoryDocuments
from kernel.hpke import Private
from kernel.objects import MemoryObjects, Objects
from kernel.outbox import UNIQUE, Outbox
from kernel.sealing import KeyRing, derive, seal
from kernel.stream import Record, Stream, TopicSpec, connect
from kernel.web import Health
from schemas.actores import Actores
from schemas.autorizacion import Rol
from schemas.envelope import Evento, Sobre, ensobrar, leer
from schemas.eventos import (
    POR_TIPO,
    AccesoRegistrado,
    Alerta,
    Fase,
    ParteSellada,
    PerfilRegistrado,
    ProcesoRegistrado,
    ReferenciaPerfil,
    RegistroClasificado,
    RegistroCompulsado,
    RegistroCorregido,
    RegistroDescifrado,
    RegistroEnCuarentena,
    RegistroRecibido,
    ReintentoSolicitado,
    RepartoOrdenado,
    SituacionRegistral,
    SolicitudRegistrada,
)
from schemas.expediente import DATOS, IMAGENES, contexto, id_de_llave
from schemas.paquete import IMAGENES as PARTES_IMAGEN
from schemas.paquete import DatosRegistro, Lecturas, Modalidad, Parte
from schemas.perfil import PERFIL_P, InconsistenciaPropia
from schemas.tipos import componer_folio, proceso_de
from services.mesa_control import agent, api
from services.mesa_control.acceso.handlers import Accesos, Historias, ProyectorDeHistoria
from services.mesa_control.cuarentena.handlers import Cuarentena
from services.mesa_control.handlers import Hecho, MesaDeControl
from services.mesa_control.lecturas import LecturasJuntas
from services.mesa_control.reparto.domain import Repartos
from services.mesa_control.reparto.fila import Fila
from services.mesa_control.reparto.handlers import Busqueda, Panorama, Repartidor, Reparto, Supervision
from services.mesa_control.reparto.presencia import Presencia
from tests.support.ejemplos import ejemplo
from tests.support.identidad import Puerta

PROCESO = "CI26"
SOLICITUD = "CI26-0001"
EPOCA = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
PERSONAS = {
    "operador1": Rol.OPERADOR,
    "operador2": Rol.OPERADOR,
    "supervisor1": Rol.SUPERVISOR,
    "auditor1": Rol.AUDITOR,
    "ine1": Rol.INE_ADMIN,
    "soporte1": Rol.SOPORTE,
}
"""Accounts that reach every process."""


@dataclass
class Reloj:
    """A clock that moves when told to."""

    ahora: datetime = EPOCA + timedelta(days=1)

    def now(self) -> datetime:
        return self.ahora

    def avanza(self, **tiempo: float) -> None:
        self.ahora += timedelta(**tiempo)


def actores() -> Actores:
    """One process with one solicitud."""
    known = Actores()
    for offset, evento in enumerate(
        (
            PerfilRegistrado(version=1, perfil=PERFIL_P),
            ejemplo(ProcesoRegistrado, proceso=PROCESO, denominacion="Diputaciones locales, Durango 2026"),
            ejemplo(SolicitudRegistrada, solicitud=SOLICITUD, proceso=PROCESO, denominacion="Aspirante de Prueba"),
        )
    ):
        known.aplicar(evento, offset)
    return known


def datos(n: int = 1) -> DatosRegistro:
    """A consistent form of nobody."""
    cic, ocr = f"{123456000 + n:09d}", f"0421{n:09d}"
    mrz = componer_mrz(
        cic=cic,
        ocr=ocr,
        nacimiento="850314",
        sexo="M",
        vencimiento="311231",
        numero_emision="02",
        consecutivo="01234",
        nombre="XÓCHITL",
        paterno="ZZEJEMPLO",
        materno="FICTICIA",
    )
    return DatosRegistro(
        modelo="G",
        clave_elector="ZJFCXC85031410M100",
        numero_emision="02",
        cic=cic,
        ocr=ocr,
        nombre="XÓCHITL",
        primer_apellido="ZZEJEMPLO",
        segundo_apellido="FICTICIA",
        lecturas=Lecturas(mrz="\n".join(mrz), qr=componer_qr(ocr, "02", cic, "20210615", "M", "123456")),
        original_mostrado=True,
        solicitante_mostrado="Aspirante de Prueba",
        manifestacion="Manifiesto mi apoyo.",
    )


@cache
def imagen(parte: str, n: int) -> bytes:
    """A drawn stand-in for one image; no two records have the same."""
    ancho, alto = (900, 566) if parte in {"anverso", "reverso"} else (600, 800) if parte == "foto" else (900, 400)
    picture = Image.new("RGB", (ancho, alto), (236, 234, 230))
    pen = ImageDraw.Draw(picture)
    pen.rectangle((8, 8, ancho - 9, alto - 9), outline=(120, 120, 120), width=4)
    pen.text((40, 40), f"ESPECIMEN {parte.upper()} {n}", fill=(30, 30, 30), font_size=44)
    if parte == "firma":
        pen.line([(80 + 22 * i, 220 + (i * 37 * n) % 110 - 55) for i in range(34)], fill=(20, 20, 90), width=6)
    if parte in {"foto", "anverso"}:
        x, y, r = (300, 400, 170) if parte == "foto" else (190, 300, 110)
        pen.ellipse((x - r, y - r * 1.25, x + r, y + r * 1.25), fill=(201, 160, 130), outline=(90, 60, 40), width=4)
    out = BytesIO()
    picture.save(out, "JPEG", quality=80)
    return out.getvalue()


@dataclass
class Mesa:
    """All of it on memory, unless given. `llega` makes a record wait in the queue; `eventos` gives its facts apart."""

    reloj: Reloj = field(default_factory=Reloj)
    stream: Stream = field(default_factory=lambda: connect("memory:", "mesa_control"))
    registros: Documents = field(default_factory=MemoryDocuments)
    historias: Documents = field(default_factory=MemoryDocuments)
    salida: Documents = field(default_factory=lambda: MemoryDocuments(unique=UNIQUE))
    envolturas: Documents = field(default_factory=MemoryDocuments)
    expedientes: Objects = field(default_factory=MemoryObjects)

    def __post_init__(self) -> None:
        private = Private.generate()
        self.llaves = KeyRing(self.envolturas, "mesa_control", private, {"mesa_control": private.public()})
        self.actores = actores()
        self.puerta = Puerta(self.actores, self.reloj)
        for cuenta, rol in PERSONAS.items():
            self.puerta.cuenta(cuenta, rol)
        ids = itertools.count(1)
        outbox = Outbox(self.salida, self.stream, self.reloj, "/apoyo/mesa_control")
        self.accesos = Accesos(outbox, self.reloj, lambda: f"{next(ids):032x}", timedelta(minutes=10))
        self.repartos = Repartos()
        self.presencia = Presencia(
            self.registros, lambda: self.actores, timedelta(minutes=10), ausencia=timedelta(hours=2)
        )
        self.servicio = MesaDeControl(
            registros=self.registros,
            accesos=self.accesos,
            outbox=outbox,
            llavero=self.llaves,
            expedientes=self.expedientes,
            ver_actores=lambda: self.actores,
            clock=self.reloj,
            asignacion=timedelta(minutes=10),
            deshacer=timedelta(minutes=15),
            fila=Fila(self.registros, lambda: self.actores, self.repartos, self.presencia),
            lecturas=LecturasJuntas(self.registros),
        )
        self.panorama = Panorama(
            self.registros, lambda: self.actores, self.reloj, self.repartos, self.presencia, timedelta(days=3)
        )
        self.reparto = Reparto(self.servicio.outbox, self.reloj, self.repartos, self.presencia)
        self.repartidor = Repartidor(self.registros, self.repartos, self.reloj, lambda: self.actores)

    async def empieza(self) -> None:
        """Start the log, so that decisions can be published."""
        await self.stream.start()
        await self.stream.create_topics(
            [
                TopicSpec(tipo.topic, 8)
                for tipo in (
                    RegistroClasificado,
                    ReintentoSolicitado,
                    RegistroCorregido,
                    AccesoRegistrado,
                    RepartoOrdenado,
                )
            ]
        )

    @staticmethod
    @asynccontextmanager
    async def en_marcha() -> AsyncIterator["Mesa"]:
        """One whose log is started."""
        mesa = Mesa()
        await mesa.empieza()
        yield mesa
        await mesa.stream.stop()

    @asynccontextmanager
    async def cliente(self, cuenta: str) -> AsyncIterator[httpx.AsyncClient]:
        """A client of the application with a session of that account."""
        transport = httpx.ASGITransport(self.app(), raise_app_exceptions=False)
        headers = {"Origin": self.puerta.public_url}
        async with httpx.AsyncClient(transport=transport, base_url=self.puerta.public_url, headers=headers) as http:
            http.cookies.update(await self.puerta.entra(cuenta))
            yield http

    def app(self) -> FastAPI:
        """The HTTP application on this service."""
        s = self.servicio
        cuarentena = Cuarentena(s.registros, s.outbox, s.clock, s.proyector)
        historias = Historias(self.historias, lambda: self.actores)
        supervision = Supervision(self.panorama, self.reparto, Busqueda(self.registros, self.panorama))
        return api.create(
            s, cuarentena, historias, supervision, self.puerta.access, lambda: self.actores, Health(), meta_diaria=400
        )

    async def eventos(
        self,
        n: int,
        *,
        reglas: list[str] | None = None,
        alertas: list[Alerta] | None = None,
        situacion: str = "en_lista_nominal",
        formulario: DatosRegistro | None = None,
        imagenes: Mapping[str, bytes] | None = None,
        modalidad: Modalidad = Modalidad.AUXILIAR,
    ) -> tuple[RegistroRecibido, RegistroDescifrado, RegistroCompulsado]:
        """The three facts that bring record `n` to Mesa; its key, data and images are stored."""
        f = folio(n)
        recibido_en = EPOCA + timedelta(minutes=n)
        llave = id_de_llave(f)
        root = await self.llaves.create(llave, {"mesa_control": None})
        partes: list[ParteSellada] = []
        sealed = b""
        for parte in PARTES_IMAGEN:
            picture = imagenes[parte.value] if imagenes else imagen(parte.value, n)
            piece = seal(derive(root, IMAGENES), picture, contexto(f, parte.value))
            partes.append(
                ParteSellada(
                    nombre=Parte(parte),
                    tipo_medio="image/jpeg",
                    desde=len(sealed),
                    tamano=len(piece),
                    compendio="0" * 64,
                )
            )
            sealed += piece
        objeto = f"{PROCESO}/{llave}/{hashlib.sha256(sealed).hexdigest()}"
        await self.expedientes.put(objeto, sealed)
        form = (formulario or datos(n)).model_dump_json().encode()
        comunes = {"folio": f, "recibido_en": recibido_en, "reglas": reglas or []}
        return (
            ejemplo(RegistroRecibido, **comunes, proceso=proceso_de(f), solicitud=SOLICITUD, modalidad=modalidad),
            ejemplo(
                RegistroDescifrado,
                **comunes,
                llave=llave,
                objeto=objeto,
                partes=partes,
                datos_sellados=base64.b64encode(seal(derive(root, DATOS), form, contexto(f, DATOS))).decode(),
                alertas=alertas or [],
            ),
            ejemplo(
                RegistroCompulsado,
                version=1,
                folio=f,
                fase=Fase.PRELIMINAR,
                situacion=SituacionRegistral(situacion),
                clasificado_version=0,
                duplicado_de=None,
            ),
        )

    async def recibe(self, evento: Hecho, offset: int = 0) -> None:
        """One fact from its topic."""
        sobre = ensobrar(evento, fuente="/apoyo/prueba", hora=self.reloj.now(), causa="prueba")
        await self.servicio.proyector.hecho(evento, Context(sobre, offset))

    async def accedidos(self) -> list[AccesoRegistrado]:
        """What topic `acceso` holds, in order of time."""
        leidos = [leer(POR_TIPO, r.headers, r.value).evento async for r in self.stream.read(AccesoRegistrado.topic)]
        accesos = [e for e in leidos if isinstance(e, AccesoRegistrado)]
        return sorted(accesos, key=lambda a: (a.desde, a.acceso))

    async def cuenta_la_historia(self, *mas: Evento) -> None:
        """Fold into the histories what the topics of this service hold, and other events besides."""
        contar = agent.historia(ProyectorDeHistoria(self.historias))
        for topic in (AccesoRegistrado.topic, RegistroClasificado.topic, ReintentoSolicitado.topic):
            async for record in self.stream.read(topic):
                await contar(record)
        for evento in mas:
            sobre = ensobrar(evento, fuente="/apoyo/prueba", hora=self.reloj.now(), causa="prueba")
            await contar(self.registro(sobre, 0))

    def apartado(
        self, n: int, motivo: str = "llave_desconocida", detalle: str = "ci26-1", version: int = 1
    ) -> RegistroEnCuarentena:
        """Record `n` could not be opened."""
        return ejemplo(
            RegistroEnCuarentena,
            version=version,
            folio=folio(n),
            recibido_en=EPOCA + timedelta(minutes=n),
            motivo=motivo,
            detalle=detalle,
        )

    async def abierto(self, n: int, version: int) -> RegistroDescifrado:
        """Record `n`, opened."""
        return (await self.eventos(n))[1].model_copy(update={"version": version})

    async def aparta(self, n: int, motivo: str, detalle: str = "ci26-1") -> RegistroRecibido:
        """Record `n` is received and goes into quarantine."""
        recibido = ejemplo(
            RegistroRecibido,
            folio=folio(n),
            recibido_en=EPOCA + timedelta(minutes=n),
            proceso=PROCESO,
            solicitud=SOLICITUD,
        )
        await self.recibe(recibido, n)
        await self.recibe(self.apartado(n, motivo, detalle), n)
        return recibido

    @staticmethod
    def registro(sobre: Sobre, offset: int) -> Record:
        """The event as it lies in its topic."""
        return Record(sobre.evento.topic, 0, offset, sobre.evento.llave_mensaje, sobre.cuerpo(), sobre.headers())

    async def llega(self, n: int, **cambios: object) -> str:
        """Record `n` waits in the queue; its folio."""
        for evento in await self.eventos(n, **cambios):  # type: ignore[arg-type]
            await self.recibe(evento, n)
        return folio(n)


def folio(n: int) -> str:
    """Folio of record `n`."""
    return componer_folio(SOLICITUD, "A0001", "3f9c2a1b77d0", f"{n:020x}")


PROPIA = InconsistenciaPropia(
    clave="opl_0a1b2c3d",
    tipo="Otra",
    descripcion="La cédula no es la que aprobó el OPL",
    pide_detalle=True,
    fundamento="Acuerdo IEPC/CG12/2026",
    modalidades=[Modalidad.AUXILIAR],
)


def el_opl_agrega(mesa: Mesa, *propias: InconsistenciaPropia) -> None:
    """A new version of the profile, and the process that names it."""
    perfil = mesa.actores.perfil_de(PROCESO)
    version = max(v for _, v in mesa.actores.perfiles) + 1
    nuevo = perfil.model_copy(update={"version": version, "inconsistencias_propias": list(propias)})
    mesa.actores.aplicar(PerfilRegistrado(version=version, perfil=nuevo), 50 + version)
    proceso = mesa.actores.procesos[PROCESO]
    referencia = ReferenciaPerfil(id=nuevo.id, version=version)
    cambios = {"version": proceso.version + 1, "perfil": referencia}
    mesa.actores.aplicar(proceso.model_copy(update=cambios), 60 + version)
