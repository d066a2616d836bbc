"""The component of rules with a fleet, a bus in memory, samples and conditions as a test says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fog_aggregator.components.rules.evaluation import Rules, make_rule_set
from fog_aggregator.components.rules.files import read_rules
from fog_aggregator.components.rules.options import RulesOptions
from fog_aggregator.components.rules.partner import Partner
from fog_aggregator.components.rules.storage import RuleSeries
from fog_aggregator.components.rules.worker import RuleWorker
from fog_aggregator.notifications.notice import Notice
from fog_aggregator.promql.labels import Labels, Matcher, make_labels
from fog_aggregator.promql.memory import MemoryStorage
from fog_aggregator.promql.storage import Selection
from fog_aggregator.tasks import Loops
from fog_bus.memory import MemoryBus
from fog_schema.subjects import Subjects
from tests.aggregator.fleet import START, Fleet

MINUTE = 60_000
BEGIN = round(START * 1000) // MINUTE * MINUTE


@dataclass
class FakeConditions:
    """The state of a service."""

    time: int = BEGIN
    reason: str = ""
    since: int | None = 0
    silent: tuple[tuple[str, ...], ...] = ()

    def paused(self) -> str:
        """As a test says."""
        return self.reason

    def now(self) -> int:
        """As a test says."""
        return self.time

    def known_since(self) -> int | None:
        """As a test says."""
        return self.since

    def silent_branches(self) -> tuple[tuple[str, ...], ...]:
        """As a test says."""
        return self.silent


@dataclass
class Heard:
    """Remembers what receivers are told."""

    notices: list[Notice] = field(default_factory=list)
    begun: bool = False

    def begin(self) -> None:
        """Begin."""
        self.begun = True

    def submit(self, notices: Sequence[Notice], at: int) -> None:
        """Take notices."""
        del at
        self.notices += notices

    @property
    def words(self) -> list[str]:
        """Name and status of each."""
        return [f"{dict(notice.labels)['alertname']} {notice.status}" for notice in self.notices]


class Numbers:
    """The samples of a fleet: the value of a name now; then those of rules."""

    def __init__(self, conditions: FakeConditions, series: RuleSeries) -> None:
        self.values: dict[Labels, float] = {}
        self._conditions = conditions
        self._series = series

    @property
    def oldest(self) -> int | None:
        """As the conditions say."""
        return self._conditions.since

    def set(self, name: str, value: float | None, **labels: str) -> None:
        """Set a value; None for none."""
        key = make_labels({"__name__": name, **labels})
        self.values.pop(key, None)
        if value is not None:
            self.values[key] = value

    def select(self, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        """Find series."""
        at = np.array([self._conditions.time // MINUTE * MINUTE], np.int64)
        now = MemoryStorage({labels: (at, np.array([value])) for labels, value in self.values.items()})
        parts = (*now.select(matchers, start, end).parts, *self._series.select(matchers, start, end).parts)
        return Selection(parts)


class Watched:
    """A component, and what it has around it."""

    def __init__(self, bus: MemoryBus, *files: Path, fleet: Fleet | None = None, **options: Any) -> None:
        self.fleet, self.conditions, self.heard = fleet or Fleet(), FakeConditions(), Heard()
        series = RuleSeries()
        self.numbers = Numbers(self.conditions, series)
        settings = RulesOptions(rules=tuple(map(str, files)), **options)
        worker = RuleWorker(self.numbers, series, self.fleet.network, 1_000_000)
        self.partner = Partner(bus, Subjects(), ())
        read = partial(read_rules, settings.rules, 6 * 60 * MINUTE)
        self.rules = Rules(
            read, make_rule_set(settings), worker, self.fleet.own, self.conditions, self.partner, self.heard, Loops()
        )

    def count(self, name: str, **labels: str) -> float:
        """Return one of its metrics."""
        found = [one for one in self.fleet.own.collect() if one.family.name == f"fog_aggregator_{name}"]
        values: list[Any] = [one.value for family in found for one in family.series if dict(one.labels) == labels]
        return float(sum(values))
