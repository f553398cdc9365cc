"""From a key to the next record drawn, in Chromium with a slow network: the page of Mesa de Control on the real service.

A decision each two seconds, as a person works, and bursts of five as fast as the records are drawn. The time of each runs from the
key's own time stamp to the frame in which the next record stands with its four images. Beside it, the floor:
from a key that does nothing to the next frame, at the same moments.
"""

import asyncio
import shutil
import statistics
from typing import Any

from playwright.async_api import Page, async_playwright

from apoyo.escenario import PROCESO
from apoyo.recorrido import OPERADORES
from bench.carga import Contar, Reloj
from bench.flujo import Banco

DEMORA_MS = 200
A_PASO, PAUSA_S = 20, 2.0
RAFAGAS, DE_CADA_RAFAGA, ENTRE_TECLAS_S, DESCANSO_S = 6, 5, 0.15, 6.0
MEDIDOS = A_PASO + RAFAGAS * DE_CADA_RAFAGA
REGISTROS = MEDIDOS + 60
"""With few left the page loads only one ahead, which is not what is measured."""

_ESPERA_MS = 60_000
_MEDIR = """
window.tardanzas = []; window.suelo = []; window.brincos = 0;
let tecla = null, dibujado = null;
addEventListener("keydown", (e) => {
  if (e.key === " ") tecla ??= e.timeStamp;
  if (e.key === "F9") alDibujar(() => window.suelo.push(performance.now() - e.timeStamp));
}, true);
function alDibujar(hacer) {
  requestAnimationFrame(() => {
    const canal = new MessageChannel();
    canal.port1.onmessage = hacer;
    canal.port2.postMessage(null);
  });
}
new PerformanceObserver((vistos) => { for (const e of vistos.getEntries()) window.brincos += e.value; })
  .observe({type: "layout-shift", buffered: true});
function mirar() {
  const folio = document.getElementById("contenido")?.dataset.folio;
  if (!folio || folio === dibujado || document.querySelectorAll("[data-parte] .lienzo[data-lista]").length < 4) return;
  const [desde, primera] = [tecla, dibujado === null];
  dibujado = folio;
  tecla = null;
  alDibujar(() => { if (!primera) window.tardanzas.push(performance.now() - desde); });
}
document.addEventListener("DOMContentLoaded", () => new MutationObserver(mirar).observe(
  document.getElementById("contenido"), {subtree: true, childList: true, attributeFilter: ["data-folio", "data-lista"]}));
"""


async def medir(system: Banco, sellar: Contar, contar: Contar) -> dict[str, Any]:
    """Figures of `MEDIDOS` decisions. Raises FileNotFoundError without Chromium, TimeoutError when no record comes."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        raise FileNotFoundError("SECTION=pagina needs Chromium: apt-get install chromium")
    await _encolar(system, sellar)
    url = system.recorrido.instalacion.direcciones().url("mesa_control")
    cookies = await system.recorrido.sesion("mesa_control", OPERADORES[0])
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        context = await browser.new_context(base_url=url, viewport={"width": 1280, "height": 720})
        await context.add_cookies([{"name": n, "value": v, "url": url} for n, v in cookies.items()])
        page = await context.new_page()
        await page.add_init_script(_MEDIR)
        cdp = await context.new_cdp_session(page)
        await cdp.send("Network.enable")
        await cdp.send(
            "Network.emulateNetworkConditions",
            {"offline": False, "latency": DEMORA_MS, "downloadThroughput": -1, "uploadThroughput": -1},
        )
        await page.goto(f"/?proceso={PROCESO}")
        await page.locator(".lienzo[data-lista]").nth(3).wait_for(timeout=_ESPERA_MS)
        await asyncio.sleep(DESCANSO_S)
        a_paso = await _decidir(page, A_PASO, PAUSA_S, contar)
        rapidas: list[float] = []
        for _ in range(RAFAGAS):
            await asyncio.sleep(DESCANSO_S)
            rapidas += await _decidir(page, DE_CADA_RAFAGA, ENTRE_TECLAS_S, contar)
        brincos, suelo = await page.evaluate("[brincos, suelo]")
        await browser.close()
    return {
        "next_record_p95_ms": _percentil(a_paso + rapidas, 95),
        "paced": _cifras(a_paso),
        "bursts": _cifras(rapidas),
        "floor": _cifras(suelo),
        "layout_shift": brincos,
        "network_delay_ms": DEMORA_MS,
        "records": MEDIDOS,
    }


async def _encolar(system: Banco, sellar: Contar) -> None:
    almacenes = await system.carga.sellar(system.tomar(REGISTROS), sellar)
    await system.carga.enviar(almacenes, Reloj())
    async with system.recorrido.cliente("mesa_control", OPERADORES[0]) as http, asyncio.timeout(240):
        while (await http.get("/api/progreso", params={"proceso": PROCESO})).json()["pendientes"] < REGISTROS:
            await asyncio.sleep(0.5)


async def _decidir(page: Page, cuantas: int, pausa_s: float, contar: Contar) -> list[float]:
    """So many decisions; the milliseconds of each. Who decides looks at the record first, so a key waits for the one before it."""
    antes = await page.evaluate("tardanzas.length")
    for hechas in range(antes + 1, antes + cuantas + 1):
        await page.keyboard.press("Space")
        await asyncio.sleep(pausa_s)
        await page.wait_for_function("hechas => tardanzas.length >= hechas", arg=hechas, timeout=_ESPERA_MS)
        await page.keyboard.press("F9")
        contar(hechas)
    medidas: list[float] = await page.evaluate("antes => tardanzas.slice(antes)", antes)
    return medidas


def _cifras(medidas: list[float]) -> dict[str, float]:
    return {"p50_ms": _percentil(medidas, 50), "p95_ms": _percentil(medidas, 95), "max_ms": max(medidas)}


def _percentil(medidas: list[float], p: int) -> float:
    return statistics.quantiles(medidas, n=100, method="inclusive")[p - 1]
