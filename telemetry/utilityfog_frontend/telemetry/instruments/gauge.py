"""Gauges: what goes up and down.

A gauge is a list of terms that add up. To set it is to put a list with one term in place of the old one, and to
increment it is to append a term: each is one step to the interpreter, so that both have an order and need no lock. An
increment that has just got the old list counts as one before the set. A writer adds terms up at `FLUSH_AT`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import isfinite

from utilityfog_frontend.telemetry.model import ROLLUPS, Family, Labels, MetricType, MetricValue
from utilityfog_frontend.telemetry.support import arguments
from utilityfog_frontend.telemetry.support.numeric import LEAST, SMALL, WHOLE_LIMIT, Number, as_float

from .contexts import InProgress
from .family import FLUSH_AT, Instrument
from .functions import Fact, Function, UserFunction
from .gate import Gate
from .series import Series


class _Use:
    """How a gauge stood when somebody looked: equal while nobody has written."""

    __slots__ = ("_flushes", "_length", "_terms")

    def __init__(self, terms: list[Number], flushes: int) -> None:
        self._terms = terms
        self._flushes = flushes
        self._length = len(terms)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Use) or self._terms is not other._terms:
            return False  # the same number set again is a use
        return self._flushes == other._flushes and self._length == other._length

    __hash__ = None  # type: ignore[assignment]


class GaugeSeries(Series):
    """One incarnation of a gauge.

    Attributes:
        created: When it began, or was reset, unix seconds.
        terms: Add up to the value; never empty. Writers put another list in its place, or append.
        function: Says the value in their place, if there is one.
    """

    __slots__ = ("_flushes", "function", "terms")

    def __init__(self, family: Family, labels: Labels, created: float, gate: Gate) -> None:
        super().__init__(family, labels, created, gate)
        self.terms: list[Number] = [0]
        self.function: Function | None = None
        self._flushes = 0

    def read(self) -> Number:
        """Return the last value set, or what the function said last; NaN when it failed."""
        function = self.function
        if function is not None:
            return function.value
        first, *others = self.terms.copy()  # one step, whatever writers do
        return sum(others, first) if others else first  # alone it stays as it was set: -0.0 does not add up

    @staticmethod
    def peek_all(group: Sequence[GaugeSeries]) -> list[Number]:
        """As `read`, of several, in one loop."""
        values: list[Number] = []
        for series in group:
            terms = series.terms
            # A term that is alone is the value: others may only come after it, or be added up in its place.
            values.append(terms[0] if len(terms) == 1 and series.function is None else series.read())
        return values

    def current(self) -> Number:
        """As `read`; needs no gate."""
        return self.read()

    def flush(self) -> None:
        """Put the sum in place of the terms. The caller holds the gate."""
        gate = self.gate
        if gate.flushing:
            return
        gate.flushing = True
        try:
            terms = self.terms
            size, total = len(terms), sum(terms)
            if not total or len(terms) != size:  # -0.0 alone is none of `sum`; others went on meanwhile
                first, *others = terms.copy()
                size, total = 1 + len(others), sum(others, first)
            # Writers only append, and only who holds the gate removes. Without a call in between all of it or nothing.
            self._flushes += 1
            terms[:size] = (total,)
        finally:
            gate.flushing = False

    def restart(self, now: float) -> None:
        """Set zero; what a function says stays what it says."""
        self.terms = [0]
        self.created = now

    def activity(self) -> object:
        """How it stands; a function is always in use."""
        return _Use(self.terms, self._flushes) if self.function is None else object()


class Gauge(Instrument):
    """A value that can increase or decrease.

    All methods may be called from any thread, at the same time as readers; increments are never lost.

    Args:
        name: `[a-zA-Z_:][a-zA-Z0-9_:]*`.
        description: a sentence for people.
        labels: constant labels.
        unit: base unit (`bytes`, `seconds`); the name must end with it.
        rollup: how the tree merges it: `sum`, `min`, `max`, `avg`, `last`, `count_values`, or several; the first
            is the headline. Without a choice the fleet shows minimum, maximum, average and count.

    Raises:
        ValueError: name, labels, unit or rollup are not valid.
    """

    __slots__ = ()

    series_type = GaugeSeries
    _series: GaugeSeries

    def __init__(
        self,
        name: str,
        description: str = "",
        labels: Mapping[str, str] | None = None,
        *,
        unit: str = "",
        rollup: str | Iterable[str] = (),
    ) -> None:
        self._stand_alone(gauge_family(name, description, unit, rollup), labels)

    def set(self, value: float, labels: Mapping[str, str] | None = None) -> None:
        """Set the value, NaN and infinities included.

        Raises:
            TypeError: not a number.
            ValueError: labels for a gauge without label names.
        """
        if labels:
            self._refuse_labels(labels)
        usual = LEAST <= value <= SMALL if type(value) is int else type(value) is float
        number = value if usual else self._number(value)
        series = self._series
        if series.ended or series.function is not None:
            self._set_again(number)
        else:
            series.terms = [number]

    def _set_again(self, number: Number) -> None:
        """Set a gauge that rests, or that a function has said so far."""
        series = self._series
        with series.gate.lock:
            if not series.ended:
                series.terms = [number]  # first: a reader, who takes no lock, sees the function's value or this
                self._forget(series)
                return
        self._awake().set(number)

    def increment(self, amount: float = 1, labels: Mapping[str, str] | None = None) -> None:
        """Add `amount`, which may be negative. NaN and infinities are dropped and counted.

        Raises:
            TypeError: not a number.
            ValueError: labels for a gauge without label names.
        """
        series = self._series
        if type(amount) is int and LEAST <= amount <= SMALL and labels is None and not series.ended:
            terms = series.terms
            terms.append(amount)
            if len(terms) >= FLUSH_AT:
                series.gate.flush_if_free(series.flush)
        else:
            self._add(amount, labels)

    def decrement(self, amount: float = 1, labels: Mapping[str, str] | None = None) -> None:
        """Subtracts `amount`; otherwise as `increment`."""
        series = self._series
        if type(amount) is int and LEAST <= amount <= SMALL and labels is None and not series.ended:
            terms = series.terms
            terms.append(-amount)
            if len(terms) >= FLUSH_AT:
                series.gate.flush_if_free(series.flush)
        else:
            self._add(-(amount if type(amount) is float else self._number(amount)), labels)

    def _add(self, amount: float, labels: Mapping[str, str] | None) -> None:
        number = amount if type(amount) is int else self._number(amount)
        if labels:
            self._refuse_labels(labels)
        if not -WHOLE_LIMIT < number < WHOLE_LIMIT:
            number = as_float(number)
            if not isfinite(number):
                self._drop(amount)
                return
        series = self._series
        if series.ended:
            self._awake()._add(number, None)
            return
        series.terms.append(number)
        if len(series.terms) >= FLUSH_AT:
            series.gate.flush_if_free(series.flush)

    def set_to_current_time(self) -> None:
        """Set the unix time, in seconds."""
        self.set(self._state.scope.clock())

    def set_function(self, function: Callable[[], float]) -> None:
        """Ask `function` at each reading, on a thread of the collector's, until the next `set()`.

        A reader waits for it at most for a tenth of the interval between readings, and a second, and then sees what it
        said last. One that has not answered for three intervals is counted and logged, and the gauge is out until it
        does. It is never asked twice at once. An exception of it is counted and logged; the gauge is NaN then.
        """
        arguments.function(f"gauge {self.name!r}: its function", function)
        self._follow(UserFunction(function, self._state, self._key))
        self._state.suspend(self)  # there is nothing to show before it has answered

    def _follow(self, function: Function) -> None:
        series = self._series
        with series.gate.lock:
            if not series.ended:
                self._forget(series)
                series.function = function
                if isinstance(function, UserFunction):
                    self._state.scope.readings.add(function)
                return
        self._awake()._follow(function)

    def _forget(self, series: GaugeSeries) -> None:
        function, series.function = series.function, None
        if isinstance(function, UserFunction):
            self._state.scope.readings.discard(function)

    def track_inprogress(self) -> InProgress:
        """Count up for the time of a `with` block or a call of a decorated (async) function."""
        return InProgress(self.increment, self.decrement)

    def get_value(self) -> MetricValue:
        """Return the value now."""
        return self.get_values()[0]

    def _values(self) -> MetricValue | list[MetricValue]:
        if isinstance(self._series.function, UserFunction):
            self._state.scope.readings.ask([self._series.function])
        return super()._values()

    def _awake(self) -> Gauge:
        gauge: Gauge = self._state.child(self._key)
        self._state.resume(gauge)
        return gauge

    def _record(self, number: Number) -> None:
        self.set(number)

    def _attach(self, series: GaugeSeries) -> None:
        before: GaugeSeries | None = getattr(self, "_series", None)
        if before is not None:  # it comes back; one that was removed has no function any more
            series.function = before.function
        self._series = series

    def _detach(self) -> None:
        """Ask its function no more; nothing to exchange, as every write looks whether the series has ended."""
        if self._series.function is not None:
            self._forget(self._series)


def gauge_family(name: str, description: str, unit: str, rollup: str | Iterable[str]) -> Family:
    """Return the family of a gauge; one rollup may be given as a plain string."""
    what = f"metric {arguments.shown(name)}: rollup must be a name or several of {', '.join(ROLLUPS)}"
    choices = (rollup,) if isinstance(rollup, str) else arguments.items(what, rollup)
    return Family(name, MetricType.GAUGE, description, unit, rollup=choices)


def state_fact(gauge: Gauge, function: Callable[[], Number]) -> None:
    """Let each reader call `function`, which is ours and quick; no reset changes what it says."""
    gauge._follow(Fact(function))
