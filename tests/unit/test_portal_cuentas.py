"""Accounts of the staff: on an oficio, active once the Declaración is recorded, one for each e-mail (P 5.2-5.4, D 9; SPEC 1)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from schemas.actores import acceso_de
from schemas.autorizacion import Rol
from schemas.eventos import CuentaRegistrada, DeclaracionRegistrada, ProcesoRegistrado
from tests.support.ejemplos import ejemplo
from tests.support.identidad import EMISOR, LLAVE
from tests.support.portal import Navegante, PortalDePrueba, portal

PERSONA = {
    "nombre": "Xóchitl Zzejemplo Ficticia",
    "puesto": "Directora de Organización",
    "correo": "xochitl@opl.invalid",
    "emisor": EMISOR,
    "telefono": "618 123 4567",
    "rol": "opl_admin",
    "entidad": "10",
    "desde": "2026-11-20",
    "hasta": "2027-03-31",
    "oficio": "OPL/12/2026",
}


@pytest.fixture
async def p() -> AsyncIterator[PortalDePrueba]:
    async with (await portal()).en_marcha() as p:
        p.puerta.cuenta("ine1", Rol.INE_ADMIN)
        yield p


@pytest.fixture
async def ine(p: PortalDePrueba) -> AsyncIterator[Navegante]:
    async with p.navega("ine1") as ine:
        yield ine


async def _registrada(p: PortalDePrueba, ine: Navegante, **cambios: object) -> CuentaRegistrada:
    hoja = await ine.envia("/cuentas/nueva", {**PERSONA, **cambios})
    assert hoja.status == 200, hoja.errores
    return p.vista.actores.cuentas[hoja.url.removeprefix("/cuentas/")]


async def test_el_ine_registra_una_cuenta_y_la_respuesta_ya_la_muestra(p: PortalDePrueba, ine: Navegante) -> None:
    hoja = await ine.envia("/cuentas/nueva", PERSONA)
    assert hoja.status == 200
    assert "Quedó registrado" in hoja.texto
    assert "Xóchitl Zzejemplo Ficticia" in hoja.texto
    assert "Falta la Declaración" in hoja.texto
    assert "del 20 nov 2026 al 31 mar 2027" in hoja.texto
    cuenta = p.vista.actores.cuentas[hoja.url.removeprefix("/cuentas/")]
    assert (cuenta.rol, cuenta.entidad, cuenta.procesos, cuenta.activa) == (Rol.OPL_ADMIN, "10", None, True)
    assert cuenta.hasta == datetime(2027, 4, 1, 6, tzinfo=UTC)
    assert cuenta.acceso == acceso_de(LLAVE, EMISOR, "Xochitl@OPL.invalid")
    assert cuenta.por == "ine1"


async def test_lo_publicado_no_lleva_datos_personales_en_claro(p: PortalDePrueba, ine: Navegante) -> None:
    await _registrada(p, ine)
    crudo = b"".join([r.value + r.key.encode() + repr(r.headers).encode() async for r in p.stream.read("actores")])
    crudo += repr(await p.fichas.find({})).encode() + repr(await p.salida.find({})).encode()
    for dato in ("Zzejemplo", "xochitl", "6181234567", "Directora"):
        assert dato.encode() not in crudo


async def test_solo_con_la_declaracion_asentada_la_cuenta_entra(p: PortalDePrueba, ine: Navegante) -> None:
    cuenta = await _registrada(p, ine)
    assert p.vista.actores.por_que_no_entra(cuenta, p.reloj.ahora) == "sin_declaracion"
    mala = await ine.envia(f"/cuentas/{cuenta.cuenta}/declaracion", {"firmada_en": "2026-11-21"})
    assert mala.errores == {"firmada_en": "No puede ser posterior al día de hoy."}
    hoja = await ine.envia(f"/cuentas/{cuenta.cuenta}/declaracion", {"firmada_en": "2026-11-19"})
    assert "Vigente" in hoja.texto
    assert "firmada el 19 nov 2026; la asentó ine1" in hoja.texto
    assert p.vista.actores.por_que_no_entra(cuenta, p.reloj.ahora) is None
    assert [type(e) for e in await p.dichos()] == [CuentaRegistrada, DeclaracionRegistrada]


async def test_se_dicen_todos_los_campos_que_faltan_y_se_conserva_lo_escrito(p: PortalDePrueba, ine: Navegante) -> None:
    hoja = await ine.envia("/cuentas/nueva", {"nombre": "Solo el nombre", "desde": ""})
    assert hoja.status == 422
    assert list(hoja.errores) == [
        *("puesto", "correo", "emisor", "telefono", "rol", "entidad", "desde", "hasta", "oficio"),
    ]
    assert hoja.forma is not None
    assert hoja.forma.campos["nombre"] == "Solo el nombre"
    assert "Faltan por corregir 9 datos" in hoja.texto
    assert hoja.respuesta.text.count(" autofocus") == 1
    assert await p.dichos() == []


async def test_un_correo_repetido_se_rechaza_en_su_campo(p: PortalDePrueba, ine: Navegante) -> None:
    await _registrada(p, ine)
    hoja = await ine.envia("/cuentas/nueva", {**PERSONA, "nombre": "Otra persona", "correo": " XOCHITL@opl.invalid"})
    assert hoja.status == 422
    assert list(hoja.errores) == ["correo"]
    assert len(await p.dichos()) == 1


async def test_dos_instancias_a_la_vez_no_dan_dos_cuentas_al_mismo_correo(p: PortalDePrueba) -> None:
    otra = p.otra_instancia()
    async with otra.en_marcha(proyecta=False):
        valores = {k: [v] for k, v in PERSONA.items()}
        hechas = await asyncio.gather(
            *(i.cuentas.registrar(p.orden(), valores) for i in (p, otra, p, otra)), return_exceptions=True
        )
    assert sum(isinstance(h, CuentaRegistrada) for h in hechas) == 1
    assert len({e.cuenta for e in await p.dichos() if isinstance(e, CuentaRegistrada)}) == 1


async def test_el_mismo_envio_repetido_es_una_cuenta(p: PortalDePrueba, ine: Navegante) -> None:
    hoja = await ine.abre("/cuentas/nueva")
    una, dos = await ine.reenvia(hoja, PERSONA), await ine.reenvia(hoja, PERSONA)
    assert una.url == dos.url
    assert len(await p.dichos()) == 1


async def test_el_correo_de_una_cuenta_dada_de_baja_queda_libre_y_no_vuelve_si_lo_tomo_otra(
    p: PortalDePrueba, ine: Navegante
) -> None:
    cuenta = await _registrada(p, ine)
    hoja = await ine.envia(f"/cuentas/{cuenta.cuenta}/baja", {"oficio": "OPL/20/2026"})
    assert "Dada de baja" in hoja.texto
    assert "El cambio quedó guardado" in hoja.texto
    otra = await _registrada(p, ine, nombre="Quien la sustituye")
    assert otra.cuenta != cuenta.cuenta
    mala = await ine.envia(f"/cuentas/{cuenta.cuenta}/baja", {"oficio": "OPL/21/2026"})
    assert "ya es de otra cuenta" in mala.errores["oficio"]
    await ine.envia(f"/cuentas/{otra.cuenta}/baja", {"oficio": "OPL/22/2026"})
    hoja = await ine.envia(f"/cuentas/{cuenta.cuenta}/baja", {"oficio": "OPL/23/2026"})
    assert "Falta la Declaración" in hoja.texto
    assert p.vista.actores.cuentas[cuenta.cuenta].version == 3


async def test_nadie_se_da_de_baja_a_si_mismo(p: PortalDePrueba, ine: Navegante) -> None:
    cuenta = await _registrada(p, ine, rol="ine_admin", entidad="")
    await ine.envia(f"/cuentas/{cuenta.cuenta}/declaracion", {"firmada_en": "2026-11-19"})
    async with p.navega(cuenta.cuenta) as ella:
        hoja = await ella.envia(f"/cuentas/{cuenta.cuenta}/baja", {"oficio": "X"})
        assert "Nadie puede darse de baja" in hoja.errores["oficio"]
    assert p.vista.actores.cuentas[cuenta.cuenta].activa


async def test_quien_queda_de_baja_pierde_su_sesion(p: PortalDePrueba, ine: Navegante) -> None:
    cuenta = await _registrada(p, ine)
    await ine.envia(f"/cuentas/{cuenta.cuenta}/declaracion", {"firmada_en": "2026-11-19"})
    async with p.navega(cuenta.cuenta) as opl:
        assert (await opl.abre("/cuentas")).status == 200
        await ine.envia(f"/cuentas/{cuenta.cuenta}/baja", {"oficio": "OPL/20/2026"})
        assert (await opl.abre("/cuentas")).status == 403


async def test_cambiar_dice_que_cambio_quien_y_cuando(p: PortalDePrueba, ine: Navegante) -> None:
    cuenta = await _registrada(p, ine)
    p.reloj.avanza(minutes=20)
    hoja = await ine.envia(f"/cuentas/{cuenta.cuenta}/cambiar", {"hasta": "2027-04-30", "oficio": "OPL/30/2026"})
    assert "al 30 abr 2027" in hoja.texto
    assert "20 nov 2026, 12:20 (hora Centro) Cambió: fin de la vigencia, oficio ine1" in hoja.texto
    hoja = await ine.envia(f"/cuentas/{cuenta.cuenta}/cambiar", {"telefono": "6180000000"})
    assert "Cambió: datos personales ine1" in hoja.texto
    assert p.vista.actores.cuentas[cuenta.cuenta].rol is Rol.OPL_ADMIN


async def test_lo_que_otra_persona_cambio_entretanto_no_se_pisa(p: PortalDePrueba, ine: Navegante) -> None:
    cuenta = await _registrada(p, ine)
    hoja = await ine.abre(f"/cuentas/{cuenta.cuenta}/cambiar")
    await ine.envia(f"/cuentas/{cuenta.cuenta}/cambiar", {"puesto": "El primero que llegó"})
    tarde = await ine.reenvia(hoja, {"puesto": "El segundo"})
    assert tarde.status == 409
    assert "Alguien más lo modificó" in tarde.texto
    assert "El primero que llegó" in (await ine.abre(f"/cuentas/{cuenta.cuenta}")).texto


@pytest.mark.parametrize("version", ["", "x", "99", "-1", "1" * 30])
async def test_una_version_inventada_no_escribe_nada(p: PortalDePrueba, ine: Navegante, version: str) -> None:
    cuenta = await _registrada(p, ine)
    hoja = await ine.envia(f"/cuentas/{cuenta.cuenta}/cambiar", {"version": version})
    assert hoja.status == 409
    assert len(await p.dichos()) == 1


@pytest.mark.parametrize(
    ("cambios", "campo"),
    [
        ({"hasta": "2026-11-19"}, "hasta"),
        ({"desde": "2025-01-01", "hasta": "2026-11-19"}, "hasta"),
        ({"entidad": ""}, "entidad"),
        ({"entidad": "99"}, "entidad"),
        ({"rol": "promovente"}, "rol"),
        ({"rol": "auditor"}, "entidad"),
        ({"emisor": "facebook"}, "emisor"),
        ({"oficio": "x" * 61}, "oficio"),
        ({"nombre": "x" * 201}, "nombre"),
        ({"procesos": ["RM27"]}, "procesos"),
    ],
)
async def test_cada_limite_se_dice_en_su_campo(
    p: PortalDePrueba, ine: Navegante, cambios: dict[str, object], campo: str
) -> None:
    for proceso, entidad in (("CI26", "10"), ("RM27", "20")):
        p.puerta.registra(ejemplo(ProcesoRegistrado, proceso=proceso, entidad=entidad))
    hoja = await ine.envia("/cuentas/nueva", {**PERSONA, **cambios})
    assert hoja.status == 422
    assert list(hoja.errores) == [campo]


async def test_una_cuenta_de_un_proceso_nacional_lo_nombra(p: PortalDePrueba, ine: Navegante) -> None:
    p.puerta.registra(ejemplo(ProcesoRegistrado, proceso="RM27", entidad=None))
    cuenta = await _registrada(p, ine, entidad="", procesos=["RM27"])
    assert (cuenta.entidad, cuenta.procesos) == (None, ["RM27"])


async def test_cada_opl_ve_las_cuentas_de_su_entidad_y_el_auditor_las_ve_sin_nombres(
    p: PortalDePrueba, ine: Navegante
) -> None:
    de_durango = await _registrada(p, ine)
    de_oaxaca = await _registrada(p, ine, entidad="20", correo="otra@opl.invalid", nombre="De Oaxaca")
    p.puerta.cuenta("opl1", Rol.OPL_ADMIN, entidad="10")
    p.puerta.cuenta("auditor1", Rol.AUDITOR)
    async with p.navega("opl1") as opl:
        texto = (await opl.abre("/cuentas")).texto
        assert "Xóchitl" in texto
        assert "De Oaxaca" not in texto
        assert (await opl.abre(f"/cuentas/{de_durango.cuenta}")).status == 200
        assert (await opl.abre(f"/cuentas/{de_oaxaca.cuenta}")).status == 404
        assert (await opl.abre("/cuentas/nueva")).status == 403
    async with p.navega("auditor1") as auditor:
        for url in ("/cuentas", f"/cuentas/{de_durango.cuenta}"):
            texto = (await auditor.abre(url)).texto
            assert de_durango.cuenta in texto
            assert "Xóchitl" not in texto
            assert "xochitl@" not in texto


async def test_queda_escrito_quien_abrio_datos_personales(p: PortalDePrueba, ine: Navegante) -> None:
    cuenta = await _registrada(p, ine)
    antes = await p.accesos.count({})
    await ine.abre(f"/cuentas/{cuenta.cuenta}")
    accesos = await p.accesos.find({})
    assert len(accesos) == antes + 1
    assert (accesos[-1]["cuenta"], accesos[-1]["llaves"]) == ("ine1", [cuenta.llave])


async def test_la_lista_se_filtra_por_funcion_y_estado(p: PortalDePrueba, ine: Navegante) -> None:
    await _registrada(p, ine)
    assert "Xóchitl" in (await ine.abre("/cuentas?rol=opl_admin&estado_=sin_declaracion")).texto
    assert "Ninguna cuenta es así" in (await ine.abre("/cuentas?rol=operador")).texto
    assert "Xóchitl" not in (await ine.abre("/cuentas?estado_=vigente")).texto


async def test_una_llave_destruida_no_rompe_la_pagina(p: PortalDePrueba, ine: Navegante) -> None:
    cuenta = await _registrada(p, ine)
    await p.llavero.destroy(cuenta.llave)
    assert "Datos eliminados" in (await ine.abre("/cuentas")).texto
    assert cuenta.cuenta in (await ine.abre(f"/cuentas/{cuenta.cuenta}")).texto
