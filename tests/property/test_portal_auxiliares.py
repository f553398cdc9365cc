"""Any synthetic person may be registered; any single character that a check digit covers is caught when it is wrong."""

import contextlib
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from credencial.curp import ALFABETO
from dispositivo.poblacion.personas import Persona, Poblador
from schemas.perfil import PERFIL_D, PERFIL_P
from services.portal.archivos import ArchivoRechazado, leer
from services.portal.domain.auxiliares import revisar
from services.portal.domain.lotes import COLUMNAS

REFERENCIA = date(2026, 11, 1)
PERSONAS = st.integers(0, 10**6).map(lambda semilla: Poblador(semilla, REFERENCIA).persona())
EMISORES = {"google": "Google"}


def escrito(persona: Persona) -> dict[str, str]:
    return {
        "nombre": persona.nombre,
        "paterno": persona.paterno,
        "materno": persona.materno or "",
        "nacimiento": f"{persona.nacimiento:%d/%m/%Y}",
        "telefono": "5512345678",
        "clave_elector": persona.clave_elector,
        "curp": persona.curp,
        "correo": "persona@example.com",
        "emisor": "google",
        "referencia": "",
    }


@given(PERSONAS)
def test_cualquier_persona_sintetica_se_puede_registrar_sin_confirmar_nada(persona: Persona) -> None:
    for perfil in (PERFIL_P, PERFIL_D):
        revision = revisar(escrito(persona), perfil, REFERENCIA, EMISORES)
        assert revision.observaciones == ()
        assert revision.datos is not None
        assert revision.datos.nacimiento == persona.nacimiento.isoformat()


@given(PERSONAS, st.integers(0, 17), st.sampled_from(ALFABETO))
def test_un_caracter_equivocado_de_la_curp_se_advierte_donde_su_digito_lo_cubre(
    persona: Persona, lugar: int, otro: str
) -> None:
    mala = persona.curp[:lugar] + otro + persona.curp[lugar + 1 :]
    revision = revisar(escrito(persona) | {"curp": mala}, PERFIL_P, REFERENCIA, EMISORES)
    peso = 18 - lugar if lugar < 17 else 1
    diferencia = ALFABETO.index(otro) - ALFABETO.index(persona.curp[lugar])
    if peso * diferencia % 10:
        assert revision.datos is None
        assert {o.campo for o in revision.observaciones if o.grave} == {"curp"}
    elif otro == persona.curp[lugar]:
        assert revision.datos is not None


@given(PERSONAS, st.integers(6, 11), st.sampled_from("0123456789"))
def test_un_digito_equivocado_de_la_fecha_en_la_clave_se_advierte(persona: Persona, lugar: int, otro: str) -> None:
    clave = persona.clave_elector[:lugar] + otro + persona.clave_elector[lugar + 1 :]
    revision = revisar(escrito(persona) | {"clave_elector": clave, "curp": ""}, PERFIL_P, REFERENCIA, EMISORES)
    assert (revision.datos is None) == (otro != persona.clave_elector[lugar])


ENCABEZADO = ",".join(COLUMNAS).encode()


@given(st.sampled_from([b"", ENCABEZADO + b"\n", b"PK\x03\x04"]), st.binary(max_size=400) | st.text().map(str.encode))
def test_cualquier_cosa_se_lee_o_se_rechaza(cabeza: bytes, resto: bytes) -> None:
    with contextlib.suppress(ArchivoRechazado):
        assert leer(cabeza + resto).renglones
