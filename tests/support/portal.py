"""The portal on memory: its handlers over a real log in memory, its projection folded as its process does."""

import asyncio
import itertools
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from html.parser import HTMLParser
from typing import Any

import httpx
from fastapi import FastAPI

from kernel.documents import MemoryDocuments
from kernel.fold import Fold
from kernel.follow import Follower
from kernel.hpke import Private
from kernel.objects import MemoryObjects
from kernel.outbox import UNIQUE, Outbox
from kernel.sealing import KeyRing
from kernel.stream import Stream, TopicSpec, connect
from kernel.stream.guard import Aside, guarded
from kernel.web import Health
from schemas.envelope import Evento
from schemas.eventos import POR_TIPO, LlaveProceso
from services.portal import agent
from services.portal.api import build_app
from services.portal.handlers.auxiliares import Auxiliares
from services.portal.handlers.calendarios import Calendarios
from services.portal.handlers.consultas import Consultas
from services.portal.handlers.cuentas import Cuentas
from services.portal.handlers.destruccion import Destrucciones
from services.portal.handlers.escritura import Escritor, Orden, Vista
from services.portal.handlers.lotes import Lotes
from services.portal.handlers.personas import Personas
from services.portal.handlers.portal import Portal
from services.portal.handlers.procesos import Procesos
from services.portal.handlers.proyeccion import Proyector
from services.portal.handlers.solicitudes import Solicitudes
from tests.support.identidad import EMISOR, LLAVE, Puerta

LLAVES = {name: Private.generate() for name in ("portal", "notificaciones", "compulsa")}
EMISORES = {EMISOR: "Cuenta institucional"}
EMISORES_PUBLICOS = {"google": "Google", "facebook": "Facebook"}
LLAVE_PUBLICA = LlaveProceso(id="ci26-1", suite="x25519", publica="cHVibGljYQ==")
TOPICS = ("actores", "consulta_padron", "respuesta_padron", "destruido")
PROCESOS = ("CI26", "CI27", "RM27")
"""Processes whose public keys INE has set."""
EPOCA = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)


@dataclass
class Reloj:
    """A clock that moves when told to."""

    ahora: datetime = EPOCA

    def now(self) -> datetime:
        return self.ahora

    def avanza(self, **tiempo: float) -> None:
        self.ahora += timedelta(**tiempo)


@dataclass
class Navegante:
    """Somebody with a browser, without scripts."""

    http: httpx.AsyncClient

    async def abre(self, url: str) -> "Hoja":
        """Open a page."""
        return Hoja(await self.http.get(url))

    async def envia(self, url: str, cambios: Mapping[str, Any], archivos: Mapping[str, Any] | None = None) -> "Hoja":
        """Open the page of a form, change some of its fields (None: leave it out), and send it."""
        return await self.reenvia(await self.abre(url), cambios, archivos)

    async def reenvia(
        self, hoja: "Hoja", cambios: Mapping[str, Any], archivos: Mapping[str, Any] | None = None
    ) -> "Hoja":
        """Send the form of a page that is open."""
        assert hoja.forma is not None, hoja.texto
        campos = {n: v for n, v in {**hoja.forma.campos, **cambios}.items() if v is not None}
        ruta = hoja.forma.accion or str(hoja.respuesta.request.url)
        return Hoja(await self.http.post(ruta, data=campos, files=archivos, follow_redirects=True))


@dataclass
class _Forma:
    accion: str = ""
    campos: dict[str, Any] = field(default_factory=dict)


