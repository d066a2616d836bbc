"""Drive a publisher in its loop, by turns: a timer calls at the end of an interval, the bus with an answer.

A frame has no task and no future. Each call of the publisher ends with a look at what is due next, so that a frame
takes as few turns of the loop as it can (docs/decisions/0094-a-frame-has-no-task.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from fog_agent.core.schedule import FIRST_RETRY, NEVER, NOW
from fog_agent.edge.driving.alarm import Alarm
from fog_agent.edge.driving.calls import Frame, PublisherCalls
from fog_agent.edge.driving.channel import Channel
from fog_agent.edge.driving.news import News
from fog_agent.edge.driving.worker import Worker
from fog_bus.ports import Bus, Outcome, Publish


class Driver:
    """Make the calls of a publisher, one after the other, and send what it has.

    Args:
        calls: the publisher's.
        worker: runs them.
        bus: carries frames.
        subject: where frames go.
        events_subject: where events go; None for a rollup, which has none.
        clock: monotonic seconds.
        news: are told after each call.
    """

    def __init__(
        self,
        calls: PublisherCalls,
        worker: Worker,
        bus: Bus,
        subject: str,
        events_subject: str | None,
        clock: Callable[[], float],
        news: News,
    ) -> None:
        self._calls, self._worker, self._bus = calls, worker, bus
        self._clock, self._news = clock, news
        self._frames = Channel(bus, subject, calls.next_frame, self._published)
        self._events = Channel(bus, events_subject or "", calls.next_events, self._published)
        self._events.busy = events_subject is None  # for ever
        self._alarm = Alarm(clock, self.go_on)
        self._under_way = 0  # calls of the publisher
        self._ticked = False  # since frames, and the loop, had their turn
        self._unconnected = asyncio.Event()
        self._end: asyncio.Future[None] | None = None

    async def run(self) -> None:
        """Go on until cancelled."""
        end = self._end = asyncio.get_running_loop().create_future()
        self._unconnected.set()
        self.go_on()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follow_connection())
                await end
        finally:
            self.stop()

    def stop(self) -> None:
        """Make no call any more that nobody waits for, whatever a timer or an answer that is due would lead to."""
        self._end = None
        self._alarm.set(NEVER)
        self._frames.cancel()
        self._events.cancel()

    def go_on(self) -> None:
        """Make the call that is due, after which this goes on, or wait for the moment of the next one."""
        if self._under_way or self._end is None:
            return
        now, calls = self._clock(), self._calls
        wake = calls.tick_at
        if wake <= now and not self._ticked:  # to encode an interval may take longer than it lasts
            self._ticked = True
            self.call(calls.tick, nothing)
            return
        if not self._unconnected.is_set():
            for channel, at in ((self._frames, calls.frame_at), (self._events, calls.events_at)):
                if channel.busy:
                    continue
                due = NOW if channel.at_once else max(at, channel.not_before)
                if due <= now:
                    self._ask(channel, now)
                    return
                wake = min(wake, due)
        self._ticked = False
        self._alarm.set(wake)

    def call(self, call: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Make a call of the publisher, let `then` have its result, and go on."""
        self._under_way += 1
        self._worker.submit(call, partial(self._called, then))

    async def _follow_connection(self) -> None:
        """Have the publisher told of each connection: it is asked for frames as soon as there is one."""
        while True:
            await self._bus.connected(None)
            if self._bus.max_payload is None:  # it has ended meanwhile
                await asyncio.sleep(FIRST_RETRY)
                continue
            self._unconnected.clear()
            self._frames.at_once = self._events.at_once = True
            self.go_on()
            await self._unconnected.wait()

    def _ask(self, channel: Channel, now: float) -> None:
        """Ask the publisher for a frame."""
        max_payload = self._bus.max_payload
        if max_payload is None:
            self._unconnected.set()
            self.go_on()
            return
        channel.busy, channel.at_once = True, False
        self.call(partial(channel.next_frame, max_payload), partial(self._got, channel, now))

    def _got(self, channel: Channel, asked_at: float, found: tuple[Frame | None, float]) -> None:
        if self._end is None:
            return  # stopped meanwhile: the next agent sends it
        frame, due = found
        if frame is not None:
            channel.publish(frame)
            return
        channel.busy = False
        channel.not_before = asked_at + FIRST_RETRY if due < asked_at else NOW  # time alone brings none

    def _published(self, channel: Channel, frame: Frame, answer: Publish | None, error: BaseException | None) -> None:
        """Tell the publisher what became of a frame; after a failure also which connection there is."""
        if self._end is None:
            return
        if answer is None:
            self._fail(error)
            return
        channel.at_once = answer.outcome is not Outcome.ACKED
        self.call(partial(self._calls.answered, frame, answer), partial(_free, channel))

    def _called(self, then: Callable[[Any], None], result: object, error: Exception | None) -> None:
        self._under_way -= 1
        if error is None:
            try:
                then(result)
            except Exception as raised:  # noqa: BLE001 - it is for `run` to raise, not for a timer's callback
                error = raised
        if error is not None:
            self._fail(error)
            return
        self._news.tell()
        self.go_on()

    def _fail(self, error: BaseException | None) -> None:
        if self._end is not None and not self._end.done():
            self._end.set_exception(error or RuntimeError("the bus has no answer"))


def _free(channel: Channel, _: object) -> None:
    channel.busy = False


def nothing(_: object) -> None:
    """Do nothing with the result of a call."""
