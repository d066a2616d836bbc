"""Say what is sent as one thing: a series, or all series of one histogram.

Encoders prepare the bytes of items that stay the same (labels, names) once, and put values between them at each step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from fog_aggregator.promql.labels import Labels
from fog_aggregator.promql.storage import Floats


class ItemKind(Enum):
    """The kinds of items, as receivers tell them apart."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class About:
    """The description of a metric, beside its name.

    Attributes:
        kind: Its kind.
        help: A sentence for people.
        unit: As OpenMetrics writes it; empty for none.
    """

    kind: ItemKind
    help: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """One thing to send.

    Attributes:
        name: The metric's name; of a histogram without the ends that its series have.
        labels: The labels that all its series share, without the name.
        about: The metric's description.
        rows: The series: of a histogram its buckets, ascending, then the sum and the count.
        bounds: Of a histogram: the finite bounds of its buckets.
    """

    name: str
    labels: Labels
    about: About
    rows: tuple[Labels, ...]
    bounds: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Moment:
    """The values of items at one step.

    Attributes:
        time: Of the step, milliseconds since 1970.
        values: One for each row of each item, in order; `STALE` for a series that has ended.
        starts: When each item began to count, milliseconds since 1970; 0 where that is not known.
    """

    time: int
    values: Floats
    starts: Sequence[int]


class Prepared(Protocol):
    """Items whose bytes are known but for values and times."""

    def message(self, moment: Moment) -> bytes:
        """Return the body of a request, not compressed yet."""


class Encoder(Protocol):
    """One format."""

    def prepare(self, items: Sequence[Item]) -> Prepared:
        """Make the bytes that stay the same."""


def row_count(items: Sequence[Item]) -> int:
    """Return how many series items have together."""
    return sum(len(item.rows) for item in items)
