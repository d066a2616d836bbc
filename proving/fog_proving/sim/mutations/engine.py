"""Mutations of the engine's rules: how streams are followed, when it is ready, what a checkpoint is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

from fog_aggregator.core.checkpoint import read_image
from fog_aggregator.core.commands.forget_queue import ForgetQueue
from fog_aggregator.core.engine import cursor as cursors
from fog_aggregator.core.engine.cursor import StreamCursor
from fog_aggregator.core.engine.engine import Engine
from fog_aggregator.core.engine.ingest import Ingest
from fog_aggregator.core.engine.observed import ObservedTime
from fog_aggregator.core.engine.readiness import Readiness
from fog_aggregator.core.engine.stream_rules import where_to_start
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.saved import Saved
from fog_bus.ports import Message, Position
from fog_proving.sim.bus import SUBJECTS
from fog_proving.sim.mutations import Patch, always, around, leaving_out, nothing
from fog_schema.codec import decode
from fog_schema.frames import EVENTS


@leaving_out("R12.30", "the last message handled must be the same one")
def not_recognised() -> list[Patch]:
    """Accept its sequence alone."""
    return [(cursors, "is_known", lambda *_: True)]


@leaving_out("R12.63", "a message that is left out counts as one that did not come")
def left_out_is_read() -> list[Patch]:
    """Take its number as read, and ask nobody."""

    def leave_out(self: Ingest, messages: Sequence[Message]) -> None:
        self._counts.left_out(messages)
        for message in messages:
            _, path = SUBJECTS.path_of(message.subject)
            frame, place = decode(message.data), self._fleet.place(path)
            if frame.kind != EVENTS and place is not None and frame.epoch in place.epochs:
                place.epochs[frame.epoch].seq = max(place.epochs[frame.epoch].seq, frame.seq)

    return [(Ingest, "leave_out", leave_out)]


@leaving_out("R12.65", "others' messages are passed over once all of one's own are handled")
def passed_over_too_soon() -> list[Patch]:
    """Pass over them while some of one's own are unread."""

    def may_pass_over(self: StreamCursor, info: Any) -> bool:
        return self.selective and info.created == getattr(self.position, "created", "") and self.seq < info.last_seq

    return [(StreamCursor, "may_pass_over", may_pass_over)]


@leaving_out("R12.29", "another stream of the same name is read from its start")
def not_another_stream() -> list[Patch]:
    """Take any message beyond our position."""

    def start(position: Position | None, info: Any) -> Any:
        known = position and position._replace(created=info.created)
        if known is not None and known.seq > info.last_seq:
            known = known._replace(seq=info.last_seq)
        return where_to_start(known, info)

    return [(cursors, "where_to_start", start), *not_recognised()]


@leaving_out("R12.32", "state and positions are saved as one")
def torn_checkpoint() -> list[Patch]:
    """Save the state of the checkpoint before."""

    def image(original: Any, self: Any, ratchet: Any) -> Any:
        present = original(self, ratchet)
        before = self.__dict__.get("saved_before")
        self.__dict__["saved_before"] = b"".join(present.chunks())
        if before is None:
            return present
        torn = read_image(before)
        torn.plain["streams"] = present.plain["streams"]
        return torn

    return [around(Engine, "image", image)]


@leaving_out("R12.35", "ready after the last sequence seen at connecting, and one round of keyframes")
def ready_at_once() -> list[Patch]:
    """Show what there is."""
    return [(Readiness, "ready", always(value=True))]


@leaving_out("R12.36", "... the round of keyframes when the stream may have lost something")
def ready_without_round() -> list[Patch]:
    """Accept having caught up."""
    return [(Readiness, "needs_round", always(value=False))]


@leaving_out("R12.34", "... also after a restart in the midst of it")
def doubt_forgotten() -> list[Patch]:
    """End the need for a round with a restart from a checkpoint."""

    def resume(original: Any, self: Engine, fleet: Fleet, *args: Any) -> None:
        fleet.needs_keyframe_round = False
        original(self, fleet, *args)

    return [around(Engine, "resume", resume)]


@leaving_out("R12.33", "a keyframe's parts that came are known after a restart")
def run_forgotten() -> list[Patch]:
    """Ask for them again; an epoch that returns goes on returning."""

    def resume(original: Any, self: Engine, fleet: Fleet, *args: Any) -> None:
        for node in fleet.places.values():
            for epoch in node.epochs.values():
                epoch.run = None
        original(self, fleet, *args)

    return [around(Engine, "resume", resume)]


@leaving_out("R12.31", "after a discontinuity every epoch is asked for a keyframe")
def trusting() -> list[Patch]:
    """Ask only those whose numbers show a gap."""

    def on_discontinuity(original: Any, self: Engine, *args: Any) -> None:
        with patch.object(Ingest, "require_keyframes", nothing):
            original(self, *args)

    return [around(Engine, "on_discontinuity", on_discontinuity)]


@leaving_out("R12.44", "a request to forget waits until the frames before it are read")
def forgotten_at_once() -> list[Patch]:
    """Do it as it comes."""
    return [around(ForgetQueue, "pop_ready", lambda original, self, _: original(self, float("inf")))]


@leaving_out("R12.47", "a request to forget that waits is part of the checkpoint")
def waiting_requests_not_saved() -> list[Patch]:
    """Save no request."""
    return [around(ForgetQueue, "image", lambda *_: Saved({"waiting": []}))]


@leaving_out("R12.19", "a tick observes at most 3 s, and nothing before the backlog is read")
def pause_observed() -> list[Patch]:
    """Observe all the time since the one before."""

    def tick(original: Any, self: ObservedTime, *args: Any) -> Any:
        self.longest_tick = float("inf")
        return original(self, *args)

    return [around(ObservedTime, "tick", tick)]


@leaving_out("R12.35", "the word of the stream's leader counts for being caught up")
def replica_believed() -> list[Patch]:
    """Believe a replica that has nothing more to deliver."""

    def expects_known(original: Any, self: StreamCursor, *args: Any) -> bool:
        expected: bool = original(self, *args)
        self.caught_up = True
        return expected

    return [around(StreamCursor, "expects_known", expects_known)]


@leaving_out("R12.37", "... and once more when a reader that begins with a doubt has read all there is")
def nobody_asked() -> list[Patch]:
    """Ask nobody whose numbers show no gap."""
    return [(Readiness, "begins_round", lambda *_, **__: False)]
