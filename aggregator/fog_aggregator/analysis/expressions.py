"""Write the expression that shows a metric: a gauge by its value, and what is counted by its rate."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, isfinite
from typing import Final

from utilityfog_frontend.telemetry.kinds import MetricType

_USUAL: Final = 300
"""Seconds that rates are taken over where no node sends too seldom for it."""
_SHORTEST: Final = 60
_FRAMES: Final = 4
QUANTILE: Final = 0.99
"""The quantile by which histograms are compared."""
_OBSERVATIONS: Final = "_count"


def least_window(interval: float, step: float) -> int:
    """Return how many seconds a rate must be taken over to be even.

    A total grows when a frame comes: in a window that is shorter than the interval it seems to stand still, and then to
    jump. The step is the one before the first sample of a window, so that each window has the same number of frames.

    Args:
        interval: How often those live nodes send whose frames must be even, seconds.
        step: How often the history keeps totals, seconds.
    """
    return max(_SHORTEST, ceil(_FRAMES * max(interval, step) + step))


def window_of(least: int) -> str:
    """Return the window of rates as PromQL has it, of at least so many seconds."""
    return f"{least}s" if least > _USUAL else f"{_USUAL // 60}m"


def counted_name(metric: str, kind: MetricType) -> str:
    """Return the name of the samples that count what a metric counts: a histogram's observations."""
    observations = metric + _OBSERVATIONS
    return observations if observations in kind.sample_names(metric) else metric


def value_by_path(metric: str, kind: MetricType, matchers: str, window: str) -> str:
    """Return the expression of one value for each place.

    Args:
        metric: The metric.
        kind: Its type.
        matchers: Select the places, as they stand between braces.
        window: Of rates.
    """
    if kind.incremental:
        return f"sum by (fog_path) (rate({counted_name(metric, kind)}{{{matchers}}}[{window}]))"
    return f'avg by (fog_path) ({metric}{{{matchers},stat=~"|avg"}})'


def quantile_by_path(metric: str, matchers: str, window: str) -> str:
    """Return the expression of the 99th percentile of a histogram's observations, for each place."""
    return f"histogram_quantile({QUANTILE:g}, sum by (le, fog_path) (rate({metric}_bucket{{{matchers}}}[{window}])))"


def total_of(metric: str, kind: MetricType, window: str) -> str:
    """Return the expression of a metric's total, which adds up over places."""
    if kind.incremental:
        return f"sum(rate({counted_name(metric, kind)}[{window}]))"
    return f'sum({metric}{{stat=~"|sum"}})'


def quantile_of(metric: str, quantile: float, window: str) -> str:
    """Return the expression of a quantile of a histogram's observations."""
    return f"histogram_quantile({quantile:g}, {buckets_of(metric, window)})"


def buckets_of(metric: str, window: str) -> str:
    """Return the expression of the rates of a histogram's buckets."""
    return f"sum by (le) (rate({metric}_bucket[{window}]))"


def above_of(metric: str, bound: str, window: str) -> str:
    """Return the expression of the rate of observations above a bound, which adds up over places; of all for none."""
    every = f"sum(rate({metric}{_OBSERVATIONS}[{window}]))"
    return f'{every} - sum(rate({metric}_bucket{{le="{bound}"}}[{window}]))' if bound else every


def dividing_bound(bounds: Sequence[str], before: float, now: float) -> str:
    """Return the bound above which observations became more, or fewer, when a quantile went from one value to another.

    It is the first one at or above the old value, where the new one lies beyond it; else the last one below.

    Args:
        bounds: The upper bounds of buckets as their labels have them.
        before: The old value.
        now: The new value.

    Returns:
        The label; empty where all observations are meant.
    """
    known = sorted((float(bound), bound) for bound in bounds if isfinite(float(bound)))
    over = next(((value, bound) for value, bound in known if value >= before), None)
    if over is not None and now > over[0]:
        return over[1]
    return next((bound for value, bound in reversed(known) if value < before), "")
