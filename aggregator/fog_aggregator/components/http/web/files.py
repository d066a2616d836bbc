"""The files of the page, each with its tag: a browser asks whether it has changed, and is sent it once.

A browser is sent one script and one style sheet, which are made of the page's modules, and a second script when a view
is opened that the first picture does without. The two go together: their addresses have the version of the page, and
one of another version is refused. `/modules.html` is the same page as it is written, for its developers.
"""

from __future__ import annotations

import asyncio
import gzip
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from hashlib import blake2b
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath
from typing import Any, Final

import cramjam
from aiohttp import web

from fog_aggregator.components.http.output import accepts
from fog_aggregator.components.http.parameters import Parameter
from fog_aggregator.components.http.web.bundle import divided, joined_styles
from fog_aggregator.components.http.web.shorten import shortened

SETTLED_SECONDS: Final = 20.0
"""So long after its start an aggregator makes the page's files that nobody has asked for: that takes 0.9 s of CPU."""
INDEX: Final = "index.html"
ENTRY, SCRIPT, LATER, STYLES = "main.js", "page.js", "more.js", "page.css"
_MEDIA: Final = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_NOT_MODIFIED: Final = 304
_VERSION: Final = Parameter("v", "the version of the page that asks", {"type": "string", "maxLength": 64}, str)
_SHEET: Final = re.compile(r' *<link rel="stylesheet" href="([^"]+)">\n')


@dataclass(frozen=True)
class File:
    """One file of the page.

    Attributes:
        path: where it is served; `/` for the page itself.
        make: returns its bytes.
        parameters: what its address may have.
    """

    path: str
    make: Callable[[], bytes]
    parameters: tuple[Parameter, ...] = ()

    @property
    def media(self) -> str:
        """Return its media type."""
        return _MEDIA[PurePosixPath(self.path if self.path != "/" else INDEX).suffix]

    @property
    def about(self) -> str:
        """Return a line for the description of the interface."""
        return "a page for people" if self.path == "/" else f"a part of the page: {self.media}"

    @cached_property
    def body(self) -> bytes:
        """Return its bytes, made once."""
        return self.make()

    @cached_property
    def packed(self) -> Mapping[str, bytes]:
        """Return the body by its codings, the smallest first, made once.

        Browsers take Brotli over TLS or from their own machine alone.
        """
        brotli = bytes(cramjam.brotli.compress(self.body, level=11))
        return {"br": brotli, "gzip": gzip.compress(self.body, 9, mtime=0)}

    @cached_property
    def tag(self) -> str:
        """Return a weak ETag: the body may be sent compressed or not."""
        return f'W/"{blake2b(self.body, digest_size=12).hexdigest()}"'

    async def prepare(self) -> None:
        """Make its bytes, where they are not there yet: a script takes a while."""
        if "packed" not in vars(self):
            await asyncio.to_thread(lambda: self.packed)

    async def answer(self, request: web.Request, query: Mapping[str, Any]) -> web.StreamResponse:
        """Send the file, or that it has not changed.

        Raises:
            HTTPNotFound: A page of another version asks.
        """
        if query.get("v") not in (None, version()):
            raise web.HTTPNotFound(text=f"this is another version of the page, {version()}: load it anew")
        await self.prepare()
        headers = {"ETag": self.tag, "Vary": "Accept-Encoding"}
        if self.tag in request.headers.get("If-None-Match", ""):
            return web.Response(status=_NOT_MODIFIED, headers=headers)
        body = self.body
        for coding, bodies in self.packed.items():
            if accepts(request.headers.get("Accept-Encoding", ""), coding):
                body, headers["Content-Encoding"] = bodies, coding
                break
        return web.Response(body=body, content_type=self.media, charset="utf-8", headers=headers)


@cache
def page_files() -> tuple[File, ...]:
    """Return all files of the page, the page itself first."""
    made = {"/": _page, f"/{STYLES}": _styles, "/modules.html": lambda: sources()[INDEX]}
    scripts = {f"/{SCRIPT}": lambda: _scripts()[0], f"/{LATER}": lambda: _scripts()[1]}
    written = {f"/{name}": lambda name=name: sources()[name] for name in sorted(sources()) if name != INDEX}
    return (
        *(File(path, make) for path, make in made.items()),
        *(File(path, make, (_VERSION,)) for path, make in scripts.items()),
        *(File(path, make) for path, make in written.items()),
    )


async def prepared(_: web.Application) -> AsyncIterator[None]:
    """Make what a browser is sent a while after the start, so that the first reader waits for none of it."""
    task = asyncio.create_task(_prepare_all())
    yield
    task.cancel()


async def _prepare_all() -> None:
    await asyncio.sleep(SETTLED_SECONDS)
    for file in page_files():
        if file.path in ("/", f"/{STYLES}", f"/{SCRIPT}", f"/{LATER}"):
            await file.prepare()


@cache
def version() -> str:
    """Return a word for the page as it is written: another page has another one."""
    text = b"".join(name.encode() + body for name, body in sorted(sources().items()))
    return blake2b(text, digest_size=6).hexdigest()


@cache
def sources() -> Mapping[str, bytes]:
    """Return the files as they are written, by their names."""
    return dict(_walk(resources.files(__package__).joinpath("static"), PurePosixPath()))


def _walk(folder: Traversable, at: PurePosixPath) -> Iterator[tuple[str, bytes]]:
    for one in folder.iterdir():
        if one.is_dir():
            yield from _walk(one, at / one.name)
        elif PurePosixPath(one.name).suffix in _MEDIA:
            yield str(at / one.name), one.read_bytes()


def _page() -> bytes:
    """Return the page with one script and one style sheet."""
    text = sources()[INDEX].decode().replace(f'src="{ENTRY}"', f'src="{SCRIPT}?v={version()}"')
    before, *rest = _SHEET.split(text)
    sheet = f'<link rel="stylesheet" href="{STYLES}">\n'
    return re.sub(r"\n +", "\n", before + sheet + "".join(rest[1::2])).encode()


@cache
def _scripts() -> tuple[bytes, bytes]:
    modules = {name: body.decode() for name, body in sources().items() if name.endswith(".js")}
    first, later = divided(modules, ENTRY, f"./{LATER}?v={version()}")
    one, other = shortened(first, later, f"./{SCRIPT}?v={version()}")
    return one.encode(), other.encode()


def _styles() -> bytes:
    return joined_styles(sources()[name].decode() for name in _SHEET.findall(sources()[INDEX].decode())).encode()
