"""The nodes that a rollup stands on: on rollup subjects only."""

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


def decode(value: object) -> CoverageNumbers:
    """Check four integers."""
    if type(value) is not tuple or len(value) != 4 or not all(type(one) is int for one in value):
        raise FrameError("malformed", "coverage: not four integers, live, stale and departed nodes and an age")
    if not all(0 <= one <= limits.MAX_AGE_MS for one in value):
        raise FrameError("malformed", f"coverage: a number is not from 0 to {limits.MAX_AGE_MS}")
    return CoverageNumbers(*value)


FIELDS = (Field(13, "coverage", decode),)
