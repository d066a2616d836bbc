"""Metrics of the machine an agent runs on, by node_exporter's names; needs psutil (the extra ``[host]``).

    host = HostMetrics(collector)
    collector.add_hook("collection", host.collect)      # once in each collection run

One broken source never breaks the others; each is timed, and its failures are counted.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from fog_agent.sources.host.recorder import Families, Recorder
from fog_agent.sources.host.sources import Source, default_sources
from utilityfog_frontend.telemetry.collector import TelemetryCollector
from utilityfog_frontend.telemetry.support import arguments

__all__ = ["HostMetrics", "Source", "default_sources"]

log = logging.getLogger(__name__)


class HostMetrics:
    """Reads every source into a collector, each time `collect` is called. One thread at a time.

    Args:
        collector: Where the metrics are registered.
        sources: The sources to read. Default: everything that the platform has.
        timer: Seconds of a clock that only goes forward.
    """

    def __init__(
        self,
        collector: TelemetryCollector,
        sources: Sequence[Source[Any]] | None = None,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        arguments.instance("collector", collector, TelemetryCollector)
        families = Families(collector)
        self._sources = [(source, Recorder(families)) for source in (sources or default_sources())]
        self._timer = timer
        self._duration = collector.register_gauge(
            "fog_agent_source_duration_seconds",
            "How long the last reading of a source took.",
            ("source",),
            rollup="max",
        )
        self._errors = collector.register_counter(
            "fog_agent_source_errors_total", "Readings of a source that failed.", ("source",)
        )
        for source, _ in self._sources:
            self._errors.labels(source.name)

    def collect(self, _event: object = None) -> None:
        """Read every source once; takes about a millisecond. Never raises: what fails is counted and logged."""
        for source, recorder in self._sources:
            begin = self._timer()
            errors = self._errors.labels(source.name)
            try:
                recorder.record(source.samples())
            except Exception as error:  # noqa: BLE001 - whatever one source does, the others go on
                errors.increment()
                log.warning("source %s failed: %s: %s", source.name, type(error).__name__, error)
            self._duration.labels(source.name).set(self._timer() - begin)
