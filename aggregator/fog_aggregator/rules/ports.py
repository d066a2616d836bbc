"""Name what an evaluation of rules has around it: samples, words that templates may use, and what is known of nodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from fog_aggregator.promql.labels import Labels
from fog_aggregator.promql.language.tree import Expression
from fog_aggregator.rules.model import RuleGroup
from fog_aggregator.rules.templates import Vector
from fog_aggregator.rules.verdicts.coverage import Coverage, FullCoverage
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


def nobody_fires(labels: Labels) -> bool:
    """Stand for an aggregator that is alone."""
    del labels
    return False


def nobody_judges(alert: str) -> bool:
    """Stand for an aggregator that is alone."""
    del alert
    return False


@dataclass(frozen=True, slots=True)
class Circumstances:
    """The conditions of one evaluation, beside its samples. The defaults are those of an aggregator that is alone.

    Attributes:
        coverage: Knows the nodes behind the numbers.
        paused: Why nothing can be said about the fleet at all: it is not ready, is cut off, or is behind; or empty.
        known_since: The time in milliseconds from which on the numbers are known; None when they always were.
        silent_branches: The paths under which everything is silent.
        still_fires: Tells whether another aggregator still sees an alert of the group.
        judged_elsewhere: Tells whether another aggregator gives verdicts on the alerts of a name.
        damps_flapping: Whether an alert that fires again and again goes on firing for a while; not so in Prometheus.
    """

    coverage: Coverage = field(default_factory=FullCoverage)
    paused: str = ""
    known_since: int | None = None
    silent_branches: tuple[Path, ...] = ()
    still_fires: Callable[[Labels], bool] = nobody_fires
    judged_elsewhere: Callable[[str], bool] = nobody_judges
    damps_flapping: bool = True


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One evaluation of a group: when, of what, with what around it."""

    at: int
    group: RuleGroup
    storage: RuleStorage
    surroundings: Surroundings
    circumstances: Circumstances

    @property
    def moment(self) -> int:
        """The time of the samples: that of the evaluation less the group's offset."""
        return self.at - (self.group.query_offset or 0)
