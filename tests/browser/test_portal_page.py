"""The portal in a real browser: main paths by keyboard, every page accessible at 1280 and 360 px, light and dark (PAGES.md)."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, expect

from schemas.autorizacion import Rol
from schemas.eventos import CierreRegistrado, DestruccionOrdenada, ExpedientesDestruidos
from tests.support import auxiliares
from tests.support.accesible import accesible
from tests.support.ejemplos import ejemplo
from tests.support.identidad import EMISOR
from tests.support.portal import PortalDePrueba, portal
from tests.support.servidor import servir
from tests.unit.test_portal_cuentas import PERSONA
from tests.unit.test_portal_destruccion import hechos
from tests.unit.test_portal_procesos import PROCESO, PROPIA
from tests.unit.test_portal_solicitudes import SOLICITUD, imagen

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(loop_scope="session")
async def p() -> AsyncIterator[PortalDePrueba]:
    async with (await portal()).en_marcha() as p:
        p.puerta.cuenta("ine1", Rol.INE_ADMIN)
        p.puerta.cuenta("opl1", Rol.OPL_ADMIN, entidad="10")
        p.puerta.cuenta("auditor1", Rol.AUDITOR)
        yield p


class Gente:
    """People with browsers on one portal. An error in a console, or something that the CSP refused, fails the test."""

    def __init__(self, p: PortalDePrueba, url: str, browser: Browser) -> None:
        self._p, self._url, self._browser = p, url, browser
        self.contextos: list[BrowserContext] = []
        self.errores: list[str] = []

    async def entra(self, cuenta: str, *, ancho: int = 1280, oscuro: bool = False) -> Page:
        """A page of somebody's browser."""
        context = await self._browser.new_context(
            base_url=self._url,
            viewport={"width": ancho, "height": 800},
            color_scheme="dark" if oscuro else "light",
            reduced_motion="reduce",
        )
        self.contextos.append(context)
        galletas = await self._p.puerta.entra(cuenta)
        await context.add_cookies([{"name": n, "value": v, "url": self._url} for n, v in galletas.items()])
        page = await context.new_page()
        page.on("pageerror", lambda error: self.errores.append(str(error)))
        page.on("console", lambda m: self.errores.append(m.text) if "Content Security Policy" in m.text else None)
        return page


@asynccontextmanager
async def gente(p: PortalDePrueba, browser: Browser) -> AsyncIterator[Gente]:
    async with servir(p.app()) as url:
        gente = Gente(p, url, browser)
        yield gente
        for context in gente.contextos:
            await context.close()
        assert gente.errores == []


async def _foto(page: Page, nombre: str) -> None:
    """With APOYO_SCREENSHOTS set, what somebody is to look at."""
    if folder := os.environ.get("APOYO_SCREENSHOTS"):
        await page.screenshot(path=Path(folder) / f"portal-{nombre}.png", full_page=True)


async def _llenar(page: Page, valores: dict[str, object]) -> None:
    """Fill a form in by its labels' controls, as somebody would."""
    for campo, valor in valores.items():
        control = page.locator(f'[name="{campo}"]')
        tipo = await control.first.get_attribute("type")
        if tipo in ("checkbox", "radio"):
            for uno in valor if isinstance(valor, list) else [valor]:
                await page.locator(f'[name="{campo}"][value="{uno}"]').check()
        elif await control.first.evaluate("e => e.tagName") == "SELECT":
            await control.select_option(str(valor))
        else:
            await control.fill(str(valor))


async def test_el_ine_registra_una_cuenta_y_asienta_su_declaracion_con_el_teclado(
    p: PortalDePrueba, browser: Browser
) -> None:
    async with gente(p, browser) as g:
        ine = await g.entra("ine1")
        await ine.goto("/")
        await ine.get_by_role("link", name="Cuentas").click()
        await ine.get_by_role("link", name="Registrar una cuenta").click()
        await ine.get_by_label("Nombre completo").focus()
        await ine.keyboard.type(PERSONA["nombre"])
        await ine.keyboard.press("Enter")
        await expect(ine.get_by_role("alert")).to_contain_text("Puesto. Escriba este dato.")
        await expect(ine.get_by_label("Puesto")).to_be_focused()
        await expect(ine.get_by_label("Nombre completo")).to_have_value(PERSONA["nombre"])
        await accesible(ine)
        await _foto(ine, "cuenta-errores")
        await _llenar(ine, PERSONA)
        await ine.get_by_role("button", name="Registrar la cuenta").press("Enter")
        await expect(ine.get_by_role("heading", level=1)).to_have_text(PERSONA["nombre"])
        await expect(ine.get_by_role("status")).to_contain_text("Quedó registrado")
        await ine.get_by_role("link", name="Asentar la Declaración").click()
        await ine.get_by_label("Día en que se firmó").fill("2026-11-19")
        await ine.keyboard.press("Enter")
        await expect(ine.get_by_text("Vigente", exact=True)).to_be_visible()
        await _foto(ine, "cuenta")


