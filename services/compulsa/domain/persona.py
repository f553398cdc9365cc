"""The records of one person in a process, and which of them counts (SPEC 8, "Duplicates"; P 15.3). Pure.

Rules:

1. Only records decided without inconsistency take part: an inconsistent one never displaces a clean one, and when the first
   becomes inconsistent the next one takes its place.
2. First is who was received first; received at the same millisecond: the lowest folio.
3. Of several for the same solicitud, the first counts and the others are its duplicates.
4. Among the first ones of several solicitudes, the profile's policy decides: `primero_recibido`, the first of all counts;
   `todos`, each counts; `ninguno`, none counts, each being duplicate of the first one of another solicitud. The policy is the one
   in force when the record was announced: what is already decided does not change by a new version of the profile (SPEC 2).
5. The outcome is a function of the newest announcement of each record alone, so the order of arrival cannot matter.
"""

from collections.abc import Iterable

from schemas.envelope import is_newer
from schemas.eventos import MiembroDePersona, Veredicto
from schemas.tipos import Folio, Modelo, descomponer_folio


class Grupo(Modelo):
    """Newest announcement of each record of a person. `version`: how many of them changed something."""

    version: int
    miembros: dict[Folio, MiembroDePersona]


def nuevo() -> Grupo:
    """A person before the first announcement."""
    return Grupo(version=0, miembros={})


def anunciar(grupo: Grupo, miembro: MiembroDePersona) -> tuple[Grupo, list[Veredicto]]:
    """Take an announcement in; the verdicts that changed by it. An old or repeated one changes nothing."""
    if not is_newer(miembro, grupo.miembros.get(miembro.folio)):
        return grupo, []
    changed = Grupo(version=grupo.version + 1, miembros={**grupo.miembros, miembro.folio: miembro})
    before, after = veredictos(grupo.miembros.values()), veredictos(changed.miembros.values())
    return changed, [
        Veredicto(
            version=changed.version,
            folio=folio,
            persona=miembro.persona,
            clasificado_version=verdict[0],
            duplicado_de=verdict[1],
        )
        for folio, verdict in after.items()
        if before.get(folio) != verdict
    ]


def veredictos(miembros: Iterable[MiembroDePersona]) -> dict[Folio, tuple[int, Folio | None]]:
    """Of each clean record: the `clasificado` version judged, and the record that it is a duplicate of, if it is one."""
    clean = sorted((m for m in miembros if m.limpio), key=lambda m: (m.recibido_en, m.folio))
    first: dict[str, MiembroDePersona] = {}
    for member in clean:
        first.setdefault(_solicitud(member), member)
    heads = list(first.values())
    return {m.folio: (m.clasificado_version, _duplicado_de(m, first[_solicitud(m)], heads)) for m in clean}


def _duplicado_de(member: MiembroDePersona, own: MiembroDePersona, heads: list[MiembroDePersona]) -> Folio | None:
    """`own`: first of the member's solicitud; `heads`: first of each solicitud, the first of all at the front."""
    if member is not own:
        return own.folio
    match member.politica:
        case "todos":
            return None
        case "primero_recibido":
            return None if member is heads[0] else heads[0].folio
        case "ninguno":
            return next((head.folio for head in heads if head is not member), None)


def _solicitud(member: MiembroDePersona) -> str:
    return descomponer_folio(member.folio).solicitud
