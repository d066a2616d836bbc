"""The agent's loops over a stream that acknowledges when it is told to: a flush is true, or it is not said."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, cast

import pytest

from fog_agent.core.journal.recovery import Address
from fog_agent.core.publication import Publication
from fog_agent.core.writer import MIN_FRAME_BYTES, Settings
from fog_agent.edge.attach import Tenure, attach
from fog_agent.edge.driving.worker import Aside, InPlace, Then, Worker
from fog_agent.edge.options import Beside
from fog_agent.edge.sender import Sender
from fog_bus.ports import Bus, Outcome, Publish
from fog_bus.posting import Answered
from fog_schema.codec import encode_request
from fog_schema.frames import Request
from fog_schema.limits import PAYLOAD_MARGIN
from fog_schema.subjects import DEFAULT_PREFIX
from fog_testing.waiting import eventually
from tests.agent.reader import Reader
from utilityfog_frontend.telemetry import Counter, TelemetryCollector


class SlowStream:
    """In place of a bus: what is published waits until the stream is `open`, and then the reader has it."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.reader = Reader()
        self.waiting = 0
        self.lost = 0

    @property
    def max_payload(self) -> int | None:
        """Tell the longest message, but for the next `lost` times: the connection ends, and is there again at once."""
        self.lost -= 1
        return None if self.lost >= 0 else MIN_FRAME_BYTES + PAYLOAD_MARGIN

    async def connected(self, _deadline: float | None = None) -> bool:
        """There is always a connection."""
        return True

    async def publish(self, subject: str, data: bytes, _deadline: float) -> Publish:
        """Take one message in."""
        self.waiting += subject == "metrics"
        await self.open.wait()
        if subject == "metrics":
            self.reader.read(data)
        return Publish(Outcome.ACKED)


class PostingStream(SlowStream):
    """One that calls back, in the next turn of the loop; `publish` is never needed."""

    async def publish(self, subject: str, data: bytes, _deadline: float) -> Publish:
        """Fail: a task would be needed."""
        raise AssertionError(f"{subject}: {len(data)} bytes")

    def post(self, subject: str, data: bytes, _deadline: float, answered: Answered) -> bool:
        """Take one message in."""
        if subject == "metrics":
            self.reader.read(data)
        asyncio.get_running_loop().call_soon(answered, Publish(Outcome.ACKED))
        return True


class BrokenStream(SlowStream):
    """One that raises, as no bus may."""

    async def publish(self, subject: str, data: bytes, _deadline: float) -> Publish:
        """Fail."""
        raise ZeroDivisionError(subject, len(data))


class CancelledStream(SlowStream):
    """One whose own task was cancelled."""

    async def publish(self, subject: str, data: bytes, _deadline: float) -> Publish:
        """Hand on what it met."""
        raise asyncio.CancelledError(subject, len(data))


class Held(InPlace):
    """Says what calls have returned when it is told to, as a thread that takes long."""

    def __init__(self) -> None:
        self.returned: list[Callable[[], None]] = []

    def submit(self, call: Callable[[], Any], then: Then) -> None:
        """Run a call."""
        super().submit(call, lambda result, error: self.returned.append(partial(then, result, error)))


class _Parts:
    """Nothing that would have to end."""

    worker: Worker = InPlace()

    def cancel(self) -> None:
        """Do nothing."""


def made(
    collector: TelemetryCollector, stream: SlowStream, events: str | None, worker: Worker | None = None
) -> tuple[Sender, Publication]:
    """Return a sender whose next interval is an hour away."""
    address = Address(("fog", "0"), DEFAULT_PREFIX, Settings(interval=3600.0))
    publication = attach(
        collector, address, time.monotonic(), Tenure(_Parts()), lambda: True, Beside(state_dir=None, filters=None)
    )
    return Sender(publication, cast("Bus", stream), "metrics", events, phase=0.0, worker=worker), publication


@asynccontextmanager
async def sending(
    collector: TelemetryCollector, lost: int = 0, events: str | None = "events", stream: SlowStream | None = None
) -> AsyncIterator[tuple[Sender, SlowStream, Publication]]:
    """Provide a sender at work."""
    stream = stream or SlowStream()
    stream.lost = lost
    sender, publication = made(collector, stream, events)
    task = asyncio.create_task(sender.run())
    try:
        yield sender, stream, publication
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def program() -> tuple[TelemetryCollector, Counter]:
    """One whose keyframe has several parts, as it has much to say of each of its series; the first counted 1."""
    collector = TelemetryCollector()
    work = collector.register_counter("work_total", "Work")
    work.increment()
    for number in range(200):
        collector.register_counter(f"other_{number:03}_total", "x" * 1000)
    return collector, work


async def test_a_flush_within_a_keyframe_waits_for_what_its_parts_do_not_say() -> None:
    """The first part said 1 and is under way; then 1 more is counted. Acknowledged are 2 when the flush says so."""
    collector, work = program()
    async with sending(collector) as (sender, stream, publication):
        await eventually(lambda: stream.waiting)
        assert publication.epoch.writer.within_keyframe
        work.increment()
        flush = asyncio.create_task(sender.flush(30))
        await asyncio.sleep(0)
        assert not flush.done()
        stream.open.set()
        assert await flush
        assert stream.reader.total("work_total") == 2


