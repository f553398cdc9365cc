"""Identifiers and codes of the card, each example worked out by hand from the rules in REGISTRAL.md."""

from datetime import date

import pytest

from credencial import claves, codigos, curp, mrz
from credencial.entidades import ENTIDADES, LETRAS, nombre_de
from credencial.inconsistencias import CATALOGO, POR_CLAVE, de_revision
from credencial.modelos import MODELOS, Codigo, modelo
from credencial.nombres import consonante_interna, normalizar, palabra_principal, vocal_interna
from credencial.situaciones import TEXTO_CAUSA, TEXTO_SITUACION, CausaBaja, Situacion


def test_los_nombres_se_normalizan_y_conservan_la_enie() -> None:
    assert normalizar("  Íñigo   Núñez  Güemes ") == "IÑIGO NUÑEZ GUEMES"


@pytest.mark.parametrize(
    ("name", "skip", "word"),
    [
        ("María del Carmen", True, "CARMEN"),
        ("José", True, "JOSE"),
        ("J. Jesús", True, "JESUS"),
        ("María Elena", False, "MARIA"),
        ("De la O", False, "O"),
        ("de los", False, "LOS"),
        (None, False, ""),
    ],
)
def test_palabra_de_la_que_salen_las_letras(name: str | None, skip: bool, word: str) -> None:
    assert palabra_principal(name, omitir_comun=skip) == word


@pytest.mark.parametrize(
    ("word", "consonant", "vowel"),
    [("OCHOA", "C", "O"), ("PEÑA", "X", "E"), ("AVE", "V", "E"), ("", "X", "X"), ("CH", "H", "X")],
)
def test_primera_consonante_y_vocal_internas(word: str, consonant: str, vowel: str) -> None:
    assert (consonante_interna(word), vocal_interna(word)) == (consonant, vowel)


def test_la_clave_acepta_las_dos_variantes_de_jose_y_maria() -> None:
    accepted = claves.prefijos("María Fernanda", "Ruiz", "Peña")
    assert accepted[0] == "RZPXFR"
    assert "RZPXMR" in accepted


def test_la_clave_se_compone_y_se_lee() -> None:
    clave = claves.componer_clave("RZPXFR", date(1990, 2, 28), "09", "M", "400")
    assert clave == "RZPXFR90022809M400"
    assert claves.leer_clave(clave) == claves.ClaveElector("RZPXFR", "900228", "09", "M", "400")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "RZPXFR90022809M40",
        "RZPXFR90022833M400",
        "RZPXFR90022809X400",
        "RZPXÑR90022809M400",
        "rzpxfr90022809m400",
        "RZPXFR90022809M400 ",
    ],
)
def test_lo_que_no_es_una_clave(text: str) -> None:
    assert not claves.es_clave(text)
    with pytest.raises(claves.ClaveInvalida) as error:
        claves.leer_clave(text)
    assert not text or text not in str(error.value)


def test_una_fecha_bisiesta_vale_si_lo_fue_en_algun_siglo() -> None:
    assert claves.fecha_posible("000229")
    assert not claves.fecha_posible("010229")
    assert not claves.fecha_posible("901301")


def test_digito_de_la_curp_con_enie_en_el_alfabeto() -> None:
    # 1·18 + 24·17 = 426, so the digit is 4.
    assert curp.digito_verificador("1Ñ" + "0" * 15) == "4"
    with pytest.raises(curp.CurpInvalida):
        curp.digito_verificador("á" * 17)


def test_la_curp_se_compone_y_se_lee() -> None:
    text = curp.componer_curp("José Luis", "Ibáñez", None, date(2001, 12, 5), "H", "NL")
    assert text.startswith("IAXL011205HNLBXSA")
    read = curp.leer_curp(text)
    assert (read.anio, read.sexo, read.entidad, read.digito_correcto) == (2001, "H", "NL", True)
    assert curp.es_curp(text)
    assert not curp.es_curp(text[:17] + str((int(text[17]) + 1) % 10))


def test_la_curp_evita_una_palabra_altisonante() -> None:
    assert curp.letras_iniciales("Oscar", "Mendoza", "Alvarez") == "MEAO"
    assert curp.letras_iniciales("Sergio", "Mendoza", "Alvarez") == "MXAS"


def test_la_homonimia_de_la_curp_dice_el_siglo() -> None:
    with pytest.raises(curp.CurpInvalida):
        curp.componer_curp("Ana", "Ruiz", "Sosa", date(1999, 1, 1), "M", "DF", "A")


def test_digitos_de_la_mrz_a_mano() -> None:
    assert mrz.digito("123456789") == "7"
    assert mrz.digito("AB<") == "3"


MRZ = {
    "cic": "001234567",
    "ocr": "0123987654321",
    "nacimiento": "900228",
    "sexo": "M",
    "vencimiento": "341231",
    "numero_emision": "02",
    "consecutivo": "00417",
    "nombre": "Íñiga",
    "paterno": "Núñez",
    "materno": None,
}


