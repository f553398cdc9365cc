"""Files of auxiliares: what Excel and people write, what is wrong told at its cell, and what hostile files are refused for."""

import contextlib
import csv
import io
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

import openpyxl
import pytest

from dispositivo.poblacion.auxiliares import COLUMNAS as COLUMNAS_DE_LA_POBLACION
from schemas.perfil import PERFIL_D, PERFIL_P
from services.portal import archivos
from services.portal.archivos import ArchivoRechazado, leer, plantilla_csv, plantilla_xlsx, resultado_csv
from services.portal.domain.auxiliares import CAMPOS
from services.portal.domain.lotes import COLUMNAS, EJEMPLO, Final, Renglon, Suerte, revisar_renglones
from tests.unit.test_portal_auxiliares_reglas import BUENO, EMISORES, HOY

FILA = [BUENO[campo.id] for campo in CAMPOS]
Hacer = Callable[[Sequence[Sequence[Any]]], bytes]


def fila(**cambios: Any) -> list[Any]:
    return [cambios.get(campo.id, BUENO[campo.id]) for campo in CAMPOS]


def en_csv(
    filas: Sequence[Sequence[Any]], separador: str = ",", codificacion: str = "utf-8", fin: str = "\r\n"
) -> bytes:
    salida = io.StringIO()
    csv.writer(salida, delimiter=separador, lineterminator=fin).writerows(filas)
    return salida.getvalue().encode(codificacion)


def en_xlsx(filas: Sequence[Sequence[Any]]) -> bytes:
    libro = openpyxl.Workbook()
    for valores in filas:
        libro.worksheets[0].append(list(valores))
    salida = io.BytesIO()
    libro.save(salida)
    return salida.getvalue()


def renglon(contenido: bytes) -> Renglon:
    (uno,) = leer(contenido).renglones
    return uno


def rechazo(contenido: bytes) -> str:
    with pytest.raises(ArchivoRechazado) as caught:
        leer(contenido)
    assert len(str(caught.value)) > 20
    return caught.value.codigo


