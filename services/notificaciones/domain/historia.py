"""Topic `actores`, folded, with every version of each auxiliar and process: what changed shows beside the version before. Pure."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from schemas.actores import Actores
from schemas.envelope import Evento
from schemas.eventos import AuxiliarRegistrado, ProcesoRegistrado


@dataclass
class Historia(Actores):
    """The actors in force, and their past. `versiones`, `de_proceso`: of each auxiliar and each process, by number."""

    versiones: dict[tuple[str, str], dict[int, AuxiliarRegistrado]] = field(default_factory=lambda: defaultdict(dict))
    de_proceso: dict[str, dict[int, ProcesoRegistrado]] = field(default_factory=lambda: defaultdict(dict))

    def aplicar(self, evento: Evento, offset: int) -> None:
        """Fold one event in. Of two with the same version the first stays."""
        super().aplicar(evento, offset)
        if isinstance(evento, AuxiliarRegistrado):
            self.versiones[(evento.solicitud, evento.auxiliar)].setdefault(evento.version, evento)
        if isinstance(evento, ProcesoRegistrado):
            self.de_proceso[evento.proceso].setdefault(evento.version, evento)

    def anteriores(self, evento: AuxiliarRegistrado) -> Iterator[AuxiliarRegistrado]:
        """The versions of that auxiliar before this one, the newest first."""
        versiones = self.versiones[(evento.solicitud, evento.auxiliar)]
        return (versiones[n] for n in sorted(versiones, reverse=True) if n < evento.version)
