"""Write the expression that shows a metric: a gauge by its value, and what is counted by its rate."""

from __future__ import annotations

from utilityfog_frontend.telemetry.kinds import MetricType

WINDOW = "5m"
_OBSERVATIONS = "_count"


def counted_name(metric: str, kind: MetricType) -> str:
    """Return the name of the samples that count what a metric counts: a histogram's observations."""
    observations = metric + _OBSERVATIONS
    return observations if observations in kind.sample_names(metric) else metric


def value_by_path(metric: str, kind: MetricType, matchers: str) -> str:
    """Return the expression of one value for each place.

    Args:
        metric: The metric.
        kind: Its type.
        matchers: Select the places, as they stand between braces.
    """
    if kind.incremental:
        return f"sum by (fog_path) (rate({counted_name(metric, kind)}{{{matchers}}}[{WINDOW}]))"
    return f'avg by (fog_path) ({metric}{{{matchers},stat=~"|avg"}})'


def total_of(metric: str, kind: MetricType) -> str:
    """Return the expression of a metric's total, which adds up over places."""
    if kind.incremental:
        return f"sum(rate({counted_name(metric, kind)}[{WINDOW}]))"
    return f'sum({metric}{{stat=~"|sum"}})'
