"""What an access allows, and what the history of a record tells of each event. Pure.

A history holds no personal data but the accounts of those who acted: who was given it, decided, retried.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from credencial.inconsistencias import POR_CLAVE
from credencial.situaciones import TEXTO_CAUSA, TEXTO_SITUACION, CausaBaja, Situacion
from schemas.envelope import Evento, Sobre
from schemas.eventos import (
    AccesoRegistrado,
    Fase,
    RegistroClasificado,
    RegistroCompulsado,
    RegistroCorregido,
    RegistroDescifrado,
    RegistroEnCuarentena,
    RegistroRecibido,
    ReintentoSolicitado,
    SituacionRegistral,
)
from schemas.paquete import Parte
from schemas.perfil import InconsistenciaPropia
from services.mesa_control.correccion.domain import ETIQUETA
from services.mesa_control.domain import TEXTO_ALERTA

ACCESOS_EN_LA_HISTORIA = 500
"""Of one record, the newest that its history shows; topic `acceso` has them all."""

NOMBRE_DE_PARTE: dict[Parte, str] = {
    Parte.DATOS: "datos",
    Parte.ANVERSO: "anverso",
    Parte.REVERSO: "reverso",
    Parte.FOTO: "foto viva",
    Parte.FIRMA: "firma",
}


def ampara(acceso: AccesoRegistrado, folio: str, parte: str, quien: str, ahora: datetime) -> bool:
    """Whether that access covers showing that part to that person now, so that nothing more needs to be written."""
    return (
        acceso.folio == folio
        and acceso.quien == quien
        and parte in acceso.partes
        and acceso.hasta is not None
        and ahora < acceso.hasta
    )


def marca(acceso: AccesoRegistrado) -> str:
    """What the file of an image says of whom it was given to, and under which access of topic `acceso`."""
    return f"Apoyo: {acceso.quien} {acceso.desde:%Y-%m-%dT%H:%M:%SZ} {acceso.acceso}"


@dataclass(frozen=True, slots=True)
class Paso:
    """One event of a record's life, for people. `quien`: the account that acted; None: a machine."""

    que: str
    texto: str
    detalle: str
    quien: str | None
    cuando: datetime
    version: int
    por_regla: tuple[str, ...] = ()


# From events to what the projection keeps ---------------------------------------------------------------------------------


def _recibido(e: RegistroRecibido) -> tuple[datetime, str | None, dict[str, Any]]:
    return e.recibido_en, None, {"modalidad": e.modalidad.value, "reglas": e.reglas}


def _acceso(e: AccesoRegistrado) -> tuple[datetime, str | None, dict[str, Any]]:
    return e.desde, e.quien, {"via": e.via, "partes": [p.value for p in e.partes]}


def _compulsado(e: RegistroCompulsado) -> tuple[None, str | None, dict[str, Any]]:
    dicho = e.model_dump(mode="json", include={"fase", "situacion", "causa_baja", "corte", "duplicado_de"})
    return None, None, dicho


def _clasificado(e: RegistroClasificado) -> tuple[datetime, str | None, dict[str, Any]]:
    return e.decidido_en, e.operador, e.model_dump(mode="json", include={"inconsistencias", "excepciones", "catalogo"})


RELATOS: dict[type[Evento], Callable[[Any], tuple[datetime | None, str | None, dict[str, Any]]]] = {
    RegistroRecibido: _recibido,
    RegistroDescifrado: lambda e: (None, None, {"alertas": sorted({a.codigo for a in e.alertas})}),
    RegistroEnCuarentena: lambda e: (None, None, {"motivo": e.motivo}),
    ReintentoSolicitado: lambda e: (e.solicitado_en, e.por, {}),
    RegistroCorregido: lambda e: (e.corregido_en, e.operador, {"campos": list(e.campos)}),
    RegistroCompulsado: _compulsado,
    AccesoRegistrado: _acceso,
    RegistroClasificado: _clasificado,
}
"""Each event of a history: when (None: when it was written), who, and what else is told of it."""

_ORDEN = {tipo.nombre: n for n, tipo in enumerate(RELATOS)}


