"""The series that a writer follows, and each of them in an epoch: its id, where its count begins, its last value.

A node's writer follows the series of a collector, an aggregator's the totals of its subtree: the same rules hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, Protocol, TypeAlias

from fog_agent.core.sections import SECTIONS
from fog_agent.core.summary import GaugeSummary
from utilityfog_frontend.telemetry.foreign.readings import Mark
from utilityfog_frontend.telemetry.model import Family, Labels, Value, subtract_values

READ_TOGETHER: Final = 256
"""Series read while their gate is held once: other threads may be waiting for it."""

Pause: TypeAlias = Callable[[], None]
"""Called often within long work: it may let other threads run for a moment."""


def no_pause() -> None:
    """Go on at once."""


SeriesValue: TypeAlias = Value | GaugeSummary
"""The value of a series; a gauge of many nodes is a summary."""


class Gate(Protocol):
    """Held while several series are read together."""

    @property
    def lock(self) -> AbstractContextManager[object]:
        """Held while they are read."""

    def tell_dropped(self) -> None:
        """Count what reading has refused; called when the lock is free again."""


class SourceSeries(Protocol):
    """A series that a writer follows: one incarnation, told from another by identity."""

    @property
    def family(self) -> Family:
        """Its name, type, unit and so on."""

    @property
    def labels(self) -> Labels:
        """Sorted by name."""

    @property
    def gate(self) -> Gate | None:
        """The gate that is held to read many of them for less; None when nothing else writes to it."""

    def read(self) -> SeriesValue:
        """Tell what it has counted since it began, or is now."""

    def peek(self) -> SeriesValue:
        """As `read`, for a caller who holds the gate."""


class Watch(Protocol):
    """Tells which series exist.

    Attributes:
        refuse_newcomers: while true, none begins and none ends to begin anew.
    """

    refuse_newcomers: bool

    def series(self) -> tuple[SourceSeries, ...]:
        """Return all live series: the same tuple while none came or went."""

    def take_ended(self) -> Sequence[SourceSeries]:
        """Return those that ended since the last call, still readable."""


class EpochSeries:
    """One series of an epoch.

    Attributes:
        id: its number in the epoch, never used for a second series.
        source: the series itself.
        origin: what it had counted before the epoch began (None: nothing); its value is what came since.
        base: the value that was last encoded, in this epoch; None before the first time.
        fresh: the value that the frame under way has, if it has one of this series.
        last_read: what the source said when it was last read; None before the first time.
        incremental: its values are counts, which outlive it.
        sections: the sections of a frame that take its values, by their type.
        marks: tells on which readings the value stands that was read last, where totals live outside of the process.
    """

    __slots__ = ("base", "fresh", "id", "incremental", "last_read", "marks", "origin", "sections", "source")

    def __init__(self, number: int, source: SourceSeries, origin: SeriesValue | None = None) -> None:
        self.id = number
        self.source = source
        self.origin = origin
        self.base: SeriesValue | None = None
        self.fresh: SeriesValue | None = None
        self.last_read: SeriesValue | None = None
        self.incremental = source.family.type.incremental
        self.sections = SECTIONS[source.family.type]
        self.marks: Callable[[], Sequence[Mark]] | None = getattr(source, "marks", None)

    def value(self) -> SeriesValue:
        """Read what the series has counted since the epoch began; a gauge's value as it is."""
        value = self.last_read = self.source.read()
        return value if self.origin is None else _since(self.origin, value)


PeekAll: TypeAlias = Callable[[Sequence[Any]], Sequence[SeriesValue]]
"""As `peek`, of several sources of one type and gate. A type has it as a static method, and no subclass inherits it."""

NUMBERS: Final = frozenset((int, float))
"""Types of values that the collector of garbage does not count."""


class EpochSeriesSet:
    """The series of an epoch, in the order of their ids.

    Neighbours of one family are read while their gate is held once, for half the price; but not gauges, which may be
    functions of the program's that would wait for it.

    Python's collector of garbage stops the whole program, and runs when 700 objects more were made than went. So
    nothing is made for a series that has changed but its value, and the values that were encoded before the last ones
    stay until new ones come in their place.
    """

    def __init__(self, series: Iterable[EpochSeries] = (), pause: Pause = no_pause) -> None:
        self.ordered = sorted(series, key=attrgetter("id"))
        self._replaced: list[SeriesValue | None] = []
        self._groups: list[_Group] = []
        for (gate, _), neighbours in groupby(self.ordered, key=_together):
            group = list(neighbours)
            self._groups += [_Group(gate, group[at : at + READ_TOGETHER]) for at in range(0, len(group), READ_TOGETHER)]
            pause()

    def changes(self, pause: Pause = no_pause) -> list[EpochSeries]:
        """Read all; return those whose fresh value differs from what was encoded last, or is the first."""
        changes: list[EpochSeries] = []
        replaced, self._replaced = self._replaced, []
        for group in self._groups:
            begin, gate = len(changes), group.gate
            with nullcontext() if gate is None else gate.lock:
                values = group.peek_all(group.sources)
            for series, value in zip(group.series, values, strict=True):  # in one loop, as a node does this each time
                series.last_read = value
                if series.origin is not None:
                    value = _since(series.origin, value)  # noqa: PLW2901
                base = series.base
                if value is not base and value != base and (value == value or base == base):  # noqa: PLR0124 (NaN)
                    series.fresh = value
                    changes.append(series)
            if len(changes) > begin and type(changes[begin].fresh) not in NUMBERS:
                self._replaced += [series.base for series in changes[begin:]]
                del replaced[max(0, len(replaced) + begin - len(changes)) :]
            if gate is not None:
                gate.tell_dropped()
            pause()
        return changes


class _Group:
    """Neighbours that are read together: of one gate, and of one type of source.

    Args:
        gate: is held meanwhile, if there is one.
        series: at least one.
    """

    __slots__ = ("gate", "peek_all", "series", "sources")

    def __init__(self, gate: Gate | None, series: list[EpochSeries]) -> None:
        self.gate = gate
        self.series = series
        self.sources = [one.source for one in series]
        self.peek_all: PeekAll = getattr(vars(type(self.sources[0])).get("peek_all"), "__func__", _peek_each)


def _together(series: EpochSeries) -> tuple[Gate | None, type]:
    return series.source.gate if series.incremental else None, type(series.source)


def _peek_each(sources: Sequence[SourceSeries]) -> list[SeriesValue]:
    return [source.peek() for source in sources]


def _since(origin: SeriesValue, value: SeriesValue) -> SeriesValue:
    return subtract_values(value, origin)  # type: ignore[type-var]  # only counts have an origin
