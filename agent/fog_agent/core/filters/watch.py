"""Stand between a program's series and their writer: rename them, add them up, or leave them out.

A series that is met is judged once. From then on a series that is sent alone is read as before, by the same call; one
that stands for several adds them up. Counts stay: when one of several ends, its count is kept for as
long as the others live, so that their sum never falls. Counts add exactly, as the wire carries increments.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from math import isnan, nan
from typing import Any, Final, Protocol, TypeAlias

from fog_agent.core.epoch_series import Gate, SeriesValue, SourceSeries, Watch
from fog_agent.core.filters.rules import INVALID, NAME, Decision, Filters
from fog_schema.definitions import LABEL_NAME, METRIC_NAME
from utilityfog_frontend.telemetry.foreign.readings import Mark
from utilityfog_frontend.telemetry.model import Family, Labels, MetricType, add_values
from utilityfog_frontend.telemetry.names import MAX_NAME_LENGTH, RESERVED

COLLISION: Final = "collision"
"""Stands for a rule: labels were taken away by which alone a series was told from another one."""
UNLIKE: Final = "unlike"
"""Stands for a rule: what a series became is of another type, unit or bounds than the series that have this name."""
NO_ROLLUP: Final = "no rollup"
"""Stands for a rule: gauges would be added up whose family does not say how."""
OUTCOMES: Final = (INVALID, COLLISION, UNLIKE, NO_ROLLUP)

MOST_ENDED: Final = 64
"""Ended series of one that is sent which are read again, as an increment may have been under way."""

_MERGES: Final[dict[str, Callable[[Sequence[float]], float]]] = {
    "sum": sum,
    "min": min,
    "max": max,
    "avg": lambda values: sum(values) / len(values),
}

_Kind: TypeAlias = tuple[MetricType, str, tuple[float, ...]]
"""Type, unit and bounds: all series of a name have the same."""


class Listener(Protocol):
    """Takes what filters do, to count and to log it."""

    def filtered(self, rule: str) -> None:
        """Count a series that a rule keeps from being sent on its own."""

    def tell(self, what: str, text: str) -> None:
        """Say something to whoever runs the program: once for each `what`."""


class SentSeries:
    """One series that is sent, and the program's series that are in it. Told from others by identity.

    Attributes:
        family: as it is sent.
        labels: as they are sent, sorted by name.
        gate: that of the only series in it; none where several have each their own.
        read: reads it: the call of the only series in it, or the sum of several.
        peek: reads it for a caller who holds the gate.
        marks: tells on which readings the value stands that was read last, where totals live outside of the process.
    """

    __slots__ = (
        *("_ended", "_live", "_marked", "_settled", "_told_once"),
        *("family", "gate", "labels", "marks", "peek", "read"),
    )

    def __init__(self, family: Family, labels: Labels, first: SourceSeries) -> None:
        self.family = family
        self.labels = labels
        self.gate: Gate | None = first.gate
        self._live = {first: None}
        self._ended: deque[SourceSeries] = deque()
        self._settled: Any = None
        self.read: Callable[[], SeriesValue] = first.read
        self.peek: Callable[[], SeriesValue] = first.peek
        self._marked: dict[SourceSeries, Callable[[], Sequence[Mark]]] = {}
        self._told_once: list[SourceSeries] = []
        self.marks: Callable[[], list[Mark]] = self._marks  # also of one that has none: others may join it
        self._mark(first)

    @property
    def parts(self) -> int:
        """How many live series are in it."""
        return len(self._live)

    @property
    def lives(self) -> bool:
        """Whether any series in it does."""
        return bool(self._live)

    def add(self, source: SourceSeries) -> None:
        """Add another series of the program. A caller who holds gates for several must look anew at their gates."""
        self._live[source] = None
        self._mark(source)
        self.gate = None
        self.peek = self.read = self._total

    def end(self, source: SourceSeries) -> None:
        """Take note that one has ended: its count stays, and it is read as long as it may go on counting."""
        del self._live[source]
        if self.family.type.incremental:
            self._ended.append(source)
            if len(self._ended) > MOST_ENDED:
                oldest = self._ended.popleft()
                value: Any = oldest.read()
                self._settled = value if self._settled is None else add_values(self._settled, value)
                if oldest in self._marked:
                    self._told_once.append(oldest)
        else:
            self._marked.pop(source, None)

    def _mark(self, source: SourceSeries) -> None:
        marks = getattr(source, "marks", None)
        if marks is not None:
            self._marked[source] = marks

    def _marks(self) -> list[Mark]:
        marks = [mark for tell in self._marked.values() for mark in tell()]
        for settled in self._told_once:
            del self._marked[settled]
        self._told_once.clear()
        return marks

    def _total(self) -> Any:
        values: list[Any] = [one.read() for one in (*self._live, *self._ended)]
        if not self.family.type.incremental:
            known = [value for value in values if not isnan(value)]
            return _MERGES[self.family.rollup[0]](known) if known else nan
        total: Any = self.family.zero if self._settled is None else self._settled
        for value in values:
            total = add_values(total, value)
        return total


class FilteredWatch:
    """Watch another watch's series as filters have them sent. Not thread-safe, as its writer is not.

    Args:
        watch: The program's series.
        filters: The rules.
        listener: Takes what they do.
    """

    def __init__(self, watch: Watch, filters: Filters, listener: Listener) -> None:
        self.filters = filters
        self._watch = watch
        self._listener = listener
        self._seen: tuple[SourceSeries, ...] | None = None
        self._sent: tuple[SentSeries, ...] = ()
        self._over: list[SentSeries] = []
        self._joined = False
        self._of: dict[SourceSeries, SentSeries | None] = {}
        self._by_labels: dict[tuple[str, Labels], SentSeries] = {}
        self._names: dict[str, tuple[_Kind, int]] = {}  # of those that are sent: their kind, and how many they are

    @property
    def refuse_newcomers(self) -> bool:
        """As the watch's."""
        return self._watch.refuse_newcomers

    @refuse_newcomers.setter
    def refuse_newcomers(self, refuse: bool) -> None:
        self._watch.refuse_newcomers = refuse

    def series(self) -> tuple[SentSeries, ...]:
        """Return the live series that are sent: the same tuple while none came or went, and none was added to one."""
        series, ended = self._watch.series(), self._watch.take_ended()
        if ended or series is not self._seen:
            self._seen = series
            self._end(ended)  # before others come, which may have their labels
            gone = set(ended)
            live = [one for one in series if one not in gone]
            self._admit(live)
            sent = dict.fromkeys([found for one in live if (found := self._of[one]) is not None])
            if self._joined or sent.keys() != set(self._sent):
                self._sent, self._joined = tuple(sent), False
        return self._sent

    def take_ended(self) -> Sequence[SentSeries]:
        """Return those in which no series lived any more when `series` was called last; each once."""
        over, self._over = self._over, []
        return over

    def sent_as(self, source: SourceSeries) -> SentSeries | None:
        """Return the series in which one is sent that `series` has met; None when it is not."""
        return self._of.get(source)

    def _end(self, ended: Iterable[SourceSeries]) -> None:
        for source in ended:
            self._admit([source])  # it may have come and gone since
            sent = self._of.pop(source)
            if sent is not None:
                sent.end(source)
                if not sent.lives:
                    del self._by_labels[_key(sent.family, sent.labels)]
                    self._count(sent.family, -1)
                    self._over.append(sent)

    def _count(self, family: Family, change: int) -> None:
        _, before = self._names.pop(family.name, (None, 0))
        if before + change:
            self._names[family.name] = _kind(family), before + change

    def _admit(self, series: Iterable[SourceSeries]) -> None:
        for source in series:
            if source not in self._of:
                self._of[source] = self._judge(source)

    def _judge(self, source: SourceSeries) -> SentSeries | None:
        decision = self.filters.decide({NAME: source.family.name, **dict(source.labels)})
        if decision.labels is None:
            self._leave_out(source, decision.dropped_by)
            return None
        if not is_valid(decision.labels, source.family):
            self._leave_out(source, INVALID, f"becomes {decision.labels}, which no series may be")
            return None
        family = renamed(source.family, decision.labels[NAME])
        labels = tuple(sorted((name, value) for name, value in decision.labels.items() if name != NAME))
        if not decision.steps:
            labels = source.labels
        if self._names.get(family.name, (_kind(family), 0))[0] != _kind(family):
            self._leave_out(source, UNLIKE, f"becomes {family.name}, which is of another type, unit or bounds")
            return None
        known = self._by_labels.get(_key(family, labels))
        if known is None:
            if decision.aggregated and not can_be_added(family):
                self._refuse_gauges(source)
                return None
            sent = self._by_labels[_key(family, labels)] = SentSeries(family, labels, source)
            self._count(family, 1)
            return sent
        return self._join(source, known, decision)

    def _join(self, source: SourceSeries, known: SentSeries, decision: Decision) -> SentSeries | None:
        if not can_be_added(known.family):
            self._refuse_gauges(source)
            return None
        if decision.aggregated:
            self._listener.filtered(decision.steps[-1].rule)
        else:
            self._listener.filtered(COLLISION)
            self._listener.tell(
                f"{COLLISION} {known.family.name}",
                f"rules take labels away from {source.family.name} by which alone its series are told apart: they are "
                "added up; an aggregate rule says that this is meant",
            )
        known.add(source)
        self._joined = True
        return known

    def _refuse_gauges(self, source: SourceSeries) -> None:
        self._leave_out(
            source,
            NO_ROLLUP,
            "is a gauge that would be merged with others, and its rollup= does not begin with sum, min, max or avg: it "
            "is not sent",
        )

    def _leave_out(self, source: SourceSeries, rule: str, text: str = "") -> None:
        self._listener.filtered(rule)
        if text:
            self._listener.tell(f"{rule} {source.family.name}", f"{source.family.name} {text}")


