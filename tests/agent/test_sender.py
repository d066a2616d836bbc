"""The agent's loops over a stream that acknowledges when it is told to: a flush is true, or it is not said."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from fog_agent.core.journal.recovery import Address
from fog_agent.core.publication import Publication
from fog_agent.core.writer import MIN_FRAME_BYTES, Settings
from fog_agent.edge.attach import Tenure, attach
from fog_agent.edge.driving.worker import InPlace, Worker
from fog_agent.edge.options import Beside
from fog_agent.edge.sender import Sender
from fog_bus.ports import Bus, Outcome, Publish
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


class _Parts:
    """Nothing that would have to end."""

    worker: Worker = InPlace()

    def cancel(self) -> None:
        """Do nothing."""


@asynccontextmanager
async def sending(
    collector: TelemetryCollector, lost: int = 0, events: str | None = "events"
) -> AsyncIterator[tuple[Sender, SlowStream, Publication]]:
    """Provide a sender at work, whose next interval is an hour away."""
    address = Address(("fog", "0"), DEFAULT_PREFIX, Settings(interval=3600.0))
    publication = attach(
        collector, address, time.monotonic(), Tenure(_Parts()), lambda: True, Beside(state_dir=None, filters=None)
    )
    stream = SlowStream()
    stream.lost = lost
    sender = Sender(publication, cast("Bus", stream), "metrics", events, phase=0.0)
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
