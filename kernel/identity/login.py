"""The way in through an issuer: authorization code with PKCE, state and nonce (OpenID Connect Core 1.0, OAuth 2.1), by Authlib.

What a login needs between going and coming back (state, nonce, code verifier, where to) lies for ten minutes in a signed cookie of
its own: it binds the answer to the browser that asked.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
from authlib.common.errors import AuthlibBaseError
from authlib.deprecate import AuthlibDeprecationWarning
from fastapi import FastAPI, Request, Response
from joserfc.errors import JoseError
from starlette.middleware.sessions import SessionMiddleware

from kernel.identity.issuers import LOOPBACK, WELL_KNOWN, Issuer
from kernel.sealing import derive

with warnings.catch_warnings():  # it would rather have httpx's successor
    warnings.simplefilter("ignore", AuthlibDeprecationWarning)
    from authlib.integrations.starlette_client import OAuth, OAuthError, StarletteOAuth2App

MINUTES = 10
TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Proven:
    """What an issuer vouched for. `email` is None when it gave none that is verified."""

    email: str | None
    target: str


class LoginFailed(Exception):
    """No login came of it. `outcome`: `cancelada`, `estado_perdido`, `emisor_no_responde`, `respuesta_invalida`."""

    def __init__(self, outcome: str) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class Login:
    """Goes to issuers and comes back. `key`: shared secret of which the cookie's is derived; `secure`: only over TLS."""

    def __init__(self, issuers: Sequence[Issuer], key: bytes, public_url: str) -> None:
        self.issuers = {issuer.id: issuer for issuer in issuers}
        self._key = derive(key, "entrada").hex()
        self._public_url = public_url
        self._oauth = OAuth()
        self._clients = {issuer.id: self._client(issuer) for issuer in issuers}

    def mount(self, app: FastAPI, cookie: str) -> None:
        """Give the application the cookie of logins on their way."""
        app.add_middleware(
            SessionMiddleware,
            secret_key=self._key,
            session_cookie=cookie,
            max_age=MINUTES * 60,
            https_only=self._public_url.startswith("https:"),
        )

    async def go(self, request: Request, issuer: Issuer, target: str, *, other_person: bool) -> Response:
        """Send the browser to the issuer. `target`: path to arrive at; `other_person`: it asks who. Raises LoginFailed."""
        more = {"prompt": "select_account"} if other_person else {}
        client = self._clients[issuer.id]
        try:
            await self._metadata(issuer)
            answer: Response = await client.authorize_redirect(request, self._back(issuer), **more)
        except (httpx.HTTPError, AuthlibBaseError, ValueError, RuntimeError) as error:
            raise LoginFailed("emisor_no_responde") from error
        request.session["a"] = target
        return answer

    async def arrive(self, request: Request, issuer: Issuer) -> Proven:
        """Take the issuer's answer; each serves once. Raises LoginFailed."""
        target = str(request.session.get("a", "/"))
        client = self._clients[issuer.id]
        try:
            await self._metadata(issuer)
            token = await client.authorize_access_token(request, claims_options=self._claims(issuer))
            claims = await self._told(issuer, token)
        except OAuthError as error:
            outcomes = {"access_denied": "cancelada", "mismatching_state": "estado_perdido"}
            raise LoginFailed(outcomes.get(error.error, "respuesta_invalida")) from error
        except (httpx.HTTPStatusError, httpx.TransportError) as error:
            raise LoginFailed("emisor_no_responde") from error
        except (AuthlibBaseError, JoseError, ValueError, KeyError, RuntimeError, TypeError) as error:
            raise LoginFailed("respuesta_invalida") from error
        request.session.clear()
        return Proven(issuer.verified_email(claims), target)

    async def end_session_url(self, issuer: Issuer, back: str) -> str | None:
        """Where the browser ends the issuer's own session; None where it has no such thing, or does not answer.

        Without `id_token_hint`: an ID token holds the e-mail, and an address ends up in logs.
        """
        try:
            endpoint = (await self._metadata(issuer)).get("end_session_endpoint")
        except (httpx.HTTPError, LoginFailed, ValueError):
            return None
        if not isinstance(endpoint, str):
            return None
        return f"{endpoint}?{urlencode({'client_id': issuer.client_id, 'post_logout_redirect_uri': back})}"

    async def _metadata(self, issuer: Issuer) -> dict[str, Any]:
        """What the issuer says of itself, read once. Raises httpx.HTTPError, ValueError, LoginFailed."""
        metadata: dict[str, Any] = await self._clients[issuer.id].load_server_metadata()
        if issuer.discovery is not None and metadata.get("issuer") != issuer.discovery.removesuffix(WELL_KNOWN):
            metadata.clear()  # so that it is read again
            raise LoginFailed("respuesta_invalida")
        return metadata

    def _claims(self, issuer: Issuer) -> dict[str, Any]:
        """What an ID token must say; the library compares the audience only when told to."""
        values = {"aud": {"essential": True, "value": issuer.client_id}}
        if issuer.discovery is not None:
            values["iss"] = {"essential": True, "value": issuer.discovery.removesuffix(WELL_KNOWN)}
        return values

    async def _told(self, issuer: Issuer, token: dict[str, Any]) -> dict[str, Any]:
        """What the issuer says of the person: in the ID token, or where that has no e-mail, when asked with the access token."""
        client = self._clients[issuer.id]
        if issuer.oauth2 is not None:
            answer = await client.get(issuer.oauth2.userinfo_url, token=token)
            answer.raise_for_status()
            return dict(answer.json())
        proven = dict(token["userinfo"])  # KeyError: an issuer of OpenID Connect gave no ID token
        if issuer.verified_email(proven) is None:
            more = dict(await client.userinfo(token=token))
            if more.get("sub") == proven["sub"]:  # else it is about somebody else (Core 5.3.2)
                return more
        return proven

    def _back(self, issuer: Issuer) -> str:
        return f"{self._public_url}/entrar/{issuer.id}/regreso"

    def _client(self, issuer: Issuer) -> StarletteOAuth2App:
        endpoints = issuer.oauth2
        host = urlsplit(issuer.discovery or (endpoints.authorize_url if endpoints else "")).hostname
        return self._oauth.register(
            issuer.id,
            client_id=issuer.client_id,
            client_secret=issuer.client_secret,
            server_metadata_url=issuer.discovery,
            authorize_url=endpoints.authorize_url if endpoints else None,
            access_token_url=endpoints.token_url if endpoints else None,
            client_kwargs={
                "scope": endpoints.scope if endpoints else "openid email",
                "code_challenge_method": "S256",
                "token_endpoint_auth_method": issuer.client_auth,
                "timeout": TIMEOUT_S,
                "trust_env": host not in LOOPBACK,  # an issuer on this machine is not behind the proxy
            },
        )
