"""The whole system on one machine: engines, topics and the services, each its own process."""

import asyncio
import sys
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from pathlib import Path

from apoyo import cuentas, engines
from apoyo.engines import Engines
from apoyo.engines.ports import free_port
from apoyo.engines.procs import Supervisor, answers
from apoyo.instalacion import PUERTOS, SERVICIOS, Direcciones, Instalacion
from kernel import documents, hpke
from kernel.documents import Kind, MongoDocuments
from kernel.engines import KEYS_DATABASE
from kernel.engines import Engines as MotoresDeServicio
from kernel.sealing import KeyRing
from kernel.stream import Stream, TopicSpec, connect
from schemas import topics
from services.portal.settings import Settings as PortalSettings


def modulo_de(nombre: str) -> list[str]:
    """The command that runs an instance of a service."""
    return [sys.executable, "-m", f"services.{nombre.partition('.')[0]}"]


class Sistema:
    """Starts an installation and stops it. `servicio.2` is a second instance of a service; `argv`: the command of an instance."""

    def __init__(
        self,
        instalacion: Instalacion,
        supervisor: Supervisor,
        *,
        kafka: bool,
        native: bool = False,
        argv: Callable[[str], Sequence[str]] = modulo_de,
    ) -> None:
        self.instalacion = instalacion
        self.supervisor = supervisor
        self.kafka = kafka
        self.native = native
        self._argv = argv
        self.puertos: dict[str, int] = {}
        self.engines: Engines

    async def arrancar_motores(self) -> None:
        """Engines, then topics. Raises ProcessFailed."""
        self.instalacion.preparar()
        self.engines = await engines.up(
            self.instalacion.root, kafka=self.kafka, native=self.native, supervisor=self.supervisor
        )
        stream = connect(self.engines.stream_url, client_id="apoyo")
        await stream.start()
        try:
            await crear_topics(stream)
        finally:
            await stream.stop()
        self._guardar()

    async def arrancar_servicios(self) -> None:
        """Every service; ready when all have read `actores` to its end. Raises ProcessFailed."""
        # First of all: notificaciones has to know where the portal will be.
        self.puertos |= {servicio: free_port(PUERTOS[servicio]) for servicio in SERVICIOS}
        await asyncio.gather(*(self.arrancar_servicio(servicio) for servicio in SERVICIOS))

    async def arrancar_servicio(self, nombre: str) -> None:
        """One instance of a service. Raises ProcessFailed."""
        servicio = nombre.partition(".")[0]
        if nombre not in self.puertos:
            self.puertos[nombre] = free_port(PUERTOS[servicio] if nombre == servicio else 0)
        port = self.puertos[nombre]
        self._guardar()
        await self.supervisor.start(
            nombre,
            self._argv(nombre),
            self.instalacion.entorno(servicio, port),
            self.instalacion.root / "logs" / f"{nombre}.log",
            ready=answers(f"http://127.0.0.1:{port}/readyz"),
            timeout=120,
        )

    def puertos_de(self, servicio: str) -> list[int]:
        """Ports of the instances of a service."""
        return [port for nombre, port in self.puertos.items() if nombre.partition(".")[0] == servicio]

    def _guardar(self) -> None:
        e = self.engines
        self.instalacion.guardar(
            Direcciones(
                stream_url=e.stream_url,
                mongo_uri=e.mongo_uri,
                s3_endpoint=e.s3_endpoint,
                s3_access_key=e.s3_access_key,
                smtp_host=e.smtp_host,
                smtp_port=e.smtp_port,
                inbox=str(e.inbox),
                oidc_url=e.oidc_url,
                puertos=dict(self.puertos),
            ),
            e.s3_secret_key,
        )


async def crear_topics(stream: Stream) -> None:
    """Every topic of `topics.yaml` that does not exist yet; kept without end."""
    config = {"retention.ms": "-1"}
    await stream.create_topics([TopicSpec(name, count, config) for name, count in topics.partitions().items()])


def llavero_del_portal(mongo_uri: str, root: Path) -> KeyRing:
    """The keys of actors, as the writer of `actores` opens them."""
    keys = root / "keys"
    publics = hpke.PublicFolder(keys / "public")
    wraps = MongoDocuments(documents.connect(mongo_uri)[KEYS_DATABASE], "llaves", Kind.PRIMARY)
    return KeyRing(wraps, "portal", hpke.PrivateFolder(keys / "portal"), publics)


def motores_del_portal(instalacion: Instalacion) -> MotoresDeServicio:
    """The engines as the writer of `actores` has them, for a command that works with its rights."""
    return MotoresDeServicio(instalacion.settings(PortalSettings, "portal"), "portal")


async def publicar_personas(instalacion: Instalacion, proceso: str, solo: Collection[str] = ()) -> int:
    """Publish the accounts of the synthetic people, those of the OPL for that process; how many were new. Raises Unavailable.

    `solo`: these alone; empty: all.
    """
    portal = motores_del_portal(instalacion)
    ahora = portal.clock.now()
    altas = cuentas.de_personas(proceso, ahora - timedelta(days=1), ahora + timedelta(days=365))
    altas = [alta for alta in altas if not solo or alta.cuenta in solo]
    async with portal.connected():
        return await cuentas.publicar(altas, portal, instalacion.llave_de_identidad.read_bytes(), por="ine1")
