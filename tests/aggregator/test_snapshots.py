"""The values and the names of each kind of metric in a view."""

from __future__ import annotations

import math

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from fog_aggregator.core.kinds.integer_counter import INTEGER_COUNTER
from tests.aggregator.fleet import START, Fleet, asked
from utilityfog_frontend.telemetry import JSONExporter
from utilityfog_frontend.telemetry.exposition import generate_openmetrics, generate_text
from utilityfog_frontend.telemetry.model import FamilySnapshot, HistogramValue, SeriesSnapshot

NOTHING: tuple[tuple[str, str], ...] = ()


def gauges(values: list[float], rollup: tuple[str, ...] = ()) -> Fleet:
    """Return a fleet of nodes fog/0, fog/1, … that have one gauge each."""
    fleet = Fleet()
    for node, value in enumerate(values):
        fleet.join(f"fog/{node}").collector.register_gauge("level", rollup=rollup).set(value)
    fleet.send()
    return fleet


def stat(name: str, **more: str) -> tuple[tuple[str, str], ...]:
    """Return the labels of a statistic."""
    return (("stat", name), *more.items())


@pytest.mark.parametrize(
    ("rollup", "expected"),
    [
        ((), {stat("min"): 1.0, stat("max"): 4.0, stat("avg"): 7 / 3, stat("count"): 3}),
        (("sum",), {NOTHING: 7.0}),
        (("min",), {NOTHING: 1.0}),
        (("max",), {NOTHING: 4.0}),
        (("avg",), {NOTHING: 7 / 3}),
        (("max", "min", "sum"), {NOTHING: 4.0, stat("min"): 1.0, stat("sum"): 7.0}),
        (
            ("max", "count_values"),
            {
                NOTHING: 4.0,
                stat("count_values", value="1"): 1,
                stat("count_values", value="2"): 1,
                stat("count_values", value="4"): 1,
            },
        ),
        (("count_values",), {stat("count_values", value=value): 1 for value in ("1", "2", "4")}),
    ],
)
def test_a_gauge_is_merged_as_its_family_asks(rollup: tuple[str, ...], expected: dict[object, float]) -> None:
    """The first choice is the bare headline, the others have a label; without a choice there is no headline."""
    assert gauges([1, 4, 2], rollup).samples("level") == expected


def test_the_last_value_is_that_of_the_node_heard_last() -> None:
    """Not that of the node that comes last in the tree."""
    fleet = gauges([1, 4, 2], ("last",))
    fleet.now += 1
    fleet.members[0].send()
    assert fleet.samples("level") == {NOTHING: 1.0}


def test_count_values_tells_close_values_apart() -> None:
    """Two values never share a label, however many digits it takes."""
    found = gauges([1.0, 1.0000000000000002, 1.0], ("count_values",)).samples("level")
    assert found == {stat("count_values", value="1"): 2, stat("count_values", value="1.0000000000000002"): 1}


def test_what_is_no_number_stays_out_of_rollups() -> None:
    """NaN and infinities travel and show at the node, but say nothing of the fleet."""
    fleet = gauges([math.nan, math.inf, -math.inf, 3], ("sum",))
    assert fleet.samples("level") == {NOTHING: 3.0}
    own = [fleet.samples("level", under=("fog", str(node)), own=True)[NOTHING] for node in range(4)]
    assert math.isnan(own[0])
    assert own[1:] == [math.inf, -math.inf, 3]
    assert fleet.families("level", under=("fog", "0")) == []


def test_gauges_of_stale_nodes_are_out_and_counts_stay() -> None:
    """Three intervals after a node was heard last; it is visible as stale."""
    fleet = gauges([1, 4], ("sum",))
    fleet.members[0].collector.register_counter("done_total").increment(5)
    fleet.send()
    fleet.now += 30.0
    assert fleet.samples("level") == {NOTHING: 5.0}
    fleet.now += 0.1
    fleet.members[1].send()
    assert fleet.samples("level") == {NOTHING: 4.0}
    assert fleet.samples("done_total") == {NOTHING: 5}
    assert fleet.samples("level", under=("fog", "0"), own=True) == {}
    assert fleet.samples("fog_aggregator_nodes") == {
        (("state", "live"),): 1,
        (("state", "stale"),): 1,
        (("state", "departed"),): 0,
        (("state", "ended"),): 0,
        (("state", "missing"),): 0,
        (("state", "quarantined"),): 0,
        (("state", "unread"),): 0,
    }
    assert fleet.samples("fog_aggregator_oldest_frame_age_seconds") == {NOTHING: 0.0}


