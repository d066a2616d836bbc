"""Read the file of receivers: TOML with a table `[[receiver]]` for each. Pure: the text is handed in.

[[receiver]]
name = "mimir"
url = "https://mimir.example/api/v1/push"
levels = ["whole", 0, 1]
match = ['{__name__=~"orders_.*"}']
labels = {cluster = "north"}
headers = {X-Scope-OrgID = "fog"}
token_file = "/etc/fog/mimir.token"
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit

from fog_aggregator.history.step import WHOLE, Depth
from fog_aggregator.outgoing.reader import Choice
from fog_aggregator.promql.errors import BadQueryError
from fog_aggregator.promql.labels import NO_LABELS, Labels, Matcher, make_labels
from fog_aggregator.promql.language.parse import parse
from fog_aggregator.promql.language.tree import Selector
from fog_schema.limits import MAX_TOKENS

MOST_RECEIVERS: Final = 16
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_LABEL: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_TOKEN: Final = re.compile(r"[\x20-\x7e]*")
_RESERVED: Final = frozenset({
    "authorization", "connection", "content-encoding", "content-length", "content-type", "host", "transfer-encoding",
    "user-agent", "x-prometheus-remote-write-version",
})  # fmt: skip
_OURS: Final = frozenset({"__name__", "le", "quantile", "fog_level", "fog_path"})
"""Labels that say which series it is: another value would make it one that nobody has counted."""
_DURATION: Final = re.compile(r"(\d{1,6})(s|m|h)")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600}
_LONGEST_TIMEOUT: Final = 600
"""Seconds: as long as a `Retry-After` is followed."""
_LONGEST_AGE: Final = 744 * 3600
_MOST_AT_ONCE: Final = 50
_MOST_TEXT: Final = 4_096


class ReceiversError(ValueError):
    """The file cannot be used; the text says where and what to write."""


class Protocol(StrEnum):
    """The formats in which numbers are sent."""

    REMOTE_WRITE = "remote-write"
    REMOTE_WRITE_2 = "remote-write-2"
    OTLP = "otlp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The login at a receiver, and the authorities that are trusted; all of it in files.

    Attributes:
        username, password_file: The login, and the file that has its password.
        token_file: The file that has a bearer token.
        ca_file: The certificates of the authorities to trust, in place of the system's.
        cert_file, key_file: Our certificate and its key.
    """

    username: str = ""
    password_file: str = ""
    token_file: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""

    @property
    def has_certificates(self) -> bool:
        """Whether files of certificates are read when a connection is prepared."""
        return bool(self.ca_file or self.cert_file)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """One receiver.

    Attributes:
        name: Names it in metrics and in the log.
        url: Where requests go.
        protocol: The format.
        choice: The levels and the series that are sent, and labels for them.
        headers: More headers of each request.
        access: The login there.
        requests: How many requests are under way at once.
        max_age: Seconds after which a step is too old to be sent.
        timeout: Seconds for one request.
        end_at_stop: Whether all series end for the receiver when the aggregator is stopped in good order.
        lease: Seconds after which another aggregator may send, by a lease in the bus; 0: all send.
        native_histograms: Whether exponential histograms go out as native ones.
    """

    name: str
    url: str
    protocol: Protocol = Protocol.REMOTE_WRITE
    choice: Choice = field(default_factory=lambda: Choice((WHOLE,)))
    headers: tuple[tuple[str, str], ...] = ()
    access: Access = field(default_factory=Access)
    requests: int = 4
    max_age: float = 3000.0
    timeout: float = 30.0
    end_at_stop: bool = True
    lease: float = 0.0
    native_histograms: bool = True


