"""Branches that begin anew, and orders below a branch (SPEC.md, R13.17 to R13.20)."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from fog_agent.core.summary import GaugeSummary
from fog_aggregator.core.checkpoint import CheckpointError, read_image, restore, take_image
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.fleet.fleet import Fleet as FleetState
from fog_aggregator.core.places.branch import Branch
from fog_aggregator.core.places.coverage import Life
from fog_aggregator.core.places.limits import FleetLimits
from fog_aggregator.core.places.origin import Origin
from fog_aggregator.core.quarantine.orders import Order
from fog_aggregator.query.ratchet import Ratchet
from fog_aggregator.query.selection import Selection
from tests.aggregator.branch_root import BRANCH, Root, counted
from tests.aggregator.rollups import Reporter
from tests.examples import examples
from utilityfog_frontend.telemetry.model import HistogramValue

OLD, NEW = Origin(1), Origin(2)
SILENT = 40.0
"""Seconds after which nobody is heard who sends every 10 s."""


def lost(total: float = 10, observed: tuple[int, ...] = (3, 4)) -> tuple[Root, Reporter]:
    """Return a root of a branch that had so much, and the aggregator that has begun anew in its place."""
    root, anew = Root(), Reporter(2, NEW)
    root.hear(Reporter(1, OLD).keyframe(counted(total, observed)))
    root.now += SILENT
    root.hear(anew.keyframe(counted(4, (1, 0))))
    return root, anew


def test_a_branch_that_has_lost_counts_stands_still_and_is_told() -> None:
    """Its joined totals stay, and so does the word about it until its aggregators have as much again."""
    root, anew = lost()
    assert root.value("work_total") == 10
    assert root.state.lost_branches() == [BRANCH]
    root.hear(anew.delta(counted(9, (3, 4))))
    assert root.value("work_total") == 10
    assert root.state.lost_branches() == [BRANCH]
    root.hear(anew.delta(counted(11, (3, 4))))
    assert root.value("work_total") == 11
    assert root.state.lost_branches() == []


def test_nothing_is_told_while_another_replica_has_all() -> None:
    """One of a pair has lost its state: the other speaks for the branch."""
    root, one, other = Root(), Reporter(1, OLD), Reporter(2, NEW)
    root.hear(one.keyframe(counted(10)))
    root.hear(other.keyframe(counted(4)))
    assert root.state.lost_branches() == []
    root.now += SILENT
    root.hear(other.delta(counted(5)))
    assert root.state.lost_branches() == [BRANCH]


def test_nothing_is_told_of_a_replica_that_is_not_whole() -> None:
    """Its next keyframe may bring what it lacks."""
    root, anew = lost()
    anew.skip(counted(5, (1, 0)))
    root.hear(anew.delta(counted(6, (1, 0))))
    assert root.state.lost_branches() == []
    root.hear(anew.keyframe(counted(12, (3, 4))))
    assert root.state.lost_branches() == []
    assert root.value("work_total") == 12


def test_one_that_had_all_once_is_a_replica_of_the_same_truth() -> None:
    """It may fall behind for a moment, as when the other one of a pair is ahead."""
    root, one, other = Root(), Reporter(1, OLD), Reporter(2, NEW)
    root.hear(one.keyframe(counted(10)))
    root.hear(other.keyframe(counted(10)))
    root.hear(one.delta(counted(12)))
    root.now += SILENT
    root.hear(other.delta(counted(11)))
    assert root.state.lost_branches() == []


def test_label_sets_that_it_does_not_have_stay() -> None:
    """An aggregator that has lost counts does not know which label sets have left."""
    root, old = Root(), Reporter(1, OLD)
    root.hear(old.keyframe(counted(10)))
    root.hear(old.keyframe(counted(10), final=True))
    root.now += SILENT
    nothing = counted()
    nothing.values.clear()
    root.hear(Reporter(2, NEW).keyframe(nothing))
    assert root.state.lost_branches() == [BRANCH]
    assert root.value("work_total") == 10


def test_a_rebase_adds_what_is_counted_from_then_on() -> None:
    """The totals do not move by it; each count since adds to them, and others do not count any more."""
    root, anew = lost()
    assert root.state.rebase(BRANCH, root.now) == ""
    assert root.value("work_total") == 10
    assert root.value("delay") == HistogramValue((3, 4), 7.0)
    assert root.state.lost_branches() == []
    root.hear(anew.delta(counted(5, (2, 1))))
    assert root.value("work_total") == 11
    assert root.value("delay") == HistogramValue((4, 5), 9.0)
    root.hear(Reporter(3, NEW).keyframe(counted(6, (2, 1))))  # a restart
    assert root.value("work_total") == 12
    root.hear(Reporter(1, OLD).keyframe(counted(100, (9, 9))))
    root.hear(Reporter(4, Origin(3)).keyframe(counted(100, (9, 9))))
    assert root.value("work_total") == 12


def test_a_rebase_goes_by_the_revision_of_the_incarnation_that_it_joins() -> None:
    """Another one that is heard may know of a later order, and is not joined."""
    root, anew = lost()
    root.hear(Reporter(3, Origin(3, 7000)).keyframe(counted(3)))
    root.now += 1
    root.hear(anew.delta(counted(4, (1, 0))))
    assert root.state.rebase(BRANCH, root.now) == ""
    root.hear(anew.delta(counted(5, (1, 0))))
    assert root.value("work_total") == 11
    assert root.state.lost_branches() == []


def test_what_was_counted_before_stays_with_the_branch() -> None:
    """In each view of it; nothing that is exported falls by a rebase."""
    root, anew = lost()
    root.state.rebase(BRANCH, root.now)
    root.hear(anew.delta(counted(6, (1, 0))))
    for selection in (Selection(BRANCH), Selection(BRANCH, own=True)):
        assert 12 in root.network.totals(selection).values.values()
    assert root.network.coverage().total().nodes[Life.LIVE] == 3


@pytest.mark.parametrize(
    ("before", "after", "then"), [(10, 4.5, 6.5), (10.5, 4, 6), (10.5, 4.25, 6.25), (10.5, 4, 6.5)]
)
def test_counters_in_either_form(before: float, after: float, then: float) -> None:
    """Integers and fractions on both sides of a rebase."""
    root, anew = Root(), Reporter(2, NEW)
    root.hear(Reporter(1, OLD).keyframe(counted(before)))
    root.now += SILENT
    root.hear(anew.keyframe(counted(after)))
    assert root.state.rebase(BRANCH, root.now) == ""
    assert root.value("work_total") == before
    root.hear(anew.delta(counted(then)))
    assert root.value("work_total") == before + then - after


def test_rebases_that_change_nothing() -> None:
    """Each is answered with the reason."""
    root, anew = lost()
    assert root.state.rebase(("fog", "1"), root.now) == "is no branch of this aggregator"
    root.state.rebase(BRANCH, root.now)
    root.hear(anew.delta(counted(5, (1, 0))))
    assert root.state.rebase(BRANCH, root.now) == "was rebased by this order"
    assert root.state.rebase(BRANCH, root.now + 1) == "has not lost counts"
    root.state.order(BRANCH, Order(root.now, out=True, why="test"))
    root.state.settle_orders(root.now + 1)
    assert root.state.rebase(BRANCH, root.now + 2) == "is in quarantine"
    assert root.value("work_total") is None


def test_another_incarnation_after_a_rebase_is_told() -> None:
    """Its counts are not joined, however many: they may be among those that were counted before."""
    root, _ = lost()
    root.state.rebase(BRANCH, root.now)
    root.now += SILENT
    third = Reporter(5, Origin(3))
    root.hear(third.keyframe(counted(100)))
    assert root.value("work_total") == 10
    assert root.state.lost_branches() == [BRANCH]
    assert root.state.rebase(BRANCH, root.now) == ""
    root.hear(third.delta(counted(101)))
    assert root.value("work_total") == 101  # a replica is never above the truth


def test_a_restart_changes_nothing() -> None:
    """The successions are in the checkpoint."""
    root, anew = lost()
    root.state.rebase(BRANCH, root.now)
    _restart(root)
    root.hear(anew.delta(counted(5, (1, 0))))
    root.hear(Reporter(1, OLD).keyframe(counted(100, (9, 9))))
    assert root.value("work_total") == 11
    assert root.state.rebase(BRANCH, root.now) == "was rebased by this order"


@pytest.mark.parametrize(("first", "second"), [(1, 2), (2, 1)])
def test_what_was_saved_is_saved_again(first: int, second: int) -> None:
    """Also with a replica that is silent, and whose keyframe was never heard."""
    root, unknown = Root(), Reporter(first)
    root.hear(unknown.delta(counted(1)))
    root.now += SILENT
    root.hear(Reporter(second).keyframe(counted(1)))
    before = root.state.image()["successions"].plain
    _restart(root)
    assert root.state.image()["successions"].plain == before


@pytest.mark.parametrize("without", ["", "successions"])
def test_a_restart_shows_the_gauges_of_the_same_replica(without: str) -> None:
    """It is one whose counts are joined, though another was heard later: an operator's order has chosen it."""
    root, one, anew = Root(), Reporter(1, OLD), Reporter(2, NEW)
    root.hear(one.keyframe(counted(10, level=GaugeSummary(1, 1.0, 1.0, 1.0))))
    root.now += SILENT
    root.hear(anew.keyframe(counted(4, level=GaugeSummary(1, 2.0, 2.0, 2.0))))
    root.state.rebase(BRANCH, root.now)
    root.now += 1
    root.hear(one.keyframe(counted(10, level=GaugeSummary(1, 3.0, 3.0, 3.0))))
    shown = 2.0 if not without else 3.0  # all are joined, where nothing tells of the order
    assert root.samples("level") == {(): 2.0}
    _restart(root, without)
    assert root.samples("level") == {(): shown}