def test_of_several_writers_the_latest_born_ones_gauge_counts() -> None:
    """A restarted process replaces the one before it, unless both say that they share the path."""
    fleet = Fleet()
    for value, shared in ((1, False), (2, False), (3, True), (4, True)):
        fleet.join("fog/0", shared=shared).collector.register_gauge("level", rollup="sum").set(value)
        fleet.now += 1
        fleet.members[-1].send()
    assert fleet.samples("level") == {NOTHING: 2.0 + 3.0 + 4.0}
    assert fleet.samples("level", under=("fog", "0"), own=True) == {NOTHING: 9.0}


def test_labels_of_ours_never_hide_a_users() -> None:
    """A user's label called as one of ours is kept under another name, and no two label sets become one."""
    fleet = Fleet()
    collector = fleet.join("fog/0").collector
    counter = collector.register_counter("seen_total", "", ["path", "fog_path", "exported_fog_path", "zone"])
    counter.labels("/a", "mine", "too", "z").increment(1)
    gauge = collector.register_gauge("level", "", ["stat"])
    gauge.labels("max").set(3)
    fleet.send()
    assert fleet.samples("seen_total") == {
        (("exported_fog_path", "too"), ("fog_path", "mine"), ("path", "/a"), ("zone", "z")): 1
    }
    assert fleet.samples("seen_total", level=1) == {
        (
            ("exported_exported_fog_path", "too"),
            ("exported_fog_path", "mine"),
            ("fog_level", "1"),
            ("fog_path", "fog/0"),
            ("path", "/a"),
            ("zone", "z"),
        ): 1
    }
    assert (("exported_stat", "max"), ("stat", "min")) in fleet.samples("level")
    assert fleet.samples("level", under=("fog", "0"), own=True) == {(("stat", "max"),): 3}


def test_rendered_labels_are_what_the_labels_say() -> None:
    """The text that a snapshot carries is that of its labels, escapes included."""
    fleet = Fleet()
    counter = fleet.join("fog/0").collector.register_counter("seen_total", "", ["a", "path"])
    counter.labels('x"\\\n', "/é").increment(1)
    fleet.send()
    for view in ({}, {"level": 1}):
        (snapshot,) = fleet.families("seen_total", **view)
        (one,) = snapshot.series
        bare = SeriesSnapshot(one.labels, one.value)
        assert one.rendered is not None
        assert generate_text([type(snapshot)(snapshot.family, [bare])]) == generate_text([snapshot])


def test_a_fleet_is_written_as_its_series_one_by_one() -> None:
    """Text made from columns is that of the objects: every kind of number, several blocks, groups that lack series."""
    fleet = Fleet()
    for node in range(3):
        collector = fleet.join(f"fog/{node}").collector
        counter = collector.register_counter("seen_total", "", ["kind"], max_children=1000)
        for kind in range(500 - 10 * node):
            counter.labels(str(kind)).increment(kind)
        collector.register_counter("half_total").increment(node / 2)
        collector.register_counter("huge_total").increment(1e300)
        collector.register_gauge("level", "", ["tank"]).labels("a").set(node / 3)
        collector.register_gauge("none").set(float("nan"))
        collector.register_histogram("wait_seconds", "", [1.0]).observe(node)
        fleet.send()
        fleet.now += 1
    for view in ({}, {"level": 0}, {"level": 1}, {"under": ("fog", "0"), "own": True}):
        for snapshot in fleet.families(**view):
            objects = FamilySnapshot(snapshot.family, list(snapshot.series))
            assert generate_text([snapshot]) == generate_text([objects])
            assert generate_openmetrics([snapshot]) == generate_openmetrics([objects])


def test_each_look_is_of_one_moment() -> None:
    """Series are made while they are read, from what the state was when the look was taken."""
    fleet = Fleet()
    counter = fleet.join("fog/0").collector.register_counter("done_total")
    counter.increment(1)
    fleet.send()
    (before,) = fleet.families("done_total")
    counter.increment(1)
    fleet.send()
    assert [one.value for one in before.series] == [1]
    assert before.series[0].value == before.series[:1][0].value == 1
    assert len(before.series) == 1
    assert fleet.samples("done_total") == {NOTHING: 2}


def test_a_view_needs_the_state_no_more() -> None:
    """Frames that come between the copying and the adding up, which holds no lock, change nothing."""
    fleet = Fleet()
    collector = fleet.join("fog/0").collector
    counter, fraction = collector.register_counter("done_total"), collector.register_counter("half_total")
    gauge, histogram = collector.register_gauge("level", rollup="sum"), collector.register_histogram("wait", "", [1.0])

    def happen() -> None:
        counter.increment(1)
        fraction.increment(0.5)
        gauge.set(gauge.get_value().value + 1)
        histogram.observe(0.5)
        fleet.send()

    happen()
    view = fleet.network.view()
    happen()
    assert {one.family.name: [series.value for series in one.series] for one in view.metrics} == {
        "done_total": [1],
        "half_total": [0.5],
        "level": [1.0],
        "wait": [HistogramValue((1, 0), 0.5)],
    }


