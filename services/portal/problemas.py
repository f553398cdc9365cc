"""What people are told for each `Codigo`: problem+json in Spanish, declared once."""

from kernel.web import Problem
from services.portal.domain.rechazo import Codigo

PROBLEMAS: dict[Codigo, tuple[int, str, str]] = {
    Codigo.NO_EXISTE: (404, "No existe", "Revise la dirección, o búsquelo en la lista."),
    Codigo.CAMBIADO: (
        409,
        "Alguien más lo modificó mientras usted lo editaba",
        "Su cambio no se guardó, para no deshacer el de la otra persona. Abra de nuevo la página, revise lo que cambió"
        " y, si aún hace falta, repita su cambio.",
    ),
    Codigo.LO_REGISTRA_EL_INE: (
        403,
        "Este proceso lo registra el INE",
        "El INE registra y modifica el proceso y sus solicitudes con los datos que le envía el OPL (D 1.2).",
    ),
    Codigo.LO_REGISTRA_EL_OPL: (
        403,
        "Este proceso lo registra el OPL",
        "El OPL registra y modifica el proceso y sus solicitudes (P 6.1). Nada se modificó.",
    ),
    Codigo.PROCESO_CERRADO: (
        409,
        "Este proceso ya no recibe auxiliares",
        "Se registran mientras el proceso está activo y hasta que termina su periodo. Nada se modificó.",
    ),
    Codigo.AUXILIAR_DE_BAJA: (
        409,
        "Este auxiliar ya está de baja",
        "Una baja no se modifica. Si la persona va a colaborar de nuevo, regístrela otra vez: tendrá otro Id Auxiliar.",
    ),
    Codigo.NO_DA_DE_BAJA: (
        403,
        "En este proceso usted no da de baja auxiliares",
        "Las reglas del proceso dicen quién puede hacerlo. Nada se modificó.",
    ),
    Codigo.EXPEDIENTES_DESTRUIDOS: (
        409,
        "Los expedientes de este proceso se destruyen por orden",
        "Desde esa orden el proceso ya no cambia, y la orden no se puede deshacer. Nada se modificó.",
    ),
    Codigo.LO_ASIENTA_OTRO: (
        403,
        "Este hecho lo asienta quien recibe los resultados",
        "Lo asienta el OPL; en un proceso de todo el país, que no tiene OPL, el INE. Nada se modificó.",
    ),
    Codigo.LOTE_CERRADO: (
        409,
        "Este archivo ya se confirmó o se descartó",
        "Abra de nuevo su página para ver en qué quedó.",
    ),
}


def problema(codigo: Codigo) -> Problem:
    """The answer for a refusal."""
    status, titulo, detalle = PROBLEMAS[codigo]
    return Problem(status, codigo.value, titulo, detalle)
