"""Mutations of the writer's rules."""

# ruff: noqa: SLF001 - to leave out a rule is to reach inside

from __future__ import annotations

from typing import Any

import fog_agent.core.series_register
import fog_agent.core.writer
from fog_agent.core.event_log import EventFrame, EventLog
from fog_agent.core.flush import FlushLog
from fog_agent.core.publication import Epoch, Publication
from fog_agent.core.publisher import Publisher
from fog_agent.core.series_register import SeriesRegister
from fog_agent.core.writer import Encoded, Writer
from fog_proving.sim.mutations import Patch, around, leaving_out, nothing
from fog_schema.codec import decode
from fog_schema.frames import KEYFRAME


@leaving_out("R11.1", "an epoch outlives the agents attached to it")
def epoch_of_its_own() -> list[Patch]:
    """Each agent begins an epoch, which counts from the collector's creation."""

    def resume(original: Any, self: Publication, settings: Any, now: float) -> None:
        original(self, settings, now)
        if not self.epoch.writer.ended and self.epoch.writer.seq:
            self.epoch = Epoch(Writer(self.watches, settings, epoch=self._draw_epoch(), now=now))

    return [around(Publication, "resume", resume)]


@leaving_out("R11.2", "each later epoch counts from its predecessor's final")
def no_origins() -> list[Patch]:
    """Count from the collector's creation."""
    return [(Writer, "origins", lambda _: {})]


@leaving_out("R11.23", "a final that was not acknowledged is sent by the next agent")
def final_forgotten() -> list[Patch]:
    """Lose it with its agent."""

    def resume(original: Any, self: Publication, *args: Any) -> None:
        self.finals = []
        original(self, *args)

    return [around(Publication, "resume", resume)]


@leaving_out("R11.22", "an epoch ends with a final keyframe")
def no_final() -> list[Patch]:
    """End without a word."""

    def finish(original: Any, self: Writer, *args: Any) -> list[Encoded]:
        original(self, *args)
        return []

    return [around(Writer, "finish", finish)]


@leaving_out("R11.6", "an id is never used for a second series")
def ids_again() -> list[Patch]:
    """Give its old id to a series that comes back under the same labels."""

    def welcome(original: Any, self: Any, *args: Any) -> None:
        known = set(self.live)
        original(self, *args)
        ids = self.__dict__.setdefault("_ids", {})
        for source in [source for source in self.live if source not in known]:
            series = self.live[source]
            series.id = ids.setdefault((source.family, source.labels), series.id)
            self.retained = {of: one for of, one in self.retained.items() if one.series.id != series.id}

    def remove(original: Any, self: Any, source: Any) -> Any:
        series = original(self, source)
        if series and any(other.id == series.id for other in self.live.values()):
            self.retained.pop(source, None)
            return None
        return series

    return [around(SeriesRegister, "_welcome", welcome), around(SeriesRegister, "_remove", remove)]


@leaving_out("R11.16", "a frame in flight is repeated until it is acknowledged")
def sent_once() -> list[Patch]:
    """Take a frame that was sent once for safe."""

    def refused(original: Any, self: Publisher, frame: Any, outcome: Any, now: float) -> None:
        if isinstance(frame, EventFrame):
            original(self, frame, outcome, now)
        else:
            self.acknowledged(frame, now)

    return [around(Publisher, "refused", refused)]


@leaving_out("R11.15", "one frame in flight")
def two_in_flight() -> list[Patch]:
    """Let the second overtake the first."""

    def next_frame(original: Any, self: Publisher, now: float) -> Any:
        frames = self._publication.epoch.outbox._frames
        if len(frames) >= 2 and not self._publication.finals:
            frames[0], frames[1] = frames[1], frames[0]
        return original(self, now)

    return [around(Publisher, "next_frame", next_frame)]


@leaving_out("R11.8", "a delta is sent each interval, even when nothing changed")
def no_empty_delta() -> list[Patch]:
    """Send no empty one."""

    def encode_delta(original: Any, self: Writer, *given: Any) -> Encoded | None:
        encoded: Encoded | None = original(self, *given)
        if encoded is not None:
            frame = decode(encoded.data)
            values = frame.counters, frame.fractions, frame.gauges, frame.histograms, frame.exponentials
            if not (frame.definitions or frame.later_definitions or any(values)):
                self.seq -= 1
                return None
        return encoded

    return [around(Writer, "encode_delta", encode_delta)]


