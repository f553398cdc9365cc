"""Auxiliares of each solicitud in order, and those about whom the roll has not answered: folded from `actores`. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from schemas.actores import Actores
from schemas.envelope import Evento
from schemas.eventos import AuxiliarDadoDeBaja, AuxiliarRegistrado, AuxiliarVerificado
from services.portal.domain.auxiliares import Situacion, numero_de

Clave = tuple[str, str]
"""Solicitud and Id Auxiliar."""


@dataclass
class Nomina:
    """`ids`: of each solicitud, in the order in which they were registered; `ultimos`: the highest number given."""

    ids: dict[str, dict[str, None]] = field(default_factory=dict)
    ultimos: dict[str, int] = field(default_factory=dict)
    sin_respuesta: dict[Clave, None] = field(default_factory=dict)
    _fuera: set[Clave] = field(default_factory=set)

    def aplicar(self, evento: Evento) -> None:
        """Fold one event in; the order of different kinds does not matter."""
        match evento:
            case AuxiliarRegistrado(solicitud=solicitud, auxiliar=auxiliar):
                self.ids.setdefault(solicitud, {})[auxiliar] = None
                self.ultimos[solicitud] = max(self.ultimos.get(solicitud, 0), numero_de(auxiliar))
                if (solicitud, auxiliar) not in self._fuera:
                    self.sin_respuesta[(solicitud, auxiliar)] = None
            case AuxiliarVerificado() | AuxiliarDadoDeBaja():
                self._fuera.add((evento.solicitud, evento.auxiliar))
                self.sin_respuesta.pop((evento.solicitud, evento.auxiliar), None)
            case _:
                pass

    def de(self, solicitud: str, actores: Actores) -> Iterator[AuxiliarRegistrado]:
        """The auxiliares of a solicitud, in the order in which they were registered."""
        for auxiliar in self.ids.get(solicitud, {}):
            yield actores.auxiliares[(solicitud, auxiliar)]


def situacion_de(actores: Actores, solicitud: str, auxiliar: str) -> Situacion:
    """What is known of an auxiliar besides their registration."""
    clave = (solicitud, auxiliar)
    return Situacion(actores.verificaciones.get(clave), actores.bajas.get(clave), actores.furas.get(clave))
