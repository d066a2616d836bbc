"""Each kernel on arrays against its slow, obvious twin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fog_aggregator.core.events.seen import Seen
from fog_aggregator.core.kinds.id_map import IdMap
from fog_aggregator.core.kinds.merged_gauges import summarise
from fog_aggregator.core.rollups.reductions import number_cells, sum_buckets, sum_integers
from tests import reference

COUNTS = st.integers(0, 2**63 - 1)
SIZE = 5
CELLS = st.integers(0, SIZE - 1)


@given(st.lists(st.tuples(CELLS, COUNTS), max_size=40))
@example([(0, 2**53), (0, 1)])
@example([(1, 2**63 - 1), (1, 2**63 - 1), (2, 2**63 - 2), (2, 1)])
@example([(0, 2**42 - 1)] * 40)
def test_whole_sums_are_exact(rows: list[tuple[int, int]]) -> None:
    """Sums of counts are exact beyond 2^53, and stay at 2^63 - 1."""
    cells, values = [cell for cell, _ in rows], [value for _, value in rows]
    summed = sum_integers(np.array(cells, np.int32), SIZE, np.array(values, np.int64))
    assert summed.tolist() == reference.sum_whole(cells, SIZE, values)


@given(st.lists(COUNTS, min_size=1, max_size=10), COUNTS)
def test_a_negative_closed_total_is_added_as_it_is(counts: list[int], taken: int) -> None:
    """An epoch that was folded early and came back is subtracted from the closed total; the cell's sum is exact."""
    taken = min(taken, sum(counts))
    values = [*counts, -taken]
    summed = sum_integers(np.zeros(len(values), np.int32), 1, np.array(values, np.int64))
    assert summed.tolist() == reference.sum_whole([0] * len(values), 1, values)


@given(st.lists(st.tuples(CELLS, st.lists(COUNTS, min_size=3, max_size=3)), max_size=20))
def test_buckets_are_summed_each_for_itself(rows: list[tuple[int, list[int]]]) -> None:
    """A histogram's rollup is that of each of its buckets."""
    cells = [cell for cell, _ in rows]
    counts = np.array([counts for _, counts in rows], np.int64).reshape(-1, 3)
    summed = sum_buckets(np.array(cells, np.int32), SIZE, counts)
    for bucket in range(3):
        assert summed[:, bucket].tolist() == reference.sum_whole(cells, SIZE, counts[:, bucket].tolist())


@given(st.lists(st.integers(0, 10**9) | st.integers(0, 30), max_size=60))
def test_cells_are_numbered_in_order(keys: list[int]) -> None:
    """Dense keys and sparse ones get the same numbers."""
    cells, cell = number_cells(np.array(keys, np.int64))
    assert (cells.tolist(), cell.tolist()) == reference.number_cells(keys)


FINITE = st.floats(-1e12, 1e12)


@given(st.lists(st.tuples(CELLS, FINITE, st.integers(0, 5)), max_size=30))
def test_gauges_are_summarised(rows: list[tuple[int, float, int]]) -> None:
    """Count, sum, average, extremes and the newest value, as counted by hand."""
    cell = np.array([cell for cell, _, _ in rows], np.int32)
    values = np.array([value for _, value, _ in rows], np.float64)
    heard = np.array([heard for _, _, heard in rows], np.float64)
    found = summarise(cell, SIZE, values, heard, {"sum", "avg", "min", "max", "last"})
    for place in range(SIZE):
        mine = [(value, float(heard)) for cell, value, heard in rows if cell == place]
        assert found["count"][place] == len(mine)
        if mine:
            for statistic, expected in reference.summarise(mine).items():
                assert found[statistic][place] == pytest.approx(expected, rel=1e-12, abs=1e-3), statistic


IDS = st.sets(st.integers(0, 60), max_size=12).map(sorted)


@given(st.lists(st.tuples(st.sampled_from(["add", "block", "discard", "find"]), IDS), max_size=15))
def test_ids_are_found_where_they_were_put(steps: list[tuple[str, list[int]]]) -> None:
    """An IdMap, block or frayed, is a dictionary."""
    ids, twin, slot = IdMap(), reference.IdMap(), 0
    for what, numbers in steps:
        new = [number for number in numbers if number not in twin.slots]
        if what == "discard":
            ids.discard(np.array(numbers, np.int64))
            twin.discard(numbers)
        elif what != "find":
            places = [slot + (2 * place if what == "add" else place) for place in range(len(new))]
            slot += 2 * len(new)
            ids.add(np.array(new, np.int64), np.array(places, np.int64))
            twin.add(new, places)
        found, known = ids.find(np.array(numbers, np.int64))
        mask = [True] * len(numbers) if known is None else known.tolist()
        assert [place if is_known else None for place, is_known in zip(found.tolist(), mask, strict=True)] == twin.find(
            numbers
        )
        assert len(ids) == len(twin.slots)
        all_ids, slots = ids.items()
        assert dict(zip(all_ids.tolist(), slots.tolist(), strict=True)) == twin.slots
        assert all_ids.tolist() == sorted(all_ids.tolist())


NUMBERS = st.integers(1, 40)


@given(st.lists(st.tuples(st.sampled_from(["add", "add", "add", "close"]), NUMBERS), max_size=30), NUMBERS, NUMBERS)
def test_what_was_seen_is_a_set_of_numbers(steps: list[tuple[str, int]], one: int, other: int) -> None:
    """Ranges behave as the set of their numbers: repeats, holes, and holes that are given up."""
    seen, twin = Seen(), reference.Seen()
    for what, number in steps:
        if what == "add":
            assert seen.add(number) == twin.add(number)
        else:
            assert seen.close_below(number) == twin.close_below(number)
        assert {n for low, high in seen.ranges for n in range(low, high + 1)} == twin.numbers
        assert seen.ranges == sorted(seen.ranges)
        assert all(high + 1 < low for (_, high), (low, _) in zip(seen.ranges, seen.ranges[1:], strict=False))
    first, last = min(one, other), max(one, other)
    holes = seen.holes(first, last)
    assert [n for low, high in holes for n in range(low, high + 1)] == twin.holes(first, last)
    assert seen.last == max(twin.numbers, default=0)
