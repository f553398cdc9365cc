"""`apoyo quarantine`: what consumers could not read, seen and sent again (`kernel/stream/guard.py` sets it aside).

A message of `<topic>.cuarentena` holds the original bytes, key and headers, and says why, from where and for which group.
Sending again publishes the original to its topic once more: every group gets it, those that handled it before find nothing new in
it, and the one that could not read it tries again (and sets it aside again, from its new place, if it still cannot). A mark on the
quarantine topic then says that it was sent. It comes second: a crash in between sends twice, which is harmless.

Accepting leaves what waits aside for good, by a mark alone. Both answer for an event: it no longer counts towards the limit at
which its consumer stops (`kernel.stream.guard.set_aside_before`).
"""

import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from apoyo.instalacion import Instalacion, bitacora
from kernel.clock import SystemClock
from kernel.stream import Message, Record, Stream
from kernel.stream.guard import (
    ACCEPTED,
    DETAIL,
    GROUP,
    ORIGIN,
    REASON,
    SENT_AGAIN,
    original_headers,
    place_of,
)
from schemas import topics
from schemas.hora import hora_centro

_HORA = "cuarentena_hora"
"""Header of a mark: when (ISO 8601, UTC)."""
_A_LA_VISTA = 4096
"""Bytes of a body that are shown at most."""


@dataclass(frozen=True, slots=True)
class Filtro:
    """Which ones: those that agree in everything that is not None."""

    topic: str | None = None
    motivo: str | None = None
    grupo: str | None = None
    origen: str | None = None


@dataclass(frozen=True, slots=True)
class Apartado:
    """One event set aside by one group. `origen`: `topic/partition/offset` of the original, or of what lies in quarantine when that
    does not say a valid one; `reenviado_en`, `aceptado_en`: None while nobody answered so."""

    topic: str
    origen: str
    grupo: str
    motivo: str
    detalle: str
    record: Record
    reenviado_en: datetime | None
    aceptado_en: datetime | None

    @property
    def pendiente(self) -> bool:
        """Whether an operator has still to answer for it."""
        return self.reenviado_en is None and self.aceptado_en is None

    @property
    def hora(self) -> datetime | None:
        """When the event says that it was written; None when it does not."""
        return _momento(self.record.headers.get("ce_time", ""))

    @property
    def original(self) -> Message:
        """The message as it was read from its topic."""
        return Message(self.topic, self.record.key, self.record.value, original_headers(self.record.headers))

    def es(self, filtro: Filtro) -> bool:
        """Whether the filter means it."""
        return all(
            wanted in (None, mine)
            for wanted, mine in (
                (filtro.topic, self.topic),
                (filtro.motivo, self.motivo),
                (filtro.grupo, self.grupo),
                (filtro.origen, self.origen),
            )
        )


async def leer(stream: Stream, filtro: Filtro = Filtro()) -> list[Apartado]:
    """What was set aside, once for each origin and group, in the order of the origins. Raises Unavailable.

    Whoever can write to a quarantine topic may have put anything there: what is no event of a guard is shown from where it lies,
    and a mark without its time is none.
    """
    found: dict[tuple[str, str], tuple[str, Record]] = {}
    marcas: dict[str, dict[str, datetime]] = {SENT_AGAIN: {}, ACCEPTED: {}}
    for topic in topics.load():
        async for record in stream.read(topic + topics.CUARENTENA):
            headers = record.headers
            origen = headers.get(ORIGIN, "")
            marca = next((m for m in marcas if m in headers), None)
            if place_of(origen, topic) is None:
                if marca is not None:
                    if (hora := _momento(headers.get(_HORA, ""))) is not None:
                        marcas[marca].setdefault(headers[marca], hora)
                    continue
                origen = f"{record.topic}/{record.partition}/{record.offset}"
            found.setdefault((origen, headers.get(GROUP, "")), (topic, record))
    apartados = [
        Apartado(
            topic,
            origen,
            grupo,
            record.headers.get(REASON, ""),
            record.headers.get(DETAIL, ""),
            record,
            marcas[SENT_AGAIN].get(origen),
            marcas[ACCEPTED].get(origen),
        )
        for (origen, grupo), (topic, record) in found.items()
    ]
    return sorted((a for a in apartados if a.es(filtro)), key=lambda a: (_lugar(a.origen), a.grupo))


async def reenviar(stream: Stream, apartados: Iterable[Apartado], ahora: datetime) -> int:
    """Publish the original of each origin that waits, in their order, and mark it; the number published. Raises Unavailable."""
    por_origen = {a.origen: a for a in apartados if a.pendiente}
    for apartado in por_origen.values():
        await stream.publish(apartado.original)
        await _marcar(stream, apartado, SENT_AGAIN, ahora)
    return len(por_origen)


