"""A metric is shown as most live nodes describe it, at every moment; families that are hidden are told of (R12.27)."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fog_agent.core.summary import GaugeSummary
from fog_aggregator.core.checkpoint import read_image, restore, take_image
from fog_aggregator.core.families.known import Family, FamilyKey
from fog_aggregator.core.fleet.fleet import Fleet as FleetState
from fog_aggregator.core.fleet.parts import DAY
from fog_aggregator.core.places.coverage import Coverage
from fog_aggregator.core.series import SeriesEntry
from fog_aggregator.query.ratchet import Ratchet
from fog_aggregator.query.totals import Totals
from fog_schema.frames import GAUGE
from fog_schema.paths import parse_path
from tests.aggregator.fleet import Fleet, Member
from tests.aggregator.rollups import Reporter
from tests.examples import examples

NOTHING = ()
STALE = 100.0


def restarted(fleet: Fleet) -> Fleet:
    """Go on from a checkpoint of this moment, in another fleet."""
    image = take_image(fleet.state, fleet.events, Ratchet(), {}, ("fog.v1", (), ()))
    state, after = FleetState(), Fleet()
    restore(read_image(b"".join(image.chunks())), state, after.events, Ratchet())
    after.now, after.state = fleet.now, state
    after.network.adopt(state, after.events, Ratchet())
    return after


def load_of(fleet: Fleet, path: str, rollup: Any, help_: str = "Load", value: float = 1.0) -> Member:
    """Add a node with a gauge, and let it send."""
    member = fleet.join(path)
    member.collector.register_gauge("load", help_, rollup=rollup).set(value)
    member.send()
    return member


def shown(fleet: Fleet, name: str = "load") -> tuple[str, tuple[str, ...]]:
    """Return the help and the rollup choices of a metric, as everything that shows it does."""
    [described] = {(one.family.help, one.family.rollup) for one in fleet.families(name)}
    assert {(one.help, one.rollup) for one in fleet.network.descriptions() if one.name == name} == {described}
    return described


def conflicts(fleet: Fleet, *under: str) -> dict[str, list[dict[str, Any]]]:
    """Return what /api/conflicts lists at and under a path, by name."""
    return {
        one["name"]: one["versions"]
        for one in fleet.network.inventory(lambda inventory: inventory.conflicts(100, 0, under))["families"]
    }


def test_whoever_comes_first_does_not_decide() -> None:
    """The rollup choice and the help are those of most live nodes, as soon as they are there."""
    fleet = Fleet()
    load_of(fleet, "fog/0", "max", "First", 5)
    assert shown(fleet) == ("First", ("max",))
    load_of(fleet, "fog/1", "sum", "Load", 7)
    load_of(fleet, "fog/2", "sum", "Load", 8)
    assert shown(fleet) == ("Load", ("sum",))
    assert fleet.samples("load") == {NOTHING: 20.0}


def test_an_honest_change_takes_effect() -> None:
    """Nodes are killed and begin anew with another choice: their former writers, who are silent, have no say."""
    fleet = Fleet()
    for node in range(5):
        load_of(fleet, f"fog/{node}", "sum", "Old", node)
    seen = [shown(fleet)[0]]
    for node in range(5):
        fleet.now += 5
        load_of(fleet, f"fog/{node}", "max", "New", node)
        seen.append(shown(fleet)[0])
    assert seen == ["Old", "Old", "Old", "New", "New", "New"]
    assert fleet.samples("load") == {NOTHING: 4.0}


def test_only_live_nodes_have_a_say_while_there_are_any() -> None:
    """Of silent nodes none has; when all are silent, those that are known decide; when all have ended, the last one."""
    fleet = Fleet()
    old = [load_of(fleet, f"fog/{node}", "sum", "Old") for node in range(3)]
    fleet.now += STALE
    new = load_of(fleet, "fog/3", "max", "New")
    assert shown(fleet) == ("New", ("max",))
    assert fleet.samples("load") == {NOTHING: 1.0}
    fleet.now += STALE

    def describe() -> set[tuple[str, tuple[str, ...]]]:
        return {(one.help, one.rollup) for one in fleet.network.descriptions() if one.name == "load"}

    assert describe() == {("Old", ("sum",))}
    for member in (*old, new):
        fleet.now += 1
        member.finish()
    assert describe() == {("New", ("max",))}


def test_help_and_choice_are_voted_on_apart() -> None:
    """A release that words its help anew, and another choice, do not split each other's votes."""
    fleet = Fleet()
    for node, (rollup, help_) in enumerate([("sum", "a"), ("sum", "b"), ("max", "c"), ("max", "c"), ("sum", "d")]):
        load_of(fleet, f"fog/{node}", rollup, help_)
    assert shown(fleet) == ("c", ("sum",))