def test_a_replica_that_was_never_whole_is_forgotten_with_its_epoch() -> None:
    """However many there are that begin and never end a keyframe."""
    root, limits = Root(), FleetLimits(silent_replicas=2)
    root.state = FleetState(limits=limits)
    for number in range(1, 10):
        frame = Reporter(number).keyframe(counted(number))
        frame.flags = 0
        root.hear(frame)
        root.now += SILENT
    place = root.state.places[BRANCH]
    assert isinstance(place, Branch)
    assert len(place.epochs) < 9
    assert place.succession.runs.keys() == place.epochs.keys()


def test_replicas_that_are_not_there_are_damage() -> None:
    """A succession is of the epochs of its branch."""
    root, one = Root(), Reporter(1)
    root.hear(one.keyframe(counted(10)))
    image = take_image(root.state, root.events, root.network.ratchet, {}, ("fog.v1", (), (BRANCH,)))
    ((_, runs, *_),) = image.plain["parts"]["successions"]["branches"]
    runs.append((7, (0, 0, 0), False))
    with pytest.raises(CheckpointError, match="that are not there"):
        restore(read_image(b"".join(image.chunks())), FleetState(), EventList(), Ratchet())


def test_an_older_checkpoint_takes_its_replicas_for_whole() -> None:
    """A checkpoint that knows no successions: its replicas go on."""
    root, one = Root(), Reporter(1)
    root.hear(one.keyframe(counted(10)))
    _restart(root, without="successions")
    root.hear(one.delta(counted(11)))
    assert root.value("work_total") == 11
    assert root.state.lost_branches() == []


