"""Samples as the families and series of a collector. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import inf, isfinite, isnan, nan
from typing import Final

from fog_agent.sources.names import valid_label_name, valid_metric_name
from fog_agent.sources.scraping.text import parse_number
from utilityfog_frontend.telemetry.kinds import HistogramValue, MetricType, Value
from utilityfog_frontend.telemetry.labels import sorted_labels
from utilityfog_frontend.telemetry.model import Family, FamilySnapshot, Labels, SeriesSnapshot
from utilityfog_frontend.telemetry.names import refuse_unpublishable

JITTER: Final = 1.0
"""Seconds by which a time of creation may rise and be the same: some programs compute it."""
WHOLE: Final = 2.0**53

Refuse = Callable[[str, str], None]
"""Takes a reason and a text."""


class Sample:
    """One sample of a page: its latest value.

    Attributes:
        key: The bytes before the value, where they are known.
        value: The value.
        page: The number of the page that has it.
        series: The series that it is the value of, or a part; None for a time of creation.
    """

    __slots__ = ("key", "page", "series", "value")

    def __init__(self, key: bytes, value: float) -> None:
        self.key = key
        self.value = value
        self.page = 0
        self.series: _Series | None = None


@dataclass(slots=True)
class _Series:
    """One series.

    Attributes:
        labels: With ours.
        parts: Its samples by their part: the bound of a bucket, `_sum`, `_count`, or nothing.
        created: Its time of creation.
        raw: The time of creation as the target told it last.
        reported: The time of creation as it is reported.
        place: Where it is among the families that were shown last: the number of the family, and its own there.
    """

    labels: Labels
    parts: dict[float | str, Sample] = field(default_factory=dict)
    created: Sample | None = None
    raw: float | None = None
    reported: float | None = None
    place: tuple[int, int] = (0, 0)


@dataclass(slots=True)
class _Group:
    """One family: its series by the labels that the target gives them."""

    name: str
    type: MetricType
    help: str = ""
    series: dict[Labels, _Series] = field(default_factory=dict)


class Families:
    """The families of one target. Not thread-safe.

    Args:
        own: Labels that each series gets.
        honor: A label of the target's own stays as it is, in place of ours; else it becomes `exported_…`.
    """

    def __init__(self, own: dict[str, str], *, honor: bool = False) -> None:
        self._own = own
        self._honor = honor
        self._types: dict[str, str] = {}
        self._helps: dict[str, str] = {}
        self._groups: dict[str, _Group] = {}
        self._shown: list[FamilySnapshot] = []

    def clear(self, *, types: bool = False) -> None:
        """Forget all samples; types and helps stay, or not."""
        self._groups.clear()
        if types:
            self._types.clear()
            self._helps.clear()

    @property
    def described(self) -> int:
        """How many types and helps are known."""
        return len(self._types) + len(self._helps)

    def describe(self, name: str, text: str) -> None:
        """Take a metric's help."""
        self._helps[name] = text

    def declare(self, name: str, kind: str) -> bool:
        """Take a metric's type; tell whether it had another one, or samples without one."""
        before = self._types.get(name)
        self._types[name] = kind
        samples = (name + suffix for suffix in ("", "_bucket", "_sum", "_count"))
        return before != kind and (before is not None or any(one in self._groups for one in samples))

    def add(self, name: str, labels: dict[str, str], sample: Sample, page: int) -> None:
        """Take a sample that was not there before, on the page of this number.

        Raises:
            ValueError: It cannot be one.
        """
        base, suffix = self._base_of(name)
        kind = self._types.get(base, "untyped")
        if suffix == "_created":
            counts = (base + "_sum", base + "_count") if kind == "summary" else (base,)
            for one in counts:
                self._series(one, "counter" if kind == "summary" else kind, labels).created = sample
            return
        part: float | str = ""
        if kind == "histogram":
            labels, part = _part_of(suffix, labels)
        elif kind == "summary" and suffix:
            base, kind = name, "counter"
        series = self._series(base, kind, labels)
        before = series.parts.get(part)
        if before is not None and before.page == page:
            raise ValueError(f"{name} is there twice, with labels that are written in two ways")
        series.parts[part], sample.series = sample, series

    def snapshots(self, page: int, now: float, since: float | None, refuse: Refuse) -> list[FamilySnapshot]:
        """Return the families of a page; what it does not have is forgotten.

        Args:
            page: Its number.
            now: Unix seconds.
            since: Unix seconds before which the page before it was asked for; None on the first.
            refuse: Takes a series that cannot be counted.
        """
        shown: list[FamilySnapshot] = []
        for name, group in list(self._groups.items()):
            found = _snapshots_of(group, page, now, since, refuse, len(shown))
            shown += [
                FamilySnapshot(Family(group.name, group.type, group.help, bounds=bounds), snapshots)
                for bounds, snapshots in found.items()
            ]
            if not group.series:
                del self._groups[name]
        self._shown = shown
        return shown

    def changed(self, samples: Iterable[Sample]) -> list[FamilySnapshot]:
        """Return the families of a page that has the samples of the last one, with other values of these alone.

        A series with the same value is the same object as before. Nothing is returned where all must be looked at.
        """
        shown = self._shown.copy()
        if not shown:
            return []
        columns: dict[int, list[SeriesSnapshot]] = {}
        at, done = -1, None
        for sample in samples:
            series = sample.series
            if series is None:
                return []
            if series is done:  # another part of the same histogram
                continue
            done = series
            number, place = series.place
            if number != at:
                at, family = number, shown[number].family
                is_count = family.type.incremental and not family.type.has_buckets
                if number not in columns:
                    columns[number] = list(shown[number].series)
                    shown[number] = FamilySnapshot(family, columns[number])
                column = columns[number]
            value: Value = sample.value
            if not (is_count and type(value) is int):
                try:
                    _, value = _value(family.type, series.parts)
                except ValueError:
                    return []
            column[place] = SeriesSnapshot(column[place].labels, value, series.reported)
        self._shown = shown
        return shown

    def _base_of(self, name: str) -> tuple[str, str]:
        """Return the metric that a sample is of, and what follows its name."""
        base, _, word = name.rpartition("_")
        suffix = "_" + word
        if name in self._types and suffix != "_created":
            return name, ""
        if suffix in {"_sum", "_count", "_bucket"}:
            kind = self._types.get(base)
            if kind == "histogram" or (kind == "summary" and suffix != "_bucket"):
                return base, suffix
        if suffix == "_created":
            for owner in (base, base + "_total"):
                if self._types.get(owner) in {"counter", "histogram", "summary"}:
                    return owner, suffix
        return name, ""

    def _series(self, base: str, kind: str, labels: dict[str, str]) -> _Series:
        type_ = _TYPES[kind if kind in _TYPES else "counter" if base.endswith("_total") else "gauge"]
        group = self._groups.get(base)
        if group is None:
            name = valid_metric_name(base)
            refuse_unpublishable(name, reserved_names=False)
            group = self._groups[base] = _Group(name, type_, self._helps.get(base, ""))
        key = sorted_labels(labels)
        series = group.series.get(key)
        if series is None:
            series = group.series[key] = _Series(self._labels(labels))
        return series

    def _labels(self, labels: dict[str, str]) -> Labels:
        """Return the labels of a series with ours."""
        found = {valid_label_name(label): text for label, text in labels.items()}
        if len(found) < len(labels):
            raise ValueError(f"two labels of {', '.join(labels)} become one")
        for label, text in self._own.items():
            theirs = found.get(label)
            if theirs is not None and self._honor:
                continue
            if theirs is not None:
                exported = "exported_" + label
                while exported in found:
                    exported = "exported_" + exported
                found[exported] = theirs
            found[label] = text
        return sorted_labels(found)


