"""A series as its writer sees it: its id in the epoch, where the epoch's count begins, and what was last encoded."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from itertools import groupby
from operator import attrgetter
from typing import Final

from utilityfog_frontend.telemetry.instruments.gate import Gate
from utilityfog_frontend.telemetry.instruments.series import Series
from utilityfog_frontend.telemetry.model import MetricType, Value, subtract_values

READ_TOGETHER: Final = 256
"""Series read under one taking of their gate: other threads may be waiting for it."""


class Tracked:
    """One series of an epoch.

    Attributes:
        id: its number in the epoch, never used for a second series.
        origin: what it had counted before the epoch began (None: nothing); its value is what came since.
        base: the value that was last encoded, in this epoch; None before the first time.
        reading: what the series itself said when it was last read; None before the first time.
    """

    __slots__ = ("base", "id", "is_gauge", "origin", "reading", "series")

    def __init__(self, number: int, series: Series, origin: Value | None = None) -> None:
        self.id = number
        self.series = series
        self.origin = origin
        self.base: Value | None = None
        self.reading: Value | None = None
        self.is_gauge = series.family.type is MetricType.GAUGE

    def value(self) -> Value:
        """What the series has counted since the epoch began; a gauge's value as it is."""
        value = self.reading = self.series.read()
        return value if self.origin is None else subtract_values(value, self.origin)

    def news(self) -> Value | None:
        """The value, when it must be sent: it differs from what was encoded last, or is the first. None when not.

        The caller holds the gate of a series that is not a gauge.
        """
        value = self.reading = self.series.peek()
        if self.origin is not None:
            value = subtract_values(value, self.origin)
        base = self.base
        if value != base and (value == value or base == base):  # noqa: PLR0124 (a gauge that was NaN and is)
            return value
        return None


class Members:
    """The series of an epoch, in the order of their ids.

    Neighbours of one family are read under one taking of its gate, for half the price; but for gauges, which may be
    functions of the program's that would wait for it.
    """

    def __init__(self, tracked: Iterable[Tracked] = ()) -> None:
        self.ordered = sorted(tracked, key=attrgetter("id"))
        self._groups: list[tuple[Gate | None, list[Tracked]]] = []
        for gate, neighbours in groupby(self.ordered, key=lambda one: None if one.is_gauge else one.series.gate):
            group = list(neighbours)
            self._groups += [(gate, group[at : at + READ_TOGETHER]) for at in range(0, len(group), READ_TOGETHER)]

    def news(self) -> list[tuple[Tracked, Value]]:
        """Those whose value must be sent, with it."""
        news: list[tuple[Tracked, Value]] = []
        for gate, group in self._groups:
            with nullcontext() if gate is None else gate.lock:
                news += [(tracked, value) for tracked in group if (value := tracked.news()) is not None]
            if gate is not None:
                gate.tell_dropped()
        return news
