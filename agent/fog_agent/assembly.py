"""Sorts the values of one frame into its sections. Pure, and without numpy: nodes have none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import sub
from typing import Final

from fog_agent.tracked import Tracked
from fog_schema import frames
from fog_schema.columns import Column, pack_floats, pack_ids, pack_ints
from fog_schema.definitions import encode_definitions
from fog_schema.frames import Definition, Frame, Histograms, Numbers
from fog_schema.limits import MAX_HELP_LENGTH, MAX_LABEL_VALUES, MAX_WHOLE
from utilityfog_frontend.telemetry.model import Family, HistogramValue, MetricType, Value

_TYPES: Final = {
    MetricType.COUNTER: frames.COUNTER,
    MetricType.GAUGE: frames.GAUGE,
    MetricType.HISTOGRAM: frames.HISTOGRAM,
}
_BIGGEST: Final = 2**63


@dataclass(slots=True)
class _Rows:
    """Histograms of one width: a row of counts for each id."""

    ids: list[int] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    sums: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Assembly:
    """What one frame will say. Series must be taken in the order of their ids.

    Attributes:
        taken: what was taken, with the values: what the next delta counts from, once the frame is encoded.
        removed: ids that the frame says were removed, ascending.
    """

    taken: list[tuple[Tracked, Value]] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)
    _defined: list[Tracked] = field(default_factory=list)
    _counters: dict[int, int] = field(default_factory=dict)
    _fractions: dict[int, float] = field(default_factory=dict)
    _gauges: dict[int, int | float] = field(default_factory=dict)
    _histograms: dict[int, _Rows] = field(default_factory=dict)

    def take(self, tracked: Tracked, value: Value, base: Value | None) -> None:
        """Take a value: of what is whole, what was counted since `base`. Without a base the series is defined too."""
        self.taken.append((tracked, value))
        if base is None:
            self._defined.append(tracked)
        if isinstance(value, HistogramValue):
            rows = self._histograms.setdefault(len(value.counts), _Rows())
            rows.ids.append(tracked.id)
            rows.counts += map(sub, value.counts, base.counts) if isinstance(base, HistogramValue) else value.counts
            rows.sums.append(value.sum)
        elif tracked.is_gauge:
            self._gauges[tracked.id] = value
        elif type(value) is int:
            counted = min(value, MAX_WHOLE)
            self._counters[tracked.id] = counted - min(base, MAX_WHOLE) if type(base) is int else counted
        else:
            self._fractions[tracked.id] = value

    def fill(self, frame: Frame) -> Frame:
        """Pack everything taken into `frame`.

        Raises:
            FrameError: reason ``limit``, when it defines more than a frame may.
        """
        frame.definitions = encode_definitions(define(self._defined))
        frame.removed = pack_ids(self.removed) if self.removed else None
        if self._counters:
            frame.counters = Numbers(pack_ids([*self._counters]), pack_ints([*self._counters.values()]))
        if self._fractions:
            frame.fractions = Numbers(pack_ids([*self._fractions]), pack_floats([*self._fractions.values()]))
        if self._gauges:
            frame.gauges = Numbers(pack_ids([*self._gauges]), _pack_gauges([*self._gauges.values()]))
        frame.histograms = tuple(
            [
                Histograms(width, pack_ids(rows.ids), pack_ints(rows.counts), pack_floats(rows.sums))
                for width, rows in self._histograms.items()
            ]
        )
        return frame


def define(tracked: Sequence[Tracked]) -> list[Definition]:
    """Definitions of some series, ids ascending: those of one family and one set of label names together."""
    groups: dict[tuple[Family, tuple[str, ...]], list[Tracked]] = {}
    for series in tracked:
        names = tuple([name for name, _ in series.series.labels])
        groups.setdefault((series.series.family, names), []).append(series)
    definitions = []
    for (family, names), members in groups.items():
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
        label_values=tuple([value for member in members for _, value in member.series.labels]),
    )


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