class _Lector(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.formas: list[_Forma] = []
        self.errores: dict[str, str] = {}
        self._dentro = False
        self._error = ""
        self._campo = ""
        self._texto = ""
        self.texto: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        a = {k: v or "" for k, v in attrs}
        if tag == "form" and a.get("method") == "post" and a.get("action") != "/salir":
            self.formas.append(_Forma(a.get("action", "")))
            self._dentro = True
        elif tag == "p" and a.get("class") == "error":
            self._error = a["id"].removesuffix("-error")
        if not self._dentro:
            return
        campos = self.formas[-1].campos
        if tag == "input" and a.get("type") in ("checkbox", "radio"):
            if "checked" in a:
                campos.setdefault(a["name"], []).append(a["value"])
        elif tag == "input" and a.get("type") != "file" and "name" in a:
            campos[a["name"]] = a.get("value", "")
        elif tag in ("textarea", "select"):
            self._campo = a["name"]
            campos[self._campo] = ""
        elif tag == "option" and "selected" in a:
            campos[self._campo] = a.get("value", "")
        if tag == "textarea":
            self._texto = self._campo

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._dentro = False
        elif tag == "textarea":
            self._texto = ""
        elif tag == "p":
            self._error = ""

    def handle_data(self, data: str) -> None:
        if self._texto:
            self.formas[-1].campos[self._texto] += data
        if self._error and data.strip() != "Error:":
            self.errores[self._error] = self.errores.get(self._error, "") + data
        self.texto.append(data)


class Hoja:
    """A page that came: its text, its first form, and what it says at which field."""

    def __init__(self, respuesta: httpx.Response) -> None:
        self.respuesta = respuesta
        self.status = respuesta.status_code
        self.url = respuesta.request.url.path
        lector = _Lector()
        if respuesta.headers.get("content-type", "").startswith("text/html"):
            lector.feed(respuesta.text)
        self.texto = re.sub(r"\s+", " ", " ".join(lector.texto))
        self.formas = lector.formas
        self.forma = lector.formas[0] if lector.formas else None
        self.errores = {campo: mensaje.strip() for campo, mensaje in lector.errores.items()}


@dataclass
class PortalDePrueba:
    """One process of the portal. `otra_instancia` is a second one over the same engines."""

    stream: Stream = field(default_factory=lambda: connect("memory:", "portal"))
    salida: MemoryDocuments = field(default_factory=lambda: MemoryDocuments(UNIQUE))
    fichas: MemoryDocuments = field(default_factory=MemoryDocuments)
    llaves: MemoryDocuments = field(default_factory=MemoryDocuments)
    accesos: MemoryDocuments = field(default_factory=MemoryDocuments)
    emblemas: MemoryObjects = field(default_factory=MemoryObjects)
    documentos_de_lotes: MemoryDocuments = field(default_factory=MemoryDocuments)
    paginas_de_lotes: MemoryDocuments = field(default_factory=MemoryDocuments)
    llaves_de_proceso: dict[str, list[LlaveProceso]] = field(
        default_factory=lambda: {p: [LLAVE_PUBLICA] for p in PROCESOS}
    )
    reloj: Reloj = field(default_factory=Reloj)
    paciencia_s: float = 2.0
    _numeros: "itertools.count[int]" = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.vista = Vista()
        self.outbox = Outbox(self.salida, self.stream, self.reloj, "/apoyo/portal")
        self.escritor = Escritor(
            self.outbox, self.stream, self.vista, self.fichas, self.reloj, paciencia_s=self.paciencia_s
        )
        self.llavero = KeyRing(self.llaves, "portal", LLAVES["portal"], {n: k.public() for n, k in LLAVES.items()})
        self.personas = Personas(self.llavero, self.accesos, self.reloj)
        self.cuentas = Cuentas(self.escritor, self.personas, EMISORES, LLAVE)
        self.calendarios = Calendarios(self.escritor)
        self.procesos = Procesos(self.escritor, self.personas, lambda proceso: self.llaves_de_proceso.get(proceso, []))
        self.destrucciones = Destrucciones(self.escritor, self.procesos)
        self.solicitudes = Solicitudes(
            self.escritor, self.personas, self.procesos, self.emblemas, EMISORES_PUBLICOS, LLAVE
        )
        self.consultas = Consultas(self.escritor, self.outbox, self.personas, self.vista, self.reloj)
        self.auxiliares = Auxiliares(
            self.escritor, self.outbox, self.personas, self.consultas, self.vista, EMISORES_PUBLICOS, LLAVE
        )
        self.lotes = Lotes(
            self.auxiliares,
            self.llavero,
            self.documentos_de_lotes,
            self.paginas_de_lotes,
            self.reloj,
            f"instancia-{next(self._numeros)}",
        )
        self.portal = Portal(
            self.vista,
            self.fichas,
            self.escritor,
            self.cuentas,
            self.calendarios,
            self.procesos,
            self.destrucciones,
            self.solicitudes,
            self.auxiliares,
            self.lotes,
        )
        self.puerta = Puerta(self.vista.actores, self.reloj)

    def app(self) -> FastAPI:
        """Its application, ready; built once: its hundred routes take a quarter of a second."""
        return self._app

    @cached_property
    def _app(self) -> FastAPI:
        return build_app(self.portal, self.puerta.access, Health())

    @asynccontextmanager
    async def navega(self, cuenta: str | None = None) -> AsyncIterator["Navegante"]:
        """An HTTP client of a person with an account (of `puerta`), as a browser asks."""
        transport = httpx.ASGITransport(self.app())
        async with httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1", headers={"accept": "text/html"}
        ) as http:
            if cuenta is not None:
                http.cookies.update(await self.puerta.entra(cuenta))
            yield Navegante(http)

    def orden(self, por: str = "ine1", causa: str | None = None) -> Orden:
        """An order of somebody; each its own."""
        return Orden(por, causa or f"causa-{next(self._numeros)}")

    def otra_instancia(self) -> "PortalDePrueba":
        """A second process over the same engines."""
        return PortalDePrueba(
            self.stream,
            self.salida,
            self.fichas,
            self.llaves,
            self.accesos,
            self.emblemas,
            self.documentos_de_lotes,
            self.paginas_de_lotes,
            self.llaves_de_proceso,
            self.reloj,
            self.paciencia_s,
            self._numeros,
        )

    @asynccontextmanager
    async def en_marcha(self, *, proyecta: bool = True) -> AsyncIterator["PortalDePrueba"]:
        """Following `actores`, and folding it into the fichas."""
        aplicar = {"actores": self.vista.aplicar, "destruido": self.destrucciones.aplicar}
        followers = [Follower(self.stream, topic, POR_TIPO, fold) for topic, fold in aplicar.items()]
        tasks = [asyncio.create_task(follower.run()) for follower in followers]
        for follower in followers:
            await follower.caught_up.wait()
        if proyecta:
            fold = Fold(self.fichas, lambda documentos: agent.build(Proyector(documentos)))
            batch = fold.under(lambda handle: guarded(handle, self.stream.publish, aside=Aside("portal", 100)))
            tasks.append(asyncio.create_task(self.stream.consume("portal", agent.TOPICS, batch.handle, batch.settle)))
        responder = guarded(agent.respuestas(self.consultas), self.stream.publish, aside=Aside(agent.RESPUESTAS, 100))
        tasks.append(asyncio.create_task(self.stream.consume(agent.RESPUESTAS, agent.TOPICS_DE_RESPUESTAS, responder)))
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def dichos(self, topic: str = "actores") -> list[Evento]:
        """Every event of a topic, in order."""
        return [POR_TIPO[r.headers["ce_type"]].model_validate_json(r.value) async for r in self.stream.read(topic)]

    async def publica(self, *eventos: Evento) -> None:
        """Facts of `actores`, said for real and seen by this process."""
        for evento in eventos:
            await self.outbox.emit(evento, cause=f"hecho-{next(self._numeros)}")
        await self.escritor.visible(eventos[-1])


async def portal() -> PortalDePrueba:
    """A portal with its topics."""
    portal = PortalDePrueba()
    await portal.stream.start()
    await portal.stream.create_topics([TopicSpec(t, 1) for t in TOPICS for t in (t, f"{t}.cuarentena")])
    return portal
