"""A node that was forgotten and comes back counts on: nothing is lost, and nothing counted twice (R12.53)."""

from __future__ import annotations

import pytest

from fog_aggregator.core.checkpoint import read_image, restore, take_image
from fog_aggregator.core.fleet.fleet import Fleet as FleetState
from fog_aggregator.core.fleet.parts import DAY
from fog_aggregator.core.outcome import Outcome, Status
from fog_aggregator.query.ratchet import Ratchet
from fog_proving.sim.books import Cell
from fog_proving.sim.checks import totals_of
from fog_schema.paths import RETIRED, Path, parse_path
from tests.aggregator.fleet import Fleet
from tests.aggregator.golden.recipe import Recorder

DEPARTED = 3600.0


class Forgotten:
    """A node that has counted, departed and was forgotten, beside one that lives."""

    def __init__(self) -> None:
        self.fleet = Recorder()
        self.member, self.other = self.fleet.join("fog/0/3"), self.fleet.join("fog/0/4")
        self.count(12)
        self.member.send()
        self.other.collector.register_counter("jobs_total").increment(100)
        self.other.send()
        self.fleet.now += 2 * DEPARTED

    def forget(self, under: str = "fog/0/3") -> list[Path]:
        """Forget what has departed under a path by now."""
        return self.fleet.state.forget(parse_path(under), self.fleet.now, DEPARTED)

    def count(self, jobs: int) -> None:
        """Count in every kind of value that adds up, and set a gauge."""
        collector = self.member.collector
        collector.register_counter("jobs_total").increment(jobs)
        collector.register_counter("work_total").increment(jobs / 8)
        collector.register_histogram("delay", buckets=[1.0, 4.0]).observe(2.0)
        collector.register_gauge("level").set(jobs)

    def come_back(self, jobs: int = 5) -> Outcome:
        """Let the node send again what it has counted meanwhile."""
        self.fleet.now += 10
        self.count(jobs)
        return self.member.send()

    def total(self, path: str = "fog", name: str = "jobs_total") -> float:
        """Return what is counted at and under a path."""
        return totals_of(self.fleet.state).get(tuple(path.split("/")), {}).get(Cell(name, ()), 0)

    def restart(self) -> None:
        """Go on from a checkpoint of this moment."""
        fleet = self.fleet
        image = take_image(fleet.state, fleet.events, Ratchet(), {}, ("fog.v1", (), ()))
        state = FleetState()
        restore(read_image(b"".join(image.chunks())), state, fleet.events, Ratchet())
        fleet.state = state
        fleet.network.adopt(state, fleet.events, Ratchet())


@pytest.fixture
def case() -> Forgotten:
    """Give a node that was forgotten."""
    case = Forgotten()
    assert case.forget() == [("fog", "0", "3")]
    return case


@pytest.mark.parametrize("restarts", [False, True])
def test_a_delta_of_a_forgotten_writer_is_added_at_once(case: Forgotten, *, restarts: bool) -> None:
    """No keyframe need come: the writer may be killed before it sends one. Its old counts stay where they went."""
    if restarts:
        case.restart()
    outcome = case.come_back()
    assert (outcome.status, outcome.baseline, list(case.fleet.state.gapped)) == (Status.APPLIED, False, [])
    by_path = {dict(labels)["fog_path"]: jobs for labels, jobs in case.fleet.samples("jobs_total", level=2).items()}
    assert (case.total(), by_path) == (117, {"fog/0/3": 5, "fog/0/4": 100, f"fog/0/{RETIRED}": 12})
    assert (case.total("fog", "work_total"), case.total("fog/0/3", "work_total")) == (17 / 8, 5 / 8)
    [(_, delay)] = case.fleet.samples("delay").items()
    assert (delay.counts, delay.sum) == ((0, 2, 0), 4.0)


@pytest.mark.parametrize("lost", [1, 3])
def test_counts_between_forgetting_and_return_are_not_lost(case: Forgotten, lost: int) -> None:
    """Frames that never arrive leave a gap, and the keyframe that is asked for repairs it, as any writer's does."""
    for _ in range(lost):
        case.count(7)
        case.member.skip()
    case.come_back()
    assert list(case.fleet.state.gapped.values()) == [case.member.path]
    case.member.writer.request_keyframe()
    assert not case.come_back(0).baseline
    assert case.total() == 112 + 7 * lost + 5


def test_gauges_of_a_writer_that_comes_back_are_shown(case: Forgotten) -> None:
    """Also one that it has not set since: its value was known."""
    case.member.collector.get_metric("level")
    case.fleet.now += 10
    case.member.collector.register_counter("jobs_total").increment()
    case.member.send()
    assert case.fleet.samples("level", under=("fog", "0", "3"), own=True) == {(): 12.0}


