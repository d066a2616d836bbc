"""Say what is sent as one thing: a series, or all series of one histogram.

Encoders prepare the bytes of items that stay the same (labels, names) once, and put values between them at each step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import accumulate
from types import MappingProxyType
from typing import Final, Protocol, TypeAlias

from fog_aggregator.promql.labels import Labels
from fog_aggregator.promql.storage import Floats

_BESIDE_BOUNDS: Final = 3
"""The values of a histogram beside those of finite bounds: the last bucket, the sum, the count."""
Schemas: TypeAlias = Mapping[str, int]
"""Schemas of exponential histograms, by metric."""
NO_SCHEMAS: Final[Schemas] = MappingProxyType({})


class ItemKind(Enum):
    """The kinds of items, as receivers tell them apart."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    EXPONENTIAL = "exponential_histogram"
    """Sent as a native histogram: one series."""


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
        rows: The series: of a histogram its buckets, ascending, then the sum and the count; of a native one itself.
        bounds: Of a histogram: the finite bounds of its buckets.
    """

    name: str
    labels: Labels
    about: About
    rows: tuple[Labels, ...]
    bounds: tuple[float, ...] = ()

    @property
    def is_native(self) -> bool:
        """Whether it is sent as a native histogram."""
        return self.about.kind is ItemKind.EXPONENTIAL

    @property
    def value_count(self) -> int:
        """How many values of the history it has at a step."""
        return len(self.bounds) + _BESIDE_BOUNDS if self.is_native else len(self.rows)

    @property
    def series(self) -> Labels:
        """The labels of one series, by which it is known: they stay while buckets come and go."""
        return self.rows[-1]


@dataclass(frozen=True, slots=True)
class Moment:
    """The values of items at one step.

    Attributes:
        time: Of the step, milliseconds since 1970.
        values: All that each item has in the history, in order; `STALE` for a series that has ended.
        starts: When each item began to count, milliseconds since 1970; 0 where that is not known.
        schemas: The schemas that exponential histograms are sent with.
    """

    time: int
    values: Floats
    starts: Sequence[int]
    schemas: Schemas = field(default_factory=dict)


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


def value_places(items: Sequence[Item]) -> list[int]:
    """Return the place of the first value of each item, and where the values end."""
    return [0, *accumulate(item.value_count for item in items)]
