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
}


def problema(codigo: Codigo) -> Problem:
    """The answer for a refusal."""
    status, titulo, detalle = PROBLEMAS[codigo]
    return Problem(status, codigo.value, titulo, detalle)
