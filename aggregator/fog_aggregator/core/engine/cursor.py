"""Follow one stream in generations: where each begins, what its first message must be, when it has to end.

A generation begins with what the stream is now and with a reader that starts at the last message that was handled,
which must still be the same. It ends at the first sign that something is wrong; the next one finds out what it was.
Pure: a driver reads a `Log`, tells the cursor what it saw and when, and does what the cursor answers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from fog_aggregator.core.engine.clock import Dates
from fog_aggregator.core.engine.stream_rules import (
    Start,
    has_reached,
    is_known,
    picker,
    until_gap,
    where_to_start,
)
from fog_bus.ports import Discontinuity, LogError, Message, Position, StreamInfo

STEADY_SECONDS: Final = 10.0
"""A generation that lived for so long was a good one, even if it read nothing."""
SPEECHLESS_SECONDS: Final = 10.0
"""A server that has not spoken for so long is out of reach: it speaks every 4 s, also when it has nothing to say."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How patient a cursor is, in seconds."""

    check: float = 5.0
    """How often the stream is looked at: whether it is still the same, and how full."""
    stalled: float = 30.0
    """How long the stream may grow while nothing comes; then a new generation finds out why."""


@dataclass(slots=True)
class _Generation:
    """The state of the present generation. Times are monotonic seconds."""

    began_at: float
    before: Position | None
    goal: int
    """The stream's last sequence at the beginning."""
    last_heard: float
    recognised: bool
    pending: int = 0
    searched: int = 0
    """The sequence up to which missing messages were counted: a batch may be handed over in slices."""


@dataclass(slots=True)
class _Attempts:
    """The attempts to begin a generation: whether the stream was missing, and how many in a row got nowhere."""

    absent: bool = False
    failures: int = 0
    handled_before: int = 0
    """The last sequence handled before the stream was read from its start: what is gone up to there is no loss."""


@dataclass(frozen=True, slots=True)
class _Settings:
    """Which messages are ours, whether the server delivers these alone, and how patient to be."""

    filters: tuple[str, ...]
    pick: Callable[[Sequence[Message]], list[Message]]
    selective: bool
    patience: Patience


