"""Series that end, and epochs that end: nothing is counted twice, and nothing is lost."""

from __future__ import annotations

import pytest

from fog_agent.core import series_register
from fog_agent.core.series_register import RETAINED_SECONDS
from fog_schema.codec import decode
from fog_schema.frames import FINAL
from tests.agent.node import BIG, SMALL, Node, defined, removed
from utilityfog_frontend.telemetry import TelemetryCollector


def test_ids_lie_together_by_type_and_are_never_used_again(node: Node) -> None:
    """Counters, histograms, gauges; a series that comes back after its end has a new id."""
    gauge = node.collector.register_gauge("g", "")
    labeled = node.collector.register_counter("a_total", "", ["l"])
    histogram = node.collector.register_histogram("h", "", buckets=[1.0])
    other = node.collector.register_counter("b_total", "")
    labeled.labels("x").increment(3)
    other.increment(4)
    histogram.observe(0.5)
    gauge.set(1)
    [frame] = node.keyframe()
    assert defined(frame) == {0: "a_total,x", 1: "b_total", 2: "h", 3: "g"}
    labeled.remove("x")
    other.reset()
    histogram.reset()
    labeled.labels("x").increment(30)
    other.increment(40)
    histogram.observe(0.5)
    frame = node.delta()
    assert removed(frame) == [0, 1, 2]
    assert defined(frame) == {4: "a_total,x", 5: "b_total", 6: "h"}
    assert node.reader.total("a_total", l="x") == 33
    assert node.reader.total("b_total") == 44
    assert node.reader.total("h") == ((2, 0), 1.0)


def test_what_came_and_went_between_frames_has_counted(node: Node) -> None:
    """A child that lived for less than an interval is defined and removed in one frame; a gauge has nothing to say."""
    counters = node.collector.register_counter("a_total", "", ["l"])
    gauges = node.collector.register_gauge("g", "", ["l"])
    node.keyframe()
    counters.labels("x").increment(3)
    gauges.labels("x").set(3)
    counters.remove("x")
    gauges.remove("x")
    frame = node.delta()
    assert (list(defined(frame).values()), removed(frame)) == (["a_total,x"], [0])
    assert node.reader.totals() == {("a_total", (("l", "x"),)): 3}


def test_what_ended_before_the_writer_came_has_counted() -> None:
    """A collector's first epoch counts from the collector's creation."""
    collector = TelemetryCollector(self_metrics=False)
    counter = collector.register_counter("a_total", "")
    counter.increment(5)
    counter.reset()
    counter.increment(2)
    node = Node(collector)
    node.keyframe()
    assert node.reader.total("a_total") == 7


def test_a_handle_of_a_removed_series_may_go_on_counting(node: Node) -> None:
    """An increment that was under way when its series ended still arrives."""
    labeled = node.collector.register_counter("a_total", "", ["l"])
    labeled.labels("x").increment()
    [series] = node.watch.series()
    node.keyframe()
    labeled.remove("x")
    node.delta()
    series.pending.append(5)  # type: ignore[attr-defined]  # what a thread does that was interrupted inside increment()
    node.delta()
    assert node.reader.total("a_total", l="x") == 6


def test_a_removed_id_is_kept_for_a_while(node: Node) -> None:
    """In the keyframes, marked, until 15 minutes after one that bore it was acknowledged; then the reader folds it."""
    labeled = node.collector.register_counter("a_total", "", ["l"])
    labeled.labels("x").increment(3)
    node.keyframe()
    labeled.remove("x")
    node.now += 10 * RETAINED_SECONDS
    for acknowledged in (False, True):  # how long ago it was removed does not matter
        [frame] = node.keyframe(acknowledged=acknowledged)
        assert removed(frame) == [0]
        node.now += 10 * RETAINED_SECONDS if not acknowledged else RETAINED_SECONDS - 1
    [frame] = node.keyframe()  # this acknowledgement does not start the clock again
    assert removed(frame) == [0]
    assert node.writer.retained_count == 1
    node.now += 1
    [frame] = node.keyframe()
    assert removed(frame) == []
    assert node.writer.retained_count == 0
    assert node.reader.total("a_total", l="x") == 3
    assert node.reader.folded == [("a_total", (("l", "x"),), 3)]


