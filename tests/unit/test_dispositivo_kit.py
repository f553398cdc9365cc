"""The device kit's sending half: sealing, the store, and a client that never loses a record."""

import asyncio
import dataclasses
import random
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import httpx
import pytest

from dispositivo.almacen import Almacen, AlmacenEnDisco, AlmacenEnMemoria
from dispositivo.cliente import Avance, Cliente, Desenlace, Rechazado, Reintentos, SinRespuesta
from dispositivo.kit import Dispositivo, PaqueteExcesivo, PaqueteSellado
from schemas.paquete import IMAGENES, Parte, leer_paquete
from schemas.recepcion import Acuse
from tests.support.recepcion import AUXILIAR, DURANTE, FIN, PROCESO, SOLICITUD, Mundo, captura


@pytest.fixture
async def mundo() -> AsyncIterator[Mundo]:
    mundo = await Mundo().start()
    yield mundo
    await mundo.stop()


@pytest.fixture(params=["memoria", "disco"])
def almacen(request: pytest.FixtureRequest, tmp_path: Path) -> Almacen:
    return AlmacenEnMemoria() if request.param == "memoria" else AlmacenEnDisco(tmp_path)


class Red(httpx.AsyncBaseTransport):
    """The network between a device and reception: `falla` may answer, or raise, instead of it."""

    def __init__(self, mundo: Mundo, falla: Callable[[httpx.Request, int], httpx.Response | None]) -> None:
        self._inner = httpx.ASGITransport(mundo.app)
        self._falla = falla
        self.veces: dict[str, int] = {}
        self.en_curso = 0
        self.maximo = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.veces[path] = self.veces.get(path, 0) + 1
        self.en_curso += 1
        self.maximo = max(self.maximo, self.en_curso)
        try:
            await asyncio.sleep(0)
            answer = self._falla(request, self.veces[path])
            return answer or await self._inner.handle_async_request(request)
        finally:
            self.en_curso -= 1


class Tiempo:
    """Simulated time for the client's waits."""

    def __init__(self) -> None:
        self.ahora = 0.0
        self.esperas: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.esperas.append(seconds)
        self.ahora += seconds

    def monotonic(self) -> float:
        return self.ahora


def cliente(
    mundo: Mundo,
    falla: Callable[[httpx.Request, int], httpx.Response | None],
    plazo_s: float = 60,
    concurrencia: int = 4,
) -> tuple[Cliente, Red, Tiempo]:
    red, tiempo = Red(mundo, falla), Tiempo()
    http = httpx.AsyncClient(transport=red, base_url="http://ingesta")
    return (
        Cliente(
            http,
            concurrencia=concurrencia,
            reintentos=Reintentos(inicial_s=1, maxima_s=8, plazo_s=plazo_s),
            sleep=tiempo.sleep,
            monotonic=tiempo.monotonic,
            jitter=lambda: 1.0,
        ),
        red,
        tiempo,
    )


def llenar(mundo: Mundo, almacen: Almacen, cuantos: int) -> list[PaqueteSellado]:
    paquetes = [mundo.sellar() for _ in range(cuantos)]
    for paquete in paquetes:
        almacen.guardar(paquete)
    return paquetes


# ---- sealing


def test_con_la_misma_semilla_el_dispositivo_y_los_folios_son_los_mismos(mundo: Mundo) -> None:
    def uno() -> tuple[str, str, str, dict[Parte, str]]:
        azar = random.Random(7).randbytes
        dispositivo = Dispositivo.nuevo(SOLICITUD, AUXILIAR, azar)
        sellado = dispositivo.sellar(captura(), mundo.llave, azar=azar)
        return dispositivo.id, dispositivo.publica, sellado.folio, leer_paquete(sellado.contenido).encabezado.partes

    assert uno() == uno()


def test_el_folio_lleva_solicitud_auxiliar_dispositivo_y_registro(mundo: Mundo) -> None:
    sellado = mundo.dispositivo.sellar(captura(), mundo.llave, registro="ab" * 10)
    assert sellado.folio == f"{SOLICITUD}-{AUXILIAR}-{mundo.dispositivo.id}-{'ab' * 10}"
    assert PaqueteSellado.leer(sellado.contenido) == sellado


def test_dos_capturas_nunca_comparten_folio(mundo: Mundo) -> None:
    assert len({mundo.sellar().folio for _ in range(50)}) == 50


