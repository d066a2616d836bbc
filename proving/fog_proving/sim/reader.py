"""Drive the cursor of one simulated stream, as `fog_aggregator.reading.ReadingLoop` does: one step for each call."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fog_aggregator.core.engine.cursor import StreamCursor
from fog_aggregator.core.engine.engine import Engine
from fog_bus.filters import matches
from fog_bus.ports import LogError, Message, StreamInfo
from fog_proving.sim.books import INTERVAL, Violation
from fog_proving.sim.bus import Stream


class Reader:
    """One stream's reader; arguments as of `Aggregator`. `on_batch` is called with the messages just taken.

    Attributes:
        stream: The stream.
        goal: Its last sequence when reading began.
    """

    def __init__(
        self, engine: Engine, stream: Stream, clock: Callable[[], float], on_batch: Callable[[Sequence[Message]], None]
    ) -> None:
        self.stream = stream
        self._engine = engine
        engine.observed.longest_pause = INTERVAL  # it reads once an interval
        self._clock = clock
        self._on_batch = on_batch
        self._disruptions: int | None = None
        self._wipes = stream.wipes
        self.goal = 0
        self._first: int | None = None  # the sequence of the message that must be recognised, while it is awaited

    def read(self, count: int, batch: int) -> bool:
        """Take at most so many messages, in batches of so many, once the stream is recognised.

        Returns:
            False when its messages wait for commands, and nothing was taken.
        """
        self.notice()
        cursor = self._engine.cursors[self.stream.name]
        if (self._disruptions is None and not self._begin()) or (self._first is not None and not self._recognise()):
            return True
        if self._engine.must_wait(self.stream.name, self._clock()):
            return False
        unread = self._unread(cursor)
        for start in range(0, len(unread[:count]) or 1, batch):
            messages = unread[start : min(start + batch, count)]
            self._hand_over(messages, len(unread) - start - len(messages))
        if cursor.last_seq < cursor.seq or (cursor.until_gap or 0.0) < 0:
            raise Violation(f"{self.stream.name}: read to {cursor.seq} of {cursor.last_seq}, {cursor.until_gap} s left")
        return True

    def _unread(self, cursor: StreamCursor) -> list[Message]:
        """Return what the stream delivers from now on: to a selective reader its own subjects alone."""
        unread = [message for message in self.stream.messages if message.seq > cursor.seq]
        return [one for one in unread if self._is_delivered(cursor, one)]

    def _is_delivered(self, cursor: StreamCursor, message: Message) -> bool:
        return not cursor.selective or any(matches(one, message.subject) for one in cursor.filters)

    def _info(self, cursor: StreamCursor) -> StreamInfo:
        return self.stream.info(cursor.filters if cursor.selective else ())

    def _hand_over(self, messages: Sequence[Message], pending: int) -> None:
        while True:
            count = self._engine.until_step(self.stream.name, messages, self._clock())
            if count or not messages:
                rest = pending + len(messages) - count
                count = self._engine.on_batch(self.stream.name, messages[:count], self._clock(), rest)
                part, messages = messages[:count], messages[count:]
                if part:
                    self._on_batch(part)
            if not messages:
                return

    @property
    def has_read_goal(self) -> bool:
        """Whether nothing is unread of all that the stream held when reading began."""
        return not any(one.seq <= self.goal for one in self._unread(self._engine.cursors[self.stream.name]))

    def notice(self) -> None:
        """Notice that the server was away, or what the watchdog sees."""
        cursor, now = self._engine.cursors[self.stream.name], self._clock()
        if self._disruptions not in (None, self.stream.disruptions):
            self._end("disconnected")
        elif self._disruptions is not None and cursor.must_look(now):
            cursor.beyond(now)
            try:
                cursor.check(info := self._info(cursor), now)
                if cursor.may_pass_over(info):
                    here_at = self.stream.timestamp_of(cursor.seq)
                    cursor.pass_over(info, self.stream.timestamp_of(info.last_seq), here_at)
            except LogError as error:
                self._end(error.reason)

    def _begin(self) -> bool:
        cursor, name = self._engine.cursors[self.stream.name], self.stream.name
        if self._wipes != self.stream.wipes and (what := cursor.find_absent()) is not None:  # until it is made anew
            self._wipes = self.stream.wipes
            self._engine.on_discontinuity(name, what, self._clock())
            self._end("missing")
            return False
        self._disruptions, self.goal = self.stream.disruptions, self.stream.last_seq
        start = cursor.begin(self._info(cursor), self._clock())
        if start.because is not None:
            self._engine.on_discontinuity(name, start.because, self._clock())
        self._first = cursor.seq if start.known else None
        lags_behind = start.known and self.stream.disruptions % 4 == 3 and not cursor.selective  # for a moment
        return not (lags_behind and cursor.expects_known(self.stream.info(), self._clock()))

    def _recognise(self) -> bool:
        cursor, name, now = self._engine.cursors[self.stream.name], self.stream.name, self._clock()
        first = next((message for message in self.stream.messages if message.seq >= (self._first or 0)), None)
        if cursor.selective:  # the stream's leader is asked for it
            seq = self._first or 0
            first = Message("", b"", seq, self.stream.timestamp_of(seq))
        self._first = None
        if first is not None and cursor.recognise(first, now):
            return True
        if (what := cursor.fail_to_recognise(self._info(cursor), now)) is not None:
            self._engine.on_discontinuity(name, what, now)
        self._end("changed")
        return self._begin()

    def _end(self, reason: str) -> None:
        self._engine.cursors[self.stream.name].end(reason, self._clock())
        self._disruptions = self._first = None
