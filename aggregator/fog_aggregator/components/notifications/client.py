"""Post JSON to receivers: under a deadline, with certificates checked, never following where an answer points."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import ssl
import time
from base64 import b64encode
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

import aiohttp

from fog_bus.rate_limited_log import RateLimitedLog
from fog_schema import __version__

LOGGER: Final = logging.getLogger("fog_aggregator.alerts")
TIMEOUT: Final = 10.0
"""Seconds for all of a request, as Prometheus gives it."""
_READ: Final = 500
_MOST_CONNECTIONS: Final = 32
_WORDS: Final = re.compile(r"[^/?&= ]+")
_SHORTEST: Final = 3
"""Shorter parts of a URL hide nothing, and would cut an answer to pieces."""


class Target:
    """A place to post to, apart from the credentials that a URL has; nothing here is ever logged.

    Args:
        url: The URL, as people write it.
        below: More of its path.

    Attributes:
        headers: The headers of each post.
    """

    def __init__(self, url: str, below: str = "") -> None:
        parts = urlsplit(url)
        self.headers = {"Content-Type": "application/json"}
        if parts.username is not None:
            login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self.headers["Authorization"] = f"Basic {b64encode(login.encode()).decode()}"
        path = parts.path.rstrip("/") + below if below else parts.path
        self.url = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], path, parts.query, ""))
        names = [part for one in (parts.username, parts.password) if one for part in (one, unquote(one))]
        words = [*names, *_WORDS.findall(f"{parts.path} {unquote(parts.path)} {parts.query} {unquote(parts.query)}")]
        words += self.headers.get("Authorization", "").split()[1:]
        self._secrets = sorted({word for word in words if len(word) >= _SHORTEST}, key=len, reverse=True)

    def without_secrets(self, text: str) -> str:
        """Cut from an answer what it repeats of the URL: many servers say which path they do not know."""
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return text


class HttpClient:
    """Posts for all receivers. Belongs to one event loop."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._say = RateLimitedLog(time.monotonic, logger=LOGGER)

    async def post(self, name: str, target: Target, body: bytes, headers: Mapping[str, str]) -> int | None:
        """Post a body; return the status of the answer, None when there was none. Does not raise.

        Args:
            name: The receiver's name in the log.
            target: Where to post.
            body: JSON.
            headers: More headers.
        """
        given = {**target.headers, **headers}
        try:
            async with self._open().post(target.url, data=body, headers=given, allow_redirects=False) as answer:
                text = await answer.content.read(_READ)
                if answer.status >= 300:
                    self._complain(name, f"it says {answer.status}: {_one_line(target, text)}")
                return answer.status
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            self._complain(name, why_no_answer(error))
            return None

    async def close(self) -> None:
        """Drop the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=_MOST_CONNECTIONS),
                timeout=aiohttp.ClientTimeout(total=TIMEOUT),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": f"fog-aggregator/{__version__}"},
                max_field_size=8190,
            )
        return self._session

    def _complain(self, name: str, why: str) -> None:
        self._say(logging.WARNING, name, f"alerts do not get to {name}: {why}")


def _one_line(target: Target, text: bytes) -> str:
    return " ".join(target.without_secrets(text.decode(errors="replace")).split())[:200] or "no reason given"


def why_no_answer(error: Exception, timeout: float = TIMEOUT) -> str:
    """Say why there was no answer, without the URL, which may have secrets."""
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return f"no answer within {timeout:g} s"
    if isinstance(error, aiohttp.ClientConnectorCertificateError | ssl.SSLError):
        return "its certificate is not trusted; SSL_CERT_FILE names one of an authority of your own"
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    number = cause.errno if isinstance(cause, OSError) else None
    return os.strerror(number) if number and number > 0 else type(error).__name__
