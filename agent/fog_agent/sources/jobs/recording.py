"""Puts what jobs tell into a collector: ordinary counters, gauges and histograms, with limits for each user."""

from __future__ import annotations

from collections import Counter as Tally
from typing import Any, Final, NamedTuple

from utilityfog_frontend.telemetry.collector import TelemetryCollector
from utilityfog_frontend.telemetry.names import RESERVED

from .kinds import OF_RUNS, Kind, help_of
from .message import Line, RefusedError

CLASH: Final = "clash"
LABELS: Final = "labels"
SERIES: Final = "series"
NAME: Final = "name"
MOST_SERIES: Final = 10_000
"""Series of all users together; none is ever forgotten."""


class _Family(NamedTuple):
    """A metric that jobs have begun."""

    metric: Any
    kind: Kind
    names: tuple[str, ...]


class Moment(NamedTuple):
    """When something was told, unix seconds.

    Attributes:
        at: by the sender's word if it came by the spool, and never later than now; else now.
        now: when it was taken.
    """

    at: float
    now: float


class Entry(NamedTuple):
    """Say what a line does: to a series, or as an event; a gauge's that comes late has neither."""

    line: Line
    moment: Moment
    series: Any

    @property
    def counts(self) -> bool:
        """Whether it is a count: of a gauge and an event nothing is kept beyond the process."""
        return self.series is not None and self.line.kind is not None and not self.line.kind.latest


class Recorder:
    """The metrics of jobs. One call at a time.

    Args:
        collector: gets them.
        max_series: of each user.
    """

    def __init__(self, collector: TelemetryCollector, max_series: int) -> None:
        self._collector = collector
        self._max_series = max_series
        self._families: dict[str, _Family] = {}
        self._latest: dict[tuple[str, tuple[str, ...]], float] = {}
        self._series: Tally[int] = Tally()

    def plan(self, uid: int, line: Line, moment: Moment) -> Entry:
        """Say what a line of a user is to do; make its series if need be.

        Raises:
            RefusedError: it cannot be.
        """
        if line.kind is None:
            return Entry(line, moment, None)
        family = self._families.get(line.name)
        if family is None:
            self._check_room(uid, line.name)  # before it is registered: a family is never forgotten
            family = self._new_family(line, line.kind)
        if family.kind is not line.kind:
            raise RefusedError(CLASH, f"{line.name} is a {family.kind.word} here, not a {line.kind.word}")
        if others := line.labels.keys() - set(family.names):
            has = ", ".join(family.names) or "none"
            raise RefusedError(LABELS, f"{line.name}: label {min(others)} is not of its first line's, which are {has}")
        values = tuple(line.labels.get(name, "") for name in family.names)
        before = self._latest.get((line.name, values))
        if before is None:
            self._check_room(uid, line.name)
            self._series[uid] += 1
        latest = min(before or 0.0, moment.now)  # a clock that went back must not hold up a gauge
        self._latest[line.name, values] = max(moment.at, latest)
        late = line.kind.latest and moment.at < latest
        return Entry(line, moment, None if late else family.metric.labels(*values) if values else family.metric)

    def make(self, entry: Entry) -> None:
        """Do what a line says. A gauge does not go back to an earlier value."""
        line = entry.line
        if line.kind is None:
            self._collector.record_event(line.name, line.text or None, line.labels, {"told_at": entry.moment.at})
        elif entry.series is not None:
            line.kind.take(entry.series, line.value)

    def _check_room(self, uid: int, name: str) -> None:
        if self._series[uid] >= self._max_series or len(self._latest) >= MOST_SERIES:
            raise RefusedError(SERIES, f"{name}: user {uid} has {self._series[uid]} series, and gets no more")

    def _new_family(self, line: Line, kind: Kind) -> _Family:
        """Register a metric.

        Raises:
            RefusedError: its name is another's, or nobody's.
        """
        name, names = line.name, tuple(line.labels)
        if name in OF_RUNS:
            kind, names = OF_RUNS[name]
        if name.startswith(RESERVED) or self._collector.get_metric(name) is not None:
            raise RefusedError(NAME, f"{name} is not a job's: there is another metric with this name")
        labels: dict[str, Any] = {"labels": names, "max_children": MOST_SERIES} if names else {}
        try:
            metric = kind.register(self._collector, name, help_of(name), labels)
        except ValueError as error:
            raise RefusedError(NAME, str(error)) from None
        family = self._families[name] = _Family(metric, kind, names)
        return family