@leaving_out("R11.11", "a keyframe is due when frames were dropped, or on request")
def no_keyframe_due() -> list[Patch]:
    """Wait for the hourly keyframe."""

    def dropped(self: Writer) -> None:
        self._keyframe = None

    return [(Writer, "dropped", dropped), (Writer, "request_keyframe", nothing)]


@leaving_out("R11.13", "no delta is encoded between the parts of a keyframe, nor read as if it did not break their run")
def delta_between_parts() -> list[Patch]:
    """Parts and deltas mix."""
    from fog_aggregator.core.places.epoch import Epoch

    def encode_delta(original: Any, self: Writer, *args: Any) -> Any:
        keyframe, self._keyframe = self._keyframe, None
        encoded = original(self, *args)
        self._keyframe = keyframe
        return encoded

    def tick(original: Any, self: Publisher, now: float) -> None:
        writer = self._publication.epoch.writer
        between = writer.within_keyframe
        keyframe = writer._keyframe
        if between:
            writer._keyframe = None
        original(self, now)
        if between and writer._keyframe is None and not writer.keyframe_due:
            writer._keyframe = keyframe

    def number(original: Any, self: Epoch, frame: Any, outcome: Any) -> None:
        run = self.run
        original(self, frame, outcome)
        if frame.part or frame.kind != KEYFRAME:
            self.run = self.run or (run if not outcome.missing else None)

    return [
        around(Writer, "encode_delta", encode_delta),
        around(Publisher, "tick", tick),
        around(Epoch, "number", number),
    ]


@leaving_out("R11.30", "a keyframe covers a flush that was asked for before its first part was encoded")
def flushed_too_soon() -> list[Patch]:
    """Let it cover every flush that was asked for before its last part was encoded."""

    def encoded(original: Any, self: FlushLog, seq: int, _: int) -> None:
        original(self, seq, self.asked)

    return [around(FlushLog, "encoded", encoded)]


@leaving_out("R11.31", "a delta tells which events are held, when one was acknowledged that no frame told of")
def deltas_tell_no_events() -> list[Patch]:
    """Leave that to keyframes."""
    return [around(Writer, "encode_delta", lambda original, self, now, max_bytes, _: original(self, now, max_bytes))]


@leaving_out("R11.32", "a frame that is refused for its length is not sent again")
def too_long_again() -> list[Patch]:
    """Send it again and again."""
    return [(Publisher, "_replace", nothing)]


@leaving_out("R11.33", "a final that is encoded again has the values that it had")
def final_of_today() -> list[Patch]:
    """Let it have those of now."""

    def build(original: Any, self: Any, *given: Any) -> Any:
        self.is_repeated = False
        return original(self, *given)

    return [around(fog_agent.core.writer._Keyframe, "build", build)]


@leaving_out("R11.18", "a removed id stays in the keyframes")
def nothing_kept() -> list[Patch]:
    """Let it go with its series."""

    def remove(original: Any, self: Any, source: Any) -> Any:
        series = original(self, source)
        self.retained.pop(source, None)
        return series

    return [around(SeriesRegister, "_remove", remove)]


@leaving_out("R11.19", "... until a keyframe that bore it was acknowledged")
def kept_by_the_clock() -> list[Patch]:
    """Let it go after 15 minutes, acknowledged or not."""

    def let_go(original: Any, self: SeriesRegister, now: float) -> bool:
        for retained in self.retained.values():
            if retained.acknowledged is None:
                retained.acknowledged = now
        return bool(original(self, now))

    return [around(SeriesRegister, "_let_go", let_go), (Writer, "acknowledged", nothing)]


@leaving_out("R11.20", "... and 15 minutes more")
def kept_for_no_time() -> list[Patch]:
    """Let it go as soon as a keyframe that bore it was acknowledged."""
    return [(fog_agent.core.series_register, "RETAINED_SECONDS", 0.0)]


@leaving_out("R11.26", "events that were acknowledged are repeated when asked for")
def events_not_repeated() -> list[Patch]:
    """They are not."""
    return [(EventLog, "repeat", lambda *_: [])]


@leaving_out("R11.25", "the agent keeps its last events for 15 minutes")
def events_not_kept() -> list[Patch]:
    """Let go of events that were acknowledged."""
    import fog_agent.core.event_log

    return [(fog_agent.core.event_log, "RETAINED_SECONDS", -1.0)]


@leaving_out("R11.24", "the numbers of events are dense")
def events_of_an_agent() -> list[Patch]:
    """Each agent counts its events from 1."""

    def resume(original: Any, self: Publication, *args: Any) -> None:
        original(self, *args)
        self.epoch.events = EventLog()

    return [around(Publication, "resume", resume)]
