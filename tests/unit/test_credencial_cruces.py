"""Cross-checks: a clean card says nothing, each disagreement is told once, and none repeats personal data."""

from dataclasses import fields, replace
from datetime import date

import pytest

from credencial import claves, codigos, curp, mrz
from credencial.cruces import DatosCredencial, revisar_datos
from credencial.inconsistencias import POR_CLAVE

BIRTH = date(1990, 2, 28)
LINES = mrz.componer_mrz(
    cic="001234567",
    ocr="0123987654321",
    nacimiento="900228",
    sexo="M",
    vencimiento="341231",
    numero_emision="02",
    consecutivo="00417",
    nombre="MARIA FERNANDA",
    paterno="RUIZ",
    materno="PEÑA",
)
CLEAN = DatosCredencial(
    modelo="G",
    clave_elector=claves.componer_clave("RZPXFR", BIRTH, "09", "M", "400"),
    nombre="MARIA FERNANDA",
    primer_apellido="RUIZ",
    segundo_apellido="PEÑA",
    numero_emision="02",
    cic="001234567",
    ocr="0123987654321",
    curp=curp.componer_curp("MARIA FERNANDA", "RUIZ", "PEÑA", BIRTH, "M", "DF"),
    lectura_qr=codigos.componer_qr("0123987654321", "02", "001234567", "20240115", "B", "000123"),
    lectura_codigo_barras="0123987654321",
    lectura_mrz="\n".join(LINES),
)


def _codes(datos: DatosCredencial) -> set[tuple[str, str]]:
    return {(h.codigo, h.severidad) for h in revisar_datos(datos)}


def test_una_credencial_congruente_no_da_hallazgos() -> None:
    assert revisar_datos(CLEAN) == []
    assert revisar_datos(replace(CLEAN, clave_elector="RZPXMR" + CLEAN.clave_elector[6:])) == []


@pytest.mark.parametrize("field", [f.name for f in fields(DatosCredencial) if f.default is None])
def test_lo_que_falta_no_es_un_hallazgo(field: str) -> None:
    without = replace(CLEAN, **{field: None})  # type: ignore[arg-type]
    assert {c for c, _ in _codes(without)} <= {
        "clave_nombre",
        "curp_nombre",
        "mrz_nombre",
        "curp_clave_letras",
    }


def test_un_modelo_desconocido_no_rompe_nada() -> None:
    assert revisar_datos(replace(CLEAN, modelo="Z9", lectura_ocr="0123987654321")) == []


OTHER_CURP = curp.componer_curp("MARIA FERNANDA", "RUIZ", "PEÑA", date(1991, 2, 28), "H", "NL")
ABROAD_CURP = curp.componer_curp("MARIA FERNANDA", "RUIZ", "PEÑA", BIRTH, "M", "NE")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"clave_elector": "no es"}, {("clave_formato", "advertencia")}),
        (
            {"clave_elector": "RZPXFR90133909M400"},
            {("clave_fecha", "advertencia"), ("curp_clave_fecha", "alerta"), ("mrz_nacimiento", "alerta")},
        ),
        (
            {"clave_elector": "ABPXFR90022809M400"},
            {("clave_nombre", "advertencia"), ("curp_clave_letras", "advertencia")},
        ),
        ({"curp": "no es"}, {("curp_formato", "advertencia")}),
        ({"curp": CLEAN.curp and CLEAN.curp[:17] + str((int(CLEAN.curp[17]) + 3) % 10)}, {("curp_digito", "alerta")}),
        (
            {"curp": OTHER_CURP},
            {("curp_clave_fecha", "alerta"), ("curp_clave_sexo", "alerta"), ("curp_clave_entidad", "advertencia")},
        ),
        ({"curp": ABROAD_CURP}, {("curp_clave_entidad", "advertencia")}),
        ({"lectura_mrz": "garabatos"}, {("mrz_formato", "alerta")}),
        ({"cic": "12345"}, {("cic_formato", "advertencia"), ("mrz_cic", "alerta"), ("qr_cic", "advertencia")}),
        ({"cic": "001234568"}, {("mrz_cic", "alerta"), ("qr_cic", "advertencia")}),
        (
            {"ocr": "0123987654320"},
            {("mrz_ocr", "alerta"), ("qr_ocr", "advertencia"), ("barras_ocr", "advertencia")},
        ),
        (
            {"ocr": "12"},
            {
                ("ocr_formato", "advertencia"),
                ("mrz_ocr", "alerta"),
                ("qr_ocr", "advertencia"),
                ("barras_ocr", "advertencia"),
            },
        ),
        ({"numero_emision": "03"}, {("mrz_numero_emision", "alerta"), ("qr_numero_emision", "advertencia")}),
        ({"lectura_qr": "https://qr.ine.mx/"}, set()),
        ({"lectura_codigo_barras": "001234560"}, {("barras_cic", "advertencia")}),
        ({"lectura_ocr": "0123 987654321"}, set()),
        ({"lectura_ocr": "0123987654320"}, {("lectura_ocr", "alerta")}),
        ({"modelo": "C"}, {("modelo_codigos", "advertencia")}),
    ],
)
def test_cada_desacuerdo_se_dice(change: dict[str, str], expected: set[tuple[str, str]]) -> None:
    assert _codes(replace(CLEAN, **change)) == expected


