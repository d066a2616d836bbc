"""Say what the file of sources and the agent ask of each kind of source."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from fog_agent.sources.metrics import SourceMetrics
from utilityfog_frontend.telemetry.collector import TelemetryCollector


@dataclass(frozen=True, slots=True)
class Context:
    """Give a source its surroundings.

    Attributes:
        collector: Gets its numbers.
        metrics: Counts what is refused, and tells whether it is up.
        interval: Seconds between the agent's frames.
        state_dir: Where the agent may keep files; None when it has no such place.
    """

    collector: TelemetryCollector
    metrics: SourceMetrics
    interval: float
    state_dir: Path | None = None


class Source(Protocol):
    """A source of numbers, which runs on a thread of its own or is asked by the collector."""

    @property
    def name(self) -> str:
        """Its name in the file, which is its label `source`."""

    def start(self) -> None:
        """Begin. Called again later when it failed. Quick.

        Raises:
            OSError: A socket or a file cannot be had.
            ValueError: The settings cannot work here.
        """

    def stop(self) -> None:
        """End: what was taken is in the collector when this returns. Takes a second or two at most."""


@runtime_checkable
class Readable(Protocol):
    """A source that may be read by anybody: nothing is taken that another agent is to count."""

    def look(self) -> None:
        """Read once, without starting: the collector has all that was found when this returns. Raises nothing."""


class SourceSettings(Protocol):
    """One table of the file of sources, read and checked: a frozen dataclass."""

    @property
    def name(self) -> str:
        """Names the source, once among all."""