# What people and Excel write -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("separador", [",", ";", "\t"])
@pytest.mark.parametrize("codificacion", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("fin", ["\r\n", "\n", "\r"])
def test_un_csv_se_lee_como_lo_escriben_excel_y_los_demas(separador: str, codificacion: str, fin: str) -> None:
    leido = leer(en_csv([COLUMNAS, FILA], separador, codificacion, fin))
    assert leido.formato == "csv"
    assert leido.renglones == [Renglon(2, BUENO)]


def test_un_libro_de_excel_se_lee_igual_que_un_csv() -> None:
    for libro in (en_xlsx([COLUMNAS, FILA]), LIBRO):
        leido = leer(libro)
        assert leido.formato == "xlsx"
        assert leido.renglones == [Renglon(2, BUENO)]


@pytest.mark.parametrize("hacer", [en_csv, en_xlsx])
def test_las_columnas_van_por_su_nombre_sin_importar_orden_acentos_ni_mayusculas(hacer: Hacer) -> None:
    titulos = ["Teléfono" if c == "TELEFONO" else c.title() for c in reversed(COLUMNAS)]
    assert renglon(hacer([titulos, list(reversed(FILA))])).textos == BUENO


@pytest.mark.parametrize("hacer", [en_csv, en_xlsx])
def test_los_renglones_vacios_se_saltan_y_los_demas_conservan_su_numero(hacer: Hacer) -> None:
    vacia = [""] * len(COLUMNAS)
    leido = leer(hacer([["Mi lista"], vacia, COLUMNAS, FILA, vacia, fila(correo="b@example.com"), vacia]))
    assert [r.numero for r in leido.renglones] == [4, 6]


def test_las_celdas_que_faltan_al_final_de_un_renglon_estan_vacias() -> None:
    leido = renglon(en_csv([COLUMNAS, FILA[:-1]]))
    assert leido.textos == {k: v for k, v in BUENO.items() if k != "referencia"}


def test_la_fecha_de_excel_es_una_fecha() -> None:
    for valor in (date(1990, 3, 21), datetime.fromisoformat("1990-03-21T00:00")):
        leido = renglon(en_xlsx([COLUMNAS, fila(nacimiento=valor)]))
        assert leido.textos["nacimiento"] == "21/03/1990"
        assert not leido.celdas


@pytest.mark.parametrize("valor", [6181234567, 6181234567.0])
def test_un_telefono_que_excel_guardo_como_numero_se_lee_completo(valor: float) -> None:
    leido = renglon(en_xlsx([COLUMNAS, fila(telefono=valor)]))
    assert (leido.textos["telefono"], dict(leido.celdas)) == ("6181234567", {})


@pytest.mark.parametrize("hacer", [en_csv, en_xlsx])
@pytest.mark.parametrize(
    ("campo", "valor", "dice"),
    [
        ("telefono", 18123456, "le quitó ceros"),
        ("nombre", "=HYPERLINK(A1)", "fórmula"),
        ("referencia", "x" * 301, "demasiado largo"),
    ],
)
def test_lo_que_excel_hizo_a_una_celda_se_dice_en_esa_celda(hacer: Hacer, campo: str, valor: Any, dice: str) -> None:
    leido = renglon(hacer([COLUMNAS, fila(**{campo: valor})]))
    assert leido.celdas.keys() == {campo}
    assert dice in leido.celdas[campo]


@pytest.mark.parametrize(
    ("campo", "valor", "dice"),
    [
        ("nacimiento", 32953, "un número en lugar de la fecha"),
        ("correo", date(1990, 1, 1), "como fecha"),
        ("nombre", True, "formato de texto"),
        ("nacimiento", time(10, 30), "formato de texto"),
        ("telefono", float("inf"), ""),
    ],
)
def test_lo_que_excel_no_guardo_como_texto_se_dice_en_esa_celda(campo: str, valor: Any, dice: str) -> None:
    leido = renglon(en_xlsx([COLUMNAS, fila(**{campo: valor})]))
    assert dice in leido.celdas.get(campo, "")


def test_la_notacion_cientifica_de_un_csv_se_dice_en_esa_celda() -> None:
    for texto in ("6.18E+09", "6,18E+09"):
        leido = renglon(en_csv([COLUMNAS, fila(telefono=texto)], ";"))
        assert "notación científica" in leido.celdas["telefono"]


def test_una_referencia_que_excel_guardo_como_numero_se_advierte() -> None:
    leido = renglon(en_xlsx([COLUMNAS, fila(referencia=42)]))
    assert leido.textos["referencia"] == "42"
    assert "ceros" in leido.avisos["referencia"]
    assert not renglon(en_xlsx([COLUMNAS, fila(referencia="0042")])).avisos
    assert not renglon(en_xlsx([COLUMNAS, fila(referencia=None)])).avisos


def test_un_renglon_ilegible_de_un_csv_no_cuesta_ningun_otro() -> None:
    bueno = en_csv([FILA]).decode()
    malos = ['"sin cerrar,x', "a," * 20, '"partido en']
    contenido = "\r\n".join([en_csv([COLUMNAS]).decode().strip(), malos[0], bueno.strip(), malos[1], malos[2], bueno])
    leido = leer(contenido.encode())
    assert [(r.numero, bool(r.entero)) for r in leido.renglones] == [
        (2, True),
        (3, False),
        (4, True),
        (5, True),
        (6, False),
    ]


@pytest.mark.parametrize("hacer", [en_csv, en_xlsx])
def test_un_renglon_con_celdas_de_mas_lo_dice(hacer: Hacer) -> None:
    assert "más celdas" in renglon(hacer([COLUMNAS, [*FILA, "sobra"]])).entero


# Whole files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hacer", [en_csv, en_xlsx])
@pytest.mark.parametrize(
    ("filas", "codigo"),
    [
        ([COLUMNAS], "sin_renglones"),
        ([["uno", "dos"], ["tres", "cuatro"]], "sin_encabezado"),
        ([COLUMNAS[:-1], FILA], "faltan_columnas"),
        ([[*COLUMNAS, "OTRA"], FILA], "sobran_columnas"),
        ([[*COLUMNAS, "CURP"], FILA], "sobran_columnas"),
    ],
)
def test_un_archivo_que_no_es_la_lista_dice_por_que(hacer: Hacer, filas: list[list[str]], codigo: str) -> None:
    assert rechazo(hacer(filas)) == codigo


@pytest.mark.parametrize("hacer", [en_csv, en_xlsx])
def test_hasta_diez_mil_renglones_y_ni_uno_mas(hacer: Hacer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archivos, "MAX_RENGLONES", 3)
    assert len(leer(hacer([COLUMNAS, *[FILA] * 3])).renglones) == 3
    assert rechazo(hacer([COLUMNAS, *[FILA] * 4])) == "demasiados_renglones"


def test_lo_que_pasa_del_limite_no_se_abre() -> None:
    assert rechazo(b"x" * (archivos.MAX_BYTES + 1)) == "archivo_grande"


@pytest.mark.parametrize(
    ("contenido", "codigo"),
    [
        (b"", "sin_encabezado"),
        (b"\x00\x01\x02", "no_es_texto"),
        (b"\x81\x8d\x8f", "no_es_texto"),
        (b"%PDF-1.7 ...", "sin_encabezado"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1resto", "xls_o_con_contrasena"),
        (b"PK\x03\x04 y nada mas", "xlsx_ilegible"),
        (b"\xff\xfe\x00", "no_es_texto"),
    ],
)
def test_lo_que_no_es_un_csv_ni_un_xlsx_se_rechaza(contenido: bytes, codigo: str) -> None:
    assert rechazo(contenido) == codigo


# Hostile workbooks -----------------------------------------------------------------------------------------------------


def _zip(partes: Mapping[str, bytes]) -> bytes:
    salida = io.BytesIO()
    with zipfile.ZipFile(salida, "w", zipfile.ZIP_DEFLATED) as archivo:
        for nombre, contenido in partes.items():
            archivo.writestr(nombre, contenido)
    return salida.getvalue()


def _partes(contenido: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(contenido)) as archivo:
        return {nombre: archivo.read(nombre) for nombre in archivo.namelist()}


def como_excel(contenido: bytes) -> bytes:
    """The same workbook with its texts in a part of their own, as Excel writes them."""
    partes = _partes(contenido)
    textos: list[bytes] = []

    def compartir(celda: re.Match[bytes]) -> bytes:
        textos.append(b"<si>" + celda[1] + b"</si>")
        return b't="s"><v>%d</v>' % (len(textos) - 1)

    hoja = "xl/worksheets/sheet1.xml"
    partes[hoja] = re.sub(rb't="inlineStr"><is>(.*?)</is>', compartir, partes[hoja])
    partes["xl/sharedStrings.xml"] = (
        b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">' + b"".join(textos) + b"</sst>"
    )
    tipo = b"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    partes["[Content_Types].xml"] = partes["[Content_Types].xml"].replace(
        b"</Types>", b'<Override PartName="/xl/sharedStrings.xml" ContentType="' + tipo + b'"/></Types>'
    )
    return _zip(partes)


LIBRO = como_excel(en_xlsx([COLUMNAS, FILA]))
BOMBA = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>"""
EXTERNA = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>"""


@pytest.mark.parametrize(
    "parte", ["xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/workbook.xml", "xl/styles.xml"]
)
@pytest.mark.parametrize("declara", [BOMBA, EXTERNA])
def test_ninguna_entidad_de_xml_se_expande(parte: str, declara: bytes) -> None:
    partes = _partes(LIBRO)
    cuerpo = partes[parte].split(b"?>", 1)[-1]
    partes[parte] = declara + cuerpo
    assert rechazo(_zip(partes)) == "xlsx_ilegible"


def test_un_zip_que_se_infla_no_se_desempaca() -> None:
    inflado = _zip(_partes(LIBRO) | {"xl/media/x.bin": bytes(archivos.MAX_DESCOMPRIMIDO)})
    assert len(inflado) < archivos.MAX_BYTES
    assert rechazo(inflado) == "xlsx_desmedido"
    muchas = _zip(_partes(LIBRO) | {f"xl/media/{n}": b"" for n in range(archivos.MAX_PARTES)})
    assert rechazo(muchas) == "xlsx_desmedido"


def test_un_zip_que_miente_sobre_su_tamano_no_da_mas_de_lo_que_declara() -> None:
    original = _partes(LIBRO)["xl/sharedStrings.xml"]
    inflado = bytearray(_zip(_partes(LIBRO) | {"xl/sharedStrings.xml": original + b" " * 10_000_000}))
    grande, chico = (n.to_bytes(4, "little") for n in (len(original) + 10_000_000, len(original)))
    assert inflado.count(grande) >= 1
    assert rechazo(bytes(inflado.replace(grande, chico))) == "xlsx_ilegible"


def test_una_hoja_con_filas_hasta_el_fin_del_mundo_se_rechaza() -> None:
    partes = _partes(LIBRO)
    hoja = partes["xl/worksheets/sheet1.xml"]
    partes["xl/worksheets/sheet1.xml"] = hoja.replace(b"</sheetData>", b'<row r="1048576"></row></sheetData>')
    assert rechazo(_zip(partes)) == "demasiadas_filas"


def test_una_dimension_falsa_no_esconde_renglones() -> None:
    partes = _partes(LIBRO)
    hoja = partes["xl/worksheets/sheet1.xml"]
    assert b'<dimension ref="A1:J2"' in hoja
    partes["xl/worksheets/sheet1.xml"] = hoja.replace(b'ref="A1:J2"', b'ref="A1:A1"')
    assert renglon(_zip(partes)).textos == BUENO


@pytest.mark.parametrize("parte", sorted(_partes(LIBRO)))
def test_un_libro_al_que_le_falta_o_se_le_daña_una_parte_se_lee_o_se_rechaza(parte: str) -> None:
    partes = _partes(LIBRO)
    for sustituta in (None, b"", b"<", b"<a/>", partes[parte][: len(partes[parte]) // 2]):
        otras = {n: c for n, c in partes.items() if n != parte}
        if sustituta is not None:
            otras[parte] = sustituta
        with contextlib.suppress(ArchivoRechazado):
            assert leer(_zip(otras)).renglones


def test_un_libro_con_formulas_y_errores_no_se_evalua() -> None:
    leido = renglon(en_xlsx([COLUMNAS, fila(nombre='=WEBSERVICE("http://x")', materno="#REF!")]))
    assert "fórmula" in leido.celdas["nombre"]
    assert leido.textos["nombre"] == ""
    assert "error de Excel" in leido.celdas["materno"]


# Templates and outcome -------------------------------------------------------------------------------------------------


def test_las_columnas_son_las_del_archivo_de_la_poblacion_sintetica() -> None:
    assert COLUMNAS == COLUMNAS_DE_LA_POBLACION


@pytest.mark.parametrize("plantilla", [plantilla_csv, plantilla_xlsx])
def test_la_plantilla_se_lee_y_su_ejemplo_no_se_registra(plantilla: Callable[[Mapping[str, str]], bytes]) -> None:
    leido = leer(plantilla(EMISORES))
    for perfil in (PERFIL_P, PERFIL_D):
        (ejemplo,) = revisar_renglones(leido.renglones, perfil, HOY, EMISORES, lambda datos: None)
        assert ejemplo.suerte is Suerte.OMITIDA


def test_el_ejemplo_de_la_plantilla_esta_bien_escrito() -> None:
    como_ejemplo = Renglon(2, {**EJEMPLO, "emisor": "Google", "correo": "otra@example.com"})
    for perfil in (PERFIL_P, PERFIL_D):
        (bien,) = revisar_renglones([como_ejemplo], perfil, HOY, EMISORES, lambda datos: None)
        assert bien.suerte is Suerte.BUENA


def test_la_plantilla_de_excel_guarda_todo_como_texto_y_ofrece_los_emisores() -> None:
    libro = openpyxl.load_workbook(io.BytesIO(plantilla_xlsx(EMISORES)))
    hoja = libro["Auxiliares"]
    assert [c.value for c in hoja[1]] == list(COLUMNAS)
    assert {c.number_format for c in hoja[2]} == {"@"}
    assert {hoja.column_dimensions[c].number_format for c in "ABCDEFGHIJ"} == {"@"}
    assert hoja.data_validations.dataValidation[0].formula1 == '"Google,X"'
    assert any("bórrelo" in (c.value or "") for (c,) in libro["Instrucciones"].iter_rows(max_col=1))


def test_lo_que_se_agrega_a_la_plantilla_csv_abierta_en_excel_se_lee() -> None:
    """Excel in Spanish parts instructions at their semicolons or quotes them, and writes its own marks."""
    texto = plantilla_csv(EMISORES).decode("utf-8-sig")
    reescrito = io.StringIO()
    filas = [*csv.reader(io.StringIO(texto)), FILA]
    csv.writer(reescrito, delimiter=";").writerows(filas)
    leido = leer(reescrito.getvalue().encode("cp1252"))
    assert [r.numero for r in leido.renglones] == [len(filas) - 1, len(filas)]
    assert leido.renglones[1].textos == BUENO


def test_el_resultado_se_descarga_con_su_motivo() -> None:
    contenido = resultado_csv(
        [Final(numero=2, auxiliar="A0001", motivo=""), Final(numero=3, auxiliar=None, motivo="Mal.")]
    )
    assert contenido.startswith("\ufeff".encode())
    assert list(csv.reader(io.StringIO(contenido.decode("utf-8-sig")))) == [
        ["RENGLON", "RESULTADO", "ID AUXILIAR", "MOTIVO"],
        ["2", "registrado", "A0001", ""],
        ["3", "no registrado", "", "Mal."],
    ]
