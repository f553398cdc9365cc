"""The history of a record in a real browser: found by its folio with keys alone, read by people and by machines (SPEC 7)."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from schemas.eventos import RegistroClasificado
from services.mesa_control.domain import Eleccion, Orden
from tests.support.accesible import accesible
from tests.support.mesa import PROCESO, PROPIA, Mesa, el_opl_agrega, folio
from tests.support.navegador import entra, pagina
from tests.support.servidor import servir

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(loop_scope="session")
async def mesa() -> AsyncIterator[Mesa]:
    """A record that was given, decided, opened by its folio and decided again."""
    mesa = Mesa()
    await mesa.empieza()
    recibido, descifrado, compulsado = await mesa.eventos(1, reglas=["fuera_de_periodo"])
    for n, evento in enumerate((recibido, descifrado, compulsado)):
        await mesa.recibe(evento, n)
    await mesa.servicio.siguiente("operador1", PROCESO)
    mesa.reloj.avanza(seconds=11)
    await mesa.servicio.decidir(folio(1), "operador1", Orden((), 1), "llave-1")
    mesa.reloj.avanza(seconds=7)
    await mesa.servicio.registro(folio(1), "supervisor1")
    await mesa.servicio.imagen(folio(1), "foto", "supervisor1")
    mesa.reloj.avanza(seconds=40)
    orden = Orden((Eleccion("f", "Ilegible: OCR"),), 1, reemplaza=1)
    await mesa.servicio.decidir(folio(1), "operador1", orden, "llave-2")
    await mesa.cuenta_la_historia(recibido, descifrado, compulsado)
    yield mesa
    await mesa.stream.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def page(mesa: Mesa, browser: Browser) -> AsyncIterator[Page]:
    """The page of an auditor, not yet opened."""
    complaints: list[str] = []
    async with servir(mesa.app()) as url:
        context = await browser.new_context(base_url=url, viewport={"width": 1280, "height": 720})
        await entra(context, mesa.puerta, "auditor1", url)
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


async def test_por_folio_y_con_el_teclado_se_llega_a_quien_lo_vio_y_quien_lo_decidio(page: Page) -> None:
    await page.goto("/registros")
    await accesible(page)
    await page.keyboard.type(folio(1))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Historia del registro")
    filas = page.locator(".historia tbody tr")
    await expect(filas).to_have_count(8)
    await expect(filas.filter(has_text="operador1").first).to_contain_text("Se le asignó para revisarlo")
    await expect(filas.filter(has_text="supervisor1")).to_have_count(2)
    await expect(filas.last).to_contain_text("Por regla La captura se hizo fuera del periodo")
    await accesible(page)
    await captura(page, "historia")


async def test_la_marca_de_quien_mira_esta_sobre_cada_imagen_y_no_dentro_de_ella(browser: Browser) -> None:
    async with Mesa.en_marcha() as mesa:
        await mesa.llega(1)
        async with pagina(browser, mesa.app(), mesa.puerta, "operador1") as page:
            await page.goto("/")
            lienzos = page.locator(".imagen:not([hidden]) .lienzo[data-lista]")
            await expect(lienzos).to_have_count(4)
            for n in range(4):
                await expect(lienzos.nth(n).locator(".de-quien text").first).to_contain_text("operador1 · ")
            await captura(page, "marca")
            await page.keyboard.press("3")
            await page.keyboard.press("+")
            await page.keyboard.press("r")
            await expect(page.locator(".imagen[data-ampliada] .de-quien")).to_be_visible()
            await captura(page, "marca-ampliada")
            await accesible(page)


async def test_la_imagen_de_otro_registro_se_abre_sola_y_tambien_marcada(browser: Browser) -> None:
    async with Mesa.en_marcha() as mesa:
        await mesa.llega(1)
        async with pagina(browser, mesa.app(), mesa.puerta, "operador1") as page:
            await page.goto(f"/registros/{folio(1)}/imagenes/reverso")
            await expect(page.get_by_role("img", name=f"Reverso del registro {folio(1)}")).to_be_visible()
            await expect(page.locator(".de-quien text").first).to_contain_text("operador1 · ")
            await accesible(page)
            await captura(page, "marca-sola")
        [acceso] = await mesa.accedidos()
        assert (acceso.via, [p.value for p in acceso.partes]) == ("imagen", ["reverso"])


async def test_la_firma_valida_por_su_excepcion_se_dice_con_una_tecla_y_las_notas_estan_donde_se_decide(
    browser: Browser,
) -> None:
    """P 13.7 g, j, k, l, m."""
    async with Mesa.en_marcha() as mesa:
        await mesa.llega(1)
        await mesa.llega(2)
        async with pagina(browser, mesa.app(), mesa.puerta, "operador1") as page:
            await page.goto("/")
            await expect(page.locator(".lienzo[data-lista]")).to_have_count(4)
            detalle = page.locator("#detalle")
            await page.keyboard.press("4")
            await expect(detalle).to_contain_text(
                "P 13.7 j; P 13.7 k Es válida cuando es la que aparece en la credencial"
            )
            await expect(detalle).to_contain_text("no requiere técnica pericial")
            await captura(page, "notas-firma")
            await page.keyboard.press("3")
            await expect(detalle).to_contain_text("P 13.7 g La identidad o expresión de género")
            await page.keyboard.press("Escape")
            await page.keyboard.press("m")
            await expect(detalle).to_contain_text("Válida: la propia credencial indica «sin firma»")
            await captura(page, "excepcion")
            await page.keyboard.press("1")
            await page.keyboard.press("Shift+J")
            await expect(page.locator(".inconsistencia[data-excepcion]")).to_have_count(2)
            await expect(detalle).to_contain_text("Válida por excepción: m, j")
            await accesible(page)
            await captura(page, "excepciones")
            await page.keyboard.press(" ")
            await expect(page.locator("main")).to_have_attribute("data-folio", folio(2))
            await expect(page.locator("#aviso")).to_contain_text("✓")
        [decision] = [RegistroClasificado.model_validate_json(r.value) async for r in mesa.stream.read("clasificado")]
        assert (decision.inconsistencias, decision.excepciones) == ([], ["j", "m"])


async def test_lo_que_el_opl_agrega_al_catalogo_tiene_su_tecla_aunque_la_pagina_ya_estuviera_abierta(
    browser: Browser,
) -> None:
    """P 13.8."""
    async with Mesa.en_marcha() as mesa:
        await mesa.llega(1)
        async with pagina(browser, mesa.app(), mesa.puerta, "operador1") as page:
            await page.goto("/")
            await expect(page.locator(".lienzo[data-lista]")).to_have_count(4)
            el_opl_agrega(mesa, PROPIA)
            await page.keyboard.press(" ")
            await expect(page.locator("#aviso")).to_contain_text("✓")
            await mesa.llega(2)
            await expect(page.locator("main")).to_have_attribute("data-folio", folio(2))
            suya = page.locator(f".inconsistencia[data-clave={PROPIA.clave}]")
            await expect(suya).to_contain_text(PROPIA.descripcion)
            await expect(suya.locator("kbd")).to_have_text("o")
            await expect(page.locator(".lienzo[data-lista]")).to_have_count(4)
            await page.keyboard.press("o")
            await page.keyboard.type("papel de otro color")
            await captura(page, "catalogo-propio")
            await accesible(page)
            await page.keyboard.press("Enter")
            await expect(page.locator("#aviso")).to_contain_text("con inconsistencia")
        *_, decision = [RegistroClasificado.model_validate_json(r.value) async for r in mesa.stream.read("clasificado")]
        assert [(i.clave, i.detalle) for i in decision.inconsistencias] == [(PROPIA.clave, "papel de otro color")]


async def test_lo_que_abre_la_supervision_tambien_esta_marcado_y_lleva_a_su_historia(browser: Browser) -> None:
    async with Mesa.en_marcha() as mesa:
        await mesa.llega(1)
        async with pagina(browser, mesa.app(), mesa.puerta, "supervisor1") as page:
            await page.goto(f"/supervision/registros/{folio(1)}")
            await expect(page.locator(".marcada .de-quien")).to_have_count(4)
            await expect(page.locator(".marcada .de-quien text").first).to_contain_text("supervisor1 · ")
            await accesible(page)
            await captura(page, "supervision-marcada")
            await mesa.cuenta_la_historia()
            await page.get_by_role("link", name="Ver su historia").press("Enter")
            await expect(page.locator(".historia tbody tr")).to_contain_text("supervisor1")
