"""A session for a program: it enters as a person would, through the local issuer's page (`apoyo.engines.oidc`)."""

import httpx

from apoyo.instalacion import Instalacion


class EntradaRechazada(Exception):
    """The issuer or the service did not let in. One line says why, without personal data."""


class Rechazada(Exception):
    """A service refused an order. The text is what it says to people."""


async def entrar(
    servicio: str, emisor: str, correo: str, contrasena: str, *, http: httpx.AsyncClient | None = None
) -> dict[str, str]:
    """Cookies of a new session at the service of that address. Raises EntradaRechazada, httpx.HTTPError."""
    client = http or httpx.AsyncClient(timeout=30, trust_env=False)
    try:
        form = await client.get(f"{servicio}/entrar/{emisor}", params={"a": "/livez"}, follow_redirects=True)
        if form.status_code != httpx.codes.OK:
            raise EntradaRechazada(_por_que(form))
        sent = {"correo": correo, "contrasena": contrasena}
        arrived = await client.post(form.url, data=sent, follow_redirects=True)
        if arrived.url.path != "/livez":
            raise EntradaRechazada(_por_que(arrived))
        host = httpx.URL(servicio).host
        return {c.name: c.value or "" for c in client.cookies.jar if c.domain == host and c.name.endswith("apoyo")}
    finally:
        if http is None:
            await client.aclose()


async def de(instalacion: Instalacion, servicio: str, persona: str) -> dict[str, str]:
    """Cookies of a new session of a person of an installation. Raises EntradaRechazada, httpx.HTTPError."""
    acceso = instalacion.accesos()[persona]
    url = instalacion.direcciones().url(servicio)
    return await entrar(url, acceso.emisor, acceso.correo, acceso.contrasena)


def _por_que(answer: httpx.Response) -> str:
    problema = answer.headers.get("content-type", "").startswith("application/problem+json")
    return str(answer.json()["code"]) if problema else f"{answer.status_code} {answer.url.path}"
