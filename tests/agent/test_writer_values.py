"""How values travel: fractions, gauges, limits, what no frame can carry."""

from __future__ import annotations

import pytest

from fog_agent.core.writer import Settings
from fog_schema.limits import MAX_LABEL_VALUE_LENGTH, MAX_WHOLE
from tests.agent.node import Node


def test_a_fraction_makes_a_counter_fractional_for_good(node: Node) -> None:
    """Increments while whole, 5.0 included; after the first fraction the value itself, bit for bit, in every frame."""
    counter = node.collector.register_counter("a_total", "")
    counter.increment(5.0)
    node.keyframe()
    counter.increment(2.0)
    assert node.delta().fractions is None
    counter.increment(0.1)
    for expected in (7.1, 7.1 + 1, 7.1 + 1 + 1):
        frame = node.delta()
        assert frame.counters is None
        assert frame.fractions is not None
        assert frame.fractions.values.tolist() == [expected]
        counter.increment(1)
    [frame] = node.keyframe()
    assert frame.counters is None
    assert node.reader.total("a_total") == 7.1 + 1 + 1 + 1


def test_a_whole_count_stays_at_the_largest(node: Node) -> None:
    """A sum that would pass 2^63 - 1 stays there, in deltas and keyframes."""
    counter = node.collector.register_counter("a_total", "")
    counter.increment(MAX_WHOLE - 1)
    node.keyframe()
    for _ in range(3):
        counter.increment(MAX_WHOLE)
        node.delta()
        assert node.reader.total("a_total") == MAX_WHOLE
    node.keyframe()
    assert node.reader.total("a_total") == MAX_WHOLE


def test_gauges_travel_as_they_are(node: Node) -> None:
    """Once for each change; NaN is one value; what 64 bits do not hold is infinite."""
    gauge = node.collector.register_gauge("g", "")
    node.keyframe()
    for value, sent in (
        (float("nan"), "nan"),
        (float("nan"), None),
        (-3, "-3"),
        (-3, None),
        (-(2**70), "-1.1"),
        (10**400, "inf"),
    ):
        gauge.set(value)
        frame = node.delta()
        values = frame.gauges.values.tolist() if frame.gauges else [None]
        assert [str(value)[:4] for value in values] == [str(sent)[:4]]


def test_what_no_frame_can_carry_is_refused_alone(node: Node) -> None:
    """A label too long or too many bounds: counted once, and every other series travels."""
    labeled = node.collector.register_counter("a_total", "", ["l"])
    labeled.labels("x" * (MAX_LABEL_VALUE_LENGTH + 1)).increment()
    labeled.labels("fine").increment(2)
    node.collector.register_histogram("h", "", buckets=[float(bound) for bound in range(257)]).observe(1)
    node.collector.register_counter("helped_total", "h" * 5000).increment(3)
    node.keyframe()
    labeled.labels("another").increment(4)
    node.delta()
    assert node.writer.refused == 2
    assert sorted(map(str, node.reader.totals().values())) == ["2", "3", "4"]


def test_text_that_utf8_does_not_have_travels(node: Node) -> None:
    """A label with a lone surrogate, as broken file names have, does not stop the frames."""
    node.collector.register_counter("a_total", "\ud800", ["l"]).labels("\udc80").increment(2)
    node.keyframe()
    assert node.reader.total("a_total", l="?") == 2


def test_info_beyond_a_frame_is_refused_at_once() -> None:
    """A keyframe that no reader takes is worse than an error at the start."""
    with pytest.raises(ValueError, match="info"):
        Settings(info=(("key", "v" * 257),))
    with pytest.raises(ValueError, match="info"):
        Settings(info=tuple((str(number), "") for number in range(17)))
