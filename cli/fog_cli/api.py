"""Ask an aggregator over HTTP, for commands."""

from __future__ import annotations

import base64
import json
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from typing import Any, Final
from urllib.parse import unquote, urlencode, urlsplit, urlunsplit

from fog_bus.options import option
from fog_bus.options.kinds import URL, Kind, hides_login, redact
from fog_cli.errors import AnswerError, CommandError, NotFoundError, UsageError
from fog_cli.words.text import printable

URL_OF_API: Final = Kind("URL", URL.parse, lambda url: json.dumps(redact(url)))
DEFAULT_URL: Final = "http://127.0.0.1:10364"
TIMEOUT: Final = 30.0
_MOST_OF_AN_ERROR: Final = 65_536
_MISSING: Final = "Fog-Missing"
"""The header that says which parts an answer lacks, as a branch has not told them."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the login would go to whatever server it names."""

    def redirect_request(self, *_: object) -> None:
        """Return no request, so that the answer is an error."""


_OPENER: Final = urllib.request.build_opener(_NoRedirect)


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """The options of the group ``[api]``."""

    url: str = option(
        DEFAULT_URL, "the aggregator to ask, as in https://NAME:TOKEN@HOST/PREFIX", URL_OF_API, flag="--api"
    )


class Api:
    """An aggregator's HTTP interface. Calls block.

    Args:
        address: Where it is, maybe with a name and a secret, and with a prefix.

    Attributes:
        url: The address without the name and the secret.
        missing: The parts that the last answer lacks, with the reasons; empty when it is complete.

    Raises:
        UsageError: The address cannot be taken apart.
    """

    def __init__(self, address: str) -> None:
        self.missing = ""
        self.url, self._login = without_login((address if "://" in address else f"http://{address}").rstrip("/"))

    def get(self, path: str, query: Mapping[str, object] | None = None) -> bytes:
        """Return the body of a GET; a query's empty and absent values are left out.

        Raises:
            CommandError: when nobody answers, or the answer is an error; with what the aggregator said of it.
        """
        return self._ask("GET", path, query)

    def json(self, path: str, query: Mapping[str, object] | None = None) -> Any:
        """As `get`, decoded."""
        body = self.get(path, query)
        try:
            return json.loads(body)
        except ValueError:
            raise CommandError(f"{self.url} is no aggregator: its answer to {path} is not JSON") from None

    def say_missing(self, command: str) -> None:
        """Tell a person which parts the last answer lacks, beside what the command prints."""
        if self.missing:
            print(f"{command}: parts are missing: {self.missing}", file=sys.stderr, flush=True)

    def unknown(self, path: str) -> bool:
        """Tell whether the aggregator says that there is nothing at or under a path; False when it cannot be asked."""
        try:
            self.get("/api/nodes", {"path": path, "limit": 1})
        except NotFoundError:
            return True
        except CommandError:
            return False
        return False

    def open(
        self,
        path: str,
        query: Mapping[str, object] | None = None,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        timeout: float = TIMEOUT,
    ) -> HTTPResponse:
        """Return an answer whose body is still to be read. A query's lists are given item by item.

        Raises:
            CommandError: as `get`.
        """
        given = {name: value for name, value in (query or {}).items() if value not in (None, "", ())}
        url = f"{self.url}{path}" + (f"?{urlencode(given, doseq=True)}" if given else "")
        if not url.startswith(("http://", "https://")):
            raise CommandError(f"{self.url} is not an address: write http://127.0.0.1:10364")
        try:
            request = urllib.request.Request(url, method=method, headers={**self._login, **(headers or {})})  # noqa: S310 - the scheme was looked at above
            answer: HTTPResponse = ask(request, timeout)
            return answer
        except urllib.error.HTTPError as error:
            raise self._refusal(error) from None
        except (OSError, ValueError, HTTPException) as error:
            raise self.silence(error) from None

    def silence(self, error: Exception) -> CommandError:
        """Return the error of a command whom no aggregator answers."""
        why = printable(str(getattr(error, "reason", error)).strip()) or type(error).__name__
        return CommandError(f"no aggregator answers at {self.url} ({why}): start one, or name it with --api")

    def _ask(self, method: str, path: str, query: Mapping[str, object] | None) -> bytes:
        try:
            with self.open(path, query, method=method) as answer:
                self.missing = printable(answer.headers.get(_MISSING, ""))
                return answer.read()
        except (OSError, ValueError, HTTPException) as error:
            raise self.silence(error) from None

    def _refusal(self, error: urllib.error.HTTPError) -> AnswerError:
        with error:
            if to := redirected(error):
                return AnswerError(f"{self.url} sends to {to}, where no login goes: name that with --api", error.code)
            try:
                text = error.read(_MOST_OF_AN_ERROR).decode(errors="replace").strip()
            except (OSError, HTTPException):
                text = ""
        kind = NotFoundError if error.code == HTTPStatus.NOT_FOUND else AnswerError
        return kind(f"{self.url} says {error.code} {printable(str(error.reason))}: {_message(text)}", error.code)


def ask(request: urllib.request.Request, timeout: float) -> HTTPResponse:
    """Return the answer to a request of HTTP; a redirect is an error as others are.

    Raises:
        urllib.error.HTTPError: The status is not 2xx.
        OSError: Nobody answers.
    """
    answer: HTTPResponse = _OPENER.open(request, timeout=timeout)
    return answer


def redirected(error: urllib.error.HTTPError) -> str:
    """Return where an answer sends to, without a login in it; empty when it is no redirect."""
    to = error.headers.get("Location", "")
    return printable(redact(to)) if 300 <= error.code < 400 else ""


def without_login(url: str, flag: str = "--api") -> tuple[str, dict[str, str]]:
    """Return an address without the name and the secret in it, and the header that says them (RFC 7617).

    Args:
        url: The address.
        flag: The option that it was given with.

    Raises:
        UsageError: It cannot be taken apart; nothing of it is said, as any part may be of the secret.
    """
    try:
        parts, is_cut = urlsplit(url), hides_login(url)
        _ = parts.port  # which may be the beginning of a secret
        userinfo, at, host = parts.netloc.rpartition("@")
        name, _, secret = userinfo.partition(":")
        value = base64.b64encode(f"{unquote(name)}:{unquote(secret)}".encode()).decode()
    except ValueError:
        is_cut = True
    if is_cut:
        raise UsageError(
            f"{flag}: not an address: write https://NAME:SECRET@HOST:PORT, and in the name and the secret %23 for #, "
            "%2F for /, %3F for ?, %5B for [, %5D for ], %40 for @"
        )
    return (urlunsplit(parts._replace(netloc=host)), {"Authorization": f"Basic {value}"}) if at else (url, {})


def _message(body: str) -> str:
    """Read the text of an error's body, which is JSON with `error` or plain text."""
    try:
        answer = json.loads(body)
    except ValueError:
        answer = body
    text = str(answer.get("error", answer)) if isinstance(answer, dict) else str(answer)
    return printable(text.splitlines()[0]) if text else "no reason given"
