"""What every page of the portal shares: who looks, where one is, what was done, and forms that come back with their errors."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from credencial.entidades import ENTIDADES, nombre_de
from kernel.forms import MAX_BYTES, Form, read_form
from kernel.identity import Access, Identity
from kernel.web import templates
from schemas.autorizacion import Accion, Lugar
from schemas.envelope import Evento
from schemas.eventos import CuentaRegistrada
from schemas.hora import CENTRO, fecha, hora_centro
from services.portal import metrics
from services.portal.domain.rechazo import Codigo, Invalida, Rechazo
from services.portal.domain.terminos import en_palabras
from services.portal.handlers.escritura import Escritor, Orden, causa_de

Quien = Identity[CuentaRegistrada]
AQUI = Path(__file__).parent
HECHO = {
    "registrado": "Quedó registrado.",
    "cambiado": "El cambio quedó guardado.",
    "tarda": "Quedó guardado. Puede tardar unos segundos en verse en las listas.",
}
"""What `?hecho=` says on the page after a command."""
SECCIONES = (
    ("Procesos", "/procesos", Accion.VER_PROCESO),
    ("Cuentas", "/cuentas", Accion.VER_CUENTAS),
    ("Días inhábiles", "/calendarios", Accion.REGISTRAR_CALENDARIO),
)
"""Sections of the portal, and who sees them."""
POR_PAGINA = 50


@dataclass(frozen=True, slots=True)
class Miga:
    """A step of where one is. `href`: None for the page itself."""

    texto: str
    href: str | None = None


class Paginas:
    """Draws pages and answers forms."""

    def __init__(self, access: Access[CuentaRegistrada], escritor: Escritor) -> None:
        self.access = access
        self.escritor = escritor
        self._env = templates(AQUI / "pagina")
        self._env.filters["fecha"] = fecha
        self._env.filters["dia"] = lambda momento: fecha(_dia(momento))
        self._env.filters["dia_iso"] = lambda iso: fecha(date.fromisoformat(iso))
        self._env.filters["entidad"] = nombre_de
        self._env.filters["cuando"] = lambda c: hora_centro(c) if isinstance(c, datetime) else fecha(c)
        self._env.filters["ya_paso"] = lambda c, hoy: (_dia(c) if isinstance(c, datetime) else c) < hoy
        self._env.filters["inicial"] = lambda texto: texto[:1].upper() + texto[1:]
        self._env.filters["plazo"] = en_palabras
        self._env.filters["bytes"] = tamano
        self._env.filters["pares_sin_nota"] = lambda pares: [(clave, texto, "") for clave, texto in pares]
        self._env.globals.update(HECHO=HECHO, ENTIDADES=[(e.numero, e.nombre) for e in ENTIDADES], Accion=Accion)

    def pagina(
        self,
        request: Request,
        quien: Quien,
        plantilla: str,
        migas: Sequence[Miga] = (),
        *,
        status: int = 200,
        **datos: Any,
    ) -> HTMLResponse:
        """A page. `datos`: what its template asks for."""
        secciones = [
            (texto, href, request.url.path == href or request.url.path.startswith(f"{href}/"))
            for texto, href, accion in SECCIONES
            if self.access.allows(quien, accion, Lugar())
        ]

        def puede(accion: Accion, **lugar: str) -> bool:
            return self.access.allows(quien, accion, self.access.directory.place_of(lugar))

        cuerpo = self._env.get_template(plantilla).render(
            quien=quien,
            migas=migas,
            secciones=secciones,
            puede=puede,
            hecho=request.query_params.get("hecho", ""),
            ahora=self.escritor.clock.now(),
            **datos,
        )
        return HTMLResponse(cuerpo, status)

    async def forma(
        self,
        request: Request,
        quien: Quien,
        hacer: Callable[[Form, Orden], Awaitable[tuple[Evento, str]]],
        mostrar: Callable[[Form], Response],
        *,
        hecho: str = "registrado",
        max_bytes: int = MAX_BYTES,
    ) -> Response:
        """Answer a form that was sent.

        `hacer`: does what it asks and returns the last event with where to go next; Invalida brings the page back (`mostrar`), 422.
        Otherwise the answer waits until the event can be seen, and leads there.
        """
        forma = await read_form(request, max_bytes=max_bytes)
        try:
            evento, destino = await hacer(forma, self.orden(request, quien, forma))
        except Invalida as error:
            metrics.RECHAZOS.labels("campos").inc()
            response = mostrar(forma.with_errors(error.errores))
            response.status_code = 422
            return response
        if not await self.escritor.visible(evento):
            hecho = "tarda"
        return RedirectResponse(f"{destino}?hecho={hecho}", 303)

    def version(self, forma: Form) -> int:
        """The version that a form edits. Raises Rechazo when it names none."""
        version = forma.value("version")
        if not version.isascii() or not version.isdigit() or len(version) > 9:
            raise Rechazo(Codigo.CAMBIADO)
        return int(version)

    def orden(self, request: Request, quien: Quien, forma: Form) -> Orden:
        """The order that a form is."""
        campos: Mapping[str, Sequence[str]] = dict(forma.values) | {
            f"archivo:{nombre}": [hashlib.sha256(archivo.content).hexdigest()]
            for nombre, archivo in forma.files.items()
        }
        return Orden(quien.id, causa_de(quien.id, forma.key, request.url.path, campos))


def tamano(cuantos: int) -> str:
    """Bytes as people say them: `620 KB`, `1.2 TB` (powers of ten)."""
    for unidad, paso in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6)):
        if cuantos >= paso:
            return f"{cuantos / paso:.1f} {unidad}"
    return f"{cuantos / 1000:.0f} KB"


def _dia(momento: datetime) -> date:
    return momento.astimezone(CENTRO).date()
