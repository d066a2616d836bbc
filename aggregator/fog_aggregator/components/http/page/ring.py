"""Keep the newest messages of a stream for those who follow it. Without clock and loop."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final, Protocol

from fog_schema.paths import Path

MOST_MESSAGES: Final = 4_096
MOST_BYTES: Final = 8 * 1024 * 1024


class Message(Protocol):
    """Something that happened; each follower is shown its part of the tree."""

    @property
    def kind(self) -> str:
        """The type of the event that a browser sees."""

    @property
    def size(self) -> int:
        """Bytes that it takes, about."""

    def shown(self, under: Path) -> bytes:
        """Return the part at and under a path as a line of JSON; empty where there is nothing."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """A message and its number."""

    number: int
    message: Message


class Ring:
    """The newest messages, at most so many and so many bytes; the oldest go first, whoever still reads them.

    Followers read from here, each from its own number on: so a slow one takes no memory, and learns what it missed.
    Belongs to one event loop.

    Args:
        most: How many messages.
        most_bytes: How many bytes.

    Attributes:
        last: The number of the newest message; numbers begin at 1.
        bytes: The bytes that the messages take.
    """

    def __init__(self, most: int = MOST_MESSAGES, most_bytes: int = MOST_BYTES) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._messages: deque[Numbered] = deque()
        self.last = 0
        self.bytes = 0

    def add(self, message: Message) -> None:
        """Take a message; one that is larger than all may be is left out, and its number is missed by everybody."""
        self.last += 1
        self._messages.append(Numbered(self.last, message))
        self.bytes += message.size
        while len(self._messages) > self._most or self.bytes > self._most_bytes:
            self.bytes -= self._messages.popleft().message.size

    def reaches(self, number: int) -> bool:
        """Tell whether everything after a number is still here."""
        first = self._messages[0].number if self._messages else self.last + 1
        return first - 1 <= number <= self.last

    def after(self, number: int, most: int = 256) -> list[Numbered]:
        """Return the messages after a number that are still here, oldest first, at most so many."""
        first = self._messages[0].number if self._messages else self.last + 1
        begin = max(0, number + 1 - first)
        return [self._messages[place] for place in range(begin, min(len(self._messages), begin + most))]

    def clear(self) -> None:
        """Let all messages go: nobody follows."""
        self._messages.clear()
        self.bytes = 0
        self.last += 1
