"""The numbers of a fleet at one step of the streams' time, as they come into a history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from fog_aggregator.promql.labels import Labels
from fog_aggregator.promql.storage import Floats, Ints, Mask

Depth: TypeAlias = int
"""A level's number; `WHOLE` for the whole fleet as one group."""
WHOLE: Final[Depth] = -1


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The series of one level. The same object stands for the same series: what is known of it is found by identity.

    Attributes:
        labels: The label sets, the metric's name among them.
        born: When each series began to count, unix seconds; NaN for what is no counter, or where that is not known.
    """

    labels: Sequence[Labels]
    born: Floats


@dataclass(frozen=True, slots=True)
class Columns:
    """The values of one level at one step.

    Attributes:
        table: The series.
        raw: Their values: integers, or the bits of doubles.
        integer: Which of them are integers.
    """

    table: Table
    raw: Ints
    integer: Mask


@dataclass(frozen=True, slots=True)
class Step:
    """The numbers of a fleet at one step.

    Attributes:
        time: In milliseconds since 1970, of the streams' time.
        levels: The levels that are kept.
    """

    time: int
    levels: Mapping[Depth, Columns]
