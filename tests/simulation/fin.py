"""The end of a process that came to rest: the fact, the order, and its destruction while things fail, come late, and come back.

The portal lets nobody order it while records are received (`unit/test_portal_destruccion.py`); here some come at that very moment,
since a package may wait in the stream for as long as descifrado is stopped.
"""

import asyncio
import random
from collections.abc import Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any

from apoyo.escenario import PROCESO
from dispositivo.poblacion.plan import Captura
from kernel.documents import MemoryDocuments
from kernel.errors import KeyDestroyed
from kernel.sealing import CannotUnseal, KeyRing
from schemas.eventos import (
    CierreRegistrado,
    DestruccionOrdenada,
    ExpedientesDestruidos,
    RegistroDescifrado,
    RegistroRecibido,
)
from services.mesa_control.domain import Rechazo
from services.mesa_control.handlers import MesaDeControl, Registro
from tests.simulation.escenario import comun, mensaje_del_portal
from tests.simulation.motores import Fallas, Lugar, ahora, nombres
from tests.simulation.mundo import Mundo, SinRespuesta, copia
from tests.support.ejemplos import ejemplo

OTRO = PROCESO + "1"
"""Another process, whose id begins as that one's. Nothing of it may be touched."""
DE_OTRO = f"{OTRO}-0001-A0001"
"""Folio and key of its only record."""
LLAVES = ("llaves", "descifrado.llaves_de_proceso", "compulsa.llaves_de_proceso")
DOCUMENTOS = (*LLAVES, "descifrado.huellas")
CUBOS = ("paquetes", "expedientes")
_QUIEN = "operador1"
_SE_NIEGA = ("expedientes_destruidos", "registro_desconocido", "registro_no_listo")


@dataclass(frozen=True)
class Fin:
    """What there was before the order: `hasta`, how many records in each partition; `dicho`, what each outbox held, by its id; and
    copies of the stores (a backup of each, too).

    `detenido`: descifrado was stopped before anything came late, and started only after the order.
    """

    hasta: dict[Lugar, int]
    dicho: dict[str, dict[str, bytes]]
    documentos: dict[str, MemoryDocuments]
    objetos: dict[str, dict[str, bytes]]
    detenido: bool


async def terminar(mundo: Mundo) -> Fin:
    """Play it until nothing happens any more."""
    rng = mundo.azar.rng
    _hay_otro_proceso(mundo)
    fin = _como_esta(mundo, detenido=rng.random() < 0.5)
    if fin.detenido:
        mundo.detener("descifrado")
    mundo.con_llave = rng.random() < 0.7
    tardias = _tardias(mundo)
    mundo.testigo.tardios.update(c.folio for c in tardias)
    mundo.azar.fallas = mundo.fallas = _fallas(rng)
    folios = sorted([*mundo.testigo.acuses, *mundo.testigo.tardios])

    def lanzar(*tareas: Coroutine[Any, Any, None]) -> list[asyncio.Task[None]]:
        return [mundo.bucle.create_task(tarea) for tarea in tareas]

    gente = lanzar(
        *(_llega_tarde(mundo, d, tardias) for d in sorted({c.dispositivo for c in tardias})),
        _ordenar(mundo, fin),
        mundo.caos(15, 40),
    )
    if rng.random() < 0.6:
        gente += lanzar(_restaurar(mundo, fin, rng.choice([*DOCUMENTOS, *CUBOS, *["llaves"] * 3])))
    siguen = lanzar(mundo.supervisor(), _curioso(mundo, folios))
    await asyncio.wait(gente)
    await mundo.calma()
    for task in [*gente, *siguen]:
        if task.done():
            task.result()
        else:
            task.cancel()
    for folio in folios:
        if await mundo.insistir("mesa_control", partial(_mirar, folio=folio), f"mira {folio}") is not None:
            mundo.testigo.fallas.append(f"{folio}: Mesa de Control opened it after the end")
    return fin


def _fallas(rng: random.Random) -> Fallas:
    """It takes seconds, so it is unluckier than the rest."""
    return Fallas(
        muerte=rng.choice((0.01, 0.03, 0.05)),
        negativa=rng.choice((0.005, 0.02)),
        lentitud=rng.choice((0.005, 0.02)),
        repeticion=rng.choice((0.0, 0.05)),
        impaciencia=rng.choice((0.0, 0.05, 0.3)),
        vaiven=rng.choice((0.05, 0.2)),
    )


def _hay_otro_proceso(mundo: Mundo) -> None:
    """It has of everything that is destroyed."""
    for nombre in DOCUMENTOS:
        documentos = mundo.documentos.setdefault(nombre, MemoryDocuments())
        if nombre in LLAVES:
            llavero = KeyRing(documentos, "portal", comun().privadas["portal"], comun().publicas)
            ahora(llavero.create(DE_OTRO if nombre == "llaves" else OTRO, {"portal": None}))
        else:
            ahora(documentos.put_if_absent({"_id": DE_OTRO}))
    for cubo in CUBOS:
        ahora(mundo.objetos[cubo].put(f"{OTRO}/{DE_OTRO}/x", b"x"))


