"""The whole way of many supports: loaded, sent, reviewed, compared with the truth. The demonstration shows it, tests assert it."""

import asyncio
import base64
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import chain, repeat
from typing import Any

import httpx

from apoyo import actores, sesion
from apoyo.alta import Alta
from apoyo.engines.smtp import read_inbox
from apoyo.escenario import PROCESO, Escenario
from apoyo.instalacion import Instalacion, bitacora
from apoyo.sistema import Sistema, llavero_del_portal, publicar_personas
from dispositivo.almacen import AlmacenEnMemoria
from dispositivo.cliente import Avance, Cliente, Desenlace, Reintentos
from dispositivo.kit import Captura as CapturaSellable
from dispositivo.poblacion.dibujo import dibujar
from dispositivo.poblacion.oraculo import esperado
from dispositivo.poblacion.plan import Captura, Cuarentena
from kernel.clock import SystemClock
from kernel.hpke import Private
from schemas.ciclo_de_vida import Estado
from schemas.eventos import LlaveProceso
from schemas.paquete import Parte
from services.compulsa.bootstrap import cargar_padron
from services.compulsa.settings import CompulsaSettings
from services.notificaciones.domain import Clase

OPERADORES = ("operador1", "operador2", "operador3")
Contar = Callable[[int], None]
_PAUSAS_S = (0.2, 0.5, 1.0, 2.0)
"""Between attempts at a service that is restarting; the last one over and over."""
_MIRAR_S = 0.5
"""Between looks at what is not there yet: each costs two services and the documents engine, which are busy meanwhile."""


