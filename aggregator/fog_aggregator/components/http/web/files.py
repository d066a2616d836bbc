"""The files of the page, each with its tag: a browser asks whether it has changed, and is sent it once."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath
from typing import Any, Final

from aiohttp import web

from fog_aggregator.components.http.output import accepts_gzip

INDEX: Final = "index.html"
_MEDIA: Final = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_NOT_MODIFIED: Final = 304


@dataclass(frozen=True)
class File:
    """One file of the page.

    Attributes:
        path: where it is served; `/` for the page itself.
        media: its media type.
        body: its bytes.
    """

    path: str
    media: str
    body: bytes

    @property
    def about(self) -> str:
        """Return a line for the description of the interface."""
        return "a page for people" if self.path == "/" else f"a part of the page: {self.media}"

    @cached_property
    def packed(self) -> bytes:
        """Return the body as gzip, made once and as small as can be."""
        return gzip.compress(self.body, 9, mtime=0)

    @cached_property
    def tag(self) -> str:
        """Return a weak ETag: the body may be sent compressed or not."""
        return f'W/"{blake2b(self.body, digest_size=12).hexdigest()}"'

    async def answer(self, request: web.Request, _: Mapping[str, Any]) -> web.StreamResponse:
        """Send the file, or that it has not changed."""
        headers = {"ETag": self.tag, "Vary": "Accept-Encoding"}
        if self.tag in request.headers.get("If-None-Match", ""):
            return web.Response(status=_NOT_MODIFIED, headers=headers)
        body = self.body
        if accepts_gzip(request.headers.get("Accept-Encoding", "")):
            body, headers["Content-Encoding"] = self.packed, "gzip"
        return web.Response(body=body, content_type=self.media, charset="utf-8", headers=headers)


def page_files() -> tuple[File, ...]:
    """Read all files of the page, the page itself first."""
    found = dict(_walk(resources.files(__package__).joinpath("static"), PurePosixPath()))
    found = {INDEX: found.pop(INDEX), **dict(sorted(found.items()))}
    return tuple(
        File("/" if name == INDEX else f"/{name}", _MEDIA[PurePosixPath(name).suffix], body)
        for name, body in found.items()
    )


def _walk(folder: Traversable, at: PurePosixPath) -> Iterator[tuple[str, bytes]]:
    for one in folder.iterdir():
        if one.is_dir():
            yield from _walk(one, at / one.name)
        elif PurePosixPath(one.name).suffix in _MEDIA:
            yield str(at / one.name), one.read_bytes()
