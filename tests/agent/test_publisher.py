"""The publisher's decisions, one at a time: no loop, no clock, no server."""

from __future__ import annotations

import math
from random import Random

import pytest

from fog_agent.core.event_log import EventFrame
from fog_agent.core.publisher import Severity
from fog_agent.core.schedule import FIRST_RETRY, KEYFRAME_SECONDS, LAST_RETRY, MAX_JITTER, Schedule
from fog_bus.ports import Outcome, Publish, Refusal
from fog_schema.codec import decode
from fog_schema.frames import DELTA, FINAL, KEYFRAME, LAST_PART, SEVERAL_WRITERS, Request
from tests.agent.publishing import BIG, INTERVAL, SMALL, TIMEOUT, Node


@pytest.fixture
def node() -> Node:
    """Provide a node whose first keyframe is acknowledged."""
    node = Node()
    assert node.kinds() == [KEYFRAME]
    return node


def test_the_first_frame_and_the_first_tick_come_at_the_phase() -> None:
    """A roll-out does not make all nodes send at once; from then on ticks are an interval apart, late ones skipped."""
    node = Node(phase=0.5)
    assert (node.publisher.tick_at, node.publisher.frame_at) == (105.0, 105.0)
    assert node.publisher.next_frame(104.9) is None
    node.tick()
    assert node.publisher.tick_at == 115.0
    node.publisher.tick(147.0)  # the process was stopped for three intervals
    assert node.publisher.tick_at == 155.0


@pytest.mark.parametrize("interval", [0.1, 1.0, 1.05, 7.0, 10.0, 60.0])
def test_agents_of_a_host_wake_together(interval: float) -> None:
    """They tick at the same few moments of the clock, whenever they began and after a stop; an interval stays exact.

    The moments are a tenth of the interval apart, or 0.1 s, and all of them are taken.
    """
    draw, slot = Random(1), min(interval / 10, 0.1)
    moments = set()
    for _ in range(10_000):
        now = draw.uniform(1e5, 2e5)
        schedule = Schedule(interval, draw.random(), now, draw)
        first = schedule.tick_at
        assert now <= first <= now + interval + slot
        schedule.ticked(first)
        assert schedule.tick_at - first == pytest.approx(interval, abs=1e-9)
        schedule.ticked(first + 1000.4 * interval)  # the process was stopped
        moments.add(round(schedule.tick_at % interval, 6) % interval)
    assert len(moments) == max(10, math.ceil(interval / 0.1))


def test_a_frame_is_repeated_until_it_is_acknowledged(node: Node) -> None:
    """The same bytes, after pauses that double up to ten seconds and begin anew afterwards; later frames wait."""
    node.tick()
    first = node.publisher.next_frame(node.now)
    assert first is not None
    node.tick()
    pauses = []
    for _ in range(9):
        assert node.publisher.next_frame(node.now) is first
        node.publisher.refused(first, TIMEOUT, node.now)
        assert node.publisher.next_frame(node.now) is None
        pauses.append(node.publisher.frame_at - node.now)
        node.now = node.publisher.frame_at
    longest = [min(FIRST_RETRY * 2**n, LAST_RETRY) for n in range(9)]
    assert all(most / 2 <= pause <= most for pause, most in zip(pauses, longest, strict=True))
    assert [decode(frame.data).seq for frame in node.drain()] == [2, 3]
    node.tick()
    frame = node.publisher.next_frame(node.now)
    assert frame is not None
    node.publisher.refused(frame, TIMEOUT, node.now)
    assert node.publisher.frame_at - node.now <= FIRST_RETRY


def test_without_a_connection_nothing_is_tried(node: Node) -> None:
    """Time alone changes nothing then; with the next connection it goes on after a short pause."""
    node.tick()
    frame = node.publisher.next_frame(node.now)
    assert frame is not None
    node.publisher.refused(frame, Publish(Outcome.DISCONNECTED), node.now)
    assert node.publisher.frame_at == math.inf
    node.now += 100
    node.publisher.connection(BIG, node.now)
    assert 0 < node.publisher.frame_at - node.now <= FIRST_RETRY
    node.now = node.publisher.frame_at
    assert node.publisher.next_frame(node.now) is frame


