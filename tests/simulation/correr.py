"""Plays seeds, one or many, and says what became of each."""

import gc
import logging
import multiprocessing
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from unittest.mock import patch

import structlog

from services.compulsa import handlers as compulsa
from services.descifrado import destruccion
from tests.simulation.escenario import comun
from tests.simulation.fin import terminar
from tests.simulation.mundo import Mundo
from tests.simulation.veredicto import revisar, revisar_el_fin


@dataclass(frozen=True, slots=True)
class Corrida:
    """One seed. `huella`: SHA-256 of its schedule; `pasos`: the last ones; `vistos`: kinds
    of things that happened; `problemas`: what is wrong, nothing when all is well."""

    semilla: int
    huella: str
    problemas: tuple[str, ...]
    pasos: tuple[str, ...]
    vistos: frozenset[str]
    muertes: int
    eventos: int
    segundos: float

    def __str__(self) -> str:
        head = (
            f"semilla {self.semilla}: {self.eventos} eventos, {self.muertes} muertes, {self.segundos:.0f} s simulados"
        )
        if not self.problemas:
            return head
        steps = "\n".join(self.pasos)
        problems = "\n".join(f"  - {problema}" for problema in self.problemas)
        return (
            f"{steps}\n{head}\n{problems}\nRepítase con: python -m tests.simulation --semillas 1 --desde {self.semilla}"
        )


def correr(semilla: int) -> Corrida:
    """Play a seed to its end, and verify it. A destruction has short pages, and looks often: a process has few records here."""
    config = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    mundo = Mundo(semilla)
    problemas: list[str] = []
    try:
        with patch.multiple(destruccion, POR_PAGINA=2, CADA_S=20.0), patch.object(compulsa, "FIN_CADA_S", 20.0):
            mundo.bucle.correr(mundo.vivir())
            problemas += revisar(mundo)
            if mundo.con_fin and not problemas:
                fin = mundo.bucle.correr(terminar(mundo))
                problemas += [*revisar(mundo), *revisar_el_fin(mundo, fin)]
    finally:
        structlog.configure(**config)
    return Corrida(
        semilla,
        mundo.azar.huella,
        tuple(problemas),
        tuple(mundo.azar.pasos),
        frozenset(mundo.azar.vistos),
        mundo.azar.muertes,
        sum(len(records) for records in mundo.bitacora.lugares.values()),
        mundo.bucle.time(),
    )


def correr_muchas(semillas: Iterable[int], procesos: int = os.cpu_count() or 1) -> Iterator[Corrida]:
    """Play seeds in several processes, in order."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(procesos, mp_context=context, initializer=_preparar) as pool:
        yield from pool.map(correr, semillas, chunksize=5)


def _preparar() -> None:
    """What all seeds share is made once and never looked at again for garbage: a quarter of the time went there."""
    comun()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)
