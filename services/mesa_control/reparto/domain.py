"""Who reviews what (P 13.3-13.4). Pure.

Every pending record stands in one **list**: that of a part of an order in force, or `LIBRE`. Its `turno` says process, list and
reception in one word, so that the next of a list is found by one index, however much waits.

Rules:

- Of several orders in force that mean a record, the newest has it.
- A part of an order takes its percentage of what the order means, by the folio's hash: the same record falls into the same part
  wherever and whenever it is asked.
- What an order means and its percentages never change; who has a part, and whether it is for them alone, may; it ends once.
- A list is for its people first. Others get from it when the order says so, or when none of its people is there.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from schemas.ciclo_de_vida import Ciclo
from schemas.envelope import Evento
from schemas.eventos import (
    ParteDeReparto,
    RegistroCompulsado,
    RegistroDescifrado,
    RegistroRecibido,
    RepartoOrdenado,
    SituacionRegistral,
)
from schemas.paquete import Modalidad
from services.mesa_control.domain import Rechazo

LIBRE = "libre"
"""The list of what no order means."""
FINAL = 6
"""Characters at the end of a folio by which pages call a record."""
CUBETAS = 100
"""Parts of a hundred: a percentage is so many of them."""


def cubeta(folio: str) -> int:
    """0 to 99, as good as drawn by lot, and always the same for a folio."""
    return int.from_bytes(hashlib.sha256(folio.encode()).digest()[:8], "big") % CUBETAS


def turno(proceso: str, lista: str, recibido_en: datetime) -> str:
    """Where a pending record stands: sorted, the oldest of a list comes first."""
    return f"{proceso}/{lista}/{recibido_en.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}"


def lista_de_turno(en_turno: str) -> str:
    """The list that it stands in."""
    return en_turno.split("/")[1]


def mudado(en_turno: str, lista: str) -> str:
    """The same place in another list."""
    proceso, _, momento = en_turno.split("/")
    return f"{proceso}/{lista}/{momento}"


def en_lista(proceso: str, lista: str, hasta: datetime | None = None) -> dict[str, str]:
    """Query of `turno`: what stands in a list; only what was received before `hasta`, if it is given."""
    # "0" is the character after "/".
    return {"$gte": f"{proceso}/{lista}/", "$lt": turno(proceso, lista, hasta) if hasta else f"{proceso}/{lista}0"}


def de_busqueda(folio: str) -> dict[str, str]:
    """By what people find a record besides its folio: its own id, the last part, and the end of that, which pages show."""
    return {"registro": folio.rsplit("-", 1)[1], "final": folio[-FINAL:]}


def atributos(ciclo: Ciclo) -> dict[str, Any]:
    """What an order may ask of a record, as fields of its document; from the plain values, since every fold asks for them."""
    recibido = ciclo.hechos[RegistroRecibido.topic].documento["hecho"] if ciclo.es(RegistroRecibido) else {}
    descifrado = ciclo.hechos[RegistroDescifrado.topic].documento["hecho"] if ciclo.es(RegistroDescifrado) else {}
    compulsado = ciclo.hechos[RegistroCompulsado.topic].documento["hecho"] if ciclo.es(RegistroCompulsado) else {}
    return {
        "modalidad": recibido.get("modalidad"),
        "con_alertas": bool(descifrado.get("alertas")),
        "situacion": compulsado.get("situacion"),
    }


# Orders ------------------------------------------------------------------------------------------------------------------


def listas_de(orden: RepartoOrdenado) -> list[str]:
    """The list of each of its parts."""
    return [f"{orden.reparto}.{n}" for n in range(len(orden.partes))]


def rangos(orden: RepartoOrdenado) -> list[tuple[int, int]]:
    """The buckets of each of its parts: from, and up to but not with."""
    desde, found = 0, []
    for parte in orden.partes:
        found.append((desde, desde + parte.porcentaje))
        desde += parte.porcentaje
    return found


def consulta(orden: RepartoOrdenado) -> dict[str, Any]:
    """What the order means, as a query of the documents, its percentages apart."""
    pedido = {
        "solicitud": orden.solicitud,
        "modalidad": orden.modalidad.value if orden.modalidad else None,
        "con_alertas": orden.con_alertas,
        "situacion": orden.situacion.value if orden.situacion else None,
        "recibido_en": {"$lt": orden.recibido_antes_de} if orden.recibido_antes_de else None,
    }
    return {campo: valor for campo, valor in pedido.items() if valor is not None}


def significa(orden: RepartoOrdenado, documento: Mapping[str, Any]) -> bool:
    """Whether the order means the record, its percentages apart."""
    for campo, valor in consulta(orden).items():
        if campo == "recibido_en":
            if documento["recibido_en"] is None or documento["recibido_en"] >= valor["$lt"]:
                return False
        elif documento[campo] != valor:
            return False
    return True


@dataclass
class Repartos:
    """Topic `repartos`, folded: the orders of every process. `historia`: every version of each, in order."""

    ordenes: dict[str, dict[str, RepartoOrdenado]] = field(default_factory=dict)
    historia: dict[str, dict[str, list[RepartoOrdenado]]] = field(default_factory=dict)
    cambios: int = 0
    """How often anything changed."""

    def aplicar(self, evento: Evento, offset: int) -> None:
        """Fold an event in; one that is known changes nothing."""
        if not isinstance(evento, RepartoOrdenado):
            return
        versiones = self.historia.setdefault(evento.proceso, {}).setdefault(evento.reparto, [])
        if all(evento.version != otra.version for otra in versiones):
            versiones.append(evento)
            versiones.sort(key=lambda una: una.version)
            self.ordenes.setdefault(evento.proceso, {})[evento.reparto] = versiones[-1]
            self.cambios += 1

    def de(self, proceso: str, reparto: str) -> RepartoOrdenado | None:
        """The order, or None."""
        return self.ordenes.get(proceso, {}).get(reparto)

    def ordenado_en(self, orden: RepartoOrdenado) -> datetime:
        """When it was first ordered."""
        return self.historia[orden.proceso][orden.reparto][0].ordenado_en

    def vigentes(self, proceso: str) -> list[RepartoOrdenado]:
        """Those in force, the newest first."""
        found = [orden for orden in self.ordenes.get(proceso, {}).values() if orden.fin is None]
        return sorted(found, key=lambda orden: (self.ordenado_en(orden), orden.reparto), reverse=True)

    def terminados(self, proceso: str) -> list[RepartoOrdenado]:
        """Those that ended, the newest end first."""
        found = [orden for orden in self.ordenes.get(proceso, {}).values() if orden.fin is not None]
        return sorted(found, key=lambda orden: (orden.ordenado_en, orden.reparto), reverse=True)

    def lista(self, documento: Mapping[str, Any]) -> str:
        """The list in which a record stands; `documento`: of the projection, or as it will be."""
        for orden in self.vigentes(documento["proceso"]):
            if significa(orden, documento):
                suya = cubeta(documento["_id"])
                for nombre, (desde, hasta) in zip(listas_de(orden), rangos(orden), strict=True):
                    if desde <= suya < hasta:
                        return nombre
        return LIBRE


@dataclass(frozen=True, slots=True)
class Listas:
    """Lists of a process as one person sees them: `propias` come first; then `abiertas`, of which `LIBRE` is one."""

    propias: Sequence[str]
    abiertas: Sequence[str]

    def __contains__(self, lista: object) -> bool:
        return lista in self.propias or lista in self.abiertas


def listas_para(operador: str, vigentes: Sequence[RepartoOrdenado], ausentes: frozenset[str]) -> Listas:
    """What this person may be given. `ausentes`: people who are not there; what is theirs alone is open to all."""
    propias, abiertas = [], [LIBRE]
    for orden in vigentes:
        for nombre, parte in zip(listas_de(orden), orden.partes, strict=True):
            if operador in parte.cuentas:
                propias.append(nombre)
            elif not orden.exclusivo or ausentes.issuperset(parte.cuentas):
                abiertas.append(nombre)
    return Listas(propias, abiertas)


# Making and changing orders ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pedido:
    """What a supervisor asks for. `partes`: who has each, and its percentage."""

    partes: tuple[tuple[tuple[str, ...], int], ...]
    exclusivo: bool
    solicitud: str | None = None
    modalidad: Modalidad | None = None
    con_alertas: bool | None = None
    situacion: SituacionRegistral | None = None
    recibido_antes_de: datetime | None = None

    @property
    def cuentas(self) -> list[str]:
        """Everybody named."""
        return [cuenta for cuentas, _ in self.partes for cuenta in cuentas]


def ordenar(proceso: str, reparto: str, pedido: Pedido, por: str, ahora: datetime) -> RepartoOrdenado:
    """The order. Raises Rechazo: `sin_personas`, `porcentaje_invalido` (the parts make more than 100)."""
    return RepartoOrdenado(
        version=1,
        reparto=reparto,
        proceso=proceso,
        solicitud=pedido.solicitud,
        modalidad=pedido.modalidad,
        con_alertas=pedido.con_alertas,
        situacion=pedido.situacion,
        recibido_antes_de=pedido.recibido_antes_de,
        partes=_partes(pedido),
        exclusivo=pedido.exclusivo,
        por=por,
        ordenado_en=ahora,
    )


def reasignar(orden: RepartoOrdenado, version: int, pedido: Pedido, por: str, ahora: datetime) -> RepartoOrdenado:
    """Its next version, with others in its parts. Raises Rechazo: `reparto_modificado`, `reparto_terminado`, and as above."""
    _vigente(orden, version)
    partes = _partes(pedido)
    if [parte.porcentaje for parte in partes] != [parte.porcentaje for parte in orden.partes]:
        raise Rechazo("porcentaje_invalido")
    return orden.model_copy(
        update={
            "version": version + 1,
            "partes": partes,
            "exclusivo": pedido.exclusivo,
            "por": por,
            "ordenado_en": ahora,
        }
    )


def retirar(orden: RepartoOrdenado, version: int, fin: str, por: str, ahora: datetime) -> RepartoOrdenado:
    """Its last version. Raises Rechazo: `reparto_modificado`, `reparto_terminado`, `motivo_desconocido`."""
    _vigente(orden, version)
    if fin not in FINES:
        raise Rechazo("motivo_desconocido")
    return orden.model_copy(update={"version": version + 1, "fin": fin, "por": por, "ordenado_en": ahora})


FINES: dict[str, str] = {
    "concluido": "Ya no hace falta",
    "cambio_de_carga": "Cambio de la carga de trabajo",
    "ausencia": "La persona no está",
    "error": "Se ordenó por error",
}
"""Why an order ends, for people."""


def _vigente(orden: RepartoOrdenado, version: int) -> None:
    """Raises Rechazo unless the order is in force as it was on the screen; the same order again finds its own version."""
    if version < orden.version - 1 or version > orden.version:
        raise Rechazo("reparto_modificado", por=orden.por, ordenado_en=orden.ordenado_en.isoformat())
    if version == orden.version and orden.fin is not None:
        raise Rechazo("reparto_terminado", por=orden.por, ordenado_en=orden.ordenado_en.isoformat())


def _partes(pedido: Pedido) -> list[ParteDeReparto]:
    if not pedido.partes or not all(cuentas for cuentas, _ in pedido.partes):
        raise Rechazo("sin_personas")
    if sum(porcentaje for _, porcentaje in pedido.partes) > CUBETAS or any(p < 1 for _, p in pedido.partes):
        raise Rechazo("porcentaje_invalido")
    return [ParteDeReparto(cuentas=sorted(set(cuentas)), porcentaje=p) for cuentas, p in pedido.partes]
