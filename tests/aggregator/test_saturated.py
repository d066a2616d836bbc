"""A sum over nodes that stays at the most there can be is told beside the number, wherever that is shown (R12.38)."""

from __future__ import annotations

from typing import Any

import pytest

from fog_aggregator.components.http.explain import explain
from fog_aggregator.core.columns import MAX_FRACTION
from fog_aggregator.query.selection import Grouping, Selection
from fog_schema.limits import MAX_WHOLE
from tests.aggregator.fleet import Fleet
from utilityfog_frontend.telemetry.exposition import generate_text

SATURATED = "fog_aggregator_saturated_sums"
HALF = 2**62


def fleet_of(*nodes: tuple[str, str, float]) -> Fleet:
    """Make a fleet of nodes, each with a counter and what it has counted."""
    fleet = Fleet()
    for path, name, amount in nodes:
        member = fleet.join(path)
        member.collector.register_counter(name, "", ["of"]).labels("all").increment(amount)
        member.send()
    return fleet


def saturated(fleet: Fleet, **view: Any) -> dict[tuple[tuple[str, str], ...], Any]:
    """Return what a view tells of its sums."""
    return fleet.samples(SATURATED, **view)


def test_a_sum_over_nodes_that_stays_is_told_by_its_name() -> None:
    """The whole, and of a level the group that has it; a node's own number is exact."""
    fleet = fleet_of(("fog/0/1", "a_total", HALF), ("fog/0/2", "a_total", HALF), ("fog/1/1", "b_total", 1))
    assert list(fleet.samples("a_total").values()) == [MAX_WHOLE]
    assert saturated(fleet) == {(("name", "a_total"),): 1}
    assert saturated(fleet, level=1) == {(("fog_level", "1"), ("fog_path", "fog/0"), ("name", "a_total")): 1}
    assert saturated(fleet, level=2) == {}
    assert saturated(fleet, under=("fog", "1")) == {}
    assert f'{SATURATED}{{name="a_total"}} 1' in generate_text(fleet.network.collect()).decode()


def test_it_is_told_whatever_was_asked_for() -> None:
    """An answer about one metric alone has no number that looks exact and is not."""
    fleet = fleet_of(("fog/0", "a_total", HALF), ("fog/1", "a_total", HALF), ("fog/1", "b_total", 1))
    asked = [Selection(names=frozenset({name})) for name in ("a_total", "b_total")]
    told = [{one.family.name for one in fleet.network.collect(selection)} for selection in asked]
    assert told == [{"a_total", SATURATED}, {"b_total"}]


def test_a_history_has_it_too() -> None:
    """PromQL can be asked for it, by its name and by group."""
    fleet = fleet_of(("fog/0/1", "a_total", HALF), ("fog/0/2", "a_total", HALF))
    for grouping in (Grouping(), Grouping(level=1)):
        names = [one.family.name for one in fleet.network.view(Selection(), grouping).sampled()]
        assert SATURATED in names


@pytest.mark.parametrize(
    ("amounts", "stays"),
    [
        ((HALF, HALF - 2), False),
        ((HALF, HALF - 1), True),
        ((HALF, HALF, 0.5), True),
        ((HALF, 0.5), False),
    ],
)
def test_integers_and_fractions(amounts: tuple[float, ...], stays: bool) -> None:  # noqa: FBT001 - a parameter
    """A sum of exactly 2^63 - 1 looks the same and is told too; so is what is added to one."""
    fleet = fleet_of(*((f"fog/{number}", "a_total", amount) for number, amount in enumerate(amounts)))
    assert bool(saturated(fleet)) is stays


def test_doubles_stay_at_the_largest() -> None:
    """Only a path that lies can say so much."""
    fleet = fleet_of(("fog/0", "a_total", 0.5), ("fog/1", "a_total", 0.5))
    for table in fleet.state.parts.slots.tables.values():
        if table.values.dtype == "f8":
            table.values[table.used()] = 1.7e308
    assert list(fleet.samples("a_total").values()) == [MAX_FRACTION]
    assert saturated(fleet) == {(("name", "a_total"),): 1}


def test_buckets_are_counts() -> None:
    """One of a histogram's that stays makes the histogram one that does; gauges are no sums of counts."""
    fleet = Fleet()
    for number in range(2):
        member = fleet.join(f"fog/{number}")
        histogram = member.collector.register_histogram("delay", buckets=(1.0,))
        member.collector.register_gauge("level", rollup="sum").set(float(MAX_WHOLE))
        histogram.observe(0.5)
        member.send()
    for kind, table in fleet.state.parts.slots.tables.items():
        if kind.name.startswith("bucket_histogram"):
            table.values[table.used(), 0] = HALF
    assert saturated(fleet) == {(("name", "delay"),): 1}


def test_explain_says_so() -> None:
    """Beside the total that is taken apart; its parts are exact."""
    fleet = fleet_of(("fog/0", "a_total", HALF), ("fog/1", "a_total", HALF))
    whole, one = (explain(fleet.network, path, "a_total") for path in ((), ("fog", "0")))
    assert whole is not None
    assert one is not None
    assert (whole["saturated"], one["saturated"]) == (True, False)
