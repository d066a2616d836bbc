"""The numbers of a sum's parts."""

from __future__ import annotations

from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fog_aggregator.analysis.shares import Part, distances, explanation, shares, surprise

COUNTS = st.integers(0, 2**40)


@given(st.lists(st.tuples(COUNTS, COUNTS), min_size=1, max_size=30))
def test_contributions_add_up(pairs: list[tuple[int, int]]) -> None:
    """To the whole change, whatever its sign; none has any where nothing has changed."""
    parts = [Part(*pair) for pair in pairs]
    found = [share.contribution for share in shares(parts)]
    if sum(part.change for part in parts):
        assert sum(one for one in found if one is not None) == pytest.approx(1.0, abs=1e-6)
    else:
        assert set(found) == {None}


@given(st.lists(st.tuples(COUNTS, COUNTS), min_size=1, max_size=10))
def test_surprise_is_a_divergence(pairs: list[tuple[int, int]]) -> None:
    """0 for a part that has kept its share, at most half of the logarithm of 2, and the same in both directions."""
    before, after = (sum(pair[side] for pair in pairs) for side in (0, 1))
    for one, other in pairs:
        found = surprise(Part(one, other), before, after)
        assert -1e-12 <= found <= 0.5 * log(2) + 1e-12
        assert found == pytest.approx(surprise(Part(other, one), after, before))
        assert surprise(Part(one, 2 * one), before, 2 * before) == pytest.approx(0.0, abs=1e-12)


def test_distances_are_robust() -> None:
    """One that is far away does not hide itself, as it would by the mean and the standard deviation."""
    found = distances([10.0, 11.0, 9.0, 10.0, 12.0, 8.0, 1000.0])
    assert found[0] == 0.0
    assert found[-1] == pytest.approx(990 / 1.4826)
    assert distances([1.0, 1.0, 1.0, 5.0]) == [0.0, 0.0, 0.0, pytest.approx(4 / 1.2533)]
    assert distances([1.0, 1.0, 1.0]) == [None, None, None]
    assert distances([1.0, 5.0]) == [None, None]


def test_an_explanation_is_short() -> None:
    """Parts with little to say are left out; without enough together nothing is explained."""
    found = shares([Part(100, 100), Part(10, 70), Part(10, 45), Part(50, 54)])
    assert explanation(found) == [1, 2]
    assert explanation(shares([Part(10, 11)] * 20)) == []