def test_a_keyframe_is_never_encoded_without_a_connection(node: Node) -> None:
    """It would be old when it is sent; nor is a delta queued that the keyframe says as well."""
    node.publisher.requested(Request(), node.now)
    node.publisher.connection(None, node.now)
    for _ in range(5):
        node.tick()
    assert (node.publisher.frame_at, node.publisher.next_frame(node.now)) == (math.inf, None)
    node.publisher.connection(BIG, node.now)
    assert node.kinds() == [KEYFRAME]


def test_a_refusal_is_reported_with_what_the_server_said(node: Node) -> None:
    """As a warning under the refusal's name, so that the log can leave out its like."""
    node.tick()
    frame = node.publisher.next_frame(node.now)
    assert frame is not None
    node.publisher.refused(frame, Publish(Outcome.REFUSED, Refusal.FULL, "maximum bytes exceeded"), node.now)
    assert node.reports == [(Severity.WARNING, "full", "frames are refused, and kept: maximum bytes exceeded")]


def test_frames_that_nobody_acknowledges_are_reported(node: Node) -> None:
    """Not for one that is lost, as with each failure of a server; the text names the import that answers nobody."""
    node.tick()
    for _ in range(2):
        node.now = max(node.now, node.publisher.frame_at)
        frame = node.publisher.next_frame(node.now)
        assert frame is not None
        node.publisher.refused(frame, Publish(Outcome.TIMEOUT), node.now)
    assert node.reports == []
    assert frame is not None
    node.publisher.acknowledged(frame, node.now)
    node.tick()
    for _ in range(3):
        node.now = max(node.now, node.publisher.frame_at)
        frame = node.publisher.next_frame(node.now)
        assert frame is not None
        assert node.reports == []
        node.publisher.refused(frame, Publish(Outcome.TIMEOUT), node.now)
    ((severity, key, text),) = node.reports
    assert (severity, key) == (Severity.WARNING, "unanswered")
    assert "export and import them as services" in text


def test_a_request_is_answered_within_the_interval(node: Node) -> None:
    """With jitter, drawn once: more requests do not put it off. Requests for other epochs change nothing."""
    node.publisher.requested(Request(epoch=8), node.now)
    assert node.publisher.frame_at == math.inf
    node.publisher.requested(Request(), node.now)
    due = node.publisher.frame_at
    assert node.now < due <= node.now + min(INTERVAL, MAX_JITTER)
    node.publisher.requested(Request(epoch=7), node.now)
    assert node.publisher.frame_at == due
    node.now = due
    assert node.kinds() == [KEYFRAME]


@pytest.mark.parametrize(("interval", "longest"), [(60.0, 10.0), (3.0, 3.0)])
def test_an_answer_is_delayed_by_ten_seconds_at_most(interval: float, longest: float) -> None:
    """R11.14: at most an interval, at most 10 s, and spread over all of that."""
    delays = []
    for seed in range(200):
        schedule = Schedule(interval, 0.0, 100.0, Random(seed))
        schedule.spread_keyframe(100.0)
        delays.append(schedule.keyframe_at - 100)
    assert min(delays) < longest / 20
    assert longest * 0.95 < max(delays) <= longest


def test_a_keyframe_comes_every_hour(node: Node) -> None:
    """Give or take a tenth."""
    start, seen = node.now, []
    while node.now < start + 2.3 * KEYFRAME_SECONDS:
        node.tick()
        seen += [node.now - start for kind in node.kinds() if kind == KEYFRAME]
    steps = [after - before for before, after in zip([0.0, *seen], seen, strict=False)]
    assert len(steps) == 2
    assert all(0.9 * KEYFRAME_SECONDS <= step <= 1.1 * KEYFRAME_SECONDS + INTERVAL for step in steps)


