"""The costliest paths are named: ten of them in the exposition, all in `/api/nodes`."""

from __future__ import annotations

from typing import Any

import pytest

from fog_aggregator.core.costs.accounts import Accounts
from fog_aggregator.core.engine.sweeper import MOST_REPORTED, Sweeper
from fog_aggregator.core.fleet.fleet import Fleet as FleetState
from fog_aggregator.path_costs import MOST_NAMED, PathCost, costliest, costs_by_path
from fog_aggregator.query.family_variants import FamilyVariants
from fog_aggregator.query.listing.disagreements import Disagreements
from fog_schema.codec import encode, encode_definitions
from fog_schema.columns import pack_ids, pack_ints
from fog_schema.frames import COUNTER, DELTA, GAUGE, KEYFRAME, LAST_PART, Definition, Frame, Numbers
from fog_schema.paths import Path
from fog_schema.subjects import Subjects
from tests.aggregator.fleet import Fleet, counting


def charge(accounts: Accounts, subject: str, size: int, seconds: float) -> None:
    """Let a message have cost its reader something."""
    account = accounts.open(subject)
    account.messages += 1
    account.bytes += size
    account.seconds += seconds


def test_the_subjects_of_a_path_are_one_cost() -> None:
    """Metrics and events of a node together."""
    accounts = Accounts(Subjects())
    charge(accounts, "fog.v1.metrics.fog.0", 100, 0.5)
    charge(accounts, "fog.v1.events.fog.0", 10, 0.25)
    accounts.open("fog.v1.events.fog.0").refused += 1
    assert costs_by_path(accounts) == {("fog", "0"): PathCost(2, 110, 0.75, 1)}


def test_ten_paths_are_named() -> None:
    """They took most time; each is shown with all that it costs."""
    fleet, accounts = counting("fog/3", {"a": 1, "b": 1}), Accounts(Subjects())
    for node in range(100):
        charge(accounts, f"fog.v1.metrics.fog.{node}", 10 * node, 1.0 / (1 + abs(node - 3)))
    found = costliest(accounts, fleet.network).series
    assert len({dict(one.labels)["path"] for one in found}) == MOST_NAMED
    mine = {dict(one.labels)["what"]: one.value for one in found if dict(one.labels)["path"] == "fog/3"}
    assert mine == {"bytes": 30, "cpu": 1.0, "frames": 1, "refused": 0, "slots": 2}


