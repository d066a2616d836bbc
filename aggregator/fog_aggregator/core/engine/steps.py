"""Decide when the streams' time passes a step of the history, and whether the numbers of that moment may be kept.

A step is a multiple of its length, in the time of the streams: the server's timestamps of messages, and its clock while
nothing comes. The numbers of a step are those after all messages before it and none later, so that whoever reads a
stream, at once or days later, has the same numbers at the same steps. Where two streams are counted, of metrics and of
rollups, a step comes when both have passed it; the one that was ahead has brought a little more by then.

A server's clock may be wrong for a moment. Messages from a time that the server says has not come yet make no steps.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from fog_aggregator.core.engine.clock import NOTHING_DATED, STEP_SECONDS, Dated, ServerClock
from fog_aggregator.core.engine.cursor import StreamCursor
from fog_aggregator.core.engine.ports import StepTaker
from fog_aggregator.core.engine.readiness import ROUND_INTERVALS, Readiness
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.saved import Saved, as_integer
from fog_bus.ports import Message

MOST_AT_ONCE: Final = 10
"""Steps that one tick takes: after a pause of the process there may be many, and a tick must end soon."""

MOST_PASSED: Final = 10
"""Steps that are taken of a time that the server's clock has skipped. A longer one never was, and has no steps."""

MOST_AHEAD: Final = 60_000
"""Milliseconds that a step may lie ahead of the server's time: the servers of a cluster have a clock each."""


def most_ahead(length: int) -> int:
    """Return how many milliseconds a step is ahead at most, unless the clock was set back; steps have a length."""
    return 2 * (MOST_AHEAD + length)


@dataclass(slots=True)
class StreamsTime:
    """The streams' time, as far as an engine knows it. Part of the checkpoint.

    Attributes:
        clock: The server's clock as a checkpoint knew it, until it is known what it says now.
        is_behind: That clock stood still while the aggregator was away, nobody knows for how long.
        steps: The steps of the history; None where nobody takes them.
        resumed_at: The step that came next when a checkpoint was made, milliseconds; 0 without one.
        dated: The batch of each stream that is being applied, as it was judged: others come between its slices.
    """

    clock: ServerClock = field(default_factory=ServerClock)
    is_behind: bool = False
    steps: Steps | None = None
    resumed_at: int = 0
    dated: dict[str, Dated] = field(default_factory=lambda: defaultdict(lambda: NOTHING_DATED))

    def resume(self, server_time: float, now: float) -> None:
        """Go on from a checkpoint of a moment."""
        self.clock.note(server_time, now)
        self.is_behind = True

    def awaited(self, reference: StreamCursor) -> str:
        """Return the stream for which others wait: they would be dated too early by the time away (R12.56)."""
        return reference.stream if self.is_behind and reference.info is None else ""

    def set_back(self, clock: ServerClock) -> float:
        """Return by how many seconds the server's clock was set back since the checkpoint; once, when both are known.

        How far it was set ahead nobody can know, as it is not known how long the aggregator was away.
        """
        if clock.offset is None or self.clock.offset is None:
            return 0.0
        step, self.clock, self.is_behind = clock.offset - self.clock.offset, ServerClock(), False
        return step if step < -STEP_SECONDS else 0.0

    def stepped(self, stream: str, seconds: float, now: float) -> None:
        """Take note that the clock of a stream's server has stepped."""
        self.dated.clear()
        if self.steps is not None:
            self.steps.stepped(stream, seconds, now)

    def image(self) -> Saved:
        """Return the step that comes next."""
        return Saved({"next": self.resumed_at if self.steps is None else self.steps.next or 0})

    def restore(self, saved: Saved) -> None:
        """Take over the step that came next.

        Raises:
            DamagedError: It is no number.
        """
        self.resumed_at = saved.value("next", as_integer)


