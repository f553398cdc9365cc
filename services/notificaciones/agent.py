"""From the stream to the handlers."""

from collections.abc import Awaitable, Callable
from typing import Any

from kernel.dispatch import Context, EventHandler, dispatcher
from kernel.documents import Keyed
from kernel.stream import Handler
from schemas.eventos import (
    POR_TIPO,
    AuxiliarDadoDeBaja,
    AuxiliarRegistrado,
    CedulaConfirmada,
    EnvioAbierto,
    EnvioCerrado,
    ProcesoRegistrado,
    RegistroDescifrado,
    RegistroEnCuarentena,
    SolicitudRegistrada,
)
from services.notificaciones.handlers.acuses import Acuses, doblar_desenlace, doblar_envio
from services.notificaciones.handlers.avisos import Avisos

TOPICS = (EnvioAbierto.topic, RegistroDescifrado.topic, AuxiliarRegistrado.topic)
"""What it consumes, in one group; `actores` is followed whole besides."""


def build(acuses: Acuses, avisos: Avisos) -> Handler:
    """The stream handler."""
    return dispatcher(
        POR_TIPO,
        {
            EnvioAbierto: acuses.envio_abierto,
            EnvioCerrado: acuses.envio_cerrado,
            RegistroDescifrado: acuses.desenlace,
            RegistroEnCuarentena: acuses.desenlace,
            ProcesoRegistrado: avisos.proceso_registrado,
            SolicitudRegistrada: avisos.solicitud_registrada,
            CedulaConfirmada: avisos.cedula_confirmada,
            AuxiliarRegistrado: avisos.auxiliar_registrado,
            AuxiliarDadoDeBaja: avisos.auxiliar_dado_de_baja,
        },
    )


def solo_envios(envios: Keyed) -> Handler:
    """Folds `envios` and sends nothing: for a rebuild."""
    return dispatcher(POR_TIPO, dict.fromkeys((EnvioAbierto, EnvioCerrado), _solo(doblar_envio, envios)))


def solo_desenlaces(desenlaces: Keyed) -> Handler:
    """Folds the outcomes and sends nothing: for a rebuild."""
    doblar = _solo(doblar_desenlace, desenlaces)
    return dispatcher(POR_TIPO, dict.fromkeys((RegistroDescifrado, RegistroEnCuarentena), doblar))


def _solo(doblar: Callable[[Keyed, Any], Awaitable[None]], documentos: Keyed) -> EventHandler:
    async def handler(evento: Any, context: Context) -> None:
        await doblar(documentos, evento)

    return handler