async def aceptar(stream: Stream, apartados: Iterable[Apartado], ahora: datetime) -> int:
    """Mark each origin that waits as left aside for good; how many. Raises Unavailable."""
    por_origen = {a.origen: a for a in apartados if a.pendiente}
    for apartado in por_origen.values():
        await _marcar(stream, apartado, ACCEPTED, ahora)
    return len(por_origen)


async def _marcar(stream: Stream, apartado: Apartado, marca: str, ahora: datetime) -> None:
    headers = {marca: apartado.origen, _HORA: ahora.astimezone(UTC).isoformat()}
    await stream.publish(Message(apartado.record.topic, apartado.record.key, b"", headers))


def _momento(texto: str) -> datetime | None:
    """A time with its zone; None when the text is none."""
    try:
        momento = datetime.fromisoformat(texto)
    except ValueError:
        return None
    return momento if momento.tzinfo else None


def _lugar(origen: str) -> tuple[str, int, int]:
    topic, partition, offset = origen.rsplit("/", 2)
    return topic, int(partition), int(offset)


# Shown -----------------------------------------------------------------------------------------------------------------


async def listar(instalacion: Instalacion, filtro: Filtro, consola: Console, *, cada_uno: bool) -> int:
    """A row for each topic, reason and group, or for each event set aside."""
    async with bitacora(instalacion) as stream:
        apartados = await leer(stream, filtro)
    if not apartados:
        consola.print("No hay nada en cuarentena.")
        return 0
    consola.print(_uno_por_uno(apartados) if cada_uno else _por_grupo(apartados))
    return 0


_CUENTAS = {"Pendientes", "Reenviados", "Aceptados"}


def _por_grupo(apartados: list[Apartado]) -> Table:
    table = Table(title="En cuarentena", caption="Las horas son las de los eventos (hora Centro).")
    for name in (
        "Topic",
        "Motivo",
        "Grupo",
        "Pendientes",
        "Reenviados",
        "Aceptados",
        "Primero",
        "Último",
        "Por ejemplo",
    ):
        table.add_column(name, justify="right" if name in _CUENTAS else "left", overflow="fold")
    grupos: dict[tuple[str, str, str], list[Apartado]] = {}
    for a in apartados:
        grupos.setdefault((a.topic, a.motivo, a.grupo), []).append(a)
    for clave, suyos in sorted(grupos.items()):
        horas = sorted(a.hora for a in suyos if a.hora is not None)
        pendientes = [a for a in suyos if a.pendiente]
        table.add_row(
            *map(_seguro, clave),
            f"{len(pendientes):,}",
            f"{sum(a.reenviado_en is not None for a in suyos):,}",
            f"{sum(a.reenviado_en is None and a.aceptado_en is not None for a in suyos):,}",
            hora_centro(horas[0]) if horas else "",
            hora_centro(horas[-1]) if horas else "",
            _seguro((pendientes or suyos)[0].origen),
        )
    return table


def _uno_por_uno(apartados: list[Apartado]) -> Table:
    table = Table(title="En cuarentena, uno por uno")
    for name in ("Origen", "Grupo", "Motivo", "Detalle", "Hora del evento", "Reenviado", "Aceptado"):
        table.add_column(name, overflow="fold")
    for a in apartados:
        table.add_row(
            *map(_seguro, (a.origen, a.grupo, a.motivo, a.detalle)),
            hora_centro(a.hora) if a.hora else "",
            hora_centro(a.reenviado_en) if a.reenviado_en else "",
            hora_centro(a.aceptado_en) if a.aceptado_en else "",
        )
    return table


async def mostrar(instalacion: Instalacion, origen: str, consola: Console, *, completo: bool) -> int:
    """One event set aside: who could not read it and why, its headers and its body; 1 when there is none.

    Bytes that nobody could read may hold anything. By default only the shape of the body is shown, without its values; `completo`
    shows the bytes themselves, for who may see personal data. Nothing shown can move the terminal's cursor.
    """
    async with bitacora(instalacion) as stream:
        apartados = await leer(stream, Filtro(origen=origen))
    if not apartados:
        consola.print(f"No hay nada en cuarentena con origen {_seguro(origen)}.")
        return 1
    for linea in ficha(apartados, completo=completo):
        consola.print(linea, markup=False, highlight=False, soft_wrap=True)
    return 0


