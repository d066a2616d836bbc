"""Ask what a stream is, on behalf of the cursor that follows it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fog_aggregator.core.engine.cursor import StreamCursor
from fog_bus.ports import Discontinuity, Log, LogError, LogReader, Message, StreamInfo


@dataclass(frozen=True, slots=True)
class StreamState:
    """The questions of one reading loop to a log.

    Attributes:
        log: The log that is read.
        cursor: Decides, and knows the position.
        on_discontinuity: Called when the stream is not what was read.
    """

    log: Log
    cursor: StreamCursor
    on_discontinuity: Callable[[Discontinuity], None]

    async def info(self, beyond: int | None = None) -> StreamInfo:
        """Tell what the stream is now; `beyond` as of `Log.info`.

        Raises:
            LogError: Nobody told.
        """
        try:
            return await self.log.info(beyond=beyond)
        except LogError as error:
            if error.reason == "missing" and (what := self.cursor.find_absent()) is not None:
                self.on_discontinuity(what)
            raise

    async def check(self, now: float) -> None:
        """Let the cursor look whether the stream is still the same; let a selective one pass over others' messages.

        Raises:
            LogError: It is another one, it stands still, or nobody told.
        """
        cursor, log = self.cursor, self.log
        info = await self.info(cursor.beyond(now))
        cursor.check(info, time.monotonic())
        if cursor.may_pass_over(info):
            cursor.pass_over(info, await log.stored_at(info.last_seq), await log.stored_at(cursor.seq))

    async def recognise(self, reader: LogReader) -> Sequence[Message]:
        """Read the first message, which must be the last one that was handled; return those after it.

        Raises:
            LogError: It is another one, or nobody told.
        """
        cursor = self.cursor
        if cursor.selective:  # it may be another's
            messages = [Message("", b"", cursor.seq, await self.log.stored_at(cursor.seq))]
        else:
            while not (messages := await reader.next()):
                if not cursor.expects_known(await self.info(cursor.seq), time.monotonic()):
                    break
        if messages and cursor.recognise(messages[0], time.monotonic()):
            return messages[1:]
        if (what := cursor.fail_to_recognise(await self.info(), time.monotonic())) is not None:
            self.on_discontinuity(what)
        raise LogError("changed", "the last message that was handled is not there any more")
