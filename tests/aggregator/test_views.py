"""Every selection with every grouping: what a view shows is what a slow, obvious twin makes of what nodes hold."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fog_aggregator.query import planner as planners
from fog_aggregator.query.selection import Matcher
from fog_schema.paths import Path, format_path
from tests import reference
from tests.aggregator.fleet import Fleet, asked, counting
from tests.aggregator.rollups import Reporter
from tests.examples import examples
from utilityfog_frontend.telemetry import TelemetryCollector
from utilityfog_frontend.telemetry.kinds import size_of
from utilityfog_frontend.telemetry.model import FamilySnapshot, HistogramValue

INTERVAL = 10.0
LASTS = 3 * INTERVAL
OTHERS_BOUNDS = (1.0, 3.0)

TOKENS = st.sampled_from(["0", "1", "1-a"])
PATHS = st.sets(st.lists(TOKENS, max_size=2).map(lambda tail: ("fog", *tail)), min_size=1, max_size=6).map(sorted)
KINDS, ZONES = st.sampled_from(["a", "b", ""]), st.sampled_from(["x", "y"])
WHOLE, FRACTIONS = st.integers(0, 2**40), st.integers(0, 40).map(lambda quarters: quarters / 4)
OBSERVED = st.lists(st.sampled_from([0.5, 1.5, 2.5, 3.5]), max_size=4)
ROLLUPS = {"size": ("sum",), "peak": ("max", "min"), "plain": (), "mode": ("count_values", "last")}


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Fleet, list[reference.Held]]:
    """Return a fleet of nodes, and what each of them holds.

    Some are stale, some have removed what they counted, and what nobody holds may have left the exposition.
    """
    fleet, everything = Fleet(), []
    for path in draw(PATHS):
        info: dict[str, Any] = draw(st.dictionaries(st.sampled_from(["version", "os"]), st.sampled_from(["1", "2"])))
        member = fleet.join(format_path(path), interval=INTERVAL, **info)
        holds = draw(holdings(path, info, fleet.now))
        fill(member.collector, holds)
        member.send()
        holds = [replace(one, left=bool(one.labels) and draw(st.booleans())) for one in holds]
        for one in holds:
            if one.left:
                metric: Any = member.collector.get_metric(one.name)
                metric.remove(**one.labels)
        member.send()
        everything += holds
        fleet.now += draw(st.sampled_from([0.0, 1.0, 20.0]))
    if draw(st.booleans()):
        everything = retire(fleet, everything)
    return fleet, everything


def retire(fleet: Fleet, everything: list[reference.Held]) -> list[reference.Held]:
    """Let time go on until label sets that nobody holds have left; return what is still shown."""
    held = {one.series for one in everything if not one.left}
    state = fleet.state
    state.parts.retired.last_held = np.full(len(state.catalog.series), state.observed_seconds)
    for number, entry in enumerate(state.catalog.series):
        name = state.catalog.families[entry.family].key.name
        if (name, entry.labels, entry.bounds) not in held:
            state.parts.retired.last_held[number] -= state.horizon + 1
    return [one for one in everything if one.series in held]


@st.composite
def holdings(draw: st.DrawFn, path: Path, info: dict[str, str], now: float) -> list[reference.Held]:
    """Draw what one node holds: a counter counts in fractions on some nodes, a histogram has other bounds on some."""
    bounds = draw(st.sampled_from([(1.0, 2.0), OTHERS_BOUNDS]))
    label_sets = draw(st.lists(st.tuples(KINDS, ZONES), unique=True, max_size=4))
    found = []

    def hold(name: str, type_: str, labels: dict[str, str], value: Any, **more: Any) -> None:
        found.append(reference.Held(path, info, now, name, type_, labels, value, **more))

    for kind, zone in label_sets:
        labels = {"kind": kind, "zone": zone}
        hold("work_total", "counter", labels, draw(WHOLE | FRACTIONS))
        hold("wait", "histogram", labels, counts_of(draw(OBSERVED), bounds), bounds=bounds)
        for name, rollup in ROLLUPS.items():
            hold(name, "gauge", labels, float(draw(st.integers(-3, 3))), rollup=rollup)
    hold("bare_total", "counter", {}, draw(WHOLE))
    return found


def counts_of(values: Iterable[float], bounds: tuple[float, ...]) -> list[int]:
    """Return the buckets of a histogram that has seen these values."""
    ends = [*bounds, math.inf]
    counts = [0] * len(ends)
    for value in values:
        counts[next(place for place, end in enumerate(ends) if value <= end)] += 1
    return counts


def fill(collector: TelemetryCollector, everything: list[reference.Held]) -> None:
    """Count and set in a node's collector what it holds."""
    registered: dict[str, Any] = {}
    for held in everything:
        name, names = held.name, list(held.labels)
        if name not in registered and held.type == "counter":
            registered[name] = collector.register_counter(name, "", names)
        elif name not in registered and held.type == "gauge":
            registered[name] = collector.register_gauge(name, "", names, rollup=held.rollup)
        elif name not in registered:
            registered[name] = collector.register_histogram(name, "", list(held.bounds), labels=names)
        metric = registered[name].labels(**held.labels) if names else registered[name]
        if held.type == "counter":
            metric.increment(held.value)
        elif held.type == "gauge":
            metric.set(held.value)
        else:
            for end, count in zip([*held.bounds, 9.0], held.value, strict=True):
                for _ in range(count):
                    metric.observe(end)


