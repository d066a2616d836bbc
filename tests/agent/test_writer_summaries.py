"""The writer's rules on totals of a subtree: gauges that travel merged, and what they stand on."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import pytest

from fog_agent.core.epoch_series import SeriesValue
from fog_agent.core.summary import GaugeSummary
from fog_agent.core.writer import Settings, Writer
from fog_schema.codec import decode
from fog_schema.columns import F64, I8, U8, U16, Column
from fog_schema.frames import KEYFRAME, LAST_PART, Absences, CoverageNumbers, Frame
from fog_schema.limits import MAX_VALUE_COUNTS
from fog_schema.packed import BITS, NEAR, SCALED
from tests.agent.node import BIG, SMALL, defined, removed
from tests.agent.reader import Reader
from utilityfog_frontend.telemetry.model import Family, HistogramValue, Labels, MetricType

LEVEL = Family("level", MetricType.GAUGE, rollup=("sum", "last", "count_values"))
WORK = Family("work_total", MetricType.COUNTER)
WAIT = Family("wait", MetricType.HISTOGRAM, bounds=(1.0,))
COVERAGE = CoverageNumbers(3, 2, 1, 400)


@dataclass(eq=False)
class Total:
    """A series of a subtree."""

    family: Family
    value: SeriesValue
    labels: Labels = ()
    gate: None = None

    def read(self) -> SeriesValue:
        """Return the total."""
        return self.value

    peek = read


@dataclass
class Subtree:
    """A watch over totals that a test sets, with a writer and a reader of what it encodes."""

    live: tuple[Total, ...] = ()
    ended: list[Total] = field(default_factory=list)
    refuse_newcomers: bool = False
    coverage: CoverageNumbers = COVERAGE
    absences: Absences = field(default_factory=Absences)
    reader: Reader = field(default_factory=Reader)

    def __post_init__(self) -> None:
        self.writer = Writer([self], Settings(), epoch=7, now=0.0, coverage=lambda: (self.coverage, self.absences))

    def series(self) -> tuple[Total, ...]:
        """Return the live series."""
        return self.live

    def take_ended(self) -> list[Total]:
        """Return the series that have ended."""
        ended, self.ended = self.ended, []
        return ended

    def end(self, one: Total) -> None:
        """End a series."""
        self.live = tuple(other for other in self.live if other is not one)
        self.ended.append(one)

    def keyframe(self, max_bytes: int = BIG) -> list[Frame]:
        """Encode a keyframe, which the reader gets."""
        parts = [self.writer.encode_part(0.0, max_bytes)]
        while self.writer.within_keyframe:
            parts.append(self.writer.encode_part(0.0, max_bytes))
        self.reader.read(*(part.data for part in parts))
        return [decode(part.data) for part in parts]

    def delta(self) -> Frame:
        """Encode a delta, which the reader gets."""
        encoded = self.writer.encode_delta(0.0, BIG)
        assert encoded is not None
        self.reader.read(encoded.data)
        return decode(encoded.data)


def summaries(frame: Frame) -> dict[int, GaugeSummary]:
    """Return a frame's three sections put together again, by id."""
    found: dict[int, GaugeSummary] = {}
    if frame.summaries is None:
        return found
    lasts, values = {}, {}
    if frame.lasts is not None:
        times = frame.lasts.times.tolist()
        lasts = dict(zip(frame.lasts.ids.tolist(), zip(frame.lasts.values.tolist(), times, strict=True), strict=True))
    if frame.value_counts is not None:
        counts = [int(count) for count in frame.value_counts.counts.tolist()]
        pairs = iter(zip(frame.value_counts.values.tolist(), counts, strict=True))
        for number, length in zip(frame.value_counts.ids.tolist(), frame.value_counts.lengths.tolist(), strict=True):
            values[number] = tuple(next(pairs) for _ in range(int(length)))
    ids, *columns = frame.summaries
    for number, *row in zip(ids.tolist(), *(column.tolist() for column in columns), strict=True):
        count, total, least, greatest = row
        found[number] = GaugeSummary(int(count), total, least, greatest, lasts.get(number), values.get(number, ()))
    return found


PLAIN = GaugeSummary(2, 3.0, 1.0, 2.0)
FULL = GaugeSummary(3, 4.5, -1.0, 3.5, (3.5, 1_700_000_000.25), ((-1.0, 1), (2.0, 1), (3.5, 1)))


def test_a_merged_gauge_travels_whole() -> None:
    """Count, sum, extremes, the newest and the values come back as they were; no plain gauge is sent for it."""
    subtree = Subtree((Total(LEVEL, PLAIN, (("a", "1"),)), Total(LEVEL, FULL, (("a", "2"),))))
    [frame] = subtree.keyframe()
    assert summaries(frame) == {0: PLAIN, 1: FULL}
    assert defined(frame) == {0: "level,1", 1: "level,2"}
    assert frame.gauges is None


def test_sections_that_nobody_asks_for_are_not_there() -> None:
    """Neither the newest value nor the values of a gauge whose family has no such choice."""
    [frame] = Subtree((Total(LEVEL, PLAIN),)).keyframe()
    assert (frame.lasts, frame.value_counts) == (None, None)


