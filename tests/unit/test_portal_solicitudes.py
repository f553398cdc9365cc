"""Solicitudes: all fields and limits, the folio in order, the emblem, the account, the cédula (SPEC 2, 3; P 6.1 B-F, D 1.2)."""

import asyncio
import io
import re
import zlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from PIL import Image

from schemas.actores import DatosSolicitante, acceso_de, acceso_en, contexto_de_solicitante
from schemas.autorizacion import Rol
from schemas.eventos import CedulaConfirmada, CuentaRegistrada, ProcesoRegistrado, SolicitudRegistrada
from services.portal.domain import solicitudes as dominio
from services.portal.domain.rechazo import Invalida
from tests.support.ejemplos import ejemplo
from tests.support.identidad import LLAVE, correo_de
from tests.support.portal import Navegante, PortalDePrueba, portal
from tests.unit.test_portal_procesos import PROCESO

SOLICITUD: dict[str, Any] = {
    "denominacion": "Candidatura independiente de Xóchitl Zzejemplo",
    "nombre_mostrado": "Xóchitl Zzejemplo",
    "tipo_solicitante": ["persona"],
    "cargo": "diputacion_local",
    "distrito_local": "4",
    "estimado_apoyos": "3 500",
    "nombre": "Xóchitl",
    "paterno": "Zzejemplo",
    "materno": "Ficticia",
    "nacimiento": "1985-03-14",
    "lugar_nacimiento": "10",
    "telefono": "618 123 4567",
    "correo": "xochitl@correo.invalid",
    "emisor": "google",
    "clave_elector": "ZZFCXC85031410M100",
    "ocr_o_cic": "123456789",
    "cpv_entidad": "10",
    "cpv_municipio": "5",
    "cpv_seccion": "421",
    "aviso_numero": "A-12",
    "aviso_fecha": "2026-10-01",
    "observaciones": "Entregó en la junta.",
    "aviso_simplificado": "https://ejemplo.invalid/simplificado",
    "aviso_integral": "https://ejemplo.invalid/integral",
}
NUEVA = "/procesos/CI27/solicitudes/nueva"


def imagen(formato: str = "PNG", lado: int = 64, **opciones: Any) -> bytes:
    salida = io.BytesIO()
    Image.new("RGB", (lado, lado), "#b8106f").save(salida, formato, **opciones)
    return salida.getvalue()


@pytest.fixture
async def p() -> AsyncIterator[PortalDePrueba]:
    async with (await portal()).en_marcha() as p:
        p.puerta.cuenta("ine1", Rol.INE_ADMIN)
        p.puerta.cuenta("opl1", Rol.OPL_ADMIN, entidad="10")
        yield p


@pytest.fixture
async def opl(p: PortalDePrueba) -> AsyncIterator[Navegante]:
    async with p.navega("opl1") as opl:
        hoja = await opl.envia("/procesos/nuevo", PROCESO)
        assert hoja.status == 200, hoja.errores
        yield opl


async def _registrada(opl: Navegante, emblema: bytes | None = None, **cambios: Any) -> str:
    archivos = {"emblema": ("emblema.png", emblema)} if emblema else None
    hoja = await opl.envia(NUEVA, {**SOLICITUD, **cambios}, archivos)
    assert hoja.status == 200, hoja.errores
    return hoja.url.removeprefix("/solicitudes/")


async def test_el_opl_registra_una_solicitud_con_su_folio_en_orden(p: PortalDePrueba, opl: Navegante) -> None:
    hoja = await opl.envia(NUEVA, SOLICITUD)
    assert (hoja.status, hoja.url) == (200, "/solicitudes/CI27-0001")
    for texto in (
        "Xóchitl Zzejemplo Ficticia",
        "Durango, distrito local 04",
        "ZZFCXC85031410M100",
        "A-12 del 1 oct 2026",
    ):
        assert texto in hoja.texto
    s = p.vista.actores.solicitudes["CI27-0001"]
    assert (s.entidad, s.distrito_local, s.municipio, s.cargo) == ("10", "04", None, "Diputación local")
    assert (s.por, s.registrada_en) == ("opl1", p.reloj.ahora)
    assert await _registrada(opl, correo="otra@correo.invalid") == "CI27-0002"