def test_qr_y_mrz_de_credenciales_distintas() -> None:
    other = codigos.componer_qr("0123987654321", "02", "009999999", "20240115", "B", "000123")
    assert _codes(replace(CLEAN, cic=None, ocr=None, lectura_qr=other)) == {("qr_mrz", "advertencia")}


def test_el_digito_compuesto_solo_es_advertencia() -> None:
    second = LINES[1][:-1] + str((int(LINES[1][-1]) + 1) % 10)
    text = "\n".join((LINES[0], second, LINES[2]))
    assert _codes(replace(CLEAN, lectura_mrz=text)) == {("mrz_digito", "advertencia")}


def test_la_mrz_con_otra_persona_y_otra_vigencia() -> None:
    other = mrz.componer_mrz(
        cic="001234567",
        ocr="0123987654321",
        nacimiento="910301",
        sexo="H",
        vencimiento="340630",
        numero_emision="02",
        consecutivo="00417",
        nombre="LUIS",
        paterno="SOSA",
        materno="LARA",
    )
    assert _codes(replace(CLEAN, lectura_mrz="\n".join(other))) == {
        ("mrz_nacimiento", "alerta"),
        ("mrz_sexo", "alerta"),
        ("mrz_nombre", "alerta"),
        ("mrz_vigencia", "advertencia"),
    }


def _mrz(**change: str) -> str:
    parts = {
        "cic": "001234567",
        "ocr": "0123987654321",
        "nacimiento": "900228",
        "sexo": "M",
        "vencimiento": "341231",
        "numero_emision": "02",
        "consecutivo": "00417",
        "nombre": "MARIA FERNANDA",
        "paterno": "RUIZ",
        "materno": "PEÑA",
    }
    return "\n".join(mrz.componer_mrz(**(parts | change)))


def test_una_fecha_imposible_en_la_mrz_es_alerta_aunque_su_digito_este_bien() -> None:
    assert _codes(replace(CLEAN, lectura_mrz=_mrz(vencimiento="341331"))) == {
        ("mrz_fecha", "alerta"),
        ("mrz_vigencia", "advertencia"),
    }


def test_una_fecha_imposible_en_la_curp_es_advertencia() -> None:
    # 1900 was no leap year; 2000 was.
    first = "RUPF000229MDFZXR"
    for homonymy, expected in (("0", True), ("A", False)):
        text = first + homonymy + curp.digito_verificador(first + homonymy)
        assert (("curp_fecha", "advertencia") in _codes(replace(CLEAN, curp=text))) is expected


def test_un_nombre_con_signos_que_la_mrz_no_dice_como_escribe_solo_es_advertencia() -> None:
    written = replace(CLEAN, nombre="MARIA FERNANDA D'A", lectura_mrz=_mrz(nombre="MARIA FERNANDA D A"))
    assert {c for c in _codes(written) if c[0] == "mrz_nombre"} == {("mrz_nombre", "advertencia")}


def test_de_un_modelo_que_no_se_conoce_la_mrz_ilegible_solo_es_advertencia() -> None:
    assert _codes(replace(CLEAN, modelo="Z9", lectura_mrz="garabatos")) == {("mrz_formato", "advertencia")}


def test_los_hallazgos_no_llevan_datos_personales() -> None:
    broken = replace(CLEAN, cic="001234560", ocr="0123987654320", curp=OTHER_CURP, clave_elector="ABPXFR90022809M400")
    findings = revisar_datos(broken)
    values = [v for f in fields(broken) if isinstance(v := getattr(broken, f.name), str) and len(v) > 2]
    assert findings
    for finding in findings:
        assert finding.inciso in POR_CLAVE
        assert not any(value in finding.detalle for value in values)