def guardado(sobre: Sobre) -> dict[str, Any]:
    """An event as the projection keeps it; moments to the millisecond, as the store does."""
    cuando, quien, datos = RELATOS[type(sobre.evento)](sobre.evento)
    cuando = cuando or sobre.hora
    return {
        "id": sobre.id,
        "que": sobre.evento.nombre,
        "version": sobre.evento.version,
        "cuando": cuando.replace(microsecond=cuando.microsecond // 1000 * 1000),
        "quien": quien,
        "datos": datos,
    }


def con(pasos: Sequence[Mapping[str, Any]], nuevo: Mapping[str, Any]) -> list[Mapping[str, Any]] | None:
    """The history with one more event, in its order; None when it has it already. The same in whatever order events come."""
    if any(p["id"] == nuevo["id"] for p in pasos):
        return None
    todos = sorted([*pasos, nuevo], key=lambda p: (p["cuando"], _ORDEN[p["que"]], p["version"], p["id"]))
    accesos = [p["id"] for p in todos if p["que"] == AccesoRegistrado.nombre]
    sobran = set(accesos[:-ACCESOS_EN_LA_HISTORIA])
    return None if nuevo["id"] in sobran else [p for p in todos if p["id"] not in sobran]


# From what the projection keeps to words ----------------------------------------------------------------------------------


def en_palabras(guardado: Mapping[str, Any], propias: Mapping[str, InconsistenciaPropia]) -> Paso:
    """An event of a history in words. `propias`: what OPLs added to the catalogue."""
    texto, detalle, reglas = _PALABRAS[guardado["que"]]({**guardado["datos"], "propias": propias})
    return Paso(
        guardado["que"], texto, detalle, guardado["quien"], guardado["cuando"], guardado["version"], tuple(reglas)
    )


Dicho = tuple[str, str, Sequence[str]]
_VIAS = {
    "asignacion": "Se le asignó para revisarlo y se le entregó",
    "folio": "Lo abrió por su folio",
    "imagen": "Abrió una imagen",
    "anterior": "Lo abrió (asentado antes de que se anotara por qué medio)",
}


def _dice_recibido(d: Mapping[str, Any]) -> Dicho:
    return "Recibido", f"Modalidad: {d['modalidad'].replace('_', ' ')}", [descripcion_de(r) for r in d["reglas"]]


def _dice_descifrado(d: Mapping[str, Any]) -> Dicho:
    alertas = [TEXTO_ALERTA.get(a, a.replace("_", " ").capitalize()) for a in d["alertas"]]
    return "Abierto y examinado", f"Alertas: {'; '.join(alertas)}" if alertas else "Sin alertas", ()


def _dice_compulsado(d: Mapping[str, Any]) -> Dicho:
    fase = "Consulta preliminar al padrón" if d["fase"] == Fase.PRELIMINAR else "Compulsa definitiva"
    duplicado = f". La misma persona aparece en {d['duplicado_de']}" if d["duplicado_de"] else ""
    return fase, f"{texto_de_situacion(d['situacion'], d['causa_baja'])}, corte {d['corte']}{duplicado}", ()


def _dice_acceso(d: Mapping[str, Any]) -> Dicho:
    return _VIAS[d["via"]], ", ".join(NOMBRE_DE_PARTE[Parte(p)] for p in d["partes"]).capitalize(), ()


def _dice_clasificado(d: Mapping[str, Any]) -> Dicho:
    motivos = [i for i in d["inconsistencias"] if i["origen"] == "revision"]
    reglas = [descripcion_de(i["clave"]) for i in d["inconsistencias"] if i["origen"] == "regla"]
    dichos = "; ".join(f"{_motivo(i['clave'], d['propias'])}{_entre(i['detalle'])}" for i in motivos)
    if motivos or not reglas:
        texto = "Decidido con inconsistencia" if motivos else "Decidido sin inconsistencia"
    else:
        texto = "Decidido: quien revisó no encontró inconsistencia; la hay por regla"
    validas = [
        f"{c}) válida por excepción: {POR_CLAVE[c].excepcion if c in POR_CLAVE else ''}" for c in d["excepciones"]
    ]
    return texto, ". ".join([*([dichos] if dichos else []), *validas, f"Catálogo {d['catalogo']}"]), reglas


_PALABRAS: dict[str, Callable[[Mapping[str, Any]], Dicho]] = {
    RegistroRecibido.nombre: _dice_recibido,
    RegistroDescifrado.nombre: _dice_descifrado,
    RegistroEnCuarentena.nombre: lambda d: (
        "No se pudo abrir: en cuarentena",
        f"Motivo: {d['motivo'].replace('_', ' ')}",
        (),
    ),
    ReintentoSolicitado.nombre: lambda d: ("Pidió abrirlo otra vez", "", ()),
    RegistroCorregido.nombre: lambda d: (
        "Corrigió el formulario desde la imagen",
        ", ".join(ETIQUETA[campo] for campo in d["campos"]),
        (),
    ),
    RegistroCompulsado.nombre: _dice_compulsado,
    AccesoRegistrado.nombre: _dice_acceso,
    RegistroClasificado.nombre: _dice_clasificado,
}


def _motivo(clave: str, propias: Mapping[str, InconsistenciaPropia]) -> str:
    """A reason with its inciso, or as the OPL that added it says."""
    return propias[clave].descripcion if clave in propias else f"{clave}) {descripcion_de(clave)}"


def _entre(detalle: str | None) -> str:
    return f" ({detalle})" if detalle else ""


def descripcion_de(clave: str) -> str:
    """An inconsistency in words; of one that the catalogue of this version does not have, its word."""
    return POR_CLAVE[clave].descripcion if clave in POR_CLAVE else clave.replace("_", " ")


def texto_de_situacion(situacion: str, causa: str | None) -> str:
    """A registral situation in words, with the cause of a baja."""
    if situacion == SituacionRegistral.PENDIENTE:
        return "Pendiente: falta cargar el corte del padrón"
    texto = TEXTO_SITUACION[Situacion(situacion)]
    if causa is None:
        return texto
    return f"{texto}: {TEXTO_CAUSA[CausaBaja(causa)].lower() if causa in set(CausaBaja) else causa}"
