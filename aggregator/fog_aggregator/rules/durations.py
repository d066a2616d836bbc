"""Durations as Prometheus writes them in its files: ``1h30m``, in units from years to milliseconds."""

from __future__ import annotations

import re
from typing import Final

_UNITS: Final = (
    ("y", 31_536_000_000),
    ("w", 604_800_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
)
_DURATION: Final = re.compile("".join(rf"(?:([0-9]+){unit})?" for unit, _ in _UNITS))
_EXACT: Final = frozenset({"y", "w"})
"""Units that are written only if nothing is left over."""

_MOST: Final = 2**63 // 10**6
"""Milliseconds; Prometheus counts durations in 64 bits of nanoseconds."""


def parse_duration(text: str) -> int:
    """Read a duration: its milliseconds.

    Raises:
        ValueError: with Prometheus' words for what is no duration.
    """
    if text == "0":
        return 0
    if not text:
        raise ValueError("empty duration string")
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f'not a valid duration string: "{text}"')
    total = sum(int(count) * size for count, (_, size) in zip(match.groups(), _UNITS, strict=True) if count)
    if total >= _MOST:
        raise ValueError("duration out of range")
    return total


def format_duration(milliseconds: int) -> str:
    """Write a duration as Prometheus does: ``0s``, ``90m`` as ``1h30m``."""
    if milliseconds == 0:
        return "0s"
    parts, rest = [], milliseconds
    for unit, size in _UNITS:
        if rest >= size and not (unit in _EXACT and rest % size):
            parts.append(f"{rest // size}{unit}")
            rest %= size
    return "".join(parts)
