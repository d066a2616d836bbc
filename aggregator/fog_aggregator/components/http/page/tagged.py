"""Answer with a snapshot that is sent once: a client that has it already is told so."""

from __future__ import annotations

from hashlib import blake2b

from aiohttp import web

from fog_aggregator.components.http.output import JSON, send

_NOT_MODIFIED = 304


async def send_tagged(request: web.Request, body: bytes) -> web.StreamResponse:
    """Answer with a body of JSON and its ETag; with 304 where `If-None-Match` names it."""
    tag = tag_of(body)
    if is_named(tag, request.headers.getall("If-None-Match", ())):
        return web.Response(status=_NOT_MODIFIED, headers={"ETag": tag, "Vary": "Accept, Accept-Encoding"})
    return await send(request, [body], JSON, aside=True, tag=tag)


def tag_of(body: bytes) -> str:
    """Return a weak ETag: the same body may be sent compressed or not."""
    return f'W/"{blake2b(body, digest_size=12).hexdigest()}"'


def is_named(tag: str, headers: tuple[str, ...] | list[str]) -> bool:
    """Tell whether `If-None-Match` names a tag, by the weak comparison."""
    named = {one.strip().removeprefix("W/") for header in headers for one in header.split(",")}
    return tag.removeprefix("W/") in named or "*" in named
