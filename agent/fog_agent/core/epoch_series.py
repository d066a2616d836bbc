"""What a writer follows, and each series as it sees it: its id, where its count begins, what was last encoded.

A node's writer follows the series of a collector, an aggregator's the totals of its subtree: the same rules hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from itertools import groupby
from operator import attrgetter
from typing import Final, Protocol, TypeAlias

from fog_agent.core.summary import GaugeSummary
from utilityfog_frontend.telemetry.instruments.gate import Gate
from utilityfog_frontend.telemetry.model import Family, Labels, MetricType, Value, subtract_values

READ_TOGETHER: Final = 256
"""Series read under one taking of their gate: other threads may be waiting for it."""


SeriesValue: TypeAlias = Value | GaugeSummary
"""What a series says: a gauge of many nodes is a summary."""


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
        """What is taken to read many of them for less; None when nothing else writes to it."""

    def read(self) -> SeriesValue:
        """What it has counted since it began, or is now."""

    def peek(self) -> SeriesValue:
        """As `read`, for a caller who holds the gate."""


class Watch(Protocol):
    """Tells which series there are.

    Attributes:
        refuse_newcomers: while true, none begins and none ends to begin anew.
    """

    refuse_newcomers: bool

    def series(self) -> tuple[SourceSeries, ...]:
        """All live series: the same tuple while none came or went."""

    def take_ended(self) -> Sequence[SourceSeries]:
        """Those that ended since the last call, still readable."""


class EpochSeries:
    """One series of an epoch.

    Attributes:
        id: its number in the epoch, never used for a second series.
        origin: what it had counted before the epoch began (None: nothing); its value is what came since.
        base: the value that was last encoded, in this epoch; None before the first time.
        reading: what the series itself said when it was last read; None before the first time.
    """

    __slots__ = ("base", "id", "is_gauge", "origin", "reading", "series")

    def __init__(self, number: int, series: SourceSeries, origin: SeriesValue | None = None) -> None:
        self.id = number
        self.series = series
        self.origin = origin
        self.base: SeriesValue | None = None
        self.reading: SeriesValue | None = None
        self.is_gauge = series.family.type is MetricType.GAUGE

    def value(self) -> SeriesValue:
        """What the series has counted since the epoch began; a gauge's value as it is."""
        value = self.reading = self.series.read()
        return value if self.origin is None else _since(self.origin, value)


class EpochSeriesSet:
    """The series of an epoch, in the order of their ids.

    Neighbours of one family are read under one taking of its gate, for half the price; but for gauges, which may be
    functions of the program's that would wait for it.
    """

    def __init__(self, tracked: Iterable[EpochSeries] = ()) -> None:
        self.ordered = sorted(tracked, key=attrgetter("id"))
        self._groups: list[tuple[Gate | None, list[EpochSeries]]] = []
        for gate, neighbours in groupby(self.ordered, key=lambda one: None if one.is_gauge else one.series.gate):
            group = list(neighbours)
            self._groups += [(gate, group[at : at + READ_TOGETHER]) for at in range(0, len(group), READ_TOGETHER)]

    def changes(self) -> list[tuple[EpochSeries, SeriesValue]]:
        """Those whose value must be sent, with it: it differs from what was encoded last, or is the first."""
        changes: list[tuple[EpochSeries, SeriesValue]] = []
        for gate, group in self._groups:
            with nullcontext() if gate is None else gate.lock:
                for tracked in group:  # in one loop, as a node does this in each interval for each of its series
                    value = tracked.reading = tracked.series.peek()
                    if tracked.origin is not None:
                        value = _since(tracked.origin, value)
                    base = tracked.base
                    if value != base and (value == value or base == base):  # noqa: PLR0124 (a gauge that was NaN and is)
                        changes.append((tracked, value))
            if gate is not None:
                gate.tell_dropped()
        return changes


def _since(origin: SeriesValue, reading: SeriesValue) -> SeriesValue:
    return subtract_values(reading, origin)  # type: ignore[arg-type]  # only counts have an origin
