"""The collector: the central hub of a process for metrics and events."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

from .events import MAX_EVENTS, EventLog, EventWatch, TelemetryEvent
from .hooks import COLLECTION, HookedRegistry
from .instruments.gauge import state_fact
from .instruments.labeled import LabeledCounter
from .integrations import setup_coordination_hooks, setup_health_hooks, setup_messaging_hooks
from .journal.opening import JournalArgument
from .source import MetricsSource
from .support import arguments
from .support.problems import REASONS, logger
from .support.tasks import is_alive
from .support.trace import current_trace

__all__ = [
    "TelemetryCollector",
    "TelemetryEvent",
    "setup_coordination_hooks",
    "setup_health_hooks",
    "setup_messaging_hooks",
]


class TelemetryCollector(HookedRegistry, MetricsSource):
    """Registers metrics, records events, and gives both to exporters and to the agent.

    All methods may be called from any thread. Recording works from the start; `start_collection()` adds a periodic
    run, which keeps the collector's own metrics up to date and lets hooks of type `collection` do their work.

    Args:
        collection_interval: seconds between collection runs.
        max_events: events kept; the oldest go first.
        self_metrics: whether to have `telemetry_*` metrics about itself. A second collector whose metrics go the same
            way should not.
        reserved_names: whether its metrics' names may begin with `fog_`: those of the fleet's own parts do, and an
            aggregator refuses them from a program.
        journal: a directory where the counts of each process have a file, so that a kill -9 loses none: the next agent
            with this directory ends the epoch of a process that is dead. Without it counts are in memory alone.
        clock: unix seconds.
        monotonic: seconds that never go back.

    Attributes:
        attachments: objects that must live as long as the collector, each under a key of its own: an agent's epoch
            outlives the agent.

    Raises:
        ValueError: an interval or a number of events that is not above zero, or a journal that is no directory.
        TypeError: an argument of another type.
    """

    def __init__(
        self,
        collection_interval: float = 30.0,
        *,
        max_events: int = MAX_EVENTS,
        self_metrics: bool = True,
        reserved_names: bool = False,
        journal: JournalArgument = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        arguments.seconds("collection_interval", collection_interval)
        arguments.function("clock", clock)
        arguments.function("monotonic", monotonic)
        super().__init__(clock, monotonic, reserved_names=reserved_names, journal=journal)
        self.collection_interval = collection_interval
        self.attachments: dict[object, object] = {}
        self._events = EventLog(max_events)
        self._task: asyncio.Task[None] | None = None
        # Without self-metrics these count all the same, on their own.
        registry = self if self_metrics else HookedRegistry(clock, monotonic)
        self._own = registry  # kept, as after a fork only a registry that lives gets its locks anew
        self._events_total = registry.register_counter("telemetry_events_total", "Total number of telemetry events")
        self._runs = registry.register_counter("telemetry_collection_runs_total", "Total collection runs")
        self._duration = registry.register_gauge(
            "telemetry_collection_duration_seconds", "Duration of the last collection run", rollup="max"
        )
        count = registry.register_gauge("telemetry_metrics_count", "Number of registered metrics", rollup="sum")
        state_fact(count, lambda: len(self._metrics))
        problems = registry.register_counter(
            "telemetry_problems_total", "What went wrong inside the telemetry itself, by reason", ["reason"]
        )
        for reason in REASONS:  # there before it happens: to count a refusal must not be refused
            problems.labels(reason)
        self._scope.problems.counter = problems
        self._scope.problems.make_source_counter = self._register_source_errors
        if self.journal is not None and not self.journal.running:
            problems.labels("journal").increment()  # it was logged before there was anything to count it
        self.read_every(collection_interval)

    def _register_source_errors(self) -> LabeledCounter:
        """Return the counter of a collector that has any source, function of a gauge or hook."""
        with self._scope.lifetimes.lock:
            known = self._own.get_metric("telemetry_source_errors_total")
            if isinstance(known, LabeledCounter):
                return known
            return self._own.register_counter(
                "telemetry_source_errors_total",
                "Readings without the answer of a source, a gauge's function or a collection hook",
                ["source"],
            )

    # Events

    def record_event(
        self,
        name: str,
        value: Any = None,
        labels: Mapping[str, str] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Record that something happened, and call the hooks that hear `name`.

        With OpenTelemetry, the current `trace_id` and `span_id` join the metadata.

        Raises:
            TypeError: a name that is not a string, labels or metadata that are no mapping of names.
        """
        arguments.text("an event's name", name)
        texts, more = arguments.mapping("an event's labels", labels), arguments.mapping("an event's metadata", metadata)
        event = TelemetryEvent(name, value, self._scope.clock(), texts, more)
        trace = current_trace()
        if trace is not None:
            event.metadata.update(trace)
        self._events.add(event)
        self._events_total.increment()
        logger.debug("event %s: %r", name, value)
        self._hooks.trigger(event)

    def get_events(self, limit: int | None = None) -> list[TelemetryEvent]:
        """Return the last `limit` events, or all that are kept, oldest first."""
        return self._events.latest(limit)

    @property
    def events_count(self) -> int:
        """Events that are kept now; all that were recorded are in `telemetry_events_total`."""
        return len(self._events)

    def watch_events(self, limit: int = MAX_EVENTS) -> EventWatch:
        """Follows the events from now on, for a writer to the bus; at most `limit` wait to be taken."""
        return self._events.watch(limit)

    # Metrics

    def reset_all_metrics(self) -> None:
        """Start every metric from zero again and forget all events."""
        super().reset_all_metrics()
        self._events.clear()
        logger.info("reset all telemetry metrics and events")

    def has_counted(self) -> bool:
        """Whether anything was counted or recorded since the collector was made, or since its process was forked."""
        return bool(self.events_count) or super().has_counted()

    # Collection

    @property
    def running(self) -> bool:
        """Whether collection was started, and its event loop lives."""
        return is_alive(self._task)

    _running = running  # programs of the public implementation read it

    async def start_collection(self) -> None:
        """Start a collection run every `collection_interval` seconds, the first at once. Twice does no harm."""
        if self.running:
            return
        self._task = asyncio.create_task(self._collect_for_ever(), name="telemetry collection")
        logger.info("started telemetry collection every %g s", self.collection_interval)

    async def stop_collection(self) -> None:
        """Stop collection and wait for it to end."""
        task, self._task = self._task, None
        if not is_alive(task):
            return
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        logger.info("stopped telemetry collection")

    async def _collect_for_ever(self) -> None:
        while True:
            # In a thread: a function of the user's, or a large registry, must not hold up the loop.
            await asyncio.to_thread(self.run_collection)
            await asyncio.sleep(self.collection_interval)

    def run_collection(self) -> None:
        """One collection run: reads every metric once, then calls the hooks of type `collection`. Never raises."""
        started = self._scope.monotonic()
        try:
            families = self.collect()
        except Exception:  # noqa: BLE001 - nothing in here should raise, but the host is never hurt
            self._scope.problems.report("collection", "a collection run failed", exc_info=True)
            return
        duration = self._scope.monotonic() - started
        self._runs.increment()
        self._duration.set(duration)
        counts = {"duration": duration, "metrics_count": len(families), "events_count": self.events_count}
        logger.debug("collection run: %s", counts)
        self.call_fillers(TelemetryEvent(COLLECTION, counts, self._scope.clock()))

    def renew(self) -> None:
        """In a forked child: locks anew, counts from zero, watches closed, events and collection the parent's."""
        super().renew()
        self._events.renew()
        self._task = None
