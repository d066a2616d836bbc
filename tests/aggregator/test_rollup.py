"""Levels of a real fleet: what every group shows is what its nodes counted."""

from __future__ import annotations

from collections import defaultdict
from itertools import count as counting
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fog_aggregator.core.places.epoch import Epoch
from fog_aggregator.core.places.node import Node
from fog_aggregator.core.places.place import Place
from fog_aggregator.core.places.rows import EpochColumns
from fog_aggregator.query.selection import EVERYTHING, Grouping, Selection
from fog_aggregator.query.tree import Tree
from fog_schema.paths import Path, format_path, is_under
from tests import reference
from tests.aggregator.fleet import Fleet
from tests.examples import examples
from utilityfog_frontend.telemetry.model import HistogramValue

TOKEN = st.sampled_from(["0", "1", "1-a", "a_b", "9"])
PATHS = st.sets(st.lists(TOKEN, max_size=3).map(lambda tail: ("fog", *tail)), min_size=1, max_size=9).map(sorted)
AMOUNTS = st.integers(0, 2**60) | st.integers(0, 9).map(float) | st.sampled_from([0.1, 0.2, 0.3])


@st.composite
def fleets(draw: st.DrawFn) -> tuple[Fleet, dict[Path, int], dict[Path, float]]:
    """Return a fleet of random shape, inner nodes too, and what each node counted: whole and mixed amounts."""
    fleet, whole, mixed = Fleet(), {}, {}
    for path in draw(PATHS):
        member = fleet.join(format_path(path))
        whole[path] = draw(st.integers(0, 2**60))
        member.collector.register_counter("whole_total").increment(whole[path])
        counter = member.collector.register_counter("mixed_total")
        mixed[path] = draw(AMOUNTS)
        counter.increment(mixed[path])
        histogram = member.collector.register_histogram("wait_seconds", "", [1.0, 2.0])
        for value in draw(st.lists(st.sampled_from([0.5, 1.5, 2.5]), max_size=3)):
            histogram.observe(value)
        gauge = member.collector.register_gauge("size_bytes", rollup="sum")
        gauge.set(draw(st.integers(-9, 9)))
    fleet.send()
    return fleet, whole, mixed


def by_path(fleet: Fleet, name: str, level: int) -> dict[Path, Any]:
    """Return the value of each group of a level."""
    groups = {}
    for labels, value in fleet.samples(name, level=level).items():
        assert labels[0] == ("fog_level", str(level))
        groups[tuple(dict(labels)["fog_path"].split("/"))] = value
    return groups


@settings(max_examples=examples(40))
@given(fleets())
def test_every_level_adds_up_to_the_fleet(drawn: tuple[Fleet, dict[Path, int], dict[Path, float]]) -> None:
    """At each level each node is in exactly one group, inner nodes too; so the sum is the fleet's total."""
    fleet, whole, mixed = drawn
    for level in range(5):
        groups = by_path(fleet, "whole_total", level)
        assert groups == reference.by_group(whole, level)
        assert sum(groups.values()) == fleet.samples("whole_total")[()] == sum(whole.values())
        assert sum(by_path(fleet, "mixed_total", level).values()) == pytest.approx(sum(mixed.values()), rel=1e-12)
        (total,) = fleet.samples("wait_seconds").values()
        parts = by_path(fleet, "wait_seconds", level).values()
        assert [sum(counts) for counts in zip(*(part.counts for part in parts), strict=True)] == list(total.counts)
        assert sum(by_path(fleet, "size_bytes", level).values()) == fleet.samples("size_bytes")[()]


@settings(max_examples=examples(40))
@given(fleets(), st.data())
def test_a_subtree_is_what_lies_under_its_path(
    drawn: tuple[Fleet, dict[Path, int], dict[Path, float]], data: st.DataObject
) -> None:
    """`under` shows the subtree, with a level its groups, `own` the node alone."""
    fleet, whole, _ = drawn
    path = data.draw(st.sampled_from(sorted(whole)))
    below = {node: count for node, count in whole.items() if is_under(node, path)}
    assert fleet.samples("whole_total", under=path) == {(): sum(below.values())}
    assert fleet.samples("whole_total", under=path, own=True) == {(): whole[path]}
    level = len(path)
    groups: dict[str, int] = defaultdict(int)
    for node, count in below.items():
        groups[format_path(node[: level + 1])] += count
    found = fleet.samples("whole_total", under=path, level=level)
    assert {dict(labels)["fog_path"]: value for labels, value in found.items()} == groups


@given(PATHS, st.lists(TOKEN, max_size=3))
@example([("fog", "1"), ("fog", "1", "0"), ("fog", "1-a"), ("fog", "9")], ["1"])
def test_a_subtree_is_a_range_of_paths(paths: list[Path], tail: list[str]) -> None:
    """Also beside siblings whose names begin alike, which sort close to it."""
    fleet = Fleet()
    for path in paths:
        fleet.join(format_path(path))
    fleet.send()
    tree = Tree(fleet.state.places, fleet.state.place_rows)
    under = ("fog", *tail)
    span = tree.span(under)
    assert tree.paths[span.start : span.stop] == [path for path in paths if is_under(path, under)]
    assert [fleet.state.places[path].row for path in tree.paths] == tree.rows.tolist()


