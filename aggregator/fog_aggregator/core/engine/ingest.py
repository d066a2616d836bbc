"""Apply messages to the fleet: subject to path, bytes to frame, frame to outcome, outcome to counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from operator import attrgetter
from typing import Final, TypeAlias

from fog_agent.core.event_log import RETAINED_SECONDS
from fog_aggregator.core.costs.accounts import Account, Accounts
from fog_aggregator.core.costs.slices import Portion, Run, Slice
from fog_aggregator.core.engine.ports import Counts, Say
from fog_aggregator.core.engine.requests import KeyframeRequest
from fog_aggregator.core.events.awaited import Writer
from fog_aggregator.core.fleet.batch import Batch
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.outcome import Outcome, Status
from fog_aggregator.core.places.patterns import BranchPatterns
from fog_aggregator.core.places.rows import STALE_INTERVALS
from fog_aggregator.core.plain.deltas import PlainDeltas
from fog_aggregator.core.plain.reading import MOST_FRAMES
from fog_aggregator.core.quarantine.orders import QUARANTINED
from fog_aggregator.kernels.ports import Kernels
from fog_bus.ports import Message
from fog_schema.codec import decode
from fog_schema.commands import Command, decode_command
from fog_schema.errors import FrameError, PathError
from fog_schema.frames import EVENTS, KEYFRAME, KIND_NAMES, Frame
from fog_schema.paths import Path, format_path

Apply: TypeAlias = Callable[[Path, Frame, float], Outcome]


class Ingest:
    """Batches of messages, applied to a fleet and its events. Every loss is counted; no message can stop it.

    Times are the server's, unix seconds.

    Args:
        fleet: The nodes, which frames change.
        events: The list of events.
        branches: The paths that are read as rollups.
        counts: Takes the counts of messages, values and losses.
        say: Takes warnings.
        branch_events: Whether the events of branches' nodes are listed.
        branch_frames: Whether the frames of branches' nodes are read, though nothing but the events that they hold is
            taken from them: that of a writer the last events are missing, nothing else shows.

    Attributes:
        accounts: The cost and the path of each subject.
    """

    def __init__(
        self,
        fleet: Fleet,
        events: EventList,
        accounts: Accounts,
        branches: BranchPatterns,
        counts: Counts,
        say: Say,
        *,
        branch_events: bool = True,
        branch_frames: bool = True,
    ) -> None:
        self._fleet = fleet
        self._events = events
        self._branches = branches
        self._counts = counts
        self._say = say
        self._branch_events = branch_events
        self._branch_frames = branch_frames
        self.accounts = accounts
        self._plain: PlainDeltas | None = None
        self._returned: dict[Writer, KeyframeRequest] = {}

    def use(self, kernels: Kernels | None) -> None:
        """Merge frames by kernels from now on; above branches, where nodes are read for their events, by numpy."""
        self._plain = None if kernels is None or self._branches else PlainDeltas(self._fleet, kernels)

    def slice_of_metrics(self, messages: Sequence[Message], clock: Callable[[], float], now: float) -> int:
        """Apply messages of the stream of metrics until a slice of time is over; return how many.

        Args:
            messages: They follow each other in the stream.
            clock: Seconds that never go back.
            now: The server's time.
        """
        portion: Slice | Portion
        if self._plain is None:
            self.metrics(portion := Slice(messages, clock, self.accounts), now)
        else:
            self._by_kernels(self._plain, portion := Portion(messages, clock, self.accounts), now)
        self.leave_out(portion.left_out)
        return portion.taken

    def wanted(self, now: float) -> list[KeyframeRequest]:
        """Return the requests for keyframes, and for events that are missing.

        Only writers that were heard lately are asked: one that has ended does not answer, and one that comes back is
        asked as soon as it is heard. Of the nodes of a branch only events are heard.
        """
        gapped = self._fleet.to_ask(now)
        wanted = dict.fromkeys([*gapped, *self._events.awaited.since], (0, 0)) | self._events.wanted
        asked = {key: self._request(*key, events) for key, events in wanted.items() if self._may_answer(*key, now)}
        requests = (self._returned | asked).values()
        return [one for one in requests if self._fleet.quarantine.over(one.path) is None]

    def require_keyframes(self, now: float) -> None:
        """Want a keyframe of every writer, and of the nodes of branches too, as a stream lost messages.

        The keyframes of a branch's nodes tell which events they hold; nothing else shows that the last are missing.
        """
        self._fleet.require_keyframes()
        if self._branch_events and self._branch_frames:
            self._events.awaited.begin((key for key in self._events.seen if self._branches.cover(key[0])), now)

    def metrics(self, messages: Iterable[Message], now: float) -> None:
        """Apply a batch of the stream of metrics. Branches come as rollups: the frames of their nodes are left out."""
        tally: Counter[str] = Counter()
        with Batch(self._fleet) as batch:
            frames = self._of_nodes(messages) if self._branches else self._read(messages)
            self._apply(frames, batch.apply, tally, now)
        tally["refused_values"] += batch.refused_values
        self._counts.frames_applied(tally)

    def rollups(self, messages: Iterable[Message], now: float) -> None:
        """Apply a batch of the stream of rollups: those of our branches; the others are for other tiers."""
        tally: Counter[str] = Counter()
        apply = partial(self._fleet.apply, rollup=True)
        self._apply(self._read(messages, self._branches.has), apply, tally, now)
        self._counts.frames_applied(tally)

    def events(self, messages: Iterable[Message]) -> None:
        """List those events of a batch of the stream of events that were not listed before."""
        wanted = None if self._branch_events or not self._branches else self._is_outside
        for message, path, frame in self._read(messages, wanted, events=True):
            self._events.apply(path, frame, message.timestamp)
        self._counts.events_listed(self._events)

    def commands(self, messages: Iterable[Message], take: Callable[[Path, Command, Message], None]) -> None:
        """Hand the commands of a batch of the stream of commands to `take`; count what is none, or cannot be done."""
        for message in messages:
            try:
                path = self.accounts.open(message.subject).path
                command = decode_command(message.data)
                take(path, command, message)
            except FrameError as error:
                self._refuse(message, error)
            except PathError as error:
                self._refuse_subject(error)

    def leave_out(self, messages: Sequence[Message]) -> None:
        """Take note that messages were left out, as their paths had no time left (R12.63): keyframes are wanted."""
        if messages:
            self._counts.left_out(messages)
            for path, count in Counter(self.accounts.open(message.subject).path for message in messages).items():
                self._fleet.miss(path)
                self.accounts.overdrawn.add(path)
                text = f"{format_path(path)} takes more time than a path may: {count} of its messages are left out"
                self._say("budget", text, None)

    def _by_kernels(self, plain: PlainDeltas, portion: Portion, now: float) -> None:
        """Apply a portion: plain deltas together, every other frame alone, in their order."""
        tally: Counter[str] = Counter()
        goes_on = True
        while goes_on and (run := portion.ahead(MOST_FRAMES)).messages:
            at, senders = 0, self._senders(run)
            while goes_on and at < len(senders):
                after = self._together(plain, run, senders, at, tally, now)
                if after == at:
                    self._apply(self._read([run.messages[at]]), self._fleet.apply, tally, now)
                    plain.look_again(at)
                    after = at + 1
                goes_on, at = portion.done(run.part(at, after)), after
        self._counts.frames_applied(tally)

    def _together(
        self, plain: PlainDeltas, run: Run, senders: Sequence[Account | None], at: int, tally: Counter[str], now: float
    ) -> int:
        """Apply the plain deltas of a run from a place on; return the place of the first that is not plain."""
        try:
            if not at:
                plain.read(run, senders)
            after = plain.apply(at, now)
            if after > at:
                tally.update(plain.settle())
        except Exception as error:  # noqa: BLE001 - a fault of ours: nobody knows which values were merged
            self._counts.refused("internal")
            self._say("internal", f"{len(senders) - at} plain deltas cannot be merged: keyframes are asked for", error)
            for path in {one.path for one in senders[at:] if one is not None}:
                self._fleet.miss(path)
            return len(senders)
        return after

    def _senders(self, run: Run) -> Sequence[Account | None]:
        """Return the account of each message; None where a frame must not be read, or is nobody's."""
        if not (orders := self._fleet.quarantine):
            return run.senders
        return [
            None if account is None or orders.keeps_out(account.path, message.timestamp) else account
            for message, account in zip(run.messages, run.senders, strict=True)
        ]

    def _is_outside(self, path: Path) -> bool:
        return not self._branches.cover(path)

    def _request(self, path: Path, epoch: int, events: tuple[int, int] = (0, 0)) -> KeyframeRequest:
        return KeyframeRequest(path, epoch, events, alone=self._fleet.is_asked_alone(path))

    def _may_answer(self, path: Path, epoch: int, now: float) -> bool:
        seen = self._events.seen.get((path, epoch)) if self._branches.cover(path) else None
        if seen is None:  # a node that is read, or a branch's aggregator
            return self._fleet.heard_lately(path, epoch, now)
        return now - seen.last_seen <= RETAINED_SECONDS

    def _of_nodes(self, messages: Iterable[Message]) -> Iterator[tuple[Message, Path, Frame]]:
        """Yield the frames of nodes; of a branch's nodes take which events they hold, while some are missing."""
        awaited, covered = self._events.awaited, self._branches.cover
        lacking = {path for path, _ in self._events.wanted.keys() | awaited.since.keys()}
        for message, path, frame in self._read(messages, lambda path: not covered(path) or path in lacking):
            if not covered(path):
                yield message, path, frame
            elif frame.events_held is not None:
                self._events.reported(path, frame.epoch, frame.events_held, message.timestamp)
                awaited.reported(path, frame.epoch, message.timestamp)

    def _apply(
        self, frames: Iterable[tuple[Message, Path, Frame]], apply: Apply, tally: Counter[str], now: float
    ) -> None:
        merged: list[Outcome] = []
        for message, path, frame in frames:
            timestamp = message.timestamp
            try:
                outcome = apply(path, frame, timestamp)
            except FrameError as error:
                self._refuse(message, error)
            except Exception as error:  # noqa: BLE001 - a fault of ours: the next message must not find us gone for it
                self._counts.refused("internal")
                self._say("internal", f"a frame on {message.subject} cannot be merged", error)
            else:
                self._note(path, frame, outcome, timestamp, tally)
                if outcome.values:
                    merged.append(outcome)
                    if outcome.late or now - timestamp > STALE_INTERVALS * frame.interval_ms / 1000:
                        tally["late"] += outcome.values
        self._fleet.count_values(merged)

    def _read(
        self, messages: Iterable[Message], wanted: Callable[[Path], bool] | None = None, *, events: bool = False
    ) -> Iterator[tuple[Message, Path, Frame]]:
        """Yield the frames of `wanted` paths; count what is no frame, is in the wrong stream or in quarantine."""
        known, orders = self.accounts.by_subject, self._fleet.quarantine
        for message in messages:
            try:
                account = known.get(message.subject) or self.accounts.open(message.subject)
                path = account.path
                if wanted is not None and not wanted(path):
                    continue
                if orders and orders.keeps_out(path, message.timestamp):
                    account.refused += 1
                    self._counts.refused(QUARANTINED)
                    continue
                frame = decode(message.data)
            except FrameError as error:
                self._refuse(message, error)
            except PathError as error:
                self._refuse_subject(error)
            else:
                if (frame.kind == EVENTS) is events:
                    yield message, path, frame
                else:
                    self._refuse(message, FrameError("kind", f"{KIND_NAMES[frame.kind]} in the other kind's stream"))

    def _refuse_subject(self, error: PathError) -> None:
        self._counts.refused("subject")
        self._say("subject", f"a message on a subject that is no node's: {error}", None)

    def _refuse(self, message: Message, error: FrameError) -> None:
        """Count a message by reason; it neither refreshes nor blames the node whose subject it bears."""
        self._counts.refused(error.reason)
        self.accounts.open(message.subject).refused += 1
        self._say(error.reason, f"a message on {message.subject} is refused: {error}", None)

    def _note(self, path: Path, frame: Frame, outcome: Outcome, timestamp: float, tally: Counter[str]) -> None:
        """Take what came of a frame into the tally, and into what is wanted of its writer."""
        if frame.unknown_fields:
            tally["unknown_fields"] += frame.unknown_fields
        if outcome.status is not Status.APPLIED:
            tally[outcome.status.value] += 1
            if outcome.status is Status.AWAITS_KEYFRAME:  # the fleet has no epoch of it that could be gapped
                self._returned[path, frame.epoch] = self._request(path, frame.epoch)
            return
        tally[_APPLIED] += 1
        tally["values"] += outcome.values
        if outcome.missing and not outcome.new_epoch:
            tally["missing"] += outcome.missing
        if any(losses := _losses_of(outcome)):
            self._note_losses(path, losses, tally)
            tally.update({f"series_{reason}": count for reason, count in (outcome.refused_by_reason or {}).items()})
        if frame.kind == KEYFRAME:  # it has come; the fleet knows whether it is whole
            tally["keyframes"] += outcome.completed
            self._returned.pop((path, frame.epoch), None)
        if frame.events_held is not None:
            self._events.reported(path, frame.epoch, frame.events_held, timestamp)

    def _note_losses(self, path: Path, losses: tuple[int, ...], tally: Counter[str]) -> None:
        for (loss, text), count in zip(_LOSSES.items(), losses, strict=True):
            if count:
                tally[loss] += count
                self._say(loss, f"{format_path(path)}: {int(count)} {text}", None)


_APPLIED: Final = Status.APPLIED.value
_LOSSES: Final = {
    "unknown": "values of series that were not defined yet are left out until the next keyframe",
    "refused_values": "values are refused: negative, not finite, too large, or not of the type they were defined with",
    "refused_series": "series are refused: a reserved name, a limit, two ids of one label set, no value",
    "saturated": "sums stay at 2^63 - 1, or at the largest double",
    "baseline": "epoch came back that had been folded: it counts from here",
}
_losses_of: Final = attrgetter(*_LOSSES)
"""The counts of an outcome's losses, in the order of `_LOSSES`; at once, as nearly every frame has none."""
