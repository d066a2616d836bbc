"""Sorts the values of one frame into its sections. Pure, and without numpy: nodes have none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import sub
from typing import Final

from fog_agent.core.epoch_series import EpochSeries, SeriesValue
from fog_agent.core.summary import GaugeSummary, pack_summaries
from fog_schema import frames
from fog_schema.columns import Column, pack_floats, pack_ids, pack_ints
from fog_schema.definitions import encode_definitions
from fog_schema.frames import Definition, Frame, Histograms, Numbers
from fog_schema.limits import MAX_HELP_LENGTH, MAX_LABEL_VALUES, MAX_WHOLE
from utilityfog_frontend.telemetry.model import Family, HistogramValue, MetricType

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

    def add(self, number: int, value: HistogramValue, base: SeriesValue | None) -> None:
        """A row more: what was observed since `base`; the sum as it is."""
        self.ids.append(number)
        self.counts += map(sub, value.counts, base.counts) if isinstance(base, HistogramValue) else value.counts
        self.sums.append(value.sum)


class FrameBuilder:
    """What one frame will say, sorted into its sections.

    Args:
        taken: series and their values, in the order of ids: what the next delta counts from, once this is encoded.
        removed: ids that the frame says were removed, ascending.
        whole: for a keyframe: every series is defined, and counts are values. Else they are what came since the base,
            and a series without a base is defined.
    """

    def __init__(
        self, taken: Sequence[tuple[EpochSeries, SeriesValue]], removed: Sequence[int], *, whole: bool
    ) -> None:
        self.taken = taken
        self._removed = removed
        self._defined: list[EpochSeries] = []
        self._counters: dict[int, int] = {}
        self._fractions: dict[int, float] = {}
        self._gauges: dict[int, int | float] = {}
        self._summaries: dict[int, GaugeSummary] = {}
        self._histograms: dict[int, _Rows] = {}
        counters, gauges = self._counters, self._gauges
        for tracked, value in taken:  # in one loop, as a node does this in each interval for each series that changed
            base = None if whole else tracked.base
            if base is None:
                self._defined.append(tracked)
            if tracked.is_gauge:
                if isinstance(value, GaugeSummary):
                    self._summaries[tracked.id] = value
                else:
                    gauges[tracked.id] = value  # type: ignore[assignment]  # a gauge is a number
            elif type(value) is int:
                counters[tracked.id] = _increment(value, base)
            elif type(value) is float:
                self._fractions[tracked.id] = value
            elif isinstance(value, HistogramValue):
                self._histograms.setdefault(len(value.counts), _Rows()).add(tracked.id, value, base)

    def fill(self, frame: Frame) -> Frame:
        """Pack everything taken into `frame`.

        Raises:
            FrameError: reason ``limit``, when it defines more than a frame may.
        """
        frame.definitions = encode_definitions(define(self._defined))
        frame.removed = pack_ids(self._removed) if self._removed else None
        if self._counters:
            frame.counters = Numbers(pack_ids([*self._counters]), pack_ints([*self._counters.values()]))
        if self._fractions:
            frame.fractions = Numbers(pack_ids([*self._fractions]), pack_floats([*self._fractions.values()]))
        if self._gauges:
            frame.gauges = Numbers(pack_ids([*self._gauges]), _pack_gauges([*self._gauges.values()]))
        if self._summaries:
            frame.summaries, frame.lasts, frame.value_counts = pack_summaries(self._summaries)
        frame.histograms = tuple(
            [
                Histograms(width, pack_ids(rows.ids), pack_ints(rows.counts), pack_floats(rows.sums))
                for width, rows in self._histograms.items()
            ]
        )
        return frame


def define(tracked: Sequence[EpochSeries]) -> list[Definition]:
    """Definitions of some series, ids ascending: those of one family and one set of label names together."""
    groups: dict[tuple[Family, tuple[str, ...]], list[EpochSeries]] = {}
    for series in tracked:
        names = tuple([name for name, _ in series.series.labels])
        groups.setdefault((series.series.family, names), []).append(series)
    definitions = []
    for (family, names), members in groups.items():
        size = MAX_LABEL_VALUES // len(names) if names else len(members)
        chunks = [members[at : at + size] for at in range(0, len(members), size)]
        definitions += [_definition(family, names, chunk) for chunk in chunks]
    return definitions


def _definition(family: Family, names: tuple[str, ...], members: list[EpochSeries]) -> Definition:
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


def _increment(value: int, base: SeriesValue | None) -> int:
    counted = base if type(base) is int else 0
    if value > MAX_WHOLE:  # there the count stays
        return MAX_WHOLE - min(counted, MAX_WHOLE)
    return value - counted


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
