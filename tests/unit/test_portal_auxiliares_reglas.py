"""What an auxiliar may be registered with, how they stand, and who dismisses them (P 7.3-7.7, D 3-4)."""

from collections.abc import Mapping
from datetime import date

import pytest

from credencial.claves import componer_clave
from credencial.curp import componer_curp, digito_verificador
from schemas.autorizacion import Rol
from schemas.eventos import AuxiliarDadoDeBaja, AuxiliarVerificado, SituacionRegistral
from schemas.perfil import PERFIL_D, PERFIL_P, PerfilReglas
from services.portal.domain.auxiliares import (
    CAMPOS,
    MOTIVOS,
    TEXTO_ESTADO,
    TEXTO_RESULTADO,
    Estado,
    Revision,
    Situacion,
    estado,
    id_auxiliar,
    id_de_consulta,
    leer_correo,
    leer_fecha,
    motivo_de_regla,
    motivos_de,
    numero_de,
    que_sigue,
    quien_da_de_baja,
    requerido,
    resultado_de,
    revisar,
)
from services.portal.domain.rechazo import Invalida
from tests.support.ejemplos import ejemplo

HOY = date(2026, 11, 28)
EMISORES = {"google": "Google", "x": "X"}
NACIMIENTO = date(1990, 3, 21)
BUENO = {
    "nombre": "XÓCHITL",
    "paterno": "Ibarra",
    "materno": "Núñez",
    "nacimiento": "21/03/1990",
    "telefono": "(618) 123-45-67",
    "clave_elector": componer_clave("IBNXXC", NACIMIENTO, "10", "M", "300"),
    "curp": componer_curp("Xóchitl", "Ibarra", "Núñez", NACIMIENTO, "M", "DG"),
    "correo": "xochitl@example.com",
    "emisor": "google",
    "referencia": "Brigada 4",
}


def revision(cambios: Mapping[str, str] | None = None, perfil: PerfilReglas = PERFIL_P, hoy: date = HOY) -> Revision:
    return revisar(BUENO | (cambios or {}), perfil, hoy, EMISORES)


def errores(cambios: Mapping[str, str], perfil: PerfilReglas = PERFIL_P) -> dict[str, str]:
    found = revision(cambios, perfil)
    assert found.datos is None
    return {o.campo: o.texto for o in found.observaciones if o.grave}


def test_una_persona_con_sus_datos_en_regla_se_registra_como_se_escribio() -> None:
    found = revision()
    assert found.observaciones == ()
    assert found.datos is not None
    assert found.datos.model_dump() == BUENO | {"nacimiento": "1990-03-21", "telefono": "6181234567"}


def test_los_espacios_y_los_guiones_no_son_errores_y_las_claves_van_en_mayusculas() -> None:
    clave = BUENO["clave_elector"]
    escrito = f" {clave[:6].lower()} {clave[6:12]}-{clave[12:]} "
    found = revision({"nombre": "  Xóchitl   del  Mar ", "clave_elector": escrito, "curp": BUENO["curp"].lower()})
    assert found.datos is not None
    assert (found.datos.clave_elector, found.datos.curp) == (clave, BUENO["curp"])
    assert found.datos.nombre == "Xóchitl del Mar"


def test_lo_opcional_puede_faltar() -> None:
    assert revision({"telefono": "", "curp": "", "referencia": "", "materno": ""}).datos is not None


@pytest.mark.parametrize("campo", ["nombre", "nacimiento", "clave_elector", "correo", "emisor"])
def test_lo_requerido_no_puede_faltar(campo: str) -> None:
    assert errores({campo: "   "}) == {campo: "Escriba este dato."}


def test_el_telefono_es_opcional_o_requerido_segun_las_reglas_del_proceso() -> None:
    assert revision({"telefono": ""}, PERFIL_P).datos is not None
    assert errores({"telefono": ""}, PERFIL_D) == {"telefono": "Escriba este dato."}
    telefono = next(c for c in CAMPOS if c.id == "telefono")
    assert (requerido(telefono, PERFIL_P), requerido(telefono, PERFIL_D)) == (False, True)


def test_basta_un_apellido_y_ninguno_no_basta() -> None:
    assert revision({"paterno": ""}).datos is not None
    assert errores({"paterno": "", "materno": ""}) == {"paterno": "Escriba al menos un apellido."}


