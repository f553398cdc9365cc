"""What the roll can say of a person (SPEC 8, D 10.7)."""

from enum import StrEnum


class Situacion(StrEnum):
    """Registral situation of a record."""

    EN_LISTA_NOMINAL = "en_lista_nominal"
    EN_PADRON_NO_LISTA_NOMINAL = "en_padron_no_lista_nominal"
    BAJA = "baja"
    NO_ENCONTRADO = "no_encontrado"
    FUERA_DE_AMBITO = "fuera_de_ambito"


class CausaBaja(StrEnum):
    """Why a person was struck off the roll."""

    DEFUNCION = "defuncion"
    SUSPENSION_DE_DERECHOS = "suspension_de_derechos"
    CANCELACION_DE_TRAMITE = "cancelacion_de_tramite"
    DUPLICADO_EN_PADRON = "duplicado_en_padron"
    PERDIDA_DE_VIGENCIA = "perdida_de_vigencia"
    DATOS_PERSONALES_IRREGULARES = "datos_personales_irregulares"
    DOMICILIO_IRREGULAR = "domicilio_irregular"
    USURPACION_DE_IDENTIDAD = "usurpacion_de_identidad"
    DETERMINACION_JUDICIAL = "determinacion_judicial"
    PERDIDA_DE_NACIONALIDAD = "perdida_de_nacionalidad"


TEXTO_SITUACION: dict[Situacion, str] = {
    Situacion.EN_LISTA_NOMINAL: "En lista nominal",
    Situacion.EN_PADRON_NO_LISTA_NOMINAL: "En el padrón, no en lista nominal",
    Situacion.BAJA: "Baja del padrón",
    Situacion.NO_ENCONTRADO: "Datos no encontrados",
    Situacion.FUERA_DE_AMBITO: "Fuera del ámbito de la solicitud",
}

TEXTO_CAUSA: dict[CausaBaja, str] = {
    CausaBaja.DEFUNCION: "Defunción",
    CausaBaja.SUSPENSION_DE_DERECHOS: "Suspensión de derechos políticos",
    CausaBaja.CANCELACION_DE_TRAMITE: "Cancelación de trámite",
    CausaBaja.DUPLICADO_EN_PADRON: "Duplicado en el padrón",
    CausaBaja.PERDIDA_DE_VIGENCIA: "Pérdida de vigencia",
    CausaBaja.DATOS_PERSONALES_IRREGULARES: "Datos personales irregulares",
    CausaBaja.DOMICILIO_IRREGULAR: "Domicilio irregular",
    CausaBaja.USURPACION_DE_IDENTIDAD: "Usurpación de identidad",
    CausaBaja.DETERMINACION_JUDICIAL: "Determinación judicial",
    CausaBaja.PERDIDA_DE_NACIONALIDAD: "Pérdida de la nacionalidad",
}
