"""Auxiliares in a real browser: registered with the keyboard, and some hundred from a file with live progress (P 7.3, D 3)."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from dispositivo.poblacion.personas import Poblador
from services.portal.archivos import plantilla_csv
from services.portal.handlers import lotes as modulo
from tests.support.accesible import accesible
from tests.support.auxiliares import NACIMIENTO, SOLICITUD, archivo, con_procesos, persona
from tests.support.portal import EMISORES_PUBLICOS, PortalDePrueba, portal
from tests.support.servidor import servir
from tests.unit.test_portal_auxiliares import dar_de_baja, registrar

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="session")]
BASE = f"/solicitudes/{SOLICITUD}/auxiliares"


@pytest_asyncio.fixture(loop_scope="session")
async def p() -> AsyncIterator[PortalDePrueba]:
    async with (await portal()).en_marcha() as p:
        await con_procesos(p)
        yield p


@asynccontextmanager
async def pagina(
    p: PortalDePrueba, browser: Browser, cuenta: str, *, ancho: int = 1280, oscuro: bool = False
) -> AsyncIterator[Page]:
    """A page of somebody's browser; what the CSP refuses, or a script that fails, fails the test."""
    errores: list[str] = []
    async with servir(p.app()) as url:
        context = await browser.new_context(
            base_url=url, viewport={"width": ancho, "height": 800}, color_scheme="dark" if oscuro else "light"
        )
        galletas = await p.puerta.entra(cuenta)
        await context.add_cookies([{"name": n, "value": v, "url": url} for n, v in galletas.items()])
        page = await context.new_page()
        page.on("pageerror", lambda error: errores.append(str(error)))
        page.on("console", lambda m: errores.append(m.text) if "Content Security Policy" in m.text else None)
        yield page
        await context.close()
    assert errores == []


async def _foto(page: Page, nombre: str) -> None:
    """With APOYO_SCREENSHOTS set, what somebody is to look at."""
    if folder := os.environ.get("APOYO_SCREENSHOTS"):
        await page.screenshot(path=Path(folder) / f"auxiliares-{nombre}.png", full_page=True)


async def test_se_registra_y_se_da_de_baja_un_auxiliar_con_el_teclado(p: PortalDePrueba, browser: Browser) -> None:
    async with pagina(p, browser, "promovente1") as page:
        await page.goto(BASE)
        await expect(page.get_by_text("Todavía no hay auxiliares")).to_be_visible()
        await accesible(page)
        await _foto(page, "vacio")
        await page.get_by_role("link", name="Registrar un auxiliar").press("Enter")
        await page.get_by_label("Nombre o nombres").focus()
        await page.keyboard.type("Xóchitl")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_contain_text("Faltan por corregir")
        await expect(page.get_by_label("Apellido paterno")).to_be_focused()
        await accesible(page)
        await _foto(page, "errores")
        for campo, texto in (persona(1) | {"nacimiento": NACIMIENTO.isoformat(), "paterno": "Zamora"}).items():
            control = page.locator(f'[name="{campo}"]')
            await (control.select_option(texto) if campo == "emisor" else control.fill(texto))
        await page.get_by_role("button", name="Registrar").press("Enter")
        await expect(page.get_by_text("Las seis letras de la clave").first).to_be_visible()
        await accesible(page)
        await _foto(page, "por-confirmar")
        await page.get_by_label("Confirmo que así aparece").press("Space")
        await page.get_by_role("button", name="Registrar").press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Xóchitl Zamora Núñez")
        await accesible(page)
        await _foto(page, "uno")
        await page.get_by_role("link", name="Dar de baja").press("Enter")
        await expect(page.get_by_text("se recibirá con inconsistencia")).to_be_visible()
        await accesible(page)
        await _foto(page, "baja")
        await page.get_by_label("Motivo").select_option("renuncia")
        await page.get_by_role("button", name="Dar de baja").press("Enter")
        await expect(page.get_by_text("De baja desde el")).to_be_visible()
        await expect(page.get_by_role("link", name="Dar de baja")).to_have_count(0)
        await accesible(page)
        await _foto(page, "de-baja")


