"""A family and its handles: two halves of one thing, which is why they share a module and each other's privates.

A handle (`Instrument`) is what programs hold; a `Series` is what is counted on. A handle outlives its series: after a
reset it has a new one, and after its labels were removed (or idle for longer than `ttl`) it rests, and begins a new one
when it is used again. There is at most one handle for a label set, so that a kept one and a looked-up one never differ.
"""

import time
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, ClassVar, Generic, NoReturn, Protocol, TypeVar
from weakref import WeakValueDictionary

from utilityfog_frontend.telemetry.labels import OwnLabels, label_value, sorted_labels
from utilityfog_frontend.telemetry.model import Family, Labels, MetricValue, SeriesSnapshot, metric_values
from utilityfog_frontend.telemetry.names import check_family, check_label_names
from utilityfog_frontend.telemetry.support import arguments
from utilityfog_frontend.telemetry.support.arguments import shown
from utilityfog_frontend.telemetry.support.fork import renew_after_fork
from utilityfog_frontend.telemetry.support.numeric import Number, as_number
from utilityfog_frontend.telemetry.support.problems import Problems

from .gate import Gate
from .lifetimes import OVERFLOW, SeriesLifetimes
from .metric import Metric, MetricState
from .readings import Readings
from .series import Series

FLUSH_AT = 256
"""A writer flushes its own backlog at this length: 8 kB; 12 µs at worst of a counter's, 20 of a histogram's, 30 of an
exponential one's. At 128 each write costs 5 % more, and at 4,096 the backlog would be 131 kB, and a flush 0.4 ms."""

MAX_CHILDREN = 2_000
_CHUNK = 512  # series read in one go: a reader of a million must let writers flush in between


class Journal(Protocol):
    """Keeps counts where a kill -9 does not reach them."""

    def begin(
        self, series_type: type[Series], family: Family, labels: Labels, created: float, gate: Gate
    ) -> Series | None:
        """Begin a series in the journal; None when it is to be begun in memory."""


@dataclass(frozen=True, slots=True)
class Scope:
    """State that the metrics of one collector share."""

    lifetimes: SeriesLifetimes = field(default_factory=SeriesLifetimes)
    problems: Problems = field(default_factory=Problems)
    clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    readings: Readings = field(default_factory=Readings)
    journal: Journal | None = None


class Dormant(list[Number]):
    """Stands in for the backlog of a handle whose series has ended: the first thing appended begins a new series.

    It knows the handle by its key alone: a handle that nobody holds any more must vanish at once, not in a cycle.
    """

    __slots__ = ("_key", "_state")

    def __init__(self, state: "FamilyState[Any]", key: tuple[str, ...]) -> None:
        super().__init__()
        self._state = state
        self._key = key

    def append(self, number: Number) -> None:
        """Wakes the handle, which records `number` on its new series."""
        self._state.child(self._key)._record(number)

    def tick(self) -> None:
        """Wakes the handle, which counts one on its new series."""
        self.append(1)


class Instrument(Metric):
    """One series to write to: an unlabelled metric, or one child of a labelled one."""

    __slots__ = ("__weakref__", "_key", "_series", "_state")

    series_type: ClassVar[type[Series]]
    _state: "FamilyState[Any]"
    _series: Any  # an instance of `series_type`
    _key: tuple[str, ...]

    def _stand_alone(self, family: Family, labels: Mapping[str, str] | None) -> None:
        """Make this a metric of its own, in no collector."""
        state = FamilyState(family, type(self), Scope(), constant=labels)
        renew_after_fork(state.scope.lifetimes)
        renew_after_fork(state)
        state.adopt(self)

    @property
    def family(self) -> Family:
        """Name, type, help, unit, bounds and rollup."""
        return self._state.family

    @property
    def labels(self) -> Mapping[str, str]:
        """Constant labels; of a child, all of its labels. To be read: a call raises, and says what is missing."""
        return OwnLabels(self.name, self._series.labels)

    def get_values(self) -> list[MetricValue]:
        """Return the current value as a list, whatever the metric's type."""
        values = self._values()
        return values if isinstance(values, list) else [values]

    def reset(self) -> None:
        """Start from zero again. Counts so far stay in the totals of the fleet."""
        self._state.reset_child(self)

    def _values(self) -> MetricValue | list[MetricValue]:
        [snapshot] = self._state.read([self])
        return metric_values(self.family, snapshot, self._state.scope.clock())

    def _drop(self, value: object) -> None:
        self._state.scope.problems.report(
            "not_finite", "%s: dropped %s, which is no finite number below 2^63", self.name, shown(value)
        )

    def _number(self, value: object) -> Number:
        """Return `value` as a number.

        Raises:
            TypeError: not one; says whose it would be.
        """
        try:
            return as_number(value)
        except TypeError as error:
            raise TypeError(f"{self.type} {self.name!r}: {error}") from None

    def _refuse_labels(self, labels: Mapping[str, str]) -> NoReturn:
        raise ValueError(f"metric {self.name!r} was registered without label names, but is used with {shown(labels)}")

    @abstractmethod
    def _record(self, number: Number) -> None:
        """Increments, sets or observes."""

    @abstractmethod
    def _attach(self, series: Any) -> None:
        """Count on `series` from now on."""

    @abstractmethod
    def _detach(self) -> None:
        """Rests: the next use asks the family for a series."""


