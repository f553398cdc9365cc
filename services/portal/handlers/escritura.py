"""How every command of the portal writes: decide on what `actores` says to its end, emit once, answer when it can be seen.

- **Once.** An order's cause is derived from who asks, the form's key and all that it says (`causa_de`): the same request repeated
  is the same event. What an order wrote already is found by it (`escritos`): what died half-way is finished by repeating it.
- **On what is in force.** A change names the version that it changes. Somebody else's version in its place: `Rechazo(CAMBIADO)`.
- **Seen.** `visible` waits briefly for the projection and this process's fold.
"""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from kernel.clock import Clock
from kernel.documents import Documents
from kernel.errors import Unavailable
from kernel.outbox import Outbox, VersionTaken
from kernel.stream import Stream
from schemas.actores import Actores
from schemas.envelope import Evento
from schemas.eventos import POR_TIPO
from services.portal import metrics
from services.portal.domain.nomina import Nomina
from services.portal.domain.rechazo import Codigo, Rechazo

E = TypeVar("E", bound=Evento)

TOPIC = "actores"
_PASO_S = 0.02


@dataclass(frozen=True, slots=True)
class Orden:
    """What somebody asks for. `por`: their account; `causa`: the same for the same request repeated (`causa_de`)."""

    por: str
    causa: str


def causa_de(por: str, llave: str, ruta: str, campos: Mapping[str, Sequence[str]]) -> str:
    """The cause of a request: SHA-256 of who asks, the random key of the form (128 bits), where, and every field.

    So a form sent twice is one order, and a form that was changed and sent again is another.
    """
    dicho = json.dumps([por, llave, ruta, sorted((k, list(v)) for k, v in campos.items())], ensure_ascii=False)
    return hashlib.sha256(dicho.encode()).hexdigest()


@dataclass
class Vista:
    """This process's fold of `actores`. `vistas`: newest version of each (kind, subject); `nomina`: auxiliares by solicitud."""

    actores: Actores = field(default_factory=Actores)
    vistas: dict[str, int] = field(default_factory=dict)
    nomina: Nomina = field(default_factory=Nomina)

    def aplicar(self, evento: Evento, offset: int) -> None:
        """Fold one event in."""
        self.actores.aplicar(evento, offset)
        self.nomina.aplicar(evento)
        self.vistas[evento.serie] = max(evento.version, self.vistas.get(evento.serie, 0))


class Escritor:
    """Writes events on `actores`. `paciencia_s`: how long an answer waits to be seen."""

    def __init__(
        self,
        outbox: Outbox,
        stream: Stream,
        vista: Vista,
        fichas: Documents,
        clock: Clock,
        *,
        paciencia_s: float = 3.0,
        dormir: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._outbox = outbox
        self._stream = stream
        self._vista = vista
        self._fichas = fichas
        self.clock = clock
        self._pasos = round(paciencia_s / _PASO_S)
        self._dormir = dormir

    async def al_dia(self) -> Actores:
        """What `actores` says, at least as far as it reaches now. Raises Unavailable."""
        fin = max((await self._stream.ends(TOPIC)).values(), default=0)
        if not await self._hasta(lambda: self._vista.actores.offset >= fin):
            raise Unavailable("the fold of actores is behind")
        return self._vista.actores

    async def escritos(self, orden: Orden) -> list[Evento]:
        """What this order wrote already; published for sure. Ask after `al_dia`: then nothing is written twice."""
        found = await self._outbox.caused(orden.causa)
        for stored in found:
            await self._outbox.ensure_published(stored)
        return [POR_TIPO[d["headers"]["ce_type"]].model_validate_json(bytes(d["value"])) for d in found]

    async def emitir(self, evento: E, orden: Orden, *, reclamo: str | None = None) -> E:
        """Write and publish; what is in force when it returns, which an earlier call of the same order may have written.

        `reclamo`: what its subject alone may have. Raises Rechazo (CAMBIADO), ClaimTaken, Unavailable.
        """
        if evento.version > self._vista.vistas.get(evento.serie, 0) + 1:
            raise Rechazo(Codigo.CAMBIADO)
        try:
            emitted = await self._outbox.emit(evento, cause=orden.causa, correlation=orden.causa, claim=reclamo)
        except VersionTaken as error:
            raise Rechazo(Codigo.CAMBIADO) from error
        return type(evento).model_validate_json(bytes(emitted.stored["value"]))

    async def visible(self, evento: Evento) -> bool:
        """Wait briefly until this process and the pages' documents have the event; whether they do. Raises Unavailable."""

        async def en_ficha() -> bool:
            ficha = await self._fichas.get(evento.asunto)
            return ficha is not None and any(
                v["evento"] == evento.nombre and v["version"] >= evento.version for v in ficha["versiones"]
            )

        visto = await self._hasta(lambda: self._vista.vistas.get(evento.serie, 0) >= evento.version)
        for _ in range(self._pasos):
            if not visto or await en_ficha():
                break
            await self._dormir(_PASO_S)
        else:
            visto = False
        if not visto:
            metrics.SIN_VERSE.inc()
        return visto

    async def _hasta(self, condicion: Callable[[], bool]) -> bool:
        for _ in range(self._pasos):
            if condicion():
                return True
            await self._dormir(_PASO_S)
        return condicion()