async def test_el_opl_registra_un_proceso_cambia_una_regla_y_registra_una_solicitud_con_su_cedula(
    p: PortalDePrueba, browser: Browser
) -> None:
    async with gente(p, browser) as g:
        opl = await g.entra("opl1")
        await opl.goto("/procesos")
        await expect(opl.get_by_text("Todavía no hay procesos")).to_be_visible()
        await opl.get_by_role("link", name="Registrar un proceso").click()
        await _llenar(opl, PROCESO)
        await opl.get_by_role("button", name="Registrar el proceso").press("Enter")
        await expect(opl.get_by_role("heading", level=1)).to_have_text(str(PROCESO["denominacion"]))

        await opl.get_by_role("link", name="Reglas").click()
        await opl.get_by_role("link", name="Cambiar las del OPL").click()
        await expect(opl.get_by_text("se notifica a la DERFE")).to_be_visible()
        await opl.get_by_label("valen todos").check()
        await opl.get_by_role("button", name="Guardar las reglas").press("Enter")
        await expect(opl.get_by_text("vale el que se recibió primero → valen todos")).to_be_visible()

        await opl.goto("/procesos/CI27/solicitudes")
        await opl.get_by_role("link", name="Registrar una solicitud").click()
        await _llenar(opl, SOLICITUD)
        await opl.get_by_label("Emblema").set_input_files(
            {"name": "emblema.png", "mimeType": "image/png", "buffer": imagen()}
        )
        await opl.get_by_role("button", name="Registrar la solicitud").press("Enter")
        await expect(opl.get_by_text("Quedó registrado")).to_be_visible()
        assert opl.url.partition("?")[0].endswith("/solicitudes/CI27-0001")
        ancho = await opl.get_by_role("img", name="Emblema").evaluate("i => i.naturalWidth")
        assert ancho == 64
        respuesta = await opl.request.get("/solicitudes/CI27-0001/cedula.pdf")
        assert (await respuesta.body()).startswith(b"%PDF-")
        await opl.get_by_role("link", name="Asentar la cédula firmada").click()
        await opl.get_by_label("Día en que se firmó").fill("2026-11-20")
        await opl.keyboard.press("Enter")
        await expect(opl.get_by_text("Firmada el 20 nov 2026.")).to_be_visible()
        await accesible(opl)


async def test_el_opl_agrega_una_inconsistencia_al_catalogo_y_la_quita_con_el_teclado(
    p: PortalDePrueba, browser: Browser
) -> None:
    """P 13.8: an addition is optional, and nothing of one is; what it lacks is told at its field, and what was written stays."""
    async with p.navega("opl1") as opl:
        assert (await opl.envia("/procesos/nuevo", PROCESO)).status == 200
    async with gente(p, browser) as g:
        opl = await g.entra("opl1")
        await opl.goto("/procesos/CI27/reglas/cambiar")
        primera = opl.get_by_role("group", name="Inconsistencia 1 (opcional)", exact=True)
        await primera.get_by_label("Descripción", exact=True).focus()
        await opl.keyboard.type(PROPIA["propia_0_descripcion"])
        await opl.keyboard.press("Enter")
        await expect(opl.get_by_role("alert")).to_contain_text("Tipo. Escriba este dato.")
        await expect(primera.get_by_label("Tipo", exact=True)).to_be_focused()
        await expect(primera.get_by_label("Descripción")).to_have_value(PROPIA["propia_0_descripcion"])
        await accesible(opl)
        await _foto(opl, "catalogo-errores")

        await opl.keyboard.type(PROPIA["propia_0_tipo"])
        await opl.keyboard.press("Tab")
        await expect(primera.get_by_label("Fundamento", exact=True)).to_be_focused()
        await opl.keyboard.type(PROPIA["propia_0_fundamento"])
        await opl.keyboard.press("Tab")
        await opl.keyboard.press("ArrowDown")
        await opl.keyboard.press("Tab")
        await opl.keyboard.press("Space")
        await opl.keyboard.press("Enter")
        regla = opl.get_by_role("row").filter(has=opl.get_by_role("rowheader", name="agrega al catálogo"))
        await expect(regla).to_contain_text(
            "Firma no válida: La cédula trae una firma que no es de puño y letra "
            "(Acuerdo IEPC/CG12/2026, punto 4; con auxiliar, con detalle)"
        )
        await _foto(opl, "catalogo")

        await opl.get_by_role("link", name="Cambiar las del OPL").press("Enter")
        await primera.get_by_label("Descripción").focus()
        await opl.keyboard.press("ControlOrMeta+A")
        await opl.keyboard.press("Delete")
        await opl.keyboard.press("Enter")
        await expect(opl.get_by_role("alert")).to_contain_text("Descripción. Escriba este dato.")
        await expect(primera.get_by_label("Descripción")).to_be_focused()
        await expect(primera.get_by_label("Tipo")).to_have_value(PROPIA["propia_0_tipo"])
        await _foto(opl, "catalogo-sin-descripcion")
        for _ in range(2):
            await opl.keyboard.press("Tab")
            await opl.keyboard.press("Delete")
        await opl.keyboard.press("Enter")
        await expect(regla).to_contain_text("ninguna")
        await expect(opl.get_by_text("punto 4; con auxiliar, con detalle) → ninguna")).to_be_visible()


