"""A family that nobody holds is let go of, with its bounds: names cost memory, and anybody may bring some (R12.41)."""

from __future__ import annotations

import pytest

from fog_aggregator.core.families.known import NO_SHAPE
from fog_aggregator.core.fleet.parts import DAY
from tests.aggregator.fleet import Fleet, Member
from tests.aggregator.test_families import NOTHING, conflicts, restarted

HORIZON = 7 * DAY


def known(fleet: Fleet) -> set[str]:
    """Return the names of the families that are known."""
    return {family.key.name for family in fleet.state.families if family.is_known}


def pass_horizons(fleet: Fleet, *living: Member, count: int = 2) -> None:
    """Let as much time pass as it takes until label sets leave that nobody has."""
    for _ in range(count):
        fleet.now += HORIZON + DAY
        fleet.state.parts.time.observed_seconds += HORIZON + DAY
        for member in living:
            member.send()
        fleet.sweep()
        fleet.state.choose_families(fleet.now, review=True)


def with_families(fleet: Fleet, path: str, *names: str) -> Member:
    """Add a node that has some counters and histograms, and has counted nothing yet."""
    member = fleet.join(path)
    for name in names:
        member.collector.register_counter(f"{name}_total", f"Help of {name}")
        member.collector.register_histogram(f"{name}_seconds", buckets=(1.0, float(len(fleet.members) + 1)))
    member.send()
    return member


def test_a_family_that_nobody_holds_is_let_go_of() -> None:
    """Of a node that has ended the names go with the last label set; what they took is there for others."""
    fleet = Fleet()
    living = with_families(fleet, "fog/1", "a")
    taken = fleet.state.catalog.taken
    gone = with_families(fleet, "fog/2", "b", "c")
    assert fleet.state.catalog.taken.families == taken.families + 4
    gone.finish()
    pass_horizons(fleet, living)
    assert known(fleet) == {"a_total", "a_seconds"}
    assert fleet.state.catalog.taken == taken
    assert {one.name for one in fleet.network.descriptions() if not one.name.startswith("fog_")} == known(fleet)


def test_names_do_not_pile_up() -> None:
    """A path that brings other families for ever has those of two horizons, in memory and in a checkpoint."""
    fleet = Fleet()
    living = with_families(fleet, "fog/1", "a")
    for turn in range(8):
        with_families(fleet, "fog/2", *(f"turn_{turn}_{number}" for number in range(20))).finish()
        pass_horizons(fleet, living, count=1)
        fleet = restarted(fleet) if turn == 5 else fleet
        living._fleet = fleet  # noqa: SLF001
    catalog = fleet.state.catalog
    assert len(catalog.families) <= 2 + 2 * 40
    assert len(catalog.shapes) <= 2 + 2 * 40
    assert known(restarted(fleet)) == known(fleet)


def test_bounds_that_no_series_has_are_let_go_of() -> None:
    """A family lives on with the bounds that are left."""
    fleet = Fleet()
    members = [fleet.join(f"fog/{node}") for node in range(2)]
    for member in members:
        seconds = member.collector.register_histogram(
            "seconds", "", labels=["at"], buckets=(1.0, 2.0 + int(member.path[1]))
        )
        seconds.labels(member.path[1]).observe(0)
        member.send()
    assert [bounds for _, bounds in fleet.state.catalog.shapes] == [(1.0, 2.0), (1.0, 3.0)]
    members[1].finish()
    pass_horizons(fleet, members[0])
    assert fleet.state.catalog.shapes == [(0, (1.0, 2.0)), NO_SHAPE]
    assert not fleet.state.catalog.known_families.several.any()
    assert fleet.samples("seconds")[("at", "0"),].count == 1


@pytest.mark.parametrize("restarts", [False, True])
def test_a_family_with_counts_stays(*, restarts: bool) -> None:
    """Label sets that left have counted under it: /api/retired names it, whoever is there."""
    fleet = Fleet()
    living = with_families(fleet, "fog/1", "a")
    gone = with_families(fleet, "fog/2", "b", "c")
    gone.collector.register_counter("b_total", "Help of b").increment(3)
    gone.send()
    gone.finish()
    pass_horizons(fleet, living)
    fleet = restarted(fleet) if restarts else fleet
    living._fleet = fleet  # noqa: SLF001
    pass_horizons(fleet, living)
    assert known(fleet) == {"a_total", "a_seconds", "b_total"}
    assert [
        (one["name"], one["counted"]) for one in fleet.network.inventory(lambda them: them.retired())["families"]
    ] == [("b_total", 3)]


def test_a_view_keeps_the_families_that_it_was_made_with() -> None:
    """The number of one stands for another one by the time at which the view is read."""
    fleet = Fleet()
    living = with_families(fleet, "fog/1", "a")
    gone = fleet.join("fog/2")
    gone.collector.register_gauge("old", "An old one").set(1)
    gone.send()
    view = fleet.network.view()
    gone.finish()
    pass_horizons(fleet, living)
    new = fleet.join("fog/3")
    new.collector.register_gauge("new", "A new one", rollup="max").set(2)
    new.send()
    assert len(fleet.state.catalog.families) == 3, "no number was given out again"
    assert {one.family.name: one.family.help for one in view.metrics}["old"] == "An old one"
    assert fleet.samples("new", level=0) == {(("fog_level", "0"), ("fog_path", "fog")): 2.0}


@pytest.mark.parametrize("restarts", [False, True])
def test_a_decision_outlives_a_family_that_was_let_go_of(*, restarts: bool) -> None:
    """A name that was shown alone goes on when a clashing family gets the number of one that has gone."""
    fleet = Fleet()
    gone = fleet.join("fog/0")
    gone.collector.register_counter("gone_total").increment(0)
    gone.send()
    living = fleet.join("fog/1")
    living.collector.register_counter("jobs").increment(20)
    living.send()
    assert fleet.samples("jobs") == {NOTHING: 20}
    gone.finish()
    pass_horizons(fleet, living)
    for node in range(3):
        member = fleet.join(f"fog/other/{node}")
        member.collector.register_gauge("jobs", rollup="max").set(2)
        member.send()
    assert len(fleet.state.catalog.families) == 2, "no number was given out again"
    fleet.samples("jobs")
    fleet = restarted(fleet) if restarts else fleet
    fleet.state.choose_families(fleet.now)
    assert fleet.samples("jobs") == {NOTHING: 20}
    assert [one["shown"] for one in conflicts(fleet)["jobs"]] == [True, False]


def test_a_conflict_ends_with_the_family() -> None:
    """The names of its samples are free again; the family that is left is contested no more."""
    fleet = Fleet()
    living = with_families(fleet, "fog/1", "a")
    other = fleet.join("fog/2")
    other.collector.register_gauge("a_total").set(1)
    other.send()
    assert list(conflicts(fleet)) == ["a_total"]
    other.finish()
    pass_horizons(fleet, living)
    assert (fleet.state.parts.clashes.contested, conflicts(fleet)) == (set(), {})
    assert fleet.samples("a_total") == {NOTHING: 0}
