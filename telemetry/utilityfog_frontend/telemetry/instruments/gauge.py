"""Gauges: what goes up and down.

A set and an increment need one order, so a gauge takes a lock, for the time of one assignment.
"""

from collections.abc import Callable, Iterable, Mapping
from math import isfinite

from utilityfog_frontend.telemetry.model import ROLLUPS, Family, Labels, MetricType, MetricValue
from utilityfog_frontend.telemetry.support import arguments
from utilityfog_frontend.telemetry.support.numeric import WHOLE_LIMIT, Number, as_float

from .contexts import InProgress
from .family import Instrument
from .functions import Fact, Function, UserFunction
from .gate import Gate
from .series import Series


class GaugeSeries(Series):
    """One incarnation of a gauge."""

    __slots__ = ("function", "uses", "value")

    def __init__(self, family: Family, labels: Labels, created: float, gate: Gate) -> None:
        super().__init__(family, labels, created, gate)
        self.value: Number = 0
        self.function: Function | None = None
        self.uses = 0

    def read(self) -> Number:
        """Return the last value set, or what the function said last; NaN when it failed."""
        function = self.function
        return self.value if function is None else function.value

    def current(self) -> Number:
        """As `read`; needs no gate."""
        return self.read()

    def restart(self, now: float) -> None:
        """Set zero; what a function says stays what it says."""
        with self.gate.lock:
            self.value = 0
            self.created = now

    def activity(self) -> object:
        """How often it was written; a function is always in use."""
        return self.uses if self.function is None else object()


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
        plain = type(value) is float or (type(value) is int and -WHOLE_LIMIT < value < WHOLE_LIMIT)
        number = value if plain else self._number(value)
        series = self._series
        with series.gate.lock:
            if not series.ended:
                series.value = number
                if series.function is not None:
                    self._forget(series)
                series.uses += 1
                return
        self._awake().set(number)

    def increment(self, amount: float = 1, labels: Mapping[str, str] | None = None) -> None:
        """Add `amount`, which may be negative. NaN and infinities are dropped and counted.

        Raises:
            TypeError: not a number.
            ValueError: labels for a gauge without label names.
        """
        number = amount if type(amount) is int else self._number(amount)
        if labels:
            self._refuse_labels(labels)
        if not -WHOLE_LIMIT < number < WHOLE_LIMIT:
            number = as_float(number)
            if not isfinite(number):
                self._drop(amount)
                return
        series = self._series
        with series.gate.lock:
            if not series.ended:
                series.value += number
                series.uses += 1
                return
        self._awake().increment(number)

    def decrement(self, amount: float = 1, labels: Mapping[str, str] | None = None) -> None:
        """Subtracts `amount`; otherwise as `increment`."""
        plain = type(amount) is int or type(amount) is float
        self.increment(-(amount if plain else self._number(amount)), labels)

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

    def _awake(self) -> "Gauge":
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