def disagreeing(fleet: Fleet, path: Path, type_: int, names: int) -> None:
    """Let a node have many families of one type."""
    for part in range(0, names, 1000):
        ids = list(range(part, min(names, part + 1000)))
        definitions = [Definition(f"m{one}", type_, "", "", (), (), (), pack_ids([one]), ()) for one in ids]
        values = Numbers(pack_ids(ids), pack_ints([1] * len(ids)))
        kind, flags = (DELTA, 0) if part else (KEYFRAME, LAST_PART)
        frame = Frame(kind, 7, part // 1000 + 1, flags, definitions=encode_definitions(definitions))
        if type_ == COUNTER:
            frame.counters = values
        else:
            frame.gauges = values
        fleet.apply(path, encode(frame))


def test_many_families_that_disagree_are_one_event_and_one_line() -> None:
    """20,000 of them emptied the list of events, and wrote as many lines."""
    fleet, sweeper = Fleet(), Sweeper(Accounts(Subjects()))
    disagreeing(fleet, ("fog", "a"), COUNTER, 3000)
    disagreeing(fleet, ("fog", "b"), GAUGE, 3000)
    findings = sweeper.sweep(fleet.state, fleet.events, fleet.network, 0.0, fleet.now)
    assert findings.conflicting == 3000
    [line] = findings.warnings
    assert line == (
        "m0 is not of one type, unit, bounds or rollup choice on all nodes: see /api/conflicts"
        " (and 2999 more like it at fog/b)"
    )
    [event] = fleet.network.get_events()
    assert (event.name, event.value["subject"], event.labels["fog_path"]) == ("families_disagree", "m0", "fog/b")
    assert sweeper.sweep(fleet.state, fleet.events, fleet.network, 10.0, fleet.now).warnings == []
    page = fleet.network.inventory(lambda one: one.conflicts(2, 1))
    assert (page["total"], [one["name"] for one in page["families"]]) == (3000, ["m1", "m10"])


def test_paths_that_disagree_are_told_of_up_to_a_number() -> None:
    """The others are told of by the next sweep, and nobody twice."""
    fleet, sweeper = Fleet(), Sweeper(Accounts(Subjects()))
    for node in range(MOST_REPORTED + 50):
        member = fleet.join(f"fog/{node}")
        member.collector.register_counter(f"m{node}", "")
        other = fleet.join(f"fog/{node}/x")
        other.collector.register_gauge(f"m{node}", "").set(1)
    fleet.send()
    lines: list[str] = []
    for told in (MOST_REPORTED, 50, 0):
        findings = sweeper.sweep(fleet.state, fleet.events, fleet.network, 0.0, fleet.now)
        assert (findings.conflicting, len(findings.warnings)) == (MOST_REPORTED + 50, told)
        lines += findings.warnings
    assert len(set(lines)) == MOST_REPORTED + 50


def test_families_that_clash_cost_their_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    """One node disagrees about every family of others: no epoch is looked at once for each family."""
    fleet, nodes, names = Fleet(), 40, 100  # each kind has a look at all epochs, whatever families there are
    for node in range(nodes):
        collector = fleet.join(f"fog/{node}").collector
        for name in range(names):
            collector.register_counter(f"jobs_{name}").increment(node + 1)
    liar = fleet.join("fog/liar").collector
    for name in range(names):
        liar.register_gauge(f"jobs_{name}").set(2)
    fleet.send()
    looked_at, places_of_epochs = 0, FleetState.places_of_epochs

    def counting(state: FleetState, *given: Any) -> Any:
        nonlocal looked_at
        found = places_of_epochs(state, *given)
        looked_at += len(found)
        return found

    monkeypatch.setattr(FleetState, "places_of_epochs", counting)
    told = fleet.network.conflicts()
    slots = (nodes + 1) * names
    assert looked_at < 2 * slots
    assert {name: [(len(one.places), one.counted) for one in variants] for name, variants in told.items()} == {
        f"jobs_{name}": [(nodes, nodes * (nodes + 1) // 2), (1, 0)] for name in range(names)
    }


def test_a_sweep_looks_at_families_after_a_change_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """20,000 that disagree took 1.3 s of each sweep, also when they were the same as ten seconds before."""
    fleet, sweeper, looks, find = Fleet(), Sweeper(Accounts(Subjects())), list[int](), Disagreements.look_at_each

    def noted(self: Disagreements, state: Any, **given: Any) -> Any:
        found = find(self, state, **given)
        looks.append(len(found))
        return found

    monkeypatch.setattr(Disagreements, "look_at_each", noted)

    def sweep() -> int:
        return sweeper.sweep(fleet.state, fleet.events, fleet.network, 0.0, fleet.now).conflicting

    disagreeing(fleet, ("fog", "a"), COUNTER, 100)
    disagreeing(fleet, ("fog", "b"), GAUGE, 90)
    fleet.network.collect()
    assert ([sweep() for _ in range(5)], looks) == ([90] * 5, [90])
    disagreeing(fleet, ("fog", "c"), COUNTER, 100)
    assert ([sweep() for _ in range(5)], looks) == ([90] * 5, [90, 90])
    fleet.now += 1_000  # nobody is live any more: what is not shown has counts no more
    assert ([sweep() for _ in range(2)], len(looks)) == ([90] * 2, 3)


def test_a_page_of_conflicts_looks_at_its_own_families(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes the fleet's lock for the page, and not for all that disagree."""
    fleet, counted = Fleet(), FamilyVariants.count_at
    disagreeing(fleet, ("fog", "a"), COUNTER, 1000)
    disagreeing(fleet, ("fog", "b"), GAUGE, 1000)
    looks = list[int]()

    def noted(self: FamilyVariants, slots: Any) -> Any:
        looks.append(1)
        return counted(self, slots)

    monkeypatch.setattr(FamilyVariants, "count_at", noted)
    page = fleet.network.inventory(lambda one: one.conflicts(3, 10))
    assert (page["total"], len(page["families"]), len(looks)) == (1000, 3, 6)
    assert [len(one["versions"]) for one in page["families"]] == [2, 2, 2]
    assert fleet.network.inventory(lambda one: one.conflicts(3, 5000))["families"] == []
