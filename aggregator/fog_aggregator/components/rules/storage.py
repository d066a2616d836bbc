"""Give rules the samples of the fleet, and take theirs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from fog_aggregator.promql.evaluation.context import Limits, Options
from fog_aggregator.promql.labels import Labels, Matcher
from fog_aggregator.promql.language.tree import Expression
from fog_aggregator.promql.query import instant_query
from fog_aggregator.promql.storage import Selection, Storage
from fog_aggregator.rules.evaluate import vector_of
from fog_aggregator.rules.ports import Sample
from fog_aggregator.rules.series import SampleStore
from fog_aggregator.rules.templates import Vector
from fog_aggregator.sources.ports import for_request


class FleetSamples(Storage, Protocol):
    """The samples of the fleet, and of rules."""

    @property
    def oldest(self) -> int | None:
        """The time of the fleet's oldest one in milliseconds; None without any."""


class RuleSeries:
    """The series that rules make; any thread may ask for them while a rule writes."""

    def __init__(self, store: SampleStore | None = None) -> None:
        self._lock = threading.Lock()
        self._store = store or SampleStore()

    def __len__(self) -> int:
        with self._lock:
            return len(self._store)

    @property
    def oldest(self) -> int | None:
        """The time of the oldest sample in milliseconds; None without samples."""
        with self._lock:
            return self._store.oldest

    @property
    def newest(self) -> int | None:
        """The time of the newest sample."""
        with self._lock:
            return self._store.newest

    @property
    def refused(self) -> int:
        """Samples of series that were one too many."""
        return self._store.refused

    def names(self) -> frozenset[str]:
        """Return the names of all series."""
        with self._lock:
            return self._store.names()

    def select(self, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        """Find the series that fulfil every matcher, with their samples from `start` to `end`, both included."""
        with self._lock:
            return self._store.select(matchers, start, end)

    def series(self, matchers: Sequence[Matcher], start: int, end: int) -> Sequence[Labels]:
        """List the series that fulfil every matcher and have a sample from `start` to `end`, both included."""
        return [labels for part in self.select(matchers, start, end).parts for labels in part.labels]

    def write(self, samples: Sequence[Sample]) -> str:
        """Store samples; return what could not be stored, in words, or nothing."""
        with self._lock:
            return self._store.write(samples)


class RuleSamples:
    """The storage of one evaluation of a group: each query of it ends at its deadline.

    Args:
        storage: The samples of the fleet, and of rules.
        series: Takes the samples of rules.
        deadline: When the evaluation must be over, monotonic seconds.
        samples: How many samples a query may take.
        stopping: Tells whether the service ends.
    """

    def __init__(
        self, storage: Storage, series: RuleSeries, deadline: float, samples: int, stopping: Callable[[], bool]
    ) -> None:
        expired = lambda: stopping() or time.monotonic() > deadline  # noqa: E731
        self._storage = for_request(storage, expired)
        self._series = series
        self._options = Options(limits=Limits(samples=samples), expired=expired)

    def query(self, expression: str | Expression, at: int) -> Vector:
        """Evaluate an expression at a time.

        Raises:
            QueryError: when it cannot be evaluated, or not in time.
        """
        return vector_of(instant_query(expression, self._storage, at, self._options))

    def write(self, samples: Sequence[Sample]) -> str:
        """Store samples, so that the next query sees them: empty, or what could not be stored."""
        return self._series.write(samples)