async def test_cientos_de_auxiliares_se_registran_desde_un_archivo_con_el_avance_a_la_vista(
    p: PortalDePrueba, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    poblador = Poblador(1, NACIMIENTO.replace(year=2026))
    gente = [poblador.persona("10") for _ in range(300)]
    filas = [
        persona(n)
        | {
            "nombre": g.nombre,
            "paterno": g.paterno,
            "materno": g.materno or "",
            "nacimiento": f"{g.nacimiento:%d/%m/%Y}",
            "clave_elector": g.clave_elector,
            "curp": g.curp,
        }
        for n, g in enumerate(gente)
    ]
    filas[1]["telefono"] = "12"
    filas[1]["nacimiento"] = "31/02/1990"
    filas[2] |= {"paterno": "Wences", "curp": ""}
    filas[3] |= {"correo": filas[0]["correo"]}
    monkeypatch.setattr(modulo, "_OCIO_S", 0.05)
    async with pagina(p, browser, "promovente1") as page:
        await page.goto(BASE)
        await page.get_by_role("link", name="Registrar desde un archivo").press("Enter")
        await accesible(page)
        await _foto(page, "subir")
        async with page.expect_download() as descarga:
            await page.get_by_role("link", name="Plantilla CSV").press("Enter")
        plantilla = await (await descarga.value).path()
        assert plantilla.read_bytes() == plantilla_csv(EMISORES_PUBLICOS)
        await page.get_by_label("Archivo", exact=True).set_input_files(
            {"name": "lista.csv", "mimeType": "text/csv", "buffer": archivo(filas)}
        )
        await page.get_by_role("button", name="Revisar el archivo").press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Revise antes de registrar")
        await expect(page.get_by_text("297 sin errores, 1 por confirmar, 2 con errores")).to_be_visible()
        await accesible(page)
        await _foto(page, "previa")
        await page.get_by_role("link", name="Con errores").press("Enter")
        await expect(page.get_by_text("Esa fecha no existe en el calendario")).to_be_visible()
        await expect(page.get_by_text("Es el mismo correo del renglón 2")).to_be_visible()
        await accesible(page)
        await _foto(page, "previa-errores")
        await page.get_by_label("Registrar también").press("Space")
        await page.get_by_role("button", name="Registrar 297 auxiliares").press("Enter")
        avance = page.get_by_role("progressbar")
        await expect(avance).to_have_attribute("value", "0")
        await accesible(page)
        trabajo = asyncio.create_task(p.lotes.trabajar_siempre())
        try:
            await expect(page.get_by_role("heading", level=1)).to_have_text(
                "El archivo está registrado", timeout=90_000
            )
        finally:
            trabajo.cancel()
            await asyncio.gather(trabajo, return_exceptions=True)
        await expect(page.get_by_text("298 registrados, 2 sin registrar")).to_be_visible()
        await accesible(page)
        await _foto(page, "resultado")
        await page.get_by_role("link", name="Ver los auxiliares").press("Enter")
        await expect(page.get_by_text("298 auxiliares; página 1 de 6")).to_be_visible()
        await accesible(page)
        await _foto(page, "lista")


@pytest.mark.parametrize(("ancho", "oscuro"), [(360, False), (360, True), (1280, True)])
async def test_las_paginas_caben_en_un_telefono_y_se_leen_en_claro_y_en_oscuro(
    p: PortalDePrueba, browser: Browser, ancho: int, oscuro: bool
) -> None:
    for n in (1, 2, 3):
        await registrar(p, n)
    await dar_de_baja(p, "A0002", motivo="otro", detalle="Cambió de ciudad y ya no puede colaborar.")
    personas = [persona(10), persona(11, telefono="12"), persona(12, paterno="Zamora")]
    lote = await p.lotes.subir(p.orden("promovente1"), SOLICITUD, archivo(personas))
    caminos = {
        "lista": BASE,
        "nuevo": f"{BASE}/nuevo",
        "uno": f"{BASE}/A0001",
        "de-baja": f"{BASE}/A0002",
        "baja": f"{BASE}/A0001/baja",
        "fura": f"{BASE}/A0001/fura",
        "correo": f"{BASE}/A0001/correo",
        "subir": f"/solicitudes/{SOLICITUD}/lotes",
        "previa": f"/solicitudes/{SOLICITUD}/lotes/{lote.lote}",
    }
    async with pagina(p, browser, "promovente1", ancho=ancho, oscuro=oscuro) as page:
        for nombre, camino in caminos.items():
            await page.goto(camino)
            await accesible(page)
            await _foto(page, f"{nombre}-{ancho}{'-oscuro' if oscuro else ''}")