def parse_receivers(text: str, file: str) -> tuple[Receiver, ...]:
    """Parse the text of a file; `file` names it in errors.

    Raises:
        ReceiversError: It is no TOML, a key is not known, or a value cannot be used.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ReceiversError(f"{file}: {error}") from None
    tables = content.pop("receiver", None)
    if content or not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        raise ReceiversError(
            f"{file}: write one table [[receiver]] for each receiver, and nothing beside them; receiver = [] for none"
        )
    if len(tables) > MOST_RECEIVERS:
        raise ReceiversError(f"{file}: it has {len(tables)} tables [[receiver]]; write {MOST_RECEIVERS} at most")
    found = []
    for number, table in enumerate(tables, 1):
        try:
            found.append(_receiver(table))
        except ValueError as error:
            name = table.get("name")
            which = f"receiver {name!r}" if isinstance(name, str) else f"receiver {number}"
            raise ReceiversError(f"{file}, {which[:100]}: {error}") from None
    names = [one.name for one in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ReceiversError(f"{file}: two receivers are called {twice!r}; give each a name of its own")
    return tuple(found)


def _receiver(table: Mapping[str, Any]) -> Receiver:
    for key in table:
        if key not in _CHECKS:
            raise ValueError(f"the key {key!r} is not known; there are {', '.join(sorted(_CHECKS))}")
    for key in ("name", "url"):
        if key not in table:
            raise ValueError(f"the key {key!r} is missing")
    values: dict[str, Any] = {}
    for key, value in table.items():
        try:
            values[key] = _CHECKS[key](value)
        except ValueError as error:
            raise ValueError(f"{key}: {error}") from None
    if values.get("lease") and values.setdefault("end_at_stop", False):
        raise ValueError("with a lease another one goes on: leave out end_at_stop")
    access = Access(**{one.name: values.pop(one.name) for one in fields(Access) if one.name in values})
    _check_access(access, values["url"])
    choice = Choice(values.pop("levels", (WHOLE,)), values.pop("match", ()), values.pop("labels", NO_LABELS))
    return Receiver(choice=choice, access=access, **values)


def _check_access(one: Access, url: str) -> None:
    if bool(one.username) != bool(one.password_file):
        raise ValueError("username and password_file go together")
    if one.username and one.token_file:
        raise ValueError("give a username or a token_file, not both")
    if bool(one.cert_file) != bool(one.key_file):
        raise ValueError("cert_file and key_file go together")
    if one.ca_file + one.cert_file and not url.startswith("https:"):
        raise ValueError("certificates are of https:// alone; change the url")


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value or len(value) > _MOST_TEXT:
        raise ValueError("must be text, in quotes, and not empty")
    return value


def _name(value: Any) -> str:
    if not _NAME.fullmatch(_text(value)):
        raise ValueError(f"{value[:80]!r} is not allowed: write 1 to 64 of A-Z, a-z, 0-9, _ . and -")
    return str(value)


def _url(value: Any) -> str:
    try:
        parts = urlsplit(_text(value))
        is_whole = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_whole = False
    if not is_whole:
        raise ValueError("it is no address: write http://HOST:PORT/PATH or https://…")
    if "@" in parts.netloc:
        raise ValueError("leave the login out of the address: username with password_file, or token_file, have it")
    return str(value)


def _protocol(value: Any) -> Protocol:
    try:
        return Protocol(value)
    except ValueError:
        raise ValueError(f"{value!r} is none; write one of {', '.join(Protocol)}") from None


def _levels(value: Any) -> tuple[Depth, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError('write a list of levels, as in ["whole", 0, 1]')
    return tuple(dict.fromkeys(map(_level, value)))


def _level(value: Any) -> Depth:
    if value == "whole":
        return WHOLE
    if type(value) is not int or not 0 <= value < MAX_TOKENS:
        raise ValueError(f'{value!r} is no level: write "whole", or a number from 0 to {MAX_TOKENS - 1}')
    return value


def _match(value: Any) -> tuple[tuple[Matcher, ...], ...]:
    if not isinstance(value, list) or not value:
        raise ValueError("write a list of selectors, as in ['{__name__=~\"orders_.*\"}']")
    return tuple(map(_selector, value))


def _selector(value: Any) -> tuple[Matcher, ...]:
    try:
        found = parse(_text(value))
    except BadQueryError as error:
        raise ValueError(f"{value!r}: {error}") from None
    if not isinstance(found, Selector) or found.offset or found.at is not None:
        raise ValueError(f"{value!r} is no plain selector of series")
    for matcher in found.matchers:
        matcher.test()
    return tuple(found.matchers)


def _labels(value: Any) -> Labels:
    pairs = _pairs(value)
    for name, text in pairs:
        if not _LABEL.fullmatch(name) or not text:
            raise ValueError(f"{name!r} = {text!r} is no label: names are of A-Z, a-z, 0-9 and _, values not empty")
        if name in _OURS:
            raise ValueError(f"the label {name} is set by the aggregator itself; give yours another name")
    return make_labels(dict(pairs))


def _headers(value: Any) -> tuple[tuple[str, str], ...]:
    pairs = _pairs(value)
    for name, text in pairs:
        if not _HEADER.fullmatch(name) or not _TOKEN.fullmatch(text):
            raise ValueError(f"{name!r} is no header, or its value is not plain text")
        if name.lower() in _RESERVED:
            raise ValueError(f"the header {name} is set by the aggregator itself")
    return pairs


def _pairs(value: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise ValueError('write a table of texts, as in {name = "value"}')
    return tuple(value.items())


def _requests(value: Any) -> int:
    if type(value) is not int or not 1 <= value <= _MOST_AT_ONCE:
        raise ValueError(f"must be a number from 1 to {_MOST_AT_ONCE}")
    return value


def _seconds(most: int) -> Callable[[Any], float]:
    """Return a check of a duration from a second to so many."""

    def check(value: Any) -> float:
        match = _DURATION.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise ValueError("is no duration: write 30s, 50m or 6h")
        seconds = int(match[1]) * _SECONDS[match[2]]
        if not 1 <= seconds <= most:
            raise ValueError(f"{value} is out of bounds: write 1s to {most // 60}m")
        return float(seconds)

    return check


def _switch(value: Any) -> bool:
    if type(value) is not bool:
        raise ValueError("must be true or false")
    return value


_CHECKS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "name": _name,
    "url": _url,
    "protocol": _protocol,
    "levels": _levels,
    "match": _match,
    "labels": _labels,
    "headers": _headers,
    "requests": _requests,
    "max_age": _seconds(_LONGEST_AGE),
    "timeout": _seconds(_LONGEST_TIMEOUT),
    "end_at_stop": _switch,
    "lease": _seconds(_LONGEST_TIMEOUT),
    "native_histograms": _switch,
} | dict.fromkeys((one.name for one in fields(Access)), _text)
"""A check for each key."""
