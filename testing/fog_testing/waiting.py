"""Waiting for a condition under a deadline: what a test does instead of sleeping."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Final, TypeVar, overload

T = TypeVar("T")

_FIRST_PAUSE: Final = 0.002
_LONGEST_PAUSE: Final = 0.05


def wait_until(condition: Callable[[], T], *, deadline: float = 30.0, what: str = "") -> T:
    """Block until `condition()` is true, and return its value.

    Args:
        condition: Called again and again, with growing pauses up to 50 ms. Its exceptions go through.
        deadline: Seconds; the condition is tried at least once.
        what: The name of the condition in the error. Default: the condition's name.

    Raises:
        TimeoutError: It was never true in time; says the last value.
        RuntimeError: Called on an event loop, which it would block. Use `eventually` there.
    """
    if _on_event_loop():
        raise RuntimeError("wait_until() would block the event loop: await eventually(...) instead")
    for pause in _pauses(deadline):
        if value := condition():
            return value
        time.sleep(pause)
    raise TimeoutError(_complaint(condition, value, deadline, what))


@overload
async def eventually(condition: Callable[[], Awaitable[T]], *, deadline: float = ..., what: str = ...) -> T: ...
@overload
async def eventually(condition: Callable[[], T], *, deadline: float = ..., what: str = ...) -> T: ...
async def eventually(condition: Callable[[], T | Awaitable[T]], *, deadline: float = 30.0, what: str = "") -> T:
    """As `wait_until`, on an event loop; the condition may be a coroutine function."""
    for pause in _pauses(deadline):
        outcome = condition()
        value = await outcome if inspect.isawaitable(outcome) else outcome
        if value:
            return value
        await asyncio.sleep(pause)
    raise TimeoutError(_complaint(condition, value, deadline, what))


def _pauses(deadline: float) -> Iterator[float]:
    """Growing pauses, until `deadline` seconds have gone; at least one."""
    end = time.monotonic() + deadline
    pause = _FIRST_PAUSE
    while True:
        yield pause
        if time.monotonic() >= end:
            return
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def _on_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _complaint(condition: Callable[[], object], value: object, deadline: float, what: str) -> str:
    return f"not within {deadline:g} s: {what or getattr(condition, '__qualname__', condition)} (last: {value!r})"
