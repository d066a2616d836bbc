"""Name what an evaluation of rules has around it: samples, words that templates may use, and what is known of nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from fog_aggregator.promql.labels import NAME, Labels
from fog_aggregator.promql.language.tree import Expression
from fog_aggregator.rules.alert import written
from fog_aggregator.rules.alerts.pair import View
from fog_aggregator.rules.model import RuleGroup
from fog_aggregator.rules.templates import Vector
from fog_aggregator.rules.verdicts.coverage import Coverage, FullCoverage
from fog_aggregator.rules.verdicts.reads import equal, reach, selectors
from fog_schema.paths import Path


class Sample(NamedTuple):
    """A sample that a rule makes."""

    labels: Labels
    time: int
    value: float


class RuleStorage(Protocol):
    """The samples that rules read and write."""

    def query(self, expression: str | Expression, at: int) -> Vector:
        """Evaluate an expression at a time.

        Raises:
            QueryError: when it cannot be evaluated.
        """

    def write(self, samples: Sequence[Sample]) -> str:
        """Store samples, so that the next query sees them: empty, or what could not be stored."""


class RuleError(Exception):
    """A rule that could not be evaluated."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Labels and address of the process, which templates may speak of."""

    external_labels: Labels = ()
    external_url: str = ""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """The conditions of one evaluation, beside its samples. The defaults are those of an aggregator that is alone.

    Attributes:
        coverage: Knows the nodes behind the numbers.
        paused: Why nothing can be said about the fleet at all: it is not ready, is cut off, or is behind; or empty.
        known_since: The time in milliseconds from which on the numbers are known; None when they always were.
        silent_branches: The paths under which everything is silent.
        others: The words of the other aggregators on the group.
        damps_flapping: Whether an alert that fires again and again goes on firing for a while; not so in Prometheus.
    """

    coverage: Coverage = field(default_factory=FullCoverage)
    paused: str = ""
    known_since: int | None = None
    silent_branches: tuple[Path, ...] = ()
    others: View = field(default_factory=View)
    damps_flapping: bool = True


class Recorder(Protocol):
    """A recording rule, for those who read its series."""

    @property
    def known_since(self) -> int | None:
        """The time from which on its series were made without a break; None while they are not."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One evaluation of a group: when, of what, with what around it; `recorders` by the names that they record."""

    at: int
    group: RuleGroup
    storage: RuleStorage
    surroundings: Surroundings
    circumstances: Circumstances
    recorders: Mapping[str, Sequence[Recorder]] = field(default_factory=dict)

    @property
    def moment(self) -> int:
        """The time of the samples: that of the evaluation less the group's offset."""
        return self.at - (self.group.query_offset or 0)

    def unknown(self, expression: Expression) -> str:
        """Tell why the numbers that an expression reads do not reach back far enough; empty when they do.

        A recorded series is made by its rule alone: after a pause, a failure or a restart it is not there, and that
        says nothing about the fleet.
        """
        known_since = self.circumstances.known_since
        if known_since is None:
            return ""
        back = reach(expression)
        if self.moment - back < known_since:
            return f"it looks back {back // 1000} s, and the numbers are known since {written(known_since)}"
        for name in (equal(selector, NAME) for selector in selectors(expression)):
            for since in (recorder.known_since for recorder in self.recorders.get(name, ())):
                if since is None or self.moment - back < since:
                    return f"{name} is not recorded {f'before {written(since)}' if since is not None else 'now'}"
        return ""
