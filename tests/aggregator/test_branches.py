"""Branches: paths that are read as the totals of their own aggregators (SPEC.md, section 13)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from fog_agent.core.summary import GaugeSummary
from fog_aggregator.core.checkpoint import read_image, restore, take_image
from fog_aggregator.core.costs.accounts import Accounts
from fog_aggregator.core.engine.ingest import Ingest
from fog_aggregator.core.engine.requests import KeyframeRequest, KeyframeRequests
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.fleet.fleet import Fleet as FleetState
from fog_aggregator.core.fleet.parts import DAY
from fog_aggregator.core.outcome import Status
from fog_aggregator.core.places.coverage import Coverage
from fog_aggregator.core.places.limits import FleetLimits
from fog_aggregator.core.places.patterns import BranchPatterns
from fog_aggregator.network import NetworkCollector
from fog_aggregator.query.ratchet import Ratchet
from fog_aggregator.query.selection import Selection, ViewKey
from fog_aggregator.selfmetrics import SelfMetrics
from fog_bus.ports import Message
from fog_schema.codec import decode, encode
from fog_schema.frames import Frame, Request
from fog_schema.paths import Path, parse_path
from fog_schema.subjects import Subjects
from tests.aggregator.branch_root import BRANCH, Root, counted
from tests.aggregator.fleet import MAX_BYTES, START, Fleet, asked
from tests.aggregator.rollups import Reporter
from tests.examples import examples
from utilityfog_frontend.telemetry import Gauge, Histogram, TelemetryCollector
from utilityfog_frontend.telemetry.exposition import generate_text
from utilityfog_frontend.telemetry.model import HistogramValue

CHOICES: tuple[tuple[str, ...], ...] = (
    *((), ("sum", "min"), ("max", "count_values"), ("avg",)),
    *(("last",), ("last", "count_values", "sum")),
)


def test_replicas_are_joined_and_never_added() -> None:
    """Of each counter the larger, also when the one that was behind overtakes; a final adds nothing."""
    root, one, other = Root(), Reporter(1), Reporter(2)
    root.hear(one.keyframe(counted(5)))
    root.hear(other.keyframe(counted(7)))
    assert root.value("work_total") == 7
    root.hear(one.delta(counted(6)))
    assert root.value("work_total") == 7
    root.hear(one.delta(counted(9)))
    assert root.value("work_total") == 9
    root.hear(one.keyframe(counted(9), final=True))
    root.hear(other.keyframe(counted(8), final=True))
    assert root.value("work_total") == 9
    assert root.hear(other.delta(counted(20))) is Status.FOLDED
    root.hear(Reporter(3).keyframe(counted(10)))
    assert root.value("work_total") == 10


def test_no_bucket_falls_when_histograms_are_joined() -> None:
    """Replicas that miss different things: each bucket is a count of its own, and none is above the truth.

    The history that argues against taking the whole one with the larger count: one replica has read a node that the
    other has not, and the other way round; Prometheus would see the first bucket fall from 3 to 2, and add all of it.
    """
    root, one = Root(), Reporter(1)
    root.hear(one.keyframe(counted(observed=(3, 1))))
    root.hear(Reporter(2).keyframe(counted(observed=(2, 3))))
    assert root.value("delay") == HistogramValue((3, 3), 5.0)  # the sum of the larger one
    root.hear(Reporter(3).keyframe(counted(observed=(1, 0))))
    assert root.value("delay") == HistogramValue((3, 3), 5.0)
    root.hear(one.delta(counted(observed=(3, 4))))  # it has read what it missed
    assert root.value("delay") == HistogramValue((3, 4), 7.0)


@pytest.mark.parametrize(("first", "then"), [(5, 5.5), (5.5, 5), (7, 5.5), (5.5, 7)])
def test_whole_and_fractional_replicas_are_one_counter(first: float, then: float) -> None:
    """One replica has read a fraction, the other has not yet: the larger counts, not both."""
    root = Root()
    root.hear(Reporter(1).keyframe(counted(first)))
    root.hear(Reporter(2).keyframe(counted(then)))
    assert root.value("work_total") == max(first, then)


def test_a_hot_pair_is_no_fault() -> None:
    """A node with two writers that do not say so is told of; a branch with two has what it should have."""
    root, pair = Root(), (Reporter(1), Reporter(2))
    for path in (BRANCH, ("fog", "node")):
        for one in pair:
            root.state.apply(path, one.keyframe(counted(5)), root.now, rollup=path == BRANCH)
    for _ in range(10):
        root.now += 10
        for path in (BRANCH, ("fog", "node")):
            for one in pair:
                root.state.apply(path, one.delta(counted(5)), root.now, rollup=path == BRANCH)
    assert root.state.contended(root.now) == [("fog", "node")]


def test_a_gap_is_repaired_by_a_keyframe() -> None:
    """The counts of a lost delta are missing until then, and the branch's writer alone is asked."""
    root, one = Root(), Reporter(1)
    root.hear(one.keyframe(counted(5)))
    one.skip(counted(8))
    root.hear(one.delta(counted(9)))
    assert root.value("work_total") == 6
    assert list(root.state.gapped.values()) == [BRANCH]
    root.hear(one.keyframe(counted(9)))
    assert root.value("work_total") == 9
    assert not root.state.gapped


