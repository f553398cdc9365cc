"""What is not a good package: each kind is told apart in Spanish, and harms no other record (SPEC 5, issue 2)."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from dispositivo.kit import Dispositivo
from kernel.hpke import Private
from schemas.eventos import LlaveProceso
from schemas.paquete import FIRMA, MAX_PAQUETE, Modalidad, Suite, escribir_paquete, leer_paquete
from services import ingesta
from services.ingesta.domain import Codigo
from services.ingesta.problemas import PROBLEMAS
from tests.support.recepcion import AUXILIAR, ENVIO, SOLICITUD, Mundo, captura
from tests.unit.test_ingesta import assert_problema


@pytest.fixture
async def mundo() -> AsyncIterator[Mundo]:
    mundo = await Mundo().start()
    await mundo.abrir()
    yield mundo
    # Whatever was refused, a good record is received right after it, and nothing else was kept.
    assert (await mundo.enviar(mundo.sellar())).status_code == 201
    assert len([n async for n in mundo.paquetes.names()]) == 1
    await mundo.stop()


# ---- the bytes


async def test_cuerpo_vacio_o_basura_no_es_un_paquete(mundo: Mundo) -> None:
    for basura in (b"", b"hola", b"\x00" * 5000, b"PK\x03\x04" * 10):
        assert_problema(await mundo.enviar(basura, folio="cualquiera"), 422, "no_es_un_paquete")


async def test_cuerpo_cortado_en_el_encabezado_o_en_el_cuerpo(mundo: Mundo) -> None:
    paquete = mundo.sellar()
    enviar = mundo.enviar
    assert_problema(await enviar(paquete.contenido[:6], folio=paquete.folio), 422, "paquete_incompleto")
    assert_problema(await enviar(paquete.contenido[:200], folio=paquete.folio), 422, "paquete_incompleto")
    assert_problema(await enviar(paquete.contenido[:-1], folio=paquete.folio), 422, "cuerpo_alterado")


async def test_formato_de_otra_version(mundo: Mundo) -> None:
    paquete = mundo.sellar()
    otro = paquete.contenido[:4] + b"\x09" + paquete.contenido[5:]
    assert_problema(await mundo.enviar(otro, folio=paquete.folio), 422, "formato_desconocido")


async def test_un_byte_cambiado_donde_sea_se_rechaza(mundo: Mundo) -> None:
    paquete = mundo.sellar()
    leido = leer_paquete(paquete.contenido)
    header = 9
    firma = header + len(leido.encabezado_bytes) + 2
    for at, codigos in (
        (0, {"no_es_un_paquete"}),
        (header + 20, {"firma_invalida", "encabezado_invalido", "folio_incongruente"}),
        (firma + 10, {"firma_invalida"}),
        (len(paquete.contenido) // 2, {"cuerpo_alterado"}),
        (len(paquete.contenido) - 1, {"cuerpo_alterado"}),
    ):
        cambiado = bytearray(paquete.contenido)
        cambiado[at] ^= 0x01
        response = await mundo.enviar(bytes(cambiado), folio=paquete.folio)
        assert response.json()["code"] in codigos, at
        assert_problema(response, response.status_code, response.json()["code"])


async def test_encabezado_que_no_cabe_en_su_esquema_nombra_los_campos_y_no_sus_valores(mundo: Mundo) -> None:
    leido = leer_paquete(mundo.sellar().contenido)
    header = json.loads(leido.encabezado_bytes) | {"capturado_en": "ayer-secreto"}
    contenido = escribir_paquete(json.dumps(header).encode(), leido.firma, leido.cuerpo)
    response = await mundo.enviar(contenido, folio=leido.encabezado.folio)
    assert_problema(response, 422, "encabezado_invalido")
    assert response.json()["campos"] == "capturado_en"
    assert "secreto" not in response.text


async def test_folio_que_no_es_de_su_dispositivo(mundo: Mundo) -> None:
    leido = leer_paquete(mundo.sellar().contenido)
    header = json.loads(leido.encabezado_bytes) | {"dispositivo": "0" * 12}
    encoded = json.dumps(header).encode()
    contenido = escribir_paquete(encoded, mundo.dispositivo.firmar(FIRMA + encoded), leido.cuerpo)
    assert_problema(await mundo.enviar(contenido, folio=leido.encabezado.folio), 422, "folio_incongruente")


async def test_paquete_en_la_direccion_de_otro_folio(mundo: Mundo) -> None:
    uno, otro = mundo.sellar(), mundo.sellar()
    assert_problema(await mundo.enviar(uno.contenido, folio=otro.folio), 422, "folio_distinto")


# ---- limits and connections


async def test_paquete_sobre_el_limite_se_rechaza(mundo: Mundo) -> None:
    assert_problema(await mundo.enviar(bytes(MAX_PAQUETE + 1), folio="f"), 413, "cuerpo_excesivo")


async def test_paquete_que_calla_su_tamano_se_rechaza_en_cuanto_rebasa_el_limite(mundo: Mundo) -> None:
    leidos = 0

    async def sin_fin() -> AsyncIterator[bytes]:
        nonlocal leidos
        while True:
            leidos += 1
            yield bytes(1024 * 1024)

    response = await mundo.http.put(
        "/v1/registros/f",
        content=sin_fin(),
        headers={"Content-Type": "application/vnd.mx.ine.apoyo.paquete", "Apoyo-Envio": ENVIO},
    )
    assert_problema(response, 413, "cuerpo_excesivo")
    assert leidos <= 6


async def test_el_tamano_declarado_basta_para_rechazar_sin_leer(mundo: Mundo) -> None:
    async def receive() -> MutableMapping[str, Any]:
        raise AssertionError("the body was read")

    start, body = await _asgi(mundo, receive, {"content-length": str(MAX_PAQUETE + 1)})
    assert (start["status"], json.loads(body)["code"]) == (413, "cuerpo_excesivo")


async def test_conexion_cortada_a_medio_cuerpo_no_dana_nada(mundo: Mundo) -> None:
    messages: Iterator[MutableMapping[str, Any]] = iter(
        [
            {"type": "http.request", "body": mundo.sellar().contenido[:100], "more_body": True},
            {"type": "http.disconnect"},
        ]
    )

    async def receive() -> MutableMapping[str, Any]:
        return next(messages)

    start, body = await _asgi(mundo, receive, {})
    assert (start["status"], json.loads(body)["code"]) == (400, "cuerpo_cortado")


async def test_conexion_lenta_se_corta_a_tiempo(mundo: Mundo) -> None:
    async def a_gotas() -> AsyncIterator[bytes]:
        while True:
            yield b"A"
            await asyncio.sleep(0.05)

    response = await mundo.http.put(
        "/v1/registros/f",
        content=a_gotas(),
        headers={"Content-Type": "application/vnd.mx.ine.apoyo.paquete", "Apoyo-Envio": ENVIO},
    )
    assert_problema(response, 408, "lectura_lenta")
    assert response.headers["connection"] == "close"


async def test_por_la_red_una_conexion_lenta_o_cortada_no_detiene_a_las_demas(mundo: Mundo) -> None:
    server = uvicorn.Server(uvicorn.Config(mundo.app, port=0, log_config=None, lifespan="off"))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # uvicorn offers no event
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    head = (
        b"PUT /v1/registros/f HTTP/1.1\r\nHost: x\r\nContent-Type: application/vnd.mx.ine.apoyo.paquete\r\n"
        b"Apoyo-Envio: " + ENVIO.encode() + b"\r\nContent-Length: 1000\r\n\r\nAPYO"
    )
    slow_reader, slow_writer = await asyncio.open_connection("127.0.0.1", port)
    slow_writer.write(head)
    _, cut_writer = await asyncio.open_connection("127.0.0.1", port)
    cut_writer.write(head)
    await cut_writer.drain()
    cut_writer.close()
    answer = await asyncio.wait_for(slow_reader.read(), 5)  # until the server closes
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"lectura_lenta" in answer
    slow_writer.close()
    server.should_exit = True
    await serving


async def test_sin_envio_o_con_otro_tipo_de_contenido(mundo: Mundo) -> None:
    paquete = mundo.sellar()
    for envio in ("", "ABC", "g" * 32, "0" * 33):
        assert_problema(await mundo.enviar(paquete, envio=envio), 400, "envio_ausente")
    otro_tipo = {"Content-Type": "application/json"}
    assert_problema(await mundo.enviar(paquete, **otro_tipo), 415, "tipo_de_contenido")


# ---- who sends


async def test_firma_de_otra_llave(mundo: Mundo) -> None:
    impostor = Dispositivo(SOLICITUD, AUXILIAR, mundo.dispositivo.id, Dispositivo.nuevo(SOLICITUD, AUXILIAR).privada)
    assert_problema(await mundo.enviar(impostor.sellar(captura(), mundo.llave)), 403, "firma_invalida")


async def test_firma_vacia_o_ilegible(mundo: Mundo) -> None:
    leido = leer_paquete(mundo.sellar().contenido)
    for firma in (b"", b"\x30\x00", b"x" * 500):
        contenido = escribir_paquete(leido.encabezado_bytes, firma, leido.cuerpo)
        assert_problema(await mundo.enviar(contenido, folio=leido.encabezado.folio), 403, "firma_invalida")


@pytest.mark.parametrize(
    ("solicitud", "auxiliar", "status", "codigo"),
    [
        ("NADIE-0001", AUXILIAR, 404, "proceso_desconocido"),
        ("CI2026-9999", AUXILIAR, 403, "solicitud_desconocida"),
        (SOLICITUD, "A9999", 403, "auxiliar_desconocido"),
        (SOLICITUD, AUXILIAR, 403, "dispositivo_desconocido"),
    ],
)
async def test_quien_no_esta_registrado_no_envia(
    mundo: Mundo, solicitud: str, auxiliar: str, status: int, codigo: str
) -> None:
    extrano = Dispositivo.nuevo(solicitud, auxiliar)
    assert_problema(await mundo.enviar(extrano.sellar(captura(), mundo.llave)), status, codigo)


async def test_dispositivo_de_otro_auxiliar(mundo: Mundo) -> None:
    ajeno = Dispositivo.nuevo(SOLICITUD, "A0002")
    mundo.enrolar(ajeno)
    como_mio = Dispositivo(SOLICITUD, AUXILIAR, ajeno.id, ajeno.privada)
    assert_problema(await mundo.enviar(como_mio.sellar(captura(), mundo.llave)), 403, "dispositivo_ajeno")


async def test_llave_que_no_es_del_proceso(mundo: Mundo) -> None:
    otra = LlaveProceso(id="otra", suite=mundo.llave.suite, publica=mundo.llave.publica)
    assert_problema(await mundo.enviar(mundo.dispositivo.sellar(captura(), otra)), 422, "llave_desconocida")


async def test_suite_que_no_es_la_de_la_llave(mundo: Mundo) -> None:
    publica = base64.b64encode(Private.generate(Suite.X25519).public().raw).decode()
    otra = LlaveProceso(id=mundo.llave.id, suite=Suite.X25519, publica=publica)
    assert_problema(await mundo.enviar(mundo.dispositivo.sellar(captura(), otra)), 422, "suite_distinta")


async def test_un_auxiliar_no_puede_pasar_por_mi_apoyo_ni_por_captura_manual(mundo: Mundo) -> None:
    for modalidad in (Modalidad.MI_APOYO, Modalidad.CAPTURA_MANUAL):
        assert_problema(await mundo.enviar(mundo.sellar(modalidad=modalidad)), 422, "modalidad_incongruente")


# ---- the table of codes


def test_cada_codigo_tiene_su_texto_y_esta_en_el_readme() -> None:
    assert set(PROBLEMAS) == set(Codigo)
    readme = Path(ingesta.__file__).with_name("README.md").read_text(encoding="utf-8")
    table = readme.partition("<!-- codigos -->\n")[2].partition("<!-- /codigos -->")[0].splitlines()
    rows = [
        f"| `{codigo}` | {t.status} | {'no' if t.definitivo else 'yes'} | {t.titulo} |"
        for codigo, t in PROBLEMAS.items()
    ]
    assert [line for line in table if line.startswith("| `")] == rows


@pytest.mark.parametrize("codigo", Codigo)
def test_cada_texto_dice_que_paso_y_que_no_se_perdio_nada(codigo: Codigo) -> None:
    texto = PROBLEMAS[codigo]
    assert 400 <= texto.status < 500
    assert texto.titulo[0].isupper()
    assert not texto.titulo.endswith(".")
    assert texto.detalle.endswith(".")


async def _asgi(
    mundo: Mundo, receive: Callable[[], Awaitable[MutableMapping[str, Any]]], headers: dict[str, str]
) -> tuple[MutableMapping[str, Any], bytes]:
    """A PUT of a package, its body under the test's control: the answer's start, and its body."""
    base = {"content-type": "application/vnd.mx.ine.apoyo.paquete", "apoyo-envio": ENVIO}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "PUT",
        "scheme": "http",
        "path": "/v1/registros/f",
        "raw_path": b"/v1/registros/f",
        "query_string": b"",
        "root_path": "",
        "headers": [(k.encode(), v.encode()) for k, v in (base | headers).items()],
        "client": ("127.0.0.1", 1),
        "server": ("ingesta", 80),
    }
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await mundo.app(scope, receive, send)
    return sent[0], b"".join(m.get("body", b"") for m in sent[1:])
