"""Bounds of what a receiver of OTLP holds. Pure."""

from __future__ import annotations

from typing import NamedTuple


class Limits(NamedTuple):
    """Bounds of all that is held.

    Attributes:
        resources: processes.
        series: series of all processes.
        new_series: newcomers a second, over ten seconds.
        idle: seconds after which a process, or a series, that says nothing is forgotten.
        stale: seconds after which a gauge that is not told is shown no more.
    """

    resources: int = 1_000
    series: int = 10_000
    new_series: int = 1_000
    idle: float = 3_600.0
    stale: float = 300.0
