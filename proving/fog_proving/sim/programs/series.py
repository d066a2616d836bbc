"""A series as the reference model knows it: its numbers, set and added up one by one."""

from __future__ import annotations

from dataclasses import dataclass

from fog_proving.sim.books import Cells, Labels, cells_of
from fog_proving.sim.programs import spread
from utilityfog_frontend.telemetry.model import ExponentialValue


@dataclass(slots=True)
class ModelSeries:
    """One series of an epoch.

    Attributes:
        name: of its metric.
        labels: sorted by name.
        bounds: of its cells, where it is a histogram.
        row: the counts of its cells.
        spread: its value, where it is an exponential histogram.
    """

    name: str
    labels: Labels
    bounds: tuple[float, ...]
    row: list[float]
    spread: ExponentialValue = spread.NOTHING

    def cells(self) -> Cells:
        """Return the numbers that it counts for."""
        return dict(cells_of(self.name, self.labels, self.bounds, self.row))

    def take(self, reported: ExponentialValue, *, add: bool) -> None:
        """Take what a frame says of an exponential histogram: increments to `add`, or values."""
        self.spread = (spread.grown if add else spread.raised)(self.spread, reported)
        self.row = spread.row_of(self.spread)