def test_una_captura_que_no_cabe_en_un_paquete_se_dice_al_sellarla(mundo: Mundo) -> None:
    enormes = {parte: (bytes(1_100_000), "image/jpeg") for parte in IMAGENES}
    with pytest.raises(PaqueteExcesivo):
        mundo.dispositivo.sellar(captura(imagenes=enormes), mundo.llave)


def test_la_llave_del_dispositivo_no_se_muestra(mundo: Mundo) -> None:
    assert str(mundo.dispositivo.privada.private_numbers().private_value) not in repr(mundo.dispositivo)


# ---- sending


async def test_lo_enviado_se_acusa_y_deja_el_dispositivo(mundo: Mundo, almacen: Almacen) -> None:
    paquetes = llenar(mundo, almacen, 7)
    avances: list[Avance] = []
    resultado = await mundo.cliente().enviar(mundo.dispositivo, almacen, avances.append)
    assert (resultado.abierto, resultado.cerrado, resultado.problema) == (True, True, None)
    assert almacen.pendientes() == []
    assert {a.folio for a in avances} == {p.folio for p in paquetes}
    codigos = {a.acuse.folio: a.acuse.codigo_integridad for a in resultado.con(Desenlace.ACUSADO) if a.acuse}
    assert codigos == {p.folio: p.codigo_integridad for p in paquetes}
    cierre = (await mundo.eventos("envios"))[-1].evento
    assert cierre.model_dump(include={"recibidos", "pendientes"}) == {"recibidos": 7, "pendientes": 0}


async def test_lo_que_falla_se_reintenta_con_esperas_crecientes(mundo: Mundo, almacen: Almacen) -> None:
    [paquete] = llenar(mundo, almacen, 1)

    def falla(request: httpx.Request, vez: int) -> httpx.Response | None:
        if "registros" not in request.url.path:
            return None
        if vez == 1:
            raise httpx.ConnectError("sin red")
        if vez == 2:
            raise httpx.ReadTimeout("sin respuesta")
        return httpx.Response(503) if vez <= 6 else None

    device, red, tiempo = cliente(mundo, falla)
    resultado = await device.enviar(mundo.dispositivo, almacen)
    assert [a.desenlace for a in resultado.avances] == [Desenlace.ACUSADO]
    assert red.veces[f"/v1/registros/{paquete.folio}"] == 7
    assert tiempo.esperas == [1, 2, 4, 8, 8, 8]


async def test_respuesta_perdida_el_reintento_da_el_mismo_acuse(mundo: Mundo, almacen: Almacen) -> None:
    """The server received it, and the answer never arrived."""
    [paquete] = llenar(mundo, almacen, 1)
    await mundo.abrir("a" * 32)
    primero = await mundo.enviar(paquete, envio="a" * 32)
    resultado = await mundo.cliente().enviar(mundo.dispositivo, almacen)
    assert resultado.avances[0].acuse == Acuse.model_validate_json(primero.content)
    assert almacen.pendientes() == []
    assert len(await mundo.eventos("registro_recibido")) == 1


@pytest.mark.parametrize(("valor", "espera"), [("13", 13.0), ("quién sabe", 1.0)])
async def test_se_respeta_lo_que_el_servidor_pide_esperar(
    mundo: Mundo, almacen: Almacen, valor: str, espera: float
) -> None:
    assert await _espera_tras(mundo, almacen, valor) == espera


async def test_se_respeta_la_fecha_que_el_servidor_pide_esperar(mundo: Mundo, almacen: Almacen) -> None:
    fecha = format_datetime(datetime.now(UTC) + timedelta(hours=1))
    assert 3000 < await _espera_tras(mundo, almacen, fecha) <= 3600


async def _espera_tras(mundo: Mundo, almacen: Almacen, retry_after: str) -> float:
    """Seconds that the client waits after one 429 with that header, until the record is received."""
    llenar(mundo, almacen, 1)

    def falla(request: httpx.Request, vez: int) -> httpx.Response | None:
        ocupado = "registros" in request.url.path and vez == 1
        return httpx.Response(429, headers={b"Retry-After": retry_after.encode()}) if ocupado else None

    device, _, tiempo = cliente(mundo, falla, plazo_s=7200)
    await device.enviar(mundo.dispositivo, almacen)
    assert almacen.pendientes() == []
    [espera] = tiempo.esperas
    return espera