@dataclass
class Recorrido:
    """One run over a started system. `acuses`: reception time of every acknowledged folio.

    `paciencia_s`: for how long a person or a device asks a service that does not answer, or answers 5xx, again.
    """

    sistema: Sistema
    escenario: Escenario
    paciencia_s: float = 90
    acuses: dict[str, datetime] = field(default_factory=dict)
    rechazados: dict[str, str] = field(default_factory=dict)
    envios_cerrados: int = 0
    _sesiones: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def instalacion(self) -> Instalacion:
        """The installation that it runs on."""
        return self.sistema.instalacion

    async def arrancar(self, corte: date, contar: Contar = lambda _: None) -> None:
        """Engines, actors loaded from outside, the cut of the roll, then the services. `contar`: kilobytes of the roll read."""
        await self.sistema.arrancar_motores()
        await self.cargar_actores()
        await self.cargar_padron(corte, contar)
        await self.sistema.arrancar_servicios()

    async def arrancar_por_el_portal(self, corte: date, contar: Callable[[str], None] = lambda _: None) -> None:
        """The same, with the process and its people registered in the portal; from outside: INE's first account, and devices.

        `contar`: what is being done, in words. Raises FormaRechazada.
        """
        await self.sistema.arrancar_motores()
        await publicar_personas(self.instalacion, PROCESO, solo=("ine1",))
        await self.cargar_padron(corte)
        await self.sistema.arrancar_servicios()
        await Alta(self.instalacion, self.escenario, contar).registrar()
        async with bitacora(self.instalacion) as stream:
            await actores.cargar_dispositivos(self.escenario.archivo(), stream, SystemClock())

    async def cargar_padron(self, corte: date, contar: Contar = lambda _: None) -> None:
        """The cut of the roll; needs the engines."""
        padron = self.instalacion.root / "padron.csv"
        await asyncio.to_thread(self.escenario.escribir_padron, padron)
        await cargar_padron(
            self.instalacion.settings(CompulsaSettings),
            padron,
            corte.isoformat(),
            lambda avance: contar(avance.bytes_leidos // 1024),
        )

    async def cargar_actores(self) -> None:
        """Publish the process and everybody in it; needs the engines."""
        async with bitacora(self.instalacion) as stream:
            llaves = self.instalacion.llaves_de_proceso(PROCESO)
            llavero = llavero_del_portal(self.sistema.engines.mongo_uri, self.instalacion.root)
            await actores.cargar(self.escenario.archivo(), llaves, stream, llavero, SystemClock())
        await publicar_personas(self.instalacion, PROCESO)

    async def enviar(self, capturas: Sequence[Captura], contar: Contar = lambda _: None, simultaneos: int = 4) -> None:
        """Draw, seal and send, each device in an envío of its own; `contar` is called with what has an answer."""
        answered = 0
        por_dispositivo: dict[str, list[Captura]] = {}
        for captura in capturas:
            por_dispositivo.setdefault(captura.dispositivo, []).append(captura)
        turno = asyncio.Semaphore(simultaneos)

        def avance(resultado: Avance) -> None:
            nonlocal answered
            answered += 1
            contar(answered)

        async with self.cliente("ingesta") as http:
            cliente = Cliente(http, concurrencia=2, reintentos=Reintentos(plazo_s=self.paciencia_s))
            llaves = (await cliente.proceso(PROCESO)).llaves

            async def un_dispositivo(dispositivo_id: str, capturas: list[Captura]) -> None:
                async with turno:
                    await self._enviar_de(cliente, dispositivo_id, capturas, llaves, avance)

            async with asyncio.TaskGroup() as group:
                for dispositivo_id, suyas in por_dispositivo.items():
                    group.create_task(un_dispositivo(dispositivo_id, suyas))

    async def _enviar_de(
        self,
        cliente: Cliente,
        dispositivo_id: str,
        capturas: list[Captura],
        llaves: list[LlaveProceso],
        avance: Callable[[Avance], None],
    ) -> None:
        dispositivo = self.escenario.dispositivos[dispositivo_id]
        almacen = AlmacenEnMemoria()
        for captura in capturas:
            sellable = await asyncio.to_thread(capturar, captura)
            llave = llaves[captura.numero % len(llaves)]
            if captura.verdad.cuarentena is Cuarentena.PAQUETE_NO_ABRE:
                llave = _otra_llave(llave)
            almacen.guardar(dispositivo.sellar(sellable, llave, registro=captura.registro))
        while almacen.pendientes():
            resultado = await cliente.enviar(dispositivo, almacen, avance)
            self.envios_cerrados += resultado.cerrado
            for a in resultado.con(Desenlace.RECHAZADO):
                self.rechazados[a.folio] = str((a.problema or {}).get("code"))
            if resultado.problema is not None:
                raise RuntimeError(f"envío de {dispositivo_id}: {dict(resultado.problema)}")
        self.acuses |= {folio: acuse.recibido_en for folio, acuse in almacen.acuses.items()}

    async def revisar(self, contar: Contar = lambda _: None, capturas: Sequence[Captura] | None = None) -> None:
        """Review through the API, as the truth says a correct reviewer would, until as many are decided as there are `capturas`
        that can be opened; by default those acknowledged so far."""
        por_folio = {c.folio: c for c in self.escenario.capturas}
        if capturas is None:
            capturas = [c for c in self.escenario.capturas if c.folio in self.acuses]
        esperadas = sum(1 for c in capturas if not c.verdad.cuarentena)
        decididas: set[str] = set()

        async def un_operador(operador: str) -> None:
            async with self.cliente("mesa_control", operador) as http:
                pausas = _pausas()
                while len(decididas) < esperadas:
                    registro = await _siguiente(http)
                    if registro is None:
                        await asyncio.sleep(min(next(pausas), _MIRAR_S))
                        continue
                    pausas = _pausas()
                    folio = registro["folio"]
                    captura = por_folio[folio]
                    if await _corregir(http, registro, captura):
                        continue
                    if await _decidir(http, registro, captura.verdad.inconsistencias):
                        decididas.add(folio)
                        contar(len(decididas))

        async with asyncio.TaskGroup() as group:
            for operador in OPERADORES:
                group.create_task(un_operador(operador))

    async def esperar_compulsa(self, contar: Contar = lambda _: None, plazo_s: float = 90) -> None:
        """Wait until no record waits for anything any more. Raises TimeoutError with what is still on its way."""
        quietos = sum(1 for c in self.escenario.capturas if c.folio in self.acuses)
        cuarentena = sum(1 for c in self.escenario.capturas if c.folio in self.acuses and c.verdad.cuarentena)
        finales = -1
        async with self.cliente("resultados", "opl1") as http, asyncio.timeout(plazo_s):
            while True:
                totales = await self.totales(http)
                en_camino = totales[Estado.EN_PROCESAMIENTO] - cuarentena
                en_camino += totales[Estado.EN_MESA_DE_CONTROL] + totales[Estado.PARA_ENVIO_A_COMPULSA]
                finales = totales["recibidos"] - en_camino
                contar(finales)
                if totales["recibidos"] == quietos and en_camino == 0:
                    return
                await asyncio.sleep(_MIRAR_S)

    async def totales(self, http: httpx.AsyncClient) -> dict[str, int]:
        """Totals as resultados gives them."""
        answer = await http.get(f"/api/procesos/{PROCESO}/totales")
        answer.raise_for_status()
        content = answer.json()
        return {**content["estados"], "recibidos": content["recibidos"]}

    async def estados(self) -> dict[str, str]:
        """Status of each acknowledged folio, as resultados gives it."""
        found: dict[str, str] = {}
        async with self.cliente("resultados", "opl1") as http:
            for folio in self.acuses:
                found[folio] = await _estado(http, folio)
        return found

    def correos(self, clase: Clase) -> list[str]:
        """Message-IDs of the e-mails of that kind that arrived: one that arrived twice, twice."""
        ids = [str(mensaje["Message-ID"]) for mensaje in read_inbox(self.sistema.engines.inbox)]
        return [id_ for id_ in ids if id_.startswith(f"<{clase}.")]

    def verdad(self) -> dict[str, str]:
        """Status that each acknowledged folio must have."""
        recibido_en = {c.numero: self.acuses[c.folio] for c in self.escenario.capturas if c.folio in self.acuses}
        por_numero = esperado(self.escenario.capturas, recibido_en)
        return {c.folio: por_numero[c.numero] for c in self.escenario.capturas if c.numero in por_numero}

    async def comparar(self) -> "Comparacion":
        """Totals and each folio's status, beside the truth. Verdicts on duplicates may still be on their way: it waits a little."""
        verdad = self.verdad()
        comparacion = Comparacion(verdad, {}, {})
        async with self.cliente("resultados", "opl1") as http:
            for _ in range(40):
                comparacion = Comparacion(verdad, await self.estados(), await self.totales(http))
                if comparacion.iguales:
                    break
                await asyncio.sleep(0.5)
        return comparacion

    @asynccontextmanager
    async def cliente(self, servicio: str, persona: str | None = None) -> AsyncIterator[httpx.AsyncClient]:
        """A client of the instances of a service: patient with the session of a person, else a device's, patient by itself."""
        cookies = await self.sesion(servicio, persona) if persona else None
        paciencia_s = self.paciencia_s if persona else 0
        balanceador = _Balanceador(lambda: self.sistema.puertos_de(servicio), paciencia_s)
        async with httpx.AsyncClient(
            base_url=f"http://{servicio}", cookies=cookies, timeout=60, transport=balanceador
        ) as http:
            yield http

    async def sesion(self, servicio: str, persona: str) -> dict[str, str]:
        """The cookies of a person, who enters once; all services share the sessions. Patient, as with everything else."""
        hasta = time.monotonic() + self.paciencia_s
        for pausa in _pausas():
            if persona in self._sesiones:
                break
            try:
                self._sesiones[persona] = await sesion.de(self.instalacion, servicio, persona)
            except (httpx.HTTPError, sesion.EntradaRechazada):
                if time.monotonic() > hasta:
                    raise
                await asyncio.sleep(pausa)
        return self._sesiones[persona]


class _Balanceador(httpx.AsyncBaseTransport):
    """Spreads the requests over the instances of a service, in turn; one that does not take the connection is passed over.

    As a person would, it asks a service that is restarting again, with the same words (and so the same idempotency key).
    """

    def __init__(self, puertos: Callable[[], Sequence[int]], paciencia_s: float) -> None:
        self._puertos = puertos
        self._paciencia_s = paciencia_s
        self._turno = 0
        self._http = httpx.AsyncHTTPTransport(retries=1)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        hasta = time.monotonic() + self._paciencia_s
        for pausa in _pausas():
            try:
                answer = await self._a_una(request)
                if answer.status_code < 500 or time.monotonic() > hasta:
                    break
                await answer.aclose()
            except httpx.TransportError:
                if time.monotonic() > hasta:
                    raise
            await asyncio.sleep(pausa)
        return answer

    async def _a_una(self, request: httpx.Request) -> httpx.Response:
        puertos = self._puertos()
        self._turno += 1
        refused = httpx.ConnectError("no instance")
        for intento in range(len(puertos)):
            puerto = puertos[(self._turno + intento) % len(puertos)]
            request.url = request.url.copy_with(host="127.0.0.1", port=puerto)
            try:
                return await self._http.handle_async_request(request)
            except httpx.ConnectError as error:
                refused = error
        raise refused

    async def aclose(self) -> None:
        await self._http.aclose()


def _pausas() -> Iterator[float]:
    return chain(_PAUSAS_S, repeat(_PAUSAS_S[-1]))


@dataclass(frozen=True)
class Comparacion:
    """What must be and what is, by folio and in the totals."""

    verdad: dict[str, str]
    estados: dict[str, str]
    totales: dict[str, int]

    @property
    def distintos(self) -> dict[str, tuple[str, str | None]]:
        """Folios whose status is not the true one: (truth, status)."""
        return {f: (v, self.estados.get(f)) for f, v in self.verdad.items() if self.estados.get(f) != v}

    @property
    def por_estado(self) -> dict[Estado, tuple[int, int]]:
        """For each status: records in truth, records in the totals."""
        verdad = Counter(self.verdad.values())
        return {estado: (verdad[estado.value], self.totales.get(estado.value, 0)) for estado in Estado}

    @property
    def iguales(self) -> bool:
        """Whether all agree: each folio, each total, and their sum."""
        suma = sum(total for _, total in self.por_estado.values())
        return (
            not self.distintos
            and all(a == b for a, b in self.por_estado.values())
            and suma == self.totales.get("recibidos") == len(self.verdad)
        )


def capturar(captura: Captura) -> CapturaSellable:
    """What a device captures: the form and the images, drawn."""
    imagenes = dibujar(captura)
    contenidos = {
        Parte.ANVERSO: imagenes.anverso,
        Parte.REVERSO: imagenes.reverso,
        Parte.FOTO: imagenes.foto,
        Parte.FIRMA: imagenes.firma,
    }
    return CapturaSellable(
        captura.datos, {parte: (datos, "image/jpeg") for parte, datos in contenidos.items()}, captura.capturado_en
    )


def _otra_llave(llave: LlaveProceso) -> LlaveProceso:
    """A key of the same name that the process does not have: what is sealed to it cannot be opened."""
    publica = Private.generate(llave.suite).public().raw
    return llave.model_copy(update={"publica": base64.b64encode(publica).decode()})


async def _estado(http: httpx.AsyncClient, folio: str) -> str:
    answer = await http.get(f"/api/folios/{folio}")
    answer.raise_for_status()
    return str(answer.json()["estado"])


async def _siguiente(http: httpx.AsyncClient) -> dict[str, Any] | None:
    answer = await http.get("/api/siguiente", params={"proceso": PROCESO})
    if answer.status_code == httpx.codes.NO_CONTENT:
        return None
    answer.raise_for_status()
    registro: dict[str, Any] = answer.json()
    return registro


async def _corregir(http: httpx.AsyncClient, registro: dict[str, Any], captura: Captura) -> bool:
    """Correct the form where it may be corrected and differs from the card (D 10.3); whether there was anything to do."""
    correccion = registro["correccion"]
    if captura.corregido is None or correccion["procede"] is None:
        return False
    tarjeta = captura.corregido.model_dump()
    datos = {c["clave"]: tarjeta[c["clave"]] for c in correccion["formulario"] if c["valor"] != tarjeta[c["clave"]]}
    if not datos:
        return False
    orden = {
        "datos": datos,
        "compulsado_version": registro["situacion"]["version"],
        "corrige": correccion["version"],
    }
    key = str(uuid.uuid4())
    answer = await http.post(
        f"/api/registros/{registro['folio']}/correccion", json=orden, headers={"Idempotency-Key": key}
    )
    if answer.status_code != httpx.codes.CONFLICT:  # else somebody corrected it: the queue will give it again
        answer.raise_for_status()
    return True


async def _decidir(
    http: httpx.AsyncClient, registro: dict[str, Any], verdad: tuple[tuple[str, str | None], ...]
) -> bool:
    decision = {
        "inconsistencias": [{"clave": clave, "detalle": detalle} for clave, detalle in verdad],
        "compulsado_version": registro["situacion"]["version"],
    }
    key = str(uuid.uuid4())
    answer = await http.post(
        f"/api/registros/{registro['folio']}/decision", json=decision, headers={"Idempotency-Key": key}
    )
    if answer.status_code == httpx.codes.CONFLICT:
        return False  # a newer lookup arrived, or the lease ran out: the queue will give it again
    answer.raise_for_status()
    return True
