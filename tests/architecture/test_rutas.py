"""No route of a service with pages answers before it knows who asks and whether they may (SPEC 1)."""

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
