"""The ready-made hooks fill every metric they register."""

from collections.abc import Callable

import pytest

from tests.telemetry.helpers import problems, value
from utilityfog_frontend.telemetry import (
    Histogram,
    TelemetryCollector,
    setup_coordination_hooks,
    setup_health_hooks,
    setup_messaging_hooks,
)
from utilityfog_frontend.telemetry.integrations import HEALTH_STATES


def observed(collector: TelemetryCollector, name: str) -> tuple[float, float]:
    """Sum and count of a histogram."""
    histogram = collector.get_metric(name)
    assert isinstance(histogram, Histogram)
    *_, total, count = histogram.get_value()
    return total.value, count.value


def test_coordination(collector: TelemetryCollector) -> None:
    """Messages, active nodes, latency; the event is recorded once."""
    setup_coordination_hooks(collector)
    collector.record_event("coordination_message", {"node_id": "a", "active_nodes": 7, "latency_seconds": 0.25})
    collector.record_event("coordination_message", {"active_nodes": 5, "latency": 0.5})
    assert value(collector, "coordination_messages_total") == 2
    assert value(collector, "coordination_active_nodes") == 5
    assert observed(collector, "coordination_message_latency_seconds") == (0.75, 2)
    assert collector.events_count == 2


def test_messaging(collector: TelemetryCollector) -> None:
    """Sent and received apart; queue size and duration from either."""
    setup_messaging_hooks(collector)
    collector.record_event("message_sent", {"to": "node1", "size": 100, "queue_size": 3, "duration": 0.5})
    collector.record_event("message_received", {"queue_size": 2, "processing_duration_seconds": 0.25})
    collector.record_event("message_received", {"queue_size": 1, "processing_duration": 0.25})
    assert value(collector, "messages_sent_total") == 1
    assert value(collector, "messages_received_total") == 2
    assert value(collector, "message_queue_size") == 1
    assert observed(collector, "message_processing_duration_seconds") == (1.0, 3)


@pytest.mark.parametrize(("word", "number"), HEALTH_STATES.items())
def test_health(collector: TelemetryCollector, word: str, number: int) -> None:
    """The status in any case, as its number."""
    setup_health_hooks(collector)
    for status in (word, word.lower(), word.capitalize()):
        collector.record_event("health_check", {"status": status, "duration_seconds": 0.5})
        assert value(collector, "health_status") == number
    assert value(collector, "health_checks_total") == 3
    assert observed(collector, "health_check_duration_seconds") == (1.5, 3)


def test_an_unknown_status_is_unknown(collector: TelemetryCollector) -> None:
    """And counted."""
    setup_health_hooks(collector)
    collector.record_event("health_check", {"status": "HEALTHY", "duration": 0})
    collector.record_event("health_check", {"status": "SPLENDID", "duration": 0})
    assert value(collector, "health_status") == 0
    assert problems(collector) == {"hook_value_wrong": 1}


@pytest.mark.parametrize("wrong", [{}, None, "text", 7, {"active_nodes": None, "latency": None}])
def test_missing_keys_are_tolerated_and_counted(collector: TelemetryCollector, wrong: object) -> None:
    """The message itself still counts."""
    setup_coordination_hooks(collector)
    collector.record_event("coordination_message", wrong)
    assert value(collector, "coordination_messages_total") == 1
    assert problems(collector) == {"hook_key_missing": 2}


@pytest.mark.parametrize("wrong", ["seven", -1, float("nan"), float("inf"), [1]])
def test_wrong_values_are_tolerated_and_counted(collector: TelemetryCollector, wrong: object) -> None:
    """They change no metric."""
    setup_messaging_hooks(collector)
    collector.record_event("message_sent", {"queue_size": wrong, "duration": 0.5})
    assert value(collector, "message_queue_size") == 0
    assert observed(collector, "message_processing_duration_seconds") == (0.5, 1)
    assert problems(collector) == {"hook_value_wrong": 1}


@pytest.mark.parametrize(
    ("setup", "event", "total"),
    [
        (setup_coordination_hooks, "coordination_message", "coordination_messages_total"),
        (setup_messaging_hooks, "message_sent", "messages_sent_total"),
        (setup_health_hooks, "health_check", "health_checks_total"),
    ],
)
def test_setting_up_twice_does_no_harm(
    collector: TelemetryCollector, setup: Callable[[TelemetryCollector], None], event: str, total: str
) -> None:
    """Nothing is registered or counted twice."""
    setup(collector)
    setup(collector)
    collector.record_event(event, {})
    assert value(collector, total) == 1


def test_how_a_tree_merges_them(collector: TelemetryCollector) -> None:
    """Queues and counts of metrics add, the worst health and the longest run win."""
    for setup in (setup_coordination_hooks, setup_messaging_hooks, setup_health_hooks):
        setup(collector)
    rollups = {snapshot.family.name: snapshot.family.rollup for snapshot in collector.collect()}
    assert rollups["message_queue_size"] == rollups["telemetry_metrics_count"] == ("sum",)
    assert rollups["coordination_active_nodes"] == rollups["telemetry_collection_duration_seconds"] == ("max",)
    assert rollups["health_status"] == ("max", "count_values")
