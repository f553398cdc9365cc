"""One run: the real handlers of the six services on the simulated engines, devices and reviewers at work, faults, then quiet.

The same seed is the same schedule, in any process.
"""

import asyncio
import random
import tempfile
import traceback
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from apoyo.escenario import PROCESO
from dispositivo.kit import Dispositivo
from dispositivo.poblacion.plan import Captura
from kernel.documents import Documents, MemoryDocuments
from kernel.errors import Conflict, Unavailable
from kernel.fold import Fold
from kernel.follow import Follower
from kernel.objects import MemoryObjects
from kernel.outbox import UNIQUE, Outbox
from kernel.per_key import PerKey
from kernel.rebuild import InUse, Projection, rebuild
from kernel.sealing import KeyRing
from kernel.stream import Handler, Message, TopicSpec
from kernel.stream.guard import guarded, set_aside_before
from kernel.together import Together
from schemas.actores import Actores
from schemas.envelope import Evento
from schemas.eventos import (
    POR_TIPO,
    CampoCorregible,
    EnvioCerrado,
    ExpedientesDestruidos,
    RegistroClasificado,
    RegistroCorregido,
    RegistroRecibido,
)
from schemas.paquete import DatosRegistro, Parte
from schemas.recepcion import AperturaEnvio, CierreEnvio, firmado, ruta_apertura, ruta_cierre
from schemas.topics import load
from services.compulsa.agent import TOPICS as TOPICS_COMPULSA
from services.compulsa.agent import agente
from services.compulsa.bootstrap import proyecciones as proyecciones_de_compulsa
from services.compulsa.handlers import Consultas, Estados, FinDeProcesos, Folios, Personas, Reexamen, Respuestas
from services.compulsa.padron import Padron, cargar
from services.descifrado.agent import TOPICS as TOPICS_DESCIFRADO
from services.descifrado.agent import build_handler
from services.descifrado.destruccion import Destrucciones
from services.descifrado.handlers import Descifrado
from services.descifrado.imagenes import Dimensiones
from services.descifrado.semejanzas import Semejanzas
from services.descifrado.settings import IMAGEN_REPETIDA
from services.descifrado.vistas import Vista
from services.ingesta.adapters import verificar as verificar_firma
from services.ingesta.domain import Codigo
from services.ingesta.domain import Rechazo as RechazoIngesta
from services.ingesta.handlers import Ingesta
from services.mesa_control import agent as agente_mesa
from services.mesa_control.acceso.handlers import Accesos, ProyectorDeHistoria
from services.mesa_control.correccion.domain import ETIQUETA, OrdenDeCorreccion, procede
from services.mesa_control.correccion.handlers import Correcciones
from services.mesa_control.cuarentena.domain import Filtro
from services.mesa_control.cuarentena.handlers import Cuarentena
from services.mesa_control.domain import Eleccion, Orden
from services.mesa_control.domain import Rechazo as RechazoMesa
from services.mesa_control.handlers import MesaDeControl, Registro
from services.mesa_control.handlers import Proyector as ProyectorDeMesa
from services.mesa_control.lecturas import LecturasJuntas
from services.mesa_control.reparto.domain import Repartos
from services.mesa_control.reparto.fila import Fila
from services.mesa_control.reparto.presencia import Presencia
from services.notificaciones import agent as agente_notificaciones
from services.notificaciones.bootstrap import proyecciones as proyecciones_de_notificaciones
from services.notificaciones.domain.historia import Historia
from services.notificaciones.handlers.acuses import Acuses
from services.notificaciones.handlers.avisos import Avisos
from services.notificaciones.handlers.direcciones import Direcciones
from services.notificaciones.handlers.entregas import Entregas
from services.resultados import agent as agente_resultados
from services.resultados.adapters import MemoryConteo
from services.resultados.handlers import Consultas as ConsultasDeResultados
from services.resultados.handlers import Proyector
from tests.simulation.bucle import nuevo_bucle
from tests.simulation.escenario import (
    CORTES,
    EPOCA,
    Envio,
    Tirada,
    comun,
    mensaje_del_portal,
    orden_de_compulsa,
    paquete,
    tirar,
)
from tests.simulation.motores import (
    PARTICIONES,
    SIN_FALLAS,
    Azar,
    Bitacora,
    Buzon,
    Correo,
    Corriente,
    Documentos,
    Fallas,
    Objetos,
    Proceso,
    ahora,
)
from tests.support.consultas import Pregunta

T = TypeVar("T")

