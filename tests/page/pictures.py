"""Take the pictures of docs/ from a demo that tells its story: `make pictures`.

Each view, light and dark, on a desktop and a phone, once the branch is silent and errors rise. Fonts, sizes and the
story are the same each time; times of day, and all that chance decides, are not.
"""

from __future__ import annotations

import asyncio
import base64
import struct
import sys
import zlib
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fog_cli.api import Api
from fog_cli.errors import CommandError
from fog_testing.waiting import eventually
from tests.cli.aggregators import free_address
from tests.cli.processes import fog
from tests.page.browser import DESKTOP, PHONE, Tab, browser, tab

FOLDER: Final = Path(__file__).parents[2] / "docs" / "pictures"
SECONDS: Final = "420s"
"""As long as the story takes: its branch is silent, and errors rise, from 0.3 to 0.6 of it."""
COLOURS: Final = 255
SCHEMES: Final = ("light", "dark")
PLACE, NODE = "fog/0", "fog/0/b"
VIEWS: Final = {
    "overview": ("#/", "h1", ""),
    "problem": ("#/", ".problem", "1"),
    "branch": (f"#/{PLACE}", ".chart .now", ""),
    "node": (f"#/{NODE}", ".why .sum", ""),
    "nodes": ("#/?view=nodes&state=all", "td .path", ""),
    "alerts": ("#/?view=alerts", ".sign.shape", ""),
    "events": ("#/?view=events", "table", ""),
    "metrics": ("#/?view=metrics", "td .path", ""),
    "search": ("#/", "h1", "/"),
    "keys": ("#/", "h1", "?"),
    "silence": (f"#/{PLACE}", ".chart .now", "s"),
}
"""Of each view: its address, what must be there, and the key to press."""
GONE_MS: Final = 20_000
"""As long as a page waits for a word before it says that it is disconnected, and some seconds."""
SETTLED_MS: Final = 1500
"""A view asks for its parts one after the other; this is a picture, no test."""


def few_colours(pixels: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Return the number of a colour for each pixel, and the colours: the most frequent ones."""
    flat = pixels.reshape(-1, 3).astype(np.int64)
    packed = flat[:, 0] << 16 | flat[:, 1] << 8 | flat[:, 2]
    names, where, counts = np.unique(packed, return_inverse=True, return_counts=True)
    kept = names[np.argsort(-counts, kind="stable")[:COLOURS]]
    every = np.stack([names >> 16, names >> 8 & 255, names & 255], axis=1)
    palette = np.stack([kept >> 16, kept >> 8 & 255, kept & 255], axis=1)
    nearest = np.array([np.argmin(((palette - one) ** 2).sum(axis=1)) for one in every])
    return nearest[where].astype(np.uint8).reshape(pixels.shape[:2]), palette.astype(np.uint8)


def png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Write a picture with few colours as PNG (ISO/IEC 15948), with a palette."""
    numbers, palette = few_colours(pixels)
    height, width = numbers.shape
    rows = np.hstack([np.zeros((height, 1), np.uint8), numbers]).tobytes()
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", palette.tobytes()),
        (b"IDAT", zlib.compress(rows, 9)),
        (b"IEND", b""),
    )
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


async def pixels_of(opened: Tab, shot: bytes) -> npt.NDArray[np.uint8]:
    """Let the browser open its own picture."""
    found: dict[str, Any] = await opened.page.evaluate(
        """async (text) => {
            const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
            const image = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
            const canvas = new OffscreenCanvas(image.width, image.height);
            const pen = canvas.getContext('2d');
            pen.drawImage(image, 0, 0);
            const { data } = pen.getImageData(0, 0, image.width, image.height);
            let all = '';
            for (let at = 0; at < data.length; at += 8192) all += String.fromCharCode(...data.subarray(at, at + 8192));
            return { width: image.width, height: image.height, pixels: btoa(all) };
        }""",
        base64.b64encode(shot).decode(),
    )
    flat = np.frombuffer(base64.b64decode(found["pixels"]), np.uint8)
    return flat.reshape(found["height"], found["width"], 4)[:, :, :3]


