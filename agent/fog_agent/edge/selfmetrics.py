"""A writer's own metrics; those of an agent are ``fog_agent_*``, in a collector of its own, sent in the same frames.

METRICS.md lists them and marks the ones that mean lost data.
"""

from __future__ import annotations

import logging
import platform
from collections.abc import Iterable
from typing import Any, Final

from fog_agent.core.writer import Settings
from fog_schema import __version__
from utilityfog_frontend.telemetry import Counter, TelemetryCollector

MOST_LOGGED: Final = 1_000
"""Different things that are logged of filters."""

log = logging.getLogger("fog_agent")


class WriterMetrics:
    """The instruments of any writer, registered in `collector` under names that begin with `prefix`."""

    def __init__(self, collector: TelemetryCollector, settings: Settings, prefix: str) -> None:
        def counter(name: str, text: str) -> Counter:
            return collector.register_counter(f"{prefix}_{name}_total", text)

        self.frames = counter("frames", "Frames acknowledged by JetStream")
        self.bytes = counter("frame_bytes", "Bytes of acknowledged frames")
        self.retries = counter("publish_retries", "Publishes that were not acknowledged, and repeated")
        self.dropped = counter(
            "frames_dropped", "Frames dropped, as the outbox was full or one too long; no count is lost"
        )
        self.keyframes = counter("keyframes", "Keyframes completed")
        self.requests = counter("keyframe_requests", "Requests for a keyframe heard")
        self.refused = counter("series_refused", "Series that are beyond what a frame carries")
        gauge = collector.register_gauge
        self.outbox = gauge(f"{prefix}_outbox_frames", "Frames waiting to be acknowledged", rollup="max")
        self.retained = gauge(f"{prefix}_series_kept", "Removed series that keyframes still bear", rollup="max")
        interval = gauge(f"{prefix}_interval_seconds", "How often frames are sent", rollup=("max", "min"))
        interval.set(settings.interval)

    def events_acknowledged(self, count: int) -> None:
        """Count events that are in the stream."""

    def events_lost(self, count: int) -> None:
        """Count events that fell out before they were acknowledged."""


class RecoveryMetrics:
    """Count the journals of dead processes that an agent has dealt with, in `collector`."""

    def __init__(self, collector: TelemetryCollector) -> None:
        counter = collector.register_counter
        self.recovered = counter("fog_agent_epochs_recovered_total", "Epochs of killed processes that were ended here")
        self._set_aside = counter(
            "fog_agent_journals_set_aside_total", "Journals that could not be used, by reason", ["reason"]
        )
        for reason in ("expired", "torn", "version"):  # an increase needs a 0 before it
            self._set_aside.labels(reason)

    def set_aside(self, reason: str) -> None:
        """Count a journal that could not be used."""
        self._set_aside.labels(reason).increment()


class SelfMetrics(WriterMetrics):
    """An agent's own instruments: those of its writer, its events, its version."""

    def __init__(self, collector: TelemetryCollector, settings: Settings) -> None:
        super().__init__(collector, settings, "fog_agent")
        self._collector = collector
        self._recovery: RecoveryMetrics | None = None
        self._filtered: Any = None
        self._logged: set[str] = set()
        counter = collector.register_counter
        self._events = counter("fog_agent_events_total", "Events acknowledged by JetStream")
        self._lost = counter("fog_agent_events_lost_total", "Events that fell out before they were acknowledged")
        self.state_errors = counter("fog_agent_state_errors_total", "State files that could not be written")
        build = collector.register_gauge(
            "fog_agent_build_info",
            "The agent's version and its Python's",
            labels={"version": __version__, "python": platform.python_version()},
            rollup="sum",
        )
        build.set(1)

    def expect_filters(self, rules: Iterable[str]) -> None:
        """Show a count for each rule that may filter: an increase needs a 0 before it."""
        self._filtered = self._collector.register_counter(
            "fog_agent_series_filtered_total",
            "Series that are not sent, or in another one's sum, by the rule",
            ["rule"],
        )
        for rule in rules:
            self._filtered.labels(rule)

    def filtered(self, rule: str) -> None:
        """Count a series that a rule keeps from being sent on its own."""
        if self._filtered is not None:
            self._filtered.labels(rule).increment()

    def tell(self, what: str, text: str) -> None:
        """Log something that filters say: once for each `what`."""
        if what not in self._logged and len(self._logged) < MOST_LOGGED:
            self._logged.add(what)
            log.warning("filters: %s", text)

    @property
    def recovery(self) -> RecoveryMetrics:
        """Counts of journals, for an agent that looks for any: made when they are asked for."""
        if self._recovery is None:
            self._recovery = RecoveryMetrics(self._collector)
        return self._recovery

    def events_acknowledged(self, count: int) -> None:
        """Count events that are in the stream."""
        self._events.increment(count)

    def events_lost(self, count: int) -> None:
        """Count events that fell out before they were acknowledged."""
        self._lost.increment(count)