def test_a_node_with_several_writers_has_one_vote() -> None:
    """Prefork workers of one program are one node."""
    fleet = Fleet()
    for _ in range(5):
        fleet.join("fog/0", shared=True).collector.register_gauge("load", "Workers", rollup="max").set(1)
    for node in (1, 2):
        fleet.join(f"fog/{node}").collector.register_gauge("load", "Nodes", rollup="sum").set(1)
    fleet.send()
    assert shown(fleet) == ("Nodes", ("sum",))


def test_bounds_are_those_of_present_writers() -> None:
    """A node whose program came back with other bounds has those, though its former counts have others."""
    fleet = Fleet()
    for bounds in ([1.0], [2.0, 4.0]):
        for node in range(3):
            fleet.join(f"fog/{node}").collector.register_histogram("delay", "", bounds).observe(0.5)
            fleet.members[-1].send()
        fleet.now += 5
    [family] = fleet.families("delay")
    assert family.family.bounds == (2.0, 4.0)


def test_below_a_path_is_what_its_nodes_disagree_about() -> None:
    """Whatever others say or count: of them there is neither a version nor a place nor a count."""
    fleet = Fleet()
    for path, type_ in (("fog/0/a", "gauge"), ("fog/0/b", "counter"), ("fog/1/a", "gauge"), ("fog/1/b", "gauge")):
        collector = fleet.join(path).collector
        if type_ == "gauge":
            collector.register_gauge("jobs").set(2)
        else:
            collector.register_counter("jobs").increment(6)
        collector.register_gauge("load", "Load", rollup="sum" if path == "fog/1/a" else "max").set(1)
        if path == "fog/1/a":
            collector.register_histogram("wait", buckets=(1.0, 2.0)).observe(1)
        elif path == "fog/1/b":
            collector.register_histogram("wait", buckets=(1.0, 3.0)).observe(1)
    fleet.send()
    assert set(conflicts(fleet)) == {"jobs", "load", "wait"}
    assert set(conflicts(fleet, "fog", "1")) == {"load", "wait"}
    below = conflicts(fleet, "fog", "0")
    assert set(below) == {"jobs"}
    told = [(one["type"], one["shown"], one["paths"], one["counted"], one["counted_at"]) for one in below["jobs"]]
    assert told == [("gauge", True, ["fog/0/a"], 0, ["fog/0/a"]), ("counter", False, ["fog/0/b"], 6, ["fog/0/b"])]
    assert conflicts(fleet, "fog", "0", "b") == {}


def test_a_choice_that_nodes_disagree_about_is_told() -> None:
    """Another rollup choice changes numbers, and is a conflict; another help is told beside it, and is none."""
    fleet = Fleet()
    load_of(fleet, "fog/0", "max", "Load")
    for node in (1, 2):
        member = load_of(fleet, f"fog/{node}", "sum", "Load")
        member.collector.register_counter("done_total", f"Help {node}").increment()
    fleet.send()
    assert set(fleet.network.conflicts()) == {"load"}
    assert fleet.network.disagreements() == {"load": ("fog", "0")}
    found = conflicts(fleet)
    assert [(one["rollup"], one["shown"], one["nodes"]) for one in found["load"]] == [
        (["sum"], True, 2),
        (["max"], False, 1),
    ]
    assert [(one["help"], one["shown"]) for one in found["done_total"]] == [("Help 1", True), ("Help 2", False)]
    fleet.now += STALE
    fleet.members[1].send()
    assert "load" not in conflicts(fleet)


def clashing(first: str = "counter") -> tuple[Fleet, list[Member]]:
    """Return a fleet in which `jobs` is a counter of 40 on two nodes, and a gauge of 2 on three."""
    fleet, members = Fleet(), []
    for kind in (first, "gauge" if first == "counter" else "counter"):
        for node in range(2) if kind == "counter" else range(2, 5):
            member = fleet.join(f"fog/{node}")
            if kind == "counter":
                member.collector.register_counter("jobs").increment(20)
            else:
                member.collector.register_gauge("jobs", rollup="max").set(2)
            members.append(member)
            member.send()
        if first == kind:
            fleet.samples("jobs")
    return fleet, members


