"""Decide which of several families is shown that cannot all be: they share the name of a sample (R12.27)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from fog_aggregator.core.saved import DamagedError, Saved, as_count
from utilityfog_frontend.telemetry import model
from utilityfog_frontend.telemetry.names import sample_names

if TYPE_CHECKING:
    from fog_aggregator.core.families.known import Family

NO_NAMES: Final[frozenset[str]] = frozenset()


class Clashes:
    """The families that clash, and the decisions about them.

    A decision holds while any count of the family that is shown exists: a sample must not change its meaning with who
    is live this moment. It is made when a view is, or a sweep.

    Attributes:
        contested: families that share the name of a sample with another one.
        shown: those of them that are shown.
        settled: so many families there were at the last decision.
        version: grows whenever families are contested anew, let go of, or decided about.
    """

    def __init__(self) -> None:
        self.contested: set[int] = set()
        self.shown: set[int] = set()
        self.settled = 0
        self.version = 0
        self._present: set[int] | None = set()
        self._alone: set[int] = set()
        self._free: set[int] = set()
        self._reused: set[int] = set()
        self._owners: dict[str, set[int]] = defaultdict(set)
        self._names: list[frozenset[str]] = []
        self._order: dict[int, int] = {}
        self._rank: dict[int, int] | None = None

    @property
    def decided(self) -> bool:
        """Tell whether nothing is to be decided."""
        return self._present is not None

    def learn(self, families: Sequence[Family], *, final: bool) -> bool:
        """Learn the families that are new; return whether there is something to decide; `final`: as in `decide`."""
        self._number(families, self.settled)
        before = len(self.contested)
        known = set(self.contested) if self.settled < len(families) or self._free else self.contested
        self._number(families, len(families))
        self._number_anew(families)
        if len(self.contested) > before:
            news = self.contested - known - self._reused
            self._alone |= {number for number in news if number < self.settled}
            self._present = None
            self.version += 1
        elif self.decided and final:
            self._settle(families)
        return not self.decided

    def decide(
        self, families: Sequence[Family], present: Collection[int], holders: Mapping[int, float], *, final: bool
    ) -> None:
        """Decide anew what is not decided yet, or whose every count has gone.

        Args:
            families: by number.
            present: the contested ones that have a count, or a value of a writer that may come back.
            holders: how many live nodes have each.
            final: the decision stands; else it is for one view, and is made again.
        """
        self.version += 1
        by_holders = sorted(self.contested, key=lambda number: (-holders.get(number, 0.0), families[number].key))
        self._order = {number: place for place, number in enumerate(by_holders)}
        self.shown = (self.shown | self._alone) & set(present)  # one that was shown alone until now goes on
        self._rank = None
        if final:
            self.shown = self._fitting(present)
            self._alone, self._present = set(), set(present)
            self._rank = None
            self._settle(families)

    def stands(self, present: Collection[int]) -> bool:
        """Tell whether the last decision was about the same families: another one would be the same."""
        return self._present == set(present)

    def forget_families(self, families: Iterable[int]) -> None:
        """Forget decisions about families that are let go of: no count of them is left; numbers are given out again."""
        for number in families:
            if number < len(self._names):
                self._disown(number)
                self._free.add(number)
                self._reused.discard(number)
                self.version += 1
        self._order = {number: place for number, place in self._order.items() if number in self.contested}
        self.shown &= self.contested
        self._alone &= self.contested
        self._rank = None

    def rank(self) -> Mapping[int, int]:
        """Return the place of each contested family in the order in which they are shown, those first that are.

        Every view asks, and it seldom changes: it is remembered.
        """
        if self._rank is None:
            shown, others = self.contested & self.shown, self.contested - self.shown
            order = [*sorted(shown, key=self._place), *sorted(others, key=self._place)]
            self._rank = {number: place for place, number in enumerate(order)}
        return self._rank

    def hidden(self, present: Collection[int]) -> set[int]:
        """Return which of some families that clash are not shown when all of them are in a view."""
        return set(present) - (self.shown if self.stands(present) else self._fitting(present))

    def image(self) -> Saved:
        """Return the decisions; a family that was shown alone until now goes on."""
        lasting = self.shown | self._alone
        order = sorted(self._order.keys() | self._alone, key=self._place)
        shown = [number in lasting for number in order]
        return Saved(
            {"settled": self.settled}, {"ranked": np.array(order, np.int64), "shown": np.array(shown, np.bool_)}
        )

    def restore(self, saved: Saved) -> None:
        """Take over the decisions of a checkpoint; what was not decided is decided with the next view or sweep."""
        self._present = None
        self.settled = saved.value("settled", as_count)
        ranked: list[int] = saved.column("ranked", np.int64).tolist()
        self._order = {number: place for place, number in enumerate(ranked)}
        shown = saved.column("shown", np.bool_, len(ranked)).tolist()
        self.shown = {number for number, is_shown in zip(ranked, shown, strict=True) if is_shown}
        self._rank = None

    def check(self, families: int) -> None:
        """Check that families are there, after a restoration.

        Raises:
            DamagedError: one is not.
        """
        if self.settled > families or not set(self._order) <= set(range(families)):
            raise DamagedError("decisions are about families that are not there")

    def _place(self, number: int) -> int:
        return self._order.get(number, len(self._order) + number)

    def _fitting(self, present: Collection[int]) -> set[int]:
        """Return those of some families that can be shown together, by their rank."""
        taken: set[str] = set()
        fitting, among = set(), set(present)
        for number in self.rank():
            if number in among and taken.isdisjoint(self._names[number]):
                taken |= self._names[number]
                fitting.add(number)
        return fitting

    def _number(self, families: Sequence[Family], upto: int) -> None:
        """Note the names of the samples of families that are new, up to a number."""
        for number in range(len(self._names), upto):
            self._names.append(_names_of(families[number]))
            self._own(number)

    def _number_anew(self, families: Sequence[Family]) -> None:
        """Note the names of the samples of families that have got a number which was free."""
        for number in [number for number in self._free if families[number].is_known]:
            self._free.discard(number)
            self._reused.add(number)
            self._names[number] = _names_of(families[number])
            self._own(number)

    def _own(self, number: int) -> None:
        """Let a family own the names of its samples."""
        if not self._names[number]:
            self._free.add(number)
        for name in self._names[number]:
            owners = self._owners[name]
            owners.add(number)
            if len(owners) > 1:
                self.contested |= owners
                self._rank = None

    def _disown(self, number: int) -> None:
        """Take the names of its samples from a family; others may be contested no more."""
        names, self._names[number] = self._names[number], NO_NAMES
        self.contested.discard(number)
        for name in names:
            owners = self._owners[name]
            owners.discard(number)
            if not owners:
                del self._owners[name]
            self.contested -= {one for one in owners if not self._is_contested(one)}

    def _is_contested(self, number: int) -> bool:
        return any(len(self._owners[name]) > 1 for name in self._names[number])

    def _settle(self, families: Sequence[Family]) -> None:
        self.settled = len(families)
        self._reused.clear()


def _names_of(family: Family) -> frozenset[str]:
    """Return the names of a family's samples; none for what stands in place of a family."""
    key = family.key
    if not family.is_known:
        return NO_NAMES
    return frozenset(sample_names(model.Family(key.name, model.MetricType(key.type_name), unit=key.unit)))
