"""Copy from the page, compare the looks of two views, and paste into a shell."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from fog_testing.waiting import eventually
from tests.cli.processes import ENVIRON
from tests.page.browser import Tab
from tests.page.map_pixels import picture
from tests.page.rich import Rich


async def copied(opened: Tab, key: str) -> str:
    """Press a key; what is in the clipboard then."""
    await opened.page.evaluate("() => navigator.clipboard.writeText('')")
    await opened.page.keyboard.press(key)

    async def clipboard() -> str:
        text: str = await opened.page.evaluate("() => navigator.clipboard.readText()")
        return text

    return await eventually(clipboard)


async def looks(opened: Tab) -> dict[str, object]:
    """Return what makes a view the one that it is."""
    await opened.shows("orders_total", ".chart")
    shown: dict[str, object] = await opened.page.evaluate(
        """() => ({
            title: document.querySelector('h1').textContent,
            span: document.querySelector('#span select').value,
            pressed: [...document.querySelectorAll('[aria-pressed=true]')].map((one) => one.textContent),
            charts: [...document.querySelectorAll('.chart .name')].map((one) => one.textContent),
        })"""
    )
    return shown


def shell(command: str, rich: Rich) -> subprocess.CompletedProcess[str]:
    """Run a command as somebody does who pastes it."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environ = ENVIRON | {"PATH": path, "FOG_NATS_URL": rich.nats, "FOG_API_URL": rich.url}
    return subprocess.run(
        ["/bin/sh", "-c", command], capture_output=True, text=True, env=environ, timeout=60, check=False
    )


async def same(opened: Tab, before: dict[str, object]) -> bool:
    """Tell whether a view looks as another did."""
    return await looks(opened) == before


async def same_map(one: Tab, other: Tab) -> bool:
    """Tell whether each pixel of the map is the same."""
    pictures = [await picture(opened, (1,)) for opened in (one, other)]
    return bool(pictures[0].pixels.tobytes() == pictures[1].pixels.tobytes())
