"""Swap rules by request: the one thing that a request may do, and only from this machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from fog_aggregator.components.http.keys import STATUS
from fog_aggregator.components.http.options import is_loopback

_BROWSERS: Final = ("Origin", "Sec-Fetch-Site")
"""Headers that a browser sends with a POST: a page of a stranger's could be behind it."""
_PROXIES: Final = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")
"""Headers that a proxy on this machine adds for somebody who may be anywhere."""


async def reload(request: web.Request, _: Mapping[str, Any]) -> web.StreamResponse:
    """Read the rule files anew; 422 with all problems when one cannot be used."""
    if not is_loopback(request.remote or "") or any(name in request.headers for name in (*_BROWSERS, *_PROXIES)):
        raise web.HTTPForbidden(
            text="rules are reloaded from this machine alone, and by no browser or proxy: send SIGHUP, or "
            "`curl -X POST http://localhost:10364/-/reload` there"
        )
    if problem := await request.app[STATUS].reload():
        raise web.HTTPUnprocessableEntity(text=f"the rules are as they were: {problem}")
    return web.Response(text="reloaded\n")
