"""The quarantine's page in a real browser: seen by reason, marked and retried by keys alone, its progress in place (SPEC 6)."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.support.accesible import accesible
from tests.support.mesa import PROCESO, Mesa, folio
from tests.support.navegador import pagina

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
MOTIVOS = ("llave_desconocida",) * 6 + ("imagen_invalida",) * 3 + ("objeto_faltante", "llave_destruida")


@pytest_asyncio.fixture(loop_scope="session")
async def page(mesa: Mesa, browser: Browser) -> AsyncIterator[Page]:
    async with pagina(browser, mesa.app(), mesa.puerta, "supervisor1", alto=900) as page:
        yield page


async def _apartados(mesa: Mesa) -> None:
    for n, motivo in enumerate(MOTIVOS, 1):
        await mesa.aparta(n, motivo, "ci26-2" if motivo == "llave_desconocida" else "foto")


async def captura(page: Page, name: str) -> None:
    """With APOYO_SCREENSHOTS set, what somebody is to look at."""
    if folder := os.environ.get("APOYO_SCREENSHOTS"):
        await page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


async def test_la_pagina_vacia_lo_dice(page: Page) -> None:
    await page.goto(f"/cuarentena?proceso={PROCESO}")
    await expect(page.get_by_role("heading", name="Todo lo recibido se pudo abrir")).to_be_visible()
    await accesible(page)


async def test_se_marca_y_se_reintenta_con_el_teclado_y_el_avance_se_mueve_solo(mesa: Mesa, page: Page) -> None:
    await _apartados(mesa)
    await page.goto("/cuarentena")
    await expect(page.get_by_role("heading", level=1)).to_have_text("11 registros no se pudieron abrir")
    await expect(page.locator(".motivos tbody tr")).to_have_count(4)
    await accesible(page)
    await captura(page, "cuarentena")
    await page.get_by_label(f"Marcar {folio(1)}").focus()
    await page.keyboard.press("Space")
    await page.get_by_role("button", name="Reintentar los marcados").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="¿Abrir otra vez un registro?")).to_be_visible()
    await expect(page.get_by_role("button", name="Sí, reintentar")).to_be_focused()
    await accesible(page)
    await captura(page, "cuarentena-confirmar")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_have_text("Se pidió abrir otra vez un registro.")
    await expect(page.locator("[data-en_espera]")).to_have_text("1")
    await accesible(page)
    await captura(page, "cuarentena-avance")
    await mesa.recibe(await mesa.abierto(1, version=2), 99)
    await expect(page.locator("[data-abiertos]")).to_have_text("1")
    await expect(page.get_by_role("heading", level=1)).to_have_text("10 registros no se pudieron abrir")


async def test_por_filtro_se_reintenta_todo_lo_suyo_y_nada_mas(mesa: Mesa, page: Page) -> None:
    await _apartados(mesa)
    await page.goto(f"/cuarentena?proceso={PROCESO}")
    await page.get_by_label("Llave que falta").fill("ci26-2")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Reintentar los 6 del filtro").click()
    await page.get_by_role("button", name="Sí, reintentar").click()
    await expect(page.locator("[data-en_espera]")).to_have_text("6")
    assert len([r async for r in mesa.stream.read("reintentos")]) == 6


async def test_en_un_telefono_no_se_desborda(mesa: Mesa, page: Page) -> None:
    await _apartados(mesa)
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.goto(f"/cuarentena?proceso={PROCESO}")
    ancho = await page.evaluate("document.documentElement.scrollWidth")
    assert ancho <= 390
    await captura(page, "cuarentena-telefono")
