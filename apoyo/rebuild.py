"""`apoyo rebuild`: a service's documents, replayed from the topics with the service's own rights."""

from collections.abc import Callable
from typing import Literal

from rich.console import Console

from apoyo.consultas import barra
from apoyo.instalacion import Instalacion
from kernel.rebuild import InUse, Rebuilt
from services.compulsa import bootstrap as compulsa
from services.compulsa.settings import CompulsaSettings
from services.mesa_control import bootstrap as mesa_control
from services.mesa_control.settings import Settings as MesaSettings
from services.notificaciones import bootstrap as notificaciones
from services.notificaciones.settings import Settings as NotificacionesSettings
from services.portal import bootstrap as portal
from services.portal.settings import Settings as PortalSettings
from services.resultados import bootstrap as resultados
from services.resultados.settings import Settings as ResultadosSettings

Servicio = Literal["resultados", "mesa_control", "portal", "notificaciones", "compulsa"]
"""Services whose documents follow from the topics."""


async def correr(instalacion: Instalacion, servicio: Servicio, consola: Console) -> int:
    """Rebuild; 1 when the service would have to be stopped and is not. Raises FileNotFoundError, Unavailable."""
    with barra(consola, en="eventos") as progress:
        task = progress.add_task(f"Reconstruir {servicio}", total=None)
        try:
            hecho = await _reconstruir(instalacion, servicio, lambda eventos: progress.update(task, advance=eventos))
        except InUse:
            consola.print(
                f"[red]{servicio} está en marcha, o lo estuvo mientras se reconstruía.[/] Deténgalo y repita la orden."
                " Si acaba de morir, espere unos segundos: hasta entonces cuenta como en marcha."
            )
            return 1
    consola.print(f"Reconstruido: {hecho.before:,} eventos antes del cambio y {hecho.after:,} después.")
    return 0


async def _reconstruir(instalacion: Instalacion, servicio: Servicio, avanzar: Callable[[int], None]) -> Rebuilt:
    match servicio:
        case "resultados":
            return await resultados.reconstruir(instalacion.settings(ResultadosSettings, servicio), avanzar)
        case "mesa_control":
            return await mesa_control.reconstruir(instalacion.settings(MesaSettings, servicio), avanzar)
        case "notificaciones":
            return await notificaciones.reconstruir(instalacion.settings(NotificacionesSettings, servicio), avanzar)
        case "portal":
            return await portal.reconstruir(instalacion.settings(PortalSettings, servicio), avanzar)
        case "compulsa":
            return await compulsa.reconstruir(instalacion.settings(CompulsaSettings, servicio), avanzar)
