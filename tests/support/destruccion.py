"""An order to destroy what an installation holds of its process, what is left of it, and a backup that brings keys back."""

import asyncio
from typing import Any

from apoyo.escenario import PROCESO
from apoyo.instalacion import bitacora
from apoyo.recorrido import Recorrido
from apoyo.sistema import motores_del_portal
from kernel import documents
from kernel.dispatch import decode
from kernel.engines import KEYS_DATABASE
from kernel.objects import S3Objects
from schemas.eventos import POR_TIPO, DestruccionOrdenada, ExpedientesDestruidos
from schemas.expediente import id_de_llave
from services.descifrado.settings import Settings
from tests.support.ejemplos import ejemplo

Copia = list[dict[str, Any]]


async def ordenar(recorrido: Recorrido) -> None:
    """With the portal's rights: by its pages nobody could, while the process goes on."""
    portal = motores_del_portal(recorrido.instalacion)
    orden = ejemplo(DestruccionOrdenada, proceso=PROCESO, ordenada_en=portal.clock.now())
    async with portal.connected():
        await portal.outbox().emit(orden, cause="orden de prueba")


async def terminada(recorrido: Recorrido, despues_de: int = 0) -> ExpedientesDestruidos:
    """Wait until descifrado says, after that version, that nothing is left."""
    async with bitacora(recorrido.instalacion) as stream, asyncio.timeout(120):
        while True:
            async for record in stream.read(ExpedientesDestruidos.topic):
                dicho = decode(POR_TIPO, record).evento
                if isinstance(dicho, ExpedientesDestruidos) and dicho.terminada and dicho.version > despues_de:
                    return dicho
            await asyncio.sleep(0.2)


async def queda(recorrido: Recorrido) -> dict[str, int]:
    """How many keys of records, keys of the process, hashes and objects there are."""
    s = recorrido.instalacion.settings(Settings, "descifrado")
    client = documents.connect(recorrido.sistema.engines.mongo_uri)
    try:
        cuantos = {
            "llaves": await client[KEYS_DATABASE]["llaves"].count_documents(_de_los_registros(recorrido)),
            "huellas": await client["apoyo_descifrado"]["huellas"].count_documents({}),
        }
        for servicio in ("descifrado", "compulsa"):
            procesos = client[f"apoyo_{servicio}"]["llaves_de_proceso"]
            cuantos[f"llave de {servicio}"] = await procesos.count_documents({"wraps": {"$exists": True}})
        for cubo in ("paquetes", "expedientes"):
            objetos = S3Objects(s.s3_endpoint, s.s3_access_key, s.s3_secret_key, cubo, secure=s.s3_secure)
            cuantos[cubo] = len([n async for n in objetos.names()])
        return cuantos
    finally:
        await client.close()


async def nada_queda(recorrido: Recorrido) -> None:
    """Wait until there is nothing: compulsa sees to its own key by itself."""
    async with asyncio.timeout(60):
        while any((await queda(recorrido)).values()):
            await asyncio.sleep(0.2)


async def respaldar_llaves(recorrido: Recorrido) -> Copia:
    """All wraps, as they are now."""
    client = documents.connect(recorrido.sistema.engines.mongo_uri)
    try:
        return await client[KEYS_DATABASE]["llaves"].find({}).to_list()
    finally:
        await client.close()


async def restaurar_llaves(recorrido: Recorrido, copia: Copia) -> None:
    """What is there gives way to a backup."""
    client = documents.connect(recorrido.sistema.engines.mongo_uri)
    try:
        await client[KEYS_DATABASE]["llaves"].delete_many({})
        await client[KEYS_DATABASE]["llaves"].insert_many(copia)
    finally:
        await client.close()


def _de_los_registros(recorrido: Recorrido) -> dict[str, Any]:
    suyas = [id_de_llave(captura.folio) for captura in recorrido.escenario.capturas]
    return {"_id": {"$in": suyas}, "wraps": {"$exists": True}}
