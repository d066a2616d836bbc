"""Bridged families in a fleet: they are merged as the native ones are, and what is left out is counted."""

from collections.abc import Iterator

import prometheus_client
import pytest
from prometheus_client.core import GaugeHistogramMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import CollectorRegistry

from fog_bus.memory import MemoryBus
from fog_testing.fleet import Fleet
from tests.telemetry.helpers import problems, values
from utilityfog_frontend.telemetry import TelemetryCollector
from utilityfog_frontend.telemetry.bridges import prometheus_source

MODES = {
    "sum": {"": 15},
    "livesum": {"": 15},
    "max": {"": 6},
    "livemax": {"": 6},
    "min": {"": 4},
    "livemin": {"": 4},
    "mostrecent": None,
    "livemostrecent": None,
    "all": {"min": 4, "max": 6, "avg": 5, "count": 3},
    "liveall": {"min": 4, "max": 6, "avg": 5, "count": 3},
}
"""By `multiprocess_mode`, what three nodes with 4, 5 and 6 are in the fleet, by `stat`; None: one of the three."""


def registry_of(number: int) -> CollectorRegistry:
    """Make the registry of the node `number`."""
    registry = CollectorRegistry()
    prometheus_client.Info("app", "A", registry=registry).info({"version": "1"})
    prometheus_client.Enum("phase", "P", states=["on", "off"], registry=registry).state("off" if number else "on")
    for mode in MODES:
        gauge = prometheus_client.Gauge(f"busy_{mode}", "B", multiprocess_mode=mode, registry=registry)  # type: ignore[arg-type]
        gauge.set(4 + number)
    return registry


def by_stat(fleet: Fleet, name: str) -> dict[str, object]:
    """Return the fleet's values of a gauge, by the label `stat`."""
    [family] = [snapshot for snapshot in fleet.network.collect() if snapshot.family.name == name]
    return {dict(series.labels).get("stat", ""): series.value for series in family.series}


async def test_they_keep_their_nature_in_the_fleet() -> None:
    """Info and state sets add up, and a gauge's `multiprocess_mode` says how it is merged."""
    async with Fleet(bus=MemoryBus()) as fleet:
        for number in range(3):
            collector = TelemetryCollector()
            collector.add_source(prometheus_source(registry_of(number)))
            collector.add_source(lambda: list(prometheus_source(prometheus_client.REGISTRY)()))
            await fleet.node(f"fog/{number}", collector)
        await fleet.settle()
        assert fleet.value("app_info", version="1") == 3
        assert (fleet.value("phase", phase="on"), fleet.value("phase", phase="off")) == (1, 2)
        assert fleet.value("python_info") == 3, "a gauge that is information by its name"
        for mode, expected in MODES.items():
            found = by_stat(fleet, f"busy_{mode}")
            assert found == expected if expected else found[""] in {4, 5, 6}, mode


async def test_a_rollup_is_chosen_by_patterns_of_names() -> None:
    """The first that fits counts, also in place of what the registry says; a count is not touched."""
    async with Fleet(bus=MemoryBus()) as fleet:
        for number in range(2):
            registry, collector = registry_of(number), TelemetryCollector()
            prometheus_client.Counter("busy", "B", registry=registry).inc()
            chosen = {"busy_m*": ("max", "min"), "busy_*": "avg", "*": "sum"}
            collector.add_source(prometheus_source(registry), rollup=chosen)
            await fleet.node(f"fog/{number}", collector)
        await fleet.settle()
        assert by_stat(fleet, "busy_min") == {"": 5, "min": 4}
        assert by_stat(fleet, "busy_sum") == {"": 4.5}
        assert fleet.value("busy_total") == 2


def test_a_rollup_that_there_is_not_is_refused() -> None:
    """At once, with the pattern and the choice."""
    with pytest.raises(ValueError, match=r"rollup of 'a\*': 'median' is not one of sum, min"):
        TelemetryCollector().add_source(list, rollup={"a*": ("sum", "median")})


class Odd:
    """A custom collector with everything that cannot be told."""

    def collect(self) -> Iterator[Metric]:
        """Two histograms' children with other bounds, and one of each of the rest."""
        for name in ("h", "i"):
            histogram = HistogramMetricFamily(name, "H", labels=["x"])
            histogram.add_metric(["a"], [("1.0", 1), ("+Inf", 2)], 3)
            histogram.add_metric(["b"], [("2.0", 1), ("+Inf", 2)], 3)
            histogram.add_metric(["c"], [("3.0", 1), ("+Inf", 2)], 3)
            yield histogram
        counter = Metric("plain", "P", "counter")
        counter.add_sample("plain", {}, 5)
        yield counter
        summary = Metric("s", "S", "summary")
        for labels in ({"quantile": "0.5"}, {"quantile": "0.9"}):
            summary.add_sample("s", labels, 5)
        summary.add_sample("s_count", {}, 2)
        summary.add_sample("s_sum", {}, 10)
        yield summary
        yield GaugeHistogramMetricFamily("g", "G", buckets=[("1.0", 1), ("+Inf", 2)], gsum_value=3)


def test_what_is_left_out_is_counted_by_reason(collector: TelemetryCollector) -> None:
    """In families, however many children or samples they have, and however often they are read."""
    registry = CollectorRegistry()
    registry.register(Odd())
    collector.add_source(prometheus_source(registry))
    for _ in range(3):
        assert values(collector, "s_count") == {(): 2}
    assert list(values(collector, "h")) == [("a",)]
    assert problems(collector) == {
        "source_bounds": 2,
        "source_counter_name": 1,
        "source_quantiles": 1,
        "source_type": 1,
    }
