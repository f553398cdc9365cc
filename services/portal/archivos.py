"""Files of auxiliares: CSV and XLSX into rows, the templates, the outcome to download. No person is decided on here.

CSV: UTF-8 (with or without its mark), Windows-1252, or UTF-16 with its mark; separated by comma, semicolon or tabulator, whichever
parts the header; one line a row, so that a line that cannot be read costs no other. XLSX: the first sheet. Nothing is evaluated: a
formula is told at its cell.

Hostile files are refused by what they declare before anything is unpacked (`MAX_*`), and no XML entity is ever expanded.
"""

import csv
import io
import math
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal, NamedTuple
from xml.etree.ElementTree import ParseError

import openpyxl
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.worksheet.datavalidation import DataValidation

from services.portal.domain.auxiliares import CAMPOS
from services.portal.domain.lotes import COLUMNAS, EJEMPLO, MAX_RENGLONES, Final, Renglon

MAX_BYTES = 5 * 1024 * 1024
"""Of the file."""
MAX_DESCOMPRIMIDO = 32 * 1024 * 1024
"""Of what an XLSX unpacks to, all together."""
MAX_FILAS = 50_000
"""Rows of a sheet, empty ones included."""
MAX_PARTES = 200
"""Of files within an XLSX."""
MAX_CELDA = 300
"""Characters of a cell: the longest field has fewer."""
_MAX_INSTRUCCIONES = 50
"""Lines that may come before the header of a CSV."""

Formato = Literal["csv", "xlsx"]

_POR_ENCABEZADO = {campo.encabezado: campo.id for campo in CAMPOS}


class ArchivoRechazado(Exception):
    """The file as a whole cannot be read. `codigo`: constant word; the message says in Spanish what to do."""

    def __init__(self, codigo: str, mensaje: str) -> None:
        super().__init__(mensaje)
        self.codigo = codigo


class Leido(NamedTuple):
    """A file that was read."""

    formato: Formato
    renglones: list[Renglon]


def leer(contenido: bytes) -> Leido:
    """The rows of a file, told by its content and not by its name. Raises ArchivoRechazado."""
    if len(contenido) > MAX_BYTES:
        raise ArchivoRechazado("archivo_grande", f"El archivo pasa de {MAX_BYTES // 1024**2} MB. Divídalo en varios.")
    if contenido.startswith(b"PK\x03\x04"):
        formato: Formato = "xlsx"
        renglones = _leer_xlsx(contenido)
    elif contenido.startswith(b"\xd0\xcf\x11\xe0"):
        raise ArchivoRechazado(
            "xls_o_con_contrasena",
            "Es un libro de Excel anterior a 2007, o con contraseña. Guárdelo como «Libro de Excel (.xlsx)» sin contraseña.",
        )
    else:
        formato = "csv"
        renglones = _leer_csv(contenido)
    llenos = [r for r in renglones if not r.vacio]
    if not llenos:
        raise ArchivoRechazado("sin_renglones", "El archivo no tiene ningún auxiliar debajo del encabezado.")
    return Leido(formato, llenos)


def _agregar(renglones: list[Renglon], renglon: Renglon) -> None:
    if renglon.vacio:
        return
    if len(renglones) == MAX_RENGLONES:
        raise ArchivoRechazado(
            "demasiados_renglones",
            f"El archivo pasa de {MAX_RENGLONES:,} auxiliares. Divídalo en varios.".replace(",", " "),
        )
    renglones.append(renglon)


def _encabezado(celdas: Sequence[str]) -> list[str] | None:
    """Fields by column, when these cells are the header. Raises ArchivoRechazado when they almost are."""
    nombres = [_sin_adornos(celda) for celda in celdas]
    while nombres and not nombres[-1]:
        nombres.pop()
    if not set(nombres) & set(COLUMNAS):
        return None
    faltan = [c for c in COLUMNAS if c not in nombres]
    if faltan:
        raise ArchivoRechazado(
            "faltan_columnas", f"Faltan columnas en el encabezado: {', '.join(faltan)}. Use la plantilla."
        )
    if len(nombres) != len(COLUMNAS):
        raise ArchivoRechazado("sobran_columnas", "El encabezado tiene columnas de más o repetidas. Use la plantilla.")
    return [_POR_ENCABEZADO[nombre] for nombre in nombres]


