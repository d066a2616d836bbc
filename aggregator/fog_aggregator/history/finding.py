"""Read what a selector found: from blocks and the head to samples, with a stale marker where a series ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from fog_aggregator.promql.errors import QueryTimeoutError
from fog_aggregator.promql.labels import Labels
from fog_aggregator.promql.storage import STALE, Floats, Ints, Mask, Part, parts_of_grid


def _never() -> bool:
    return False


class Readable(Protocol):
    """The values of one level at some steps."""

    def read(self, wanted: Ints, known: int, values: Floats, present: Mask) -> Ints:
        """Write some series into a matrix [series x steps]; return the lines of the counters that began here."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some steps that follow each other.

    Attributes:
        times: Of all steps of the source, in milliseconds.
        source: Has the values; None where the level was not kept.
        begin, stop: The steps that are wanted, by their places.
    """

    times: Ints
    source: Readable | None
    begin: int = 0
    stop: int = 0

    def between(self, begin: int, stop: int) -> Piece:
        """Return the same source with these steps wanted."""
        return replace(self, begin=begin, stop=stop)

    @property
    def wanted_times(self) -> Ints:
        """The times of the steps that are wanted."""
        return self.times[self.begin : self.stop]

    def read(self, numbers: Ints, known: int, values: Floats, present: Mask) -> Ints:
        """Write the steps that are wanted; return the lines of the counters that began here, at any step."""
        if self.source is None:
            return np.zeros(0, np.int64)
        if self.stop - self.begin == len(self.times):
            return self.source.read(numbers, known, values, present)
        all_values = np.empty((len(numbers), len(self.times)))
        all_present = np.zeros(all_values.shape, np.bool_)
        born = self.source.read(numbers, known, all_values, all_present)
        values[:] = all_values[:, self.begin : self.stop]
        present[:] = all_present[:, self.begin : self.stop]
        return born[~all_present[born, : self.begin].any(axis=1)]


@dataclass(frozen=True, slots=True)
class Found:
    """Series that were found; immutable, to be read in any thread.

    Attributes:
        labels: The series.
        numbers: Their numbers.
        pieces: The steps: those that are wanted, and one before if there is one.
        known: How many numbers there are.
        start: The first time that is wanted, in milliseconds.
    """

    labels: Sequence[Labels]
    numbers: Ints
    pieces: Sequence[Piece]
    known: int
    start: int

    @property
    def size(self) -> int:
        """The number of values that `read` will hold."""
        return len(self.labels) * sum(len(piece.wanted_times) for piece in self.pieces)

    def read(self, *, births: bool = False, expired: Callable[[], bool] = _never) -> list[Part]:
        """Return the samples. A series that ends has a stale marker at the first step without it.

        Args:
            births: A counter that began while it was watched has a zero at the step before its first.
            expired: Tells whether nobody wants them any more; it is asked before each block.

        Raises:
            QueryTimeoutError: nobody does.
        """
        if not self.size:
            return []
        times = np.concatenate([piece.wanted_times for piece in self.pieces])
        values, present = np.empty((len(self.labels), len(times))), np.zeros((len(self.labels), len(times)), np.bool_)
        at = 0
        for piece in self.pieces:
            if expired():
                raise QueryTimeoutError("the query ended before the history was read")
            end = at + piece.stop - piece.begin
            born = piece.read(self.numbers, self.known, values[:, at:end], present[:, at:end])
            if births and born.size:
                first = at + present[born, at:end].argmax(axis=1)
                lines, steps = born[first > 0], first[first > 0] - 1
                values[lines, steps], present[lines, steps] = 0.0, True
            at = end
        low = int(times[0] < self.start)
        if not present.all():
            ended = present[:, :-1] & ~present[:, 1:]
            values[:, 1:][ended] = STALE
            present[:, 1:] |= ended
        return parts_of_grid(self.labels, times[low:], values[:, low:], present[:, low:])