def _como_esta(mundo: Mundo, *, detenido: bool) -> Fin:
    bandejas = [nombre for nombre in mundo.documentos if nombre.endswith(".outbox")]
    return Fin(
        {lugar: len(records) for lugar, records in mundo.bitacora.lugares.items()},
        {b: {d["_id"]: bytes(d["value"]) for d in ahora(mundo.documentos[b].find({}))} for b in bandejas},
        {nombre: copia(mundo.documentos[nombre]) for nombre in DOCUMENTOS},
        {cubo: {n: ahora(mundo.objetos[cubo].get(n)) for n in ahora(nombres(mundo.objetos[cubo]))} for cubo in CUBOS},
        detenido,
    )


def _tardias(mundo: Mundo) -> list[Captura]:
    """Captures of the same devices, of persons of whom there is nothing: what was known of anybody may not change."""
    conocidos = {p.id_registro for c in mundo.tirada.capturas for p in (c.persona, c.otra) if p is not None}
    dispositivos = {e.dispositivo for e in mundo.tirada.envios}
    posibles = [
        c
        for c in comun().escenario.capturas
        if c.dispositivo in dispositivos
        and conocidos.isdisjoint(p.id_registro for p in (c.persona, c.otra) if p is not None)
    ]
    rng = mundo.azar.rng
    return rng.sample(posibles, min(len(posibles), rng.randint(0, 4)))


async def _llega_tarde(mundo: Mundo, dispositivo: str, tardias: list[Captura]) -> None:
    """One more envío; what is refused stays on the device for good."""
    rng = mundo.azar.rng
    await asyncio.sleep(rng.uniform(0, 4))
    suyas = [c for c in tardias if c.dispositivo == dispositivo]
    await mundo.enviar(comun().escenario.dispositivos[dispositivo], rng.randbytes(16).hex(), suyas)


async def _ordenar(mundo: Mundo, fin: Fin) -> None:
    """The OPL records the fact, INE orders; what was stopped goes on."""
    rng = mundo.azar.rng
    hora = mundo.azar.hora()
    mundo.dice_el_portal(mensaje_del_portal(ejemplo(CierreRegistrado, proceso=PROCESO, registrado_en=hora), hora))
    await asyncio.sleep(rng.uniform(1, 8))
    hora = mundo.azar.hora()
    mundo.dice_el_portal(mensaje_del_portal(ejemplo(DestruccionOrdenada, proceso=PROCESO, ordenada_en=hora), hora))
    if _folios(mundo, RegistroRecibido.topic) - _folios(mundo, RegistroDescifrado.topic):
        mundo.azar.vistos.add("se ordena destruir lo que nadie ha abierto")
    if fin.detenido:
        await asyncio.sleep(rng.uniform(0, 4))
        mundo.seguir("descifrado")


def _folios(mundo: Mundo, topic: str) -> set[str]:
    return {record.key for record in mundo.bitacora.registros(topic)}


async def _restaurar(mundo: Mundo, fin: Fin, que: str) -> None:
    """Operations put a store back, as it was before the order, while services run: in the middle, or when all was gone."""
    rng = mundo.azar.rng
    await asyncio.sleep(rng.uniform(5, 15))
    if rng.random() < 0.5:
        desde = mundo.bucle.time()
        while not _terminada(mundo) and mundo.bucle.time() < desde + 60:
            await asyncio.sleep(1)
    if que in CUBOS:
        for nombre, contenido in fin.objetos[que].items():
            ahora(mundo.objetos[que].put(nombre, contenido))
    else:
        ahora(copia(fin.documentos[que]).take_the_place_of(mundo.documentos[que]))
    if que == "llaves" and mundo.bitacora.registros(ExpedientesDestruidos.topic) and not _terminada(mundo):
        mundo.azar.vistos.add("restaura a media destrucción")
    mundo.azar.anotar("mundo", f"restaura {que}")


def _terminada(mundo: Mundo) -> bool:
    dichos = mundo.bitacora.registros(ExpedientesDestruidos.topic)
    return bool(dichos) and ExpedientesDestruidos.model_validate_json(dichos[-1].value).terminada


async def _curioso(mundo: Mundo, folios: list[str]) -> None:
    """Somebody who looks at one record after the other. Where the order is not known yet it may still be shown."""
    while True:
        await asyncio.sleep(mundo.azar.rng.uniform(1, 6))
        folio = mundo.azar.rng.choice(folios)
        try:
            registro = await mundo.pedir("mesa_control", partial(_mirar, folio=folio), f"mira {folio}")
        except SinRespuesta:
            continue
        if registro is not None:
            mundo.testigo.mostrados.add((folio, _QUIEN))


async def _mirar(mesa: MesaDeControl, folio: str) -> Registro | None:
    """The record, if it is shown."""
    try:
        return await mesa.registro(folio, _QUIEN)
    except (KeyDestroyed, CannotUnseal):
        return None
    except Rechazo as error:
        if error.codigo not in _SE_NIEGA:
            raise
        return None