def _sin_adornos(texto: str) -> str:
    plano = "".join(c for c in unicodedata.normalize("NFD", texto) if not unicodedata.combining(c))
    return " ".join(plano.upper().split())


_MENSAJE_SIN_ENCABEZADO = (
    "No se encontró el encabezado con los nombres de las columnas. Use la plantilla, en CSV o en XLSX."
)


# CSV -------------------------------------------------------------------------------------------------------------------

_FIN_DE_LINEA = re.compile(r"\r\n|\n|\r")
_COMENTARIO = ("#", '"#')
_CIENTIFICA = re.compile(r"[0-9]([.,][0-9]+)?E\+[0-9]+", re.IGNORECASE)
_SIN_CEROS = re.compile(r"[0-9]{7,9}")
_COMILLAS = "Las comillas de este renglón no cierran, o una celda tiene más de una línea."


def _leer_csv(contenido: bytes) -> list[Renglon]:
    lineas = _FIN_DE_LINEA.split(_decodificar(contenido))
    inicio, separador, campos = _encabezado_csv(lineas)
    renglones: list[Renglon] = []
    for numero, linea in enumerate(lineas[inicio:], inicio + 1):
        if linea.strip() and not linea.startswith(_COMENTARIO):
            _agregar(renglones, _renglon_csv(numero, linea, separador, campos))
    return renglones


def _decodificar(contenido: bytes) -> str:
    marked = contenido.startswith((b"\xff\xfe", b"\xfe\xff"))
    codings = ["utf-16"] if marked else ["utf-8-sig", "cp1252"]
    for coding in codings:
        try:
            texto = contenido.decode(coding)
        except UnicodeDecodeError:
            continue
        if "\0" not in texto:
            return texto
    raise ArchivoRechazado(
        "no_es_texto",
        "No es un archivo CSV ni XLSX que se pueda leer. Guárdelo como «CSV UTF-8» o como «Libro de Excel (.xlsx)».",
    )


def _encabezado_csv(lineas: Sequence[str]) -> tuple[int, str, list[str]]:
    """Lines up to the header, it included; the separator; the fields by column."""
    for numero, linea in enumerate(lineas[:_MAX_INSTRUCCIONES], 1):
        for separador in "" if linea.startswith(_COMENTARIO) else ",;\t":
            campos = _encabezado(_celdas_csv(linea, separador) or [])
            if campos is not None:
                return numero, separador, campos
    raise ArchivoRechazado("sin_encabezado", _MENSAJE_SIN_ENCABEZADO)


def _celdas_csv(linea: str, separador: str) -> list[str] | None:
    try:
        return next(csv.reader([linea], delimiter=separador, strict=True), [])
    except csv.Error:
        return None


def _renglon_csv(numero: int, linea: str, separador: str, campos: Sequence[str]) -> Renglon:
    celdas = _celdas_csv(linea, separador)
    if celdas is None:
        return Renglon(numero, {}, entero=_COMILLAS)
    if any(celda.strip() for celda in celdas[len(campos) :]):
        return Renglon(
            numero,
            {},
            entero="Tiene más celdas que el encabezado. ¿Falta encerrar entre comillas un texto con el separador?",
        )
    textos = dict(zip(campos, celdas, strict=False))
    malas = {campo: mala for campo, texto in textos.items() if (mala := _mala(campo, texto))}
    return Renglon(numero, _cortos(textos), malas)


def _mala(campo: str, texto: str) -> str:
    if len(texto) > MAX_CELDA:
        return "El texto es demasiado largo."
    if texto.lstrip().startswith("="):
        return "Es una fórmula: escriba el dato."
    if _CIENTIFICA.fullmatch(texto.strip()):
        return "Excel lo guardó en notación científica y perdió dígitos: dé formato de texto a la columna y escríbalo de nuevo."
    if campo == "telefono" and _SIN_CEROS.fullmatch(texto.strip()):
        return "Tiene menos de diez dígitos. Si Excel le quitó ceros, dé formato de texto a la columna y escríbalo de nuevo."
    return ""


def _cortos(textos: Mapping[str, str]) -> dict[str, str]:
    return {campo: texto[:MAX_CELDA] for campo, texto in textos.items()}


# XLSX ------------------------------------------------------------------------------------------------------------------


