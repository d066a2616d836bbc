"""Apply messages in slices of time: whatever they cost, others have their turn in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from fog_bus.ports import Message

SLICE_SECONDS: Final = 0.010
"""How long messages are applied without a pause; the last one may take longer."""


class Slice:
    """The messages of one slice: an iterator that ends when the time is over.

    Args:
        messages: The messages to apply, in order; at least the first one is handed out.
        clock: Seconds that never go back.

    Attributes:
        taken: How many messages were handed out.
    """

    def __init__(self, messages: Sequence[Message], clock: Callable[[], float]) -> None:
        self.taken = 0
        self._messages = messages
        self._clock = clock

    def __iter__(self) -> Iterator[Message]:
        """Hand out messages; whoever asks for the next one is done with the one before."""
        clock = self._clock
        end = clock() + SLICE_SECONDS
        for message in self._messages:
            self.taken += 1
            yield message
            if clock() >= end:
                return
