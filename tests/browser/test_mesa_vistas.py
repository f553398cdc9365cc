"""How Mesa de Control shows a record to who sits before it all day: images, alerts, keys; nothing jumps (SPEC 7, PAGES.md)."""

import asyncio
import os
import random
from collections.abc import Awaitable, Callable
from datetime import date
from functools import cache
from typing import Any

import cv2
import pytest
from playwright.async_api import Locator, Page, Route, expect

from credencial.inconsistencias import de_revision
from dispositivo.poblacion.dibujo import cpv
from dispositivo.poblacion.personas import Poblador
from schemas.eventos import Alerta, RegistroClasificado
from schemas.paquete import IMAGENES, Modalidad, Parte
from tests.support.accesible import accesible
from tests.support.mesa import PROCESO, Mesa, datos, folio, imagen
from tests.support.navegador import entra

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
CAJAS = """() => ['.encabezado', '#mosaico', '.imagen[data-parte=anverso]', '.imagen[data-parte=foto] .lienzo', '#panel', '#datos',
  '#catalogo', '#detalle', '.barra'].map((s) => document.querySelector(s).getBoundingClientRect())
  .map((r) => [r.x, r.y, r.width, r.height])"""


@cache
def _imagenes() -> dict[str, bytes]:
    return {parte.value: imagen(parte.value, 1) for parte in IMAGENES}


async def _llegan(mesa: Mesa, cuantos: int, **cambios: Any) -> None:
    for n in range(1, cuantos + 1):
        await mesa.llega(n, imagenes=_imagenes(), **cambios)


async def _ve(page: Page, n: int, imagenes: int = 4) -> None:
    await expect(page.locator("main")).to_have_attribute("data-folio", folio(n))
    await expect(page.locator(".lienzo[data-lista]")).to_have_count(imagenes)


def _alerta(codigo: str, parte: Parte = Parte.ANVERSO, **mas: Any) -> Alerta:
    return Alerta(codigo=codigo, inciso="f", parte=parte, medida=0.9, umbral=0.5, severidad="alerta", **mas)


async def _foto(page: Page, nombre: str) -> None:
    if folder := os.environ.get("APOYO_SCREENSHOTS"):
        await page.screenshot(path=f"{folder}/mesa-{nombre}.png")


# At most three keys -----------------------------------------------------------------------------------------------------


def _teclas(modalidad: Modalidad) -> list[tuple[str, str, list[str]]]:
    """Every entry of the catalogue in each of its forms: key, digit or nothing; and the forms whose detail is written besides."""
    ways: list[tuple[str, str, list[str]]] = []
    for letra, entrada in zip("abcdefghijklmn", de_revision(modalidad.value), strict=False):
        formas = [s for s in entrada.subtipos if "P" in s.normas]
        if not formas or not entrada.pide_detalle:
            ways.append((entrada.clave, "texto" if entrada.pide_detalle else "", [letra]))
        ways += [(entrada.clave, forma.descripcion, [letra, str(i)]) for i, forma in enumerate(formas, 1)]
    return ways


@pytest.mark.parametrize("modalidad", [Modalidad.AUXILIAR, Modalidad.CAPTURA_MANUAL])
async def test_toda_inconsistencia_se_guarda_con_tres_teclas_a_lo_mas(
    mesa: Mesa, page: Page, modalidad: Modalidad
) -> None:
    formas = _teclas(modalidad)
    await _llegan(mesa, len(formas), modalidad=modalidad)
    await page.goto("/")
    for n, (clave, detalle, teclas) in enumerate(formas, 1):
        await _ve(page, n)
        pulsadas = [*teclas, "Enter"]
        assert len(pulsadas) <= 3, clave
        for tecla in teclas:
            await page.keyboard.press(tecla)
        if detalle == "texto":
            await page.keyboard.type(detalle)
        await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="No hay registros pendientes")).to_be_visible()
    await expect(page.locator("#aviso")).to_contain_text("✓")
    decididas = [RegistroClasificado.model_validate_json(r.value) async for r in mesa.stream.read("clasificado")]
    assert {d.folio: [(i.clave, i.detalle) for i in d.inconsistencias] for d in decididas} == {
        folio(n): [(clave, detalle or None)] for n, (clave, detalle, _) in enumerate(formas, 1)
    }