@given(st.lists(st.tuples(PATHS, PATHS), min_size=1, max_size=4))
def test_a_tree_made_from_an_earlier_one_is_the_same(changes: list[tuple[list[Path], list[Path]]]) -> None:
    """Whatever came and went in between, or came back as another node; its groups too."""
    nodes: dict[Path, Node] = {}
    rows, tree = counting(), Tree({}, 0)
    for gone, came in changes:
        news: list[tuple[Place, bool]] = [(nodes.pop(path), False) for path in gone if path in nodes]
        for path, row in zip(came, rows, strict=False):
            news += [(nodes.pop(path), False)] if path in nodes else []
            nodes[path] = Node(path, row, Epoch(0, row, EpochColumns()))
            news.append((nodes[path], True))
        most = 1 + max(node.row for node in nodes.values())
        tree, anew = tree.after(news, most), Tree(nodes, most)
        assert tree.paths == anew.paths == sorted(nodes)
        assert (tree.rows.tolist(), tree.rank.tolist()) == (anew.rows.tolist(), anew.rank.tolist())
        for level in range(4):
            mine, theirs = (one.group(EVERYTHING, Grouping(level)) for one in (tree, anew))
            assert mine.paths == theirs.paths == sorted({path[: level + 1] for path in nodes})
            assert [mine.paths[mine.of_node[node.row]] for node in nodes.values()] == [p[: level + 1] for p in nodes]


def test_several_epochs_at_a_path_add_up() -> None:
    """Workers side by side, one that ended, one that came after it: a path's total is all of them."""
    fleet = Fleet()
    for amount in (1, 2, 4):
        member = fleet.join("fog/0")
        member.collector.register_counter("done_total").increment(amount)
        member.collector.register_histogram("wait_seconds", "", [1.0]).observe(amount)
    fleet.send()
    fleet.members[1].finish()
    assert fleet.samples("done_total") == {(): 7}
    assert fleet.samples("done_total", under=("fog", "0"), own=True) == {(): 7}
    assert fleet.samples("wait_seconds") == {(): HistogramValue((1, 2), 7.0)}


def test_sums_that_would_pass_the_limit_stay_there() -> None:
    """Two nodes of 2^62 and one more are 2^63 - 1, and not negative."""
    fleet = Fleet()
    for node in range(3):
        fleet.join(f"fog/{node}").collector.register_counter("done_total").increment(2**62)
    fleet.send()
    assert fleet.samples("done_total") == {(): 2**63 - 1}


def test_a_plan_is_made_anew_when_the_fleet_changes() -> None:
    """Series that come after the first look are in the second, nodes that come after that in the third."""

    def sample(node: str, kind: str) -> tuple[tuple[str, str], ...]:
        return (("fog_level", "1"), ("fog_path", node), ("kind", kind))

    fleet = Fleet()
    counter = fleet.join("fog/1").collector.register_counter("done_total", "", ["kind"])
    counter.labels("a").increment(1)
    fleet.send()
    seen = {sample("fog/1", "a"): 1}
    assert fleet.samples("done_total", level=1) == seen
    counter.labels("b").increment(2)
    fleet.send()
    seen[sample("fog/1", "b")] = 2
    assert fleet.samples("done_total", level=1) == seen
    fleet.join("fog/0").collector.register_counter("done_total", "", ["kind"]).labels("a").increment(4)
    fleet.send()
    seen[sample("fog/0", "a")] = 4
    assert fleet.samples("done_total", level=1) == seen


def test_the_order_of_arrival_does_not_change_a_sum_of_fractions() -> None:
    """They are added in path order: two aggregators that heard the nodes in other orders say the same."""
    amounts = {"fog/0": 0.1, "fog/1": 0.2, "fog/2": 0.3}
    assert sum(amounts.values()) != sum(reversed(amounts.values())), "else this would prove nothing"
    totals = set()
    for order in (sorted(amounts), sorted(amounts, reverse=True)):
        fleet = Fleet()
        for path in order:
            fleet.join(path).collector.register_counter("done_total").increment(amounts[path])
        fleet.send()
        totals.add(fleet.samples("done_total")[()])
    assert len(totals) == 1


def test_a_view_of_nothing_is_empty() -> None:
    """A path that nobody has, and a fleet of nobody."""
    fleet = Fleet()
    assert fleet.families() == []
    fleet.join("fog/0").collector.register_counter("done_total").increment(1)
    fleet.send()
    assert fleet.families(under=("other",)) == []
    assert list(fleet.network.coverage(Selection(("other",)))) == []
