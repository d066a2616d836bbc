"""Histograms of different bounds, seen at the bounds of one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fog_aggregator.core.kinds.buckets.bounds import show_at
from tests import reference
from tests.aggregator.fleet import Fleet
from utilityfog_frontend.telemetry.model import HistogramValue

BOUNDS = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=6, unique=True).map(sorted).map(tuple)


@st.composite
def histograms(draw: st.DrawFn) -> tuple[tuple[float, ...], list[int]]:
    """Bounds and the counts of their buckets."""
    bounds = draw(BOUNDS)
    return bounds, draw(st.lists(st.integers(0, 9), min_size=len(bounds) + 1, max_size=len(bounds) + 1))


def shown(bounds: tuple[float, ...], own: tuple[float, ...], counts: list[int]) -> list[int]:
    """One histogram through the kernel."""
    (row,) = show_at(bounds, own, np.array([counts], np.int64)).tolist()
    return list(row)


@given(BOUNDS, histograms())
def test_each_bucket_goes_to_the_first_bound_not_below_its_own(
    bounds: tuple[float, ...], histogram: tuple[tuple[float, ...], list[int]]
) -> None:
    """As its slow twin does."""
    assert shown(bounds, *histogram) == reference.show_at(bounds, *histogram)


@given(BOUNDS, histograms())
def test_the_ladder_is_never_above_the_truth(
    bounds: tuple[float, ...], histogram: tuple[tuple[float, ...], list[int]]
) -> None:
    """At a bound that a node has it is exact, at others it is what is known to lie below; nothing is lost."""
    own, counts = histogram
    seen, truth = reference.ladder(bounds, shown(bounds, own, counts)), reference.ladder(own, counts)
    for bound, count in seen.items():
        known = max((number for end, number in truth.items() if end <= bound), default=0)
        assert count == known
    assert seen[float("inf")] == sum(counts)


@given(BOUNDS, histograms())
def test_seeing_again_at_the_same_bounds_changes_nothing(
    bounds: tuple[float, ...], histogram: tuple[tuple[float, ...], list[int]]
) -> None:
    """It is a projection."""
    once = shown(bounds, *histogram)
    assert shown(bounds, bounds, once) == once


def test_counts_beyond_the_wires_limit_stay_there() -> None:
    """Two full buckets that fall into one are not a negative one."""
    full = 2**63 - 1
    assert shown((2.0,), (1.0, 2.0), [full, full, 0]) == [full, 0]


def observe(fleet: Fleet, path: str, buckets: list[float], *values: float) -> None:
    """Observe some values at a node that joins."""
    histogram = fleet.join(path).collector.register_histogram("wait_seconds", "Waiting", buckets)
    for value in values:
        histogram.observe(value)


def test_shown_are_the_bounds_of_most_live_nodes() -> None:
    """Nodes that fell silent have no say, however many they are."""
    fleet = Fleet()
    observe(fleet, "fog/0", [1.0, 2.0], 0.5, 1.5, 9.0)
    observe(fleet, "fog/1", [1.0, 2.0], 0.5)
    observe(fleet, "fog/2", [1.5], 1.2)
    fleet.send()
    (snapshot,) = fleet.families("wait_seconds")
    assert snapshot.family.bounds == (1.0, 2.0)
    assert [one.value for one in snapshot.series] == [HistogramValue((2, 2, 1), 0.5 + 1.5 + 9.0 + 0.5 + 1.2)]
    fleet.now += 3600
    fleet.members[2].send()
    (snapshot,) = fleet.families("wait_seconds")
    assert snapshot.family.bounds == (1.5,)
    assert [one.value for one in snapshot.series] == [HistogramValue((3, 2), 0.5 + 1.5 + 9.0 + 0.5 + 1.2)]


def test_equal_labels_meet_whatever_their_bounds() -> None:
    """In a group too, one label set is one series."""
    fleet = Fleet()
    for path, buckets in (("fog/0/a", [1.0]), ("fog/0/b", [2.0]), ("fog/1/c", [1.0])):
        labelled = fleet.join(path).collector.register_histogram("wait_seconds", "", buckets, labels=["kind"])
        for kind in ("x", "y"):
            labelled.labels(kind).observe(1.5)
    fleet.send()
    (snapshot,) = fleet.families("wait_seconds", level=1)
    assert {(dict(one.labels)["fog_path"], dict(one.labels)["kind"]): one.value for one in snapshot.series} == {
        ("fog/0", "x"): HistogramValue((0, 2), 3.0),
        ("fog/0", "y"): HistogramValue((0, 2), 3.0),
        ("fog/1", "x"): HistogramValue((0, 1), 1.5),
        ("fog/1", "y"): HistogramValue((0, 1), 1.5),
    }
