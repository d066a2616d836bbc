"""From a registry of `prometheus_client` to a collector. It is not a dependency: the caller has it.

    collector.add_source(prometheus_source(prometheus_client.REGISTRY))

Do this or `PrometheusBridge` for a registry: both would show each metric to itself.
"""

import sys
from collections import defaultdict
from collections.abc import Hashable, Iterator
from functools import partial
from itertools import pairwise
from math import inf, isnan
from typing import Any, Final

from utilityfog_frontend.telemetry.foreign.source import Part
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
)
from utilityfog_frontend.telemetry.support.arguments import shown
from utilityfog_frontend.telemetry.support.numeric import as_number

Reported = FamilySnapshot | LeftOut

_GAUGES: Final = {"gauge": "", "unknown": "", "untyped": "", "info": "_info", "stateset": ""}
"""Their types that are gauges here, and the suffix of their samples."""

_ADDED_UP: Final = ("info", "stateset")
"""Their types that add up along the tree, as the native ones do: how many nodes have it."""

_BY_MODE: Final = {
    "sum": "sum",
    "livesum": "sum",
    "max": "max",
    "livemax": "max",
    "min": "min",
    "livemin": "min",
    "mostrecent": "last",
    "livemostrecent": "last",
}
"""A gauge's `multiprocess_mode`, and how a tree merges it. Of `all` and `liveall`, the default, nothing follows: the
fleet shows minimum, maximum, average and count."""


def prometheus_source(registry: Any) -> "RegistrySource":
    """Read a registry of prometheus_client, for `TelemetryCollector.add_source`.

    Counters, gauges and histograms are what they are. A summary becomes two counters, `_sum` and `_count`. Info and
    state sets become gauges that add up along the tree, as does a gauge whose name ends in `_info`; any other gauge is
    merged as its `multiprocess_mode` says. Named as left out are a summary's quantiles, a gauge histogram, a counter
    whose samples lack `_total`, and children of a histogram whose bounds differ from the first one's.

    Each collector of a registry is asked by itself: one that raises or hangs keeps its last counts, and the others are
    read.

    Args:
        registry: anything with `collect()`: a `CollectorRegistry`, or a collector of its own.
    """
    return RegistrySource(registry)


class RegistrySource:
    """A source whose parts are the collectors of a registry."""

    __name__ = "prometheus_client"

    def __init__(self, registry: Any) -> None:
        if not callable(getattr(registry, "collect", None)) or isinstance(registry, type):
            raise TypeError(
                f"a registry of prometheus_client, or a collector of its own, is read, not {shown(registry)}"
            )
        self._registry = registry

    def __call__(self) -> list[Reported]:
        """Read all of it at once."""
        return self._read(self._registry)

    def parts(self) -> dict[Hashable, Part]:
        """Return the registry's collectors; where it does not tell them, the registry."""
        registry = self._registry
        # No public way lists them. Their lock is not taken: it is held while a newcomer is asked for its names.
        known = getattr(registry, "_collector_to_names", None)
        if known is None:
            return {None: Part("", self)}
        parts: dict[Hashable, Part] = {
            id(collector): Part(_name(collector), partial(self._read, collector)) for collector in list(known)
        }
        if getattr(registry, "_target_info", None):
            parts["target_info"] = Part("target_info", self._target_info)
        return parts

    def begins_at_zero(self) -> bool:
        """Whether prometheus_client keeps its values in a file for each process: a forked child has one of its own."""
        values = sys.modules.get("prometheus_client.values")
        return bool(getattr(getattr(values, "ValueClass", None), "_multiprocess", False))

    def _read(self, collector: Any) -> list[Reported]:
        return [one for metric in collector.collect() for one in _families(metric, self._registry)]

    def _target_info(self) -> list[Reported]:
        return list(_families(self._registry._target_info_metric(), self._registry))  # noqa: SLF001


def _name(collector: Any) -> str:
    return str(getattr(collector, "_name", "") or type(collector).__name__)


