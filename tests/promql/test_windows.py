"""Functions over windows against their slow twins: shared times and own ones, gaps, resets, any steps."""

from __future__ import annotations

from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fog_aggregator.promql import MemoryStorage, parts_of_grid, range_query
from fog_aggregator.promql.evaluation.functions import WINDOW_FUNCTIONS
from fog_aggregator.promql.evaluation.sums import group_sums, range_sums
from fog_aggregator.promql.evaluation.windows import BLOCK
from fog_aggregator.promql.labels import make_labels
from fog_aggregator.promql.query import MatrixResult
from fog_aggregator.promql.storage import Floats, Ints
from tests.examples import examples
from tests.promql.reference import TWINS

TIMES: Final = st.lists(st.integers(0, 400), min_size=1, max_size=40, unique=True).map(sorted)
VALUES: Final = st.integers(0, 50).map(float) | st.floats(0, 1e6, allow_nan=False).map(lambda value: round(value, 3))


@st.composite
def some_series(draw: st.DrawFn) -> list[tuple[Ints, Floats]]:
    """Draw a few series; those with the same times are evaluated together."""
    shared = draw(TIMES)
    found = []
    for _ in range(draw(st.integers(1, 4))):
        times = shared if draw(st.booleans()) else draw(TIMES)
        values = draw(st.lists(VALUES, min_size=len(times), max_size=len(times)))
        found.append((np.array(times, np.int64) * 1000, np.array(values)))
    return found


def test_each_function_has_a_twin() -> None:
    """Nobody is left out."""
    assert TWINS.keys() == WINDOW_FUNCTIONS.keys()


@settings(max_examples=examples(40), deadline=None)
@given(some_series(), st.integers(1, 120), st.integers(1, 50), st.sampled_from(sorted(TWINS)))
def test_functions_are_as_their_twins(series: list[tuple[Ints, Floats]], reach: int, step: int, name: str) -> None:
    """At every step of a range, present where the twin is and to 1e-9 of the values."""
    storage = MemoryStorage({make_labels({"__name__": "x", "n": str(n)}): one for n, one in enumerate(series)})
    data = range_query(f"{name}(x[{reach}s])", storage, 0, 450_000, step * 1000).data
    assert isinstance(data, MatrixResult)
    found = {labels[-1][1]: row for row, labels in enumerate(data.matrix.labels)}
    for number, (times, values) in enumerate(series):
        for place, end in enumerate((data.steps // 1000).tolist()):
            inside = [
                (time / 1000, value)
                for time, value in zip(times.tolist(), values.tolist(), strict=True)
                if (end - reach) * 1000 < time <= end * 1000
            ]
            meant = TWINS[name](inside, (end - reach, end)) if inside else None
            row = found.get(str(number))
            if meant is None:
                assert row is None or not data.matrix.present[row, place]
            else:
                assert row is not None
                assert data.matrix.present[row, place]
                assert data.matrix.values[row, place] == pytest.approx(meant, rel=1e-9, abs=1e-6)


@given(st.lists(VALUES, min_size=1, max_size=30), st.data())
def test_sums_of_ranges(values: list[float], data: st.DataObject) -> None:
    """Of whole numbers and of fractions, empty ranges too."""
    pairs = data.draw(st.lists(st.tuples(st.integers(0, len(values)), st.integers(0, len(values))), min_size=1))
    low, high = (np.array([pair[side] for pair in pairs], np.int64) for side in (0, 1))
    found = range_sums(np.array(values), low, high)
    assert found.tolist() == pytest.approx([sum(values[begin:end]) for begin, end in pairs])


@given(st.integers(1, 200), st.integers(1, 5), st.randoms(use_true_random=False))
def test_sums_of_groups(rows: int, groups: int, chance: object) -> None:
    """By halves or by members: what is lost of the sum is the same."""
    values = np.random.default_rng(rows).normal(size=(rows, 3)) * 1e6
    of_row = np.arange(rows) % min(groups, rows)
    members = [np.flatnonzero(of_row == group) for group in range(min(groups, rows))]
    total, lost = group_sums(values, members)
    for group, chosen in enumerate(members):
        assert (total + lost)[group].tolist() == pytest.approx(values[chosen].sum(axis=0).tolist(), rel=1e-9, abs=1e-6)


def test_more_series_than_a_block() -> None:
    """Rows keep their places across blocks, with times of their own too."""
    count = BLOCK * 2 + 7
    times = np.arange(0, 100_000, 10_000, dtype=np.int64)
    series = {
        make_labels({"__name__": "x", "n": f"{number:05}"}): (times + (number % 2) * number, np.full(10, float(number)))
        for number in range(count)
    }
    data = range_query("max_over_time(x[1m])", MemoryStorage(series), 90_000, 95_000, 5_000).data
    assert isinstance(data, MatrixResult)
    assert [float(labels[0][1]) for labels in data.matrix.labels] == data.matrix.values[:, 0].tolist()
    assert data.matrix.rows == count


def test_a_grid_is_cut_by_its_holes() -> None:
    """Complete rows share the times; the others have theirs; empty ones go."""
    present = np.array([[True, True], [False, True], [False, False], [True, True]])
    values = np.arange(8.0).reshape(4, 2)
    labels = [make_labels({"n": str(number)}) for number in range(4)]
    whole, holes = parts_of_grid(labels, np.array([0, 10]), values, present)
    assert (whole.labels, whole.values.tolist(), whole.offsets) == ([labels[0], labels[3]], [[0, 1], [6, 7]], None)
    assert (holes.labels, holes.times.tolist(), holes.values.tolist()) == ([labels[1]], [10], [3])
    assert holes.offsets is not None
    assert holes.offsets.tolist() == [0, 1]
