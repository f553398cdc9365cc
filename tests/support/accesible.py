"""WCAG 2.2 AA, checked by axe-core in the page itself; driven from outside, so the page's strict CSP stays as it is."""

from functools import cache
from pathlib import Path
from typing import Any

import axe_playwright_python
from playwright.async_api import Page

ETIQUETAS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"]


@cache
def _axe() -> str:
    return Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")


async def violaciones(page: Page) -> list[str]:
    """What is wrong with the page as it is shown now: rule, what it asks, and where."""
    await page.evaluate(_axe())
    found: list[dict[str, Any]] = await page.evaluate(
        "etiquetas => axe.run(document, {runOnly: {type: 'tag', values: etiquetas}}).then(r => r.violations)", ETIQUETAS
    )
    return [
        f"{v['id']}: {v['help']}: {nodo['html'][:160]} ({nodo.get('failureSummary', '')[:200]})"
        for v in found
        for nodo in v["nodes"]
    ]


async def accesible(page: Page) -> None:
    """Assert that nothing is wrong, and that the page fits its width without scrolling sideways (WCAG 1.4.10)."""
    faltas = await violaciones(page)
    sobra = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if sobra > 0:
        faltas.append(f"{sobra} px too wide")
    assert not faltas, "\n".join([page.url, *faltas])
