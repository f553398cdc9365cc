"""Who is there: nothing waits for a person who left (SPEC 7)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from kernel.documents import Documents
from schemas.actores import VerActores
from schemas.autorizacion import Accion
from schemas.eventos import RepartoOrdenado
from services.mesa_control.domain import PENDIENTE, en_cola

SABIDO = timedelta(seconds=30)
"""How long what was found out about somebody's activity is good for."""


@dataclass(frozen=True, slots=True)
class Presencia:
    """`ausencia`: whoever neither took nor decided a record for so long is not there. `asignacion`: how long a record is kept."""

    registros: Documents
    ver_actores: VerActores
    asignacion: timedelta
    ausencia: timedelta
    sabido: dict[tuple[str, str], tuple[datetime, bool]] = field(default_factory=dict)

    def puede_revisar(self, cuenta: str, proceso: str, ahora: datetime) -> bool:
        """Whether the account is in force and reviews records of that process."""
        actores = self.ver_actores()
        registrada = actores.cuentas.get(cuenta)
        return (
            registrada is not None
            and actores.por_que_no_entra(registrada, ahora) is None
            and actores.puede(registrada, Accion.REVISAR_REGISTRO, actores.lugar(proceso=proceso))
        )

    async def ausentes(self, operador: str, vigentes: Sequence[RepartoOrdenado], ahora: datetime) -> frozenset[str]:
        """Of the people for whom records are kept: those who are not there. Whoever asks is. Raises Unavailable."""
        found = set()
        for orden in vigentes:
            for parte in orden.partes if orden.exclusivo else ():
                for cuenta in parte.cuentas:
                    if cuenta != operador and not await self._esta(cuenta, orden, ahora):
                        found.add(cuenta)
        return frozenset(found)

    async def _esta(self, cuenta: str, orden: RepartoOrdenado, ahora: datetime) -> bool:
        if not self.puede_revisar(cuenta, orden.proceso, ahora):
            return False
        # Whom an order gives work has that time to begin.
        return ahora - orden.ordenado_en < self.ausencia or await self._activa(cuenta, orden.proceso, ahora)

    async def _activa(self, cuenta: str, proceso: str, ahora: datetime) -> bool:
        cuando, activa = self.sabido.get((cuenta, proceso), (None, False))
        if cuando is None or not timedelta() <= ahora - cuando < SABIDO:
            activa = await self._hizo_algo(cuenta, proceso, ahora - self.ausencia)
            self.sabido[cuenta, proceso] = ahora, activa
        return activa

    async def _hizo_algo(self, cuenta: str, proceso: str, desde: datetime) -> bool:
        tomado = {
            "operador": cuenta,
            "cola": en_cola(proceso, PENDIENTE),
            "asignado_hasta": {"$gt": desde + self.asignacion},
        }
        decidido = {"decidido_por": cuenta, "decidido_en": {"$gt": desde}}
        return bool(await self.registros.find(tomado, limit=1) or await self.registros.find(decidido, limit=1))
