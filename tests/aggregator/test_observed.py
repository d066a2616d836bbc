"""Observed time: only a tick that proves that the streams were read to their end lets it go on."""

from __future__ import annotations

from fog_aggregator.core.engine.cursor import StreamCursor
from fog_aggregator.core.engine.observed import LONGEST_TICK, ObservedTime
from fog_bus.ports import StreamInfo


def info(last: int = 0) -> StreamInfo:
    """Make a stream that holds `last` messages."""
    return StreamInfo("monday", 1, last, last, 0, 0.0, None, None, now=0.0, tail=last)


def reading(now: float = 0.0) -> StreamCursor:
    """Make a cursor that has read all of an empty stream."""
    cursor = StreamCursor("S")
    cursor.begin(info(), now)
    return cursor


def test_time_between_two_ticks_that_are_up_to_date_counts() -> None:
    """The first proves nothing of the time before it; nor does one while messages are unread."""
    observed, cursor = ObservedTime(), reading()
    assert [observed.tick([cursor], now) for now in (0.0, 1.0, 2.5)] == [0.0, 1.0, 1.5]
    cursor.look(info(5000), 3.0)
    assert [observed.tick([cursor], now) for now in (3.0, 4.0)] == [0.0, 0.0]
    cursor.look(info(), 4.5)
    assert [observed.tick([cursor], now) for now in (5.0, 6.0)] == [0.0, 1.0]


def test_a_pause_is_not_observed() -> None:
    """A process that was stopped for 32 s knows nothing of them, and nothing counts before it has looked again."""
    observed, cursor = ObservedTime(), reading()
    observed.tick([cursor], 0.0)
    assert [observed.tick([cursor], now) for now in (32.0, 33.0)] == [0.0, 0.0]
    assert not observed.current
    cursor.look(info(), 33.5)
    assert [observed.tick([cursor], now) for now in (34.0, 35.0)] == [0.0, 1.0]


def test_a_tick_observes_three_seconds_at_most() -> None:
    """Also where the streams were looked at within a long tick."""
    observed, cursor = ObservedTime(), reading()
    observed.tick([cursor], 0.0)
    cursor.look(info(), 60.0)
    assert observed.tick([cursor], 60.0) == LONGEST_TICK