# Images -----------------------------------------------------------------------------------------------------------------


def _transformacion(page: Page, figura: str) -> Awaitable[str]:
    return page.locator(f"{figura} canvas").evaluate("(img) => img.style.transform")


async def test_las_imagenes_se_mueven_juntas_o_cada_una_por_su_lado(mesa: Mesa, page: Page) -> None:
    await _llegan(mesa, 2)
    await page.goto("/")
    await _ve(page, 1)
    anverso, firma = ".imagen[data-parte=anverso]", ".imagen[data-parte=firma]"
    antes = await _transformacion(page, firma)
    await page.keyboard.press("+")
    assert await _transformacion(page, anverso) == await _transformacion(page, firma) != antes
    await page.keyboard.press("0")
    assert await _transformacion(page, firma) == antes
    await page.keyboard.press("u")
    await page.keyboard.press("+")
    await expect(page.locator("#aviso")).to_contain_text("van separadas")
    await page.locator(f"{anverso} .lienzo").focus()
    for tecla in ("+", "ArrowUp"):
        await page.keyboard.press(tecla)
    assert "translate(0px, 60px)" in await _transformacion(page, anverso)
    assert await _transformacion(page, firma) == antes
    await page.locator(f"{firma} .lienzo").hover()
    await page.mouse.wheel(0, -100)
    assert await _transformacion(page, firma) != antes
    await page.locator("main").focus()
    await page.keyboard.press("Space")
    await _ve(page, 2)
    assert await _transformacion(page, anverso) == antes


async def test_el_contraste_y_el_brillo_cambian_se_dicen_y_no_pasan_al_siguiente(mesa: Mesa, page: Page) -> None:
    await _llegan(mesa, 2)
    await page.goto("/")
    await _ve(page, 1)
    filtro = "(img) => getComputedStyle(img).filter"
    firma = page.locator(".imagen[data-parte=firma]")
    vistos = [await firma.locator("canvas").evaluate(filtro)]
    for _ in range(3):
        await page.keyboard.press("x")
        vistos.append(await firma.locator("canvas").evaluate(filtro))
    assert vistos[0] == "none"
    assert len(set(vistos)) == 4
    assert "invert" in vistos[-1]
    await page.keyboard.press(".")
    await expect(firma.locator(".lienzo")).to_have_attribute("data-tono", "negativo · brillo +1")
    await _foto(page, "contraste")
    await accesible(page)
    await page.keyboard.press("Space")
    await _ve(page, 2)
    assert await firma.locator("canvas").evaluate(filtro) == "none"


@cache
def _tarjeta(modelo: str) -> bytes:
    poblador = Poblador(random.Random(7).randrange(10**6), date(2026, 11, 1))
    persona = next(p for p in iter(poblador.persona, None) if p.modelo == modelo)
    return bytes(cv2.imencode(".jpg", cpv.anverso(persona))[1])


