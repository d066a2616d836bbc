"""Three truth values, with Kleene's strong connectives."""

from __future__ import annotations

from enum import IntEnum


class Truth(IntEnum):
    """A verdict: what was observed to be so, what was observed not to be so, and what nobody could observe."""

    FALSE = 0
    UNKNOWN = 1
    TRUE = 2

    def __invert__(self) -> Truth:
        return Truth(2 - self)


def both(one: Truth, other: Truth) -> Truth:
    """Combine two verdicts by `and`: a side that is false decides."""
    return min(one, other)


def either(one: Truth, other: Truth) -> Truth:
    """Combine two verdicts by `or`: a side that is true decides."""
    return max(one, other)
