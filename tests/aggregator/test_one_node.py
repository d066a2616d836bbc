"""A question about one node costs one node, and has the same answer as a look at all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fog_aggregator.core import news
from fog_aggregator.core.fleet.fleet import Fleet as FleetState
from fog_aggregator.core.kinds import Kind
from fog_aggregator.query import planner, slot_index
from fog_aggregator.query.selection import Grouping, Selection
from fog_schema.paths import Path
from tests.aggregator.fleet import Fleet

NODES, SERIES = 300, 7


def member(fleet: Fleet, number: int, series: int = SERIES) -> None:
    """Let a node come with so many counters, and a histogram and a gauge."""
    joined = fleet.join(f"fog/{number % 9}/{number}")
    counter = joined.collector.register_counter("work_total", "Work", ["kind"])
    for kind in range(series):
        counter.labels(str(kind)).increment(number + kind)
    joined.collector.register_histogram("wait_seconds", "Wait", [1.0]).observe(number)
    joined.collector.register_gauge("depth", "Depth").set(number / 7)
    joined.send()


@pytest.fixture
def fleet() -> Fleet:
    """Return a fleet of many equal nodes, whose whole was looked at."""
    made = Fleet()
    for number in range(NODES):
        member(made, number)
    made.network.collect()
    return made


@pytest.fixture
def visited(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the numbers of rows that are copied of tables, as they are: values, and who holds them."""
    rows: list[int] = []
    copy, copy_plan, index = FleetState.copy_slots, Kind.copy_planned, slot_index.some

    def copy_slots(self: FleetState, kind: Kind, slots: Any, *, live: bool) -> Any:
        copied = copy(self, kind, slots, live=live)
        rows.append(len(copied.values))
        return copied

    def copy_planned(self: Kind, table: Any, plan: Any, kernels: Any, *, live: bool) -> Any:
        copied = copy_plan(self, table, plan, kernels, live=live)
        rows.append(len(copied.values))
        return copied

    def some(columns: Any, chosen: Any) -> Any:
        copied = index(columns, chosen)
        rows.append(len(copied.series))
        return copied

    monkeypatch.setattr(FleetState, "copy_slots", copy_slots)
    monkeypatch.setattr(Kind, "copy_planned", copy_planned)
    monkeypatch.setattr(slot_index, "some", some)
    return rows


class Looked(np.ndarray):
    """A column that counts the rows that are read of it."""

    counted: list[int] = []  # noqa: RUF012 - of all columns together

    def __getitem__(self, key: Any) -> Any:
        """Return some rows, as an array that counts no more."""
        found = np.asarray(super().__getitem__(key))
        self.counted.append(found.size)
        return found

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **others: Any) -> Any:
        """Compute with all rows."""
        self.counted.append(self.size)
        return getattr(ufunc, method)(*(np.asarray(one) for one in inputs), **others)


@pytest.fixture
def lives_looked_at(fleet: Fleet) -> list[int]:
    """Return the numbers of rows that are read of when nodes were heard: who asks whether they live must read it."""
    rows = fleet.state.parts.roster.rows
    rows.audible_at = rows.audible_at.view(Looked)
    Looked.counted.clear()
    return Looked.counted


def test_the_lives_of_those_asked_for_are_looked_at(fleet: Fleet, lives_looked_at: list[int]) -> None:
    """Each once, and once more for how long it is silent; its gauges ask too, and the places of silent ones."""

    def looked(look: Callable[[], object]) -> int:
        lives_looked_at.clear()
        look()
        return sum(lives_looked_at)

    network, counter, where = fleet.network, frozenset({"work_total"}), ("fog", "3", "3")
    assert looked(lambda: network.collect(Selection(where, own=True))) == 1 + 1 + 1
    assert looked(lambda: network.explain(where, "work_total")) == 2 * (1 + 1)  # two views, without a gauge
    branch = len(network.paths(where[:2]))
    assert looked(lambda: network.collect(Selection(where[:2], names=counter), Grouping(2))) == 2 * branch
    assert looked(lambda: network.collect(Selection(names=counter))) == 2 * NODES
    assert looked(network.collect) == 3 * NODES + fleet.state.place_rows


