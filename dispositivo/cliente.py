"""Sends what a device holds: opens an envío, sends its records, closes it.

Network errors, 5xx, 408 and 429 are tried again with exponential backoff and full jitter, `Retry-After` honoured, until a
bounded time has passed; what is still not acknowledged stays in the store for another envío. A 4xx is final for the record, unless
the server says (`definitivo: false`) that nothing is wrong with it.
"""

import asyncio
import base64
import json
import os
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum

import httpx
from pydantic import ValidationError

from dispositivo.almacen import Almacen, Problema
from dispositivo.kit import Azar, Dispositivo
from schemas.paquete import TIPO_MEDIO, PaqueteInvalido
from schemas.recepcion import (
    CABECERA_ENVIO,
    CABECERA_FIRMA,
    Acuse,
    AperturaEnvio,
    CierreEnvio,
    DatosProceso,
    EstadoEnvio,
    firmado,
    ruta_apertura,
    ruta_cierre,
    ruta_proceso,
    ruta_registro,
)


class Desenlace(StrEnum):
    """Of one record in one envío."""

    ACUSADO = "acusado"
    PENDIENTE = "pendiente"
    RECHAZADO = "rechazado"


@dataclass(frozen=True, slots=True)
class Avance:
    """What became of one record. `acuse` when acknowledged; `problema` when refused, or what the last failure said."""

    folio: str
    desenlace: Desenlace
    acuse: Acuse | None = None
    problema: Problema | None = None


@dataclass(frozen=True, slots=True)
class ResultadoEnvio:
    """What became of an envío. `abierto`, `cerrado`: whether the server acknowledged it."""

    envio: str
    abierto: bool
    cerrado: bool
    avances: list[Avance] = field(default_factory=list)
    problema: Problema | None = None

    def con(self, desenlace: Desenlace) -> list[Avance]:
        """The records that ended so."""
        return [avance for avance in self.avances if avance.desenlace == desenlace]


@dataclass(frozen=True, slots=True)
class Reintentos:
    """Seconds: first wait, longest wait, and how long one request may be tried in all."""

    inicial_s: float = 0.5
    maxima_s: float = 30.0
    plazo_s: float = 300.0


class Rechazado(Exception):
    """The server answered 4xx, or something that is not its answer. `problema`: problem+json."""

    def __init__(self, problema: Problema) -> None:
        super().__init__(f"{problema.get('status')} {problema.get('code')}")
        self.problema = problema


class SinRespuesta(Exception):
    """No final answer within the bounded time. `problema`: what the last try gave."""

    def __init__(self, problema: Problema) -> None:
        super().__init__(str(problema.get("code")))
        self.problema = problema


