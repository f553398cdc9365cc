"""The package format: published vectors, and framing."""

import base64
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
from hypothesis import given
from hypothesis import strategies as st

import schemas
from kernel.hpke import Private, Public
from schemas import paquete
from schemas.paquete import Encabezado, Modalidad, PaqueteInvalido, Parte, Suite

VECTORES = sorted(Path(schemas.__file__).with_name("vectores").glob("paquete.*.json"))


def b64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


@pytest.fixture(params=VECTORES, ids=lambda path: path.stem)
def vector(request: pytest.FixtureRequest) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(request.param.read_text(encoding="utf-8"))
    return content


def test_hay_un_vector_por_suite() -> None:
    suites = [json.loads(path.read_text(encoding="utf-8"))["suite"] for path in VECTORES]
    assert sorted(suites) == sorted(Suite)


def test_vector_el_codigo_de_integridad_es_el_sha256_del_encabezado(vector: dict[str, Any]) -> None:
    leido = paquete.leer_paquete(b64(vector["paquete"]))
    assert leido.encabezado_bytes == b64(vector["encabezado"])
    assert leido.codigo_integridad == vector["codigo_integridad"]
    assert vector["codigo_integridad"] == hashlib.sha256(b64(vector["encabezado"])).hexdigest()
    assert leido.encabezado.folio == vector["folio"]


def test_vector_la_firma_es_del_dispositivo(vector: dict[str, Any]) -> None:
    leido = paquete.leer_paquete(b64(vector["paquete"]))
    assert leido.firmado == b64(vector["firmado"]) == b"mx.ine.apoyo.paquete.v1\x00" + leido.encabezado_bytes
    publica = load_der_public_key(b64(vector["dispositivo"]["publica_spki_der"]))
    assert isinstance(publica, ec.EllipticCurvePublicKey)
    publica.verify(leido.firma, leido.firmado, ec.ECDSA(SHA256()))


def test_vector_la_llave_privada_abre_las_mismas_partes(vector: dict[str, Any]) -> None:
    privada = Private(vector["suite"], b64(vector["llave"]["privada"]))
    assert privada.public() == Public(vector["suite"], b64(vector["llave"]["publica"]))
    leido = paquete.leer_paquete(b64(vector["paquete"]))
    info = paquete.info_hpke(leido.encabezado.folio)
    assert info == b64(vector["info_hpke"])
    claro = privada.open(leido.cuerpo, info)
    assert claro == b64(vector["cuerpo_claro"])
    partes = paquete.leer_cuerpo(claro)
    assert [p.nombre for p in partes] == [p["nombre"] for p in vector["partes"]]
    for parte, esperada in zip(partes, vector["partes"], strict=True):
        assert (parte.sal, parte.contenido) == (b64(esperada["sal"]), b64(esperada["contenido"]))
        digest = hashlib.sha256(parte.sal + parte.contenido).hexdigest()
        assert digest == esperada["compendio"] == leido.encabezado.partes[parte.nombre]


# ---- framing


def encabezado(cuerpo: bytes) -> bytes:
    return paquete.escribir_encabezado(
        Encabezado(
            formato="apoyo-paquete/1",
            proceso="P1",
            solicitud="P1-0001",
            auxiliar="A1",
            dispositivo="0" * 12,
            folio=f"P1-0001-A1-{'0' * 12}-{'0' * 20}",
            modalidad=Modalidad.AUXILIAR,
            capturado_en=datetime(2026, 1, 1, tzinfo=UTC),
            suite=Suite.X25519,
            llave="k",
            cuerpo_sha256=hashlib.sha256(cuerpo).hexdigest(),
            partes={},
        )
    )


@given(cuerpo=st.binary(min_size=1, max_size=300), firma=st.binary(max_size=100))
def test_lo_que_se_escribe_se_lee_igual(cuerpo: bytes, firma: bytes) -> None:
    header = encabezado(cuerpo)
    leido = paquete.leer_paquete(paquete.escribir_paquete(header, firma, cuerpo))
    assert (leido.encabezado_bytes, leido.firma, leido.cuerpo) == (header, firma, cuerpo)


@given(cuerpo=st.binary(min_size=1, max_size=100), data=st.data())
def test_un_paquete_cortado_donde_sea_se_rechaza(cuerpo: bytes, data: st.DataObject) -> None:
    entero = paquete.escribir_paquete(encabezado(cuerpo), b"firma", cuerpo)
    corte = data.draw(st.integers(0, len(entero) - 1))
    with pytest.raises(PaqueteInvalido):
        paquete.leer_paquete(entero[:corte])


@given(cuerpo=st.binary(min_size=1, max_size=100), data=st.data())
def test_un_byte_cambiado_se_rechaza_o_cambia_lo_firmado(cuerpo: bytes, data: st.DataObject) -> None:
    header = encabezado(cuerpo)
    entero = bytearray(paquete.escribir_paquete(header, b"firma", cuerpo))
    entero[data.draw(st.integers(0, len(entero) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        leido = paquete.leer_paquete(bytes(entero))
    except PaqueteInvalido:
        return
    assert (leido.encabezado_bytes, leido.firma) != (header, b"firma")


@given(basura=st.binary(max_size=400), magia=st.booleans())
def test_bytes_cualesquiera_nunca_fallan_de_otro_modo(basura: bytes, magia: bool) -> None:
    with pytest.raises(PaqueteInvalido):
        paquete.leer_paquete(paquete.MAGIC + b"\x01" + basura if magia else basura)
    with pytest.raises(PaqueteInvalido):
        paquete.leer_cuerpo(basura)


partes_del_cuerpo = st.dictionaries(
    st.sampled_from(Parte),
    st.tuples(st.just("image/png"), st.binary(min_size=32, max_size=32), st.binary()),
    min_size=1,
)


@given(partes=partes_del_cuerpo)
def test_un_cuerpo_se_lee_como_se_escribio(partes: dict[Parte, tuple[str, bytes, bytes]]) -> None:
    leidas = paquete.leer_cuerpo(paquete.escribir_cuerpo(partes))
    assert {p.nombre: (p.tipo_medio, p.sal, p.contenido) for p in leidas} == partes


@given(partes=partes_del_cuerpo, sobra=st.binary(min_size=1, max_size=10))
def test_un_cuerpo_con_bytes_de_mas_se_rechaza(partes: dict[Parte, tuple[str, bytes, bytes]], sobra: bytes) -> None:
    with pytest.raises(PaqueteInvalido, match="cuerpo_malformado"):
        paquete.leer_cuerpo(paquete.escribir_cuerpo(partes) + sobra)