def test_gauges_are_those_of_one_replica() -> None:
    """Of the one that misses nothing and was heard last; of two that would be added each node would count twice."""
    root, one, other = Root(), Reporter(1), Reporter(2)
    root.hear(one.keyframe(counted(level=GaugeSummary(2, 5.0, 1.0, 4.0, (4.0, START), ((1.0, 1), (4.0, 1))))))
    root.now += 1
    root.hear(other.keyframe(counted(level=GaugeSummary(1, 3.0, 3.0, 3.0, (3.0, START + 1), ((3.0, 1),)))))
    assert root.samples("level")[()] == 3.0
    root.now += 1
    other.skip(counted())
    root.hear(other.delta(counted(level=GaugeSummary(1, 9.0, 9.0, 9.0, (9.0, START), ((9.0, 1),)))))
    shown = {tuple(value for _, value in labels): value for labels, value in root.samples("level").items()}
    assert shown == {(): 5.0, ("last",): 4.0, ("count_values", "1"): 1, ("count_values", "4"): 1}


def test_a_branch_that_is_not_heard_keeps_its_counts_alone() -> None:
    """Its gauges are out, its nodes stale, then departed, but for ended ones; it never retires, nor is forgotten."""
    root = Root()
    root.hear(Reporter(1).keyframe(counted(5, level=GaugeSummary(2, 5.0, 1.0, 4.0))))
    assert root.network.coverage().total() == Coverage((3, 2, 1, 4, 2, 0, 0), 4.5)
    root.now += 31
    assert not root.samples("level")
    assert root.network.coverage().total() == Coverage((0, 6, 0, 4, 2, 0, 0), 0.0)
    for _ in range(3):
        root.sweep_after(8 * DAY)
        assert root.network.coverage().total() == Coverage((0, 0, 6, 4, 2, 0, 0), 0.0)
        assert root.state.forget(("fog",), root.now, 3600.0) == []
    assert root.state.places[BRANCH].epochs == {}
    assert root.value("work_total") == 5
    root.hear(Reporter(2).keyframe(counted(6)))
    assert root.value("work_total") == 6
    assert root.state.parts.retired.by_family == {}


