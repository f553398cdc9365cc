"""Whatever card is made passes every check; what a check digit covers does not change unnoticed."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from credencial import claves, codigos, curp, mrz
from credencial.cruces import DatosCredencial, revisar_datos
from credencial.entidades import LETRAS
from dispositivo.poblacion.personas import Persona, Poblador
from dispositivo.poblacion.tarjeta import textos_reverso

personas = st.builds(
    lambda seed, year: Poblador(seed, date(year, 6, 1)).persona(), st.integers(0, 2**32), st.integers(2020, 2035)
)
names = st.text("ABCDEÑMRZÁÜ aeiñ-./'", max_size=40)
births = st.dates(date(1920, 1, 1), date(2019, 12, 31))
digits = st.sampled_from("0123456789")


def _datos(p: Persona) -> DatosCredencial:
    texts = textos_reverso(p)
    return DatosCredencial(
        modelo=p.modelo,
        clave_elector=p.clave_elector,
        nombre=p.nombre,
        primer_apellido=p.paterno,
        segundo_apellido=p.materno,
        numero_emision=p.numero_emision,
        cic=p.cic,
        ocr=p.ocr,
        curp=p.curp,
        lectura_qr=texts.qr_servicios,
        lectura_codigo_barras=texts.barras or texts.pdf417,
        lectura_mrz="\n".join(texts.mrz) if texts.mrz else None,
        lectura_ocr=texts.ocr,
    )


@given(personas)
def test_cualquier_credencial_generada_es_congruente(persona: Persona) -> None:
    assert revisar_datos(_datos(persona)) == []


@given(names, names, st.none() | names, births, st.sampled_from("HM"), st.sampled_from(sorted(LETRAS)))
def test_de_cualquier_nombre_sale_una_curp_y_una_clave(
    nombre: str, paterno: str, materno: str | None, birth: date, sexo: str, state: str
) -> None:
    assert curp.es_curp(curp.componer_curp(nombre, paterno, materno, birth, sexo, state))
    for letters in claves.prefijos(nombre, paterno, materno):
        assert claves.es_clave(claves.componer_clave(letters, birth, "32", sexo, "000"))


@given(personas, st.sampled_from(range(90)), digits)
def test_un_digito_cambiado_en_la_mrz_se_nota(persona: Persona, position: int, digit: str) -> None:
    plain = "".join(
        mrz.componer_mrz(
            cic=persona.cic,
            ocr=persona.ocr,
            nacimiento=f"{persona.nacimiento:%y%m%d}",
            sexo=persona.sexo,
            vencimiento=f"{persona.vigencia % 100:02d}1231",
            numero_emision=persona.numero_emision,
            consecutivo=persona.consecutivo,
            nombre=persona.nombre,
            paterno=persona.paterno,
            materno=persona.materno,
        )
    )
    if plain[position].isdigit() and plain[position] != digit:
        changed = plain[:position] + digit + plain[position + 1 :]
        assert mrz.leer_mrz(changed).digitos_incorrectos


@given(personas, st.integers(0, 16), digits)
def test_un_digito_cambiado_en_la_curp_se_nota_donde_su_peso_lo_cubre(persona: Persona, index: int, digit: str) -> None:
    original = persona.curp
    weight = 18 - index
    if original[index].isdigit() and original[index] != digit:
        caught = not curp.es_curp(original[:index] + digit + original[index + 1 :])
        assert caught == (weight * (int(digit) - int(original[index])) % 10 != 0)


@given(st.text(max_size=120))
def test_leer_cualquier_texto_no_falla_de_otra_manera(text: str) -> None:
    data = DatosCredencial("G", text, text, text, text, text, text, text, text, text, text, text, text)
    assert all(finding.detalle for finding in revisar_datos(data))
    codigos.leer_qr(text)
    codigos.identificadores_en(text)