@pytest.mark.parametrize("restarts", [False, True])
def test_a_sample_does_not_change_its_meaning_with_who_is_live(*, restarts: bool) -> None:
    """It read 40, 2, 40 when the holders of one family were silent for a moment, and when more of the other came."""
    fleet, members = clashing()
    read = [fleet.samples("jobs")]
    for live in (members[2:], members[:2], members):
        if restarts:
            members = list(members)
            fleet, before = restarted(fleet), fleet
            for member in members:
                member._fleet = fleet  # noqa: SLF001
            assert before is not fleet
        fleet.now += STALE
        for member in live:
            member.send()
        fleet.state.choose_families(fleet.now, review=True)
        read.append(fleet.samples("jobs"))
    assert read == [{NOTHING: 40}] * 4


@pytest.mark.parametrize("kinds", [("counter", "gauge", "gauge"), ("gauge", "counter", "counter")])
def test_what_most_nodes_have_is_shown_first(kinds: tuple[str, ...]) -> None:
    """When both are there before anybody looks, whoever came first."""
    fleet = Fleet()
    for node, kind in enumerate(kinds):
        collector = fleet.join(f"fog/{node}").collector
        if kind == "counter":
            collector.register_counter("jobs").increment(20)
        else:
            collector.register_gauge("jobs").set(2)
    fleet.send()
    [family] = fleet.families("jobs")
    assert family.family.type == kinds[1]


def test_a_family_that_is_not_shown_is_told_though_nobody_live_has_it() -> None:
    """Writers that have ended had counted 18 under the name of a gauge: these were told nowhere."""
    fleet = Fleet()
    for node in range(3):
        fleet.join(f"fog/{node}").collector.register_gauge("jobs").set(2)
    fleet.send()
    fleet.samples("jobs")
    before = list(fleet.members)
    for node in range(3):
        member = fleet.join(f"fog/{node}")
        member.collector.register_counter("jobs").increment(6)
        member.send()
        member.finish()
    for member in before:
        member.send()
    [versions] = fleet.network.conflicts().values()
    assert [(one.family.key.type_name, one.shown, len(one.nodes), one.counted) for one in versions] == [
        ("gauge", True, 3, 0),
        ("counter", False, 0, 18),
    ]
    assert fleet.network.disagreements() == {"jobs": ("fog", "0")}
    told = conflicts(fleet)["jobs"][1]
    assert (told["nodes"], told["counted"], told["counted_at"]) == (0, 18, ["fog/0", "fog/1", "fog/2"])


def test_a_decision_ends_when_no_count_is_left() -> None:
    """The label sets of the family that was shown have left; then the other one is shown, and nothing conflicts."""
    fleet, members = clashing()
    for member in members[:2]:
        member.finish()
    for _ in range(2):
        fleet.now += 8 * DAY
        fleet.state.parts.time.observed_seconds += 8 * DAY
        for member in members[2:]:
            member.send()
        fleet.sweep()
        fleet.state.choose_families(fleet.now, review=True)
    assert fleet.samples("jobs") == {NOTHING: 2.0}
    assert fleet.network.conflicts() == {}


SAYING = st.tuples(
    st.sampled_from("abc"), st.sampled_from([(), ("sum",), ("max",)]), st.sampled_from([(1.0,), (2.0,), (1.0, 2.0)])
)


@settings(max_examples=examples(60), deadline=None)
@given(
    nodes=st.lists(st.tuples(SAYING, st.booleans()), min_size=1, max_size=9),
    order=st.randoms(use_true_random=False),
    restarts=st.booleans(),
)
def test_the_choice_depends_on_who_is_live_and_says_what(
    nodes: list[tuple[Any, bool]], order: random.Random, *, restarts: bool
) -> None:
    """Not on the order of arrival, nor on when somebody looked, nor on restarts: two replicas agree."""
    if not any(live for _, live in nodes):
        nodes = [(said, True) for said, _ in nodes]
    answers = []
    for looks in (False, True):
        fleet, members = Fleet(), {}
        sequence = list(enumerate(nodes))
        order.shuffle(sequence)
        for number, ((help_, rollup, bounds), _) in sequence:
            member = members[number] = fleet.join(f"fog/{number}")
            member.collector.register_gauge("load", help_, rollup=rollup).set(1)
            member.collector.register_histogram("delay", help_, list(bounds)).observe(0.5)
            member.send()
            if looks:
                fleet.families()
        fleet.now += STALE
        if looks and restarts:
            fleet = restarted(fleet)
        for number, (_, live) in sequence:
            if live:
                members[number]._fleet = fleet  # noqa: SLF001
                members[number].send()
        answers.append({one.family for one in fleet.families() if one.family.name in {"load", "delay"}})
        for index, attribute in ((0, "help"), (1, "rollup"), (2, "bounds")):
            votes = Counter(said[index] for said, live in nodes if live)
            name = "delay" if attribute == "bounds" else "load"
            [family] = [one for one in answers[-1] if one.name == name]
            assert votes[getattr(family, attribute)] == max(votes.values())
    assert answers[0] == answers[1]


