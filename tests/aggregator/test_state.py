"""The reader's rules one by one, with real writers; what they give together is the simulator's business."""

from __future__ import annotations

import pytest

from fog_aggregator.core.fleet.fleet import Fleet as FleetState
from fog_aggregator.core.fleet.parts import DAY
from fog_aggregator.core.outcome import Outcome, Status
from fog_aggregator.core.places.epoch import Epoch
from fog_aggregator.core.places.limits import FleetLimits
from fog_proving.sim.books import Cell
from fog_proving.sim.checks import totals_of
from fog_schema.codec import decode
from fog_schema.columns import pack_floats, pack_ids, pack_ints
from fog_schema.frames import DELTA, KEYFRAME, LAST_PART, Frame, Histograms, Numbers
from tests.aggregator.fleet import MAX_BYTES, Fleet, Member

PATH = ("fog", "0")
JOBS = Cell("jobs_total", ())


def worker(fleet: Fleet, *, shared: bool = False) -> Member:
    """Return a writer at fog/0 with a counter and a gauge."""
    member = fleet.join("fog/0", shared=shared)
    member.collector.register_counter("jobs_total")
    member.collector.register_gauge("load", rollup="sum")
    return member


def count(member: Member, jobs: int) -> None:
    """Its counter goes up."""
    counter = member.collector.get_metric("jobs_total")
    assert counter is not None
    counter.increment(jobs)  # type: ignore[attr-defined]


def jobs(fleet: Fleet) -> float:
    """Return the fleet's count."""
    return totals_of(fleet.state)[()].get(JOBS, 0)


def replay(fleet: Fleet, frames: list[bytes]) -> list[Outcome]:
    """Return the same bytes again, as when a stream is read from its start."""
    return [fleet.apply(PATH, frame) for frame in frames]


def said(member: Member, *amounts: int) -> list[bytes]:
    """Return a keyframe, and a delta after each further amount; none of it applied."""
    frames = []
    for place, amount in enumerate(amounts):
        count(member, amount)
        writer, now = member.writer, 0.0
        frame = writer.encode_delta(now, MAX_BYTES) if place else writer.encode_part(now, MAX_BYTES)
        assert frame is not None
        frames.append(frame.data)
    return frames


def epoch_of(fleet: Fleet) -> Epoch:
    """Return the one epoch at fog/0."""
    [epoch] = fleet.state.places[PATH].epochs.values()
    return epoch


def test_repeats_change_nothing() -> None:
    """Frames at or below the last number are duplicates, keyframes too, in whatever order they come again."""
    fleet = Fleet()
    frames = said(worker(fleet), 1, 2, 3)
    replay(fleet, frames)
    assert jobs(fleet) == 6
    assert {outcome.status for outcome in replay(fleet, frames[::-1])} == {Status.DUPLICATE}
    assert jobs(fleet) == 6


def test_a_gap_is_asked_about_and_repaired() -> None:
    """A delta beyond a hole counts; the epoch wants a keyframe, which brings what was missed."""
    fleet = Fleet()
    member = worker(fleet)
    first, _, third = said(member, 1, 2, 4)
    fleet.apply(PATH, first)
    outcome = fleet.apply(PATH, third)
    assert (outcome.missing, jobs(fleet)) == (1, 5)
    assert fleet.state.gapped == {epoch_of(fleet): PATH}
    member.writer.request_keyframe()
    assert member.send().completed
    assert (jobs(fleet), fleet.state.gapped) == (7, {})


def test_a_delta_alone_begins_an_epoch_that_wants_a_keyframe() -> None:
    """Values of ids that are not known are left out and counted, until the keyframe."""
    fleet = Fleet()
    _, delta = said(worker(fleet), 1, 2)
    outcome = fleet.apply(PATH, delta)
    assert (outcome.new_epoch, outcome.unknown, jobs(fleet)) == (True, 1, 0)
    assert fleet.state.gapped == {epoch_of(fleet): PATH}


def test_a_final_is_counted_once_for_ever() -> None:
    """It moves into the closed total; replays of its epoch meet a tombstone."""
    fleet = Fleet()
    member = worker(fleet)
    frames = said(member, 1, 2)
    frames += [frame.data for frame in member.writer.finish(0.0, MAX_BYTES)]
    assert replay(fleet, frames)[-1].completed
    assert fleet.state.places[PATH].epochs == {}
    assert {outcome.status for outcome in replay(fleet, frames)} == {Status.FOLDED}
    assert jobs(fleet) == 3


def test_nothing_is_read_of_an_epoch_that_was_closed() -> None:
    """Its row may be another's: who goes on with it fails, and has no other writer's numbers."""
    fleet = Fleet()
    member = worker(fleet)
    replay(fleet, said(member, 1))
    epoch = epoch_of(fleet)
    replay(fleet, [frame.data for frame in member.writer.finish(0.0, MAX_BYTES)])
    replay(fleet, said(worker(fleet), 1))
    for name in ("seq", "birth", "usual", "last_seen", "observed"):
        with pytest.raises(IndexError):
            getattr(epoch, name)


