"""The nodes that a rollup stands on, and those that it does not: on rollup subjects only."""

from __future__ import annotations

from typing import NamedTuple

from fog_schema import limits
from fog_schema.errors import FrameError
from fog_schema.sections.field import Field


class CoverageNumbers(NamedTuple):
    """Coverage of a rollup: nodes by state, and the age of the oldest live one's last frame, milliseconds."""

    live: int
    stale: int
    departed: int
    oldest_ms: int


class Absences(NamedTuple):
    """Nodes that are absent from a rollup's gauges for a known reason.

    Args:
        ended: Nodes that have ended in good order.
        missing: Nodes that are expected and were never heard.
    """

    ended: int = 0
    missing: int = 0


def decode_coverage(value: object) -> CoverageNumbers:
    """Check four integers."""
    if type(value) is not tuple or len(value) != 4 or not all(type(one) is int for one in value):
        raise FrameError("malformed", "coverage: not four integers, live, stale and departed nodes and an age")
    _check("coverage", value)
    return CoverageNumbers(*value)


def decode_absences(value: object) -> Absences:
    """Check two integers."""
    if type(value) is not tuple or len(value) != 2 or not all(type(one) is int for one in value):
        raise FrameError("malformed", "absences: not two integers, ended and missing nodes")
    _check("absences", value)
    return Absences(*value)


def _check(what: str, numbers: tuple[int, ...]) -> None:
    if not all(0 <= one <= limits.MAX_AGE_MS for one in numbers):
        raise FrameError("malformed", f"{what}: a number is not from 0 to {limits.MAX_AGE_MS}")


FIELDS = (Field(13, "coverage", decode_coverage), Field(14, "absences", decode_absences))
