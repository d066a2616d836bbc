"""What an agent tells of itself: ``fog_agent_*``, in a collector of its own, sent in the same frames.

METRICS.md lists them and marks the ones that mean lost data.
"""

from __future__ import annotations

import platform

from fog_agent.writer import Settings
from fog_schema import __version__
from utilityfog_frontend.telemetry.collector import TelemetryCollector


class SelfMetrics:
    """The agent's own instruments, registered in `collector`."""

    def __init__(self, collector: TelemetryCollector, settings: Settings) -> None:
        counter, gauge = collector.register_counter, collector.register_gauge
        self.frames = counter("fog_agent_frames_total", "Frames acknowledged by JetStream")
        self.bytes = counter("fog_agent_frame_bytes_total", "Bytes of acknowledged frames")
        self.retries = counter("fog_agent_publish_retries_total", "Publishes that were not acknowledged, and repeated")
        self.dropped = counter(
            "fog_agent_frames_dropped_total", "Frames dropped from the full outbox; no count is lost"
        )
        self.keyframes = counter("fog_agent_keyframes_total", "Keyframes completed")
        self.requests = counter("fog_agent_keyframe_requests_total", "Requests for a keyframe heard")
        self.events = counter("fog_agent_events_total", "Events acknowledged by JetStream")
        self.events_lost = counter("fog_agent_events_lost_total", "Events that fell out before they were acknowledged")
        self.refused = counter("fog_agent_series_refused_total", "Series that are beyond what a frame carries")
        self.outbox = gauge("fog_agent_outbox_frames", "Frames waiting to be acknowledged", rollup="max")
        self.kept = gauge("fog_agent_series_kept", "Removed series that keyframes still bear", rollup="max")
        build = gauge(
            "fog_agent_build_info",
            "The agent's version and its Python's",
            labels={"version": __version__, "python": platform.python_version()},
            rollup="sum",
        )
        build.set(1)
        interval = gauge("fog_agent_interval_seconds", "How often the agent sends", rollup=("max", "min"))
        interval.set(settings.interval)