async def test_pasado_el_plazo_el_registro_queda_pendiente_y_el_cierre_lo_dice(mundo: Mundo, almacen: Almacen) -> None:
    malo, bueno = llenar(mundo, almacen, 2)

    def falla(request: httpx.Request, vez: int) -> httpx.Response | None:
        return httpx.Response(502) if malo.folio in request.url.path else None

    device, _, tiempo = cliente(mundo, falla, plazo_s=20)
    resultado = await device.enviar(mundo.dispositivo, almacen)
    assert {a.folio: a.desenlace for a in resultado.avances} == {
        malo.folio: Desenlace.PENDIENTE,
        bueno.folio: Desenlace.ACUSADO,
    }
    assert almacen.pendientes() == [malo.folio]
    assert tiempo.ahora <= 20
    cierre = (await mundo.eventos("envios"))[-1].evento
    assert cierre.model_dump(include={"recibidos", "pendientes"}) == {"recibidos": 1, "pendientes": 1}
    await mundo.cliente().enviar(mundo.dispositivo, almacen)
    assert almacen.pendientes() == []


async def test_rechazo_definitivo_no_se_reintenta_y_se_conserva_marcado(mundo: Mundo, almacen: Almacen) -> None:
    [paquete] = llenar(mundo, almacen, 1)
    mundo.reloj.ahora = FIN + timedelta(days=2)
    device, red, tiempo = cliente(mundo, lambda request, vez: None)
    resultado = await device.enviar(mundo.dispositivo, almacen)
    [avance] = resultado.con(Desenlace.RECHAZADO)
    assert avance.problema is not None
    assert avance.problema["code"] == "fuera_de_plazo"
    assert red.veces[f"/v1/registros/{paquete.folio}"] == 1
    assert tiempo.esperas == []
    assert almacen.pendientes() == []
    assert almacen.rechazados()[paquete.folio]["code"] == "fuera_de_plazo"


async def test_rechazo_que_no_es_del_registro_lo_deja_pendiente(mundo: Mundo, almacen: Almacen) -> None:
    [paquete] = llenar(mundo, almacen, 1)
    mundo.proceso(activo=False)
    resultado = await mundo.cliente().enviar(mundo.dispositivo, almacen)
    assert [a.desenlace for a in resultado.avances] == [Desenlace.PENDIENTE]
    assert almacen.pendientes() == [paquete.folio]


@pytest.mark.parametrize(
    "respuesta",
    [
        httpx.Response(200, content=b"<html>portal cautivo</html>"),
        httpx.Response(200, json={"ok": True}),
        httpx.Response(302, headers={"Location": "http://portal"}),
        httpx.Response(403, content=b"proxy"),
        httpx.Response(403, json=[]),
    ],
)
async def test_nadie_mas_que_recepcion_acusa_ni_rechaza(
    mundo: Mundo, almacen: Almacen, respuesta: httpx.Response
) -> None:
    [paquete] = llenar(mundo, almacen, 1)
    device, _, _ = cliente(mundo, lambda request, vez: respuesta if "registros" in request.url.path else None)
    resultado = await device.enviar(mundo.dispositivo, almacen)
    assert [a.desenlace for a in resultado.avances] == [Desenlace.PENDIENTE]
    assert almacen.pendientes() == [paquete.folio]


async def test_acuse_de_otro_registro_no_libera_este(mundo: Mundo, almacen: Almacen) -> None:
    ajeno = mundo.sellar()
    await mundo.abrir()
    acuse = (await mundo.enviar(ajeno)).json()
    [paquete] = llenar(mundo, almacen, 1)
    device, _, _ = cliente(
        mundo, lambda request, vez: httpx.Response(201, json=acuse) if "registros" in request.url.path else None
    )
    await device.enviar(mundo.dispositivo, almacen)
    assert almacen.pendientes() == [paquete.folio]


async def test_sin_poder_abrir_el_envio_todo_queda_pendiente(mundo: Mundo, almacen: Almacen) -> None:
    llenar(mundo, almacen, 3)

    def sin_red(request: httpx.Request, vez: int) -> httpx.Response | None:
        raise httpx.ConnectError("sin red")

    device, _, _ = cliente(mundo, sin_red)
    resultado = await device.enviar(mundo.dispositivo, almacen)
    assert (resultado.abierto, resultado.cerrado) == (False, False)
    assert resultado.problema is not None
    assert resultado.problema["code"] == "sin_conexion"
    assert len(almacen.pendientes()) == 3


