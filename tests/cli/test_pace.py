"""A simulated time follows the clock, in short turns, and says what it could not make up for."""

from __future__ import annotations

import asyncio

import pytest

from fog_cli.demo.pace import MOST_BEHIND, TURN, Pace, follow


def test_it_follows_the_clock() -> None:
    """Turn by turn where the machine is quick enough: nothing is dropped."""
    pace = Pace(100.0)
    for step in range(1, 101):
        assert pace.turn(100.0 + step * TURN) == pytest.approx(step * TURN)
    assert pace.dropped == 0.0
    assert pace.behind(100.0 + 101 * TURN) == pytest.approx(TURN)


def test_a_short_pause_is_made_up_for() -> None:
    """No turn is longer than the others, and none of the pause is dropped."""
    pace = Pace(0.0)
    turns = [pace.turn(MOST_BEHIND) for _ in range(40)]
    assert max(after - before for before, after in zip([0.0, *turns], turns, strict=False)) <= TURN * 1.001
    assert turns[-1] == pytest.approx(MOST_BEHIND)
    assert pace.dropped == 0.0


def test_a_long_pause_is_dropped() -> None:
    """But for its last second, and that is said."""
    pace = Pace(0.0)
    assert pace.turn(60.0) == pytest.approx(TURN)
    assert pace.dropped == pytest.approx(60.0 - MOST_BEHIND)


async def test_a_machine_that_is_too_slow_never_stops_the_loop() -> None:
    """Each second of the fog takes three of the clock: turns stay short, other tasks run, and it ends when told to."""
    now, lived, others = 0.0, 0.0, 0
    told = asyncio.Event()

    def live(until: float) -> None:
        nonlocal now, lived
        assert until - lived <= TURN * 1.001
        now += 3 * (until - lived) + 0.001
        lived = until

    async def something_else() -> None:
        nonlocal others
        while lived < 5.0:
            others += 1
            await asyncio.sleep(0)
        told.set()

    pace = Pace(now)
    other = asyncio.create_task(something_else())
    await follow(pace, live, told.is_set, lambda: now)
    await other
    assert others >= 5.0 / TURN
    assert pace.behind(now) <= MOST_BEHIND + 4 * TURN
    assert pace.at + pace.dropped + pace.behind(now) == pytest.approx(now)