@pytest.mark.parametrize(("ancho", "oscuro"), [(1280, False), (360, True)])
async def test_todas_las_paginas_son_accesibles(p: PortalDePrueba, browser: Browser, ancho: int, oscuro: bool) -> None:
    async with p.navega("ine1") as ine, p.navega("opl1") as opl:
        hechas = [
            await ine.envia("/cuentas/nueva", {**PERSONA, "emisor": EMISOR}),
            await ine.envia("/calendarios/nuevo", {"calendario": "durango_2027", "festivos": "2026-12-25\n2027-02-01"}),
            await opl.envia(
                "/procesos/nuevo", {**PROCESO, "calendario": "durango_2027", "convenio_hasta": "2027-01-10"}
            ),
            await opl.envia("/procesos/CI27/solicitudes/nueva", SOLICITUD, {"emblema": ("e.png", imagen())}),
            await opl.envia("/procesos/CI27/reglas/cambiar", {"misma_persona": "todos"}),
        ]
        async with p.navega("promovente-ci27-0001") as promovente:
            hechas.append(await promovente.envia("/solicitudes/CI27-0001/auxiliares/nuevo", auxiliares.persona(1)))
        assert [h.status for h in hechas] == [200] * 6
    await p.publica(*hechos(), ejemplo(CierreRegistrado), ejemplo(DestruccionOrdenada))
    p.destrucciones.aplicar(ejemplo(ExpedientesDestruidos), 0)
    cuenta = hechas[0].url
    de_todos = [
        "/procesos",
        "/procesos/CI27",
        "/procesos/CI27/reglas",
        "/procesos/CI27/plazos",
        "/procesos/CI27/capacidad",
    ]
    paginas = {
        "ine1": [
            *("/cuentas", "/cuentas?rol=operador", "/cuentas/nueva", cuenta, f"{cuenta}/cambiar"),
            *(f"{cuenta}/baja", f"{cuenta}/declaracion", "/calendarios", "/calendarios/nuevo"),
            *("/calendarios/durango_2027", "/calendarios/durango_2027/cambiar", "/procesos/CI27/reglas/cambiar"),
            *("/procesos/nuevo", "/procesos/NADA", "/solicitudes/CI27-0001"),
            *("/procesos/CI27/expedientes", "/procesos/CI27/expedientes/destruir"),
        ],
        "opl1": [
            *de_todos,
            *("/procesos/nuevo", "/procesos/CI27/cambiar", "/procesos/CI27/enlaces", "/procesos/CI27/reglas/cambiar"),
            *("/procesos/CI27/solicitudes", "/procesos/CI27/solicitudes/nueva", "/solicitudes/CI27-0001"),
            *("/solicitudes/CI27-0001/cambiar", "/solicitudes/CI27-0001/cedula", "/calendarios"),
            *("/procesos/CI27/expedientes", "/procesos/CI27/expedientes/cierre"),
        ],
        "promovente-ci27-0001": [
            *("/procesos", "/procesos/CI27/solicitudes", "/solicitudes/CI27-0001", "/solicitudes/CI27-0001/lotes"),
            *(f"/solicitudes/CI27-0001/auxiliares{ruta}" for ruta in ("", "/nuevo", "/A0001", "/A0001/fura")),
            *(f"/solicitudes/CI27-0001/auxiliares{ruta}" for ruta in ("/A0001/correo", "/A0001/baja")),
        ],
        "auditor1": ["/cuentas", "/procesos/CI27", "/procesos/CI26/expedientes"],
    }
    tema = "oscuro" if oscuro else "claro"
    faltas: list[str] = []
    async with gente(p, browser) as g:
        for quien, urls in paginas.items():
            page = await g.entra(quien, ancho=ancho, oscuro=oscuro)
            for url in urls:
                await page.goto(url)
                try:
                    await accesible(page)
                except AssertionError as error:
                    faltas.append(str(error))
                await _foto(page, f"{ancho}-{tema}-{quien}{url.replace('/', '_').replace('?', '-')}")
    assert not faltas, "\n\n".join(faltas)


async def test_la_grafica_del_plan_tiene_su_tabla_y_sus_barras_caben(p: PortalDePrueba, browser: Browser) -> None:
    async with p.navega("opl1") as opl:
        await opl.envia("/procesos/nuevo", PROCESO)
    async with gente(p, browser) as g:
        page = await g.entra("opl1")
        await page.goto("/procesos/CI27/capacidad")
        dibujo = page.get_by_role("img", name="Gráfica de barras")
        await expect(dibujo).to_be_visible()
        barras, dentro = await dibujo.evaluate(
            """(svg) => {
              const marco = svg.getBoundingClientRect();
              const barras = [...svg.querySelectorAll("rect")].map((r) => r.getBoundingClientRect());
              return [barras.length, barras.every((b) => b.left >= marco.left - 1 && b.right <= marco.right + 1)];
            }"""
        )
        assert dentro
        await page.get_by_text("Las cifras de cada día").click()
        assert await page.locator("details tbody tr").count() == barras
