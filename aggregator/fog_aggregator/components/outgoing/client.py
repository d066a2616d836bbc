"""Post bodies to one receiver: under a deadline, with its login read anew, never following where an answer points."""

from __future__ import annotations

import ssl
import time
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from fog_aggregator.components.notifications.client import Target, why_no_answer
from fog_aggregator.outgoing.answers import Answer, http_date, seconds_to_wait
from fog_aggregator.outgoing.formats import Format
from fog_aggregator.outgoing.otlp import rejected
from fog_aggregator.outgoing.receivers import Receiver, ReceiversError
from fog_schema import __version__

_READ: Final = 16_384
_SHOWN: Final = 300
_SHORTEST: Final = 3
"""Shorter secrets hide nothing, and would cut an answer to pieces."""
_MOST_SECRET: Final = 65_536
_WRITTEN: Final = "X-Prometheus-Remote-Write-{}-Written"
_OF_VICTORIA_METRICS: Final = "X-Server-Hostname"
"""A header of VictoriaMetrics alone, which answers 204 to native histograms of remote write, and drops them."""


@dataclass(frozen=True, slots=True)
class Login:
    """The value of the header `Authorization`, or the reason why it cannot be made."""

    header: str = ""
    problem: str = ""


def read_login(receiver: Receiver) -> Login:
    """Read the files of a login, as they are now. Blocks."""
    access = receiver.access
    name = access.token_file or access.password_file
    if not name:
        return Login()
    try:
        with Path(name).open("rb") as file:
            secret = file.read(_MOST_SECRET).decode().strip()
        if access.token_file:
            return Login(f"Bearer {secret}")
        return Login(f"Basic {b64encode(f'{access.username}:{secret}'.encode()).decode()}")
    except OSError as error:
        return Login(problem=f"{name} cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        return Login(problem=f"{name} is no text")
    except ValueError as error:
        return Login(problem=f"{name!r} cannot be read: {error}")


def make_tls(receiver: Receiver) -> ssl.SSLContext | bool:
    """Read the certificates of a receiver.

    Raises:
        ReceiversError: They cannot be used.
    """
    access = receiver.access
    if not access.has_certificates:
        return True
    try:
        context = ssl.create_default_context(cafile=access.ca_file or None)
        if access.cert_file:
            context.load_cert_chain(access.cert_file, access.key_file)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(filter(None, (access.ca_file, access.cert_file, access.key_file)))
        raise ReceiversError(f"receiver {receiver.name!r}: {files}: {error}") from None
    return context


def _written(answer: aiohttp.ClientResponse, what: str) -> int | None:
    text = answer.headers.get(_WRITTEN.format(what), "")
    return int(text[:9]) if text.isdecimal() else None


class Client:
    """The connections to one receiver. Belongs to one event loop.

    Args:
        receiver: Where, and who we are there.

    Raises:
        ReceiversError: Its certificates cannot be used.
    """

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._target = Target(receiver.url)
        self._tls = make_tls(receiver)
        self._session: aiohttp.ClientSession | None = None

    async def post(self, body: bytes, how: Format, login: Login) -> Answer:
        """Post a body; return the answer. Does not raise for what the receiver does."""
        if login.problem:
            return Answer(401, login.problem)
        headers = {**dict(self._receiver.headers), **how.headers}
        if login.header:
            headers["Authorization"] = login.header
        try:
            async with self._open().post(
                self._target.url, data=body, headers=headers, allow_redirects=False, ssl=self._tls
            ) as answer:
                return self._answer(answer, await answer.content.read(_READ), how, login)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            return Answer(None, why_no_answer(error, self._receiver.timeout))

    async def close(self) -> None:
        """Drop the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _answer(self, answer: aiohttp.ClientResponse, content: bytes, how: Format, login: Login) -> Answer:
        date = http_date(answer.headers.get("Date"))
        left_out, why = rejected(content) if answer.content_type == "application/x-protobuf" else (0, "")
        return Answer(
            answer.status,
            self._without_secrets(why or content.decode(errors="replace"), login) or "no reason given",
            seconds_to_wait(answer.headers.get("Retry-After"), date or time.time()),
            date,
            _written(answer, "Samples"),
            _written(answer, "Histograms"),
            how.is_remote_write and _OF_VICTORIA_METRICS in answer.headers,
            left_out if 200 <= answer.status < 300 else 0,
        )

    def _without_secrets(self, text: str, login: Login) -> str:
        """Cut from an answer what it repeats of the login, of headers and of the address; in one line."""
        secrets = [login.header.partition(" ")[2], *(value for _, value in self._receiver.headers)]
        for secret in secrets:
            text = text.replace(secret, "…") if len(secret) >= _SHORTEST else text
        return " ".join(self._target.without_secrets(text).split())[:_SHOWN]

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._receiver.requests),
                timeout=aiohttp.ClientTimeout(total=self._receiver.timeout),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": f"fog-aggregator/{__version__}"},
                max_field_size=8190,
            )
        return self._session