def test_a_replica_that_returns_is_no_baseline() -> None:
    """It was silent for longer than the horizon and let go of; its totals are absolute still."""
    root, one, other = Root(), Reporter(1), Reporter(2)
    root.hear(one.keyframe(counted(5)))
    root.hear(other.keyframe(counted(5)))
    for day in range(1, 9):
        root.sweep_after(DAY)
        root.hear(other.delta(counted(5 + day)))
    assert list(root.state.places[BRANCH].epochs) == [2]
    assert root.hear(one.delta(counted(13))) is Status.AWAITS_KEYFRAME
    root.hear(one.keyframe(counted(14)))
    assert root.value("work_total") == 14
    assert root.state.places[BRANCH].baselines == 0


def test_an_aggregator_that_is_killed_again_and_again_does_not_fill_its_path() -> None:
    """Each run is a replica with all series of the branch: of those that are silent only the last two are kept."""
    root = Root()
    root.state.limits = FleetLimits(series_per_path=10)
    for run in range(1, 21):
        frame = Reporter(run).keyframe(counted(run, (run, run)))
        assert root.state.apply(BRANCH, frame, root.now, rollup=True).refused_series == 0
        root.now += 60
    assert list(root.state.places[BRANCH].epochs) == [18, 19, 20]
    assert (root.value("work_total"), root.state.closed_early) == (20, 0)


def test_what_leaves_a_branch_stays_in_the_books() -> None:
    """A label set that the subtree no longer has is counted until the horizon has passed, then in the ledger."""
    root, one = Root(), Reporter(1)
    root.hear(one.keyframe(counted(5)))
    without = counted(5)
    del without.values[0]
    root.hear(one.delta(without))
    root.hear(one.keyframe(without))
    assert root.value("work_total") == 5
    for _ in range(9):
        root.sweep_after(DAY)
        root.hear(one.delta(without))
    assert root.value("work_total") is None
    assert root.state.parts.retired.by_family == {0: 5}


def test_a_branch_survives_a_checkpoint() -> None:
    """Replicas, what they were joined to, merged gauges with their values, coverage: all is there, and goes on."""
    root, one = Root(), Reporter(1)
    level = GaugeSummary(2, 5.0, 1.0, 4.0, (4.0, START), ((1.0, 1), (4.0, 1)))
    root.hear(one.keyframe(counted(5, (1, 2), level)))
    root.hear(Reporter(2).keyframe(counted(7, (1, 0))))
    image = take_image(root.state, root.events, Ratchet(), {}, ("fog.v1", (), (("fog", "*"),)))
    read = read_image(b"".join(image.chunks()))
    assert read.scope == ("fog.v1", (), (("fog", "*"),))
    state = FleetState()
    restore(read, state, EventList(), Ratchet())
    network = NetworkCollector(
        state, EventList(), TelemetryCollector(self_metrics=False, reserved_names=True), lambda: root.now
    )
    assert generate_text(network.collect()) == generate_text(root.network.collect())
    frame = one.delta(counted(9, (1, 3), level))
    for one_state in (state, root.state):
        one_state.apply(BRANCH, frame, root.now, rollup=True)
    assert generate_text(network.collect()) == generate_text(root.network.collect())
    assert root.value("work_total") == 9


