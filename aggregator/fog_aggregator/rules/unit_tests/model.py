"""Files of unit tests as values. Times are integer milliseconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fog_aggregator.promql.labels import Labels
from fog_aggregator.rules.verdicts.coverage import Fate
from fog_schema.paths import Path


@dataclass(frozen=True, slots=True)
class ExpectedAlert:
    """An alert that must fire; with a state, it must be in that: `firing` or `held`."""

    labels: Labels
    annotations: Labels
    state: str = ""


@dataclass(frozen=True, slots=True)
class AlertTest:
    """The alerts of one name that must fire at a time; no others may."""

    time: int
    name: str
    alerts: tuple[ExpectedAlert, ...]


@dataclass(frozen=True, slots=True)
class ExpectedSample:
    """A series that an expression must have, as it was written, and its value."""

    labels: str
    value: float


@dataclass(frozen=True, slots=True)
class ExpressionTest:
    """The series that an expression must have at a time."""

    time: int
    expression: str
    samples: tuple[ExpectedSample, ...]


@dataclass(frozen=True, slots=True)
class UnitTest:
    """One test.

    Attributes:
        name: Its name; empty without one.
        interval: The time between the samples of its series.
        series: The samples of its series, an interval apart from the start on; None where one is missing.
        alerts: The expected alerts.
        expressions: The expected values.
        external_labels, external_url: Of the process that is tested.
        start: The time of the first sample, and of the first evaluation.
        coverage: The states of nodes, an interval apart from the start on, and the last one from then on; None before a
            node is there.
        restarts: The times, from the start, before whose evaluation the aggregator restarts from its checkpoint.
    """

    name: str
    interval: int
    series: Mapping[Labels, tuple[float | None, ...]] = field(default_factory=dict)
    alerts: tuple[AlertTest, ...] = ()
    expressions: tuple[ExpressionTest, ...] = ()
    external_labels: Labels = ()
    external_url: str = ""
    start: int = 0
    coverage: Mapping[Path, tuple[Fate | None, ...]] = field(default_factory=dict)
    restarts: tuple[int, ...] = ()

    @property
    def last(self) -> int:
        """The time of the last expectation, from the start."""
        times = [one.time for one in self.alerts] + [one.time for one in self.expressions]
        return max(times, default=0)


@dataclass(frozen=True, slots=True)
class UnitTestFile:
    """A file of tests.

    Attributes:
        rule_files: The patterns of the files that are tested.
        interval: The time between evaluations.
        order: The groups that are evaluated one after the other.
        is_fuzzy: Whether values may differ in their last bit.
        tests: The tests.
    """

    rule_files: tuple[str, ...] = ()
    interval: int = 60_000
    order: tuple[str, ...] = ()
    is_fuzzy: bool = False
    tests: tuple[UnitTest, ...] = ()
