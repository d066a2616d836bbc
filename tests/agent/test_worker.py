"""Where a publisher's calls run: one after the other, whoever waits for them and for how long."""

from __future__ import annotations

import asyncio
import gc
import threading
from functools import partial

import pytest

from fog_agent.edge.driving.worker import Aside, InPlace, Worker, begin
from fog_testing.waiting import eventually


@pytest.fixture(params=[InPlace, lambda: Aside("aside")], ids=["in place", "aside"])
def worker(request: pytest.FixtureRequest) -> Worker:
    """Provide each kind."""
    made: Worker = request.param()
    return made


async def test_calls_run_in_their_order(worker: Worker) -> None:
    """And each future has its own result."""
    order: list[int] = []

    def call(number: int) -> int:
        order.append(number)
        return number

    futures = [begin(worker, partial(call, number)) for number in range(100)]
    assert await asyncio.gather(*futures) == list(range(100))
    assert order == list(range(100))
    assert await worker.close()


async def test_what_a_call_raises_is_its_futures(worker: Worker) -> None:
    """The next call runs."""
    with pytest.raises(ZeroDivisionError):
        await begin(worker, lambda: 1 / 0)
    assert await begin(worker, lambda: 1) == 1
    assert await worker.close()


def aside() -> list[threading.Thread]:
    """Return the threads of this test."""
    return [thread for thread in threading.enumerate() if thread.name == "aside"]


async def test_a_call_ends_though_its_waiter_is_cancelled() -> None:
    """Half a turn of a publisher would spoil what it has; `close` waits for the end."""
    worker, begun, release, done = Aside("aside"), threading.Event(), threading.Event(), threading.Event()

    def call() -> None:
        begun.set()
        release.wait()
        done.set()

    future = begin(worker, call)
    await eventually(begun.is_set)
    future.cancel()
    release.set()
    assert await worker.close()
    assert done.is_set()


async def test_a_call_that_hangs_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """`close` says that it has not ended, and what is begun after it never runs."""
    monkeypatch.setattr("fog_agent.edge.driving.worker.CLOSE_SECONDS", 0.01)
    worker, release = Aside("aside"), threading.Event()
    begin(worker, release.wait)
    assert not await worker.close()
    late = begin(worker, lambda: pytest.fail("it runs"))
    release.set()
    await eventually(lambda: not aside())
    assert not late.done()


async def test_the_thread_ends_with_its_owner() -> None:
    """As where a loop died without a word, and took the agent along."""
    worker = Aside("aside")
    assert await begin(worker, lambda: 1) == 1
    assert [thread.daemon for thread in aside()] == [True]
    del worker
    gc.collect()
    await eventually(lambda: not aside())


async def test_where_no_thread_can_begin_calls_run_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the interpreter's end the last counts still have to be encoded."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    worker = Aside("aside")
    assert await begin(worker, threading.current_thread) is threading.main_thread()
    assert await worker.close()
