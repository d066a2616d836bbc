"""The metrics of a simulated program, and the truth about what it counts."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import Any, Final

from fog_proving.sim.books import IDLING, SUM, Cell, Cells, Labels
from fog_proving.sim.bus import Stage
from fog_proving.sim.programs.graves import Grave
from fog_proving.sim.programs.spread import LADDER, RESOLUTION, SPREAD, part_of
from fog_proving.sim.programs.spread import OBSERVED as SPREAD_OBSERVED
from fog_schema.limits import MAX_HELP_LENGTH
from fog_schema.paths import Path
from utilityfog_frontend.telemetry import TelemetryCollector

BOUNDS: Final = ((1.0, 2.0), (1.0, 2.0, 4.0))
INTEGERS: Final = (1, 2, 3, 300, 70_000, 5.0, 2**40)
FRACTIONS: Final = (1, 0.1, 0.3, 2.5, 0.7)
OBSERVED: Final = (-1.0, 0.5, 1.0, 1.7, 3.0, 9.0)
CHILDREN: Final = ("a", "b", "c")
LABELLED: Final = ("jobs_total", IDLING, "sizes", "temperature", SPREAD)
IDLE: Final = 1800.0


class Workload:
    """The metrics of one program, and what it does with them.

    Args:
        stage: Time and books.
        path: Where it counts.
        fine: Whether histograms have the finer bounds.
        grave: The journal where it notes its counts; None for nowhere.

    Attributes:
        collector: The program's collector.
        counts: Everything it has counted.
        gauges: The value that each gauge was last set to.
        removed: When a series was removed or reset for the first time, by the metric's name.
    """

    def __init__(self, stage: Stage, path: Path, *, fine: bool, grave: Grave | None) -> None:
        clock, journal = stage.clock, grave.journal if grave else None
        self.collector = TelemetryCollector(self_metrics=False, journal=journal, clock=clock, monotonic=clock)
        self.grave = grave
        self.counts: Cells = {}
        self.gauges: dict[tuple[str, Labels], float] = {}
        self.removed: dict[str, float] = {}
        self._path = path
        self._stage = stage
        self._buckets = BOUNDS[fine]
        self._metrics: dict[str, Any] = {}

    def count(self, what: int, how: int) -> None:
        """Use one of its metrics."""
        match what % 8:
            case 0:
                self._increment(self._metric("whole_total"), INTEGERS[how % len(INTEGERS)])
            case 1:
                self._increment(self._metric("mixed_total"), FRACTIONS[how % len(FRACTIONS)])
            case 2:
                self._increment(self._child("jobs_total", how), INTEGERS[how // 8 % 3])
            case 3:
                self._increment(self._child(IDLING, how), FRACTIONS[how // 8 % len(FRACTIONS)])
            case 4 if what >= 64 and what // 8 % 5 in (1, 2) and self.grave is None:
                self._spread(self._child(SPREAD, how), SPREAD_OBSERVED[how // 8 % len(SPREAD_OBSERVED)])
            case 4:
                self._observe(self._metric("delay"), OBSERVED[how % len(OBSERVED)])
            case 5:
                self._observe(self._child("sizes", how), OBSERVED[how // 8 % len(OBSERVED)])
            case 6:
                self._set(self._metric("level"), how % 100)
            case _:
                self._set(self._child("temperature", how), how % 100 / 8)

    def hoard(self, name: str, amount: int) -> None:
        """Count in a child of a metric that is described at length."""
        if name not in self._metrics:
            self._metrics[name] = self.collector.register_counter(name, "x" * MAX_HELP_LENGTH, ["job"])
        self._increment(self._metrics[name].labels(job="a"), amount)

    def drop(self, name: str) -> None:
        """Remove this child."""
        self._metrics.pop(name).remove("a")

    def remove(self, what: int, how: int) -> None:
        """Remove a child."""
        metric = self._metrics.get(name := LABELLED[what % len(LABELLED)])
        if metric is not None and metric.remove(job := CHILDREN[how % len(CHILDREN)]):
            self.gauges.pop((name, (("job", job),)), None)
            self.removed.setdefault(name, self._stage.now)

    def reset(self, what: int) -> None:
        """Start a metric from zero again; the fleet's count goes on."""
        if self._metrics:
            name = list(self._metrics)[what % len(self._metrics)]
            self._metrics[name].reset()
            self.removed.setdefault(name, self._stage.now)
            self.gauges |= {key: 0 for key in self.gauges if key[0] == name}

    def _metric(self, name: str) -> Any:
        metric = self._metrics.get(name)
        if metric is None:
            metric = self._metrics[name] = self._register(name)
        return metric

    def _child(self, name: str, how: int) -> Any:
        return self._metric(name).labels(job=CHILDREN[how % len(CHILDREN)])

    def _register(self, name: str) -> Any:
        collector, buckets = self.collector, self._buckets
        makers: dict[str, Callable[[], Any]] = {
            "jobs_total": lambda: collector.register_counter(name, "", ["job"]),
            IDLING: lambda: collector.register_counter(name, "", ["job"], ttl=IDLE),
            "delay": lambda: collector.register_histogram(name, "", buckets),
            "sizes": lambda: collector.register_histogram(name, "", buckets, labels=["job"]),
            SPREAD: lambda: collector.register_histogram(name, "", RESOLUTION, labels=["job"]),
            "level": lambda: collector.register_gauge(name, rollup="sum"),
            "temperature": lambda: collector.register_gauge(name, "", ["job"], rollup="sum"),
        }
        return makers.get(name, lambda: collector.register_counter(name))()

    def _increment(self, counter: Any, amount: float) -> None:
        counter.increment(amount)
        self._note(Cell(counter.name, _labels(counter)), int(amount) if amount % 1 == 0 else amount)

    def _observe(self, histogram: Any, value: float) -> None:
        histogram.observe(value)
        name, labels = histogram.name, _labels(histogram)
        self._note(Cell(name, labels, self._buckets, bisect_left(self._buckets, value)), 1)
        self._note(Cell(name, labels, self._buckets, SUM), value)

    def _spread(self, histogram: Any, value: float) -> None:
        histogram.observe(value)
        self._note(Cell(SPREAD, _labels(histogram), LADDER.bounds, part_of(value)), 1)
        self._note(Cell(SPREAD, _labels(histogram), LADDER.bounds, SUM), value)

    def _set(self, gauge: Any, value: float) -> None:
        gauge.set(value)
        self.gauges[gauge.name, _labels(gauge)] = value

    def _note(self, cell: Cell, amount: float) -> None:
        self.counts[cell] = self.counts.get(cell, 0) + amount
        self._stage.books.count(self._path, cell, amount)


def _labels(metric: Any) -> Labels:
    return tuple(sorted(metric.labels.items()))
