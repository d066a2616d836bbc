"""A thread that asks the event loop gets the answer, however narrowly it comes."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any

import pytest

from fog_aggregator.promql.errors import QueryTimeoutError, UnavailableError
from fog_aggregator.tasks import wait_in_thread


class Narrow(Future[int]):
    """An answer that comes at the moment when somebody looks whether it is there."""

    def done(self) -> bool:
        """Let it come."""
        if not super().done():
            self.set_result(7)
        return super().done()


async def question() -> int:
    """Answer at once."""
    return 7


def asked(monkeypatch: pytest.MonkeyPatch, future: Future[int]) -> None:
    """Let each question be answered by this future."""

    def ask(coroutine: Coroutine[Any, Any, int], _: object) -> Future[int]:
        coroutine.close()
        return future

    monkeypatch.setattr(asyncio, "run_coroutine_threadsafe", ask)


def test_an_answer_that_comes_between_two_looks_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait for it ended a moment before it came."""
    future, loop = Narrow(), asyncio.new_event_loop()
    asked(monkeypatch, future)
    assert wait_in_thread(loop, question(), lambda: False) == 7
    loop.close()


def test_a_question_that_takes_too_long_fails_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own time is not that of the request; a loop that ends, and a request that does, are told apart."""
    loop = asyncio.new_event_loop()
    for future, error in ((Future[int](), TimeoutError), (Future[int](), UnavailableError)):
        asked(monkeypatch, future)
        if error is TimeoutError:
            future.set_exception(TimeoutError())
        else:
            future.cancel()
        with pytest.raises(error):
            wait_in_thread(loop, question(), lambda: False)
    waiting: Future[int] = Future()
    asked(monkeypatch, waiting)
    with pytest.raises(QueryTimeoutError):
        wait_in_thread(loop, question(), lambda: True)
    assert waiting.cancelled()
    loop.close()