def ficha(apartados: list[Apartado], *, completo: bool) -> list[str]:
    """The lines that tell of one origin. `apartados`: not empty, one for each group."""
    primero = apartados[0]
    lineas = [f"Origen: {_limpio(primero.origen)}"]
    lineas += [f"Grupo {_limpio(a.grupo)}: {_limpio(a.motivo)} {_limpio(a.detalle)}".rstrip() for a in apartados]
    if primero.reenviado_en is not None:
        lineas.append(f"Reenviado: {hora_centro(primero.reenviado_en)}")
    if primero.aceptado_en is not None:
        lineas.append(f"Aceptado: {hora_centro(primero.aceptado_en)}")
    original = primero.original
    lineas += ["", "Encabezados:", f"  llave: {_limpio(original.key)}"]
    lineas += [f"  {_limpio(name)}: {_encabezado(name, value)}" for name, value in original.headers.items()]
    huella = hashlib.sha256(original.value).hexdigest()
    lineas += ["", f"Cuerpo: {len(original.value):,} bytes, SHA-256 {huella}"]
    if completo:
        visibles = original.value[:_A_LA_VISTA]
        resto = len(original.value) - len(visibles)
        return [*lineas, ascii(visibles)[2:-1], *([f"… y {resto:,} bytes más"] if resto else [])]
    return lineas + [f"  {linea}" for linea in _forma(original.value)]


async def reenviar_en(instalacion: Instalacion, filtro: Filtro, consola: Console, *, si: bool) -> int:
    """Send again what waits and the filter means; without `si`, only say what would be sent."""
    return await _responder(
        instalacion,
        filtro,
        consola,
        reenviar if si else None,
        nada="No hay nada pendiente que reenviar.",
        falta="Nada se ha reenviado. Para reenviarlo, agregue [bold]--si[/].",
        hecho="Reenviados: {:,} eventos, a su topic y con sus bytes originales.",
    )


async def aceptar_en(instalacion: Instalacion, filtro: Filtro, consola: Console, *, si: bool) -> int:
    """Leave what waits and the filter means aside for good; without `si`, only say what."""
    return await _responder(
        instalacion,
        filtro,
        consola,
        aceptar if si else None,
        nada="No hay nada pendiente que aceptar.",
        falta="Nada se ha aceptado. Para dejarlo apartado en definitiva, agregue [bold]--si[/].",
        hecho="Aceptados: {:,} eventos quedan apartados en definitiva. El servicio que se detuvo sigue al arrancarlo.",
    )


async def _responder(
    instalacion: Instalacion,
    filtro: Filtro,
    consola: Console,
    accion: Callable[[Stream, Iterable[Apartado], datetime], Awaitable[int]] | None,
    *,
    nada: str,
    falta: str,
    hecho: str,
) -> int:
    async with bitacora(instalacion) as stream:
        pendientes = [a for a in await leer(stream, filtro) if a.pendiente]
        if not pendientes:
            consola.print(nada)
            return 0
        if accion is None:
            consola.print(_uno_por_uno(pendientes))
            consola.print(falta)
            return 0
        cuantos = await accion(stream, pendientes, SystemClock().now())
    consola.print(hecho.format(cuantos))
    return 0


_NOMBRE_DE_CAMPO = re.compile(r"[a-z][a-z0-9_]{0,63}")
_LINEAS = 60


def _forma(cuerpo: bytes) -> list[str]:
    """Names and types of a JSON body, without its values."""
    try:
        lineas = list(_campos("", json.loads(cuerpo)))
    except (ValueError, RecursionError):
        return ["no es JSON (--completo muestra los bytes)"]
    return lineas[:_LINEAS] + ([f"… y {len(lineas) - _LINEAS} campos más"] if len(lineas) > _LINEAS else [])


def _campos(ruta: str, valor: Any) -> Iterable[str]:
    if isinstance(valor, dict) and valor:
        for name, inner in valor.items():
            visible = name if _NOMBRE_DE_CAMPO.fullmatch(name) else f"«nombre de {len(name)} caracteres»"
            yield from _campos(f"{ruta}.{visible}" if ruta else visible, inner)
    else:
        yield f"{ruta or '(cuerpo)'}: {_tipo(valor)}"


def _tipo(valor: Any) -> str:
    match valor:
        case str():
            return f"texto de {len(valor)} caracteres"
        case list():
            return f"lista de {len(valor)}"
        case dict():
            return "objeto vacío"
        case bool() | None:
            return "verdadero o falso" if valor is not None else "nulo"
        case _:
            return "número"


def _encabezado(name: str, value: str) -> str:
    conocido = name.startswith("ce_") or name == "content-type"
    return _limpio(value) if conocido else f"({len(value)} caracteres)"


def _limpio(texto: str) -> str:
    """A short text of others, with whatever is not printable escaped."""
    visible = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in texto)
    return visible if len(visible) <= 200 else visible[:200] + "…"


def _seguro(texto: str) -> str:
    return escape(_limpio(texto))
