"""Decide what a publication does next. Pure: the clock, randomness and the log are handed in.

The agent's loops and the simulator drive this one object: they say what time it is, what became of a publish and what
was requested, and are told which bytes to send and when to come back.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, IntEnum, auto
from typing import Final, TypeAlias

from fog_agent.core.event_channel import EventChannel
from fog_agent.core.event_log import EventFrame
from fog_agent.core.flush import Flush, FlushLog
from fog_agent.core.frame_size import FrameSize
from fog_agent.core.publication import Publication
from fog_agent.core.schedule import NEVER, NOW, Backoff, Schedule, Uniform
from fog_agent.core.writer import Encoded
from fog_bus.ports import Outcome, Publish, Refusal
from fog_schema.frames import SEVERAL_WRITERS, Request


class Severity(IntEnum):
    """How bad a report is; the numbers are those of `logging`."""

    WARNING = 30
    ERROR = 40


_SEVERAL_WRITERS: Final = (
    "an aggregator hears several writers under this agent's path, and none says that others are there: counts add up, "
    "but of the gauges only the youngest writer's are shown. Workers of one program: start each agent with shared=True "
    "(fog agent --shared). Other programs or machines: give each a path of its own"
)

_UNANSWERED: Final = (
    "the last three publishes, or more, were not acknowledged in time: frames are kept, and sent again. The server may "
    "be busy, or its stream without a leader for a moment. If no frame ever was acknowledged, another account may "
    "import the subjects as a stream, which answers nobody: export and import them as services"
)
_SEVERAL: Final = 3

Report: TypeAlias = Callable[[Severity, str, str], None]
"""Called with a severity, a key that is the same for reports of one cause, and a text for people."""


class _Stage(Enum):
    RUNNING = auto()
    ENDING = auto()
    """The final waits until events and an older final are safe."""
    ENDED = auto()
    LEFT_OPEN = auto()
    """The collector's next agent goes on with the epoch."""
    FAILED = auto()


