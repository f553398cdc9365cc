"""No route answers before it knows who asks and whether they may (SPEC 1), and the API says what each takes and gives."""

import re
from typing import Any

import pytest

from tests.support.rutas import ABIERTAS, APPS, cerradas, rutas_de


@pytest.mark.parametrize("servicio", APPS)
def test_toda_ruta_declara_una_accion_o_esta_entre_las_abiertas(servicio: str) -> None:
    sin_accion = [f"{r.metodo} {r.camino}" for r in cerradas(APPS[servicio]()) if not r.acciones]
    assert sin_accion == []


@pytest.mark.parametrize("servicio", APPS)
def test_las_abiertas_existen_y_no_piden_nada(servicio: str) -> None:
    rutas = rutas_de(APPS[servicio]())
    assert {r.camino for r in rutas} >= ABIERTAS
    assert all(not r.acciones for r in rutas if r.camino in ABIERTAS)


@pytest.mark.parametrize("servicio", APPS)
def test_openapi_describe_cada_ruta_de_la_api_y_ninguna_otra(servicio: str) -> None:
    app = APPS[servicio]()
    descritas = {(m.upper(), c) for c, metodos in app.openapi()["paths"].items() for m in metodos}
    assert descritas == {(r.metodo, r.camino) for r in cerradas(app) if r.camino.startswith("/api/")}


def test_cada_ruta_de_mesa_de_control_dice_lo_que_recibe_y_lo_que_responde() -> None:
    descritas = APPS["mesa_control"]().openapi()["paths"]
    callan = [
        f"{metodo} {camino}: {que}"
        for camino, metodos in descritas.items()
        for metodo, operacion in metodos.items()
        for que in _calla(metodo, camino, operacion)
    ]
    assert callan == []


def _calla(metodo: str, camino: str, operacion: dict[str, Any]) -> list[str]:
    """What the description of an operation leaves out."""
    exitos = {codigo: r for codigo, r in operacion["responses"].items() if codigo.startswith("2")}
    responde = [_detallado(c.get("schema", {})) for r in exitos.values() for c in r.get("content", {}).values()]
    parametros = {p["name"] for p in operacion.get("parameters", ()) if p["in"] == "path"}
    faltan = {
        "lo que hace": not operacion.get("description"),
        "lo que responde": (not responde and set(exitos) != {"204"}) or not all(responde),
        "lo que recibe": metodo in {"post", "put", "patch"} and not operacion.get("requestBody"),
        "los errores": "4XX" not in operacion["responses"],
        "sus parámetros": parametros != set(re.findall(r"{(\w+)}", camino)),
    }
    return [que for que, falta in faltan.items() if falta]


def _detallado(esquema: dict[str, Any]) -> bool:
    """Whether a schema says what is in it."""
    return "$ref" in esquema or "format" in esquema or bool(esquema.get("items"))
