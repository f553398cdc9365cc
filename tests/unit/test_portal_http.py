"""The portal over HTTP: who may enter where, forms that come back, refusals that people can read."""

import pytest

from schemas.autorizacion import Rol
from tests.support.portal import PortalDePrueba, portal


@pytest.fixture
async def p() -> PortalDePrueba:
    return await portal()


async def test_sin_sesion_se_va_a_la_entrada(p: PortalDePrueba) -> None:
    async with p.navega() as nadie:
        hoja = await nadie.abre("/procesos")
        assert (hoja.status, hoja.respuesta.headers["location"]) == (303, "/entrar?a=/procesos")


async def test_sin_procesos_se_dice(p: PortalDePrueba) -> None:
    p.puerta.cuenta("ine1", Rol.INE_ADMIN)
    async with p.navega("ine1") as ine:
        assert "Todavía no hay procesos" in (await ine.abre("/procesos")).texto