async def test_lo_publicado_no_lleva_datos_personales_en_claro_y_solo_se_abre_con_su_llave(
    p: PortalDePrueba, opl: Navegante
) -> None:
    await _registrada(opl)
    crudo = b"".join([r.value + repr(r.headers).encode() async for r in p.stream.read("actores")])
    crudo += repr(await p.fichas.find({})).encode() + repr(await p.salida.find({})).encode()
    for dato in ("ZZFCXC", "xochitl@", "6181234567", "1985-03-14", "123456789", "junta"):
        assert dato.encode() not in crudo
    s = p.vista.actores.solicitudes["CI27-0001"]
    assert s.llave is not None
    assert s.datos_sellados is not None
    datos = await p.personas.abrir(
        "x", s.llave, s.datos_sellados, DatosSolicitante, contexto_de_solicitante(s.solicitud)
    )
    assert datos is not None
    assert (datos.seccion, datos.municipio, datos.telefonos) == ("0421", "005", ["6181234567"])
    envolturas = (await p.llaves.get(s.llave) or {})["wraps"]
    assert set(envolturas) == {"portal", "notificaciones"}


async def test_con_la_solicitud_nace_la_cuenta_de_su_promovente(p: PortalDePrueba, opl: Navegante) -> None:
    await _registrada(opl)
    cuenta = p.vista.actores.cuentas["promovente-ci27-0001"]
    assert (cuenta.rol, cuenta.solicitud, cuenta.procesos) == (Rol.PROMOVENTE, "CI27-0001", ["CI27"])
    assert cuenta.acceso == acceso_de(LLAVE, "google", "xochitl@correo.invalid")
    assert cuenta.hasta == datetime(2028, 1, 16, 5, 59, tzinfo=UTC)
    assert p.vista.actores.por_que_no_entra(cuenta, p.reloj.ahora) is None
    async with p.navega(cuenta.cuenta) as ella:
        assert (await ella.abre("/solicitudes/CI27-0001")).status == 200
        await _registrada(opl, correo="otra@correo.invalid")
        assert (await ella.abre("/solicitudes/CI27-0002")).status == 403
        lista = (await ella.abre("/procesos/CI27/solicitudes")).texto
        assert "CI27-0001" in lista
        assert "CI27-0002" not in lista
        assert (await ella.abre("/solicitudes/CI27-0001/cambiar")).status == 403


async def test_ampliar_el_periodo_amplia_la_cuenta_del_promovente(p: PortalDePrueba, opl: Navegante) -> None:
    await _registrada(opl)
    hoja = await opl.abre("/procesos/CI27/cambiar")
    for _ in range(2):
        await opl.reenvia(hoja, {"fin": "2027-02-15T23:59"})
    cuenta = p.vista.actores.cuentas["promovente-ci27-0001"]
    assert (cuenta.version, cuenta.hasta) == (2, datetime(2028, 2, 16, 5, 59, tzinfo=UTC))


async def test_el_correo_es_uno_por_solicitud_dentro_del_proceso_y_puede_estar_en_otro(
    p: PortalDePrueba, opl: Navegante
) -> None:
    await _registrada(opl)
    hoja = await opl.envia(NUEVA, {**SOLICITUD, "correo": "XOCHITL@correo.invalid"})
    assert hoja.errores == {"correo": dominio.CORREO_REPETIDO}
    assert (await opl.envia(NUEVA, {**SOLICITUD, "emisor": "facebook"})).url == "/solicitudes/CI27-0002"
    await opl.envia("/procesos/nuevo", {**PROCESO, "proceso": "CI26"})
    otro = await opl.envia("/procesos/CI26/solicitudes/nueva", SOLICITUD)
    assert otro.url == "/solicitudes/CI26-0001"
    una, otra = (p.vista.actores.solicitudes[s].acceso for s in ("CI27-0001", "CI26-0001"))
    assert una == acceso_en(LLAVE, "CI27", "google", "xochitl@correo.invalid")
    assert una != otra


