"""`apoyo paquetes`: records whose package could not be opened, seen and retried, through Mesa de Control (ADR 21).

Not to be confused with `apoyo quarantine`, of messages that a consumer could not read. What is written, mesa_control writes: this
is a client of its API, with the session of a person of the installation.
"""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from apoyo import sesion
from apoyo.instalacion import Instalacion
from schemas.hora import hora_centro

_SITUACION = {"en_cuarentena": "en cuarentena", "en_espera": "reintentando", "abierto": "se abrió"}


@dataclass(frozen=True, slots=True)
class Filtro:
    """Which ones: those that agree in everything that is said. `desde`, `hasta`: days of reception, hora Centro, both included."""

    proceso: str
    motivo: str = ""
    llave: str = ""
    desde: str = ""
    hasta: str = ""
    folios: tuple[str, ...] = ()

    @property
    def consulta(self) -> dict[str, str]:
        """As the API's query takes it."""
        dicho = {"motivo": self.motivo, "llave": self.llave, "desde": self.desde, "hasta": self.hasta}
        return {nombre: valor for nombre, valor in dicho.items() if valor}


async def listar(instalacion: Instalacion, quien: str, filtro: Filtro, consola: Console, *, cada_uno: bool) -> int:
    """A row for each reason, or for each record."""
    async with _mesa(instalacion, quien) as mesa:
        visto = await _ver(mesa, filtro)
    if not visto["grupos"]:
        consola.print("Todo lo recibido se pudo abrir.")
    elif cada_uno:
        consola.print(_uno_por_uno(visto["registros"]))
    else:
        consola.print(_por_motivo(visto["grupos"]))
    avance = visto["avance"]
    if any(avance.values()):
        consola.print(
            f"Reintentados en las últimas 24 horas: {avance['abiertos']:,} se abrieron, {avance['en_espera']:,} esperan, "
            f"{avance['otra_vez_en_cuarentena']:,} volvieron a cuarentena."
        )
    return 0


async def mostrar(instalacion: Instalacion, quien: str, folio: str, consola: Console) -> int:
    """A record that is or was in quarantine: why, who can act, and what came of its retries."""
    async with _mesa(instalacion, quien) as mesa:
        r = _dicho(await mesa.get(f"/api/cuarentena/{folio}"))
    lineas = [f"Folio: {r['folio']}", f"Situación: {_SITUACION.get(r['situacion'], r['situacion'])}"]
    if r["motivo"]:
        lineas += [f"Motivo: {r['texto']} ({r['motivo']})", f"Detalle: {r['detalle']}"]
        lineas += [f"Quién puede actuar: {r['quien']}. {r['que']}"]
    lineas += [f"Recibido: {_hora(r['recibido_en'])}", f"Versión: {r['version']}"]
    if r["reintentos"]:
        lineas += [f"Reintentos: {r['reintentos']}, el último de {r['reintentado_por']}, {_hora(r['reintentado_en'])}"]
    for linea in lineas:
        consola.print(linea, markup=False, highlight=False, soft_wrap=True)
    return 0


async def reintentar(instalacion: Instalacion, quien: str, filtro: Filtro, consola: Console, *, si: bool) -> int:
    """Ask that what the filter means be opened again; without `si`, only say what."""
    async with _mesa(instalacion, quien) as mesa:
        if not si:
            return await _ensayar(mesa, filtro, consola)
        orden = filtro.consulta | ({"folios": list(filtro.folios)} if filtro.folios else {})
        hecho = _dicho(
            await mesa.post(
                "/api/cuarentena/reintentos",
                params={"proceso": filtro.proceso},
                json=orden,
                headers={"Idempotency-Key": uuid.uuid4().hex},
            )
        )
    consola.print(
        f"Se pidió abrir otra vez {hecho['solicitados']:,} registros; `apoyo paquetes list` dice qué fue de ellos."
    )
    if hecho["quedan"]:
        consola.print(f"Quedan {hecho['quedan']:,} para otra orden: repita el comando.")
    return 0


async def _ensayar(mesa: httpx.AsyncClient, filtro: Filtro, consola: Console) -> int:
    if filtro.folios:
        vistos = [_dicho(await mesa.get(f"/api/cuarentena/{folio}")) for folio in filtro.folios]
        registros = [r for r in vistos if r["situacion"] == "en_cuarentena"]
        cuantos = len(registros)
    else:
        visto = await _ver(mesa, filtro)
        registros, cuantos = visto["registros"], visto["por_reintentar"]
    if not cuantos:
        consola.print("No hay nada que reintentar.")
        return 0
    consola.print(_uno_por_uno(registros))
    consola.print(f"Se reintentarían {cuantos:,}. Nada se ha pedido: para pedirlo, agregue [bold]--si[/].")
    return 0


@asynccontextmanager
async def _mesa(instalacion: Instalacion, quien: str) -> AsyncIterator[httpx.AsyncClient]:
    url = instalacion.direcciones().url("mesa_control")
    cookies = await sesion.de(instalacion, "mesa_control", quien)
    async with httpx.AsyncClient(base_url=url, cookies=cookies, timeout=60, trust_env=False) as client:
        yield client


async def _ver(mesa: httpx.AsyncClient, filtro: Filtro) -> dict[str, Any]:
    return _dicho(await mesa.get("/api/cuarentena", params={"proceso": filtro.proceso, **filtro.consulta}))


def _dicho(answer: httpx.Response) -> dict[str, Any]:
    """What was answered. Raises sesion.Rechazada, httpx.HTTPError."""
    problema = answer.headers.get("content-type", "").startswith("application/problem+json")
    if problema and answer.is_client_error:
        said = answer.json()
        raise sesion.Rechazada(" ".join(filter(None, (said["title"] + ".", said.get("detail", "")))))
    answer.raise_for_status()
    return dict(answer.json())


def _por_motivo(grupos: list[dict[str, Any]]) -> Table:
    table = Table(title="Registros que no se pudieron abrir")
    for name in ("Motivo", "Registros", "Reintentando", "Quién puede actuar", "Qué hacer"):
        table.add_column(name, justify="right" if name in ("Registros", "Reintentando") else "left", overflow="fold")
    for g in grupos:
        motivo = f"{g['texto']}\n{g['motivo']}"
        table.add_row(
            escape(motivo), f"{g['registros']:,}", f"{g['en_espera']:,}", escape(g["quien"]), escape(g["que"])
        )
    return table


def _uno_por_uno(registros: list[dict[str, Any]]) -> Table:
    table = Table(title="Registros que no se pudieron abrir, los más antiguos primero")
    for name in ("Folio", "Motivo", "Detalle", "Recibido", "Reintentos", "Situación"):
        table.add_column(name, justify="right" if name == "Reintentos" else "left", overflow="fold")
    for r in registros:
        situacion = _SITUACION.get(r["situacion"], r["situacion"])
        textos = (r["folio"], r["motivo"], r["detalle"], _hora(r["recibido_en"]), str(r["reintentos"]), situacion)
        table.add_row(*map(escape, textos))
    return table


def _hora(iso: str) -> str:
    return hora_centro(datetime.fromisoformat(iso))
