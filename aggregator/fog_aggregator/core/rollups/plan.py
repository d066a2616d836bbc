"""Where the slots of a table go in a view: what kinds ask of a plan, and a plan slot by slot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from fog_aggregator.core.columns import Float64s, Int32s, Int64s


class Plan(Protocol):
    """Where slots go. Cells are (series, group), in the order of series; those of a shape are a range."""

    @property
    def slots(self) -> slice | Int64s:
        """The slots in the view, in the order in which their values are added."""

    @property
    def cell(self) -> Int32s:
        """The cell of each, shape of `slots`."""

    @property
    def series(self) -> Int32s:
        """The catalog's number, by cell."""

    @property
    def group(self) -> Int32s:
        """The group's number, by cell."""

    @property
    def born(self) -> Float64s:
        """The earliest time at which any of its slots began to count, by cell; inf when that is not known."""

    @property
    def shapes(self) -> list[tuple[int, slice]]:
        """The range of cells that each shape of series has."""

    @property
    def size(self) -> int:
        """How many cells there are."""


@dataclass(frozen=True, slots=True)
class SlotPlan:
    """A `Plan` that has a number for each slot and for each cell; the attributes are the plan's."""

    slots: slice | Int64s
    cell: Int32s
    series: Int32s
    group: Int32s
    born: Float64s
    shapes: list[tuple[int, slice]]

    @property
    def size(self) -> int:
        """Count the cells."""
        return len(self.series)
