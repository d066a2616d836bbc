"""Read the frames of one question from the stream, within bounds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from fog_aggregator.components.past.errors import PastError
from fog_aggregator.components.past.metrics import PastMetrics
from fog_aggregator.past.replay import Question
from fog_bus.ports import Log, LogError, LogReader, Message, Position, StreamInfo
from fog_schema.paths import Path
from fog_schema.subjects import Subjects

MOST_BYTES: Final = 256 * 1024 * 1024
"""Bytes of frames that one question may read."""
_SILENCES: Final = 2
"""Heartbeats without messages after which nothing more is waited for: what was pending has expired meanwhile."""


@dataclass(frozen=True, slots=True)
class Frames:
    """Where frames are read, and how many at most. Belongs to one event loop.

    Attributes:
        open_log: returns the log of a stream.
        subjects: turns paths into subjects.
        scope: the subtree that the aggregator reads.
        most: frames that one question may read.
        metrics: counts.
    """

    open_log: Callable[[str], Log]
    subjects: Subjects
    scope: Path
    most: int
    metrics: PastMetrics

    async def look(self, stream: str, until: Position) -> StreamInfo:
        """Tell what a stream is that was read up to a position.

        Raises:
            PastError: it is another one, or does not answer.
        """
        try:
            info = await self.open_log(stream).info()
        except LogError as error:
            raise _unreadable(stream, error) from error
        if info.created != until.created:
            raise PastError(f"the stream {stream} was replaced just now: ask again in some seconds", 503)
        return info

    async def read(
        self, stream: str, question: Question, until: Position, take: Callable[[Sequence[Message]], Awaitable[None]]
    ) -> None:
        """Hand all frames of a question to `take`, in order, up to a position of a stream.

        The stream forgets the reader when this ends, however it ends.

        Raises:
            PastError: they are too many, or cannot be read.
        """
        try:
            reader = await self.open_log(stream).open_at(question.reach, question.subjects(self.subjects, self.scope))
            try:
                await self._read(reader, until, take)
            finally:
                await reader.close()
        except LogError as error:
            raise _unreadable(stream, error) from error

    async def _read(
        self, reader: LogReader, until: Position, take: Callable[[Sequence[Message]], Awaitable[None]]
    ) -> None:
        if reader.pending > self.most:
            raise _too_much(f"{reader.pending:,} frames, and a question may read {self.most:,}")
        size = silences = 0
        while reader.pending and silences < _SILENCES:
            messages = await reader.next()
            silences = 0 if messages else silences + 1
            mine = [message for message in messages if message.seq <= until.seq]
            self.metrics.frames.increment(len(messages))
            size += sum(len(message.data) for message in mine)
            if size > MOST_BYTES:
                raise _too_much(f"more than {MOST_BYTES:,} bytes of frames, which is what a question may read")
            if mine:
                await take(mine)
            if len(mine) < len(messages):
                break


def _unreadable(stream: str, error: LogError) -> PastError:
    return PastError(f"the stream {stream} cannot be read now: {error}", 503)


def _too_much(found: str) -> PastError:
    return PastError(
        f"the answer lies in {found}: ask for a later beginning or for a deeper path; of whole levels the history "
        "has rollups at hand"
    )