@pytest.mark.parametrize(("modelo", "izquierda"), [("G", 56), ("C", 868), ("Z", 56)])
async def test_la_foto_queda_junto_al_retrato_de_la_credencial_y_la_firma_junto_a_la_suya(
    mesa: Mesa, page: Page, modelo: str, izquierda: int
) -> None:
    """Where the drawn card has them (`cpv`), by its model; of a model that is not known, where the later ones have them."""
    tarjeta = _tarjeta("G" if modelo == "Z" else modelo)
    formulario = datos(1).model_copy(update={"modelo": modelo})
    await mesa.llega(1, imagenes=_imagenes() | {"anverso": tarjeta}, formulario=formulario)
    await page.goto("/")
    await _ve(page, 1)
    await page.keyboard.press("v")
    await _ve(page, 1, imagenes=6)
    await _foto(page, f"dividida-{modelo}")
    await accesible(page)
    for cual, lugar in (("retrato", (izquierda, 140, 276, 368)), ("firma", (izquierda + 10, 584, 256, 104))):
        figura = page.locator(f"[data-recorte={cual}] .lienzo")
        marco, tamano = await _caja(figura), await _caja(figura.locator("canvas"))
        x, y, ancho, alto = lugar
        dentro = (
            tamano["x"] + tamano["width"] * x / 1200,
            tamano["y"] + tamano["height"] * y / 757,
            tamano["x"] + tamano["width"] * (x + ancho) / 1200,
            tamano["y"] + tamano["height"] * (y + alto) / 757,
        )
        assert marco["x"] <= dentro[0] < dentro[2] <= marco["x"] + marco["width"], cual
        assert marco["y"] <= dentro[1] < dentro[3] <= marco["y"] + marco["height"], cual
        assert dentro[2] - dentro[0] > marco["width"] / 3, cual
    foto, retrato = [await _caja(page.locator(s)) for s in ("[data-parte=foto]", "[data-recorte=retrato]")]
    assert (foto["y"], foto["x"] + foto["width"]) == (retrato["y"], pytest.approx(retrato["x"], abs=2))
    await page.keyboard.press("5")
    await expect(page.locator(".imagen:visible")).to_have_count(1)
    await page.keyboard.press("Escape")
    await page.keyboard.press("v")
    await expect(page.locator(".imagen:visible")).to_have_count(4)


async def _caja(donde: Locator) -> dict[str, float]:
    """Of an image, the box of the picture itself: `object-fit: contain` leaves bars beside it."""
    caja: dict[str, float] = await donde.evaluate(
        """(e) => {
      const r = e.getBoundingClientRect();
      if (!(e instanceof HTMLCanvasElement)) return {x: r.x, y: r.y, width: r.width, height: r.height};
      const k = Math.min(r.width / e.width, r.height / e.height);
      const [width, height] = [e.width * k, e.height * k];
      return {x: r.x + (r.width - width) / 2, y: r.y + (r.height - height) / 2, width, height};
    }"""
    )
    return caja


# Alerts -----------------------------------------------------------------------------------------------------------------


async def test_toda_alerta_se_alcanza_con_una_tecla_y_con_el_foco_sin_que_nada_se_mueva(mesa: Mesa, page: Page) -> None:
    repetida = _alerta("imagen_repetida", folios=[folio(9)])
    codigos = ("pantalla", "imagen_borrosa", "imagen_oscura", "copia_en_papel")
    await mesa.llega(1, imagenes=_imagenes(), alertas=[*map(_alerta, codigos), repetida])
    await page.goto("/")
    await _ve(page, 1)
    cajas = await page.evaluate(CAJAS)
    anverso = page.locator(".imagen[data-parte=anverso]")
    await expect(anverso.get_by_role("button", name="y 3 más")).to_be_visible()

    async def todas() -> bool:
        return bool(
            await anverso.locator(".alertas li").evaluate_all(
                "(todas) => todas.length === 5 && todas.every((li) => { const r = li.getBoundingClientRect();"
                " const e = document.elementFromPoint(r.x + 4, r.y + r.height / 2); return li.contains(e); })"
            )
        )

    assert not await todas()
    await page.keyboard.press("w")
    assert await todas()
    assert await page.evaluate(CAJAS) == cajas
    await _foto(page, "alertas-todas")
    await accesible(page)
    await page.keyboard.press("w")
    assert not await todas()
    await anverso.get_by_role("button", name="y 3 más").focus()
    assert await todas()
    await anverso.get_by_role("link").focus()
    assert await todas()
    await _foto(page, "alertas-foco")
    assert await anverso.get_by_role("link").evaluate(ANILLO_ENTERO)
    assert await page.evaluate(CAJAS) == cajas


ANILLO_ENTERO = """(e) => {
  const r = e.getBoundingClientRect(), g = 4;
  const anillo = [r.left - g, r.top - g, r.right + g, r.bottom + g];
  for (let p = e.parentElement; p; p = p.parentElement) {
    const c = p.getBoundingClientRect();
    const cortado = anillo[0] < c.left || anillo[1] < c.top || anillo[2] > c.right || anillo[3] > c.bottom;
    if (getComputedStyle(p).overflow !== 'visible' && cortado) return false;
  }
  return getComputedStyle(e).outlineStyle !== 'none';
}"""


