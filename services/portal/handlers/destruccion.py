"""The end of what a process holds: the fact from which it may be destroyed, the order, and how far it is carried out (SPEC 11)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from schemas.actores import Actores
from schemas.autorizacion import Rol
from schemas.envelope import Evento, keep_newest
from schemas.eventos import CierreRegistrado, DestruccionOrdenada, ExpedientesDestruidos, ProcesoRegistrado
from schemas.hora import CENTRO
from services.portal.domain import destruccion as dominio
from services.portal.domain.rechazo import Codigo, Invalida, Rechazo
from services.portal.handlers.escritura import Escritor, Orden
from services.portal.handlers.procesos import Procesos

Valores = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Destrucciones:
    """Records and orders. `avances`: the newest that descifrado says of each process."""

    escritor: Escritor
    procesos: Procesos
    avances: dict[str, ExpedientesDestruidos] = field(default_factory=dict)

    def aplicar(self, evento: Evento, offset: int) -> None:
        """Fold an event of `destruido` in."""
        if isinstance(evento, ExpedientesDestruidos):
            keep_newest(self.avances, evento.proceso, evento)

    async def cerrar(self, orden: Orden, rol: Rol, proceso: str, version: int, valores: Valores) -> CierreRegistrado:
        """Record the fact, or correct what that version says (0: there is none). Raises Invalida, Rechazo, Unavailable."""
        actores = await self.escritor.al_dia()
        for escrito in await self.escritor.escritos(orden):
            if isinstance(escrito, CierreRegistrado):
                return escrito
        actual = self.por_cerrar(actores, proceso, rol)
        ahora = self.escritor.clock.now()
        capturado = dominio.leer_cierre(valores, actual, ahora.astimezone(CENTRO).date())
        evento = CierreRegistrado(
            version=version + 1,
            proceso=proceso,
            hecho=dominio.norma_de(actores.perfil_de(proceso)).hecho,
            fecha=capturado.fecha.isoformat(),
            documento=capturado.documento,
            por=orden.por,
            registrado_en=ahora,
        )
        return await self.escritor.emitir(evento, orden)

    def por_cerrar(self, actores: Actores, proceso: str, rol: Rol) -> ProcesoRegistrado:
        """The process, for a role that records the fact. Raises Rechazo."""
        actual = self.procesos.cambiable(actores, proceso)
        if not dominio.asienta(rol, actual):
            raise Rechazo(Codigo.LO_ASIENTA_OTRO)
        return actual

    async def ordenar(self, orden: Orden, proceso: str, version: int, valores: Valores) -> DestruccionOrdenada:
        """Order the destruction; the same order again is the same event. `version`: of the fact that was on the page.

        Raises Invalida (field `orden`: why it may not be ordered), Rechazo, Unavailable.
        """
        actores = await self.escritor.al_dia()
        for escrito in await self.escritor.escritos(orden):
            if isinstance(escrito, DestruccionOrdenada):
                return escrito
        self.procesos.cambiable(actores, proceso)
        ahora = self.escritor.clock.now()
        if (impedimento := dominio.impedimento(actores, proceso, orden.por, ahora)) is not None:
            raise Invalida({"orden": impedimento})
        cierre = actores.cierres[proceso]
        if cierre.version != version:
            raise Rechazo(Codigo.CAMBIADO)
        capturada = dominio.leer_orden(valores, proceso)
        evento = DestruccionOrdenada(
            version=1,
            proceso=proceso,
            numeral=dominio.norma_de(actores.perfil_de(proceso)).numeral,
            cierre_version=cierre.version,
            documento=capturada.documento,
            motivo=capturada.motivo,
            perfil=actores.procesos[proceso].perfil,
            por=orden.por,
            ordenada_en=ahora,
        )
        return await self.escritor.emitir(evento, orden)
