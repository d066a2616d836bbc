"""Write down the steps that aggregators take, and compare: whoever has read the same has the same numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.following.scope import Scope
from fog_proving.sim.books import SUM, Books, Cells, Violation
from fog_proving.sim.bus import Stage, Streams
from fog_proving.sim.checks import totals_of
from fog_schema.commands import LIFT, QUARANTINE, decode_command

STEP: Final = 10_000
RETENTION: Final = 100_000
"""Milliseconds; few steps, as a history lets weeks pass at once."""


class Truths:
    """Remember what had been counted at each step that may still be taken.

    Args:
        books: The truth now.
    """

    def __init__(self, books: Books) -> None:
        self._books = books
        self._at: dict[int, Cells] = {}

    def pass_by(self, before: float, now: float) -> None:
        """Write down the truth of the steps between two moments, seconds; nothing is counted between them."""
        last = int(now * 1000) // STEP * STEP
        first = max(int(before * 1000) // STEP * STEP + STEP, last - RETENTION)
        for at in range(first, last + 1, STEP):
            self._at[at] = dict(self._books.truth[()])
        for at in [at for at in self._at if at < last - 2 * RETENTION]:
            del self._at[at]

    def compare(self, at: int, cells: Cells, *, exact: bool) -> None:
        """Compare the numbers of a step with the truth at it, or, unless `exact`, with the truth now.

        Raises:
            Violation: a number is above the truth.
        """
        truth = self._at.get(at, {}) if exact else self._books.truth[()]
        for cell, number in cells.items():
            counted = truth.get(cell, 0)
            if number > counted + self._books.slack(cell, counted):
                raise Violation(f"step {at}: {cell} is {number}, but {counted} were counted")


class StepBook:
    """The steps of all aggregators that read the same part of the tree, one after the other or side by side.

    Args:
        streams: The streams that they read.
        truths: The truth at steps.
        one_stream: Only one stream is counted: then a step's numbers are the same for everybody.
    """

    def __init__(self, streams: Streams, truths: Truths, *, one_stream: bool) -> None:
        self._streams = streams
        self._truths = truths
        self._one_stream = one_stream
        self._taken: dict[int, Cells] = {}

    @property
    def goes_back(self) -> bool:
        """Whether a step may be of an earlier time than the one before: a server's clock was set."""
        return any(stream.stepped for stream in self._streams.every())

    def taker(self, fleet: Callable[[], Fleet]) -> Taker:
        """Return what one run of an aggregator gives its steps to."""
        return Taker(self, fleet)

    def note(self, at: int, fleet: Fleet) -> None:
        """Write down the numbers of a step, or compare them with those that another run has written down.

        Raises:
            Violation: a number is above the truth, or not the one that was taken before, though no message was lost.
        """
        cells = {cell: number for cell, number in totals_of(fleet)[()].items() if cell.part != SUM}
        exact = self._one_stream and not self.goes_back  # else its time is not the truth's
        self._truths.compare(at, cells, exact=exact)
        before = self._taken.setdefault(at, cells)
        if any(decode_command(one.data).command in {QUARANTINE, LIFT} for one in self._streams.control.messages):
            return  # a step may be taken before an order is heard, and another reader hears it first
        if self._one_stream and not any(one.losses or one.wipes or one.stepped for one in self._streams.every()):
            for cell in before.keys() | cells.keys():
                mine, theirs = cells.get(cell, 0), before.get(cell, 0)
                if abs(mine - theirs) > 1e-12 * abs(theirs):
                    raise Violation(f"step {at}: {cell} is {mine}, and was {theirs} when it was taken before")


class Taker:
    """Takes the steps of one run.

    Args:
        book: Where they are written down.
        fleet: Gives the fleet of the moment.

    Attributes:
        length: Milliseconds from one step to the next.
        retention: How long a step is kept, milliseconds.
    """

    length = STEP
    retention = RETENTION

    def __init__(self, book: StepBook, fleet: Callable[[], Fleet]) -> None:
        self._book = book
        self._fleet = fleet
        self._last = 0

    def take(self, at: int, *, live: bool) -> None:
        """Take a step; each is later than the one before, by whole steps, unless a server's clock was set back.

        Raises:
            Violation: it is not.
        """
        del live
        if (at <= self._last and not self._book.goes_back) or at % STEP:
            raise Violation(f"step {at} comes after {self._last}")
        self._last = at
        self._book.note(at, self._fleet())


def book_of(stage: Stage, scope: Scope) -> StepBook:
    """Return the book of all who read the same."""
    if not stage.step_truths:
        stage.step_truths.append(Truths(stage.books))
    fresh = StepBook(stage.streams, stage.step_truths[0], one_stream=not scope.branches)
    book: StepBook = stage.step_books.setdefault((scope.path, tuple(sorted(scope.branches.patterns))), fresh)
    return book