NAMES = ["work_total", "wait", "size", "peak", "plain", "mode", "bare_total"]
MATCHERS = st.builds(Matcher, st.sampled_from(["kind", "zone", "none"]), st.sampled_from(["a", "x", ""]), st.booleans())
SELECTIONS = st.fixed_dictionaries(
    {
        "names": st.sets(st.sampled_from(NAMES), max_size=2),
        "matchers": st.sets(MATCHERS, max_size=2).map(sorted),
    }
)
GROUPINGS = st.one_of(
    st.fixed_dictionaries({"level": st.none() | st.integers(0, 3)}),
    st.fixed_dictionaries({"info": st.sampled_from(["version", "os", "none"])}),
)
BY = st.none() | st.sets(st.sampled_from(["kind", "zone", "none"]), max_size=2).map(lambda names: tuple(sorted(names)))


def shown(families: Iterable[FamilySnapshot]) -> dict[tuple[str, tuple[tuple[str, str], ...]], Any]:
    """Return the samples of the nodes' families, by name and sorted labels."""
    found: dict[tuple[str, tuple[tuple[str, str], ...]], Any] = {}
    for snapshot in families:
        for one in snapshot.series:
            key = (snapshot.family.name, tuple(sorted(one.labels)))
            assert key not in found, f"two samples of {key}"
            found[key] = list(one.value.counts) if isinstance(one.value, HistogramValue) else one.value
    return found


@settings(max_examples=examples(200))
@given(worlds(), st.data(), SELECTIONS, GROUPINGS, BY)
def test_every_view_is_what_its_twin_shows(
    world: tuple[Fleet, list[reference.Held]], data: st.DataObject, selected: Any, grouped: Any, by: Any
) -> None:
    """Any subtree, node, names and matchers, by any level, information and labels: each sample and no other.

    Twice: what is remembered of the first look changes nothing.
    """
    fleet, everything = world
    path = data.draw(st.sampled_from(sorted(member.path for member in fleet.members)))
    under: dict[str, Any] = data.draw(
        st.sampled_from([{}, {"under": path[:1]}, {"under": path}, {"under": path, "own": True}])
    )
    for _ in range(2):
        view = fleet.network.view(*asked(**under, **selected, **grouped, by=by))
        matchers = [(one.label, one.value, one.equal) for one in selected["matchers"]]
        twin = reference.Asked(**under, names=selected["names"], matchers=matchers, **grouped, by=by)
        bounds = {one.family.name: one.family.bounds for one in view.metrics}
        assert shown(view.metrics) == approximately(reference.view(everything, twin, bounds, fleet.now, LASTS))


def approximately(expected: dict[Any, Any]) -> dict[Any, Any]:
    """Integers exactly, fractions within the last digits."""
    return {
        key: pytest.approx(value, rel=1e-12) if isinstance(value, float) else value for key, value in expected.items()
    }