def test_a_delta_has_the_gauges_that_changed() -> None:
    """In any of what they say, the time of the newest value included; with their new values, not with differences."""
    first, second = Total(LEVEL, PLAIN, (("a", "1"),)), Total(LEVEL, FULL, (("a", "2"),))
    subtree = Subtree((first, second))
    subtree.keyframe()
    assert subtree.delta().summaries is None
    second.value = GaugeSummary(3, 4.5, -1.0, 3.5, (3.5, 1_700_000_001.0), FULL.values)
    frame = subtree.delta()
    assert summaries(frame) == {1: second.value}
    assert frame.definitions == b""


def test_a_gauge_that_nobody_has_is_removed() -> None:
    """In the next delta, and it is not kept in keyframes; what comes back has another id."""
    gauge = Total(LEVEL, PLAIN)
    subtree = Subtree((gauge,))
    subtree.keyframe()
    subtree.end(gauge)
    assert removed(subtree.delta()) == [0]
    [frame] = subtree.keyframe()
    assert (frame.summaries, removed(frame)) == (None, [])
    subtree.live = (Total(LEVEL, FULL),)
    assert summaries(subtree.delta()) == {1: FULL}


def test_totals_count_from_the_subtree_s_beginning() -> None:
    """An epoch of a rollup says absolute totals, then what came since the frame before."""
    work, wait = Total(WORK, 1000), Total(WAIT, HistogramValue((5, 2), 9.5))
    subtree = Subtree((work, wait))
    subtree.keyframe()
    work.value, wait.value = 1003, HistogramValue((5, 3), 12.0)
    frame = subtree.delta()
    assert frame.counters is not None
    assert frame.counters.values.tolist() == [3]
    assert subtree.reader.total("work_total") == 1003
    assert subtree.reader.total("wait") == ((5, 3), 12.0)


def test_every_frame_says_what_it_stands_on() -> None:
    """Each part of a keyframe and each delta, as it is when it is encoded."""
    subtree = Subtree(tuple(Total(LEVEL, PLAIN, (("a", str(number)),)) for number in range(200)))
    parts = subtree.keyframe(SMALL)
    assert len(parts) > 2
    assert {part.coverage for part in parts} == {COVERAGE}
    subtree.coverage = CoverageNumbers(6, 0, 0, 5)
    assert subtree.delta().coverage == CoverageNumbers(6, 0, 0, 5)


def test_absent_nodes_travel_where_there_are_any() -> None:
    """A reader of before knows no such field, and counts it as unknown."""
    subtree = Subtree((Total(LEVEL, PLAIN, ()),))
    assert {part.absences for part in subtree.keyframe()} == {None}
    subtree.absences = Absences(ended=2, missing=1)
    assert subtree.delta().absences == Absences(2, 1)


def test_a_keyframe_in_parts_has_every_gauge_once() -> None:
    """With all three sections, in any number of parts; only the last one bears the flag."""
    sent = {
        number: GaugeSummary(2, 2.0 * number + 1, number, number + 1, (number, 5.5), ((number, 2),))
        for number in range(100)
    }
    subtree = Subtree(tuple(Total(LEVEL, value, (("a", str(number)),)) for number, value in sent.items()))
    parts = subtree.keyframe(SMALL)
    assert len(parts) > 2
    assert [(part.kind, part.part) for part in parts] == [(KEYFRAME, place) for place in range(len(parts))]
    assert [bool(part.flags & LAST_PART) for part in parts] == [False] * (len(parts) - 1) + [True]
    found = [summaries(part) for part in parts]
    assert sum(map(len, found)) == 100
    assert {number: value for part in found for number, value in part.items()} == sent


def test_the_rarest_values_are_left_out() -> None:
    """At most 256 of one gauge travel: the most frequent ones, of equals the lower, ascending."""
    values = tuple((float(value), 2 if value >= 200 else 1) for value in range(300))
    [frame] = Subtree((Total(LEVEL, GaugeSummary(400, 1.0, 0.0, 299.0, values=values)),)).keyframe()
    kept = summaries(frame)[0].values
    assert len(kept) == MAX_VALUE_COUNTS
    assert kept == values[: MAX_VALUE_COUNTS - 100] + values[200:]


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ([1.0, 200.0], U8),
        ([1.0, 300.0], BITS + 9),
        ([1.0, 2.0**15], U16),
        ([-3.0, 3.0], I8),
        ([1.5, 3.0], SCALED),
        ([0.1 + 0.2, 0.7 / 3], NEAR),
        ([0.1 + 0.2, 0.7e300 / 3], F64),
        ([0.1 + 0.2, 2.0**60 / 3, math.inf], F64),
    ],
)
def test_columns_are_narrow(values: list[float], code: int) -> None:
    """Whole values take the bytes that they need; others, and such as a double does not hold exactly, are doubles."""
    series = [Total(LEVEL, GaugeSummary(1, value, value, value), (("a", str(value)),)) for value in values]
    [frame] = Subtree(tuple(series)).keyframe()
    assert frame.summaries is not None
    sums: Column = frame.summaries.sums
    assert (sums.code, sums.tolist()) == (code, values)
