"""Pages of auxiliares: who sees what, forms that come back, batches from file to outcome (P 7.3-7.7; D 3, 6.7)."""

import asyncio
import csv
import io
import re
from collections.abc import AsyncIterator

import pytest
from fastapi.routing import APIRoute

from schemas.autorizacion import TABLA, Accion, Rol
from schemas.eventos import AuxiliarDadoDeBaja, AuxiliarVerificado, SituacionRegistral
from services.portal.archivos import leer
from services.portal.paginas import Paginas
from services.portal.rutas import auxiliares, lotes
from tests.support.auxiliares import CIUDADANA, OTRA, SOLICITUD, Padron, archivo, con_procesos, persona
from tests.support.portal import Hoja, Navegante, PortalDePrueba, portal
from tests.unit.test_portal_auxiliares import dar_de_baja, hasta, registrar

BASE = f"/solicitudes/{SOLICITUD}/auxiliares"
LOTES = f"/solicitudes/{SOLICITUD}/lotes"


@pytest.fixture
async def p() -> AsyncIterator[PortalDePrueba]:
    async with (await portal()).en_marcha() as p:
        await con_procesos(p)
        yield p


@pytest.fixture
async def promovente(p: PortalDePrueba) -> AsyncIterator[Navegante]:
    async with p.navega("promovente1") as navegante:
        yield navegante


async def test_se_registra_en_la_pagina_y_la_respuesta_ya_lo_muestra(p: PortalDePrueba, promovente: Navegante) -> None:
    assert "Todavía no hay auxiliares" in (await promovente.abre(BASE)).texto
    hoja = await promovente.envia(f"{BASE}/nuevo", persona(1))
    assert (hoja.status, hoja.url) == (200, f"{BASE}/A0001")
    for dato in ("Quedó registrado", "Xóchitl Ibarra Núñez", "En verificación", "entra con Google", "21 mar 1990"):
        assert dato in hoja.texto
    lista = await promovente.abre(BASE)
    assert "A0001" in lista.texto
    assert "1 auxiliar" in lista.texto


async def test_cada_dato_mal_escrito_se_dice_en_su_campo_y_lo_escrito_se_conserva(promovente: Navegante) -> None:
    hoja = await promovente.envia(f"{BASE}/nuevo", persona(1, telefono="1", nombre="", correo="x"))
    assert hoja.status == 422
    assert hoja.errores.keys() == {"nombre", "telefono", "correo"}
    assert hoja.forma is not None
    assert hoja.forma.campos["paterno"] == "Ibarra"
    assert "confirmo" not in hoja.respuesta.text


async def test_lo_que_se_advierte_se_confirma_con_una_casilla(promovente: Navegante) -> None:
    hoja = await promovente.envia(f"{BASE}/nuevo", persona(1, paterno="Zamora"))
    assert hoja.errores.keys() == {"clave_elector", "confirmo"}
    hoja = await promovente.reenvia(hoja, {"confirmo": "si"})
    assert hoja.url == f"{BASE}/A0001"


async def test_la_lista_se_busca_se_filtra_y_se_pagina(p: PortalDePrueba, promovente: Navegante) -> None:
    for n in range(1, 53):
        await registrar(p, n) if n in (1, 52) else await p.auxiliares.registrar(
            p.orden("promovente1"), SOLICITUD, {k: [v] for k, v in persona(n).items()}
        )
    await dar_de_baja(p, "A0002")
    hoja = await promovente.abre(BASE)
    assert "52 auxiliares; página 1 de 2" in hoja.texto
    assert "A0051" not in hoja.texto
    assert "A0051" in (await promovente.abre(f"{BASE}?pagina=2")).texto
    assert "página 2 de 2" in (await promovente.abre(f"{BASE}?pagina=99")).texto
    de_baja = await promovente.abre(f"{BASE}?estado_=de_baja")
    assert "1 auxiliar" in de_baja.texto
    assert "A0002" in de_baja.texto
    assert "51 auxiliares" in (await promovente.abre(f"{BASE}?estado_=sin_fura")).texto
    assert "10 auxiliares" in (await promovente.abre(f"{BASE}?id_=A001")).texto
    assert (await promovente.abre(f"{BASE}?id_=a0007")).respuesta.headers["location"] == f"{BASE}/A0007"
    assert "Ningún auxiliar es así" in (await promovente.abre(f"{BASE}?id_=Z9")).texto


