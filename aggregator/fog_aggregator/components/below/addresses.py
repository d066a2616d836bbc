"""Addresses at which aggregators of branches may be asked: read, and compared with what is allowed. Pure.

A branch names its own address, and must not be able to make its root ask any other server: the root asks none that its
operator has not allowed, letter by letter but for a `*` in place of a host's first label.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from fog_bus.options.kinds import redact

LONGEST: Final = 256
"""Characters of an address: as long as any information that a frame carries."""
_PORTS: Final = {"http": 80, "https": 443}
_HOST: Final = re.compile(r"(\*\.)?[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?|\[[0-9a-f:.]+\]")
_PREFIX: Final = re.compile(r"(/[A-Za-z0-9._~-]+)*/?")
_ALLOWED: Final = re.compile(r"[!-~]+")


def read_address(text: str) -> str:
    """Return an address in its one form, `http://host:port/prefix`.

    Raises:
        ValueError: It is none, or has a user, a query or a fragment.
    """
    wrong = ValueError(
        f"{redact(text)[:80]!r} is no address of an aggregator: write http://HOST:PORT or https://HOST/PREFIX"
    )
    if len(text) > LONGEST or not _ALLOWED.fullmatch(text) or any(mark in text for mark in "@?#\\"):
        raise wrong
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise wrong from None
    host = parts.netloc.lower()
    host = host[: -len(f":{port}")] if port is not None else host
    if parts.scheme not in _PORTS or port == 0 or not _HOST.fullmatch(host) or not _PREFIX.fullmatch(parts.path):
        raise wrong
    if any(token in (".", "..") for token in parts.path.split("/")):
        raise wrong
    return f"{parts.scheme}://{host}:{port or _PORTS[parts.scheme]}{parts.path.rstrip('/')}"


def read_advertised(text: str) -> str:
    """Return the address that an aggregator says it is asked at; a pattern is none.

    Raises:
        ValueError: It is none.
    """
    address = read_address(text)
    if "*" in address:
        raise ValueError(f"{text!r} stands for several addresses: write the one at which this aggregator is asked")
    return address


def read_addresses(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Return addresses, or patterns of them.

    Raises:
        ValueError: One is none.
    """
    return tuple(map(read_address, texts))


def find(text: str, patterns: Iterable[str]) -> tuple[str, str] | None:
    """Return the address that a branch tells and the first pattern that allows it; None when none does."""
    try:
        address = read_advertised(text)
    except ValueError:
        return None
    label = address.partition("://")[2].partition(".")[0]
    return next(((address, one) for one in patterns if one.replace("*", label, 1) == address), None)
