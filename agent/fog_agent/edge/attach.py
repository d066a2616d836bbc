"""Attach an agent to a collector: its publication under a path lives on the collector, and outlives the agent."""

from __future__ import annotations

import secrets

from fog_agent.core.publication import Publication
from fog_agent.core.writer import Settings
from fog_agent.edge.selfmetrics import SelfMetrics
from fog_schema.paths import Path, format_path
from utilityfog_frontend.telemetry.collector import TelemetryCollector


def new_epoch() -> int:
    """Draw a random id from 1 to 2^64 - 1; epochs have no order."""
    return secrets.randbits(64) or 1


def attach(collector: TelemetryCollector, path: Path, settings: Settings, now: float) -> Publication:
    """Take hold of a collector's publication under `path`.

    Raises:
        RuntimeError: when an agent has it already: two would count everything twice.
    """
    key = ("fog_agent", path)
    publication = collector.attachments.get(key)
    if not isinstance(publication, Publication) or publication.orphaned:
        publication = collector.attachments[key] = _publication_of(collector, settings, now)
    if publication.in_use:
        raise RuntimeError(
            f"an agent already publishes this collector under {format_path(path)}: two would count everything twice; "
            "stop the first one, or give the second its own collector"
        )
    publication.in_use = True
    publication.resume(settings, now)
    return publication


def _publication_of(collector: TelemetryCollector, settings: Settings, now: float) -> Publication:
    """Publish the program's collector and the agent's own metrics in the same frames."""
    own = TelemetryCollector(self_metrics=False)
    return Publication(
        (collector.watch_series(), own.watch_series()),
        SelfMetrics(own, settings),
        settings,
        now,
        new_epoch,
        event_watch=collector.watch_events(),
    )
