"""Ask an aggregator over HTTP, for commands."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote, urlencode, urlsplit, urlunsplit

from fog_bus.options import option
from fog_bus.options.kinds import URL, Kind, redact
from fog_cli.errors import CommandError, NotFoundError

URL_OF_API: Final = Kind("URL", URL.parse, lambda url: json.dumps(redact(url)))
DEFAULT_URL: Final = "http://127.0.0.1:10364"
TIMEOUT: Final = 30.0


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
    """

    def __init__(self, address: str) -> None:
        self.url, self._login = without_login((address if "://" in address else f"http://{address}").rstrip("/"))

    def get(self, path: str, query: Mapping[str, object] | None = None) -> bytes:
        """Return the body of a GET; a query's empty and absent values are left out.

        Raises:
            CommandError: when nobody answers, or the answer is an error; with what the aggregator said of it.
        """
        return self._ask("GET", path, query)

    def json(self, path: str, query: Mapping[str, object] | None = None) -> Any:
        """As `get`, decoded."""
        return json.loads(self.get(path, query))

    def unknown(self, path: str) -> bool:
        """Tell whether the aggregator says that there is nothing at or under a path; False when it cannot be asked."""
        try:
            self.get("/api/nodes", {"path": path, "limit": 1})
        except NotFoundError:
            return True
        except CommandError:
            return False
        return False

    def _ask(self, method: str, path: str, query: Mapping[str, object] | None) -> bytes:
        given = {name: value for name, value in (query or {}).items() if value not in (None, "")}
        url = f"{self.url}{path}" + (f"?{urlencode(given)}" if given else "")
        if not url.startswith(("http://", "https://")):
            raise CommandError(f"{self.url} is not an address: write http://127.0.0.1:10364")
        try:
            request = urllib.request.Request(url, method=method, headers=self._login)  # noqa: S310 - the scheme was looked at above
            with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310 - as above
                body: bytes = answer.read()
                return body
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace").strip()
            kind = NotFoundError if error.code == HTTPStatus.NOT_FOUND else CommandError
            raise kind(f"{self.url} says {error.code} {error.reason}: {_message(text)}") from None
        except (OSError, ValueError) as error:
            why = getattr(error, "reason", error)
            raise CommandError(
                f"no aggregator answers at {self.url} ({why}): start one, or name it with --api"
            ) from None


def without_login(url: str) -> tuple[str, dict[str, str]]:
    """Return an address without the name and the secret in it, and the header that says them (RFC 7617)."""
    parts = urlsplit(url)
    userinfo, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, {}
    name, _, secret = userinfo.partition(":")
    value = base64.b64encode(f"{unquote(name)}:{unquote(secret)}".encode()).decode()
    return urlunsplit(parts._replace(netloc=host)), {"Authorization": f"Basic {value}"}


def _message(body: str) -> str:
    """Read the text of an error's body, which is JSON with `error` or plain text."""
    try:
        answer = json.loads(body)
    except ValueError:
        answer = body
    text = str(answer.get("error", answer)) if isinstance(answer, dict) else str(answer)
    return text.splitlines()[0] if text else "no reason given"
