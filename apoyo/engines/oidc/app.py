"""The local issuer's pages and endpoints (OpenID Connect Core 1.0, Discovery 1.0, RP-Initiated Logout 1.0; RFC 6749, 7636)."""

import asyncio
import base64
import binascii
import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus, urlencode, urlsplit

from joserfc import jwt
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from apoyo.engines.oidc.store import Person, Store
from kernel.identity.origin import OwnOrigin
from kernel.web import SECURITY_HEADERS, STATIC, templates

Now = Callable[[], float]

CODE_S = 60.0
TOKEN_S = 300.0
SESSION_S = 12 * 3600.0


@dataclass(frozen=True, slots=True)
class _Session:
    """Somebody who wrote the password here."""

    issuer: str
    email: str
    person: Person
    at: float


@dataclass(frozen=True, slots=True)
class _Grant:
    """A code that was given, and what it stands for."""

    session: _Session
    client_id: str
    redirect_uri: str
    challenge: str
    scope: frozenset[str]
    nonce: str | None
    until: float


class _Refused(Exception):
    """An answer to the client by redirection (RFC 6749, 4.1.2.1)."""


def create(store: Store, url: str, now: Now = time.time) -> Starlette:
    """The application. `url`: address at which it is served; `now`: seconds since the epoch."""
    issuer = _Issuer(store, url, now)
    base = "/{issuer}"
    return Starlette(
        routes=[
            Route("/livez", _alive),
            Mount("/estatico", StaticFiles(directory=STATIC)),
            Route(f"{base}/.well-known/openid-configuration", issuer.discovery),
            Route(f"{base}/jwks", issuer.jwks),
            Route(f"{base}/authorize", issuer.authorize, methods=["GET", "POST"]),
            Route(f"{base}/token", issuer.token, methods=["POST"]),
            Route(f"{base}/userinfo", issuer.userinfo, methods=["GET", "POST"]),
            Route(f"{base}/logout", issuer.logout, methods=["GET", "POST"]),
        ],
        middleware=[Middleware(OwnOrigin, origin=url)],
    )


async def _alive(request: Request) -> Response:
    return PlainTextResponse("ok")


