"""Histograms: distributions of observed values.

An observation is one `append`. A flush sorts what has come together and finds each bound in it by bisection, which is
cheaper than to find each value's bucket; the writer who flushes pays for it once in `FLUSH_AT` times.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from math import isfinite, nan
from sys import modules

from utilityfog_frontend.telemetry.labels import label_value, sorted_labels
from utilityfog_frontend.telemetry.model import (
    Exemplar,
    Family,
    HistogramValue,
    Labels,
    MetricType,
    MetricValue,
    SeriesSnapshot,
)
from utilityfog_frontend.telemetry.names import check_label_names, checked_bounds
from utilityfog_frontend.telemetry.support import arguments
from utilityfog_frontend.telemetry.support.numeric import Number, as_float
from utilityfog_frontend.telemetry.support.trace import TRACE_API, current_trace

from .contexts import Timer
from .family import FLUSH_AT, Dormant, Instrument
from .gate import Gate
from .series import Series

DEFAULT_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class HistogramSeries(Series):
    """One incarnation of a histogram."""

    __slots__ = ("_base", "_counts", "_sum", "_value", "exemplars", "pending")

    def __init__(self, family: Family, labels: Labels, created: float, gate: Gate) -> None:
        super().__init__(family, labels, created, gate)
        self.pending: list[float] = []
        self.exemplars: dict[int, Exemplar] | None = None
        self._counts = [0] * (len(family.bounds) + 1)
        self._sum = 0.0
        self._value: HistogramValue | None = None  # of these counts, once it was asked for
        self._base: HistogramValue | None = None

    def flush(self) -> None:
        """Sorts the pending observations into their buckets. The caller holds the gate."""
        if self.gate.flushing or not self.pending:
            return
        self.gate.flushing = True
        try:
            self._flush()
        finally:
            self.gate.flushing = False

    def _flush(self) -> None:
        pending = self.pending
        size = len(pending)
        # Writers only append, and only who holds the gate removes: the first `size` are ours.
        batch = pending[:size]
        try:
            total = sum(batch)
        except (TypeError, ValueError, RuntimeError):  # arrays of users' own, say, that do not add up
            total = nan
        if type(total) is not float or not isfinite(total):
            batch = self._finite(batch)
            total = sum(batch)
        if not batch:
            del pending[:size]
            return
        batch.sort()
        self._count(batch, total, size)

    def _count(self, batch: list[float], total: float, size: int) -> None:
        """Count a sorted batch, for which `size` pending observations came."""
        # Only the bounds between the least and the greatest value are looked for: often that is one or two.
        bounds = self.family.bounds
        counts = self._counts.copy()
        last = bisect_left(bounds, batch[-1])
        below = 0
        for index in range(bisect_left(bounds, batch[0]), last):
            at_most = bisect_right(batch, bounds[index], below)
            counts[index] += at_most - below
            below = at_most
        counts[last] += len(batch) - below
        # With no call in between, after which a signal handler may raise, all of this happens or none.
        self._counts = counts
        self._sum += total
        self._value = None
        del self.pending[:size]

    def _finite(self, batch: list[float]) -> list[float]:
        """Return the countable values of a batch with NaN (which breaks every sort), infinities or users' own types."""
        finite = []
        for value in batch:
            try:
                number = float(value)
            except Exception:  # noqa: BLE001 - a user's type; the reader must survive it
                self.gate.dropped += 1
                continue
            if isfinite(number):
                finite.append(number)
            else:
                self.gate.dropped += 1
        return finite

    def read(self) -> HistogramValue:
        """Count by bucket and their sum, of the same moment."""
        with self.gate.lock:
            value = self.peek()
        self.gate.tell_dropped()
        return value

    def peek(self) -> HistogramValue:
        """As `read`."""
        self.flush()
        value = self._value
        if value is None:
            counts, total = self._counts, self._sum
            value = HistogramValue(tuple(counts), total)
            if self._counts is counts:  # else a signal handler has flushed, and this is not the value any more
                self._value = value
        return value

    def current(self) -> HistogramValue:
        """Return the observations since the series began, or since `restart`."""
        value = self.peek()
        return value if self._base is None else value - self._base

    def snapshot(self) -> SeriesSnapshot:
        """Return the series with its exemplars."""
        exemplars = dict(self.exemplars) if self.exemplars else None
        return SeriesSnapshot(self.labels, self.current(), self.created, exemplars, self._rendered or self.render())

    def restart(self, now: float) -> None:
        """Count from zero again for the node, while `read()` goes on."""
        with self.gate.lock:
            self._base = self.peek()
            self.exemplars = None
            self.created = now

    def activity(self) -> object:
        """Return the count: each use changes it."""
        return self.read().count

    def remember(self, exemplar: Exemplar) -> None:
        """Keep the exemplar of its bucket: the latest one."""
        with self.gate.lock:
            exemplars = dict(self.exemplars or {})
            exemplars[bisect_left(self.family.bounds, exemplar.value)] = exemplar
            self.exemplars = exemplars


