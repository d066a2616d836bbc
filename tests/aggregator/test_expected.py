"""Nodes that an operator expects and that were never heard are missing, everywhere; those that ended are no loss."""

from __future__ import annotations

from pathlib import Path as FilePath

import pytest

from fog_aggregator.core.fleet.silent_cover import Extent, Silent
from fog_aggregator.core.places.coverage import Coverage
from fog_aggregator.core.places.expected import Expected, parse_expected
from fog_aggregator.options import read_expected
from fog_aggregator.query.listing.absence import MISSING_SECONDS
from fog_aggregator.query.selection import Grouping, Selection
from fog_schema.paths import parse_path
from tests.aggregator.fleet import START, Fleet
from tests.aggregator.serving import serving


def fleet_with(*texts: str) -> Fleet:
    """Return a fleet of fog/0/a and fog/0/b that expects some nodes."""
    fleet = Fleet()
    fleet.network.expected = parse_expected(texts)
    for path in ("fog/0/a", "fog/0/b"):
        fleet.join(path)
    fleet.send()
    return fleet


def nodes(fleet: Fleet, **view: object) -> dict[tuple[tuple[str, str], ...], float]:
    """Return the nodes by state in a view, those states that somebody is in."""
    return {labels: count for labels, count in fleet.samples("fog_aggregator_nodes", **view).items() if count}


def test_expected_nodes_that_were_never_heard_are_missing() -> None:
    """By path, and by how many lie under one; beside a count, a path under it is one of the count."""
    for texts, missing in (
        (["fog/0/a", "fog/0/c"], [("fog/0/c", 1)]),
        (["fog/0=5"], [("fog/0", 3)]),
        (["fog/0=5", "fog/0/c", "fog/1/a"], [("fog/0", 2), ("fog/0/c", 1), ("fog/1/a", 1)]),
        (["fog/0=2"], []),
    ):
        fleet = fleet_with(*texts)
        assert fleet.network.missing() == [(parse_path(path), count) for path, count in missing]


def test_the_expected_are_counted_once() -> None:
    """A path under a path with a count is among its number."""
    assert parse_expected(["fog/0=5", "fog/0/c", "fog/1/a"]).total == 6


def test_every_view_shows_its_missing_nodes() -> None:
    """Also a level at which nobody was heard in their group; a subtree shows its own."""
    fleet = fleet_with("fog/0/c", "fog/1=2")
    assert nodes(fleet) == {(("state", "live"),): 2, (("state", "missing"),): 3}
    assert nodes(fleet, level=1) == {
        (("fog_level", "1"), ("fog_path", "fog/0"), ("state", "live")): 2,
        (("fog_level", "1"), ("fog_path", "fog/0"), ("state", "missing")): 1,
        (("fog_level", "1"), ("fog_path", "fog/1"), ("state", "missing")): 2,
    }
    assert nodes(fleet, under=("fog", "0")) == {(("state", "live"),): 2, (("state", "missing"),): 1}
    assert fleet.network.coverage(Selection(("fog", "1")), Grouping()).total() == Coverage((0, 0, 0, 0, 2, 0, 0), 0.0)


def test_a_node_that_is_heard_is_missing_no_more() -> None:
    """Nor is one that has ended, or has departed: something is known of it."""
    fleet = fleet_with("fog/0/c", "fog/0=3")
    late = fleet.join("fog/0/c")
    late.send()
    assert fleet.network.missing() == []
    late.finish()
    assert nodes(fleet) == {(("state", "live"),): 2, (("state", "ended"),): 1}
    assert fleet.network.missing() == []


def test_silence_is_placed_and_an_orderly_end_is_none() -> None:
    """A metric for each place that covers losses: silent nodes and missing ones, neither ended nor ephemeral ones."""
    fleet = fleet_with("fog/1=4")
    fleet.state.parts.time.observed_seconds = MISSING_SECONDS
    fleet.join("fog/0/c").send()
    for member in fleet.members[:1]:
        member.finish()
    fleet.now += 60
    fleet.members[1].send()
    assert fleet.network.losses().cover() == [
        Silent(("fog", "0", "c"), Extent.NODE, 1),
        Silent(("fog", "1"), Extent.SUBTREE, 4),
    ]
    assert fleet.samples("fog_aggregator_silent") == {
        (("fog_kind", "node"), ("fog_path", "fog/0/c"), ("fog_site", "fog/0")): 1,
        (("fog_kind", "subtree"), ("fog_path", "fog/1"), ("fog_site", "fog/1")): 4,
    }
    assert fleet.families("fog_aggregator_silent", level=1) == []


def test_a_fleet_that_comes_up_is_not_lost() -> None:
    """Expected nodes are missing at once, and a loss when the streams were read for half an hour, restarts included."""
    fleet = fleet_with("fog/1=4", "fog/0/c")
    fleet.state.parts.time.observed_seconds = MISSING_SECONDS - 1
    assert (nodes(fleet), fleet.network.losses().cover()) == (
        {(("state", "live"),): 2, (("state", "missing"),): 5},
        [],
    )
    fleet.state.parts.time.observed_seconds += 1
    assert sum(entry.nodes for entry in fleet.network.losses().cover()) == 5


def test_an_ephemeral_node_that_leaves_is_no_loss() -> None:
    """It says so itself; a killed one beside it is."""
    fleet = Fleet()
    for path, ephemeral in (("fog/0", True), ("fog/1", False), ("fog/2", False)):
        member = fleet.join(path, ephemeral=ephemeral)
        member.send()
    fleet.now = START + 60
    fleet.members[2].send()
    assert fleet.network.losses().cover() == [Silent(("fog", "1"), Extent.NODE, 1)]


async def test_missing_nodes_are_listed() -> None:
    """In /api/nodes where that is asked for; the tree counts them."""
    async with serving(fleet_with("fog/0/c", "fog/1=2")) as served:
        listed = await served.json("/api/nodes?state=missing")
        assert [(node["path"], node["state"], node["info"]) for node in listed["nodes"]] == [
            ("fog/0/c", "missing", {}),
            ("fog/1", "missing", {"missing": "2 of the nodes at and under this path"}),
        ]
        tree = await served.json("/api/tree?depth=2")
        assert (tree["count"], tree["nodes"]["missing"]) == (5, 3)
        assert [place["path"] for place in tree["children"][0]["children"]] == ["fog/0", "fog/1"]


def test_a_file_names_the_expected(tmp_path: FilePath) -> None:
    """One a line; what follows # is a comment."""
    file = tmp_path / "nodes.txt"
    file.write_text("# the site\nfog/0/a\n\nfog/1=48 # two racks\n")
    expected = Expected(frozenset({("fog", "0", "a"), ("fog", "2")}), {("fog", "1"): 48})
    assert read_expected((f"@{file}", "fog/2")) == expected


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (("fog/0=many",), "write how many there are, as in fog/0=48"),
        (("fog//0",), "expected node 'fog//0' is not allowed"),
        (("fog=3", "fog/0=2"), "the expected count of fog/0 lies under another"),
        (("@/nowhere",), "the file of expected nodes '/nowhere' cannot be read"),
    ],
)
def test_wrong_words_are_refused(texts: tuple[str, ...], words: str) -> None:
    """The error says which, and what to write."""
    with pytest.raises(ValueError, match=words):
        read_expected(texts)
