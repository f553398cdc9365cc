"""Mesa de Control in a real browser: a person decides with the keys alone, and nothing is lost (SPEC 7, PAGES.md)."""

import os
import re

import pytest
from playwright.async_api import Page, Route, expect

from schemas.eventos import Alerta, RegistroClasificado
from schemas.paquete import Parte
from services.mesa_control.domain import TEXTO_ALERTA, Orden
from tests.support.accesible import accesible
from tests.support.mesa import Mesa, folio

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def _muestra(page: Page, n: int) -> None:
    """Record `n` is on the screen with its four images, and the keys go to it."""
    await expect(page.locator("main")).to_have_attribute("data-folio", folio(n))
    await expect(page.locator(".lienzo[data-lista]")).to_have_count(4)
    await expect(page.locator("main")).to_be_focused()


async def _decisiones(mesa: Mesa) -> list[RegistroClasificado]:
    return [RegistroClasificado.model_validate_json(r.value) async for r in mesa.stream.read("clasificado")]


async def test_una_persona_decide_toda_la_cola_con_el_teclado(mesa: Mesa, page: Page) -> None:
    for n in (1, 2, 3):
        await mesa.llega(n)
    await page.goto("/")
    await _muestra(page, 1)
    await expect(page.locator("[data-campo=cic]")).to_contain_text("= MRZ")
    await page.keyboard.press("Space")
    await _muestra(page, 2)
    for key in ("g", "f", "2", "Enter"):
        await page.keyboard.press(key)
    await _muestra(page, 3)
    await page.keyboard.press("j")
    await page.keyboard.type("Una equis; zz 1 no es la de la credencial")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="No hay registros pendientes")).to_be_visible()
    await expect(page.locator("#aviso")).to_contain_text("con inconsistencia j")
    await expect(page.locator("#dia-texto")).to_have_text("hoy 3 / 400")
    decided = {d.folio: [(i.clave, i.detalle) for i in d.inconsistencias] for d in await _decisiones(mesa)}
    assert decided == {
        folio(1): [],
        folio(2): [("g", None), ("f", "Ilegible: OCR")],
        folio(3): [("j", "Una equis; zz 1 no es la de la credencial")],
    }


async def test_el_registro_que_llega_a_la_cola_vacia_aparece_solo(mesa: Mesa, page: Page) -> None:
    recibido, descifrado, compulsado = await mesa.eventos(1)
    await mesa.recibe(recibido)
    await page.clock.install()
    await page.goto("/")
    await expect(page.get_by_text("1 en procesamiento")).to_be_visible()
    await mesa.recibe(descifrado)
    await mesa.recibe(compulsado)
    await page.clock.fast_forward(6000)
    await _muestra(page, 1)


async def test_una_tecla_sostenida_no_decide_mas_de_un_registro(mesa: Mesa, page: Page) -> None:
    for n in (1, 2, 3):
        await mesa.llega(n)
    await page.goto("/")
    await _muestra(page, 1)
    await page.keyboard.down(" ")
    await _muestra(page, 2)
    await page.keyboard.down(" ")
    await page.keyboard.down(" ")
    await page.keyboard.up(" ")
    await _muestra(page, 2)
    assert [d.folio for d in await _decisiones(mesa)] == [folio(1)]


async def test_lo_marcado_no_se_guarda_como_limpio_ni_sin_su_detalle(mesa: Mesa, page: Page) -> None:
    await mesa.llega(1)
    await page.goto("/")
    await _muestra(page, 1)
    await page.keyboard.press("Enter")
    await expect(page.locator("#aviso")).to_contain_text("Marque una inconsistencia")
    await page.keyboard.press("f")
    await page.keyboard.press("Space")
    await expect(page.locator("#aviso")).to_contain_text("Hay inconsistencias marcadas")
    await page.keyboard.press("Enter")
    await expect(page.locator("#aviso")).to_contain_text("Falta el detalle de f")
    await page.keyboard.press("Escape")
    await page.keyboard.press("Escape")
    await expect(page.locator(".inconsistencia[aria-pressed=true]")).to_have_count(0)
    assert await _decisiones(mesa) == []


async def test_deshacer_vuelve_al_registro_anterior_y_la_nueva_decision_lo_reemplaza(mesa: Mesa, page: Page) -> None:
    for n in (1, 2):
        await mesa.llega(n)
    await page.goto("/")
    await _muestra(page, 1)
    await page.keyboard.press("Space")
    await _muestra(page, 2)
    await page.keyboard.press("z")
    await _muestra(page, 1)
    await page.keyboard.press("m")
    await page.keyboard.press("Enter")
    await _muestra(page, 2)
    await expect(page.locator("#aviso")).to_contain_text("con inconsistencia m")
    assert [(d.folio, d.version, d.sin_inconsistencia) for d in await _decisiones(mesa)] == [
        (folio(1), 1, True),
        (folio(1), 2, False),
    ]
    await page.keyboard.press("z")
    await _muestra(page, 1)
    await expect(page.locator(".inconsistencia[aria-pressed=true]")).to_have_attribute("data-clave", "m")
    await page.keyboard.press("Escape")
    await _muestra(page, 2)
    assert len(await _decisiones(mesa)) == 2


