"""One browser; a Mesa de Control and the page of its first operator for each test. A file may have its own of these."""

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser, Page

from tests.support.mesa import Mesa
from tests.support.navegador import navegador, pagina


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Chromium: a start takes seconds, and what a test leaves in it is in a context of its own."""
    async with navegador() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def mesa() -> AsyncIterator[Mesa]:
    """With an empty queue."""
    async with Mesa.en_marcha() as mesa:
        yield mesa


@pytest_asyncio.fixture(loop_scope="session")
async def page(mesa: Mesa, browser: Browser) -> AsyncIterator[Page]:
    """Not yet opened. What its console complains about fails the test."""
    async with pagina(browser, mesa.app(), mesa.puerta, "operador1") as page:
        yield page
