"""A path's words that cannot be true are cut to what may be: no total is fixed for good, none passes its limits."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from fog_aggregator.core.fleet.fleet import Fleet as FleetState
from fog_aggregator.core.outcome import Outcome
from fog_aggregator.core.places.limits import MOST_NODES, OLDEST_LIVE_MS
from fog_aggregator.core.places.rows import UNHEARD_SECONDS
from fog_schema.codec import decode, encode, encode_definitions
from fog_schema.columns import pack_floats, pack_ids, pack_ints
from fog_schema.frames import (
    COUNTER,
    DELTA,
    FINAL,
    GAUGE,
    HISTOGRAM,
    KEYFRAME,
    LAST_PART,
    Absences,
    CoverageNumbers,
    Definition,
    Frame,
    Histograms,
    Numbers,
    Summaries,
    ValueCounts,
)
from fog_schema.limits import MAX_AGE_MS, MAX_WHOLE
from fog_schema.paths import Path
from tests.aggregator.fleet import START, Fleet
from utilityfog_frontend.telemetry.model import HistogramValue

LARGEST = sys.float_info.max
PATH = ("fog", "0")


def definitions(name: str, type_: int, bounds: Sequence[float] = (), rollup: tuple[str, ...] = ()) -> bytes:
    """Define one series as id 0."""
    one = Definition(
        name=name, type=type_, help="", unit="", bounds=tuple(bounds), rollup=rollup, label_names=(), ids=pack_ids([0]),
        label_values=(),
    )  # fmt: skip
    return encode_definitions([one])


def keyframe(epoch: int = 1, seq: int = 1, flags: int = LAST_PART, age_ms: int = 0, **body: Any) -> Frame:
    """Make a complete keyframe."""
    return Frame(KEYFRAME, epoch, seq, flags=flags, age_ms=age_ms, **body)


def hear(fleet: Fleet, frame: Frame, path: Path = PATH, *, rollup: bool = False) -> Outcome:
    """Let a fleet hear a frame, through its bytes."""
    return fleet.state.apply(path, decode(encode(frame)), fleet.now, rollup=rollup)


def fraction(value: float, **header: Any) -> Frame:
    """Make a keyframe of one fractional counter."""
    numbers = Numbers(pack_ids([0]), pack_floats([value]))
    return keyframe(definitions=definitions("joules_total", COUNTER), fractions=numbers, **header)


def integer(value: int, **header: Any) -> Frame:
    """Make a keyframe of one integer counter."""
    numbers = Numbers(pack_ids([0]), pack_ints([value]))
    return keyframe(definitions=definitions("orders_total", COUNTER), counters=numbers, **header)


def histogram(counts: list[int], total: float, **header: Any) -> Frame:
    """Make a keyframe of one histogram with the bounds 1 and 2."""
    group = Histograms(3, pack_ids([0]), pack_ints(counts), pack_floats([total]))
    return keyframe(definitions=definitions("wait", HISTOGRAM, (1.0, 2.0)), histograms=(group,), **header)


def born(fleet: Fleet, name: str) -> float | None:
    """Return when the fleet's series of a metric began to count."""
    (snapshot,) = fleet.families(name)
    (series,) = snapshot.series
    return series.created


# Fractions


def test_a_sum_of_fractions_stays_finite() -> None:
    """Two nodes that say 1.7e308 make no infinity of the fleet's total (R12.38)."""
    fleet = Fleet()
    hear(fleet, fraction(1.7e308), ("fog", "0"))
    hear(fleet, fraction(1.7e308), ("fog", "1"))
    assert list(fleet.samples("joules_total").values()) == [LARGEST]


def test_a_closed_total_of_fractions_stays_finite_and_says_so() -> None:
    """Epochs that end one after the other, each with 1.7e308; the one that did not fit in full is counted."""
    fleet = Fleet()
    stayed = [hear(fleet, fraction(1.7e308, epoch=epoch, flags=FINAL | LAST_PART)).saturated for epoch in (1, 2)]
    assert stayed == [0, 1]
    assert list(fleet.samples("joules_total").values()) == [LARGEST]


def test_a_closed_total_of_integers_says_that_it_stays() -> None:
    """As a sum in an epoch does."""
    fleet = Fleet()
    stayed = [hear(fleet, integer(MAX_WHOLE, epoch=epoch, flags=FINAL | LAST_PART)).saturated for epoch in (1, 2)]
    assert stayed == [0, 1]
    assert list(fleet.samples("orders_total").values()) == [MAX_WHOLE]


