"""Labelled metrics: a family of children, each with a value for every label name."""

from collections.abc import Mapping
from typing import Generic, TypeVar

from utilityfog_frontend.telemetry.labels import label_value
from utilityfog_frontend.telemetry.model import Family, MetricValue, metric_values
from utilityfog_frontend.telemetry.support import arguments
from utilityfog_frontend.telemetry.support.arguments import shown

from .counter import Counter
from .family import FamilyState, Instrument
from .functions import UserFunction
from .gauge import Gauge
from .histogram import Histogram
from .metric import Metric

H = TypeVar("H", bound=Instrument)


class LabeledMetric(Metric, Generic[H]):
    """A metric with label names. It has no value of its own: its children have.

    All methods may be called from any thread. Beyond `max_children` label sets, all further ones are counted together
    on one child whose label values are `~overflow`; that is logged once and counted.
    """

    __slots__ = ("_children", "_names", "_state")

    def __init__(self, state: FamilyState[H]) -> None:
        self._state = state
        self._children = state.children
        self._names = state.names

    @property
    def family(self) -> Family:
        """Name, type, help, unit, bounds and rollup."""
        return self._state.family

    @property
    def label_names(self) -> tuple[str, ...]:
        """The names that each child has a value for."""
        return self._state.names

    def labels(self, /, *values: object, **named: object) -> H:
        """Return the child with these label values, by position or by name; made when it is new.

        Keep it where it is used often: a kept child costs as much as an unlabelled metric. Values become strings.

        Raises:
            ValueError: not exactly one value for each label name.
        """
        if named:
            # Nearly always they come in the order of their registration.
            values = tuple(named.values()) if tuple(named) == self._names else self._by_name(values, named)
        # Strings, nearly always, are found without a conversion; anything else never equals a key.
        try:
            child = self._children.get(values)  # type: ignore[arg-type]
        except TypeError:  # one of them has no hash: a list becomes a string, as anything else does
            child = None
        return self._state.child(self._as_key(values)) if child is None else child

    def remove(self, /, *values: object, **named: object) -> bool:
        """End the child's series: it leaves the exposition, its counts stay in the totals of the fleet.

        Returns:
            Whether there was one. A program that still holds the child and uses it begins a new series.

        Raises:
            ValueError: not exactly one value for each label name.
        """
        if named:
            values = self._by_name(values, named)
        return self._state.end(self._as_key(values))

    def clear(self) -> None:
        """Remove all children."""
        self._state.clear()

    def reset(self) -> None:
        """Start every child from zero again. Counts so far stay in the totals of the fleet."""
        self._state.reset()

    def get_value(self) -> list[MetricValue]:
        """Return the values of all children, one after the other."""
        now = self._state.scope.clock()
        values: list[MetricValue] = []
        for snapshot in self._state.snapshots():
            value = metric_values(self.family, snapshot, now)
            values += value if isinstance(value, list) else [value]
        return values

    def _addressed(self, labels: Mapping[str, str] | None) -> H:
        if labels is None:
            raise ValueError(f"metric {self.name!r} has label names {self.label_names}: say which child, with labels=")
        return self.labels(**arguments.mapping(f"metric {self.name!r}: labels", labels))

    def _by_name(self, values: tuple[object, ...], named: Mapping[str, object]) -> tuple[object, ...]:
        names = self._names
        if values or len(named) != len(names):
            raise self._mismatch((*values, *named))
        try:
            return tuple([named[name] for name in names])
        except KeyError:
            raise self._mismatch(tuple(named)) from None

    def _as_key(self, values: tuple[object, ...]) -> tuple[str, ...]:
        if len(values) != len(self._names):
            raise self._mismatch(values)
        return tuple([label_value(value) for value in values])

    def _mismatch(self, given: tuple[object, ...]) -> ValueError:
        return ValueError(f"metric {self.name!r} has label names {self.label_names}, but was given {shown(given)}")


class LabeledCounter(LabeledMetric[Counter]):
    """A counter with label names."""

    def increment(self, amount: float = 1, labels: Mapping[str, str] | None = None) -> None:
        """Add `amount` to the child that `labels` addresses; raises as `Counter.increment` and `labels` do."""
        self._addressed(labels).increment(amount)


class LabeledGauge(LabeledMetric[Gauge]):
    """A gauge with label names."""

    def get_value(self) -> list[MetricValue]:
        """Return the values of all children, one after the other."""
        functions = [gauge._series.function for gauge in list(self._children.values())]
        self._state.scope.readings.ask([one for one in functions if isinstance(one, UserFunction)])
        return super().get_value()

    def set(self, value: float, labels: Mapping[str, str] | None = None) -> None:
        """Set the child that `labels` addresses; raises as `Gauge.set` and `labels` do."""
        self._addressed(labels).set(value)

    def increment(self, amount: float = 1, labels: Mapping[str, str] | None = None) -> None:
        """Add to the child that `labels` addresses; raises as `Gauge.increment` and `labels` do."""
        self._addressed(labels).increment(amount)

    def decrement(self, amount: float = 1, labels: Mapping[str, str] | None = None) -> None:
        """Subtracts from the child that `labels` addresses; raises as `Gauge.decrement` and `labels` do."""
        self._addressed(labels).decrement(amount)


class LabeledHistogram(LabeledMetric[Histogram]):
    """A histogram with label names."""

    def observe(
        self, value: float, labels: Mapping[str, str] | None = None, exemplar: Mapping[str, str] | None = None
    ) -> None:
        """Observes on the child that `labels` addresses; raises as `Histogram.observe` and `labels` do."""
        self._addressed(labels).observe(value, exemplar=exemplar)
