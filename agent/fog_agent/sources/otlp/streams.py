"""Remember the series of programs, and the totals that they are added into. Pure.

A stream is one series of one process: of a count also one start. A total is one series here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fog_agent.sources.otlp.distributions import room
from fog_agent.sources.otlp.points import RefusedError
from utilityfog_frontend.telemetry.kinds import fell
from utilityfog_frontend.telemetry.model import Exemplar, ExponentialValue, Family, Labels, SeriesSnapshot, Value
from utilityfog_frontend.telemetry.support.numeric import as_number


class Total:
    """One series of a family here. Its streams are those that it is made of.

    Attributes:
        family: what it is a series of.
        labels: its own.
        created: unix seconds of the beginning of its count.
        value: what was counted; of a gauge nothing.
        streams: the live ones.
        exemplars: the latest by bucket.
    """

    __slots__ = ("created", "exemplars", "family", "labels", "streams", "value")

    def __init__(self, family: Family, labels: Labels, created: float) -> None:
        self.family = family
        self.labels = labels
        self.created = created
        self.value: Value = family.zero
        self.streams: list[Stream] = []
        self.exemplars: dict[int, Exemplar] = {}

    def add(self, grown: Any) -> None:
        """Count more."""
        if isinstance(grown, ExponentialValue):
            one, other = room(self.value, grown)  # type: ignore[arg-type] # values of one family are of one kind
            self.value = one + other
        else:
            self.value = self.value + grown


class Stream:
    """One series of one process.

    Attributes:
        total: what it is added into.
        start: unix nanoseconds of its start, of a cumulative count; 0 for any other.
        time: unix nanoseconds of its latest point.
        last: its latest value; None before there is any.
        seen: unix seconds when it was told last.
        span: of what is told as changes, the start and the time of the latest one.
    """

    __slots__ = ("last", "seen", "span", "start", "time", "total")

    def __init__(self, total: Total, start: int, last: Any, now: float) -> None:
        self.total = total
        self.start = start
        self.time = 0
        self.last = last
        self.seen = now
        self.span: tuple[int, int] | None = None


@dataclass(slots=True)
class Output:
    """A family here.

    Attributes:
        family: its name, type, bounds and so on.
        origin: the name that it has where it comes from.
        added: of a gauge, whether what several processes say is added; else the latest counts.
        totals: its series.
    """

    family: Family
    origin: str
    added: bool
    totals: dict[Labels, Total] = field(default_factory=dict)

    def snapshots(self, fresh: float) -> list[SeriesSnapshot]:
        """Return its series now, of gauges those that were told since `fresh` (unix seconds)."""
        if self.family.type.incremental:
            return [
                SeriesSnapshot(one.labels, _bounded(one.value), one.created, one.exemplars or None)
                for one in self.totals.values()
            ]
        found = []
        for one in self.totals.values():
            streams = [stream for stream in one.streams if stream.seen >= fresh and stream.last is not None]
            if streams:
                latest = max(streams, key=lambda stream: (stream.seen, stream.time)).last
                value = sum(stream.last for stream in streams) if self.added else latest
                found.append(SeriesSnapshot(one.labels, as_number(value)))
        return found


def _bounded(value: Value) -> Value:
    return as_number(value) if isinstance(value, int | float) else value


def take_total(stream: Stream, start: int, time: int, value: Any) -> None:
    """Take a cumulative count. One that comes late is lower, and is no new beginning.

    Raises:
        RefusedError: It fell, and says that it began when it did before: two programs tell it, and neither can be told
            from the other.
    """
    last = stream.last
    if last is not None:
        more = grown(value, last)
        if more is value and last:
            if time < stream.time:
                return
            if start:
                raise RefusedError("fell", "a total fell, though it says that it began when it did before")
        stream.total.add(more)
    stream.last, stream.time = value, time


def take_delta(stream: Stream, start: int, time: int, value: Any) -> None:
    """Take what was counted in a while; once when it is sent twice."""
    if stream.span != (start, time):
        stream.span, stream.time, stream.last = (start, time), time, 0
        stream.total.add(value)


def take_value(stream: Stream, start: int, time: int, value: Any) -> None:
    """Take the value of a gauge."""
    del start
    stream.last, stream.time = value, time


def take_change(stream: Stream, start: int, time: int, value: Any) -> None:
    """Take by how much a gauge has changed; once when it is sent twice."""
    if stream.span != (start, time):
        stream.span, stream.time, stream.last = (start, time), time, (stream.last or 0) + value


def grown(value: Any, last: Any) -> Any:
    """Return what a total has counted since an earlier one; all of it when it is lower, as it began anew."""
    if isinstance(value, ExponentialValue):
        later, earlier = room(value, last)
        more = later - earlier
        return value if any(count < 0 for count in more.counts) else more
    return value if fell(last, value) else value - last
