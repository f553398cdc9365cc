"""Entering and leaving in a real browser, by keyboard, through the real issuer's process (SPEC 1, PAGES.md)."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from schemas.eventos import DeclaracionRegistrada, RegistroClasificado
from tests.support.accesible import accesible
from tests.support.ejemplos import ejemplo
from tests.support.emisor import CONTRASENA, EmisorLocal, emisor_local
from tests.support.identidad import Puerta, correo_de
from tests.support.mesa import Mesa, folio
from tests.support.servidor import servir_en

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@pytest.fixture(scope="module")
def emisor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmisorLocal]:
    with emisor_local(tmp_path_factory.mktemp("emisor")) as running:
        running.gente(institucional={"operador1": True, "operador2": True, "soporte1": True}, publico={})
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def mesa() -> AsyncIterator[Mesa]:
    mesa = Mesa()
    await mesa.empieza()
    for n in (1, 2, 3):
        await mesa.llega(n)
    yield mesa
    await mesa.stream.stop()


@pytest_asyncio.fixture(loop_scope="session", params=[(1280, 720)])
async def page(
    mesa: Mesa, browser: Browser, emisor: EmisorLocal, request: pytest.FixtureRequest
) -> AsyncIterator[Page]:
    """A browser in which nobody has entered. What the console complains about fails the test."""
    complaints: list[str] = []

    def app(url: str) -> object:
        emisor.cliente(url)
        mesa.puerta = Puerta(mesa.actores, mesa.reloj, public_url=url, emisores=emisor.emisores())
        return mesa.app()

    async with servir_en(app) as url:
        ancho, alto = request.param
        context = await browser.new_context(base_url=url, viewport={"width": ancho, "height": alto})
        context.on("console", lambda m: complaints.append(m.text) if "Content Security Policy" in m.text else None)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        yield await context.new_page()
        await context.close()
    assert complaints == []


async def _foto(page: Page, nombre: str) -> None:
    """With APOYO_SCREENSHOTS set, what somebody is to look at."""
    if folder := os.environ.get("APOYO_SCREENSHOTS"):
        await page.screenshot(path=Path(folder) / f"identidad-{nombre}.png")


async def _elige_el_emisor(page: Page) -> None:
    """The first one, by keyboard."""
    await expect(page.get_by_role("heading", name="Entrar")).to_be_visible()
    for _ in range(6):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.textContent.trim()") == "Cuenta institucional":
            break
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Correo")).to_be_focused()


async def _escribe(page: Page, cuenta: str, contrasena: str = CONTRASENA) -> None:
    """E-mail and password, by keyboard."""
    await page.keyboard.type(correo_de(cuenta))
    await page.keyboard.press("Tab")
    await page.keyboard.type(contrasena)
    await page.keyboard.press("Enter")


async def _muestra(page: Page, n: int) -> None:
    await expect(page.locator("main")).to_have_attribute("data-folio", folio(n))
    await expect(page.locator(".lienzo[data-lista]")).to_have_count(4)


async def _decididos(mesa: Mesa) -> list[tuple[str, str]]:
    eventos = [RegistroClasificado.model_validate_json(r.value) async for r in mesa.stream.read("clasificado")]
    return sorted((e.folio, e.operador) for e in eventos)


async def test_una_persona_entra_trabaja_y_sale_con_el_teclado(mesa: Mesa, page: Page) -> None:
    await page.goto("/")
    await _foto(page, "entrar")
    await _elige_el_emisor(page)
    await _foto(page, "emisor")
    await _escribe(page, "operador1", "equivocada")
    await expect(page.get_by_role("alert")).to_contain_text("no son correctos")
    await expect(page.get_by_label("Contraseña")).to_be_focused()
    await _foto(page, "emisor-mal")
    await page.keyboard.type(CONTRASENA)
    await page.keyboard.press("Enter")
    await _muestra(page, 1)
    await expect(page.locator(".quien")).to_have_text("operador1 (operación)")
    await _foto(page, "dentro")
    await page.keyboard.press("Space")
    await _muestra(page, 2)
    await expect(page.locator("#aviso")).to_contain_text("✓")
    assert await _decididos(mesa) == [(folio(1), "operador1")]
    await page.get_by_role("button", name="Salir").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Su sesión terminó")).to_be_visible()
    await page.wait_for_url("**/salir")
    await expect(page.get_by_role("link", name="Entrar de nuevo")).to_be_visible()
    await _foto(page, "salir")
    assert await mesa.puerta.sesiones.find({}) == []
    await page.goto("/")
    await _elige_el_emisor(page)  # which asks for the password again: its own session ended too


async def test_al_terminar_la_sesion_lo_marcado_se_conserva_y_se_guarda_al_entrar_de_nuevo(
    mesa: Mesa, page: Page
) -> None:
    await page.goto("/")
    await _elige_el_emisor(page)
    await _escribe(page, "operador1")
    await _muestra(page, 1)
    await page.keyboard.press("g")
    await mesa.puerta.access.sessions.end_all("operador1")
    await page.keyboard.press("Enter")
    aviso = page.get_by_role("alert").filter(has_text="Su sesión terminó")
    await expect(aviso).to_be_visible()
    await _foto(page, "termino")
    assert await _decididos(mesa) == []
    async with page.context.expect_page() as otra:
        await aviso.get_by_role("link", name="Entrar de nuevo").click()
    pestana = await otra.value
    await pestana.get_by_role("link", name="Cuenta institucional").click()
    await expect(pestana.get_by_role("heading", name="Ya entró")).to_be_visible()  # the issuer knew who it is
    await _foto(pestana, "listo")
    await pestana.close()
    await expect(aviso).to_be_hidden()
    await expect(page.locator("#aviso")).to_contain_text("con inconsistencia g")
    assert await _decididos(mesa) == [(folio(1), "operador1")]


async def test_si_entra_otra_persona_lo_que_esperaba_no_se_guarda_a_su_nombre(mesa: Mesa, page: Page) -> None:
    await page.goto("/")
    await _elige_el_emisor(page)
    await _escribe(page, "operador1")
    await _muestra(page, 1)
    await mesa.puerta.access.sessions.end_all("operador1")
    await page.keyboard.press("Space")
    await expect(page.get_by_role("alert").filter(has_text="Su sesión terminó")).to_be_visible()
    pestana = await page.context.new_page()
    await pestana.goto("/entrar/institucional?otra=1&a=/listo")
    await expect(pestana.get_by_label("Correo")).to_be_focused()
    await _escribe(pestana, "operador2")
    await expect(pestana.get_by_role("heading", name="Ya entró")).to_be_visible()
    await pestana.close()
    await expect(page.locator("#rechazos")).to_contain_text("En este navegador entró otra persona")
    assert await _decididos(mesa) == []


async def test_a_quien_no_puede_se_le_dice_que_y_como_quien_entro(page: Page) -> None:
    await page.goto("/")
    await _elige_el_emisor(page)
    await _escribe(page, "soporte1")
    await expect(page.get_by_role("heading", name="No tiene permiso para esto")).to_be_visible()
    await expect(page.locator("main")).to_contain_text("Ver un registro y sus imágenes en Mesa de Control")
    await expect(page.locator("main")).to_contain_text("soporte1")
    await expect(page.get_by_role("button", name="Salir")).to_be_visible()
    await _foto(page, "sin-permiso")


@pytest.mark.parametrize("page", [(1280, 800), (360, 740)], indirect=True, ids=["ancha", "telefono"])
async def test_las_paginas_de_entrada_son_accesibles_y_caben_en_un_telefono(page: Page) -> None:
    """WCAG 2.2 AA."""
    for tema in ("light", "dark"):
        await page.emulate_media(color_scheme="dark" if tema == "dark" else "light")
        for nombre, ruta in (
            ("entrar", "/entrar"),
            ("emisor", "/entrar/institucional"),
            ("salir", "/salir"),
            ("listo", "/listo"),
            ("rechazo", "/entrar/institucional/regreso?error=access_denied&state=x"),
        ):
            await page.goto(ruta)
            await accesible(page)
            await _foto(page, f"{nombre}-{tema}-{page.viewport_size['width'] if page.viewport_size else 0}")


@pytest.mark.parametrize("page", [(1280, 800), (360, 740)], indirect=True, ids=["ancha", "telefono"])
async def test_quien_tiene_dos_cuentas_con_un_correo_elige_una_con_el_teclado(page: Page, mesa: Mesa) -> None:
    propia = mesa.actores.cuentas["operador1"]
    mesa.puerta.registra(propia.model_copy(update={"cuenta": "operador9"}))
    mesa.puerta.registra(ejemplo(DeclaracionRegistrada, cuenta="operador9"))
    await page.goto("/")
    await _elige_el_emisor(page)
    await _escribe(page, "operador1")
    await expect(page.get_by_role("heading", name="Elija con qué cuenta va a trabajar")).to_be_visible()
    await accesible(page)
    await _foto(page, f"cuenta-{page.viewport_size['width'] if page.viewport_size else 0}")
    await page.get_by_role("button", name="(operador9").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator(".quien")).to_contain_text("operador9")
    await expect(page.get_by_role("link", name="Cambiar de cuenta")).to_be_visible()