async def test_lo_que_llega_mientras_se_cambia_una_decision_espera_su_turno(mesa: Mesa, page: Page) -> None:
    await page.clock.install()
    await mesa.llega(1)
    await page.goto("/")
    await _muestra(page, 1)
    await page.keyboard.press("Space")
    await expect(page.get_by_role("heading", name="No hay registros pendientes")).to_be_visible()
    await expect(page.locator("#aviso")).to_contain_text("✓")
    await page.keyboard.press("z")
    await _muestra(page, 1)
    await page.keyboard.press("m")
    await mesa.llega(2)
    async with page.expect_response("**/api/siguiente?*"):
        await page.clock.fast_forward(31_000)
    await _muestra(page, 1)
    await page.keyboard.press("Enter")
    await _muestra(page, 2)
    assert [(d.folio, d.version) for d in await _decisiones(mesa)] == [(folio(1), 1), (folio(1), 2)]


async def test_sin_conexion_la_decision_espera_y_se_guarda_una_sola_vez(mesa: Mesa, page: Page) -> None:
    for n in (1, 2):
        await mesa.llega(n)
    failures = 2

    async def falla(route: Route) -> None:
        nonlocal failures
        failures -= 1
        if failures == 1:
            await route.abort("connectionfailed")
        elif failures == 0:
            await route.fetch()  # the server decides, and its answer is lost
            await route.abort("connectionreset")
        else:
            await route.continue_()

    await page.route("**/decision", falla)
    await page.clock.install()
    await page.goto("/")
    await _muestra(page, 1)
    await page.keyboard.press("Space")
    await _muestra(page, 2)
    await expect(page.locator("#aviso")).to_contain_text("No hay conexión")
    await expect(page.locator("#aviso")).to_contain_text("no cierre esta página")
    for _ in range(2):
        async with page.expect_request("**/decision"):
            await page.clock.fast_forward(3000)
    await expect(page.locator("#aviso")).to_contain_text("sin inconsistencia")
    assert [d.folio for d in await _decisiones(mesa)] == [folio(1)]


async def test_si_otra_persona_decidio_antes_se_dice_quien(mesa: Mesa, page: Page) -> None:
    for n in (1, 2):
        await mesa.llega(n)
    await page.goto("/")
    await _muestra(page, 1)
    mesa.reloj.avanza(minutes=11)
    await mesa.servicio.decidir(folio(1), "operador2", Orden((), 1), "otra-llave")
    await page.keyboard.press("a")
    await page.keyboard.press("Enter")
    rechazo = page.locator("#rechazos > *")
    await expect(rechazo).to_contain_text("Este registro ya se decidió")
    await expect(rechazo).to_contain_text("operador2")
    await accesible(page)
    await page.keyboard.press("Escape")
    await expect(rechazo).to_have_count(0)
    assert len(await _decisiones(mesa)) == 1


async def test_la_imagen_que_no_carga_se_dice_y_no_se_decide_sin_verla(mesa: Mesa, page: Page) -> None:
    for n in (1, 2):
        await mesa.llega(n)
    await page.route(f"**/{folio(1)}/imagenes/foto*", lambda route: route.abort())
    await page.goto("/")
    await expect(page.locator("[data-parte=foto] [data-falla]")).to_have_count(1)
    await expect(page.locator(".lienzo[data-lista]")).to_have_count(3)
    await page.keyboard.press("Space")
    await expect(page.locator("#aviso")).to_contain_text("Una imagen no cargó")
    await page.unroute(f"**/{folio(1)}/imagenes/foto*")
    await page.locator("[data-falla]").click()
    await _muestra(page, 1)
    await page.keyboard.press("Space")
    await _muestra(page, 2)
    assert [d.folio for d in await _decisiones(mesa)] == [folio(1)]


async def test_las_imagenes_se_amplian_acercan_y_giran_con_el_teclado(mesa: Mesa, page: Page) -> None:
    await mesa.llega(1)
    await page.goto("/")
    await _muestra(page, 1)
    await page.keyboard.press("2")
    await expect(page.locator(".imagen:visible")).to_have_count(1)
    for key in ("+", "+", "r", "ArrowRight"):
        await page.keyboard.press(key)
    moved = await page.locator("[data-parte=reverso] canvas").evaluate("(img) => img.style.transform")
    assert "rotate(90deg)" in moved
    assert "translate(-60px, 0px)" in moved
    await page.keyboard.press("Escape")
    await expect(page.locator(".imagen:visible")).to_have_count(4)
    await page.locator("[data-parte=firma] .lienzo").click()
    await expect(page.locator(".imagen:visible")).to_have_count(1)
    await expect(page.locator("main")).to_be_focused()


