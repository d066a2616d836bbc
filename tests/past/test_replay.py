"""A replay of stored frames shows what the collector showed when it heard them."""

from __future__ import annotations

import random

import numpy as np
import pytest

from fog_aggregator.past.anchor import constants
from fog_aggregator.past.answer import Answer, make_answer
from fog_aggregator.past.replay import AbandonedError, Question, Replay, TooMuchError
from fog_aggregator.promql.storage import is_stale
from fog_aggregator.query.selection import Selection
from fog_schema.paths import Path, parse_path
from tests.aggregator.fleet import START
from tests.past.history import SUBJECTS, Program, Shown, StoredFleet, at

NODE = parse_path("fog/0/3")
SUBTREE = parse_path("fog/0")


def ask(fleet: StoredFleet, path: Path, *, own: bool, start: float) -> Answer:
    """Ask a fleet's stream for what was from a moment on."""
    question = Question(path, own, start, stored_since=fleet.messages[0].timestamp)
    replay = Replay(question, SUBJECTS)
    replay.take(fleet.of(path, own=own, since=question.reach))
    replay.finish(fleet.now)
    view = fleet.network.view(Selection(path, own=own))
    found = constants(view.totals(), view.shown, replay.totals())
    label = (("fog_node" if own else "fog_path", "/".join(path)),)
    return make_answer(replay, found, label, own=own)


def same(found: Shown, expected: Shown) -> None:
    """Compare samples; fractions may differ in their last digits."""
    assert found.keys() == expected.keys()
    for labels, value in expected.items():
        assert found[labels] == pytest.approx(value, rel=1e-12, nan_ok=True), labels


@pytest.mark.parametrize("seed", range(3))
def test_a_node_is_what_it_was(seed: int) -> None:
    """Every series of a node at every frame: restarts, workers, removed series, ended and killed writers."""
    draw = random.Random(seed)
    fleet, truth = StoredFleet(), {}
    start = START + draw.uniform(4_200, 5_600)
    programs = [Program(fleet.join("fog/0/3", shared=True), draw) for _ in range(2)]
    for _ in range(600):
        fleet.now += 10.0
        for program in programs:
            program.work()
            program.member.send()
        if draw.random() < 0.02:
            gone = programs.pop(draw.randrange(len(programs)))
            if draw.random() < 0.5:
                gone.member.finish()
            programs.append(Program(fleet.join("fog/0/3", shared=True), draw))
        if fleet.now >= start:
            truth[round(fleet.now * 1000)] = fleet.shown(NODE, own=True)
    answer = ask(fleet, NODE, own=True, start=start)
    assert truth.keys() <= set(answer.times.tolist())
    for time, shown in truth.items():
        same(at(answer, time), shown)


@pytest.mark.parametrize("seed", range(2))
def test_a_subtree_is_what_it_was(seed: int) -> None:
    """The totals of a subtree at every step, with nodes that come and go."""
    draw = random.Random(seed)
    fleet, truth = StoredFleet(), {}
    start = START + draw.uniform(4_200, 5_600)
    programs = [Program(fleet.join(f"fog/0/{number}"), draw) for number in range(4)]
    programs.append(Program(fleet.join("fog/0"), draw))
    other = Program(fleet.join("fog/1"), draw)
    for step in range(600):
        fleet.now = START + 10.0 * (step + 1)
        for program in (*programs, other):
            program.work()
            program.member.send()
        if draw.random() < 0.02 and len(programs) > 2:
            gone = programs.pop(draw.randrange(len(programs)))
            if draw.random() < 0.5:
                gone.member.finish()
        if draw.random() < 0.02:
            programs.append(Program(fleet.join(f"fog/0/new-{step}"), draw))
        if fleet.now >= start:
            truth[round(fleet.now * 1000)] = fleet.shown(SUBTREE, own=False)
    fleet.now += 1
    answer = ask(fleet, SUBTREE, own=False, start=start)
    assert answer.times.tolist() == list(truth)
    for time, shown in truth.items():
        same(at(answer, time), shown)


def test_what_is_not_known_is_not_shown() -> None:
    """Without a keyframe within reach the counts of a writer are not known: there are samples after its first one."""
    fleet = StoredFleet()
    member = fleet.join("fog/0/3")
    counter = member.collector.register_counter("steps_total")
    for step in range(1000):
        fleet.now = START + 10.0 * step
        counter.increment()
        member.writer.keyframe_due |= step == 700
        member.send()
    assert ask(fleet, NODE, own=True, start=START + 5_000).times.tolist()[0] == round((START + 7_000) * 1000)
    unknown = ask(fleet, NODE, own=True, start=START + 12_000)
    assert (unknown.labels, unknown.times.tolist()) == ([], [])


