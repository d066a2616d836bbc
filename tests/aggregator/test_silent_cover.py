"""Losses are placed at the deepest paths that cover them: few entries, whatever has fallen silent."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fog_aggregator.core.fleet.silent_cover import MOST_ENTRIES, Extent, Silent, silent_cover
from fog_schema.paths import Path, is_under

SITES, RACKS, NODES = 20, 50, 100
FLEET: list[Path] = sorted(
    ("fog", f"s{site}", f"r{rack}", f"n{node}")
    for site in range(SITES)
    for rack in range(RACKS)
    for node in range(NODES)
)
"""100,000 nodes in 20 sites of 50 racks."""
RANDOM = random.Random(7)
SCATTER = {path for path in FLEET if RANDOM.random() < 0.02}


def cover(silent: Callable[[Path], bool], paths: list[Path] = FLEET, most: int = MOST_ENTRIES) -> list[Silent]:
    """Cover the paths that are silent."""
    lost = np.array([silent(path) for path in paths], np.int64)
    return silent_cover(paths, np.ones(len(paths), np.int64), lost, most)


@pytest.mark.parametrize(
    ("silent", "expected"),
    [
        pytest.param(lambda _: False, [], id="none"),
        pytest.param(
            lambda path: path == ("fog", "s3", "r7", "n1"),
            [Silent(("fog", "s3", "r7", "n1"), Extent.NODE, 1)],
            id="a node",
        ),
        pytest.param(
            lambda path: path[:3] == ("fog", "s3", "r7"),
            [Silent(("fog", "s3", "r7"), Extent.SUBTREE, 100)],
            id="a rack",
        ),
        pytest.param(
            lambda path: path[1] == "s3" and path[2] in {"r7", "r8"},
            [Silent(("fog", "s3", rack), Extent.SUBTREE, 100) for rack in ("r7", "r8")],
            id="two racks",
        ),
        pytest.param(lambda path: path[1] == "s3", [Silent(("fog", "s3"), Extent.SUBTREE, 5_000)], id="a site"),
        pytest.param(
            lambda path: path[1] in {"s3", "s4"},
            [Silent(("fog", site), Extent.SUBTREE, 5_000) for site in ("s3", "s4")],
            id="two sites",
        ),
        pytest.param(lambda _: True, [Silent(("fog",), Extent.SUBTREE, 100_000)], id="all"),
        pytest.param(
            lambda path: path[1] == "s3" and int(path[3][1:]) >= 5,
            [Silent(("fog", "s3"), Extent.SUBTREE, 4_750)],
            id="a site less 5 %",
        ),
        pytest.param(
            lambda path: path in SCATTER, [Silent(("fog",), Extent.SCATTERED, len(SCATTER))], id="2 % at random"
        ),
        pytest.param(
            lambda path: path in SCATTER or path[1] == "s3",
            [
                Silent(("fog",), Extent.SCATTERED, sum(path[1] != "s3" for path in SCATTER)),
                Silent(("fog", "s3"), Extent.SUBTREE, 5_000),
            ],
            id="a site beside 2 % at random",
        ),
    ],
)
def test_losses_of_a_large_fleet(silent: Callable[[Path], bool], expected: list[Silent]) -> None:
    """Each case has the entries that a person would name."""
    assert cover(silent) == expected


def test_few_nodes_of_a_rack_are_named_and_many_are_counted() -> None:
    """Up to the budget each is an entry of its own."""
    few, many = ({f"n{node}" for node in range(count)} for count in (3, 40))
    rack = ("fog", "s1", "r1")
    assert cover(lambda path: path[:3] == rack and path[3] in few) == [
        Silent(("fog", "s1", "r1", name), Extent.NODE, 1) for name in sorted(few)
    ]
    assert cover(lambda path: path[:3] == rack and path[3] in many) == [
        Silent(("fog", "s1", "r1"), Extent.SCATTERED, 40)
    ]


def test_an_inner_node_may_be_silent_alone() -> None:
    """A gateway at the rack's own path is a node, and the rack goes on."""
    paths: list[Path] = sorted([("fog", "0"), *(("fog", "0", f"n{node}") for node in range(20))])
    assert cover(lambda path: len(path) == 2, paths) == [Silent(("fog", "0"), Extent.NODE, 1)]
    assert cover(lambda _: True, paths) == [Silent(("fog", "0"), Extent.SUBTREE, 21)]


def test_several_nodes_may_stand_at_one_path() -> None:
    """A branch stands for all nodes below it; some of them may be silent."""
    paths: list[Path] = [("fog", "0"), ("fog", "1")]
    nodes, silent = np.array([300, 300]), np.array([2, 300])
    assert silent_cover(paths, nodes, silent) == [
        Silent(("fog", "0"), Extent.SCATTERED, 2),
        Silent(("fog", "1"), Extent.SUBTREE, 300),
    ]


def test_the_cost_does_not_grow_with_the_losses() -> None:
    """Paths that are looked at: with 15 % of all nodes silent few more than with 2 %, and none for each loss."""

    class Counted(list[Path]):
        looked_at = 0

        def __getitem__(self, at: int) -> Path:  # type: ignore[override]
            self.looked_at += 1
            return super().__getitem__(at)

    looked_at = []
    for share in (0.02, 0.15):
        paths = Counted(FLEET)
        chosen = random.Random(7)
        lost = np.array([chosen.random() < share for _ in FLEET], np.int64)
        silent_cover(paths, np.ones(len(paths), np.int64), lost)
        looked_at.append(paths.looked_at)
    assert max(looked_at) < 4 * len(FLEET)
    assert looked_at[1] < 1.5 * looked_at[0]


tokens = st.sampled_from("abc")
trees = st.sets(st.lists(tokens, min_size=1, max_size=4).map(tuple), min_size=1, max_size=40)


@given(trees, st.data(), st.integers(1, 12))
def test_every_loss_is_covered_once(paths: Iterable[Path], data: st.DataObject, most: int) -> None:
    """The entries add up to the losses, and there are few; no node's entry is of a node that lives."""
    ordered = sorted(paths)
    lost = {path for path in ordered if data.draw(st.booleans())}
    entries = cover(lambda path: path in lost, ordered, most)
    assert len(entries) <= most
    assert sum(entry.nodes for entry in entries) == len(lost)
    assert all(one.path <= other.path for one, other in pairwise(entries))
    for entry in entries:
        below = [path for path in lost if is_under(path, entry.path)]
        assert len(below) >= entry.nodes
        assert entry.extent is not Extent.NODE or entry.path in lost
