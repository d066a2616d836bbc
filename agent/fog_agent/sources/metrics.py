"""The metrics that all sources of a node share."""

from __future__ import annotations

import logging
import threading
from typing import Final

from utilityfog_frontend.telemetry.collector import TelemetryCollector

log = logging.getLogger("fog_agent.sources")

MOST_LOGGED: Final = 1_000
"""The log has the first text of each of so many pairs of a source and a reason; more are counted alone."""
MOST_TEXT: Final = 500
"""Characters of a text in the log: a part of it may come from a target."""


class SourceMetrics:
    """Counts what sources refuse, by reason, and tells which are up. Thread-safe.

    Args:
        collector: Where they are registered.
    """

    def __init__(self, collector: TelemetryCollector) -> None:
        self._refused = collector.register_counter(
            "fog_agent_source_refused_total",
            "What a source got and could not take (samples, lines, points, jobs), by reason",
            ["source", "reason"],
        )
        self._up = collector.register_gauge(
            "fog_agent_source_up",
            "Whether a source gets what it reads: 1 or 0",
            labels=["source"],
            rollup=("min", "sum"),
        )
        self._seconds = collector.register_gauge(
            "fog_agent_source_read_seconds", "How long its last reading took", labels=["source"], rollup="max"
        )
        self._logged: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def expect(self, source: str, *reasons: str) -> None:
        """Show a count for each reason that there may be: an increase needs a 0 before it."""
        for reason in reasons:
            self._refused.labels(source, reason)

    def refuse(self, source: str, reason: str, text: str = "", count: int = 1) -> None:
        """Count what was refused; log the text, the first time for this source and reason."""
        self._refused.labels(source, reason).increment(count)
        if text:
            self.tell(source, reason, text)

    def tell(self, source: str, reason: str, text: str) -> None:
        """Log something, the first time for this source and reason."""
        with self._lock:
            if (source, reason) in self._logged or len(self._logged) >= MOST_LOGGED:
                return
            self._logged.add((source, reason))
        log.warning("source %s: %s", source, text if len(text) <= MOST_TEXT else text[:MOST_TEXT] + "…")

    def up(self, source: str, *, up: bool) -> None:
        """Tell whether a source gets what it reads. When it is up again, reasons of being down are logged anew."""
        self._up.labels(source).set(int(up))
        if up:
            with self._lock:
                self._logged.discard((source, "down"))

    def down(self, source: str, text: str) -> None:
        """Tell that a source does not get what it reads; log why, once until it is up again."""
        self.up(source, up=False)
        self.tell(source, "down", text)

    def read(self, source: str, seconds: float) -> None:
        """Tell how long the last reading took."""
        self._seconds.labels(source).set(seconds)