def test_events_are_repeated_once(node: Node) -> None:
    """An event that was acknowledged is sent again when asked for; if that is lost, nobody waits for it."""
    node.collector.record_event("first")
    node.tick()
    frame = node.publisher.next_events(node.now)
    assert isinstance(frame, EventFrame)
    node.publisher.acknowledged(frame, node.now)
    node.publisher.requested(Request(epoch=7, first_event=1, last_event=9), node.now)
    again = node.publisher.next_events(node.now)
    assert again is not None
    assert (again.first, again.last, again.repeated) == (1, 1, True)
    node.publisher.refused(again, TIMEOUT, node.now)
    assert (node.publisher.next_events(node.now), node.publisher.events_at) == (None, math.inf)


def test_several_writers_at_the_path_are_reported(node: Node) -> None:
    """An aggregator tells each of them: the report says what to write. Another epoch's notice is not ours."""
    node.publisher.requested(Request(epoch=8, notices=SEVERAL_WRITERS), node.now)
    node.publisher.requested(Request(epoch=7, notices=SEVERAL_WRITERS << 1), node.now)
    assert node.reports == []
    node.publisher.requested(Request(epoch=7, notices=SEVERAL_WRITERS), node.now)
    [(severity, _, text)] = node.reports
    assert severity is Severity.WARNING
    assert "start each agent with shared=True" in text
    assert "give each a path of its own" in text


def test_a_flush_is_true_once_its_delta_is_acknowledged(node: Node) -> None:
    """Not before; and what is counted later does not keep it from being true."""
    work = node.collector.register_counter("work_total", "")
    work.increment(3)
    flush = node.publisher.flush(node.now)
    assert not node.publisher.flushed(flush)
    work.increment(4)
    node.tick()
    node.acknowledge()
    assert node.publisher.flushed(flush)
    assert node.reader.values == {0: 3}


def test_a_flush_within_a_keyframe_waits_for_what_the_keyframe_misses() -> None:
    """A series counts after its part was encoded, and then flush is called: a delta follows the last part."""
    node = Node(max_payload=SMALL)
    counters = [node.collector.register_counter(f"work_{n}_total", "x" * 100) for n in range(8)]
    node.acknowledge()
    assert node.publication.epoch.writer.within_keyframe
    counters[0].increment(5)
    flush = node.publisher.flush(node.now)
    frames = []
    while not node.publisher.flushed(flush):
        frames.append(decode(node.acknowledge().data))
    assert [frame.kind for frame in frames[-2:]] == [KEYFRAME, DELTA]
    assert frames[-2].flags & LAST_PART
    assert node.reader.values[0] == 5


def test_a_flush_survives_a_full_outbox(node: Node) -> None:
    """Its delta is dropped, so that the keyframe that follows must be acknowledged."""
    node.collector.register_counter("work_total", "").increment()
    flush = node.publisher.flush(node.now)
    for _ in range(70):
        node.tick()
    assert not node.publisher.flushed(flush)
    assert node.kinds() == [KEYFRAME]
    assert node.publisher.flushed(flush)


def test_a_delta_tells_of_the_last_event_until_it_is_acknowledged(node: Node) -> None:
    """A reader that lacks the last event of all learns of it within an interval (R11.31), and not in each frame."""
    node.collector.record_event("first")
    node.tick()
    assert [decode(frame.data).events_held for frame in node.drain()] == [None]  # the event is not acknowledged yet
    event = node.publisher.next_events(node.now)
    assert isinstance(event, EventFrame)
    node.publisher.acknowledged(event, node.now)
    node.tick()
    node.tick()
    assert [decode(frame.data).events_held for frame in node.drain()] == [(1, 1), (1, 1)]
    node.tick()
    assert [decode(frame.data).events_held for frame in node.drain()] == [None]


def test_a_flush_waits_for_events(node: Node) -> None:
    """It is true once every event that was recorded before it is acknowledged."""
    node.collector.record_event("before")
    flush = node.publisher.flush(node.now)
    node.drain()
    assert not node.publisher.flushed(flush)
    frame = node.publisher.next_events(node.now)
    assert frame is not None
    node.publisher.acknowledged(frame, node.now)
    assert node.publisher.flushed(flush)


