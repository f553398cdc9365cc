"""What a device is told for each `Codigo`: problem+json in Spanish, declared once. README.md's table is compared with it."""

from dataclasses import dataclass

from kernel.web import Problem
from services.ingesta.domain import Codigo, Rechazo


@dataclass(frozen=True, slots=True)
class Texto:
    """`definitivo`: the same record will never be received; otherwise nothing is wrong with it and it may be sent again."""

    status: int
    definitivo: bool
    titulo: str
    detalle: str


_CONSERVE = "El registro sigue completo en el dispositivo y no se perdió nada"
_NO_SE_RECIBIO = "No se guardó nada de lo enviado y los demás registros no se afectan"

PROBLEMAS: dict[Codigo, Texto] = {
    Codigo.TIPO_DE_CONTENIDO: Texto(
        415,
        False,
        "El contenido no viene declarado como un paquete de apoyo",
        f"{_CONSERVE}. Envíelo de nuevo con el tipo de contenido que indica la guía de integración.",
    ),
    Codigo.CUERPO_EXCESIVO: Texto(
        413,
        True,
        "El envío rebasa el tamaño permitido",
        f"{_CONSERVE}. Capture de nuevo el apoyo con imágenes de menor tamaño.",
    ),
    Codigo.CUERPO_CORTADO: Texto(
        400,
        False,
        "La conexión se interrumpió antes de recibir el registro completo",
        f"{_CONSERVE}. Intente de nuevo cuando la conexión sea estable.",
    ),
    Codigo.LECTURA_LENTA: Texto(
        408,
        False,
        "El registro tardó demasiado en llegar",
        f"{_CONSERVE}. Intente de nuevo con una conexión más rápida.",
    ),
    Codigo.ENVIO_AUSENTE: Texto(
        400,
        False,
        "Falta el identificador del envío",
        f"{_CONSERVE}. Abra un envío y mande el registro con la cabecera Apoyo-Envio (32 dígitos hexadecimales).",
    ),
    Codigo.ENVIO_INVALIDO: Texto(
        422,
        False,
        "Los datos del envío no son válidos",
        "No se perdió ningún registro. Abra o cierre el envío con los datos que indica la guía de integración.",
    ),
    Codigo.NO_ES_UN_PAQUETE: Texto(
        422,
        True,
        "Lo recibido no es un paquete de apoyo",
        f"{_NO_SE_RECIBIO}. Verifique que la aplicación esté actualizada.",
    ),
    Codigo.FORMATO_DESCONOCIDO: Texto(
        422,
        True,
        "El formato del paquete no se conoce",
        f"{_NO_SE_RECIBIO}. Actualice la aplicación.",
    ),
    Codigo.PAQUETE_INCOMPLETO: Texto(
        422,
        True,
        "El paquete está incompleto",
        f"{_NO_SE_RECIBIO}. Si el dispositivo conserva el paquete completo, envíelo de nuevo; si no, repita la captura.",
    ),
    Codigo.ENCABEZADO_INVALIDO: Texto(
        422,
        True,
        "El encabezado del paquete no es válido",
        f"{_NO_SE_RECIBIO}. Verifique que la aplicación esté actualizada.",
    ),
    Codigo.FOLIO_INCONGRUENTE: Texto(
        422,
        True,
        "El folio no corresponde a la solicitud, al auxiliar o al dispositivo del paquete",
        f"{_NO_SE_RECIBIO}. Verifique que la aplicación esté actualizada.",
    ),
    Codigo.CUERPO_ALTERADO: Texto(
        422,
        True,
        "El contenido del paquete fue alterado o llegó incompleto",
        f"{_NO_SE_RECIBIO}. Si el dispositivo conserva el paquete íntegro, envíelo de nuevo; si no, repita la captura.",
    ),
    Codigo.FOLIO_DISTINTO: Texto(
        422,
        True,
        "El folio de la dirección no es el del paquete",
        f"{_NO_SE_RECIBIO}. Envíe cada paquete a la dirección de su propio folio.",
    ),
    Codigo.MODALIDAD_INCONGRUENTE: Texto(
        422,
        True,
        "La modalidad de captura no corresponde al identificador del auxiliar",
        f"{_NO_SE_RECIBIO}. Los identificadores MA y CM se reservan a Mi Apoyo y a la captura manual.",
    ),
    Codigo.LLAVE_DESCONOCIDA: Texto(
        422,
        True,
        "El paquete se cifró con una llave que no es de este proceso",
        f"{_NO_SE_RECIBIO}. Sincronice el dispositivo para obtener las llaves vigentes y repita la captura.",
    ),
    Codigo.SUITE_DISTINTA: Texto(
        422,
        True,
        "El cifrado declarado no corresponde a la llave del proceso",
        f"{_NO_SE_RECIBIO}. Sincronice el dispositivo y verifique que la aplicación esté actualizada.",
    ),
    Codigo.PROCESO_DESCONOCIDO: Texto(
        404,
        True,
        "El proceso no existe",
        f"{_NO_SE_RECIBIO}. Verifique el Id Proceso con quien le registró.",
    ),
    Codigo.SOLICITUD_DESCONOCIDA: Texto(
        403,
        True,
        "La solicitud no está registrada en el proceso",
        f"{_NO_SE_RECIBIO}. Verifique el folio de la solicitud con el OPL.",
    ),
    Codigo.AUXILIAR_DESCONOCIDO: Texto(
        403,
        True,
        "El auxiliar no está registrado en la solicitud",
        f"{_NO_SE_RECIBIO}. Verifique el Id Auxiliar con quien le registró.",
    ),
    Codigo.DISPOSITIVO_DESCONOCIDO: Texto(
        403,
        True,
        "El dispositivo no está registrado",
        f"{_NO_SE_RECIBIO}. Registre el dispositivo antes de capturar apoyos.",
    ),
    Codigo.DISPOSITIVO_AJENO: Texto(
        403,
        True,
        "El dispositivo está registrado a otro auxiliar",
        f"{_NO_SE_RECIBIO}. Envíe los registros desde el dispositivo en que se capturaron.",
    ),
    Codigo.FIRMA_INVALIDA: Texto(
        403,
        True,
        "La firma electrónica no es la del dispositivo",
        f"{_NO_SE_RECIBIO}. Envíe el contenido sin modificarlo; si el problema sigue, registre de nuevo el dispositivo.",
    ),
    Codigo.PROCESO_INACTIVO: Texto(
        403,
        False,
        "El proceso no está activo",
        f"{_CONSERVE}. Consulte con el OPL cuándo se reanuda la recepción.",
    ),
    Codigo.PROCESO_NO_INICIADO: Texto(
        403,
        False,
        "El periodo para recabar apoyos todavía no inicia",
        f"{_CONSERVE}. Envíelo cuando inicie el periodo.",
    ),
    Codigo.FUERA_DE_PLAZO: Texto(
        403,
        True,
        "El plazo para enviar apoyos concluyó",
        "El registro se envió después del cierre del periodo y de las horas de gracia, según el reloj del servidor, y no se "
        "recibió. Los registros ya acusados siguen a salvo. Consulte con el OPL.",
    ),
    Codigo.AUXILIAR_DADO_DE_BAJA: Texto(
        403,
        True,
        "El auxiliar fue dado de baja",
        "Lo que se envía después de la baja no se recibe. Los registros ya acusados siguen a salvo. Consulte con el "
        "aspirante o promovente.",
    ),
    Codigo.DISPOSITIVO_NO_AUTORIZADO: Texto(
        403,
        True,
        "El dispositivo no está autorizado",
        "Lo que se envía desde un dispositivo no autorizado no se recibe. Los registros ya acusados siguen a salvo. Use uno "
        "de los dispositivos activos del auxiliar.",
    ),
    Codigo.FOLIO_EN_CONFLICTO: Texto(
        409,
        True,
        "Ya se recibió otro registro con el mismo folio",
        "El primero recibido se conserva sin cambios y este no se guardó. Capture de nuevo el apoyo con otro folio.",
    ),
    Codigo.ENVIO_DESCONOCIDO: Texto(
        409,
        False,
        "El envío no se ha abierto",
        f"{_CONSERVE}. Abra un envío y mándelo de nuevo.",
    ),
    Codigo.ENVIO_CERRADO: Texto(
        409,
        False,
        "El envío ya se cerró",
        f"{_CONSERVE}. Abra otro envío y mándelo de nuevo.",
    ),
    Codigo.ENVIO_AJENO: Texto(
        409,
        False,
        "El envío es de otro dispositivo",
        f"{_CONSERVE}. Abra un envío desde este dispositivo y mándelo de nuevo.",
    ),
    Codigo.ENVIO_EN_CONFLICTO: Texto(
        409,
        False,
        "El envío ya se abrió o se cerró con otros datos",
        "Lo primero recibido se conserva sin cambios y no se perdió ningún registro. Abra otro envío.",
    ),
}


def problema(rechazo: Rechazo) -> Problem:
    """The answer to a device."""
    texto = PROBLEMAS[rechazo.codigo]
    extra: dict[str, object] = {"definitivo": texto.definitivo}
    if rechazo.detalle:
        extra["campos"] = rechazo.detalle
    return Problem(texto.status, rechazo.codigo, texto.titulo, texto.detalle, **extra)