@pytest.mark.parametrize(
    ("nacimiento", "hoy", "mayor"),
    [
        (date(2008, 11, 28), HOY, True),
        (date(2008, 11, 29), HOY, False),
        (date(2008, 2, 29), date(2026, 2, 28), False),
        (date(2008, 2, 29), date(2026, 3, 1), True),
    ],
)
def test_se_tienen_18_anios_cumplidos_el_dia_del_registro(nacimiento: date, hoy: date, mayor: bool) -> None:
    cambios = {
        "nacimiento": nacimiento.isoformat(),
        "clave_elector": componer_clave("IBNXXC", nacimiento, "10", "M", "300"),
        "curp": "",
    }
    found = revisar(BUENO | cambios, PERFIL_P, hoy, EMISORES)
    assert (found.datos is not None) is mayor
    assert mayor or "18 años" in found.observaciones[0].texto


@pytest.mark.parametrize(
    ("texto", "dice"),
    [
        ("31/12/90", "cuatro dígitos"),
        ("12/31/1990", "primero el día"),
        ("31/02/1990", "no existe"),
        ("1990-13-01", "primero el día"),
        ("32999", "día/mes/año"),
        ("ayer", "día/mes/año"),
        ("01/01/2030", "futuro"),
        ("01/01/1850", "año de nacimiento"),
        ("1/1-1990", "día/mes/año"),
    ],
)
def test_una_fecha_que_no_se_entiende_dice_como_escribirla(texto: str, dice: str) -> None:
    assert dice in errores({"nacimiento": texto})["nacimiento"]


@pytest.mark.parametrize("texto", ["1990-03-21", "21/03/1990", "21/3/1990", "21-03-1990", "21.03.1990"])
def test_una_fecha_se_escribe_como_se_acostumbra_o_como_la_escribe_un_programa(texto: str) -> None:
    assert leer_fecha(texto) == NACIMIENTO


@pytest.mark.parametrize(
    ("campo", "texto", "dice"),
    [
        ("nombre", "X", ""),
        ("nombre", "M. D'Ángelo-Ruiz", ""),
        ("nombre", "X0chitl", "letras"),
        ("nombre", "...", "letras"),
        ("nombre", "=SUMA(A1)", "letras"),
        ("nombre", "N" * 81, "80 caracteres"),
        ("materno", "a\u202eb", "no se ven"),
        ("telefono", "61812345", "aquí hay 8"),
        ("telefono", "6181234567 ext 4", "diez dígitos"),
        ("telefono", "+52 618 123 4567", ""),
        ("clave_elector", "IBNXXC90032110M30", "aquí hay 17"),
        ("clave_elector", "IBNXXC90032110X300", "clave de elector"),
        ("clave_elector", "IBNXXC90022910M300", "no existe"),
        ("curp", "IANX900321MDGBXC0", "aquí hay 17"),
        ("curp", "IAÑX900321MDGBXC01", "forma de una CURP"),
        ("correo", "xochitl", "nombre@dominio"),
        ("correo", "xóchitl@example.com", "acentos"),
        ("correo", "a@example.com, b@example.com", "nombre@dominio"),
        ("correo", "a..b@example.com", "nombre@dominio"),
        ("correo", "a@-example.com", "nombre@dominio"),
        ("correo", f"{'a' * 65}@example.com", "nombre@dominio"),
        ("correo", "A.b+c@Sub.Example.com", ""),
        ("emisor", "GOOGLE", ""),
        ("emisor", "Yahoo", "Google, X"),
        ("referencia", "r" * 101, "100 caracteres"),
    ],
)
def test_cada_campo_dice_que_esta_mal_o_lo_acepta(campo: str, texto: str, dice: str) -> None:
    if dice:
        assert dice in errores({campo: texto})[campo]
    else:
        assert not [o for o in revision({campo: texto}).observaciones if o.campo == campo and o.grave]


def test_ningun_mensaje_repite_lo_que_se_escribio() -> None:
    escrito = {campo.id: f"zz{n}qq9" for n, campo in enumerate(CAMPOS)}
    for observacion in revision(escrito).observaciones:
        assert not any(texto in observacion.texto for texto in escrito.values())


def test_el_digito_de_la_curp_que_no_corresponde_es_un_error() -> None:
    curp = BUENO["curp"]
    assert "dígito" in errores({"curp": f"{curp[:-1]}{(int(curp[-1]) + 1) % 10}"})["curp"]


OTRO_DIA = date(1990, 3, 22)


