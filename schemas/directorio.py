"""Accounts as the gate of the pages asks for them (`kernel.identity.Directory`), over the actors in force. Pure."""

from collections.abc import Callable, Mapping
from datetime import datetime

from schemas.actores import VerActores, acceso_de
from schemas.autorizacion import NOMBRE_DE_ROL, TEXTO, Accion, Lugar, Rol
from schemas.eventos import CuentaRegistrada

POR_QUE_NO: Mapping[str, tuple[str, str]] = {
    "inactiva": (
        "Su cuenta está dada de baja",
        "Si cree que es un error, diríjase a quien administra las cuentas en el INE.",
    ),
    "sin_declaracion": (
        "Falta su Declaración de Confidencialidad",
        "Su cuenta se activa cuando se asienta la Declaración firmada (P 5.4). Entréguela a quien administra las cuentas.",
    ),
    "aun_no": ("Su cuenta todavía no está vigente", "Podrá entrar a partir de la fecha que indica su oficio."),
    "vencida": (
        "La vigencia de su cuenta terminó",
        "Para continuar se necesita un nuevo oficio del OPL al INE (P 5.2).",
    ),
}
"""What people read when their account is not in force, by code of `Actores.por_que_no_entra`: title and what to do."""


class Directorio:
    """Accounts in force now. `llave`: `identidad.key`; `ahora`: the clock's."""

    def __init__(self, ver_actores: VerActores, llave: bytes, ahora: Callable[[], datetime]) -> None:
        self._ver_actores = ver_actores
        self._llave = llave
        self._ahora = ahora

    def account(self, id_: str) -> CuentaRegistrada | None:
        """See `Directory`."""
        return self._ver_actores().cuentas.get(id_)

    def login(self, issuer: str, email: str) -> str:
        """See `Directory`: keyed hash of issuer and e-mail, as the topic knows it."""
        return acceso_de(self._llave, issuer, email)

    def entering(self, login: str) -> list[CuentaRegistrada]:
        """See `Directory`."""
        return self._ver_actores().cuentas_de(login)

    def id_of(self, account: CuentaRegistrada) -> str:
        """See `Directory`."""
        return account.cuenta

    def login_of(self, account: CuentaRegistrada) -> str:
        """See `Directory`."""
        return account.acceso

    def role_of(self, account: CuentaRegistrada) -> tuple[str, str]:
        """See `Directory`."""
        return account.rol.value, NOMBRE_DE_ROL[account.rol]

    def scope_of(self, account: CuentaRegistrada) -> str:
        """See `Directory`: its solicitud, its processes or its entidad."""
        return (
            account.solicitud
            or ", ".join(account.procesos or [])
            or (f"entidad {account.entidad}" if account.entidad else "")
        )

    def is_staff(self, account: CuentaRegistrada) -> bool:
        """See `Directory`: everybody but promoventes (SPEC 1)."""
        return account.rol is not Rol.PROMOVENTE

    def why_not(self, account: CuentaRegistrada) -> tuple[str, str, str] | None:
        """See `Directory`."""
        codigo = self._ver_actores().por_que_no_entra(account, self._ahora())
        return (f"cuenta_{codigo}", *POR_QUE_NO[codigo]) if codigo else None

    def place_of(self, params: Mapping[str, str]) -> Lugar:
        """See `Directory`."""
        return self._ver_actores().lugar_de(params)

    def allows(self, account: CuentaRegistrada, action: str, place: Lugar) -> bool:
        """See `Directory`."""
        return self._ver_actores().puede(account, Accion(action), place)

    def text_of(self, action: str) -> str:
        """See `Directory`."""
        return TEXTO[Accion(action)]
