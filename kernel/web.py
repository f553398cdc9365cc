"""HTTP edge shared by every service: problem+json in Spanish, liveness, readiness, metrics, security headers."""

import json
from collections.abc import MutableMapping
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

import jinja2
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from kernel.errors import Conflict, Unavailable
from schemas.hora import hora_centro

log = structlog.get_logger()

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


_PROBLEM: dict[str, Any] = {
    "description": "Un problema (RFC 9457): qué pasó, que nada se perdió, qué hacer. `code` es una palabra constante.",
    "content": {
        "application/problem+json": {
            "schema": {
                "type": "object",
                "required": ["type", "title", "status", "code"],
                "properties": {
                    "type": {"type": "string"},
                    "title": {"type": "string"},
                    "status": {"type": "integer"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            }
        }
    },
}
"""How OpenAPI describes what is refused, on every route."""


class Problem(Exception):
    """An answer by problem+json (RFC 9457). `code`: constant word for programs; `title` and `detail`: Spanish, for people."""

    def __init__(self, status: int, code: str, title: str, detail: str = "", **extra: Any) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.extra = extra
        self.headers: dict[str, str] = {"Retry-After": "5"} if status in (429, 503) else {}

    def response(self) -> Response:
        """As an HTTP answer."""
        body = {
            "type": f"urn:apoyo:problema:{self.code}",
            "title": self.title,
            "status": self.status,
            "code": self.code,
        }
        if self.detail:
            body["detail"] = self.detail
        return Response(
            json.dumps(body | self.extra, ensure_ascii=False),
            self.status,
            self.headers,
            media_type="application/problem+json",
        )

    def page(self) -> Response:
        """As a page, for a person."""
        return HTMLResponse(_pages().get_template("problema.html").render(problema=self), self.status, self.headers)

    def answer(self, request: Request) -> Response:
        """As whoever asks reads it: a page for a browser that opens one, problem+json for programs."""
        return self.page() if "text/html" in request.headers.get("accept", "") else self.response()


class Health:
    """Readiness of a process: one named condition after another becomes true."""

    def __init__(self, *conditions: str) -> None:
        self._conditions = dict.fromkeys(conditions, False)

    def set(self, condition: str, value: bool = True) -> None:
        """Record whether the condition holds."""
        self._conditions[condition] = value

    @property
    def ready(self) -> bool:
        """Whether all hold."""
        return all(self._conditions.values())

    def report(self) -> dict[str, bool]:
        """Each condition by name."""
        return dict(self._conditions)


_ALWAYS = ("/livez", "/readyz", "/metrics", "/estatico/")
"""What answers before the service is ready."""


class _Edge:
    """Answers 503 until the service is ready: before its facts are read, it would say of what exists that it does not.

    Adds the headers that an answer does not set itself. Plain ASGI, so that bodies stream through untouched.
    """

    def __init__(self, app: ASGIApp, health: Health) -> None:
        self._app = app
        self._health = health

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app: ASGIApp = self._app
        if scope["type"] == "http" and not self._health.ready and not scope["path"].startswith(_ALWAYS):
            app = _unavailable().response()

        async def send_secured(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await app(scope, receive, send_secured)


def _unavailable() -> Problem:
    return Problem(
        503,
        "servicio_no_disponible",
        "El servicio no está disponible por el momento",
        "No se perdió nada: intente de nuevo en unos segundos.",
    )


def create_app(title: str, health: Health, *, description: str = "") -> FastAPI:
    """An application with `/livez`, `/readyz`, `/metrics`, problem+json for every error, and security headers."""
    app = FastAPI(
        title=title,
        description=description,
        docs_url=None,
        redoc_url=None,
        responses=dict.fromkeys(("4XX", "5XX"), _PROBLEM),
    )

    app.add_middleware(_Edge, health=health)

    @app.get("/livez", include_in_schema=False)
    async def livez() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz", include_in_schema=False)
    async def readyz() -> Response:
        status = HTTPStatus.OK if health.ready else HTTPStatus.SERVICE_UNAVAILABLE
        return Response(json.dumps(health.report()), status, media_type="application/json")

    @app.get("/metrics", include_in_schema=False)
    async def exposition() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    @app.exception_handler(Problem)
    async def on_problem(request: Request, error: Problem) -> Response:
        return error.answer(request)

    @app.exception_handler(RequestValidationError)
    async def on_invalid(request: Request, error: RequestValidationError) -> Response:
        campos = [{"campo": ".".join(str(part) for part in e["loc"]), "mensaje": e["msg"]} for e in error.errors()]
        return Problem(
            422, "solicitud_invalida", "La solicitud no es válida", "Revise los campos señalados.", errores=campos
        ).answer(request)

    @app.exception_handler(HTTPException)
    async def on_http(request: Request, error: HTTPException) -> Response:
        title = {404: "No existe", 405: "Método no permitido"}.get(error.status_code, "No se pudo atender la solicitud")
        response = Problem(error.status_code, f"http_{error.status_code}", title).answer(request)
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(Unavailable)
    async def on_unavailable(request: Request, error: Unavailable) -> Response:
        log.warning("unavailable", path=request.url.path, error=str(error))
        return _unavailable().answer(request)

    @app.exception_handler(Conflict)
    async def on_conflict(request: Request, error: Conflict) -> Response:
        return Problem(
            503, "mucha_concurrencia", "Otras personas trabajan sobre lo mismo", "No se perdió nada: intente de nuevo."
        ).answer(request)

    @app.exception_handler(Exception)
    async def on_error(request: Request, error: Exception) -> Response:
        log.error("unexpected_error", path=request.url.path, exc_info=error)
        return Problem(
            500, "error_inesperado", "Ocurrió un error inesperado", "Quedó registrado. Intente de nuevo más tarde."
        ).answer(request)

    return app


STATIC = Path(__file__).with_name("web_static")
TEMPLATES = Path(__file__).with_name("web_templates")


class _Static(StaticFiles):
    """Files that a browser may keep but asks about every time (ETag): a new version shows at once."""

    def __init__(self, directories: list[Path]) -> None:
        super().__init__(directory=directories[0])
        self.all_directories = list(directories)

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response


def mount_static(app: FastAPI, extra_dir: Path | None = None) -> None:
    """Serve the visual system (`kernel/web_static`) and a service's own files, which win, under `/estatico`."""
    app.mount("/estatico", _Static([extra_dir, STATIC] if extra_dir else [STATIC]), name="estatico")


@cache
def _pages() -> jinja2.Environment:
    return templates(TEMPLATES)


def templates(folder: Path) -> jinja2.Environment:
    """A service's pages: autoescaped, extending `base.html`, with filters `momento` and `miles`."""
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.FileSystemLoader(folder), jinja2.FileSystemLoader(TEMPLATES)]),
        autoescape=True,
        trim_blocks=True,
        extensions=["jinja2.ext.do"],
        lstrip_blocks=True,
    )
    environment.filters["momento"] = hora_centro
    environment.filters["miles"] = miles
    return environment


def miles(number: int) -> str:
    """A whole number with its thousands apart by a thin space that does not break."""
    return f"{number:,}".replace(",", "\u202f")