RECONSTRUIBLES = ("compulsa", "mesa_control", "notificaciones", "resultados")
DETENIDOS = ("compulsa", "notificaciones")
"""Services that are rebuilt while they are stopped."""
POR_LLEGAR = (
    "registro_desconocido",
    "registro_no_listo",
    "decision_desconocida",
    "compulsa_desconocida",
    "correccion_desconocida",
    "correccion_en_consulta",
)
"""What Mesa de Control may answer about its newest facts while it is rebuilt; an older decision of one's own, too."""
SIN_MIRAR = Vista(np.zeros((1, 1, 3), np.uint8))
"""Images are neither decoded nor examined here, and have no hash…"""
UNA_FOTO = Vista(np.random.default_rng(7).integers(0, 255, (60, 48, 3), np.uint8).repeat(8, axis=0).repeat(8, axis=1))
"""…but photos, in one seed of `FOTOS_CADA`: each is this one."""
FOTOS_CADA = 5
SERVICIOS = (
    "ingesta",
    "descifrado",
    "compulsa",
    "mesa_control",
    "mesa_control_historia",
    "notificaciones",
    "resultados",
)
OPERADORES = ("operador1", "operador2")
DOMINIO = "apoyo.invalid"
A_LA_VEZ = 3
"""Keys that a service has in hand at once: few, so that some wait."""
CALMA_S = 40.0
"""For how long nothing must happen before a run ends: longer than every retry, relay, lease and look at what was destroyed."""
LIMITE_S = 900.0
"""Simulated time after which a run that does not come to rest has failed."""
FIN_CADA = 10
"""Of so many seeds one plays its process to its end (`fin.py`): a multiple of `FOTOS_CADA`, so that there are hashes to destroy."""
_LLAVE_PADRON = bytes(range(32))


class SinRespuesta(Exception):
    """Nobody answered, or the answer was lost: it may have been done, or not."""


@dataclass
class Testigo:
    """What people outside the system were told, and will hold it to. `acuses`: folio → (integrity code, reception, envío).

    `tardios`: folios that were sent when the process's end was near; whether they were received is chance.
    """

    acuses: dict[str, tuple[str, datetime, str]] = field(default_factory=dict)
    cierres: dict[str, EnvioCerrado] = field(default_factory=dict)
    antes_de_cerrar: dict[str, set[str]] = field(default_factory=dict)
    decisiones: dict[str, RegistroClasificado] = field(default_factory=dict)
    mostrados: set[tuple[str, str]] = field(default_factory=set)
    correcciones: dict[tuple[str, int], RegistroCorregido] = field(default_factory=dict)
    tardios: set[str] = field(default_factory=set)
    fallas: list[str] = field(default_factory=list)


@dataclass
class Obra:
    """A service as its bootstrap builds it.

    `atiende`: what answers requests; `trabajo`: what `topics` are consumed with; `sigue`: topic → fold of what it has to know.
    """

    atiende: Any = None
    topics: tuple[str, ...] = ()
    trabajo: Handler | Fold | PerKey | None = None
    tareas: list[Callable[[], Coroutine[Any, Any, None]]] = field(default_factory=list)
    sigue: dict[str, Callable[[Evento, int], None]] = field(default_factory=dict)


@dataclass
class Instancia:
    """A process of a service, and what it answers requests with once it is ready."""

    servicio: str
    proceso: Proceso
    atiende: Any = None


