"""No count is dropped on its way from epoch to closed total to group to retired counts."""

from __future__ import annotations

import pytest

from fog_aggregator.core.checkpoint import read_image, take_image
from fog_aggregator.core.commands.forget_queue import ForgetQueue
from fog_aggregator.core.fleet.parts import DAY
from fog_aggregator.core.fleet.sweep import retire
from fog_aggregator.query.ratchet import Ratchet
from fog_proving.sim.books import Cell
from fog_proving.sim.checks import totals_of
from fog_schema.codec import encode, encode_definitions
from fog_schema.columns import pack_floats, pack_ids, pack_ints
from fog_schema.frames import FINAL, HISTOGRAM, KEYFRAME, LAST_PART, Definition, Frame, Histograms
from fog_schema.limits import MAX_WHOLE
from fog_schema.paths import RETIRED, Path, parse_path
from tests.aggregator.fleet import Fleet, Member
from utilityfog_frontend.telemetry.kinds import size_of
from utilityfog_frontend.telemetry.model import Value

JOBS = Cell("jobs_total", ())


def fleet_of(*paths: str) -> tuple[Fleet, list[Member]]:
    """Return a fleet of nodes that count 1, 2, 4, … jobs."""
    fleet, members = Fleet(), []
    for place, path in enumerate(paths):
        member = fleet.join(path)
        member.collector.register_counter("jobs_total").increment(2**place)
        members.append(member)
    fleet.send()
    return fleet, members


def total(fleet: Fleet, path: str = "") -> float:
    """Return the jobs at and under a path."""
    return totals_of(fleet.state).get(parse_path(path) if path else (), {}).get(JOBS, 0)


def number_of(value: Value) -> float:
    """Return a value, or how many observations there are."""
    return size_of(value)


def groups(fleet: Fleet) -> set[Path]:
    """Where retired nodes' counts are."""
    return {path for path in fleet.state.places if path[-1] == RETIRED}


def test_silence_folds_after_the_horizon_that_was_watched() -> None:
    """Server's time alone folds nothing; watched time does, and more than the horizon of it."""
    fleet, _ = fleet_of("fog/0")
    fleet.state.parts.time.now += 30 * DAY
    assert fleet.state.sweep().closed == 0
    fleet.state.parts.time.observed_seconds += 7 * DAY
    assert fleet.state.sweep().closed == 0
    fleet.state.parts.time.observed_seconds += 1
    assert fleet.state.sweep().closed == 1
    assert (fleet.state.places[("fog", "0")].epochs, total(fleet)) == ({}, 1)


def test_a_retired_node_lives_on_in_a_group() -> None:
    """Below its parent, so that no live series jumps; and it goes up when nothing lives there any more."""
    fleet, _ = fleet_of("fog/0/0", "fog/0/1", "fog/1")
    retire(fleet.state.parts, [("fog", "0", "0")])
    assert groups(fleet) == {("fog", "0", RETIRED)}
    assert (total(fleet, "fog/0"), total(fleet)) == (3, 7)
    retire(fleet.state.parts, [("fog", "0", "1")])
    assert groups(fleet) == {("fog", RETIRED)}
    assert (total(fleet, "fog/0"), total(fleet, "fog"), total(fleet)) == (0, 7, 7)


def test_a_node_that_was_retired_may_return() -> None:
    """It goes on from its keyframe: what it had counted stays where it went."""
    fleet, members = fleet_of("fog/0/0", "fog/0/1")
    fleet.state.parts.time.observed_seconds += 8 * DAY
    members[1].send()
    assert fleet.state.sweep().closed == 1
    fleet.state.parts.time.observed_seconds += 8 * DAY
    members[1].send()
    assert fleet.state.sweep().retired == [("fog", "0", "0")]
    members[0].writer.request_keyframe()
    assert members[0].send().baseline
    assert (total(fleet, "fog/0/0"), total(fleet, "fog/0")) == (0, 3)


def test_a_label_set_leaves_for_the_ledger_and_may_come_back() -> None:
    """Nobody has held it for the horizon: its count is in the ledger, and the next one begins at zero."""
    fleet, [member] = fleet_of("fog/0")
    counter = member.collector.register_counter("child_total", "", ["job"])
    counter.labels(job="a").increment(5)
    member.send()
    member.finish()
    fleet.state.parts.time.observed_seconds += 1
    fleet.state.sweep()
    fleet.state.parts.time.observed_seconds += 8 * DAY
    assert fleet.state.sweep().label_sets == 2
    names = {
        fleet.state.catalog.families[family].key.name: count
        for family, count in fleet.state.parts.retired.by_family.items()
    }
    assert (names, totals_of(fleet.state)) == ({"jobs_total": 1, "child_total": 5}, {})
    newcomer = fleet.join("fog/0")
    newcomer.collector.register_counter("jobs_total").increment(2)
    newcomer.send()
    assert total(fleet) == 2


