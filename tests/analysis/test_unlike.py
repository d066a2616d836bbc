"""A place is unlike its siblings by ratio and distance; a change is down one way, spread, or more than all of it."""

from __future__ import annotations

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fog_aggregator.analysis.blame import Blame, Child, Step
from fog_aggregator.analysis.shares import Part, shares
from fog_aggregator.analysis.unlike import Likeness, Spread, likeness, where
from fog_schema.paths import Path

POSITIVE = st.floats(1e-3, 1e6)


@pytest.mark.parametrize(
    ("value", "others", "unlike"),
    [
        (41.8, [0.14, 0.12, 0.12, 0.12, 0.1, 0.09, 0.09, 0.08, 0.07], True),
        (0.14, [0.12, 0.12, 0.12, 0.1, 0.09, 0.09, 0.08, 0.07], False),
        (0.0, [10.0, 10.1, 9.9, 10.0], True),
        (2.9, [1.0, 1.0, 1.0, 1.0], False),
        (3.0, [1.0, 1.0, 1.0, 1.0], True),
        (30.0, [1.0, 10.0, 20.0, 5.0, 15.0], False),
        (3.22, [0.5, 0.75, 1.0, 1.25, 1.5], False),
        (3.23, [0.5, 0.75, 1.0, 1.25, 1.5], True),
        (3.34, [10.0, 10.1, 9.9, 10.0], False),
        (3.33, [10.0, 10.1, 9.9, 10.0], True),
        (1.0, [0.0, 0.0, 0.0, 0.0], True),
        (0.0, [0.0, 0.0, 0.0, 0.0], False),
    ],
)
def test_unlike_is_far_in_both(value: float, others: list[float], *, unlike: bool) -> None:
    """A sick host, a healthy and a dead one; nearly and just 3 times, 6 deviations, a third; not 0 among 0; 0."""
    found = likeness(value, others)
    assert found is not None
    assert found.is_unlike is unlike


@given(POSITIVE, st.lists(POSITIVE, min_size=4, max_size=20), st.floats(0.1, 10.0))
def test_likeness_does_not_depend_on_the_unit(value: float, others: list[float], factor: float) -> None:
    """Bytes or kilobytes, in any order."""
    one, other = likeness(value, others), likeness(value * factor, [each * factor for each in reversed(others)])
    assert one is not None
    assert other is not None
    assert one.ratio == pytest.approx(other.ratio)


def test_too_few_others_say_nothing() -> None:
    """Three, or values that are none."""
    assert likeness(9.0, [1.0, 1.0, 1.0]) is None
    assert likeness(9.0, [1.0, 1.0, 1.0, nan, inf]) is None
    assert likeness(nan, [1.0] * 4) is None
    assert Likeness(inf, inf).is_unlike


def step(path: Path, changes: dict[str, float], whole: float | None = None) -> Step:
    """Return a place whose children changed by so much each."""
    parts = [Part(10.0, 10.0 + change) for change in changes.values()]
    total = Part(10.0 * len(parts), sum(part.after for part in parts))
    found = zip(changes, parts, shares(parts), strict=True)
    children = [Child((*path, token), part, share, suspect=False) for token, part, share in found]
    return Step(path, total, children, total.change / (whole or total.change or 1.0), 0.0)


NODES = {("fog",): 100, ("fog", "a"): 10, ("fog", "b"): 40, ("fog", "c"): 50}


@pytest.mark.parametrize(
    ("changes", "spread", "way"),
    [
        ({"a": 0.0, "b": 0.0}, Spread.NONE, []),
        ({"a": 1.0, "b": 4.0, "c": 5.0}, Spread.EVEN, []),
        ({"a": 5.0, "b": 3.0, "c": 2.0}, Spread.MOSTLY, [(("fog", "a"), 0.5)]),
    ],
)
def test_a_change_that_no_child_explains(
    changes: dict[str, float], spread: Spread, way: list[tuple[Path, float]]
) -> None:
    """Nothing; as the nodes are; half of it in a tenth of the nodes."""
    found = where(Blame([step(("fog",), changes)], ("fog",), None, ""), NODES.__getitem__)
    assert (found.spread, list(found.way)) == (spread, way)


@pytest.mark.parametrize(("share", "spread"), [(0.39, Spread.EVEN), (0.41, Spread.MOSTLY)])
def test_a_change_is_spread_evenly_below_twice_the_share_of_the_nodes(share: float, spread: Spread) -> None:
    """Five children with a fifth of the nodes each."""
    rest = dict.fromkeys("bcde", (1 - share) / 4)
    changed = Blame([step(("fog",), {"a": share, **rest})], ("fog",), None, "")
    found = where(changed, lambda path: 100 if path == ("fog",) else 20)
    assert found.spread is spread


def test_a_change_that_one_child_explains() -> None:
    """The shares are of the first whole, place by place; more than all of it where others fell."""
    first = step(("fog",), {"a": 9.0, "b": 1.0})
    second = step(("fog", "a"), {"x": 9.0}, 10.0)
    found = where(Blame([first, second], ("fog", "a", "x"), 0.9, ""), NODES.__getitem__)
    assert found.spread is Spread.DOWN
    assert list(found.way) == [(("fog", "a"), 0.9), (("fog", "a", "x"), 0.9)]
    beyond = step(("fog",), {"a": 15.0, "b": -5.0})
    assert where(Blame([beyond], ("fog", "a"), 1.5, ""), NODES.__getitem__).spread is Spread.BEYOND
