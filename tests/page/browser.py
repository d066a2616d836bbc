"""A real browser, and what it must not say."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, ViewportSize, async_playwright

CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_browser: Final = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium")
DESKTOP: Final = (1400, 900)
PHONE: Final = (390, 844)
OF_EVERY_VIEW: Final = frozenset(
    {"alerts?limit=1000", "status", "stream", "tree?format=columns", "v1/metadata", "v1/query"}
)
"""Questions of the page, whichever view is open."""
OF_THE_MOMENT: Final = ("query", "name", "start", "end", "time")
"""Parameters that differ from round to round: an expression and a name are of the families that are known by then."""


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

    async def shows(self, text: str, where: str = "body", seconds: float = 40) -> None:
        """Wait until some text is to be seen."""
        await self.page.locator(where).filter(has_text=text).first.wait_for(timeout=1000 * seconds)

    async def text(self, where: str) -> str:
        """Return the text of the first element that a selector finds, once it is there."""
        return await self.page.locator(where).first.inner_text(timeout=40_000)

    @property
    def questions(self) -> set[str]:
        """Everything that was asked for, however often: a busy machine has seen more rounds when a test looks."""
        return {_question(address) for address in self.asked}

    async def evaluate(self, script: str) -> Any:
        """Run a function in the page, and return what it does."""
        return await self.page.evaluate(script)


_shared: list[Browser] = []
"""The browser that tabs are opened in; without one each has its own."""


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """Start a browser in which all tabs are opened until it ends: a start takes longer than many a test."""
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        _shared.append(started)
        try:
            yield started
        finally:
            _shared.remove(started)
            await started.close()


@asynccontextmanager
async def tab(url: str, size: tuple[int, int] = DESKTOP, scheme: Any = "light") -> AsyncIterator[Tab]:
    """Open an address in a profile of its own: what one tab keeps, no other has."""
    async with AsyncExitStack() as stack:
        inside = _shared[-1] if _shared else await stack.enter_async_context(browser())
        viewport: ViewportSize = {"width": size[0], "height": size[1]}
        context = await inside.new_context(viewport=viewport, color_scheme=scheme, ignore_https_errors=True)
        stack.push_async_callback(context.close)
        await context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = await context.new_page()
        opened = Tab(page)
        page.on("pageerror", lambda error: opened.said.append(str(error)))
        page.on("console", lambda message: opened.said.append(_told(message)) if message.type == "error" else None)
        page.on("request", lambda request: opened.asked.append(request.url) if "/api/" in request.url else None)
        await page.goto(url)
        yield opened


def _told(message: ConsoleMessage) -> str:
    """Return the text of an error in the console, and where it is from."""
    return f"{message.text} ({message.location.get('url')})"


def _question(address: str) -> str:
    """Return what an address asks, without what is of the moment."""
    parts = urlsplit(address)
    lasting = "&".join(f"{name}={value}" for name, value in parse_qsl(parts.query) if name not in OF_THE_MOMENT)
    return parts.path.partition("/api/")[2] + (f"?{lasting}" if lasting else "")
