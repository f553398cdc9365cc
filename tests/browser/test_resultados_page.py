"""The pages of resultados in a real browser: live totals, the search for a folio, keyboard, a phone (SPEC 11, PAGES.md)."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from schemas.ciclo_de_vida import Estado
from tests.support.accesible import accesible
from tests.support.navegador import entra
from tests.support.resultados import PROCESO, Resultados, folio, vida
from tests.support.servidor import servir

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

CUANTOS = {
    Estado.EN_PROCESAMIENTO: 9,
    Estado.EN_MESA_DE_CONTROL: 37,
    Estado.CON_INCONSISTENCIA: 61,
    Estado.DUPLICADO: 18,
    Estado.PARA_ENVIO_A_COMPULSA: 6,
    Estado.EN_LISTA_NOMINAL: 251,
    Estado.EN_PADRON_NO_LISTA_NOMINAL: 11,
    Estado.BAJA: 12,
    Estado.NO_ENCONTRADO: 4,
    Estado.FUERA_DE_AMBITO: 3,
}


def _n(estado: Estado) -> int:
    return 1000 * list(Estado).index(estado)


@pytest_asyncio.fixture(loop_scope="session")
async def resultados() -> Resultados:
    """One process, every status, two solicitudes."""
    resultados = Resultados()
    await resultados.start()
    for estado, cuantos in CUANTOS.items():
        for n in range(cuantos):
            solicitud = "CI26-0002" if n % 3 == 2 else "CI26-0001"
            cuarentena = estado is Estado.EN_PROCESAMIENTO and n < 2
            await resultados.recibir(vida(estado, _n(estado) + n, solicitud, cuarentena=cuarentena))
    return resultados


@asynccontextmanager
async def abierta(
    resultados: Resultados, browser: Browser, *, ancho: int = 1280, alto: int = 800, tema: str = "light"
) -> AsyncIterator[Page]:
    """A page of an auditor's browser; an error in its console fails the test."""
    async with servir(resultados.app()) as url:
        context = await browser.new_context(
            base_url=url,
            viewport={"width": ancho, "height": alto},
            color_scheme="dark" if tema == "dark" else "light",
        )
        await entra(context, resultados.puerta, "auditor", url)
        page = await context.new_page()
        errores: list[str] = []
        page.on("pageerror", lambda error: errores.append(str(error)))
        page.on("console", lambda m: errores.append(m.text) if "Content Security Policy" in m.text else None)
        yield page
        await context.close()
        assert errores == []


async def _foto(page: Page, nombre: str) -> None:
    """With APOYO_SCREENSHOTS set, what somebody is to look at."""
    if folder := os.environ.get("APOYO_SCREENSHOTS"):
        await page.screenshot(path=Path(folder) / f"resultados-{nombre}.png", full_page=True)


async def test_los_totales_se_dicen_se_dibujan_y_se_tabulan(resultados: Resultados, browser: Browser) -> None:
    async with abierta(resultados, browser) as page:
        await page.goto("/")
        await expect(page.get_by_role("heading", level=1)).to_contain_text("37 esperan revisión")
        await expect(page.get_by_text("Preliminar")).to_be_visible()
        await expect(page.get_by_text("(hora Centro)")).to_be_visible()
        # Measured at one instant: the live totals put a new drawing in the place of this one whenever they like.
        total, anchos = await page.locator("svg.embudo").evaluate(
            """(svg) => {
              const ancho = (rect) => rect.getBoundingClientRect().width;
              return [ancho(svg.querySelector("rect.total")), [...svg.querySelectorAll("rect.dato")].map(ancho)];
            }"""
        )
        assert len(anchos) == sum(1 for cuantos in CUANTOS.values() if cuantos)
        assert sum(anchos) == pytest.approx(total, abs=2 * len(anchos))
        cifras = await page.locator("[data-vivo=estados] td:nth-child(2)").all_inner_texts()
        assert sum(map(int, cifras)) == sum(CUANTOS.values())
        await _foto(page, "proceso-claro")


