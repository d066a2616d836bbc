"""Count what an aggregator does: ``fog_aggregator_*``. METRICS.md lists them and marks the ones that mean loss."""

from __future__ import annotations

import math
import platform
import resource
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from fog_aggregator.core.engine.cursor import StreamCursor
from fog_aggregator.core.events.newest import REASONS as EVICTIONS
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.outcome import SERIES_REASONS, Status
from fog_aggregator.core.quarantine.orders import QUARANTINED
from fog_aggregator.network import NetworkCollector
from fog_bus.ports import Message
from fog_schema import __version__
from fog_schema.errors import REASONS
from fog_schema.limits import MAX_WHOLE
from utilityfog_frontend.telemetry import TelemetryCollector
from utilityfog_frontend.telemetry.model import Family, FamilySnapshot, MetricType, SeriesSnapshot

_CPU: Final = Family(
    "fog_aggregator_process_cpu_seconds_total", MetricType.COUNTER, "User and system time spent", unit="seconds"
)
_PAGE: Final = resource.getpagesize()


_LOSSES: Final = (
    ("unknown", "values_unknown", "Values of series not yet defined; the next keyframe brings them"),
    ("refused_values", "values_refused", "Values refused: negative, not finite, too large, mistyped"),
    ("saturated", "values_saturated", "Sums that stay at 2^63 - 1, or at the largest double"),
    ("baseline", "epochs_rebased", "Epochs that came back after they were folded, and count from there"),
    ("late", "values_late", "Values stored, or read, more than 3 intervals late: a late burst"),
    ("unknown_fields", "fields_unknown", "Fields of a later version that were skipped"),
)
"""The results of values by their name in a tally: the name of the counter, and its help text."""


REFUSALS: Final = (*REASONS, "subject", "budget", "internal", QUARANTINED)
"""Why messages are refused: reasons of the wire, a subject without a path, a path without time left, a fault of ours,
an operator's word. Counted from 0 on, as a first loss is an increase only where there was a 0 before it."""


class Presence(Protocol):
    """Whether numbers are of this moment; times are monotonic seconds."""

    def is_connected(self, now: float) -> bool:
        """Tell whether the server answers for every stream."""

    def is_current(self, now: float) -> bool:
        """Tell whether the numbers are complete and of this moment."""


class FrameCounters:
    """Count what came of the messages that were read; registered in `collector`."""

    def __init__(self, collector: TelemetryCollector) -> None:
        counter = collector.register_counter
        self._frames = counter("fog_aggregator_frames_total", "Frames read, by what was done with them", ["outcome"])
        for status in Status:
            self._frames.labels(outcome=status.value)
        self._refused = counter("fog_aggregator_messages_refused_total", "Messages refused or left out", ["reason"])
        for reason in REFUSALS:
            self._refused.labels(reason=reason)
        self._values = counter("fog_aggregator_values_total", "Values merged")
        self._keyframes = counter("fog_aggregator_keyframes_total", "Keyframes completed")
        self._missing = counter("fog_aggregator_frames_missing_total", "Frames that never came; keyframes repair them")
        text = "Series refused: a reserved name, a limit, no value, or a label set that another id has"
        self._series = counter("fog_aggregator_series_refused_total", text, ["reason"])
        for reason in SERIES_REASONS:
            self._series.labels(reason=reason)
        self._losses = {loss: counter(f"fog_aggregator_{name}_total", text) for loss, name, text in _LOSSES}

    def applied(self, tally: Counter[str]) -> None:
        """Take what came of a batch of frames."""
        for status in Status:
            if count := tally[status.value]:
                self._frames.labels(outcome=status.value).increment(count)
        self._values.increment(tally["values"])
        self._keyframes.increment(tally["keyframes"])
        self._missing.increment(min(tally["missing"], MAX_WHOLE))  # more at once would be dropped
        for loss, counter in self._losses.items():
            if count := tally[loss]:
                counter.increment(count)
        for reason in SERIES_REASONS if tally["refused_series"] else ():
            self._series.labels(reason=reason).increment(tally[f"series_{reason}"])

    def refused(self, reason: str) -> None:
        """Count a message that is no frame."""
        self._refused.labels(reason=reason).increment()

    def left_out(self, messages: Sequence[Message]) -> None:
        """Count messages whose paths had no time left for them."""
        self._refused.labels(reason="budget").increment(len(messages))