class Mundo:
    """The system and everybody around it, for one seed."""

    def __init__(self, semilla: int, tirada: Tirada | None = None, fallas: Fallas | None = None) -> None:
        self.bucle = nuevo_bucle()
        self.con_fin = semilla % FIN_CADA == 0
        self._con_fotos = semilla % FOTOS_CADA == 0
        rng = random.Random(f"tirada-{semilla}")
        self.tirada = tirada or tirar(rng)
        self.azar = Azar(semilla, self.bucle, EPOCA - timedelta(seconds=rng.uniform(0, 30)))
        self.fallas = fallas or _fallas(rng)
        self.bitacora = Bitacora(self.azar)
        self.testigo = Testigo()
        self.documentos: dict[str, MemoryDocuments] = {"llaves": copia(comun().envolturas)}
        self.objetos: dict[str, MemoryObjects] = {"paquetes": MemoryObjects(), "expedientes": MemoryObjects()}
        self.buzon = Buzon()
        self.instancias: list[Instancia] = []
        self._nacidas = 0
        self._arranques = 0
        self._en_trabajo = 0
        self._reconstrucciones: dict[str, asyncio.Task[None]] = {}
        self._detenidos: set[str] = set()
        self._paquetes: dict[str, list[bytes]] = {}
        self.con_llave = not self.tirada.llave_tardia

    # The run ----------------------------------------------------------------------------------------------------------------

    async def vivir(self) -> None:
        """From the first record to the last silence."""
        self.bitacora.crear(
            [TopicSpec(name, 1 if topic.partitions == "one" else PARTICIONES) for name, topic in load().items()]
        )
        for mensaje in (self.tirada.perfil_registrado(self.azar.hora()), *self.tirada.actores()):
            self.bitacora.agregar(mensaje)
        for servicio in SERVICIOS:
            for _ in range(self.azar.rng.choice((1, 2))):
                self.arrancar(servicio)
        self.azar.fallas = self.fallas
        gente = [
            self.bucle.create_task(self._dispositivo(d)) for d in sorted({e.dispositivo for e in self.tirada.envios})
        ]
        gente += [self.bucle.create_task(self._cargar_corte(corte)) for corte in CORTES]
        gente += [self.bucle.create_task(self._preguntar(pregunta)) for pregunta in self.tirada.preguntas]
        gente.append(self.bucle.create_task(self._registrar()))
        if self.tirada.perfil.compulsa == "al_final":
            gente.append(self.bucle.create_task(self._ordenar_compulsa()))
        if self.tirada.llave_tardia:
            gente.append(self.bucle.create_task(self._traer_la_llave()))
        revisores = [self.bucle.create_task(self._operador(operador)) for operador in OPERADORES]
        revisores.append(self.bucle.create_task(self.supervisor()))
        caos = self.bucle.create_task(self.caos(20, 90))
        await asyncio.wait([*gente, caos])
        await self.calma()
        for task in [*gente, *revisores]:
            if task.done():
                task.result()
            else:
                task.cancel()

    async def calma(self) -> None:
        """Wait until nothing happens any more."""
        desde, visto = self.bucle.time(), -1
        limite = desde + LIMITE_S
        while self.bucle.time() - desde < CALMA_S:
            await asyncio.sleep(2)
            total = sum(len(records) for records in self.bitacora.lugares.values())
            quieto = total == visto and self.bitacora.al_corriente() and not self._arranques and not self._en_trabajo
            if not quieto:
                desde, visto = self.bucle.time(), total
            if self.bucle.time() > limite:
                self.testigo.fallas.append("it does not come to rest")
                return

    async def caos(self, al_menos: float, a_lo_mas: float) -> None:
        """Faults for so many seconds; instances join and leave, partitions change hands, and what was handled is handled again."""
        rng = self.azar.rng
        hasta = self.bucle.time() + rng.uniform(al_menos, a_lo_mas)
        while self.bucle.time() < hasta:
            await asyncio.sleep(1)
            if not self.azar.ocurre(self.fallas.vaiven):
                continue
            que = rng.choice(("entra", "sale", "reparte", "retrocede", "reconstruye"))
            servicio = rng.choice(SERVICIOS)
            vivas = [i for i in self.instancias if i.servicio == servicio]
            if que == "reconstruye":
                if servicio in RECONSTRUIBLES and servicio not in self._reconstrucciones:
                    self._reconstrucciones[servicio] = self.bucle.create_task(self._reconstruir(servicio))
            elif que == "entra" and len(vivas) < 3 and servicio not in self._detenidos:
                self.arrancar(servicio)
            elif que == "sale" and len(vivas) > 1:
                rng.choice(vivas).proceso.morir("sale")
            elif servicio in self.bitacora.grupos:
                (self.bitacora.retroceder if que == "retrocede" else self.bitacora.repartir)(servicio)
        self.azar.fallas = SIN_FALLAS
        self.azar.anotar("mundo", "fin de las fallas")
        for reconstruccion in self._reconstrucciones.values():
            await reconstruccion

    # Services ---------------------------------------------------------------------------------------------------------------

    def arrancar(self, servicio: str) -> None:
        """Start a process of a service. When it dies, another takes its place."""
        self._nacidas += 1
        nombre = f"{servicio}-{self._nacidas}"
        proceso = Proceso(self.azar, nombre, lambda p: self._murio(instancia), self._fallo)
        instancia = Instancia(servicio, proceso)
        self.instancias.append(instancia)
        proceso.lanzar(self._trabajar(instancia))

    def _murio(self, instancia: Instancia) -> None:
        self.instancias.remove(instancia)
        self._arranques += 1

        def otra() -> None:
            self._arranques -= 1
            if instancia.servicio in self._detenidos:
                return
            if not any(i.servicio == instancia.servicio for i in self.instancias) or self.azar.ocurre(0.7):
                self.arrancar(instancia.servicio)

        self.bucle.call_later(self.azar.rng.uniform(0.2, 6), otra)

    async def _reconstruir(self, servicio: str) -> None:
        """Rebuild a service's documents, stopping it if need be, until it is done: the command may die too."""
        if servicio in DETENIDOS:
            self.detener(servicio)
        while not await self._reconstruccion(servicio):
            # What a dead one had sent has arrived by then, or never will.
            await asyncio.sleep(self.azar.rng.uniform(15, 20))
        self.azar.vistos.add(f"reconstruye {servicio}")
        if servicio in self._detenidos:
            self.seguir(servicio)

    def detener(self, servicio: str) -> None:
        """End every process of a service; none takes their place."""
        self._detenidos.add(servicio)
        for instancia in [i for i in self.instancias if i.servicio == servicio]:
            instancia.proceso.morir("se detiene")

    def seguir(self, servicio: str) -> None:
        """Start a service that was stopped."""
        self._detenidos.remove(servicio)
        self.arrancar(servicio)

    async def _reconstruccion(self, servicio: str) -> bool:
        """The command, once; whether it came to its end."""
        proceso = Proceso(self.azar, f"reconstruye {servicio}", lambda _: None, self._fallo)
        stream = Corriente(proceso, self.bitacora)

        def par(nombre: str) -> tuple[Documentos, Documentos]:
            return self._documentos(proceso, nombre), Documentos(proceso, f"{nombre}.nueva", MemoryDocuments())

        def una(topics: Sequence[str], nombre: str, handler: Callable[[Documents], Handler]) -> Projection:
            return Projection(*par(nombre), topics, handler)

        outbox = None
        match servicio:
            case "compulsa":
                documentos = self._documentos(proceso, "compulsa.outbox", UNIQUE)
                outbox = Outbox(documentos, stream, proceso, "/apoyo/compulsa")
                proyecciones = proyecciones_de_compulsa(
                    par("compulsa.folios"),
                    par("compulsa.personas"),
                    par("compulsa.consultas"),
                    self._primera_revision,
                )
            case "notificaciones":
                proyecciones = proyecciones_de_notificaciones(
                    par("notificaciones.envios"), par("notificaciones.desenlaces")
                )
            case "mesa_control":

                def de_mesa(documentos: Documents) -> Handler:
                    return agente_mesa.build(ProyectorDeMesa(documentos, self._primera_revision))

                def de_historia(documentos: Documents) -> Handler:
                    return agente_mesa.historia(ProyectorDeHistoria(documentos, self._primera_revision))

                proyecciones = (
                    una(agente_mesa.TOPICS, "mesa.registros", de_mesa),
                    una(agente_mesa.TOPICS_DE_HISTORIA, "mesa.historias", de_historia),
                )
            case _:

                def de_resultados(documentos: Documents) -> Handler:
                    return agente_resultados.build(Proyector(documentos, self._primera_revision))

                proyecciones = (una(agente_resultados.TOPICS, "resultados.registros", de_resultados),)

        async def una_vez() -> bool:
            guard = partial(guarded, clock=self.bucle.time, jitter=self.azar.rng.random)
            stopped = servicio if servicio in DETENIDOS else None
            try:
                await rebuild(stream, proyecciones, stopped=stopped, outbox=outbox, guard=guard)
            except InUse:
                return False
            return True

        task = proceso.lanzar(una_vez())
        await asyncio.wait({task})
        return not task.cancelled() and task.exception() is None and task.result()

    def _primera_revision(self) -> int:
        return self.azar.rng.getrandbits(48) + 1

    def _fallo(self, quien: str, error: BaseException) -> None:
        self.testigo.fallas.append(f"{quien}: {''.join(traceback.format_exception(error)[-6:])}")

    async def _trabajar(self, instancia: Instancia) -> None:
        """What `kernel.service.Service` does, without HTTP nor signals: catch up, then work."""
        proceso = instancia.proceso
        stream = Corriente(proceso, self.bitacora)
        construir: dict[str, Callable[[Proceso, Corriente], Obra]] = {
            "ingesta": self._ingesta,
            "descifrado": self._descifrado,
            "compulsa": self._compulsa,
            "mesa_control": self._mesa_control,
            "mesa_control_historia": self._historia,
            "notificaciones": self._notificaciones,
            "resultados": self._resultados,
        }
        obra = construir[instancia.servicio](proceso, stream)
        seguidores = [Follower(stream, topic, POR_TIPO, aplicar) for topic, aplicar in obra.sigue.items()]
        for seguidor in seguidores:
            proceso.lanzar(seguidor.run())
        for seguidor in seguidores:
            await seguidor.caught_up.wait()
        for tarea in obra.tareas:
            proceso.lanzar(tarea())
        instancia.atiende = obra.atiende
        guard = partial(
            guarded,
            publish=stream.publish,
            aside=await set_aside_before(stream, instancia.servicio, obra.topics, 100),
            clock=self.bucle.time,
            jitter=self.azar.rng.random,
        )
        if isinstance(obra.trabajo, Fold | PerKey):
            batch = obra.trabajo.under(guard)
            await stream.consume(instancia.servicio, obra.topics, batch.handle, batch.settle)
        elif obra.trabajo is not None:
            await stream.consume(instancia.servicio, obra.topics, guard(obra.trabajo))

    def _outbox(self, proceso: Proceso, stream: Corriente, servicio: str) -> Outbox:
        documentos = Together(self._documentos(proceso, f"{servicio}.outbox", UNIQUE))
        return Outbox(documentos, stream, proceso, f"/apoyo/{servicio}")

    def _documentos(self, proceso: Proceso, nombre: str, unique: Sequence[Sequence[str]] = ()) -> Documentos:
        return Documentos(proceso, nombre, self.documentos.setdefault(nombre, MemoryDocuments(unique)))

    def _objetos(self, proceso: Proceso, nombre: str) -> Objetos:
        return Objetos(proceso, nombre, self.objetos[nombre])

    def _llavero(self, proceso: Proceso, servicio: str, nombre: str = "llaves") -> KeyRing:
        documentos = Together(self._documentos(proceso, nombre))
        return KeyRing(documentos, servicio, comun().privadas[servicio], comun().publicas, self.azar.rng.randbytes)

    def _ingesta(self, proceso: Proceso, stream: Corriente) -> Obra:
        actores, outbox = Actores(), self._outbox(proceso, stream, "ingesta")
        paquetes = self._objetos(proceso, "paquetes")
        return Obra(
            atiende=Ingesta(lambda: actores, outbox, paquetes, proceso, verificar_firma),
            tareas=[outbox.relay_forever],
            sigue={"actores": actores.aplicar},
        )

    def _descifrado(self, proceso: Proceso, stream: Corriente) -> Obra:
        outbox = self._outbox(proceso, stream, "descifrado")
        paquetes, expedientes = self._objetos(proceso, "paquetes"), self._objetos(proceso, "expedientes")
        llaves, procesos = (
            self._llavero(proceso, "descifrado", nombre) for nombre in ("llaves", "descifrado.llaves_de_proceso")
        )
        huellas = Together(self._documentos(proceso, "descifrado.huellas"))
        semejanzas = Semejanzas(huellas, procesos, IMAGEN_REPETIDA, asyncio.to_thread)
        destrucciones = Destrucciones(
            outbox, paquetes, expedientes, llaves, procesos, huellas, proceso, semejanzas.olvidar
        )
        descifrado = Descifrado(
            outbox,
            paquetes,
            expedientes,
            llaves,
            lambda llave: comun().llave_de_proceso if self.con_llave else None,
            self._ver,
            lambda vistas: [],
            semejanzas,
            asyncio.to_thread,
            destrucciones.ordenada,
        )
        return Obra(
            topics=TOPICS_DESCIFRADO,
            trabajo=PerKey(build_handler(descifrado), A_LA_VEZ),
            tareas=[outbox.relay_forever, destrucciones.siempre],
            sigue=dict.fromkeys(("actores", ExpedientesDestruidos.topic), destrucciones.aplicar),
        )

    def _ver(self, parte: Parte, contenido: bytes, medidas: Dimensiones) -> Vista:
        return UNA_FOTO if self._con_fotos and parte is Parte.FOTO else SIN_MIRAR

    def _compulsa(self, proceso: Proceso, stream: Corriente) -> Obra:
        actores, outbox = Actores(), self._outbox(proceso, stream, "compulsa")
        padron = Padron(self._documentos(proceso, "padron"), self._documentos(proceso, "cortes"), _LLAVE_PADRON)
        folios, personas, pedidas = (
            Estados(Together(self._documentos(proceso, f"compulsa.{nombre}")), outbox, proceso)
            for nombre in ("folios", "personas", "consultas")
        )
        procesos = self._llavero(proceso, "compulsa", "compulsa.llaves_de_proceso")
        consultas = Consultas(padron, self._llavero(proceso, "compulsa"), procesos, lambda: actores)
        etapas = (
            Folios(folios, consultas.consultar, padron, lambda: actores),
            Respuestas(pedidas, consultas.responder, padron, proceso),
        )
        return Obra(
            topics=TOPICS_COMPULSA,
            trabajo=PerKey(agente(etapas[0], Personas(personas), etapas[1]), A_LA_VEZ),
            tareas=[
                outbox.relay_forever,
                *(partial(Reexamen(etapa, self.azar.rng.shuffle).siempre, 5.0) for etapa in etapas),
                FinDeProcesos(procesos, lambda: actores).siempre,
            ],
            sigue={"actores": actores.aplicar},
        )

    def _mesa_control(self, proceso: Proceso, stream: Corriente) -> Obra:
        actores, outbox = Actores(), self._outbox(proceso, stream, "mesa_control")
        asignacion = timedelta(seconds=60)
        registros, repartos = Together(self._documentos(proceso, "mesa.registros")), Repartos()
        presencia = Presencia(registros, lambda: actores, asignacion, ausencia=timedelta(hours=2))
        mesa = MesaDeControl(
            registros=registros,
            accesos=Accesos(outbox, proceso, lambda: self.azar.rng.randbytes(16).hex(), asignacion),
            outbox=outbox,
            llavero=self._llavero(proceso, "mesa_control"),
            expedientes=self._objetos(proceso, "expedientes"),
            ver_actores=lambda: actores,
            clock=proceso,
            asignacion=asignacion,
            deshacer=timedelta(days=1),
            fila=Fila(registros, lambda: actores, repartos, presencia),
            lecturas=LecturasJuntas(registros),
            primera_revision=self._primera_revision,
        )
        fold = Fold(
            mesa.registros,
            lambda documentos: agente_mesa.build(ProyectorDeMesa(documentos, self._primera_revision)),
            remember=0,
        )
        return Obra(mesa, agente_mesa.TOPICS, fold, [outbox.relay_forever], {"actores": actores.aplicar})

    def _historia(self, proceso: Proceso, stream: Corriente) -> Obra:
        """The other group of Mesa de Control, here as processes of their own."""
        fold = Fold(
            self._documentos(proceso, "mesa.historias"),
            lambda documentos: agente_mesa.historia(ProyectorDeHistoria(documentos, self._primera_revision)),
            remember=0,
        )
        return Obra(topics=agente_mesa.TOPICS_DE_HISTORIA, trabajo=fold, sigue={"actores": Actores().aplicar})

    def _notificaciones(self, proceso: Proceso, stream: Corriente) -> Obra:
        actores, llavero = Historia(), self._llavero(proceso, "notificaciones")
        direcciones = Direcciones(llavero)
        entregas = Entregas(
            self._documentos(proceso, "notificaciones.entregas"),
            Correo(proceso, self.buzon),
            proceso,
            proceso.nombre,
            DOMINIO,
        )
        acuses = Acuses(
            self._documentos(proceso, "notificaciones.envios"),
            self._documentos(proceso, "notificaciones.desenlaces"),
            llavero,
            direcciones,
            entregas,
            lambda: actores,
        )
        avisos = Avisos(direcciones, entregas, lambda: actores, "https://portal.invalid")
        return Obra(
            topics=agente_notificaciones.TOPICS,
            trabajo=agente_notificaciones.build(acuses, avisos),
            sigue={"actores": actores.aplicar},
        )

    def _resultados(self, proceso: Proceso, stream: Corriente) -> Obra:
        actores, registros = Actores(), self._documentos(proceso, "resultados.registros")
        consultas = ConsultasDeResultados(
            registros, MemoryConteo(registros), stream, lambda: actores, proceso, self.bucle.time
        )
        fold = Fold(
            registros,
            lambda documentos: agente_resultados.build(Proyector(documentos, self._primera_revision)),
            remember=3,
        )
        return Obra(consultas, agente_resultados.TOPICS, fold, sigue={"actores": actores.aplicar})

    # People -----------------------------------------------------------------------------------------------------------------

    async def pedir(self, servicio: str, llamar: Callable[[Any], Coroutine[Any, Any, T]], que: str) -> T:
        """A request to some process of the service. Raises SinRespuesta, and the service's own refusals."""
        rng = self.azar.rng
        self.azar.anotar("gente", que)
        listas = [i for i in self.instancias if i.servicio == servicio and i.atiende is not None]
        if not listas:
            raise SinRespuesta
        instancia = rng.choice(listas)
        task = instancia.proceso.lanzar(llamar(instancia.atiende), sirve=True)
        impaciente = self.azar.ocurre(self.azar.fallas.impaciencia)
        await asyncio.wait({task}, timeout=rng.uniform(0.01, 0.2) if impaciente else 30)
        if not task.done() or task.cancelled() or self.azar.ocurre(self.azar.fallas.negativa):
            raise SinRespuesta
        try:
            return task.result()
        except (Unavailable, Conflict) as error:
            raise SinRespuesta from error

    async def insistir(self, servicio: str, llamar: Callable[[Any], Coroutine[Any, Any, T]], que: str) -> T:
        """The same request until it has an answer."""
        while True:
            try:
                return await self.pedir(servicio, llamar, que)
            except SinRespuesta:
                await asyncio.sleep(self.azar.rng.uniform(0.1, 3))

    async def _dispositivo(self, id_: str) -> None:
        """A device: its envíos, one after the other; what it gave up on goes with the next one, or in one more."""
        dispositivo = comun().escenario.dispositivos[id_]
        rng = self.azar.rng
        pendientes: list[Captura] = []
        envios = [e for e in self.tirada.envios if e.dispositivo == id_]
        while envios or pendientes:
            await asyncio.sleep(rng.uniform(0, 15))
            envio = envios.pop(0) if envios else Envio(rng.randbytes(16).hex(), id_, ())
            pendientes = await self.enviar(dispositivo, envio.id, [*pendientes, *envio.capturas])

    async def enviar(self, dispositivo: Dispositivo, envio: str, capturas: list[Captura]) -> list[Captura]:
        """One envío; the captures that the device still holds at its end."""
        quien = {
            "proceso": PROCESO,
            "solicitud": dispositivo.solicitud,
            "auxiliar": dispositivo.auxiliar,
            "dispositivo": dispositivo.id,
        }
        cuerpo = AperturaEnvio(**quien, por_enviar=len(capturas)).model_dump_json().encode()
        firma = dispositivo.firmar(firmado(ruta_apertura(envio), cuerpo))
        await self.insistir("ingesta", lambda i: i.abrir(envio, cuerpo, firma), f"abre {envio}")
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._registro(envio, captura)) for captura in capturas]
        quedan = [c for c, task in zip(capturas, tasks, strict=True) if not task.result()]
        self.testigo.antes_de_cerrar[envio] = {f for f, (_, _, e) in self.testigo.acuses.items() if e == envio}
        cierre = CierreEnvio(**quien, pendientes=len(quedan)).model_dump_json().encode()
        firma_cierre = dispositivo.firmar(firmado(ruta_cierre(envio), cierre))
        _, cerrado = await self.insistir("ingesta", lambda i: i.cerrar(envio, cierre, firma_cierre), f"cierra {envio}")
        self.testigo.cierres[envio] = cerrado
        return quedan

    async def _registro(self, envio: str, captura: Captura) -> bool:
        """Send one record until it has a receipt, or give up on it for now; sometimes again, sometimes in other bytes."""
        rng = self.azar.rng
        folio = captura.folio
        if folio not in self._paquetes:
            self._paquetes[folio] = [paquete(captura, vez).contenido for vez in range(rng.choice((1, 1, 1, 1, 2)))]
        paquetes = self._paquetes[folio]
        paciencia = rng.choice((1, 3, 10**9, 10**9))
        await asyncio.sleep(rng.uniform(0, 3))
        for _ in range(paciencia):
            datos = paquetes[0]
            try:
                recepcion = await self.pedir("ingesta", lambda i, d=datos: i.recibir(folio, envio, d), f"envía {folio}")  # type: ignore[misc]
            except SinRespuesta:
                paquetes.reverse()
                await asyncio.sleep(rng.uniform(0.1, 2))
                continue
            except RechazoIngesta as error:
                if error.codigo is Codigo.FUERA_DE_PLAZO and folio in self.testigo.tardios:
                    return False
                if error.codigo is not Codigo.FOLIO_EN_CONFLICTO or len(paquetes) == 1:
                    self.testigo.fallas.append(f"{folio}: refused, {error.codigo}")
                    return True
                paquetes.pop(0)  # the first stays, and it was the other one
                self.azar.vistos.add("folio en conflicto")
                continue
            self._acuse(recepcion.registro)
            paquetes.reverse()
            if rng.random() < 0.7:
                return True
        return folio in self.testigo.acuses

    def _acuse(self, registro: RegistroRecibido) -> None:
        acuse = (registro.codigo_integridad, registro.recibido_en, registro.envio)
        if self.testigo.acuses.setdefault(registro.folio, acuse) != acuse:
            self.testigo.fallas.append(f"{registro.folio}: two receipts that differ")

    async def _operador(self, operador: str) -> None:
        """A reviewer: takes the next record, corrects its form or decides, and sometimes decides again."""
        capturas = {c.folio: c for c in self.tirada.capturas}
        apartado: list[str] = []
        registro: Registro | None = None
        while True:
            # Whoever finds nothing to do asks less often.
            await asyncio.sleep(self.azar.rng.uniform(0.5, 4) if registro else self.azar.rng.uniform(2, 8))
            try:
                registro = await self.pedir(
                    "mesa_control", partial(_siguiente, operador=operador, excepto=apartado), "siguiente"
                )
            except SinRespuesta:
                continue
            apartado = []
            if registro is None:
                continue
            self.testigo.mostrados.add((registro.folio, operador))
            captura = capturas[registro.folio]
            self._en_trabajo += 1
            if captura.corregido is None or _dice_lo_mismo(registro.datos, captura.corregido):
                await self._revisar(operador, registro, captura.verdad.inconsistencias)
            elif procede(registro.ciclo, registro.datos):
                await self._corregir(operador, registro, captura.corregido)
            else:
                apartado = [registro.folio]  # its cut is not loaded: whether it is found is not known yet
            self._en_trabajo -= 1

    async def _corregir(self, operador: str, registro: Registro, tarjeta: DatosRegistro) -> None:
        """Correct a form from the image, sometimes wrong at first; the record comes back by the queue."""
        rng = self.azar.rng
        cambios: dict[CampoCorregible, str | None] = {c: getattr(tarjeta, c) for c in ETIQUETA}
        if rng.random() < 0.3:
            cambios |= {"clave_elector": "X" * 18, "cic": None, "ocr": "9" * 13}
        orden = OrdenDeCorreccion(cambios, registro.compulsado.version, len(registro.correcciones))
        causa = rng.randbytes(8).hex()
        try:
            hecha = await self.insistir(
                "mesa_control",
                lambda m: Correcciones(m).corregir(registro.folio, operador, orden, causa),
                f"corrige {registro.folio} v{orden.version}",
            )
        except RechazoMesa as error:
            de_otra = (
                "registro_ya_corregido",
                "registro_asignado_a_otra_persona",
                "correccion_en_consulta",
                "sin_cambios",
            )
            atrasada = error.codigo in POR_LLEGAR and "mesa_control" in self._reconstrucciones
            if error.codigo not in de_otra and not atrasada:
                self.testigo.fallas.append(f"{registro.folio}: {error.codigo} {error.datos}")
            return
        self.testigo.correcciones[hecha.folio, hecha.version] = hecha
        self.azar.vistos.add("corregido" if hecha.version == 1 else "corregido otra vez")

    async def _revisar(self, operador: str, registro: Registro, verdad: tuple[tuple[str, str | None], ...]) -> None:
        rng = self.azar.rng
        bien = tuple(Eleccion(clave, detalle) for clave, detalle in verdad)
        mal = () if bien else (Eleccion("a"),)
        secuencia = rng.choice(((bien,), (bien,), (mal, bien), (bien, mal, bien)))
        for vez, elecciones in enumerate(secuencia):
            orden = Orden(elecciones, registro.compulsado.version, vez or None)
            try:
                hecha = await self._decidir(registro.folio, operador, orden, puede_irse=not vez and elecciones == bien)
            except RechazoMesa as error:
                # Another reviewer was first: the record is that one's.
                if vez or error.codigo not in (
                    "registro_ya_decidido",
                    "registro_asignado_a_otra_persona",
                    "correccion_en_consulta",
                    "registro_corregido",
                ):
                    self.testigo.fallas.append(f"{registro.folio}: {error.codigo} {error.datos}")
                return
            if hecha is None:
                return
            self.testigo.decisiones[registro.folio] = hecha
            if vez:
                self.azar.vistos.add("decisión reemplazada")
            await asyncio.sleep(rng.uniform(0, 6))

    async def _decidir(
        self, folio: str, operador: str, orden: Orden, *, puede_irse: bool
    ) -> RegistroClasificado | None:
        """Decide, and again for as long as a rebuild may keep Mesa de Control from knowing the record. None: there was no answer,
        and the reviewer went home, which only who decided rightly may do: nobody would ever set right what was wrong."""
        rng = self.azar.rng
        causa = rng.randbytes(8).hex()
        while True:
            try:
                return await self.pedir(
                    "mesa_control",
                    lambda m: m.decidir(folio, operador, orden, causa),
                    f"decide {folio} v{orden.version}",
                )
            except SinRespuesta:
                if puede_irse and rng.random() < 0.3:
                    self.azar.vistos.add("se va sin respuesta")
                    return None
                await asyncio.sleep(rng.uniform(0.1, 3))
            except RechazoMesa as error:
                vieja = orden.reemplaza is not None and error.datos.get("operador") == operador
                atrasada = error.codigo in POR_LLEGAR or (error.codigo == "registro_ya_decidido" and vieja)
                if not atrasada or "mesa_control" not in self._reconstrucciones:
                    raise
                self.azar.vistos.add("decidir durante una reconstrucción")
                await asyncio.sleep(1)

    async def _traer_la_llave(self) -> None:
        """Operations install the process's private key, late."""
        await asyncio.sleep(self.azar.rng.uniform(5, 60))
        self.con_llave = True
        self.azar.anotar("mundo", "llega la llave del proceso")

    async def supervisor(self) -> None:
        """A supervisor: retries whatever waits for a key, over and over, sometimes with the same order."""
        rng = self.azar.rng
        filtro = Filtro(motivo="llave_desconocida")
        causas = [rng.randbytes(8).hex()]
        while True:
            await asyncio.sleep(rng.uniform(2, 20))
            causas.append(rng.randbytes(8).hex())
            causa = rng.choice(causas[-2:])
            try:
                await self.pedir("mesa_control", partial(_reintentar, filtro=filtro, causa=causa), "reintenta")
            except SinRespuesta:
                continue
            except RechazoMesa as error:
                if error.codigo != "nada_que_reintentar":
                    self.testigo.fallas.append(f"a retry was refused: {error.codigo}")

    async def _cargar_corte(self, corte: str) -> None:
        """INE loads a cut of the roll, late; what dies or is refused is run again."""
        await asyncio.sleep(self.azar.rng.uniform(0, 60))
        with tempfile.TemporaryDirectory() as folder:
            archivo = Path(folder) / "padron.csv"
            self.tirada.escribir_padron(archivo)
            while not await self._carga(archivo, corte):
                await asyncio.sleep(1)

    async def _carga(self, archivo: Path, corte: str) -> bool:
        proceso = Proceso(self.azar, f"carga {corte}", lambda _: None, self._fallo)
        renglones = self.documentos.setdefault("padron", MemoryDocuments())

        async def insertar(lines: list[dict[str, Any]]) -> list[int]:
            def insert() -> list[int]:
                return [line["linea"] for line in lines if not _cabe(renglones, line)]

            return await proceso.hacer(f"padron.insertar {len(lines)}", insert, escribe=True)

        task = proceso.lanzar(
            cargar(
                archivo,
                corte,
                cortes=self._documentos(proceso, "cortes"),
                insertar=insertar,  # type: ignore[arg-type]
                llave=_LLAVE_PADRON,
                lote=5,
            )
        )
        await asyncio.wait({task})
        return not task.cancelled() and task.exception() is None

    async def _preguntar(self, pregunta: Pregunta) -> None:
        """The portal asks for a lookup."""
        await asyncio.sleep(self.azar.rng.uniform(0, 60))
        self.dice_el_portal(ahora(pregunta.mensaje(self.llavero_del_portal(), self.azar.hora())))

    async def _registrar(self) -> None:
        """The portal goes on registering: a solicitud and its cédula, auxiliares with another e-mail."""
        for evento in self.tirada.registros(self.llavero_del_portal()):
            await asyncio.sleep(self.azar.rng.choice((0.0, self.azar.rng.uniform(0, 20))))
            self.dice_el_portal(mensaje_del_portal(evento, self.azar.hora()))

    def dice_el_portal(self, mensaje: Message) -> None:
        for _ in range(1 + self.azar.ocurre(self.azar.fallas.repeticion)):
            self.bitacora.agregar(mensaje)
        self.azar.anotar("mundo", f"dice {mensaje.headers['ce_subject']}")

    def llavero_del_portal(self) -> KeyRing:
        """The keys of actors, as the portal opens them; it never fails."""
        return KeyRing(self.documentos["llaves"], "portal", comun().privadas["portal"], comun().publicas)

    async def _ordenar_compulsa(self) -> None:
        await asyncio.sleep(self.azar.rng.uniform(0, 120))
        self.bitacora.agregar(orden_de_compulsa(self.azar.hora()))
        self.azar.anotar("mundo", "ordena la compulsa")


