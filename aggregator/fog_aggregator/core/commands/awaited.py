"""Wait for the commands that were given before a message, but not for ever: their stream may be gone. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fog_aggregator.core.engine.cursor import StreamCursor

LONGEST_WAIT: Final = 8.0
"""Seconds for which totals of branches wait. Where the stream of commands is there, it is read in a moment."""


class AwaitedCommands:
    """Whether the streams of commands are read to where they ended when reading began. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._since: float | None = None

    def must_be_awaited(self, cursors: Mapping[str, StreamCursor], now: float) -> bool:
        """Tell whether to wait: some stream is not read yet, and it was not waited for long enough.

        A stream that is not there has no commands. Waiting begins anew once all have been read.
        """
        if all(cursor.caught_up or cursor.is_absent for cursor in cursors.values()):
            self._since = None
            return False
        if self._since is None:
            self._since = now
        return now - self._since < LONGEST_WAIT

    def unread(self, cursors: Mapping[str, StreamCursor], now: float, clock: str = "") -> dict[str, str]:
        """Return the streams from which no commands come, with the reason for people.

        Args:
            cursors: The streams of commands.
            now: Monotonic seconds.
            clock: The stream whose server has to tell its time before commands can be dated; empty once it has.
        """
        found = {}
        for name, cursor in cursors.items():
            if cursor.is_absent:
                found[name] = "it is not there; `fog streams apply` creates it"
            elif clock:
                found[name] = f"they wait for the stream {clock}: nobody has told the time by which they are dated"
            elif not cursor.is_connected(now):
                found[name] = "it does not answer"
        return found
