"""Builds descifrado. The only place that builds its adapters."""

from kernel.documents import Kind
from kernel.engines import Engines
from kernel.follow import Follower
from kernel.per_key import PerKey
from kernel.service import Service
from kernel.together import Together
from kernel.web import Health, create_app
from schemas.eventos import POR_TIPO, ExpedientesDestruidos
from services.descifrado.adapters import INDICES_DE_HUELLAS, LlavesDeProceso
from services.descifrado.agent import TOPICS, build_handler
from services.descifrado.destruccion import Destrucciones
from services.descifrado.examen import Examen
from services.descifrado.handlers import Descifrado
from services.descifrado.hilos import UnHilo
from services.descifrado.retiro import Retiro
from services.descifrado.semejanzas import Semejanzas
from services.descifrado.settings import Settings
from services.descifrado.vistas import decodificar

NAME = "descifrado"
LLAVES_DE_PROCESO = "llaves_de_proceso"
"""Collection of the keys that hashes of images are sealed and found with, one for each process."""
A_LA_VEZ = 16
"""Records in hand at once: each takes its package three times over in memory, 12 MiB at most. Half of them are read while the
others wait for the engines (ADR 34)."""


def build(settings: Settings) -> Service:
    """The service, not connected yet. Its HTTP surface is health and metrics alone."""
    engines = Engines(settings, NAME)
    outbox = engines.outbox()
    en_hilo = UnHilo()
    huellas = Together(engines.collection("huellas", Kind.PRIMARY, INDICES_DE_HUELLAS))
    procesos = engines.ring(engines.collection(LLAVES_DE_PROCESO, Kind.PRIMARY))
    semejanzas = Semejanzas(huellas, procesos, settings.umbral_imagen_repetida, en_hilo)
    health = Health("engines", "actores")
    paquetes, expedientes, llaves = engines.bucket("paquetes"), engines.bucket("expedientes"), engines.keyring()
    destrucciones = Destrucciones(
        outbox, paquetes, expedientes, llaves, procesos, huellas, engines.clock, semejanzas.olvidar
    )
    descifrado = Descifrado(
        outbox,
        paquetes,
        expedientes,
        llaves,
        LlavesDeProceso(settings.keys_dir / "procesos"),
        decodificar,
        Examen(settings.umbrales),
        semejanzas,
        en_hilo,
        destrucciones.ordenada,
    )
    return Service(
        name=NAME,
        settings=settings,
        stream=engines.stream,
        app=create_app("Apoyo: descifrado", health),
        health=health,
        topics=TOPICS,
        fold=PerKey(build_handler(descifrado), A_LA_VEZ),
        prepare=engines.prepare,
        followers=[
            Follower(engines.stream, topic, POR_TIPO, destrucciones.aplicar)
            for topic in ("actores", ExpedientesDestruidos.topic)
        ],
        tasks=[
            outbox.relay_forever,
            Retiro(outbox, paquetes, engines.clock, settings.gracia_paquetes).siempre,
            destrucciones.siempre,
        ],
    )
