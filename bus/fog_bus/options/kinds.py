"""The kinds of values that an option may have: how each is read from text or TOML, and how it is written.

`parse` takes what a flag or the environment gives (text) or what TOML gives (any type) and raises ValueError with a
text that completes the sentence "'ten' …" and says what to write. `show` gives TOML that `parse` reads back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar
from urllib.parse import urlsplit

from fog_schema.limits import MAX_INTERVAL_MS, MIN_INTERVAL_MS

T = TypeVar("T")

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*(ms|s|m|h|d)?")
_SIZES: Final = {"": 1, "B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_SIZE: Final = re.compile(r"(\d+)\s*(B|KiB|MiB|GiB|TiB)?")
_USERINFO: Final = re.compile(r"^(.*?//)?.*@", re.DOTALL)
_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})
_MAX_PORT: Final = 65535

Address = tuple[str, int]
"""Host and port; the empty host is every interface."""


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """One kind of value. `metavar` stands for it in `--help`; `choices` are offered by shells.

    `unset` is shown, and read, in place of an empty default that is not what a person writes. With `is_many` a
    positional argument may stand there several times, or not at all.
    """

    metavar: str
    parse: Callable[[object], T]
    show: Callable[[T], str] = json.dumps
    choices: tuple[str, ...] = ()
    unset: object = None
    is_many: bool = False


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text, in quotes")  # noqa: TRY004 - a value that cannot be used, as the other kinds say it
    return value


def _switch(value: object) -> bool:
    word = str(value).lower()
    if word not in _TRUE | _FALSE:
        raise ValueError("must be true or false")
    return word in _TRUE


def _integer(value: object) -> int:
    try:
        if isinstance(value, str | int) and not isinstance(value, bool) and int(value) >= 0:
            return int(value)
    except ValueError:
        pass
    raise ValueError("must be a whole number, 0 or more")


def _duration(value: object) -> float:
    match = _DURATION.fullmatch(str(value).strip())
    if match is None or isinstance(value, bool):
        raise ValueError("is not a duration: write 500ms, 10s, 5m, 1h or 7d")
    return float(match[1]) * _UNITS[match[2] or "s"]


def _period(value: object) -> float:
    seconds = _duration(value)
    if not seconds:
        raise ValueError("must be more than nothing")
    return seconds


def _interval(value: object) -> float:
    seconds = _duration(value)
    if not MIN_INTERVAL_MS <= seconds * 1000 <= MAX_INTERVAL_MS:
        low, high = show_duration(MIN_INTERVAL_MS / 1000), show_duration(MAX_INTERVAL_MS / 1000)
        raise ValueError(f"is out of bounds: write {low} to {high}")
    return seconds


def show_duration(seconds: float) -> str:
    """Return a short way to write a duration without losing any of it: ``10s``, ``3d``, ``0.5s``."""
    for unit in ("d", "h", "m"):
        count = seconds / _UNITS[unit]
        if count >= 1 and count.is_integer():
            return f"{int(count)}{unit}"
    return f"{seconds!r}".removesuffix(".0") + "s"


def _size(value: object) -> int:
    match = _SIZE.fullmatch(str(value).strip())
    if match is None or isinstance(value, bool):
        raise ValueError("is not a size: write a number of bytes, or 64MiB, 10GiB")
    return int(match[1]) * _SIZES[match[2] or ""]


def _share(value: object) -> float:
    text = str(value).strip()
    try:
        share = float(text.removesuffix("%")) / 100 if text.endswith("%") else 0.0
    except ValueError:
        share = 0.0
    if not 0.0 < share <= 1.0:
        raise ValueError("is not a share: write more than 0%, and at most 100%")
    return share


def show_share(share: float) -> str:
    """Return a share as a person writes it: ``5%``, ``0.5%``."""
    return f"{share * 100:.10g}%"


def _address(value: object) -> Address:
    host, colon, port = str(value).rpartition(":")
    if not colon or not port.isdecimal() or int(port) > _MAX_PORT or (":" in host and not host.startswith("[")):
        raise ValueError("is not HOST:PORT, as in 127.0.0.1:10364, [::1]:10364 or :10364 (every interface)")
    return host.strip("[]"), int(port)


def show_address(address: Address) -> str:
    """``127.0.0.1:10364``, ``[::1]:10364``."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _urls(value: object) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise ValueError("must be a URL, or a list of them")
    urls = tuple(part.strip() for part in parts if part.strip())
    for url in urls:
        scheme, separator, rest = url.partition("://")
        if separator and (scheme not in {"nats", "tls", "ws", "wss"} or not rest):
            raise ValueError("is not a NATS address: write nats://HOST:PORT, tls://… or wss://…")
    return tuple(url if "://" in url else f"nats://{url}" for url in urls)


def _paths(value: object) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise ValueError("must be a path, or a list of them")
    return tuple(part.strip() for part in parts if part.strip())


def _files(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
        raise ValueError("must be a list of texts")
    return tuple(value)


def redact(text: str) -> str:
    """Return a text, or a URL, without user and password: all up to the last @ goes, as a secret may have any sign."""
    return _USERINFO.sub(r"\1…@", text)


def hides_login(url: str) -> bool:
    """Tell whether a URL has an @ after its host: a #, / or ? of a secret that is not escaped ends the host too early.

    Raises:
        ValueError: It cannot be taken apart.
    """
    return "@" in url.replace(urlsplit(url).netloc, "", 1)


def _one_of(*words: str) -> Callable[[object], str]:
    def parse(value: object) -> str:
        if value not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return str(value)

    return parse


def choice(*words: str) -> Kind[str]:
    """One of a few words."""
    return Kind("|".join(words), _one_of(*words), choices=words)


TEXT: Final = Kind("TEXT", _text)
PATH: Final = Kind("PATH", _text, unset="")
PATHS: Final = Kind("PATH[,PATH]", _paths, unset=())
FILE: Final = Kind("FILE", _text)
FILES: Final = Kind("FILE", _files, is_many=True)
WORDS: Final = Kind("WORD", _files, is_many=True)
DIRECTORY: Final = Kind("DIR", _text, unset="")
NAME: Final = Kind("NAME", _text)
URL: Final = Kind("URL", _text)
SECRET: Final = Kind("TEXT", _text)
SWITCH: Final = Kind("", _switch)
WHOLE: Final = Kind("N", _integer)
DURATION: Final = Kind("DURATION", _duration, lambda seconds: json.dumps(show_duration(seconds)))
PERIOD: Final = Kind("DURATION", _period, DURATION.show)
INTERVAL: Final = Kind("DURATION", _interval, DURATION.show)
SIZE: Final = Kind("BYTES", _size)
SHARE: Final = Kind("PERCENT", _share, lambda share: json.dumps(show_share(share)))
ADDRESS: Final = Kind("HOST:PORT", _address, lambda address: json.dumps(show_address(address)))
URLS: Final = Kind("URL[,URL]", _urls, lambda urls: json.dumps([redact(url) for url in urls]))
