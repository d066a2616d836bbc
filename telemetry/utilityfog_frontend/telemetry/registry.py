"""Which metrics a collector has."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, Literal, TypeVar, cast, overload

from .foreign.outside import FamilyKey, outside_of
from .foreign.readings import FamilyReadings, LastReadings
from .foreign.rollups import RollupByName
from .foreign.source import Collect, ForeignSource, ask_before_fork, name_of
from .instruments.counter import Counter, counter_family
from .instruments.exponential import BucketsArgument, any_histogram
from .instruments.family import MAX_CHILDREN, FamilyState, Instrument, Scope
from .instruments.gauge import Gauge, gauge_family, state_fact
from .instruments.histogram import Histogram
from .instruments.identity import refuse_another
from .instruments.labeled import LabeledCounter, LabeledGauge, LabeledHistogram, LabeledMetric
from .instruments.lifetimes import SeriesLifetimes, SeriesWatch
from .instruments.metric import Metric, MetricState
from .instruments.readings import Readings
from .instruments.series import Series
from .instruments.state_set import StateSet, check_states
from .journal.opening import JournalArgument, journal_of
from .kinds import size_of
from .model import Family, FamilySnapshot, Labels
from .names import check_family, refuse_clashes, refuse_unpublishable, sample_names
from .support import arguments
from .support.fork import prepare_before_fork, renew_after_fork
from .support.problems import Problems

H = TypeVar("H", bound=Instrument)
L = TypeVar("L", bound=LabeledMetric[Any])

LabelArgument = Mapping[str, str] | Sequence[str] | None
"""Constant labels, or label names."""


class MetricRegistry:
    """Registers metrics and lists their series. Safe from any thread.

    `labels` is a mapping of constant labels, or a sequence of label names: the metric then has children
    (`metric.labels(method="GET")`), at most `max_children`, and those idle for `ttl` seconds leave memory.

    To register a metric again, with the same arguments, returns the one that is there: a cell of a notebook that is run
    again, a module that is reloaded.

    Attributes:
        fork_generation: forks between the process in which it was made and this one.
        journal: keeps the counts of this process where a kill -9 does not reach them; None without one.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        *,
        reserved_names: bool = False,
        journal: JournalArgument = None,
    ) -> None:
        self.fork_generation = 0
        self._reserved_names = reserved_names
        problems = Problems(monotonic)
        self.journal = journal_of(journal, clock, problems)
        lifetimes = SeriesLifetimes(self._live_series, journal=self.journal)
        readings = Readings(problems, monotonic)
        self._scope = Scope(lifetimes, problems, clock, monotonic, readings, self.journal)
        self._metrics: dict[str, Metric] = {}
        self._states: dict[str, MetricState] = {}
        self._state_sets: dict[str, StateSet] = {}
        self._sample_owners: dict[str, str] = {}
        self._sources: list[ForeignSource] = []
        self._readings: dict[FamilyKey, FamilyReadings] = {}
        renew_after_fork(self)

    @overload
    def register_counter(
        self, name: str, description: str = "", labels: Mapping[str, str] | None = None, *, unit: str = ""
    ) -> Counter: ...

    @overload
    def register_counter(
        self,
        name: str,
        description: str,
        labels: Sequence[str],
        *,
        unit: str = "",
        max_children: int = MAX_CHILDREN,
        ttl: float | None = None,
    ) -> LabeledCounter: ...

    def register_counter(
        self,
        name: str,
        description: str = "",
        labels: LabelArgument = None,
        *,
        unit: str = "",
        max_children: int = MAX_CHILDREN,
        ttl: float | None = None,
    ) -> Counter | LabeledCounter:
        """Register a counter; arguments as for `Counter` and this class.

        Raises:
            ValueError: the name is another metric's (says which argument differs), or an argument is not valid.
            TypeError: an argument is of another type.
        """
        family = counter_family(name, description, unit)
        return self._register(family, Counter, LabeledCounter, labels, max_children, ttl)

    @overload
    def register_gauge(
        self,
        name: str,
        description: str = "",
        labels: Mapping[str, str] | None = None,
        *,
        unit: str = "",
        rollup: str | Iterable[str] = (),
    ) -> Gauge: ...

    @overload
    def register_gauge(
        self,
        name: str,
        description: str,
        labels: Sequence[str],
        *,
        unit: str = "",
        rollup: str | Iterable[str] = (),
        max_children: int = MAX_CHILDREN,
        ttl: float | None = None,
    ) -> LabeledGauge: ...

    def register_gauge(
        self,
        name: str,
        description: str = "",
        labels: LabelArgument = None,
        *,
        unit: str = "",
        rollup: str | Iterable[str] = (),
        max_children: int = MAX_CHILDREN,
        ttl: float | None = None,
    ) -> Gauge | LabeledGauge:
        """Register a gauge; arguments as for `Gauge` and this class.

        Raises:
            ValueError: the name is another metric's (says which argument differs), or an argument is not valid.
            TypeError: an argument is of another type.
        """
        family = gauge_family(name, description, unit, rollup)
        return self._register(family, Gauge, LabeledGauge, labels, max_children, ttl)

    @overload
    def register_histogram(
        self,
        name: str,
        description: str = "",
        buckets: BucketsArgument = None,
        labels: Mapping[str, str] | None = None,
        *,
        unit: str = "",
    ) -> Histogram: ...

    @overload
    def register_histogram(
        self,
        name: str,
        description: str,
        buckets: BucketsArgument = None,
        *,
        labels: Sequence[str],
        unit: str = "",
        max_children: int = MAX_CHILDREN,
        ttl: float | None = None,
    ) -> LabeledHistogram: ...

    def register_histogram(
        self,
        name: str,
        description: str = "",
        buckets: BucketsArgument = None,
        labels: LabelArgument = None,
        *,
        unit: str = "",
        max_children: int = MAX_CHILDREN,
        ttl: float | None = None,
    ) -> Histogram | LabeledHistogram:
        """Register a histogram; arguments as for `Histogram` and this class.

        With `buckets="exponential"`, or an `Exponential` that says how fine, nobody chooses bounds: see
        `ExponentialHistogram`, which the metric is then.

        Raises:
            ValueError: the name is another metric's (says which argument differs), or an argument is not valid; or
                exponential buckets in a collector with a journal, which does not keep them.
            TypeError: an argument is of another type.
        """
        family, kind = any_histogram(name, description, buckets, unit, journaled=self.journal is not None)
        return self._register(family, kind, LabeledHistogram, labels, max_children, ttl)

    def register_info(self, name: str, description: str, info: Mapping[str, str]) -> Gauge:
        """Register facts that are text: a gauge that is 1, with the facts as its labels; it adds up along the tree.

        Raises:
            ValueError: the name is another metric's (says which argument differs), or an argument is not valid.
            TypeError: an argument is of another type.
        """
        facts = arguments.mapping(f"metric {arguments.shown(name)}: its facts", info)
        gauge = self.register_gauge(name, description, facts, rollup="sum")
        state_fact(gauge, lambda: 1)
        return gauge

    def register_state_set(self, name: str, description: str, states: Sequence[str]) -> StateSet:
        """Register which of several states holds: for each a gauge that is 1 or 0 (see `StateSet`).

        Raises:
            ValueError: the name is another metric's (says which argument differs), or an argument is not valid.
            TypeError: an argument is of another type.
        """
        wanted = check_states(name, states)
        with self._scope.lifetimes.lock:
            gauge = self.register_gauge(name, description, [name], rollup="sum", max_children=len(wanted))
            there = self._state_sets.get(name)
            if there is None:
                there = self._state_sets[name] = StateSet(gauge, wanted)
            there.refuse_others(wanted)
            return there

    def add_source(
        self,
        collect: Collect,
        *,
        rollup: RollupByName | None = None,
        name: str | None = None,
        since: Literal["process", "outside"] = "process",
        incarnation: Callable[[], str] | None = None,
        places: int | None = None,
    ) -> None:
        """Read metrics that are kept elsewhere, whenever this collector is read.

        They are exposed and travel like the collector's own. `collect()` gives absolute values since whenever; it is
        called on a thread of the collector's, never twice at once, and a reader waits for it as for the function of a
        gauge. A count that went down, or a series that came back, begins a new series. A family whose name is taken is
        left out and counted once, as is whatever `collect()` names with a `LeftOut`. A source that fails or does not
        answer is counted and logged, and keeps its last values: counts for ever, gauges for three intervals. So does,
        counted, a series that is told twice or whose count is below zero, infinite or NaN.

        Args:
            collect: gives all families and their series, or `foreign.source.Parts` of them, which fail each by itself.
            rollup: how a tree merges its gauges, in place of what it says itself: patterns of `fnmatch` for names, each
                with a rollup or several; the first that fits counts: `{"queue_*": "sum", "*": "max"}`.
            name: names the source in logs and in `telemetry_source_errors_total`; by default as `collect` is called.
            since: where its totals live: in the `process`, with which they die, or `outside`, as those of a file
                or the kernel. Then a series' first reading is a baseline and is not counted, an agent with a state
                directory goes on from the last one of an earlier life, and a forked child reads nothing.
            incarnation: for `outside`, names the run of what counts, as the boot of a machine; when it has changed, all
                began anew. Asked before each reading.
            places: for `outside`, how many decimal places totals have at most (0 to 9), which their differences keep.

        Raises:
            ValueError: a rollup, a `since` or `places` that there are not, or what is for `outside` alone.
        """
        arguments.source(collect, name, incarnation)
        outside = outside_of(since, incarnation, self._readings, places)
        source = ForeignSource(name or name_of(collect), collect, self._scope, self._add_foreign, rollup, outside)
        self._sources.append(source)
        prepare_before_fork(self)
        self._scope.readings.add_several(source.questions)

    def resume_totals(self, readings: LastReadings) -> list[tuple[FamilyKey, Labels]]:
        """Go on from the last readings of sources with `since="outside"` that an earlier life of the program had.

        For an agent, at any time before its first frame. Return the readings that are to be forgotten, as this life
        has read them and seen them vanish.
        """
        self._readings.update(readings)
        return [one for source in list(self._sources) for one in source.resume(readings)]

    def read_every(self, interval: float) -> None:
        """Say how often this collector is read, in seconds: sources are waited for, and given up, accordingly."""
        self._scope.readings.every(arguments.seconds("interval", interval))

    def get_metric(self, name: str) -> Metric | None:
        """Return the metric of this name, or None."""
        return self._metrics.get(arguments.text("a metric's name", name))

    def get_all_metrics(self) -> dict[str, Metric]:
        """All metrics by name, in the order of their registration."""
        self.refresh()
        return dict(self._metrics)

    def collect(self) -> list[FamilySnapshot]:
        """All families and their series now, in the order of their registration."""
        self.refresh()
        return [FamilySnapshot(state.family, state.snapshots()) for state in list(self._states.values())]

    def has_counted(self) -> bool:
        """Whether anything was counted since the registry was made, or since its process was forked."""
        self.refresh()
        lifetimes = self._scope.lifetimes
        counters = (series for series in lifetimes.series() if series.family.type.incremental)
        return lifetimes.has_backlog or any(size_of(series.read()) for series in counters)

    def watch_series(self, *, refresh: bool = True) -> SeriesWatch:
        """Follows the series, for a writer to the bus; without `refresh` its user calls `refresh()` before it reads."""
        return self._scope.lifetimes.watch(self.refresh if refresh else lambda: None)

    def reset_all_metrics(self) -> None:
        """Start every metric from zero again."""
        for state in list(self._states.values()):
            state.reset()

    def refresh(self, patience: float | None = None) -> None:
        """Ask sources and functions of gauges, and end what was idle for too long; each reading does so by itself.

        Args:
            patience: seconds to wait for answers; by default a tenth of the interval between readings, at most 1.
        """
        if patience is not None:
            arguments.seconds("patience", patience, zero=True)
        self._scope.readings.refresh(patience)
        for state in list(self._states.values()):
            state.sweep()

    def report(self, reason: str, message: str, *args: object) -> None:
        """Count a problem in `telemetry_problems_total`, and log it unless its like was within the last minute."""
        self._scope.problems.report(reason, message, *args)

    def count_problem(self, reason: str) -> None:
        """Count a problem that is not worth a line in a log."""
        self._scope.problems.count(reason)

    def prepare(self) -> None:
        """Ask the sources before a fork: what they have counted until then is this process's, and not the child's."""
        ask_before_fork(self._sources, self._scope.readings)

    def renew(self) -> None:
        """In a forked child: locks anew, counts from zero, watches closed."""
        if self.journal is not None:
            self.journal.renew()  # first: what the parent's series have counted is in the parent's
        self._scope.lifetimes.renew()
        for source in self._sources:
            source.renew()
        for state in self._states.values():
            state.renew()
        self.fork_generation += 1

    def _register(
        self,
        family: Family,
        handle_type: type[H],
        labeled_type: Callable[[FamilyState[H]], L],
        labels: LabelArgument,
        max_children: int,
        ttl: float | None,
    ) -> H | L:
        constant, names = _split(labels, family.name)
        with self._scope.lifetimes.lock:
            state = FamilyState(
                family, handle_type, self._scope, constant=constant, names=names, max_children=max_children, ttl=ttl
            )
            there = self._states.get(family.name)
            if there is not None:
                refuse_another(there, state)
                return cast("H | L", self._metrics[family.name])
            refuse_unpublishable(family.name, reserved_names=self._reserved_names)
            refuse_clashes(family, self._sample_owners)
            metric = labeled_type(state) if names else state.child(())
            self._add(state, metric)
            return metric

    def _add(self, state: MetricState, metric: Metric) -> None:
        name = state.family.name
        self._sample_owners.update(dict.fromkeys(sample_names(state.family), name))
        self._states[name] = state
        self._metrics[name] = metric

    def _add_foreign(self, state: MetricState, metric: Metric) -> None:
        check_family(state.family)
        with self._scope.lifetimes.lock:
            refuse_clashes(state.family, self._sample_owners)
            self._add(state, metric)

    def _live_series(self) -> Iterable[Series]:
        return chain.from_iterable(state.series() for state in self._states.values())


def _split(labels: LabelArgument, name: str) -> tuple[Mapping[str, str], tuple[str, ...]]:
    """Split the labels of metric `name` into constant ones and label names; one of both is empty."""
    if labels is None:
        return {}, ()
    if isinstance(labels, Mapping):
        return labels, ()
    return {}, arguments.items(
        f"metric {name!r}: labels must be a mapping of labels or a sequence of label names", labels
    )
