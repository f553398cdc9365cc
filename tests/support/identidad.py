"""People with accounts, and their sessions, for the tests of services with pages: real gate and sessions, on memory.

puerta = Puerta(actores)                    # over the actors of the test
puerta.cuenta("operador1", Rol.OPERADOR, procesos=["CI26"])
app = api.create(..., puerta.access, ...)
http.cookies = await puerta.entra("operador1")
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from kernel.clock import Clock
from kernel.documents import MemoryDocuments
from kernel.identity import Access, Login, Sessions
from kernel.identity.issuers import Issuer
from schemas.actores import Actores, acceso_de
from schemas.autorizacion import Rol
from schemas.directorio import Directorio
from schemas.envelope import Evento
from schemas.eventos import CuentaRegistrada, DeclaracionRegistrada
from tests.support.ejemplos import ejemplo

LLAVE = bytes(range(32))
EMISOR = "institucional"
IDLE, ABSOLUTE = timedelta(minutes=30), timedelta(hours=12)


def correo_de(cuenta: str) -> str:
    """E-mail of an account of the tests."""
    return f"{cuenta}@opl.invalid"


def cuenta(
    id_: str,
    rol: Rol,
    *,
    entidad: str | None = None,
    procesos: list[str] | None = None,
    solicitud: str | None = None,
    emisor: str = EMISOR,
    **cambios: object,
) -> CuentaRegistrada:
    """An account in force for years."""
    return ejemplo(
        CuentaRegistrada,
        cuenta=id_,
        rol=rol,
        entidad=entidad,
        procesos=procesos,
        solicitud=solicitud,
        acceso=acceso_de(LLAVE, emisor, correo_de(id_)),
        **{"desde": datetime(2020, 1, 1, tzinfo=UTC), "hasta": datetime(2040, 1, 1, tzinfo=UTC), **cambios},
    )


@dataclass
class Puerta:
    """The gate over `actores`. `public_url`: as the application will be served."""

    actores: Actores
    clock: Clock
    public_url: str = "http://127.0.0.1"
    emisores: list[Issuer] = field(default_factory=list)
    sesiones: MemoryDocuments = field(default_factory=MemoryDocuments)

    def __post_init__(self) -> None:
        self.access = Access(
            Directorio(lambda: self.actores, LLAVE, self.clock.now),
            Sessions(self.sesiones, self.clock, idle=IDLE, absolute=ABSOLUTE),
            Login(self.emisores, LLAVE, self.public_url),
            public_url=self.public_url,
        )

    def cuenta(self, id_: str, rol: Rol, **cambios: object) -> CuentaRegistrada:
        """Register an account and its declaration."""
        registrada = cuenta(id_, rol, **cambios)  # type: ignore[arg-type]
        self.registra(registrada)
        if rol is not Rol.PROMOVENTE:
            self.registra(ejemplo(DeclaracionRegistrada, cuenta=id_))
        return registrada

    def registra(self, evento: Evento) -> None:
        """One more fact of `actores`."""
        self.actores.aplicar(evento, self.actores.offset)

    async def entra(self, id_: str) -> dict[str, str]:
        """The cookies of a new session of an account."""
        account = self.actores.cuentas[id_]
        token = await self.access.sessions.open(id_, login=account.acceso, issuer=EMISOR)
        return {self.access.cookie: token}
