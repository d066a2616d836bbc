"""The families of a swarm's nodes: the same for all of them, so that they are packed once."""

from __future__ import annotations

from typing import Final

import numpy as np

from fog_schema.codec import encode_definitions
from fog_schema.columns import BITMAP, Ids, pack_ids
from fog_schema.frames import COUNTER, GAUGE, Definition

MOST_SERIES: Final = 2_000
"""Series of a node at most: its keyframe is one frame."""
CHILDREN: Final = 10
"""Series of a family at most."""
GAUGES: Final = 5
"""One family of so many is a gauge's; the others are counters'."""


class Families:
    """Families of ten series each, four counters' to each gauge's.

    Counters have the ids from 0 on, gauges those after them, so that a table's columns are ids.

    Args:
        series: How many series a node has, 1 or more.

    Attributes:
        counters: How many of them count.
        gauges: How many are gauges.
        names: The name of the counter that each column of counters belongs to.
        definitions: The packed definitions of all.
        counter_ids: The ids of all counters.
        gauge_ids: The ids of all gauges.
    """

    def __init__(self, series: int) -> None:
        sizes = [min(CHILDREN, series - at) for at in range(0, series, CHILDREN)]
        counting = [size for at, size in enumerate(sizes) if at % GAUGES != GAUGES - 1]
        measuring = [size for at, size in enumerate(sizes) if at % GAUGES == GAUGES - 1]
        self.counters, self.gauges = sum(counting), sum(measuring)
        self.names: list[str] = []
        packed = []
        for number, size in enumerate(counting):
            name = f"swarm_work_{number}_total"
            packed.append(_definition(name, COUNTER, (), len(self.names), size))
            self.names += [name] * size
        at = self.counters
        for number, size in enumerate(measuring):
            packed.append(_definition(f"swarm_level_{number}", GAUGE, ("sum", "max"), at, size))
            at += size
        self.definitions = encode_definitions(packed)
        self.counter_ids = pack_ids(range(self.counters))
        self.gauge_ids = pack_ids(range(self.counters, series))

    def changed(self, bits: bytes) -> Ids:
        """Return the set of counters whose bits are set, least significant first."""
        return Ids(BITMAP, 0, bits)

    def book(self, totals: np.ndarray) -> dict[str, int]:
        """Sum the totals of the columns, one integer for each, by the counters' names."""
        found: dict[str, int] = dict.fromkeys(self.names, 0)
        for name, total in zip(self.names, totals.tolist(), strict=True):
            found[name] += total
        return found


def _definition(name: str, kind: int, rollup: tuple[str, ...], first: int, size: int) -> Definition:
    text = "A made-up number of a node of a swarm."
    values = tuple(map(str, range(size)))
    return Definition(name, kind, text, "", (), rollup, ("part",), pack_ids(range(first, first + size)), values)
