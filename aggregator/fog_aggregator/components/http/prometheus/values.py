"""Read values of the API's parameters as a Prometheus does: times, durations, names."""

from __future__ import annotations

import math
import re
from datetime import datetime
from typing import Final

from fog_aggregator.promql.language.parse import MAX_TIME

_RFC_3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_DURATION: Final = re.compile(
    r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?", re.ASCII
)
_UNITS: Final = (31_536_000_000, 604_800_000, 86_400_000, 3_600_000, 60_000, 1000, 1)
_LONGEST: Final = 64
"""Characters of a number; more are no time."""

_ESCAPED: Final = re.compile(r"__|_([0-9a-fA-F]{1,6})_|[^_]")


def parse_time(text: str) -> int:
    """Read seconds since 1970 or RFC 3339, to the millisecond.

    Raises:
        ValueError: for anything else, and for times that do not fit.
    """
    milliseconds = _milliseconds(text)
    if milliseconds is None and _RFC_3339.fullmatch(text):
        try:
            milliseconds = round(datetime.fromisoformat(text.upper()).timestamp() * 1000)
        except (ValueError, OverflowError):
            milliseconds = None
    if milliseconds is None:
        raise ValueError(f'cannot parse "{text[:80]}" to a valid timestamp')
    return milliseconds


def parse_duration(text: str) -> int:
    """Read seconds or a duration as in `1m30s`, to the millisecond.

    Raises:
        ValueError: for anything else, and for durations that do not fit.
    """
    milliseconds = _milliseconds(text)
    if milliseconds is None and text and len(text) <= _LONGEST and (found := _DURATION.fullmatch(text)):
        counts = zip(found.groups(default="0"), _UNITS, strict=True)
        milliseconds = sum(int(count) * unit for count, unit in counts)
    if milliseconds is None or milliseconds >= MAX_TIME:
        raise ValueError(f'cannot parse "{text[:80]}" to a valid duration')
    return milliseconds


def parse_count(text: str) -> int:
    """Read a number of things.

    Raises:
        ValueError: for anything else.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MAX_TIME))):
        raise ValueError("a whole number from 0 on is needed")
    return int(text)


def unescape_name(text: str) -> str:
    """Read a name that is quoted as ``U__…``: ``__`` is an underscore, ``_2e_`` the character of this number.

    Any other name, and one that is quoted wrongly, is itself. (Prometheus, "UTF-8 in Prometheus", escaping for URLs.)
    """
    body = text.removeprefix("U__")
    if body == text:
        return text
    pieces = list(_ESCAPED.finditer(body))
    if sum(len(piece[0]) for piece in pieces) != len(body):
        return text
    try:
        return "".join(chr(int(piece[1], 16)) if piece[1] else piece[0].replace("__", "_") for piece in pieces)
    except ValueError:
        return text


def _milliseconds(text: str) -> int | None:
    """Read a number of seconds; None for what is none or out of bounds."""
    if len(text) > _LONGEST or not _NUMBER.fullmatch(text):
        return None
    milliseconds = float(text) * 1000
    return round(milliseconds) if math.isfinite(milliseconds) and abs(milliseconds) < MAX_TIME else None
