"""Choose the lines of a family by its type: the one place where the text formats differ by it."""

from collections.abc import Iterator

from utilityfog_frontend.telemetry.model import FamilySnapshot, MetricType
from utilityfog_frontend.telemetry.names import base_name

from .samples import chunks, histogram_lines, number_lines


def text_lines(snapshot: FamilySnapshot) -> Iterator[list[str]]:
    """Return the samples of a family in Prometheus text."""
    family, series = snapshot.family, snapshot.series
    if family.type is MetricType.HISTOGRAM:
        return (histogram_lines(family, part) for part in chunks(series))
    return number_lines(family.name, series)


def openmetrics_lines(snapshot: FamilySnapshot) -> Iterator[list[str]]:
    """Return the samples of a family in OpenMetrics."""
    family, series = snapshot.family, snapshot.series
    name = base_name(family)
    if family.type is MetricType.GAUGE:
        return number_lines(name, series)
    if family.type is MetricType.HISTOGRAM:
        return (histogram_lines(family, part, openmetrics=True) for part in chunks(series))
    return number_lines(name + "_total", series, name + "_created")
