"""A frame gives a series one id, and has a value of what it defines: its bytes bound what it may claim (R12.54)."""

from __future__ import annotations

from typing import Any

import pytest

from fog_aggregator.core.fleet.batch import Batch
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.kinds.integer_counter import INTEGER_COUNTER
from fog_aggregator.core.outcome import Outcome
from fog_schema.codec import decode, encode
from fog_schema.columns import pack_floats, pack_ids, pack_ints
from fog_schema.definitions import encode_definitions
from fog_schema.frames import (
    COUNTER,
    DELTA,
    HISTOGRAM,
    KEYFRAME,
    LAST_PART,
    Definition,
    Frame,
    Histograms,
    Numbers,
)

NOW = 1_700_000_000.0
PATH = ("fog", "0")
MANY = 20_000


def defined(**labels: int) -> bytes:
    """Define counters: by the value of the label `l`, their ids."""
    return encode_definitions(
        [Definition("a_total", COUNTER, "", "", (), (), ("l",), pack_ids([id_]), (one,)) for one, id_ in labels.items()]
    )


class Reading:
    """A fleet that hears one node, frame by frame, through the codec and a batch."""

    def __init__(self) -> None:
        self.fleet = Fleet()
        self.seq = 0

    def hear(self, kind: int, counts: dict[int, int], definitions: bytes = b"", **frame: Any) -> Outcome:
        """Hear the next frame, with counts by id."""
        self.seq += 1
        ids = sorted(counts)
        frame["counters"] = Numbers(pack_ids(ids), pack_ints([counts[one] for one in ids])) if ids else None
        flags = LAST_PART if kind == KEYFRAME and frame.pop("last", True) else 0
        data = encode(Frame(kind, 7, self.seq, flags, definitions=definitions, **frame))
        with Batch(self.fleet) as batch:
            return batch.apply(PATH, decode(data), NOW)

    @property
    def counted(self) -> dict[str, int]:
        """The sum over all ids by label value; what was counted, closed totals included."""
        totals: dict[str, int] = {}
        for _, series, value in self.fleet.counts():
            [(_, label)] = self.fleet.catalog.series[series].labels
            totals[label] = totals.get(label, 0) + sum(value)
        return totals


def test_the_second_id_of_a_series_is_refused_whole() -> None:
    """Its values are those of an unknown id: in the frame that defines it, and in the deltas that follow."""
    reading = Reading()
    outcome = reading.hear(KEYFRAME, {4: 1, 5: 10, 9: 100}, defined(a=4, b=5))
    assert (outcome.refused_series, outcome.unknown) == (0, 1)
    twice = encode_definitions(
        [Definition("c_total", COUNTER, "", "", (), (), ("l",), pack_ids([10, 11, 12]), ("c", "d", "c"))]
    )
    outcome = reading.hear(DELTA, {10: 1, 11: 10, 12: 100}, twice)
    assert (outcome.refused_series, outcome.unknown) == (1, 1)
    assert reading.hear(DELTA, {10: 1, 12: 100}).unknown == 1
    assert reading.counted == {"a": 1, "b": 10, "c": 2, "d": 10}


@pytest.mark.parametrize("later", [0, 1])
def test_a_series_that_the_epoch_has_is_refused_in_a_delta(later: int) -> None:
    """Also some frames later, through a batch that merges plain deltas together."""
    reading = Reading()
    reading.hear(KEYFRAME, {4: 1}, defined(a=4))
    for _ in range(later):
        reading.hear(DELTA, {4: 1})
    assert reading.hear(DELTA, {9: 100}, defined(a=9)).refused_series == 1
    assert reading.counted == {"a": 1 + later}


def test_a_series_that_comes_back_has_a_new_id() -> None:
    """Its writer removes the old one, in the same delta or in an earlier one: both count (R11.6)."""
    reading = Reading()
    reading.hear(KEYFRAME, {4: 1}, defined(a=4))
    assert reading.hear(DELTA, {9: 2}, defined(a=9), removed=pack_ids([4])).refused_series == 0
    reading.hear(DELTA, {9: 2}, removed=pack_ids([9]))
    assert reading.hear(DELTA, {12: 4}, defined(a=12)).refused_series == 0
    assert reading.hear(KEYFRAME, {4: 1, 9: 4, 12: 5}, defined(a=12), removed=pack_ids([4, 9])).refused_series == 0
    assert reading.counted == {"a": 10}


