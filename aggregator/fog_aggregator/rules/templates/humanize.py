"""Numbers for people, digit by digit as Prometheus writes them."""

from __future__ import annotations

import math
from typing import Any, Final

from fog_aggregator.promql.formatting import parse_number
from fog_aggregator.rules.templates.errors import CallError
from fog_aggregator.rules.templates.values import quote, type_name

_LARGE: Final = ("k", "M", "G", "T", "P", "E", "Z", "Y")
_SMALL: Final = ("m", "u", "n", "p", "f", "a", "z", "y")
_BINARY: Final = ("ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")


def to_number(value: Any) -> float:
    """Take a value for a number.

    Raises:
        CallError: for a text that is none, and for maps, truth values and samples.
    """
    if isinstance(value, str):
        number = parse_number(value)
        if number is None:
            raise CallError(f"strconv.ParseFloat: parsing {quote(value)}: invalid syntax")
        return number
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise CallError(f"can't convert {type_name(value)} to float")


def digits(value: float) -> str:
    """Write four significant digits (Go's ``%.4g``)."""
    if math.isfinite(value):
        return f"{value:.4g}"
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"


def humanize(argument: Any) -> str:
    """Write a number with a prefix of the SI."""
    value = to_number(argument)
    if value == 0 or not math.isfinite(value):
        return digits(value)
    return _scaled(value, _LARGE, 1000) if abs(value) >= 1 else _small(value)


def humanize1024(argument: Any) -> str:
    """Write a number with a binary prefix."""
    value = to_number(argument)
    return digits(value) if not abs(value) > 1 or math.isinf(value) else _scaled(value, _BINARY, 1024)


def humanize_percentage(argument: Any) -> str:
    """Write a ratio as a percentage."""
    return digits(to_number(argument) * 100) + "%"


def humanize_duration(argument: Any) -> str:
    """Write seconds as days, hours, minutes and seconds."""
    value = to_number(argument)
    if not math.isfinite(value):
        return digits(value)
    if value == 0:
        return f"{digits(value)}s"
    if abs(value) < 1:
        return f"{_small(value)}s"
    sign, size = ("-" if value < 0 else ""), abs(value)
    minutes, seconds = divmod(int(size), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{sign}{days}d {hours}h {minutes}m {seconds}s"
    if hours:
        return f"{sign}{hours}h {minutes}m {seconds}s"
    return f"{sign}{minutes}m {seconds}s" if minutes else f"{sign}{digits(size)}s"


def _scaled(value: float, prefixes: tuple[str, ...], base: int) -> str:
    prefix = ""
    for larger in prefixes:
        if abs(value) < base:
            break
        prefix = larger
        value /= base
    return digits(value) + prefix


def _small(value: float) -> str:
    prefix = ""
    for smaller in _SMALL:
        if abs(value) >= 1:
            break
        prefix = smaller
        value *= 1000
    return digits(value) + prefix
