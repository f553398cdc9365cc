"""Folds `actores` into the fichas. Idempotent, in any order, in any number of instances."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC

from kernel.dispatch import Context
from kernel.documents import Keyed
from kernel.errors import Conflict
from schemas.envelope import Evento
from services.portal.domain import fichas


@dataclass(frozen=True, slots=True)
class Proyector:
    """Folds every event about a subject into its ficha. `primera_revision`: of a new one; `kernel.rebuild` says why not 1."""

    fichas: Keyed
    primera_revision: Callable[[], int] = lambda: 1

    async def hecho(self, evento: Evento, context: Context) -> None:
        """Fold one event in. Raises Conflict when another instance wrote the ficha first."""
        actual = await self.fichas.get(evento.asunto)
        nueva = fichas.aplicar(
            actual,
            evento,
            offset=context.offset,
            hora=context.envelope.hora.astimezone(UTC),
            causa=context.envelope.causa,
        )
        if nueva is None:
            return
        revision = actual["revision"] if actual else self.primera_revision() - 1
        nueva["revision"] = revision + 1
        done = await (self.fichas.replace(nueva, revision) if actual else self.fichas.put_if_absent(nueva))
        if not done:
            raise Conflict(evento.asunto)
