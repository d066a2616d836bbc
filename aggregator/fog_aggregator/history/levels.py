"""Choose the levels that a history keeps: the whole first, then level 0, 1, … as long as their series fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fog_aggregator.history.families import FamilyChoice
from fog_aggregator.history.step import Depth

LEAST_OF_GROUP: Final = 8
"""The series that every group has: nodes by state, the oldest frame's age, values and late ones."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A level that does not fit.

    Attributes:
        series: How many series it has, at least.
        limit: How many were left for it.
    """

    series: int
    limit: int


class LevelChoice:
    """Remember how many series levels have, so that one that does not fit costs nothing to leave out.

    Args:
        limit: How many series all levels together may have.

    Attributes:
        deepest: The deepest level there is, kept or not; -1 before the first step.
        left_out: The levels that do not fit.
        families: The families that are kept, of the whole and of every level.
    """

    def __init__(self, limit: int) -> None:
        self.deepest: Depth = -1
        self.left_out: Mapping[Depth, LeftOut] = {}
        self.families = FamilyChoice(limit)
        self._limit = limit
        self._series_a_group: dict[Depth, float] = {}
        self._known_lost: frozenset[Depth] = frozenset()

    def take_lost(self) -> list[Depth]:
        """Return the levels that do not fit, and did when this was asked last."""
        lost = sorted(self.left_out.keys() - self._known_lost)
        self._known_lost = frozenset(self.left_out)
        return lost

    def candidates(self, groups: Sequence[int]) -> list[Depth]:
        """Return the levels to try, from 0 on; the whole is always kept.

        Args:
            groups: How many groups each level has, from level 0 on.
        """
        tried: list[Depth] = []
        taken = 0.0
        for depth, count in enumerate(groups):
            expected = count * self._series_a_group.get(depth, LEAST_OF_GROUP)
            if taken + expected > self._limit:
                break
            taken += expected
            tried.append(depth)
        return tried

    def measured(self, groups: Sequence[int], series: Mapping[Depth, int]) -> list[Depth]:
        """Take how many series the candidates have; return those that fit.

        Args:
            groups: How many groups each level has, from level 0 on.
            series: The series of the integer, and of the candidates.
        """
        fitting: list[Depth] = []
        left = self._limit
        fits = True
        left_out: dict[Depth, LeftOut] = {}
        for depth, count in enumerate([1, *groups], -1):
            if depth in series and depth >= 0:
                self._series_a_group[depth] = series[depth] / max(1, count)
            needed = series.get(depth, int(count * self._series_a_group.get(depth, LEAST_OF_GROUP)))
            fits = fits and (depth < 0 or (depth in series and needed <= left))
            if fits:
                fitting.append(depth)
                left -= needed
            else:
                left_out[depth] = LeftOut(needed, max(0, left))
        self.deepest, self.left_out = len(groups) - 1, left_out
        return fitting
