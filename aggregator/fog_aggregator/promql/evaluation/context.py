"""The surroundings of an evaluation: options, limits, the storage, and what is noted on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from fog_aggregator.promql.errors import EvaluationError, QueryTimeoutError
from fog_aggregator.promql.evaluation.annotations import Annotations
from fog_aggregator.promql.language.tree import At, Edge
from fog_aggregator.promql.storage import Ints, Storage


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one query may take.

    Attributes:
        samples: Samples that are read and values that are computed.
        series: Series that the selectors find, added up.
        points: Points of a series in a result.
    """

    samples: int = 50_000_000
    series: int = 500_000
    points: int = 11_000


def _never() -> bool:
    return False


def _nothing(count: int) -> None:
    del count


@dataclass(frozen=True, slots=True)
class Options:
    """How queries are evaluated.

    Attributes:
        lookback: How old the last sample of a series may be, in milliseconds.
        subquery_step: The step of subqueries that name none, in milliseconds.
        limits: How much a query may take.
        expired: Tells whether the time is up; it is asked often.
        taken: Is told of samples that are read and values that are computed, and may raise a QueryError of its own.
        closed: Whether ranges contain their beginning, as they did before Prometheus 3; for comparisons with one.
    """

    lookback: int = 300_000
    subquery_step: int = 60_000
    limits: Limits = field(default_factory=Limits)
    expired: Callable[[], bool] = _never
    taken: Callable[[int], None] = _nothing
    closed: bool = False


@dataclass(slots=True)
class Usage:
    """The samples and series that a query has taken so far."""

    limits: Limits
    taken: Callable[[int], None] = _nothing
    samples: int = 0
    series: int = 0

    def add_samples(self, count: int) -> None:
        """Count samples or values.

        Raises:
            EvaluationError: when there are more than allowed.
        """
        self.samples += count
        if self.samples > self.limits.samples:
            raise EvaluationError(
                "query processing would load too many samples into memory in query execution: "
                f"more than {self.limits.samples}; ask for fewer series, a shorter range or a wider step"
            )
        self.taken(count)

    def add_series(self, count: int) -> None:
        """Count series.

        Raises:
            EvaluationError: when there are more than allowed.
        """
        self.series += count
        if self.series > self.limits.series:
            raise EvaluationError(
                f"the selectors find {self.series} series, and a query may read {self.limits.series}: select fewer"
            )


@dataclass(frozen=True, slots=True)
class Context:
    """One evaluation: at which steps, of what.

    Attributes:
        steps: The moments in milliseconds, ascending.
        start, end: The edges of the whole query, which `start()` and `end()` mean in subqueries as well.
        options: How to evaluate.
        storage: The samples.
        annotations: Warnings and infos for the reader.
        usage: The samples and series taken so far.
        is_range: Whether results are ordered by labels, so that sorting does nothing.
    """

    steps: Ints
    start: int
    end: int
    options: Options
    storage: Storage
    annotations: Annotations
    usage: Usage
    is_range: bool

    def at_steps(self, steps: Ints) -> Context:
        """Make the context of a subquery."""
        return replace(self, steps=steps, is_range=steps.size > 1)

    def check_time(self) -> None:
        """Give up when the time is up.

        Raises:
            QueryTimeoutError: when it is.
        """
        if self.options.expired():
            raise QueryTimeoutError("query timed out in expression evaluation")

    def moments(self, offset: int, at: At | None) -> tuple[Ints, bool]:
        """Tell the moment that a selector looks at, for each step, and whether it is the same for all.

        One moment alone is returned when it is the same for all.
        """
        if at is None:
            return self.steps - offset, False
        fixed = at if isinstance(at, int) else self.start if at is Edge.START else self.end
        return np.array([fixed - offset], np.int64), True