@pytest.mark.parametrize("was", ["whole", "gapped", "known"])
def test_a_branch_with_orders_goes_on_after_an_upgrade(was: str) -> None:
    """Its replicas said no incarnation before: the new one's revision is believed, and so is that of its partner."""
    root, before = Root(), Reporter(1)
    root.hear(before.keyframe(counted(10)))
    if was == "gapped":
        before.skip(counted(10))
        root.hear(before.delta(counted(10)))
    _restart(root, without="" if was == "known" else "successions")
    one, other = Reporter(2, Origin(7, 5000, 1)), Reporter(3, Origin(8, 5000, 1))
    root.hear(one.keyframe(counted(11)))
    root.hear(other.keyframe(counted(11)))
    root.now += SILENT
    root.hear(other.delta(counted(12)))
    assert root.value("work_total") == 12
    assert root.state.lost_branches() == []
    root.hear(
        Reporter(4, Origin(9, 6000, 1)).keyframe(counted(4))
    )  # from now on what may have lost counts is not believed
    assert root.value("work_total") == 12


def test_an_order_below_a_branch_lowers_its_parent() -> None:
    """The replica that knows the order takes the place of all that was joined; those that do not are not joined."""
    root, one, other = Root(), Reporter(1, OLD), Reporter(2, NEW)
    root.hear(one.keyframe(counted(2**63 - 1)))
    root.hear(other.keyframe(counted(2**63 - 1)))
    ordered = Reporter(3, Origin(1, 7000, 2))
    root.hear(ordered.keyframe(counted(10)))
    assert root.value("work_total") == 10
    assert root.state.take_replaced() == [BRANCH]
    root.hear(other.keyframe(counted(2**63 - 1)))
    assert root.value("work_total") == 10
    root.hear(ordered.delta(counted(10)))
    assert root.network.coverage().total().nodes[Life.QUARANTINED] == 2
    root.hear(Reporter(4, Origin(2, 7000, 2)).keyframe(counted(11)))
    assert root.value("work_total") == 11
    assert root.state.lost_branches() == []
    root.hear(Reporter(5, Origin(1, 8000)).keyframe(counted(2**62)))  # it is lifted
    assert root.value("work_total") == 2**62
    assert root.state.revisions == {BRANCH: 8000}  # and goes up