H = TypeVar("H", bound=Instrument)


class _IdleSeries:
    """Find the series that nobody used for `ttl` seconds; without a `ttl`, none."""

    def __init__(self, ttl: float | None) -> None:
        self._ttl = ttl
        self._next_sweep = 0.0
        self._last_use: dict[Series, tuple[object, float]] = {}

    def is_due(self, now: float) -> bool:
        """Whether it is time to look again."""
        return self._ttl is not None and now >= self._next_sweep

    def find(self, handles: "Iterable[tuple[tuple[str, ...], Instrument]]", now: float) -> Iterator[tuple[str, ...]]:
        """Look at all of them; yield the label values of those that were idle for too long."""
        ttl = self._ttl or 0.0
        self._next_sweep = now + ttl / 8
        last_use, self._last_use = self._last_use, {}  # anew: what has ended meanwhile, by whomever, must not stay
        for values, handle in handles:
            series: Series = handle._series
            activity = series.activity()
            seen, since = last_use.get(series, (None, now))
            if activity == seen and now - since >= ttl:
                yield values
            else:
                self._last_use[series] = (activity, now if activity != seen else since)

    def clear(self) -> None:
        """Forget when they were used."""
        self._last_use.clear()


class FamilyState(MetricState, Generic[H]):
    """All handles of one family by their label values; an unlabelled family has one, by the empty tuple.

    The lock of the lifetimes guards which series live; the gate guards what they hold. Where both are held, the lock
    of the lifetimes is taken first.
    """

    def __init__(
        self,
        family: Family,
        handle_type: type[H],
        scope: Scope,
        *,
        constant: Mapping[str, str] | None = None,
        names: tuple[str, ...] = (),
        max_children: int = MAX_CHILDREN,
        ttl: float | None = None,
    ) -> None:
        check_family(family)
        self.constant = {name: label_value(value) for name, value in (constant or {}).items()}
        check_label_names((*self.constant, *names), family)
        if ttl is not None:
            arguments.seconds(f"metric {family.name!r}: ttl", ttl)
        arguments.number_of(f"metric {family.name!r}: max_children", max_children)
        self.family = family
        self.names = names
        self.scope = scope
        self.children: dict[tuple[str, ...], H] = {}
        self._handle_type = handle_type
        self._gate = Gate(self._dropped)
        # Handles whose series ended, for as long as a program holds them.
        self._resting: WeakValueDictionary[tuple[str, ...], H] = WeakValueDictionary()
        self.max_children = max_children
        self._warned = False
        self.ttl = ttl
        self._idle = _IdleSeries(ttl)

    # Which series live

    def adopt(self, handle: H) -> H:
        """Make `handle` the only one of an unlabelled family."""
        with self.scope.lifetimes.lock:
            return self._start((), handle)

    def child(self, values: tuple[str, ...]) -> H:
        """Return the handle for these label values, or the overflow's when it would be one too many."""
        child = self.children.get(values)
        if child is not None:
            return child
        with self.scope.lifetimes.lock:
            child = self.children.get(values)
            if child is not None:
                return child
            overflow = (OVERFLOW,) * len(self.names)
            full = len(self.children) - (overflow in self.children) >= self.max_children
            if values == overflow or not self._refuses(full=full):
                return self._start(values)
            child = self.children.get(overflow) or self._start(overflow)
        self._refused(full=full)
        return child

    def _refuses(self, *, full: bool) -> bool:
        return bool(self.names) and (full or self.scope.lifetimes.refusing)

    def _start(self, values: tuple[str, ...], handle: H | None = None) -> H:
        if handle is None:
            handle = self._resting.pop(values, None)
        if handle is None:
            handle = self._handle_type.__new__(self._handle_type)
        handle._state = self
        handle._key = values
        labels = self.constant | dict(zip(self.names, values, strict=True))
        handle._attach(self._new_series(sorted_labels(labels)))
        self.children[values] = handle
        self.scope.lifetimes.started()
        return handle

    def _new_series(self, labels: Labels) -> Series:
        type_, now, journal = self._handle_type.series_type, self.scope.clock(), self.scope.journal
        series = None if journal is None else journal.begin(type_, self.family, labels, now, self._gate)
        return type_(self.family, labels, now, self._gate) if series is None else series

    def _refused(self, *, full: bool) -> None:
        self.scope.problems.count("label_limit")
        if full and not self._warned:
            self._warned = True
            self.scope.problems.warn(
                "metric %r has reached its limit of %d children: label sets beyond it are counted together under %r",
                self.family.name,
                self.max_children,
                OVERFLOW,
            )

    def end(self, values: tuple[str, ...]) -> bool:
        """End the series of these label values; False when no series has them."""
        with self.scope.lifetimes.lock:
            handle = self.children.pop(values, None)
            if handle is None:
                return False
            series = handle._series
            self._resting[values] = handle
            handle._detach()
            if not series.ended:
                self.scope.lifetimes.ended(series)
            return True

    def suspend(self, handle: Instrument) -> None:
        """End the handle's series and leave the handle in its place: there is nothing to show for the time being."""
        with self.scope.lifetimes.lock:
            if not handle._series.ended:
                self.scope.lifetimes.ended(handle._series)

    def resume(self, handle: Instrument) -> None:
        """Begin a new series for a handle that was suspended."""
        with self.scope.lifetimes.lock:
            if handle._series.ended and self.children.get(handle._key) is handle:
                handle._attach(self._new_series(handle._series.labels))
                self.scope.lifetimes.started()

    def clear(self) -> None:
        """End all series."""
        with self.scope.lifetimes.lock:
            for values in list(self.children):
                self.end(values)

    def reset(self) -> None:
        """Start every series from zero again."""
        with self.scope.lifetimes.lock:
            for handle in self.children.values():
                self.reset_child(handle)

    def reset_child(self, handle: Instrument) -> None:
        """End the handle's series and put a new one in its place; a gauge is set to zero."""
        with self.scope.lifetimes.lock:
            series: Series = handle._series
            if series.ended:
                return
            if not self.family.type.incremental or self.scope.lifetimes.refusing:
                series.restart(self.scope.clock())
                return
            handle._attach(self._new_series(series.labels))
            self.scope.lifetimes.ended(series)

    def sweep(self) -> None:
        """End the series that nobody used for `ttl` seconds. Looks at most eight times within one ttl."""
        now = self.scope.monotonic()
        if self._idle.is_due(now):
            for values in self._idle.find(self._handles(), now):
                self.end(values)

    # Contents

    def _handles(self) -> list[tuple[tuple[str, ...], H]]:
        return list(self.children.items())  # one C call, whole whatever other threads do

    def series(self) -> Iterable[Series]:
        """Its live series, oldest first. The caller holds the lock of the lifetimes."""
        return [handle._series for handle in self.children.values() if not handle._series.ended]

    def snapshots(self) -> list[SeriesSnapshot]:
        """Its live series now, as the node shows them."""
        return self.read([handle for handle in list(self.children.values()) if not handle._series.ended])

    def read(self, handles: Iterable[Instrument]) -> list[SeriesSnapshot]:
        """Read the series of these handles. Gauges are read outside the gate: theirs may be functions of the user."""
        guard = self._gate.lock if self.family.type.incremental else nullcontext()
        remaining = iter(handles)
        snapshots: list[SeriesSnapshot] = []
        while chunk := list(islice(remaining, _CHUNK)):
            with guard:
                snapshots += [handle._series.snapshot() for handle in chunk]
        self._gate.tell_dropped()
        return snapshots

    def renew(self) -> None:
        """In a forked child: the gate anew, counts from zero; gauges keep their values."""
        self._gate.renew()
        if self.family.type.incremental:
            for handle in self.children.values():
                handle._attach(self._new_series(handle._series.labels))
        self._idle.clear()

    def _dropped(self, amount: int) -> None:
        self.scope.problems.report(
            "not_finite",
            "%s: dropped %d values that were no finite numbers below 2^63",
            self.family.name,
            amount,
            amount=amount,
        )