def test_sums_of_histograms_stay_finite() -> None:
    """In closed totals and in views, both signs."""
    fleet = Fleet()
    for epoch, sign in ((1, 1), (2, 1), (3, -1)):
        hear(fleet, histogram([1, 0, 0], sign * 1.7e308, epoch=epoch, flags=FINAL | LAST_PART))
    hear(fleet, histogram([1, 0, 0], 1.7e308), ("fog", "1"))
    hear(fleet, histogram([1, 0, 0], 1.7e308), ("fog", "2"))
    (value,) = fleet.samples("wait").values()
    assert isinstance(value, HistogramValue)
    assert np.isfinite(value.sum)
    assert sum(value.counts) == 5


def test_sums_of_gauges_stay_finite() -> None:
    """Sum and mean of two gauges of 1.7e308 are numbers, and go up to a parent that takes them."""
    fleet = Fleet()
    for node in "01":
        numbers = Numbers(pack_ids([0]), pack_floats([1.7e308]))
        defined = definitions("load", GAUGE, rollup=("sum", "avg"))
        hear(fleet, keyframe(definitions=defined, gauges=numbers), ("fog", node))
    assert all(np.isfinite(value) for value in fleet.samples("load").values())


def test_a_baseline_below_all_numbers_wraps_around_nothing() -> None:
    """Epochs that return again and again, each with 2^63 - 1, take the closed total to no positive number."""
    fleet = Fleet()
    for epoch in range(1, 5):
        hear(fleet, integer(0, epoch=epoch))
        place = fleet.state.places[PATH]
        fleet.state.parts.close_epoch(place, place.epochs[epoch], final=False)
        hear(fleet, integer(MAX_WHOLE, epoch=epoch, seq=2))
        fleet.now += 1
    (table,) = [table for kind, table in fleet.state.parts.slots.tables.items() if kind.name == "integer_counter"]
    assert int(table.values.min()) == -MAX_WHOLE


# Histograms


@pytest.mark.parametrize("counts", [[2, 2, 0], [1, 3, 0], [0, 9, 0]])
def test_no_bucket_falls_with_a_keyframe(counts: list[int]) -> None:
    """Neither with as many observations nor with more: Prometheus would take the bucket's fall for a reset (R12.7)."""
    fleet = Fleet()
    hear(fleet, histogram([3, 1, 0], 2.5))
    hear(fleet, histogram(counts, 7.5, seq=2))
    (value,) = fleet.samples("wait").values()
    assert value == HistogramValue(tuple(map(max, counts, [3, 1, 0])), 7.5)


def test_fewer_observations_leave_the_sum() -> None:
    """The sum is that of the one with more observations (R12.8)."""
    fleet = Fleet()
    hear(fleet, histogram([3, 1, 0], 2.5))
    hear(fleet, histogram([3, 0, 0], 99.0, seq=2))
    assert list(fleet.samples("wait").values()) == [HistogramValue((3, 1, 0), 2.5)]


def test_buckets_whose_count_passes_the_limit_are_compared_right() -> None:
    """Three full buckets are more observations than one, though a sum of 64 bits would say less than none."""
    fleet = Fleet()
    hear(fleet, histogram([MAX_WHOLE, 0, 0], 1.0))
    hear(fleet, histogram([MAX_WHOLE] * 3, 2.0, seq=2))
    assert list(fleet.samples("wait").values()) == [HistogramValue((MAX_WHOLE,) * 3, 2.0)]


# Births


def with_books(days: float) -> Fleet:
    """Make a fleet whose books have been kept for so long."""
    fleet = Fleet()
    fleet.now = START - days * 86_400
    hear(fleet, keyframe(epoch=77), ("fog", "elsewhere"))
    fleet.now = START
    return fleet


def test_an_age_beyond_all_reason_sets_no_birth_to_1970() -> None:
    """`age_ms` of 2^53: the series counts at most from a while before the path was first heard (R12.52)."""
    fleet = with_books(days=90)
    hear(fleet, integer(4, age_ms=MAX_AGE_MS))
    assert born(fleet, "orders_total") == START - UNHEARD_SECONDS


def test_a_writer_that_was_not_heard_for_days_has_its_true_birth() -> None:
    """An agent that was started three days after its collector is believed."""
    fleet = with_books(days=90)
    hear(fleet, integer(4, age_ms=3 * 86_400_000))
    assert born(fleet, "orders_total") == START - 3 * 86_400


