"""The handlers of the portal together, over its engines."""

from dataclasses import dataclass

from kernel.documents import Documents
from services.portal.handlers.auxiliares import Auxiliares
from services.portal.handlers.calendarios import Calendarios
from services.portal.handlers.cuentas import Cuentas
from services.portal.handlers.destruccion import Destrucciones
from services.portal.handlers.escritura import Escritor, Vista
from services.portal.handlers.lotes import Lotes
from services.portal.handlers.procesos import Procesos
from services.portal.handlers.solicitudes import Solicitudes


@dataclass(frozen=True, slots=True)
class Portal:
    """What the pages call. `vista`: this process's fold; `fichas`: what lists show."""

    vista: Vista
    fichas: Documents
    escritor: Escritor
    cuentas: Cuentas
    calendarios: Calendarios
    procesos: Procesos
    destrucciones: Destrucciones
    solicitudes: Solicitudes
    auxiliares: Auxiliares
    lotes: Lotes