_TYPES: Final = {
    "counter": MetricType.COUNTER,
    "gauge": MetricType.GAUGE,
    "histogram": MetricType.HISTOGRAM,
    "summary": MetricType.GAUGE,
}
"""Types of the text format; what has none is a gauge, or a counter by a name that ends in `_total`."""
TYPES: Final = frozenset({*_TYPES, "untyped", "unknown"})


def _part_of(suffix: str, labels: dict[str, str]) -> tuple[dict[str, str], float | str]:
    """Return the labels of a histogram's sample without `le`, and which part of it this is."""
    if suffix in {"_sum", "_count"}:
        return labels, suffix
    if suffix != "_bucket" or "le" not in labels:
        raise ValueError("a histogram has a sample that is neither _bucket with le, nor _sum, nor _count")
    bound = parse_number(labels["le"].encode())
    if isnan(bound):
        raise ValueError("a bucket has no bound")
    return {label: text for label, text in labels.items() if label != "le"}, bound


def _snapshots_of(
    group: _Group, page: int, now: float, since: float | None, refuse: Refuse, number: int
) -> dict[tuple[float, ...], list[SeriesSnapshot]]:
    """Return the series of a page by their bounds; what the page does not have is forgotten.

    Args:
        group: Their family.
        page: The page's number.
        now: Unix seconds.
        since: As for `Families.snapshots`.
        refuse: Takes a series that cannot be counted.
        number: How many families there are before this one.
    """
    found: dict[tuple[float, ...], list[SeriesSnapshot]] = {}
    for key, series in list(group.series.items()):
        _prune(series, page)
        if not series.parts:
            _end(group, key, page)
            continue
        try:
            bounds, value = _value(group.type, series.parts)
        except ValueError as error:
            refuse("buckets" if group.type.has_buckets else "value", f"{group.name}: {error}")
            continue
        created = None if series.created is None and series.raw is None else _created(series, page, now, since)
        column = found.setdefault(bounds, [])
        series.place = (number + list(found).index(bounds), len(column))
        column.append(SeriesSnapshot(series.labels, value, created))
    return found


