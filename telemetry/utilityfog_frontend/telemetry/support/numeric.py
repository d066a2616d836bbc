"""From what users hand over to int or float."""

from math import inf
from typing import SupportsFloat, SupportsIndex

from .arguments import shown

Number = int | float

WHOLE_LIMIT = 2**63
"""Counts and increments from here on are refused: they would not fit the wire's 64-bit integers."""

WHOLE_FLOAT = float(WHOLE_LIMIT)
"""The same for a float, which the interpreter compares with a float twice as fast as with an int."""

SMALL = 2**30 - 1
"""Ints up to here have one digit to the interpreter, and are compared without a call."""

LEAST = -SMALL
"""The same below zero, as to negate takes as long as to compare."""


def as_integer(number: float) -> Number:
    """Return `number` as an int when it has no fraction and fits 64 bits, else as it is."""
    return int(number) if -WHOLE_LIMIT < number < WHOLE_LIMIT and number.is_integer() else number


def as_number(value: object) -> Number:
    """`value` as an int when it is a whole number (by type or by value) of 64 bits, else as a float, NaN included.

    Takes what is a number to Python (bool, Decimal, Fraction, numpy's scalars, ...), not what can be parsed as one.

    Raises:
        TypeError: not a number.
    """
    if type(value) is int:
        return _bounded(value)
    if type(value) is float:
        return as_integer(value)
    if isinstance(value, str | bytes | bytearray):
        raise TypeError(f"a number is needed, not {shown(value)}")
    if isinstance(value, SupportsIndex):
        try:
            return _bounded(value.__index__())
        except TypeError:
            pass  # an array or tensor of one float is an index by its type only
    if isinstance(value, SupportsFloat):
        try:
            return as_integer(float(value))
        except OverflowError:
            return inf if value > 0 else -inf  # type: ignore[operator]
    raise TypeError(f"a number is needed, not {shown(value)}")


def as_float(value: object) -> float:
    """`value` as a float; what is too large for one is infinite.

    Raises:
        TypeError: not a number.
    """
    return float(as_number(value))


def _bounded(number: int) -> Number:
    """Return `number`, as a float when it does not fit 64 bits, as no parser takes so many digits."""
    if -WHOLE_LIMIT < number < WHOLE_LIMIT:
        return number
    try:
        return float(number)
    except OverflowError:
        return inf if number > 0 else -inf
