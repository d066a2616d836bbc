"""Keeps what was exported from falling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from fog_aggregator.core.kinds.view import Samples
from fog_aggregator.query.selection import ViewKey
from fog_schema.paths import Path

RatchetKey: TypeAlias = tuple[bool, Path, int]
"""Whether it is a node's own value (else its subtree's), the path, the series."""


class Ratchet:
    """The largest value exported of each fractional counter.

    The same floats added in another order can come out one unit lower; Prometheus takes that for a reset and adds the
    whole total again. Whole counters need no ratchet, and sums of histograms may fall, as observations may be negative.
    """

    def __init__(self) -> None:
        self.exported: dict[RatchetKey, float] = {}

    def clamp(self, key: RatchetKey, value: float) -> float:
        """The value to export: never below the last one, nor, by a last digit, below zero."""
        last = self.exported.get(key, 0.0)
        if value < last:
            return last
        self.exported[key] = value
        return value

    def only(self, lasts: Callable[[RatchetKey], bool]) -> Ratchet:
        """A ratchet without what has ended, and may begin anew from less."""
        other = Ratchet()
        other.exported = {key: value for key, value in self.exported.items() if lasts(key)}
        return other


def clamped(ratchet: Ratchet, view: ViewKey, paths: Sequence[Path], samples: Samples) -> list[float]:
    """The values of fractional counters, none below what was exported of it before."""
    places = [_place(view, path) for path in paths]
    cells = zip(samples.series.tolist(), samples.group.tolist(), samples.values.tolist(), strict=True)
    return [ratchet.clamp((*places[group], series), value) for series, group, value in cells]


def _place(view: ViewKey, group: Path) -> tuple[bool, Path]:
    """Whether a group of a view is a node alone or its subtree, and the path: the same number has the same name."""
    level = view.grouping.level
    if level is None:
        return view.selection.own, view.selection.under
    return len(group) <= level, group