def test_the_order_of_frames_changes_nothing() -> None:
    """Joined in any order and any number of times the result is the same: a semilattice."""

    @settings(max_examples=examples(60), deadline=None)
    @given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 30)), min_size=1, max_size=12), st.randoms())
    def holds(said: list[tuple[int, int]], rng: Any) -> None:
        reporters, frames = dict[int, Reporter](), []
        for epoch, total in said:
            reporter = reporters.setdefault(epoch, Reporter(epoch))
            frames.append(reporter.keyframe(counted(total, (total // 2, total - total // 2))))
        rng.shuffle(frames)
        root = Root()
        for frame in frames + frames[:3]:
            root.hear(frame)
        best = _best(frames)
        assert root.value("work_total") == best
        assert root.value("delay").count == best

    def _best(frames: list[Frame]) -> int:
        """Return the largest total that was read: a frame that is older than one of its epoch's changes nothing."""
        newest: dict[int, int] = {}
        best = 0
        for frame in frames:
            if frame.seq > newest.get(frame.epoch, 0):
                newest[frame.epoch] = frame.seq
                assert frame.counters is not None
                best = max(best, int(frame.counters.values.tolist()[0]))
        return best

    holds()


class Program:
    """A program with a collector: instruments by name, made when they are first used."""

    def __init__(self, collector: TelemetryCollector) -> None:
        self._jobs = collector.register_counter("jobs_total", "", ["kind"])
        self._collector = collector
        self._delays: dict[tuple[float, ...], Histogram] = {}
        self._levels: dict[int, Gauge] = {}

    def work(self, what: int, which: int, much: int) -> None:
        """Do one of three things, to one of several, so much."""
        if what == 0:
            self._jobs.labels(kind="ab"[which % 2]).increment(much / 2 if which == 4 else much)
        elif what == 1:
            bounds = [(1.0, 4.0), (1.0, 2.0, 4.0)][
                which % 2
            ]  # of one metric they would be shown as most nodes have them
            if bounds not in self._delays:
                self._delays[bounds] = self._collector.register_histogram(f"delay_{len(bounds)}", "", buckets=bounds)
            self._delays[bounds].observe(much / 4)
        else:
            if which not in self._levels:
                self._levels[which] = self._collector.register_gauge(f"level_{which}", "", rollup=CHOICES[which])
            self._levels[which].set(much % 5)


works = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4), st.integers(0, 40)), max_size=8)


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["f", "f/0", "f/0/1", "f/1/0", "f/1/1"]), works), min_size=1, max_size=8))
def test_tiers_show_what_one_aggregator_shows(programs: list[tuple[str, list[tuple[int, int, int]]]]) -> None:
    """Two branches with aggregators of their own and a root: the same as one that reads all nodes."""
    flat, root = Fleet(), Fleet()
    tiers = {path[:2]: Fleet() for name, _ in programs if len(path := parse_path(name)) > 1}
    for name, steps in programs:
        member = flat.join(name)
        program = Program(member.collector)
        for step in steps:
            program.work(*step)
        flat.now += 0.25
        tier = tiers.get(member.path[:2], root)
        tier.now = flat.now
        for sent in (member.writer.encode_part(flat.now, MAX_BYTES), member.writer.encode_delta(flat.now, MAX_BYTES)):
            assert sent is not None
            flat.apply(member.path, sent.data)
            tier.apply(member.path, sent.data)
    for fleet in (root, *tiers.values()):
        fleet.now = flat.now
    for epoch, (path, fleet) in enumerate(tiers.items(), 1):
        reporter = Reporter(epoch)
        for frame in (reporter.keyframe(fleet.network.totals(Selection(path))), reporter.delta(fleet.network.totals())):
            root.state.apply(path, frame, root.now, rollup=True)
    for view in (asked(), asked(level=0), asked(level=1), asked(under=("f",), level=1)):
        assert _exposed(root, view) == _exposed(flat, view)


def _exposed(fleet: Fleet, view: ViewKey) -> dict[str, float]:
    """Every sample as text: its value, to a last digit or two of sums."""
    lines = generate_text(fleet.network.collect(*view)).decode().splitlines()
    pairs = [line.rsplit(" ", 1) for line in lines if line and line[0] != "#" and "age_seconds" not in line]
    return {name: round(float(value), 9) for name, value in pairs}


def ingesting(*branches: Path) -> tuple[Fleet, Ingest]:
    """Return a fleet whose messages go through ingest."""
    fleet = Fleet()
    around = (BranchPatterns(branches), SelfMetrics(fleet.own), lambda *_: None)
    return fleet, Ingest(fleet.state, fleet.events, Accounts(Subjects()), *around)


def message(subject: str, frame: Frame) -> Message:
    """As a stream delivers it."""
    return Message(subject, encode(frame), 1, int(START * 1e9))