class CheckpointMetrics:
    """The instruments of checkpoints, registered in `collector`.

    Attributes:
        written: Checkpoints by their result.
        duration: Seconds that writing the last one took.
        size: Bytes of the last one.
        cpu: Seconds of processor time that writing them took.
        failures: How many were not written since the last one that was.
    """

    def __init__(self, collector: TelemetryCollector) -> None:
        self.written = collector.register_counter("fog_aggregator_checkpoints_total", "Checkpoints written", ["result"])
        for result in ("written", "failed"):
            self.written.labels(result=result)
        self.duration = collector.register_gauge(
            "fog_aggregator_checkpoint_duration_seconds", "How long writing the last checkpoint took"
        )
        self.size = collector.register_gauge("fog_aggregator_checkpoint_bytes", "Size of the last checkpoint")
        self.cpu = collector.register_counter(
            "fog_aggregator_checkpoint_cpu_seconds_total", "Processor time that writing checkpoints took"
        )
        self.failures = 0
        self._unsaved = collector.register_gauge(
            "fog_aggregator_checkpoint_unsaved_seconds",
            "For how long numbers may have been read that no checkpoint has; 0 when it has all",
        )
        self._pause = collector.register_gauge(
            "fog_aggregator_checkpoint_pause_seconds", "Time between two checkpoints, by what the last one took"
        )

    def watch(self, unsaved: Callable[[], float], pause: Callable[[], float]) -> None:
        """Show the schedule: for how long nothing was saved, and the pause before the next one, both in seconds."""
        self._unsaved.set_function(unsaved)
        self._pause.set_function(pause)


class Evictions:
    """Count the events that gave way to later ones; registered in `collector`."""

    def __init__(self, collector: TelemetryCollector) -> None:
        name, text = "fog_aggregator_events_evicted_total", "Events that left the bounded list, by what was full"
        self._counter = collector.register_counter(name, text, ["reason"])
        for reason in EVICTIONS:
            self._counter.labels(reason=reason)
        self._counted: Counter[str] = Counter()

    def take(self, evicted: Counter[str]) -> None:
        """Take the event list's own totals."""
        for reason in EVICTIONS:
            self._counter.labels(reason=reason).increment(evicted[reason] - self._counted[reason])
        self._counted = Counter(evicted)


class SelfMetrics:
    """The aggregator's own instruments, registered in `collector`."""

    def __init__(self, collector: TelemetryCollector) -> None:
        counter = collector.register_counter
        self.collector = collector
        self._frames = FrameCounters(collector)
        self.contended = collector.register_gauge(
            "fog_aggregator_paths_contended", "Paths with several writers at once that are not marked as shared"
        )
        self.lost_branches = collector.register_gauge(
            "fog_aggregator_branches_lost_counts",
            "Branches whose aggregators have less than what was read of them before: their totals stand still",
        )
        self.conflicting = collector.register_gauge(
            "fog_aggregator_families_conflicting", "Families that nodes disagree about: one version is shown"
        )
        self.requests = counter("fog_aggregator_keyframe_requests_total", "Requests for keyframes sent")
        self._event_counters = (
            counter("fog_aggregator_events_total", "Events listed"),
            counter("fog_aggregator_events_repeated_total", "Events that had been listed before"),
            counter("fog_aggregator_events_refused_total", "Events with a name that is an aggregator's own"),
            counter("fog_aggregator_events_lost_total", "Events that their writers no longer hold"),
        )
        self._event_totals = (0, 0, 0, 0)
        self._evicted = Evictions(collector)
        self.checkpoints = CheckpointMetrics(collector)
        _register_process(collector)

    def frames_applied(self, tally: Counter[str]) -> None:
        """Take what came of a batch of frames."""
        self._frames.applied(tally)

    def refused(self, reason: str) -> None:
        """Count a message that is no frame."""
        self._frames.refused(reason)

    def left_out(self, messages: Sequence[Message]) -> None:
        """Count messages whose paths had no time left for them."""
        self._frames.left_out(messages)

    def events_listed(self, events: EventList) -> None:
        """Take the event list's own totals."""
        totals = (events.total, events.repeated, events.refused, events.lost)
        for counter, total, before in zip(self._event_counters, totals, self._event_totals, strict=True):
            counter.increment(total - before)
        self._event_totals = totals
        self._evicted.take(events.events.evicted)

    def watch(self, network: NetworkCollector, readers: Collection[StreamCursor], presence: Presence) -> None:
        """Register gauges over what is there: state, streams, whether it is connected and current."""
        gauge, fleet = self.collector.register_gauge, network.fleet
        gauge("fog_aggregator_connected", "Whether the server answers for every stream").set_function(
            lambda: int(presence.is_connected(time.monotonic()))
        )
        gauge("fog_aggregator_ready", "Whether the numbers are complete and of this moment").set_function(
            lambda: int(presence.is_current(time.monotonic()))
        )
        expected = gauge("fog_aggregator_nodes_expected", "Nodes that an operator names or counts")
        expected.set_function(lambda: network.expected.total)
        learned = gauge("fog_aggregator_nodes_learned", "Nodes that are expected as they were heard on two days")
        learned.set_function(lambda: len(network.fleet.parts.roster.learned))
        gauge("fog_aggregator_series", "Label sets known").set_function(lambda: fleet.series_count)
        slots = gauge("fog_aggregator_slots", "Values held")
        slots.set_function(lambda: fleet.slot_count)
        out = gauge("fog_aggregator_paths_quarantined", "Paths that an operator has taken out, each with all below it")
        out.set_function(lambda: len(fleet.quarantine.in_force))
        gapped = gauge("fog_aggregator_epochs_gapped", "Epochs that want a keyframe: their counts are late")
        gapped.set_function(lambda: len(fleet.gapped))
        for name, text, read in _STREAM_GAUGES:
            family = gauge(f"fog_aggregator_stream_{name}", text, ["stream"])
            for reader in readers:
                family.labels(stream=reader.stream).set_function(partial(read, reader))
        self.collector.add_source(lambda: [_count(family, count, readers) for family, count in _STREAM_COUNTERS])