async def test_la_baja_dice_lo_que_sigue_y_queda_a_la_vista_con_autor_fecha_y_motivo(
    p: PortalDePrueba, promovente: Navegante
) -> None:
    await registrar(p, 1)
    async with p.navega("opl1") as opl:
        forma = await opl.abre(f"{BASE}/A0001/baja")
        assert "se recibirá con inconsistencia" in forma.texto
        assert "Lo que se recibió antes se conserva" in forma.texto
        assert (await opl.envia(f"{BASE}/A0001/baja", {})).errores.keys() == {"motivo"}
        await opl.envia(f"{BASE}/A0001/baja", {"motivo": "sin_fura", "detalle": "Se le pidió dos veces."})
        assert (await opl.abre(f"{BASE}/A0001/baja")).status == 409
    hoja = await promovente.abre(f"{BASE}/A0001")
    for dato in ("De baja desde el 20 nov 2026, 12:00", "Formato Único", "(opl1)", "Se le pidió dos veces."):
        assert dato in hoja.texto


async def test_quien_no_esta_en_el_padron_aparece_de_baja_por_la_regla(
    p: PortalDePrueba, promovente: Navegante
) -> None:
    await registrar(p, 1)
    await Padron(p, {persona(1)["clave_elector"]: SituacionRegistral.NO_ENCONTRADO}).responder()
    (baja,) = await hasta(p, AuxiliarDadoDeBaja, 1)
    assert isinstance(baja, AuxiliarDadoDeBaja)
    await p.escritor.visible(baja)
    hoja = await promovente.abre(f"{BASE}/A0001")
    assert "Se sigue de la consulta al padrón (P 7.6)" in hoja.texto
    assert "Se dio de baja: No se encontró en el padrón electoral por regla" in hoja.texto


async def test_la_fura_y_el_correo_se_cambian_en_su_pagina(p: PortalDePrueba, promovente: Navegante) -> None:
    await registrar(p, 1)
    hoja = await promovente.envia(f"{BASE}/A0001/fura", {"firmada_en": "2026-11-19"})
    assert "firmada el 19 nov 2026; la asentó promovente1" in hoja.texto
    hoja = await promovente.envia(f"{BASE}/A0001/correo", {"correo": "otro@example.com", "emisor": "facebook"})
    assert "entra con Facebook" in hoja.texto
    assert "Cambió el correo o quien lo emite promovente1" in hoja.texto
    mala = await promovente.envia(f"{BASE}/A0001/correo", {"correo": "x"})
    assert mala.errores.keys() == {"correo"}


async def test_soporte_y_auditor_ven_ids_y_estados_sin_datos_personales(p: PortalDePrueba) -> None:
    await registrar(p, 1)
    await dar_de_baja(p, "A0001", motivo="otro", detalle="Algo personal")
    for cuenta in ("soporte1", "auditor1"):
        async with p.navega(cuenta) as navegante:
            for url in (BASE, f"{BASE}/A0001"):
                hoja = await navegante.abre(url)
                assert "A0001" in hoja.texto
                assert "De baja" in hoja.texto
                for dato in ("Xóchitl", "persona1@", persona(1)["clave_elector"], "Algo personal"):
                    assert dato not in hoja.texto


async def test_lo_ajeno_y_lo_que_no_existe(p: PortalDePrueba, promovente: Navegante) -> None:
    await registrar(p, 1)
    assert (await promovente.abre(f"/solicitudes/{OTRA}/auxiliares")).status == 403
    assert (await promovente.abre(f"{BASE}/A0099")).status == 404
    async with p.navega("ine1") as ine:
        assert (await ine.abre("/solicitudes/CI26-0099/auxiliares")).status == 404
        assert (await ine.abre(f"{BASE}/nuevo")).status == 403


