"""Functions of one value at a time: mathematics and dates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np

from fog_aggregator.promql.storage import Floats, Ints

Elementwise: TypeAlias = Callable[[Floats], Floats]

_YEARS: Final = 9.0e11
"""Seconds from 1970 within which years are computed, some 28,000 years."""


def sign(values: Floats) -> Floats:
    """Give -1, 1, or the value itself when it is 0 or NaN."""
    return np.where(values < 0, -1.0, np.where(values > 0, 1.0, values))


def round_to(values: Floats, nearest: Floats) -> Floats:
    """Round to a multiple, half of it upwards."""
    inverse = 1.0 / nearest
    return np.floor(values * inverse + 0.5) / inverse


def _of_seconds(compute: Callable[[Ints], Ints]) -> Elementwise:
    """Make a function of seconds since 1970 out of one of integer seconds; NaN for what is no time."""

    def of_values(values: Floats) -> Floats:
        is_time = np.abs(values) < _YEARS
        seconds = np.trunc(np.where(is_time, values, 0.0)).astype(np.int64)
        return np.where(is_time, compute(seconds).astype(np.float64), np.nan)

    return of_values


def _days(seconds: Ints) -> Ints:
    return np.floor_divide(seconds, 86_400)


def _months(seconds: Ints) -> Ints:
    """Count months since January 1970."""
    return _days(seconds).view("datetime64[D]").astype("datetime64[M]").view(np.int64)


def _first_day(months: Ints) -> Ints:
    """Count days from 1970 to the first of a month."""
    return months.view("datetime64[M]").astype("datetime64[D]").view(np.int64)


def _year(seconds: Ints) -> Ints:
    return np.floor_divide(_months(seconds), 12) + 1970


def _day_of_year(seconds: Ints) -> Ints:
    january = np.floor_divide(_months(seconds), 12) * 12
    return _days(seconds) - _first_day(january) + 1


def _days_in_month(seconds: Ints) -> Ints:
    months = _months(seconds)
    return _first_day(months + 1) - _first_day(months)


MATHEMATICS: Final[dict[str, Elementwise]] = {
    "abs": np.abs,
    "acos": np.arccos,
    "acosh": np.arccosh,
    "asin": np.arcsin,
    "asinh": np.arcsinh,
    "atan": np.arctan,
    "atanh": np.arctanh,
    "ceil": np.ceil,
    "cos": np.cos,
    "cosh": np.cosh,
    "deg": lambda values: values * 180 / np.pi,
    "exp": np.exp,
    "floor": np.floor,
    "ln": np.log,
    "log10": np.log10,
    "log2": np.log2,
    "rad": lambda values: values * np.pi / 180,
    "sgn": sign,
    "sin": np.sin,
    "sinh": np.sinh,
    "sqrt": np.sqrt,
    "tan": np.tan,
    "tanh": np.tanh,
}

DATES: Final[dict[str, Elementwise]] = {
    "day_of_month": _of_seconds(lambda seconds: _days(seconds) - _first_day(_months(seconds)) + 1),
    "day_of_week": _of_seconds(lambda seconds: (_days(seconds) + 4) % 7),
    "day_of_year": _of_seconds(_day_of_year),
    "days_in_month": _of_seconds(_days_in_month),
    "hour": _of_seconds(lambda seconds: np.floor_divide(seconds, 3600) % 24),
    "minute": _of_seconds(lambda seconds: np.floor_divide(seconds, 60) % 60),
    "month": _of_seconds(lambda seconds: _months(seconds) % 12 + 1),
    "year": _of_seconds(_year),
}
"""Of UTC."""

ARITHMETIC: Final[dict[str, Callable[[Floats, Floats], Floats]]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,
    "^": np.power,
    "atan2": np.arctan2,
}
COMPARISON: Final[dict[str, Callable[[Floats, Floats], object]]] = {
    "==": np.equal,
    "!=": np.not_equal,
    ">": np.greater,
    "<": np.less,
    ">=": np.greater_equal,
    "<=": np.less_equal,
}
