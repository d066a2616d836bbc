"""The reading side: whatever can be exported."""

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from .events import TelemetryEvent
from .exposition.json import plain_json
from .exposition.text import generate_text
from .instruments.metric import Metric
from .model import Family, FamilySnapshot, MetricValue, joined_values
from .support import arguments
from .support.problems import Problems

_problems = Problems()


class ReadOnlyMetric(Metric):
    """A metric of a source that is not written to here: its values as they were when it was asked for."""

    __slots__ = ("_snapshot", "_timestamp")

    def __init__(self, snapshot: FamilySnapshot, timestamp: float) -> None:
        self._snapshot = snapshot
        self._timestamp = timestamp

    @property
    def family(self) -> Family:
        """Name, type, help, unit, bounds and rollup."""
        return self._snapshot.family

    def get_value(self) -> MetricValue | list[MetricValue]:
        """One value, or a list for a histogram and for more than one series."""
        return joined_values(self.family, self._snapshot.series, self._timestamp)

    def reset(self) -> None:
        """Refused.

        Raises:
            TypeError: always: it is somebody else's count.
        """
        raise TypeError(f"metric {self.name!r} is only read here, it cannot be reset")


class MetricsSource(ABC):
    """Anything with metrics and events to read: a `TelemetryCollector`, or an aggregator's network-wide collector.

    Every exporter works on any source. All methods may be called from any thread.
    """

    @abstractmethod
    def collect(self) -> list[FamilySnapshot]:
        """All families and their series now, in the order of their registration."""

    @abstractmethod
    def get_events(self, limit: int | None = None) -> list[TelemetryEvent]:
        """Return the last `limit` events, or all that are kept, oldest first."""

    @property
    @abstractmethod
    def events_count(self) -> int:
        """Events that are kept now."""

    @property
    @abstractmethod
    def running(self) -> bool:
        """Whether it collects by itself."""

    def report(self, reason: str, message: str, *args: object) -> None:
        """Told by exporters what failed. Here it is only logged, at most once a minute for each reason."""
        _problems.report(reason, message, *args)

    def get_all_metrics(self) -> Mapping[str, Metric]:
        """All metrics by name."""
        now = time.time()
        return {snapshot.family.name: ReadOnlyMetric(snapshot, now) for snapshot in self.collect()}

    def get_metric(self, name: str) -> Metric | None:
        """Return the metric of this name, or None."""
        return self.get_all_metrics().get(name)

    def get_snapshot(self) -> dict[str, Any]:
        """All values as plain dictionaries and lists.

        Keys: `timestamp` (unix seconds), `metrics` (by name: `value`, `labels` and `timestamp`, or a list of such
        for a histogram and for a metric with label names), `events_count`, `running`.
        """
        return {
            "timestamp": time.time(),
            "metrics": {name: _plain(metric) for name, metric in self.get_all_metrics().items()},
            "events_count": self.events_count,
            "running": self.running,
        }

    def export_to_prometheus(self) -> str:
        """All values as Prometheus text 0.0.4."""
        return generate_text(self.collect()).decode()

    def export_to_json(self, *, indent: int | None = 2) -> str:
        """`get_snapshot()` as JSON; NaN and infinities, which JSON lacks, as the strings "NaN", "+Inf" and "-Inf"."""
        if indent is not None:
            arguments.number_of("indent", indent, least=0)
        return json.dumps(plain_json(self.get_snapshot()), indent=indent, allow_nan=False)


def _plain(metric: Metric) -> Any:
    value = metric.get_value()
    return [_plain_value(one) for one in value] if isinstance(value, list) else _plain_value(value)


def _plain_value(value: MetricValue) -> dict[str, Any]:
    return {"value": value.value, "labels": value.labels, "timestamp": value.timestamp}