def _count(family: Family, count: Callable[[StreamCursor], int], readers: Collection[StreamCursor]) -> FamilySnapshot:
    return FamilySnapshot(family, [SeriesSnapshot((("stream", one.stream),), count(one)) for one in readers])


_STREAM_COUNTERS: Final[tuple[tuple[Family, Callable[[StreamCursor], int]], ...]] = tuple(
    (Family(f"fog_aggregator_stream_{name}_total", MetricType.COUNTER, text), count)
    for name, text, count in (
        (
            "trimmed_messages",
            "Messages that were gone from the stream before they were read",
            lambda reader: reader.trimmed,
        ),
        ("clock_steps", "Steps of the clock of the stream's server", lambda reader: reader.dates.clock.steps),
        (
            "misdated_messages",
            "Messages with a time that cannot be true",
            lambda reader: reader.dates.misdated,
        ),
    )
)


def _limit(reader: StreamCursor) -> float:
    return _or_infinity(reader.info.max_bytes if reader.info else None)


def _or_infinity(value: float | None) -> float:
    return float("inf") if value is None else value


_STREAM_GAUGES: Final[tuple[tuple[str, str, Callable[[StreamCursor], float]], ...]] = (
    ("sequence", "Sequence that the numbers include", lambda reader: reader.position.seq if reader.position else 0),
    ("last_sequence", "The stream's last sequence", lambda reader: reader.last_seq),
    (
        "read_until_timestamp_seconds",
        "The server's time until which all that was stored is in the numbers, unix time",
        lambda reader: reader.read_until,
    ),
    ("lag_messages", "Messages in the stream that were not read yet", lambda reader: reader.lag),
    ("restarts", "How often reading began anew", lambda reader: reader.restarts.total()),
    ("bytes", "Bytes the stream holds", lambda reader: reader.info.bytes if reader.info else 0),
    ("limit_bytes", "Bytes the stream may hold; +Inf without a limit", _limit),
    (
        "until_gap_seconds",
        "How long the aggregator may be away before the stream drops what it has not read",
        lambda reader: _or_infinity(reader.until_gap),
    ),
)


def _register_process(collector: TelemetryCollector) -> None:
    """Register the process as the kernel sees it, by the usual names with our prefix: nodes have ``process_*``."""
    build = collector.register_gauge(
        "fog_aggregator_build_info",
        "The aggregator's version and its Python's",
        labels={"version": __version__, "python": platform.python_version()},
    )
    build.set(1)
    started = collector.register_gauge("fog_aggregator_process_start_time_seconds", "When the process began, unix time")
    started.set(time.time())
    gauge = collector.register_gauge("fog_aggregator_process_resident_memory_bytes", "Resident memory")
    gauge.set_function(_resident_bytes)
    collector.add_source(lambda: [FamilySnapshot(_CPU, [SeriesSnapshot((), time.process_time())])])
    files = collector.register_gauge("fog_aggregator_process_open_fds", "Open file descriptors")
    files.set_function(_open_files)


def _resident_bytes() -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE
    except OSError:  # not Linux: the peak is the best there is
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _open_files() -> float:
    try:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())
    except OSError:
        return math.nan