@pytest.mark.parametrize("came", [False, True], ids=["as it was", "after a node came"])
def test_one_node_is_copied_for_one_node(fleet: Fleet, visited: list[int], *, came: bool) -> None:
    """Of 300 nodes the rows of one are looked at, twice: who holds them, and their values."""
    if came:
        member(fleet, NODES)
    where = ("fog", "3", "3")
    visited.clear()
    fleet.network.collect(Selection(where, own=True))
    assert sum(visited) == 2 * (SERIES + 2)


def test_to_explain_one_node_looks_at_one_node(fleet: Fleet, visited: list[int]) -> None:
    """Once for the total at and under its path, and once for the level below; of its values, those of the name."""
    visited.clear()
    fleet.network.explain(("fog", "3", "3"), "work_total")
    assert sum(visited) == 2 * (SERIES + 2) + 2 * SERIES


def test_a_branch_of_few_nodes_is_copied_alone(fleet: Fleet, visited: list[int]) -> None:
    """A ninth of the fleet."""
    visited.clear()
    fleet.network.collect(Selection(("fog", "3")), Grouping(2))
    assert sum(visited) == 2 * (SERIES + 2) * len(fleet.network.paths(("fog", "3")))


def test_the_whole_is_copied_for_the_whole(fleet: Fleet, visited: list[int]) -> None:
    """All values are; who holds them is looked at of a newcomer alone, and of the node beside it."""
    visited.clear()
    fleet.network.collect()
    assert sum(visited) == NODES * (SERIES + 2)
    member(fleet, NODES)
    visited.clear()
    fleet.network.collect()
    assert sum(visited) == (NODES + 1 + 2) * (SERIES + 2)


def test_a_newcomer_is_put_into_the_tree_alone(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """The nodes that were there are not put in order again, unless more came than are remembered."""
    member(fleet, NODES)
    assert [came for _, came in fleet.state.place_news(fleet.state.places_version - 1) or ()] == [True]
    seen = fleet.state.places_version
    monkeypatch.setattr(news, "MOST", 2)
    for number in range(3):
        member(fleet, NODES + 1 + number)
    assert fleet.state.place_news(seen) is None
    assert fleet.network.paths() == sorted(fleet.state.places)


STEPS = st.lists(
    st.tuples(st.sampled_from(["join", "count", "finish"]), st.integers(0, 5), st.integers(0, 3)), max_size=14
)


@given(STEPS)
def test_few_are_shown_as_all_would_show_them(steps: list[tuple[str, int, int]]) -> None:
    """Epochs come, end and leave slots for others: a node or branch that is looked up alone shows the same."""
    fleet = Fleet()
    for what, number, amount in steps:
        if what == "join" or not fleet.members:
            member(fleet, number, 1 + amount)
        one = fleet.members[number % len(fleet.members)]
        if what == "count":
            one.collector.register_counter("work_total", "Work", ["kind"]).labels("0").increment(amount / 2)
            one.send()
        elif what == "finish":
            fleet.members.remove(one)
            one.finish()
    for under in [(), *{path[:cut] for path in fleet.state.places for cut in range(1, 4)}]:
        assert list(shown(fleet, under, few=256)) == list(shown(fleet, under, few=-1))


def shown(fleet: Fleet, under: Path, *, few: int) -> Iterator[Any]:
    """Yield the families of a path, with `few` places or fewer looked up alone."""
    before, planner.FEW = planner.FEW, few  # type: ignore[misc]
    try:
        network = Fleet().network
        network.adopt(fleet.state, fleet.events, network.ratchet)
        for own in (False, True):
            for level in (None, 1, 2):
                for family in network.collect(Selection(under, own), Grouping(level)):
                    yield family.family, [(one.labels, one.value, one.created) for one in family.series]
    finally:
        planner.FEW = before  # type: ignore[misc]
