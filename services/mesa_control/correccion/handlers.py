"""Correcting a form: load, decide, store, publish."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from kernel.documents import Document
from kernel.errors import Conflict
from kernel.sealing import derive, seal, unseal
from schemas.eventos import CampoCorregible, RegistroCorregido
from schemas.expediente import DATOS, contexto_de_correccion
from schemas.paquete import DatosRegistro
from services.mesa_control import metrics
from services.mesa_control.correccion.domain import (
    Aviso,
    OrdenDeCorreccion,
    aplicar,
    avisos,
    corregir,
    errores_de,
    procede,
    ya_corregido,
)
from services.mesa_control.domain import Rechazo
from services.mesa_control.handlers import INTENTOS, MesaDeControl, Registro

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Revision:
    """What would come of a correction. `campos`: what would change; `errores`: what no form may hold, by field."""

    campos: list[CampoCorregible]
    errores: dict[CampoCorregible, str]
    avisos: list[Aviso]


@dataclass(frozen=True, slots=True)
class Correcciones:
    """Of forms, from the image. What it opens is recorded as every opening is."""

    mesa: MesaDeControl

    async def revisar(
        self, folio: str, quien: str, cambios: Mapping[CampoCorregible, str | None], acceso: str | None = None
    ) -> Revision:
        """Look at a form with changes, and change nothing. `acceso` and what it raises: see `MesaDeControl.registro`."""
        datos = (await self.mesa.registro(folio, quien, acceso)).datos
        errores = errores_de(cambios)
        buenos = {campo: valor for campo, valor in cambios.items() if campo not in errores}
        try:
            nuevos, campos = aplicar(datos, buenos)
        except Rechazo:
            nuevos, campos = datos, []
        return Revision(campos, errores, avisos(nuevos))

    async def corregir(self, folio: str, operador: str, orden: OrdenDeCorreccion, causa: str) -> RegistroCorregido:
        """Carry out the order, whose idempotency key is `causa`: again with the same key, the same answer.

        Raises Rechazo (see `domain.corregir`, and `llave_reutilizada`), KeyDestroyed, CannotUnseal, Conflict, Unavailable.
        """
        mesa = self.mesa
        registro = await mesa.registro(folio, operador)
        raiz = derive(await mesa.raiz(registro.descifrado), DATOS)
        motivo = procede(registro.ciclo, registro.datos)
        try:
            nuevos, campos = corregir(
                registro.ciclo, registro.correcciones, registro.asignado_a, operador, orden, registro.datos
            )
            evento, cause = self._evento(registro, operador, orden, nuevos, campos, raiz), causa
        except Rechazo:
            # Perhaps this very correction was made before; what was written down says so.
            hecha = await mesa.outbox.get(RegistroCorregido.topic, folio, orden.version)
            if hecha is None:
                raise
            evento, cause = _leer(hecha), hecha["headers"]["ce_causa"]
        emitted = await mesa.outbox.emit_or_taken(evento, cause=cause)
        correccion = _leer(emitted.stored)
        await self._registrar(correccion)
        if emitted.stored["headers"]["ce_causa"] != causa or correccion.operador != operador:
            raise ya_corregido(correccion)
        if not _es_respuesta_a(correccion, orden, registro, raiz):
            raise Rechazo("llave_reutilizada")
        if emitted.new:
            metrics.CORRECCIONES.labels(motivo or "").inc()
            log.info("registro_corregido", folio=folio, version=correccion.version, quien=operador)
        return correccion

    def _evento(
        self,
        registro: Registro,
        operador: str,
        orden: OrdenDeCorreccion,
        nuevos: DatosRegistro,
        campos: list[CampoCorregible],
        raiz: bytes,
    ) -> RegistroCorregido:
        actores = self.mesa.ver_actores()
        if registro.recibido.proceso not in actores.procesos:
            raise Rechazo("proceso_desconocido")
        sellados = seal(raiz, nuevos.model_dump_json().encode(), contexto_de_correccion(registro.folio, orden.version))
        return RegistroCorregido(
            version=orden.version,
            folio=registro.folio,
            campos=campos,
            llave=registro.descifrado.llave,
            datos_sellados=base64.b64encode(sellados).decode(),
            operador=operador,
            corregido_en=self.mesa.clock.now(),
            compulsado_version=orden.compulsado_version,
            perfil=actores.procesos[registro.recibido.proceso].perfil,
            actores_offset=actores.offset,
        )

    async def _registrar(self, correccion: RegistroCorregido) -> None:
        """Fold an own correction in at once: until its lookup comes the record waits, kept for whoever corrected it."""
        mesa = self.mesa
        lease = {"operador": correccion.operador, "asignado_hasta": mesa.clock.now() + mesa.asignacion}
        for _ in range(INTENTOS):
            actual = await mesa.registros.get(correccion.folio)
            try:
                await mesa.proyector.doblar_correccion(correccion, actual, lease)
            except Conflict:
                continue
            return
        raise Conflict(f"{correccion.folio} keeps being written")


def _leer(stored: Document) -> RegistroCorregido:
    return RegistroCorregido.model_validate_json(bytes(stored["value"]), extra="ignore")


def _es_respuesta_a(correccion: RegistroCorregido, orden: OrdenDeCorreccion, registro: Registro, raiz: bytes) -> bool:
    """Whether the correction is what the order asks for: else its idempotency key was used for something else."""
    antes = registro.formularios[orden.corrige]
    donde = contexto_de_correccion(correccion.folio, correccion.version)
    abiertos = unseal(raiz, base64.b64decode(correccion.datos_sellados), donde)
    despues = DatosRegistro.model_validate_json(abiertos, extra="ignore")
    try:
        return aplicar(antes, orden.cambios)[0] == despues
    except Rechazo:
        return False
