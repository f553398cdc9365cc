"""Processor time of the processes of an installation, from `/proc`."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from apoyo.engines.procs import Supervisor

_TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
_GROUP, _USER, _SYSTEM = 2, 11, 12
"""Fields of `/proc/<pid>/stat` after the name."""

ESTE = "carga"
"""How this process, which draws the load, is called."""


def gastado(supervisor: Supervisor) -> dict[str, float]:
    """Milliseconds of processor that each child and its group have used so far, and this process."""
    nombres = {supervisor.pid(nombre): nombre for nombre in supervisor.names() if supervisor.alive(nombre)}
    usado = dict.fromkeys([*nombres.values(), ESTE], 0.0)
    for grupo, ms in _por_proceso():
        if grupo in nombres:
            usado[nombres[grupo]] += ms
    usado[ESTE] = sum(os.times()[:2]) * 1000
    return usado


def diferencia(antes: Mapping[str, float], despues: Mapping[str, float]) -> dict[str, float]:
    """What was used between two readings, by those that lived all the while; most first."""
    usado = {nombre: despues[nombre] - antes[nombre] for nombre in despues if nombre in antes}
    return dict(sorted(usado.items(), key=lambda item: -item[1]))


def _por_proceso() -> Iterable[tuple[int, float]]:
    """Process group and milliseconds of each process of the machine."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            campos = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        yield int(campos[_GROUP]), (int(campos[_USER]) + int(campos[_SYSTEM])) * _TICK_MS
