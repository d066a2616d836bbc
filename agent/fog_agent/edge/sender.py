"""The agent's loops: encode at each interval, send one frame at a time until it is acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import random
import time
from collections.abc import Callable
from typing import Final

from fog_agent.core.publication import Publication
from fog_agent.core.writer import Encoded
from fog_bus.nats.link import Link
from fog_bus.ports import Outcome, Publish
from fog_bus.rate_limited_log import RateLimitedLog
from fog_schema.codec import decode_request
from fog_schema.errors import FrameError
from fog_schema.limits import MAX_FRAME_BYTES, PAYLOAD_MARGIN
from fog_schema.paths import Path

KEYFRAME_SECONDS: Final = 3600.0
ACK_SECONDS: Final = 3.0
MAX_JITTER: Final = 10.0
FIRST_RETRY, LAST_RETRY = 0.1, 10.0
DEFAULT_MAX_PAYLOAD: Final = 1024 * 1024

log = logging.getLogger("fog_agent")


class Sender:
    """Publishes one publication's frames and events over one link.

    Args:
        subject: where frames go.
        events_subject: where events go; None for a rollup, which has none.
        phase: where in the interval it sends, from 0 to 1.
    """

    def __init__(
        self,
        publication: Publication,
        link: Link,
        subject: str,
        events_subject: str | None = None,
        *,
        phase: float,
        clock: Callable[[], float] = time.monotonic,
        rng: random.Random | None = None,
    ) -> None:
        self._publication = publication
        self._link = link
        self._subject = subject
        self._events_subject = events_subject
        self._clock = clock
        self._rng = rng or random.Random()
        self._interval = publication.epoch.writer.settings.interval
        self._phase = phase
        self._keyframe_at = clock() + phase * self._interval
        self._hourly = clock() + KEYFRAME_SECONDS * self._rng.uniform(0.9, 1.1)
        self._repeats: list[tuple[int, int]] = []
        self._frames_ready = asyncio.Event()
        self._events_ready = asyncio.Event()
        self._idle = asyncio.Condition()
        self._hurry = asyncio.Event()
        self._finishing = False
        self._log = RateLimitedLog(clock)

    async def run(self) -> None:
        """Encode and send until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._tick_forever())
            group.create_task(self._send_frames())
            if self._events_subject is not None:
                group.create_task(self._send_events(self._events_subject))

    def requested(self, _subject: str, data: bytes) -> None:
        """Somebody asks for a keyframe, and perhaps for events: answered with jitter. Never raises."""
        try:
            request = decode_request(data)
        except FrameError as error:
            log.debug("a request that is none: %s", error)
            return
        epoch = self._publication.epoch
        if request.epoch not in (0, epoch.writer.epoch):
            return
        self._publication.metrics.requests.increment()
        if not epoch.writer.keyframe_due:
            self._keyframe_at = self._clock() + self._rng.uniform(0, min(self._interval, MAX_JITTER))
        epoch.writer.request_keyframe()
        if request.epoch and request.first_event:
            self._repeats.append((request.first_event, request.last_event))
            del self._repeats[:-16]
            self._events_ready.set()
        self._frames_ready.set()

    async def flush(self, deadline: float) -> bool:
        """Encode what was counted until now; True when all of it is acknowledged within `deadline` seconds.

        The parts of a keyframe that is under way said what was counted when they were encoded, and no delta may come
        between them: what came since has its frame after the last one.
        """
        end = self._clock() + deadline
        self._keyframe_at = self._clock()
        writer = self._publication.epoch.writer
        begun = writer.keyframes
        if not await self._until(lambda: not writer.within_keyframe or writer.keyframes > begun, deadline):
            return False
        self._tick()
        return await self._until(self._is_idle, end - self._clock())

    async def finish(self, deadline: float) -> bool:
        """End the epoch: events first, then the final keyframe; True when all is acknowledged within `deadline`.

        Without a connection, or when events or an older final cannot be sent, the epoch is left open, with what was
        counted encoded as far as may be: the collector's next agent goes on with it.
        """
        self._finishing = True
        self._hurry.set()
        end = self._clock() + deadline
        await self._link.connection.connected(deadline)
        self._take_events()
        epoch = self._publication.epoch
        if not await self._until(lambda: not (epoch.events.unsent or self._publication.finals), deadline / 2):
            return await self.flush(end - self._clock())
        try:
            self._publication.finals = epoch.writer.finish(self._clock(), self._max_bytes, epoch.events.held)
        except Exception as error:  # noqa: BLE001 - as in _tick; stopping must not raise into the program either
            self._log(logging.ERROR, "encode", f"the final cannot be encoded: {error!r}")
            epoch.writer.dropped()
            return False
        epoch.outbox.clear()
        self._frames_ready.set()
        return await self._until(lambda: not self._publication.finals, end - self._clock())

    async def _until(self, condition: Callable[[], bool], deadline: float) -> bool:
        try:
            async with asyncio.timeout(max(0.0, deadline)), self._idle:
                await self._idle.wait_for(condition)
        except TimeoutError:
            return False
        return True

    async def _tick_forever(self) -> None:
        next_tick = self._clock() + self._phase * self._interval
        while not self._finishing:
            await asyncio.sleep(max(0.0, next_tick - self._clock()))
            if not self._finishing:
                self._tick()
            behind = max(0.0, self._clock() - next_tick)
            next_tick += self._interval * (1 + behind // self._interval)

    def _tick(self) -> None:
        """One interval. Whatever goes wrong is logged, and the next interval has another try: counts only add up."""
        try:
            self._encode_interval()
        except Exception as error:  # noqa: BLE001 - one series that cannot be encoded must not end all metrics
            self._log(logging.ERROR, "encode", f"this interval's frame cannot be encoded: {error!r}")
            self._publication.epoch.writer.dropped()
        self._frames_ready.set()

    def _encode_interval(self) -> None:
        """A delta, unless a keyframe is to say it all anyway."""
        epoch, now = self._publication.epoch, self._clock()
        writer, outbox, metrics = epoch.writer, epoch.outbox, self._publication.metrics
        self._take_events()
        if now >= self._hourly:
            writer.keyframe_due = True
            self._hourly = now + KEYFRAME_SECONDS * self._rng.uniform(0.9, 1.1)
        self._publication.measure()
        says_it_all = writer.within_keyframe or (writer.keyframe_due and not len(outbox))
        if not says_it_all and not writer.ended:
            frame = writer.encode_delta(now, self._max_bytes)
            if frame is not None:
                outbox.push(frame, now)
        if dropped := outbox.drop_if_over(now):
            writer.dropped()
            metrics.dropped.increment(dropped)

    def _take_events(self) -> None:
        epoch = self._publication.epoch
        epoch.events.add(self._publication.event_watch.take(), self._clock())
        if epoch.events.unsent:
            self._events_ready.set()

    async def _send_frames(self) -> None:
        retry = FIRST_RETRY
        while True:
            try:
                frame = await self._next_frame()
            except Exception as error:  # noqa: BLE001 - as in _tick
                self._log(logging.ERROR, "encode", f"a keyframe cannot be encoded: {error!r}")
                self._publication.epoch.writer.dropped()
                retry = await self._pause(retry)
                continue
            answer = await self._link.publish(self._subject, frame.data, ACK_SECONDS)
            if answer.outcome is Outcome.ACKED:
                self._frame_is_safe(frame)
                retry = FIRST_RETRY
            else:
                retry = await self._back_off(retry, answer)
            async with self._idle:
                self._idle.notify_all()

    async def _next_frame(self) -> Encoded:
        """The frame whose turn it is: an older final, the outbox's head, the next part of a keyframe that is due."""
        while True:
            publication = self._publication
            epoch = publication.epoch
            head = publication.finals[0] if publication.finals else epoch.outbox.head
            if head is not None:
                return head
            now = self._clock()
            writer = epoch.writer
            wanted = writer.within_keyframe or (writer.keyframe_due and now >= self._keyframe_at)
            if wanted and not writer.ended and self._link.connection.client is not None:
                epoch.outbox.push(writer.encode_part(now, self._max_bytes, epoch.events.held), now)
                continue
            self._frames_ready.clear()
            if not wanted or writer.ended:
                await self._wait(self._keyframe_at - now if writer.keyframe_due and not writer.ended else None)
            else:
                await self._link.connection.connected()

    async def _wait(self, seconds: float | None) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._frames_ready.wait()

    def _frame_is_safe(self, frame: Encoded) -> None:
        publication, metrics = self._publication, self._publication.metrics
        metrics.frames.increment()
        metrics.bytes.increment(len(frame.data))
        metrics.keyframes.increment(frame.completes)
        if publication.finals and publication.finals[0] is frame:
            publication.finals.pop(0)
        elif publication.epoch.outbox.acknowledged(frame):
            publication.epoch.writer.acknowledged(frame, self._clock())

    async def _send_events(self, subject: str) -> None:
        retry = FIRST_RETRY
        while True:
            epoch = self._publication.epoch
            frame = epoch.events.next_frame(epoch.header(self._clock()), self._max_bytes)
            if frame is None:
                await self._repeat_events(subject)
                self._events_ready.clear()
                await self._events_ready.wait()
                continue
            answer = await self._link.publish(subject, frame.data, ACK_SECONDS)
            if answer.outcome is Outcome.ACKED:
                epoch.events.confirm(frame)
                self._publication.metrics.events_acknowledged(frame.last - frame.first + 1)
                retry = FIRST_RETRY
            else:
                retry = await self._back_off(retry, answer)
            async with self._idle:
                self._idle.notify_all()

    async def _repeat_events(self, subject: str) -> None:
        """Send again what was asked for; who asked asks once more when it is lost."""
        epoch = self._publication.epoch
        while self._repeats:
            first, last = self._repeats.pop(0)
            for frame in epoch.events.repeat(epoch.header(self._clock()), first, last, self._max_bytes):
                await self._link.publish(subject, frame.data, ACK_SECONDS)

    async def _back_off(self, retry: float, answer: Publish) -> float:
        self._publication.metrics.retries.increment()
        if answer.outcome is Outcome.DISCONNECTED:
            await self._link.connection.connected()
            return await self._pause(FIRST_RETRY)
        if answer.outcome is Outcome.REFUSED:
            self._log(logging.WARNING, str(answer.refusal), f"frames are refused, and kept: {answer.text}")
        return await self._pause(retry)

    async def _pause(self, retry: float) -> float:
        """Wait before trying again, shorter when the agent is about to stop; return how long the next pause is."""
        wait = self._rng.uniform(retry / 2, retry)
        if self._hurry.is_set():
            await asyncio.sleep(min(wait, FIRST_RETRY))
        else:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._hurry.wait()
        return min(retry * 2, LAST_RETRY)

    def _is_idle(self) -> bool:
        epoch = self._publication.epoch
        writer_done = not (epoch.writer.keyframe_due or epoch.writer.within_keyframe)
        return writer_done and not (len(epoch.outbox) or epoch.events.unsent or self._publication.finals)

    @property
    def _max_bytes(self) -> int:
        payload = self._link.connection.max_payload or DEFAULT_MAX_PAYLOAD
        return min(payload, MAX_FRAME_BYTES) - PAYLOAD_MARGIN


def phase_of(path: Path) -> float:
    """Where in the interval a path's writer sends, from 0 to 1: a roll-out must not make all of them send at once."""
    return int.from_bytes(hashlib.blake2b("/".join(path).encode(), digest_size=8).digest()) / 2**64
