"""The service `resultados` in memory, fed with events: for its own tests and for its page's."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI

from kernel.clock import SystemClock
from kernel.documents import MemoryDocuments
from kernel.stream import Record, TopicSpec, connect
from kernel.web import Health
from schemas.actores import Actores
from schemas.autorizacion import Rol
from schemas.ciclo_de_vida import TOPICS, Estado
from schemas.envelope import Evento, ensobrar
from schemas.eventos import (
    Fase,
    Inconsistencia,
    ProcesoRegistrado,
    RegistroClasificado,
    RegistroCompulsado,
    RegistroDescifrado,
    RegistroEnCuarentena,
    RegistroRecibido,
    SituacionRegistral,
    SolicitudRegistrada,
)
from services.resultados import agent
from services.resultados.adapters import MemoryConteo
from services.resultados.api import build_app
from services.resultados.handlers import Consultas, Proyector
from tests.support.ejemplos import ejemplo
from tests.support.identidad import Puerta

PROCESO = "CI26"
HORA = datetime(2026, 11, 22, 20, 5, tzinfo=UTC)


def folio(n: int, solicitud: str = "CI26-0001") -> str:
    """A folio."""
    return f"{solicitud}-A0001-3f9c2a1b77d0-{n:020x}"


def vida(estado: Estado, n: int, solicitud: str = "CI26-0001", *, cuarentena: bool = False) -> list[Evento]:
    """The events that lead a folio to a status, in the order in which they happen."""
    f = folio(n, solicitud)
    eventos: list[Evento] = [ejemplo(RegistroRecibido, folio=f, solicitud=solicitud, recibido_en=HORA)]
    if cuarentena:
        return [*eventos, ejemplo(RegistroEnCuarentena, folio=f, recibido_en=HORA)]
    if estado is Estado.EN_PROCESAMIENTO:
        return eventos
    preliminar: dict[str, Any] = {"fase": Fase.PRELIMINAR, "clasificado_version": 0, "duplicado_de": None, "version": 1}
    eventos += [
        ejemplo(RegistroDescifrado, folio=f, recibido_en=HORA),
        ejemplo(RegistroCompulsado, folio=f, **preliminar),
    ]
    if estado is Estado.EN_MESA_DE_CONTROL:
        return eventos
    motivos = [
        Inconsistencia(clave="i", detalle="cubrebocas", origen="revision"),
        Inconsistencia(clave="fuera_de_periodo", origen="regla"),
    ]
    inconsistencias = motivos if estado is Estado.CON_INCONSISTENCIA else []
    eventos.append(ejemplo(RegistroClasificado, folio=f, inconsistencias=inconsistencias, decidido_en=HORA))
    if estado in (Estado.CON_INCONSISTENCIA, Estado.PARA_ENVIO_A_COMPULSA):
        return eventos
    duplicado = estado is Estado.DUPLICADO
    situacion = SituacionRegistral.EN_LISTA_NOMINAL if duplicado else SituacionRegistral(estado.value)
    eventos.append(
        ejemplo(
            RegistroCompulsado,
            folio=f,
            version=2,
            fase=Fase.DEFINITIVA,
            situacion=situacion,
            causa_baja="defuncion" if estado is Estado.BAJA else None,
            clasificado_version=1,
            duplicado_de=folio(n + 1, solicitud) if duplicado else None,
        )
    )
    return eventos


class Resultados:
    """Handlers, questions and pages over one store in memory. There is an account of each role, with its name."""

    def __init__(self) -> None:
        self.registros = MemoryDocuments()
        self.stream = connect("memory:", "prueba")
        self.actores = Actores()
        self.actores.aplicar(ejemplo(ProcesoRegistrado), 0)
        for n, (solicitud, nombre) in enumerate((("CI26-0001", "Rumbo Nuevo"), ("CI26-0002", "Voces del Valle")), 1):
            self.actores.aplicar(ejemplo(SolicitudRegistrada, solicitud=solicitud, denominacion=nombre), n)
        self.puerta = Puerta(self.actores, SystemClock())
        for rol in Rol:
            self.puerta.cuenta(rol.value, rol, solicitud="CI26-0001" if rol is Rol.PROMOVENTE else None)
        self.consultas = Consultas(
            self.registros, MemoryConteo(self.registros), self.stream, lambda: self.actores, SystemClock()
        )
        self.proyector = Proyector(self.registros)
        self._offsets: dict[str, Iterator[int]] = {topic: iter(range(10**9)) for topic in TOPICS}

    async def start(self) -> None:
        """Topics, empty."""
        await self.stream.start()
        await self.stream.create_topics([TopicSpec(topic, 1) for topic in TOPICS])

    def registro(self, evento: Evento) -> Record:
        """The event as it would lie next in its topic."""
        sobre = ensobrar(evento, fuente="/apoyo/prueba", hora=HORA, causa="prueba")
        offset = next(self._offsets[evento.topic])
        return Record(evento.topic, 0, offset, evento.llave_mensaje, sobre.cuerpo(), sobre.headers())

    async def recibir(self, eventos: Iterable[Evento]) -> None:
        """Hand events to the handlers, one after the other."""
        handle = agent.build(self.proyector)
        for evento in eventos:
            await handle(self.registro(evento))

    def app(self) -> FastAPI:
        """Pages and API."""
        return build_app(self.consultas, self.puerta.access, Health())