RUTAS = {
    ("GET", BASE): Accion.VER_AUXILIARES,
    ("GET", f"{BASE}/A0001"): Accion.VER_AUXILIARES,
    ("GET", f"{BASE}/nuevo"): Accion.REGISTRAR_AUXILIAR,
    ("POST", f"{BASE}/nuevo"): Accion.REGISTRAR_AUXILIAR,
    ("GET", f"{BASE}/A0001/baja"): Accion.DAR_DE_BAJA_AUXILIAR,
    ("POST", f"{BASE}/A0001/baja"): Accion.DAR_DE_BAJA_AUXILIAR,
    ("GET", f"{BASE}/A0001/fura"): Accion.REGISTRAR_FURA,
    ("POST", f"{BASE}/A0001/fura"): Accion.REGISTRAR_FURA,
    ("GET", f"{BASE}/A0001/correo"): Accion.CAMBIAR_CORREO,
    ("POST", f"{BASE}/A0001/correo"): Accion.CAMBIAR_CORREO,
    ("GET", LOTES): Accion.REGISTRAR_AUXILIAR,
    ("POST", LOTES): Accion.REGISTRAR_AUXILIAR,
    ("GET", f"/solicitudes/{SOLICITUD}/plantilla.csv"): Accion.REGISTRAR_AUXILIAR,
    ("GET", f"/solicitudes/{SOLICITUD}/plantilla.xlsx"): Accion.REGISTRAR_AUXILIAR,
    ("GET", f"{LOTES}/x"): Accion.REGISTRAR_AUXILIAR,
    ("GET", f"{LOTES}/x/avance"): Accion.REGISTRAR_AUXILIAR,
    ("GET", f"{LOTES}/x/resultado.csv"): Accion.REGISTRAR_AUXILIAR,
    ("POST", f"{LOTES}/x/confirmar"): Accion.REGISTRAR_AUXILIAR,
    ("POST", f"{LOTES}/x/abandonar"): Accion.REGISTRAR_AUXILIAR,
}


async def test_cada_ruta_la_alcanza_quien_dice_la_tabla_y_nadie_mas(p: PortalDePrueba) -> None:
    await registrar(p, 1)
    for rol in Rol:
        alcance = {"entidad": "10"} if rol not in (Rol.INE_ADMIN, Rol.AUDITOR, Rol.SOPORTE) else {}
        for sitio, solicitud, entidad in (("propio", SOLICITUD, "10"), ("ajeno", OTRA, "20")):
            suya = {"solicitud": solicitud} if rol is Rol.PROMOVENTE else {}
            lugar = {"entidad": entidad} if alcance else {}
            p.puerta.cuenta(f"{sitio}-{rol.value.replace('_', '-')}", rol, **lugar, **suya)
    for sitio in ("propio", "ajeno"):
        for rol in Rol:
            async with p.navega(f"{sitio}-{rol.value.replace('_', '-')}") as navegante:
                for (metodo, ruta), accion in RUTAS.items():
                    respuesta = await navegante.http.request(
                        metodo, ruta, data={"llave": "0" * 32} if metodo == "POST" else None
                    )
                    dado = TABLA[accion].get(rol)
                    debe = dado == "todos" or (dado == "propio" and sitio == "propio")
                    negada = respuesta.status_code == 403 and "Lo que se pidió" in respuesta.text
                    assert negada is not debe, (sitio, rol, metodo, ruta, respuesta.status_code)


async def test_ninguna_ruta_de_auxiliares_carece_de_accion(p: PortalDePrueba) -> None:
    paginas = Paginas(p.puerta.access, p.escritor)
    declaradas = set()
    for modulo in (auxiliares, lotes):
        for ruta in modulo.rutas(p.portal, paginas).routes:
            assert isinstance(ruta, APIRoute)
            (accion,) = [d.call.action for d in ruta.dependant.dependencies if hasattr(d.call, "action")]
            declaradas |= {(metodo, ruta.path, accion) for metodo in ruta.methods}
    patron = {
        (m, re.sub(r"A0001", "{auxiliar}", re.sub(r"/x(?=/|$)", "/{lote}", r.replace(SOLICITUD, "{solicitud}"))), a)
        for (m, r), a in RUTAS.items()
    }
    assert declaradas == patron


# Batches ---------------------------------------------------------------------------------------------------------------


async def subir(navegante: Navegante, contenido: bytes) -> Hoja:
    return await navegante.envia(LOTES, {}, {"archivo": ("lista.csv", contenido, "text/csv")})


