"""The writer's rules on a real collector, judged by a slow and obvious reader: frames, parts, numbers."""

from __future__ import annotations

import pytest

from fog_agent.core.writer import Settings
from fog_schema.codec import decode, decode_definitions, encode
from fog_schema.frames import DELTA, EPHEMERAL, KEYFRAME, LAST_PART, SHARED, Frame
from fog_schema.limits import MAX_DEFINITIONS
from tests.agent.node import BIG, SMALL, Node, defined, removed


def test_a_keyframe_is_due_first_and_says_everything(node: Node) -> None:
    """At seq 1, with type, unit, help, bounds and rollup of each family, and what the node is."""
    node.writer.settings = Settings(interval=2.5, shared=True, ephemeral=True, info=(("os", "linux"),))
    node.collector.register_counter("sent_bytes_total", "Bytes", unit="bytes").increment(3)
    node.collector.register_gauge("health", "State", rollup=("max", "count_values")).set(2)
    node.collector.register_histogram("lag_seconds", "Lag", buckets=[0.5, 2.0]).observe(1.0)
    assert node.due()
    node.now += 1.5
    [frame] = node.keyframe()
    assert not node.due()
    assert (frame.kind, frame.epoch, frame.seq, frame.part) == (KEYFRAME, 7, 1, 0)
    assert (frame.age_ms, frame.interval_ms) == (1500, 2500)
    assert frame.flags == SHARED | EPHEMERAL | LAST_PART
    assert frame.info == {"os": "linux"}
    families = {d.name: (d.type, d.unit, d.help, d.bounds, d.rollup) for d in decode_definitions(frame.definitions)}
    assert families == {
        "sent_bytes_total": (0, "bytes", "Bytes", (), ()),
        "health": (1, "", "State", (), ("max", "count_values")),
        "lag_seconds": (2, "", "Lag", (0.5, 2.0), ()),
    }
    assert node.reader.total("lag_seconds") == ((0, 1, 0), 1.0)


def test_a_delta_says_what_changed_since_the_last_frame(node: Node) -> None:
    """Increments of counters and buckets, values of gauges and sums; acknowledged or not; and one even for nothing."""
    counter = node.collector.register_counter("a_total", "")
    idle = node.collector.register_counter("idle_total", "")
    gauge = node.collector.register_gauge("g", "")
    histogram = node.collector.register_histogram("h", "", buckets=[1.0])
    counter.increment(5)
    idle.increment()
    node.keyframe()
    for step in (1, 2, 3):
        counter.increment(step)
        gauge.set(step / 2)
        histogram.observe(step)
        frame = node.delta()
        assert frame.counters is not None
        assert frame.counters.values.tolist() == [step]
        assert frame.gauges is not None
        assert frame.gauges.values.tolist() == [step / 2]
        [group] = frame.histograms
        assert (sum(group.counts.tolist()), group.sums.tolist()) == (1, [step * (step + 1) / 2])
        assert frame.definitions == b""
    empty = node.delta()
    assert (empty.kind, empty.seq) == (DELTA, 5)
    assert (empty.counters, empty.gauges, empty.removed) == (None, None, None)
    assert node.delta().seq == 6
    assert node.reader.total("a_total") == 11
    assert node.reader.total("h") == ((1, 2), 6.0)


def test_seq_is_given_once_and_only_to_encoded_frames(node: Node) -> None:
    """1, 2, 3 …; a frame that did not fit has no number, one that was dropped leaves a hole."""
    counter = node.collector.register_counter("a_total", "")
    numbers = [frame.seq for frame in node.keyframe()]
    counter.increment()
    numbers.append(node.delta().seq)
    counter.increment()
    assert node.writer.encode_delta(node.now, 10) is None
    node.delta(lost=True)
    numbers.append(node.delta().seq)
    assert numbers == [1, 2, 4]
    assert node.reader.gapped


def test_a_delta_that_does_not_fit_makes_a_keyframe_due(node: Node) -> None:
    """Nothing of it is lost, newcomers and what was removed included."""
    labeled = node.collector.register_counter("a_total", "", ["l"])
    labeled.labels("old").increment(1)
    node.keyframe()
    labeled.labels("old").increment(10)
    labeled.labels("new").increment(100)
    labeled.remove("old")
    assert node.writer.encode_delta(node.now, 60) is None
    assert node.due()
    assert defined(node.delta()) == {1: "a_total,new"}  # the outbox was not empty: a delta goes first
    assert node.reader.total("a_total", l="new") == 100
    [frame] = node.keyframe()
    assert removed(frame) == [0]
    assert node.reader.total("a_total", l="old") == 11