def _leer_xlsx(contenido: bytes) -> list[Renglon]:
    _revisar_zip(contenido)
    try:
        libro = openpyxl.load_workbook(io.BytesIO(contenido), read_only=True, data_only=False, keep_links=False)
        try:
            return _renglones_xlsx(_filas_xlsx(libro))
        finally:
            libro.close()
    except _DE_UN_LIBRO_MALO as error:
        raise _ilegible() from error


_DE_UN_LIBRO_MALO = (
    ParseError,
    InvalidFileException,
    zipfile.BadZipFile,
    zlib.error,
    ValueError,  # of defusedxml among others, at the first entity that a part declares
    KeyError,
    TypeError,
    IndexError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    EOFError,
    OSError,
)
"""openpyxl trusts the structure of a workbook: what is missing in one shows as any of these."""


def _ilegible() -> ArchivoRechazado:
    return ArchivoRechazado(
        "xlsx_ilegible", "El libro de Excel está dañado o no es un .xlsx. Ábralo en Excel y guárdelo de nuevo."
    )


def _revisar_zip(contenido: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(contenido)) as archivo:
            partes = archivo.infolist()
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise _ilegible() from error
    # What a part really unpacks to cannot exceed what it declares: zipfile stops there.
    if len(partes) > MAX_PARTES or sum(parte.file_size for parte in partes) > MAX_DESCOMPRIMIDO:
        raise ArchivoRechazado(
            "xlsx_desmedido",
            "El libro de Excel contiene mucho más que una lista de auxiliares. Copie la lista a la plantilla.",
        )
    if any(parte.flag_bits & 0x1 for parte in partes):
        raise ArchivoRechazado("xlsx_cifrado", "El libro de Excel tiene contraseña. Guárdelo sin ella.")


def _filas_xlsx(libro: openpyxl.Workbook) -> Iterator[tuple[int, list[Any]]]:
    hoja = libro.worksheets[0]
    hoja.reset_dimensions()  # what it declares may be false, and is not needed
    # One column more than the header, to see that there is more.
    for numero, fila in enumerate(hoja.iter_rows(max_col=len(COLUMNAS) + 1), 1):
        yield numero, list(fila)


def _renglones_xlsx(filas: Iterable[tuple[int, list[Any]]]) -> list[Renglon]:
    campos: list[str] | None = None
    renglones: list[Renglon] = []
    for numero, celdas in filas:
        if numero > MAX_FILAS:
            raise ArchivoRechazado(
                "demasiadas_filas", "La hoja tiene decenas de miles de filas en blanco. Copie la lista a la plantilla."
            )
        if campos is None:
            campos = _encabezado([str(c.value) if c.value is not None else "" for c in celdas])
            if campos is None and numero >= _MAX_INSTRUCCIONES:
                break
        else:
            _agregar(renglones, _renglon_xlsx(numero, celdas, campos))
    if campos is None:
        raise ArchivoRechazado("sin_encabezado", _MENSAJE_SIN_ENCABEZADO)
    return renglones


def _renglon_xlsx(numero: int, celdas: Sequence[Any], campos: Sequence[str]) -> Renglon:
    if any(c.value is not None and str(c.value).strip() for c in celdas[len(campos) :]):
        return Renglon(numero, {}, entero="Tiene más celdas que el encabezado.")
    textos: dict[str, str] = {}
    malas: dict[str, str] = {}
    avisos: dict[str, str] = {}
    for campo, celda in zip(campos, celdas, strict=False):
        textos[campo], mala = _texto_de(celda, campo)
        if mala := mala or _mala(campo, textos[campo]):
            malas[campo] = mala
        elif campo == "referencia" and celda.data_type == "n" and celda.value is not None:
            avisos[campo] = "Excel lo guardó como número: si empezaba con ceros, los perdió."
    return Renglon(numero, _cortos(textos), malas, avisos)


def _texto_de(celda: Any, campo: str) -> tuple[str, str]:
    """The text of a cell, and what is wrong with how Excel keeps it."""
    valor = celda.value
    if valor is None:
        return "", ""
    if celda.data_type == "f":
        return "", "Es una fórmula: escriba el dato."
    if celda.data_type == "e":
        return "", "La celda tiene un error de Excel."
    if isinstance(valor, datetime | date):
        texto = f"{valor:%d/%m/%Y}"
        return texto, "" if campo == "nacimiento" else "Excel lo guardó como fecha: dé formato de texto a la celda."
    if isinstance(valor, bool) or not isinstance(valor, int | float | str):
        return str(valor), "Excel no lo guardó como texto: dé formato de texto a la celda."
    if isinstance(valor, str):
        return valor, ""
    texto = str(int(valor)) if math.isfinite(valor) and valor == int(valor) else str(valor)
    if campo == "nacimiento":
        return texto, "Excel guardó un número en lugar de la fecha: dé formato de fecha o de texto a la celda."
    if campo == "telefono" and len(texto) < 10:
        return (
            texto,
            "Excel lo guardó como número y le quitó ceros: dé formato de texto a la celda y escriba los diez dígitos.",
        )
    return texto, ""


