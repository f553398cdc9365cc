"""Accounts of the staff: registered and changed by INE on an oficio, active once the Declaración is recorded (P 5.2-5.4, D 9)."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kernel.outbox import ClaimTaken
from schemas.actores import Actores, DatosCuenta, acceso_de, contexto_de_cuenta
from schemas.eventos import CuentaRegistrada, DeclaracionRegistrada
from schemas.hora import CENTRO
from services.portal.domain import cuentas as dominio
from services.portal.domain.rechazo import Codigo, Invalida, Rechazo
from services.portal.handlers.escritura import Escritor, Orden
from services.portal.handlers.personas import Personas

Valores = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Cuentas:
    """`emisores`: id → name of the issuers that vouch for staff; `llave_de_identidad`: see `schemas.actores.acceso_de`."""

    escritor: Escritor
    personas: Personas
    emisores: Mapping[str, str]
    llave_de_identidad: bytes

    async def registrar(self, orden: Orden, valores: Valores) -> CuentaRegistrada:
        """A new account, to be active once its Declaración is recorded. Raises Invalida, Unavailable."""
        actores = await self.escritor.al_dia()
        ahora = self.escritor.clock.now()
        capturada = dominio.leer(valores, actores, emisores=self.emisores, ahora=ahora)
        cuenta = f"{capturada.rol.value.replace('_', '-')}-{hashlib.sha256(orden.causa.encode()).hexdigest()[:8]}"
        return await self._guardar(orden, actores, cuenta, 1, capturada, activa=True)

    async def cambiar(self, orden: Orden, cuenta: str, version: int, valores: Valores) -> CuentaRegistrada:
        """Change what that version says; the role stays. Raises Invalida, Rechazo, Unavailable."""
        actores = await self.escritor.al_dia()
        actual = self._actual(actores, cuenta)
        capturada = dominio.leer(
            valores, actores, emisores=self.emisores, ahora=self.escritor.clock.now(), actual=actual
        )
        return await self._guardar(orden, actores, cuenta, version + 1, capturada, activa=actual.activa)

    async def activar(
        self, orden: Orden, cuenta: str, version: int, valores: Valores, *, activa: bool
    ) -> CuentaRegistrada:
        """Dismiss an account or let it return, on an oficio. Raises Invalida, Rechazo, Unavailable."""
        actores = await self.escritor.al_dia()
        actual = self._actual(actores, cuenta)
        oficio = dominio.leer_oficio(valores)
        if cuenta == orden.por:
            raise Invalida({"oficio": "Nadie puede darse de baja a sí mismo: pídalo a otra cuenta del INE."})
        if activa and dominio.correo_ocupado(actores, actual.acceso, salvo=cuenta):
            raise Invalida({"oficio": dominio.CORREO_REPETIDO})
        nueva = actual.model_copy(
            update={
                "version": version + 1,
                "activa": activa,
                "oficio": oficio,
                "por": orden.por,
                "registrada_en": self.escritor.clock.now(),
            }
        )
        try:
            return await self.escritor.emitir(nueva, orden, reclamo=_reclamo(actual.acceso) if activa else None)
        except ClaimTaken as error:
            raise Invalida({"oficio": dominio.CORREO_REPETIDO}) from error

    async def declarar(self, orden: Orden, cuenta: str, version: int, valores: Valores) -> DeclaracionRegistrada:
        """Record that the signed Declaración is held (P 5.4, D 9). `version`: of the one before, 0 for none.

        Raises Invalida, Rechazo, Unavailable.
        """
        self._actual(await self.escritor.al_dia(), cuenta)
        ahora = self.escritor.clock.now()
        firmada_en = dominio.leer_declaracion(valores, ahora.astimezone(CENTRO).date())
        declaracion = DeclaracionRegistrada(
            version=version + 1,
            cuenta=cuenta,
            firmada_en=firmada_en.isoformat(),
            por=orden.por,
            registrada_en=ahora,
        )
        return await self.escritor.emitir(declaracion, orden)

    async def datos(self, quien: str, cuentas: Sequence[CuentaRegistrada]) -> dict[str, DatosCuenta]:
        """Personal data of those accounts, for somebody who may see it; account → data."""
        sellados = {c.cuenta: (c.llave, c.datos_sellados, contexto_de_cuenta(c.cuenta)) for c in cuentas}
        return await self.personas.abrir_varios(quien, sellados, DatosCuenta)

    def _actual(self, actores: Actores, cuenta: str) -> CuentaRegistrada:
        actual = actores.cuentas.get(cuenta)
        if actual is None or actual.rol not in dominio.DEL_PERSONAL:
            raise Rechazo(Codigo.NO_EXISTE)
        return actual

    async def _guardar(
        self,
        orden: Orden,
        actores: Actores,
        cuenta: str,
        version: int,
        capturada: dominio.CuentaCapturada,
        *,
        activa: bool,
    ) -> CuentaRegistrada:
        anterior = actores.cuentas.get(cuenta)
        acceso = acceso_de(self.llave_de_identidad, capturada.datos.emisor, capturada.datos.correo)
        if activa and dominio.correo_ocupado(actores, acceso, salvo=cuenta):
            raise Invalida({"correo": dominio.CORREO_REPETIDO})
        llave, sellados = await self.personas.sellar(
            f"cuenta/{cuenta}",
            capturada.datos,
            contexto_de_cuenta(cuenta),
            {},
            antes=anterior.datos_sellados if anterior else None,
        )
        evento = CuentaRegistrada(
            version=version,
            cuenta=cuenta,
            rol=capturada.rol,
            entidad=capturada.entidad,
            procesos=capturada.procesos,
            solicitud=None,
            acceso=acceso,
            desde=capturada.desde,
            hasta=capturada.hasta,
            activa=activa,
            oficio=capturada.oficio,
            llave=llave,
            datos_sellados=sellados,
            por=orden.por,
            registrada_en=self.escritor.clock.now(),
        )
        try:
            return await self.escritor.emitir(evento, orden, reclamo=_reclamo(acceso) if activa else None)
        except ClaimTaken as error:
            raise Invalida({"correo": dominio.CORREO_REPETIDO}) from error


def _reclamo(acceso: str) -> str:
    return f"cuenta/{acceso}"