async def test_dos_instancias_a_la_vez_no_dan_dos_solicitudes_al_mismo_correo_ni_el_mismo_folio_a_dos(
    p: PortalDePrueba, opl: Navegante
) -> None:
    otra = p.otra_instancia()
    valores = {k: [v] if isinstance(v, str) else v for k, v in SOLICITUD.items()}
    async with otra.en_marcha(proyecta=False):
        mismas = await asyncio.gather(
            *(i.solicitudes.registrar(p.orden(), Rol.OPL_ADMIN, "CI27", valores, None) for i in (p, otra, p, otra)),
            return_exceptions=True,
        )
        assert sum(isinstance(s, SolicitudRegistrada) for s in mismas) == 1
        distintas = await asyncio.gather(
            *(
                i.solicitudes.registrar(
                    p.orden(), Rol.OPL_ADMIN, "CI27", {**valores, "correo": [f"c{n}@correo.invalid"]}, None
                )
                for n, i in enumerate((p, otra, p, otra))
            )
        )
    folios = {e.solicitud for e in await p.dichos() if isinstance(e, SolicitudRegistrada)}
    assert folios == {f"CI27-000{n}" for n in range(1, 6)}
    assert len({s.solicitud for s in distintas}) == 4
    assert {c.solicitud for c in p.vista.actores.cuentas.values() if c.solicitud} == folios


async def test_el_mismo_envio_repetido_es_una_solicitud_y_una_cuenta(p: PortalDePrueba, opl: Navegante) -> None:
    hoja = await opl.abre(NUEVA)
    for _ in range(2):
        assert (await opl.reenvia(hoja, SOLICITUD)).url == "/solicitudes/CI27-0001"
    assert [type(e) for e in await p.dichos()][2:] == [SolicitudRegistrada, CuentaRegistrada]