class _Issuer:
    """Codes, tokens and sessions live in memory: a restart ends them."""

    def __init__(self, store: Store, url: str, now: Now) -> None:
        self._store = store
        self._url = url
        self._now = now
        self._key = store.key()
        self._pages = templates(Path(__file__).with_name("pagina"))
        self._sessions: dict[str, _Session] = {}
        self._codes: dict[str, _Grant] = {}
        self._tokens: dict[str, str] = {}
        """Access token → the code that it came of. One for each code: a code serves once."""

    async def discovery(self, request: Request) -> Response:
        url = self._issuer_url(request)
        return JSONResponse(
            {
                "issuer": url,
                "authorization_endpoint": f"{url}/authorize",
                "token_endpoint": f"{url}/token",
                "userinfo_endpoint": f"{url}/userinfo",
                "jwks_uri": f"{url}/jwks",
                "end_session_endpoint": f"{url}/logout",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "scopes_supported": ["openid", "email"],
                "claims_supported": [
                    "sub",
                    "iss",
                    "aud",
                    "exp",
                    "iat",
                    "auth_time",
                    "nonce",
                    "email",
                    "email_verified",
                ],
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
                "code_challenge_methods_supported": ["S256"],
            }
        )

    async def jwks(self, request: Request) -> Response:
        self._issuer_url(request)
        return JSONResponse({"keys": [self._key.as_dict(private=False)]})

    async def authorize(self, request: Request) -> Response:
        """Ask who it is, unless that is known, and send the browser back with a code."""
        self._issuer_url(request)
        params = request.query_params
        client = self._store.client(params.get("client_id", ""))
        redirect_uri = params.get("redirect_uri", "")
        if client is None or redirect_uri not in client.redirect_uris:
            return self._page("aviso.html", 400, titulo="El sitio que pidió entrar no está registrado con este emisor")
        try:
            _check(params)
        except _Refused as refusal:
            return _back(redirect_uri, {"error": str(refusal), "state": params.get("state")})
        session = self._session(request)
        if request.method == "GET":
            prompt = params.get("prompt", "").split()
            if session is not None and not {"login", "select_account"} & set(prompt):
                return self._granted(request, session)
            if "none" in prompt:
                return _back(redirect_uri, {"error": "login_required", "state": params.get("state")})
            return self._form(request, redirect_uri)
        async with request.form() as form:
            email, password = str(form.get("correo", "")), str(form.get("contrasena", ""))
        issuer = request.path_params["issuer"]
        person = await asyncio.to_thread(self._store.authenticate, issuer, email, password)
        if person is None:
            return self._form(request, redirect_uri, email=email, wrong=True)
        session = _Session(issuer, email.strip().casefold(), person, self._now())
        token = secrets.token_urlsafe(32)
        self._sessions[token] = session
        answer = self._granted(request, session)
        answer.set_cookie(f"emisor-{issuer}", token, path=f"/{issuer}", httponly=True, samesite="lax")
        return answer

    async def token(self, request: Request) -> Response:
        """A code for tokens, once. A code that comes twice takes back what it gave (RFC 6749, 4.1.2)."""
        url = self._issuer_url(request)
        async with request.form() as form:
            asked = {name: str(value) for name, value in form.items()}
        id_, secret = _client_of(request, asked)
        if self._store.authenticate_client(id_, secret) is None:
            return _error("invalid_client", 401)
        if asked.get("grant_type") != "authorization_code":
            return _error("unsupported_grant_type")
        code = asked.get("code", "")
        grant = self._codes.get(code)
        if grant is None:
            return _error("invalid_grant")
        if code in self._tokens.values():
            self._tokens = {token: of for token, of in self._tokens.items() if of != code}
            del self._codes[code]
            return _error("invalid_grant")
        if (
            self._now() >= grant.until
            or grant.session.issuer != request.path_params["issuer"]
            or grant.client_id != id_
            or grant.redirect_uri != asked.get("redirect_uri")
            or not secrets.compare_digest(_challenge(asked.get("code_verifier", "")), grant.challenge)
        ):
            del self._codes[code]
            return _error("invalid_grant")
        access_token = secrets.token_urlsafe(32)
        self._tokens[access_token] = code
        answer = {"access_token": access_token, "token_type": "Bearer", "expires_in": int(TOKEN_S)}
        answer["scope"] = " ".join(sorted(grant.scope))
        if "openid" in grant.scope:
            answer["id_token"] = self._id_token(url, grant, access_token)
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})

    async def userinfo(self, request: Request) -> Response:
        """What the scope lets say of the person."""
        self._issuer_url(request)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        grant = self._codes.get(self._tokens.get(token, ""))
        if scheme.lower() != "bearer" or grant is None or self._now() >= grant.until + TOKEN_S:
            return JSONResponse({"error": "invalid_token"}, 401, headers={"WWW-Authenticate": "Bearer"})
        return JSONResponse(_told(grant), headers={"Cache-Control": "no-store"})

    async def logout(self, request: Request) -> Response:
        """End the session here; back to the client where its address is registered."""
        self._issuer_url(request)
        issuer = request.path_params["issuer"]
        if request.method == "POST":
            async with request.form() as form:
                asked = {name: str(value) for name, value in form.items()}
        else:
            asked = dict(request.query_params)
        self._sessions.pop(request.cookies.get(f"emisor-{issuer}", ""), None)
        client = self._store.client(asked.get("client_id", ""))
        back = asked.get("post_logout_redirect_uri", "")
        answer = (
            _back(back, {"state": asked.get("state")})
            if client is not None and back in client.post_logout_redirect_uris
            else self._page("aviso.html", 200, titulo="Su sesión con este emisor terminó")
        )
        answer.delete_cookie(f"emisor-{issuer}", path=f"/{issuer}", httponly=True, samesite="lax")
        return answer

    def _granted(self, request: Request, session: _Session) -> Response:
        params = request.query_params
        self._forget()
        code = secrets.token_urlsafe(32)
        self._codes[code] = _Grant(
            session,
            params["client_id"],
            params["redirect_uri"],
            params["code_challenge"],
            frozenset(params.get("scope", "").split()),
            params.get("nonce"),
            self._now() + CODE_S,
        )
        return _back(params["redirect_uri"], {"code": code, "state": params.get("state")})

    def _forget(self) -> None:
        """Drop what serves nobody any more."""
        now = self._now()
        self._codes = {code: grant for code, grant in self._codes.items() if now < grant.until + TOKEN_S}
        self._tokens = {token: code for token, code in self._tokens.items() if code in self._codes}
        self._sessions = {token: session for token, session in self._sessions.items() if now < session.at + SESSION_S}

    def _session(self, request: Request) -> _Session | None:
        issuer = request.path_params["issuer"]
        session = self._sessions.get(request.cookies.get(f"emisor-{issuer}", ""))
        alive = session is not None and session.issuer == issuer and self._now() < session.at + SESSION_S
        return session if alive else None

    def _id_token(self, url: str, grant: _Grant, access_token: str) -> str:
        now = int(self._now())
        half = hashlib.sha256(access_token.encode()).digest()[:16]
        claims = {
            "iss": url,
            "aud": grant.client_id,
            "iat": now,
            "exp": now + int(TOKEN_S),
            "auth_time": int(grant.session.at),
            "at_hash": _b64(half),
            **_told(grant),
        }
        if grant.nonce is not None:
            claims["nonce"] = grant.nonce
        return jwt.encode({"alg": "RS256", "kid": self._key.kid}, claims, self._key)

    def _issuer_url(self, request: Request) -> str:
        issuer = request.path_params["issuer"]
        if issuer not in self._store.issuers():
            raise HTTPException(404)
        return f"{self._url}/{issuer}"

    def _form(self, request: Request, redirect_uri: str, *, email: str = "", wrong: bool = False) -> Response:
        return self._page(
            "entrar.html",
            401 if wrong else 200,
            form_to=redirect_uri,
            emisor=request.path_params["issuer"],
            accion=f"{request.url.path}?{request.url.query}",
            correo=email,
            mal=wrong,
        )

    def _page(self, name: str, status: int, *, form_to: str = "", **data: Any) -> HTMLResponse:
        headers = dict(SECURITY_HEADERS)
        if form_to:  # browsers hold what follows a form to the same policy
            parts = urlsplit(form_to)
            own, more = "form-action 'self'", f"form-action 'self' {parts.scheme}://{parts.netloc}"
            headers["Content-Security-Policy"] = headers["Content-Security-Policy"].replace(own, more)
        return HTMLResponse(self._pages.get_template(name).render(**data), status, headers)