def test_la_mrz_se_compone_y_se_lee() -> None:
    lines = mrz.componer_mrz(**MRZ)  # type: ignore[arg-type]
    assert [len(line) for line in lines] == [30, 30, 30]
    assert lines[2] == "NUNEZ<<INIGA<<<<<<<<<<<<<<<<<<"
    read = mrz.leer_mrz("\r\n".join(lines))
    assert (read.cic, read.ocr, read.sexo, read.numero_emision) == ("001234567", "0123987654321", "M", "02")
    assert read.digitos_incorrectos == ()
    assert mrz.leer_mrz("".join(lines)) == read


def test_la_mrz_admite_sexo_x_y_nombres_que_no_caben() -> None:
    lines = mrz.componer_mrz(**{**MRZ, "sexo": "X", "nombre": "Bartolomea Guadalupe Hermenegilda"})  # type: ignore[arg-type]
    assert len(lines[2]) == 30
    assert mrz.leer_mrz("\n".join(lines)).sexo == "X"


@pytest.mark.parametrize(
    ("line", "position", "digit"), [(0, 5, "cic"), (1, 0, "nacimiento"), (1, 8, "vencimiento"), (0, 20, "compuesto")]
)
def test_la_mrz_dice_cual_digito_falla(line: int, position: int, digit: str) -> None:
    lines = list(mrz.componer_mrz(**MRZ))  # type: ignore[arg-type]
    other = str((int(lines[line][position]) + 1) % 10)
    lines[line] = lines[line][:position] + other + lines[line][position + 1 :]
    assert digit in mrz.leer_mrz("\n".join(lines)).digitos_incorrectos


@pytest.mark.parametrize(("index", "text"), [(0, "IDUSA" + "0" * 25), (1, "X" * 30), (2, "<" * 30)])
def test_una_mrz_con_otra_estructura_se_rechaza_y_dice_la_linea(index: int, text: str) -> None:
    lines = list(mrz.componer_mrz(**MRZ))  # type: ignore[arg-type]
    lines[index] = text
    with pytest.raises(mrz.MrzInvalida) as error:
        mrz.leer_mrz("\n".join(lines))
    assert error.value.linea == index + 1
    with pytest.raises(mrz.MrzInvalida):
        mrz.leer_mrz("IDMEX")


def test_cic_y_ocr_cuentan_los_ceros_a_la_izquierda() -> None:
    assert codigos.es_cic("000000001")
    assert not codigos.es_cic("1")
    assert codigos.leer_ocr("0001000000002") == codigos.Ocr("0001", "000000002")
    with pytest.raises(codigos.CodigoInvalido):
        codigos.leer_ocr("1000000002")


def test_qr_de_servicios_en_su_forma_larga_y_en_las_otras() -> None:
    url = codigos.componer_qr("0123987654321", "02", "001234567", "20240115", "B", "000123")
    assert url == "https://qr.ine.mx/012398765432102001234567/20240115/B/000123"
    assert codigos.leer_qr(url) == codigos.QrServicios("0123987654321", "02", "001234567", "20240115", "B", "000123")
    assert codigos.leer_qr("https://qr.ine.mx/") is None
    with pytest.raises(codigos.CodigoInvalido):
        codigos.componer_qr("1", "02", "001234567", "20240115", "B", "000123")


def test_identificadores_sueltos_en_un_codigo_de_barras() -> None:
    cics, ocrs = codigos.identificadores_en("001234567<<0123987654321 12345678901234")
    assert cics == frozenset({"001234567"})
    assert ocrs == frozenset({"0123987654321"})


def test_los_modelos_y_uno_que_no_se_conoce() -> None:
    assert set(MODELOS) == set("CDEFGH")
    assert Codigo.MRZ not in modelo("C").codigos
    assert modelo("G").hasta is None
    unknown = modelo("J")
    assert not unknown.conocido
    assert unknown.codigos == frozenset()


def test_32_entidades_y_el_extranjero() -> None:
    assert [e.numero for e in ENTIDADES] == [f"{n:02d}" for n in range(1, 33)]
    assert len(LETRAS) == 33
    assert nombre_de("09") == "Ciudad de México"
    assert nombre_de("99") == "99"


def test_el_catalogo_tiene_los_incisos_y_las_reglas() -> None:
    assert [i.clave for i in CATALOGO if len(i.clave) == 1] == list("abcdefghijklmn")
    assert {i.clave for i in CATALOGO if i.origen == "regla"} == {
        "dispositivo_no_autorizado",
        "auxiliar_dado_de_baja",
        "fuera_de_periodo",
    }
    assert {i.clave for i in CATALOGO if i.pide_detalle} == {"f", "h", "i", "j", "n", "manual_otra"}
    assert len(POR_CLAVE) == len(CATALOGO)
    assert [i.clave for i in de_revision("auxiliar")] == list("abcdefghijklmn")
    assert all(i.clave.startswith("manual_") for i in de_revision("captura_manual"))


def test_cada_situacion_y_cada_causa_tiene_su_texto() -> None:
    assert set(TEXTO_SITUACION) == set(Situacion)
    assert set(TEXTO_CAUSA) == set(CausaBaja)
    assert len(CausaBaja) == 10
