"""Tell the log and the metrics what a tick of the engine has done."""

from __future__ import annotations

import logging
from typing import Final

from fog_aggregator.core.engine.effects import Effects
from fog_aggregator.core.engine.engine import Engine
from fog_aggregator.core.engine.stream_rules import retention
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.following.scope import EVENTS, METRICS, ROLLUPS
from fog_aggregator.selfmetrics import SelfMetrics
from fog_schema.paths import format_path

LOGGER: Final = logging.getLogger("fog_aggregator")
_MOST_LOGGED: Final = 10
_SHORT: Final = 3600.0
_SIZES: Final = {METRICS: "--max-bytes", EVENTS: "--max-event-bytes", ROLLUPS: "--max-rollup-bytes"}
"""The options of `fog streams apply` that size a stream, by its kind; commands have none: full, it refuses them."""


class StreamRoom:
    """Warn once of each stream that keeps its messages for less than an hour at its present rate."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._warned: set[str] = set()

    def look(self) -> None:
        """Look at what the server says of the streams now."""
        for name, cursor in self._engine.cursors.items():
            size, info = _SIZES.get(self._engine.streams.kind(name)), cursor.info
            retained = retention(info) if info is not None and info.messages else None
            if size is None or name in self._warned or retained is None or retained >= _SHORT:
                continue
            self._warned.add(name)
            LOGGER.warning(
                "stream %s keeps its messages for %s at the present rate: an aggregator that is away for longer misses "
                "some; `fog streams apply %s SIZE --update` makes it larger, with --path where it is of a subtree",
                name,
                f"{retained / 60:.0f} min" if retained >= 2 * 60 else f"{retained:.0f} s",
                size,
            )


def report(effects: Effects, fleet: Fleet, metrics: SelfMetrics) -> None:
    """Log what an operator should know, and measure what was found."""
    if effects.became_ready:
        LOGGER.info("ready: %d nodes", fleet.node_count)
    for under, _, gone in effects.forgotten:
        LOGGER.info("forgotten under %s: %d departed nodes", format_path(under), len(gone))
    for path, order, places in effects.settled:
        what = f"in quarantine: {order.why}" if order.out else "taken in again"
        LOGGER.warning("%s is %s (by %s, %d places)", format_path(path), what, order.author or "nobody named", places)
    if (findings := effects.findings) is not None:
        metrics.contended.set(findings.contended)
        metrics.conflicting.set(findings.conflicting)
        metrics.lost_branches.set(findings.lost_branches)
        for warning in findings.warnings:
            LOGGER.warning("%s", warning)
        if retired := findings.swept.retired:
            LOGGER.info("retired: %s", ", ".join(map(format_path, retired[:_MOST_LOGGED])))
