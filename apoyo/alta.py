"""A process registered as people do it: through the pages of the portal, each person with their own session (SPEC 2, 3).

INE registers the staff and records their Declaraciones; the OPL registers the process, its solicitudes and the signed cédulas, and
dismisses; each promovente registers its auxiliares from a file. Only the devices are loaded from outside.
"""

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from html import unescape
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from PIL import Image, ImageDraw

from apoyo import sesion
from apoyo.cuentas import INSTITUCIONAL, PERSONAS, PUBLICO
from apoyo.escenario import CENTRO, ENTIDAD, PROCESO, SOLICITUDES, Escenario
from apoyo.instalacion import Instalacion
from dispositivo.poblacion.auxiliares import escribir_auxiliares
from schemas.autorizacion import Rol

Contar = Callable[[str], None]

PLAZO_S = 120
"""How long a batch or the roll may take."""

_DEL_OPL = (Rol.OPL_ADMIN, Rol.SUPERVISOR, Rol.OPERADOR)


class FormaRechazada(Exception):
    """The portal did not take a form: what it says, and at which fields."""


@dataclass
class _Forma(HTMLParser):
    """The hidden fields of the form of a page, and what the page says is wrong."""

    ocultos: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take the hidden fields."""
        atributos = dict(attrs)
        if tag == "input" and atributos.get("type") == "hidden" and atributos.get("name"):
            self.ocultos[str(atributos["name"])] = atributos.get("value") or ""


@dataclass(frozen=True)
class Formas:
    """A person before the pages of the portal."""

    http: httpx.AsyncClient

    async def enviar(
        self,
        ruta: str,
        campos: Mapping[str, str | list[str]],
        archivos: Mapping[str, tuple[str, bytes]] | None = None,
        *,
        a: str | None = None,
    ) -> str:
        """Open the form at that path, fill it in and send it (to `a`, if not to where it stands); the path where it leads.

        Raises FormaRechazada, httpx.HTTPError.
        """
        pagina = await self.http.get(ruta)
        pagina.raise_for_status()
        forma = _Forma()
        forma.feed(pagina.text)
        answer = await self.http.post(a or ruta, data=forma.ocultos | dict(campos), files=archivos or None)
        if answer.status_code != httpx.codes.SEE_OTHER:
            raise FormaRechazada(f"{ruta}: {answer.status_code} {_errores(answer.text)}")
        return httpx.URL(answer.headers["location"]).path


def _errores(html: str) -> str:
    dichos = re.findall(r'<p class="error"[^>]*>(.*?)</p>', html, re.DOTALL)
    return unescape(" | ".join(re.sub(r"<[^>]+>|\s+", " ", dicho).strip() for dicho in dichos)) or "sin detalle"


@dataclass
class Alta:
    """Registers the process of a scenario in an installation whose services are up, and whose `ine1` may enter."""

    instalacion: Instalacion
    escenario: Escenario
    contar: Contar = lambda que: None

    async def registrar(self) -> None:
        """All of it; the auxiliares were checked against the roll when it returns. Raises FormaRechazada, httpx.HTTPError."""
        async with await self._entrar("ine1") as ine:
            await self._personal(ine)
        async with await self._entrar("opl1") as opl:
            await self._proceso(opl)
            for numero, _ in enumerate(SOLICITUDES, 1):
                await self._solicitud(opl, numero)
        for numero, _ in enumerate(SOLICITUDES, 1):
            async with await self._entrar(f"promovente{numero}") as promovente:
                await self._auxiliares(promovente, numero)
        async with await self._entrar("opl1") as opl:
            await self._bajas(opl)

    async def _entrar(self, persona: str) -> httpx.AsyncClient:
        portal = self.instalacion.direcciones().url("portal")
        cookies = await sesion.de(self.instalacion, "portal", persona)
        return httpx.AsyncClient(
            base_url=portal, cookies=cookies, timeout=60, headers={"origin": portal}, trust_env=False
        )

    async def _personal(self, http: httpx.AsyncClient) -> None:
        """The staff on an oficio, and the Declaración of each (P 5.2-5.4, D 9)."""
        formas = Formas(http)
        hoy = self._hoy
        for persona in PERSONAS:
            if persona.rol in (Rol.PROMOVENTE, Rol.INE_ADMIN):
                continue
            self.contar(f"Cuentas: {persona.cuenta}")
            cuenta = await formas.enviar(
                "/cuentas/nueva",
                {
                    "nombre": f"Persona de ejemplo {persona.cuenta}",
                    "puesto": "Puesto de ejemplo",
                    "correo": persona.correo,
                    "emisor": INSTITUCIONAL,
                    "telefono": "5500000000",
                    "rol": persona.rol.value,
                    "entidad": ENTIDAD if persona.rol in _DEL_OPL else "",
                    "oficio": "EJEMPLO/0001",
                    "desde": hoy.isoformat(),
                    "hasta": (hoy + timedelta(days=180)).isoformat(),
                },
            )
            await formas.enviar(f"{cuenta}/declaracion", {"firmada_en": hoy.isoformat()})
        self.contar("Días inhábiles")
        festivos = [
            date(hoy.year + n, mes, dia).isoformat() for n in (0, 1) for mes, dia in ((1, 1), (5, 1), (9, 16), (12, 25))
        ]
        await formas.enviar("/calendarios/nuevo", {"calendario": "ejemplo", "festivos": "\n".join(festivos)})

    async def _proceso(self, http: httpx.AsyncClient) -> None:
        """The process, whose public keys INE has put in its folder, and its liaison officers (P 6.1 A, 13.2)."""
        self.contar("Proceso")
        self.instalacion.llaves_de_proceso(PROCESO)
        formas = Formas(http)
        await formas.enviar(
            "/procesos/nuevo",
            {
                "tipo": "candidatura_independiente",
                "proceso": PROCESO,
                "denominacion": "Proceso de ejemplo: candidaturas independientes",
                "ambito": "local",
                "entidad": ENTIDAD,
                "inicio": _local(self.escenario.inicio),
                "fin": _local(self.escenario.fin),
                "activo": "si",
                "calendario": "ejemplo",
                "estimado_solicitantes": str(len(SOLICITUDES)),
                "estimado_apoyos": "45000",
            },
        )
        enlace = {
            "nombre_1": "Enlace de ejemplo",
            "puesto_1": "Enlace",
            "correo_1": "enlace@opl.invalid",
            "telefono_1": "5500000001",
        }
        await formas.enviar(f"/procesos/{PROCESO}/enlaces", enlace)

    async def _solicitud(self, http: httpx.AsyncClient, numero: int) -> None:
        """A solicitud, its emblem, and its signed cédula (P 6.1 B-F)."""
        solicitud, persona = SOLICITUDES[numero - 1], self.escenario.solicitantes[numero - 1]
        self.contar(f"Solicitud: {solicitud.id}")
        correo = next(p.correo for p in PERSONAS if p.cuenta == f"promovente{numero}")
        formas = Formas(http)
        campos = {
            "denominacion": solicitud.denominacion,
            "nombre_mostrado": solicitud.denominacion,
            "tipo_solicitante": "persona",
            "cargo": "diputacion_local" if solicitud.distrito_local else "gubernatura",
            "distrito_local": solicitud.distrito_local or "",
            "estimado_apoyos": "15000",
            "nombre": persona.nombre,
            "paterno": persona.paterno,
            "materno": persona.materno or "",
            "nacimiento": persona.nacimiento.isoformat(),
            "lugar_nacimiento": "87" if persona.entidad_nacimiento == "88" else persona.entidad_nacimiento,
            "telefono": f"550000010{numero}",
            "correo": correo,
            "emisor": PUBLICO,
            "clave_elector": persona.clave_elector,
            "confirma_clave": "si",
            "ocr_o_cic": persona.cic,
            "cpv_entidad": persona.demarcacion.entidad,
            "cpv_municipio": persona.demarcacion.municipio,
            "cpv_seccion": persona.demarcacion.seccion,
            "aviso_simplificado": "https://ejemplo.invalid/aviso-simplificado",
            "aviso_integral": "https://ejemplo.invalid/aviso-integral",
        }
        ruta = await formas.enviar(
            f"/procesos/{PROCESO}/solicitudes/nueva", campos, {"emblema": ("emblema.png", _emblema(numero))}
        )
        await formas.enviar(f"{ruta}/cedula", {"firmada_en": self._hoy.isoformat()})

    async def _auxiliares(self, http: httpx.AsyncClient, numero: int) -> None:
        """The auxiliares of a solicitud from a file, checked against the roll, with the FURA of those who go on (P 7.3-7.6)."""
        solicitud = SOLICITUDES[numero - 1].id
        suyos = self.escenario.auxiliares(solicitud)
        self.contar(f"Auxiliares: {solicitud}")
        with TemporaryDirectory() as carpeta:
            archivo = Path(carpeta) / "auxiliares.csv"
            escribir_auxiliares(archivo, suyos, PUBLICO)
            contenido = archivo.read_bytes()
        formas = Formas(http)
        lote = await formas.enviar(f"/solicitudes/{solicitud}/lotes", {}, {"archivo": ("auxiliares.csv", contenido)})
        await formas.enviar(lote, {"con_avisos": "si"}, a=f"{lote}/confirmar")
        lista = f"/solicitudes/{solicitud}/auxiliares"
        await _hasta(http, f"{lote}/avance", lambda texto: json.loads(texto)["estado"] == "terminado")
        await _hasta(http, lista, lambda texto: "estado_=en_verificacion" not in texto)
        for auxiliar in suyos:
            if auxiliar.procede:
                await formas.enviar(f"{lista}/{auxiliar.auxiliar}/fura", {"firmada_en": self._hoy.isoformat()})

    async def _bajas(self, http: httpx.AsyncClient) -> None:
        """The auxiliares whom the OPL dismisses before they send (P 7.7)."""
        for solicitud in SOLICITUDES:
            for auxiliar in self.escenario.de_baja(solicitud.id):
                self.contar(f"Baja: {solicitud.id} {auxiliar}")
                ruta = f"/solicitudes/{solicitud.id}/auxiliares/{auxiliar}/baja"
                await Formas(http).enviar(ruta, {"motivo": "cedula_no_valida"})

    @property
    def _hoy(self) -> date:
        return datetime.now(CENTRO).date()


async def _hasta(http: httpx.AsyncClient, ruta: str, listo: Callable[[str], bool]) -> None:
    """Ask for a page until it shows what is waited for. Raises TimeoutError, httpx.HTTPError."""
    async with asyncio.timeout(PLAZO_S):
        while True:
            answer = await http.get(ruta)
            answer.raise_for_status()
            if listo(answer.text):
                return
            await asyncio.sleep(0.2)


def _local(momento: datetime) -> str:
    return f"{momento.astimezone(CENTRO):%Y-%m-%dT%H:%M}"


def _emblema(numero: int) -> bytes:
    """An emblem of nobody: as many bars as the number."""
    imagen = Image.new("RGB", (256, 256), "white")
    pincel = ImageDraw.Draw(imagen)
    for n in range(numero):
        pincel.rectangle((32 + 72 * n, 48, 80 + 72 * n, 208), fill=(90, 90, 90))
    salida = BytesIO()
    imagen.save(salida, "PNG")
    return salida.getvalue()