# Templates and outcome -------------------------------------------------------------------------------------------------

INSTRUCCIONES: tuple[str, ...] = (
    "Un renglón por auxiliar, debajo del encabezado. No cambie los nombres de las columnas.",
    f"A lo más {MAX_RENGLONES} auxiliares y {MAX_BYTES // 1024**2} MB por archivo.",
    "El primer renglón es un ejemplo: bórrelo o déjelo, no se registra.",
    "FECHA DE NACIMIENTO: día/mes/año, por ejemplo 31/12/1990.",
    "TELEFONO: diez dígitos. CURP, APELLIDO MATERNO y REFERENCIA pueden quedar en blanco.",
    "CORREO: con el que la persona entrará a la aplicación; uno distinto por auxiliar.",
)


def instrucciones(emisores: Mapping[str, str]) -> list[str]:
    """What to know before filling the file in. `emisores`: id → name."""
    return [*INSTRUCCIONES, f"EMISOR: uno de estos: {' / '.join(emisores.values())}."]


def _ejemplo(emisores: Mapping[str, str]) -> list[str]:
    ejemplo = {**EJEMPLO, "emisor": next(iter(emisores.values()))}
    return [ejemplo[campo.id] for campo in CAMPOS]


def plantilla_csv(emisores: Mapping[str, str]) -> bytes:
    """The template as CSV that Excel opens well: UTF-8 with its mark. Lines that begin with # are instructions."""
    salida = io.StringIO()
    salida.writelines(f"# {linea}\r\n" for linea in instrucciones(emisores))
    csv.writer(salida).writerows([COLUMNAS, _ejemplo(emisores)])
    return salida.getvalue().encode("utf-8-sig")


def plantilla_xlsx(emisores: Mapping[str, str]) -> bytes:
    """The template as a workbook: all cells are text, so that Excel changes nothing."""
    libro = openpyxl.Workbook()
    hoja = libro.worksheets[0]
    hoja.title = "Auxiliares"
    hoja.append(list(COLUMNAS))
    hoja.append(_ejemplo(emisores))
    hoja.freeze_panes = "A2"
    for numero, (titulo, ejemplo) in enumerate(zip(hoja[1], hoja[2], strict=True), 1):
        columna = hoja.column_dimensions[get_column_letter(numero)]
        columna.width, columna.number_format = 24, "@"
        titulo.font, titulo.fill = Font(bold=True), PatternFill("solid", fgColor="EEEEEE")
        ejemplo.number_format, ejemplo.font = "@", Font(italic=True, color="767676")
    emisor = get_column_letter(COLUMNAS.index("EMISOR") + 1)
    lista = DataValidation(type="list", formula1=f'"{",".join(emisores.values())}"', allow_blank=False)
    hoja.add_data_validation(lista)
    lista.add(f"{emisor}2:{emisor}{MAX_RENGLONES + 1}")
    ayuda = libro.create_sheet("Instrucciones")
    ayuda.column_dimensions["A"].width = 100
    for linea in instrucciones(emisores):
        ayuda.append([linea])
        ayuda.cell(ayuda.max_row, 1).alignment = Alignment(wrap_text=True)
    salida = io.BytesIO()
    libro.save(salida)
    return salida.getvalue()


def resultado_csv(finales: Iterable[Final]) -> bytes:
    """How each row ended, to keep and to mend the rest by: no personal data."""
    salida = io.StringIO()
    escribir = csv.writer(salida)
    escribir.writerow(("RENGLON", "RESULTADO", "ID AUXILIAR", "MOTIVO"))
    for final in finales:
        resultado = "registrado" if final.auxiliar else "no registrado"
        escribir.writerow((final.numero, resultado, final.auxiliar or "", final.motivo))
    return salida.getvalue().encode("utf-8-sig")
