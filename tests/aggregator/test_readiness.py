"""When an aggregator may show its numbers."""

from __future__ import annotations

from fog_aggregator.core.engine.readiness import Readiness


def look(readiness: Readiness, *, caught_up: bool = True, gapped: int = 0, nodes: int = 3, now: float = 0.0) -> bool:
    """One look; intervals are 10 s."""
    return readiness.update(caught_up=caught_up, gapped=gapped, nodes=nodes, longest_interval=10.0, now=now)


def test_from_a_checkpoint_it_is_enough_to_catch_up() -> None:
    """And it is said once; once ready, always ready."""
    readiness = Readiness(needs_round=False)
    assert not readiness.begins_round(caught_up=True)
    assert not look(readiness, caught_up=False)
    assert readiness.why_not() == "catching up with the stream"
    assert look(readiness, gapped=2)
    assert not look(readiness)
    assert (readiness.ready, readiness.why_not()) == (True, "")


def test_in_doubt_every_node_is_asked_once() -> None:
    """When all was read, and not before: then a round of keyframes must come."""
    readiness = Readiness(needs_round=True)
    assert not readiness.begins_round(caught_up=False)
    assert readiness.begins_round(caught_up=True)
    assert not readiness.begins_round(caught_up=True)
    assert not look(readiness, gapped=1)
    assert readiness.why_not() == "waiting for a round of keyframes from the nodes"
    assert look(readiness, gapped=0, now=5.0)


def test_who_does_not_answer_is_not_waited_for_for_ever() -> None:
    """Three intervals after it has caught up, at most a minute; and nobody is waited for when nobody is known.

    At least 5 s: who sends every half a second needs 3 s too to see that an acknowledgement was lost.
    """
    readiness = Readiness(needs_round=True)
    assert [look(readiness, gapped=1, now=now) for now in (100.0, 129.0, 130.0)] == [False, False, True]
    fast = Readiness(needs_round=True)
    for now, ready in ((0.0, False), (4.0, False), (5.0, True)):
        assert fast.update(caught_up=True, gapped=1, nodes=1, longest_interval=0.5, now=now) is ready
    slow = Readiness(needs_round=True)
    slow.update(caught_up=True, gapped=1, nodes=1, longest_interval=3600.0, now=0.0)
    assert slow.update(caught_up=True, gapped=1, nodes=1, longest_interval=3600.0, now=60.0)
    assert look(Readiness(needs_round=True), nodes=0)
