"""A form corrected from the image in a real browser, with the keys alone (SPEC 7, D 5.8, 10.3)."""

import os

import pytest
from playwright.async_api import Page, Route, expect

from schemas.eventos import Fase, RegistroCompulsado, RegistroCorregido, SituacionRegistral
from schemas.paquete import DatosRegistro, Lecturas
from tests.support.accesible import accesible
from tests.support.ejemplos import ejemplo
from tests.support.mesa import Mesa, datos, folio

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

BIEN = datos(1)
MAL = BIEN.model_copy(update={"clave_elector": "ZJFCXC85031410M010", "cic": None, "ocr": None, "lecturas": Lecturas()})


async def _llega(mesa: Mesa, n: int, formulario: DatosRegistro = MAL) -> None:
    await mesa.llega(n, situacion="no_encontrado", formulario=formulario)


async def _muestra(page: Page, n: int) -> None:
    await expect(page.locator("main")).to_have_attribute("data-folio", folio(n))
    await expect(page.locator(".lienzo[data-lista]")).to_have_count(4)
    await expect(page.locator("main")).to_be_focused()


async def _responde(mesa: Mesa, n: int) -> None:
    """compulsa's lookup of the corrected form."""
    await mesa.recibe(
        ejemplo(
            RegistroCompulsado,
            version=2,
            folio=folio(n),
            fase=Fase.PRELIMINAR,
            situacion=SituacionRegistral.EN_LISTA_NOMINAL,
            clasificado_version=0,
            duplicado_de=None,
            correccion_version=1,
        ),
        20 + n,
    )


async def _foto(page: Page, nombre: str) -> None:
    """With APOYO_SCREENSHOTS set, what somebody is to look at."""
    if folder := os.environ.get("APOYO_SCREENSHOTS"):
        await page.screenshot(path=f"{folder}/mesa-{nombre}.png")


async def _corregidos(mesa: Mesa) -> list[RegistroCorregido]:
    return [RegistroCorregido.model_validate_json(r.value) async for r in mesa.stream.read(RegistroCorregido.topic)]


async def _escribe(page: Page, campo: str, texto: str) -> None:
    """By keys alone: Tab to the field, and over what it said."""
    for _ in range(12):
        if await page.evaluate("document.activeElement?.name") == campo:
            break
        await page.keyboard.press("Tab")
    await expect(page.locator(f"#corrige-{campo}")).to_be_focused()
    await page.keyboard.press("Control+A")
    await page.keyboard.type(texto)


async def test_se_corrige_con_el_teclado_sigue_el_siguiente_y_vuelve_con_su_historia(mesa: Mesa, page: Page) -> None:
    await _llega(mesa, 1)
    await mesa.llega(2)
    await page.goto("/")
    await _muestra(page, 1)
    await expect(page.locator("[data-campo=corregir]")).to_contain_text("No se encontró a la persona")
    await page.keyboard.press("F2")
    await expect(page.locator("#corrige-cic")).to_be_focused()
    await page.keyboard.type(BIEN.cic or "")
    await _escribe(page, "ocr", BIEN.ocr or "")
    await _escribe(page, "clave_elector", BIEN.clave_elector.lower())
    await page.keyboard.press("Enter")
    await _muestra(page, 2)
    await expect(page.locator("#aviso")).to_contain_text("se consulta en el padrón y vuelve a la cola")
    [hecha] = await _corregidos(mesa)
    assert (hecha.folio, hecha.campos) == (folio(1), ["cic", "ocr", "clave_elector"])
    await page.keyboard.press("Space")
    await expect(page.get_by_role("heading", name="No hay registros pendientes")).to_be_visible()
    await _responde(mesa, 1)
    await expect(page.locator("main")).to_have_attribute("data-folio", folio(1), timeout=15_000)
    await _muestra(page, 1)
    historia = page.locator("[data-campo=corregido-1]")
    await expect(historia).to_contain_text(f"CIC: vacío → {BIEN.cic}")
    await expect(historia).to_contain_text("operador1")
    await expect(page.locator("[data-campo=situacion]")).to_contain_text("lista nominal")
    await expect(page.locator("[data-campo=corregir]")).to_have_count(0)
    await accesible(page)
    await _foto(page, "corregido")
    await page.keyboard.press("Space")
    await expect(page.locator("#dia-texto")).to_have_text("hoy 2 / 400")