def _prune(series: _Series, page: int) -> None:
    for sample in series.parts.values():
        if sample.page != page:
            series.parts = {part: one for part, one in series.parts.items() if one.page == page}
            return


def _end(group: _Group, key: Labels, page: int) -> None:
    """Forget a series that has no samples; one that has its creation reported goes on."""
    created = group.series[key].created
    if created is None or created.page != page:
        del group.series[key]


def _created(series: _Series, page: int, now: float, since: float | None) -> float | None:
    """Return when a series was created, as far as a reader can tell.

    All of a count is new when its creation rose, also when the target was away for longer, and when it was created
    after the last page was asked for. The collector was read at other times: so it is reported as of now.
    """
    if series.created is not None and series.created.page != page:
        series.created = None
    moment = nan if series.created is None else float(series.created.value)
    raw = moment if isfinite(moment) else None
    if raw is None:
        series.reported = None
    elif series.raw is None:
        series.reported = raw if since is None or raw <= since else max(raw, now + JITTER)
    elif raw > series.raw + JITTER:
        series.reported = max(raw, now + JITTER)
    series.raw = raw
    return series.reported


def _value(type_: MetricType, parts: dict[float | str, Sample]) -> tuple[tuple[float, ...], Value]:
    """Return the bounds of a series, and its value.

    Raises:
        ValueError: It is none that can be counted.
    """
    return _histogram(parts) if type_.has_buckets else ((), _number(type_, parts[""].value))


def _number(type_: MetricType, value: float) -> int | float:
    """Return the value of a series.

    Raises:
        ValueError: It is no count, and should be.
    """
    if not type_.incremental:
        return float(value)
    if not 0 <= value < inf:
        raise ValueError(f"{value!r} is no count")
    return value if type(value) is int or value >= WHOLE or not value.is_integer() else int(value)


def _histogram(parts: dict[float | str, Sample]) -> tuple[tuple[float, ...], HistogramValue]:
    buckets = sorted((bound, sample.value) for bound, sample in parts.items() if isinstance(bound, float))
    if not buckets or buckets[-1][0] != inf:
        raise ValueError("a histogram has no bucket +Inf")
    counts, before = [], 0.0
    for bound, value in buckets:
        if not before <= value < WHOLE or value % 1:
            raise ValueError(f"the bucket le={bound:g} has {value:g} after {before:g}: buckets are whole and rise")
        counts.append(int(value - before))
        before = value
    total = float(parts["_sum"].value) if "_sum" in parts else 0.0
    if not -inf < total < inf:
        raise ValueError(f"its sum is {total!r}")
    return tuple(bound for bound, _ in buckets[:-1]), HistogramValue(tuple(counts), total)
