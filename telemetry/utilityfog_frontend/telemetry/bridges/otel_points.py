"""From what OpenTelemetry's SDK collects to families and series. Not thread-safe: its reader holds a lock.

Values with delta temporality are added up, and so are all exponential histograms, whose buckets change as they go; the
rest is absolute and told as it is.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

from utilityfog_frontend.telemetry.kinds import histogram_of
from utilityfog_frontend.telemetry.labels import sorted_labels
from utilityfog_frontend.telemetry.model import (
    Exemplar,
    Family,
    FamilySnapshot,
    HistogramValue,
    Labels,
    LeftOut,
    MetricType,
    SeriesSnapshot,
    Value,
    add_values,
)
from utilityfog_frontend.telemetry.support.numeric import as_number

from .exponential import Counts, ExponentialBounds
from .otel_names import family_name, label_name, labels_of, unit_of

MAX_SERIES: Final = 2_000
"""Series of one family that are added up here; the others are added together, as OpenTelemetry's own SDK does."""
OVERFLOW: Final = (("otel_metric_overflow", "true"),)

Reported = FamilySnapshot | LeftOut


@dataclass(slots=True)
class _Sum:
    """One series that is added up here, and of a cumulative exponential histogram the point that was read last.

    Attributes:
        value: all that it has counted.
        created: unix seconds of its beginning.
        summed: the sum of its observations when the point's own series began.
        counts: the point's buckets; None before the first.
        observations: the point's count.
        started: when the point's own series began, unix nanoseconds.
        exemplars: the latest of each bucket.
    """

    value: Value
    created: float
    summed: float = 0.0
    counts: Counts | None = None
    observations: int = 0
    started: int = 0
    exemplars: dict[int, Exemplar] = field(default_factory=dict)