async def test_sin_poder_cerrar_el_envio_lo_acusado_vale(mundo: Mundo, almacen: Almacen) -> None:
    llenar(mundo, almacen, 2)
    device, _, _ = cliente(
        mundo, lambda request, vez: httpx.Response(500) if request.url.path.endswith("cierre") else None
    )
    resultado = await device.enviar(mundo.dispositivo, almacen)
    assert (resultado.abierto, resultado.cerrado) == (True, False)
    assert almacen.pendientes() == []


async def test_nunca_hay_mas_envios_a_la_vez_que_los_pedidos(mundo: Mundo) -> None:
    almacen = AlmacenEnMemoria()
    llenar(mundo, almacen, 12)
    device, red, _ = cliente(mundo, lambda request, vez: None, concurrencia=3)
    await device.enviar(mundo.dispositivo, almacen)
    assert red.maximo == 3
    assert len(almacen.acuses) == 12


async def test_los_datos_del_proceso_y_sus_fallas(mundo: Mundo) -> None:
    device, _, _ = cliente(mundo, lambda request, vez: None)
    assert (await device.proceso(PROCESO)).llaves == [mundo.llave]
    with pytest.raises(Rechazado, match="proceso_desconocido"):
        await device.proceso("NADIE")
    caido, _, _ = cliente(mundo, lambda request, vez: httpx.Response(500))
    with pytest.raises(SinRespuesta):
        await caido.proceso(PROCESO)


# ---- the store on disk


async def test_lo_guardado_sobrevive_al_reinicio_del_dispositivo(mundo: Mundo, tmp_path: Path) -> None:
    [uno, dos] = llenar(mundo, AlmacenEnDisco(tmp_path), 2)
    otra_vez = AlmacenEnDisco(tmp_path)
    assert otra_vez.pendientes() == sorted([uno.folio, dos.folio])
    assert otra_vez.leer(uno.folio) == uno
    otra_vez.acusar(
        Acuse(
            folio=uno.folio,
            codigo_integridad=uno.codigo_integridad,
            recibido_en=DURANTE,
            recibido_en_utc=DURANTE,
            envio="0" * 32,
        )
    )
    otra_vez.rechazar(dos.folio, {"code": "fuera_de_plazo"})
    assert AlmacenEnDisco(tmp_path).pendientes() == []
    assert AlmacenEnDisco(tmp_path).rechazados() == {dos.folio: {"code": "fuera_de_plazo"}}
    assert (tmp_path / "acuses" / f"{uno.folio}.json").exists()
    assert (tmp_path / "rechazados" / f"{dos.folio}.paquete").read_bytes() == dos.contenido
    with pytest.raises(KeyError):
        otra_vez.leer(uno.folio)


async def test_lo_escrito_a_medias_no_es_un_registro(mundo: Mundo, tmp_path: Path) -> None:
    almacen = AlmacenEnDisco(tmp_path)
    (tmp_path / "pendientes" / "x.paquete.parcial").write_bytes(b"APYO")
    assert almacen.pendientes() == []


async def test_un_paquete_danado_en_el_dispositivo_no_detiene_a_los_demas(mundo: Mundo, tmp_path: Path) -> None:
    almacen = AlmacenEnDisco(tmp_path)
    malo, bueno = llenar(mundo, almacen, 2)
    (tmp_path / "pendientes" / f"{malo.folio}.paquete").write_bytes(malo.contenido[:-1])
    resultado = await mundo.cliente().enviar(mundo.dispositivo, almacen)
    assert {a.folio: a.desenlace for a in resultado.avances} == {
        malo.folio: Desenlace.RECHAZADO,
        bueno.folio: Desenlace.ACUSADO,
    }
    assert almacen.rechazados()[malo.folio]["code"] == "cuerpo_alterado"


def test_dispositivo_de_otra_solicitud_es_de_otro_proceso(mundo: Mundo) -> None:
    assert dataclasses.replace(mundo.dispositivo, solicitud="RM2027-0001").proceso == "RM2027"
