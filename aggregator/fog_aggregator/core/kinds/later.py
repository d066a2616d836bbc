"""Tell which of two totals of one series is the later one."""

from __future__ import annotations

from fog_agent.core.epoch_series import SeriesValue
from utilityfog_frontend.telemetry.kinds import Distribution, fell


def later(before: SeriesValue, now: SeriesValue) -> SeriesValue:
    """Return the later of two totals; but a count never falls, and one that had fractions stays fractional."""
    if isinstance(before, Distribution) and isinstance(now, Distribution):
        return before if fell(before, now) else now  # one bucket of another replica may be less
    if isinstance(before, int | float) and isinstance(now, int | float):
        most = max(before, now)
        return float(most) if isinstance(before, float) else most
    return now
