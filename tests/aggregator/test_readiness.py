"""When an aggregator may show its numbers."""

from __future__ import annotations

from fog_aggregator.core.engine.readiness import Readiness
from fog_aggregator.core.places.epoch import Epoch
from fog_aggregator.core.places.rows import EpochColumns


def look(
    readiness: Readiness,
    *awaited: Epoch,
    caught_up: bool = True,
    nodes: int = 3,
    now: float = 0.0,
    interval: float = 10.0,
) -> bool:
    """One look; `awaited` are the gapped epochs of writers that were heard lately."""
    return readiness.update(
        caught_up=caught_up, awaited=lambda: set(awaited), nodes=nodes, longest_interval=interval, now=now
    )


def epoch() -> Epoch:
    """Make an epoch that wants a keyframe."""
    return Epoch(0, 7, EpochColumns())


def test_from_a_checkpoint_it_is_enough_to_catch_up() -> None:
    """And it is said once; once ready, always ready."""
    readiness = Readiness(needs_round=False)
    assert not readiness.begins_round(caught_up=True)
    assert not look(readiness, caught_up=False)
    assert readiness.why_not() == "catching up with the stream"
    assert look(readiness, epoch(), epoch())
    assert not look(readiness)
    assert (readiness.ready, readiness.why_not()) == (True, "")


def test_in_doubt_every_node_is_asked_once() -> None:
    """When all was read, and not before: then a round of keyframes must come."""
    readiness = Readiness(needs_round=True)
    assert not readiness.begins_round(caught_up=False)
    assert readiness.begins_round(caught_up=True)
    assert not readiness.begins_round(caught_up=True)
    assert not look(readiness, epoch())
    assert readiness.why_not() == "waiting for a round of keyframes from the nodes: 1 are missing"
    assert look(readiness, now=5.0)


def test_who_does_not_answer_is_not_waited_for_for_ever() -> None:
    """Three intervals after it has caught up, at most a minute; and nobody is waited for when nobody is known.

    At least 5 s: who sends every half a second needs 3 s too to see that an acknowledgement was lost.
    """
    readiness = Readiness(needs_round=True)
    silent = epoch()
    assert [look(readiness, silent, now=now) for now in (100.0, 129.0, 130.0)] == [False, False, True]
    fast = Readiness(needs_round=True)
    for now, ready in ((0.0, False), (4.0, False), (5.0, True)):
        assert look(fast, silent, nodes=1, interval=0.5, now=now) is ready
    slow = Readiness(needs_round=True)
    assert not look(slow, silent, nodes=1, interval=3600.0)
    assert look(slow, silent, nodes=1, interval=3600.0, now=60.0)
    assert look(Readiness(needs_round=True), nodes=0)


def test_while_some_become_whole_the_others_are_waited_for() -> None:
    """A round of a large fleet takes longer than three intervals; each counts once, and the last ones are given up."""
    readiness, several = Readiness(needs_round=True), [epoch() for _ in range(5)]
    assert not look(readiness, *several)
    for turn, one in enumerate(several[:4], 1):
        one.gapped = False
        assert not look(readiness, *several[turn:], now=29.0 * turn)
        one.gapped = True  # it misses another frame: it has answered, and delays nobody
    assert not look(readiness, *several, now=116.0 + 29)
    assert look(readiness, *several, now=116.0 + 30)


def test_who_falls_silent_has_not_answered() -> None:
    """It is not waited for any more, and is no progress; with nobody to wait for it is ready at once."""
    readiness, here, gone = Readiness(needs_round=True), epoch(), epoch()
    assert not look(readiness, here, gone)
    assert not look(readiness, here, now=29.0)
    assert look(readiness, here, now=30.0)
    alone = Readiness(needs_round=True)
    assert not look(alone, gone)
    assert look(alone, now=1.0)


def test_another_doubt_is_another_round() -> None:
    """Messages were lost once more: all must answer again, and there is time for it."""
    readiness, one = Readiness(needs_round=True), epoch()
    assert not look(readiness, one)
    one.gapped = False
    readiness.doubt()
    one.gapped = True
    assert not look(readiness, one, now=29.0)
    assert not look(readiness, one, now=58.0)
    assert look(readiness, one, now=59.0)