@settings(max_examples=examples(100))
@given(worlds(), SELECTIONS, GROUPINGS, BY)
def test_what_is_added_up_is_conserved(
    world: tuple[Fleet, list[reference.Held]], selected: Any, grouped: Any, by: Any
) -> None:
    """Return the sum over any grouping is that of the same selection without one, for counters and for observations."""
    fleet, _ = world
    one = totals(fleet.network.view(*asked(**selected)).metrics)
    other = totals(fleet.network.view(*asked(**selected, **grouped, by=by)).metrics)
    assert other == {name: pytest.approx(value, rel=1e-12) for name, value in one.items()}


def totals(families: Iterable[FamilySnapshot]) -> dict[str, float]:
    """Add up each counter, and the observations of each histogram, over all samples."""
    found: dict[str, float] = {}
    for snapshot in families:
        for one in snapshot.series:
            if snapshot.family.type != "gauge":
                found[snapshot.family.name] = found.get(snapshot.family.name, 0) + size_of(one.value)
    return found


def test_a_sum_by_labels_loses_what_has_left() -> None:
    """Return a label set that left the exposition is in no sum any more, also where a plan was remembered before."""
    fleet = counting("fog/0", {"a": 1, "b": 2})
    assert fleet.samples("work_total", by=()) == {(): 3}
    fleet.state.parts.retired.last_held = np.full(len(fleet.state.catalog.series), fleet.state.observed_seconds)
    fleet.state.parts.retired.last_held[0] -= fleet.state.horizon + 1
    assert fleet.samples("work_total", by=()) == {(): 2}


def test_a_sum_by_labels_has_what_came() -> None:
    """Return a series that comes, and a node, are in the next look."""
    fleet = counting("fog/0", {"a": 1})
    assert fleet.samples("work_total", by=()) == {(): 1}
    counting("fog/1", {"b": 2}, fleet)
    assert fleet.samples("work_total", by=()) == {(): 3}
    assert fleet.samples("work_total", matchers=[Matcher("kind", "b")]) == {(("kind", "b"),): 2}


def test_a_number_that_is_given_out_again_is_another_series() -> None:
    """After a label set was forgotten its number stands for another one: matchers and labels are looked at anew."""
    fleet = counting("fog/0", {"a": 1})
    assert fleet.samples("work_total", matchers=[Matcher("kind", "a")]) == {(("kind", "a"),): 1}
    fleet.members[0].finish()
    fleet.state.parts.retired.last_held = np.full(len(fleet.state.catalog.series), -2 * fleet.state.horizon)
    fleet.sweep()
    counting("fog/0", {"b": 2}, fleet)
    assert len(fleet.state.catalog.series) == 1
    assert fleet.samples("work_total", matchers=[Matcher("kind", "a")]) == {}
    assert fleet.samples("work_total", by=("kind",)) == {(("kind", "b"),): 2}


def of_version(version: str) -> tuple[tuple[str, str], ...]:
    """Return the labels of a group of nodes."""
    return (("fog_group", "version"), ("fog_value", version))


def versions(fleet: Fleet) -> dict[str, int]:
    """Return how many nodes tell each version, as /api/status has it."""
    counted: dict[str, int] = fleet.network.inventory(lambda listed: listed.summary(()))["versions"]
    return counted


def test_a_nodes_counts_go_with_what_it_tells() -> None:
    """When a node tells another version all that it has counted is of that one; nodes that tell none are a group."""
    fleet = counting("fog/0", {"a": 1}, version="1")
    counting("fog/1", {"a": 2}, fleet)
    assert fleet.samples("work_total", info="version", by=()) == {of_version("1"): 1, of_version(""): 2}
    assert versions(fleet) == {"1": 1, "unknown": 1}
    counting("fog/0", {"a": 4}, fleet, version="2")
    assert fleet.samples("work_total", info="version", by=()) == {of_version("2"): 5, of_version(""): 2}
    assert versions(fleet) == {"2": 1, "unknown": 1}
    nodes = fleet.samples("fog_aggregator_nodes", info="version")
    assert nodes[(*of_version("2"), ("state", "live"))] == 1