def test_a_count_began_when_the_first_of_its_writers_did() -> None:
    """`created` is the earliest in the group, whichever kind of number each writer has."""
    fleet = Fleet()
    fleet.join("fog/0").collector.register_counter("done_total").increment(1)
    fleet.send()
    fleet.now += 100
    fleet.join("fog/1").collector.register_counter("done_total").increment(0.5)
    fleet.send()
    (snapshot,) = fleet.families("done_total")
    assert [(one.value, one.created) for one in snapshot.series] == [(1.5, START)]


def test_a_fractional_total_never_falls() -> None:
    """When a node's restart changes the order of the sum, the last exported value holds."""
    fleet = Fleet()
    for node, amount in enumerate([0.1, 0.2, 0.3]):
        fleet.join(f"fog/{node}").collector.register_counter("done_total").increment(amount)
    fleet.send()
    first = fleet.samples("done_total")[NOTHING]
    key = (False, (), 0)
    fleet.network.ratchet.exported[key] = higher = math.nextafter(first, 1)
    assert fleet.samples("done_total") == {NOTHING: higher}


def test_families_that_disagree_are_merged_apart_and_one_is_shown() -> None:
    """The one that most live nodes hold; the others are reported with their nodes."""
    fleet = Fleet()
    fleet.join("fog/0").collector.register_gauge("load", rollup="sum").set(1)
    for node in (1, 2):
        fleet.join(f"fog/{node}").collector.register_counter("load", "Loaded").increment(node)
    fleet.send()
    (shown,) = fleet.families("load")
    assert shown.family.type == "counter"
    assert fleet.samples("load") == {NOTHING: 3}
    assert fleet.samples("load", under=("fog", "0")) == {NOTHING: 1.0}
    versions = fleet.network.conflicts()["load"]
    assert [(version.family.key.type_name, version.shown, len(version.nodes)) for version in versions] == [
        ("counter", True, 2),
        ("gauge", False, 1),
    ]


def test_names_that_collide_by_suffix_are_not_shown_together() -> None:
    """`wait_seconds_count` of one node would be a second sample of another one's histogram `wait_seconds`."""
    fleet = Fleet()
    fleet.join("fog/0").collector.register_histogram("wait_seconds", "", [1.0]).observe(0.5)
    fleet.join("fog/1").collector.register_gauge("wait_seconds_count", rollup="sum").set(1)
    fleet.join("fog/2").collector.register_gauge("wait_seconds_count", rollup="sum").set(2)
    fleet.send()
    assert [snapshot.family.name for snapshot in fleet.families()] == ["wait_seconds_count"]
    assert set(fleet.network.conflicts()) == {"wait_seconds"}
    assert list(parse_text(fleet.network.export_to_prometheus()))


def test_a_fleet_that_agrees_has_no_conflicts() -> None:
    """Other help or another rollup choice is no disagreement about what is counted."""
    fleet = Fleet()
    for node in range(2):
        fleet.join(f"fog/{node}").collector.register_counter("done_total", f"Help {node}").increment(1)
    fleet.send()
    assert fleet.network.conflicts() == {}


def test_label_sets_that_nobody_has_held_for_the_horizon_leave() -> None:
    """They are out of every view of more than a node; what they counted is not."""
    fleet = Fleet()
    counter = fleet.join("fog/0").collector.register_counter("done_total", "", ["kind"])
    for kind in ("old", "new"):
        counter.labels(kind).increment(1)
    fleet.send()
    state = fleet.state
    state.parts.retired.last_held = (
        state.observed_seconds + 0.0 * state.parts.slots.tables[INTEGER_COUNTER].created[: len(state.catalog.series)]
    )
    state.parts.retired.last_held[0] -= state.horizon + 1
    assert fleet.samples("done_total") == {(("kind", "new"),): 1}


def test_any_exporter_works_on_a_fleet() -> None:
    """The network-wide collector reads as one of a node; OpenMetrics and text are what their judges accept."""
    fleet = gauges([1, 2])
    collector = fleet.members[0].collector
    collector.register_counter("done_total", "Done").increment(1.5)
    collector.register_histogram("wait_seconds", "Waiting", [0.1, 1.0]).observe(0.5)
    fleet.own.register_counter("fog_aggregator_frames_total").increment(7)
    fleet.send()
    network = fleet.network
    assert network.get_snapshot()["metrics"]["done_total"]["value"] == 1.5
    assert b'"done_total"' in b"".join(JSONExporter().render(network))
    for view in (asked(), asked(level=0), asked(level=5), asked(under=("fog", "0"), own=True)):
        families = network.collect(*view)
        assert list(parse_text(generate_text(families).decode()))
        assert list(parse_openmetrics(generate_openmetrics(families).decode()))  # type: ignore[no-untyped-call]
    assert fleet.samples("fog_aggregator_frames_total") == {NOTHING: 7}
    assert fleet.samples("fog_aggregator_frames_total", level=1) == {}
