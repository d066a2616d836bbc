"""Frames that are too long for a server or its stream: what takes their place."""

from __future__ import annotations

import pytest

from fog_agent.core.publisher import Severity
from fog_agent.core.schedule import LAST_RETRY
from fog_agent.core.writer import Encoded, Settings
from fog_agent.edge.selfmetrics import SelfMetrics
from fog_bus.ports import Outcome, Publish, Refusal
from fog_schema.codec import decode
from fog_schema.frames import FINAL, KEYFRAME, Event, Request
from tests.agent.publishing import INTERVAL, SMALL, Node
from tests.agent.reader import Reader

TOO_LARGE = Publish(Outcome.REFUSED, Refusal.TOO_LARGE, "9 bytes too many")


@pytest.fixture
def node() -> Node:
    """Provide a node whose first keyframe is acknowledged."""
    node = Node()
    assert node.kinds() == [KEYFRAME]
    return node


def test_a_frame_that_is_too_long_makes_room_for_a_keyframe(node: Node) -> None:
    """R11.32: with it goes all that waits; the keyframe has what all of them said, and comes at once."""
    work = [node.collector.register_counter(f"work_{n}_total", "x" * 100) for n in range(8)]
    for _ in range(5):
        for counter in work:
            counter.increment()
        node.tick()
    frame = node.publisher.next_frame(node.now)
    assert frame is not None
    node.publisher.connection(SMALL, node.now)
    node.publisher.refused(frame, TOO_LARGE, node.now)
    assert node.publisher.frame_at <= node.now
    kinds = {decode(frame.data).kind for frame in node.drain()}
    assert kinds == {KEYFRAME}
    assert sorted(node.reader.values.values()) == [5] * 8
    assert isinstance(node.publication.metrics, SelfMetrics)
    assert node.publication.metrics.dropped.get_value().value == 5
    assert [(severity, key) for severity, key, _ in node.reports] == [(Severity.WARNING, "too_large")]


def test_what_a_stream_takes_is_found_by_trying(node: Node) -> None:
    """A stream's own limit is told by nobody: frames become smaller until they pass, and stay so."""
    for n in range(40):
        node.collector.register_counter(f"work_{n}_total", "x" * 100).increment()
    node.tick()
    limit, refused = 2000, 0
    frames: list[Encoded] = []
    while (frame := node.publisher.next_frame(node.now)) is not None:
        if len(frame.data) > limit:
            node.publisher.refused(frame, TOO_LARGE, node.now)
            refused += 1
        else:
            frames.append(node.acknowledge())
    assert list(node.reader.values.values()) == [1] * 40
    assert 1 <= refused <= 12
    node.publisher.requested(Request(), node.now)
    node.now = node.publisher.frame_at
    assert max(len(frame.data) for frame in node.drain()) <= limit


def test_a_stream_that_takes_nothing_is_tried_with_pauses(node: Node) -> None:
    """Smaller and smaller until not even a series fits; then it begins anew, a little later each time."""
    node.collector.register_counter("work_total", "x" * 100).increment()
    node.tick()
    pauses = []
    for _ in range(200):
        frame = node.publisher.next_frame(node.now)
        if frame is None:
            pauses.append(node.publisher.frame_at - node.now)
            node.now = node.publisher.frame_at
        else:
            node.publisher.refused(frame, TOO_LARGE, node.now)
    assert LAST_RETRY / 2 <= pauses[-1] <= LAST_RETRY
    assert node.drain()
    assert node.reader.values == {0: 1}


def test_a_final_that_is_too_long_is_encoded_again_as_it_was(node: Node) -> None:
    """R11.33: a copy may have arrived. It is safe when its last part is; the next epoch has what came since."""
    work = [node.collector.register_counter(f"work_{n}_total", "x" * 100) for n in range(8)]
    work[0].increment(3)
    flush = node.publisher.flush(node.now)
    node.publisher.finish(node.now, 5.0)
    frame = node.publisher.next_frame(node.now)
    assert frame is not None
    work[0].increment(4)
    node.publisher.connection(SMALL, node.now)
    node.publisher.refused(frame, TOO_LARGE, node.now)
    idle = [node.publisher.idle]
    parts = [decode(part.data) for part in node.drain()]
    assert len(parts) > 1
    assert [bool(part.flags & FINAL) for part in parts] == [False] * (len(parts) - 1) + [True]
    assert node.reader.values[0] == 3
    assert [*idle, node.publisher.idle] == [False, True]
    assert node.publisher.flushed(flush)
    node.publication.resume(Settings(interval=INTERVAL), node.now)
    node.reader = Reader()
    node.start()
    node.drain()
    assert node.reader.values[0] == 4


def test_a_final_that_the_next_agent_cannot_send_is_encoded_again(node: Node) -> None:
    """It is the first thing to be sent, and would keep back all that comes after."""
    work = [node.collector.register_counter(f"work_{n}_total", "x" * 100) for n in range(8)]
    work[0].increment(3)
    node.publisher.finish(node.now, 5.0)
    assert node.publisher.next_frame(node.now) is not None
    work[0].increment(4)
    node.max_payload = SMALL
    node.publication.resume(Settings(interval=INTERVAL), node.now)
    node.start()
    frame = node.publisher.next_frame(node.now)
    assert frame is not None
    node.publisher.refused(frame, TOO_LARGE, node.now)
    while node.publication.finals:
        node.acknowledge()
    assert node.reader.values[0] == 3
    node.reader = Reader()
    node.drain()
    assert node.reader.values[0] == 4


def test_an_event_that_no_stream_takes_keeps_its_name(node: Node) -> None:
    """Its neighbours are sent as they are; it is lost, and counted, only when even its name is too much."""
    for value in ("short", "x" * 5000, "as short"):
        node.collector.record_event("said", value)
    node.tick()
    sent: list[Event] = []
    for limit in (1000, 100):
        while (frame := node.publisher.next_events(node.now)) is not None:
            if len(frame.data) > limit:
                node.publisher.refused(frame, TOO_LARGE, node.now)
            else:
                sent += decode(frame.data).events
                node.publisher.acknowledged(frame, node.now)
        node.collector.record_event("n" * 200)
        node.tick()
    assert [(event.name, event.value, event.metadata.get("not_carried")) for event in sent] == [
        ("said", "short", None),
        ("said", None, "the event is longer than what the server takes"),
        ("said", "as short", None),
    ]
    assert node.publication.epoch.events.lost == 1
