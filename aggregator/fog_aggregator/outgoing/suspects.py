"""Send items that a receiver has refused apart from the others: so these need not be halved at every step."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from fog_aggregator.outgoing.items import Item
from fog_aggregator.outgoing.reader import PartOfStep
from fog_aggregator.outgoing.sending import Result
from fog_aggregator.promql.labels import Labels

MOST: Final = 1_000
"""Items that are remembered; one more is found out again at each step."""


class Suspects:
    """The items that were refused when they were sent last, by one series of each."""

    def __init__(self) -> None:
        self._rows: set[Labels] = set()

    def apart(self, parts: Sequence[PartOfStep]) -> list[PartOfStep]:
        """Return the parts of a step with each suspect in one of its own."""
        if not self._rows:
            return list(parts)
        cut: list[PartOfStep] = []
        for part in parts:
            at = [place for place, item in enumerate(part.items) if item.series in self._rows]
            edges = [0, *(edge for place in at for edge in (place, place + 1)), len(part.items)]
            spans = [(first, stop) for first, stop in pairwise(edges) if first < stop]
            cut += [part] if len(spans) == 1 else [part.part(first, stop) for first, stop in spans]
        return cut

    def learn(self, items: Sequence[Item], result: Result) -> None:
        """Take the result of a request with some of the items."""
        for item in items[slice(*result.lost)]:
            if len(self._rows) < MOST:
                self._rows.add(item.series)
        if self._rows:
            self._rows.difference_update(item.series for item in items[slice(*result.taken)])
