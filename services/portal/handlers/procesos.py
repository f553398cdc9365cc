"""Processes and their rule profiles: registered and changed by whom the profile says, versioned (SPEC 2; P 6.1, D 1.2)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from schemas.actores import Actores, DatosEnlaces, contexto_de_enlaces
from schemas.autorizacion import Rol
from schemas.eventos import LlaveProceso, PerfilRegistrado, ProcesoRegistrado, ReferenciaPerfil
from schemas.perfil import BASE, PerfilReglas
from services.portal.domain import procesos as dominio
from services.portal.domain import reglas
from services.portal.domain.rechazo import Codigo, Invalida, Rechazo
from services.portal.handlers.escritura import Escritor, Orden
from services.portal.handlers.personas import Personas

Valores = Mapping[str, Sequence[str]]
LlavesDe = Callable[[str], list[LlaveProceso]]
"""Public keys of a process, set by INE; empty when there are none."""


@dataclass(frozen=True, slots=True)
class Procesos:
    """Registers and changes them."""

    escritor: Escritor
    personas: Personas
    llaves_de: LlavesDe

    async def registrar(
        self, orden: Orden, rol: Rol, valores: Valores, *, alcanza: Callable[[str | None, str], bool]
    ) -> ProcesoRegistrado:
        """A new process with its own copy of the base profile of its type.

        `alcanza`: whether who asks reaches a process of that entidad and id. Raises Invalida, Unavailable.
        """
        actores = await self.escritor.al_dia()
        for escrito in await self.escritor.escritos(orden):
            if isinstance(escrito, ProcesoRegistrado):
                return escrito
        capturado = dominio.leer(valores, actores, rol=rol, ahora=self.escritor.clock.now())
        if not alcanza(capturado.entidad, capturado.proceso):
            raise Invalida({"entidad": "Su cuenta no alcanza procesos de ese lugar: elija el de su OPL."})
        llaves = self.llaves_de(capturado.proceso)
        if not llaves:
            raise Invalida({"proceso": dominio.SIN_LLAVES})
        base = BASE[capturado.tipo]
        id_ = dominio.id_de_perfil(capturado.tipo, capturado.proceso)
        propio = base.model_copy(update={"id": id_, "registra": dominio.ORGANO[rol]})
        perfil = await self._perfil(orden, actores, propio)
        try:
            return await self._guardar(orden, 1, capturado, perfil, llaves, None)
        except Rechazo as error:
            raise Invalida({"proceso": "Ya hay un proceso con ese Id Proceso: use otro."}) from error

    async def cambiar(self, orden: Orden, rol: Rol, proceso: str, version: int, valores: Valores) -> ProcesoRegistrado:
        """Change what that version says; nothing already decided changes by it. Raises Invalida, Rechazo, Unavailable."""
        actores = await self.escritor.al_dia()
        actual = self.actual(actores, proceso, rol)
        capturado = dominio.leer(valores, actores, rol=rol, ahora=self.escritor.clock.now(), actual=actual)
        llaves = self.llaves_de(proceso) or actual.llaves
        return await self._guardar(orden, version + 1, capturado, actual.perfil, llaves, actual)

    async def registrar_enlaces(self, orden: Orden, proceso: str, version: int, valores: Valores) -> ProcesoRegistrado:
        """Record the liaison officers (P 13.2), sealed. Raises Invalida, Rechazo, Unavailable."""
        actual = self.cambiable(await self.escritor.al_dia(), proceso)
        datos = dominio.leer_enlaces(valores)
        llave, sellados = await self.personas.sellar(
            actual.asunto, datos, contexto_de_enlaces(proceso), {}, antes=actual.enlaces_sellados
        )
        return await self.escritor.emitir(
            actual.model_copy(
                update={
                    "version": version + 1,
                    "llave": llave,
                    "enlaces_sellados": sellados,
                    "enlaces_registrados_en": self.escritor.clock.now(),
                    "por": orden.por,
                }
            ),
            orden,
        )

    async def cambiar_reglas(
        self, orden: Orden, rol: Rol, proceso: str, version: int, valores: Valores
    ) -> ProcesoRegistrado:
        """Change the rules that the asking body owns: a new version of the profile, and of the process that names it.

        What was decided keeps the version that decided it. Raises Invalida, Rechazo, Unavailable.
        """
        actores = await self.escritor.al_dia()
        actual = self.cambiable(actores, proceso)
        for escrito in await self.escritor.escritos(orden):
            if isinstance(escrito, ProcesoRegistrado):
                return escrito
        if version != actual.version:
            raise Rechazo(Codigo.CAMBIADO)
        vigente = actores.perfil_de(proceso)
        nuevo = reglas.leer(valores, vigente, dominio.ORGANO[rol])
        if nuevo == vigente:
            raise Invalida({"reglas": "Ninguna regla cambió."})
        perfil = await self._perfil(orden, actores, nuevo)
        return await self.escritor.emitir(
            actual.model_copy(update={"version": version + 1, "perfil": perfil, "por": orden.por}), orden
        )

    async def enlaces(self, quien: str, proceso: ProcesoRegistrado) -> DatosEnlaces | None:
        """The liaison officers, for somebody who may see them; None when there are none, or their key was destroyed."""
        if proceso.llave is None or proceso.enlaces_sellados is None:
            return None
        return await self.personas.abrir(
            quien, proceso.llave, proceso.enlaces_sellados, DatosEnlaces, contexto_de_enlaces(proceso.proceso)
        )

    def actual(self, actores: Actores, proceso: str, rol: Rol) -> ProcesoRegistrado:
        """The process, for a role that registers it by its profile. Raises Rechazo."""
        actual = self.cambiable(actores, proceso)
        registra = actores.perfil_de(proceso).registra
        if dominio.ORGANO.get(rol) != registra:
            raise Rechazo(Codigo.LO_REGISTRA_EL_INE if registra == "ine" else Codigo.LO_REGISTRA_EL_OPL)
        return actual

    def cambiable(self, actores: Actores, proceso: str) -> ProcesoRegistrado:
        """What is in force, while it may change. Raises Rechazo (NO_EXISTE, EXPEDIENTES_DESTRUIDOS)."""
        actual = self.conocido(actores, proceso)
        if proceso in actores.destrucciones:
            raise Rechazo(Codigo.EXPEDIENTES_DESTRUIDOS)
        return actual

    def conocido(self, actores: Actores, proceso: str) -> ProcesoRegistrado:
        """What is in force. Raises Rechazo (NO_EXISTE)."""
        actual = actores.procesos.get(proceso)
        if actual is None:
            raise Rechazo(Codigo.NO_EXISTE)
        return actual

    async def _perfil(self, orden: Orden, actores: Actores, perfil: PerfilReglas) -> ReferenciaPerfil:
        """A version of the profile that says this: one that a death left without its process, or the next one."""
        for escrito in await self.escritor.escritos(orden):
            if isinstance(escrito, PerfilRegistrado):
                return ReferenciaPerfil(id=escrito.perfil.id, version=escrito.perfil.version)
        versiones = [version for id_, version in actores.perfiles if id_ == perfil.id]
        siguiente = max(versiones, default=0) + 1
        nuevo = perfil.model_copy(update={"version": siguiente})
        await self.escritor.emitir(PerfilRegistrado(version=siguiente, perfil=nuevo), orden)
        return ReferenciaPerfil(id=nuevo.id, version=siguiente)

    async def _guardar(
        self,
        orden: Orden,
        version: int,
        capturado: dominio.ProcesoCapturado,
        perfil: ReferenciaPerfil,
        llaves: list[LlaveProceso],
        actual: ProcesoRegistrado | None,
    ) -> ProcesoRegistrado:
        evento = ProcesoRegistrado(
            version=version,
            proceso=capturado.proceso,
            tipo=capturado.tipo,
            denominacion=capturado.denominacion,
            entidad=capturado.entidad,
            inicio=capturado.inicio,
            fin=capturado.fin,
            activo=capturado.activo,
            perfil=perfil,
            llaves=llaves,
            ambito=capturado.ambito,
            mi_apoyo=capturado.mi_apoyo,
            regimen_de_excepcion=capturado.regimen_de_excepcion,
            convenio_hasta=capturado.convenio_hasta.isoformat() if capturado.convenio_hasta else None,
            calendario=capturado.calendario,
            estimado_solicitantes=capturado.estimado_solicitantes,
            estimado_apoyos=capturado.estimado_apoyos,
            llave=actual.llave if actual else None,
            enlaces_sellados=actual.enlaces_sellados if actual else None,
            enlaces_registrados_en=actual.enlaces_registrados_en if actual else None,
            por=orden.por,
        )
        return await self.escritor.emitir(evento, orden)
