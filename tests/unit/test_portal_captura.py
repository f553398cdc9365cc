"""What is typed into forms: every wrong field is told, with what to do."""

from datetime import UTC, date, datetime

import pytest

from services.portal.domain.captura import Captura
from services.portal.domain.rechazo import Invalida


def captura(**valores: str) -> Captura:
    return Captura({campo: [valor] for campo, valor in valores.items()})


def test_se_dicen_todos_los_errores_en_el_orden_de_la_forma() -> None:
    c = captura(nombre="", correo="no es", dias="x")
    c.texto("nombre", maximo=10)
    c.correo("correo")
    c.entero("dias", 1, 9)
    with pytest.raises(Invalida) as caught:
        c.terminar()
    assert list(caught.value.errores) == ["nombre", "correo", "dias"]


def test_sin_errores_se_termina_y_lo_opcional_puede_faltar() -> None:
    c = captura(nombre="  Xóchitl ")
    assert c.texto("nombre", maximo=10) == "Xóchitl"
    assert c.texto("otro", maximo=10, opcional=True) == ""
    assert c.entero("n", 0, 9, opcional=True) is None
    assert c.dia("d", opcional=True) is None
    assert c.correo("c", opcional=True) == c.telefono("t", opcional=True) == ""
    assert c.url("u", opcional=True) is None
    assert c.opcion("o", ["a"], opcional=True) == ""
    assert c.patron("p", "x", "", opcional=True) == ""
    c.terminar()


@pytest.mark.parametrize(
    ("texto", "dice"),
    [("", "Escriba"), ("x" * 480, "480 caracteres y el máximo es 479"), ("a\x00b", "no se ven"), ("a\nb", "no se ven")],
)
def test_un_texto_que_no_cabe_o_falta(texto: str, dice: str) -> None:
    c = captura(nombre=texto)
    c.texto("nombre", maximo=479)
    assert dice in c.errores["nombre"]


def test_479_caracteres_caben() -> None:
    c = captura(nombre="ñ" * 479)
    assert len(c.texto("nombre", maximo=479)) == 479
    c.terminar()


def test_los_renglones_se_conservan_donde_caben() -> None:
    c = captura(nota="uno\r\ndos")
    assert c.texto("nota", maximo=99, renglones=True) == "uno\ndos"
    c.terminar()


def test_la_hora_se_escribe_en_hora_centro() -> None:
    c = captura(inicio="2026-11-22T14:05", antes="2022-07-01 00:00")
    inicio, antes = c.momento("inicio"), c.momento("antes")
    c.terminar()
    assert inicio is not None
    assert inicio.astimezone(UTC) == datetime(2026, 11, 22, 20, 5, tzinfo=UTC)
    assert antes is not None
    assert antes.astimezone(UTC) == datetime(2022, 7, 1, 5, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("texto", "dice"),
    [
        ("", "Escriba"),
        ("2026-11-22", "día y hora"),
        ("22/11/2026 14:05", "día y hora"),
        ("2026-11-22T14:05Z", "hora Centro"),
        ("2026-11-22T14:05-07:00", "hora Centro"),
        ("2026-11-22T14:05:00.000-0800", "hora Centro"),
        ("2026-11-22 14:05 PST", "hora Centro"),
        ("2026-02-30T10:00", "no existe"),
        ("2026-11-22T24:30", "no existe"),
        ("2022-04-03T02:30", "cambió el horario"),
        ("2022-10-30T01:30", "cambió el horario"),
    ],
)
def test_una_hora_de_otro_huso_o_que_no_existio_no_pasa(texto: str, dice: str) -> None:
    c = captura(inicio=texto)
    assert c.momento("inicio") is None
    assert dice in c.errores["inicio"]


@pytest.mark.parametrize("texto", ["2026-13-01", "2026-02-29", "ayer", "2026-1-1", "20260101"])
def test_un_dia_que_no_existe_no_pasa(texto: str) -> None:
    c = captura(dia=texto)
    assert c.dia("dia") is None
    assert "fecha que exista" in c.errores["dia"]


def test_un_dia() -> None:
    assert captura(dia="2024-02-29").dia("dia") == date(2024, 2, 29)


@pytest.mark.parametrize(
    "texto", ["", "a", "a@b", "a@.mx", "@b.mx", "a b@c.mx", "a@b@c.mx", "a@b.mx\n", f"{'a' * 300}@b.mx"]
)
def test_un_correo_incompleto_no_pasa(texto: str) -> None:
    c = captura(correo=texto)
    c.correo("correo")
    assert ("correo" in c.errores) == (texto.strip() != "a@b.mx")


@pytest.mark.parametrize(("texto", "queda"), [("618 123 45 67", "6181234567"), ("+52 (618) 123-4567", "+526181234567")])
def test_un_telefono_se_escribe_como_se_acostumbra(texto: str, queda: str) -> None:
    c = captura(telefono=texto)
    assert c.telefono("telefono") == queda
    c.terminar()


@pytest.mark.parametrize("texto", ["123", "618123456x", "61812345678901234", "++6181234567"])
def test_un_telefono_sin_sus_diez_digitos_no_pasa(texto: str) -> None:
    c = captura(telefono=texto)
    c.telefono("telefono")
    assert "10 dígitos" in c.errores["telefono"]


@pytest.mark.parametrize(
    "texto", ["http://ine.mx/a", "ine.mx", "https://", "https://x", "https://u@h.mx/", "https://a b.mx"]
)
def test_una_direccion_que_no_es_https_no_pasa(texto: str) -> None:
    c = captura(aviso=texto)
    c.url("aviso")
    assert "https://" in c.errores["aviso"]


@pytest.mark.parametrize(("texto", "numero"), [("1 204", 1204), ("12,000", 12000), ("0", 0)])
def test_un_numero_con_sus_miles(texto: str, numero: int) -> None:
    c = captura(n=texto)
    assert c.entero("n", 0, 1_000_000) == numero
    c.terminar()


@pytest.mark.parametrize("texto", ["", "-1", "1.5", "diez", "1000001", "9" * 40])
def test_un_numero_fuera_de_sus_limites_no_pasa(texto: str) -> None:
    c = captura(n=texto)
    assert c.entero("n", 0, 1_000_000) is None
    assert "n" in c.errores


def test_una_opcion_que_no_se_ofrece_no_pasa() -> None:
    c = Captura({"una": ["z"], "varias": ["b", "z"], "otras": ["c", "a"], "si": ["si"]})
    c.opcion("una", ["a"])
    c.varias("varias", ["a", "b"])
    assert c.varias("otras", ["a", "b", "c"]) == ["a", "c"]
    assert c.casilla("si")
    assert not c.casilla("no")
    assert set(c.errores) == {"una", "varias"}


def test_el_patron_se_dice_con_su_mensaje() -> None:
    c = captura(id="ci26", otro="x-1")
    assert c.patron("id", "[A-Z0-9]{2,12}", "mal", mayusculas=True) == "CI26"
    c.patron("otro", "[A-Z0-9]{2,12}", "Solo letras y números.")
    assert c.errores == {"otro": "Solo letras y números."}
