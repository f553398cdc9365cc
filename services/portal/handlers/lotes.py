"""Batches of auxiliares: a file taken in, shown before anything is registered, then registered page by page (P 7.3, D 3).

The rows are personal data: they lie sealed under a key of the batch alone, page by page. A page's rows go when the page is done,
all of them and the key when the batch has ended or was abandoned. How each row ended stays.

Any number of instances work on batches. A lease keeps them apart, and nothing rests on it: what a row becomes is caused by the
batch and the row, and its e-mail is claimed by the insert, so that a row done twice is done once (`Auxiliares.dar_de_alta`).
Whoever dies leaves a batch at its first page that is not done; the next one goes on from there.
"""

import asyncio
import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from pydantic import TypeAdapter

from kernel.clock import Clock
from kernel.documents import Document, Documents, Write
from kernel.errors import Conflict, KeyDestroyed, Unavailable
from kernel.sealing import KeyRing, seal, unseal
from services.portal import archivos, metrics
from services.portal.domain import lotes as dominio
from services.portal.domain.lotes import (
    POR_PAGINA,
    Cuenta,
    EstadoLote,
    Fila,
    Final,
    Lote,
    LoteCerrado,
    Renglon,
    Suerte,
    contar,
    id_de_lote,
    revisar_renglones,
)
from services.portal.domain.rechazo import Codigo, Invalida, Rechazo
from services.portal.handlers.auxiliares import Alta, Auxiliares, YaRegistrado
from services.portal.handlers.escritura import Orden

log = structlog.get_logger()

CADUCA = timedelta(hours=24)
"""A preview that nobody confirmed is abandoned after so long."""
PRESTAMO = timedelta(seconds=10)
"""How long an instance alone works on a batch, from its last page on."""
_OCIO_S = 1.0
_FILAS = TypeAdapter(list[Fila])
_FINALES = TypeAdapter(list[Final])


