"""Kinds and values of points of OTLP. Pure."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from utilityfog_frontend.telemetry.kinds import HistogramValue
from utilityfog_frontend.telemetry.model import Exemplar, ExponentialValue


class Kind(Enum):
    """The kinds of metric."""

    GAUGE = "gauge"
    SUM = "sum"
    HISTOGRAM = "histogram"
    EXPONENTIAL = "exponential histogram"
    SUMMARY = "summary"


class Bucketed(NamedTuple):
    """An explicit histogram: its finite bounds, its counts, and the latest exemplars by bucket."""

    bounds: tuple[float, ...]
    value: HistogramValue
    exemplars: dict[int, Exemplar]


class Summarized(NamedTuple):
    """A summary: what was counted, its sum, and values by quantile."""

    observations: int
    sum: float
    quantiles: tuple[tuple[float, float], ...]


class Unusable(NamedTuple):
    """A point that there is no place for.

    Attributes:
        reason: one of `fog_agent_source_refused_total`.
        text: for people.
    """

    reason: str
    text: str


class RefusedError(ValueError):
    """A point, or a metric, that is not taken.

    Attributes:
        reason: one of `fog_agent_source_refused_total`.
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


Recorded = int | float | Bucketed | ExponentialValue | Summarized | Unusable
Point = tuple[bytes, int, int, Recorded | None]
"""The bytes of its attributes, unix nanoseconds of its start (0: not known) and of itself, its value (None: ended)."""
