"""HTTP edge of ingesta: read the body within its bounds, call the handler, answer. The only service that devices speak to."""

import asyncio
import base64
import re
import time
from typing import Annotated

from fastapi import FastAPI, Header, Request, Response
from prometheus_client import Counter
from pydantic import BaseModel
from starlette.requests import ClientDisconnect

from kernel.web import Health, create_app
from schemas.eventos import EnvioAbierto, EnvioCerrado, RegistroRecibido
from schemas.hora import CENTRO
from schemas.paquete import MAX_PAQUETE, TIPO_MEDIO
from schemas.recepcion import (
    CABECERA_ENVIO,
    CABECERA_FIRMA,
    MAX_ENVIO,
    Acuse,
    AperturaEnvio,
    CierreEnvio,
    DatosProceso,
    EstadoEnvio,
)
from services.ingesta import metrics
from services.ingesta.domain import Codigo, Rechazo
from services.ingesta.handlers import Ingesta
from services.ingesta.problemas import problema

_ENVIO = re.compile(r"[0-9a-f]{32}")
_PROBLEMA = {"description": "problem+json (RFC 9457), en español", "content": {"application/problem+json": {}}}


def build_app(ingesta: Ingesta, health: Health, body_timeout_s: float) -> FastAPI:
    """The application. `body_timeout_s`: seconds that a device has to send one body."""
    app = create_app("Apoyo: recepción", health, description="Recibe los paquetes de los dispositivos.")

    @app.exception_handler(Rechazo)
    async def on_rechazo(request: Request, error: Rechazo) -> Response:
        response = problema(error).response()
        if error.codigo in (Codigo.LECTURA_LENTA, Codigo.CUERPO_EXCESIVO, Codigo.CUERPO_CORTADO):
            # The rest of the body is not wanted: without this, the server would go on reading it.
            response.headers["Connection"] = "close"
        return response

    @app.get("/v1/procesos/{proceso}", responses={404: _PROBLEMA}, summary="Lo que un dispositivo necesita del proceso")
    async def proceso(proceso: str) -> DatosProceso:
        return ingesta.proceso(proceso)

    @app.put(
        "/v1/registros/{folio}",
        summary="Recibe el paquete de un apoyo; el acuse promete que es durable",
        openapi_extra={"requestBody": {"required": True, "content": {TIPO_MEDIO: {}}}},
        response_model=Acuse,
        status_code=201,
        responses={
            200: {"model": Acuse, "description": "Ya se había recibido: el mismo acuse"},
            **dict.fromkeys((400, 403, 404, 408, 409, 413, 415, 422), _PROBLEMA),
        },
    )
    async def registro(
        request: Request, folio: str, envio: Annotated[str, Header(alias=CABECERA_ENVIO)] = ""
    ) -> Response:
        with _counted(metrics.RECORDS) as outcome:
            if request.headers.get("content-type", "").partition(";")[0].strip() != TIPO_MEDIO:
                raise Rechazo(Codigo.TIPO_DE_CONTENIDO)
            _es_envio(envio)
            datos = await _cuerpo(request, MAX_PAQUETE, body_timeout_s)
            started = time.perf_counter()
            recepcion = await ingesta.recibir(folio, envio, datos)
            metrics.RECEIVE_SECONDS.observe(time.perf_counter() - started)
            if recepcion.nuevo:
                metrics.PACKAGE_BYTES.observe(len(datos))
            outcome.value = "recibido" if recepcion.nuevo else "repetido"
            return _json(_acuse(recepcion.registro), 201 if recepcion.nuevo else 200)

    @app.put(
        "/v1/envios/{envio}",
        summary="Abre un envío",
        openapi_extra={"requestBody": {"content": {"application/json": {"schema": AperturaEnvio.model_json_schema()}}}},
        response_model=EstadoEnvio,
        responses=dict.fromkeys((400, 403, 404, 408, 409, 413, 422), _PROBLEMA),
    )
    async def abrir(request: Request, envio: str, firma: Annotated[str, Header(alias=CABECERA_FIRMA)] = "") -> Response:
        with _counted(metrics.ENVIOS) as outcome:
            _es_envio(envio)
            cuerpo = await _cuerpo(request, MAX_ENVIO, body_timeout_s)
            abierto = await ingesta.abrir(envio, cuerpo, _firma(firma))
            outcome.value = "abierto"
            return _json(_estado(abierto), 200)

    @app.put(
        "/v1/envios/{envio}/cierre",
        summary="Cierra un envío y cuenta lo recibido en él",
        openapi_extra={"requestBody": {"content": {"application/json": {"schema": CierreEnvio.model_json_schema()}}}},
        response_model=EstadoEnvio,
        responses=dict.fromkeys((400, 403, 404, 408, 409, 413, 422), _PROBLEMA),
    )
    async def cerrar(
        request: Request, envio: str, firma: Annotated[str, Header(alias=CABECERA_FIRMA)] = ""
    ) -> Response:
        with _counted(metrics.ENVIOS) as outcome:
            _es_envio(envio)
            cuerpo = await _cuerpo(request, MAX_ENVIO, body_timeout_s)
            abierto, cerrado = await ingesta.cerrar(envio, cuerpo, _firma(firma))
            outcome.value = "cerrado"
            return _json(_estado(abierto, cerrado), 200)

    return app


def _es_envio(envio: str) -> None:
    if not _ENVIO.fullmatch(envio):
        raise Rechazo(Codigo.ENVIO_AUSENTE)


async def _cuerpo(request: Request, limite: int, plazo_s: float) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limite:
        raise Rechazo(Codigo.CUERPO_EXCESIVO)
    cuerpo = bytearray()
    try:
        async with asyncio.timeout(plazo_s):
            async for chunk in request.stream():
                cuerpo += chunk
                if len(cuerpo) > limite:
                    raise Rechazo(Codigo.CUERPO_EXCESIVO)
    except TimeoutError as error:
        raise Rechazo(Codigo.LECTURA_LENTA) from error
    except ClientDisconnect as error:
        raise Rechazo(Codigo.CUERPO_CORTADO) from error
    return bytes(cuerpo)


def _firma(cabecera: str) -> bytes:
    try:
        return base64.b64decode(cabecera, validate=True)
    except ValueError as error:
        raise Rechazo(Codigo.FIRMA_INVALIDA) from error


def _acuse(registro: RegistroRecibido) -> Acuse:
    return Acuse(
        folio=registro.folio,
        codigo_integridad=registro.codigo_integridad,
        recibido_en=registro.recibido_en.astimezone(CENTRO),
        recibido_en_utc=registro.recibido_en,
        envio=registro.envio,
    )


def _estado(abierto: EnvioAbierto, cerrado: EnvioCerrado | None = None) -> EstadoEnvio:
    return EstadoEnvio(
        envio=abierto.envio,
        abierto_en=abierto.abierto_en,
        por_enviar=abierto.por_enviar,
        cerrado_en=cerrado.cerrado_en if cerrado else None,
        recibidos=cerrado.recibidos if cerrado else None,
        pendientes=cerrado.pendientes if cerrado else None,
    )


def _json(modelo: BaseModel, status: int) -> Response:
    return Response(modelo.model_dump_json(exclude_none=True), status, media_type="application/json")


class _counted:
    """Counts how a request ended; `value` is the outcome of one that did not raise."""

    value = "error"

    def __init__(self, counter: Counter) -> None:
        self._counter = counter

    def __enter__(self) -> "_counted":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._counter.labels(error.codigo if isinstance(error, Rechazo) else self.value).inc()