class Translation:
    """Make families of the data of a collection.

    Args:
        scope_labels: whether series say which instrumentation scope they are from, as the specification wants it.
        target_info: whether the resource's attributes become a gauge `target_info`.
        exponential: the bounds that exponential histograms get.
    """

    def __init__(self, *, scope_labels: bool, target_info: bool, exponential: ExponentialBounds) -> None:
        self._scope_labels = scope_labels
        self._target_info = target_info
        self._exponential = exponential
        self._bounds = exponential.bounds
        self._explicit: dict[str, tuple[float, ...]] = {}  # by name, the bounds that were seen first: one set a family
        self._sums: dict[Family, dict[Labels, _Sum]] = {}

    def take(self, data: Any) -> list[Reported]:
        """Take one collection (`MetricsData`); return all families that there are."""
        found: dict[Family, dict[Labels, SeriesSnapshot]] = {}
        left_out: list[Reported] = []
        for resource in data.resource_metrics:
            if self._target_info:
                family = Family("target_info", MetricType.GAUGE, "Target metadata", rollup=("sum",))
                labels = labels_of(resource.resource.attributes)
                found.setdefault(family, {})[labels] = SeriesSnapshot(labels, 1)
            for scope in resource.scope_metrics:
                scope_labels = _scope_labels(scope) if self._scope_labels else {}
                for metric in scope.metrics:
                    left_out += self._metric(metric, scope_labels, found)
        for family, sums in self._sums.items():
            found[family] = {
                labels: SeriesSnapshot(labels, one.value, one.created, one.exemplars or None)
                for labels, one in sums.items()
            }
        return [*(FamilySnapshot(family, list(series.values())) for family, series in found.items()), *left_out]

    def _metric(
        self, metric: Any, scope: dict[str, str], found: dict[Family, dict[Labels, SeriesSnapshot]]
    ) -> Iterator[LeftOut]:
        family = self._family(metric)
        if family is None:
            yield LeftOut(metric.name, "source_type")
            return
        delta = getattr(metric.data, "aggregation_temporality", 2) == 1  # the protocol's numbers: delta, cumulative
        for point in metric.data.data_points:
            bounds = getattr(point, "explicit_bounds", None)
            if bounds is not None:
                family = replace(family, bounds=self._explicit.setdefault(family.name, tuple(bounds)))
                if not bounds or tuple(bounds) != family.bounds:
                    yield LeftOut(metric.name, "source_bounds")
                    continue
            labels = sorted_labels(dict(labels_of(point.attributes or {})) | scope)
            if delta or hasattr(point, "scale"):
                self._add_up(family, labels, point, delta=delta)
            else:
                _put(found.setdefault(family, {}), family, SeriesSnapshot(labels, _value(point), _began(point)), point)

    def _family(self, metric: Any) -> Family | None:
        points = metric.data.data_points
        monotonic = getattr(metric.data, "is_monotonic", None)
        first = points[0] if points else None
        if monotonic is not None:
            kind = MetricType.COUNTER if monotonic else MetricType.GAUGE
        elif first is None or hasattr(first, "value"):
            kind = MetricType.GAUGE
        elif hasattr(first, "explicit_bounds") or hasattr(first, "scale"):
            kind = MetricType.HISTOGRAM
        else:
            return None
        unit = unit_of(metric.unit or "", kind)
        return Family(
            family_name(metric.name, unit, kind),
            kind,
            metric.description or "",
            unit,
            self._bounds if hasattr(first, "scale") else (),
            ("sum",) if monotonic is False else (),
        )

    def _add_up(self, family: Family, labels: Labels, point: Any, *, delta: bool) -> None:
        sums = self._sums.setdefault(family, {})
        if labels not in sums and len(sums) >= MAX_SERIES:
            labels = OVERFLOW
        one = sums.get(labels)
        if one is None:
            one = sums[labels] = _Sum(family.zero, _began(point))
        if family.bounds:
            one.exemplars = one.exemplars | _exemplars(family, point)
        if not hasattr(point, "scale"):
            one.value = add_values(one.value, _value(point))
        elif delta:
            placed = self._exponential.place(Counts.of(point))
            one.value = add_values(one.value, HistogramValue(placed, float(point.sum)))
        else:
            self._advance(one, point, Counts.of(point))

    def _advance(self, one: _Sum, point: Any, counts: Counts) -> None:
        """Add what a cumulative point has more than the one before; all of it when its series began anew."""
        earlier = one.counts
        if earlier is None or point.start_time_unix_nano != one.started or point.count < one.observations:
            earlier, one.summed = Counts(counts.scale), histogram_of(one.value, "").sum
        grown = HistogramValue(self._exponential.place(counts.since(earlier)), 0.0)
        counted = histogram_of(add_values(one.value, grown), "").counts
        one.value = HistogramValue(counted, one.summed + float(point.sum))
        one.counts, one.observations, one.started = counts, point.count, point.start_time_unix_nano


def _put(series: dict[Labels, SeriesSnapshot], family: Family, one: SeriesSnapshot, point: Any) -> None:
    """Put a series beside the others of its family; of one label set there is one, and what adds up is added."""
    same = series.get(one.labels)
    if same is not None and (family.type.incremental or family.rollup == ("sum",)):
        one.value = add_values(same.value, one.value)
    if family.bounds:
        one.exemplars = _exemplars(family, point) or None
    series[one.labels] = one


def _value(point: Any) -> Value:
    if hasattr(point, "explicit_bounds"):
        return HistogramValue(tuple(point.bucket_counts), float(point.sum))
    return as_number(point.value)


def _began(point: Any) -> float:
    return float((point.start_time_unix_nano or point.time_unix_nano) / 1e9)


def _exemplars(family: Family, point: Any) -> dict[int, Exemplar]:
    return {
        bisect_left(family.bounds, one.value): Exemplar(
            (("span_id", format(one.span_id, "016x")), ("trace_id", format(one.trace_id, "032x"))),
            one.value,
            one.time_unix_nano / 1e9,
        )
        for one in point.exemplars
        if one.trace_id and one.span_id
    }


def _scope_labels(scope: Any) -> dict[str, str]:
    own = {"name": scope.scope.name, "version": scope.scope.version, "schema_url": scope.scope.schema_url}
    attributes = dict(labels_of(scope.scope.attributes or {}))
    return {label_name(f"otel_scope_{key}"): text for key, text in (attributes | own).items() if text}
