"""Search by folio and the supervisor's page in a real browser, by keys alone (SPEC 7, PAGES.md)."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from schemas.eventos import Alerta
from schemas.paquete import Parte
from services.mesa_control.domain import Orden
from services.mesa_control.reparto.domain import Pedido
from tests.support.accesible import accesible
from tests.support.mesa import PROCESO, Mesa, folio
from tests.support.navegador import entra
from tests.support.servidor import servir

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
UNA_ALERTA = Alerta(
    codigo="imagen_borrosa", inciso="f", parte=Parte.FOTO, medida=0.8, umbral=0.5, severidad="alerta", detalle=""
)


@asynccontextmanager
async def pagina_de(cuenta: str, mesa: Mesa, browser: Browser) -> AsyncIterator[Page]:
    """The page of an account, not yet opened, at 1280×720. What the console complains about fails the test."""
    complaints: list[str] = []
    async with servir(mesa.app()) as url:
        context = await browser.new_context(base_url=url, viewport={"width": 1280, "height": 720})
        await entra(context, mesa.puerta, cuenta, url)
        page = await context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda m: complaints.append(m.text) if "Content Security Policy" in m.text else None)
        yield page
        await context.close()
    assert complaints == []


async def captura(page: Page, name: str) -> None:
    """With APOYO_SCREENSHOTS set, what somebody is to look at."""
    if folder := os.environ.get("APOYO_SCREENSHOTS"):
        await page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


async def test_quien_revisa_busca_un_folio_con_el_teclado_y_vuelve_al_que_tenia(mesa: Mesa, browser: Browser) -> None:
    for n in (1, 2, 3):
        await mesa.llega(n)
    await mesa.servicio.decidir(folio(3), "operador2", Orden((), compulsado_version=1), "llave-0003")
    async with pagina_de("operador1", mesa, browser) as page:
        await page.goto("/")
        await expect(page.locator("main")).to_have_attribute("data-folio", folio(1))
        await page.keyboard.press("/")
        await expect(page.get_by_role("searchbox", name="Folio")).to_be_focused()
        await page.keyboard.type("zzzz")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("Ningún registro de este proceso tiene ese folio")).to_be_visible()
        await page.get_by_role("searchbox", name="Folio").fill(folio(3)[-6:])
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("button", name=folio(3))).to_be_focused()
        await expect(page.get_by_role("button", name=folio(3))).to_contain_text("decidió operador2")
        await accesible(page)
        await captura(page, "buscar")
        await page.keyboard.press("Enter")
        await expect(page.locator("main")).to_have_attribute("data-folio", folio(3))
        await expect(page.locator("main")).to_be_focused()
        await expect(page.locator(".lienzo[data-lista]")).to_have_count(4)
        await page.keyboard.press("Space")
        await expect(page.locator("#aviso")).to_contain_text("ya se decidió")
        await expect(page.locator("main")).to_have_attribute("data-folio", folio(3))
        await page.keyboard.press("Escape")
        await expect(page.locator("main")).to_have_attribute("data-folio", folio(1))


async def test_quien_supervisa_ve_la_cola_y_reparte_con_el_teclado(mesa: Mesa, browser: Browser) -> None:
    for n in range(1, 40):
        await mesa.llega(n, alertas=[UNA_ALERTA] if n % 3 else [])
    await mesa.aparta(60, "llave_desconocida")
    for n in range(1, 12):
        mesa.reloj.avanza(seconds=9 + n % 4)
        await mesa.servicio.decidir(folio(n), f"operador{1 + n % 2}", Orden((), 1), f"llave-{n:04}")
    await mesa.servicio.siguiente("operador1", PROCESO)
    async with pagina_de("supervisor1", mesa, browser) as page:
        await page.goto("/")
        await expect(page.get_by_role("heading", level=1)).to_have_text("28 pendientes, todos en plazo")
        await page.get_by_label("Alertas").focus()
        await page.keyboard.type("Con a")
        await page.get_by_label("Porcentaje de operador1").focus()
        await page.keyboard.type("70")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("status")).to_contain_text("La orden quedó en vigor")
        await mesa.repartidor.repasar(PROCESO)
        await page.reload()
        await expect(page.get_by_role("link", name="con alertas")).to_be_visible()
        await accesible(page)
        await captura(page, "supervision")
        await page.keyboard.press("/")
        await expect(page.get_by_role("searchbox", name="Folio")).to_be_focused()
        await page.keyboard.type(folio(30)[-6:])
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("link", name=folio(30))).to_be_visible()
        await accesible(page)
        await page.get_by_role("link", name=folio(30)).click()
        await expect(page.get_by_role("img", name="Anverso")).to_be_visible()
        await accesible(page)
        await captura(page, "supervision-registro")


async def test_una_orden_se_pasa_a_otras_manos_y_se_retira_con_su_motivo(mesa: Mesa, browser: Browser) -> None:
    orden = await mesa.reparto.ordenar(PROCESO, Pedido(((("operador1",), 100),), True), "supervisor1", "orden-0001")
    mesa.reloj.ahora += timedelta(days=12)
    for n in range(1, 6):
        await mesa.llega(n)
    async with pagina_de("supervisor1", mesa, browser) as page:
        await page.goto(f"/supervision?proceso={PROCESO}")
        await expect(page.get_by_role("heading", level=1)).to_have_text("5 registros pasaron su plazo de revisión")
        await expect(page.get_by_text("no está: los reciben los demás")).to_be_visible()
        await accesible(page)
        await captura(page, "supervision-vencida")
        await page.goto(f"/supervision/repartos/{orden.reparto}?proceso={PROCESO}")
        await accesible(page)
        await page.get_by_label("operador1").uncheck()
        await page.get_by_role("button", name="Guardar").press("Enter")
        await expect(page.get_by_role("alert")).to_contain_text("Elija al menos una persona")
        await accesible(page)
        await page.get_by_label("operador2").check()
        await page.get_by_role("button", name="Guardar").press("Enter")
        await expect(page.get_by_role("status")).to_contain_text("La orden cambió de manos")
        await page.get_by_role("link", name="todo el proceso").click()
        await captura(page, "reparto")
        await page.get_by_label("Por qué").select_option("ausencia")
        await page.get_by_role("button", name="Retirar la orden").press("Enter")
        await expect(page.get_by_role("status")).to_contain_text("La orden terminó")
        await expect(page.get_by_text("La persona no está")).to_be_visible()
        await accesible(page)
