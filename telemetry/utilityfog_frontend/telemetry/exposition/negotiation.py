"""Which format a client gets for what its Accept header says.

Prometheus 3 fails a scrape whose Content-Type it does not know, so there is always an answer it knows: when nothing
that it asks for is to be had, that is text 0.0.4.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from utilityfog_frontend.telemetry.model import FamilySnapshot
from utilityfog_frontend.telemetry.support import arguments

from .openmetrics import iter_openmetrics
from .protobuf import iter_protobuf
from .text import iter_text

_ESCAPINGS = ("allow-utf-8", "underscores", "dots", "values")
_DEFAULT_ESCAPING = "underscores"


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write families.

    Attributes:
        content_type: the header to send with it.
        iter: families to bytes, in chunks of about 64 kB.
    """

    content_type: str
    iter: Callable[[Iterable[FamilySnapshot]], Iterator[bytes]]

    def generate(self, families: Iterable[FamilySnapshot]) -> bytes:
        """Return the families as a whole."""
        return b"".join(self.iter(families))


TEXT = Format("text/plain; version=0.0.4; charset=utf-8", iter_text)
PROTOBUF = Format(
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited", iter_protobuf
)
"""For those alone that ask for it by name: no wildcard stands for it."""


@dataclass(frozen=True, slots=True)
class _Range:
    """One item of an Accept header."""

    media: str
    parameters: dict[str, str]
    quality: float


def negotiate(accept: str | None) -> Format:
    """Return the format for an Accept header, None for no header: the highest q first, then the order given.

    `q=0` refuses. The answer echoes the version and the escaping asked for. All names here are of the classic
    alphabet, which no escaping changes.

    Raises:
        TypeError: not a string.
    """
    ranges = _parse(arguments.text("an Accept header", "" if accept is None else accept))
    refused = {one.media for one in ranges if one.quality == 0}
    for wanted in sorted((one for one in ranges if one.quality > 0), key=lambda one: -one.quality):
        found = _offer(wanted, refused)
        if found is not None:
            return found
    return TEXT


def _offer(wanted: _Range, refused: set[str]) -> Format | None:
    """List the formats for one media range; a wildcard gets those that are not refused by name."""
    media = wanted.media
    if media == "application/vnd.google.protobuf":
        return _protobuf(wanted)
    if media in ("*/*", "text/*", "text/plain") and "text/plain" not in refused:
        return _text(wanted)
    if media in ("*/*", "application/*", "application/openmetrics-text"):
        return None if "application/openmetrics-text" in refused else _openmetrics(wanted)
    return None


def _protobuf(wanted: _Range) -> Format | None:
    """Names stand as they are: all are of the classic alphabet, which no escaping changes."""
    asked = wanted.parameters.get("proto"), wanted.parameters.get("encoding")
    return PROTOBUF if asked == ("io.prometheus.client.metricfamily", "delimited") else None


def _text(wanted: _Range) -> Format | None:
    version = wanted.parameters.get("version", "0.0.4")
    if version == "0.0.4":
        return TEXT
    if version == "1.0.0":
        return Format(f"text/plain; version=1.0.0; charset=utf-8; escaping={_escaping(wanted)}", iter_text)
    return None


def _openmetrics(wanted: _Range) -> Format | None:
    version = wanted.parameters.get("version", "1.0.0")
    if version == "1.0.0":
        escaping = _escaping(wanted)
        return Format(
            f"application/openmetrics-text; version=1.0.0; charset=utf-8; escaping={escaping}", iter_openmetrics
        )
    if version == "0.0.1":
        return Format("application/openmetrics-text; version=0.0.1; charset=utf-8", iter_openmetrics)
    return None


def _escaping(wanted: _Range) -> str:
    asked = wanted.parameters.get("escaping", _DEFAULT_ESCAPING)
    return asked if asked in _ESCAPINGS else _DEFAULT_ESCAPING


def _parse(accept: str) -> list[_Range]:
    return [_parse_range(item) for item in accept.split(",") if item.strip()]


def _parse_range(item: str) -> _Range:
    media, *pairs = (part.strip() for part in item.split(";"))
    parameters = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        parameters[name.strip().lower()] = value.strip().strip('"').lower()
    return _Range(media.lower(), parameters, _quality(parameters.pop("q", "1")))


def _quality(text: str) -> float:
    """Return a quality from 0 to 1; what is none refuses."""
    return min(float(text), 1.0) if re.fullmatch(r"\d(\.\d*)?|\.\d+", text) else 0.0
