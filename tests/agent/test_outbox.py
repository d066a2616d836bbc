"""The outbox: one frame in flight, the same one until it is acknowledged; bounded in frames, bytes and age."""

from __future__ import annotations

import pytest

from fog_agent.core.outbox import Outbox
from fog_agent.core.writer import Encoded


def frame(seq: int, size: int = 10) -> Encoded:
    """Return a frame of some bytes."""
    return Encoded(seq, bytes(size))


def is_empty(outbox: Outbox) -> bool:
    """Whether nothing is left, by every way to ask."""
    return (outbox.head, len(outbox), outbox.bytes) == (None, 0, 0)


def test_the_head_stays_until_it_is_acknowledged() -> None:
    """Frames leave in their order, each only by its own acknowledgement."""
    outbox = Outbox()
    first, second = frame(1), frame(2)
    outbox.push(first, 0.0)
    outbox.push(second, 1.0)
    assert not outbox.acknowledged(second)
    assert outbox.head is first
    assert outbox.acknowledged(first)
    assert (len(outbox), outbox.bytes) == (1, 10)
    assert outbox.head is second
    assert outbox.acknowledged(second)
    assert is_empty(outbox)


@pytest.mark.parametrize(
    ("outbox", "now"),
    [(Outbox(max_frames=3), 5.0), (Outbox(max_bytes=39), 5.0), (Outbox(max_age=4.5), 5.0)],
    ids=["frames", "bytes", "age"],
)
def test_when_a_bound_is_passed_everything_goes(outbox: Outbox, now: float) -> None:
    """The frame in flight too: its acknowledgement, when it comes late, is nobody's."""
    for seq in range(1, 4):
        outbox.push(frame(seq), float(seq) - 1)
        assert outbox.drop_if_over(float(seq)) == 0
    in_flight = outbox.head
    outbox.push(frame(4), 4.0)
    assert outbox.drop_if_over(now) == 4
    assert is_empty(outbox)
    newer = frame(5)
    outbox.push(newer, now)
    assert in_flight is not None
    assert not outbox.acknowledged(in_flight)
    assert outbox.head is newer


def test_a_repeated_acknowledgement_takes_nothing() -> None:
    """A frame that was sent twice is acknowledged twice."""
    outbox = Outbox()
    first, second = frame(1), frame(1)
    outbox.push(first, 0.0)
    outbox.push(second, 0.0)
    assert outbox.acknowledged(first)
    assert not outbox.acknowledged(first)
    assert outbox.head is second


def test_an_empty_outbox_is_never_over() -> None:
    """However late it is."""
    assert Outbox(max_frames=0, max_bytes=0, max_age=0.0).drop_if_over(1e9) == 0
