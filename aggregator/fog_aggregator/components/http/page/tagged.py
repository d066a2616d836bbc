"""Answer with a snapshot that is sent once: a client that has it already is told so."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

from aiohttp import web

from fog_aggregator.components.http.output import JSON, send

_NOT_MODIFIED = 304


async def send_tagged(request: web.Request, body: bytes) -> web.StreamResponse:
    """Answer with a body of JSON and its ETag; with 304 where `If-None-Match` names it."""
    return await send_chunks(request, tag_of(body), [body])


async def send_chunks(request: web.Request, tag: str, chunks: Iterable[bytes]) -> web.StreamResponse:
    """Answer with chunks of JSON and their ETag; with 304, and none of them made, where `If-None-Match` names it."""
    if is_named(tag, request.headers.getall("If-None-Match", ())):
        return web.Response(status=_NOT_MODIFIED, headers={"ETag": tag, "Vary": "Accept, Accept-Encoding"})
    return await send(request, chunks, JSON, aside=True, tag=tag)


def tag_of(body: bytes) -> str:
    """Return a weak ETag: the same body may be sent compressed or not."""
    return f'W/"{blake2b(body, digest_size=12).hexdigest()}"'


def is_named(tag: str, headers: tuple[str, ...] | list[str]) -> bool:
    """Tell whether `If-None-Match` names a tag, by the weak comparison."""
    named = {one.strip().removeprefix("W/") for header in headers for one in header.split(",")}
    return tag.removeprefix("W/") in named or "*" in named