@pytest.mark.parametrize("restarted", [False, True])
def test_no_birth_is_earlier_than_the_books(*, restarted: bool) -> None:
    """A total of an aggregator that has lost its state begins anew; it must not look as if it had gone on (R12.52)."""
    fleet = Fleet()
    hear(fleet, integer(4, age_ms=3 * 86_400_000))
    fleet.now += 3600
    hear(fleet, integer(1, age_ms=2 * 86_400_000), ("fog", "1"))
    assert born(fleet, "orders_total") == START
    if restarted:
        image = fleet.state.image()
        fleet.network.fleet = fleet.state = FleetState()
        fleet.state.restore(image)
        hear(fleet, integer(1, age_ms=MAX_AGE_MS), ("fog", "2"))
        created = [table.created[table.used()] for table in fleet.state.parts.slots.tables.values()]
        assert min(one.min(initial=np.inf) for one in created) == START


def test_an_older_checkpoint_does_not_tell_when_the_books_began() -> None:
    """Then births are cut by when the path was first heard alone, as they were when it was made."""
    fleet = with_books(days=1)
    image = fleet.state.image()
    del image["books"]
    fleet.state = FleetState()
    fleet.state.restore(image)
    hear(fleet, integer(4, age_ms=3 * 86_400_000))
    (created,) = {
        one for table in fleet.state.parts.slots.tables.values() for one in table.created[table.used()].tolist()
    }
    assert created == START - 3 * 86_400


def test_an_old_epoch_of_a_known_path_has_its_true_birth() -> None:
    """A path that was heard two months ago may bear an epoch of two months."""
    fleet = Fleet()
    hear(fleet, integer(1, flags=FINAL | LAST_PART))
    fleet.now += 60 * 86_400
    hear(fleet, integer(4, epoch=2, age_ms=60 * 86_400_000))
    assert born(fleet, "orders_total") == START


def test_no_birth_lies_ahead_of_its_frame() -> None:
    """Also when the clock of the server stood far ahead as the path was first heard."""
    fleet = Fleet()
    fleet.now += 30 * 86_400
    hear(fleet, keyframe(epoch=2))
    fleet.now = START
    hear(fleet, integer(4))
    assert born(fleet, "orders_total") == START


def test_the_gauges_of_the_latest_born_epoch_count_however_long_ago_both_began() -> None:
    """The cut is of what is exported; which of two epochs was born last is known still (R12.22)."""
    fleet = Fleet()
    for epoch, days, value in ((9, 90, 3.0), (1, 60, 4.0)):
        numbers = Numbers(pack_ids([0]), pack_floats([value]))
        defined = definitions("level", GAUGE, rollup=("max",))
        hear(fleet, keyframe(epoch, age_ms=days * 86_400_000, definitions=defined, gauges=numbers))
    assert list(fleet.samples("level").values()) == [4.0]


# Branches


def test_a_branch_has_no_more_nodes_than_a_reader_can_hold() -> None:
    """Larger numbers are cut in every state and counted, and its oldest live node was heard within 3 intervals."""
    fleet = Fleet()
    lie = CoverageNumbers(MAX_AGE_MS, MAX_AGE_MS, 3, MAX_AGE_MS)
    outcome = hear(fleet, keyframe(coverage=lie, absences=Absences(MAX_AGE_MS, 1)), rollup=True)
    covered = fleet.network.coverage().total()
    assert covered.nodes[:5] == (MOST_NODES, MOST_NODES, 3, MOST_NODES, 1)
    assert covered.oldest == OLDEST_LIVE_MS / 1000
    assert outcome.refused_values == 3


def summary(seq: int, low: float, high: float, values: Sequence[float]) -> Frame:
    """Make a branch's frame with one gauge: its least and largest value, and how many nodes have which value."""
    one = pack_ids([0])
    return Frame(
        KEYFRAME if seq == 1 else DELTA,
        1,
        seq,
        flags=LAST_PART if seq == 1 else 0,
        definitions=definitions("state", GAUGE, rollup=("max", "count_values")) if seq == 1 else b"",
        summaries=Summaries(one, pack_ints([len(values)]), *(pack_floats([x]) for x in (low + high, low, high))),
        value_counts=ValueCounts(one, pack_ints([len(values)]), pack_floats(values), pack_ints([1] * len(values))),
        coverage=CoverageNumbers(2, 0, 0, 0),
    )


def test_the_values_of_a_refused_row_go_with_it() -> None:
    """A summary whose minimum is above its maximum is refused with the values that were counted of it."""
    fleet = Fleet()
    hear(fleet, summary(1, 1.0, 2.0, [1.0, 2.0]), rollup=True)
    before = fleet.samples("state")
    outcome = hear(fleet, summary(2, 9.0, 1.0, [7.0, 8.0]), rollup=True)
    assert outcome.refused_values
    assert fleet.samples("state") == before
    assert len(before) == 3  # the largest, and how many nodes have each of two values


def test_a_fleet_without_a_lie_is_as_it_was() -> None:
    """The limits are those of the fleet's own paths."""
    assert FleetState().limits.nodes == MOST_NODES
