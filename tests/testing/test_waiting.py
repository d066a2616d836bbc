"""Waiting: what a condition's value, its error and a deadline that passes look like to the test that waits."""

from collections.abc import Callable, Iterator

import pytest

from fog_testing.waiting import eventually, wait_until


def third_time_lucky() -> Callable[[], str]:
    """Return a condition that is false twice."""
    answers: Iterator[str] = iter(["", "", "done"])
    return lambda: next(answers)


def test_wait_until_returns_the_first_true_value() -> None:
    """It asks until the answer is true, and hands that answer on."""
    assert wait_until(third_time_lucky()) == "done"


def test_wait_until_tries_once_and_says_what_it_last_saw() -> None:
    """Without any time left the condition still gets its chance, and the error names the wait and the last value."""
    assert wait_until(lambda: "at once", deadline=0) == "at once"
    with pytest.raises(TimeoutError, match=r"not within 0 s: three frames \(last: 0\)"):
        wait_until(lambda: 0, deadline=0, what="three frames")


async def test_wait_until_refuses_to_block_an_event_loop() -> None:
    """On a loop it would wait for what it itself keeps from happening: an error that names the way out."""
    with pytest.raises(RuntimeError, match="eventually"):
        wait_until(lambda: True)


async def test_eventually_takes_functions_and_coroutine_functions() -> None:
    """Both kinds of condition are asked until they are true."""
    lucky = third_time_lucky()

    async def condition() -> str:
        return lucky()

    assert await eventually(third_time_lucky()) == "done"
    assert await eventually(condition) == "done"


async def test_eventually_lets_the_conditions_own_error_through() -> None:
    """A condition that breaks is not a condition that is false."""
    with pytest.raises(ZeroDivisionError):
        await eventually(lambda: 1 / 0)
    with pytest.raises(TimeoutError, match="the frame"):
        await eventually(lambda: None, deadline=0, what="the frame")