def test_a_branch_speaks_for_its_live_nodes() -> None:
    """It says what most of them say, and has as many votes as it says are live; of one that is silent none counts."""
    fleet = Fleet()
    for node in range(2):
        load_of(fleet, f"fog/{node}", "sum", "Nodes")
    family = Family(FamilyKey("load", GAUGE, ""), "Branch", ("max",))
    totals = Totals(
        {0: GaugeSummary(5, 12.0, 1.0, 7.0)}, [SeriesEntry(0, ())], [family], Coverage((5, 0, 0, 0, 0, 0, 0), 0.0)
    )
    fleet.state.apply(("fog", "branch"), Reporter(9).keyframe(totals), fleet.now, rollup=True)
    assert shown(fleet) == ("Branch", ("max",))
    assert fleet.samples("load") == {NOTHING: 7.0}
    fleet.now += STALE
    fleet.send()
    assert shown(fleet) == ("Nodes", ("sum",))


def test_words_that_nobody_says_any_more_are_forgotten() -> None:
    """A node that describes its metrics anew with each keyframe fills nothing."""
    fleet = Fleet()
    words = fleet.state.parts.words
    for number in range(50):
        load_of(fleet, "fog/0", "sum", f"Help {number}").finish()
    load_of(fleet, "fog/1", "sum", "Help")
    fleet.sweep()
    assert len(words.image().plain["words"]) == 1
    assert not words.contested
    assert shown(fleet)[0] == "Help"


def test_a_keyframe_in_parts_takes_back_what_it_does_not_say() -> None:
    """Before its last part the words of the one before hold: no family is without words in between."""
    fleet = Fleet()
    load_of(fleet, "fog/1", "max", "Other")
    member = fleet.join("fog/0")
    for number in range(8):
        member.collector.register_gauge(f"gauge_{number}", "G" * 50, rollup="sum").set(1)
    load = member.collector.register_gauge("load", "Load", ["job"], rollup="sum")
    load.labels("a").set(1)
    member.send()
    load.remove("a")
    member.writer.request_keyframe()
    parts = 0
    while member.writer.keyframe_due or member.writer.within_keyframe:
        assert shown(fleet, "gauge_3")[0] == "G" * 50
        frame = member.writer.encode_part(fleet.now, 400)
        fleet.apply(member.path, frame.data)
        parts += 1
    assert parts > 1
    assert {words.help for words in fleet.state.parts.words.said_by(member_row(fleet, "fog/0"))} == {"G" * 50}


def member_row(fleet: Fleet, path: str) -> int:
    """Return the row of the only epoch at a path."""
    [epoch] = fleet.state.places[parse_path(path)].epochs.values()
    return epoch.row


def test_a_checkpoint_without_words_is_gone_on_from() -> None:
    """A program wrote it that did not know them: every writer has said what is known of its families."""
    fleet = Fleet()
    members = [load_of(fleet, f"fog/{node}", "sum", "Load") for node in range(3)]
    image = take_image(fleet.state, fleet.events, Ratchet(), {}, ("fog.v1", (), ()))
    for part in ("words", "clashes", "forgotten"):
        del image.plain["parts"][part]
        image.arrays = {name: array for name, array in image.arrays.items() if not name.startswith(f"{part}/")}
    after = Fleet()
    after.now, after.state = fleet.now, FleetState()
    restore(read_image(b"".join(image.chunks())), after.state, after.events, Ratchet())
    after.network.adopt(after.state, after.events, Ratchet())
    load_of(after, "fog/3", "max", "Newcomer")
    for member in members:
        member._fleet = after  # noqa: SLF001
        member.send()
    assert shown(after) == ("Load", ("sum",))
