"""Totals of other programs: one source of a collector, with a part for each program."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Final

from utilityfog_frontend.telemetry.collector import TelemetryCollector
from utilityfog_frontend.telemetry.foreign.source import Part, Reported

FIRST_PATIENCE: Final = 2.0
"""Seconds, from the making of the first source, in which first readings are awaited: the agent's first frame should not
say that what it remembers is gone."""
_KEY: Final = "fog_agent.sources.outside"

Collect = Callable[[], Iterable[Reported]]


class OutsideTotals:
    """The parts of a collector's source whose totals live outside: they share families, and each fails by itself.

    Make it with `of`. The first reading of a series is its baseline, and an agent with a state directory goes on from
    the last one that it told. Thread-safe.
    """

    def __init__(self) -> None:
        self._parts: dict[Hashable, Part] = {}
        self._first_until = time.monotonic() + FIRST_PATIENCE

    @classmethod
    def of(cls, collector: TelemetryCollector) -> OutsideTotals:
        """Return those of a collector, made at the first call."""
        found = collector.attachments.get(_KEY)
        if not isinstance(found, cls):
            found = collector.attachments[_KEY] = cls()
            collector.add_source(found, name="sources", since="outside")
        return found

    def add(self, name: str, collect: Collect) -> None:
        """Ask `collect` for the families of a program from now on.

        It is quick, tells what was read last, and never changes what it has told.
        """
        self._parts = {**self._parts, name: Part(name, collect, immutable=True)}

    def parts(self) -> Mapping[Hashable, Part]:
        """Return the parts."""
        return self._parts

    def __call__(self) -> Iterable[Reported]:
        """Return the families of all parts."""
        return [family for part in self._parts.values() for family in part.collect()]

    def patience(self) -> float:
        """Return how many seconds a first reading is still awaited."""
        return max(0.0, self._first_until - time.monotonic())