async def take(url: str, device: str, shape: tuple[int, int], scheme: str) -> int:
    """Take the pictures of all views on a device; how many bytes they have."""
    size = 0
    async with tab("about:blank", shape, scheme) as opened:
        for name, (address, needed, key) in VIEWS.items():
            await opened.page.goto(f"{url}/{address}")
            await opened.page.locator(f"#view {needed}").first.wait_for()
            await opened.page.wait_for_timeout(SETTLED_MS)
            if key:
                await opened.page.keyboard.press(key)
            if key == "/":
                await opened.page.keyboard.type(PLACE)
                await opened.page.locator("#results li").first.wait_for()
            size += await keep(opened, f"{name}-{scheme}-{device}")
            if key:
                await opened.page.keyboard.press("Escape")
    return size


async def keep(opened: Tab, name: str) -> int:
    """Take a picture of what is shown; how many bytes it has."""
    body = png(await pixels_of(opened, await opened.page.screenshot()))
    return (FOLDER / f"{name}.png").write_bytes(body)


async def take_well(url: str, device: str, shape: tuple[int, int], scheme: str) -> int:
    """Take the picture of a fleet in which nothing is wrong: what the story begins with."""
    async with tab(f"{url}/#/", shape, scheme) as opened:
        await opened.shows("All well", "h1")
        await opened.page.wait_for_timeout(SETTLED_MS)
        return await keep(opened, f"well-{scheme}-{device}")


async def take_honest(url: str, device: str, shape: tuple[int, int], scheme: str) -> int:
    """Take the pictures of an aggregator that is gone, and of one that says that it is not ready (made up)."""
    async with tab("about:blank", shape, scheme) as opened:
        await opened.page.route("**/api/stream*", lambda route: route.abort())  # one that is open could not be cut
        await opened.page.goto(f"{url}/#/")
        await opened.page.locator("#view .problem").first.wait_for()
        await opened.page.wait_for_timeout(SETTLED_MS)
        await opened.page.route("**/api/**", lambda route: route.abort())
        await opened.page.wait_for_timeout(GONE_MS)
        size = await keep(opened, f"disconnected-{scheme}-{device}")
    status = Api(url).json("/api/status")
    behind = [one | {"sequence": one["last_sequence"] * 0.93 // 1, "lag": 2_890} for one in status["streams"]]
    told = status | {"ready": False, "reason": "it reads what came while it was away", "streams": behind}
    async with tab("about:blank", shape, scheme) as opened:
        await opened.page.route("**/api/stream*", lambda route: route.abort())
        await opened.page.route("**/api/status*", lambda route: route.fulfill(json=told))
        await opened.page.goto(f"{url}/#/")
        await opened.shows("Not ready", "h1")
        await opened.page.wait_for_timeout(SETTLED_MS)
        return size + await keep(opened, f"not-ready-{scheme}-{device}")


def answers(url: str) -> bool:
    """Whether the page is there."""
    try:
        return bool(Api(url).json("/api/status")["ready"])
    except CommandError:
        return False


def fires(url: str) -> bool:
    """Whether the story has come to its middle."""
    try:
        alerts = Api(url).json("/api/v1/alerts")["data"]["alerts"]
    except CommandError:
        return False
    return {"FogBranchSilent", "NodeErrors"} <= {
        one["labels"]["alertname"] for one in alerts if one["state"] == "firing"
    }


async def main() -> int:
    """Tell the story, and take the pictures in its middle."""
    FOLDER.mkdir(exist_ok=True)
    address = free_address()
    url = f"http://{address}"
    with fog("demo", "--story", "--duration", SECONDS, "--listen", address):
        await eventually(lambda: asyncio.to_thread(answers, url), deadline=60)
        shapes = {"desktop": DESKTOP, "phone": PHONE}
        every = [(url, one, shapes[one], scheme) for one in shapes for scheme in SCHEMES]
        async with browser():
            size = sum(await asyncio.gather(*(take_well(*one) for one in every)))
            await eventually(lambda: asyncio.to_thread(fires, url), deadline=200)
            size += sum(await asyncio.gather(*(take(*one) for one in every), *(take_honest(*one) for one in every)))
    print(f"{len(list(FOLDER.glob('*.png')))} pictures in {FOLDER.name}/, {size / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
