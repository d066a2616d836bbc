"""Metrics of the machine an agent runs on, by node_exporter's names; needs psutil (the extra ``[host]``).

    host = HostMetrics(collector)
    collector.add_hook("collection", host.collect)      # once in each collection run

One broken source never breaks the others, nor does one that hangs, or one bad item of a source; each is timed, and its
failures are counted.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from fog_agent.sources.host.metrics import REASONS
from fog_agent.sources.host.recorder import PLACES, Families, Recorder
from fog_agent.sources.host.sources import Source, default_sources
from utilityfog_frontend.telemetry.collector import TelemetryCollector
from utilityfog_frontend.telemetry.instruments.readings import PATIENCE, Readings
from utilityfog_frontend.telemetry.support import arguments
from utilityfog_frontend.telemetry.support.asking import Question
from utilityfog_frontend.telemetry.support.problems import Problems

__all__ = ["HostMetrics", "Source", "default_sources"]

log = logging.getLogger(__name__)


class HostMetrics:
    """Reads every source into a collector, each time `collect` is called, on a thread of its own. One call at a time.

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
        self._timer = timer
        self._duration = collector.register_gauge(
            "fog_agent_source_duration_seconds",
            "How long the last reading of a source took.",
            ("source",),
            rollup="max",
        )
        errors = collector.register_counter(
            "fog_agent_source_errors_total", "Readings of a source that failed, or did not answer.", ("source",)
        )
        self._left_out = collector.register_counter(
            "fog_agent_source_items_left_out_total",
            "Items of a source that could not be read, where the others were.",
            ("source", "reason"),
        )
        self._problems = Problems()
        self._problems.make_source_counter = lambda: errors
        self._readings = Readings(self._problems)
        self._readings.every(collector.collection_interval)
        self._questions = [
            _SourceQuestion(source, Recorder(families), self._read) for source in (sources or default_sources())
        ]
        for question in self._questions:
            self._problems.count_source(question.name, 0)
            for reason in REASONS:
                self._left_out.labels(question.name, reason)

    def collect(self, _event: object = None) -> None:
        """Read every source once; takes about a millisecond, and a second at most.

        Never raises: a source that fails is counted and logged. One that does not answer is not asked again before it
        has; after three collection intervals its gauges are out until then.
        """
        self._readings.ask(self._questions, PATIENCE)

    def _read(self, source: Source[Any], recorder: Recorder) -> bool:
        begin = self._timer()
        try:
            left_out = recorder.record(source.samples())
        except Exception as error:  # noqa: BLE001 - whatever one source does, the others go on
            self._problems.count_source(source.name)
            log.warning("source %s failed: %s: %s", source.name, type(error).__name__, error)
            return False
        finally:
            self._duration.labels(source.name).set(round(self._timer() - begin, PLACES))
        for item, reason in left_out:
            self._left_out.labels(source.name, reason).increment()
            self._problems.report(f"{source.name} {reason}", "source %s leaves %r out: %s", source.name, item, reason)
        return True


class _SourceQuestion(Question):
    """Reads one source."""

    __slots__ = ("_read", "_recorder", "_source")

    def __init__(self, source: Source[Any], recorder: Recorder, read: Callable[[Source[Any], Recorder], bool]) -> None:
        super().__init__(source.name)
        self._source = source
        self._recorder = recorder
        self._read = read

    def ask(self) -> bool:
        """Read it."""
        return self._read(self._source, self._recorder)

    def expire(self) -> None:
        """Let its gauges go."""
        self._recorder.remove_gauges()
