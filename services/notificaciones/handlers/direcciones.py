"""Addresses of actors, opened out of what `actores` holds sealed."""

import base64
from dataclasses import dataclass
from typing import Protocol

from kernel.errors import BadInput, KeyDestroyed
from kernel.sealing import CannotUnseal, unseal
from schemas.actores import DatosAuxiliar, DatosSolicitante, contexto_de_auxiliar, contexto_de_solicitante
from schemas.eventos import AuxiliarRegistrado, SolicitudRegistrada


class Llavero(Protocol):
    """Keys that this service is entitled to."""

    async def open(self, key_id: str) -> bytes:
        """An actor's subkey `datos`, or a record's subkey `acuse`. Raises KeyDestroyed, LookupError, Unavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Direcciones:
    """Whom an e-mail goes to; None: nobody, for ever. What should open and does not is BadInput."""

    llavero: Llavero

    async def de_auxiliar(self, auxiliar: AuxiliarRegistrado) -> str | None:
        """None when the key was destroyed. Raises BadInput (`auxiliar_no_abre`), Unavailable."""
        donde = contexto_de_auxiliar(auxiliar.solicitud, auxiliar.auxiliar)
        return await self._abrir(auxiliar.llave, auxiliar.datos_sellados, donde, DatosAuxiliar)

    async def de_solicitante(self, solicitud: SolicitudRegistrada) -> str | None:
        """None also when the solicitud came without personal data. Raises BadInput (`solicitante_no_abre`), Unavailable."""
        if solicitud.llave is None or solicitud.datos_sellados is None:
            return None
        donde = contexto_de_solicitante(solicitud.solicitud)
        return await self._abrir(solicitud.llave, solicitud.datos_sellados, donde, DatosSolicitante)

    async def _abrir(
        self, llave: str, sellados: str, donde: str, modelo: type[DatosAuxiliar] | type[DatosSolicitante]
    ) -> str | None:
        try:
            datos = unseal(await self.llavero.open(llave), base64.b64decode(sellados), donde)
            return modelo.model_validate_json(datos, extra="ignore").correo or None
        except KeyDestroyed:
            return None
        except (LookupError, CannotUnseal, ValueError) as error:
            # Without its cause: a ValidationError repeats what it could not read.
            motivo = "auxiliar_no_abre" if modelo is DatosAuxiliar else "solicitante_no_abre"
            raise BadInput(motivo, f"{donde}: {type(error).__name__}") from None