def test_what_a_trimmed_stream_has_lost_is_not_shown() -> None:
    """A writer whose keyframe was trimmed, though it lay within reach, is missed: no total of the others is shown."""
    fleet = StoredFleet()
    members = [fleet.join(f"fog/0/{number}") for number in range(2)]
    counters = [member.collector.register_counter("steps_total") for member in members]
    for step in range(300):
        fleet.now = START + 10.0 * step
        for member, counter, keyframe in zip(members, counters, (60, 200), strict=True):
            counter.increment()
            member.writer.keyframe_due |= step == keyframe
            member.send()
    fleet.messages = [one for one in fleet.messages if one.timestamp >= START + 500]
    fleet.now += 1
    answer = ask(fleet, SUBTREE, own=False, start=START + 1_000)
    assert answer.known_since == START + 1_990
    assert answer.times.tolist()[0] == round((START + 2_000) * 1000)
    [total] = [
        value
        for labels, value in at(answer, round((START + 2_000) * 1000)).items()
        if ("__name__", "steps_total") in labels
    ]
    assert total == 402


def test_what_was_counted_before_the_reach_is_there() -> None:
    """A writer that ended long ago counts on in the total; one that was killed shows its series as well."""
    fleet = StoredFleet()
    for number, ends in enumerate((True, False)):
        past = fleet.join("fog/0/3", shared=True)
        past.collector.register_counter(f"old_{number}_total").increment(7)
        past.collector.register_counter("requests_total", "", ["code"]).labels("200").increment(10**16 + 1)
        past.collector.register_histogram("wait_seconds", "", [0.1, 1.0]).observe(0.5)
        past.send()
        if ends:
            past.finish()
    fleet.now += 100_000.0
    member = fleet.join("fog/0/3", shared=True)
    member.collector.register_counter("requests_total", "", ["code"]).labels("200").increment(1)
    member.collector.register_histogram("wait_seconds", "", [0.1, 2.0]).observe(0.5)
    member.send()
    answer = ask(fleet, NODE, own=True, start=fleet.now - 100)
    expected = fleet.shown(NODE, own=True)
    assert {dict(labels)["__name__"] for labels in expected} >= {"old_1_total", "requests_total", "wait_seconds_bucket"}
    same(at(answer, round(fleet.now * 1000)), expected)


def test_a_node_that_falls_silent() -> None:
    """Its counts stand still, and its gauges end three intervals after its last frame, as the collector has it."""
    fleet = StoredFleet()
    program = Program(fleet.join("fog/0/3"), random.Random(1))
    program.work()
    program.member.send()
    truth = {}
    for _ in range(30):
        fleet.now += 10.0
        truth[round(fleet.now * 1000)] = fleet.shown(NODE, own=True)
    answer = ask(fleet, NODE, own=True, start=START)
    assert np.diff(answer.times).max() <= 30_001
    for time, expected in truth.items():
        if time != round(START * 1000) + 30_000:
            same(at(answer, time), expected)
    stale = is_stale(answer.values.copy()).sum(axis=1)
    gauges = [dict(labels)["__name__"] in {"depth", "health"} for labels in answer.labels]
    assert stale.tolist() == list(map(int, gauges))


def test_a_server_whose_clock_goes_back() -> None:
    """A time that was there twice is told as it was stored last; times ascend."""
    fleet = StoredFleet()
    program = Program(fleet.join("fog/0/3"), random.Random(1))
    for step in [10.0] * 8 + [-45.0] + [10.0] * 8:
        fleet.now += step
        program.work()
        program.member.send()
    answer = ask(fleet, NODE, own=True, start=START)
    assert (np.diff(answer.times) > 0).all()
    same(at(answer, round(fleet.now * 1000)), fleet.shown(NODE, own=True))


def test_too_much() -> None:
    """A question that would hold more than it may is refused, and says what to do."""
    fleet = StoredFleet()
    program = Program(fleet.join("fog/0/3"), random.Random(1))
    for _ in range(100):
        fleet.now += 10.0
        program.work()
        program.member.send()
    replay = Replay(Question(NODE, own=True, start=START, most=500), SUBJECTS)
    with pytest.raises(TooMuchError, match="more than 500 values would have to be held: ask for a shorter range"):
        replay.take(fleet.of(NODE, own=True))


@pytest.mark.parametrize("own", [True, False])
def test_a_question_that_nobody_waits_for_ends(*, own: bool) -> None:
    """At its next moment, and before the answer is made: threads cannot be ended from outside."""
    fleet = StoredFleet()
    program = Program(fleet.join("fog/0/3"), random.Random(1))
    for _ in range(30):
        fleet.now += 10.0
        program.work()
        program.member.send()
    wanted = [True]
    path = NODE if own else SUBTREE
    replay = Replay(Question(path, own=own, start=START), SUBJECTS, lambda: wanted[0])
    messages = fleet.of(path, own=own)
    replay.take(messages[:15])
    kept = len(replay.moments)
    assert kept
    wanted[0] = False
    with pytest.raises(AbandonedError):
        replay.take(messages[15:])
    with pytest.raises(AbandonedError):
        make_answer(replay, {}, (), own=own)
    assert len(replay.moments) == kept