@dataclass
class Lotes:
    """`lotes`: one document per batch; `paginas`: its rows. `instancia`: word that tells this process from another."""

    auxiliares: Auxiliares
    llavero: KeyRing
    lotes: Documents
    paginas: Documents
    clock: Clock
    instancia: str
    _leyendo: asyncio.Lock = field(default_factory=asyncio.Lock)

    # What people ask for -----------------------------------------------------------------------------------------------

    async def subir(self, orden: Orden, solicitud: str, contenido: bytes) -> Lote:
        """Take a file in and look at its rows; nothing is registered yet. The same order again is the same batch.

        Raises Invalida (field `archivo`), Rechazo, Unavailable.
        """
        await self.auxiliares.abierta(solicitud)
        id_ = id_de_lote(solicitud, orden.causa)
        actual = await self.lotes.get(id_)
        if actual is None or _lote(actual).estado is EstadoLote.SUBIENDO:
            # Read before anything is kept: a file that cannot be read leaves nothing behind.
            leido = await self._leer(contenido)
            lote = await self._empezar(orden, solicitud, id_, leido.formato, contenido)
            await self._guardar(lote, await self._revisar(solicitud, leido.renglones))
            cuentas = [Cuenta.model_validate(p["cuenta"]) for p in await self.paginas.find({"lote": id_})]
            actual = await self._cambiar(id_, lambda lote: dominio.mostrar(lote, cuentas, self.clock.now()))
        return _lote(actual)

    async def confirmar(self, solicitud: str, lote: str, *, con_avisos: bool) -> Lote:
        """Register the rows of a preview, from now on. Raises Rechazo, Unavailable."""
        await self.auxiliares.abierta(solicitud)
        await self.ver(solicitud, lote)
        return _lote(
            await self._cambiar(
                lote, lambda actual: dominio.confirmar(actual, con_avisos=con_avisos, ahora=self.clock.now())
            )
        )

    async def abandonar(self, solicitud: str, lote: str) -> Lote:
        """Forget a preview and its rows. Raises Rechazo, Unavailable."""
        await self.ver(solicitud, lote)
        abandonado = await self._cambiar(lote, lambda actual: dominio.abandonar(actual, self.clock.now()))
        await self._borrar(abandonado)
        return _lote(abandonado)

    async def ver(self, solicitud: str, lote: str) -> Lote:
        """A batch of a solicitud. Raises Rechazo, Unavailable."""
        document = await self.lotes.get(lote)
        if document is None or document["solicitud"] != solicitud:
            raise Rechazo(Codigo.NO_EXISTE)
        return _lote(document)

    async def de(self, solicitud: str) -> list[Lote]:
        """Batches of a solicitud, the newest first."""
        found = await self.lotes.find({"solicitud": solicitud})
        return sorted(map(_lote, found), key=lambda lote: lote.subido_en, reverse=True)

    async def filas(
        self, lote: Lote, suertes: Collection[Suerte] = tuple(Suerte), *, desde: int = 0, cuantas: int = POR_PAGINA
    ) -> list[Fila]:
        """Rows of a preview that may become one of these, from one on. Raises KeyDestroyed, Unavailable."""
        llave = await self.llavero.open(lote.llave)
        found: list[Fila] = []
        for numero in range(lote.paginas):
            page = await self.paginas.get(_id_de_pagina(lote.lote, numero))
            if page is None or "filas" not in page:
                continue
            suyas = sum(page["cuenta"][suerte] for suerte in suertes)
            if desde >= suyas:
                desde -= suyas
                continue
            found += [fila for fila in _abrir(llave, page) if fila.suerte in suertes][desde:]
            desde = 0
            if len(found) >= cuantas:
                break
        return found[:cuantas]

    async def finales(self, lote: str) -> list[Final]:
        """How the rows ended that are through, in order."""
        pages = await self.paginas.find({"lote": lote, "hecha": True})
        return [
            f
            for page in sorted(pages, key=lambda p: int(p["numero"]))
            for f in _FINALES.validate_python(page["finales"])
        ]

    # Taking a file in --------------------------------------------------------------------------------------------------

    async def _empezar(
        self, orden: Orden, solicitud: str, id_: str, formato: archivos.Formato, contenido: bytes
    ) -> Lote:
        ahora = self.clock.now()
        lote = Lote(
            lote=id_,
            solicitud=solicitud,
            por=orden.por,
            llave=f"lote-{id_}",
            formato=formato,
            sha256=hashlib.sha256(contenido).hexdigest(),
            subido_en=ahora,
            cuenta=Cuenta(),
            cambiado_en=ahora,
        )
        await self.lotes.put_if_absent(_documento(lote, 1) | {"por_borrar": True})
        return lote

    async def _leer(self, contenido: bytes) -> archivos.Leido:
        # One at a time: reading takes memory and seconds of processor.
        async with self._leyendo:
            try:
                return await asyncio.to_thread(archivos.leer, contenido)
            except archivos.ArchivoRechazado as error:
                metrics.RECHAZOS.labels(error.codigo).inc()
                raise Invalida({"archivo": str(error)}) from error

    async def _revisar(self, solicitud: str, renglones: Sequence[Renglon]) -> list[Fila]:
        perfil, hoy = self.auxiliares.perfil(solicitud), self.auxiliares.hoy()
        correos = self.auxiliares.correos(solicitud)
        return await asyncio.to_thread(
            revisar_renglones, renglones, perfil, hoy, self.auxiliares.emisores, correos.con_ese_correo
        )

    async def _guardar(self, lote: Lote, filas: Sequence[Fila]) -> None:
        llave = await self.llavero.create(lote.llave, {"portal": None})
        for numero, desde in enumerate(range(0, len(filas), POR_PAGINA)):
            suyas = list(filas[desde : desde + POR_PAGINA])
            await self.paginas.write(
                [
                    Write(
                        {
                            "_id": _id_de_pagina(lote.lote, numero),
                            "revision": 1,
                            "lote": lote.lote,
                            "numero": numero,
                            "hecha": False,
                            "cuenta": contar(suyas).model_dump(),
                            "filas": seal(llave, _FILAS.dump_json(suyas), _id_de_pagina(lote.lote, numero)),
                        },
                        None,
                    )
                ]
            )

    # Registering -------------------------------------------------------------------------------------------------------

    async def trabajar_siempre(self) -> None:
        """Work on batches, until cancelled. Engines that do not answer are left to the stream's guard."""
        while True:
            try:
                if await self.trabajar():
                    continue
            except (Unavailable, Conflict) as error:
                log.warning("batch_postponed", error=str(error))
            await asyncio.sleep(_OCIO_S)

    async def trabajar(self) -> bool:
        """A page of each batch that nobody else is at; whether there was any. Raises Conflict, Unavailable."""
        await self._limpiar()
        hubo = False
        for document in await self.lotes.find({"estado": EstadoLote.EN_CURSO.value}, sort="cambiado_en"):
            try:
                if (prestado := await self._tomar(document)) is not None:
                    await self._una_pagina(prestado)
                    hubo = True
            except KeyDestroyed as error:
                # Somebody else ended it meanwhile, and its key is gone.
                log.warning("batch_without_key", batch=document["_id"], detail=error.detail)
            except (Unavailable, Conflict) as error:
                # The others go on: one that cannot is not to hold them up.
                log.warning("batch_postponed", batch=document["_id"], error=str(error))
        return hubo

    async def _tomar(self, document: Document) -> Document | None:
        ahora = self.clock.now()
        if document.get("de") not in (None, self.instancia) and document["hasta"] > ahora:
            return None
        prestado = document | {
            "de": self.instancia,
            "hasta": ahora + PRESTAMO,
            "revision": document["revision"] + 1,
        }
        return prestado if await self.lotes.replace(prestado, document["revision"]) else None

    async def _una_pagina(self, document: Document) -> None:
        lote = _lote(document)
        id_ = _id_de_pagina(lote.lote, lote.hechas)
        page = await self.paginas.get(id_)
        if page is None:
            raise Unavailable(f"batch page {id_} is not there")
        if not page["hecha"]:
            page = await self._registrar(lote, page)
        finales = _FINALES.validate_python(page["finales"])
        avanzado = dominio.avanzar(lote, finales, self.clock.now())
        siguiente = document | _documento(avanzado, document["revision"] + 1)
        siguiente["hasta"] = self.clock.now() + PRESTAMO
        if await self.lotes.replace(siguiente, document["revision"]):
            for final in finales:
                metrics.RENGLONES.labels("registrado" if final.auxiliar else "no_registrado").inc()
            if avanzado.estado is EstadoLote.TERMINADO:
                await self._borrar(siguiente)

    async def _registrar(self, lote: Lote, page: Document) -> Document:
        filas = _abrir(await self.llavero.open(lote.llave), page)
        altas = {
            fila.numero: Alta(dominio.causa_de_fila(lote.lote, fila.numero), fila.datos)
            for fila in filas
            if fila.datos is not None and dominio.se_registra(fila, con_avisos=lote.con_avisos)
        }
        await self.auxiliares.escritor.al_dia()
        dadas = await self.auxiliares.dar_de_alta(lote.solicitud, list(altas.values()), lote.por) if altas else []
        por_numero = dict(zip(altas, dadas, strict=True))
        finales: list[Final] = []
        for fila in filas:
            dada = por_numero.get(fila.numero)
            if dada is None:
                finales.append(dominio.sin_registrar(fila))
            elif isinstance(dada, YaRegistrado):
                motivo = dominio.ya_registrado(dada.auxiliar)
                finales.append(Final(numero=fila.numero, auxiliar=None, motivo=motivo))
            else:
                finales.append(Final(numero=fila.numero, auxiliar=dada.auxiliar, motivo=""))
        hecha = {k: v for k, v in page.items() if k != "filas"} | {
            "hecha": True,
            "finales": [f.model_dump() for f in finales],
            "revision": page["revision"] + 1,
        }
        if not await self.paginas.replace(hecha, page["revision"]):
            raise Conflict(f"batch page {page['_id']} changed meanwhile")
        return hecha

    # Forgetting --------------------------------------------------------------------------------------------------------

    async def _limpiar(self) -> None:
        """Abandon previews that nobody confirmed in time, and forget the rows of what has ended."""
        limite = self.clock.now() - CADUCA
        sin_confirmar = [EstadoLote.SUBIENDO.value, EstadoLote.VISTA_PREVIA.value]
        for document in await self.lotes.find({"estado": {"$in": sin_confirmar}, "cambiado_en": {"$lt": limite}}):
            viejo = dominio.abandonar(_lote(document), self.clock.now())
            if await self.lotes.replace(document | _documento(viejo, document["revision"] + 1), document["revision"]):
                log.info("batch_expired", batch=document["_id"])
        cerrados = [EstadoLote.TERMINADO.value, EstadoLote.ABANDONADO.value]
        for document in await self.lotes.find({"por_borrar": True, "estado": {"$in": cerrados}}):
            await self._borrar(document)

    async def _borrar(self, document: Document) -> None:
        pages = await self.paginas.find({"lote": document["_id"]})
        await self.paginas.unset([page["_id"] for page in pages], "filas")
        await self.llavero.destroy(_lote(document).llave)
        await self.lotes.unset([document["_id"]], "por_borrar")

    # Documents ---------------------------------------------------------------------------------------------------------

    async def _cambiar(self, id_: str, cambio: Callable[[Lote], Lote]) -> Document:
        """Change a batch as it is now. Raises Rechazo, Conflict, Unavailable."""
        document = await self.lotes.get(id_)
        if document is None:
            raise Rechazo(Codigo.NO_EXISTE)
        antes = _lote(document)
        try:
            despues = cambio(antes)
        except LoteCerrado as error:
            raise Rechazo(Codigo.LOTE_CERRADO) from error
        if despues == antes:
            return document
        nuevo = document | _documento(despues, document["revision"] + 1)
        if not await self.lotes.replace(nuevo, document["revision"]):
            raise Conflict(f"batch {id_} changed meanwhile")
        return nuevo


def _documento(lote: Lote, revision: int) -> Document:
    return {
        "_id": lote.lote,
        "revision": revision,
        "solicitud": lote.solicitud,
        "estado": lote.estado.value,
        "cambiado_en": lote.cambiado_en,
        "lote": lote.model_dump(mode="json"),
    }


def _lote(document: Document) -> Lote:
    return Lote.model_validate(document["lote"], strict=False)


def _id_de_pagina(lote: str, numero: int) -> str:
    return f"{lote}/{numero:05d}"


def _abrir(llave: bytes, page: Document) -> list[Fila]:
    return _FILAS.validate_json(unseal(llave, bytes(page["filas"]), page["_id"]))
