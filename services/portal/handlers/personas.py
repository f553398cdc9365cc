"""Personal data of actors: sealed under a key of the person, opened for whom the page may show it, and noted who saw what."""

import base64
import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

from kernel.clock import Clock
from kernel.documents import Documents
from kernel.errors import KeyDestroyed
from kernel.sealing import KeyRing, derive, seal, unseal
from schemas.actores import DATOS
from schemas.tipos import Modelo

M = TypeVar("M", bound=Modelo)


def id_de_llave(asunto: str) -> str:
    """Id of the key of the person that a subject of `actores` is about: UUIDv5, so that an order repeated finds the same."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:apoyo:{asunto.replace('/', ':', 1)}"))


class Personas:
    """Seals and opens. `accesos`: who saw whose data, and when."""

    def __init__(self, llavero: KeyRing, accesos: Documents, clock: Clock) -> None:
        self._llavero = llavero
        self._accesos = accesos
        self._clock = clock

    async def sellar(
        self, asunto: str, datos: Modelo, contexto: str, tambien: Mapping[str, str], *, antes: str | None = None
    ) -> tuple[str, str]:
        """The id of the person's key, made if absent, and the data sealed under its label `DATOS` (base64).

        `tambien`: other services entitled to a part of the key, and the label of that part; `antes`: what was sealed before, which
        stays as it is where it says the same. Raises KeyDestroyed, Unavailable.
        """
        llave = id_de_llave(asunto)
        raiz = await self._llavero.create(llave, {"portal": None, **tambien})
        if antes is not None and abierto(raiz, antes, type(datos), contexto) == datos:
            return llave, antes
        return llave, sellado(raiz, datos, contexto)

    async def raices(self, asuntos: Sequence[str], tambien: Mapping[str, str]) -> list[bytes]:
        """The keys of several persons, made if absent, with one write for all. Raises KeyDestroyed, Unavailable."""
        return await self._llavero.create_many([id_de_llave(asunto) for asunto in asuntos], {"portal": None, **tambien})

    async def abrir_para_el_sistema(self, llaves: Collection[str]) -> dict[str, bytes]:
        """Keys for what the portal does by itself and shows to nobody; without those destroyed. Raises Unavailable."""
        return await self._llavero.open_many(llaves)

    async def abrir(self, quien: str, llave: str, sellados: str, modelo: type[M], contexto: str) -> M | None:
        """What was sealed, for an account that sees it now; None when the key was destroyed (SPEC 11). Raises Unavailable."""
        try:
            raiz = await self._llavero.open(llave)
        except KeyDestroyed:
            return None
        await self._anotar(quien, [llave])
        return abierto(raiz, sellados, modelo, contexto)

    async def abrir_varios(
        self, quien: str, sellados: Mapping[str, tuple[str, str, str]], modelo: type[M]
    ) -> dict[str, M]:
        """The same of a list: name → (key, sealed, context); without those whose key was destroyed. Raises Unavailable."""
        raices = await self._llavero.open_many([llave for llave, _, _ in sellados.values()])
        if raices:
            await self._anotar(quien, sorted(raices))
        return {
            nombre: abierto(raices[llave], datos, modelo, contexto)
            for nombre, (llave, datos, contexto) in sellados.items()
            if llave in raices
        }

    async def _anotar(self, quien: str, llaves: Sequence[str]) -> None:
        ahora = self._clock.now()
        await self._accesos.put_if_absent(
            {"_id": str(uuid.uuid4()), "cuenta": quien, "llaves": list(llaves), "cuando": ahora}
        )


def sellado(raiz: bytes, datos: Modelo, contexto: str, parte: str = DATOS) -> str:
    """Data sealed under a part of a person's key (base64)."""
    return base64.b64encode(seal(derive(raiz, parte), datos.model_dump_json().encode(), contexto)).decode()


def abierto(raiz: bytes, sellados: str, modelo: type[M], contexto: str, parte: str = DATOS) -> M:
    """What was sealed. Raises CannotUnseal, ValueError."""
    return modelo.model_validate_json(unseal(derive(raiz, parte), base64.b64decode(sellados), contexto))
