"""The gate of every page and call: whose session it is, whose account, and whether that account may do this here."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from kernel.identity.issuers import Audience
from kernel.identity.login import Login
from kernel.identity.origin import SAFE_METHODS, OwnOrigin
from kernel.identity.routes import LoginRefused, router
from kernel.identity.sessions import Session, Sessions
from kernel.web import TEMPLATES, Problem, templates

A = TypeVar("A")


class Directory(Protocol[A]):
    """Who has an account and what it may do. Asked at every request, so that a change takes effect at once.

    An account is whatever the directory says it is; a place, too. Words for people are Spanish.
    """

    def account(self, id_: str) -> A | None:
        """The account of that id."""
        ...

    def login(self, issuer: str, email: str) -> str:
        """Opaque name of who logs in with that e-mail at that issuer."""
        ...

    def entering(self, login: str) -> Sequence[A]:
        """The accounts that such a login enters, in force or not, the newest first."""
        ...

    def id_of(self, account: A) -> str:
        """Its id."""
        ...

    def login_of(self, account: A) -> str:
        """The login that enters it now."""
        ...

    def role_of(self, account: A) -> tuple[str, str]:
        """Its role: the word of programs, and that of people."""
        ...

    def scope_of(self, account: A) -> str:
        """Where it may do it, in words of people; empty for everywhere."""
        ...

    def is_staff(self, account: A) -> bool:
        """Whether it enters only through issuers for staff."""
        ...

    def why_not(self, account: A) -> tuple[str, str, str] | None:
        """Why it is not in force: code, title and what to do; None when it is."""
        ...

    def place_of(self, params: Mapping[str, str]) -> Any:
        """Where a request falls, by what its path and query name; without anything named: nowhere in particular."""
        ...

    def allows(self, account: A, action: str, place: Any) -> bool:
        """Whether the account may do it there."""
        ...

    def text_of(self, action: str) -> str:
        """What the action is, for people."""
        ...


FOR_ACCOUNT = "apoyo-cuenta"
"""Header by which the script of a page says for whom it was opened."""


@dataclass(frozen=True, slots=True)
class Identity(Generic[A]):
    """Who asks: an account in force, and its role (`roles` for programs, `title` for people). `several`: theirs are more."""

    id: str
    roles: frozenset[str]
    title: str
    account: A
    several: bool


class NotAuthenticated(Problem):
    """Nobody, or a session that ended. A page asked for with GET is sent to the entrance instead."""

    def __init__(self) -> None:
        super().__init__(
            401, "identificacion_requerida", "Su sesión terminó o aún no ha entrado", "Entre y repita lo que hacía."
        )
        self.headers["WWW-Authenticate"] = 'Session realm="Apoyo"'


class AnotherAccount(Problem):
    """A page that was opened by somebody asks on the session of somebody else, who entered meanwhile in the same browser."""

    def __init__(self) -> None:
        super().__init__(
            409,
            "otra_cuenta",
            "En este navegador entró otra persona",
            "Nada se guardó a su nombre. Recargue la página.",
        )


class NotInForce(Problem):
    """The account is not in force: code, title and what to do, as the directory says."""

    def __init__(self, code: str, title: str, detail: str) -> None:
        super().__init__(403, code, title, detail)


class Forbidden(Problem):
    """The account may not do it, or not there."""

    def __init__(self, who: Identity[Any], what: str, *, elsewhere: bool) -> None:
        why = (
            "Su cuenta puede hacerlo, pero lo que pidió está fuera de su alcance."
            if elsewhere
            else "Su cuenta no tiene permiso para hacerlo."
        )
        super().__init__(
            403,
            "fuera_de_alcance" if elsewhere else "sin_permiso",
            "No tiene permiso para esto",
            f"Lo que se pidió: {what}. {why}",
            cuenta=who.id,
            rol=who.title,
        )
        self.who = who


class Access(Generic[A]):
    """Answers who asks and whether they may. One for each service with pages; built by its bootstrap (`kernel.identity.build`)."""

    def __init__(self, directory: Directory[A], sessions: Sessions, login: Login, *, public_url: str) -> None:
        self.directory = directory
        self.sessions = sessions
        self.login = login
        self.public_url = public_url
        self.cookie = "__Host-apoyo" if public_url.startswith("https:") else "apoyo"

    def require(self, action: str, *, background: bool = False) -> Callable[[Request], Awaitable[Identity[A]]]:
        """FastAPI dependency: who asks, who may do `action` at every place that path and query name.

        What a body names, the handler checks itself (`check`). `background`: for what a page asks by itself, which is no sign
        that anybody is there. Raises NotAuthenticated, NotInForce, AnotherAccount, Forbidden, Unavailable.
        """

        async def identity(request: Request) -> Identity[A]:
            who = await self.identify(request, background=background)
            if who is None:
                raise NotAuthenticated
            if request.headers.get(FOR_ACCOUNT, who.id) != who.id:
                raise AnotherAccount
            named = [*request.path_params.items(), *request.query_params.multi_items()]
            # One by one: a query may not stand in for what the path names.
            for params in [{name: str(value)} for name, value in named] or [{}]:
                self.check(who, action, self.directory.place_of(params))
            return who

        identity.action = action  # type: ignore[attr-defined] # so that it can be asked of every route
        return identity

    async def identify(self, request: Request, *, background: bool = False) -> Identity[A] | None:
        """Who asks; None without a session. Also for answers that take long, to ask again. Raises NotInForce, Unavailable."""
        session = await self.session(request)
        account = self.directory.account(session.account) if session else None
        if session is None or account is None or self.directory.login_of(account) != session.login:
            return None
        if (reason := self.directory.why_not(account)) is not None:
            await self.sessions.end_all(session.account)
            raise NotInForce(*reason)
        if not background:
            await self.sessions.touch(session)
        role, title = self.directory.role_of(account)
        several = len(self.open_to(session.login, session.issuer)) > 1
        return Identity(session.account, frozenset({role}), title, account, several)

    def open_to(self, login: str, issuer: str) -> list[A]:
        """The accounts in force that such a login may enter through that issuer, the newest first."""
        return [a for a in self.meant_for(login, issuer) if self.directory.why_not(a) is None]

    def meant_for(self, login: str, issuer: str) -> list[A]:
        """The accounts of a login whose people enter through that issuer, in force or not; those of staff only through theirs."""
        audience = self.login.issuers[issuer].audience if issuer in self.login.issuers else ()
        accounts = self.directory.entering(login)
        return [a for a in accounts if (Audience.STAFF if self.directory.is_staff(a) else Audience.PUBLIC) in audience]

    async def session(self, request: Request) -> Session | None:
        """The open session of a request. Raises Unavailable."""
        return await self.sessions.find(request.cookies.get(self.cookie))

    def allows(self, who: Identity[A], action: str, place: Any) -> bool:
        """Whether they may do it there: for lists, and for what a page offers."""
        return self.directory.allows(who.account, action, place)

    def check(self, who: Identity[A], action: str, place: Any) -> None:
        """Raises Forbidden unless they may do it there."""
        if not self.allows(who, action, place):
            elsewhere = self.allows(who, action, self.directory.place_of({}))
            raise Forbidden(who, self.directory.text_of(action), elsewhere=elsewhere)

    def mount(self, app: FastAPI) -> None:
        """Put the gate into an application: refusals as pages or problem+json, the way in and out, and the check of origin."""
        pages = templates(TEMPLATES)

        async def refuse(request: Request, error: Exception) -> Response:
            assert isinstance(error, Problem)  # noqa: S101 - registered for problems alone
            if "text/html" not in request.headers.get("accept", ""):
                return error.response()
            if isinstance(error, NotAuthenticated) and request.method in SAFE_METHODS:
                return RedirectResponse(f"/entrar?a={quote(_path(request), safe='/')}", 303)
            who = error.who if isinstance(error, Forbidden) else None
            home = [("Ir al inicio", "/")] if request.url.path != "/" else []
            links = home if who else [("Entrar", "/entrar?elegir=1")]
            links = error.links if isinstance(error, LoginRefused) else links
            page = pages.get_template("rechazo.html").render(problema=error, quien=who, enlaces=links)
            return HTMLResponse(page, error.status, error.headers)

        for kind in (NotAuthenticated, NotInForce, Forbidden, LoginRefused):
            app.add_exception_handler(kind, refuse)
        self.login.mount(app, f"{self.cookie}-entrada")
        app.include_router(router(self))
        app.add_middleware(OwnOrigin, origin=self.public_url)

    @property
    def secure(self) -> bool:
        """Whether cookies travel only over TLS."""
        return self.public_url.startswith("https:")


def _path(request: Request) -> str:
    query = request.url.query
    return f"{request.url.path}?{query}" if query else request.url.path
