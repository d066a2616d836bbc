"""A program with filters, for tests: through a real collector and writer into the reader's state."""

from __future__ import annotations

from collections import Counter
from typing import Any

from fog_agent.core.filters.parsing import parse_filters
from fog_agent.core.filters.watch import FilteredWatch
from fog_agent.core.writer import Settings, Writer
from tests.aggregator.fleet import Fleet, asked
from utilityfog_frontend.telemetry import TelemetryCollector

MAX = 1_000_000
PATH = ("fog", "0")


class Notes:
    """Takes what filters do."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.said: list[str] = []

    def filtered(self, rule: str) -> None:
        """Count it."""
        self.counts[rule] += 1

    def tell(self, what: str, text: str) -> None:
        """Keep it."""
        self.said.append(f"{what}: {text}")


class Node:
    """A program with filters, its writer, and a reader of its frames."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.collector = TelemetryCollector(self_metrics=False)
        self.notes = Notes()
        self.watch = FilteredWatch(self.collector.watch_series(), parse_filters(document), self.notes)
        self.fleet = Fleet()
        self.now = self.fleet.now
        self.epochs = 0
        self.begin({})

    def begin(self, origins: dict[Any, Any]) -> None:
        """Begin an epoch."""
        self.epochs += 1
        self.writer = Writer([self.watch], Settings(), epoch=self.epochs, now=self.now, origins=origins)

    def send(self, *, keyframe: bool = False) -> None:
        """Send a frame, and have it read."""
        self.now = self.fleet.now = self.fleet.now + 10.0
        whole = keyframe or self.writer.seq == 0
        frame = self.writer.encode_part(self.now, MAX) if whole else self.writer.encode_delta(self.now, MAX)
        assert frame is not None
        self.read(frame.data)

    def read(self, data: bytes) -> None:
        """Have a frame read."""
        outcome = self.fleet.apply(PATH, data)
        assert (outcome.refused_series, outcome.refused_values, outcome.unknown) == (0, 0, 0)

    def restart(self) -> None:
        """End the epoch in good order, and begin the next one where it ended."""
        for frame in self.writer.finish(self.now, MAX):
            self.read(frame.data)
        self.begin(self.writer.origins())

    def totals(self, *, own: bool = True) -> dict[tuple[str, tuple[tuple[str, str], ...]], Any]:
        """Return what the reader has: the node's own live series, or all that was counted."""
        return {
            (
                family.family.name,
                tuple((name, value) for name, value in series.labels if name != "fog_path"),
            ): series.value
            for family in self.fleet.network.collect(*asked(under=PATH, own=True) if own else asked())
            for series in family.series
            if not family.family.name.startswith("fog_aggregator")
        }


def named(totals: dict[Any, Any], name: str) -> dict[tuple[str, ...], Any]:
    """Return the totals of one family, by their label values."""
    return {tuple(value for _, value in labels): total for (one, labels), total in totals.items() if one == name}
