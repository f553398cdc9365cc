"""Topic `actores`, folded: who may do what, as every service sees it. Pure; every process reads the topic to its end first."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from schemas.envelope import Evento
from schemas.eventos import (
    AuxiliarDadoDeBaja,
    AuxiliarRegistrado,
    CompulsaOrdenada,
    DispositivoRegistrado,
    PerfilRegistrado,
    ProcesoRegistrado,
    SolicitudRegistrada,
)
from schemas.perfil import PerfilReglas
from schemas.tipos import Modelo

K = TypeVar("K")
E = TypeVar("E", bound=Evento)


class DatosAuxiliar(Modelo):
    """Personal data of an auxiliar, sealed in `AuxiliarRegistrado.datos_sellados`."""

    nombre: str
    correo: str


@dataclass
class Actores:
    """Facts in force. `offset`: next offset of the topic, recorded in every decision."""

    offset: int = 0
    perfiles: dict[tuple[str, int], PerfilReglas] = field(default_factory=dict)
    procesos: dict[str, ProcesoRegistrado] = field(default_factory=dict)
    solicitudes: dict[str, SolicitudRegistrada] = field(default_factory=dict)
    auxiliares: dict[tuple[str, str], AuxiliarRegistrado] = field(default_factory=dict)
    bajas: dict[tuple[str, str], AuxiliarDadoDeBaja] = field(default_factory=dict)
    dispositivos: dict[str, DispositivoRegistrado] = field(default_factory=dict)
    compulsas_ordenadas: dict[str, CompulsaOrdenada] = field(default_factory=dict)

    def aplicar(self, evento: Evento, offset: int) -> None:
        """Fold one event in. An older version of the same subject changes nothing."""
        self.offset = max(self.offset, offset + 1)
        match evento:
            case PerfilRegistrado():
                self.perfiles[(evento.perfil.id, evento.perfil.version)] = evento.perfil
            case ProcesoRegistrado():
                _newest(self.procesos, evento.proceso, evento)
            case SolicitudRegistrada():
                _newest(self.solicitudes, evento.solicitud, evento)
            case AuxiliarRegistrado():
                _newest(self.auxiliares, (evento.solicitud, evento.auxiliar), evento)
            case AuxiliarDadoDeBaja():
                _newest(self.bajas, (evento.solicitud, evento.auxiliar), evento)
            case DispositivoRegistrado():
                _newest(self.dispositivos, evento.dispositivo, evento)
            case CompulsaOrdenada():
                _newest(self.compulsas_ordenadas, evento.proceso, evento)
            case _:
                pass

    def perfil_de(self, proceso: str) -> PerfilReglas:
        """The profile in force for a process. Raises KeyError for an unknown process."""
        referencia = self.procesos[proceso].perfil
        return self.perfiles[(referencia.id, referencia.version)]

    def limite_de_recepcion(self, proceso: str) -> datetime:
        """Last instant to receive: the end plus the grace (P 9.16, D 6.6). Raises KeyError for an unknown process."""
        return self.procesos[proceso].fin + timedelta(hours=self.perfil_de(proceso).gracia_horas)


VerActores = Callable[[], Actores]
"""How a handler asks for the actors in force now."""


def _newest(facts: dict[K, E], key: K, evento: E) -> None:
    actual = facts.get(key)
    if actual is None or evento.version > actual.version:
        facts[key] = evento