def test_a_keyframe_comes_in_parts(node: Node) -> None:
    """Each with its own seq and within the size; the last says so; about the node in the first; no delta between."""
    labeled = node.collector.register_counter("a_total", "", ["l"])
    for number in range(100):
        labeled.labels(f"value {number:03}").increment(number + 1)
    first = node.writer.encode_part(node.now, SMALL, (3, 9))
    assert node.writer.within_keyframe
    assert not first.completes
    with pytest.raises(RuntimeError):
        node.writer.encode_delta(node.now, BIG)
    labeled.labels("value 000").increment(1000)  # after its part
    labeled.labels("value 099").increment(1000)  # before its part
    labeled.labels("newcomer").increment(5)
    parts = [first]
    while not parts[-1].completes:
        parts.append(node.writer.encode_part(node.now, SMALL, (3, 9)))
    frames = [decode(part.data) for part in parts]
    assert all(len(part.data) <= SMALL for part in parts)
    assert [frame.seq for frame in frames] == [frame.part + 1 for frame in frames] == list(range(1, len(parts) + 1))
    assert [bool(frame.flags & LAST_PART) for frame in frames] == [part.completes for part in parts]
    assert [part.completes for part in parts] == [False] * (len(parts) - 1) + [True]
    assert [frame.events_held for frame in frames] == [(3, 9)] + [None] * (len(parts) - 1)
    assert frames[0].info == {}
    node.reader.read(*(part.data for part in parts))
    assert not node.reader.gapped
    assert node.reader.total("a_total", l="value 000") == 1
    assert node.reader.total("a_total", l="value 099") == 1100
    node.delta()
    assert node.reader.total("a_total", l="value 000") == 1001
    assert node.reader.total("a_total", l="newcomer") == 5


def test_what_did_not_fit_once_is_not_tried_again_for_each_part(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """A keyframe of many parts costs about one encoding each: the program's event loop waits for all of a final's."""
    labeled = node.collector.register_counter("a_total", "", ["l"])
    for number in range(1000):
        labeled.labels(f"value {number:04}").increment()
    tried: list[bytes] = []

    def counted(frame: Frame) -> bytes:
        tried.append(encode(frame))
        return tried[-1]

    monkeypatch.setattr("fog_agent.core.writer.encode", counted)
    parts = node.parts(SMALL)
    assert len(parts) > 20
    assert len(tried) <= len(parts) + 10
    node.reader.read(*(part.data for part in parts))
    assert len(node.reader.totals()) == 1000


def test_more_families_than_a_frame_defines_come_in_parts(node: Node) -> None:
    """A program with thousands of families is not one whose keyframes every reader refuses."""
    for number in range(MAX_DEFINITIONS + 1):
        node.collector.register_counter(f"f{number}_total", "").increment()
    frames = node.keyframe()
    assert len(frames) > 1
    assert len(node.reader.totals()) == MAX_DEFINITIONS + 1


def test_a_frame_without_room_for_one_series_is_an_error(node: Node) -> None:
    """A max_payload of a few bytes is somebody's mistake, and said so."""
    node.collector.register_counter("a_total", "")
    with pytest.raises(ValueError, match="max_payload"):
        node.writer.encode_part(node.now, 20)


def test_a_dropped_frame_makes_a_keyframe_due_and_parts_begin_anew(node: Node) -> None:
    """The keyframe on its way is given up; the next part is the first of another one."""
    labeled = node.collector.register_counter("a_total", "", ["l"])
    for number in range(300):
        labeled.labels(str(number)).increment()
    node.reader.read(node.writer.encode_part(node.now, SMALL).data)
    assert not node.writer.encode_part(node.now, SMALL).completes
    node.writer.dropped()
    assert node.due()
    assert not node.writer.within_keyframe
    frames = node.keyframe(SMALL)
    assert frames[0].part == 0
    assert frames[0].seq == 3
    assert not node.reader.gapped
