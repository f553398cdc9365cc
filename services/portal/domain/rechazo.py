"""Why a request is refused, for whoever made it. Pure."""

from collections.abc import Mapping
from enum import StrEnum


class Codigo(StrEnum):
    """Reasons that concern the request as a whole; `services.portal.problemas` says them in Spanish."""

    NO_EXISTE = "no_existe"
    CAMBIADO = "cambiado"
    """Somebody else changed it since the page was shown."""
    LO_REGISTRA_EL_INE = "lo_registra_el_ine"
    """The profile gives it to INE (D 1.2)."""
    LO_REGISTRA_EL_OPL = "lo_registra_el_opl"
    """The profile gives it to the OPL (P 6.1)."""
    PROCESO_CERRADO = "proceso_cerrado"
    """Auxiliares are registered while the process is active and has not ended."""
    AUXILIAR_DE_BAJA = "auxiliar_de_baja"
    """The auxiliar was dismissed: nothing of theirs changes any more."""
    NO_DA_DE_BAJA = "no_da_de_baja"
    """The profile does not let this role dismiss auxiliares (P 7.6, 7.7, 8.6; D 3.4, 3.8, 4.5)."""
    EXPEDIENTES_DESTRUIDOS = "expedientes_destruidos"
    """What the process holds is destroyed by order: nothing of the process changes any more."""
    LO_ASIENTA_OTRO = "lo_asienta_otro"
    """The OPL says that there is a final result or that the results could be opened; INE where there is no OPL."""
    LOTE_CERRADO = "lote_cerrado"
    """The batch is no longer a preview."""


class Rechazo(Exception):
    """The request is refused, and nothing has changed."""

    def __init__(self, codigo: Codigo) -> None:
        super().__init__(codigo.value)
        self.codigo = codigo


class Invalida(Exception):
    """Fields that are wrong, each with what to do, in the order of the form: field → message in Spanish."""

    def __init__(self, errores: Mapping[str, str]) -> None:
        super().__init__(", ".join(errores))
        self.errores = dict(errores)
