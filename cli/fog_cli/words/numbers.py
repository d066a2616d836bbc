"""Numbers, units and times as people read them, as on the page: 1000-based, measurements with three digits.

A number that is not known is None or NaN, and is shown as a dash, never as 0.
"""

from __future__ import annotations

import math
import re
from datetime import datetime
from typing import Final

MINUS: Final = "\N{MINUS SIGN}"
TIMES: Final = "\N{MULTIPLICATION SIGN}"
DASH: Final = "\N{EN DASH}"
_BIG: Final = ("", "k", "M", "G", "T", "P", "E")
_ENDING: Final = re.compile(r"_(total|bucket|sum|count)$")
_UNITS: Final = {"bytes": "B", "seconds": "s", "celsius": "°C", "percent": "%", "ratio": "ratio"}

Number = float | None


def known(value: Number) -> float:
    """Return a number; NaN for one that is not known."""
    return math.nan if value is None else float(value)


def count(value: Number) -> str:
    """Show an integer: ``12,941``."""
    number = known(value)
    if math.isnan(number):
        return DASH
    if math.isinf(number):
        return "∞" if number > 0 else f"{MINUS}∞"
    size = math.floor(abs(number) + 0.5)
    return f"{MINUS if number < 0 and size else ''}{size:,}"


def digits(value: Number) -> str:
    """Show three significant digits without an exponent: ``0.0042``, ``41.8``, ``12,941``."""
    number = known(value)
    size = abs(number)
    if math.isnan(number) or size >= 100:
        return count(number)
    if size == 0:
        return "0"
    if size < 1e-4:
        head, _, power = f"{number:.1e}".partition("e")
        return f"{head}e{int(power)}".replace("-", MINUS)
    return f"{number:.3g}".replace("-", MINUS)


def two_digits(value: float) -> str:
    """Show a value beside another one, in two digits at most: ``0.12``, ``0.5``, ``1.3``, ``380``."""
    return f"{value:.{2 if value < 0.3 else 1}f}" if 0.095 <= value < 9.95 else digits(float(f"{value:.2g}"))


def unit_of(name: str, kind: str = "") -> str:
    """Return the unit of a metric, by the ending of its name; `kind` is its type, as in the API."""
    unit = _UNITS.get(_ENDING.sub("", name).rpartition("_")[2], "")
    return f"{unit}/s" if kind == "counter" else unit


def figure(value: Number, unit: str = "") -> tuple[str, str]:
    """Show a value and its unit, as two texts."""
    number = known(value)
    if math.isnan(number):
        return DASH, ""
    if unit == "ratio":
        return digits(number * 100), "%"
    base, per = unit.removesuffix("/s"), "/s" if unit.endswith("/s") else ""
    if base == "s" and not per:
        return _duration(number)
    if base == "B" or abs(number) >= 1e6:
        power = 0
        while abs(number) >= 1000 and power < len(_BIG) - 1:
            number /= 1000
            power += 1
        return digits(float(f"{number:.3g}")), f"{_BIG[power]}{base}{per}"
    return digits(number), base + per


def with_unit(value: Number, unit: str = "") -> str:
    """Show a value with its unit in one text: ``99.4 /s``."""
    return " ".join(filter(None, figure(value, unit)))


def _duration(seconds: float) -> tuple[str, str]:
    size = abs(seconds)
    if size >= 120:
        return span(seconds), ""
    if size >= 0.1 or size == 0:
        return digits(seconds), "s"
    return (digits(seconds * 1e3), "ms") if size >= 1e-4 else (digits(seconds * 1e6), "µs")


def span(value: Number) -> str:
    """Show how long something takes or is away: ``48 s``, ``54 min``, ``2 h 54 min``, ``3 d 4 h``."""
    size = abs(known(value))
    if not math.isfinite(size):
        return DASH if math.isnan(size) else "∞"
    if size < 100:
        return f"{size:.1f} s" if size < 10 else f"{math.floor(size + 0.5)} s"
    minutes = math.floor(size / 60 + 0.5)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes and hours < 10 else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours and days < 10 else f"{days} d"


def change(now: Number, before: Number) -> str:
    """Show a change: as a factor from double on, else ``+22 %``; empty where it cannot be told."""
    new, old = known(now), known(before)
    if math.isnan(new) or math.isnan(old):
        return ""
    if old == 0:
        return "0 %" if new == 0 else "new"
    ratio = new / old
    if ratio >= 2:
        return f"{TIMES}{digits(ratio)}"
    percent = (ratio - 1) * 100
    if not math.isfinite(percent):
        return ""
    size = abs(percent)
    sign = "+" if percent > 0 else MINUS if percent < 0 else ""
    return f"{sign}{f'{size:.1f}'.removesuffix('.0') if size < 10 else math.floor(size + 0.5)} %"


def share(part: Number, everything: Number) -> str:
    """Show a share, rounded down: 99.98 % is never 100 %."""
    some, most = known(part), known(everything)
    if math.isnan(some) or math.isnan(most) or most == 0:
        return DASH
    if some >= most:
        return "100 %"
    percent = some / most * 100
    if percent < 90:
        return f"{math.floor(percent + 1e-9)} %"
    return f"{math.floor(percent * 10 + 1e-9) / 10:.1f}".removesuffix(".0") + " %"


def clock(seconds: Number, parts: int = 3) -> str:
    """Show a time of day, local: ``14:13:52``, with 2 parts ``14:13``, with 4 milliseconds as well."""
    at = _moment(seconds)
    if at is None:
        return "never"
    text = ":".join((f"{at.hour:02d}", f"{at.minute:02d}", f"{at.second:02d}")[: min(3, parts)])
    return f"{text}.{at.microsecond // 1000:03d}" if parts > 3 else text


def moment(seconds: Number, now: float) -> str:
    """Show a moment in a row: the time of a day that is today, else the date."""
    at, today = _moment(seconds), _moment(now)
    if at is None or today is None:
        return "never"
    if at.date() == today.date():
        return clock(seconds, 2)
    return f"{at.day} {at:%b}" + ("" if at.year == today.year else f" {at.year}")


def _moment(seconds: Number) -> datetime | None:
    """Return a local time; None for what no calendar has."""
    try:
        return datetime.fromtimestamp(known(seconds)).astimezone()
    except (ValueError, OverflowError, OSError):
        return None


def many(number: float, one: str, more: str = "") -> str:
    """Show how many of something there are: ``1 node``, ``12 nodes``."""
    return f"{count(number)} {one if number == 1 else more or one + 's'}"
