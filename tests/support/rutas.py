"""The routes of the services with pages, and the actions that they declare (`kernel.identity.Access.require`)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from schemas.autorizacion import Accion
from tests.support.mesa import Mesa
from tests.support.portal import PortalDePrueba
from tests.support.resultados import Resultados

APPS: dict[str, Callable[[], FastAPI]] = {
    "mesa_control": lambda: Mesa().app(),
    "resultados": lambda: Resultados().app(),
    "portal": lambda: PortalDePrueba().app(),
}

ABIERTAS = frozenset(
    {
        "/openapi.json",
        "/livez",
        "/readyz",
        "/metrics",
        "/estatico",
        "/entrar",
        "/entrar/cuenta",
        "/entrar/{emisor}",
        "/entrar/{emisor}/regreso",
        "/listo",
        "/salir",
    }
)
"""What answers to anybody."""


@dataclass(frozen=True)
class Ruta:
    """A route. `acciones`: what whoever asks must be allowed."""

    metodo: str
    camino: str
    acciones: frozenset[Accion]


def rutas_de(app: FastAPI) -> list[Ruta]:
    """Every route, those of included routers too."""
    return [
        Ruta(metodo, contexto.path or "", _acciones(getattr(contexto, "dependant", None)))
        for contexto in iter_route_contexts(app.routes)
        for metodo in sorted(contexto.methods or {"*"})
    ]


def cerradas(app: FastAPI) -> list[Ruta]:
    """Those that are not open to everybody."""
    return [ruta for ruta in rutas_de(app) if ruta.camino not in ABIERTAS]


def _acciones(dependant: Any) -> frozenset[Accion]:
    if dependant is None:
        return frozenset()
    propia = getattr(dependant.call, "action", None)
    mias = {Accion(propia)} if propia else set()
    return frozenset(mias).union(*map(_acciones, dependant.dependencies))