def test_a_request_starts_the_keeping_anew(node: Node) -> None:
    """The reader that asks may have lost everything: all that is retained stays for another 15 minutes."""
    labeled = node.collector.register_counter("a_total", "", ["l"])
    labeled.labels("x").increment(3)
    labeled.remove("x")
    node.keyframe()
    node.now += RETAINED_SECONDS - 1
    node.writer.request_keyframe()
    assert node.due()
    node.now += RETAINED_SECONDS
    assert removed(node.keyframe()[0]) == [0]
    node.now += RETAINED_SECONDS - 1
    assert removed(node.keyframe()[0]) == [0]
    node.now += 1
    assert removed(node.keyframe()[0]) == []


def test_only_the_end_of_a_keyframe_starts_the_clock(node: Node) -> None:
    """The acknowledgement of a part, or of a keyframe that did not bear the id, is not enough."""
    labeled = node.collector.register_counter("a_total", "", ["l"])
    for number in range(300):
        labeled.labels(str(number)).increment()
    earlier = node.parts()
    labeled.remove("0")
    for frame in earlier:
        node.writer.acknowledged(frame, node.now)
    part = node.writer.encode_part(node.now, SMALL)
    while not part.completes:
        node.writer.acknowledged(part, node.now)
        part = node.writer.encode_part(node.now, SMALL)
    node.now += 2 * RETAINED_SECONDS
    assert removed(node.keyframe()[0]) == [0]


def test_a_gauge_is_not_kept(node: Node) -> None:
    """A keyframe without its id says all there is to say of a gauge that went."""
    gauges = node.collector.register_gauge("g", "", ["l"])
    gauges.labels("x").set(3)
    node.keyframe()
    gauges.remove("x")
    assert removed(node.delta()) == [0]
    assert node.writer.retained_count == 0
    [frame] = node.keyframe()
    assert (defined(frame), removed(frame)) == ({}, [])


def test_while_too_many_are_kept_newcomers_are_refused(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """New children go to the overflow child, a reset keeps its id; when enough were let go, both are as before."""
    monkeypatch.setattr(series_register, "MAX_RETAINED", 3)
    labeled = node.collector.register_counter("a_total", "", ["l"])
    plain = node.collector.register_counter("b_total", "")
    for number in range(3):
        labeled.labels(str(number)).increment()
        labeled.remove(str(number))
    plain.increment(5)
    node.keyframe()
    assert node.refuses()
    labeled.labels("new").increment(7)
    plain.reset()
    plain.increment(2)
    frame = node.delta()
    assert list(defined(frame).values()) == ["a_total,~overflow"]
    assert removed(frame) == []
    assert node.reader.total("b_total") == 7
    assert node.reader.total("a_total", l="~overflow") == 7
    node.now += RETAINED_SECONDS
    node.keyframe()
    assert not node.refuses()
    labeled.labels("newer").increment(1)
    assert list(defined(node.delta()).values()) == ["a_total,newer"]


def test_a_final_ends_the_epoch_and_the_next_begins_where_it_ended(node: Node) -> None:
    """Nothing is counted twice, and nothing that comes between the final and the next epoch is lost."""
    labeled = node.collector.register_counter("a_total", "", ["l"])
    fractional = node.collector.register_counter("f_total", "")
    histogram = node.collector.register_histogram("h", "", buckets=[1.0])
    gauge = node.collector.register_gauge("g", "")
    labeled.labels("stays").increment(3)
    labeled.labels("goes").increment(30)
    labeled.labels("gone").increment(300)
    labeled.remove("gone")
    fractional.increment(0.5)
    histogram.observe(2)
    gauge.set(9)
    parts = node.writer.finish(node.now, SMALL)
    node.reader.read(*(part.data for part in parts))
    flags = [decode(part.data).flags & FINAL for part in parts]
    assert flags == [0] * (len(parts) - 1) + [FINAL]
    assert node.reader.final
    assert node.reader.total("a_total", l="gone") == 300
    for forbidden in (node.writer.encode_delta, node.writer.encode_part):
        with pytest.raises(RuntimeError):
            forbidden(node.now, BIG)

    labeled.labels("stays").increment(4)
    labeled.labels("goes").increment(40)
    labeled.remove("goes")
    labeled.labels("new").increment(50)
    fractional.increment(0.25)
    histogram.observe(0.5)
    histogram.reset()
    node.next_epoch()
    node.keyframe()
    assert node.reader.totals() == {
        ("a_total", (("l", "stays"),)): 4,
        ("a_total", (("l", "goes"),)): 40,
        ("a_total", (("l", "new"),)): 50,
        ("f_total", ()): 0.25,
        ("h", ()): ((1, 0), 0.5),
        ("g", ()): 9,
    }
