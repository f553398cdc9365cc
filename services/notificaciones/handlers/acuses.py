"""The receipt of each envío.

Whoever writes the last missing piece sees all others, because each handler writes first and looks afterwards: so some handler
finds the envío complete.
"""

import base64
from dataclasses import dataclass

import structlog

from kernel.dispatch import Context
from kernel.documents import Document, Documents, Keyed
from kernel.errors import Conflict, KeyDestroyed, Unavailable
from kernel.sealing import CannotUnseal, unseal
from schemas.actores import VerActores
from schemas.eventos import EnvioAbierto, EnvioCerrado, RegistroDescifrado, RegistroEnCuarentena
from schemas.expediente import ACUSE, DatosAcuse, contexto
from schemas.tipos import proceso_de
from services.notificaciones import metrics
from services.notificaciones.domain.acuse import Renglon, Sin, encargo, lo_que_espera, redactar
from services.notificaciones.handlers.direcciones import Direcciones, Llavero
from services.notificaciones.handlers.entregas import Carta, Entrega, Entregas, reemplazar

log = structlog.get_logger()

Desenlace = RegistroDescifrado | RegistroEnCuarentena


@dataclass(frozen=True, slots=True)
class Acuses:
    """The handlers with what they depend on. `envios`: one document per envío; `desenlaces`: one per folio."""

    envios: Documents
    desenlaces: Documents
    llavero: Llavero
    direcciones: Direcciones
    entregas: Entregas
    ver_actores: VerActores

    async def envio_abierto(self, evento: EnvioAbierto, context: Context) -> None:
        """Note that the envío exists: the receipts of later ones count it."""
        await doblar_envio(self.envios, evento)

    async def envio_cerrado(self, evento: EnvioCerrado, context: Context) -> None:
        """Note the closing; send the receipt if nothing is missing."""
        await doblar_envio(self.envios, evento)
        await self._notificar(evento.envio)

    async def desenlace(self, evento: Desenlace, context: Context) -> None:
        """Note what became of a record; send the receipt of its envío if nothing is missing."""
        await doblar_desenlace(self.desenlaces, evento)
        await self._notificar(evento.envio)

    async def _notificar(self, envio: str) -> None:
        documento = await self.envios.get(envio)
        if documento is None or documento["cierre"] is None:
            return
        cierre = EnvioCerrado.model_validate(documento["cierre"], strict=False)
        for esperados in lo_que_espera(cierre):
            if await self.desenlaces.count(esperados) < cierre.recibidos:
                return

        async def escribir() -> Carta:
            para = await self._correo_de(cierre)
            texto = redactar(cierre, await self._numero_de_envios(documento), await self._renglones(envio))
            return Carta(para, texto)

        if await self.entregas.entregar(encargo(envio), escribir) is Entrega.ENVIADO:
            metrics.DEMORA.observe((self.entregas.clock.now() - cierre.cerrado_en).total_seconds())

    async def _numero_de_envios(self, documento: Document) -> int:
        quien = {campo: documento[campo] for campo in ("solicitud", "auxiliar")}
        return await self.envios.count({**quien, "abierto_en": {"$lte": documento["abierto_en"]}})

    async def _correo_de(self, cierre: EnvioCerrado) -> str | None:
        """The auxiliar's e-mail; None when it can never be read again. Raises BadInput, Unavailable."""
        auxiliar = self.ver_actores().auxiliares.get((cierre.solicitud, cierre.auxiliar))
        if auxiliar is None:
            # ingesta saw this auxiliar before it opened the envío: it is this process that lags behind.
            raise Unavailable("actores: the auxiliar is not known yet")
        return await self.direcciones.de_auxiliar(auxiliar)

    async def _renglones(self, envio: str) -> list[Renglon]:
        return [
            Renglon(
                documento["_id"],
                documento["recibido_en"],
                documento["codigo_integridad"],
                await self._identificadores(documento),
            )
            for documento in await self.desenlaces.find({"envio": envio})
        ]

    async def _identificadores(self, documento: Document) -> DatosAcuse | Sin:
        if documento["llave"] is None:
            return "cuarentena"
        folio = documento["_id"]
        if proceso_de(folio) in self.ver_actores().destrucciones:
            metrics.SIN_ABRIR.labels("llave_destruida").inc()
            return "no_disponible"
        try:
            llave = await self.llavero.open(documento["llave"])
            sellado = base64.b64decode(documento["acuse_sellado"])
            abierto = DatosAcuse.model_validate_json(unseal(llave, sellado, contexto(folio, ACUSE)))
        except KeyDestroyed:
            metrics.SIN_ABRIR.labels("llave_destruida").inc()
            return "no_disponible"
        except CannotUnseal:
            # One record that does not open must not cost the others their receipt.
            metrics.SIN_ABRIR.labels("no_abre").inc()
            log.error("receipt_cannot_unseal", folio=folio)
            return "no_disponible"
        return abierto


async def doblar_envio(envios: Keyed, evento: EnvioAbierto | EnvioCerrado) -> None:
    """Note the opening or the closing, and no more. Raises Conflict."""
    cierre = evento if isinstance(evento, EnvioCerrado) else None
    documento = _envio(evento, cierre)
    if await envios.put_if_absent(documento) or cierre is None:
        return
    actual = await envios.get(evento.envio)
    if actual is None:
        raise Conflict("envio")
    if actual["cierre"] is None:
        await reemplazar(envios, documento, actual["revision"])


async def doblar_desenlace(desenlaces: Keyed, evento: Desenlace) -> None:
    """Note what became of a record, and no more. Raises Conflict."""
    documento = _desenlace(evento)
    if await desenlaces.put_if_absent(documento):
        return
    actual = await desenlaces.get(evento.folio)
    if actual is None:
        raise Conflict("desenlace")
    if actual["version"] < evento.version:
        await reemplazar(desenlaces, documento, actual["revision"])


def _envio(evento: EnvioAbierto | EnvioCerrado, cierre: EnvioCerrado | None) -> Document:
    return {
        "_id": evento.envio,
        "revision": 1,
        "solicitud": evento.solicitud,
        "auxiliar": evento.auxiliar,
        "abierto_en": evento.abierto_en,
        "cierre": cierre.model_dump(mode="json") if cierre else None,
    }


def _desenlace(evento: Desenlace) -> Document:
    abierto = evento if isinstance(evento, RegistroDescifrado) else None
    return {
        "_id": evento.folio,
        "revision": 1,
        "version": evento.version,
        "envio": evento.envio,
        "recibido_en": evento.recibido_en,
        "codigo_integridad": evento.codigo_integridad,
        "llave": abierto.llave if abierto else None,
        "acuse_sellado": abierto.acuse_sellado if abierto else None,
    }
