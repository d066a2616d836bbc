"""Hold orders to go on from what a branch has now, until all that its aggregators sent before them is read (R13.19)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.saved import DamagedError, Saved, as_number, as_path, as_text
from fog_schema.errors import FrameError
from fog_schema.paths import Path

MOST_WAITING: Final = 1000


@dataclass(frozen=True, slots=True)
class Rebase:
    """An operator's order.

    Attributes:
        path: the branch.
        at: when the server stored the order, unix seconds.
        why: the reason, for people.
        author: the operator, for people.
    """

    path: Path
    at: float
    why: str = ""
    author: str = ""


class Rebases:
    """The orders that wait."""

    def __init__(self) -> None:
        self._waiting: list[Rebase] = []

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, order: Rebase) -> None:
        """Add an order.

        Raises:
            FrameError: too many wait.
        """
        if len(self._waiting) >= MOST_WAITING:
            raise FrameError("limit", f"{MOST_WAITING} orders to rebase wait for frames that are not read yet")
        if order not in self._waiting:  # it is read again
            self._waiting.append(order)

    def do(self, fleet: Fleet, until: float) -> list[tuple[Rebase, str]]:
        """Do what was ordered before `until`, server's time; return each order with why it changes nothing, if so."""
        ready = sorted((one for one in self._waiting if one.at < until), key=lambda one: one.at)
        self._waiting = [one for one in self._waiting if one.at >= until]
        return [(one, fleet.rebase(one.path, one.at)) for one in ready]

    def shift(self, seconds: float) -> None:
        """Follow a step of the server's clock."""
        self._waiting = [Rebase(one.path, one.at + seconds, one.why, one.author) for one in self._waiting]

    def image(self) -> Saved:
        """Return the orders that wait."""
        return Saved({"waiting": [(one.path, one.at, one.why, one.author) for one in self._waiting]})

    def restore(self, saved: Saved) -> None:
        """Take over the orders that waited, in place of those that are here."""
        waiting = saved.records("waiting", as_path, as_number, as_text, as_text)
        if len(waiting) > MOST_WAITING:
            raise DamagedError(f"{len(waiting)} orders wait, at most {MOST_WAITING} can")
        self._waiting = [Rebase(path, float(at), why, author) for path, at, why, author in waiting]
