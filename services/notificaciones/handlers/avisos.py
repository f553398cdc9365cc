"""E-mails to solicitantes and auxiliares, from what `actores` says.

An event is handled once this process has followed the topic past it: so what it rests on (its process, the version before) is
known, and what is not known will never be.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from kernel.dispatch import Context
from kernel.errors import BadInput, Unavailable
from schemas.eventos import (
    AuxiliarDadoDeBaja,
    AuxiliarRegistrado,
    CedulaConfirmada,
    ProcesoRegistrado,
    SolicitudRegistrada,
)
from services.notificaciones.domain import Clase, Encargo, Texto
from services.notificaciones.domain.avisos import (
    alta,
    baja,
    cambio_de_correo,
    confirmacion,
    criterios,
    criterios_que_cambiaron,
    mismo_correo,
)
from services.notificaciones.domain.historia import Historia
from services.notificaciones.handlers.direcciones import Direcciones
from services.notificaciones.handlers.entregas import Carta, Entregas


@dataclass(frozen=True, slots=True)
class Avisos:
    """The handlers with what they depend on. `portal`: its address, as people know it; `derfe`: of DERFE, if told."""

    direcciones: Direcciones
    entregas: Entregas
    ver_historia: Callable[[], Historia]
    portal: str
    derfe: str | None = None

    async def solicitud_registrada(self, evento: SolicitudRegistrada, context: Context) -> None:
        """Confirm it, if the profile says at once (D 2.3). Raises BadInput, Conflict, Unavailable."""
        historia = self._al_dia(context)
        proceso = _proceso(historia, evento)
        if historia.perfil_de(proceso.proceso).confirmacion == "inmediata":
            await self._confirmar(evento, proceso)

    async def cedula_confirmada(self, evento: CedulaConfirmada, context: Context) -> None:
        """Confirm the solicitud, if nobody did (P 6.1 F). Raises BadInput, Conflict, Unavailable."""
        historia = self._al_dia(context)
        solicitud = historia.solicitudes.get(evento.solicitud)
        if solicitud is None:
            raise BadInput("solicitud_desconocida", evento.solicitud)
        await self._confirmar(solicitud, _proceso(historia, solicitud))

    async def auxiliar_registrado(self, evento: AuxiliarRegistrado, context: Context) -> None:
        """Tell the auxiliar, at the first version that can be read, and at each that changes the e-mail.

        Raises BadInput, Conflict, Unavailable.
        """
        historia = self._al_dia(context)
        para = await self.direcciones.de_auxiliar(evento)
        antes = await self._correo_anterior(historia, evento)
        quien = (evento.solicitud, evento.auxiliar)
        if antes is None:
            await self._enviar(Encargo(Clase.ALTA, ".".join(quien)), para, alta(*quien))
        elif para is not None and not mismo_correo(antes, para):
            encargo = Encargo(Clase.CAMBIO_DE_CORREO, f"{'.'.join(quien)}.{evento.version}")
            await self._enviar(encargo, para, cambio_de_correo(*quien))

    async def auxiliar_dado_de_baja(self, evento: AuxiliarDadoDeBaja, context: Context) -> None:
        """Tell the auxiliar why (P 7.7, D 3.8). Raises BadInput, Conflict, Unavailable."""
        historia = self._al_dia(context)
        auxiliar = historia.auxiliares.get((evento.solicitud, evento.auxiliar))
        if auxiliar is None:
            raise BadInput("auxiliar_desconocido", f"{evento.solicitud}/{evento.auxiliar}")
        encargo = Encargo(Clase.BAJA, f"{evento.solicitud}.{evento.auxiliar}.{evento.version}")
        await self._enviar(encargo, await self.direcciones.de_auxiliar(auxiliar), baja(evento))

    async def proceso_registrado(self, evento: ProcesoRegistrado, context: Context) -> None:
        """Notify DERFE when the OPL's criteria changed (P 13.4, 13.8; D 10.4). Raises BadInput, Conflict, Unavailable."""
        historia = self._al_dia(context)
        anterior = historia.de_proceso[evento.proceso].get(evento.version - 1)
        if anterior is None or anterior.perfil == evento.perfil:
            return
        antes, despues = (historia.perfiles.get((r.id, r.version)) for r in (anterior.perfil, evento.perfil))
        if antes is None or despues is None:
            raise BadInput("perfil_desconocido", evento.proceso)
        if criterios_que_cambiaron(antes, despues):
            encargo = Encargo(Clase.CRITERIOS, f"{evento.proceso}.{evento.version}")
            await self._enviar(encargo, self.derfe, criterios(evento, antes, despues))

    def _al_dia(self, context: Context) -> Historia:
        historia = self.ver_historia()
        if historia.offset <= context.offset:
            raise Unavailable("actores: not followed so far yet")
        return historia

    async def _confirmar(self, solicitud: SolicitudRegistrada, proceso: ProcesoRegistrado) -> None:
        texto = confirmacion(solicitud.solicitud, proceso, self.portal)
        encargo = Encargo(Clase.CONFIRMACION, solicitud.solicitud)
        await self._enviar(encargo, await self.direcciones.de_solicitante(solicitud), texto)

    async def _correo_anterior(self, historia: Historia, evento: AuxiliarRegistrado) -> str | None:
        """The e-mail before this version, if there was one that can be read."""
        for anterior in historia.anteriores(evento):
            with contextlib.suppress(BadInput):
                if (correo := await self.direcciones.de_auxiliar(anterior)) is not None:
                    return correo
        return None

    async def _enviar(self, encargo: Encargo, para: str | None, texto: Texto) -> None:
        async def carta() -> Carta:
            return Carta(para, texto)

        await self.entregas.entregar(encargo, carta)


def _proceso(historia: Historia, solicitud: SolicitudRegistrada) -> ProcesoRegistrado:
    """The process of a solicitud, whose profile is known too."""
    proceso = historia.procesos.get(solicitud.proceso)
    if proceso is None or (proceso.perfil.id, proceso.perfil.version) not in historia.perfiles:
        raise BadInput("proceso_desconocido", solicitud.proceso)
    return proceso