async def test_el_anillo_del_foco_de_ver_no_se_corta(mesa: Mesa, page: Page) -> None:
    await mesa.llega(1, imagenes=_imagenes(), alertas=[_alerta("imagen_repetida", Parte.REVERSO, folios=[folio(9)])])
    await page.goto("/")
    await _ve(page, 1)
    await page.keyboard.press("Tab")
    ver = page.locator(".imagen[data-parte=reverso] .alertas a")
    for _ in range(20):
        if await ver.evaluate("(e) => e === document.activeElement"):
            break
        await page.keyboard.press("Tab")
    await expect(ver).to_be_focused()
    assert await ver.evaluate(ANILLO_ENTERO)
    await _foto(page, "foco-ver")


# From one record to the next ----------------------------------------------------------------------------------------------


async def test_nada_brinca_cuando_llega_el_siguiente(mesa: Mesa, page: Page) -> None:
    """Records as unlike each other as they come: with alerts, by rule, without readings, in another orientation."""
    await page.add_init_script(
        "window.brincos = 0; new PerformanceObserver((l) => { for (const e of l.getEntries()) window.brincos += e.value; })"
        ".observe({type: 'layout-shift', buffered: true});"
    )
    sin_lecturas = datos(3).model_copy(update={"lecturas": type(datos(3).lecturas)(), "curp": None})
    distintos: list[dict[str, Any]] = [
        {},
        {
            "alertas": [_alerta(c) for c in ("pantalla", "imagen_borrosa", "imagen_oscura")],
            "reglas": ["fuera_de_periodo"],
        },
        {"formulario": sin_lecturas},
        {"imagenes": _imagenes() | {"anverso": _imagenes()["foto"], "foto": _imagenes()["anverso"]}},
        {"situacion": "no_encontrado", "alertas": [_alerta("mrz_digito", Parte.DATOS)]},
        {},
    ]
    for n, cambios in enumerate(distintos, 1):
        await mesa.llega(n, **({"imagenes": _imagenes()} | cambios))
    await page.goto("/")
    await _ve(page, 1)
    cajas = await page.evaluate(CAJAS)
    await page.evaluate("brincos = 0")
    for n in range(2, len(distintos) + 1):
        for tecla in ("g", "f", "2", "Enter") if n % 2 else (" ",):
            await page.keyboard.press(tecla)
        await _ve(page, n)
        assert await page.evaluate(CAJAS) == cajas
    assert await page.evaluate("brincos") < 0.005


async def test_una_mano_mas_rapida_que_la_red_ve_que_se_carga_y_nada_de_lo_que_pulsa_cuenta(
    mesa: Mesa, page: Page
) -> None:
    await _llegan(mesa, 3)
    soltar: list[Callable[[], Awaitable[None]]] = []

    pedidos: list[Route] = []

    async def detiene(route: Route) -> None:
        pedidos.append(route)
        if len(pedidos) == 2:
            soltar.append(route.continue_)
        else:
            await route.continue_()

    await page.route("**/api/siguiente?*", detiene)
    await page.goto("/")
    await _ve(page, 1)
    cajas = await page.evaluate(CAJAS)
    await page.keyboard.press("Space")
    await expect(page.get_by_role("heading", name="Cargando el registro…")).to_be_visible()
    assert await page.evaluate(CAJAS) == cajas
    await expect(page.locator("main")).to_be_focused()
    await _foto(page, "espera")
    await accesible(page)
    for tecla in ("Space", "g", "Enter"):
        await page.keyboard.press(tecla)
        await expect(page.locator("#aviso")).to_contain_text("lo que pulse no cuenta")
    await soltar[0]()
    await _ve(page, 2)
    assert await page.evaluate(CAJAS) == cajas
    await expect(page.locator(".inconsistencia[aria-pressed=true]")).to_have_count(0)
    assert len([r async for r in mesa.stream.read("clasificado")]) == 1


