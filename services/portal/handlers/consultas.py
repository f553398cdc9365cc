"""Lookups in the roll about auxiliares: asked of compulsa on a topic, and what follows from its answer (P 7.6, D 4.5).

Of each auxiliar there is one lookup, whose id follows from theirs: asking again is asking once. A registration asks at once; what a
death left unasked `reparar` asks. The answer is taken in by a consumer that any number of instances may run: both events that
follow from it are version 1 of their kind, so that an answer which comes twice, or after somebody dismissed the auxiliar, changes
nothing.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from pydantic import ValidationError

from kernel.clock import Clock
from kernel.dispatch import Context
from kernel.errors import BadInput, Conflict, Unavailable
from kernel.outbox import Outbox, VersionTaken, Wanted
from kernel.sealing import CannotUnseal
from schemas.actores import (
    CONSULTA,
    Actores,
    DatosAuxiliar,
    DatosConsulta,
    RespuestaConsulta,
    contexto_de_auxiliar,
    contexto_de_consulta,
    contexto_de_respuesta,
)
from schemas.eventos import (
    AuxiliarDadoDeBaja,
    AuxiliarRegistrado,
    AuxiliarVerificado,
    ConsultaRespondida,
    ConsultaSolicitada,
)
from schemas.tipos import proceso_de
from services.portal import metrics
from services.portal.domain.auxiliares import Resultado, id_de_consulta, motivo_de_regla, resultado_de
from services.portal.handlers.escritura import Escritor, Vista
from services.portal.handlers.personas import Personas, abierto, sellado

log = structlog.get_logger()

REPARAR_TRAS = timedelta(seconds=20)
"""Older than this, who registered an auxiliar has asked, or died."""
_POR_VEZ = 100
_PREFIJO = "auxiliar/"


@dataclass
class Consultas:
    """Asks, and takes the answers in. `_preguntadas`: auxiliares known to have been asked about."""

    escritor: Escritor
    outbox: Outbox
    personas: Personas
    vista: Vista
    clock: Clock
    _preguntadas: set[tuple[str, str]] = field(default_factory=set)

    async def pedir(self, auxiliares: Sequence[AuxiliarRegistrado]) -> None:
        """Ask about auxiliares whom their profile has looked up when they are registered. Raises Unavailable."""
        actores = self.vista.actores
        suyos = [a for a in auxiliares if _al_registrar(actores, a.solicitud)]
        raices = await self.personas.abrir_para_el_sistema([a.llave for a in suyos])
        pedidas = [self._solicitada(a, raices[a.llave]) for a in suyos if a.llave in raices]
        await self.outbox.emit_many([Wanted(p, f"consulta/{p.sujeto}") for p in pedidas if p is not None])
        self._preguntadas.update((a.solicitud, a.auxiliar) for a in suyos)

    def _solicitada(self, auxiliar: AuxiliarRegistrado, raiz: bytes) -> ConsultaSolicitada | None:
        contexto = contexto_de_auxiliar(auxiliar.solicitud, auxiliar.auxiliar)
        datos = abierto(raiz, auxiliar.datos_sellados, DatosAuxiliar, contexto)
        if not datos.clave_elector:
            return None  # registered before the portal was: there is nothing to look up
        consulta = id_de_consulta(auxiliar.solicitud, auxiliar.auxiliar)
        return ConsultaSolicitada(
            version=1,
            consulta=consulta,
            proceso=proceso_de(auxiliar.solicitud),
            sujeto=auxiliar.asunto,
            llave=auxiliar.llave,
            datos_sellados=sellado(
                raiz, DatosConsulta(clave_elector=datos.clave_elector), contexto_de_consulta(consulta), CONSULTA
            ),
            solicitada_en=self.clock.now(),
        )

    async def reparar(self) -> int:
        """Ask about those of whom a death left it unasked; how many were looked at. Raises Unavailable."""
        actores, horizonte = self.vista.actores, self.clock.now() - REPARAR_TRAS
        pendientes = [
            registrado
            for clave in self.vista.nomina.sin_respuesta
            if clave not in self._preguntadas
            and (registrado := actores.auxiliares[clave]).registrado_en is not None
            and registrado.registrado_en <= horizonte
            and _al_registrar(actores, registrado.solicitud)
        ][:_POR_VEZ]
        if pendientes:
            ids = {id_de_consulta(a.solicitud, a.auxiliar): a for a in pendientes}
            escritas = {d["subject"] for d in await self.outbox.written(list(ids))}
            faltan = [a for id_, a in ids.items() if id_ not in escritas]
            if faltan:
                log.warning("lookups_asked_late", auxiliares=len(faltan))
            await self.pedir(faltan)
            self._preguntadas.update((a.solicitud, a.auxiliar) for a in pendientes)
        return len(pendientes)

    async def reparar_siempre(self, cada_s: float = 5.0) -> None:
        """A round every so often, until cancelled. Engines that do not answer are left to the stream's guard."""
        while True:
            try:
                while await self.reparar():
                    pass
            except (Unavailable, Conflict) as error:
                log.warning("lookups_repair_postponed", error=str(error))
            await asyncio.sleep(cada_s)

    async def en_respuesta(self, respondida: ConsultaRespondida, context: Context) -> None:
        """Take an answer in. Raises BadInput (KeyDestroyed included) and Unavailable."""
        auxiliar = await self._auxiliar(respondida)
        clave = (auxiliar.solicitud, auxiliar.auxiliar)
        if clave in self.vista.actores.bajas:
            return  # it comes late, and a dismissal stands
        resultado = await self._resultado(respondida, auxiliar)
        verificado = AuxiliarVerificado(
            version=1,
            solicitud=auxiliar.solicitud,
            auxiliar=auxiliar.auxiliar,
            consulta=respondida.consulta,
            corte=respondida.corte,
            resultado=resultado,
            verificado_en=self.clock.now(),
        )
        await self._una_vez(verificado, context.cause)
        metrics.VERIFICADOS.labels(resultado).inc()
        motivo = motivo_de_regla(resultado, self.vista.actores.perfil_de(proceso_de(auxiliar.solicitud)))
        if motivo is not None:
            baja = AuxiliarDadoDeBaja(
                version=1,
                solicitud=auxiliar.solicitud,
                auxiliar=auxiliar.auxiliar,
                desde=self.clock.now(),
                por="ine",
                motivo=motivo.texto,
            )
            await self._una_vez(baja, context.cause)

    async def _una_vez(self, evento: AuxiliarVerificado | AuxiliarDadoDeBaja, causa: str) -> None:
        # Somebody may have said it first: another instance, or who dismissed by hand.
        with contextlib.suppress(VersionTaken):
            await self.outbox.emit(evento, cause=causa)

    async def _auxiliar(self, respondida: ConsultaRespondida) -> AuxiliarRegistrado:
        asunto = respondida.sujeto.removeprefix(_PREFIJO)
        solicitud, _, auxiliar = asunto.partition("/")
        if asunto == respondida.sujeto or respondida.consulta != id_de_consulta(solicitud, auxiliar):
            raise BadInput("consulta_ajena", respondida.consulta)
        clave = (solicitud, auxiliar)
        if clave not in self.vista.actores.auxiliares:
            # It was registered before it was asked about: this process lags behind, or nobody ever asked.
            await self.escritor.al_dia()
        registrado = self.vista.actores.auxiliares.get(clave)
        if registrado is None:
            raise BadInput("auxiliar_desconocido", respondida.consulta)
        return registrado

    async def _resultado(self, respondida: ConsultaRespondida, auxiliar: AuxiliarRegistrado) -> Resultado:
        raices = await self.personas.abrir_para_el_sistema([auxiliar.llave])
        if auxiliar.llave not in raices:
            raise BadInput("llave_destruida", respondida.consulta)
        contexto = contexto_de_respuesta(respondida.consulta)
        try:
            respuesta = abierto(
                raices[auxiliar.llave], respondida.respuesta_sellada, RespuestaConsulta, contexto, CONSULTA
            )
        except (CannotUnseal, ValidationError) as error:
            # Without its cause: a ValidationError repeats what it could not read.
            raise BadInput("respuesta_ilegible", f"{respondida.consulta}: {type(error).__name__}") from None
        resultado = resultado_de(respuesta.situacion)
        if resultado is None:
            raise BadInput("respuesta_sin_situacion", respondida.consulta)
        return resultado


def _al_registrar(actores: Actores, solicitud: str) -> bool:
    return actores.perfil_de(proceso_de(solicitud)).consulta_de_auxiliar == "al_registrar"