class Histogram(Instrument):
    """A distribution of observed values, counted in buckets.

    All methods may be called from any thread, at the same time as readers; counts are exact. `observe()` never waits.

    Args:
        name: `[a-zA-Z_:][a-zA-Z0-9_:]*`, by convention ending in the unit.
        description: a sentence for people.
        buckets: upper bounds, ascending, in the metric's unit; `+Inf` is implied. By default
            `DEFAULT_BUCKETS`, made for seconds.
        labels: constant labels.
        unit: base unit (`seconds`, `bytes`); the name must end with it.

    Raises:
        ValueError: name, labels, unit or buckets are not valid.
    """

    __slots__ = ("_pending",)

    series_type = HistogramSeries
    _series: HistogramSeries
    _pending: list[float]

    def __init__(
        self,
        name: str,
        description: str = "",
        buckets: Iterable[float] | None = None,
        labels: Mapping[str, str] | None = None,
        *,
        unit: str = "",
    ) -> None:
        self._stand_alone(histogram_family(name, description, buckets, unit), labels)

    @property
    def buckets(self) -> list[float]:
        """The finite upper bounds."""
        return list(self.family.bounds)

    def observe(
        self, value: float, labels: Mapping[str, str] | None = None, exemplar: Mapping[str, str] | None = None
    ) -> None:
        """Count one observation.

        NaN and infinities are dropped and counted in `telemetry_problems_total`. While OpenTelemetry traces are
        sampled, one observation in 256, and the first after each reading, carries the current trace as an exemplar.

        Args:
            value: in the metric's unit.
            labels: only for a histogram that has label names: addresses the child.
            exemplar: labels of an exemplar to keep for the value's bucket, such as a `trace_id`.

        Raises:
            TypeError: not a number.
            ValueError: labels for a histogram without label names, or an exemplar with a label name that is not valid.
        """
        if labels is not None or exemplar is not None:
            self._observe_with(value, labels, exemplar)
            return
        pending = self._pending
        try:
            pending.append(value + 0.0)
        except (TypeError, OverflowError):
            pending.append(as_float(self._number(value)))
        if 1 < len(pending) < FLUSH_AT:
            return
        self._now_and_then(value)

    def time(self) -> Timer:
        """Observes the seconds that a `with` block, or each call of a decorated (async) function, takes."""
        return Timer(self.observe)

    def get_value(self) -> list[MetricValue]:
        """For each finite bound the observations at or below it (label `le`), then sum and count (label `type`)."""
        return self.get_values()

    def _observe_with(self, value: float, labels: Mapping[str, str] | None, exemplar: Mapping[str, str] | None) -> None:
        if labels:
            self._refuse_labels(labels)
        if exemplar:
            exemplar = arguments.mapping(f"histogram {self.name!r}: an exemplar", exemplar)
            check_label_names(tuple(exemplar), self.family)
        self.observe(value)
        if exemplar:
            self._remember(value, sorted_labels({name: label_value(text) for name, text in exemplar.items()}))

    def _now_and_then(self, value: float) -> None:
        """Do the work that need not be done at each observation."""
        if TRACE_API in modules:
            trace = current_trace()
            if trace is not None:
                self._remember(value, trace)
        series = self._series
        if len(series.pending) >= FLUSH_AT:
            series.gate.flush_if_free(series.flush)

    def _remember(self, value: float, labels: Labels) -> None:
        number = as_float(value)
        if isfinite(number):
            self._series.remember(Exemplar(labels, number, self._state.scope.clock()))

    def _attach(self, series: HistogramSeries) -> None:
        self._series = series
        self._pending = series.pending

    def _detach(self) -> None:
        self._pending = Dormant(self._state, self._key)

    def _record(self, number: Number) -> None:
        self.observe(number)


def histogram_family(name: str, description: str, buckets: Iterable[float] | None, unit: str) -> Family:
    """Return the family of a histogram, its bounds checked."""
    bounds = checked_bounds(DEFAULT_BUCKETS if buckets is None else buckets, name)
    return Family(name, MetricType.HISTOGRAM, description, unit, bounds)