def test_only_an_unbroken_run_of_parts_is_whole() -> None:
    """A part that is missing, or a delta in between, and the last part says nothing about what is absent."""
    fleet = Fleet()

    def part(seq: int, number: int, flags: int = 0) -> Outcome:
        return fleet.state.apply(PATH, Frame(KEYFRAME, 7, seq, flags, number), fleet.now)

    assert not part(1, 0).completed
    assert not part(3, 2, LAST_PART).completed
    assert not part(4, 0).completed
    fleet.state.apply(PATH, Frame(DELTA, 7, 5), fleet.now)
    assert not part(6, 1, LAST_PART).completed
    assert not part(7, 0).completed
    assert not part(8, 1).completed
    assert part(9, 2, LAST_PART).completed
    assert not epoch_of(fleet).gapped


def test_what_a_whole_keyframe_lacks_is_removed() -> None:
    """A gauge is out, a count is kept: also when the delta that said so was lost."""
    fleet = Fleet()
    member = fleet.join("fog/0")
    counter = member.collector.register_counter("jobs_total", "", ["job"])
    gauge = member.collector.register_gauge("load", "", ["job"])
    counter.labels(job="a").increment(3)
    gauge.labels(job="a").set(1)
    member.send()
    counter.remove("a")
    gauge.remove("a")
    member.skip()
    kept, lasts = member.writer, 1000.0
    member.writer.request_keyframe()
    frame = kept.encode_part(fleet.now, MAX_BYTES)
    kept.acknowledged(frame, fleet.now)
    fleet.apply(PATH, frame.data)
    fleet.now += lasts
    member.writer.encode_delta(fleet.now, MAX_BYTES)
    member.writer.keyframe_due = True
    member.send()
    assert totals_of(fleet.state)[PATH][Cell("jobs_total", (("job", "a"),))] == 3
    assert not any(len(places) for places in epoch_of(fleet).maps.values())


def test_an_epoch_that_returns_goes_on_from_its_keyframe() -> None:
    """Folded after the horizon; its deltas wait, replays are no return, and its next keyframe is a baseline."""
    fleet = Fleet()
    member = worker(fleet)
    frames = said(member, 4, 5)
    replay(fleet, frames)
    fleet.state.parts.time.observed_seconds += 8 * DAY
    fleet.state.sweep()
    assert {outcome.status for outcome in replay(fleet, frames)} == {Status.FOLDED}
    count(member, 7)
    assert member.send().status is Status.AWAITS_KEYFRAME
    count(member, 1)
    member.writer.request_keyframe()
    outcome = member.send()
    assert (outcome.baseline, jobs(fleet)) == (True, 9)
    count(member, 2)
    member.send()
    assert jobs(fleet) == 11
    member.finish()
    assert jobs(fleet) == 11


def test_ghosts_are_refused_once_all_is_known() -> None:
    """A frame of an unknown epoch older than the horizon: a copy of a store put back; not so without a past."""
    fleet = Fleet()
    old, *_ = said(worker(fleet), 4)
    fleet.state.parts.time.present = fleet.now
    fleet.state.parts.time.caught_up = True
    assert fleet.state.apply(PATH, decode(old), fleet.now - 7.1 * DAY).status is Status.TOO_OLD
    fleet.state.parts.time.caught_up = False
    assert fleet.state.apply(PATH, decode(old), fleet.now - 7.1 * DAY).status is Status.APPLIED


def test_only_silent_epochs_are_a_crowd() -> None:
    """Over the limit of silent ones the longest silent is folded early; living ones are never folded."""
    fleet = Fleet()
    fleet.state.limits = FleetLimits(silent_per_path=1)
    for _ in range(4):
        member = worker(fleet, shared=True)
        count(member, 1)
        member.send()
    assert len(fleet.state.places[PATH].epochs) == 4
    fleet.now += 100
    member = worker(fleet, shared=True)
    member.send()
    assert (len(fleet.state.places[PATH].epochs), fleet.state.closed_early, jobs(fleet)) == (2, 3, 4)


@pytest.mark.parametrize("limits", [FleetLimits(nodes=1), FleetLimits(nodes=2, epochs_per_path=1)])
def test_at_a_limit_the_newcomer_is_refused(limits: FleetLimits) -> None:
    """Never what is there."""
    fleet = Fleet()
    fleet.state.limits = limits
    first = worker(fleet)
    first.send()
    path = "fog/1" if limits.nodes == 1 else "fog/0"
    assert fleet.join(path).send().status is Status.REFUSED
    assert first.send().status is Status.APPLIED


def shown(fleet: Fleet) -> list[int]:
    """Ids of the epochs whose gauges count."""
    rows = fleet.state.parts.roster.rows
    return [epoch.id for epoch in fleet.state.places[PATH].epochs.values() if rows.shows_gauges[epoch.row]]