async def test_un_archivo_se_revisa_se_confirma_y_cada_renglon_tiene_su_resultado(
    p: PortalDePrueba, promovente: Navegante
) -> None:
    previa = await subir(promovente, archivo([persona(1), persona(2, telefono="12"), persona(3, paterno="Zamora")]))
    assert previa.status == 200
    assert "3 renglones: 1 sin errores, 1 por confirmar, 1 con errores" in previa.texto
    assert "✕ El teléfono tiene diez dígitos" in previa.texto
    assert "▲ Las seis letras de la clave" in previa.texto
    assert "persona2@" not in (await promovente.abre(f"{previa.url}?ver=avisos")).texto
    en_curso = await promovente.reenvia(previa, {"con_avisos": "si"})
    assert "Registrando a los auxiliares" in en_curso.texto
    assert await p.lotes.trabajar()
    avance = (await promovente.http.get(f"{previa.url}/avance")).json()
    assert avance == {"estado": "terminado", "vistas": 3, "todas": 3, "registradas": 2, "sin_registrar": 1}
    final = await promovente.abre(previa.url)
    assert "El archivo está registrado" in final.texto
    assert "Teléfono: El teléfono tiene diez dígitos" in final.texto
    descarga = await promovente.http.get(f"{previa.url}/resultado.csv")
    filas = list(csv.DictReader(io.StringIO(descarga.content.decode("utf-8-sig"))))
    assert [(f["RENGLON"], f["RESULTADO"], f["ID AUXILIAR"]) for f in filas] == [
        ("2", "registrado", "A0001"),
        ("3", "no registrado", ""),
        ("4", "registrado", "A0002"),
    ]


async def test_un_archivo_que_no_se_puede_leer_o_falta_se_dice_en_su_campo(promovente: Navegante) -> None:
    for contenido, dice in ((b"nada", "encabezado"), (b"PK\x03\x04", "dañado")):
        hoja = await subir(promovente, contenido)
        assert hoja.status == 422
        assert dice in hoja.errores["archivo"]
    sin = await promovente.envia(LOTES, {}, {"archivo": ("", b"")})
    assert "Elija un archivo" in sin.errores["archivo"]


async def test_un_archivo_demasiado_grande_no_se_recibe(promovente: Navegante) -> None:
    hoja = await subir(promovente, b"x" * (5 * 1024 * 1024 + 128 * 1024))
    assert hoja.status == 413


async def test_un_archivo_se_descarta_y_sus_renglones_se_borran(p: PortalDePrueba, promovente: Navegante) -> None:
    previa = await subir(promovente, archivo([persona(1)]))
    hoja = await promovente.http.post(f"{previa.url}/abandonar", data={"llave": "0" * 32}, follow_redirects=True)
    assert "Sus renglones se borraron" in hoja.text
    assert not any("filas" in page for page in await p.paginas_de_lotes.find({}))


async def test_las_plantillas_se_descargan_y_se_pueden_leer(promovente: Navegante) -> None:
    for tipo in ("csv", "xlsx"):
        respuesta = await promovente.http.get(f"/solicitudes/{SOLICITUD}/plantilla.{tipo}")
        assert f'filename="auxiliares.{tipo}"' in respuesta.headers["content-disposition"]
        assert leer(respuesta.content).formato == tipo


async def test_el_lote_de_otra_solicitud_no_se_ve(p: PortalDePrueba, promovente: Navegante) -> None:
    previa = await subir(promovente, archivo([persona(1)]))
    lote = previa.url.rsplit("/", 1)[1]
    async with p.navega("promovente2") as otro:
        for ruta in ("", "/avance", "/resultado.csv"):
            assert (await otro.abre(f"/solicitudes/{CIUDADANA}/lotes/{lote}{ruta}")).status == 404


async def test_verificados_y_registrados_se_cuentan(p: PortalDePrueba, promovente: Navegante) -> None:
    await registrar(p, 1)
    await Padron(p).responder()
    await hasta(p, AuxiliarVerificado, 1)
    await asyncio.sleep(0)
    assert "Activo" in (await promovente.abre(f"{BASE}/A0001")).texto
