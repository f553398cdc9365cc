"""A batch of auxiliares from a file: what each row may become, and how far the batch is (P 7.3, D 3). Pure.

Rules:

1. A row is looked at as the form of one auxiliar is (`domain.auxiliares.revisar`); what reading the file showed of a cell (a
   formula, a number where zeros were lost) is told at that cell. One bad row costs no other.
2. An e-mail, or a clave de elector, belongs to the first row that may be registered with it. An e-mail that an auxiliar in force of
   the solicitud has is refused, with their Id.
3. The example row of the template is left out, and so are empty rows.
4. Nothing is registered before somebody confirms the preview. Rows that look odd are registered only if that was confirmed too.
5. A batch is done page by page, in the order of the file. What a page holds is forgotten when it is done, and the whole batch when
   it is abandoned; how each row ended stays, without personal data.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Literal

from schemas.actores import DatosAuxiliar
from schemas.perfil import PerfilReglas
from schemas.tipos import Modelo, Momento
from services.portal.domain.auxiliares import CAMPO, CAMPOS, Observacion, revisar

MAX_RENGLONES = 10_000
POR_PAGINA = 50
"""Rows of a page: what is registered together, and shown together in the preview."""

COLUMNAS: tuple[str, ...] = tuple(campo.encabezado for campo in CAMPOS)
"""Header of the file."""

EJEMPLO: Mapping[str, str] = {
    "nombre": "EJEMPLO",
    "paterno": "BORRE",
    "materno": "RENGLON",
    "nacimiento": "31/12/1990",
    "telefono": "5500000000",
    "clave_elector": "BRRNEJ90123109H000",
    "curp": "",
    "correo": "borre.este.renglon@example.com",
    "emisor": "",
    "referencia": "",
}
"""The example row of the template; nobody in particular. `emisor`: the template puts the first one."""


@dataclass(frozen=True, slots=True)
class Renglon:
    """A row as it was read. `numero`: of its line, the header is 1. `textos`: by field.

    `celdas`: what reading showed wrong, by field; `entero`: what is wrong with the row as a whole, e.g. that it has more cells
    than the header. `avisos`: what looks odd, by field.
    """

    numero: int
    textos: Mapping[str, str]
    celdas: Mapping[str, str] = field(default_factory=dict)
    avisos: Mapping[str, str] = field(default_factory=dict)
    entero: str = ""

    @property
    def vacio(self) -> bool:
        """Whether nothing was written in it."""
        return not self.entero and not self.celdas and not any(texto.strip() for texto in self.textos.values())


class Suerte(StrEnum):
    """What a row may become."""

    BUENA = "buena"
    POR_CONFIRMAR = "por_confirmar"
    MALA = "mala"
    OMITIDA = "omitida"


class Nota(Modelo):
    """An `Observacion` of a row. `campo`: empty when it concerns the row as a whole."""

    campo: str
    texto: str
    grave: bool


class Fila(Modelo):
    """A row that was looked at: personal data. `datos`: None when it cannot be registered."""

    numero: int
    textos: dict[str, str]
    notas: list[Nota]
    datos: DatosAuxiliar | None
    omitida: bool = False

    @property
    def suerte(self) -> Suerte:
        """What it may become."""
        if self.omitida:
            return Suerte.OMITIDA
        if self.datos is None:
            return Suerte.MALA
        return Suerte.POR_CONFIRMAR if self.notas else Suerte.BUENA

    @property
    def motivo(self) -> str:
        """What is wrong with it, in one line that repeats nothing that was written."""
        return " ".join(f"{CAMPO[n.campo].etiqueta}: {n.texto}" if n.campo else n.texto for n in self.notas)


Registrado = Callable[[DatosAuxiliar], str | None]
"""Id of the auxiliar in force of the solicitud who has that e-mail."""


def revisar_renglones(
    renglones: Iterable[Renglon], perfil: PerfilReglas, hoy: date, emisores: Mapping[str, str], registrado: Registrado
) -> list[Fila]:
    """Look at every row (rules 1-3). `hoy`: hora Centro."""
    filas: list[Fila] = []
    correos: dict[str, int] = {}
    claves: dict[str, int] = {}
    for renglon in renglones:
        if renglon.vacio:
            continue
        textos = {campo.id: renglon.textos.get(campo.id, "").strip() for campo in CAMPOS}
        if textos["correo"].casefold() == EJEMPLO["correo"]:
            filas.append(Fila(numero=renglon.numero, textos=textos, notas=[], datos=None, omitida=True))
            continue
        fila = _revisar(renglon, textos, perfil, hoy, emisores)
        if (datos := fila.datos) is not None:
            repetida = _repetida(datos, correos, claves, registrado)
            if repetida is not None:
                fila = fila.model_copy(update={"datos": None, "notas": [*fila.notas, repetida]})
            else:
                correos[datos.correo.casefold()] = claves[datos.clave_elector] = fila.numero
        filas.append(fila)
    return filas


def _revisar(
    renglon: Renglon, textos: dict[str, str], perfil: PerfilReglas, hoy: date, emisores: Mapping[str, str]
) -> Fila:
    if renglon.entero:
        nota = Nota(campo="", texto=renglon.entero, grave=True)
        return Fila(numero=renglon.numero, textos=textos, notas=[nota], datos=None)
    revision = revisar(textos, perfil, hoy, emisores)
    observado = {o.campo: o for o in revision.observaciones}
    for campo, texto in renglon.celdas.items():
        observado[campo] = Observacion(campo, texto)
    for campo, texto in renglon.avisos.items():
        observado.setdefault(campo, Observacion(campo, texto, grave=False))
    notas = [
        Nota(campo=campo.id, texto=observado[campo.id].texto, grave=observado[campo.id].grave)
        for campo in CAMPOS
        if campo.id in observado
    ]
    datos = None if any(n.grave for n in notas) else revision.datos
    return Fila(numero=renglon.numero, textos=textos, notas=notas, datos=datos)


def _repetida(
    datos: DatosAuxiliar, correos: Mapping[str, int], claves: Mapping[str, int], registrado: Registrado
) -> Nota | None:
    if (antes := correos.get(datos.correo.casefold())) is not None:
        return Nota(campo="correo", texto=f"Es el mismo correo del renglón {antes}.", grave=True)
    if (antes := claves.get(datos.clave_elector)) is not None:
        return Nota(campo="clave_elector", texto=f"Es la misma clave de elector del renglón {antes}.", grave=True)
    if (auxiliar := registrado(datos)) is not None:
        return Nota(campo="correo", texto=ya_registrado(auxiliar), grave=True)
    return None


def ya_registrado(auxiliar: str) -> str:
    """What is said of an e-mail that somebody of the solicitud has."""
    return f"Ya está registrado en esta solicitud como {auxiliar}."


# The batch -------------------------------------------------------------------------------------------------------------


class EstadoLote(StrEnum):
    """Of a batch."""

    SUBIENDO = "subiendo"
    """Its rows are being kept; whoever sent it did not get an answer yet."""
    VISTA_PREVIA = "vista_previa"
    EN_CURSO = "en_curso"
    TERMINADO = "terminado"
    ABANDONADO = "abandonado"


class Cuenta(Modelo):
    """Rows by what they may become."""

    buena: int = 0
    por_confirmar: int = 0
    mala: int = 0
    omitida: int = 0

    @property
    def todas(self) -> int:
        """All of them."""
        return self.buena + self.por_confirmar + self.mala + self.omitida


def contar(filas: Iterable[Fila]) -> Cuenta:
    """How many rows may become what."""
    cuenta = dict.fromkeys(Suerte, 0)
    for fila in filas:
        cuenta[fila.suerte] += 1
    return Cuenta(**{suerte.value: n for suerte, n in cuenta.items()})


class Final(Modelo):
    """How a row ended, without personal data: the Id Auxiliar that it got, or why it got none."""

    numero: int
    auxiliar: str | None
    motivo: str


class Lote(Modelo):
    """A batch. `llave`: id of the key under which its rows are sealed. `hechas`: pages that are done, the first ones.

    `registradas`, `sin_registrar`: rows of those pages. `con_avisos`: whether rows that look odd were confirmed too.
    """

    lote: str
    solicitud: str
    por: str
    llave: str
    formato: Literal["csv", "xlsx"]
    sha256: str
    subido_en: Momento
    cuenta: Cuenta
    estado: EstadoLote = EstadoLote.SUBIENDO
    con_avisos: bool = False
    hechas: int = 0
    registradas: int = 0
    sin_registrar: int = 0
    cambiado_en: Momento

    @property
    def paginas(self) -> int:
        """How many pages it has."""
        return -(-self.cuenta.todas // POR_PAGINA)

    @property
    def por_registrar(self) -> int:
        """Rows that are registered once it is confirmed."""
        return self.cuenta.buena + (self.cuenta.por_confirmar if self.con_avisos else 0)

    @property
    def vistas(self) -> int:
        """Rows that are through."""
        return self.registradas + self.sin_registrar


class LoteCerrado(Exception):
    """The batch is no longer a preview: it was confirmed or abandoned. `estado`: what it is."""

    def __init__(self, estado: EstadoLote) -> None:
        super().__init__(estado.value)
        self.estado = estado


def id_de_lote(solicitud: str, causa: str) -> str:
    """The id of the batch that an order made: the same order again is the same batch."""
    return hashlib.sha256(f"lote|{solicitud}|{causa}".encode()).hexdigest()[:32]


def causa_de_fila(lote: str, numero: int) -> str:
    """The cause of what a row becomes: derived from the batch and the row, so that repeating it is doing it once."""
    return f"lote/{lote}/{numero}"


def mostrar(lote: Lote, cuentas: Iterable[Cuenta], ahora: datetime) -> Lote:
    """The batch, all its rows kept: a preview. `cuentas`: of its pages."""
    if lote.estado is not EstadoLote.SUBIENDO:
        return lote
    total = {suerte.value: 0 for suerte in Suerte}
    for cuenta in cuentas:
        for suerte in Suerte:
            total[suerte.value] += getattr(cuenta, suerte.value)
    return lote.model_copy(update={"estado": EstadoLote.VISTA_PREVIA, "cuenta": Cuenta(**total), "cambiado_en": ahora})


def confirmar(lote: Lote, *, con_avisos: bool, ahora: datetime) -> Lote:
    """The batch, confirmed; the same confirmation again changes nothing. Raises LoteCerrado."""
    if lote.estado in (EstadoLote.ABANDONADO, EstadoLote.SUBIENDO):
        raise LoteCerrado(lote.estado)
    if lote.estado is not EstadoLote.VISTA_PREVIA:
        return lote
    cambios = {"estado": EstadoLote.EN_CURSO, "con_avisos": con_avisos, "cambiado_en": ahora}
    return terminar_si_toca(lote.model_copy(update=cambios))


def abandonar(lote: Lote, ahora: datetime) -> Lote:
    """The batch, abandoned. Raises LoteCerrado when it was confirmed."""
    if lote.estado is EstadoLote.ABANDONADO:
        return lote
    if lote.estado not in (EstadoLote.SUBIENDO, EstadoLote.VISTA_PREVIA):
        raise LoteCerrado(lote.estado)
    return lote.model_copy(update={"estado": EstadoLote.ABANDONADO, "cambiado_en": ahora})


def avanzar(lote: Lote, finales: Sequence[Final], ahora: datetime) -> Lote:
    """The batch after one more page."""
    registradas = sum(f.auxiliar is not None for f in finales)
    cambios = {
        "hechas": lote.hechas + 1,
        "registradas": lote.registradas + registradas,
        "sin_registrar": lote.sin_registrar + len(finales) - registradas,
        "cambiado_en": ahora,
    }
    return terminar_si_toca(lote.model_copy(update=cambios))


def terminar_si_toca(lote: Lote) -> Lote:
    """Ended, when no page is left."""
    if lote.estado is EstadoLote.EN_CURSO and lote.hechas >= lote.paginas:
        return lote.model_copy(update={"estado": EstadoLote.TERMINADO})
    return lote


def se_registra(fila: Fila, *, con_avisos: bool) -> bool:
    """Whether a row of a confirmed batch is registered."""
    return fila.suerte is Suerte.BUENA or (con_avisos and fila.suerte is Suerte.POR_CONFIRMAR)


def sin_registrar(fila: Fila) -> Final:
    """How a row ends that is not registered."""
    match fila.suerte:
        case Suerte.OMITIDA:
            motivo = "Es el renglón de ejemplo de la plantilla."
        case Suerte.POR_CONFIRMAR:
            motivo = f"No se confirmó. {fila.motivo}"
        case _:
            motivo = fila.motivo
    return Final(numero=fila.numero, auxiliar=None, motivo=motivo)
