"""Sorts the values of one frame into its sections. Pure, and without numpy: nodes have none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Final, cast

from fog_agent.tracked import NOTHING, Tracked
from fog_schema import frames
from fog_schema.columns import Column, pack_floats, pack_ids, pack_ints
from fog_schema.definitions import encode_definitions
from fog_schema.frames import Definition, Frame, Histograms, Numbers
from fog_schema.limits import MAX_HELP_LENGTH, MAX_LABEL_VALUES
from utilityfog_frontend.telemetry.model import Family, HistogramValue, MetricType, Value

Pairs = list[tuple[int, int | float]]
Rows = list[tuple[int, Sequence[int], float]]

_TYPES: Final = {
    MetricType.COUNTER: frames.COUNTER,
    MetricType.GAUGE: frames.GAUGE,
    MetricType.HISTOGRAM: frames.HISTOGRAM,
}
_BIGGEST: Final = 2**63


@dataclass(slots=True)
class Assembly:
    """What one frame will say, as lists of (id, value); `fill` packs it."""

    counters: Pairs = field(default_factory=list)
    fractions: Pairs = field(default_factory=list)
    gauges: Pairs = field(default_factory=list)
    histograms: dict[int, Rows] = field(default_factory=dict)
    defined: list[Tracked] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)

    def add(self, tracked: Tracked, value: Value, base: Value) -> None:
        """Take a value: for what is whole, what was counted since `base` (NOTHING in a keyframe)."""
        if tracked.is_gauge:
            self.gauges.append((tracked.id, cast("float", value)))
        elif isinstance(value, HistogramValue):
            counts: Sequence[int] = value.counts
            if isinstance(base, HistogramValue):
                counts = [now - then for now, then in zip(counts, base.counts, strict=True)]
            self.histograms.setdefault(len(counts), []).append((tracked.id, counts, value.sum))
        elif type(value) is int and type(base) is int:
            self.counters.append((tracked.id, value - base))
        else:
            self.fractions.append((tracked.id, cast("float", value)))

    def fill(self, frame: Frame) -> Frame:
        """Pack everything taken into `frame`."""
        frame.definitions = encode_definitions(define(self.defined))
        frame.counters = _numbers(self.counters, pack_ints)
        frame.fractions = _numbers(self.fractions, pack_floats)
        frame.gauges = _numbers(self.gauges, _pack_gauges)
        frame.histograms = tuple(_group(width, rows) for width, rows in self.histograms.items())
        if self.removed:
            frame.removed = pack_ids(sorted(self.removed))
        return frame


def whole_keyframe(tracked: Iterable[tuple[Tracked, Value, bool]]) -> Assembly:
    """Everything about some series: definition, value in this epoch, whether it was removed."""
    assembly = Assembly()
    for series, value, removed in tracked:
        assembly.defined.append(series)
        assembly.add(series, value, NOTHING)
        if removed:
            assembly.removed.append(series.id)
    return assembly


def define(tracked: Sequence[Tracked]) -> list[Definition]:
    """Definitions of some series, those of one family and one set of label names together."""
    groups: dict[tuple[Family, tuple[str, ...]], list[Tracked]] = {}
    for series in tracked:
        names = tuple([name for name, _ in series.series.labels])
        groups.setdefault((series.series.family, names), []).append(series)
    definitions = []
    for (family, names), members in groups.items():
        members.sort(key=lambda member: member.id)
        size = MAX_LABEL_VALUES // len(names) if names else len(members)
        chunks = [members[at : at + size] for at in range(0, len(members), size)]
        definitions += [_definition(family, names, chunk) for chunk in chunks]
    return definitions


def _definition(family: Family, names: tuple[str, ...], members: list[Tracked]) -> Definition:
    return Definition(
        name=family.name,
        type=_TYPES[family.type],
        help=family.help[:MAX_HELP_LENGTH],
        unit=family.unit,
        bounds=family.bounds,
        rollup=family.rollup,
        label_names=names,
        ids=pack_ids([member.id for member in members]),
        label_values=[value for member in members for _, value in member.series.labels],
    )


def _numbers(pairs: Pairs, pack: Callable[..., Column]) -> Numbers | None:
    if not pairs:
        return None
    pairs.sort(key=itemgetter(0))
    ids, values = zip(*pairs, strict=True)
    return Numbers(pack_ids(ids), pack(values))


def _pack_gauges(values: Sequence[float]) -> Column:
    whole = [value for value in values if type(value) is int and -_BIGGEST <= value < _BIGGEST]
    if len(whole) == len(values):
        return pack_ints(whole)
    return pack_floats([_as_double(value) for value in values])


def _as_double(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _group(width: int, rows: Rows) -> Histograms:
    rows.sort(key=itemgetter(0))
    return Histograms(
        width,
        pack_ids([number for number, _, _ in rows]),
        pack_ints([count for _, counts, _ in rows for count in counts]),
        pack_floats([total for _, _, total in rows]),
    )
