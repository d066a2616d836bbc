"""Ready-made hooks: metrics of coordination, messaging and health, filled from events.

They count the events that they hear, and record none. Setting one up twice does no harm. Each documents the keys that
it reads in an event's value; a key that is missing or has a wrong value changes nothing but
`telemetry_problems_total` (`hook_key_missing`, `hook_value_wrong`).
"""

from collections.abc import Callable, Mapping
from math import isfinite

from .events import TelemetryEvent
from .hooks import HookedRegistry
from .support import arguments
from .support.numeric import as_number

HEALTH_STATES = {"UNKNOWN": 0, "HEALTHY": 1, "DEGRADED": 2, "UNHEALTHY": 3}


def setup_coordination_hooks(collector: HookedRegistry) -> None:
    """Hears `coordination_message`: counts it, and takes `active_nodes` and `latency_seconds` (or `latency`)."""
    arguments.instance("collector", collector, HookedRegistry)
    if "coordination" in collector.integrations:
        return
    messages = collector.register_counter("coordination_messages_total", "Total coordination messages")
    nodes = collector.register_gauge("coordination_active_nodes", "Number of active coordination nodes", rollup="max")
    latency = collector.register_histogram("coordination_message_latency_seconds", "Coordination message latency")
    collector.integrations.add("coordination")

    def on_message(event: TelemetryEvent) -> None:
        messages.increment()
        _take(collector, event, ("active_nodes",), nodes.set)
        _take(collector, event, ("latency_seconds", "latency"), latency.observe)

    collector.add_hook("coordination_message", on_message)


def setup_messaging_hooks(collector: HookedRegistry) -> None:
    """Hears `message_sent` and `message_received`: counts them, and takes `queue_size` and the processing duration.

    The duration, in seconds, is `processing_duration_seconds`, `processing_duration`, `duration_seconds` or
    `duration`, whichever comes first.
    """
    arguments.instance("collector", collector, HookedRegistry)
    if "messaging" in collector.integrations:
        return
    sent = collector.register_counter("messages_sent_total", "Total messages sent")
    received = collector.register_counter("messages_received_total", "Total messages received")
    queue = collector.register_gauge("message_queue_size", "Current message queue size", rollup="sum")
    duration = collector.register_histogram("message_processing_duration_seconds", "Message processing duration")
    collector.integrations.add("messaging")
    duration_keys = ("processing_duration_seconds", "processing_duration", "duration_seconds", "duration")

    def on_message(event: TelemetryEvent) -> None:
        (sent if event.name == "message_sent" else received).increment()
        _take(collector, event, ("queue_size",), queue.set)
        _take(collector, event, duration_keys, duration.observe)

    collector.add_hook("message_sent", on_message)
    collector.add_hook("message_received", on_message)


def setup_health_hooks(collector: HookedRegistry) -> None:
    """Hears `health_check`: counts it, and takes `status` (a word, in any case) and `duration_seconds` (or `duration`).

    A status that is missing or not one of `HEALTH_STATES` is unknown, which is 0.
    """
    arguments.instance("collector", collector, HookedRegistry)
    if "health" in collector.integrations:
        return
    status = collector.register_gauge(
        "health_status",
        "Current health status (0=unknown, 1=healthy, 2=degraded, 3=unhealthy)",
        rollup=("max", "count_values"),
    )
    checks = collector.register_counter("health_checks_total", "Total health checks performed")
    duration = collector.register_histogram("health_check_duration_seconds", "Health check duration")
    collector.integrations.add("health")

    def on_check(event: TelemetryEvent) -> None:
        checks.increment()
        status.set(_health(collector, event))
        _take(collector, event, ("duration_seconds", "duration"), duration.observe)

    collector.add_hook("health_check", on_check)


def _lookup(event: TelemetryEvent, keys: tuple[str, ...]) -> object:
    """Return the first of `keys` that the event's value has, or None."""
    if not isinstance(event.value, Mapping):
        return None
    return next((event.value[key] for key in keys if event.value.get(key) is not None), None)


def _take(
    collector: HookedRegistry, event: TelemetryEvent, keys: tuple[str, ...], use: Callable[[float], None]
) -> None:
    """Hands a number that is not negative to `use`; anything else is counted."""
    found = _lookup(event, keys)
    if found is None:
        collector.count_problem("hook_key_missing")
        return
    try:
        number = as_number(found)
    except TypeError:
        number = -1
    if number >= 0 and isfinite(number):
        use(number)
    else:
        collector.report("hook_value_wrong", "event %r: %s is %r", event.name, keys[0], found)


def _health(collector: HookedRegistry, event: TelemetryEvent) -> int:
    word = _lookup(event, ("status",))
    if word is None:
        collector.count_problem("hook_key_missing")
        return HEALTH_STATES["UNKNOWN"]
    state = HEALTH_STATES.get(str(word).upper())
    if state is None:
        collector.report("hook_value_wrong", "event %r: status is %r", event.name, word)
        return HEALTH_STATES["UNKNOWN"]
    return state
