"""A gauge of many nodes, merged."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GaugeSummary:
    """The values to which the living nodes of a subtree have set a gauge; NaN and infinities are left out.

    Attributes:
        count: how many nodes, at least 1.
        sum: the sum of their values.
        min: the least of them.
        max: the greatest.
        last: the newest value and when its node was last heard (server's unix seconds), where the family asks for it.
        values: how many nodes have which value, ascending by value, where the family asks for it.
    """

    count: int
    sum: float
    min: float
    max: float
    last: tuple[float, float] | None = None
    values: tuple[tuple[float, int], ...] = ()