@pytest.mark.parametrize(
    ("cambios", "campo", "dice"),
    [
        ({"nacimiento": "1990-03-22"}, "clave_elector", "otra fecha de nacimiento"),
        ({"nacimiento": "1990-03-22"}, "curp", "otra fecha de nacimiento"),
        ({"clave_elector": componer_clave("IBNXXC", OTRO_DIA, "10", "M", "300")}, "curp", "fechas de nacimiento"),
        ({"clave_elector": componer_clave("IBNXXC", NACIMIENTO, "10", "H", "300")}, "curp", "sexos"),
    ],
)
def test_fecha_y_sexo_que_no_concuerdan_son_errores(cambios: dict[str, str], campo: str, dice: str) -> None:
    assert dice in errores(cambios)[campo]


def test_una_curp_con_una_fecha_imposible_es_un_error() -> None:
    curp = BUENO["curp"][:4] + "900230" + BUENO["curp"][10:17]
    assert "fecha" in errores({"curp": curp + digito_verificador(curp)})["curp"]


def test_el_siglo_de_nacimiento_se_compara_con_el_que_dice_la_curp() -> None:
    curp = componer_curp("Xóchitl", "Ibarra", "Núñez", date(2006, 3, 21), "M", "DG")
    clave = componer_clave("IBNXXC", date(2006, 3, 21), "10", "M", "300")
    assert revision({"nacimiento": "2006-03-21", "curp": curp, "clave_elector": clave}).datos is not None
    curp_de_1906 = componer_curp("Xóchitl", "Ibarra", "Núñez", date(1906, 3, 21), "M", "DG")
    found = errores({"nacimiento": "2006-03-21", "curp": curp_de_1906, "clave_elector": clave})
    assert "otra fecha" in found["curp"]


@pytest.mark.parametrize(
    "cambios",
    [
        {"paterno": "Zamora", "curp": ""},
        {"clave_elector": componer_clave("ZZZZZZ", NACIMIENTO, "10", "M", "300"), "curp": ""},
        {"curp": componer_curp("Aurora", "Ibarra", "Núñez", NACIMIENTO, "M", "DG")},
        {"clave_elector": componer_clave("IBNXXC", NACIMIENTO, "87", "M", "300")},
        {"clave_elector": componer_clave("IBNXXC", NACIMIENTO, "26", "M", "300")},
    ],
)
def test_las_letras_y_la_entidad_que_no_concuerdan_se_advierten_y_se_pueden_confirmar(cambios: dict[str, str]) -> None:
    found = revision(cambios)
    assert found.datos is not None
    assert found.por_confirmar
    assert not any(o.grave for o in found.observaciones)


def test_de_un_nombre_que_no_se_pudo_leer_no_se_dice_que_no_concuerda() -> None:
    assert errores({"nombre": "1", "paterno": "2"}).keys() == {"nombre", "paterno"}


def test_lo_que_no_se_pudo_leer_no_esconde_lo_demas() -> None:
    found = errores({"clave_elector": "x", "nacimiento": "1990-03-22", "telefono": "1"})
    assert found.keys() == {"clave_elector", "curp", "telefono"}


def test_el_cambio_de_correo_se_revisa_como_el_registro() -> None:
    assert leer_correo(" a@example.com ", "X", EMISORES) == ("a@example.com", "x")
    for correo, emisor, campos in (("a", "", {"correo", "emisor"}), ("", "x", {"correo"}), ("a@b.mx", "y", {"emisor"})):
        with pytest.raises(Invalida) as caught:
            leer_correo(correo, emisor, EMISORES)
        assert caught.value.errores.keys() == campos


def test_los_ids_van_en_orden_y_ninguno_es_de_los_reservados() -> None:
    assert [id_auxiliar(n) for n in (1, 2, 9999, 10_000)] == ["A0001", "A0002", "A9999", "A10000"]
    assert [numero_de(id_auxiliar(n)) for n in (1, 9999, 10_000)] == [1, 9999, 10_000]
    assert [numero_de(a) for a in ("MA", "CM", "A", "AB12")] == [0, 0, 0, 0]
    assert not {"MA", "CM"} & {id_auxiliar(n) for n in range(1, 12_000)}


def test_de_cada_auxiliar_hay_una_sola_consulta() -> None:
    ids = {id_de_consulta(s, a) for s in ("CI26-0001", "CI26-0002") for a in ("A0001", "A0002")}
    assert len(ids) == 4
    assert id_de_consulta("CI26-0001", "A0001") in ids


