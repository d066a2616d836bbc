"""A real browser, and what it must not say."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from playwright.async_api import Page, ViewportSize, async_playwright

CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_browser: Final = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium")
DESKTOP: Final = (1400, 900)
PHONE: Final = (390, 844)


@dataclass
class Tab:
    """One page that is open.

    Attributes:
        page: The tab, as playwright has it.
        said: Errors of the page, and its errors in the console.
        asked: The addresses below /api that were asked for.
    """

    page: Page
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    async def shows(self, text: str, where: str = "body") -> None:
        """Wait until some text is to be seen."""
        await self.page.locator(where).filter(has_text=text).first.wait_for(timeout=40_000)

    async def text(self, where: str) -> str:
        """Return the text of the first element that a selector finds, once it is there."""
        return await self.page.locator(where).first.inner_text(timeout=20_000)

    async def evaluate(self, script: str) -> Any:
        """Run a function in the page, and return what it does."""
        return await self.page.evaluate(script)


@asynccontextmanager
async def tab(url: str, size: tuple[int, int] = DESKTOP, scheme: Any = "light") -> AsyncIterator[Tab]:
    """Open an address in a browser of its own."""
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        viewport: ViewportSize = {"width": size[0], "height": size[1]}
        page = await browser.new_page(viewport=viewport, color_scheme=scheme, ignore_https_errors=True)
        await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        opened = Tab(page)
        page.on("pageerror", lambda error: opened.said.append(str(error)))
        page.on("console", lambda message: opened.said.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: opened.asked.append(request.url) if "/api/" in request.url else None)
        await page.goto(url)
        yield opened
        await browser.close()