def test_a_histogram_leaves_with_all_its_bounds_or_with_none() -> None:
    """They are shown as one: while a node holds some bounds, the count of others stays."""
    fleet = Fleet()
    for path, bounds, jobs in (("fog/0", [1.0], "ab"), ("fog/1", [1.0, 2.0], "a")):
        delay = fleet.join(path).collector.register_histogram("delay", "", bounds, labels=["job"])
        for job in jobs:
            delay.labels(job=job).observe(0.5)
    fleet.send()
    (gone, held), time = fleet.members, fleet.state.parts.time
    for _ in range(2):
        time.observed_seconds += 8 * DAY
        held.send()
        fleet.state.sweep()
    assert fleet.state.places.keys() == {held.path, ("fog", RETIRED)}

    def shown() -> dict[str, float]:
        families = {family.family.name: family.series for family in fleet.network.collect()}
        return {one.labels[0][1]: number_of(one.value) for one in families.get("delay", ())}

    assert shown() == {"a": 2}
    assert list(fleet.state.retired_counts().values()) == [1]
    held.finish()
    for _ in range(2):
        time.observed_seconds += 8 * DAY
        fleet.state.sweep()
    assert (gone.path in fleet.state.places, shown()) == (False, {})
    assert list(fleet.state.retired_counts().values()) == [3]


def test_the_ledger_stays_at_the_largest_count() -> None:
    """Counts of many label sets, and of one's buckets, whose sum passes 2^63: it is told as 2^63 - 1, and saved."""
    fleet, [member] = fleet_of("fog/0")
    counter = member.collector.register_counter("child_total", "", ["job"])
    for job in "abcde":
        counter.labels(job=job).increment(2**62)
    member.send()
    ids = pack_ids([0])
    definitions = encode_definitions([Definition("size", HISTOGRAM, "", "", (1.0,), (), (), ids, ())])
    group = Histograms(2, ids, pack_ints([2**62, 2**62 - 1]), pack_floats([1.0]))
    for epoch in (8, 9):
        frame = Frame(KEYFRAME, epoch, 1, LAST_PART | FINAL, definitions=definitions, histograms=(group,))
        fleet.apply(("fog", "0"), encode(frame))
    member.finish()
    fleet.state.parts.time.observed_seconds += 1
    fleet.state.sweep()
    fleet.state.parts.time.observed_seconds += 8 * DAY
    largest = {"child_total": MAX_WHOLE, "size": MAX_WHOLE, "jobs_total": 1}
    families = fleet.state.catalog.families
    told = fleet.state.retired_counts()
    assert {families[family].key.name: count for family, count in told.items()} == largest
    fleet.state.sweep()
    assert {
        families[family].key.name: count for family, count in fleet.state.parts.retired.by_family.items()
    } == largest
    image = take_image(fleet.state, fleet.events, Ratchet(), {}, ("fog.v1", (), ()))
    assert (
        dict(read_image(b"".join(image.chunks())).plain["parts"]["retired"]["by_family"])
        == fleet.state.parts.retired.by_family
    )


@pytest.mark.parametrize(("under", "gone"), [("fog", {"fog/0", "fog/1"}), ("fog/1", {"fog/1"})])
def test_only_what_had_departed_is_forgotten(under: str, gone: set[str]) -> None:
    """A wish is for the nodes at and under its path that were silent for long enough when it was made."""
    fleet, members = fleet_of("fog/0", "fog/1", "fog/2")
    fleet.now += 4000
    members[2].send()
    assert set(fleet.state.forget(parse_path(under), fleet.now, 3600.0)) == {parse_path(path) for path in gone}
    assert fleet.state.forget(("fog", "2"), fleet.now, 3600.0) == []
    assert total(fleet) == 7


def test_a_wish_to_forget_waits_for_the_frames_before_it() -> None:
    """A reader that was away reads wishes first: a node that was there all the time must not count anew for that."""
    fleet, [member] = fleet_of("fog/0")
    fleet.now += 7000
    asked_at, queue = fleet.now, ForgetQueue()
    queue.add(("fog",), asked_at)
    assert queue.pop_ready(read_until=asked_at - 7000) == []
    fleet.now -= 100
    member.collector.register_counter("more_total").increment()
    member.send()
    assert queue.pop_ready(read_until=asked_at) == []  # a frame of that very moment may still come
    [(under, at)] = queue.pop_ready(read_until=asked_at + 1)
    assert fleet.state.forget(under, at, 3600.0) == []
    assert queue.pop_ready(read_until=asked_at + 1) == []


def test_tombstones_are_bounded() -> None:
    """By time, a final one's by the horizon; and by number, the first to expire first."""
    fleet, members = fleet_of("fog/0", "fog/1", "fog/2")
    tombstones = fleet.state.parts.tombstones
    tombstones.limit = 1
    members[0].finish()
    retire(fleet.state.parts, [("fog", "1")])
    fleet.state.sweep()
    assert set(tombstones) == {(("fog", "1"), 2)}
    members[2].finish()
    tombstones.limit = 10
    fleet.state.parts.time.observed_seconds += 7 * DAY
    fleet.state.sweep()
    assert set(tombstones) == {(("fog", "1"), 2)}
    fleet.state.parts.time.observed_seconds += 366 * DAY
    fleet.state.sweep()
    assert set(tombstones) == set()
