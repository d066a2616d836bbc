"""Hold a view's absolute totals, as an aggregator sends them up: every series once, nothing hidden."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from fog_agent.core.summary import GaugeSummary
from fog_aggregator.core.families.known import Family
from fog_aggregator.core.places.coverage import Coverage
from fog_aggregator.core.series import SeriesEntry
from utilityfog_frontend.telemetry.model import Value

Total: TypeAlias = Value | GaugeSummary
"""A counter's, a float where any writer has counted fractions; a histogram's, at its own bounds; merged gauges."""


@dataclass(frozen=True, slots=True)
class Totals:
    """The counts of a subtree.

    Attributes:
        values: the total of each series, by the catalog's number.
        entries: all series by number, as they were.
        families: the catalog's.
        coverage: what it stands on.
    """

    values: dict[int, Total]
    entries: list[SeriesEntry]
    families: Sequence[Family]
    coverage: Coverage
