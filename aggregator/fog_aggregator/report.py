"""Tell the log and the metrics what a tick of the engine has done."""

from __future__ import annotations

import logging
from typing import Final

from fog_aggregator.core.engine.engine import Effects
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.selfmetrics import SelfMetrics
from fog_schema.paths import format_path

LOGGER: Final = logging.getLogger("fog_aggregator")
_MOST_LOGGED: Final = 10


def report(effects: Effects, fleet: Fleet, metrics: SelfMetrics) -> None:
    """Log what an operator should know, and measure what was found."""
    if effects.became_ready:
        LOGGER.info("ready: %d nodes", fleet.node_count)
    for under, _, gone in effects.forgotten:
        LOGGER.info("forgotten under %s: %d departed nodes", format_path(under), len(gone))
    if (findings := effects.findings) is not None:
        metrics.contended.set(findings.contended)
        metrics.conflicting.set(findings.conflicting)
        for warning in findings.warnings:
            LOGGER.warning("%s", warning)
        if retired := findings.swept.retired:
            LOGGER.info("retired: %s", ", ".join(map(format_path, retired[:_MOST_LOGGED])))
