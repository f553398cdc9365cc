"""The local issuer for tests: its real process, with people of two issuers, and how a service is told of it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from apoyo.engines import oidc
from apoyo.engines.oidc import store
from apoyo.engines.procs import Supervisor
from kernel.identity.issuers import Issuer
from tests.support.identidad import correo_de

CONTRASENA = "contraseña de prueba"
SECRETO = "secreto-del-cliente"
CLIENTE = "prueba"


@dataclass(frozen=True)
class EmisorLocal:
    """Where it listens, and its folder."""

    url: str
    folder: Path

    def gente(self, **personas: dict[str, bool]) -> None:
        """Who there is: issuer → account → whether the e-mail is verified; the password is `CONTRASENA`."""
        people = {
            issuer: {correo_de(c): store.person(f"{issuer}-{c}", CONTRASENA, verified=v) for c, v in those.items()}
            for issuer, those in personas.items()
        }
        store.Store(self.folder).save_people(people)

    def cliente(self, public_url: str) -> None:
        """Register a service of that address."""
        back = [f"{public_url}/entrar/{issuer}/regreso" for issuer in ("institucional", "publico", "sin-oidc")]
        client = store.client(SECRETO, back, [f"{public_url}/salir"])
        store.Store(self.folder).save_clients({CLIENTE: client})

    def emisores(self) -> list[Issuer]:
        """Issuers for staff and for the public, and the public one spoken to as a provider without OpenID Connect."""
        secret = self.folder / "client-secret"
        secret.write_text(SECRETO, encoding="utf-8")
        comun = {"client_id": CLIENTE, "client_secret_file": str(secret)}
        publico = f"{self.url}/publico"
        return [
            Issuer.model_validate(each | comun)
            for each in (
                {
                    "id": "institucional",
                    "name": "Cuenta institucional",
                    "for": ["staff"],
                    "discovery": f"{self.url}/institucional/.well-known/openid-configuration",
                },
                {
                    "id": "publico",
                    "name": "Cuenta pública",
                    "for": ["public"],
                    "discovery": f"{publico}/.well-known/openid-configuration",
                    "client_auth": "client_secret_post",
                },
                {
                    "id": "sin-oidc",
                    "name": "Red social",
                    "for": ["public"],
                    "oauth2": {
                        "authorize_url": f"{publico}/authorize",
                        "token_url": f"{publico}/token",
                        "userinfo_url": f"{publico}/userinfo",
                        "scope": "email",
                    },
                },
            )
        ]


@contextmanager
def emisor_local(root: Path) -> Iterator[EmisorLocal]:
    """The process, on a free port."""
    folder = root / "oidc"
    store.Store(folder).save_people({"institucional": {}, "publico": {}})
    store.Store(folder).save_clients({})
    supervisor = Supervisor()
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        try:
            yield EmisorLocal(runner.run(oidc.start(supervisor, folder, root / "logs", port=0)), folder)
        finally:
            runner.run(supervisor.stop())
