"""Accounts of an installation, published with the portal's rights: its first one, and those of its synthetic people.

Everybody else's are registered in the portal (P 5.2-5.4, D 9); somebody must be there to do it.
"""

import base64
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from kernel.engines import Engines
from kernel.sealing import derive, seal
from schemas.actores import DATOS, Actores, DatosCuenta, acceso_de, contexto_de_cuenta
from schemas.autorizacion import Rol
from schemas.eventos import POR_TIPO, CuentaRegistrada, DeclaracionRegistrada
from schemas.hora import CENTRO

INSTITUCIONAL, PUBLICO = "institucional", "publico"
"""Issuers of a local installation."""


@dataclass(frozen=True, slots=True)
class Persona:
    """A synthetic person of a local installation."""

    cuenta: str
    rol: Rol

    @property
    def emisor(self) -> str:
        """Who vouches for it."""
        return PUBLICO if self.rol is Rol.PROMOVENTE else INSTITUCIONAL

    @property
    def correo(self) -> str:
        """Its e-mail."""
        casa = {Rol.INE_ADMIN: "ine", Rol.PROMOVENTE: "promoventes"}.get(self.rol, "opl")
        return f"{self.cuenta}@{casa}.invalid"


PERSONAS = (
    Persona("ine1", Rol.INE_ADMIN),
    Persona("opl1", Rol.OPL_ADMIN),
    Persona("supervisor1", Rol.SUPERVISOR),
    Persona("operador1", Rol.OPERADOR),
    Persona("operador2", Rol.OPERADOR),
    Persona("operador3", Rol.OPERADOR),
    Persona("soporte1", Rol.SOPORTE),
    Persona("auditor1", Rol.AUDITOR),
    Persona("promovente1", Rol.PROMOVENTE),
    Persona("promovente2", Rol.PROMOVENTE),
    Persona("promovente3", Rol.PROMOVENTE),
)
"""Who may enter the pages of a local installation (SPEC 1)."""


@dataclass(frozen=True, slots=True)
class Alta:
    """An account to publish: who, how far it reaches, how long, and on what ground. `firmada_en`: of the Declaración."""

    cuenta: str
    rol: Rol
    datos: DatosCuenta
    desde: datetime
    hasta: datetime
    oficio: str
    firmada_en: date | None
    procesos: list[str] | None = None
    solicitud: str | None = None


def de_personas(proceso: str, desde: datetime, hasta: datetime) -> list[Alta]:
    """The synthetic people: the OPL's of that process, `promoventeN` of its N-th solicitud."""
    return [
        Alta(
            cuenta=p.cuenta,
            rol=p.rol,
            datos=DatosCuenta(
                nombre=f"Persona de ejemplo {p.cuenta}",
                puesto="Puesto de ejemplo",
                correo=p.correo,
                telefono="0000000000",
                emisor=p.emisor,
            ),
            desde=desde,
            hasta=hasta,
            oficio="EJEMPLO/0001",
            firmada_en=None if p.rol is Rol.PROMOVENTE else desde.date(),
            procesos=None if p.rol in (Rol.INE_ADMIN, Rol.SOPORTE, Rol.AUDITOR, Rol.PROMOVENTE) else [proceso],
            solicitud=f"{proceso}-{int(p.cuenta[-1]):04d}" if p.rol is Rol.PROMOVENTE else None,
        )
        for p in PERSONAS
    ]


def inicial(cuenta: str, emisor: str, *, hasta: date, firmada_en: date, preguntar: Callable[[str], str]) -> Alta:
    """The first account. Personal data are asked for: what stands in a command ends up in histories and lists of processes.

    `hasta`: its last day, in hora Centro; `preguntar`: a question in Spanish → what is answered.
    """
    datos = DatosCuenta(
        nombre=preguntar("Nombre completo"),
        puesto=preguntar("Puesto"),
        correo=preguntar("Correo con el que entra"),
        telefono=preguntar("Teléfono"),
        emisor=emisor,
    )
    return Alta(
        cuenta=cuenta,
        rol=Rol.INE_ADMIN,
        datos=datos,
        desde=datetime.combine(firmada_en, time.min, CENTRO),
        hasta=datetime.combine(hasta + timedelta(days=1), time.min, CENTRO),
        oficio=preguntar("Número de oficio"),
        firmada_en=firmada_en,
    )


async def publicar(altas: Iterable[Alta], portal: Engines, llave_de_identidad: bytes, por: str) -> int:
    """Publish those that `actores` does not know yet, through the portal's outbox; how many. `por`: on whose account.

    `portal`: connected engines of the portal. Repeating it changes nothing. Raises Unavailable, ClaimTaken (an e-mail that another
    account has).
    """
    outbox, llavero, publicadas = portal.outbox(), portal.keyring(), 0
    for prepare in portal.prepare:
        await prepare()
    conocidas = await cuentas_de(portal)
    for alta in altas:
        if alta.cuenta in conocidas.cuentas:
            continue
        ahora = portal.clock.now()
        llave = str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:apoyo:cuenta:{alta.cuenta}"))
        raiz = await llavero.create(llave, {"portal": None})
        sellados = seal(derive(raiz, DATOS), alta.datos.model_dump_json().encode(), contexto_de_cuenta(alta.cuenta))
        acceso = acceso_de(llave_de_identidad, alta.datos.emisor, alta.datos.correo)
        cuenta = CuentaRegistrada(
            version=1,
            cuenta=alta.cuenta,
            rol=alta.rol,
            entidad=None,
            procesos=alta.procesos,
            solicitud=alta.solicitud,
            acceso=acceso,
            desde=alta.desde,
            hasta=alta.hasta,
            activa=True,
            oficio=alta.oficio,
            llave=llave,
            datos_sellados=base64.b64encode(sellados).decode(),
            por=por,
            registrada_en=ahora,
        )
        await outbox.emit(cuenta, cause=f"alta|{alta.cuenta}", claim=f"cuenta/{acceso}")
        if alta.firmada_en is not None:
            declaracion = DeclaracionRegistrada(
                version=1,
                cuenta=alta.cuenta,
                firmada_en=alta.firmada_en.isoformat(),
                por=por,
                registrada_en=ahora,
            )
            await outbox.emit(declaracion, cause=f"alta|{alta.cuenta}")
        publicadas += 1
    return publicadas


async def cuentas_de(portal: Engines) -> Actores:
    """What `actores` says now. Raises Unavailable."""
    actores = Actores()
    async for record in portal.stream.read("actores"):
        tipo = POR_TIPO.get(record.headers.get("ce_type", ""))
        if tipo is not None:
            actores.aplicar(tipo.model_validate_json(record.value, extra="ignore"), record.offset)
    return actores
