"""Fold what programs post into families of this node. Pure: points and the time in, totals out.

A program tells totals since its start, several programs tell the same series, and any of them ends at any time. So the
last value of each series of each process is kept, and what it has more is added into one series here. The first value
counts in full when the series began after this source, and after whatever was forgotten of its process; else it is a
baseline, as a part of it may have been counted before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from hashlib import blake2b
from math import inf
from typing import Any, Final

from fog_agent.sources.otlp.attributes import canonical
from fog_agent.sources.otlp.families import Families, resource_labels, series_labels
from fog_agent.sources.otlp.limits import Limits
from fog_agent.sources.otlp.points import Bucketed, Kind, Point, Recorded, RefusedError, Unusable
from fog_agent.sources.otlp.request import CUMULATIVE, DELTA, MetricData
from fog_agent.sources.otlp.streams import Stream, take_change, take_delta, take_total, take_value
from fog_agent.sources.otlp.summaries import divided
from utilityfog_frontend.telemetry.model import FamilySnapshot, Labels
from utilityfog_frontend.telemetry.support.numeric import as_number

Take = Callable[[Stream, int, int, Any], None]

MOST_FORGOTTEN: Final = 4_096
"""Processes that are remembered after all else of them was forgotten, the oldest forgotten first."""


class Outcome:
    """The result of a request.

    Attributes:
        taken: points that were used.
        refused: points that were not, by reason.
        texts: for people, the first of each reason.
    """

    def __init__(self) -> None:
        self.taken = 0
        self.refused: Counter[str] = Counter()
        self.texts: dict[str, str] = {}

    def refuse(self, reason: str, text: str, count: int = 1) -> None:
        """Count points that were not used."""
        self.refused[reason] += count
        self.texts.setdefault(reason, text)


class _Metric:
    """One metric of one scope of one resource.

    Attributes:
        data: the metric without points.
        by_bytes: the newest stream of attributes as they were sent.
        streams: all of them, by their attributes in one order, and start.
        dropped: the latest start of those that were dropped.
    """

    __slots__ = ("by_bytes", "data", "dropped", "streams")

    def __init__(self, data: MetricData) -> None:
        self.data = data._replace(points=[])
        self.by_bytes: dict[bytes, Stream] = {}
        self.streams: dict[tuple[bytes, int], Stream] = {}
        self.dropped = 0


class _Resource:
    """A process that posts."""

    __slots__ = ("dropped", "key", "labels", "metrics", "seen")

    def __init__(self, key: bytes, labels: Labels, dropped: int, now: float) -> None:
        self.key = key
        self.labels = labels
        self.dropped = dropped
        self.seen = now
        self.metrics: dict[tuple[Any, ...], _Metric] = {}


class Fold:
    """The series of all programs that post. One thread at a time.

    Args:
        began: unix nanoseconds since when nothing that began can have been counted by an earlier life of this source.
        limits: what is held at most.
        promote: attributes of resources that become labels.
        scope_labels: whether series bear the name and version of their scope.
    """

    def __init__(
        self, began: int, limits: Limits | None = None, promote: tuple[str, ...] = (), *, scope_labels: bool = False
    ) -> None:
        self._limits = limits or Limits()
        self._promote = promote
        self._scope_labels = scope_labels
        self._dropped = began
        self._resources: dict[bytes, _Resource] = {}
        self._by_bytes: dict[bytes, _Resource] = {}
        self._forgotten: dict[bytes, int] = {}
        self._families = Families()
        self._series = 0
        self._allowed, self._allowed_at = 10.0 * self._limits.new_series, 0.0
        self._swept = 0.0

    @property
    def series(self) -> int:
        """How many series of processes are remembered."""
        return self._series

    @property
    def resources(self) -> int:
        """How many processes are remembered."""
        return len(self._resources)

    def apply(self, found: list[MetricData], now: float) -> Outcome:
        """Take the metrics of a request at a time in unix seconds."""
        outcome = Outcome()
        self._refill(now)
        for data in found:
            for part in divided(data) if data.kind is Kind.SUMMARY else (data,):
                try:
                    self._apply(part, now, outcome)
                except (RefusedError, UnicodeDecodeError) as error:
                    reason = error.reason if isinstance(error, RefusedError) else "name"
                    outcome.refuse(reason, str(error), len(part.points))
                except ValueError as error:
                    outcome.refuse("malformed", str(error), len(part.points))
        for text in self._families.clashes():
            outcome.texts.setdefault("name_clash", text)
        return outcome

    def families(self, now: float) -> list[FamilySnapshot]:
        """Return all families now, and forget what is idle: it was told once more."""
        found = [
            FamilySnapshot(output.family, output.snapshots(now - self._limits.stale)) for output in self._families.all()
        ]
        if now >= self._swept + self._limits.stale / 10 or now < self._swept:
            self._swept = now
            self._sweep(now - self._limits.idle)
        return found

    def _apply(self, data: MetricData, now: float, outcome: Outcome) -> None:
        take = _take_of(data)
        resource = self._resource(data.resource, now)
        metric = self._metric(resource, data)
        keep_start = take is take_total
        for point in data.points:
            attributes, start, time, value = point
            stream = metric.by_bytes.get(attributes)
            try:
                value = _checked(value, counts=take is take_total or take is take_delta)
                if stream is None or (keep_start and stream.start != start):
                    stream = self._stream(resource, metric, (attributes, start if keep_start else 0, time, value), now)
                if stream is not None:
                    _note(take, stream, (attributes, start, time, value), now)
                outcome.taken += 1
            except RefusedError as error:
                outcome.refuse(error.reason, f"{data.name.decode()}: {error}")
            except ValueError as error:
                outcome.refuse("malformed", f"{data.name.decode()}: {error}")

    def _metric(self, resource: _Resource, data: MetricData) -> _Metric:
        key = (data.scope, data.name, data.unit, data.kind, data.temporality, data.monotonic, data.suffix)
        metric = resource.metrics.get(key)
        if metric is None:
            metric = resource.metrics.setdefault((canonical(data.scope), *key[1:]), _Metric(data))
        return metric

    def _resource(self, message: bytes, now: float) -> _Resource:
        resource = self._by_bytes.get(message)
        if resource is None:
            key = canonical(message)
            resource = self._resources.get(key) or self._new_resource(key, now)
            if len(self._by_bytes) > 4 * self._limits.resources:
                self._by_bytes.clear()
            self._by_bytes[message] = resource
        resource.seen = now
        return resource

    def _new_resource(self, key: bytes, now: float) -> _Resource:
        if len(self._resources) >= self._limits.resources:
            raise RefusedError("resources", f"more than {self._limits.resources} processes post here")
        labels = resource_labels(key, self._promote)
        dropped = self._forgotten.pop(_digest(key), 0)
        resource = self._resources[key] = _Resource(key, labels, dropped, now)
        return resource

    def _stream(self, resource: _Resource, metric: _Metric, point: Point, now: float) -> Stream | None:
        """Return the stream of a point that was not found by the bytes of its attributes; None when it has ended."""
        attributes, start, _, value = point
        key = canonical(attributes), start
        stream = metric.streams.get(key)
        if stream is None and value is None:
            return None
        if stream is None:
            stream = self._new_stream(resource, metric, key, value, now)
        if len(metric.by_bytes) > 4 * len(metric.streams):
            metric.by_bytes.clear()
        metric.by_bytes[attributes] = stream
        return stream

    def _new_stream(
        self, resource: _Resource, metric: _Metric, key: tuple[bytes, int], value: Recorded | None, now: float
    ) -> Stream:
        limits = self._limits
        if self._series >= limits.series:
            raise RefusedError("series", f"more than {limits.series} series of all processes")
        if self._allowed < 1:
            raise RefusedError("new_series", f"more than {limits.new_series} new series a second")
        data = metric.data
        output = self._families.output(data, value.bounds if isinstance(value, Bucketed) else ())
        labels = series_labels(data, key[0], resource.labels, scope_labels=self._scope_labels)
        start = key[1]
        in_full = start > max(self._dropped, resource.dropped, metric.dropped)
        total = self._families.total(output, labels, start / 1e9 if in_full else now)
        stream = Stream(total, start, output.family.zero if in_full else None, now)
        total.streams.append(stream)
        metric.streams[key] = stream
        self._series += 1
        self._allowed -= 1
        return stream

    def _refill(self, now: float) -> None:
        passed = max(0.0, now - self._allowed_at)
        self._allowed_at = now
        self._allowed = min(10.0 * self._limits.new_series, self._allowed + passed * self._limits.new_series)

    def _sweep(self, before: float) -> None:
        """Forget what was told last before a time."""
        for resource in list(self._resources.values()):
            for key, metric in list(resource.metrics.items()):
                self._drop(metric, before)
                if not metric.streams:
                    del resource.metrics[key]
                    resource.dropped = max(resource.dropped, metric.dropped)
            if resource.seen < before:
                del self._resources[resource.key]
                self._by_bytes = {key: one for key, one in self._by_bytes.items() if one is not resource}
                self._forget(resource)

    def _drop(self, metric: _Metric, before: float) -> None:
        idle = [(key, stream) for key, stream in metric.streams.items() if stream.seen < before]
        for key, stream in idle:
            del metric.streams[key]
            stream.total.streams.remove(stream)
            metric.dropped = max(metric.dropped, stream.start)
        if idle:
            metric.by_bytes.clear()
            self._series -= len(idle)
            self._families.drop_empty()

    def _forget(self, resource: _Resource) -> None:
        self._forgotten[_digest(resource.key)] = resource.dropped
        while len(self._forgotten) > MOST_FORGOTTEN:
            oldest = next(iter(self._forgotten))
            self._dropped = max(self._dropped, self._forgotten.pop(oldest))


def _digest(key: bytes) -> bytes:
    return blake2b(key, digest_size=16).digest()


def _take_of(data: MetricData) -> Take:
    """Choose how the values of a metric are taken.

    Raises:
        RefusedError: It does not say whether they are totals.
    """
    if data.kind is Kind.GAUGE:
        return take_value
    if data.temporality not in (DELTA, CUMULATIVE):
        raise RefusedError("temporality", f"{data.name.decode()}: is neither cumulative nor delta")
    delta = data.temporality == DELTA
    if data.kind is Kind.SUM and not data.monotonic:
        return take_change if delta else take_value
    return take_delta if delta else take_total


def _checked(value: Recorded | None, *, counts: bool) -> Recorded | None:
    """Return a value as it is kept.

    Raises:
        RefusedError: There is no place for it.
    """
    if type(value) is int:
        if counts and value < 0:
            raise RefusedError("value", f"a count is {value}")
    elif type(value) is float:
        if counts and not 0 <= value < inf:
            raise RefusedError("value", f"a count is {value}")
        return as_number(value)
    elif type(value) is Unusable:
        raise RefusedError(*value)
    return value


def _note(take: Take, stream: Stream, point: Point, now: float) -> None:
    """Note a point in its stream.

    Raises:
        RefusedError: Its bounds are other ones, or it fell and should not.
    """
    _, start, time, value = point
    stream.seen = now
    if value is None:  # a gauge ends; a count stays what it is until its process is forgotten
        if not stream.total.family.type.incremental:
            stream.last = None
        return
    if type(value) is Bucketed:
        if value.bounds != stream.total.family.bounds:
            raise RefusedError("bounds", "its bounds are not what they were")
        if value.exemplars:
            stream.total.exemplars = stream.total.exemplars | value.exemplars
        take(stream, start, time, value.value)
    else:
        take(stream, start, time, value)