async def test_lo_que_murio_entre_la_solicitud_y_la_cuenta_se_termina_al_repetir(
    p: PortalDePrueba, opl: Navegante, monkeypatch: pytest.MonkeyPatch
) -> None:
    hoja = await opl.abre(NUEVA)
    emitir = p.escritor.emitir

    class Muerte(Exception):
        pass

    async def muere(evento: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(evento, CuentaRegistrada):
            raise Muerte
        return await emitir(evento, *args, **kwargs)

    monkeypatch.setattr(p.escritor, "emitir", muere)
    with pytest.raises(Muerte):
        await opl.reenvia(hoja, SOLICITUD)
    monkeypatch.undo()
    assert (await opl.reenvia(hoja, SOLICITUD)).url == "/solicitudes/CI27-0001"
    assert [type(e) for e in await p.dichos()][2:] == [SolicitudRegistrada, CuentaRegistrada]


async def test_quien_revisa_no_puede_ser_quien_solicita(p: PortalDePrueba, opl: Navegante) -> None:
    p.puerta.cuenta("operador1", Rol.OPERADOR, emisor="google")
    hoja = await opl.envia(NUEVA, {**SOLICITUD, "correo": correo_de("operador1")})
    assert hoja.errores == {"correo": dominio.CORREO_DEL_PERSONAL}


async def test_se_dicen_todos_los_campos_que_faltan(p: PortalDePrueba, opl: Navegante) -> None:
    hoja = await opl.envia(NUEVA, {"tipo_solicitante": None})
    assert list(hoja.errores) == [
        *("denominacion", "nombre_mostrado", "tipo_solicitante", "cargo", "nombre", "paterno", "nacimiento"),
        *("lugar_nacimiento", "telefono", "correo", "emisor", "clave_elector", "ocr_o_cic", "cpv_entidad"),
        *("cpv_municipio", "cpv_seccion", "aviso_simplificado", "aviso_integral"),
    ]


@pytest.mark.parametrize(
    ("cambios", "campo", "dice"),
    [
        ({"denominacion": "x" * 480}, "denominacion", "el máximo es 479"),
        ({"nombre_mostrado": "x" * 201}, "nombre_mostrado", "el máximo es 200"),
        ({"cargo": "gubernatura"}, "distrito_local", "no lleva el distrito local"),
        ({"cargo": "presidencia"}, "cargo", "Elija"),
        ({"distrito_local": ""}, "distrito_local", "Escriba este dato"),
        ({"distrito_local": "x4"}, "distrito_local", "2 dígitos"),
        ({"municipio": "005"}, "municipio", "no lleva el municipio"),
        ({"tipo_solicitante": ["organizacion"]}, "representante", "Escriba este dato"),
        ({"representante": "Alguien"}, "representante", "Solo las organizaciones"),
        ({"paterno": "", "materno": ""}, "paterno", "al menos un apellido"),
        ({"nacimiento": "2008-11-21", "clave_elector": "ZZFCXC08112110M100"}, "nacimiento", "18 años"),
        ({"nacimiento": "2030-01-01", "clave_elector": "ZZFCXC30010110M100"}, "nacimiento", "futuro"),
        ({"clave_elector": "ZZFCXC850314"}, "clave_elector", "18 caracteres"),
        ({"clave_elector": "ZZFCXC85031510M100"}, "clave_elector", "no es la de nacimiento"),
        ({"clave_elector": "AAAAAA85031410M100"}, "clave_elector", "letras no corresponden"),
        ({"clave_elector": "ZZFCXC85031420M100"}, "clave_elector", "entidad (lugares 13 y 14)"),
        ({"ocr_o_cic": "12345678"}, "ocr_o_cic", "9 dígitos del CIC"),
        ({"cpv_seccion": "12345"}, "cpv_seccion", "4 dígitos"),
        ({"aviso_simplificado": "http://ejemplo.invalid"}, "aviso_simplificado", "https://"),
        ({"aviso_integral": ""}, "aviso_integral", "Escriba este dato"),
        ({"aviso_fecha": "2026-11-21"}, "aviso_fecha", "posterior al día de hoy"),
        ({"folio_interno": "x" * 61}, "folio_interno", "el máximo es 60"),
        ({"emisor": "institucional"}, "emisor", "Elija"),
    ],
)
async def test_cada_limite_se_dice_en_su_campo(
    p: PortalDePrueba, opl: Navegante, cambios: dict[str, Any], campo: str, dice: str
) -> None:
    hoja = await opl.envia(NUEVA, {**SOLICITUD, **cambios})
    assert hoja.status == 422
    assert list(hoja.errores) == [campo]
    assert dice in hoja.errores[campo]
    assert p.vista.actores.solicitudes == {}


@pytest.mark.parametrize(
    "cambios", [{"clave_elector": "AAAAAA85031410M100"}, {"lugar_nacimiento": "20"}, {"nombre": "José"}]
)
async def test_lo_que_asi_esta_en_la_credencial_se_confirma(
    p: PortalDePrueba, opl: Navegante, cambios: dict[str, Any]
) -> None:
    assert (await opl.envia(NUEVA, {**SOLICITUD, **cambios})).status == 422
    assert (await opl.envia(NUEVA, {**SOLICITUD, **cambios, "confirma_clave": ["si"]})).status == 200


async def test_479_caracteres_y_una_organizacion_con_representante(p: PortalDePrueba, opl: Navegante) -> None:
    await _registrada(
        opl,
        denominacion="ñ" * 479,
        tipo_solicitante=["organizacion"],
        representante="Quien Representa",
        cargo="ayuntamiento",
        distrito_local="",
        municipio="5",
    )
    s = p.vista.actores.solicitudes["CI27-0001"]
    assert (s.tipo_solicitante, s.municipio, len(s.denominacion)) == ("organizacion", "005", 479)


async def test_en_un_proceso_de_todo_el_pais_el_cargo_pide_su_entidad(p: PortalDePrueba) -> None:
    p.puerta.registra(ejemplo(ProcesoRegistrado, proceso="CI26", entidad=None))
    proceso = p.vista.actores.procesos["CI26"]
    valores = {k: [v] if isinstance(v, str) else v for k, v in SOLICITUD.items()}
    hoy = p.reloj.ahora.date()

    def leer(**cambios: str) -> dominio.Alcance:
        campos = {**valores, **{k: [v] for k, v in cambios.items()}}
        return dominio.leer(campos, proceso, emisores=["google"], hoy=hoy, errores={}).alcance

    with pytest.raises(Invalida, match="entidad"):
        leer()
    assert leer(entidad="20") == dominio.Alcance("Diputación local", "20", distrito_local="04")
    assert leer(cargo="presidencia", distrito_local="") == dominio.Alcance("Presidencia de la República", None)
    with pytest.raises(Invalida, match="entidad"):
        leer(cargo="presidencia", distrito_local="", entidad="20")


# ---- emblem


async def test_el_emblema_se_guarda_dibujado_de_nuevo_bajo_su_hash(p: PortalDePrueba, opl: Navegante) -> None:
    from PIL.PngImagePlugin import PngInfo

    secreto = PngInfo()
    secreto.add_text("Comment", "GPS 24.02,-104.67")
    solicitud = await _registrada(opl, imagen(pnginfo=secreto))
    emblema = p.vista.actores.solicitudes[solicitud].emblema
    assert emblema is not None
    assert emblema.objeto == f"CI27/{emblema.sha256}"
    guardado = await p.emblemas.get(emblema.objeto)
    assert b"GPS" not in guardado
    answer = await opl.http.get(f"/solicitudes/{solicitud}/emblema")
    assert (answer.content, answer.headers["content-type"]) == (guardado, "image/png")
    assert f'src="/solicitudes/{solicitud}/emblema' in (await opl.abre(f"/solicitudes/{solicitud}")).respuesta.text


def _bomba() -> bytes:
    """A PNG of a few kilobytes that would be 30 000 × 30 000 pixels."""
    ancho = 30_000
    cabeza = ancho.to_bytes(4, "big") * 2 + b"\x08\x02\x00\x00\x00"

    def trozo(tipo: bytes, datos: bytes) -> bytes:
        return len(datos).to_bytes(4, "big") + tipo + datos + zlib.crc32(tipo + datos).to_bytes(4, "big")

    return (
        b"\x89PNG\r\n\x1a\n"
        + trozo(b"IHDR", cabeza)
        + trozo(b"IDAT", zlib.compress(b"\0" * 100_000))
        + trozo(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("contenido", "dice"),
    [
        (imagen("JPEG"), "Es una imagen JPG y debe ser PNG"),
        (imagen("GIF"), "No es una imagen PNG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "por su contenido, no por su nombre"),
        (b"\x89PNG\r\n\x1a\n" + b"x" * 100, "No es una imagen"),
        (imagen()[:-40], "No es una imagen"),
        (b"\x89PNG" + b"\0" * 512_000, "máximo es 500 KB"),
        (imagen(lado=4001), "máximo por lado es 4000"),
        (_bomba(), "No es una imagen"),
    ],
    ids=["jpg", "gif", "svg", "basura", "cortada", "pesada", "enorme", "bomba"],
)
async def test_un_emblema_que_no_lo_es_se_rechaza_en_su_campo(
    p: PortalDePrueba, opl: Navegante, contenido: bytes, dice: str
) -> None:
    hoja = await opl.envia(NUEVA, SOLICITUD, {"emblema": ("emblema.png", contenido)})
    assert hoja.status == 422
    assert list(hoja.errores) == ["emblema"]
    assert dice in hoja.errores["emblema"]
    assert [n async for n in p.emblemas.names()] == []


async def test_donde_el_perfil_lo_admite_el_emblema_puede_ser_jpg(p: PortalDePrueba, opl: Navegante) -> None:
    async with p.navega("ine1") as ine:
        await ine.envia("/procesos/CI27/reglas/cambiar", {"emblema_tipos": ["image/png", "image/jpeg"]})
    solicitud = await _registrada(opl, imagen("JPEG"))
    emblema = p.vista.actores.solicitudes[solicitud].emblema
    assert emblema is not None
    assert emblema.tipo_medio == "image/jpeg"


async def test_un_archivo_sin_fin_se_corta(p: PortalDePrueba, opl: Navegante) -> None:
    hoja = await opl.envia(NUEVA, SOLICITUD, {"emblema": ("emblema.png", b"x" * 1_100_000)})
    assert hoja.status == 413
    assert "demasiado grande" in hoja.texto


async def test_cambiar_conserva_el_emblema_salvo_que_se_quite(p: PortalDePrueba, opl: Navegante) -> None:
    solicitud = await _registrada(opl, imagen())
    hoja = await opl.envia(f"/solicitudes/{solicitud}/cambiar", {"nombre_mostrado": "Otro nombre"})
    assert "Cambió: nombre que se muestra opl1" in hoja.texto
    assert p.vista.actores.solicitudes[solicitud].emblema is not None
    await opl.envia(f"/solicitudes/{solicitud}/cambiar", {"sin_emblema": ["si"]})
    assert p.vista.actores.solicitudes[solicitud].emblema is None
    assert (await opl.abre(f"/solicitudes/{solicitud}/emblema")).status == 404


async def test_cambiar_el_correo_cambia_con_que_entra_y_libera_el_anterior(p: PortalDePrueba, opl: Navegante) -> None:
    solicitud = await _registrada(opl)
    await opl.envia(f"/solicitudes/{solicitud}/cambiar", {"correo": "nuevo@correo.invalid"})
    cuenta = p.vista.actores.cuentas["promovente-ci27-0001"]
    assert cuenta.acceso == acceso_de(LLAVE, "google", "nuevo@correo.invalid")
    assert cuenta.version == 2
    assert await _registrada(opl) == "CI27-0002"


async def test_lo_que_otra_persona_cambio_entretanto_no_se_pisa(p: PortalDePrueba, opl: Navegante) -> None:
    solicitud = await _registrada(opl)
    hoja = await opl.abre(f"/solicitudes/{solicitud}/cambiar")
    await opl.envia(f"/solicitudes/{solicitud}/cambiar", {"nombre_mostrado": "Primero"})
    assert (await opl.reenvia(hoja, {"nombre_mostrado": "Segundo"})).status == 409
    assert p.vista.actores.solicitudes[solicitud].nombre_mostrado == "Primero"


# ---- cédula


def _texto_del_pdf(pdf: bytes) -> str:
    partes = [
        zlib.decompress(m) for m in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL) if m[:1] == b"x"
    ]
    textos = re.findall(rb"\(((?:\\.|[^\\()])*)\)\s*Tj", b"".join(partes))
    return " ".join(re.sub(rb"\\([()\\])", rb"\1", t).decode("latin-1") for t in textos)


async def test_la_cedula_se_arma_al_pedirla_con_todo_y_no_se_guarda(p: PortalDePrueba, opl: Navegante) -> None:
    solicitud = await _registrada(opl, imagen(), nombre="Xóchitl Ñandú", confirma_clave=["si"])
    answer = await opl.http.get(f"/solicitudes/{solicitud}/cedula.pdf")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    assert answer.headers["cache-control"] == "no-store"
    assert 'filename="cedula-CI27-0001.pdf"' in answer.headers["content-disposition"]
    assert b"/Lang (es-MX)" in answer.content
    texto = _texto_del_pdf(answer.content)
    for dice in (
        *("Cédula de confirmación", "Folio CI27-0001", "Id Proceso", "0001", "Xóchitl Ñandú Zzejemplo Ficticia"),
        *("14 mar 1985", "ZZFCXC85031410M100", "CIC", "Durango, distrito local 04", "A-12, 1 oct 2026"),
        *("1 dic 2026, 00:00 (hora Centro)", "Nombre y firma", "Página 1 de", "elaborada el 20 nov 2026"),
    ):
        assert dice in texto, texto


async def test_una_cedula_larga_ocupa_varias_paginas(p: PortalDePrueba, opl: Navegante) -> None:
    solicitud = await _registrada(opl, denominacion="denominación " * 36, observaciones="renglón\n" * 200)
    answer = await opl.http.get(f"/solicitudes/{solicitud}/cedula.pdf")
    texto = _texto_del_pdf(answer.content)
    assert answer.content.count(b"/Type /Page\n") >= 2
    assert "Página 2 de" in texto
    assert "Nombre y firma" in texto


async def test_asentar_la_cedula_firmada(p: PortalDePrueba, opl: Navegante) -> None:
    solicitud = await _registrada(opl)
    assert "Falta asentar la cédula" in (await opl.abre(f"/solicitudes/{solicitud}")).texto
    for dia, dice in (("2026-11-21", "posterior"), ("2026-11-19", "anterior al registro"), ("", "Escriba")):
        mala = await opl.envia(f"/solicitudes/{solicitud}/cedula", {"firmada_en": dia})
        assert dice in mala.errores["firmada_en"]
    hoja = await opl.envia(f"/solicitudes/{solicitud}/cedula", {"firmada_en": "2026-11-20"})
    assert "firmada el 20 nov 2026; la asentó opl1" in hoja.texto
    assert "Firmada" in (await opl.abre("/procesos/CI27/solicitudes")).texto
    assert isinstance((await p.dichos())[-1], CedulaConfirmada)


async def test_quien_no_registra_no_la_asienta(p: PortalDePrueba, opl: Navegante) -> None:
    solicitud = await _registrada(opl)
    async with p.navega("ine1") as ine:
        for url in (NUEVA, f"/solicitudes/{solicitud}/cambiar", f"/solicitudes/{solicitud}/cedula"):
            hoja = await ine.abre(url)
            assert hoja.status == 403
            assert "lo registra el OPL" in hoja.texto
        assert (await ine.abre(f"/solicitudes/{solicitud}")).status == 200


async def test_la_lista_se_pagina(p: PortalDePrueba, opl: Navegante, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.portal.rutas.solicitudes.POR_PAGINA", 2)
    for n in range(5):
        await _registrada(opl, correo=f"c{n}@correo.invalid")
    url, vistos = "/procesos/CI27/solicitudes", []
    while url:
        hoja = await opl.abre(url)
        vistos += re.findall(r'href="/solicitudes/(CI27-\d{4})"', hoja.respuesta.text)
        siguiente = re.search(r'href="(\?desde=[^"]+)">Página siguiente', hoja.respuesta.text)
        url = f"/procesos/CI27/solicitudes{siguiente[1]}" if siguiente else ""
    assert vistos == [f"CI27-000{n}" for n in range(1, 6)]
    assert "Todavía no hay solicitudes" not in hoja.texto


async def test_sin_solicitudes_se_dice(p: PortalDePrueba, opl: Navegante) -> None:
    assert "Todavía no hay solicitudes" in (await opl.abre("/procesos/CI27/solicitudes")).texto
