"""An upgrade loses no record: what the release before wrote goes through today's code (deploy/README.md, "Upgrading").

`tests/support/publicacion/<release>.json` is what a release's own code made of records of every status: the messages as they lay
in the topics (`antes`, `despues`), the projections in between, and the status of each at the end. It is never changed.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from bson import json_util

import tests.support
from apoyo.despliegue.dependencias import ROOT
from apoyo.instalacion import SERVICIOS
from kernel.documents import Document, MemoryDocuments
from kernel.stream import Handler, Record
from schemas.ciclo_de_vida import Estado
from services.mesa_control import agent as mesa_control
from services.mesa_control.handlers import Proyector as DeMesa
from services.resultados import agent as resultados
from services.resultados.handlers import Proyector as DeResultados

CARPETA = Path(tests.support.__file__).with_name("publicacion")
PUBLICACIONES = pytest.mark.parametrize("publicacion", sorted(p.stem for p in CARPETA.glob("*.json")))
PROYECCIONES = pytest.mark.parametrize("servicio", ["resultados", "mesa_control"])


OPCIONES = json_util.JSONOptions(json_mode=json_util.JSONMode.RELAXED, tz_aware=True)

SE_RECONSTRUYEN = {"0.1.0": {"mesa_control"}}
"""Release → the projections that lack something when today's code takes them over: deploy/README.md says to rebuild them."""


def _publicacion(nombre: str) -> dict[str, Any]:
    texto = (CARPETA / f"{nombre}.json").read_text(encoding="utf-8")
    leido: dict[str, Any] = json_util.loads(texto, json_options=OPCIONES)
    return leido


def _mensajes(*partes: Iterable[dict[str, Any]]) -> list[Record]:
    return [
        Record(m["topic"], 0, m["offset"], m["key"], m["value"].encode(), m["headers"])
        for parte in partes
        for m in parte
    ]


def _handler(servicio: str, documentos: MemoryDocuments) -> Handler:
    if servicio == "resultados":
        return resultados.build(DeResultados(documentos))
    return mesa_control.build(DeMesa(documentos))


async def _doblados(servicio: str, mensajes: Iterable[Record], desde: Iterable[Document] = ()) -> dict[str, Document]:
    """The projection of those messages, over the documents that were there before; their counts of writes left out."""
    documentos = MemoryDocuments()
    for documento in desde:
        await documentos.put_if_absent(documento)
    handle = _handler(servicio, documentos)
    for mensaje in mensajes:
        await handle(mensaje)
    return {d["_id"]: {campo: v for campo, v in d.items() if campo != "revision"} for d in await documentos.find({})}


def _ha_crecido(antes: Document, ahora: Document) -> None:
    """What both have is equal; facts may have got fields that the release before did not know."""
    for campo in antes.keys() & ahora.keys():
        if isinstance(antes[campo], dict):
            _ha_crecido(antes[campo], ahora[campo])
        else:
            assert ahora[campo] == antes[campo], campo


@PUBLICACIONES
async def test_los_eventos_de_la_publicacion_anterior_dan_los_mismos_estados(publicacion: str) -> None:
    anterior = _publicacion(publicacion)
    doblados = await _doblados("resultados", _mensajes(anterior["antes"], anterior["despues"]))
    assert {folio: documento["estado"] for folio, documento in doblados.items()} == anterior["estados"]
    assert set(anterior["estados"].values()) == set(Estado)


@PUBLICACIONES
@PROYECCIONES
async def test_los_eventos_de_la_publicacion_anterior_dan_los_mismos_documentos(
    publicacion: str, servicio: str
) -> None:
    """A rebuild gives what there was: every record, with the value of every field that both know."""
    anterior = _publicacion(publicacion)
    doblados = await _doblados(servicio, _mensajes(anterior["antes"]))
    guardados = {d["_id"]: d for d in anterior["proyecciones"][servicio]}
    assert doblados.keys() == guardados.keys()
    for folio, documento in doblados.items():
        assert {"_id", "hechos", "divergentes"} <= documento.keys() & guardados[folio].keys()
        _ha_crecido(guardados[folio], documento)


@PUBLICACIONES
@PROYECCIONES
async def test_la_proyeccion_de_la_publicacion_anterior_sigue_donde_quedo(publicacion: str, servicio: str) -> None:
    """Today's code takes over the documents, sees some of what was committed once more, and goes on: no record is lost.

    Where that is not yet what the events say, the projection is among those to rebuild.
    """
    anterior = _publicacion(publicacion)
    antes, despues = _mensajes(anterior["antes"]), _mensajes(anterior["despues"])
    seguidos = await _doblados(servicio, [*antes[-3:], *despues], anterior["proyecciones"][servicio])
    desde_cero = await _doblados(servicio, [*antes, *despues])
    assert seguidos.keys() == desde_cero.keys()
    for folio, documento in seguidos.items():
        _ha_crecido(documento["hechos"], desde_cero[folio]["hechos"])
    assert (seguidos != desde_cero) == (servicio in SE_RECONSTRUYEN[publicacion])


@PUBLICACIONES
def test_lo_que_se_reconstruye_al_actualizar_esta_escrito(publicacion: str) -> None:
    texto = (ROOT / "deploy" / "README.md").read_text(encoding="utf-8")
    renglon = next(r for r in texto.splitlines() if r.startswith(f"   - from {publicacion}: "))
    assert {s for s in SERVICIOS if f"`apoyo rebuild {s}`" in renglon} == SE_RECONSTRUYEN[publicacion]