def test_a_keyframe_with_retained_ids_counts_them_all() -> None:
    """To a reader that hears the writer for the first time: they are named as removed (R11.18)."""
    reading, old = (
        Reading(),
        encode_definitions(
            [Definition("a_total", COUNTER, "", "", (), (), ("l",), pack_ids([4, 9, 12]), ("a", "a", "a"))]
        ),
    )
    assert reading.hear(KEYFRAME, {4: 1, 9: 4, 12: 5}, old, removed=pack_ids([4, 9])).refused_series == 0
    assert reading.counted == {"a": 10}


@pytest.mark.parametrize("kind", [DELTA, KEYFRAME])
def test_a_removal_that_was_lost_refuses_nobody(kind: int) -> None:
    """The frame that said so is missing: what is not in a keyframe has ended, and a delta beyond a gap cannot tell."""
    reading = Reading()
    reading.hear(KEYFRAME, {4: 1}, defined(a=4))
    reading.seq += 1
    assert reading.hear(kind, {9: 2}, defined(a=9)).refused_series == 0
    assert reading.counted == {"a": 3}


def test_two_parts_of_a_keyframe_have_no_series_twice() -> None:
    """The later one's is refused."""
    reading = Reading()
    reading.hear(KEYFRAME, {4: 1}, defined(a=4), last=False)
    assert reading.hear(KEYFRAME, {9: 2, 10: 3}, defined(a=9, b=10), part=1).refused_series == 1
    assert reading.counted == {"a": 1, "b": 3}


def test_what_a_frame_has_no_value_of_takes_no_slot() -> None:
    """2.5 kB may name 20,000 ids, and 4.6 kB as many histograms of 257 buckets, of 41 MB."""
    fleet, ids = Fleet(), pack_ids(range(MANY))
    bounds = tuple(map(float, range(256)))
    for name, type_, limits in (("a_total", COUNTER, ()), ("b", HISTOGRAM, bounds)):
        definitions = encode_definitions([Definition(name, type_, "", "", limits, (), (), ids, ())])
        data = encode(Frame(KEYFRAME, 7, 1, LAST_PART, definitions=definitions))
        assert len(data) < 5000
        assert fleet.apply((name,), decode(data), NOW).refused_series == MANY
    assert fleet.slot_count == 0
    assert fleet.series_count == 2


def test_a_histogram_has_its_value_in_the_frame_that_defines_it() -> None:
    """One that has is taken."""
    fleet, ids = Fleet(), pack_ids([3])
    definitions = encode_definitions([Definition("h", HISTOGRAM, "", "", (1.0,), (), (), ids, ())])
    group = Histograms(2, ids, pack_ints([1, 2]), pack_floats([2.5]))
    frame = Frame(KEYFRAME, 7, 1, LAST_PART, definitions=definitions, histograms=(group,))
    assert fleet.apply(PATH, decode(encode(frame)), NOW).refused_series == 0
    assert fleet.slot_count == 1


def test_a_counter_that_was_fractional_holds_its_series() -> None:
    """Both forms of a counter are looked at."""
    reading = Reading()
    reading.hear(KEYFRAME, {4: 1}, defined(a=4))
    reading.hear(DELTA, {}, fractions=Numbers(pack_ids([4]), pack_floats([1.5])))
    assert reading.hear(DELTA, {9: 2}, defined(a=9)).refused_series == 1
    assert len(reading.fleet.parts.slots.tables[INTEGER_COUNTER]) == 0


def test_the_bounds_of_a_histogram_are_not_looked_at_for_each_series() -> None:
    """Series are known by shape and labels: two shapes of equal labels are two series, as before."""
    fleet = Fleet()
    for epoch, bounds in enumerate([(1.0,), (2.0,), (1.0,)], 1):
        ids, labels = pack_ids(range(3)), ("x", "y", "z")
        definitions = encode_definitions([Definition("h", HISTOGRAM, "", "", bounds, (), ("l",), ids, labels)])
        group = Histograms(2, ids, pack_ints([1] * 6), pack_floats([1.0] * 3))
        frame = Frame(KEYFRAME, epoch, 1, LAST_PART, definitions=definitions, histograms=(group,))
        assert fleet.apply(PATH, decode(encode(frame)), NOW).refused_series == 0
    assert fleet.series_count == 6
    assert [entry.bounds for entry in fleet.catalog.series] == [(1.0,)] * 3 + [(2.0,)] * 3
