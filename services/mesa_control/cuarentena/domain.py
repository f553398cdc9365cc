"""What a quarantine of packages means, who can act, and what is retried. Pure.

A quarantine is retried once: the retry has its version, and what descifrado makes of it is the next one.
"""

from dataclasses import dataclass
from datetime import datetime

from schemas.eventos import RegistroEnCuarentena, RegistroRecibido, ReintentoSolicitado

LLAVE_DESCONOCIDA = "llave_desconocida"
"""The reason whose `detalle` is the id of the key that is missing."""


@dataclass(frozen=True, slots=True)
class Motivo:
    """A reason, for people. `quien`: who can act; `que`: what they do; `definitivo`: nothing will ever open it."""

    texto: str
    quien: str
    que: str
    definitivo: bool = False


_NADIE = Motivo("", "Nadie", "Falló el kit del dispositivo. Reintente solo si se corrigió un error de lectura.")


def _del_kit(texto: str) -> Motivo:
    return Motivo(texto, _NADIE.quien, _NADIE.que)


MOTIVOS: dict[str, Motivo] = {
    "objeto_faltante": Motivo("El paquete no está en el almacén", "Operación", "Restaure el objeto y reintente."),
    "objeto_alterado": Motivo(
        "El paquete guardado no es el que se recibió",
        "Operación y seguridad",
        "Restaure el objeto, averigüe qué lo alteró y reintente.",
    ),
    "paquete_invalido": Motivo(
        "El paquete no tiene la forma debida", "Desarrollo", "La recepción lo dejó pasar: corrija y reintente."
    ),
    LLAVE_DESCONOCIDA: Motivo(
        "Falta la llave privada del proceso", "Operación", "Instale la llave que nombra el detalle y reintente."
    ),
    "llave_destruida": Motivo(
        "La llave del expediente se destruyó", "Nadie", "Así se dispuso: no se puede abrir nunca más.", definitivo=True
    ),
    "cuerpo_ilegible": Motivo("El cifrado no abre", "Nadie", "Se cifró con otra llave o se alteró en el dispositivo."),
    "cuerpo_malformado": _del_kit("El contenido no tiene un índice válido"),
    "parte_faltante": _del_kit("Falta una parte obligatoria o firmada"),
    "parte_alterada": _del_kit("Una parte no es la que se firmó"),
    "datos_invalidos": _del_kit("El formulario no cumple su formato"),
    "imagen_invalida": _del_kit("Una imagen no es JPEG ni PNG, o está incompleta"),
    "imagen_excesiva": _del_kit("Una imagen excede lo permitido"),
}
"""Every reason that descifrado gives (`services/descifrado/README.md`)."""


def motivo(clave: str) -> Motivo:
    """The reason in words; of one that a newer descifrado gives, its code in words."""
    desconocido = Motivo(clave.replace("_", " ").capitalize(), "Desarrollo", "Consulte la bitácora de descifrado.")
    return MOTIVOS.get(clave, desconocido)


@dataclass(frozen=True, slots=True)
class Filtro:
    """Which ones: those that agree in everything that is not None. `desde`, `hasta`: of reception, the second not included."""

    motivo: str | None = None
    llave: str | None = None
    desde: datetime | None = None
    hasta: datetime | None = None
    folios: tuple[str, ...] | None = None


def reintento(
    recibido: RegistroRecibido, cuarentena: RegistroEnCuarentena, por: str, ahora: datetime
) -> ReintentoSolicitado:
    """The retry of that quarantine."""
    return ReintentoSolicitado(
        version=cuarentena.version,
        folio=recibido.folio,
        proceso=recibido.proceso,
        envio=recibido.envio,
        codigo_integridad=recibido.codigo_integridad,
        paquete_sha256=recibido.paquete_sha256,
        objeto=recibido.objeto,
        recibido_en=recibido.recibido_en,
        reglas=recibido.reglas,
        por=por,
        solicitado_en=ahora,
    )
