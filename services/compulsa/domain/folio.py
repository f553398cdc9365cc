"""One record: what compulsa knows of it, and what it must say of it (SPEC 8, D 10.3-10.7). Pure.

What it knows (`EstadoFolio`) is a fold of six topics that keeps the highest version of each fact, its own included: opened,
corrected and decided (`descifrado`, `correcciones`, `clasificado`), the person's verdicts (`compulsa_veredictos`), and what it last
said (`compulsado`, `compulsa_personas`). Neither order nor repetition of what it reads can change the fold. What it must say is a
function of that:

1. Each opened record is looked up in its cut, by its form as it was last corrected (D 10.3). A result is kept until the record is
   opened or corrected again; its cut never changes, so the final compulsa uses it too. While the cut is not loaded the record is
   `pendiente`.
2. No decision, an inconsistent one, or `pendiente`: the lookup stands as `preliminar`, of no decision (`clasificado_version` 0).
3. Clean and not found: final at once; it is nobody's duplicate.
4. Clean and found: it is announced to its person, and waits for the verdict on this very decision; meanwhile what was said
   stands. A record announced as clean is taken back as soon as it is inconsistent or turns out to be another person's, by a
   correction too.
5. Final means `definitiva`, of that decision, once the profile lets it be: at once (`continua`), or when the OPL has ordered
   it (`al_final`, D 10.7 b). Before the order only a duplicate is said (`preliminar` of that decision); the rest stays by rule 2.
   What was said as final is not taken back because this process has not seen the order yet.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from schemas.envelope import Evento, is_newer
from schemas.eventos import (
    Fase,
    MiembroDePersona,
    RegistroClasificado,
    RegistroCompulsado,
    RegistroCorregido,
    RegistroDescifrado,
    SituacionRegistral,
    Veredicto,
)
from schemas.tipos import Folio, Modelo, Momento, Sellado, Sha256, proceso_de

M = TypeVar("M", bound=Modelo)


class Descifrado(Modelo):
    """What is kept of the opened record. `datos_sellados`: as they came, sealed."""

    version: int
    recibido_en: Momento
    llave: str
    datos_sellados: Sellado


class Corregido(Modelo):
    """What is kept of the newest correction: the whole form as it stands, sealed as it came."""

    version: int
    llave: str
    datos_sellados: Sellado


class Clasificado(Modelo):
    """What is kept of the decision. `limpio`: without inconsistency."""

    version: int
    limpio: bool


class EstadoFolio(Modelo):
    """What compulsa knows of one record. Verdicts and announcements: the newest of each person it was taken for."""

    folio: Folio
    descifrado: Descifrado | None
    corregido: Corregido | None = None
    clasificado: Clasificado | None
    veredictos: dict[Sha256, Veredicto]
    compulsado: RegistroCompulsado | None
    miembros: dict[Sha256, MiembroDePersona]

    @property
    def correccion_version(self) -> int:
        """The correction in force; 0: none."""
        return self.corregido.version if self.corregido is not None else 0


Consulta = RegistroCompulsado
"""Result of a lookup: the fact as it stands before any decision (rule 2); its `version` means nothing."""


@dataclass(frozen=True, slots=True)
class Reglas:
    """What the process says at this moment. `ordenada`: the final compulsa may run."""

    ordenada: bool
    politica: Literal["primero_recibido", "todos", "ninguno"]


def nuevo(folio: str) -> EstadoFolio:
    """What is known of a record before its first event."""
    return EstadoFolio(folio=folio, descifrado=None, clasificado=None, veredictos={}, compulsado=None, miembros={})


def aplicar(estado: EstadoFolio, evento: Evento) -> EstadoFolio:
    """Fold one event of the six topics in. An older version, or the same again, changes nothing."""
    match evento:
        case RegistroDescifrado() if is_newer(evento, estado.descifrado):
            opened = Descifrado(
                version=evento.version,
                recibido_en=evento.recibido_en,
                llave=evento.llave,
                datos_sellados=evento.datos_sellados,
            )
            return _con(estado, descifrado=opened)
        case RegistroCorregido() if is_newer(evento, estado.corregido):
            corrected = Corregido(version=evento.version, llave=evento.llave, datos_sellados=evento.datos_sellados)
            return _con(estado, corregido=corrected)
        case RegistroClasificado() if is_newer(evento, estado.clasificado):
            decided = Clasificado(version=evento.version, limpio=evento.sin_inconsistencia)
            return _con(estado, clasificado=decided)
        case Veredicto() if is_newer(evento, estado.veredictos.get(evento.persona)):
            return _con(estado, veredictos={**estado.veredictos, evento.persona: evento})
        case RegistroCompulsado() if is_newer(evento, estado.compulsado):
            return _con(estado, compulsado=evento)
        case MiembroDePersona() if is_newer(evento, estado.miembros.get(evento.persona)):
            return _con(estado, miembros={**estado.miembros, evento.persona: evento})
        case _:
            return estado


def consulta_vigente(estado: EstadoFolio) -> Consulta | None:
    """The lookup that still stands, from what was last said; None when the record must be looked up (rule 1)."""
    said, opened = estado.compulsado, estado.descifrado
    if said is None or opened is None or said.descifrado_version != opened.version:
        return None
    if said.correccion_version != estado.correccion_version:
        return None
    if said.situacion is SituacionRegistral.PENDIENTE:
        return None
    return _con(said, fase=Fase.PRELIMINAR, clasificado_version=0, duplicado_de=None)


def decidir(estado: EstadoFolio, consulta: Consulta, reglas: Reglas) -> list[Evento]:
    """What there is to say now that was not said: announcements to persons, and the outcome of the compulsa."""
    eventos: list[Evento] = list(_anuncios(estado, consulta, reglas))
    said = estado.compulsado
    outcome = _con(_resultado(estado, consulta, reglas), version=said.version + 1 if said else 1)
    if said is None or outcome != _con(said, version=outcome.version):
        eventos.append(outcome)
    return eventos


def espera(estado: EstadoFolio, consulta: Consulta, reglas: Reglas) -> str | None:
    """What, besides events of its own, the record waits for: its cut, or the order of its process."""
    if consulta.situacion is SituacionRegistral.PENDIENTE:
        return espera_corte(consulta.corte)
    if _limpio(estado) and not reglas.ordenada:
        return espera_orden(proceso_de(estado.folio))
    return None


def espera_posible(estado: EstadoFolio) -> str | None:
    """What the record may wait for, from the facts alone: never less than `espera`, whatever the cuts and the process say.

    Who waits in vain is looked at again, and waits no more. A record whose opening led to nothing yet waits for that event.
    """
    said = estado.compulsado
    if estado.descifrado is None or said is None:
        return None
    if said.situacion is SituacionRegistral.PENDIENTE:
        return espera_corte(said.corte)
    clean = _limpio(estado)
    if clean is not None and (said.fase, said.clasificado_version) != (Fase.DEFINITIVA, clean.version):
        return espera_orden(proceso_de(estado.folio))
    return None


def espera_corte(corte: str) -> str:
    """How a record waits for a cut."""
    return f"corte/{corte}"


def espera_orden(proceso: str) -> str:
    """How a record waits for the order of the final compulsa (D 10.7 b)."""
    return f"orden/{proceso}"


def _resultado(estado: EstadoFolio, consulta: Consulta, reglas: Reglas) -> RegistroCompulsado:
    """The outcome that should stand."""
    clean, said = _limpio(estado), estado.compulsado
    if clean is None or consulta.situacion is SituacionRegistral.PENDIENTE:
        return consulta
    duplicate_of = None
    if consulta.persona is not None:
        verdict = estado.veredictos.get(consulta.persona)
        if verdict is None or verdict.clasificado_version != clean.version:
            return said if said is not None and consulta_vigente(estado) is not None else consulta
        duplicate_of = verdict.duplicado_de
    if reglas.ordenada or (said is not None and said.fase is Fase.DEFINITIVA):
        phase = Fase.DEFINITIVA
    elif duplicate_of is not None:
        phase = Fase.PRELIMINAR
    else:
        return consulta
    return _con(consulta, fase=phase, clasificado_version=clean.version, duplicado_de=duplicate_of)


def _anuncios(estado: EstadoFolio, consulta: Consulta, reglas: Reglas) -> Iterator[MiembroDePersona]:
    """Announcements that differ from the newest one to each person."""
    if estado.descifrado is None or estado.clasificado is None:
        return
    persona = consulta.persona if _limpio(estado) else None
    announced = {p for p, member in estado.miembros.items() if member.limpio}
    version = max((m.version for m in estado.miembros.values()), default=0)
    for each in sorted(announced | ({persona} if persona else set())):
        member = MiembroDePersona(
            version=version + 1,
            persona=each,
            folio=estado.folio,
            recibido_en=estado.descifrado.recibido_en,
            limpio=each == persona,
            clasificado_version=estado.clasificado.version,
            politica=reglas.politica,
        )
        known = estado.miembros.get(each)
        # The policy is the one in force when it was announced (`persona`, rule 4): another one alone says nothing new.
        if known is None or member != _con(known, version=member.version, politica=member.politica):
            version += 1
            yield member


def _limpio(estado: EstadoFolio) -> Clasificado | None:
    """The decision in force, when it is without inconsistency."""
    return estado.clasificado if estado.clasificado is not None and estado.clasificado.limpio else None


def _con(modelo: M, **changes: Any) -> M:
    return modelo.model_copy(update=changes)