def test_whose_gauges_count() -> None:
    """The latest-born one's; those of all that share the path; nobody's that is not heard."""
    fleet = Fleet()
    older, younger = worker(fleet), worker(fleet)
    older.send()
    fleet.now += 5
    younger.writer = type(younger.writer)(
        [younger.collector.watch_series()], older.writer.settings, epoch=9, now=fleet.now
    )
    younger.send()
    older.send()
    assert shown(fleet) == [9]
    worker(fleet, shared=True).send()
    assert shown(fleet) == [9, 3]
    for _ in range(4):
        fleet.now += 10
        older.send()
    assert shown(fleet) == [older.writer.epoch]


def test_who_is_alone_and_heard_again_shows_gauges() -> None:
    """Also one that was silent when the other one's last word, long delayed, came."""
    fleet = Fleet()
    other, member = worker(fleet), worker(fleet)
    member.send()
    fleet.now += 70
    other.finish()
    assert shown(fleet) == []
    member.send()
    assert shown(fleet) == [member.writer.epoch]


def test_bad_values_are_refused_alone() -> None:
    """A negative count, one of 2^63: left out and counted; the frame's others stand, and sums stay at 2^63 - 1."""
    fleet = Fleet()
    member = fleet.join("fog/0")
    for name in ("a_total", "b_total"):
        member.collector.register_counter(name).increment(1)
    member.send()

    def delta(seq: int, *values: int) -> Outcome:
        section = Numbers(pack_ids([0, 1]), pack_ints(values))
        return fleet.state.apply(PATH, Frame(DELTA, 1, seq, counters=section), fleet.now)

    assert delta(2, -5, 7).refused_values == 1
    assert delta(3, 2**63, 7).refused_values == 1
    assert delta(4, 2**63 - 1, 1).saturated == 1
    totals = totals_of(fleet.state)[PATH]
    assert (totals[Cell("a_total", ())], totals[Cell("b_total", ())]) == (2**63 - 1, 16)


def test_buckets_stay_at_the_limit() -> None:
    """Also when a keyframe brought them near it, and a delta of small counts adds to them."""
    fleet = Fleet()
    member = fleet.join("fog/0")
    member.collector.register_histogram("delay", "", [1.0, 2.0])
    member.send()
    most = 2**63 - 1

    def frame(kind: int, seq: int, *counts: int) -> Outcome:
        buckets = Histograms(3, pack_ids([0]), pack_ints(counts), pack_floats([1.0]))
        return fleet.state.apply(PATH, Frame(kind, 1, seq, 0, 1, histograms=(buckets,)), fleet.now)

    frame(KEYFRAME, 2, most - 1, 0, 0)
    assert frame(DELTA, 3, 5, 1, 0).saturated == 1
    cells = totals_of(fleet.state)[PATH]
    assert [cells[Cell("delay", (), (1.0, 2.0), part)] for part in range(3)] == [most, 1, 0]


def test_values_of_a_shape_that_nobody_has_do_no_harm() -> None:
    """Buckets of a width never defined are left out, and the epoch can be folded like any other."""
    state = FleetState()
    buckets = Histograms(3, pack_ids([0]), pack_ints([1, 2, 3]), pack_floats([1.0]))
    assert state.apply(PATH, Frame(DELTA, 7, 1, histograms=(buckets,)), 1.0).unknown == 1
    state.parts.time.observed_seconds += 8 * DAY
    assert state.sweep().closed == 1


def test_a_keyframe_is_wanted_of_everyone() -> None:
    """After the stream was another one, what is missing only the nodes can tell."""
    fleet = Fleet()
    members = [fleet.join("fog/0"), fleet.join("fog/1")]
    fleet.send()
    assert not fleet.state.gapped
    fleet.state.require_keyframes()
    assert sorted(fleet.state.gapped.values()) == [("fog", "0"), ("fog", "1")]
    for member in members:
        member.writer.request_keyframe()
    fleet.send()
    assert not fleet.state.gapped


def test_an_empty_state_has_nothing() -> None:
    """No nodes, no totals, and no time."""
    state = FleetState()
    assert (totals_of(state), state.now, state.sweep().closed) == ({}, 0.0, 0)


def test_each_counter_that_becomes_a_fraction_keeps_its_series() -> None:
    """Two of three do so in one frame (R12.11)."""
    fleet = Fleet()
    member = fleet.join("fog/0")
    counter = member.collector.register_counter("jobs_total", "", ["of"])
    for name, amount in (("a", 10), ("b", 20), ("c", 30)):
        counter.labels(name).increment(amount)
    member.send()
    for name in "ca":
        counter.labels(name).increment(0.5)
    member.send()
    assert fleet.samples("jobs_total") == {(("of", "a"),): 10.5, (("of", "b"),): 20, (("of", "c"),): 30.5}