@pytest.mark.parametrize(
    ("situacion", "resultado"),
    [
        ("en_lista_nominal", "procede"),
        ("fuera_de_ambito", "procede"),
        ("en_padron_no_lista_nominal", "sin_vigencia"),
        ("baja", "sin_vigencia"),
        ("no_encontrado", "no_encontrado"),
        ("pendiente", None),
    ],
)
def test_quien_no_esta_en_el_padron_o_no_tiene_credencial_vigente_no_procede(
    situacion: str, resultado: str | None
) -> None:
    assert resultado_de(SituacionRegistral(situacion)) == resultado


def test_la_baja_automatica_lleva_el_motivo_de_la_consulta_y_por_ine_decide_el_ine() -> None:
    for resultado in ("no_encontrado", "sin_vigencia"):
        motivo = motivo_de_regla(resultado, PERFIL_P)  # type: ignore[arg-type]
        assert motivo is not None
        assert motivo.texto == TEXTO_RESULTADO[resultado]  # type: ignore[index]
        assert motivo_de_regla(resultado, PERFIL_D) is None  # type: ignore[arg-type]
    assert motivo_de_regla("procede", PERFIL_P) is None


@pytest.mark.parametrize(
    ("rol", "candidatura", "participacion"),
    [
        (Rol.PROMOVENTE, "promovente", "promovente"),
        (Rol.OPL_ADMIN, "opl", "opl"),
        (Rol.INE_ADMIN, "ine", "ine"),
        (Rol.SUPERVISOR, None, None),
        (Rol.OPERADOR, None, None),
        (Rol.SOPORTE, None, None),
        (Rol.AUDITOR, None, None),
    ],
)
def test_cada_rol_da_de_baja_como_quien_es(rol: Rol, candidatura: str | None, participacion: str | None) -> None:
    assert quien_da_de_baja(rol, PERFIL_P) == candidatura
    assert quien_da_de_baja(rol, PERFIL_D) == participacion


def test_solo_da_de_baja_quien_las_reglas_del_proceso_dicen() -> None:
    solo_opl = PERFIL_P.model_copy(update={"bajas_de_auxiliar": ["opl"]})
    assert [quien_da_de_baja(rol, solo_opl) for rol in (Rol.PROMOVENTE, Rol.OPL_ADMIN, Rol.INE_ADMIN)] == [
        None,
        "opl",
        None,
    ]


def test_cada_quien_tiene_motivos_del_catalogo_y_caben_en_el_evento() -> None:
    assert len({m.clave for m in MOTIVOS}) == len({m.texto for m in MOTIVOS}) == len(MOTIVOS)
    for quien in ("promovente", "opl", "ine"):
        suyos = motivos_de(quien)  # type: ignore[arg-type]
        assert suyos
        assert suyos[-1].clave == "otro"
        for motivo in suyos:
            ejemplo(AuxiliarDadoDeBaja, motivo=motivo.texto, por=quien)


def test_antes_de_la_baja_se_dice_que_pasa_con_lo_que_llegue_despues() -> None:
    assert "con inconsistencia" in que_sigue("promovente", PERFIL_P)
    assert "no se recibirá" in que_sigue("promovente", PERFIL_D)
    assert "no se recibirá" in que_sigue("opl", PERFIL_D)
    assert "con inconsistencia" in que_sigue("ine", PERFIL_D)


def _verificado(resultado: str) -> AuxiliarVerificado:
    return ejemplo(AuxiliarVerificado, resultado=resultado)


BAJA = ejemplo(AuxiliarDadoDeBaja)


@pytest.mark.parametrize(
    ("situacion", "perfil", "esperado"),
    [
        (Situacion(), PERFIL_P, Estado.EN_VERIFICACION),
        (Situacion(), PERFIL_D, Estado.ACTIVO),
        (Situacion(_verificado("procede")), PERFIL_P, Estado.ACTIVO),
        (Situacion(_verificado("no_encontrado")), PERFIL_D, Estado.POR_DECIDIR),
        (Situacion(_verificado("sin_vigencia"), BAJA), PERFIL_P, Estado.DE_BAJA),
        (Situacion(baja=BAJA), PERFIL_P, Estado.DE_BAJA),
    ],
)
def test_el_estado_sigue_de_la_consulta_y_de_la_baja(
    situacion: Situacion, perfil: PerfilReglas, esperado: Estado
) -> None:
    assert estado(situacion, perfil) is esperado
    assert TEXTO_ESTADO[esperado]
