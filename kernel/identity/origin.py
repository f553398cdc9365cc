"""What changes state must come from our own pages, or from no page at all (cross-site request forgery)."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from kernel.web import Problem

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def is_own(headers: Headers, origin: str) -> bool:
    """Whether a request was made by a page of `origin`, or by no browser.

    Every current browser says so itself: `Sec-Fetch-Site`, which no page can set; older ones send `Origin`. What has neither
    is no browser, and no cookie gets into it but by who holds the cookie.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    named = headers.get("origin")
    return named is None or named == origin or urlsplit(named).netloc == headers.get("host")


class OwnOrigin:
    """Refuses, on every route, what would change state and comes from another site. Plain ASGI: bodies stream through untouched."""

    def __init__(self, app: ASGIApp, origin: str) -> None:
        self._app = app
        self._origin = origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        unsafe = scope["type"] == "http" and scope["method"] not in SAFE_METHODS
        if unsafe and not is_own(Headers(scope=scope), self._origin):
            app = Problem(403, "otro_origen", "La solicitud viene de otro sitio", "Nada se modificó.").response()
        await app(scope, receive, send)
