"""Count and log the troubles of a connection, each by one word of a small set."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import Counter
from collections.abc import Mapping
from typing import Final

from fog_bus.nats.client import TlsNotOfferedError
from fog_bus.nats.options import NatsOptions
from fog_bus.rate_limited_log import RateLimitedLog

_REASONS: Final = (
    ("permissions violation", "permission"),
    ("authorization violation", "authorization"),
    ("authentication", "authorization"),
    ("stale connection", "stale"),
    ("unexpected eof", "closed"),
    ("slow consumer", "slow_consumer"),
    ("maximum payload", "too_large"),
)


def reason_of(error: BaseException) -> str:
    """Return one word for what went wrong, for a counter: of a small set, whatever the server's text."""
    if isinstance(error, TlsNotOfferedError):
        return "tls"
    text = str(error).lower()
    for words, reason in _REASONS:
        if words in text:
            return reason
    if isinstance(error, TimeoutError):
        return "timeout"
    return "unreachable" if isinstance(error, OSError) else "other"


def text_of(error: BaseException) -> str:
    """Describe an error for people: without nats-py's own words around it."""
    text, _, _ = str(error).partition(", sid:")  # of a slow consumer; behind it come addresses in memory
    return text.removeprefix("nats: ") or type(error).__name__


def why_not(options: NatsOptions, failures: Mapping[str, BaseException]) -> str:
    """Say in a line why there is no connection: a server that answers and refuses tells more than one that does not.

    Args:
        options: Where and as whom.
        failures: Why the last attempt at each server failed, by its address.
    """
    for server, error in failures.items():
        text = text_of(error).strip("'")
        if reason_of(error) == "authorization":
            return f"the NATS server at {server} refuses {options.who}: {text}: check the credentials"
        if isinstance(error, ssl.SSLError) or not isinstance(error, OSError):
            return f"cannot connect to NATS at {server}: {text}"
    return f"no NATS server answers at {options.where}: start it, or name another with --nats"


class Troubles:
    """Count and log what goes wrong with one connection.

    Attributes:
        errors: How often what went wrong, by reason: see `reason_of`.
        log: Logs a line, unless the same one was logged a moment ago.
    """

    def __init__(self) -> None:
        self.errors: Counter[str] = Counter()
        self.log = RateLimitedLog(lambda: asyncio.get_running_loop().time())

    def note(self, error: BaseException, text: str) -> None:
        """Count an error by its reason, and log a text about it."""
        reason = reason_of(error)
        self.errors[reason] += 1
        self.log(logging.WARNING, f"{reason} {text_of(error)}", text)