def _check(params: Any) -> None:
    """Raises _Refused."""
    if params.get("response_type") != "code":
        raise _Refused("unsupported_response_type")
    if params.get("code_challenge_method") != "S256" or len(params.get("code_challenge", "")) != 43:
        raise _Refused("invalid_request")
    if "email" not in params.get("scope", "").split():
        raise _Refused("invalid_scope")


def _told(grant: _Grant) -> dict[str, Any]:
    session = grant.session
    return {"sub": session.person.subject, "email": session.email, "email_verified": session.person.verified}


def _client_of(request: Request, asked: dict[str, str]) -> tuple[str, str]:
    """Id and secret of the client, by either method (RFC 6749, 2.3.1)."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return asked.get("client_id", ""), asked.get("client_secret", "")
    try:
        id_, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return unquote_plus(id_), unquote_plus(secret)


def _back(address: str, params: dict[str, str | None]) -> RedirectResponse:
    query = urlencode({name: value for name, value in params.items() if value is not None})
    separator = "&" if "?" in address else "?"
    return RedirectResponse(f"{address}{separator}{query}" if query else address, 303, {"Cache-Control": "no-store"})


def _error(code: str, status: int = 400) -> Response:
    return JSONResponse({"error": code}, status, headers={"Cache-Control": "no-store"})


def _challenge(verifier: str) -> str:
    return _b64(hashlib.sha256(verifier.encode()).digest())


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