def test_finishing_sends_events_first_and_then_the_final(node: Node) -> None:
    """The final takes the place of what waits in the outbox."""
    node.collector.record_event("last words")
    node.tick()
    flush = node.publisher.flush(node.now)
    node.publisher.finish(node.now, 5.0)
    assert decode(node.acknowledge().data).kind == DELTA
    frame = node.publisher.next_events(node.now)
    assert frame is not None
    node.publisher.acknowledged(frame, node.now)
    final = decode(node.acknowledge().data)
    assert (final.kind, final.flags & FINAL) == (KEYFRAME, FINAL)
    assert node.publisher.idle
    assert node.publisher.flushed(flush)


def test_finishing_ends_pauses(node: Node) -> None:
    """An agent that is about to stop does not wait ten seconds for its next try."""
    node.tick()
    frame = node.publisher.next_frame(node.now)
    assert frame is not None
    for _ in range(9):
        node.publisher.refused(frame, TIMEOUT, node.now)
    node.publisher.finish(node.now, 5.0)
    assert node.publisher.next_frame(node.now) is not None
    node.publisher.refused(frame, TIMEOUT, node.now)
    assert node.publisher.frame_at - node.now <= FIRST_RETRY


def test_an_epoch_whose_events_cannot_be_sent_is_left_open(node: Node) -> None:
    """After half of the deadline what was counted is encoded, and the epoch goes on with the next agent."""
    node.collector.register_counter("work_total", "").increment(2)
    node.collector.record_event("stuck")
    node.publisher.finish(node.now, 5.0)
    assert node.publisher.tick_at == node.now + 2.5
    node.tick()
    assert node.kinds() == [DELTA]
    assert not node.publisher.idle
    assert not node.publication.epoch.writer.ended
    assert node.publisher.tick_at == math.inf


def test_an_epoch_is_left_open_without_a_connection(node: Node) -> None:
    """Nobody knows how long a frame the next server takes: a final that is too long could never be sent."""
    node.publisher.connection(None, node.now)
    node.publisher.finish(node.now, 5.0)
    assert not node.publication.epoch.writer.ended
    assert not node.publisher.idle


def test_what_cannot_be_encoded_is_reported_and_tried_again(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a tick, a keyframe nor the final raises; the next keyframe says all that was counted."""
    work = node.collector.register_counter("work_total", "")
    work.increment(2)

    def fail(*_: object) -> None:
        raise RuntimeError("a broken series")

    with monkeypatch.context() as broken:
        for name in ("encode_delta", "encode_part", "finish"):
            broken.setattr(type(node.publication.epoch.writer), name, fail)
        node.tick()
        assert node.publisher.next_frame(node.now) is None
        assert node.publisher.frame_at > node.now
    assert [severity for severity, _, _ in node.reports] == [Severity.ERROR, Severity.ERROR]
    node.now = node.publisher.frame_at
    assert node.kinds() == [KEYFRAME]
    assert node.reader.values == {0: 2}
    with monkeypatch.context() as broken:
        broken.setattr(type(node.publication.epoch.writer), "finish", fail)
        node.publisher.finish(node.now, 5.0)
        assert node.publisher.next_frame(node.now) is None
    assert node.publisher.failed
    assert not node.publisher.idle


def test_a_delta_tells_of_events_that_arrived_while_a_keyframe_was_repeated() -> None:
    """The keyframe does not tell of them: a reader that begins anew would not know that it lacks them."""
    node = Node()
    keyframe = node.publisher.next_frame(node.now)
    assert keyframe is not None
    node.publisher.refused(keyframe, TIMEOUT, node.now)
    node.collector.record_event("late", {})
    node.publisher.tick(node.now)
    events = node.publisher.next_events(node.now)
    assert events is not None
    node.publisher.acknowledged(events, node.now)
    node.now += LAST_RETRY
    assert node.acknowledge() is keyframe
    node.tick()
    tells = [frame.events_held for frame in (decode(encoded.data) for encoded in node.drain())]
    assert (1, 1) in tells
