"""Do what operators command: forget, quarantine and lift, rebase."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from fog_aggregator.core.commands.awaited import AwaitedCommands
from fog_aggregator.core.commands.forget_queue import ForgetQueue
from fog_aggregator.core.commands.own_origin import OwnOrigin
from fog_aggregator.core.commands.rebases import Rebase, Rebases
from fog_aggregator.core.engine.ports import Surroundings
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.places.limits import MOST_REVISED
from fog_aggregator.core.places.origin import Origin
from fog_aggregator.core.places.patterns import BranchPatterns
from fog_aggregator.core.quarantine.orders import Order, Settled, Taken
from fog_aggregator.core.saved import Part
from fog_bus.ports import Message
from fog_schema.commands import FORGET, LIFT, QUARANTINE, REBASE, Command
from fog_schema.paths import Path, format_path

REBASED: Final = "rebased"
"""The name of the event that tells of a rebase."""


class OperatorCommands:
    """The commands that wait, and what is done with them. Times are the server's, unix seconds.

    Args:
        around: the log, and the read side.
        branches: the places that come as rollups: an order below one changes its totals, and by these ours.

    Attributes:
        awaited: whether all were read that were given before.
    """

    def __init__(self, around: Surroundings, branches: BranchPatterns) -> None:
        self.awaited = AwaitedCommands()
        self._around = around
        self._branches = branches
        self._forget_queue = ForgetQueue()
        self._rebases = Rebases()
        self._origin = OwnOrigin(around.incarnation)

    @property
    def parts(self) -> dict[str, Part]:
        """The parts of a checkpoint, by name."""
        return {
            "forget_queue": self._forget_queue,
            "rebases": self._rebases,
            "origin": self._origin,
            "revisions": self._origin.revisions,
        }

    def resume(self, fleet: Fleet) -> None:
        """Go on from a checkpoint, with a fleet that has its orders."""
        done = ((order, path) for path, orders in fleet.quarantine.done.items() for order in orders)
        ours = (order for order, path in done if self._is_ours(path))
        self._origin.resume(order.mark for order in sorted(ours, key=lambda order: order.at))

    def origin(self, fleet: Fleet) -> Origin:
        """Return which state our totals come from: its incarnation, and what was taken out of it until now."""
        below = fleet.revisions
        if len(below) > MOST_REVISED:
            text = f"orders are known below {len(below)} branches: a parent hears of those below {MOST_REVISED} alone"
            self._around.say("revisions", text, None)
        return self._origin.at(below)

    def shift(self, seconds: float) -> None:
        """Follow a step of the server's clock."""
        self._forget_queue.shift(seconds)
        self._rebases.shift(seconds)

    def take(self, fleet: Fleet, path: Path, command: Command, stored_at: float, stamp: int) -> None:
        """Take a command to a path.

        Args:
            fleet: does it.
            path: the path that it is for.
            command: what it says.
            stored_at: when the server stored it, unix seconds.
            stamp: what it bears in its stream, nanoseconds: the same for whoever reads it.

        Raises:
            FrameError: it cannot be done.
        """
        if command.command == FORGET:
            self._forget_queue.add(path, stored_at)
        elif command.command in (QUARANTINE, LIFT):
            self._take_order(fleet, path, command, stored_at, stamp)
        elif command.command == REBASE:
            self._rebases.add(Rebase(path, stored_at, command.comment, command.author))
        elif self._around.take_command is not None:
            self._around.take_command(path, command, stored_at)

    def forget(self, fleet: Fleet, until: float, departed_after: float) -> list[tuple[Path, float, list[Path]]]:
        """Do the requests to forget that were made before `until`: it is known by now which nodes had departed."""
        done = []
        for under, at in self._forget_queue.pop_ready(until):
            done.append((under, at, fleet.forget(under, at, departed_after)))
            self._around.read_side.forget_ended()
        return done

    def settle(self, fleet: Fleet, events: EventList, until: float, now: float) -> list[Settled]:
        """Take out of what is shown, or in again, what was ordered before `until`; return what was done."""
        fleet.settle_orders(until)
        settled = fleet.take_settled()
        if fallen := [*(one.path for one in settled), *fleet.take_replaced()]:
            self._around.read_side.forget_exported(fallen)
        for one in settled:
            if self._is_ours(one.path):
                self._origin.revisions.order(one.order.mark)
            events.report(one.path, *one.as_event(), now)
        return settled

    def rebase(self, fleet: Fleet, events: EventList, until: float, now: float) -> None:
        """Do the rebases that were ordered before `until`."""
        for order, in_vain in self._rebases.do(fleet, until) if self._rebases else ():
            name = format_path(order.path)
            if in_vain:
                self._around.say(f"rebase {name}", f"{name} {in_vain}: nothing is rebased", None)
            else:
                events.report(order.path, REBASED, {"why": order.why, "author": order.author}, now)
                self._around.say(f"rebase {name}", f"{name} counts on from what it has now: {order.why}", None)

    def rebasing(self, fleet: Fleet, events: EventList, messages: Iterable[Message], now: float) -> Iterator[Message]:
        """Yield frames of branches, and do each rebase between those that were stored before and after it."""
        for message in messages:
            if self._rebases:
                self.rebase(fleet, events, message.timestamp, now)
            yield message

    def _is_ours(self, path: Path) -> bool:
        """Tell whether an order about a path changes our totals by itself, and not by those of a branch above it."""
        return not self._branches.cover(path[:-1])

    def _take_order(self, fleet: Fleet, path: Path, command: Command, stored_at: float, stamp: int) -> None:
        """Take an operator's order about a path; one that changes nothing is answered in the log."""
        order = Order(stored_at, command.command == QUARANTINE, command.comment, command.author, stamp)
        if fleet.order(path, order) is Taken.IN_VAIN:
            self._around.say(f"quarantine {format_path(path)}", f"{format_path(path)} {order.in_vain}", None)