async def test_lo_que_no_cuadra_avisa_en_su_campo_y_lo_imposible_no_se_guarda(mesa: Mesa, page: Page) -> None:
    await _llega(mesa, 1)
    await page.goto("/")
    await _muestra(page, 1)
    await page.keyboard.press("F2")
    await page.keyboard.type("12A")
    await page.keyboard.press("Tab")
    await expect(page.locator("#corrige-cic-nota")).to_contain_text("Solo dígitos")
    await expect(page.locator("#corrige-cic")).to_have_attribute("aria-invalid", "true")
    await _escribe(page, "clave_elector", "RARA")
    await page.keyboard.press("Enter")
    await expect(page.locator("#aviso")).to_contain_text("Revise el campo marcado")
    await expect(page.locator("#corrige-cic")).to_be_focused()
    await expect(page.locator("#corrige-clave_elector-nota")).to_contain_text("Clave de elector mal formada")
    await accesible(page)
    await _foto(page, "correccion")
    assert await _corregidos(mesa) == []
    await page.keyboard.press("Control+A")
    await page.keyboard.type("123")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="No hay registros pendientes")).to_be_visible()
    assert [c.campos for c in await _corregidos(mesa)] == [["cic", "clave_elector"]]


async def test_esc_deja_el_formulario_como_estaba_y_las_teclas_vuelven_al_registro(mesa: Mesa, page: Page) -> None:
    await _llega(mesa, 1)
    await mesa.llega(2)
    await page.goto("/")
    await _muestra(page, 1)
    await page.keyboard.press("F2")
    await page.keyboard.type("999")
    await page.keyboard.press("PageDown")
    await expect(page.locator(".imagen[data-ampliada]")).to_have_attribute("data-parte", "anverso")
    await expect(page.locator("#corrige-cic")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.locator("main")).to_be_focused()
    await expect(page.locator(".imagen[data-ampliada]")).to_have_count(0)
    await expect(page.locator("[data-campo=cic] .enviado")).to_have_text("—")
    await page.keyboard.press("Space")
    await _muestra(page, 2)
    await page.keyboard.press("F2")
    await expect(page.locator("#aviso")).to_contain_text("Este formulario no se corrige")
    await expect(page.locator("main")).to_be_focused()
    assert await _corregidos(mesa) == []


async def test_sin_red_la_correccion_se_reintenta_sola_y_queda_una_vez(mesa: Mesa, page: Page) -> None:
    await _llega(mesa, 1)
    await mesa.llega(2)
    fallas = 0

    async def corta(route: Route) -> None:
        nonlocal fallas
        fallas += 1
        if fallas == 1:
            await route.abort()
        else:
            await route.continue_()

    await page.route("**/correccion", corta)
    await page.goto("/")
    await _muestra(page, 1)
    await page.keyboard.press("F2")
    await page.keyboard.type(BIEN.cic or "")
    await page.keyboard.press("Enter")
    await _muestra(page, 2)
    await expect(page.locator("#aviso")).to_contain_text("corregido")
    assert len(await _corregidos(mesa)) == 1
    assert fallas == 2


async def test_la_ayuda_lista_la_tecla(mesa: Mesa, page: Page) -> None:
    await mesa.llega(1)
    await page.goto("/")
    await _muestra(page, 1)
    await page.keyboard.press("?")
    await expect(page.locator("#ayuda-teclas")).to_contain_text("Corregir el formulario desde la imagen")