def gauges_without_rollup(series: Iterable[SourceSeries], filters: Filters) -> list[str]:
    """Name the families of gauges that aggregations would merge, and that do not say how."""
    found = {}
    for one in series:
        if not can_be_added(one.family) and one.family.name not in found:
            found[one.family.name] = filters.decide({NAME: one.family.name, **dict(one.labels)}).aggregated
    return [name for name, refused in found.items() if refused]


def can_be_added(family: Family) -> bool:
    """Tell whether values of a family can be merged: counts can, gauges as their family says."""
    return family.type.incremental or (bool(family.rollup) and family.rollup[0] in _MERGES)


def renamed(family: Family, name: str) -> Family:
    """Return a family under another name; its unit stays when the name ends with it."""
    if name == family.name:
        return family
    unit = family.unit if name.removesuffix("_total").endswith(f"_{family.unit}") else ""
    return replace(family, name=name, unit=unit)


def _kind(family: Family) -> _Kind:
    return family.type, family.unit, family.bounds


def _key(family: Family, labels: Labels) -> tuple[str, Labels]:
    """Return what a series is told from others by: an empty label is none."""
    return family.name, tuple(label for label in labels if label[1])


def is_valid(labels: dict[str, str], family: Family) -> bool:
    """Tell whether a series may be called so."""
    names = labels.keys() - {NAME}
    reserved = not names.isdisjoint(family.type.reserved_labels)
    name = labels.get(NAME, "")
    good_name = METRIC_NAME.fullmatch(name) is not None and len(name) <= MAX_NAME_LENGTH
    if name != family.name and name.startswith(RESERVED):  # the fleet's own names, the agent's among them
        return False
    return good_name and not reserved and all(LABEL_NAME.fullmatch(name) for name in names)
