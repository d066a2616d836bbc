"""Follow /api/stream: come back after a break, and go on after the last message."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPException
from typing import Final

from fog_cli.api import Api
from fog_cli.errors import AnswerError, CommandError
from fog_cli.live.messages import Message, Messages

SILENCE: Final = 15.0
"""Seconds without a message after which the aggregator is away: it sends one every 2 s."""
LONGEST_WAIT: Final = 30.0
_PIECE: Final = 65_536


def _sleep(seconds: float) -> bool:
    time.sleep(seconds)
    return True


@dataclass(frozen=True, slots=True)
class Break:
    """The stream ended: why, and in how many seconds it is tried again."""

    reason: str
    wait: float


@dataclass(slots=True)
class Following:
    """One who follows the stream. Blocks; belongs to one thread.

    Attributes:
        api: The aggregator.
        path: The place at and under which it is told what changes.
        pause: Waits so many seconds; returns whether to go on.
        last_id: The id of the last message.
    """

    api: Api
    path: str = ""
    pause: Callable[[float], bool] = _sleep
    last_id: str = ""

    def __iter__(self) -> Iterator[Message | Break]:
        """Return all that is told, and each break; it ends when `pause` says so.

        Raises:
            CommandError: The first attempt fails, or a later one is refused for good (status 4xx).
        """
        wait, begun = 0.0, False
        while True:
            try:
                for message in self._connection():
                    begun, wait = True, 0.0
                    yield message
                reason = "the aggregator ended the stream"
            except CommandError as error:
                if not begun or (isinstance(error, AnswerError) and error.status < 500):
                    raise
                reason = str(error)
            except (OSError, ValueError, HTTPException) as error:
                reason = str(error) or type(error).__name__
                if not begun:
                    raise self.api.silence(error) from None
            if wait:  # the first attempt comes at once: a stream ends by itself every 15 minutes
                yield Break(reason, wait)
            if not self.pause(wait or 0.1):
                return
            wait = min(LONGEST_WAIT, wait * 2 or 1.0)

    def _connection(self) -> Iterator[Message]:
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": self.last_id} if self.last_id else {})
        messages = Messages()
        with self.api.open("/api/stream", {"path": self.path}, headers=headers, timeout=SILENCE) as answer:
            if answer.headers.get_content_type() != "text/event-stream":
                raise CommandError(f"{self.api.url} is no aggregator: its answer to /api/stream is no stream")
            while piece := answer.read1(_PIECE):
                for message in messages.feed(piece):
                    self.last_id = message.id or self.last_id
                    yield message
