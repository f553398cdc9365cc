"""The projection of `actores`: one document (ficha) for each subject, with every version of every kind of event about it. Pure.

A ficha holds what its events say and nothing else, so that a replay gives the same one, in whatever order they were folded:

    _id        the subject: `proceso/CI26`, `solicitud/CI26-0001`, `auxiliar/CI26-0001/A1`, `cuenta/…`
    clase      the first word of it
    versiones  in the order of the topic: {evento, version, offset, hora, causa, datos}; what is sealed stays sealed
    …          what lists filter and order by (`CAMPOS`)
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from schemas.envelope import Evento
from schemas.eventos import (
    POR_TIPO,
    AuxiliarRegistrado,
    CuentaRegistrada,
    DispositivoRegistrado,
    ProcesoRegistrado,
    SolicitudRegistrada,
)
from schemas.tipos import proceso_de

E = TypeVar("E", bound=Evento)
Ficha = dict[str, Any]

_POR_NOMBRE = {tipo.nombre: tipo for tipo in POR_TIPO.values()}


@dataclass(frozen=True, slots=True)
class Asiento:
    """One version of one kind of event, and when it was written."""

    evento: Evento
    hora: datetime
    offset: int


class Hechos:
    """What a ficha says. Events are parsed when they are asked for."""

    def __init__(self, ficha: Mapping[str, Any]) -> None:
        self._versiones: list[dict[str, Any]] = ficha["versiones"]

    def vigente(self, tipo: type[E]) -> E | None:
        """The fact in force of that kind."""
        de_tipo = [v for v in self._versiones if v["evento"] == tipo.nombre]
        return tipo.model_validate_json(max(de_tipo, key=lambda v: int(v["version"]))["datos"]) if de_tipo else None

    def historia(self) -> Iterator[Asiento]:
        """Every version, in the order in which they were written."""
        for v in self._versiones:
            evento = _POR_NOMBRE[v["evento"]].model_validate_json(v["datos"])
            yield Asiento(evento, datetime.fromisoformat(v["hora"]), v["offset"])


def _de_cuenta(hechos: Hechos) -> dict[str, Any]:
    cuenta = hechos.vigente(CuentaRegistrada)
    return {} if cuenta is None else {"rol": cuenta.rol.value, "entidad": cuenta.entidad, "solicitud": cuenta.solicitud}


def _de_proceso(hechos: Hechos) -> dict[str, Any]:
    proceso = hechos.vigente(ProcesoRegistrado)
    return {} if proceso is None else {"proceso": proceso.proceso, "entidad": proceso.entidad}


def _de_solicitud(hechos: Hechos) -> dict[str, Any]:
    solicitud = hechos.vigente(SolicitudRegistrada)
    return {} if solicitud is None else {"proceso": solicitud.proceso, "solicitud": solicitud.solicitud}


def _de_auxiliar(hechos: Hechos) -> dict[str, Any]:
    auxiliar = hechos.vigente(AuxiliarRegistrado)
    if auxiliar is None:
        return {}
    return {
        "proceso": proceso_de(auxiliar.solicitud),
        "solicitud": auxiliar.solicitud,
        "auxiliar": auxiliar.auxiliar,
    }


def _de_dispositivo(hechos: Hechos) -> dict[str, Any]:
    dispositivo = hechos.vigente(DispositivoRegistrado)
    return {} if dispositivo is None else {"solicitud": dispositivo.solicitud, "auxiliar": dispositivo.auxiliar}


CAMPOS: dict[str, Callable[[Hechos], dict[str, Any]]] = {
    "cuenta": _de_cuenta,
    "proceso": _de_proceso,
    "solicitud": _de_solicitud,
    "auxiliar": _de_auxiliar,
    "dispositivo": _de_dispositivo,
}
"""By class: what lists filter and order by."""


def aplicar(ficha: Ficha | None, evento: Evento, *, offset: int, hora: datetime, causa: str) -> Ficha | None:
    """The ficha with the event folded in; None when it changes nothing. Of equal versions the lowest offset stays."""
    versiones: list[dict[str, Any]] = ficha["versiones"] if ficha else []
    iguales = [v for v in versiones if v["evento"] == evento.nombre and v["version"] == evento.version]
    if any(v["offset"] <= offset for v in iguales):
        return None
    nueva = {
        "evento": evento.nombre,
        "version": evento.version,
        "offset": offset,
        "hora": hora.isoformat(),
        "causa": causa,
        "datos": evento.model_dump_json(),
    }
    juntas = sorted([*(v for v in versiones if v not in iguales), nueva], key=lambda v: int(v["offset"]))
    clase = evento.asunto.partition("/")[0]
    base: Ficha = {"_id": evento.asunto, "clase": clase, "versiones": juntas}
    campos = CAMPOS.get(clase)
    return base | (campos(Hechos(base)) if campos else {})
