"""Stand between the network and the handlers: methods, hosts, headers, errors."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from fog_aggregator.components.http.keys import LOOPBACK, NAMES, PREFIX
from fog_aggregator.components.http.options import is_loopback
from fog_aggregator.components.http.output import json_bytes
from fog_aggregator.components.http.page.silencing import COMMANDS_ONLY

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

LOGGER: Final = logging.getLogger("fog_aggregator.components.http")
_READING: Final = ("GET", "HEAD")
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
    "Server": "fog",
}
_ASK_EACH_TIME: Final = "private, no-cache"
_SENT: Final = ("Allow", "Location", "WWW-Authenticate")
"""Headers of an error that its line needs."""
_PROMETHEUS: Final = "/api/v1/"
"""Routes of this API write their own errors; these here are of what is before a route."""

_SILENCES: Final = "/api/silences"
"""Clients of Alertmanager change them so; here only logins that may can do it, and with an option alone."""

_HOST: Final = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]]*)(?::\d{1,5})?")


class Quiet(logging.Filter):
    """Leaves out what any stranger could fill a log with: a traceback for each request that is not HTTP."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a record is worth a line."""
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, HttpProcessingError)


SERVER_LOGGER: Final = logging.getLogger("fog_aggregator.components.http.server")
"""The logger that aiohttp writes to."""
SERVER_LOGGER.addFilter(Quiet())


@web.middleware
async def only_reading(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer GET and HEAD, and a POST where a route takes one: nothing is changed over HTTP, but silences by option."""
    refusal = request.match_info.http_exception
    if request.method not in _READING and refusal is not None and _below_prefix(request).startswith(_SILENCES):
        raise web.HTTPForbidden(text=COMMANDS_ONLY)
    if request.method not in _READING and refusal is not None:
        allowed = refusal.allowed_methods if isinstance(refusal, web.HTTPMethodNotAllowed) else _READING
        text = f"only {' and '.join(sorted(allowed))}: nothing is changed over HTTP"
        raise web.HTTPMethodNotAllowed(request.method, sorted(allowed), text=text)
    return await handler(request)


@web.middleware
async def only_our_name(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer by our own names only: on loopback those of loopback, and anywhere those that the options name.

    Else a page of a stranger's could have its own name point here, and a browser would let it read everything
    (DNS rebinding).
    """
    host, names = request.headers.get("Host"), request.app[NAMES]
    if host is not None and (names or request.app[LOOPBACK]):
        found = _HOST.fullmatch(host)
        if found is None or not (is_loopback(found[1]) or found[1].strip("[]").rstrip(".").lower() in names):
            raise web.HTTPForbidden(
                text=f"the host {host[:80]!r} is not this server: ask for localhost, let the proxy send Host: "
                "localhost, or name it with --http.host"
            )
    return await handler(request)


@web.middleware
async def plain_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Return every error as one line: JSON with `error` under /api, text elsewhere, and under /api/v1 as there."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        line = error.text or error.reason
        if isinstance(error, web.HTTPNotFound) and request.match_info.http_exception is error:
            line = f"nothing is served at {request.path[:200]}; / shows what is"
        headers = {name: error.headers[name] for name in _SENT if name in error.headers}
        return _error(request, error.status, line, headers)
    except ConnectionError:
        if request.transport is not None and not request.transport.is_closing():
            raise
        return web.Response()  # the client is gone: nobody reads it, and that is no fault
    except asyncio.CancelledError:
        raise
    except MemoryError:
        LOGGER.warning("%s %s: no memory is left for the answer", request.method, request.path_qs[:200])
        line = "no memory is left for this answer: give the process more, or a smaller --memory: it refuses newcomers"
        return _error(request, 503, line, {})
    except Exception:
        LOGGER.exception("%s %s failed", request.method, request.path_qs[:200])
        return _error(request, 500, "this is a bug in the aggregator; its log has the details", {})


def _below_prefix(request: web.Request) -> str:
    return request.path.removeprefix(request.app[PREFIX])


def _error(request: web.Request, status: int, line: str, headers: dict[str, str]) -> web.Response:
    path = _below_prefix(request)
    if path.startswith("/api/") and not path.startswith(_PROMETHEUS):
        return web.Response(
            status=status, body=json_bytes({"error": line}), content_type="application/json", headers=headers
        )
    return web.Response(status=status, text=line + "\n", headers=headers)


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Tell browsers to be strict. A body that has a tag may be kept, and is asked for each time."""
    given = {"Cache-Control": _ASK_EACH_TIME} if "ETag" in response.headers else {}
    response.headers.update(_HEADERS | given)