def test_an_aggregator_that_lost_counts_does_not_lower_its_parent() -> None:
    """Some of the counts that it lacks are not taken out by the order."""
    root, _ = lost()
    root.hear(Reporter(3, Origin(2, 7000)).keyframe(counted(4)))
    assert root.value("work_total") == 10
    assert root.state.lost_branches() == [BRANCH]


def test_only_a_complete_keyframe_takes_the_place() -> None:
    """Frames of a replica that is not whole change nothing."""
    root, one, other = Root(), Reporter(1, OLD), Reporter(2, Origin(1, 7000))
    root.hear(one.keyframe(counted(10)))
    other.skip(counted(4))
    root.hear(other.delta(counted(5)))
    assert root.value("work_total") == 10
    root.hear(other.keyframe(counted(6)))
    assert root.value("work_total") == 6


def test_the_branch_itself_is_taken_out_at_its_parent() -> None:
    """Its totals leave, and come back with what its aggregators sent meanwhile."""
    root, one = Root(), Reporter(1, OLD)
    root.hear(one.keyframe(counted(10)))
    root.state.order(BRANCH, Order(root.now, out=True, why="test"))
    root.state.settle_orders(root.now + 1)
    assert root.value("work_total") is None
    assert root.state.lost_branches() == []
    root.state.order(BRANCH, Order(root.now + 2, out=False))
    root.state.settle_orders(root.now + 3)
    assert root.value("work_total") == 10
    root.hear(Reporter(2, Origin(1, 9000)).keyframe(counted(11)))
    assert root.value("work_total") == 11


counts = st.integers(0, 100)


@settings(max_examples=examples(60))
@given(st.lists(st.tuples(st.integers(0, 2), counts), max_size=12), counts, st.lists(counts, max_size=8))
def test_totals_never_fall_and_grow_exactly(before: list[tuple[int, int]], start: int, growth: list[int]) -> None:
    """Whatever replicas said before: after a rebase the total grows by what is counted, and by nothing else."""
    root, reporters = Root(), [Reporter(number, Origin(number)) for number in (1, 2, 3)]
    most = 0
    for who, total in before:
        root.hear(reporters[who].keyframe(counted(total)))
        most = max(most, total)
    root.now += SILENT
    anew = Reporter(4, Origin(4))
    root.hear(anew.keyframe(counted(start)))
    at, total = max(most, start), start
    assert root.value("work_total") == at
    assert (root.state.rebase(BRANCH, root.now) == "") is (start < most)
    for more in growth:
        total += more
        root.hear(anew.delta(counted(total)))
        assert root.value("work_total") == (at + total - start if start < most else total)


def test_origins_that_no_one_writes_count_as_none() -> None:
    """Whatever an information says."""
    for text in ("", "-1", "x", "1" * 40, "1_0", "٣"):
        assert Origin.of({"incarnation": text, "quarantined": f"{text} {text}"}) == Origin() or text == "1_0"
    origin = Origin(2**64 - 1, 2**63 - 1, 1_000_000)
    assert Origin.of(dict(origin.as_info())) == origin
    assert Origin.of(dict(OLD.as_info())) == OLD


def _restart(root: Root, without: str = "") -> None:
    image = take_image(root.state, root.events, root.network.ratchet, {}, ("fog.v1", (), (BRANCH,)))
    image.plain["parts"].pop(without, None)
    fleet, events, ratchet = FleetState(), EventList(), Ratchet()
    restore(read_image(b"".join(image.chunks())), fleet, events, ratchet)
    root.state, root.events = fleet, events
    root.network.adopt(fleet, events, ratchet)
