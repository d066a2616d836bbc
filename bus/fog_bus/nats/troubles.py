"""Count and log the troubles of a connection, each by one word of a small set."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import Final

from fog_bus.nats.client import TlsNotOfferedError
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
