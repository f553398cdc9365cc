"""An installation whose engines somebody else runs (docker compose): its keys, its secrets, and where everything is."""

import secrets
from collections.abc import Iterable

from apoyo.engines import s3 as objetos
from apoyo.instalacion import PUERTOS, SERVICIOS, Direcciones, Instalacion
from kernel.files import write_whole

PAGINA_DEL_CORREO = "http://127.0.0.1:8025"
"""Where the mail that was sent is read."""


def preparar(
    instalacion: Instalacion, *, kafka: str, mongo: str, s3: str, smtp: str, oidc: str, en: Iterable[str] = ()
) -> None:
    """Make what is missing and write down the addresses; what exists stays. `en`: `service=host`. Raises ValueError."""
    instalacion.preparar()
    host, _, puerto = smtp.rpartition(":")
    if not host or not puerto.isdecimal():
        raise ValueError(f"El servidor de correo se escribe host:puerto, no «{smtp}».")
    anfitriones = dict(_servicio_y_host(lugar) for lugar in en)
    secreto = objetos.identity(instalacion.root / "secrets" / "s3.json")
    tablero = instalacion.root / "secrets" / "grafana"
    if not tablero.exists():
        write_whole(tablero, secrets.token_urlsafe(18).encode())
    instalacion.guardar(
        Direcciones(
            stream_url=f"kafka://{kafka}",
            mongo_uri=mongo,
            s3_endpoint=s3,
            s3_access_key=objetos.ACCESS_KEY,
            smtp_host=host,
            smtp_port=int(puerto),
            inbox=PAGINA_DEL_CORREO,
            oidc_url=oidc,
            puertos=dict(PUERTOS),
            anfitriones=anfitriones,
        ),
        secreto,
    )


def _servicio_y_host(lugar: str) -> tuple[str, str]:
    servicio, igual, host = lugar.partition("=")
    if servicio not in SERVICIOS or not igual or not host:
        raise ValueError(f"Se escribe servicio=host, con un servicio de {', '.join(SERVICIOS)}; no «{lugar}».")
    return servicio, host
