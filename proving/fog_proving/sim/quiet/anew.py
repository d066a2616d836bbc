"""Check branches that have begun anew, and orders below a branch, once all is quiet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from fog_aggregator.core.quarantine.orders import Order
from fog_proving.sim.books import SUM, Books, Cell, Cells, Violation
from fog_proving.sim.checks import cell_text, named, totals_of
from fog_proving.sim.program import Program
from fog_proving.sim.tiers import BRANCH, Member, Tiers

SKEW: Final = 7.0
"""Seconds by which two replicas differ about when an order was given."""
PATIENCE: Final = 12
"""So many intervals are enough for the root to hear what its replicas have."""


def branches_begin_anew(
    tiers: Tiers, programs: Sequence[Program], books: Books, now: Callable[[], float], beat: Callable[[], None]
) -> None:
    """Rebase a branch that has lost counts; in any other one take a path out, and in again.

    Raises:
        Violation: the root does not follow, or says nothing of lost counts.
    """
    (_count_on if _stands_still(tiers, books) else _take_out_and_in)(tiers, programs, books, now, beat)


def _stands_still(tiers: Tiers, books: Books) -> bool:
    """Tell whether the root has more than its replicas and says so.

    Raises:
        Violation: it has more and does not say so.
    """
    if BRANCH in tiers.root.running.fleet.lost_branches():
        return True
    if (cell := _ahead(tiers, books)) is not None:
        raise Violation(f"the root has more of {cell_text(cell)} than both replicas, and says nothing of lost counts")
    return False


def _count_on(
    tiers: Tiers, programs: Sequence[Program], books: Books, now: Callable[[], float], beat: Callable[[], None]
) -> None:
    """Rebase the branch: its totals do not move by that, and from then on they grow by what is counted.

    Raises:
        Violation: they do not.
    """
    root, start = tiers.root, _rebase(tiers, books, beat, away=int(now()) % 2 == 0)
    truth = dict(books.truth[BRANCH])
    for turn in range(3):
        for program in programs:
            if program.alive:
                program.workload.count(turn, turn)
        beat()
    root.checkpoint()
    root.crash(0)
    root.start()
    for _ in range(PATIENCE):
        beat()
        root.look(with_retired=False)
    after = _totals(root)
    for cell, counted in books.truth[BRANCH].items():
        grown, expected = after.get(cell, 0) - start.get(cell, 0), counted - truth.get(cell, 0)
        if cell.part != SUM and abs(grown - expected) > books.slack(cell, counted):
            raise Violation(
                f"{named(BRANCH)}: {cell_text(cell)} grew by {grown} after a rebase, and by {expected} in truth"
            )


def _rebase(tiers: Tiers, books: Books, beat: Callable[[], None], *, away: bool) -> Cells:
    """Give the command; return the root's totals. One that is away will read it with what is counted from now on.

    Raises:
        Violation: they fall by it.
    """
    root, before = tiers.root, _totals(tiers.root)
    if away:
        root.checkpoint()
        root.crash(0)
        tiers.order_rebase()
        return before
    tiers.order_rebase()
    beat()
    root.look(with_retired=False)
    after = _totals(root)
    for cell, number in before.items():
        if cell.part != SUM and after.get(cell, 0) < number - books.slack(cell, number):
            raise Violation(f"{cell_text(cell)} falls from {number} to {after.get(cell, 0)} by a rebase")
    return after


def _take_out_and_in(
    tiers: Tiers, programs: Sequence[Program], books: Books, now: Callable[[], float], beat: Callable[[], None]
) -> None:
    """Take a path below the branch out at its aggregators, and in again: the root follows them down, and up.

    Raises:
        Violation: it does not.
    """
    paths = sorted({program.path for program in programs if program.path[: len(BRANCH)] == BRANCH})
    before = _totals(tiers.root)
    for out in (True, False) if paths else ():
        for who, replica in enumerate(tiers.replicas):  # each takes it for another time, as after a step of a clock
            order = Order(now() - SKEW * who, out=out, why="it lies", stamp=int(now() * 1e9))
            replica.running.fleet.order(paths[0], order)
        for _ in range(PATIENCE):
            tiers.root.may_fall()
            beat()
        if len({replica.running.engine.origin.revision for replica in tiers.replicas}) > 1:
            raise Violation(f"the replicas of {named(BRANCH)} have done the same orders, and tell two revisions")
        if (cell := _ahead(tiers, books)) is not None:
            what = "out" if out else "in"
            raise Violation(
                f"{named(paths[0])} is taken {what}, and the root has more of {cell_text(cell)} than replicas"
            )
    after = _totals(tiers.root)
    for cell, number in before.items():
        if cell.part != SUM and after.get(cell, 0) < number - books.slack(cell, number):
            raise Violation(
                f"{cell_text(cell)} was {number}, and {after.get(cell, 0)} after a path was out and in again"
            )


def _ahead(tiers: Tiers, books: Books) -> Cell | None:
    """Return a cell that the root has more in than each of the replicas."""
    best: Cells = {}
    for replica in tiers.replicas:
        for cell, number in _totals(replica).items():
            best[cell] = max(best.get(cell, 0), number)
    ahead = (
        cell
        for cell, number in _totals(tiers.root).items()
        if cell.part != SUM and number > best.get(cell, 0) + books.slack(cell, number)
    )
    return next(ahead, None)


def _totals(member: Member) -> Cells:
    return dict(totals_of(member.running.fleet).get(BRANCH, {}))