async def test_la_ayuda_se_abre_y_se_cierra_sin_perder_el_foco(mesa: Mesa, page: Page) -> None:
    await mesa.llega(1)
    await page.goto("/")
    await _muestra(page, 1)
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Ayuda")).to_be_visible()
    await page.keyboard.press("Space")
    await expect(page.get_by_role("dialog", name="Ayuda")).to_be_hidden()
    await _muestra(page, 1)
    assert await _decisiones(mesa) == []


async def test_lo_que_se_vio_en_una_imagen_esta_junto_a_ella(mesa: Mesa, page: Page) -> None:
    vistas = {"pantalla": Parte.ANVERSO, "reverso_sin_codigos": Parte.REVERSO, "cubrebocas": Parte.FOTO}
    vistas["firma_simbolo"] = Parte.FIRMA
    alertas = [
        Alerta(codigo=codigo, inciso="f", parte=parte, medida=0.8125, umbral=0.5, severidad="alerta")
        for codigo, parte in vistas.items()
    ]
    await mesa.llega(1, alertas=alertas)
    await page.goto("/")
    await _muestra(page, 1)
    for codigo, parte in vistas.items():
        figura = page.locator(".imagen").filter(has=page.locator(f"text={TEXTO_ALERTA[codigo]} 0.81"))
        await expect(figura).to_have_count(1)
        await expect(figura).to_have_attribute("data-parte", parte)
    if folder := os.environ.get("APOYO_SCREENSHOTS"):
        await page.screenshot(path=f"{folder}/mesa-alertas.png")


async def test_todo_cabe_en_la_pantalla_y_tiene_nombre(mesa: Mesa, page: Page) -> None:
    for n in (1, 2):
        await mesa.llega(n)
    await page.goto("/")
    await _muestra(page, 1)
    for key in ("g", "f", "3", "Enter"):
        await page.keyboard.press(key)
    await _muestra(page, 2)
    await expect(page.locator("#aviso")).to_contain_text("✓")
    overflow = await page.evaluate(
        "() => [document.body, document.getElementById('catalogo'), document.getElementById('datos')]"
        ".map((e) => [e.scrollHeight - e.clientHeight, e.scrollWidth - e.clientWidth])"
    )
    assert overflow == [[0, 0]] * 3
    unnamed = await page.evaluate(
        "() => [...document.querySelectorAll('button, input, a, img:not([alt])')]"
        ".filter((e) => !(e.ariaLabel || e.textContent.trim() || e.labels?.length)).map((e) => e.outerHTML)"
    )
    assert unnamed == []
    small = await page.evaluate(
        "() => [...document.querySelectorAll('button')].filter((b) => b.offsetHeight && b.offsetHeight < 24).length"
    )
    assert small == 0


async def test_cada_vista_de_la_mesa_es_accesible(mesa: Mesa, page: Page) -> None:
    """WCAG 2.2 AA: the empty queue, a record with its images, the help, the detail of an inconsistency, the entrance."""
    await page.goto("/")
    await expect(page.get_by_role("heading", name="No hay registros pendientes")).to_be_visible()
    await accesible(page)
    await mesa.llega(1)
    await _muestra(page, 1)
    await accesible(page)
    await page.keyboard.press("?")
    await accesible(page)
    await page.keyboard.press("?")
    await page.keyboard.press("f")
    await accesible(page)
    await page.context.clear_cookies()
    await page.goto("/")
    await expect(page).to_have_url(re.compile("/entrar"))
    await accesible(page)


async def test_de_una_imagen_que_esta_en_otro_registro_se_abre_la_otra_con_el_teclado(mesa: Mesa, page: Page) -> None:
    await mesa.llega(1)
    repetida = Alerta(
        codigo="imagen_repetida",
        inciso="n",
        parte=Parte.REVERSO,
        medida=0.825,
        umbral=0.5,
        severidad="alerta",
        detalle="en 1 registro más",
        folios=[folio(1)],
    )
    await mesa.llega(2, alertas=[repetida])
    await page.goto("/")
    await _muestra(page, 1)
    aviso = page.locator(".imagen[data-parte=reverso] .alertas li")
    await expect(aviso).to_contain_text("Imagen repetida en otro registro")
    otra = aviso.get_by_role("link")
    await expect(otra).to_have_accessible_name(f"Ver esa imagen en el registro {folio(2)}")
    await otra.focus()
    async with page.context.expect_page() as abierta:
        await page.keyboard.press("Enter")
    assert (await abierta.value).url.endswith(f"/registros/{folio(2)}/imagenes/reverso")
    if folder := os.environ.get("APOYO_SCREENSHOTS"):
        await page.screenshot(path=f"{folder}/mesa-imagen-repetida.png")
    await accesible(page)