class StreamCursor:
    """One stream, as far as it was read. `position` is part of the checkpoint; everything else begins anew.

    Args:
        filters: Subjects that are ours, such as `Subjects.subtree` gives; empty for all. The stream is read whole and
            sorted out here, at 6 µs a message: for two filters the server looks through all subjects for each message
            (among 11,000 of them 500 µs of its CPU, and 500 messages/s). A branch that grows large gets a stream.
        selective: The log is of these subjects alone, which suits few messages among many: what the server does not
            deliver is passed over.
        patience: How patient to be.

    Attributes:
        stream: The stream's name.
        position: The last message that was handled, or passed over, by this reader or an earlier one.
        info: The stream when it was last looked at.
        looked_at: When the stream was last looked at, monotonic seconds.
        spoke_at: When the server last spoke about the stream, monotonic seconds: it sent messages, or had none, or told
            what the stream is.
        caught_up: Whether all was handled that the stream held at the beginning of this generation, as its leader told.
        restarts: How many generations ended, by reason.
        trimmed: How many messages were gone before they were read, as far as their numbers tell.
        dates: The times of its messages, and the clock of the server that stores them.
    """

    def __init__(
        self,
        stream: str,
        filters: Sequence[str] = (),
        position: Position | None = None,
        patience: Patience = Patience(),
        *,
        selective: bool = False,
    ) -> None:
        self.stream = stream
        self.position = position
        self.info: StreamInfo | None = None
        self.looked_at = -float("inf")
        self.spoke_at = -float("inf")
        self.caught_up = False
        self.restarts: Counter[str] = Counter()
        self.trimmed = 0
        self.dates = Dates(0 if position is None else position.timestamp_ns)
        self._settings = _Settings(tuple(filters), picker(() if selective else filters), selective, patience)
        self._generation: _Generation | None = None
        self._attempts = _Attempts()

    @property
    def filters(self) -> tuple[str, ...]:
        """The filters of our subjects; empty for all."""
        return self._settings.filters

    @property
    def selective(self) -> bool:
        """Whether the server is to deliver our subjects alone."""
        return self._settings.selective

    def begin(self, info: StreamInfo, now: float) -> Start:
        """Begin a generation with what the stream is now; return where to read from.

        Where the message that was handled last is known, it is to be recognised first. A selective reader asks for it,
        and reads from the one after it.
        """
        start = where_to_start(self.position, info)
        if start.because is Discontinuity.REPLACED:
            self._attempts.handled_before = 0
        if start.because is Discontinuity.TRIMMED and self.position is not None:
            self.trimmed += start.seq - self.position.seq - 1
        self._generation = _Generation(now, self.position, info.last_seq, now, recognised=not start.known)
        self.caught_up = False
        if not start.known:  # nothing before `start` will be read
            self.position = Position(info.created, start.seq - 1, 0)
        self.look(info, now)
        self.dates.begin(now, info.now, goes_on=start.known)
        return start._replace(seq=start.seq + 1) if start.known and self.selective else start

    def recognise(self, first: Message, now: float) -> bool:
        """Tell whether the first message of a generation is the one that was handled last; then reading goes on."""
        generation = self._running
        generation.recognised = is_known(first, self.position)
        generation.last_heard = now
        self._note_progress()
        return generation.recognised

    def expects_known(self, info: StreamInfo, now: float) -> bool:
        """Tell whether the message that was handled last is still in the stream, though its reader delivers nothing.

        A replica that lags behind does not have it yet.

        Raises:
            LogError: `stalled`: it has been waited for long enough.
        """
        self.look(info, now)
        position = self.position
        if position is None or not where_to_start(position, info).known or info.tail < position.seq:
            return False
        if now - self._running.began_at >= self._settings.patience.stalled:
            raise LogError("stalled", "the last message that was handled does not come")
        return True

    def fail_to_recognise(self, info: StreamInfo, now: float) -> Discontinuity | None:
        """Take note that the message that was handled last is not where it should be.

        Returns:
            That the stream was rolled back and has grown past the position, when nothing else explains it: the next
            generation reads from the start. None when the next one's beginning will find out what happened.
        """
        self.look(info, now)
        if not where_to_start(self.position, info).known:
            return None
        self._attempts.handled_before, self.position = self.seq, None
        self.dates.forget()
        return Discontinuity.ROLLED_BACK

    def missed(self, messages: Sequence[Message]) -> Discontinuity | None:
        """Tell whether messages between those that were handled and these are gone; count them."""
        generation, last = self._running, messages[-1].seq
        if self.selective or self.position is None or last <= generation.searched:
            return None  # of a part of the messages nobody can tell: epochs' numbers show what is missing (R12.3)
        generation.searched = last
        if last - self.position.seq == len(messages):
            return None
        known = max(self.position.seq, self._attempts.handled_before)
        unread = sum(message.seq > known for message in messages)
        self.trimmed += max(0, messages[-1].seq - known - unread)
        return Discontinuity.TRIMMED

    def ours(self, messages: Sequence[Message]) -> list[Message]:
        """Return the messages that pass the filters."""
        return self._settings.pick(messages)

    def take(self, messages: Sequence[Message], pending: int, now: float) -> None:
        """Move the position beyond messages that were handled just now.

        Args:
            messages: All that the reader returned, ours or not.
            pending: How many more the reader's replica has.
            now: Monotonic seconds.
        """
        generation = self._running
        self.spoke_at = now
        if messages and self.position is not None:
            last = messages[-1]
            self.dates.read(last.timestamp_ns, now)
            self.position = Position(self.position.created, last.seq, last.timestamp_ns)
            generation.last_heard = now
            generation.pending = pending
        self._note_progress()
        self._note_drained(now)

    def must_look(self, now: float) -> bool:
        """Tell whether it is time to look at what the stream is."""
        return now - self.looked_at >= self._settings.patience.check

    def beyond(self, now: float) -> int | None:
        """Return the sequence after which deleted messages matter: nothing has come for some time; else None."""
        return self.seq if now - self._running.last_heard >= self._settings.patience.check else None

    def look(self, info: StreamInfo, now: float) -> None:
        """Take note of what the stream is now."""
        self.info = info
        self.looked_at = self.spoke_at = now
        self.dates.clock.note(info.now, now)
        self._attempts.absent = False
        if self._generation is not None:
            self._note_progress()
            self._note_drained(now)

    def check(self, info: StreamInfo, now: float) -> None:
        """Look at the stream as the watchdog of this generation.

        Raises:
            LogError: `changed`: it is not the stream that was read. `stalled`: it grows, and nothing comes.
        """
        self.look(info, now)
        if where_to_start(self.position, info).because in (Discontinuity.REPLACED, Discontinuity.ROLLED_BACK):
            raise LogError("changed", "it is not the stream that was read")
        quiet = now - self._running.last_heard
        if info.tail > self.seq and quiet >= self._settings.patience.stalled:
            raise LogError("stalled", f"it grows, and nothing has come for {quiet:.0f} s")

    def may_pass_over(self, info: StreamInfo) -> bool:
        """Tell whether all messages of ours are handled, and others came after them."""
        ours_are_handled = self._running.recognised and info.tail <= self.seq < info.last_seq
        return self.selective and ours_are_handled and where_to_start(self.position, info).because is None

    def pass_over(self, info: StreamInfo, last_at: int, here_at: int) -> None:
        """Move the position beyond messages of others, so that it stays within what the stream keeps.

        Args:
            info: The stream; the position moves to its last message.
            last_at: When that message was stored, nanoseconds since 1970; 0 when it is gone.
            here_at: When the message at the position was stored, as it was told last: the stream is still the one that
                was read.
        """
        if last_at and self.position is not None and here_at == self.position.timestamp_ns:
            self.position = Position(info.created, info.last_seq, last_at)

    def find_absent(self) -> Discontinuity | None:
        """Take note that there is no such stream; return the discontinuity the first time."""
        if self._attempts.absent:
            return None
        self._attempts.absent = True
        return Discontinuity.MISSING

    def end(self, reason: str, now: float) -> int:
        """End the generation, or the attempt at one; return how many in a row got nowhere."""
        self.restarts[reason] += 1
        self.caught_up = False
        generation, self._generation = self._generation, None
        got_on = generation is not None and (
            self.position != generation.before or now - generation.began_at > STEADY_SECONDS
        )
        self._attempts.failures = 0 if got_on else self._attempts.failures + 1
        return self._attempts.failures

    def is_connected(self, now: float) -> bool:
        """Tell whether it is read: a generation has begun, and the server has spoken within 10 s."""
        return self._generation is not None and now - self.spoke_at <= SPEECHLESS_SECONDS

    @property
    def is_absent(self) -> bool:
        """Whether there was no such stream when it was last asked for."""
        return self._attempts.absent

    @property
    def seq(self) -> int:
        """The sequence of the last message that was handled; 0 for none."""
        return self.position.seq if self.position is not None else 0

    @property
    def last_seq(self) -> int:
        """The stream's last sequence, as far as it is known."""
        return max(self.seq, self.info.last_seq if self.info is not None else 0)

    @property
    def lag(self) -> int:
        """How many messages the stream has beyond the last one that was handled.

        By the word of the reader's replica or of the stream's leader, whichever is more: the replica may lag behind.
        """
        pending = self._generation.pending if self._generation is not None else 0
        return max(pending, self.info.tail - self.seq if self.info is not None else 0)

    @property
    def has_unread(self) -> bool:
        """Whether the stream was read and may hold more: it is known to, or was not looked at since a checkpoint."""
        was_read = self.position is not None and not self._attempts.absent
        return was_read and (self.info is None or self.lag > 0 or not self.caught_up)

    @property
    def read_until(self) -> float:
        """The server's time until which all that was stored was handled, unix seconds; 0 while that is not known."""
        position, info = self.position, self.info
        if position is None:
            return 0.0
        if info is None or info.created != position.created or position.seq < info.tail:
            return self.dates.last
        return max(self.dates.last, self.dates.plausible(info.now, self.looked_at))

    @property
    def until_gap(self) -> float | None:
        """Seconds until the stream may remove what was not read, if reading stopped now; None when it never does."""
        return until_gap(self.position, self.info) if self.info is not None else None

    @property
    def _running(self) -> _Generation:
        if self._generation is None:
            raise RuntimeError(f"stream {self.stream}: no generation has begun; call begin() first")
        return self._generation

    def _note_progress(self) -> None:
        generation = self._running
        if generation.recognised and self.info is not None:
            self.caught_up = self.caught_up or has_reached(generation.goal, self.seq, self.info)

    def _note_drained(self, now: float) -> None:
        if self.caught_up and not self.lag:
            self.dates.drained(now)
