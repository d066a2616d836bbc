"""Counters: what only ever grows.

The common increment, by one, is a `next()` on an `itertools.count`: one C call, atomic under the interpreter lock and
guarded by its own since 3.14 on free-threaded builds. Reading takes one too, so the reader remembers its own and
subtracts them. Any other amount is appended to a list, which the writer flushes at `FLUSH_AT`, unless the lock is
taken. Measured against a lock around a sum: two and a half times as fast, and never waiting (docs/benchmarks-sdk.md).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Final

from utilityfog_frontend.telemetry.model import Family, Labels, MetricType, MetricValue
from utilityfog_frontend.telemetry.support.arguments import shown
from utilityfog_frontend.telemetry.support.numeric import WHOLE_FLOAT, WHOLE_LIMIT, Number

from .contexts import ExceptionCounter
from .family import FLUSH_AT, Dormant, Instrument
from .gate import Gate
from .series import Series

_ONE: float = 1
_FREE_THREADED: Final = not getattr(sys, "_is_gil_enabled", lambda: True)()
_UNGUARDED_COUNT = _FREE_THREADED and sys.version_info < (3, 14)
_NO_ONES: Final[Iterator[object]] = iter(())
"""Of a series that was not incremented by one yet, in place of a count: 56 bytes less."""


def _sum_one_by_one(batch: list[Number]) -> tuple[Number, int]:
    """Return their sum, an int when each is whole, and how many were too large for it.

    5.0 is whole, and a sum of halves may be: only one by one can tell.
    """
    fit = [number for number in batch if number < WHOLE_LIMIT]
    return sum([int(number) if number % 1 == 0 else number for number in fit]), len(batch) - len(fit)


class CounterSeries(Series):
    """One incarnation of a counter."""

    __slots__ = ("_base", "_ones_seen", "_total", "ones", "pending")

    ones: Iterator[object]
    """Counts one at each `next()`."""

    def __init__(self, family: Family, labels: Labels, created: float, gate: Gate) -> None:
        super().__init__(family, labels, created, gate)
        self.pending: list[Number] = []
        self.ones = iter(self._append_one, 1) if _UNGUARDED_COUNT else count() if _FREE_THREADED else _NO_ONES
        self._ones_seen = 0  # the reader's own included
        self._total: Number = 0
        self._base: Number = 0

    def _append_one(self) -> None:
        """Count one where `itertools.count` is not safe: a free-threaded 3.13."""
        self.pending.append(1)
        if len(self.pending) >= FLUSH_AT:
            self.gate.flush_if_free(self.flush)

    def flush(self) -> Number:
        """Add what is pending to the total, and return it. The caller holds the gate."""
        gate = self.gate
        if gate.flushing:
            return self._total
        gate.flushing = True
        try:
            return self._flush()
        finally:
            gate.flushing = False

    def _flush(self) -> Number:
        pending = self.pending
        # Writers only append, and only who holds the gate removes: the first `size` are ours.
        size = len(pending)
        total = self._total
        dropped = 0
        if size:
            try:
                added = sum(pending)
                plain = len(pending) == size and added < WHOLE_LIMIT
                plain = plain and (type(added) is int or type(total) is float)
            except OverflowError:  # of an int that no float can hold
                plain = False
            if not plain:
                added, dropped = _sum_one_by_one(pending[:size])
            total += added
        # From here on all happens or nothing: after a call, as to `next()`, a signal handler may raise.
        if not _UNGUARDED_COUNT:
            for ones in self.ones:
                total += ones - self._ones_seen  # type: ignore[operator]
                self._ones_seen = ones + 1  # type: ignore[operator]
                break
        self._total = total
        if size:
            self.gate.dropped += dropped
            del pending[:size]
        return total

    def read(self) -> Number:
        """Return an int while every increment was whole, a float for ever after the first that was not."""
        with self.gate.lock:
            total = self.flush()
        self.gate.tell_dropped()
        return total

    peek = flush

    @staticmethod
    def peek_all(group: Sequence[CounterSeries]) -> list[Number]:
        """As `peek`, of several of one gate, in one loop: a node does this at each interval for all of its counters."""
        gate = group[0].gate
        if gate.flushing:
            return [series._total for series in group]
        totals: list[Number] = []
        gate.flushing = True
        try:
            for series in group:
                if series.pending or _UNGUARDED_COUNT:
                    totals.append(series._flush())
                    continue
                total = series._total
                for ones in series.ones:  # as in `_flush`: without a call until the total is stored
                    total += ones - series._ones_seen  # type: ignore[operator]
                    series._ones_seen = ones + 1  # type: ignore[operator]
                    break
                series._total = total
                totals.append(total)
        finally:
            gate.flushing = False
        return totals

    def current(self) -> Number:
        """Return the count since the series began, or since `restart`."""
        return self.flush() - self._base

    def restart(self, now: float) -> None:
        """Count from zero again for the node, while `read()` goes on."""
        with self.gate.lock:
            self._base = self.flush()
            self.created = now

    def activity(self) -> object:
        """Return the value: each use changes it."""
        return self.read()


class Counter(Instrument):
    """A monotonically increasing count.

    All methods may be called from any thread, at the same time as readers; totals are exact. `increment()` never waits.

    Args:
        name: `[a-zA-Z_:][a-zA-Z0-9_:]*`, by convention ending in `_total`.
        description: a sentence for people.
        labels: constant labels.
        unit: base unit (`bytes`, `seconds`); the name must end with it (before `_total`).

    Raises:
        ValueError: name, labels or unit are not valid.
    """

    __slots__ = ("_ones", "_pending")

    series_type = CounterSeries
    _series: CounterSeries
    _pending: list[Number]
    _ones: Iterator[object]

    def __init__(
        self, name: str, description: str = "", labels: Mapping[str, str] | None = None, *, unit: str = ""
    ) -> None:
        self._stand_alone(counter_family(name, description, unit), labels)

    def increment(self, amount: float = 1, labels: Mapping[str, str] | None = None) -> None:
        """Add `amount`.

        NaN, infinities and 2^63 or more are dropped and counted in `telemetry_problems_total`.

        Args:
            amount: not negative. Whole amounts, `5.0` included, keep the counter an integer.
            labels: only for a counter that has label names: addresses the child.

        Raises:
            ValueError: negative, or labels for a counter without label names.
            TypeError: not a number.
        """
        if labels is None:
            if amount is _ONE:
                try:
                    next(self._ones)
                except StopIteration:
                    self._begin_ones()
                return
            # Written out for both types: the interpreter compares each with its own kind in half the time.
            if type(amount) is int:
                if amount >= 0 and len(self._pending) < FLUSH_AT:  # the flush drops what is too large
                    self._pending.append(amount)
                    return
            elif type(amount) is float and 0.0 <= amount < WHOLE_FLOAT and len(self._pending) < FLUSH_AT:
                self._pending.append(amount)
                return
        self._add(amount, labels)

    def _begin_ones(self) -> None:
        """Count one, and let the next ones be counted by a `next()`."""
        ones = count()
        # In one step, as no call is between: neither another thread nor a signal handler counts, or resets, meanwhile.
        series = self._series
        if series.ones is _NO_ONES:
            series.ones = ones
        if self._ones is _NO_ONES:
            self._ones = series.ones
        self._add(1, None)

    def _add(self, amount: float, labels: Mapping[str, str] | None) -> None:
        if labels:
            self._refuse_labels(labels)
        number = amount if type(amount) is int or type(amount) is float else self._number(amount)
        if not 0 <= number < WHOLE_LIMIT:
            self._refuse(amount, number)
            return
        self._pending.append(number)
        if len(self._pending) >= FLUSH_AT:
            self._flush()

    def _flush(self) -> None:
        series = self._series
        series.gate.flush_if_free(series.flush)

    def _refuse(self, amount: object, number: Number) -> None:
        if number < 0:
            raise ValueError(
                f"counter {self.name!r} can only be incremented by non-negative values, not {shown(amount)}"
            )
        self._drop(amount)

    def count_exceptions(
        self, exception: type[BaseException] | tuple[type[BaseException], ...] = Exception
    ) -> ExceptionCounter:
        """Count exceptions that leave a `with` block or a decorated (async) function; they go on their way."""
        return ExceptionCounter(self.increment, exception)

    def get_value(self) -> MetricValue:
        """Return the value now."""
        return self.get_values()[0]

    def _attach(self, series: CounterSeries) -> None:
        self._series = series
        self._pending = series.pending
        self._ones = series.ones

    def _detach(self) -> None:
        dormant = Dormant(self._state, self._key)
        self._pending = dormant
        self._ones = iter(dormant.tick, 1)

    def _record(self, number: Number) -> None:
        self.increment(number)


def counter_family(name: str, description: str, unit: str) -> Family:
    """Return the family of a counter."""
    return Family(name, MetricType.COUNTER, description, unit)