class Cliente:
    """Speaks to reception. `http`: a client whose base URL is ingesta's; the caller closes it."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        concurrencia: int = 4,
        reintentos: Reintentos | None = None,
        azar: Azar = os.urandom,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        monotonic: Callable[[], float] | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._http = http
        self._concurrencia = concurrencia
        self._reintentos = reintentos or Reintentos()
        self._azar = azar
        self._sleep = sleep
        self._monotonic = monotonic or (lambda: asyncio.get_running_loop().time())
        self._jitter = jitter

    async def proceso(self, proceso: str) -> DatosProceso:
        """What a device needs of its process. Raises Rechazado, SinRespuesta."""
        response = await self._request("GET", ruta_proceso(proceso))
        return DatosProceso.model_validate_json(response.content, extra="ignore")

    async def enviar(
        self, dispositivo: Dispositivo, almacen: Almacen, avance: Callable[[Avance], None] = lambda _: None
    ) -> ResultadoEnvio:
        """Send all that is pending in one envío. `avance` is called once for each record.

        Never raises for what the network or the server does: whatever was not acknowledged or refused for good stays pending.
        """
        envio = self._azar(16).hex()
        folios = almacen.pendientes()
        apertura = AperturaEnvio(**_remitente(dispositivo), por_enviar=len(folios))
        try:
            await self._firmada(dispositivo, ruta_apertura(envio), apertura)
        except (Rechazado, SinRespuesta) as error:
            return ResultadoEnvio(envio, False, False, [], error.problema)
        turno = asyncio.Semaphore(self._concurrencia)

        async def uno(folio: str) -> Avance:
            async with turno:
                resultado = await self._registro(almacen, folio, envio)
            if resultado.acuse is not None:
                almacen.acusar(resultado.acuse)
            elif resultado.desenlace is Desenlace.RECHAZADO:
                almacen.rechazar(folio, resultado.problema or {})
            avance(resultado)
            return resultado

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(uno(folio)) for folio in folios]
        avances = [task.result() for task in tasks]
        cierre = CierreEnvio(**_remitente(dispositivo), pendientes=len(almacen.pendientes()))
        try:
            await self._firmada(dispositivo, ruta_cierre(envio), cierre)
        except (Rechazado, SinRespuesta) as error:
            return ResultadoEnvio(envio, True, False, avances, error.problema)
        return ResultadoEnvio(envio, True, True, avances)

    async def _registro(self, almacen: Almacen, folio: str, envio: str) -> Avance:
        try:
            paquete = almacen.leer(folio)
        except PaqueteInvalido as error:
            # Damaged on the device: it must not keep the other records from being sent.
            return Avance(folio, Desenlace.RECHAZADO, problema=_local(error.motivo) | {"definitivo": True})
        try:
            response = await self._request(
                "PUT",
                ruta_registro(paquete.folio),
                content=paquete.contenido,
                headers={"Content-Type": TIPO_MEDIO, CABECERA_ENVIO: envio},
            )
            acuse = Acuse.model_validate_json(response.content, extra="ignore")
        except SinRespuesta as error:
            return Avance(paquete.folio, Desenlace.PENDIENTE, problema=error.problema)
        except Rechazado as error:
            definitivo = error.problema.get("definitivo", True)
            desenlace = Desenlace.RECHAZADO if definitivo else Desenlace.PENDIENTE
            return Avance(paquete.folio, desenlace, problema=error.problema)
        except ValidationError:
            return Avance(paquete.folio, Desenlace.PENDIENTE, problema=_local("respuesta_ilegible"))
        if (acuse.folio, acuse.codigo_integridad) != (paquete.folio, paquete.codigo_integridad):
            return Avance(paquete.folio, Desenlace.PENDIENTE, problema=_local("acuse_de_otro_registro"))
        return Avance(paquete.folio, Desenlace.ACUSADO, acuse=acuse)

    async def _firmada(self, dispositivo: Dispositivo, ruta: str, cuerpo: AperturaEnvio | CierreEnvio) -> EstadoEnvio:
        content = cuerpo.model_dump_json().encode()
        firma = base64.b64encode(dispositivo.firmar(firmado(ruta, content))).decode()
        response = await self._request(
            "PUT", ruta, content=content, headers={"Content-Type": "application/json", CABECERA_FIRMA: firma}
        )
        try:
            return EstadoEnvio.model_validate_json(response.content, extra="ignore")
        except ValidationError as error:
            raise SinRespuesta(_local("respuesta_ilegible")) from error

    async def _request(
        self, method: str, path: str, *, content: bytes = b"", headers: dict[str, str] | None = None
    ) -> httpx.Response:
        limits = self._reintentos
        deadline = self._monotonic() + limits.plazo_s
        ceiling = limits.inicial_s
        while True:
            at_least = 0.0
            try:
                response = await self._http.request(method, path, content=content, headers=headers)
            except httpx.RequestError as error:
                problema = _local("sin_conexion", type(error).__name__)
            else:
                if response.is_success:
                    return response
                problema = _problema(response)
                if response.status_code < 500 and response.status_code not in (408, 429):
                    raise Rechazado(problema)
                at_least = _retry_after(response)
            wait = max(at_least, ceiling * self._jitter())
            if self._monotonic() + wait > deadline:
                raise SinRespuesta(problema)
            await self._sleep(wait)
            ceiling = min(ceiling * 2, limits.maxima_s)


def _remitente(dispositivo: Dispositivo) -> dict[str, str]:
    return {
        "proceso": dispositivo.proceso,
        "solicitud": dispositivo.solicitud,
        "auxiliar": dispositivo.auxiliar,
        "dispositivo": dispositivo.id,
    }


def _local(code: str, detail: str = "") -> dict[str, object]:
    return {"status": 0, "code": code, "detail": detail, "definitivo": False}


def _problema(response: httpx.Response) -> dict[str, object]:
    try:
        content = json.loads(response.content)
    except ValueError:
        content = None
    # Something in between that is not our server must not make a record look refused for good.
    return content if isinstance(content, dict) and "code" in content else _local(f"http_{response.status_code}")


def _retry_after(response: httpx.Response) -> float:
    """Seconds. The header may hold them, or a date (RFC 9110, 10.2.3)."""
    value = response.headers.get("retry-after", "")
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return 0.0