async def test_an_end_without_a_final_is_as_true_as_a_flush(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time is left to wait for events; then they get through after all, and so does what was counted."""
    collector, work = program()
    collector.record_event("before")
    async with sending(collector) as (sender, stream, publication):
        await eventually(lambda: stream.waiting)
        assert publication.epoch.writer.within_keyframe
        work.increment()
        finish = sender._publisher.finish  # noqa: SLF001
        monkeypatch.setattr(sender._publisher, "finish", lambda now, _: finish(now, 0.0))  # noqa: SLF001
        stream.open.set()
        assert await sender.finish(30)
        assert stream.reader.total("work_total") == 2
        assert not stream.reader.final


async def test_a_connection_that_was_away_for_a_moment() -> None:
    """The publisher was told of none, and waits for one; that there is one again must not pass for what it was told."""
    collector, _ = program()
    async with sending(collector, lost=1, events=None) as (_, stream, _):
        await eventually(lambda: stream.waiting)


async def test_a_final_that_cannot_be_encoded_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not when half of an hour has passed, in which a program would wait to end."""
    collector, _ = program()
    async with sending(collector) as (sender, stream, publication):
        stream.open.set()
        await eventually(lambda: sender._publisher.idle)  # noqa: SLF001
        monkeypatch.delattr(type(publication.epoch.writer), "finish")
        async with asyncio.timeout(60):
            assert not await sender.finish(3600.0)


async def test_frames_and_events_need_no_task_where_the_bus_calls_back() -> None:
    """There are two, to follow the connection and to wait for the end, whatever is sent."""
    collector, work = program()
    async with sending(collector, stream=PostingStream()) as (sender, stream, publication):
        await eventually(lambda: sender._publisher.idle)  # noqa: SLF001
        before = asyncio.all_tasks()
        for total in range(2, 5):
            work.increment()
            collector.record_event("more")
            assert await sender.flush(60)
            assert stream.reader.total("work_total") == total
            assert publication.epoch.events.acknowledged == total - 1
        assert asyncio.all_tasks() == before


async def test_a_sender_that_is_stopped_makes_no_call_more() -> None:
    """Neither for a timer that has come in the same turn of the loop, nor for an answer: another agent goes on."""
    collector, work = program()
    async with sending(collector, stream=PostingStream()) as (sender, _, publication):
        await eventually(lambda: sender._publisher.idle)  # noqa: SLF001
        seq = publication.epoch.writer.seq
        work.increment()
        sender._publisher.flush(time.monotonic())  # noqa: SLF001 - a frame is due
        sender.requested("", encode_request(Request()))
        sender.stop()
        in_flight = len(publication.epoch.outbox)
        assert in_flight
        sender.requested("", encode_request(Request()))
        sender._driver._alarm._ring()  # noqa: SLF001 - as if it had been due
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(publication.epoch.outbox) == in_flight
        assert publication.epoch.writer.seq == seq + 1


async def test_a_sender_that_is_stopped_sends_nothing_that_was_encoded_meanwhile() -> None:
    """A thread may return a frame later than its agent was stopped; it is the next agent's."""
    collector, _ = program()
    worker, stream = Held(), PostingStream()
    sender, publication = made(collector, stream, None, worker)
    task = asyncio.create_task(sender.run())
    while not len(publication.epoch.outbox):
        await eventually(lambda: worker.returned)
        worker.returned.pop(0)()
    sender.stop()
    worker.returned.pop(0)()
    assert not worker.returned
    assert stream.reader.seq == 0
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("make_worker", [InPlace, partial(Aside, "test")], ids=["in place", "aside"])
async def test_intervals_that_end_faster_than_they_are_encoded_hold_nothing_up(
    make_worker: Callable[[], Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a slow machine the next one is over at once: frames are sent all the same, and the loop has its turns."""
    collector, work = program()
    stream, worker = PostingStream(), make_worker()
    sender, _ = made(collector, stream, "events", worker)
    monkeypatch.setattr(sender._publisher._schedule, "ticked", lambda _: None)  # noqa: SLF001
    task = asyncio.create_task(sender.run())
    try:
        work.increment()
        assert await sender.flush(60)
        assert stream.reader.total("work_total") == 2
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await worker.close()


async def end_over(bus: SlowStream) -> Exception:
    """Return what a sender ends with over a bus."""
    collector, _ = program()
    sender, _ = made(collector, bus, None)
    with pytest.raises(ExceptionGroup) as raised:
        await asyncio.wait_for(sender.run(), 60)
    error: Exception = raised.value.exceptions[0]
    return error


async def test_what_a_bus_raises_ends_the_sender() -> None:
    """It is its task's, which says so in the log; to go on without a word would be worse."""
    assert isinstance(await end_over(BrokenStream()), ZeroDivisionError)


async def test_a_bus_that_is_cancelled_ends_the_sender() -> None:
    """It has no answer: nothing would ever be sent again, and nobody would hear of it."""
    assert isinstance(await end_over(CancelledStream()), RuntimeError)


@pytest.mark.parametrize("lost_again", [0, 1])
async def test_a_frame_that_is_refused_is_sent_again(lost_again: int) -> None:
    """After a pause, or with the next connection; the publisher is told of that one, whatever it has to send."""
    collector, work = program()
    outcomes = iter((Publish(Outcome.DISCONNECTED), Publish(Outcome.TIMEOUT), Publish(Outcome.DISCONNECTED)))

    class Unsteady(PostingStream):
        def post(self, subject: str, data: bytes, deadline: float, answered: Answered) -> bool:
            answer = next(outcomes, None)
            if answer is None:
                return super().post(subject, data, deadline, answered)
            self.lost = lost_again
            asyncio.get_running_loop().call_soon(answered, answer)
            return True

    async with sending(collector, stream=Unsteady(), events=None) as (sender, stream, _):
        work.increment()
        assert await sender.flush(60)
        assert stream.reader.total("work_total") == 2
        assert next(outcomes, None) is None
