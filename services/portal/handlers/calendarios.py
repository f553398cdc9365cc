"""Holiday calendars, kept by INE (SPEC 2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schemas.eventos import CalendarioRegistrado
from services.portal.domain import calendarios as dominio
from services.portal.domain.rechazo import Codigo, Invalida, Rechazo
from services.portal.handlers.escritura import Escritor, Orden


@dataclass(frozen=True, slots=True)
class Calendarios:
    """Registers and changes them."""

    escritor: Escritor

    async def registrar(self, orden: Orden, valores: Mapping[str, Sequence[str]]) -> CalendarioRegistrado:
        """A new calendar. Raises Invalida, Unavailable."""
        actores = await self.escritor.al_dia()
        capturado = dominio.leer(valores)
        try:
            if capturado.calendario in actores.calendarios and not await self.escritor.escritos(orden):
                raise Rechazo(Codigo.CAMBIADO)
            return await self._guardar(orden, 1, capturado)
        except Rechazo as error:
            raise Invalida({"calendario": "Ya hay un calendario con ese nombre: use otro, o cámbielo."}) from error

    async def cambiar(
        self, orden: Orden, calendario: str, version: int, valores: Mapping[str, Sequence[str]]
    ) -> CalendarioRegistrado:
        """Change what that version says. Raises Invalida, Rechazo, Unavailable."""
        if calendario not in (await self.escritor.al_dia()).calendarios:
            raise Rechazo(Codigo.NO_EXISTE)
        return await self._guardar(orden, version + 1, dominio.leer(valores, actual=calendario))

    async def _guardar(
        self, orden: Orden, version: int, capturado: dominio.CalendarioCapturado
    ) -> CalendarioRegistrado:
        evento = CalendarioRegistrado(
            version=version,
            calendario=capturado.calendario,
            festivos=capturado.festivos,
            por=orden.por,
            registrado_en=self.escritor.clock.now(),
        )
        return await self.escritor.emitir(evento, orden)
