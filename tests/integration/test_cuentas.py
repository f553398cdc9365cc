"""The first account of an installation, and those of its synthetic people: published with the portal's rights, nothing in clear."""

import io
import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from apoyo import consultas, cuentas
from apoyo.__main__ import app
from apoyo.engines import Engines
from apoyo.instalacion import Direcciones, Instalacion
from apoyo.sistema import crear_topics, motores_del_portal, publicar_personas
from kernel.outbox import ClaimTaken
from kernel.stream import connect
from schemas.actores import Actores, acceso_de
from schemas.autorizacion import Accion, Rol

DATOS = {
    "Nombre completo": "ZZEJEMPLO FICTICIA",
    "Puesto": "Dirección de ejemplo",
    "Correo con el que entra": "Primera@INE.invalid",
    "Teléfono": "5550001111",
    "Número de oficio": "INE/0001/2026",
}


@pytest.fixture
async def instalacion(engines: Engines, tmp_path: Path) -> AsyncIterator[Instalacion]:
    """An installation with a log of its own, where nobody has an account."""
    instalacion = Instalacion(tmp_path / "raiz")
    instalacion.preparar()
    url = f"embedded://{tmp_path}/log.db"
    instalacion.guardar(
        Direcciones(
            url, engines.mongo_uri, engines.s3_endpoint, engines.s3_access_key, "x", 1, "x", engines.oidc_url, {}
        ),
        engines.s3_secret_key,
    )
    stream = connect(url, client_id="prueba")
    await stream.start()
    await crear_topics(stream)
    await stream.stop()
    yield instalacion
    portal = motores_del_portal(instalacion)
    await portal.mongo.drop_database("apoyo_portal")
    await portal.mongo.drop_database("apoyo_llaves")
    await portal.mongo.close()


def _alta(cuenta: str = "ine1", firmada_en: date = date(2026, 1, 10)) -> cuentas.Alta:
    return cuentas.inicial(
        cuenta, "institucional", hasta=date(2027, 6, 30), firmada_en=firmada_en, preguntar=DATOS.__getitem__
    )


async def _dicho(instalacion: Instalacion) -> Actores:
    portal = motores_del_portal(instalacion)
    async with portal.connected():
        return await cuentas.cuentas_de(portal)


async def test_la_primera_cuenta_es_del_ine_esta_vigente_y_puede_crear_las_demas(instalacion: Instalacion) -> None:
    salida = io.StringIO()
    assert await consultas.cuenta_inicial(instalacion, _alta(), Console(file=salida)) == 0
    actores = await _dicho(instalacion)
    acceso = acceso_de(instalacion.llave_de_identidad.read_bytes(), "institucional", "primera@ine.invalid")
    (cuenta,) = actores.cuentas_de(acceso)
    assert (cuenta.cuenta, cuenta.rol, cuenta.por) == ("ine1", Rol.INE_ADMIN, "ine1")
    assert (
        actores.por_que_no_entra(cuenta, datetime(2027, 7, 1, 5, 59, tzinfo=UTC)) is None
    )  # 30 jun, 23:59 in the centre
    assert actores.por_que_no_entra(cuenta, datetime(2027, 7, 1, 6, 0, tzinfo=UTC)) == "vencida"
    assert actores.puede(cuenta, Accion.REGISTRAR_CUENTA, actores.lugar())
    bitacora = Path(instalacion.direcciones().stream_url.removeprefix("embedded://"))
    escrito = b"".join(parte.read_bytes() for parte in bitacora.parent.glob("log.db*")).lower()
    assert b"cuenta_registrada" in escrito
    for dato in ("primera@ine", "zzejemplo", "5550001111"):
        assert dato not in salida.getvalue().lower()
        assert dato.encode() not in escrito


async def test_la_primera_cuenta_se_registra_una_sola_vez(instalacion: Instalacion) -> None:
    assert await consultas.cuenta_inicial(instalacion, _alta(), Console(file=io.StringIO())) == 0
    salida = io.StringIO()
    assert await consultas.cuenta_inicial(instalacion, _alta("otra"), Console(file=salida, width=200)) == 1
    assert "Ya hay una cuenta" in salida.getvalue()
    assert set((await _dicho(instalacion)).cuentas) == {"ine1"}


async def test_publicar_de_nuevo_a_las_personas_de_ejemplo_no_cambia_nada(instalacion: Instalacion) -> None:
    assert await publicar_personas(instalacion, "CI26") == len(cuentas.PERSONAS)
    antes = await _dicho(instalacion)
    assert await publicar_personas(instalacion, "CI26") == 0
    assert (await _dicho(instalacion)).offset == antes.offset
    ahora = datetime.now(UTC)
    assert {c.cuenta: antes.por_que_no_entra(c, ahora) for c in antes.cuentas.values()} == dict.fromkeys(
        (p.cuenta for p in cuentas.PERSONAS), None
    )


async def test_dos_cuentas_no_entran_con_el_mismo_correo(instalacion: Instalacion) -> None:
    portal = motores_del_portal(instalacion)
    llave = instalacion.llave_de_identidad.read_bytes()
    async with portal.connected():
        assert await cuentas.publicar([_alta()], portal, llave, por="ine1") == 1
        with pytest.raises(ClaimTaken):
            await cuentas.publicar([_alta("otra")], portal, llave, por="ine1")


def test_los_datos_personales_se_preguntan_y_no_son_parte_del_comando() -> None:
    ayuda = CliRunner().invoke(app, ["cuenta-inicial", "--help"]).output
    for opcion in ("correo", "nombre", "telefono", "puesto"):
        assert f"--{opcion}" not in ayuda


def test_los_secretos_de_una_instalacion_son_de_su_duenio_y_no_se_cambian(tmp_path: Path) -> None:
    instalacion = Instalacion(tmp_path)
    instalacion.preparar()
    antes = {p: p.read_bytes() for p in (tmp_path / "secrets").rglob("*") if p.is_file()}
    instalacion.preparar()
    assert {p: p.read_bytes() for p in (tmp_path / "secrets").rglob("*") if p.is_file()} == antes
    assert {p.stat().st_mode & 0o077 for p in antes} == {0}
    people = json.loads((tmp_path / "secrets" / "oidc" / "people.json").read_text(encoding="utf-8"))
    for acceso in instalacion.accesos().values():
        assert acceso.contrasena not in people[acceso.emisor][acceso.correo]["password"]