class Steps:
    """The steps of one run of an engine. Times are milliseconds of the streams' time; `now` is monotonic seconds.

    Args:
        taker: Takes the numbers, and knows the length of a step.
        cursors: The streams whose messages are counted.
        fleet: The numbers.
        readiness: Whether they are complete.
        resumed_at: The step that came next when the fleet was saved; 0 when it was not. A stream that lost its end is
            read again from its start, and its positions are of an earlier time than the fleet.

    Attributes:
        next: The step that comes next; None before the first message.
    """

    def __init__(
        self,
        taker: StepTaker,
        cursors: Mapping[str, StreamCursor],
        fleet: Fleet,
        readiness: Readiness,
        resumed_at: int = 0,
    ) -> None:
        self._taker = taker
        self._cursors = cursors
        self._fleet = fleet
        self._readiness = readiness
        self._complete = False
        self._since: float | None = None
        self._left_out = (0.0, 0.0)
        self.next: int | None = None
        read = [cursor.position.timestamp_ns for cursor in cursors.values() if cursor.position is not None]
        before = [resumed_at - 1.0] if resumed_at else []
        if any(read):  # with two streams, what the slower one had not passed is taken again
            before.append(max(read) / 1e6 - (taker.length if len(cursors) > 1 else 0))
        if before:
            self._begin(max(before))

    def until_next(self, stream: str, messages: Sequence[Message], now: float) -> int:
        """Return how many messages come before the next step; with 0 that step was taken: ask again."""
        if stream not in self._cursors or not messages:
            return len(messages)
        if self.next is None:
            self._begin(messages[0].timestamp_ns / 1e6)
        if self._is_ahead(now):
            return len(messages)
        due = (self.next or 0) * 1_000_000
        count = next((at for at, message in enumerate(messages) if message.timestamp_ns >= due), len(messages))
        others = (cursor for name, cursor in self._cursors.items() if name != stream)
        if count == len(messages) or any(cursor.read_until * 1e9 < due for cursor in others):
            return len(messages)
        if not count:
            self._take(now)
        return count

    def tick(self, now: float) -> None:
        """Take the steps that have passed while nobody sent anything."""
        passed = min(cursor.read_until for cursor in self._cursors.values()) * 1e3
        if not passed:
            return
        if self.next is None:
            self._begin(passed)
        for _ in range(MOST_AT_ONCE):
            if self._is_ahead(now) or passed < (self.next or 0):
                break
            self._take(now)

    def stepped(self, stream: str, seconds: float, now: float) -> None:
        """Take note that a stream's clock has stepped. A month ahead must not make every step of a month.

        Nor may it make one at once: a history would let go of all that is older than it keeps, for a clock that is
        wrong for a moment.
        """
        present = self._present(now)
        if stream in self._cursors and present is not None:
            long = seconds * 1e3 > MOST_PASSED * self._taker.length
            self._left_out = ((present - seconds) * 1e3, present * 1e3) if long else (0.0, 0.0)

    def missed_messages(self) -> None:
        """Take note that messages were missed: before it was ready, its numbers are not complete any more."""
        self._complete = self._complete and self._readiness.ready

    def _begin(self, time: float) -> None:
        """Begin with the first step after a moment."""
        self.next = (int(time) // self._taker.length + 1) * self._taker.length
        self._since = self.next / 1e3

    def _is_ahead(self, now: float) -> bool:
        """Leave out what the history would forget at once: a stream may hold days; tell whether the step must wait.

        Steps that the clock ran through while it was wrong are come back from.
        """
        present = self._present(now)
        if present is None or self.next is None:
            return False
        most = MOST_AHEAD + self._taker.length
        before, after = self._left_out
        if self.next > present * 1e3 + 2 * most:
            self._begin(present * 1e3)
        elif before < self.next < after:
            self._begin(after + MOST_AHEAD)
        first = int(present * 1e3) - self._taker.retention
        self.next = max(self.next, -(-first // self._taker.length) * self._taker.length)
        return self.next > present * 1e3 + most

    def _present(self, now: float) -> float | None:
        """Return the server's time now, unix seconds, whatever was read."""
        clocks = [cursor.dates.clock for cursor in self._cursors.values()]
        return max((clock.now(now) for clock in clocks if clock.offset is not None), default=None)

    def _take(self, now: float) -> None:
        at = self.next or 0
        self.next = at + self._taker.length
        self._fleet.settle_orders(at / 1e3)  # all that was stored before is read
        if self._may_be_kept(at / 1e3):
            present = self._present(now)
            self._taker.take(at, live=present is not None and at / 1e3 > present - self._taker.length / 1e3)

    def _may_be_kept(self, at: float) -> bool:
        """Tell whether the numbers are complete: a total that is still being found would show as a burst of counts.

        Without a checkpoint they are when every live writer has sent a complete keyframe, and there was time for all
        writers to be heard.
        """
        if not self._complete:
            fleet, ready = self._fleet, self._readiness
            known = not ready.needs_round or ready.ready
            heard_all = self._since is not None and at - self._since >= ROUND_INTERVALS * fleet.longest_interval
            self._complete = known or (
                heard_all and not any(fleet.heard_lately(path, one.id, at) for one, path in fleet.gapped.items())
            )
        return self._complete
