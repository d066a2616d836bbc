"""Count what a history keeps: ``fog_aggregator_history_*``. METRICS.md lists them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fog_aggregator.history.step import WHOLE, Depth
from utilityfog_frontend.telemetry import TelemetryCollector

RESULTS: Final = ("written", "failed")
REASONS: Final = ("retention", "memory")


def level_name(depth: Depth) -> str:
    """Name a level as a metric's label."""
    return "whole" if depth == WHOLE else str(depth)


class LeftOutMetrics:
    """The gauges of what does not fit into a history, registered in `collector`."""

    def __init__(self, collector: TelemetryCollector) -> None:
        gauge = collector.register_gauge
        self._levels = gauge(
            "fog_aggregator_history_series_left_out", "Series of levels that do not fit, at least", ["level"]
        )
        self._families = gauge("fog_aggregator_history_families_left_out", "Families too large to be kept")
        self._of_families = gauge(
            "fog_aggregator_history_family_series_left_out", "Series, in the whole, of families too large to be kept"
        )

    def level(self, depth: Depth, series: int) -> None:
        """Take how many series a level has that is not kept; 0 when it is."""
        self._levels.labels(level=level_name(depth)).set(series)

    def families(self, left_out: Mapping[str, int]) -> None:
        """Take how many series the families have that are not kept."""
        self._families.set(len(left_out))
        self._of_families.set(sum(left_out.values()))


class HistoryMetrics:
    """The instruments of a history, registered in `collector`.

    Attributes:
        steps: Steps that were taken.
        failed: Steps that could not be taken, for a fault of ours.
        writes: Steps and blocks that were written to disk, by their result.
        dropped: Blocks that were let go of, by the reason.
        damaged: Files that were set aside.
        seconds: How long the last step took, off the event loop.
        copying: How long the event loop stood for it.
        bytes: Memory that the history takes.
        limit: Memory that it may take.
        oldest: Time of the oldest step.
        left_out: How much does not fit.
    """

    def __init__(self, collector: TelemetryCollector) -> None:
        counter, gauge = collector.register_counter, collector.register_gauge
        self.steps = counter("fog_aggregator_history_steps_total", "Steps of the streams' time that were taken")
        self.failed = counter(
            "fog_aggregator_history_steps_failed_total", "Steps lost by a fault of the aggregator's own"
        )
        self.writes = counter("fog_aggregator_history_writes_total", "Steps and blocks written to disk", ["result"])
        self.dropped = counter("fog_aggregator_history_blocks_dropped_total", "Blocks let go of", ["reason"])
        self.damaged = counter("fog_aggregator_history_files_damaged_total", "Damaged files that were set aside")
        self.seconds = gauge(
            "fog_aggregator_history_step_duration_seconds", "How long the last step took in its thread"
        )
        self.copying = gauge("fog_aggregator_history_copy_duration_seconds", "How long reading stood for the last step")
        self.bytes = gauge("fog_aggregator_history_bytes", "Memory that the history takes")
        self.limit = gauge("fog_aggregator_history_limit_bytes", "Memory that the history may take")
        self.oldest = gauge("fog_aggregator_history_oldest_timestamp_seconds", "Time of the oldest step")
        self._series = gauge("fog_aggregator_history_series", "Series kept at the newest step, by level", ["level"])
        self.left_out = LeftOutMetrics(collector)
        for result in RESULTS:
            self.writes.labels(result=result)
        for reason in REASONS:
            self.dropped.labels(reason=reason)

    def levels(self, series: Mapping[Depth, int], left_out: Mapping[Depth, int]) -> None:
        """Take how many series each level has, of those that are kept and of those that are not."""
        for depth in series.keys() | left_out.keys():
            self._series.labels(level=level_name(depth)).set(series.get(depth, 0))
            self.left_out.level(depth, left_out.get(depth, 0))
