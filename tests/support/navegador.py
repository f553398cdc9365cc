"""Debian's Chromium, driven by playwright."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from tests.support.identidad import Puerta
from tests.support.servidor import servir

ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@asynccontextmanager
async def navegador() -> AsyncIterator[Browser]:
    """A headless browser. Raises FileNotFoundError where there is no Chromium."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        raise FileNotFoundError("the browser tests need Chromium: apt-get install chromium")
    expect.set_options(timeout=20_000)  # a shared machine may be slow; what never comes still fails
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=ARGS)
        try:
            yield browser
        finally:
            await browser.close()


async def entra(context: BrowserContext, puerta: Puerta, cuenta: str, url: str) -> None:
    """Give the browser a new session of an account, at the service of that address."""
    for name, value in (await puerta.entra(cuenta)).items():
        await context.add_cookies([{"name": name, "value": value, "url": url, "httpOnly": True, "sameSite": "Lax"}])


@asynccontextmanager
async def pagina(
    browser: Browser, app: FastAPI, puerta: Puerta, cuenta: str, *, ancho: int = 1280, alto: int = 720
) -> AsyncIterator[Page]:
    """A tab of a new session of an account, not yet opened; `base_url` is the application's.

    Raises AssertionError at the end when a script failed, or the console complained about the Content Security Policy.
    """
    complaints: list[str] = []
    async with servir(app) as url:
        context = await browser.new_context(base_url=url, viewport={"width": ancho, "height": alto})
        await entra(context, puerta, cuenta, url)
        page = await context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda m: complaints.append(m.text) if "Content Security Policy" in m.text else None)
        yield page
        await context.close()
    assert complaints == []
