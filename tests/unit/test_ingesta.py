"""Reception over HTTP: receipts, idempotency, rules by profile, envíos (SPEC 5)."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from dispositivo.kit import Dispositivo
from schemas.eventos import EnvioAbierto, EnvioCerrado, RegistroRecibido
from schemas.paquete import Modalidad, Suite
from schemas.perfil import PERFIL_D, PERFIL_P, PerfilReglas
from tests.support.recepcion import AUXILIAR, DURANTE, ENVIO, FIN, INICIO, PROCESO, SOLICITUD, Mundo, captura

OTRO_ENVIO = "f" * 32


@pytest.fixture
async def mundo() -> AsyncIterator[Mundo]:
    mundo = await Mundo().start()
    yield mundo
    await mundo.stop()


@pytest.fixture
async def mundo_d() -> AsyncIterator[Mundo]:
    mundo = await Mundo(PERFIL_D).start()
    yield mundo
    await mundo.stop()


def assert_problema(response: httpx.Response, status: int, code: str) -> None:
    """A problem in Spanish that a person can act on."""
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    problema = response.json()
    assert (problema["code"], problema["status"]) == (code, status)
    assert problema["type"] == f"urn:apoyo:problema:{code}"
    assert len(problema["title"]) > 10
    assert len(problema["detail"]) > 20
    assert isinstance(problema["definitivo"], bool)


# ---- receipts


async def test_un_registro_recibido_da_su_acuse(mundo: Mundo) -> None:
    paquete = mundo.sellar()
    await mundo.abrir()
    response = await mundo.enviar(paquete)
    assert response.status_code == 201
    acuse = response.json()
    assert acuse == {
        "folio": paquete.folio,
        "codigo_integridad": paquete.codigo_integridad,
        "recibido_en": "2026-01-20T12:30:00-06:00",
        "recibido_en_utc": "2026-01-20T18:30:00Z",
        "envio": ENVIO,
    }
    assert datetime.fromisoformat(acuse["recibido_en"]) == DURANTE.astimezone(ZoneInfo("America/Mexico_City"))


async def test_lo_acusado_ya_esta_guardado_y_publicado(mundo: Mundo) -> None:
    paquete = mundo.sellar()
    evento = await mundo.recibir(paquete)
    assert await mundo.paquetes.get(evento.objeto) == paquete.contenido
    assert evento == RegistroRecibido(
        version=1,
        folio=paquete.folio,
        proceso=PROCESO,
        solicitud=SOLICITUD,
        auxiliar=AUXILIAR,
        dispositivo=mundo.dispositivo.id,
        envio=ENVIO,
        modalidad=Modalidad.AUXILIAR,
        codigo_integridad=paquete.codigo_integridad,
        paquete_sha256=hashlib.sha256(paquete.contenido).hexdigest(),
        objeto=f"{PROCESO}/2026-01-20/{evento.paquete_sha256}",
        tamano=len(paquete.contenido),
        capturado_en=DURANTE - timedelta(hours=1),
        recibido_en=DURANTE,
        reglas=[],
        perfil=evento.perfil,
        actores_offset=mundo.actores.offset,
    )
    assert evento.perfil.id == PERFIL_P.id


async def test_el_mismo_registro_otra_vez_da_el_mismo_acuse_y_ningun_evento_mas(mundo: Mundo) -> None:
    paquete = mundo.sellar()
    await mundo.abrir()
    primero = await mundo.enviar(paquete)
    mundo.reloj.ahora += timedelta(minutes=5)
    segundo = await mundo.enviar(paquete)
    assert (primero.status_code, segundo.status_code) == (201, 200)
    assert primero.json() == segundo.json()
    assert len(await mundo.eventos("registro_recibido")) == 1


async def test_registro_ya_recibido_da_el_mismo_acuse_aun_fuera_de_plazo_y_con_el_envio_cerrado(mundo: Mundo) -> None:
    paquete = mundo.sellar()
    await mundo.abrir()
    primero = await mundo.enviar(paquete)
    await mundo.cerrar()
    mundo.reloj.ahora = FIN + timedelta(days=30)
    mundo.proceso(activo=False)
    assert (await mundo.enviar(paquete)).json() == primero.json()
    assert (await mundo.enviar(paquete, envio=OTRO_ENVIO)).json() == primero.json()


async def test_el_mismo_registro_al_mismo_tiempo_se_recibe_una_vez(mundo: Mundo) -> None:
    paquete = mundo.sellar()
    await mundo.abrir()
    responses = await asyncio.gather(*(mundo.enviar(paquete) for _ in range(5)))
    assert len({r.text for r in responses}) == 1
    assert {r.status_code for r in responses} <= {200, 201}
    assert len({e.id for e in await mundo.eventos("registro_recibido")}) == 1


async def test_mismo_folio_con_otros_bytes_se_rechaza_y_el_primero_queda(mundo: Mundo) -> None:
    registro = "ab" * 10
    await mundo.abrir()
    primero, otro = (mundo.dispositivo.sellar(captura(), mundo.llave, registro=registro) for _ in range(2))
    acuse = (await mundo.enviar(primero)).json()
    assert_problema(await mundo.enviar(otro), 409, "folio_en_conflicto")
    assert (await mundo.enviar(primero)).json() == acuse
    assert len(await mundo.eventos("registro_recibido")) == 1


async def test_mismo_folio_con_otros_bytes_al_mismo_tiempo_uno_gana(mundo: Mundo) -> None:
    await mundo.abrir()
    paquetes = [mundo.dispositivo.sellar(captura(), mundo.llave, registro="cd" * 10) for _ in range(4)]
    statuses = [r.status_code for r in await asyncio.gather(*(mundo.enviar(p) for p in paquetes))]
    assert sorted(statuses) == [201, 409, 409, 409]
    assert len({e.id for e in await mundo.eventos("registro_recibido")}) == 1


async def test_lo_escrito_y_no_publicado_se_publica_antes_del_mismo_acuse(mundo: Mundo) -> None:
    paquete = mundo.sellar()
    await mundo.recibir(paquete)
    mundo.reiniciar()  # nobody knows any more whether it was published
    assert (await mundo.enviar(paquete)).status_code == 200
    assert len(await mundo.eventos("registro_recibido")) == 2  # the same event, twice: consumers are idempotent
    assert len({e.id for e in await mundo.eventos("registro_recibido")}) == 1
    await mundo.outbox.relay(older_than_s=0)
    assert "pending" not in (await mundo.documentos.find({"topic": "registro_recibido"}))[0]
    assert (await mundo.enviar(paquete)).status_code == 200
    assert len(await mundo.eventos("registro_recibido")) == 2


@pytest.mark.parametrize("suite", Suite)
async def test_ambas_suites_se_reciben(suite: Suite) -> None:
    mundo = await Mundo(suite=suite).start()
    await mundo.recibir(mundo.sellar())
    await mundo.stop()


async def test_antes_de_conocer_a_los_actores_no_se_rechaza_a_nadie(mundo: Mundo) -> None:
    mundo.health.set("actores", False)
    response = await mundo.enviar(mundo.sellar())
    assert (response.status_code, response.json()["code"]) == (503, "servicio_no_disponible")
    assert response.headers["retry-after"]


# ---- period


@pytest.mark.parametrize("perfil", [PERFIL_P, PERFIL_D], ids=lambda p: p.id)
async def test_envio_24_horas_despues_del_cierre_se_rechaza(perfil: PerfilReglas) -> None:
    mundo = await Mundo(perfil).start()
    await mundo.abrir()
    mundo.reloj.ahora = FIN + timedelta(hours=24, milliseconds=1)
    assert_problema(await mundo.enviar(mundo.sellar()), 403, "fuera_de_plazo")
    mundo.reloj.ahora = FIN + timedelta(hours=24)
    assert (await mundo.enviar(mundo.sellar())).status_code == 201
    await mundo.stop()


async def test_envio_antes_del_inicio_se_rechaza_y_puede_repetirse(mundo: Mundo) -> None:
    mundo.reloj.ahora = INICIO - timedelta(seconds=1)
    await mundo.abrir()
    response = await mundo.enviar(mundo.sellar())
    assert_problema(response, 403, "proceso_no_iniciado")
    assert response.json()["definitivo"] is False


async def test_proceso_inactivo_se_rechaza(mundo: Mundo) -> None:
    await mundo.abrir()
    mundo.proceso(activo=False)
    assert_problema(await mundo.enviar(mundo.sellar()), 403, "proceso_inactivo")


@pytest.mark.parametrize("capturado", [INICIO - timedelta(seconds=1), FIN + timedelta(seconds=1)])
async def test_captura_fuera_del_periodo_se_recibe_inconsistente(mundo: Mundo, capturado: datetime) -> None:
    mundo.reloj.ahora = FIN + timedelta(hours=1)
    evento = await mundo.recibir(mundo.sellar(capturado_en=capturado))
    assert evento.reglas == ["fuera_de_periodo"]


async def test_prorroga_del_periodo_vale_desde_que_se_conoce(mundo: Mundo) -> None:
    mundo.reloj.ahora = FIN + timedelta(days=3)
    await mundo.abrir()
    assert_problema(await mundo.enviar(mundo.sellar()), 403, "fuera_de_plazo")
    mundo.proceso(fin=FIN + timedelta(days=5))
    assert (await mundo.enviar(mundo.sellar())).status_code == 201


# ---- dismissed auxiliar (P 7.7, D 3.4, 4.10), device not authorised (P 8.11, D 4.9)


async def test_auxiliar_dado_de_baja_en_candidaturas_se_recibe_inconsistente(mundo: Mundo) -> None:
    mundo.baja("promovente", DURANTE)
    assert (await mundo.recibir(mundo.sellar())).reglas == ["auxiliar_dado_de_baja"]


async def test_auxiliar_dado_de_baja_en_participacion_no_se_recibe(mundo_d: Mundo) -> None:
    await mundo_d.abrir()
    mundo_d.baja("promovente", DURANTE)
    assert_problema(await mundo_d.enviar(mundo_d.sellar()), 403, "auxiliar_dado_de_baja")


async def test_auxiliar_dado_de_baja_por_el_ine_en_participacion_se_recibe_inconsistente(mundo_d: Mundo) -> None:
    mundo_d.baja("ine", DURANTE)
    assert (await mundo_d.recibir(mundo_d.sellar())).reglas == ["auxiliar_dado_de_baja"]


async def test_lo_recibido_antes_de_la_baja_queda_como_se_recibio(mundo_d: Mundo) -> None:
    mundo_d.baja("opl", DURANTE + timedelta(seconds=1))
    assert (await mundo_d.recibir(mundo_d.sellar())).reglas == []


async def test_dispositivo_no_autorizado_en_candidaturas_se_recibe_inconsistente(mundo: Mundo) -> None:
    mundo.enrolar(mundo.dispositivo, autorizado=False, version=2)
    assert (await mundo.recibir(mundo.sellar())).reglas == ["dispositivo_no_autorizado"]


async def test_dispositivo_no_autorizado_en_participacion_no_se_recibe(mundo_d: Mundo) -> None:
    await mundo_d.abrir()
    mundo_d.enrolar(mundo_d.dispositivo, autorizado=False, version=2)
    assert_problema(await mundo_d.enviar(mundo_d.sellar()), 403, "dispositivo_no_autorizado")


# ---- envíos


async def test_un_envio_se_abre_se_usa_y_se_cierra_con_sus_cuentas(mundo: Mundo) -> None:
    abierto = await mundo.abrir(por_enviar=3)
    assert abierto.json() == {"envio": ENVIO, "abierto_en": "2026-01-20T18:30:00Z", "por_enviar": 3}
    for _ in range(2):
        await mundo.enviar(mundo.sellar())
    mundo.reloj.ahora += timedelta(minutes=1)
    cerrado = await mundo.cerrar(pendientes=1)
    assert cerrado.json() == {
        "envio": ENVIO,
        "abierto_en": "2026-01-20T18:30:00Z",
        "por_enviar": 3,
        "cerrado_en": "2026-01-20T18:31:00Z",
        "recibidos": 2,
        "pendientes": 1,
    }
    eventos = [sobre.evento for sobre in await mundo.eventos("envios")]
    assert [(type(e), e.version) for e in eventos] == [(EnvioAbierto, 1), (EnvioCerrado, 2)]


async def test_abrir_y_cerrar_otra_vez_dan_la_misma_respuesta(mundo: Mundo) -> None:
    abiertos = [(await mundo.abrir()).json()]
    mundo.reloj.ahora += timedelta(minutes=1)
    abiertos.append((await mundo.abrir()).json())
    cerrados = [(await mundo.cerrar()).json()]
    mundo.reloj.ahora += timedelta(minutes=1)
    cerrados.append((await mundo.cerrar()).json())
    assert abiertos[0] == abiertos[1]
    assert cerrados[0] == cerrados[1]
    assert len(await mundo.eventos("envios")) == 2


async def test_abrir_o_cerrar_con_otros_datos_es_conflicto(mundo: Mundo) -> None:
    await mundo.abrir()
    assert_problema(await mundo.abrir(por_enviar=7), 409, "envio_en_conflicto")
    await mundo.cerrar()
    assert_problema(await mundo.cerrar(pendientes=7), 409, "envio_en_conflicto")


async def test_registro_de_un_envio_que_no_se_abrio_se_rechaza_y_puede_repetirse(mundo: Mundo) -> None:
    response = await mundo.enviar(mundo.sellar())
    assert_problema(response, 409, "envio_desconocido")
    assert response.json()["definitivo"] is False
    assert [n async for n in mundo.paquetes.names()] == []


async def test_registro_nuevo_de_un_envio_cerrado_se_rechaza(mundo: Mundo) -> None:
    await mundo.abrir()
    await mundo.cerrar()
    assert_problema(await mundo.enviar(mundo.sellar()), 409, "envio_cerrado")


async def test_un_envio_no_sirve_a_otro_dispositivo(mundo: Mundo) -> None:
    ajeno = Dispositivo.nuevo(SOLICITUD, AUXILIAR)
    mundo.enrolar(ajeno)
    await mundo.abrir()
    assert_problema(await mundo.enviar(ajeno.sellar(captura(), mundo.llave)), 409, "envio_ajeno")
    assert_problema(await mundo.abrir(dispositivo=ajeno), 409, "envio_en_conflicto")


async def test_cerrar_un_envio_que_no_se_abrio_se_rechaza(mundo: Mundo) -> None:
    assert_problema(await mundo.cerrar(), 409, "envio_desconocido")


async def test_un_envio_firmado_por_otra_llave_se_rechaza(mundo: Mundo) -> None:
    impostor = Dispositivo(SOLICITUD, AUXILIAR, mundo.dispositivo.id, Dispositivo.nuevo(SOLICITUD, AUXILIAR).privada)
    assert_problema(await mundo.abrir(dispositivo=impostor), 403, "firma_invalida")


async def test_la_firma_de_abrir_un_envio_no_sirve_para_otro(mundo: Mundo) -> None:
    request = (await mundo.abrir()).request
    response = await mundo.http.put(
        f"/v1/envios/{OTRO_ENVIO}", content=request.content, headers={"Apoyo-Firma": request.headers["Apoyo-Firma"]}
    )
    assert_problema(response, 403, "firma_invalida")


async def test_repetir_la_peticion_de_un_envio_no_cambia_nada(mundo: Mundo) -> None:
    primero = await mundo.abrir()
    repetido = await mundo.http.put(
        primero.request.url, content=primero.request.content, headers=dict(primero.request.headers)
    )
    assert repetido.json() == primero.json()
    assert len(await mundo.eventos("envios")) == 1


@pytest.mark.parametrize("contenido", [{"por_enviar": "1"}, {"por_enviar": -1}, {"auxiliar": "x"}])
async def test_un_envio_con_datos_invalidos_dice_que_campos(mundo: Mundo, contenido: dict[str, Any]) -> None:
    response = await mundo.abrir(**contenido)
    assert_problema(response, 422, "envio_invalido")
    assert response.json()["campos"] == next(iter(contenido))


async def test_un_envio_con_un_cuerpo_enorme_se_rechaza(mundo: Mundo) -> None:
    assert_problema(await mundo.http.put(f"/v1/envios/{ENVIO}", content=b" " * 5000), 413, "cuerpo_excesivo")


@pytest.mark.parametrize("cabecera", ["no es base64 ñ".encode(), b"AAAA", b""])
async def test_un_envio_con_una_firma_ilegible_se_rechaza(mundo: Mundo, cabecera: bytes) -> None:
    valid = (await mundo.abrir()).request.content
    response = await mundo.http.put(f"/v1/envios/{ENVIO}", content=valid, headers={b"Apoyo-Firma": cabecera})
    assert_problema(response, 403, "firma_invalida")


# ---- process data


async def test_los_datos_del_proceso_bastan_para_capturar(mundo: Mundo) -> None:
    proceso = await mundo.cliente().proceso(PROCESO)
    assert proceso.llaves == [mundo.llave]
    assert (proceso.inicio, proceso.fin, proceso.limite) == (INICIO, FIN, FIN + timedelta(hours=24))
    assert proceso.hora_servidor == DURANTE
    assert_problema(await mundo.http.get("/v1/procesos/NADIE"), 404, "proceso_desconocido")
