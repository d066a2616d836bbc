"""Know which replicas of a branch its totals are joined from: after a loss, or an operator's order, not all (R13.17).

A replica is one run of an aggregator of the branch. It has `caught_up` once it had all that was joined: then it is a
replica of the same truth. One that never had may have lost counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from fog_aggregator.core.places.origin import Origin
from fog_aggregator.core.saved import DamagedError, as_count, as_flag, as_list, as_number
from fog_schema.limits import MAX_EPOCH, MAX_WHOLE

MOST_TRUSTED: Final = 16
"""Incarnations that are remembered."""


@dataclass(slots=True)
class ReplicaRun:
    """One replica.

    Attributes:
        origin: what its keyframes say.
        caught_up: it has had all that was joined.
    """

    origin: Origin
    caught_up: bool = False


class Succession:
    """The replicas of one branch.

    Attributes:
        runs: the replicas that have begun a keyframe, by their epochs.
        accepted: the incarnation that is joined since the last rebase; None while all are.
        revision: the revision of the joined totals: those of a lower one do not know the last order yet.
        trusted: the incarnations that have had a replica which caught up, the last one at the end.
        rebased_at: when the last rebase was ordered, server's time; 0 before any.
        quarantined: how many nodes of the branch are out, as the replica whose coverage counts says.
    """

    def __init__(self) -> None:
        self.runs: dict[int, ReplicaRun] = {}
        self.accepted: int | None = None
        self.revision = 0
        self.trusted: list[int] = []
        self.rebased_at = 0.0
        self.quarantined = 0

    def origin(self, epoch: int) -> Origin | None:
        """Return what a replica's keyframes say; None before the first one."""
        run = self.runs.get(epoch)
        return None if run is None else run.origin

    def has_caught_up(self, epoch: int) -> bool:
        """Tell whether a replica has had all that was joined."""
        run = self.runs.get(epoch)
        return run is not None and run.caught_up

    def hear(self, epoch: int, info: Mapping[str, str] | None) -> None:
        """Take note of what a keyframe's information says; None when there was no room for it."""
        run = self.runs.get(epoch)
        if run is None:
            self.runs[epoch] = ReplicaRun(Origin.of(info or {}))
        elif info is not None:
            run.origin = Origin.of(info)

    def joins(self, epoch: int) -> bool:
        """Tell whether a replica's counts are joined."""
        origin = self.origin(epoch)
        return origin is not None and self._is_accepted(origin) and origin.revision == self.revision

    def replaces(self, epoch: int, *, anything_joined: bool) -> bool:
        """Tell whether a complete replica takes the place of what was joined: it knows a later order.

        One whose state may have lost counts does not: what it lacks is not all by the order. Where all that was joined
        came from replicas that say no incarnation, which are of an earlier version, nothing tells whether it has lost
        some. It is believed then: else the totals would stand still after each upgrade of a branch with orders.
        """
        origin = self.origin(epoch)
        if origin is None or origin.revision <= self.revision or not self._is_accepted(origin):
            return False
        return origin.incarnation in self.trusted or not anything_joined or {*self.trusted} == {Origin().incarnation}

    def replace(self, epoch: int) -> None:
        """Let a replica's totals be those that others are joined to."""
        self.revision = self.runs[epoch].origin.revision
        self.trust(epoch)

    def trust(self, epoch: int) -> None:
        """Take note that a replica has all that was joined."""
        run = self.runs[epoch]
        run.caught_up = True
        incarnation = run.origin.incarnation
        others = [one for one in self.trusted if one != incarnation]
        self.trusted = [*others, incarnation][-MOST_TRUSTED:]

    def assume(self, epochs: Iterable[int]) -> None:
        """Take replicas for whole, and all that was joined for theirs: they said no incarnation."""
        self.trusted = [Origin().incarnation]
        for epoch in epochs:
            self.hear(epoch, None)
            self.trust(epoch)

    def speaks(self, epoch: int) -> bool:
        """Tell whether a replica knows which label sets have left: one that has lost counts does not."""
        return self.has_caught_up(epoch) and self.joins(epoch)

    def accept(self, epochs: Iterable[int], at: float) -> None:
        """Join the incarnation of some replicas alone, by an operator's word of a time; these are the newest ones."""
        chosen = list(epochs)
        origins = [self.origin(epoch) or Origin() for epoch in chosen]
        self.accepted, self.trusted, self.rebased_at = origins[-1].incarnation, [], at
        self.revision = max(origin.revision for origin in origins if self._is_accepted(origin))
        for epoch in chosen:
            if self.joins(epoch):
                self.trust(epoch)

    def shift(self, seconds: float) -> None:
        """Follow a step of the server's clock."""
        self.rebased_at += seconds if self.rebased_at else 0.0

    def forget(self, epoch: int) -> None:
        """Forget a replica that has ended."""
        self.runs.pop(epoch, None)

    def _is_accepted(self, origin: Origin) -> bool:
        return self.accepted is None or origin.incarnation == self.accepted

    def image(self) -> tuple[object, ...]:
        """Return all of it as plain values."""
        runs = [(epoch, tuple(run.origin), run.caught_up) for epoch, run in self.runs.items()]
        return (runs, self.accepted, self.revision, self.trusted, self.rebased_at, self.quarantined)

    def restore(self, saved: tuple[object, ...]) -> None:
        """Take over what `image` returned.

        Raises:
            DamagedError: it is something else.
        """
        runs, accepted, revision, trusted, rebased_at, quarantined = saved
        for one in as_list(runs):
            epoch, origin, caught_up = as_list(one) if len(as_list(one)) == 3 else (0, None, False)
            known = Origin(*_numbers(origin, len(Origin._fields)))
            self.runs[_epoch(epoch)] = ReplicaRun(known, as_flag(caught_up))
        self.accepted = None if accepted is None else _epoch(accepted, least=0)
        self.revision, self.quarantined = as_count(revision), as_count(quarantined)
        self.trusted = [_epoch(one, least=0) for one in as_list(trusted)][:MOST_TRUSTED]
        self.rebased_at = float(as_number(rebased_at))


def _epoch(value: object, least: int = 1) -> int:
    if not least <= as_count(value) <= MAX_EPOCH:
        raise DamagedError(f"{value!r} is no epoch")
    return as_count(value)


def _numbers(value: object, count: int) -> list[int]:
    numbers = [as_count(one) for one in as_list(value)]
    if len(numbers) != count or max(numbers[1:]) > MAX_WHOLE or numbers[0] > MAX_EPOCH:
        raise DamagedError(f"{value!r} is no origin of a replica")
    return numbers
