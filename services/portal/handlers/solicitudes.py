"""Solicitudes: registered by whom the profile says, with their folio in order, their emblem, and the account of their promovente
(SPEC 3; P 6.1 B-F, D 1.2).
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from kernel.forms import Upload
from kernel.objects import Objects
from kernel.outbox import ClaimTaken
from schemas.actores import (
    DATOS,
    Actores,
    DatosCuenta,
    DatosSolicitante,
    acceso_de,
    acceso_en,
    contexto_de_cuenta,
    contexto_de_solicitante,
)
from schemas.autorizacion import Rol
from schemas.eventos import CedulaConfirmada, CuentaRegistrada, Emblema, ProcesoRegistrado, SolicitudRegistrada
from schemas.hora import CENTRO
from services.portal import imagenes
from services.portal.domain import solicitudes as dominio
from services.portal.domain.calendarios import festivos
from services.portal.domain.rechazo import Codigo, Invalida, Rechazo
from services.portal.domain.terminos import cierre_del_portal
from services.portal.handlers.escritura import Escritor, Orden
from services.portal.handlers.personas import Personas
from services.portal.handlers.procesos import Procesos

Valores = Mapping[str, Sequence[str]]
CAMPO_EMBLEMA = "emblema"


@dataclass(frozen=True, slots=True)
class _Emblema:
    contenido: bytes
    emblema: Emblema


@dataclass(frozen=True, slots=True)
class Solicitudes:
    """`emisores`: id → name of the issuers that vouch for promoventes; `llave_de_identidad`: see `schemas.actores.acceso_de`."""

    escritor: Escritor
    personas: Personas
    procesos: Procesos
    emblemas: Objects
    emisores: Mapping[str, str]
    llave_de_identidad: bytes

    async def registrar(
        self, orden: Orden, rol: Rol, proceso: str, valores: Valores, emblema: Upload | None
    ) -> SolicitudRegistrada:
        """A new solicitud with the next folio of its process, and the account of its promovente.

        Raises Invalida, Rechazo, Unavailable.
        """
        actores = await self.escritor.al_dia()
        registrado = self.procesos.actual(actores, proceso, rol)
        numero = dominio.siguiente(actores, proceso)
        for escrito in await self.escritor.escritos(orden):
            if isinstance(escrito, SolicitudRegistrada):
                if (datos := await self.datos(orden.por, escrito)) is not None:
                    await self._cuenta(orden, actores, escrito, datos)
                return escrito
        capturada, nuevo = await self._leer(actores, registrado, valores, emblema)
        self._correo_libre(actores, capturada.datos)
        while True:
            solicitud = dominio.componer(proceso, numero)
            try:
                evento = await self._guardar(orden, solicitud, 1, registrado, capturada, nuevo, None)
            except Rechazo:
                numero += 1  # another one took the folio meanwhile
                continue
            await self._cuenta(orden, actores, evento, capturada.datos)
            return evento

    async def cambiar(
        self, orden: Orden, rol: Rol, solicitud: str, version: int, valores: Valores, emblema: Upload | None
    ) -> SolicitudRegistrada:
        """Change what that version says, and its promovente's account with it. Raises Invalida, Rechazo, Unavailable."""
        actores = await self.escritor.al_dia()
        actual = self.conocida(actores, solicitud)
        registrado = self.procesos.actual(actores, actual.proceso, rol)
        capturada, nuevo = await self._leer(actores, registrado, valores, emblema)
        self._correo_libre(actores, capturada.datos)
        evento = await self._guardar(orden, solicitud, version + 1, registrado, capturada, nuevo, actual)
        await self._cuenta(orden, actores, evento, capturada.datos)
        return evento

    async def confirmar(
        self, orden: Orden, rol: Rol, solicitud: str, version: int, valores: Valores
    ) -> CedulaConfirmada:
        """Record that the signed cédula de confirmación is held (P 6.1 F). `version`: of the one before, 0 for none.

        Raises Invalida, Rechazo, Unavailable.
        """
        actores = await self.escritor.al_dia()
        actual = self.conocida(actores, solicitud)
        self.procesos.actual(actores, actual.proceso, rol)
        ahora = self.escritor.clock.now()
        firmada_en = dominio.leer_cedula(valores, actual.registrada_en or ahora, ahora.astimezone(CENTRO).date())
        return await self.escritor.emitir(
            CedulaConfirmada(
                version=version + 1,
                solicitud=solicitud,
                firmada_en=firmada_en.isoformat(),
                por=orden.por,
                registrada_en=ahora,
            ),
            orden,
        )

    async def prorrogar(self, orden: Orden, proceso: ProcesoRegistrado) -> None:
        """Give the promoventes' accounts of a process the validity that its newest version asks for.

        Raises Rechazo, Unavailable.
        """
        actores = await self.escritor.al_dia()
        hasta = self._vigencia(actores, proceso)
        for solicitud in [s for s in actores.solicitudes.values() if s.proceso == proceso.proceso]:
            cuenta = actores.cuentas.get(dominio.cuenta_de(solicitud.solicitud))
            if cuenta is not None and cuenta.hasta != hasta:
                await self.escritor.emitir(
                    cuenta.model_copy(
                        update={
                            "version": cuenta.version + 1,
                            "hasta": hasta,
                            "por": orden.por,
                            "registrada_en": self.escritor.clock.now(),
                        }
                    ),
                    orden,
                )

    async def datos(self, quien: str, solicitud: SolicitudRegistrada) -> DatosSolicitante | None:
        """Its personal data, for somebody who may see it; None when it has none, or its key was destroyed."""
        if solicitud.llave is None or solicitud.datos_sellados is None:
            return None
        contexto = contexto_de_solicitante(solicitud.solicitud)
        return await self.personas.abrir(quien, solicitud.llave, solicitud.datos_sellados, DatosSolicitante, contexto)

    def conocida(self, actores: Actores, solicitud: str) -> SolicitudRegistrada:
        """The solicitud. Raises Rechazo."""
        actual = actores.solicitudes.get(solicitud)
        if actual is None:
            raise Rechazo(Codigo.NO_EXISTE)
        return actual

    async def _leer(
        self, actores: Actores, proceso: ProcesoRegistrado, valores: Valores, archivo: Upload | None
    ) -> tuple[dominio.SolicitudCapturada, _Emblema | None]:
        errores: dict[str, str] = {}
        nuevo: _Emblema | None = None
        if archivo is not None:
            tipos = actores.perfil_de(proceso.proceso).emblema_tipos
            try:
                contenido, tipo = await asyncio.to_thread(imagenes.preparar, archivo.content, tipos)
                sha256 = hashlib.sha256(contenido).hexdigest()
                objeto = f"{proceso.proceso}/{sha256}"
                nuevo = _Emblema(
                    contenido, Emblema(objeto=objeto, sha256=sha256, tipo_medio=tipo, tamano=len(contenido))
                )
            except imagenes.EmblemaInvalido as error:
                errores[CAMPO_EMBLEMA] = str(error)
        hoy = self.escritor.clock.now().astimezone(CENTRO).date()
        capturada = dominio.leer(valores, proceso, emisores=self.emisores, hoy=hoy, errores=errores)
        return capturada, nuevo

    def _correo_libre(self, actores: Actores, datos: DatosSolicitante) -> None:
        acceso = acceso_de(self.llave_de_identidad, datos.emisor, datos.correo)
        if any(c.activa and c.acceso == acceso and c.rol is not Rol.PROMOVENTE for c in actores.cuentas.values()):
            raise Invalida({"correo": dominio.CORREO_DEL_PERSONAL})

    async def _guardar(
        self,
        orden: Orden,
        solicitud: str,
        version: int,
        proceso: ProcesoRegistrado,
        capturada: dominio.SolicitudCapturada,
        nuevo: _Emblema | None,
        actual: SolicitudRegistrada | None,
    ) -> SolicitudRegistrada:
        datos, alcance = capturada.datos, capturada.alcance
        llave, sellados = await self.personas.sellar(
            f"solicitud/{solicitud}",
            datos,
            contexto_de_solicitante(solicitud),
            {"notificaciones": DATOS},
            antes=actual.datos_sellados if actual else None,
        )
        emblema = None if capturada.sin_emblema or actual is None else actual.emblema
        if nuevo is not None:
            await self.emblemas.put(nuevo.emblema.objeto, nuevo.contenido)
            emblema = nuevo.emblema
        acceso = acceso_en(self.llave_de_identidad, proceso.proceso, datos.emisor, datos.correo)
        evento = SolicitudRegistrada(
            version=version,
            solicitud=solicitud,
            proceso=proceso.proceso,
            denominacion=capturada.denominacion,
            entidad=alcance.entidad,
            distrito_federal=alcance.distrito_federal,
            distrito_local=alcance.distrito_local,
            municipio=alcance.municipio,
            cargo=alcance.cargo,
            nombre_mostrado=capturada.nombre_mostrado,
            tipo_solicitante=capturada.tipo_solicitante,
            expediente=capturada.expediente,
            emblema=emblema,
            aviso_simplificado=capturada.aviso_simplificado,
            aviso_integral=capturada.aviso_integral,
            estimado_apoyos=capturada.estimado_apoyos,
            acceso=acceso,
            llave=llave,
            datos_sellados=sellados,
            por=orden.por,
            registrada_en=actual.registrada_en if actual else self.escritor.clock.now(),
        )
        try:
            return await self.escritor.emitir(evento, orden, reclamo=f"solicitante/{acceso}")
        except ClaimTaken as error:
            raise Invalida({"correo": dominio.CORREO_REPETIDO}) from error

    async def _cuenta(
        self, orden: Orden, actores: Actores, solicitud: SolicitudRegistrada, datos: DatosSolicitante
    ) -> None:
        """Its promovente's account, with the e-mail and the name that it has now. Raises Rechazo, Unavailable."""
        cuenta = dominio.cuenta_de(solicitud.solicitud)
        anterior = actores.cuentas.get(cuenta)
        proceso = actores.procesos[solicitud.proceso]
        suyos = DatosCuenta(
            nombre=" ".join(filter(None, (datos.nombre, datos.paterno, datos.materno))),
            puesto="Aspirante o promovente",
            correo=datos.correo,
            telefono=datos.telefonos[0],
            emisor=datos.emisor,
        )
        llave, sellados = await self.personas.sellar(
            f"cuenta/{cuenta}",
            suyos,
            contexto_de_cuenta(cuenta),
            {},
            antes=anterior.datos_sellados if anterior else None,
        )
        if anterior is not None and anterior.datos_sellados == sellados:
            return
        await self.escritor.emitir(
            CuentaRegistrada(
                version=anterior.version + 1 if anterior else 1,
                cuenta=cuenta,
                rol=Rol.PROMOVENTE,
                entidad=proceso.entidad,
                procesos=[proceso.proceso],
                solicitud=solicitud.solicitud,
                acceso=acceso_de(self.llave_de_identidad, datos.emisor, datos.correo),
                desde=anterior.desde if anterior else self.escritor.clock.now(),
                hasta=anterior.hasta if anterior else self._vigencia(actores, proceso),
                activa=anterior.activa if anterior else True,
                oficio="",
                llave=llave,
                datos_sellados=sellados,
                por=orden.por,
                registrada_en=self.escritor.clock.now(),
            ),
            orden,
        )

    def _vigencia(self, actores: Actores, proceso: ProcesoRegistrado) -> datetime:
        """Until the portal closes for promoventes, or a year after the end."""
        return cierre_del_portal(proceso, actores.perfil_de(proceso.proceso), festivos(actores, proceso.calendario))