def test_frames_that_were_counted_are_not_counted_again(case: Forgotten) -> None:
    """A replay repeats frames from before the request: they are known."""
    case.come_back()
    case.fleet.now += 2 * DEPARTED
    path = case.member.path
    assert case.forget() == [path]
    frames = [data for of, data, _ in case.fleet.heard if of == path]
    assert [case.fleet.apply(path, data).status for data in frames] == [Status.FOLDED] * 2
    assert path not in case.fleet.state.places
    assert case.total() == 117


def test_forgetting_twice_changes_nothing_more(case: Forgotten) -> None:
    """Neither at once, nor after the writer came back and departed again: it comes back once more and counts on."""
    before = case.total()
    assert case.forget() == []
    for round_ in range(3):
        case.come_back(round_)
        case.fleet.now += 2 * DEPARTED
        assert set(case.forget("fog/0")) - {("fog", "0", "4")} == {("fog", "0", "3")}
        assert case.forget("fog/0") == []
    case.come_back(1)
    assert case.total() == before + 0 + 1 + 2 + 1


def test_a_live_node_is_not_forgotten() -> None:
    """It was heard since: the request is for those that had departed when it was made."""
    case = Forgotten()
    case.come_back()
    assert case.forget() == []
    assert case.total("fog/0/3") == 17


def test_a_node_that_is_not_known_yet_is_not_forgotten() -> None:
    """It counts in full once it is heard."""
    case = Forgotten()
    assert case.forget("fog/1") == []
    newcomer = case.fleet.join("fog/1")
    newcomer.collector.register_counter("jobs_total").increment(3)
    newcomer.send()
    assert case.total("fog/1") == 3


def test_a_forgotten_writer_may_end(case: Forgotten) -> None:
    """Its final says everything once more, and is counted once."""
    case.fleet.now += 10
    case.count(5)
    case.member.finish()
    assert (case.total(), case.total("fog/0/3")) == (117, 5)
    case.member.finish()
    assert case.total() == 117


def test_several_writers_at_a_path_come_back(case: Forgotten) -> None:
    """One that was there before, and one that has begun since."""
    newcomer = case.fleet.join("fog/0/3", shared=True)
    newcomer.collector.register_counter("jobs_total").increment(1000)
    newcomer.send()
    case.come_back()
    assert (case.total("fog/0/3"), case.total()) == (1005, 1117)


def test_values_are_kept_for_the_horizon(case: Forgotten) -> None:
    """After it an epoch is as any other that was silent for so long: it goes on from its keyframe (R12.17)."""
    parts = case.fleet.state.parts
    parts.time.observed_seconds += 7 * DAY - 1
    case.fleet.sweep()
    assert len(parts.forgotten) == 1
    parts.time.observed_seconds += 2
    case.fleet.sweep()
    assert (len(parts.forgotten), len(parts.forgotten.slots)) == (0, 0)
    assert case.come_back().status is Status.AWAITS_KEYFRAME
    case.member.writer.request_keyframe()
    assert case.come_back(0).baseline
    assert case.total() == 112


def test_label_sets_stay_while_a_forgotten_epoch_may_speak_of_them(
    case: Forgotten, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their numbers are not given to others before, nor is their count written off twice."""
    state = case.fleet.state
    state.sweep()
    state.parts.time.observed_seconds += 7 * DAY + 1
    monkeypatch.setattr(state.parts.forgotten, "expire", lambda _: None)
    case.other.send()
    state.sweep()
    assert not state.catalog.free
    case.come_back()
    state.sweep()
    assert case.total() == 117


def test_a_subtree_is_forgotten_at_once() -> None:
    """Each of its nodes comes back for itself."""
    fleet = Fleet()
    members = [fleet.join(f"fog/0/{number}") for number in range(20)]
    for number, member in enumerate(members):
        member.collector.register_counter("jobs_total").increment(number)
    fleet.send()
    fleet.now += 2 * DEPARTED
    assert len(fleet.state.forget(("fog", "0"), fleet.now, DEPARTED)) == 20
    for member in members:
        member.collector.register_counter("jobs_total").increment(1)
        member.send()
    assert totals_of(fleet.state)[()][Cell("jobs_total", ())] == sum(range(20)) + 20


def test_the_slots_of_forgotten_epochs_count_towards_the_limit(case: Forgotten) -> None:
    """At the limit nothing is kept: such an epoch goes on from its keyframe, and is counted as a baseline."""
    state = case.fleet.state
    case.come_back()
    case.fleet.now += 2 * DEPARTED
    state.limits = type(state.limits)(slots=state.slot_count)
    assert case.forget() == [("fog", "0", "3")]
    assert not len(state.parts.forgotten)
    case.member.writer.request_keyframe()
    assert case.come_back().baseline