class Publisher:
    """Decide what one publication sends, and when.

    No method raises for what a program has registered: what cannot be encoded is reported, and tried again.

    Args:
        publication: its series and events are sent.
        now: monotonic seconds.
        phase: where in the interval it sends, from 0 to 1.
        rng: draws the jitter of keyframes and pauses.
        report: takes reports for the log.
    """

    def __init__(self, publication: Publication, *, now: float, phase: float, rng: Uniform, report: Report) -> None:
        self._publication = publication
        self._report = report
        self._schedule = Schedule(publication.epoch.writer.settings.interval, phase, now, rng)
        self._backoff = Backoff(rng)
        self._events = EventChannel(publication.epoch, Backoff(rng))
        self._flushes = FlushLog()
        self._keyframe_covers = 0  # flushes asked for before the present keyframe began
        self._size = FrameSize()
        self._connected = False
        self._stage = _Stage.RUNNING

    # Input

    def connection(self, max_payload: int | None, now: float) -> None:
        """Take note of the connection: the longest message that its server takes, None without a connection."""
        self._connected = max_payload is not None
        if max_payload is not None:
            self._size.server_takes(max_payload)
            self._backoff.connected(now)
            self._events.connected(max_payload, now)

    def tick(self, now: float) -> None:
        """End an interval: encode a delta, unless a keyframe is about to say all of it."""
        self._schedule.ticked(now)
        if self._stage is _Stage.ENDING:
            self._leave_open(now)
        elif self._stage is _Stage.RUNNING:
            self._encode_interval(now)

    def requested(self, request: Request, now: float) -> None:
        """Answer a request: a keyframe becomes due, spread over the interval; events are repeated as asked."""
        writer = self._publication.epoch.writer
        if request.epoch not in (0, writer.epoch):
            return
        self._publication.metrics.requests.increment()
        if request.notices & SEVERAL_WRITERS:
            self._report(Severity.WARNING, "several writers", _SEVERAL_WRITERS)
        if not writer.keyframe_due:
            self._schedule.spread_keyframe(now)
        writer.request_keyframe()
        self._events.requested(request)

    def acknowledged(self, frame: Encoded | EventFrame, now: float) -> None:
        """Take note that a frame is in the stream."""
        publication, metrics = self._publication, self._publication.metrics
        if isinstance(frame, EventFrame):
            metrics.events_acknowledged(self._events.acknowledged(frame))
            return
        self._backoff.succeeded()
        metrics.frames.increment()
        metrics.bytes.increment(len(frame.data))
        if frame.completes:
            metrics.keyframes.increment()
        if publication.finals and publication.finals[0] is frame:
            publication.final_acknowledged()
            if self._stage is _Stage.ENDED:  # else it is the final of the epoch before
                self._flushes.acknowledged(frame.seq)
        elif publication.epoch.outbox.acknowledged(frame):
            publication.epoch.writer.acknowledged(frame, now)
            if frame.events >= 0:
                publication.epoch.events_told = frame.events
            self._flushes.acknowledged(frame.seq)

    def refused(self, frame: Encoded | EventFrame, outcome: Publish, now: float) -> None:
        """Take note that a frame was not acknowledged: send it again after a pause, or with the next connection.

        One that is too long would be refused for ever: smaller ones take its place.
        """
        if isinstance(frame, EventFrame) and frame.repeated:
            return  # whoever asked for it asks again
        self._publication.metrics.retries.increment()
        if outcome.refusal is Refusal.TOO_LARGE:
            self._report(Severity.WARNING, str(outcome.refusal), f"a frame is too long, and replaced: {outcome.text}")
            self._replace(frame, now)
            return
        backoff = self._events.backoff if isinstance(frame, EventFrame) else self._backoff
        if outcome.outcome is Outcome.DISCONNECTED:
            backoff.disconnected()
            return
        if outcome.outcome is Outcome.REFUSED:
            self._report(Severity.WARNING, str(outcome.refusal), f"frames are refused, and kept: {outcome.text}")
        backoff.failed(now)
        if outcome.outcome is Outcome.TIMEOUT and backoff.failures >= _SEVERAL:
            self._report(Severity.WARNING, "unanswered", _UNANSWERED)

    def _replace(self, frame: Encoded | EventFrame, now: float) -> None:
        """Let smaller frames say what a frame said that is too long for the server or its stream."""
        publication, epoch = self._publication, self._publication.epoch
        if isinstance(frame, EventFrame):
            self._events.too_large(frame)
            return
        self._size.refused(len(frame.data))
        if publication.finals and publication.finals[0] is frame:
            self._repeat_final(now)
        elif epoch.outbox.head is frame:
            publication.metrics.dropped.increment(epoch.outbox.clear())
            epoch.writer.dropped()
            self._flushes.dropped()
            self._schedule.keyframe_at = now

    # Output

    @property
    def tick_at(self) -> float:
        """When `tick` is to be called next."""
        return self._schedule.tick_at

    @property
    def frame_at(self) -> float:
        """When `next_frame` may have a frame if nothing happens before; infinity when time alone changes nothing."""
        return max(self._backoff.until, self._due_at())

    @property
    def events_at(self) -> float:
        """When `next_events` may have a frame if nothing happens before."""
        return self._events.due_at

    def next_frame(self, now: float) -> Encoded | None:
        """Return the one frame in flight: an older final, the outbox's head, the next part of a keyframe.

        None while there is nothing to send, or while a pause lasts: see `frame_at`.
        """
        if now < self.frame_at:
            return None
        try:
            frame = self._next_frame(now)
        except Exception as error:  # noqa: BLE001 - one series that cannot be encoded must not end all metrics
            self._failed(f"a keyframe cannot be encoded: {error!r}")
            self._size.forget()
            self._backoff.failed(now)
            return None
        if frame is not None and frame.marks:
            self._publication.remember(frame)
        return frame

    def next_events(self, now: float) -> EventFrame | None:
        """Return the next event frame: new events first, then those that were asked for again."""
        try:
            return self._events.next_frame(now)
        except Exception as error:  # noqa: BLE001 - as in `next_frame`
            self._report(Severity.ERROR, "encode", f"events cannot be encoded: {error!r}")
            self._events.backoff.failed(now)
            return None

    @property
    def idle(self) -> bool:
        """Whether everything that was encoded is acknowledged, and nothing is due."""
        epoch, finals = self._publication.epoch, self._publication.finals
        if self._stage in (_Stage.ENDING, _Stage.FAILED):
            return False
        if self._stage is _Stage.ENDED:
            return not finals
        due = epoch.writer.keyframe_due or epoch.writer.within_keyframe or self._flushes.pending
        return not (due or finals or len(epoch.outbox)) and self._events.idle

    # Flushing and finishing

    def flush(self, now: float) -> Flush:
        """Encode what was counted until now, ahead of the interval; ask `flushed` whether it has arrived."""
        self._take_events(now)
        flush = self._flushes.ask(self._publication.epoch.events.last)
        self._schedule.keyframe_at = now
        if self._stage is not _Stage.ENDED:
            self._encode_interval(now)
        return flush

    def flushed(self, flush: Flush) -> bool:
        """Tell whether everything that was counted and recorded before `flush` began is acknowledged."""
        events = self._publication.epoch.events
        return self._flushes.covered >= flush.number and events.acknowledged >= flush.last_event

    def finish(self, now: float, deadline: float) -> None:
        """Begin to end the epoch: events and an older final first, then the final keyframe.

        Leave the epoch open if events are not safe after half of `deadline` seconds, or without a connection: encode
        the counts so far; the collector's next agent goes on with them. Wait until `idle` or `failed`.
        """
        self._take_events(now)
        self._backoff.hurry()
        self._events.backoff.hurry()
        self._stage = _Stage.ENDING
        self._schedule.tick_at = now + deadline / 2
        if not self._connected or deadline <= 0:
            self._leave_open(now)

    @property
    def failed(self) -> bool:
        """Whether the final could not be encoded, so that waiting for it is in vain."""
        return self._stage is _Stage.FAILED

    # Encoding

    def _due_at(self) -> float:
        publication, writer = self._publication, self._publication.epoch.writer
        if publication.finals or publication.epoch.outbox.head is not None or self._may_end:
            return NOW
        if writer.ended or not self._connected:
            return NEVER
        if writer.within_keyframe:
            return NOW
        return self._schedule.keyframe_at if writer.keyframe_due else NEVER

    @property
    def _may_end(self) -> bool:
        publication = self._publication
        ready = not (publication.epoch.events.unsent or publication.finals)
        return self._stage is _Stage.ENDING and self._connected and ready

    def _next_frame(self, now: float) -> Encoded | None:
        publication = self._publication
        if self._may_end:
            self._encode_final(now)
        if self.failed:
            return None
        if publication.finals:
            return publication.finals[0]
        if publication.epoch.outbox.head is None and not publication.epoch.writer.ended:
            self._encode_part(now)
        return publication.epoch.outbox.head

    def _encode_interval(self, now: float) -> None:
        try:
            self._take_events(now)
            self._publication.measure()
            self._encode_what_changed(now)
            for text in self._publication.epoch.writer.take_refusals():
                self._report(Severity.WARNING, f"refused {text}", f"a series is refused: {text}")
        except Exception as error:  # noqa: BLE001 - the next interval has another try: counts only add up
            self._failed(f"this interval's frame cannot be encoded: {error!r}")

    def _encode_what_changed(self, now: float) -> None:
        epoch = self._publication.epoch
        writer, outbox = epoch.writer, epoch.outbox
        if self._schedule.hourly_is_due(now):
            writer.keyframe_due = True
        keyframe_says_it = writer.within_keyframe or (writer.keyframe_due and not len(outbox))
        if not keyframe_says_it and not writer.ended:
            self._encode_delta(now)
        if dropped := outbox.drop_if_over(now):
            writer.dropped()
            self._flushes.dropped()
            self._publication.metrics.dropped.increment(dropped)

    def _encode_delta(self, now: float) -> None:
        epoch = self._publication.epoch
        events = epoch.events
        untold = events.acknowledged if events.acknowledged > epoch.events_told else None
        tells = None if untold is None else (min(events.repeatable[0], untold + 1), untold)
        frame = epoch.writer.encode_delta(now, self._size.max_bytes, tells)
        if frame is not None:
            epoch.outbox.push(frame, now)
            self._flushes.encoded(frame.seq, self._flushes.asked)

    def _encode_part(self, now: float) -> None:
        epoch = self._publication.epoch
        if not epoch.writer.within_keyframe:
            self._keyframe_covers = self._flushes.asked
        frame = epoch.writer.encode_part(now, self._size.max_bytes, epoch.events.repeatable)
        epoch.outbox.push(frame, now)
        if frame.completes:
            self._flushes.encoded(frame.seq, self._keyframe_covers)
            if self._flushes.uncovered:  # asked for after the keyframe began, which may not have all of it
                self._encode_delta(now)

    def _encode_final(self, now: float) -> None:
        epoch = self._publication.epoch
        self._schedule.end()
        try:
            self._publication.end(epoch.writer.finish(now, self._size.max_bytes, epoch.events.repeatable))
        except Exception as error:  # noqa: BLE001 - stopping must not raise into the program either
            self._stage = _Stage.FAILED
            self._failed(f"the final cannot be encoded: {error!r}")
            return
        self._stage = _Stage.ENDED
        epoch.outbox.clear()
        self._flushes.dropped()
        self._flushes.encoded(epoch.writer.seq, self._flushes.asked)

    def _repeat_final(self, now: float) -> None:
        publication = self._publication
        try:
            seq = publication.repeat_final(now, self._size.max_bytes)
        except Exception as error:  # noqa: BLE001 - as in `_encode_final`
            self._report(Severity.ERROR, "encode", f"the final cannot be encoded: {error!r}")
            self._size.forget()
            self._backoff.failed(now)
            return
        if self._stage is _Stage.ENDED:  # else it is the final of the epoch before
            self._flushes.dropped()
            self._flushes.encoded(seq, self._flushes.asked)

    def _leave_open(self, now: float) -> None:
        self._stage = _Stage.LEFT_OPEN
        self._schedule.end()
        self.flush(now)

    def _take_events(self, now: float) -> None:
        publication = self._publication
        publication.epoch.events.add(publication.event_watch.take(), now)

    def _failed(self, text: str) -> None:
        self._report(Severity.ERROR, "encode", text)
        self._publication.epoch.writer.dropped()