def test_what_a_branch_covers_is_not_read_node_by_node() -> None:
    """Nor are the rollups of other tiers: everything is counted once."""
    fleet, ingest = ingesting(("fog", "*"))
    total, nothing = counted(5), counted()
    frames = [("fog.v1.metrics.fog", total), ("fog.v1.metrics.fog.0", nothing), ("fog.v1.metrics.fog.0.1", nothing)]
    ingest.metrics([message(subject, Reporter(1).keyframe(totals)) for subject, totals in frames], START)
    names = ("fog.v1.rollups.fog.0", "fog.v1.rollups.fog.0.1", "fog.v1.rollups.fog", "fog.v1.rollups.other.0")
    ingest.rollups([message(name, Reporter(2).keyframe(counted(7))) for name in names], START)
    assert sorted(fleet.state.places) == [("fog",), ("fog", "0")]
    assert fleet.samples("work_total") == {(): 12}


def test_a_branch_is_asked_alone() -> None:
    """Twenty branches that miss something are twenty requests, each to a writer: one above would be to all nodes."""
    fleet, ingest = ingesting(("fog", "*"))
    for branch in range(20):
        reporter = Reporter(branch + 1)
        reporter.skip(counted())
        ingest.rollups([message(f"fog.v1.rollups.fog.{branch}", reporter.delta(counted(1)))], START)
    wanted = ingest.wanted(START)
    assert all(one.alone for one in wanted)
    asked = KeyframeRequests().due(wanted, 0.0)
    assert sorted(asked, key=lambda one: one[1].epoch) == [
        (("fog", str(branch)), Request(branch + 1)) for branch in range(20)
    ]
    assert len(KeyframeRequests().due([KeyframeRequest(one.path, one.epoch) for one in wanted], 0.0)) == 1
    assert fleet.network.branch_over(("fog", "7", "1")) == ("fog", "7")


def test_a_replica_that_returned_and_answered_is_not_asked_again() -> None:
    """A rollup's keyframe names no events, by which a node's answer was known: it was asked for ever."""
    fleet, ingest = ingesting(("fog", "*"))
    one, other = Reporter(1), Reporter(2)

    def say(*frames: Frame) -> None:
        ingest.rollups([message("fog.v1.rollups.fog.0", frame) for frame in frames], START)

    say(one.keyframe(counted(1)), other.keyframe(counted(1)))
    for _ in range(8):
        fleet.state.parts.time.observed_seconds += DAY
        say(other.delta(counted(1)))
    fleet.sweep()
    say(one.delta(counted(2)))
    assert [one.epoch for one in ingest.wanted(START)] == [1]
    say(one.keyframe(counted(2)))
    assert ingest.wanted(START) == []


def counted_below(fleet: Fleet) -> float:
    """Add up the counters of the branch's subtree."""
    totals = fleet.network.totals(Selection(BRANCH)).values.values()
    return sum(total for total in totals if isinstance(total, int | float))


def test_totals_never_fall() -> None:
    """A counter's total that is sent up is the exported one, as nodes come, close and retire."""
    fleet = Fleet()
    seen = [0.0]
    for turn in range(6):
        member = fleet.join(f"fog/0/{turn}")
        member.collector.register_counter("work_total", "").increment(turn + 1)
        member.send()
        if turn % 2:
            member.finish()
        seen.append(counted_below(fleet))
        fleet.now += 3 * DAY
        fleet.state.parts.time.observed_seconds += 3 * DAY
        fleet.sweep()
        seen.append(counted_below(fleet))
    assert all(later >= earlier for earlier, later in pairwise(seen))
    assert seen[-1] == 21


def test_decoding_keeps_what_was_said() -> None:
    """The helper's frames are what SPEC.md says: decoded and encoded again they are the same bytes."""
    level = GaugeSummary(2, 5.0, 1.0, 4.0, (4.0, START), ((1.0, 1), (4.0, 1)))
    frame = Reporter(1).keyframe(counted(5, (1, 2), level))
    assert decode(encode(frame)) == frame
