"""Numbers and times as Prometheus reads and writes them, which is as Go does: the shortest digits that keep a value."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from fog_aggregator.promql.storage import Floats

_PLAIN_BELOW: Final = 1e21
_PLAIN_FROM: Final = 1e-6
_GENERAL_DIGITS: Final = 6
_REPR_PLAIN: Final = (1e-4, 1e16)
"""From the one up to the other, `repr` of a fraction has no exponent."""
_PLAIN_INTEGERS: Final = 10**15
"""Integers below this one have no exponent in any way of writing."""

_NUMBER: Final = re.compile(
    r"[+-]?(?:inf(?:inity)?|nan|0x[0-9a-f]+(?:\.[0-9a-f]*)?(?:p[+-]?\d+)?|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)",
    re.IGNORECASE,
)


def parse_number(text: str) -> float | None:
    """Read a number of a label value, as the bound of a bucket; None for what is not a number."""
    if _NUMBER.fullmatch(text) is None:
        return None
    return float.fromhex(text) if "0x" in text.lower() else float(text)


def _special(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "+Inf" if value > 0 else "-Inf"


def _digits(value: float) -> tuple[str, str, int]:
    """Split a finite number into its sign, its digits and the power of ten of the first digit."""
    mantissa, _, exponent = f"{value!r}".partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    integer, _, fraction = mantissa.lstrip("-").partition(".")
    digits = integer + ("" if fraction == "0" else fraction)
    power = len(integer) - 1 + int(exponent or 0)
    stripped = digits.lstrip("0")
    power -= len(digits) - len(stripped)
    return sign, stripped.rstrip("0") or "0", power if stripped else 0


def format_plain(value: float) -> str:
    """Write a number without an exponent, as in scalars and label values."""
    if not math.isfinite(value):
        return _special(value)
    sign, digits, power = _digits(value)
    if power < 0:
        return f"{sign}0.{'0' * (-power - 1)}{digits}"
    integer, fraction = digits[: power + 1].ljust(power + 1, "0"), digits[power + 1 :]
    return f"{sign}{integer}.{fraction}" if fraction else sign + integer


def format_exponent(value: float) -> str:
    """Write a number with an exponent, as in the values of rules and alerts: ``1.234567e+06``."""
    if not math.isfinite(value):
        return _special(value)
    sign, digits, power = _digits(value)
    mantissa = f"{digits[0]}.{digits[1:]}" if len(digits) > 1 else digits
    return f"{sign}{mantissa}e{'-' if power < 0 else '+'}{abs(power):02d}"


def format_sample(value: float) -> str:
    """Write a number as in vectors and matrices: with an exponent below 1e-6 and from 1e21 on."""
    size = abs(value)
    if size == 0 or (math.isfinite(value) and _PLAIN_FROM <= size < _PLAIN_BELOW):
        return format_plain(value)
    return format_exponent(value)


def format_general(value: float) -> str:
    """Write a number as in messages (Go's ``%g``)."""
    if not math.isfinite(value):
        return _special(value)
    power = _digits(value)[2]
    return format_plain(value) if -4 <= power < _GENERAL_DIGITS else format_exponent(value)


def prepare_samples(values: Floats) -> Iterator[Sequence[object]]:
    """Prepare rows of numbers, each so that `str` of it is what `format_sample` writes.

    Integers and ordinary fractions, which are most, are written by the interpreter without a look at each.
    """
    low, high = _REPR_PLAIN
    with np.errstate(invalid="ignore"):
        integers = values.astype(np.int64)
        size = np.abs(values)
    bits = np.ascontiguousarray(values).view(np.int64)
    # A negative zero, NaN and what is beyond 64 bits come back as something else.
    integer = integers.astype(np.float64).view(np.int64) == bits
    plain = (integer & (size < _PLAIN_INTEGERS)).all(axis=1)
    odd = integer | (size < low) | ~(size < high)
    for row in range(len(values)):
        if plain[row]:
            yield integers[row].tolist()
            continue
        numbers: list[object] = values[row].tolist()
        for place in np.flatnonzero(odd[row]).tolist():
            numbers[place] = format_sample(float(values[row, place]))
        yield numbers


def format_time(milliseconds: int) -> str:
    """Write a time in seconds with none or three decimals."""
    seconds, rest = divmod(abs(milliseconds), 1000)
    text = f"{seconds}.{rest:03d}" if rest else str(seconds)
    return f"-{text}" if milliseconds < 0 else text