async def test_los_totales_se_actualizan_solos_sin_quitar_lo_que_se_escribe(
    resultados: Resultados, browser: Browser
) -> None:
    async with abierta(resultados, browser, tema="dark") as page:
        await page.goto(f"/procesos/{PROCESO}")
        await page.get_by_label("Buscar un folio").fill("CI26")
        antes = sum(CUANTOS.values())
        total = page.locator("[data-vivo=total] td").first
        await expect(total).to_have_text(str(antes))
        await resultados.recibir(vida(Estado.EN_MESA_DE_CONTROL, 999_999))
        await expect(total).to_have_text(str(antes + 1), timeout=5000)
        await expect(page.get_by_role("heading", level=1)).to_contain_text("38 esperan revisión")
        await expect(page.get_by_label("Buscar un folio")).to_have_value("CI26")
        await expect(page.get_by_label("Buscar un folio")).to_be_focused()
        await _foto(page, "proceso-oscuro")


async def test_un_folio_se_busca_con_el_teclado_y_cuenta_su_historia(resultados: Resultados, browser: Browser) -> None:
    buscado = folio(_n(Estado.CON_INCONSISTENCIA))
    async with abierta(resultados, browser) as page:
        await page.goto(f"/procesos/{PROCESO}")
        for _ in range(10):
            await page.keyboard.press("Tab")
            if await page.evaluate("document.activeElement.id") == "folio":
                break
        await page.keyboard.type(buscado)
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"**/folios/{buscado}")
        await expect(page.get_by_role("heading", level=1)).to_contain_text("al menos una inconsistencia")
        await expect(page.get_by_role("row", name="Foto no válida")).to_contain_text("Cubrebocas")
        await expect(page.get_by_role("row", name="Se revisó")).to_be_visible()
        await _foto(page, "folio-claro")


async def test_un_folio_que_no_esta_dice_que_hacer(resultados: Resultados, browser: Browser) -> None:
    async with abierta(resultados, browser) as page:
        await page.goto("/folios?folio=CI26-0001-X")
        await expect(page.get_by_role("heading", level=1)).to_contain_text("No se ha recibido")
        await _foto(page, "folio-no-recibido")


@pytest.mark.parametrize("tema", ["light", "dark"])
async def test_en_un_telefono_de_360_puntos_nada_se_sale(resultados: Resultados, browser: Browser, tema: str) -> None:
    async with abierta(resultados, browser, ancho=360, alto=740, tema=tema) as page:
        for nombre, ruta in (
            ("proceso", f"/procesos/{PROCESO}"),
            ("folio", f"/folios/{folio(_n(Estado.DUPLICADO))}"),
            ("cuarentena", f"/folios/{folio(0)}"),
        ):
            await page.goto(ruta)
            assert await page.evaluate("document.documentElement.scrollWidth") <= 360
            await _foto(page, f"{nombre}-360-{tema}")


@pytest.mark.parametrize(("ancho", "tema"), [(1280, "light"), (360, "dark")])
async def test_cada_pagina_es_accesible(resultados: Resultados, browser: Browser, ancho: int, tema: str) -> None:
    """WCAG 2.2 AA, without scrolling sideways on a phone (WCAG 1.4.10)."""
    faltas: list[str] = []
    async with abierta(resultados, browser, ancho=ancho, tema=tema) as page:
        for url in (
            f"/procesos/{PROCESO}",
            f"/folios/{folio(_n(Estado.EN_LISTA_NOMINAL))}",
            f"/folios/{folio(_n(Estado.CON_INCONSISTENCIA))}",
            "/folios?folio=CI26-0001",
            "/procesos/NADA",
        ):
            await page.goto(url)
            try:
                await accesible(page)
            except AssertionError as error:
                faltas.append(str(error))
    assert not faltas, "\n\n".join(faltas)
