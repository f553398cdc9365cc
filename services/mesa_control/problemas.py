"""What each refusal says to a person (problem+json, RFC 9457). Codes are constant; texts are Spanish."""

from kernel.web import Problem
from services.mesa_control.domain import Rechazo

_NADA = "Nada se guardó."

RECHAZOS: dict[str, tuple[int, str, str]] = {
    "registro_desconocido": (404, "No existe ese registro", "Revise el folio."),
    "expedientes_destruidos": (
        410,
        "Los datos de este registro se destruyeron por orden",
        "Terminó el plazo en que se conservan los expedientes de este proceso. Quién lo ordenó y por qué está en la historia del"
        " registro.",
    ),
    "imagen_desconocida": (404, "El registro no tiene esa imagen", ""),
    "proceso_desconocido": (404, "No existe ese proceso", ""),
    "registro_no_listo": (409, "El registro todavía no está en Mesa de Control", "Llegará a la cola por sí solo."),
    "sin_cuarentena": (404, "Ese registro no está en cuarentena", ""),
    "ninguno_elegido": (422, "No eligió ningún registro", "Vuelva atrás y marque al menos uno. Nada se modificó."),
    "fecha_invalida": (422, "Esa fecha no existe", "Corríjala e intente de nuevo. Nada se modificó."),
    "nada_que_reintentar": (
        409,
        "No hay nada que reintentar",
        "Esos registros ya se abrieron, ya se están reintentando o no se pueden abrir nunca más.",
    ),
    "reparto_desconocido": (404, "No existe esa orden de reparto", ""),
    "reparto_modificado": (
        409,
        "Otra persona cambió esta orden",
        f"Vea cómo quedó y decida de nuevo. {_NADA}",
    ),
    "reparto_terminado": (409, "Esta orden ya terminó", _NADA),
    "motivo_desconocido": (422, "Falta por qué termina la orden", f"Elija un motivo. {_NADA}"),
    "situacion_desconocida": (422, "Esa situación registral no existe", _NADA),
    "sin_personas": (422, "Falta quién revisa", f"Elija al menos una persona. {_NADA}"),
    "persona_no_revisa": (422, "Esa cuenta no revisa registros de este proceso", _NADA),
    "porcentaje_invalido": (
        422,
        "Los porcentajes no son válidos",
        f"Cada uno es de 1 a 100, y no suman más de 100. {_NADA}",
    ),
    "registro_asignado_a_otra_persona": (409, "Otra persona está revisando este registro", _NADA),
    "registro_ya_decidido": (409, "Este registro ya se decidió", "La decisión anterior queda como está."),
    "decision_desconocida": (409, "No existe la decisión que se quiere reemplazar", _NADA),
    "solo_quien_decidio": (403, "Solo quien decidió puede deshacer su decisión", _NADA),
    "plazo_para_deshacer_vencido": (409, "Ya pasó el tiempo para deshacer esta decisión", _NADA),
    "compulsa_desconocida": (422, "La compulsa señalada no existe", _NADA),
    "inconsistencia_desconocida": (422, "Esa inconsistencia no está en el catálogo", _NADA),
    "inconsistencia_por_regla": (422, "Esa inconsistencia la determina una regla, no una persona", _NADA),
    "inconsistencia_repetida": (422, "La misma inconsistencia aparece dos veces", _NADA),
    "excepcion_desconocida": (422, "Esa inconsistencia no tiene excepción que la haga válida", _NADA),
    "excepcion_contradictoria": (422, "Lo que es válido por excepción no puede ser también inconsistencia", _NADA),
    "detalle_requerido": (422, "Falta el detalle de la inconsistencia", f"Escríbalo y guarde de nuevo. {_NADA}"),
    "correccion_en_consulta": (
        409,
        "El formulario se corrigió y se está consultando en el padrón",
        f"El registro vuelve a la cola en cuanto haya respuesta. {_NADA}",
    ),
    "registro_corregido": (
        409,
        "El formulario se corrigió después de que usted lo abrió",
        f"Abra el registro de nuevo y vea la situación actual. {_NADA}",
    ),
    "registro_ya_corregido": (409, "Otra corrección se guardó antes", f"Abra el registro de nuevo. {_NADA}"),
    "correccion_desconocida": (422, "No existe la corrección señalada", _NADA),
    "correccion_no_procede": (
        409,
        "Este formulario no se corrige",
        f"Solo cuando no se encontraron los datos en el padrón o el registro llegó sin CIC ni OCR (D 5.8, 10.3). {_NADA}",
    ),
    "datos_invalidos": (422, "Revise los campos marcados", _NADA),
    "sin_cambios": (422, "No cambió ningún dato", "Escriba lo que dice la credencial donde el formulario no coincide."),
    "llave_reutilizada": (422, "La clave de idempotencia ya se usó para otra orden", _NADA),
}


def problema(rechazo: Rechazo) -> Problem:
    """The answer to an order that was refused."""
    status, title, detail = RECHAZOS[rechazo.codigo]
    return Problem(status, rechazo.codigo, title, detail, **rechazo.datos)


def llave_destruida() -> Problem:
    """The key is gone for good (SPEC 11, end of life)."""
    return Problem(
        410, "llave_destruida", "Los datos de este registro se destruyeron", "Terminó su plazo de conservación."
    )


def ilegible() -> Problem:
    """Stored bytes that do not open: operations must look at it."""
    return Problem(
        500,
        "expediente_ilegible",
        "No se pudo abrir el expediente",
        "Quedó registrado para soporte. Siga con el registro siguiente.",
    )
