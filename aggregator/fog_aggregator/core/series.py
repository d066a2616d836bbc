"""Identify a series: its family's number, its labels and, for a histogram, its bounds."""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

Labels: TypeAlias = tuple[tuple[str, str], ...]
"""Names and values, sorted by name."""
Bounds: TypeAlias = tuple[float, ...]
"""The upper bounds of a histogram's buckets; empty for every other series."""


class SeriesEntry(NamedTuple):
    """One label set of a family; `bounds` are a histogram's."""

    family: int
    labels: Labels
    bounds: Bounds = ()


FORGOTTEN: Final = SeriesEntry(-1, ())
"""Stands in place of a series that was let go of."""
