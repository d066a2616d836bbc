"""Tell which of two totals of one series is the later one."""

from __future__ import annotations

from operator import le

from fog_agent.core.epoch_series import SeriesValue
from utilityfog_frontend.telemetry.model import HistogramValue


def later(before: SeriesValue, now: SeriesValue) -> SeriesValue:
    """Return the later of two totals; but a count never falls, and one that had fractions stays fractional."""
    if isinstance(before, HistogramValue) and isinstance(now, HistogramValue):
        return now if all(map(le, before.counts, now.counts)) else before  # one bucket of another replica may be less
    if isinstance(before, int | float) and isinstance(now, int | float):
        most = max(before, now)
        return float(most) if isinstance(before, float) else most
    return now
