"""Decide all that an aggregator decides: what a batch changes, what is asked of nodes, when it is ready.

Pure: messages, discontinuities and ticks come in with the time; effects go out. The service drives it from loops, the
simulator from histories. Times called `now` are monotonic seconds.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from fog_aggregator.core.checkpoint import Image, take_image
from fog_aggregator.core.checkpoint import Scope as ScopeKey
from fog_aggregator.core.commands.operators import OperatorCommands
from fog_aggregator.core.costs.accounts import Accounts
from fog_aggregator.core.costs.slices import Slice
from fog_aggregator.core.engine.clock import STEP_SECONDS, Dated, ServerClock, seq_of
from fog_aggregator.core.engine.cursor import StreamCursor
from fog_aggregator.core.engine.effects import Effects
from fog_aggregator.core.engine.ingest import Ingest
from fog_aggregator.core.engine.observed import ObservedTime
from fog_aggregator.core.engine.ports import Surroundings
from fog_aggregator.core.engine.readiness import Readiness
from fog_aggregator.core.engine.requests import KeyframeRequest, KeyframeRequests
from fog_aggregator.core.engine.steps import Steps, StreamsTime
from fog_aggregator.core.engine.stream_rules import check_horizon
from fog_aggregator.core.engine.sweeper import Sweeper
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.following.scope import CONTROL, EVENTS, METRICS, ROLLUPS, Scope
from fog_aggregator.core.following.streams import Streams
from fog_aggregator.core.places.origin import Origin
from fog_aggregator.core.quarantine.orders import Settled
from fog_aggregator.core.saved import Part
from fog_aggregator.kernels.ports import Kernels
from fog_bus.ports import Discontinuity, Message, Position
from fog_schema.commands import Command
from fog_schema.paths import Path

_DISCONTINUITIES: Final = {
    Discontinuity.REPLACED: "it is another one of the same name; reading it from the start",
    Discontinuity.ROLLED_BACK: "it has lost messages that were read; reading it from the start",
    Discontinuity.TRIMMED: "messages are gone that were not read yet; reading on",
    Discontinuity.MISSING: "it is not there; `fog streams apply` creates it",
    Discontinuity.APPEARED: "it holds subjects that are read here, and was not read before; reading it from the start",
    Discontinuity.GONE: "it holds no subject any more that is read here",
}


class Engine:
    """The brain of one aggregator. Not thread-safe.

    Args:
        scope: The part of the tree to read.
        around: The read side, the counts and the log.

    Attributes:
        fleet: The nodes, as far as they were read.
        events: The events that were read.
        streams: The streams that are read.
        readiness: Whether the numbers may be shown.
        observed: The time that counts for horizons, and for silence.
    """

    def __init__(self, scope: Scope, fleet: Fleet, events: EventList, around: Surroundings) -> None:
        self.fleet = fleet
        self.events = events
        self.readiness = Readiness(needs_round=True)
        self.observed = ObservedTime()
        self.streams = Streams(scope)
        self._scope = scope
        self._around = around
        self._time = StreamsTime()
        self._requests = KeyframeRequests(lambda: self.fleet.children())  # noqa: PLW0108 - `resume` brings another fleet
        self._commands = OperatorCommands(around, scope.branches)
        self._begin({})

    @property
    def cursors(self) -> dict[str, StreamCursor]:
        """How far each stream was read, by the stream's name."""
        return self.streams.cursors

    def use(self, kernels: Kernels | None) -> None:
        """Merge frames by kernels from now on; by numpy with None."""
        self._around = replace(self._around, kernels=kernels)
        self._ingest.use(kernels)

    def resume(self, fleet: Fleet, events: EventList, positions: Mapping[str, Position], now: float) -> None:
        """Go on from a checkpoint, before anything is read."""
        self.fleet, self.events = fleet, events
        self.readiness.needs_round = fleet.needs_keyframe_round
        self._time.resume(fleet.now, now)
        self._commands.resume(fleet)
        self._begin(positions)

    def _begin(self, positions: Mapping[str, Position]) -> None:
        scope, around = self._scope, self._around
        self._time.dated.clear()
        self.streams.begin(positions)
        time, taker, fleet, counted = self._time, around.history, self.fleet, self.streams.counted
        time.steps = None if taker is None else Steps(taker, counted, fleet, self.readiness, time.resumed_at)
        self.fleet.listen(0.0, live=False)
        accounts = Accounts(scope.subjects, around.budget, self.fleet.limits.memory.subjects)
        self._ingest = Ingest(
            self.fleet,
            self.events,
            accounts,
            scope.branches,
            around.counts,
            around.say,
            branch_events=scope.branch_events,
            branch_frames=scope.places is None,
        )
        self._ingest.use(self._around.kernels)
        self._sweeper = Sweeper(accounts)

    def follow(self, found: Mapping[str, str], now: float, *, selective: bool = True) -> None:
        """Read these streams and no others, by name with their kinds: they hold the subjects of this scope (R12.64).

        One that appears or goes is a discontinuity like any other, but for those of commands. `selective` as of
        `Streams.follow`.
        """
        clock, reference = self._clock, self.streams.reference
        kinds = dict(found) | {name: self.streams.kind(name) for name in self.cursors}
        change = self.streams.follow(found, now, selective=selective)
        for what, names in ((Discontinuity.APPEARED, change.appeared), (Discontinuity.GONE, change.gone)):
            for name in names:
                self._time.dated.pop(name, None)
                self._note_discontinuity(name, what, now, of_counts=kinds.get(name, METRICS) != CONTROL)
        for name in change.unread:
            self._around.say(f"unread {name}", f"stream {name}: it does not answer, and may hold unread messages", None)
        if self.streams.reference != reference and clock.offset is not None:
            self._time.clock.note(clock.now(now), now)  # stands in until the other server has spoken

    def must_wait(self, stream: str, now: float) -> bool:
        """Tell whether messages wait for a clock (R12.56), or totals of branches for commands given before (R13.19)."""
        commands, clock = self.streams.of_kind(CONTROL), self._time.awaited(self.cursors[self.streams.reference])
        if clock and stream != clock:
            return True
        return self.streams.kind(stream) == ROLLUPS and self._commands.awaited.must_be_awaited(commands, now)

    def unread_commands(self, now: float) -> dict[str, str]:
        """Return the streams from which no commands come, with the reason for people."""
        commands, clock = self.streams.of_kind(CONTROL), self._time.awaited(self.cursors[self.streams.reference])
        return self._commands.awaited.unread(commands, now, clock)

    def until_step(self, stream: str, messages: Sequence[Message], now: float) -> int:
        """Return how many of the next messages of a stream to apply before a step of the history is to be taken.

        With 0 for some messages a step was taken just now: ask again.
        """
        steps = self._time.steps
        if steps is None or not messages:
            return len(messages)
        self._follow_clocks(now)
        return steps.until_next(stream, self._by_our_clock(stream, messages, now), now)

    def on_batch(self, stream: str, messages: Sequence[Message], now: float, pending: int = 0) -> int:
        """Apply messages of a stream, and move its position: the two belong together.

        Returns how many were applied: fewer than all when a slice of time was over. Hand over the rest next.

        Args:
            stream: The stream's name.
            messages: All that its reader returned, in order.
            now: Monotonic seconds.
            pending: How many more the reader's replica has.
        """
        cursor, count = self.cursors[stream], len(messages)
        if messages:
            if (what := cursor.missed(messages)) is not None:
                self.on_discontinuity(stream, what, now)
            cursor.spoke_at = now
            self._follow_clocks(now)
            self._listen(now)
            if ours := cursor.ours(self._by_our_clock(stream, messages, now)):
                applied = self._apply(stream, messages, ours, now)
                if applied < len(ours):
                    count = bisect_left(messages, ours[applied].seq, key=seq_of)
            self._time.dated[stream] = self._time.dated[stream].after(messages[:count])
        cursor.take(messages[:count], pending + len(messages) - count, now)
        return count

    def on_discontinuity(self, stream: str, what: Discontinuity, now: float) -> None:
        """Take note that a stream is not what was read: only the nodes can tell what is missing."""
        of_counts = self.streams.kind(stream) != CONTROL and what is not Discontinuity.MISSING
        self._note_discontinuity(stream, what, now, of_counts=of_counts)

    def _note_discontinuity(self, stream: str, what: Discontinuity, now: float, *, of_counts: bool) -> None:
        self._around.say(f"{what} {stream}", f"stream {stream}: {_DISCONTINUITIES[what]}", None)
        if of_counts:
            self.readiness.doubt()
            if self._time.steps is not None:
                self._time.steps.missed_messages()
            self._ingest.require_keyframes(self.server_time(now))
            self.fleet.needs_keyframe_round = not self.readiness.ready  # else all that was shown is in it

    def tick(self, now: float) -> Effects:
        """Let a second pass; return what is to be done.

        Raises:
            HorizonError: A stream keeps its messages for too long.
        """
        check_horizon(self.fleet.horizon, {stream: cursor.info for stream, cursor in self.streams.of_counts.items()})
        self._follow_clocks(now)
        effects = Effects(observed_seconds=self._observe(now))
        self._listen(now)
        caught_up = self.caught_up
        if self.readiness.begins_round(caught_up=caught_up):
            self._ingest.require_keyframes(self.server_time(now))
        effects.became_ready = not self.readiness.ready and self.readiness.update(
            caught_up=caught_up,
            awaited=lambda: self.fleet.awaited(self.server_time(now)),
            nodes=self.fleet.node_count,
            longest_interval=self.fleet.longest_interval,
            now=now,
        )
        if effects.became_ready:
            self.fleet.needs_keyframe_round = False
        effects.forgotten = self._commands.forget(self.fleet, self.streams.read_until, self._scope.departed_after)
        effects.settled = self._settle_orders(now)
        if self._time.steps is not None:
            self._time.steps.tick(now)
        if caught_up:
            effects.requests = self._requests.due(self.wanted(now), now)
        if self._sweeper.is_due(now):
            read_side, server_now = self._around.read_side, self.server_time(now)
            effects.findings = self._sweeper.sweep(self.fleet, self.events, read_side, now, server_now)
            effects.requests += effects.findings.requests
            self.fleet.choose_families(server_now, final=self.readiness.ready, review=True)
            if effects.swept.saturated:
                self._around.counts.frames_applied(Counter(saturated=effects.swept.saturated))
        return effects

    def wanted(self, now: float) -> list[KeyframeRequest]:
        """Return what is wanted of writers, whether or not it is time to ask."""
        return self._ingest.wanted(self.server_time(now))

    def server_time(self, now: float) -> float:
        """Return the server's time, unix seconds, not behind what was read; 0 while it is not known."""
        return max(self._clock.now(now), self.fleet.now)

    @property
    def _clock(self) -> ServerClock:
        """The clock of the server of metrics; until it has spoken, what a checkpoint knew of it."""
        clock = self.cursors[self.streams.reference].dates.clock
        return self._time.clock if clock.offset is None else clock

    @property
    def accounts(self) -> Accounts:
        """The cost of each subject since the engine began."""
        return self._ingest.accounts

    @property
    def caught_up(self) -> bool:
        """Whether all that the streams held when their readers began has been handled."""
        return self.streams.caught_up

    def is_connected(self, now: float) -> bool:
        """Tell whether every stream is read; else all that is shown is of an earlier moment, nodes' states included."""
        return all(cursor.is_connected(now) for cursor in self.streams.of_counts.values())

    def is_current(self, now: float) -> bool:
        """Tell whether the numbers are complete and of this moment: ready, connected, and read to the end for a while.

        Once ready, `readiness` stays: counts are shown also while the server is away. This does not.
        """
        steady = self.observed.audible.is_steady(self.fleet.longest_interval, now)
        return self.readiness.ready and steady and self.is_connected(now)

    @property
    def origin(self) -> Origin:
        """Which state the totals come from, for a parent (R13.17)."""
        return self._commands.origin(self.fleet)

    @property
    def may_publish(self) -> bool:
        """Whether the totals may go up to a parent."""
        return self.readiness.ready

    def image(self, ratchet: Part) -> Image:
        """Return fleet, events and positions of this moment as the content of a checkpoint, with what was exported."""
        return take_image(self.fleet, self.events, ratchet, self.positions, self.scope_key, self.parts)

    @property
    def parts(self) -> dict[str, Part]:
        """More that is saved of the same moment as the fleet, by name."""
        return {**self._commands.parts, "following": self.streams, "steps": self._time, **self._around.parts}

    @property
    def scope_key(self) -> ScopeKey:
        """The scope, as a checkpoint names it."""
        scope = self._scope
        return scope.subjects.prefix, scope.path, tuple(sorted(scope.branches.patterns))

    @property
    def positions(self) -> dict[str, Position]:
        """How far each stream was read: part of the checkpoint, of the same moment as the fleet."""
        return self.streams.positions

    def _apply(self, stream: str, read: Sequence[Message], messages: Sequence[Message], now: float) -> int:
        """Apply messages until a slice of time is over; return how many. `read` are the same, as they were stored."""
        kind = self.streams.kind(stream)
        if kind == METRICS:
            return self._ingest.slice_of_metrics(messages, self._around.clock, self.server_time(now))
        limited = self.accounts if kind != CONTROL else None  # an operator's commands are few
        portion = Slice(messages, self._around.clock, limited)
        if kind == EVENTS:
            self._ingest.events(portion)
        elif kind == CONTROL:
            stamps = {one.seq: one.timestamp_ns for one in read}
            self._ingest.commands(portion, partial(self._take_command, stamps))
        else:
            server_now = self.server_time(now)
            parted = self._commands.rebasing(self.fleet, self.events, portion, server_now)
            self._ingest.rollups(parted, server_now)
        self._ingest.leave_out(portion.left_out)
        return portion.taken

    def _by_our_clock(self, stream: str, messages: Sequence[Message], now: float) -> Sequence[Message]:
        """Return messages with times that can be true, by the clock of the server of metrics.

        While that has not spoken the first one that has stands in for it: what is dated so is set back later (R12.56).
        A batch is judged once: its portions and slices are of what was judged then.
        """
        if (known := self._time.dated[stream].part(messages)) is not None:
            return known
        dates = self.cursors[stream].dates
        if self._clock.offset is None:
            self._time.clock.note(dates.clock.now(now), now)
        judged, ours, theirs = dates.judge(messages, now), self._clock.offset, dates.clock.offset
        ahead = 0.0 if ours is None or theirs is None else theirs - ours
        if abs(ahead) > STEP_SECONDS:
            judged = [one._replace(timestamp_ns=one.timestamp_ns - int(ahead * 1e9)) for one in judged]
        self._time.dated[stream] = Dated(messages, judged)
        return judged

    def _follow_clocks(self, now: float) -> None:
        """Let all that was dated by a server's clock follow it when it steps (R12.18)."""
        reference = self.streams.reference
        for stream, cursor in self.cursors.items():
            step = cursor.dates.follow()
            if stream == reference:
                step += self._time.set_back(cursor.dates.clock)
            if step:
                for part in (self.fleet, self.events, self._commands) if stream == reference else ():
                    part.shift(step)
                self._report_step(stream, step, now)

    def _report_step(self, stream: str, step: float, now: float) -> None:
        self._time.stepped(stream, step, now)
        text = f"the clock of the server of {stream} has stepped by {step:+.0f} s"
        self._around.say(f"clock {stream}", text, None)
        self.events.report(self._scope.path, "clock_stepped", {"subject": stream, "text": text}, self.server_time(now))

    def _take_command(self, stamps: Mapping[int, int], path: Path, command: Command, message: Message) -> None:
        self._commands.take(self.fleet, path, command, message.timestamp, stamps[message.seq])

    def _settle_orders(self, now: float) -> list[Settled]:
        """Take out of what is shown, or in again, what orders say before which all is read."""
        until, server_now = self.streams.read_until, self.server_time(now)
        self._commands.rebase(self.fleet, self.events, until, server_now)
        return self._commands.settle(self.fleet, self.events, until, server_now)

    def _observe(self, now: float) -> float:
        """Let the fleet's time go on, if the streams are read to their end: also when nobody sends."""
        seconds = self.observed.tick(self.streams.of_counts.values(), now)
        if self.observed.current:
            self.fleet.observe(seconds, self.server_time(now))
        return seconds

    def _listen(self, now: float) -> None:
        """Let audible time go on up to when the server spoke last."""
        seconds = self.observed.listen(self.streams.of_counts.values())
        self.fleet.listen(seconds, live=self.observed.audible.live, now=self._clock.earliest(now))
