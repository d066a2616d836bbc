"""Know which paths an operator has taken out of the numbers, since when and why. Times are the server's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import takewhile
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeVar

from fog_aggregator.core.quarantine.read_orders import ReadOrders
from fog_aggregator.core.saved import (
    DamagedError,
    Saved,
    as_count,
    as_flag,
    as_list,
    as_number,
    as_path,
    as_text,
)
from fog_schema.errors import FrameError
from fog_schema.paths import Path

T = TypeVar("T")

QUARANTINED: Final = "quarantined"
"""The reason by which frames are counted that are not read."""
MOST_PATHS: Final = 1_000
"""Paths to which orders are known. An operator who has to take out more takes out a subtree."""
MOST_ORDERS: Final = 16
"""Orders that are remembered of one path: frames that are read late are judged by them."""
_MOMENT: Final = 1e-6
"""Seconds that an order is later than the one before it at least."""


class Taken(Enum):
    """The answer to an order."""

    NEW = "new"
    KNOWN = "known"
    """It was read before, or is not newer than what was read."""
    IN_VAIN = "in vain"
    """The path is out already, or is not out."""


@dataclass(frozen=True, slots=True)
class Order:
    """An operator's word about a path and all below it.

    Attributes:
        at: when the server stored it, unix seconds.
        out: take it out; else take it in again.
        why: the reason, for people.
        author: the operator, for people.
        stamp: what it bears in its stream, nanoseconds: no step of a clock moves it; 0 where that is not known.
    """

    at: float
    out: bool
    why: str = ""
    author: str = ""
    stamp: int = field(default=0, compare=False)

    @property
    def mark(self) -> int:
        """The number by which every reader knows it, nanoseconds; its time where its stamp is not known."""
        return self.stamp or round(self.at * 1e9)

    @property
    def in_vain(self) -> str:
        """Say for people why it changes nothing."""
        return "is in quarantine already" if self.out else "is not in quarantine itself: nothing is lifted"


class Settled(NamedTuple):
    """An order that has come into force.

    Attributes:
        path: the path that it is for.
        order: what it says.
        places: how many places it has taken out, or in.
    """

    path: Path
    order: Order
    places: int

    def as_event(self) -> tuple[str, dict[str, Any]]:
        """Return the name and the value of the event that tells of it."""
        value = {"why": self.order.why, "author": self.order.author, "places": self.places}
        return "quarantined" if self.order.out else "quarantine_lifted", value


class Untold:
    """Hold what has lowered totals and was not told yet: whoever shows them must forget what was exported of them.

    An order comes into force wherever all before it is read, in the midst of a batch too, and what it lowers is told at
    the next tick. A checkpoint of a moment in between has the order as done: without this part of it the values that
    were exported before would stay for ever.

    Attributes:
        settled: the orders that have come into force.
        replaced: the branches whose totals were replaced, maybe by lower ones (R13.20).
    """

    def __init__(self) -> None:
        self.settled: list[Settled] = []
        self.replaced: list[Path] = []

    def take_settled(self) -> list[Settled]:
        """Return `settled`, and begin it anew."""
        settled, self.settled = self.settled, []
        return settled

    def take_replaced(self) -> list[Path]:
        """Return `replaced`, and begin it anew."""
        replaced, self.replaced = self.replaced, []
        return replaced

    def image(self) -> Saved:
        """Return both."""
        rows = [(path, one.at, one.out, one.why, one.author, one.stamp, places) for path, one, places in self.settled]
        return Saved({"settled": rows, "replaced": list(self.replaced)})

    def restore(self, saved: Saved) -> None:
        """Take over what was not told when a checkpoint was made."""
        checks = (as_path, as_number, as_flag, as_text, as_text, as_count, as_count)
        for path, at, out, why, author, stamp, places in saved.records("settled", *checks):
            self.settled.append(Settled(path, Order(float(at), out, why, author, stamp), places))
        self.replaced = [as_path(path) for path in saved.value("replaced", as_list)]


class Quarantine:
    """The orders, and which of them are in force.

    A frame is judged by its own time: whenever it is read, and read again, it is judged in the same way. The numbers
    that are shown follow once all that was stored before an order is read.

    Attributes:
        read: the orders that were read, those in vain among them.
        untold: what has lowered totals, and nobody was told of yet; a part of its own.
    """

    def __init__(self) -> None:
        self.read = ReadOrders()
        self.untold = Untold()
        self._orders: dict[Path, list[Order]] = {}
        self._waiting: list[tuple[Path, Order]] = []
        self._in_force: dict[Path, Order] = {}

    def __bool__(self) -> bool:
        return bool(self._orders)

    @property
    def in_force(self) -> Mapping[Path, Order]:
        """The orders by which paths are out now; not to be changed."""
        return MappingProxyType(self._in_force)

    @property
    def known(self) -> Mapping[Path, list[Order]]:
        """All orders that are remembered, by path, in their order; not to be changed."""
        return MappingProxyType(self._orders)

    @property
    def done(self) -> dict[Path, list[Order]]:
        """The orders that are in force, or have ended one, by path, in their order."""
        waiting = set(self._waiting)
        return {path: [one for one in orders if (path, one) not in waiting] for path, orders in self._orders.items()}

    def add(self, path: Path, order: Order) -> Taken:
        """Take an order; it comes into force once all that was stored before it is read.

        Raises:
            FrameError: too many paths are out.
        """
        orders = self._orders.get(path, [])
        if self._was_read(path, order, orders):
            return Taken.KNOWN
        if order.out is bool(orders and orders[-1].out):
            return Taken.IN_VAIN
        if orders and order.at <= orders[-1].at:  # it was read after it: the server's clock was set back
            order = replace(order, at=orders[-1].at + _MOMENT)
        if path not in self._orders and len(self._orders) >= MOST_PATHS:
            self._forget_one()
        self._orders[path] = [*orders, order][-MOST_ORDERS:]
        self._waiting.append((path, order))
        return Taken.NEW

    def keeps_out(self, path: Path, at: float) -> bool:
        """Tell whether a frame that the server stored at a time is not to be read."""
        for orders in _over(self._orders, path):
            before = [order for order in orders if order.at <= at]
            if before and before[-1].out:
                return True
        return False

    def over(self, path: Path) -> Order | None:
        """Return an order by which a path is out now: its own, or that of a path above it."""
        return next(_over(self._in_force, path), None)

    def lifted_at(self, path: Path) -> float:
        """Return when a path was taken in again, by the last order for it or for a path above it; 0 when it was not."""
        lasts = (orders[-1] for orders in _over(self._orders, path))
        return max((order.at for order in lasts if not order.out), default=0.0)

    def pop_ready(self, until: float) -> list[tuple[Path, Order]]:
        """Put the orders into force that were given before `until`, and return them.

        None overtakes another: whoever reads them, they come into force in the order of their stream.
        """
        ready = list(takewhile(lambda one: one[1].at < until, self._waiting))
        self._waiting = self._waiting[len(ready) :]
        for path, order in ready:
            if order.out:
                self._in_force[path] = order
            else:
                self._in_force.pop(path, None)
        return ready

    def shift(self, seconds: float) -> None:
        """Follow a step of the server's clock: else what is out would be read until the clock is there again."""
        self._orders = {path: [_moved(order, seconds) for order in orders] for path, orders in self._orders.items()}
        self._waiting = [(path, _moved(order, seconds)) for path, order in self._waiting]
        self._in_force = {path: _moved(order, seconds) for path, order in self._in_force.items()}

    def stamp(self, stamps: Mapping[Path, Sequence[int]]) -> None:
        """Give the orders of a checkpoint their stamps, by path; those that wait do so in the order of `read`.

        Raises:
            DamagedError: they are of other orders.
        """
        if {path: len(those) for path, those in stamps.items()} != {path: len(o) for path, o in self._orders.items()}:
            raise DamagedError("there are stamps of other orders")
        stamped = {
            (path, order): replace(order, stamp=stamp)
            for path, orders in self._orders.items()
            for order, stamp in zip(orders, stamps[path], strict=True)
        }
        self._orders = {path: [stamped[path, order] for order in orders] for path, orders in self._orders.items()}
        self._in_force = {path: stamped[path, order] for path, order in self._in_force.items()}
        place = {key: number for number, key in enumerate(self.read.known)}
        waiting = [(path, stamped[path, order]) for path, order in self._waiting]
        self._waiting = sorted(waiting, key=lambda one: place.get((one[0], one[1].stamp), -1))

    def image(self) -> Saved:
        """Return the orders, and whether each is in force, or has ended one."""
        waiting = set(self._waiting)
        rows = [
            (path, order.at, order.out, order.why, order.author, (path, order) in waiting)
            for path, orders in self._orders.items()
            for order in orders
        ]
        return Saved({"orders": rows})

    def restore(self, saved: Saved) -> None:
        """Take over the orders of a checkpoint."""
        checks = (as_path, as_number, as_flag, as_text, as_text, as_flag)
        for path, at, out, why, author, waits in saved.records("orders", *checks):
            order = Order(float(at), out, why, author)
            orders = self._orders.setdefault(path, [])
            if not path or (orders and order.at <= orders[-1].at) or len(self._orders) > MOST_PATHS:
                raise DamagedError(f"an order to {path} cannot be there")
            orders.append(order)
            if waits:
                self._waiting.append((path, order))
            elif out:
                self._in_force[path] = order
            else:
                self._in_force.pop(path, None)
        self._waiting.sort(key=lambda one: one[1].at)  # saved by path; their stamps tell better, where they are known

    def _was_read(self, path: Path, order: Order, orders: Sequence[Order]) -> bool:
        """Tell whether an order was read before: by its stamp, and by its time where that was forgotten."""
        known = self.read.add(path, order.stamp) if order.stamp else None
        return bool(orders) and order.at <= orders[-1].at if known is None else known

    def _forget_one(self) -> None:
        """Forget the path that was taken in again longest ago."""
        waiting = {path for path, _ in self._waiting}
        ended = {
            path: orders[-1].at
            for path, orders in self._orders.items()
            if path not in self._in_force and path not in waiting
        }
        if not ended:
            raise FrameError("limit", f"{MOST_PATHS} paths are in quarantine: take out a subtree, or lift some")
        del self._orders[min(ended, key=lambda path: ended[path])]


def _moved(order: Order, seconds: float) -> Order:
    return replace(order, at=order.at + seconds)


def _over(known: Mapping[Path, T], path: Path) -> Iterator[T]:
    """Return what is known of a path and of those above it, the highest first."""
    for tokens in range(1, len(path) + 1):
        found = known.get(path[:tokens])
        if found is not None:
            yield found