async def test_lo_que_tiene_la_pagina_vuelve_a_la_cola_cuando_se_cierra(mesa: Mesa, page: Page) -> None:
    await _llegan(mesa, 3)
    await page.goto("/")
    await _ve(page, 1)
    await expect(page.locator("#cola")).to_have_text("3 pendientes")
    async with page.expect_response("**/imagenes/firma*"):
        await page.keyboard.press("Space")
    await _ve(page, 2)
    await page.goto("about:blank")
    async with asyncio.timeout(20):
        while await mesa.registros.count({"operador": "operador1", "cola": f"{PROCESO}/pendiente"}):
            await asyncio.sleep(0.02)
    tomados = [await mesa.servicio.siguiente("operador2", PROCESO, excepto) for excepto in ([], [folio(2)])]
    assert [tomado and tomado.folio for tomado in tomados] == [folio(2), folio(3)]


async def test_los_pixeles_de_una_imagen_se_sueltan_al_pasar_al_siguiente(mesa: Mesa, page: Page) -> None:
    await _llegan(mesa, 2)
    await page.goto("/")
    await _ve(page, 1)
    tamanos = "lienzos => lienzos.map(l => l.width)"
    del_primero = await page.evaluate_handle("[...document.querySelectorAll('.lienzo canvas')]")
    vistos = await del_primero.evaluate(tamanos)
    assert len(vistos) >= 4
    assert all(vistos)
    assert await page.locator(".imagen img").count() == 0
    await page.keyboard.press("Space")
    await _ve(page, 2)
    assert not any(await del_primero.evaluate(tamanos))


async def test_pasado_el_plazo_se_dice_por_que_no_se_deshace(mesa: Mesa, page: Page) -> None:
    await _llegan(mesa, 2)
    await page.goto("/")
    await _ve(page, 1)
    await page.keyboard.press("Space")
    await expect(page.locator("#aviso")).to_contain_text("✓")
    mesa.reloj.avanza(minutes=16)
    await page.keyboard.press("z")
    await expect(page.locator("#aviso")).to_contain_text("pasó el plazo")
    await _ve(page, 2)


# States ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tema", ["oscuro", "claro"])
async def test_cada_estado_es_accesible_en_los_dos_temas(mesa: Mesa, page: Page, tema: str) -> None:
    """WCAG 2.2 AA: empty, with a record, its detail, partial, the help, failed, and with the session ended."""

    async def accesible_asi(nombre: str) -> None:
        await page.evaluate("tema => { document.documentElement.dataset.tema = tema; }", tema)
        await _foto(page, f"{tema}-{nombre}")
        await accesible(page)

    await page.goto("/")
    await expect(page.get_by_role("heading", name="No hay registros pendientes")).to_be_visible()
    await accesible_asi("vacio")
    await page.route(f"**/{folio(1)}/imagenes/foto*", lambda route: route.fulfill(status=500, body="{}"))
    await mesa.llega(1, imagenes=_imagenes(), alertas=[_alerta("pantalla")], reglas=["fuera_de_periodo"])
    await page.reload()
    await expect(page.locator("[data-falla]")).to_have_count(1)
    await accesible_asi("parcial")
    await page.unroute(f"**/{folio(1)}/imagenes/foto*")
    await page.locator("[data-falla]").click()
    await _ve(page, 1)
    for tecla in ("g", "f", "2"):
        await page.keyboard.press(tecla)
    await accesible_asi("detalle")
    await page.keyboard.press("?")
    await accesible_asi("ayuda")
    await page.keyboard.press("Escape")
    await page.context.clear_cookies()
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Su sesión terminó")).to_be_visible()
    await accesible_asi("sesion")
    await entra(page.context, mesa.puerta, "operador1", page.url)
    await expect(page.locator("#aviso")).to_contain_text("✓")
    await page.route("**/api/siguiente?*", lambda route: route.abort())
    await page.reload()
    await expect(page.get_by_role("heading", name="No hay conexión con el servidor")).to_be_visible()
    await accesible_asi("fallo")