def _families(metric: Any, registry: Any) -> Iterator[Reported]:
    kind: str = metric.type
    help_text: str = metric.documentation
    if kind == "counter":
        yield from _counters(metric)
    elif kind == "summary":
        for suffix, what in (("_sum", "sum"), ("_count", "count")):
            yield _numbers(metric, Family(metric.name + suffix, MetricType.COUNTER, f"{help_text} ({what})"))
        if any("quantile" in sample.labels for sample in metric.samples):
            yield LeftOut(metric.name, "source_quantiles")
    elif kind == "histogram":
        yield from _histograms(metric)
    elif kind in _GAUGES:
        name, rollup = metric.name + _GAUGES[kind], _rollup(metric, registry)
        yield _numbers(metric, Family(name, MetricType.GAUGE, help_text, metric.unit, rollup=rollup))
    else:
        yield LeftOut(metric.name, "source_type")


def _rollup(metric: Any, registry: Any) -> tuple[str, ...]:
    """Choose how a tree merges a gauge, from what prometheus_client says of several processes on one machine."""
    if metric.type in _ADDED_UP or metric.name.endswith("_info"):
        return ("sum",)
    # Neither a metric that was read nor a registry tells the mode in public: without it there is no choice.
    gauge = getattr(registry, "_names_to_collectors", {}).get(metric.name)
    mode = getattr(metric, "_multiprocess_mode", "") or getattr(gauge, "_multiprocess_mode", "")
    return (_BY_MODE[mode],) if mode in _BY_MODE else ()


def _counters(metric: Any) -> Iterator[Reported]:
    name = metric.name + "_total"
    yield _numbers(metric, Family(name, MetricType.COUNTER, metric.documentation, metric.unit))
    if metric.samples and not any(sample.name == name for sample in metric.samples):
        yield LeftOut(metric.name, "source_counter_name")


def _numbers(metric: Any, family: Family) -> FamilySnapshot:
    """Return the samples that bear the family's name."""
    created = {
        sorted_labels(sample.labels): sample.value for sample in metric.samples if sample.name.endswith("_created")
    }
    series = []
    for sample in metric.samples:
        if sample.name == family.name and not (family.type.incremental and isnan(sample.value)):
            labels = sorted_labels(sample.labels)
            series.append(SeriesSnapshot(labels, as_number(sample.value), created.get(labels)))
    return FamilySnapshot(family, series)


def _histograms(metric: Any) -> Iterator[Reported]:
    buckets: dict[Labels, dict[float, Any]] = defaultdict(dict)
    others: dict[tuple[str, Labels], float] = {}
    for sample in metric.samples:
        labels = dict(sample.labels)
        bound = labels.pop("le", None)
        key = sorted_labels(labels)
        if sample.name.endswith("_bucket") and bound is not None:
            buckets[key][float(bound)] = sample
        else:
            others[sample.name.removeprefix(metric.name), key] = sample.value
    # One registry may have histograms of one name whose bounds differ by child; a family here has one set of bounds.
    bounds = next((tuple(sorted(by_bound)[:-1]) for by_bound in buckets.values()), ())
    if not bounds:
        return
    series = [
        SeriesSnapshot(
            labels,
            HistogramValue(_per_bucket(by_bound), others.get(("_sum", labels), 0.0)),
            others.get(("_created", labels)),
            _exemplars(by_bound) or None,
        )
        for labels, by_bound in buckets.items()
        if tuple(sorted(by_bound)) == (*bounds, inf)
    ]
    family = Family(metric.name, MetricType.HISTOGRAM, metric.documentation, metric.unit, bounds)
    yield FamilySnapshot(family, series)
    if len(series) < len(buckets):
        yield LeftOut(metric.name, "source_bounds")


def _per_bucket(by_bound: dict[float, Any]) -> tuple[int, ...]:
    """Cumulative counts as the counts of each bucket alone."""
    cumulative: list[Any] = [0, *(as_number(by_bound[bound].value) for bound in sorted(by_bound))]
    return tuple(upper - lower for lower, upper in pairwise(cumulative))


def _exemplars(by_bound: dict[float, Any]) -> dict[int, Exemplar]:
    found = {}
    for index, bound in enumerate(sorted(by_bound)):
        theirs = by_bound[bound].exemplar
        if theirs is not None:
            found[index] = Exemplar(sorted_labels(theirs.labels), theirs.value, float(theirs.timestamp or 0))
    return found