def test_what_a_branch_tells_is_not_of_its_nodes() -> None:
    """Its aggregator's version is none of theirs: they are in the group of those that tell nothing."""
    tier, root = counting("fog/0/1", {"a": 3}, version="1"), Fleet()
    reporter = Reporter(1)
    frame = replace(reporter.keyframe(tier.network.totals()), info={"version": "aggregator's"})
    root.state.apply(("fog", "0"), frame, root.now, rollup=True)
    assert root.samples("work_total", info="version", by=()) == {of_version(""): 3}
    assert root.samples("fog_node_info", names=["fog_node_info"]) == {}


def test_nodes_information_is_a_family_that_must_be_named() -> None:
    """One sample a node; keys that are no label names become some, and none of them hides the path."""
    info: dict[str, Any] = {"version": "1", "build date": "x", "build-date": "y", "1st": "z", "fog_path": "p"}
    fleet = counting("fog/0", {"a": 1}, **info)
    counting("fog/1/2", {"a": 2}, fleet, version="2")
    one = (
        ("_1st", "z"),
        ("build_date", "x;y"),
        ("exported_fog_path", "p"),
        ("fog_path", "fog/0"),
        ("version", "1"),
    )
    other = (("fog_path", "fog/1/2"), ("version", "2"))
    assert fleet.families("fog_node_info") == []
    assert fleet.samples("fog_node_info", names=["fog_node_info"]) == {one: 1, other: 1}
    assert fleet.samples("fog_node_info", names=["fog_node_info"], level=1) == {one: 1, other: 1}
    assert fleet.samples("fog_node_info", names=["fog_node_info"], under=("fog", "1")) == {other: 1}
    assert fleet.samples("fog_node_info", names=["fog_node_info"], matchers=[Matcher("version", "2")]) == {other: 1}
    assert fleet.families("fog_node_info", names=["fog_node_info"], info="version") == []


def test_names_and_matchers_choose_among_the_aggregators_own_too() -> None:
    """They are part of what is neither a subtree nor split into groups."""
    fleet = counting("fog/0", {"a": 1})
    refused = fleet.own.register_counter("fog_aggregator_refused_total", "", ["reason"])
    refused.labels("size").increment(2)
    refused.labels("limit").increment(3)
    name = "fog_aggregator_refused_total"
    found = fleet.network.collect(*asked(names=[name], matchers=[Matcher("reason", "size")]))
    assert [(one.family.name, [series.value for series in one.series]) for one in found] == [(name, [2])]
    assert fleet.network.collect(*asked(names=[name], level=1)) == []
    assert fleet.network.collect(*asked(names=["nobody_has_it"])) == []


def test_a_family_is_named_by_any_of_its_samples() -> None:
    """As scrapers ask for what they have seen."""
    fleet = Fleet()
    collector = fleet.join("fog/0").collector
    collector.register_histogram("wait", "", [1.0]).observe(0.5)
    collector.register_counter("work_total").increment(1)
    fleet.send()
    for name in ("wait", "wait_bucket", "wait_sum", "wait_count"):
        assert [one.family.name for one in fleet.network.collect(*asked(names=[name]))] == ["wait"]
    for name in ("work", "work_total"):
        assert [one.family.name for one in fleet.network.collect(*asked(names=[name]))] == ["work_total"]


def test_plans_of_names_that_nobody_has_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Return each is small, and anybody may ask for as many as he likes."""
    monkeypatch.setattr(planners, "MOST_PLANS", 10)
    fleet = counting("fog/0", {"a": 1})
    planner = planners.Planner(fleet.state)
    for number in range(20):
        view = asked(names=[f"name_{number}"])
        for width in fleet.state.parts.slots.tables:
            draft = planner.draft(view, width, planner.axis(view))
            planner.offer(view, width, draft, draft.make())
    remembered = [asked(names=[f"name_{number}"]) for number in range(20)]
    known = [
        planner.known(view, width, planner.axis(view)[0])
        for view in remembered
        for width in fleet.state.parts.slots.tables
    ]
    assert sum(plan is not None for plan in known) == 10
