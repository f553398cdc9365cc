"""The entrance of every service with pages: choose an issuer, go, come back, leave."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

import structlog
from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from kernel import metrics
from kernel.identity.issuers import Issuer
from kernel.identity.login import LoginFailed
from kernel.web import TEMPLATES, Problem, templates

if TYPE_CHECKING:
    from kernel.identity.access import Access

log = structlog.get_logger()

REFUSALS: Mapping[str, tuple[int, str, str]] = {
    "cancelada": (403, "No se completó la entrada", "Se canceló en la página de «{name}». Nada se modificó."),
    "estado_perdido": (
        400,
        "La entrada caducó o empezó en otra ventana",
        "Empiece de nuevo desde aquí. Nada se modificó.",
    ),
    "emisor_no_responde": (
        503,
        "«{name}» no responde por el momento",
        "No se perdió nada y su cuenta no cambió. Intente de nuevo en unos minutos; si tiene cuenta con otro emisor, entre con él.",
    ),
    "respuesta_invalida": (
        502,
        "No se pudo comprobar la respuesta de «{name}»",
        "Por seguridad no se le dio entrada. Intente de nuevo; si se repite, avise a soporte.",
    ),
    "correo_sin_verificar": (
        403,
        "«{name}» no confirma su correo",
        "Verifique su dirección con ese emisor y vuelva a entrar.",
    ),
    "sin_cuenta": (
        403,
        "No hay una cuenta con ese correo",
        "Entró bien con «{name}», pero ese correo no está registrado con ese emisor. Use el correo y el emisor con que se le"
        " registró, o diríjase a quien registra las cuentas.",
    ),
    "emisor_no_corresponde": (
        403,
        "Su cuenta entra con otro emisor",
        "Las cuentas del personal entran solo con el emisor institucional.",
    ),
}
"""What each login that came to nothing says to a person: status, title and what to do."""


class LoginRefused(Problem):
    """A login that came to nothing. `links`: what to do next, as text and address."""

    def __init__(self, outcome: str, status: int, title: str, detail: str, links: list[tuple[str, str]]) -> None:
        super().__init__(status, outcome, title, detail)
        self.links = links


class NotYours(Problem):
    """An account that the login of this session does not enter, or not any more."""

    def __init__(self) -> None:
        super().__init__(
            403,
            "cuenta_ajena",
            "Con su correo no se entra a esa cuenta",
            "Nada cambió. Elija una de las que se le muestran.",
        )


def safe_target(path: str) -> str:
    """A path of our own to arrive at; the start page in place of anything else (open redirects)."""
    own = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if own and not path.startswith(("/entrar", "/salir")) else "/"


def router(access: "Access[Any]") -> APIRouter:
    """Routes under `/entrar`, `/listo` and `/salir`, open to everybody."""
    routes = APIRouter(include_in_schema=False)
    pages = templates(TEMPLATES)
    login = access.login

    def issuer_of(id_: str) -> Issuer:
        if id_ not in login.issuers:
            raise Problem(404, "emisor_desconocido", "No existe ese emisor")
        return login.issuers[id_]

    async def opened(account: str, login: str, issuer: str, to: str, since: datetime | None = None) -> Response:
        token = await access.sessions.open(account, login=login, issuer=issuer, since=since)
        log.info("login", issuer=issuer, account=account)
        response = RedirectResponse(to, 303)
        response.set_cookie(access.cookie, token, secure=access.secure, httponly=True, samesite="lax")
        return response

    def refused(issuer: Issuer, outcome: str, target: str, reason: tuple[str, str, str] | None = None) -> LoginRefused:
        metrics.LOGINS.labels(issuer.id, outcome).inc()
        log.info("login_refused", issuer=issuer.id, outcome=outcome)
        status, title, detail = (403, *reason[1:]) if reason else REFUSALS[outcome]
        again = f"/entrar/{issuer.id}?{urlencode({'a': target})}"
        links = [("Intentar de nuevo", again), ("Entrar con otra cuenta", f"{again}&otra=1")]
        if len(login.issuers) > 1:
            links.append(("Elegir otro emisor", f"/entrar?{urlencode({'a': target, 'elegir': 1})}"))
        return LoginRefused(outcome, status, title.format(name=issuer.name), detail.format(name=issuer.name), links)

    @routes.get("/entrar")
    async def choose(a: str = "/", elegir: bool = False) -> Response:
        target = safe_target(a)
        if len(login.issuers) == 1 and not elegir:
            return RedirectResponse(f"/entrar/{next(iter(login.issuers))}?{urlencode({'a': target})}", 303)
        ways = [(i.name, f"/entrar/{i.id}?{urlencode({'a': target})}") for i in login.issuers.values()]
        return HTMLResponse(pages.get_template("entrar.html").render(emisores=ways))

    @routes.get("/entrar/cuenta")
    async def accounts(request: Request, a: str = "/") -> Response:
        session = await access.session(request)
        quien = await access.identify(request)
        if session is None or quien is None:
            return RedirectResponse(f"/entrar?{urlencode({'a': safe_target(a)})}", 303)
        found = [
            (access.directory.id_of(one), access.directory.role_of(one)[1], access.directory.scope_of(one))
            for one in access.open_to(session.login, session.issuer)
        ]
        page = pages.get_template("cuenta.html").render(quien=quien, cuentas=found, a=safe_target(a))
        return HTMLResponse(page)

    @routes.post("/entrar/cuenta")
    async def change(request: Request, cuenta: Annotated[str, Form()], a: Annotated[str, Form()] = "/") -> Response:
        session = await access.session(request)
        if session is None:
            return RedirectResponse(f"/entrar?{urlencode({'a': safe_target(a)})}", 303)
        if cuenta not in [access.directory.id_of(one) for one in access.open_to(session.login, session.issuer)]:
            raise NotYours()
        await access.sessions.end(session)
        return await opened(cuenta, session.login, session.issuer, safe_target(a), session.started_at)

    @routes.get("/entrar/{emisor}")
    async def go(request: Request, emisor: str, a: str = "/", otra: bool = False) -> Response:
        issuer, target = issuer_of(emisor), safe_target(a)
        try:
            return await login.go(request, issuer, target, other_person=otra)
        except LoginFailed as failure:
            raise refused(issuer, failure.outcome, target) from failure

    @routes.get("/entrar/{emisor}/regreso")
    async def arrive(request: Request, emisor: str) -> Response:
        issuer = issuer_of(emisor)
        target = safe_target(str(request.session.get("a", "/")))
        try:
            proven = await login.arrive(request, issuer)
        except LoginFailed as failure:
            raise refused(issuer, failure.outcome, target) from failure
        if proven.email is None:
            raise refused(issuer, "correo_sin_verificar", target)
        name = access.directory.login(issuer.id, proven.email)
        if not access.directory.entering(name):
            raise refused(issuer, "sin_cuenta", target)
        if not (meant := access.meant_for(name, issuer.id)):
            raise refused(issuer, "emisor_no_corresponde", target)
        accounts = access.open_to(name, issuer.id)
        if not accounts:
            reason = access.directory.why_not(meant[0])
            raise refused(issuer, reason[0] if reason else "sin_cuenta", target, reason)
        if (old := await access.session(request)) is not None:
            await access.sessions.end(old)
        to = target if len(accounts) == 1 else f"/entrar/cuenta?{urlencode({'a': target})}"
        metrics.LOGINS.labels(issuer.id, "entro").inc()
        return await opened(access.directory.id_of(accounts[0]), name, issuer.id, to)

    @routes.post("/salir")
    async def leave(request: Request) -> Response:
        session = await access.session(request)
        issuer = login.issuers.get(session.issuer) if session else None
        if session is not None:
            await access.sessions.end_all(session.account)
            log.info("logout", account=session.account)
        there = await login.end_session_url(issuer, f"{access.public_url}/salir") if issuer else None
        response = HTMLResponse(pages.get_template("salir.html").render(emisor=issuer, url=there))
        response.delete_cookie(access.cookie, secure=access.secure, httponly=True, samesite="lax")
        return response

    @routes.get("/listo")
    async def ready() -> Response:
        return HTMLResponse(pages.get_template("listo.html").render())

    @routes.get("/salir")
    async def left() -> Response:
        return HTMLResponse(pages.get_template("salir.html").render(emisor=None, url=None))

    return routes