def _siguiente(mesa: MesaDeControl, operador: str, excepto: list[str]) -> Coroutine[Any, Any, Registro | None]:
    return mesa.siguiente(operador, PROCESO, excepto)


def _dice_lo_mismo(datos: DatosRegistro, tarjeta: DatosRegistro) -> bool:
    return all(getattr(datos, campo) == getattr(tarjeta, campo) for campo in ("clave_elector", "cic", "ocr"))


async def _reintentar(mesa: MesaDeControl, filtro: Filtro, causa: str) -> None:
    cuarentena = Cuarentena(mesa.registros, mesa.outbox, mesa.clock, mesa.proyector)
    await cuarentena.reintentar(PROCESO, filtro, "supervisor1", causa)


def _cabe(renglones: MemoryDocuments, line: dict[str, Any]) -> bool:
    """Insert a line of the roll, unless another has its id."""
    if ahora(renglones.put_if_absent(line)):
        return True
    stored = ahora(renglones.get(line["_id"]))
    return stored is not None and stored["linea"] == line["linea"]


def copia(documentos: MemoryDocuments) -> MemoryDocuments:
    copia = MemoryDocuments()
    for document in ahora(documentos.find({})):
        ahora(copia.put_if_absent(document))
    return copia


def _fallas(rng: random.Random) -> Fallas:
    """How unlucky a seed is: some are calm, so that what happens without faults is seen too."""
    if rng.random() < 0.1:
        return Fallas(vaiven=0.2)
    return Fallas(
        muerte=rng.choice((0.0, 0.003, 0.01, 0.03)),
        negativa=rng.choice((0.0, 0.005, 0.02)),
        lentitud=rng.choice((0.0, 0.005, 0.02)),
        repeticion=rng.choice((0.0, 0.05)),
        impaciencia=rng.choice((0.0, 0.05, 0.3)),
        vaiven=rng.choice((0.05, 0.2, 0.4)),
    )
